/* SPDX-License-Identifier: MIT */
/* crew.h - races that need many tries: threads that do the same at the same time, again and again. */

#ifndef CREW_H
#define CREW_H 1

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "../lib/cf.h"

/* How many they are. */
#define CREW 4

/* What each of them is given; it begins with crew_start(). */
struct hand {
    pthread_t thread;
    struct cf_executor *pool;
    struct cf_future **futures; /* n of them, unless the test gives n another meaning */
    int n, number;
    uint32_t state;
    pthread_barrier_t *start;
};

/* Have all do that job, each with a hand of its own, and wait until they have. */
void crew_run(void *(*job)(void *), struct cf_executor *, struct cf_future **futures, int n);

/* Wait until all are there. */
void crew_start(struct hand *);

/* A number from a small generator of the hand's, the same in each run. */
uint32_t crew_random(struct hand *);

/* So many times a test is repeated; a sanitizer sees in one try what else takes ten. */
int crew_rounds(int plain);

/*
 * Whether to go on with a test that has been repeated so many times: not for long, where the machine is slow or busy.
 */
bool crew_again(int done, int plain);

/* Fail unless the future has one of the outcomes that it may have, and says so however it is asked. */
void crew_assert_settled(struct cf_future *);

/* A call that is over at once; n of them. */
extern const struct cf_task crew_nothing;
void crew_submit(struct cf_executor *, struct cf_future **futures, int n);

#endif
