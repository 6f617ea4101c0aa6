/* SPDX-License-Identifier: MIT */
/*
 * processes.c - the executor whose workers are processes; process_pool.c makes it.
 *
 * Calls wait in a queue until there is place in a lane (lanes.h).  Whoever submits fills lanes at once (dispatch.c); a
 * thread of the pool, the collector, sleeps until a worker rings, then takes the outcomes out of the lanes (news.c,
 * outcome.c) and fills them again; it also hears from the nursery of deaths (death.c).  A thread that waits for a
 * future does the collector's work while it spins, and when a worker wakes it (collector.c).  In the processes,
 * nursery.c forks workers and lane.c works.
 */

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "processes.h"

static int
processes_submit(struct cf_executor *executor, struct cf_future *call)
{
    struct process_pool *pool = cf_process_pool_of(executor);
    int error = cf_argument_place(pool, call);

    if (error != 0)
        return error;
    if (!cf_dispatch_submit(pool, call)) {
        cf_argument_drop(pool, call);
        return ESHUTDOWN;
    }
    /* The collector cancels what was there when the interrupt came. */
    if (cf_executor_is(executor, CF_EXECUTOR_INTERRUPTED))
        cf_executor_cancel_pending(executor);
    return 0;
}

static bool
processes_lend(struct cf_executor *executor, struct cf_future *call, const void *arg, size_t len)
{
    return cf_argument_lend(cf_process_pool_of(executor), call, arg, len);
}

static struct cf_future *
processes_withdraw(struct cf_executor *executor)
{
    struct process_pool *pool = cf_process_pool_of(executor);
    const unsigned end = pool->base.options.max_workers;

    cf_dispatch_lock(pool);
    cf_dispatch_empty_inbox(pool);
    struct cf_future *call = cf_dispatch_dequeue(pool);
    for (unsigned i = cf_set_next(&pool->busy, 0, end); i < end && call == NULL;
         i = cf_set_next(&pool->busy, i + 1, end))
        for (uint64_t k = pool->lanes[i].head; k < pool->lanes[i].tail && call == NULL; k++)
            call = cf_dispatch_recall(pool, &pool->lanes[i], k);
    cf_dispatch_unlock(pool);
    if (call != NULL)
        cf_argument_drop(pool, call);
    return call;
}

/* Find the call in a lane, and its index there; NULL: it is in none.  The lock is held. */
static struct lane_state *
find_in_lanes(struct process_pool *pool, const struct cf_future *call, uint64_t *index)
{
    const unsigned end = pool->base.options.max_workers;

    for (unsigned i = cf_set_next(&pool->busy, 0, end); i < end; i = cf_set_next(&pool->busy, i + 1, end)) {
        struct lane_state *lane = &pool->lanes[i];
        for (uint64_t k = lane->head; k < lane->tail; k++)
            if (atomic_load_explicit(&lane->calls[k % LANE_SLOTS], memory_order_acquire) == call) {
                *index = k;
                return lane;
            }
    }
    return NULL;
}

static bool
processes_recall(struct cf_executor *executor, struct cf_future *call, uint32_t *flags)
{
    struct process_pool *pool = cf_process_pool_of(executor);
    uint64_t index;

    cf_dispatch_lock(pool);
    struct lane_state *lane = find_in_lanes(pool, call, &index);
    const bool recalled = lane != NULL && cf_dispatch_recall(pool, lane, index) != NULL;
    const bool cancelled = (lane == NULL || recalled) && cf_future_leave_for_cancel(call, flags);
    cf_dispatch_unlock(pool);
    if (recalled) {
        cf_argument_drop(pool, call);
        cf_release(call);
    }
    return cancelled;
}

static bool
processes_has_started(struct cf_executor *executor, const struct cf_future *call)
{
    struct process_pool *pool = cf_process_pool_of(executor);
    uint64_t index;

    cf_dispatch_lock(pool);
    const struct lane_state *lane = find_in_lanes(pool, call, &index);
    const bool started = lane != NULL && atomic_load(&cf_lane_slot(pool, lane, index)->word) != SLOT_QUEUED;
    cf_dispatch_unlock(pool);
    /* If it is in no lane it waits in the queue, or has been taken out of its lane and is not pending any more. */
    return started || cf_future_state(call) != CF_STATE_PENDING;
}

static void
processes_stop(struct cf_executor *executor)
{
    struct process_pool *pool = cf_process_pool_of(executor);

    cf_spin_lock(&pool->inbox_lock);
    pool->stopped = true;
    cf_spin_unlock(&pool->inbox_lock);
    cf_collector_wake(pool);
}

static void
processes_kill(struct cf_executor *executor)
{
    atomic_store(&cf_process_pool_of(executor)->kill, true);
    cf_collector_wake(cf_process_pool_of(executor));
}

/*
 * The nursery is our child only where orphans become that, and somebody else may have reaped it, so its pid may be that
 * of a child of the program's by now.  A pidfd is of the nursery alone; kernels too old for waiting by it have only the
 * pid.
 */
static void
reap_nursery(struct process_pool *pool)
{
    enum { BY_PIDFD = 3 }; /* P_PIDFD, which older C libraries do not name */
    siginfo_t unused;

    if (waitid((idtype_t)BY_PIDFD, (id_t)pool->nursery_fd, &unused, WEXITED | WNOHANG) < 0 &&
        (errno == EINVAL || errno == EBADF))
        waitpid(pool->nursery, NULL, WNOHANG);
}

/* The nursery ends when it is told that there will be no more orders, and its workers have ended before. */
void
cf_processes_dismiss_nursery(struct process_pool *pool)
{
    struct pollfd ended = { .fd = pool->nursery_fd, .events = POLLIN };

    shutdown(pool->socket, SHUT_WR);
    while (poll(&ended, 1, -1) < 0 && errno == EINTR)
        ;
    reap_nursery(pool);
}

static void
close_all(struct process_pool *pool)
{
    int *fds[] = { &pool->socket, &pool->bell, &pool->memory, &pool->nursery_fd };

    for (size_t i = 0; i < sizeof fds / sizeof fds[0]; i++) {
        if (*fds[i] >= 0)
            close(*fds[i]);
        *fds[i] = -1;
    }
}

static void
processes_join(struct cf_executor *executor)
{
    struct process_pool *pool = cf_process_pool_of(executor);

    pthread_join(pool->collector, NULL);
    cf_processes_dismiss_nursery(pool);
    /* Nobody looks, wakes or withdraws any more. */
    atomic_store(&pool->ended, true);
    cf_news_exclude(pool);
    cf_executor_await_cancellers(executor);
    cf_callbacks_end(&pool->callbacks);
    while (atomic_load(&pool->waking) > 0)
        cf_make_way();
    cf_place_clear(pool);
    close_all(pool);
}

static bool
processes_abandon(struct cf_executor *executor)
{
    if (cf_lane_serves(executor))
        return false;
    close_all(cf_process_pool_of(executor));
    return true;
}

/*
 * Not in a forked child: it has not inherited this memory, and where it was may be something else by now.  The places
 * first, because until then futures that end give theirs back.
 */
static void
unmap_memory(struct process_pool *pool)
{
    cf_place_fini(pool);
    if (pool->segment != NULL)
        munmap(pool->segment, pool->segment_size);
    if (pool->buffers != NULL)
        munmap(pool->buffers, BUFFERS_SIZE);
}

static void
processes_free(struct cf_executor *executor)
{
    struct process_pool *pool = cf_process_pool_of(executor);

    close_all(pool);
    if (!cf_executor_frozen(executor))
        unmap_memory(pool);
    pthread_mutex_destroy(&pool->areas_lock);
    cf_callbacks_fini(&pool->callbacks);
    free(pool->free_areas);
    free(pool->lanes);
    cf_executor_fini(executor);
    free(pool);
}

static bool
processes_is_saturated(struct cf_executor *executor)
{
    return atomic_load_explicit(&cf_process_pool_of(executor)->full, memory_order_relaxed);
}

const struct cf_kind cf_processes_kind = {
    .submit = processes_submit,
    .withdraw = processes_withdraw,
    .stop = processes_stop,
    .join = processes_join,
    .free = processes_free,
    .abandon = processes_abandon,
    .is_saturated = processes_is_saturated,
    .recall = processes_recall,
    .watch = cf_collector_watch,
    .park = cf_collector_park,
    .has_started = processes_has_started,
    .kill = processes_kill,
    .lend = processes_lend,
};

int
cf_pidfd_of(pid_t pid)
{
    return cf_descriptor((int)syscall(SYS_pidfd_open, pid, 0));
}
