/* SPDX-License-Identifier: MIT */
/* submit.c - cf_submit() and cf_try_submit(): a call becomes a future and goes to its executor. */

#include <errno.h>
#include <string.h>

#include "core.h"

static int
argument_errno(const void *arg, size_t len)
{
    if (arg == NULL && len > 0)
        return EINVAL;
    return len > PTRDIFF_MAX / 2 ? E2BIG : 0;
}

static int
call_errno(const struct cf_task *task, const void *arg, size_t len)
{
    if (task == NULL || task->run == NULL || task->name == NULL)
        return EINVAL;
    return argument_errno(arg, len);
}

/* Of a broken executor, or of none, there is more to say than a number. */
static struct cf_error *
why_refused(const struct cf_executor *executor, const char *task, int error)
{
    if (executor != NULL && !cf_executor_frozen(executor) && cf_executor_is(executor, CF_EXECUTOR_BROKEN))
        return cf_executor_broken_error(executor, task);
    if (executor == NULL)
        return cf_error_new(CF_REFUSED, "errno", error, task, "", "there is no executor: %s", strerrordesc_np(error));
    return cf_error_errno(CF_REFUSED, error, task);
}

static __attribute__((noinline)) struct cf_future *
refuse(const struct cf_executor *executor, const struct cf_task *task, bool chunk, const void *arg, size_t len,
       int error)
{
    const bool good = argument_errno(arg, len) == 0;
    const char *name = task == NULL || task->name == NULL ? "" : task->name;

    return cf_future_refused(*name == '\0' ? NULL : task, chunk && good, arg, good ? len : 0,
                             why_refused(executor, name, error));
}

/* A large argument may have a better place than a block of the future's. */
static struct cf_future *
new_large(struct cf_executor *executor, const struct cf_task *task, bool chunk, const void *arg, size_t len)
{
    struct cf_future *future = NULL;

    if (executor->kind->lend != NULL)
        future = cf_future_allocate(executor, task, chunk, 2, sizeof(struct cf_borrowed) + CF_ALIGN);
    if (future != NULL && executor->kind->lend(executor, future, arg, len)) {
        future->borrows = true;
        future->arg_len = len;
        return future;
    }
    if (future != NULL)
        cf_slab_free(future, future->size);
    return cf_future_new(executor, task, chunk, 2, arg, len);
}

/* Inline, because of each call that a program makes this is the greater part. */
static inline __attribute__((always_inline)) struct cf_future *
submit(struct cf_executor *executor, const struct cf_task *task, unsigned how, const void *arg, size_t len,
       cf_time deadline)
{
    const bool chunk = (how & CF_CALL_CHUNK) != 0;
    int error = cf_executor_errno(executor);
    if (error == 0)
        error = call_errno(task, arg, len);
    if (error == 0 && executor->options.max_pending > 0)
        error = cf_room_enter(executor, deadline);
    if (error != 0)
        return refuse(executor, task, chunk, arg, len, error);

    struct cf_future *future =
        len < CF_LARGE ? cf_future_new(executor, task, chunk, 2, arg, len) : new_large(executor, task, chunk, arg, len);
    if (future == NULL) {
        cf_room_leave(executor);
        return refuse(executor, task, chunk, arg, len, ENOMEM);
    }
    if ((how & CF_CALL_TIMED) != 0)
        future->timed = true;
    cf_observe(executor, CF_EVENT_SUBMITTED, future, NULL, 0);
    error = executor->kind->submit(executor, future);
    if (error != 0) {
        cf_room_leave(executor);
        cf_future_fail(future, why_refused(executor, task->name, error));
        cf_release(future);
    }
    return future;
}

struct cf_future *
cf_executor_submit(struct cf_executor *executor, const struct cf_task *task, unsigned how, const void *arg, size_t len,
                   cf_time deadline)
{
    return submit(executor, task, how, arg, len, deadline);
}

struct cf_future *
cf_submit(struct cf_executor *executor, const struct cf_task *task, const void *arg, size_t len)
{
    return submit(executor, task, 0, arg, len, CF_NEVER);
}

struct cf_future *
cf_try_submit(struct cf_executor *executor, const struct cf_task *task, const void *arg, size_t len)
{
    return cf_executor_submit(executor, task, 0, arg, len, 0);
}
