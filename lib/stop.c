/* SPDX-License-Identifier: MIT */
/* stop.c - the ends of an executor: interrupting it, breaking it, shutting it down. */

#include <errno.h>
#include <unistd.h>

#include "core.h"

_Atomic uint32_t cf_interrupts;

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
    else if (cf_future_fail(future, cf_executor_broken_error(executor, future->task->name)))
        cf_room_leave(executor);
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
    cf_room_wake_all(executor);
    cf_executor_cancel_pending(executor);
}

/* In a signal handler, too, which may have come at any point: so no locks, but whoever sleeps is woken to look. */
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
    atomic_fetch_sub(&executor->interrupting, 1);
    atomic_fetch_add(&cf_interrupts, 1);
    cf_unpark_all();
    errno = saved;
}

void
cf_executor_await_cancellers(struct cf_executor *executor)
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
    cf_executor_await_cancellers(executor);
    cf_executor_close_stop_fd(executor);
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
        if (executor->kind->abandon == NULL || executor->kind->abandon(executor))
            cf_executor_close_stop_fd(executor);
        return fail(ECHILD);
    }
    if ((how & CF_WAIT) != 0 && cf_frame_of(executor) != NULL)
        return fail(EDEADLK);

    atomic_fetch_or(&executor->flags, CF_EXECUTOR_SHUT);
    executor->kind->stop(executor);
    cf_room_wake_all(executor);
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
