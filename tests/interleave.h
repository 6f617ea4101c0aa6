/* SPDX-License-Identifier: MIT */
/*
 * interleave.h - runs the library's own code in every order in which a few threads can run it.
 *
 * The threads of a check are coroutines of one thread.  The library's sources are compiled with the instrumentation of
 * ThreadSanitizer, but what that calls is ours: so each atomic operation comes here first, with its memory order, and
 * may be where another thread goes on.  A search runs the threads again and again, from the beginning, until each
 * choice has been made in each way: a search in depth, without what has been reached already in another order of
 * operations that do not touch each other.
 *
 * What is chosen:
 *  - which thread goes on, before each atomic operation on what threads share, each lock and each system call.  Where a
 *    thread could have gone on itself, that is a preemption, and their number in one run is bounded;
 *  - when others see what an atomic store has written.  As in a processor that reorders stores, it may stay behind, so
 *    that the thread's later loads, and stores to other places, overtake it, as far as the memory orders allow it.
 *    Their number is bounded, too, and each counts as a preemption besides;
 *  - whether a weak compare-and-swap fails (only gcc tells us which are weak), and whether a wait with a deadline ends.
 *
 * What is found: that an assertion fails, a deadlock, a run without end, an access to freed memory, and a data race by
 * the rules of C, which is how an acquire that is missing shows.  What is not: that a load be overtaken by a later one,
 * in a way that no late store explains.
 *
 * A check that finds nothing proves little before it has found something: struct interleave_weak puts an error in.
 *
 * INTERLEAVE_DEEPER=1 in the environment adds that number to each bound; then libcheck needs CK_TIMEOUT_MULTIPLIER,
 * too.
 */

#ifndef INTERLEAVE_H
#define INTERLEAVE_H 1

#include <linux/futex.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "tap.h"

enum { INTERLEAVE_THREADS = 6, INTERLEAVE_UNBOUNDED = 1000 };

/* A mistake: what happens there has no stronger an order than that. */
struct interleave_weak {
    const void *at;
    enum interleave_operation { INTERLEAVE_LOAD, INTERLEAVE_STORE, INTERLEAVE_EXCHANGE } operation;
    memory_order order;
};

struct interleave {
    void (*setup)(void);                       /* before each run; everything that threads change is to be set here */
    void (*threads[INTERLEAVE_THREADS])(void); /* up to the first NULL */
    unsigned late;                             /* so many of them, the last ones, wait for interleave_start() */
    void (*teardown)(void);                    /* after each run, for assertions; or NULL */
    unsigned preemptions, delays;              /* the bounds for one run */
    unsigned spurious;                         /* the bound for the failures of weak compare-and-swaps */
    struct interleave_weak weak;
};

/* Run all interleavings.  The running test fails, and says by what schedule, if one of them does. */
void interleave(const struct interleave *);

/* The same with the mistake in it: the running test fails if no interleaving does. */
void interleave_finds(const struct interleave *, struct interleave_weak);

/* To call instead of a test's own assertions: the run has failed if the condition does not hold. */
#define interleave_assert(condition)                                                                                   \
    do {                                                                                                               \
        if (!(condition))                                                                                              \
            interleave_fail(#condition);                                                                               \
    } while (0)
void interleave_fail(const char *why) __attribute__((__noreturn__));

/* By setup: what has another value in each thread, which is zero at first; and what a schedule calls an object. */
void interleave_local(void *, size_t);
void interleave_name(const void *, size_t, const char *name);

/* By a thread: which one it is, from 0.  Begin the next late one, and return its number. */
unsigned interleave_self(void);
unsigned interleave_start(void);

/* Whether a wait of this thread has ended by its deadline. */
bool interleave_timed_out(void);

/* A program of tests; see asserts.h, which needs the whole library. */
int interleave_main(const char *name, const TTest **const *tests);

/*
 * What stands for the system; interleaved.h has the library's code call it.
 */

/* Go on when somebody else has changed what this thread has read last. */
void interleave_pause(void);

/* In a loop that ends after so many rounds: let others go on, and then do the rounds at once. */
void interleave_spin(unsigned rounds);

long interleave_SYS_futex(_Atomic uint32_t *, int operation, uint32_t value, const struct timespec *, const void *,
                          int);
long interleave_SYS_futex_waitv(const struct futex_waitv *, unsigned n, unsigned flags, const struct timespec *,
                                clockid_t);
long interleave_SYS_membarrier(int command, ...);
int interleave_lock(pthread_mutex_t *);
int interleave_unlock(pthread_mutex_t *);
int interleave_wait(pthread_cond_t *, pthread_mutex_t *);
int interleave_broadcast(pthread_cond_t *);
pthread_t interleave_pthread(void);

/* Memory that is watched: it is another block each time, until the run ends. */
void *interleave_malloc(size_t) __attribute__((__malloc__));
void *interleave_calloc(size_t, size_t) __attribute__((__malloc__));
void interleave_free(void *);

#endif
