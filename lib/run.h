/* SPDX-License-Identifier: MIT */
/*
 * run.h - running a task here and now.
 *
 * Inline, by force, because tasks that wait for tasks nest: each function more between a task and the next costs both
 * of them more than its few instructions, as the processor foresees only so many returns.
 */

#ifndef CF_RUN_H
#define CF_RUN_H 1

#include "core.h"

/* Every call has exactly one outcome, whatever its task did or did not say. */
static inline void
cf_call_run(struct cf_call *call)
{
    const int rc = call->chunk ? cf_chunk_run(call) : call->task->run(call);

    if (rc != 0 || (call->error == NULL && call->result == NULL))
        cf_call_conclude(call, rc);
}

/* Run the task of a future that this thread has claimed; what is left to do is cf_future_finish(). */
static inline __attribute__((always_inline)) void
cf_future_run(struct cf_future *future, struct cf_worker *worker)
{
    void *room;
    const size_t room_size = cf_future_spare_room(future, &room);
    /* Each member is named, as else the whole is cleared before, by an instruction that is slow to start. */
    struct cf_call call = {
        .task = future->task,
        .chunk = future->chunk,
        .arg = future->room,
        .arg_len = future->arg_len,
        .worker = worker,
        .room = room,
        .room_size = room_size,
        .place = NULL,
        .free_place = NULL,
        .result = NULL,
        .result_len = 0,
        .free_result = NULL,
        .error = NULL,
    };

    cf_room_leave(future->executor);
    if (cf_self.parker != NULL)
        atomic_store_explicit(&future->runner, cf_self.parker->number, memory_order_relaxed);
    cf_observe(future->executor, CF_EVENT_STARTED, future, worker, 0);
    const cf_time started = future->timed ? cf_now() : 0;
    cf_call_run(&call);
    if (future->timed)
        cf_future_set_took(future, cf_now() - started);
    if (call.error != NULL)
        cf_future_set_error(future, call.error);
    else
        cf_future_set_result(future, call.result, call.result_len, call.free_result);
}

/* The same in a worker that may have a deque, for others who leapfrog to see. */
static inline __attribute__((always_inline)) void
cf_worker_run(struct cf_worker *worker, struct cf_future *future)
{
    if (worker->leapfrog != NULL)
        cf_deque_begin(worker->deque, cf_self.depth, future);
    cf_future_run(future, worker);
    if (worker->leapfrog != NULL)
        cf_deque_end(worker->deque, cf_self.depth);
}

#endif
