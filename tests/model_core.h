/* SPDX-License-Identifier: MIT */
/*
 * model_core.h - for the models: the core of the library, from its sources, and what stands for the rest of it.
 *
 * Memory is the harness's.  Errors are nothing.  An executor is nothing but its struct; model_executor() makes one of a
 * kind whose queue holds at most one call.
 */

#ifndef MODEL_CORE_H
#define MODEL_CORE_H 1

#include "interleaved.h"

#include "../lib/core.h"

#include "../lib/ask.c"     /* NOLINT(bugprone-suspicious-include) */
#include "../lib/future.c"  /* NOLINT(bugprone-suspicious-include) */
#include "../lib/hook.c"    /* NOLINT(bugprone-suspicious-include) */
#include "../lib/park.c"    /* NOLINT(bugprone-suspicious-include) */
#include "../lib/promise.c" /* NOLINT(bugprone-suspicious-include) */
#include "../lib/room.c"    /* NOLINT(bugprone-suspicious-include) */
#include "../lib/stop.c"    /* NOLINT(bugprone-suspicious-include) */

/* The loops that wait above end when something has changed, that of wait.c after so many rounds. */
#undef cf_pause
#define cf_pause(argument) interleave_spin##argument(SPINS)
#include "../lib/wait.c" /* NOLINT(bugprone-suspicious-include) */

#include "../lib/circle.c" /* NOLINT(bugprone-suspicious-include): last: its lock has the name of others' variables */

__thread struct cf_thread cf_self;
__thread struct cf_cache cf_caches[CF_SLAB_CLASSES]; /* always empty */
unsigned cf_generation;

void
cf_thread_set_key(void)
{
}

/* Where a thread waits with a deadline, let it be 2. */
cf_time
cf_now(void)
{
    return interleave_timed_out() ? 3 : 1;
}

void *
cf_slab_alloc_slowly(size_t *size)
{
    return malloc(*size);
}

void
cf_slab_free_slowly(void *block, size_t size)
{
    (void)size;
    free(block);
}

struct cf_error *
cf_error_new(enum cf_why why, const char *domain, int code, const char *task, const char *worker, const char *format,
             ...)
{
    (void)why;
    (void)domain;
    (void)code;
    (void)task;
    (void)worker;
    (void)format;
    return NULL;
}

struct cf_error *
cf_error_errno(enum cf_why why, int code, const char *task)
{
    return cf_error_new(why, "errno", code, task, "", "failed");
}

const struct cf_error *
cf_error_of_waiting(enum cf_status status)
{
    (void)status;
    return NULL;
}

bool
cf_error_is_spare(const struct cf_error *error)
{
    return error != NULL;
}

void
cf_error_free(struct cf_error *error)
{
    (void)error;
}

void
cf_call_conclude(struct cf_call *call, int rc)
{
    (void)rc;
    call->result = &cf_nothing;
}

int
cf_chunk_run(struct cf_call *call)
{
    return call->task->run(call);
}

void
cf_chunk_dispose(const void *arg)
{
    (void)arg;
}

cf_time
cf_executor_latency(const struct cf_executor *executor)
{
    (void)executor;
    return 0;
}

void
cf_tell_observer(struct cf_executor *executor, enum cf_event_type type, struct cf_future *call,
                 const struct cf_worker *worker, cf_time when)
{
    (void)executor;
    (void)type;
    (void)call;
    (void)worker;
    (void)when;
}

bool
cf_callbacks_hand_over(struct cf_callbacks *callbacks, struct cf_future *future)
{
    (void)callbacks;
    (void)future;
    return false;
}

void
cf_executor_retain(struct cf_executor *executor)
{
    atomic_fetch_add(&executor->refs, 1);
}

void
cf_executor_release(struct cf_executor *executor)
{
    if (atomic_fetch_sub(&executor->refs, 1) == 1)
        free(executor);
}

void
cf_executor_close_stop_fd(struct cf_executor *executor)
{
    (void)executor;
}

int
cf_executor_refusal(const struct cf_executor *executor)
{
    if (executor == NULL)
        return EINVAL;
    return executor->flags != 0 ? ESHUTDOWN : 0;
}

struct cf_error *
cf_executor_broken_error(const struct cf_executor *executor, const char *task)
{
    (void)executor;
    (void)task;
    return NULL;
}

/*
 * The executor of the models.
 */

static struct cf_executor *model_executor;
static struct cf_future *_Atomic model_queue; /* the call in it, with its reference, or NULL */

static struct cf_future *
model_withdraw(struct cf_executor *executor)
{
    (void)executor;
    return atomic_exchange(&model_queue, NULL);
}

static const struct cf_kind model_kind = { .withdraw = model_withdraw };
static const struct cf_task model_task = { .name = "model" };

/* By setup: everything of the core as it is in the beginning, with an executor of that .max_pending. */
static void
model_reset(unsigned max_pending)
{
    interleave_local(&cf_self, sizeof cf_self);
    atomic_store(&all, NULL);
    atomic_store(&cf_interrupts, 0);
    atomic_store(&model_queue, NULL);
    model_executor = calloc(1, sizeof *model_executor);
    model_executor->kind = &model_kind;
    model_executor->refs = 1;
    model_executor->stopping = &model_executor->stop_word;
    model_executor->stop_fd = -1;
    model_executor->options.max_pending = max_pending;
    interleave_name(model_executor, sizeof *model_executor, "executor");
    interleave_name(buckets, sizeof buckets, "buckets");
}

/* A pending call of it, with so many references. */
static inline struct cf_future *
model_future(unsigned refs)
{
    struct cf_future *future = cf_future_new(model_executor, &model_task, false, refs, NULL, 0);

    interleave_name(future, sizeof *future, "future");
    interleave_name(&future->word, sizeof future->word, "word");
    return future;
}

/* As a worker does with a call that it has taken from the queue.  Return whether it has run it. */
static inline bool
model_serve(struct cf_future *future, const void *result)
{
    if (!cf_future_claim(future)) {
        cf_future_dequeued(future);
        return false;
    }
    cf_future_set_result(future, result, 1, NULL);
    cf_future_finish_and_release(future, NULL);
    return true;
}

#endif
