/* SPDX-License-Identifier: MIT */
/*
 * A progress bar on stderr, in the form that tqdm has made familiar:
 *
 *     flags:  45%|######4      | 9/20 [00:01<00:02,  4.50it/s]
 *
 * A thread of its own draws it, at most ten times a second and only when it has changed, so that the time goes on while
 * nothing completes.  On a terminal the bar stays in one line and follows the terminal's width; elsewhere it is a line
 * now and then.
 */

#ifndef PROGRESS_H
#define PROGRESS_H 1

#include <stddef.h>

/*
 * Begin to show a bar for so many things; 0: nobody knows how many.  Return NULL if there is no memory for it; that is
 * fine for what follows.
 */
struct progress;
struct progress *progress_start(const char *description, size_t total);

/* One more is done; so many more. */
void progress_add(struct progress *);
void progress_advance(struct progress *, size_t count);

/* There will be so many, or about so many. */
void progress_expect(struct progress *, size_t total);

/*
 * Between the two, the bar is out of the way and whatever the caller prints to the same terminal is in lines of its
 * own.
 */
void progress_hide(struct progress *);
void progress_show(struct progress *);

/* Show how it ended, with the mean rate, and free the bar. */
void progress_stop(struct progress *);

#endif
