/* SPDX-License-Identifier: MIT */
/* process_pool.c - how a process pool is made. */

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "processes.h"

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
        cf_processes_dismiss_nursery(pool);
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
    int error = cf_executor_init(&pool->base, &cf_processes_kind, options, default_workers());
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
    cf_processes_kind.free(&pool->base);
    return cf_constructor_failed(error);
}
