/* SPDX-License-Identifier: MIT */
/* wait.c - waiting for one future. */

#include <stdlib.h>
#include <time.h>

#include "run.h"

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

/* In a frame of its executor, if there is one. */
static inline enum cf_status
may_wait_in(const struct cf_frame *frame, const struct cf_future *future)
{
    if (cf_future_frozen(future))
        return CF_FORKED;
    const bool can_help = frame != NULL && frame->worker != NULL && frame->worker->opened;
    return frame == NULL || can_help ? CF_OK : CF_DEADLOCK;
}

static inline const struct cf_frame *
own_frame(const struct cf_future *future)
{
    return cf_self.frame == NULL || future->executor == NULL ? NULL : cf_frame_of(future->executor);
}

enum cf_status
cf_may_wait(const struct cf_future *future)
{
    return may_wait_in(own_frame(future), future);
}

bool
cf_is_deep(void)
{
    return cf_self.depth >= CF_MAX_DEPTH || (const char *)__builtin_frame_address(0) < cf_self.stack_low;
}

bool
cf_too_deep(const struct cf_future *future)
{
    return cf_is_deep() && own_frame(future) != NULL && cf_future_state(future) == CF_STATE_PENDING;
}

/* Run a call that this thread has claimed inside of what it is running, with the queue's reference or without. */
static inline __attribute__((always_inline)) void
run_nested(struct cf_worker *worker, struct cf_future *future, bool release)
{
    cf_self.depth++;
    cf_worker_run(worker, future);
    if (release)
        cf_future_finish_and_release(future, worker);
    else
        cf_future_finish(future, worker, 0);
    cf_self.depth--;
}

/* In a frame of its executor. */
static inline __attribute__((always_inline)) bool
help_in(const struct cf_frame *frame, struct cf_future *future)
{
    struct cf_worker *worker = frame->worker;

    if (worker == NULL || cf_is_deep())
        return false;
    if (cf_executor_is(frame->executor, CF_EXECUTOR_INTERRUPTED))
        return cf_cancel(future);
    const bool taken = worker->deque != NULL && cf_deque_take_back(worker->deque, future);
    const bool claimed = cf_future_claim(future);
    if (claimed)
        run_nested(worker, future, taken);
    else if (taken)
        cf_future_dequeued(future);
    return claimed;
}

bool
cf_help(struct cf_future *future)
{
    const struct cf_frame *frame = own_frame(future);

    return frame != NULL && help_in(frame, future);
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

static struct cf_parker *
wake_waiter(struct cf_hook *hook)
{
    return ((struct waiter *)(void *)hook)->parker;
}

static bool
may_have_room(const struct cf_room_waiter *room)
{
    return room != NULL && atomic_load(&room->woken);
}

static bool
park(struct cf_executor *remote, struct cf_parker *parker, cf_time deadline)
{
    return remote == NULL ? cf_park(parker, deadline) : remote->kind->park(remote, parker, deadline);
}

static enum cf_status
sleep_for(struct cf_future *future, struct cf_parker *parker, cf_time deadline, bool heed,
          const struct cf_room_waiter *room)
{
    struct cf_executor *executor = future->remote ? cf_hook_executor(future) : NULL;
    struct waiter waiter = { .hook.notify = wake_waiter, .parker = parker };
    enum cf_status status = CF_OK;
    uint32_t interrupts = 0;

    if (!cf_hook_add(&waiter.hook, future)) {
        if (executor != NULL)
            cf_executor_release(executor);
        return CF_OK;
    }
    while (status == CF_OK && !cf_done(future) && !may_have_room(room)) {
        uint32_t now = atomic_load(&cf_interrupts);
        if (now != interrupts) {
            interrupts = now;
            if (cf_heed_interrupt(&waiter.hook) && heed)
                status = CF_INTERRUPTED;
        } else if (!park(executor, parker, deadline) && !cf_done(future)) {
            status = CF_TIMEOUT;
        }
    }
    cf_hook_remove(&waiter.hook);
    if (executor != NULL)
        cf_executor_release(executor);
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
spin_for(struct cf_future *future, cf_time deadline)
{
    struct cf_executor *executor = future->remote ? cf_hook_executor(future) : NULL;

    if (executor != NULL) {
        executor->kind->watch(executor, future, deadline);
        cf_executor_release(executor);
        return cf_done(future);
    }
    for (int left = cf_self.woke ? 0 : cf_patience(cf_self.in_vain, SPINS); left > 0 && !cf_done(future); left--)
        cf_pause();
    cf_self.woke = false;
    return cf_spun(&cf_self.in_vain, cf_done(future));
}

/* Run a call that this thread has taken from another worker, with the queue's reference. */
static void
run_taken(const struct cf_frame *frame, struct cf_future *call)
{
    if (cf_executor_is(frame->executor, CF_EXECUTOR_INTERRUPTED | CF_EXECUTOR_BROKEN)) {
        cf_executor_dispose(frame->executor, call);
    } else if (!cf_future_claim(call)) {
        cf_future_dequeued(call);
    } else {
        run_nested(frame->worker, call, true);
    }
}

/*
 * While another worker runs the future, run what that has submitted: after D. Wagner and B. Calder, "Leapfrogging: A
 * Portable Technique for Implementing Efficient Futures" (PPoPP 1993).  As long as there is any, and a moment more.
 */
static void
leapfrog(const struct cf_frame *frame, struct cf_future *future, cf_time deadline)
{
    for (int i = 0; i < SPINS && !cf_done(future) && !cf_is_deep() && !cf_is_past(deadline); i++) {
        struct cf_future *call = frame->worker->leapfrog(frame->worker, future);
        if (call == NULL) {
            cf_pause();
        } else {
            run_taken(frame, call);
            i = 0;
        }
    }
}

/* What cannot be run here takes time; so this is apart from what need not. */
static __attribute__((noinline)) enum cf_status
wait_long(const struct cf_frame *frame, struct cf_future *future, cf_time deadline, bool heed,
          const struct cf_room_waiter *room)
{
    enum cf_status status;

    if (frame != NULL && frame->worker->leapfrog != NULL)
        leapfrog(frame, future, deadline);
    if (spin_for(future, deadline))
        return CF_OK;
    if (cf_too_deep(future))
        return CF_DEADLOCK;

    struct cf_parker *parker = cf_parker_mine();
    if (parker == NULL)
        return poll_for(future, deadline);
    if (!cf_circle_enter(parker, future))
        return CF_DEADLOCK;
    status = sleep_for(future, parker, deadline, heed, room);
    cf_circle_leave(parker);
    return status;
}

static inline __attribute__((always_inline)) enum cf_status
wait_for(struct cf_future *future, cf_time deadline, bool heed, const struct cf_room_waiter *room)
{
    if (cf_future_state(future) >= CF_STATE_FINISHED)
        return CF_OK;
    const struct cf_frame *frame = own_frame(future);
    const enum cf_status status = may_wait_in(frame, future);
    if (status != CF_OK)
        return status;
    const bool helped = frame != NULL && !cf_is_past(deadline) && help_in(frame, future);
    return helped ? CF_OK : wait_long(frame, future, deadline, heed, room);
}

enum cf_status
cf_wait_for(struct cf_future *future, cf_time deadline, bool heed, const struct cf_room_waiter *room)
{
    return wait_for(future, deadline, heed, room);
}

/* Here, because between a task and the call that it waits for there had better be no other function; see run.h. */
const void *
cf_result(struct cf_future *future, size_t *len)
{
    if (wait_for(future, CF_NEVER, false, NULL) != CF_OK || future->result == NULL)
        return NULL;
    if (len != NULL)
        *len = future->result_len;
    return future->result;
}
