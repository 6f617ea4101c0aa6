/* SPDX-License-Identifier: MIT */
/*
 * Ctrl-C and its kin: the first such signal asks the program to stop, a later one ends it on the spot, but for the
 * moments in which that is held off.
 */

#ifndef INTERRUPT_H
#define INTERRUPT_H 1

#include <stdbool.h>

struct cf_executor;
struct cf_future;
struct cf_iter;

/*
 * From now on take note of the first SIGINT, SIGTERM or SIGHUP, unless whoever started the program has it ignored.
 * Writing to a closed pipe, or too large a file, becomes an error instead of a signal.  Return 0, or -1 with errno.
 */
int interrupt_catch(void);

/* A descriptor that is readable from the moment of the signal on. */
int interrupt_fd(void);

/* Between the two, in any thread, no signal ends the program: something is there that must not be left behind. */
void interrupt_hold(void);
void interrupt_let_go(void);

/* Let the signal interrupt this executor, at once if it has come already.  NULL before the executor is closed. */
void interrupt_forward(struct cf_executor *);

/* As cf_next(), but go on after the interruption, until all calls are accounted for. */
struct cf_future *interrupt_next(struct cf_iter *);

/* If the signal has come, die by it, so that the shell knows.  Otherwise return. */
void interrupt_die(void);

/* Whether it has come. */
bool interrupt_came(void);

#endif
