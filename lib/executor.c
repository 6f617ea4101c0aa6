/* SPDX-License-Identifier: MIT */
/* executor.c - what all kinds have in common: submitting, the bound, interrupts, breaking and shutting down. */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "core.h"

_Atomic uint32_t cf_interrupts;

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
cf_executor_init(struct cf_executor *executor, const struct cf_kind *kind, const struct cf_options *options,
                 unsigned default_workers)
{
    int error = cf_thread_setup();

    if (error != 0)
        return error;
    memset(executor, 0, sizeof *executor);
    executor->kind = kind;
    executor->refs = 1;
    executor->generation = cf_generation();
    executor->stopping = &executor->stop_word;
    if (options != NULL)
        executor->options = *options;
    if (executor->options.max_workers == 0)
        executor->options.max_workers = default_workers;
    choose_name(executor, executor->options.name);
    executor->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
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
static void
close_stop_fd(struct cf_executor *executor)
{
    int fd = atomic_exchange(&executor->stop_fd, -1);

    while (atomic_load(&executor->interrupting) > 0 && !cf_executor_frozen(executor))
        cf_pause();
    if (fd >= 0)
        close(fd);
}

void
cf_executor_fini(struct cf_executor *executor)
{
    close_stop_fd(executor);
    cf_error_free(executor->broken);
    pthread_cond_destroy(&executor->joined_now);
    pthread_mutex_destroy(&executor->lock);
}

bool
cf_executor_frozen(const struct cf_executor *executor)
{
    return executor->generation != cf_generation();
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
 * Submitting.
 */

void
cf_observe(struct cf_executor *executor, enum cf_event_type type, const struct cf_future *call,
           const struct cf_worker *worker, cf_time when)
{
    if (executor->options.observe == NULL)
        return;
    cf_engage();
    struct cf_event event = {
        .type = type,
        .when = when != 0 ? when : cf_now(),
        .call = call,
        .task = call->task->name,
        .worker = worker == NULL ? "" : worker->name,
    };
    struct cf_executor *outer = cf_self.unbounded;
    cf_self.unbounded = executor;
    executor->options.observe(&event, executor->options.observe_arg);
    cf_self.unbounded = outer;
}

static struct cf_error *
broken_error(struct cf_executor *executor, const struct cf_task *task)
{
    const struct cf_error *why = atomic_load(&executor->broken);

    return cf_error_new(CF_BROKEN, why->domain, why->code, task == NULL ? "" : task->name, why->worker, "%s",
                        why->message);
}

/* 0, or why the executor takes no calls.  A broken one is shut down too; broken_error() has more to say of it. */
static int
closed_errno(const struct cf_executor *executor)
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

/* Take one of the places for pending calls, or wait for one.  0 or an errno. */
static int
enter_room(struct cf_executor *executor, cf_time deadline)
{
    const bool exempt = cf_frame_of(executor) != NULL || cf_self.unbounded == executor;
    uint32_t pending = atomic_load(&executor->pending);

    for (;;) {
        uint32_t word = atomic_load(&executor->room_word);
        while (exempt || pending < executor->options.max_pending)
            if (atomic_compare_exchange_weak(&executor->pending, &pending, pending + 1))
                return 0;
        int error = closed_errno(executor);
        if (error != 0 || deadline == 0)
            return error != 0 ? error : EAGAIN;
        atomic_fetch_add(&executor->room_waiters, 1);
        pending = atomic_load(&executor->pending);
        if (pending >= executor->options.max_pending &&
            cf_futex_wait(&executor->room_word, word, deadline) == ETIMEDOUT)
            deadline = 0;
        atomic_fetch_sub(&executor->room_waiters, 1);
        pending = atomic_load(&executor->pending);
    }
}

static void
wake_room(struct cf_executor *executor, int count)
{
    atomic_fetch_add(&executor->room_word, 1);
    cf_futex_wake(&executor->room_word, count);
}

void
cf_executor_started(struct cf_executor *executor)
{
    if (executor->options.max_pending == 0)
        return;
    atomic_fetch_sub(&executor->pending, 1);
    if (atomic_load(&executor->room_waiters) > 0)
        wake_room(executor, 1);
}

static struct cf_future *
refuse(struct cf_executor *executor, const struct cf_task *task, bool chunk, const void *arg, size_t len, int error)
{
    const bool good = argument_errno(arg, len) == 0;
    const char *name = task == NULL || task->name == NULL ? "" : task->name;
    struct cf_error *why =
        error == EPIPE && executor != NULL ? broken_error(executor, task) : cf_error_errno(CF_REFUSED, error, name);

    return cf_future_refused(*name == '\0' ? NULL : task, chunk && good, arg, good ? len : 0, why);
}

struct cf_future *
cf_executor_submit(struct cf_executor *executor, const struct cf_task *task, bool chunk, const void *arg, size_t len,
                   cf_time deadline)
{
    int error = closed_errno(executor);
    if (error == 0)
        error = call_errno(task, arg, len);
    if (error == 0 && executor->options.max_pending > 0)
        error = enter_room(executor, deadline);
    if (error != 0)
        return refuse(executor, task, chunk, arg, len, error);

    struct cf_future *future = cf_future_new(executor, task, arg, len);
    if (future == NULL) {
        cf_executor_started(executor);
        return refuse(executor, task, chunk, arg, len, ENOMEM);
    }
    future->chunk = chunk;
    future->remote = executor->kind->recall != NULL;
    atomic_store_explicit(&future->refs, 2, memory_order_relaxed);
    cf_observe(executor, CF_EVENT_SUBMITTED, future, NULL, 0);
    error = executor->kind->submit(executor, future);
    if (error != 0) {
        cf_executor_started(executor);
        error = closed_errno(executor) == EPIPE ? EPIPE : error;
        cf_future_fail(future,
                       error == EPIPE ? broken_error(executor, task) : cf_error_errno(CF_REFUSED, error, task->name));
        cf_release(future);
    }
    return future;
}

struct cf_future *
cf_submit(struct cf_executor *executor, const struct cf_task *task, const void *arg, size_t len)
{
    return cf_executor_submit(executor, task, false, arg, len, CF_NEVER);
}

struct cf_future *
cf_try_submit(struct cf_executor *executor, const struct cf_task *task, const void *arg, size_t len)
{
    return cf_executor_submit(executor, task, false, arg, len, 0);
}

/*
 * Stopping.
 */

void
cf_executor_told(struct cf_executor *executor)
{
    if (atomic_fetch_sub(&executor->cancelling, 1) == 1)
        cf_futex_wake(&executor->cancelling, INT_MAX);
}

void
cf_executor_dispose(struct cf_executor *executor, struct cf_future *future)
{
    if (!cf_executor_is(executor, CF_EXECUTOR_BROKEN))
        cf_cancel(future);
    else if (cf_future_fail(future, broken_error(executor, future->task)))
        cf_executor_started(executor);
    cf_future_dequeued(future);
}

void
cf_executor_cancel_pending(struct cf_executor *executor)
{
    struct cf_future *future;

    /* Counts as a canceller: those who shut down wait for the callbacks that run here. */
    atomic_fetch_add(&executor->cancelling, 1);
    while ((future = executor->kind->withdraw(executor)) != NULL)
        cf_executor_dispose(executor, future);
    cf_executor_told(executor);
}

void
cf_executor_break(struct cf_executor *executor, const struct cf_error *cause, const char *what)
{
    struct cf_error *none = NULL;
    struct cf_error *error =
        cf_error_new(CF_BROKEN, cause->domain, cause->code, "", cause->worker, "%s: %s", what, cause->message);

    if (!atomic_compare_exchange_strong(&executor->broken, &none, error))
        cf_error_free(error);
    atomic_fetch_or(&executor->flags, CF_EXECUTOR_BROKEN);
    executor->kind->stop(executor);
    wake_room(executor, INT_MAX);
    cf_executor_cancel_pending(executor);
}

/* In a signal handler, too. */
void
cf_interrupt(struct cf_executor *executor)
{
    const uint64_t one = 1;
    int saved = errno;

    if (executor == NULL || cf_executor_frozen(executor))
        return;
    atomic_fetch_add(&executor->interrupting, 1);
    atomic_fetch_or(&executor->flags, CF_EXECUTOR_INTERRUPTED);
    atomic_store(executor->stopping, 1);
    int fd = atomic_load(&executor->stop_fd);
    /* It cannot fail but by being readable already. */
    if (fd >= 0 && write(fd, &one, sizeof one) < 0)
        errno = saved;
    wake_room(executor, INT_MAX);
    atomic_fetch_sub(&executor->interrupting, 1);
    atomic_fetch_add(&cf_interrupts, 1);
    cf_unpark_all();
    errno = saved;
}

static void
wait_for_cancellers(struct cf_executor *executor)
{
    uint32_t cancelling;

    while ((cancelling = atomic_load(&executor->cancelling)) > 0)
        cf_futex_wait(&executor->cancelling, cancelling, CF_NEVER);
}

/* One caller joins the workers, the others wait until it has. */
static void
join(struct cf_executor *executor)
{
    pthread_mutex_lock(&executor->lock);
    bool mine = !executor->joining;
    executor->joining = true;
    while (!mine && !executor->joined)
        pthread_cond_wait(&executor->joined_now, &executor->lock);
    pthread_mutex_unlock(&executor->lock);
    if (!mine)
        return;

    executor->kind->join(executor);
    wait_for_cancellers(executor);
    close_stop_fd(executor);
    pthread_mutex_lock(&executor->lock);
    executor->joined = true;
    pthread_cond_broadcast(&executor->joined_now);
    pthread_mutex_unlock(&executor->lock);
}

static int
fail(int error)
{
    errno = error;
    return -1;
}

int
cf_shutdown(struct cf_executor *executor, int how)
{
    if (executor == NULL)
        return 0;
    if (cf_executor_frozen(executor)) {
        close_stop_fd(executor);
        if (executor->kind->abandon != NULL)
            executor->kind->abandon(executor);
        return fail(ECHILD);
    }
    if ((how & CF_WAIT) != 0 && cf_frame_of(executor) != NULL)
        return fail(EDEADLK);

    atomic_fetch_or(&executor->flags, CF_EXECUTOR_SHUT);
    executor->kind->stop(executor);
    wake_room(executor, INT_MAX);
    if ((how & CF_KILL) != 0) {
        cf_interrupt(executor);
        if (executor->kind->kill != NULL)
            executor->kind->kill(executor);
    }
    if ((how & (CF_CANCEL | CF_KILL)) != 0)
        cf_executor_cancel_pending(executor);
    if ((how & CF_WAIT) == 0)
        return 0;
    join(executor);
    return cf_executor_is(executor, CF_EXECUTOR_BROKEN) ? fail(EPIPE) : 0;
}

int
cf_close(struct cf_executor *executor)
{
    int rc = cf_shutdown(executor, CF_WAIT);
    int error = errno;

    if (executor == NULL || (rc < 0 && (error == EDEADLK || error == ECHILD)))
        return rc;
    cf_executor_release(executor);
    errno = error;
    return rc;
}
