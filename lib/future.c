/* SPDX-License-Identifier: MIT */
/* future.c - the outcome of one call: its memory and its states. */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core.h"

const max_align_t cf_nothing;

/* Stands in for the future of a call for which there is no memory. */
static struct cf_error no_memory_error = {
    .why = CF_REFUSED,
    .domain = "errno",
    .code = ENOMEM,
    .task = "",
    .worker = "",
    .message = "no memory for the call",
};
static const struct cf_task no_task = { .name = "" };
static struct cf_future no_memory = {
    .word = CF_STATE_FINISHED + CF_REFERENCE,
    .task = &no_task,
    .error = &no_memory_error,
};

/*
 * Memory.
 */

struct cf_future *
cf_future_refused(const struct cf_task *task, bool chunk, const void *arg, size_t len, struct cf_error *error)
{
    struct cf_future *future;

    if (task == NULL)
        task = &no_task;
    future = cf_future_new(NULL, task, chunk, 1, arg, len);
    if (future == NULL) {
        cf_error_free(error);
        return &no_memory;
    }
    cf_future_fail(future, error);
    return future;
}

struct cf_future *
cf_future_part(const struct cf_task *task, size_t room)
{
    struct cf_future *future = cf_future_allocate(NULL, task, false, 1, room);

    if (future != NULL)
        future->is_part = true;
    return future;
}

static void
give_back_argument(struct cf_future *future)
{
    struct cf_borrowed *borrowed = (struct cf_borrowed *)(void *)future->room;

    borrowed->give_back((void *)(uintptr_t)borrowed->at);
}

static void
destroy(struct cf_future *future)
{
    if (future->result == NULL) {
        cf_error_free(cf_future_error(future));
    } else if (future->free_result != NULL) {
        cf_engage();
        future->free_result((void *)(uintptr_t)future->result);
    }
    if (future->is_part)
        cf_release(future->whole);
    if (future->chunk)
        cf_chunk_dispose(cf_future_arg(future));
    if (future->borrows)
        give_back_argument(future);
    cf_slab_free(future, future->size);
}

struct cf_future *
cf_retain(struct cf_future *future)
{
    if (future->size != 0)
        atomic_fetch_add_explicit(&future->word, CF_REFERENCE, memory_order_relaxed);
    return future;
}

void
cf_release(struct cf_future *future)
{
    if (future == NULL || future->size == 0)
        return;
    /* Whoever finds a single reference holds it, so nobody can add to it meanwhile. */
    if (cf_future_refs(future) == 1 ||
        atomic_fetch_sub_explicit(&future->word, CF_REFERENCE, memory_order_acq_rel) < 2 * CF_REFERENCE)
        destroy(future);
}

/*
 * States.
 */

bool
cf_future_settle(struct cf_future *future, struct cf_worker *worker, cf_time when)
{
    uint64_t old = atomic_load_explicit(&future->word, memory_order_relaxed);

    /* That a remote one has been running may not have been noticed. */
    while (!atomic_compare_exchange_weak_explicit(&future->word, &old,
                                                  (old & ~(uint64_t)CF_STATE_MASK) | CF_STATE_FINISHED,
                                                  memory_order_acq_rel, memory_order_relaxed))
        ;
    if (future->executor != NULL)
        cf_observe(future->executor, CF_EVENT_ENDED, future, worker, when);
    return (old & CF_STATE_HOOKED) != 0;
}

void
cf_future_finish(struct cf_future *future, struct cf_worker *worker, cf_time when)
{
    if (cf_future_settle(future, worker, when))
        cf_hooks_run(future);
}

void
cf_future_finish_slowly(struct cf_future *future, struct cf_worker *worker)
{
    cf_future_finish(future, worker, 0);
    cf_release(future);
}

bool
cf_future_fail(struct cf_future *future, struct cf_error *error)
{
    if (!cf_future_claim(future)) {
        cf_error_free(error);
        return false;
    }
    cf_future_set_error(future, error);
    cf_future_finish(future, NULL, 0);
    return true;
}

/* Tell everybody that the future was cancelled, which this thread has done. */
static void
tell_cancelled(struct cf_future *future, bool hooked)
{
    /* The executor exists until the queue has let go of this future and CF_STATE_TOLD is set. */
    struct cf_executor *executor = future->executor;

    if (executor != NULL) {
        cf_room_leave(executor);
        cf_observe(executor, CF_EVENT_ENDED, future, NULL, 0);
    }
    if (hooked)
        cf_hooks_run(future);
    if ((atomic_fetch_or(&future->word, CF_STATE_TOLD) & CF_STATE_DEQUEUED) != 0)
        cf_executor_told(executor);
}

bool
cf_future_leave_for_cancel(struct cf_future *future, uint32_t *flags)
{
    return cf_future_leave_pending(future, CF_STATE_CANCELLED, flags);
}

/* The executor knows where the call is.  It waits for us, as for any canceller, before it ends. */
static void
cancel_remote(struct cf_future *future)
{
    struct cf_executor *executor = cf_hook_executor(future);
    uint32_t flags;

    if (executor == NULL)
        return;
    atomic_fetch_add(&executor->cancelling, 1);
    if (executor->kind->recall(executor, future, &flags))
        tell_cancelled(future, (flags & CF_STATE_HOOKED) != 0);
    cf_executor_told(executor);
    cf_executor_release(executor);
}

bool
cf_cancel(struct cf_future *future)
{
    uint32_t flags;

    if (cf_done(future) || cf_future_frozen(future))
        return cf_cancelled(future);
    /* Who waits for the future may give back the caller's reference as soon as it is cancelled. */
    cf_retain(future);
    if (future->remote)
        cancel_remote(future);
    else if (cf_future_leave_pending(future, CF_STATE_CANCELLED, &flags))
        tell_cancelled(future, (flags & CF_STATE_HOOKED) != 0);
    bool cancelled = cf_cancelled(future);
    cf_release(future);
    return cancelled;
}

void
cf_future_dequeued(struct cf_future *future)
{
    const uint64_t word = atomic_load(&future->word);

    if ((word & CF_STATE_MASK) == CF_STATE_CANCELLED && (word & CF_STATE_TOLD) == 0) {
        atomic_fetch_add(&future->executor->cancelling, 1);
        if ((atomic_fetch_or(&future->word, CF_STATE_DEQUEUED) & CF_STATE_TOLD) != 0)
            cf_executor_told(future->executor);
    }
    cf_release(future);
}

void
cf_future_copy_result(struct cf_future *future, const void *result, size_t len)
{
    void *spare;
    const size_t room = cf_future_spare_room(future, &spare);
    void *copy = len <= room ? spare : malloc(len);

    if (copy == NULL)
        cf_future_set_error(future, cf_error_errno(CF_RAISED, ENOMEM, future->task->name));
    else
        cf_future_set_result(future, len > 0 ? memcpy(copy, result, len) : (const void *)&cf_nothing, len,
                             len <= room ? NULL : free);
}
