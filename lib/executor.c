/* SPDX-License-Identifier: MIT */
/* executor.c - what all kinds of executors have in common: making and freeing one, what it is, and its observer. */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "core.h"

const char *
cf_version(void)
{
    return PACKAGE_VERSION;
}

/*
 * Making and freeing.
 */

struct cf_executor *
cf_constructor_failed(int error)
{
    cf_self.constructor_errno = error;
    errno = error;
    return NULL;
}

/* The default prefix of workers' names counts the pools of the process: cf-1, cf-2. */
static void
choose_name(struct cf_executor *executor, const char *name)
{
    static _Atomic unsigned made;

    if (name != NULL)
        snprintf(executor->name, sizeof executor->name, "%.*s", (int)sizeof executor->name - 1, name);
    else
        snprintf(executor->name, sizeof executor->name, "cf-%u", atomic_fetch_add(&made, 1) + 1);
    executor->options.name = executor->name;
}

int
cf_descriptor(int fd)
{
    if (fd < 0 || fd > STDERR_FILENO)
        return fd;
    int other = fcntl(fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
    int error = errno;
    close(fd);
    errno = error;
    return other;
}

int
cf_executor_init(struct cf_executor *executor, const struct cf_kind *kind, const struct cf_options *options,
                 unsigned default_workers)
{
    int error = cf_thread_setup();

    if (error != 0)
        return error;
    memset(executor, 0, sizeof *executor);
    executor->kind = kind;
    executor->refs = 1;
    executor->generation = cf_generation;
    executor->stopping = &executor->stop_word;
    if (options != NULL)
        executor->options = *options;
    if (executor->options.max_workers == 0)
        executor->options.max_workers = default_workers;
    choose_name(executor, executor->options.name);
    executor->stop_fd = cf_descriptor(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    if (executor->stop_fd < 0)
        return errno;
    pthread_mutex_init(&executor->lock, NULL);
    pthread_cond_init(&executor->joined_now, NULL);
    return 0;
}

/*
 * A signal handler in another thread, though not in the parent of a forked child, may be about to write to it, and
 * to the executor.
 */
void
cf_executor_close_stop_fd(struct cf_executor *executor)
{
    int fd = atomic_exchange(&executor->stop_fd, -1);

    while (atomic_load(&executor->interrupting) > 0 && !cf_executor_frozen(executor))
        cf_make_way();
    if (fd >= 0)
        close(fd);
}

void
cf_executor_fini(struct cf_executor *executor)
{
    cf_executor_close_stop_fd(executor);
    cf_error_free(executor->broken);
    pthread_cond_destroy(&executor->joined_now);
    pthread_mutex_destroy(&executor->lock);
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
        executor->kind->free(executor);
}

/*
 * What it is.
 */

int
cf_executor_refusal(const struct cf_executor *executor)
{
    if (executor == NULL)
        return cf_self.constructor_errno != 0 ? cf_self.constructor_errno : EINVAL;
    if (cf_executor_frozen(executor))
        return ECHILD;
    if (cf_executor_is(executor, CF_EXECUTOR_BROKEN))
        return EPIPE;
    if (cf_executor_is(executor, CF_EXECUTOR_SHUT))
        return ESHUTDOWN;
    if (cf_executor_is(executor, CF_EXECUTOR_INTERRUPTED))
        return ECANCELED;
    return 0;
}

/*
 * As in a callback, the frame makes waiting for the executor's calls fail, since they may need the very thread that
 * runs the observer.  The thread that submits a call may wait for others.
 */
void
cf_tell_observer(struct cf_executor *executor, enum cf_event_type type, struct cf_future *call,
                 const struct cf_worker *worker, cf_time when)
{
    cf_engage();
    struct cf_event event = {
        .type = type,
        .when = when != 0 ? when : cf_now(),
        .call = call,
        .task = call->task->name,
        .worker = worker == NULL ? "" : worker->name,
    };
    struct cf_frame frame = { .outer = cf_self.frame, .executor = executor };
    struct cf_executor *outer = cf_self.unbounded;
    if (type != CF_EVENT_SUBMITTED)
        cf_self.frame = &frame;
    cf_self.unbounded = executor;
    executor->options.observe(&event, executor->options.observe_arg);
    cf_self.unbounded = outer;
    cf_self.frame = frame.outer;
}

cf_time
cf_executor_latency(const struct cf_executor *executor)
{
    const double latency = executor->options.latency, most = 86400;

    if (latency == 0)
        return 500000;
    return latency < 0 ? 0 : (cf_time)((latency < most ? latency : most) * 1e9);
}

struct cf_error *
cf_executor_broken_error(const struct cf_executor *executor, const char *task)
{
    const struct cf_error *why = atomic_load(&executor->broken);

    return cf_error_new(CF_BROKEN, why->domain, why->code, task, why->worker, "%s", why->message);
}
