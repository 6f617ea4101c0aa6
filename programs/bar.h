/* SPDX-License-Identifier: MIT */
/* What a progress bar says, as text: its frames and the rate that it gives, apart from terminals and threads. */

#ifndef BAR_H
#define BAR_H 1

#include <stdbool.h>
#include <stddef.h>

/* Room for a frame, and the most columns that one has. */
#define BAR_COLUMNS 400
#define BAR_SIZE (3 * BAR_COLUMNS + 1)

struct bar {
    const char *description;
    size_t total; /* 0: nobody knows */
    size_t done;
    bool utf8; /* draw with block characters */

    /* The exponential moving averages whose quotient is the rate, and when and where they were last fed. */
    double average_done;
    double average_seconds;
    size_t fed_done;
    double fed_elapsed;
};

/* Note that, so many seconds after the start, ->done things are done. */
void bar_feed(struct bar *, double elapsed);

/*
 * Write the frame for this moment, at most so many columns wide; with the mean rate, if it is the last one.  Return how
 * many columns it has.
 */
unsigned bar_frame(const struct bar *, double elapsed, bool last, unsigned columns, char frame[BAR_SIZE]);

#endif
