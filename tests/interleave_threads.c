/* SPDX-License-Identifier: MIT */
/* interleave_threads.c - the threads of a run: who may go on, and what they block on. */

/* That would take a jump to another stack for a mistake. */
#undef _FORTIFY_SOURCE

#include <errno.h>
#include <linux/futex.h>
#include <setjmp.h>
#include <stdalign.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <ucontext.h>

#include "interleave_parts.h"

enum { STACK = 128 * 1024, OPTIONS = 64 };

struct interleave_thread interleave_threads[INTERLEAVE_THREADS];
unsigned interleave_current = NOBODY;

static alignas(64) char stacks[INTERLEAVE_THREADS][STACK];
static jmp_buf outside;
static unsigned count;

/* What has a value for each thread; see interleave_local(). */
static void *local;
static size_t local_size;

void
interleave_local(void *at, size_t size)
{
    ck_assert_uint_le(size, LOCAL);
    local = at;
    local_size = size;
    memset(local, 0, size);
}

/* errno is, too, but it is read where it was set. */
bool
interleave_is_local(const void *at)
{
    if (at == &errno)
        return true;
    return local != NULL && (uintptr_t)at - (uintptr_t)local < local_size;
}

unsigned
interleave_self(void)
{
    return interleave_current;
}

bool
interleave_timed_out(void)
{
    return interleave_search.running && interleave_me()->once_timed_out;
}

/*
 * Going from one to another.
 */

static void
swap_local(unsigned from, unsigned to)
{
    if (local == NULL)
        return;
    if (from != NOBODY)
        memcpy(interleave_threads[from].local, local, local_size);
    if (to != NOBODY)
        memcpy(local, interleave_threads[to].local, local_size);
}

/*
 * Contexts are made once, each up to where its thread begins; after that there are only jumps, which cost no system
 * call. A jump to a beginning abandons what has been on that stack.
 */
static struct {
    bool made;
    jmp_buf beginning, present;
    void (*main)(void);
} contexts[INTERLEAVE_THREADS];
static ucontext_t maker;
static unsigned making;

static void
run_context(void)
{
    ucontext_t here;
    const unsigned i = making;

    if (_setjmp(contexts[i].beginning) == 0)
        swapcontext(&here, &maker);
    contexts[interleave_current].main();
    abort();
}

static void
make_context(unsigned i)
{
    ucontext_t context;

    getcontext(&context);
    context.uc_stack.ss_sp = stacks[i];
    context.uc_stack.ss_size = STACK;
    context.uc_link = NULL;
    makecontext(&context, run_context, 0);
    making = i;
    swapcontext(&maker, &context);
    contexts[i].made = true;
}

/* The thread will begin with that function. */
static void
begin_with(unsigned i, void (*main)(void))
{
    if (!contexts[i].made)
        make_context(i);
    contexts[i].main = main;
    memcpy(&contexts[i].present, &contexts[i].beginning, sizeof(jmp_buf));
}

static void
go_to(unsigned to)
{
    const unsigned from = interleave_current;

    if (to == from)
        return;
    swap_local(from, to);
    interleave_current = to;
    if (_setjmp(from == NOBODY ? outside : contexts[from].present) == 0)
        _longjmp(to == NOBODY ? outside : contexts[to].present, 1);
}

void
interleave_leave(void)
{
    go_to(NOBODY);
    abort();
}

/* The main function of all threads. */
static void
run_thread(void)
{
    interleave_search.spec.threads[interleave_current]();
    interleave_me()->state = ENDED;
    interleave_reschedule(false);
}

void
interleave_threads_reset(void)
{
    const struct interleave *spec = &interleave_search.spec;

    local = NULL;
    interleave_current = NOBODY;
    for (count = 0; count < INTERLEAVE_THREADS && spec->threads[count] != NULL; count++) {
        struct interleave_thread *t = &interleave_threads[count];
        memset(t, 0, sizeof *t);
        t->hash = interleave_mix(count + 1, 0);
        t->clock.at[count] = 1;
        begin_with(count, run_thread);
    }
    for (unsigned i = 0; i < count; i++)
        interleave_threads[i].state = i + spec->late < count ? READY : DORMANT;
}

uint64_t
interleave_threads_hash(void)
{
    uint64_t hash = 0;

    for (unsigned i = 0; i < count; i++)
        hash = interleave_mix(hash, interleave_mix(interleave_threads[i].hash + interleave_threads[i].state,
                                                   interleave_threads[i].pending_hash));
    return hash;
}

/*
 * Who may go on.
 */

struct option {
    enum { GO_ON, TIME_OUT, COMMIT } what;
    unsigned thread, pending;
};

static bool
may_go_on(const struct interleave_thread *t)
{
    return t->state == READY || (t->state == PAUSING && t->read_last->changes != t->changes);
}

/* A lock's location is found without touching it. */
static bool
may_lock(const struct interleave_thread *t)
{
    return t->state == LOCKING && ((const struct interleave_location *)t->awaited)->owner == 0;
}

static unsigned
list_threads(struct option *options, bool voluntary)
{
    unsigned n = 0;
    const bool can_stay = interleave_current != NOBODY && (may_go_on(interleave_me()) || may_lock(interleave_me()));

    if (can_stay && !voluntary)
        options[n++] = (struct option){ GO_ON, interleave_current, 0 };
    for (unsigned i = 0; i < count; i++) {
        const struct interleave_thread *t = &interleave_threads[i];
        const bool costs = can_stay && !voluntary && interleave_search.preemptions == 0;
        if (i == interleave_current ? !t->timed : costs)
            continue;
        if (i != interleave_current && (may_go_on(t) || may_lock(t)))
            options[n++] = (struct option){ GO_ON, i, 0 };
        else if (t->state == ASLEEP && t->timed)
            options[n++] = (struct option){ TIME_OUT, i, 0 };
    }
    if (can_stay && voluntary)
        options[n++] = (struct option){ GO_ON, interleave_current, 0 };
    return n;
}

static unsigned
list_commits(struct option *options)
{
    unsigned n = 0;

    for (unsigned i = 0; i < count; i++)
        for (unsigned j = 0; j < interleave_threads[i].pending_count; j++)
            if (interleave_may_commit(&interleave_threads[i], j))
                options[n++] = (struct option){ COMMIT, i, j };
    return n;
}

static bool
all_have_ended(void)
{
    for (unsigned i = 0; i < count; i++)
        if (interleave_threads[i].state != ENDED && interleave_threads[i].state != DORMANT)
            return false;
    return true;
}

static void
nobody_goes_on(void)
{
    if (!all_have_ended())
        interleave_fail("deadlock: nobody can go on");
    interleave_leave();
}

/* Carry out a choice of threads. */
static void
let_go_on(const struct option *option, bool voluntary)
{
    struct interleave_thread *t = &interleave_threads[option->thread];
    const bool could_stay =
        interleave_current != NOBODY && !voluntary && (may_go_on(interleave_me()) || may_lock(interleave_me()));

    if (option->thread != interleave_current && could_stay)
        interleave_search.preemptions--;
    if (option->what == TIME_OUT) {
        t->timed_out = t->once_timed_out = true;
        t->hash = interleave_mix(t->hash, 1);
    }
    t->state = READY;
    go_to(option->thread);
}

/* Choose who goes on; return when it is the present thread's turn again. */
void
interleave_reschedule(bool voluntary)
{
    struct option options[OPTIONS];

    for (;;) {
        unsigned n = list_threads(options, voluntary);
        n += list_commits(options + n);
        if (n == 0)
            nobody_goes_on();
        const struct option *option = &options[interleave_choose(n, ABOUT_THREADS + (voluntary ? 8 : 0))];
        if (option->what != COMMIT) {
            let_go_on(option, voluntary);
            return;
        }
        interleave_commit(option->thread, option->pending);
    }
}

void
interleave_threads_run(void)
{
    interleave_reschedule(true);
}

static void (*afterwards)(void);

static void
run_afterwards(void)
{
    afterwards();
    interleave_leave();
}

void
interleave_threads_after(void (*function)(void))
{
    afterwards = function;
    begin_with(0, run_afterwards);
    go_to(0);
}

/* Begins after what the present thread has done. */
unsigned
interleave_start(void)
{
    struct interleave_thread *me = interleave_me();
    unsigned i = 0;

    while (i < count && interleave_threads[i].state != DORMANT)
        i++;
    if (i == count)
        interleave_fail("there are no more threads to be started");
    interleave_drain(me);
    struct interleave_thread *t = &interleave_threads[i];
    t->state = READY;
    for (unsigned j = 0; j < INTERLEAVE_THREADS; j++)
        if (j != i)
            t->clock.at[j] = me->clock.at[j];
    t->hash = interleave_mix(t->hash, me->hash);
    me->hash = interleave_mix(me->hash, i);
    me->clock.at[interleave_current]++;
    interleave_note("starts", NULL, i);
    return i;
}

/*
 * Loops that wait.
 */

void
interleave_pause(void)
{
    if (!interleave_search.running || interleave_me()->read_last == NULL)
        return;
    interleave_me()->state = PAUSING;
    interleave_reschedule(false);
}

void
interleave_spin(unsigned rounds)
{
    struct interleave_thread *me = interleave_me();

    if (!interleave_search.running)
        return;
    if (me->rounds > 0) {
        me->rounds--;
        return;
    }
    me->hash = interleave_mix(me->hash, 2);
    interleave_reschedule(true);
    interleave_drain(me);
    me->rounds = rounds - 1;
    me->seen_count = 0;
}

/*
 * Locks and conditions.  Releasing one is no point where others go on: what follows until the next such point can be
 * done before they do.
 */

int
interleave_lock(pthread_mutex_t *mutex)
{
    if (!interleave_search.running)
        return 0;
    struct interleave_location *l = interleave_touch_shared(mutex);
    while (l->owner != 0) {
        interleave_me()->state = LOCKING;
        interleave_me()->awaited = l;
        interleave_reschedule(false);
    }
    interleave_note("locks", mutex, 0);
    l->owner = interleave_current + 1;
    interleave_order(l, true);
    interleave_acquire(l);
    return 0;
}

static void
unlock(struct interleave_location *l)
{
    interleave_drain(interleave_me());
    if (l->owner != interleave_current + 1)
        interleave_fail("a lock is released by another thread than the one that holds it");
    l->owner = 0;
    interleave_order(l, true);
    interleave_release(l);
}

int
interleave_unlock(pthread_mutex_t *mutex)
{
    if (!interleave_search.running)
        return 0;
    interleave_note("unlocks", mutex, 0);
    unlock(interleave_location(mutex));
    return 0;
}

int
interleave_wait(pthread_cond_t *condition, pthread_mutex_t *mutex)
{
    struct interleave_thread *me = interleave_me();

    interleave_note("waits for", condition, 0);
    interleave_order(interleave_location(condition), true);
    unlock(interleave_location(mutex));
    me->state = ASLEEP;
    me->timed = false;
    me->awaited = condition;
    interleave_reschedule(false);
    return interleave_lock(mutex);
}

static unsigned
rouse(const void *awaited, unsigned most)
{
    unsigned roused = 0;

    for (unsigned i = 0; i < count && roused < most; i++) {
        struct interleave_thread *t = &interleave_threads[i];
        if (t->state != ASLEEP || (t->awaited != awaited && t->awaited_too != awaited))
            continue;
        t->state = READY;
        roused++;
    }
    return roused;
}

int
interleave_broadcast(pthread_cond_t *condition)
{
    if (!interleave_search.running)
        return 0;
    interleave_note("broadcasts", condition, 0);
    interleave_order(interleave_location(condition), true);
    rouse(condition, UINT32_MAX);
    return 0;
}

pthread_t
interleave_pthread(void)
{
    return (pthread_t)interleave_current + 1;
}

/*
 * System calls, which are barriers for the thread that makes them.
 */

static bool
may_sleep_on(const struct futex_waitv *futex)
{
    const void *word = (const void *)(uintptr_t)futex->uaddr;
    uint32_t now;

    interleave_order(interleave_location(word), true);
    memcpy(&now, word, sizeof now);
    interleave_note(now == futex->val ? "sleeps on" : "does not sleep on", word, now);
    return now == futex->val;
}

/* On one futex or two. */
static long
futex_wait(const struct futex_waitv *futexes, unsigned n, bool timed)
{
    struct interleave_thread *me = interleave_me();

    for (unsigned i = 0; i < n; i++)
        interleave_touch_shared((const void *)(uintptr_t)futexes[i].uaddr);
    interleave_drain(me);
    for (unsigned i = 0; i < n; i++)
        if (!may_sleep_on(&futexes[i])) {
            errno = EAGAIN;
            return -1;
        }
    me->state = ASLEEP;
    me->awaited = (const void *)(uintptr_t)futexes[0].uaddr;
    me->awaited_too = n == 2 ? (const void *)(uintptr_t)futexes[1].uaddr : NULL;
    me->timed = timed;
    me->timed_out = false;
    interleave_reschedule(false);
    me->timed = false;
    me->awaited_too = NULL;
    for (unsigned i = 0; i < n; i++)
        interleave_order(interleave_location((const void *)(uintptr_t)futexes[i].uaddr), true);
    interleave_note(me->timed_out ? "gives up waiting for" : "is woken at", me->awaited, 0);
    errno = ETIMEDOUT;
    return me->timed_out ? -1 : 0;
}

static long
futex_wake(const _Atomic uint32_t *word, unsigned most)
{
    struct interleave_location *l = interleave_touch_shared(word);

    interleave_drain(interleave_me());
    interleave_order(l, true);
    const unsigned roused = rouse((const void *)word, most);
    interleave_note("wakes", (const void *)word, roused);
    return roused;
}

long
interleave_SYS_futex(_Atomic uint32_t *word, int operation, uint32_t value, const struct timespec *until,
                     const void *word2, int mask)
{
    (void)word2;
    (void)mask;
    if (!interleave_search.running)
        return 0;
    if ((operation & FUTEX_CMD_MASK) == FUTEX_WAKE)
        return futex_wake(word, value);
    return futex_wait(&(struct futex_waitv){ .uaddr = (uintptr_t)word, .val = value }, 1, until != NULL);
}

long
interleave_SYS_futex_waitv(const struct futex_waitv *futexes, unsigned n, unsigned flags, const struct timespec *until,
                           clockid_t clock)
{
    (void)flags;
    (void)clock;
    return interleave_search.running ? futex_wait(futexes, n, until != NULL) : 0;
}

/* What stays behind is seen, whoever's it is. */
long
interleave_SYS_membarrier(int command, ...)
{
    if (!interleave_search.running)
        return 0;
    interleave_reschedule(false);
    for (unsigned i = 0; i < count; i++)
        interleave_drain(&interleave_threads[i]);
    interleave_note("orders the stores of all", NULL, (unsigned)command);
    return 0;
}
