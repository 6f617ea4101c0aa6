/* SPDX-License-Identifier: MIT */
/* park.c - how a thread goes to sleep and is woken, and the short lock. */

#include <errno.h>
#include <linux/futex.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "core.h"

enum { EMPTY, TOKEN, ASLEEP };

/* All parkers there ever were; only ever added to, at the front, whose number is how many there are. */
static _Atomic(struct cf_parker *) all;

static struct timespec
timespec_of(cf_time deadline)
{
    if (deadline < 0)
        deadline = 0;
    return (struct timespec){ .tv_sec = deadline / 1000000000, .tv_nsec = deadline % 1000000000 };
}

int
cf_futex_wait(_Atomic uint32_t *word, uint32_t value, cf_time deadline)
{
    const struct timespec at = timespec_of(deadline);

    /* FUTEX_WAIT_BITSET, unlike FUTEX_WAIT, takes a point in time. */
    long rc = syscall(SYS_futex, word, FUTEX_WAIT_BITSET | FUTEX_PRIVATE_FLAG, value, deadline == CF_NEVER ? NULL : &at,
                      NULL, FUTEX_BITSET_MATCH_ANY);
    return rc < 0 ? errno : 0;
}

static int
futex_wait_for_either(_Atomic uint32_t *word, uint32_t value, _Atomic uint32_t *shared, uint32_t shared_value,
                      cf_time deadline)
{
    const struct timespec at = timespec_of(deadline);
    struct futex_waitv both[] = {
        { .uaddr = (uintptr_t)word, .val = value, .flags = FUTEX_32 | FUTEX_PRIVATE_FLAG },
        { .uaddr = (uintptr_t)shared, .val = shared_value, .flags = FUTEX_32 },
    };

    long rc = syscall(SYS_futex_waitv, both, 2, 0, deadline == CF_NEVER ? NULL : &at, CLOCK_MONOTONIC);
    return rc < 0 ? errno : 0;
}

bool
cf_can_park_or(void)
{
    return syscall(SYS_futex_waitv, NULL, 0, 0, NULL, 0) < 0 && errno == EINVAL;
}

void
cf_futex_wake(_Atomic uint32_t *word, int count)
{
    int saved = errno;

    syscall(SYS_futex, word, FUTEX_WAKE | FUTEX_PRIVATE_FLAG, count, NULL, NULL, 0);
    errno = saved;
}

void
cf_pause(void)
{
#if defined __x86_64__ || defined __i386__
    __builtin_ia32_pause();
#elif defined __aarch64__
    __asm__ volatile("yield");
#endif
}

/*
 * Not sched_yield(), which may return at once, for milliseconds, while the one to be let through is not even chosen.
 * And not the library's clock_nanosleep(), in which a thread may be cancelled.
 */
void
cf_make_way(void)
{
    const struct timespec moment = { .tv_nsec = 1000 };
    const int saved = errno;

    syscall(SYS_clock_nanosleep, CLOCK_MONOTONIC, 0, &moment, NULL);
    errno = saved;
}

static struct cf_parker *
reuse(void)
{
    for (struct cf_parker *p = atomic_load(&all); p != NULL; p = p->next) {
        bool used = false;
        if (atomic_compare_exchange_strong(&p->used, &used, true))
            return p;
    }
    return NULL;
}

static struct cf_parker *
make(void)
{
    struct cf_parker *p = calloc(1, sizeof *p);

    if (p == NULL)
        return NULL;
    atomic_store(&p->used, true);
    p->next = atomic_load(&all);
    do
        p->number = p->next == NULL ? 1 : p->next->number + 1;
    while (!atomic_compare_exchange_weak(&all, &p->next, p));
    return p;
}

struct cf_parker *
cf_parker_numbered(uint32_t number)
{
    struct cf_parker *p = atomic_load(&all);

    while (p != NULL && p->number != number)
        p = p->next;
    return p;
}

struct cf_parker *
cf_parker_mine(void)
{
    if (cf_self.parker == NULL) {
        cf_self.parker = reuse();
        if (cf_self.parker == NULL)
            cf_self.parker = make();
        cf_thread_keep();
    }
    return cf_self.parker;
}

void
cf_park_thread_exit(void)
{
    if (cf_self.parker != NULL)
        atomic_store(&cf_self.parker->used, false);
    cf_self.parker = NULL;
}

/* Take the token, if there is one; else say that this thread sleeps. */
static bool
take_token(struct cf_parker *p)
{
    uint32_t word = EMPTY;

    if (atomic_compare_exchange_strong(&p->word, &word, ASLEEP) || word == ASLEEP)
        return false;
    /* Not a store: it has to see what happened before the latest cf_unpark(), not only before the first. */
    atomic_exchange(&p->word, EMPTY);
    return true;
}

bool
cf_park(struct cf_parker *p, cf_time deadline)
{
    while (!take_token(p))
        if (cf_futex_wait(&p->word, ASLEEP, deadline) == ETIMEDOUT)
            return atomic_exchange(&p->word, EMPTY) == TOKEN;
    return true;
}

bool
cf_park_or(struct cf_parker *p, cf_time deadline, _Atomic uint32_t *seat, uint32_t value)
{
    while (!take_token(p)) {
        const bool late = futex_wait_for_either(&p->word, ASLEEP, seat, value, deadline) == ETIMEDOUT;
        if (late || atomic_load(seat) != value)
            return atomic_exchange(&p->word, EMPTY) == TOKEN || !late;
    }
    return true;
}

void
cf_unpark(struct cf_parker *p)
{
    if (atomic_exchange(&p->word, TOKEN) == ASLEEP) {
        cf_self.woke = true;
        cf_futex_wake(&p->word, 1);
    }
}

void
cf_unpark_all(void)
{
    for (struct cf_parker *p = atomic_load(&all); p != NULL; p = p->next)
        cf_unpark(p);
}

void
cf_spin_lock(struct cf_spin *lock)
{
    for (unsigned tries = 1; atomic_exchange_explicit(&lock->held, true, memory_order_acquire); tries++) {
        while (atomic_load_explicit(&lock->held, memory_order_relaxed) && tries % 128 != 0) {
            cf_pause();
            tries++;
        }
        if (tries % 128 == 0)
            cf_make_way();
    }
}

void
cf_spin_unlock(struct cf_spin *lock)
{
    atomic_store_explicit(&lock->held, false, memory_order_release);
}

/* Sequentially consistent, as a lock may be taken and given up so. */
void
cf_spin_await(struct cf_spin *lock)
{
    for (unsigned tries = 1; atomic_load(&lock->held); tries++)
        if (tries % 128 == 0)
            cf_make_way();
        else
            cf_pause();
}
