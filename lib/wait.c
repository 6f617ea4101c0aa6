/* SPDX-License-Identifier: MIT */
/* wait.c - waiting for one future, and for some of many. */

#include <stdlib.h>
#include <time.h>

#include "core.h"

/* Long enough for a short call on another processor to end, a small part of what going to sleep would cost. */
enum { SPINS = 300 };

const char *
cf_status_text(enum cf_status status)
{
    switch (status) {
#define STATUS_WORDS(name, number, words)                                                                              \
    case name:                                                                                                         \
        return words;
        CF_STATUS_TABLE(STATUS_WORDS)
#undef STATUS_WORDS
    }
    return "unknown";
}

enum cf_status
cf_may_wait(const struct cf_future *future)
{
    if (cf_future_frozen(future))
        return CF_FORKED;
    if (future->executor == NULL)
        return CF_OK;
    const struct cf_frame *frame = cf_frame_of(future->executor);
    const bool can_help = frame != NULL && frame->worker != NULL && frame->worker->opened;
    return frame == NULL || can_help ? CF_OK : CF_DEADLOCK;
}

static bool
is_own(const struct cf_future *future)
{
    return future->executor != NULL && cf_frame_of(future->executor) != NULL;
}

bool
cf_is_deep(void)
{
    return cf_self.depth >= CF_MAX_DEPTH || (const char *)__builtin_frame_address(0) < cf_self.stack_low;
}

bool
cf_too_deep(const struct cf_future *future)
{
    return cf_is_deep() && is_own(future) && cf_future_state(future) == CF_STATE_PENDING;
}

bool
cf_help(struct cf_future *future)
{
    const struct cf_frame *frame = cf_self.frame == NULL ? NULL : cf_frame_of(future->executor);

    if (frame == NULL || frame->worker == NULL || cf_is_deep())
        return false;
    if (cf_executor_is(frame->executor, CF_EXECUTOR_INTERRUPTED))
        return cf_cancel(future);
    if (!cf_future_claim(future))
        return false;
    cf_self.depth++;
    cf_future_run(future, frame->worker);
    cf_future_finish(future, frame->worker, 0);
    cf_self.depth--;
    return true;
}

bool
cf_heed_interrupt(struct cf_hook *hook)
{
    struct cf_executor *executor = cf_hook_interrupted(hook);

    if (executor == NULL)
        return false;
    cf_executor_cancel_pending(executor);
    cf_executor_release(executor);
    return true;
}

/*
 * Waiting for one.
 */

struct waiter {
    struct cf_hook hook;
    struct cf_parker *parker;
};

static void
wake_waiter(struct cf_hook *hook)
{
    cf_unpark(((struct waiter *)(void *)hook)->parker);
}

static enum cf_status
sleep_for(struct cf_future *future, struct cf_parker *parker, cf_time deadline, bool heed)
{
    struct waiter waiter = { .hook.notify = wake_waiter, .parker = parker };
    enum cf_status status = CF_OK;
    uint32_t interrupts = 0;

    if (!cf_hook_add(&waiter.hook, future))
        return CF_OK;
    while (status == CF_OK && !cf_done(future)) {
        uint32_t now = atomic_load(&cf_interrupts);
        if (now != interrupts) {
            interrupts = now;
            if (cf_heed_interrupt(&waiter.hook) && heed)
                status = CF_INTERRUPTED;
        } else if (!cf_park(parker, deadline) && !cf_done(future)) {
            status = CF_TIMEOUT;
        }
    }
    cf_hook_remove(&waiter.hook);
    return status;
}

/* Without memory for a parker a thread can still look from time to time. */
static enum cf_status
poll_for(const struct cf_future *future, cf_time deadline)
{
    const struct timespec millisecond = { .tv_nsec = 1000000 };

    while (!cf_done(future)) {
        if (cf_now() >= deadline)
            return CF_TIMEOUT;
        nanosleep(&millisecond, NULL);
    }
    return CF_OK;
}

static bool
spin_for(struct cf_future *future)
{
    struct cf_executor *executor = future->remote ? cf_hook_executor(future) : NULL;

    if (executor != NULL) {
        executor->kind->watch(executor, future);
        cf_executor_release(executor);
        return cf_done(future);
    }
    for (int i = 0; i < SPINS; i++) {
        if (cf_done(future))
            return true;
        cf_pause();
    }
    return false;
}

enum cf_status
cf_wait_for(struct cf_future *future, cf_time deadline, bool heed)
{
    if (cf_done(future))
        return CF_OK;
    enum cf_status status = cf_may_wait(future);
    if (status != CF_OK)
        return status;
    if ((!cf_is_past(deadline) && cf_help(future)) || spin_for(future))
        return CF_OK;
    if (cf_too_deep(future))
        return CF_DEADLOCK;

    struct cf_parker *parker = cf_parker_mine();
    if (parker == NULL)
        return poll_for(future, deadline);
    if (!cf_circle_enter(parker, future))
        return CF_DEADLOCK;
    status = sleep_for(future, parker, deadline, heed);
    cf_circle_leave(parker);
    return status;
}

/*
 * Waiting for many.
 */

struct group {
    struct cf_parker *parker;
    enum cf_until until;
    _Atomic size_t left; /* to be done before all are */
    _Atomic bool over;
};

struct member {
    struct cf_hook hook;
    struct group *group;
};

static bool
has_failed(const struct cf_future *future)
{
    return cf_future_state(future) == CF_STATE_FINISHED &&
           atomic_load_explicit(&future->error, memory_order_relaxed) != NULL;
}

static void
wake_group(struct cf_hook *hook)
{
    struct group *group = ((struct member *)(void *)hook)->group;
    bool last = atomic_fetch_sub(&group->left, 1) == 1;

    if (last || group->until == CF_FIRST_COMPLETED || (group->until == CF_FIRST_ERROR && has_failed(hook->future))) {
        atomic_store(&group->over, true);
        cf_unpark(group->parker);
    }
}

static bool
is_over(struct cf_future *const *futures, size_t n, enum cf_until until)
{
    size_t done = 0;

    for (size_t i = 0; i < n; i++) {
        if (!cf_done(futures[i]))
            continue;
        done++;
        if (until == CF_FIRST_COMPLETED || (until == CF_FIRST_ERROR && has_failed(futures[i])))
            return true;
    }
    return done == n;
}

static bool
heed_interrupts(struct member *members, size_t n)
{
    bool interrupted = false;

    for (size_t i = 0; i < n; i++)
        if (!cf_done(members[i].hook.future) && cf_heed_interrupt(&members[i].hook))
            interrupted = true;
    return interrupted;
}

static enum cf_status
sleep_for_group(struct group *group, struct member *members, size_t n, cf_time deadline)
{
    uint32_t interrupts = 0;

    while (!atomic_load(&group->over)) {
        uint32_t now = atomic_load(&cf_interrupts);
        if (now != interrupts) {
            interrupts = now;
            if (heed_interrupts(members, n))
                return CF_INTERRUPTED;
        } else if (!cf_park(group->parker, deadline) && !atomic_load(&group->over)) {
            return CF_TIMEOUT;
        }
    }
    return CF_OK;
}

/*
 * In a task, first run what can be run here.  CF_DEADLOCK: all that is left could be, were this thread not nested too
 * deeply already.
 */
static enum cf_status
help_group(struct group *group, struct cf_future **futures, size_t n, cf_time deadline)
{
    bool too_deep = false, others = false;

    if (cf_self.frame == NULL)
        return CF_OK;
    for (size_t i = 0; i < n && !atomic_load(&group->over) && !cf_is_past(deadline); i++) {
        cf_help(futures[i]);
        if (cf_too_deep(futures[i]))
            too_deep = true;
        else if (!cf_done(futures[i]))
            others = true;
    }
    return too_deep && !others && !atomic_load(&group->over) && !cf_is_past(deadline) ? CF_DEADLOCK : CF_OK;
}

static enum cf_status
hook_and_sleep(struct cf_future **futures, size_t n, enum cf_until until, cf_time deadline)
{
    struct group group = { .parker = cf_parker_mine(), .until = until, .left = n };
    struct member *members = calloc(n, sizeof *members); /* NOLINT(clang-analyzer-optin.portability.UnixAPI): n > 0 */

    if (members == NULL || group.parker == NULL) {
        free(members);
        return CF_FAILED;
    }
    for (size_t i = 0; i < n; i++) {
        members[i] = (struct member){ .hook.notify = wake_group, .group = &group };
        if (!cf_hook_add(&members[i].hook, futures[i]))
            wake_group(&members[i].hook);
    }
    enum cf_status status = help_group(&group, futures, n, deadline);
    if (status == CF_OK)
        status = sleep_for_group(&group, members, n, deadline);
    for (size_t i = 0; i < n; i++)
        cf_hook_remove(&members[i].hook);
    free(members);
    return status;
}

/* A task waits for one after another, so that it can run those not started and circles are seen. */
static enum cf_status
wait_one_by_one(struct cf_future **futures, size_t n, cf_time deadline)
{
    enum cf_status status = CF_OK;

    for (size_t i = 0; i < n && status == CF_OK; i++)
        status = cf_wait_for(futures[i], deadline, true);
    return status;
}

static enum cf_status
wait_until(struct cf_future **futures, size_t n, enum cf_until until, cf_time deadline)
{
    for (size_t i = 0; i < n; i++) {
        enum cf_status status = cf_done(futures[i]) ? CF_OK : cf_may_wait(futures[i]);
        if (status != CF_OK)
            return status;
    }
    if (cf_self.frame != NULL && until == CF_ALL_COMPLETED)
        return wait_one_by_one(futures, n, deadline);
    return hook_and_sleep(futures, n, until, deadline);
}

static void
reverse(struct cf_future **futures, size_t n)
{
    for (size_t i = 0; i < n / 2; i++) {
        struct cf_future *other = futures[n - 1 - i];
        futures[n - 1 - i] = futures[i];
        futures[i] = other;
    }
}

/*
 * Move the done ones to the front, keeping both orders; return how many they are.  In place, by partitioning the
 * halves and then exchanging the unfinished of the left half with the done of the right one.
 */
static size_t
partition(struct cf_future **futures, size_t n)
{
    if (n <= 1)
        return n == 1 && cf_done(futures[0]);
    size_t half = n / 2;
    size_t left = partition(futures, half);
    size_t right = partition(futures + half, n - half);
    if (left < half && right > 0) {
        reverse(futures + left, half - left);
        reverse(futures + half, right);
        reverse(futures + left, half - left + right);
    }
    return left + right;
}

enum cf_status
cf_wait(struct cf_future **futures, size_t n, enum cf_until until, cf_time deadline, size_t *done)
{
    enum cf_status status = CF_OK;

    if (!is_over(futures, n, until))
        status = wait_until(futures, n, until, deadline);
    size_t count = partition(futures, n);
    if (done != NULL)
        *done = count;
    return status;
}
