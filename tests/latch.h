/* SPDX-License-Identifier: MIT */
/*
 * latch.h - counters to wait for, so that a test decides when a call goes on and never has to guess by sleeping.
 *
 * A latch begins at 0, only ever grows, and works between processes when it lies in memory that they share.  A wait
 * that has no end is the test runner's to notice: every test has a time limit.
 */

#ifndef LATCH_H
#define LATCH_H 1

#include <limits.h>
#include <linux/futex.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

struct latch {
    _Atomic uint32_t count;
};

static inline uint32_t
latch_count(struct latch *latch)
{
    return atomic_load(&latch->count);
}

/* Count n more, wake everybody who waits.  Return the count before. */
static inline uint32_t
latch_add(struct latch *latch, uint32_t n)
{
    uint32_t before = atomic_fetch_add(&latch->count, n);

    (void)syscall(SYS_futex, &latch->count, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
    return before;
}

static inline uint32_t
latch_raise(struct latch *latch)
{
    return latch_add(latch, 1);
}

/* Wait until the latch has been raised n times. */
static inline void
latch_await(struct latch *latch, uint32_t n)
{
    const struct timespec again = { .tv_nsec = 50 * 1000 * 1000 };
    uint32_t now;

    while ((now = latch_count(latch)) < n)
        (void)syscall(SYS_futex, &latch->count, FUTEX_WAIT, now, &again, NULL, 0);
}

#endif
