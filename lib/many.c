/* SPDX-License-Identifier: MIT */
/* many.c - cf_wait(): waiting for some of many futures. */

#include <stdlib.h>

#include "core.h"

struct group {
    struct cf_parker *parker;
    enum cf_until until;
    bool in_turn;        /* wake up for each, because a task waits for one after another */
    uint32_t interrupts; /* the cf_interrupts that have been dealt with */
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
    return cf_future_state(future) == CF_STATE_FINISHED && future->result == NULL;
}

static struct cf_parker *
wake_group(struct cf_hook *hook)
{
    struct group *group = ((struct member *)(void *)hook)->group;
    const bool last = atomic_fetch_sub(&group->left, 1) == 1;
    const bool enough =
        last || group->until == CF_FIRST_COMPLETED || (group->until == CF_FIRST_ERROR && has_failed(hook->future));

    if (enough)
        atomic_store(&group->over, true);
    return enough || group->in_turn ? group->parker : NULL;
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

/* Until that one is done, or if it is NULL, until enough are. */
static enum cf_status
sleep_for_group(struct group *group, struct member *members, size_t n, const struct cf_future *one, cf_time deadline)
{
    while (one != NULL ? !cf_done(one) : !atomic_load(&group->over)) {
        uint32_t now = atomic_load(&cf_interrupts);
        if (now != group->interrupts) {
            group->interrupts = now;
            if (heed_interrupts(members, n))
                return CF_INTERRUPTED;
        } else if (!cf_park(group->parker, deadline) && !atomic_load(&group->over)) {
            return CF_TIMEOUT;
        }
    }
    return CF_OK;
}

/* A task that needs all of them waits for one after another, so that circles are seen. */
static enum cf_status
sleep_in_turn(struct group *group, struct member *members, size_t n, struct cf_future **futures, cf_time deadline)
{
    enum cf_status status = CF_OK;

    for (size_t i = 0; i < n && status == CF_OK; i++) {
        if (cf_done(futures[i]))
            continue;
        if (cf_too_deep(futures[i]) || !cf_circle_enter(group->parker, futures[i]))
            return CF_DEADLOCK;
        status = sleep_for_group(group, members, n, futures[i], deadline);
        cf_circle_leave(group->parker);
    }
    return status;
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
    const bool in_turn = cf_self.frame != NULL && until == CF_ALL_COMPLETED;
    struct group group = { .parker = cf_parker_mine(), .until = until, .in_turn = in_turn, .left = n };
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
        status = in_turn ? sleep_in_turn(&group, members, n, futures, deadline)
                         : sleep_for_group(&group, members, n, NULL, deadline);
    for (size_t i = 0; i < n; i++)
        cf_hook_remove(&members[i].hook);
    free(members);
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
    if (n == 1)
        return cf_wait_for(futures[0], deadline, true, NULL);
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
