/* SPDX-License-Identifier: MIT */
/*
 * processes.c - the executor whose workers are processes.
 *
 * Calls wait in a queue until there is place in a lane (lanes.h).  Whoever submits fills lanes at once (dispatch.c); a
 * thread of the pool, the collector, sleeps until a worker rings, then takes the outcomes out of the lanes (news.c,
 * outcome.c) and fills them again; it also hears from the nursery of deaths (death.c).  A thread that waits for a
 * future does the collector's work while it spins, and when a worker wakes it (collector.c).  In the processes,
 * nursery.c forks workers and lane.c works.
 */

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "processes.h"

#define BUFFERS_SIZE ((size_t)BUFFERS * BUFFER_BYTES)

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
static void
dismiss_nursery(struct process_pool *pool)
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
    dismiss_nursery(pool);
    /* Nobody looks, wakes or withdraws any more. */
    atomic_store(&pool->ended, true);
    cf_news_exclude(pool);
    cf_executor_await_cancellers(executor);
    cf_callbacks_end(&pool->callbacks);
    while (atomic_load(&pool->waking) > 0)
        sched_yield();
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

static const struct cf_kind processes_kind = {
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

static void *
map_shared(size_t size)
{
    void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

    return memory == MAP_FAILED ? NULL : memory;
}

static int
map_memory(struct process_pool *pool)
{
    const unsigned workers = pool->base.options.max_workers;

    pool->segment_size = sizeof *pool->segment + workers * sizeof(struct lane);
    pool->segment = map_shared(pool->segment_size);
    pool->buffers = map_shared(BUFFERS_SIZE);
    pool->lanes = calloc(workers, sizeof *pool->lanes);
    if (pool->segment == NULL || pool->buffers == NULL || pool->lanes == NULL)
        return ENOMEM;
    pool->base.stopping = &pool->segment->stopping;
    atomic_store(&pool->segment->seat, cf_can_park_or() ? SEAT_FREE : SEAT_NONE);
    for (unsigned i = 0; i < workers; i++) {
        pool->lanes[i].number = i;
        pool->lanes[i].ahead = AHEAD;
        pool->lanes[i].cost = COST_UNKNOWN;
        cf_dispatch_sort(pool, &pool->lanes[i]);
    }
    for (unsigned i = 0; i < BUFFERS; i++)
        pool->free_buffers[i] = BUFFERS - i;
    pool->free_buffer_count = BUFFERS;
    cf_place_init(pool);
    return 0;
}

static int
open_descriptors(struct process_pool *pool, struct nursery *nursery)
{
    sigset_t death;
    int ends[2];

    pool->bell = cf_descriptor(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    if (pool->bell < 0)
        return errno;
    pool->memory = cf_descriptor(memfd_create("libcf", MFD_CLOEXEC));
    if (pool->memory < 0)
        return errno;
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
        return errno;
    pool->socket = cf_descriptor(ends[0]);
    nursery->orders = cf_descriptor(ends[1]);
    if (pool->socket < 0 || nursery->orders < 0)
        return errno;
    nursery->parent = cf_pidfd_of(getpid());
    if (nursery->parent < 0 && errno != ENOSYS)
        return errno;
    sigemptyset(&death);
    sigaddset(&death, SIGCHLD);
    nursery->deaths = cf_descriptor(signalfd(-1, &death, SFD_CLOEXEC | SFD_NONBLOCK));
    return nursery->deaths < 0 ? errno : 0;
}

/* All that can fail has been done before it is forked.  What was made for it alone is in any case given up here. */
static int
prepare_nursery(struct process_pool *pool, struct nursery *nursery)
{
    const struct cf_options *options = &pool->base.options;
    int error = open_descriptors(pool, nursery);

    if (error != 0)
        return error;
    nursery->segment = pool->segment;
    nursery->buffers = pool->buffers;
    nursery->executor = &pool->base;
    nursery->lanes = options->max_workers;
    nursery->max_calls = options->max_calls_per_worker;
    nursery->tell_claims = options->max_pending > 0 || options->call_timeout > 0 || options->observe != NULL;
    nursery->bell = pool->bell;
    nursery->memory = pool->memory;
    pthread_sigmask(SIG_SETMASK, NULL, &nursery->mask);
    nursery->pids = calloc(nursery->lanes, sizeof *nursery->pids);
    return nursery->pids == NULL ? ENOMEM : 0;
}

/*
 * What becomes readable when the nursery is gone: where the kernel has no pidfd, the socket, which it never writes to.
 * If that cannot be had, it is told to go.
 */
static int
watch_nursery(struct process_pool *pool)
{
    pool->nursery_fd = cf_pidfd_of(pool->nursery);
    if (pool->nursery_fd < 0 && errno == ENOSYS)
        pool->nursery_fd = fcntl(pool->socket, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
    int error = pool->nursery_fd < 0 ? errno : 0;
    if (error != 0)
        shutdown(pool->socket, SHUT_WR);
    return error;
}

static int
fork_nursery(struct process_pool *pool, struct nursery *nursery)
{
    pool->nursery = cf_orphan_fork(&pool->segment->nursery);
    if (pool->nursery == 0) {
        close(pool->socket);
        /* A process that a task forks may close the pool, and all that it has. */
        pool->socket = -1;
        cf_nursery_main(nursery);
    }
    if (pool->nursery < 0)
        return errno;
    /* Pools made later are not to keep this one's memory. */
    madvise(pool->segment, pool->segment_size, MADV_DONTFORK);
    madvise(pool->buffers, BUFFERS_SIZE, MADV_DONTFORK);
    return watch_nursery(pool);
}

static int
make_nursery(struct process_pool *pool)
{
    struct nursery nursery = { .parent = -1, .orders = -1, .deaths = -1 };
    const int *fds[] = { &nursery.parent, &nursery.orders, &nursery.deaths };
    int error = prepare_nursery(pool, &nursery);

    if (error == 0)
        error = fork_nursery(pool, &nursery);
    for (size_t i = 0; i < sizeof fds / sizeof fds[0]; i++)
        if (*fds[i] >= 0)
            close(*fds[i]);
    free(nursery.pids);
    return error;
}

static int
start_collector(struct process_pool *pool)
{
    int error = cf_thread_start(&pool->collector, cf_collector_main, pool, pool->base.name);

    if (error != 0)
        dismiss_nursery(pool);
    return error;
}

static int
make(struct process_pool *pool)
{
    int error = map_memory(pool);

    if (error == 0)
        error = make_nursery(pool);
    if (error == 0)
        error = start_collector(pool);
    return error;
}

static unsigned
default_workers(void)
{
    const unsigned cpus = cf_cpu_count();

    return cpus < LANES_MAX ? cpus : LANES_MAX;
}

struct cf_executor *
cf_process_pool(const struct cf_options *options)
{
    if (options != NULL && options->max_workers > LANES_MAX)
        return cf_constructor_failed(EINVAL);
    struct process_pool *pool = aligned_alloc(alignof(struct process_pool), sizeof *pool);
    if (pool == NULL)
        return cf_constructor_failed(ENOMEM);
    memset(pool, 0, sizeof *pool);
    int error = cf_executor_init(&pool->base, &processes_kind, options, default_workers());
    if (error != 0) {
        free(pool);
        return cf_constructor_failed(error);
    }
    pool->socket = pool->bell = pool->memory = pool->nursery_fd = -1;
    pool->last = &pool->first;
    pool->has_deadlines = options != NULL && options->call_timeout > 0;
    pthread_mutex_init(&pool->areas_lock, NULL);
    cf_callbacks_init(&pool->callbacks, &pool->base);
    pool->callbacks.stand_aside = cf_collector_stand_in;
    error = make(pool);
    if (error == 0)
        return &pool->base;
    processes_free(&pool->base);
    return cf_constructor_failed(error);
}
