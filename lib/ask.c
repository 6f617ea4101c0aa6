/* SPDX-License-Identifier: MIT */
/* ask.c - what can be asked of a future. */

#include <errno.h>
#include <stdio.h>

#include "core.h"

/* Whether a remote call has been started is known where it was. */
static bool
has_started(struct cf_future *future)
{
    struct cf_executor *executor = cf_hook_executor(future);
    bool started = false;

    if (executor != NULL) {
        started = executor->kind->has_started(executor, future);
        cf_executor_release(executor);
    }
    return started;
}

bool
cf_done(const struct cf_future *future)
{
    return cf_future_state(future) >= CF_STATE_FINISHED;
}

bool
cf_running(const struct cf_future *future)
{
    if (future->remote && cf_future_state(future) == CF_STATE_PENDING && !cf_future_frozen(future) &&
        has_started((struct cf_future *)(uintptr_t)future))
        return !cf_done(future);
    return cf_future_state(future) == CF_STATE_RUNNING;
}

bool
cf_cancelled(const struct cf_future *future)
{
    return cf_future_state(future) == CF_STATE_CANCELLED;
}

const void *
cf_input(const struct cf_future *future, size_t *len)
{
    if (len != NULL)
        *len = future->arg_len;
    return cf_future_arg(future);
}

/* Most cancelled futures are never asked why, so their errors are made when somebody asks. */
static struct cf_error *
cancelled_error(struct cf_future *future)
{
    struct cf_error *error = cf_future_error(future);

    if (error == NULL) {
        struct cf_error *mine =
            cf_error_new(CF_CANCELLED, "errno", ECANCELED, future->task->name, "", "cancelled before it started");
        if (atomic_compare_exchange_strong(&future->error, &error, mine))
            return mine;
        cf_error_free(mine);
    }
    return error;
}

const struct cf_error *
cf_error_of(struct cf_future *future)
{
    enum cf_status status = cf_wait_for(future, CF_NEVER, false, NULL);

    if (status != CF_OK)
        return cf_error_of_waiting(status);
    if (cf_cancelled(future))
        return cancelled_error(future);
    return cf_future_error(future);
}

int
cf_describe(const struct cf_future *future, char *text, size_t size)
{
    const char *name = future->task->name;
    const char *space = name[0] == '\0' ? "" : " ";

    if (cf_running(future))
        return snprintf(text, size, "<future %s%srunning>", name, space);
    switch (cf_future_state(future)) {
    case CF_STATE_PENDING:
    case CF_STATE_RUNNING:
        return snprintf(text, size, "<future %s%spending>", name, space);
    case CF_STATE_CANCELLED:
        return snprintf(text, size, "<future %s%scancelled>", name, space);
    default:
        break;
    }
    const struct cf_error *error = cf_future_error(future);
    if (error != NULL)
        return snprintf(text, size, "<future %s%sfinished raised %s:%d>", name, space, error->domain, error->code);
    return snprintf(text, size, "<future %s%sfinished returned %zu bytes>", name, space, future->result_len);
}
