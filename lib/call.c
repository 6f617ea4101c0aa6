/* SPDX-License-Identifier: MIT */
/* call.c - a task's run, and what the task sees of it. */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core.h"

const void *
cf_arg(const struct cf_call *call, size_t *len)
{
    if (len != NULL)
        *len = call->arg_len;
    return call->arg;
}

void *
cf_local(const struct cf_call *call)
{
    return call->worker->local;
}

const char *
cf_worker(const struct cf_call *call)
{
    return call->worker->name;
}

bool
cf_stopping(const struct cf_call *call)
{
    return atomic_load(call->worker->executor->stopping) != 0;
}

int
cf_stop_fd(const struct cf_call *call)
{
    return atomic_load(&call->worker->executor->stop_fd);
}

void
cf_call_discard(struct cf_call *call)
{
    if (call->free_result != NULL)
        call->free_result((void *)(uintptr_t)call->result);
    cf_error_free(call->error);
    call->result = NULL;
    call->result_len = 0;
    call->free_result = NULL;
    call->error = NULL;
}

void
cf_call_set_error(struct cf_call *call, struct cf_error *error)
{
    cf_call_discard(call);
    call->error = error;
}

/* Where a copy of a result goes, and in *free_copy how that is freed, unless NULL; NULL: no memory. */
static void *
room_for(struct cf_call *call, size_t len, void (**free_copy)(void *))
{
    *free_copy = NULL;
    if (len <= call->room_size)
        return call->room;
    void *place = call->place != NULL ? call->place(len) : NULL;
    *free_copy = place != NULL ? call->free_place : free;
    return place != NULL ? place : malloc(len);
}

int
cf_return(struct cf_call *call, const void *result, size_t len)
{
    const bool first = call->result == NULL && call->error == NULL;
    void (*free_copy)(void *);
    void *copy = room_for(call, len, &free_copy);

    if (copy == NULL && len > 0)
        return cf_raise(call, "errno", ENOMEM, "no memory for a result of %zu bytes", len);
    if (first) {
        cf_copy(copy, result, len);
    } else {
        /* The result may be a part of an earlier one. */
        if (len > 0)
            memmove(copy, result, len);
        cf_call_discard(call);
    }
    call->result = len > 0 ? copy : &cf_nothing;
    call->result_len = len;
    call->free_result = free_copy;
    return 0;
}

int
cf_return_owned(struct cf_call *call, void *result, size_t len, void (*free_result)(void *))
{
    cf_call_discard(call);
    call->result = result != NULL ? result : (const void *)&cf_nothing;
    call->result_len = result != NULL ? len : 0;
    call->free_result = result != NULL ? free_result : NULL;
    return 0;
}

int
cf_raise(struct cf_call *call, const char *domain, int code, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    struct cf_error *error = cf_error_vnew(CF_RAISED, domain, code, call->task->name, call->worker->name, format, args);
    va_end(args);
    cf_call_set_error(call, error);
    return -1;
}

void
cf_call_conclude(struct cf_call *call, int rc)
{
    if (rc != 0 && call->error == NULL)
        cf_raise(call, "task", rc, "%s returned %d", call->task->name, rc);
    if (call->error == NULL && call->result == NULL)
        call->result = &cf_nothing;
}

struct cf_error *
cf_worker_open(struct cf_worker *worker)
{
    static const struct cf_task task = { .name = "open_worker" };
    const struct cf_options *options = &worker->executor->options;
    struct cf_call call = { .task = &task, .arg = &cf_nothing, .worker = worker };

    if (options->open_worker != NULL)
        cf_call_conclude(&call, options->open_worker(&call, &worker->local, options->worker_arg));
    struct cf_error *error = call.error;
    call.error = NULL;
    cf_call_discard(&call);
    worker->opened = error == NULL;
    return error;
}

void
cf_worker_close(struct cf_worker *worker)
{
    const struct cf_options *options = &worker->executor->options;

    if (worker->opened && options->close_worker != NULL)
        options->close_worker(worker->local);
    worker->opened = false;
}
