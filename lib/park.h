/* SPDX-License-Identifier: MIT */
/* park.h - what threads sleep on, the short lock, and the clock. */

#ifndef CF_PARK_H
#define CF_PARK_H 1

#include "cf.h"

#include <stdatomic.h>

/*
 * Parkers (park.c): what a thread sleeps on.  They are never freed, only passed on to later threads, so that a signal
 * handler can walk the list of all and a late look at one is harmless.  A wake-up may be spurious: loop on the
 * condition.
 */
struct cf_parker {
    _Atomic uint32_t word; /* EMPTY, TOKEN or ASLEEP in park.c */
    uint32_t number;       /* from 1; never changes, like next, once linked */
    _Atomic bool used;
    struct cf_parker *next;
    _Atomic(struct cf_future *) awaiting; /* the one future without which this thread cannot go on; see circle.c */
};

struct cf_parker *cf_parker_mine(void);             /* this thread's; NULL: no memory */
struct cf_parker *cf_parker_numbered(uint32_t);     /* or NULL */
bool cf_park(struct cf_parker *, cf_time deadline); /* until unparked: true; or the deadline has passed: false */
/*
 * The same, but also until *seat, which may be shared with other processes, is no more value and its sleeper is woken.
 * Only where the kernel can do that.
 */
bool cf_park_or(struct cf_parker *, cf_time deadline, _Atomic uint32_t *seat, uint32_t value);
bool cf_can_park_or(void);
void cf_unpark(struct cf_parker *); /* async-signal-safe */
void cf_unpark_all(void);           /* async-signal-safe */
void cf_park_thread_exit(void);
int cf_futex_wait(_Atomic uint32_t *, uint32_t value, cf_time deadline); /* 0, or an errno */
void cf_futex_wake(_Atomic uint32_t *, int count);
void cf_pause(void);    /* tells the processor that this is a spinning loop */
void cf_make_way(void); /* sleeps for some 50 microseconds, so that one who was preempted may come to its end */

/*
 * Patience: who has spun for nothing several times in a row spins for a shorter while, as there may be others who need
 * the processor, perhaps the very one waited for; but now and then he tries whether times have changed.
 */
static inline int
cf_patience(uint8_t in_vain, int most)
{
    return most >> (in_vain < 5 ? in_vain : 5);
}

/* Note whether spinning was worth while, and return that. */
static inline bool
cf_spun(uint8_t *in_vain, bool worth_while)
{
    *in_vain = (uint8_t)(worth_while ? 0 : (*in_vain + 1) % 64);
    return worth_while;
}

/* A short lock, for a few instructions and never across foreign code or a system call: spins, then makes way. */
struct cf_spin {
    _Atomic bool held;
};
void cf_spin_lock(struct cf_spin *);
void cf_spin_unlock(struct cf_spin *);
void cf_spin_await(struct cf_spin *); /* until it is free for a moment: what who had it before has done, is seen */

cf_time cf_now(void);

static inline bool
cf_is_past(cf_time deadline)
{
    return deadline != CF_NEVER && cf_now() >= deadline;
}

#endif
