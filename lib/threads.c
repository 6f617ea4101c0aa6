/* SPDX-License-Identifier: MIT */
/* threads.c - the executor whose workers are threads: making them, running calls in them, joining them. */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "run.h"
#include "scheduler.h"

enum { MAX_WORKERS = 65535 };

struct worker {
    struct cf_worker base;
    pthread_t thread;
    struct cf_seat seat;
};

struct thread_pool {
    struct cf_executor base;
    struct cf_scheduler scheduler;

    pthread_mutex_t start_lock; /* guards the adding of workers */
    pthread_cond_t start_ended; /* a start has succeeded or failed */
};

static struct thread_pool *
pool_of(struct cf_executor *executor)
{
    return (struct thread_pool *)(void *)executor;
}

static struct worker *
worker_in(struct cf_seat *seat)
{
    return (struct worker *)(void *)((char *)seat - offsetof(struct worker, seat));
}

/*
 * Running calls.
 */

static struct worker *
worker_of(struct cf_worker *base)
{
    return (struct worker *)(void *)base;
}

static void
engage(struct cf_worker *base)
{
    struct worker *worker = worker_of(base);

    cf_search_engage(&pool_of(base->executor)->scheduler, &worker->seat);
}

/* If the awaited call was settled meanwhile, what was taken may be another's, which is in its place among our own. */
static struct cf_future *
leapfrog(struct cf_worker *base, struct cf_future *awaited)
{
    struct cf_scheduler *scheduler = &pool_of(base->executor)->scheduler;
    struct cf_seat *seat = cf_scheduler_seat_of(scheduler, atomic_load(&awaited->runner));
    struct cf_future *call = seat == NULL ? NULL : cf_deque_take_descendant(&seat->deque, awaited);

    if (call != NULL && cf_done(awaited) && cf_scheduler_add(scheduler, &worker_of(base)->seat, call) == 0)
        return NULL;
    return call;
}

static void
serve(struct worker *worker, struct thread_pool *pool, struct cf_future *future)
{
    if (cf_executor_is(&pool->base, CF_EXECUTOR_INTERRUPTED | CF_EXECUTOR_BROKEN)) {
        cf_executor_dispose(&pool->base, future);
        return;
    }
    if (!cf_future_claim(future)) {
        cf_future_dequeued(future);
        return;
    }
    cf_self.woke = false;
    cf_worker_run(&worker->base, future);
    cf_search_announce(&pool->scheduler, &worker->seat);
    cf_future_finish_and_release(future, &worker->base);
}

static struct cf_error *
open_worker(struct worker *worker, struct thread_pool *pool)
{
    worker->seat.parker = cf_parker_mine();
    if (worker->seat.parker == NULL)
        return cf_error_errno(CF_BROKEN, ENOMEM, "");
    if (pool->base.options.open_worker == NULL)
        return cf_worker_open(&worker->base);
    cf_scheduler_open(&pool->scheduler, &worker->seat);
    struct cf_error *error = cf_worker_open(&worker->base);
    cf_scheduler_opened(&pool->scheduler, &worker->seat);
    return error;
}

/* Waiting workers run calls inside calls; a quarter of the stack is kept for the last of them. */
static void
measure_stack(void)
{
    pthread_attr_t attributes;
    void *lowest;
    size_t size;

    if (pthread_getattr_np(pthread_self(), &attributes) != 0)
        return;
    if (pthread_attr_getstack(&attributes, &lowest, &size) == 0)
        cf_self.stack_low = (const char *)lowest + size / 4;
    pthread_attr_destroy(&attributes);
}

static void *
worker_main(void *arg)
{
    struct worker *worker = arg;
    struct thread_pool *pool = pool_of(worker->base.executor);
    struct cf_frame frame = { .executor = &pool->base, .worker = &worker->base };
    struct cf_future *future;

    /* Who made this thread has yet to say so to the others. */
    pthread_mutex_lock(&pool->start_lock);
    pthread_mutex_unlock(&pool->start_lock);
    measure_stack();
    cf_self.frame = &frame;
    cf_self.worker = &worker->base;
    struct cf_error *error = open_worker(worker, pool);
    if (error != NULL) {
        cf_executor_break(&pool->base, error, "a worker could not be opened");
        engage(&worker->base);
    }
    while (error == NULL && (future = cf_search_next(&pool->scheduler, &worker->seat)) != NULL)
        serve(worker, pool, future);
    cf_worker_close(&worker->base);
    cf_error_free(error);
    cf_self.frame = NULL;
    cf_self.worker = NULL;
    return NULL;
}

/*
 * Making workers.
 */

static int
create_thread(struct worker *worker)
{
    char name[16], number[12];

    int digits = snprintf(number, sizeof number, "-%u", worker->seat.number + 1);
    snprintf(name, sizeof name, "%.*s%s", (int)sizeof name - 1 - digits, worker->base.executor->name, number);
    return cf_thread_start(&worker->thread, worker_main, worker, name);
}

static struct worker *
new_worker(struct thread_pool *pool, unsigned number)
{
    struct worker *worker = aligned_alloc(alignof(struct worker), sizeof *worker);

    if (worker == NULL)
        return NULL;
    memset(worker, 0, sizeof *worker);
    worker->base.executor = &pool->base;
    worker->base.engage = engage;
    worker->base.deque = &worker->seat.deque;
    worker->base.leapfrog = pool->base.options.leapfrog ? leapfrog : NULL;
    snprintf(worker->base.name, sizeof worker->base.name, "thread %u", number + 1);
    worker->seat.number = number;
    worker->seat.batch = 1;
    worker->seat.searching = true; /* the scheduler has counted it */
    return worker;
}

static int
create_worker(struct thread_pool *pool)
{
    unsigned number = atomic_load_explicit(&pool->scheduler.created, memory_order_relaxed);
    struct worker *worker = new_worker(pool, number);

    if (worker == NULL)
        return ENOMEM;
    int error = create_thread(worker);
    if (error == 0)
        cf_scheduler_seat(&pool->scheduler, &worker->seat);
    else
        free(worker);
    return error;
}

static void
start_failed(struct thread_pool *pool, int error)
{
    if (!cf_scheduler_start_failed(&pool->scheduler))
        return;
    struct cf_error *cause = cf_error_errno(CF_BROKEN, error, "");
    cf_executor_break(&pool->base, cause, "no worker could be started");
    cf_error_free(cause);
}

static void
start_worker(struct cf_scheduler *scheduler)
{
    struct thread_pool *pool =
        (struct thread_pool *)(void *)((char *)scheduler - offsetof(struct thread_pool, scheduler));

    pthread_mutex_lock(&pool->start_lock);
    int error = create_worker(pool);
    pthread_mutex_unlock(&pool->start_lock);
    if (error != 0)
        start_failed(pool, error);
    pthread_mutex_lock(&pool->start_lock);
    pthread_cond_broadcast(&pool->start_ended);
    pthread_mutex_unlock(&pool->start_lock);
}

/*
 * The kind.
 */

static int
threads_submit(struct cf_executor *executor, struct cf_future *future)
{
    const bool own = cf_self.worker != NULL && cf_self.worker->executor == executor;
    struct cf_seat *seat = own ? &worker_of(cf_self.worker)->seat : NULL;

    return cf_scheduler_add(&pool_of(executor)->scheduler, seat, future);
}

static struct cf_future *
threads_withdraw(struct cf_executor *executor)
{
    return cf_scheduler_withdraw(&pool_of(executor)->scheduler);
}

static void
threads_stop(struct cf_executor *executor)
{
    cf_scheduler_stop(&pool_of(executor)->scheduler);
}

/* The i-th worker, or NULL if there will be no such. */
static struct worker *
nth_worker(struct thread_pool *pool, unsigned i)
{
    pthread_mutex_lock(&pool->start_lock);
    while (pool->scheduler.created <= i && cf_scheduler_started(&pool->scheduler) > i)
        pthread_cond_wait(&pool->start_ended, &pool->start_lock);
    struct worker *worker = i < pool->scheduler.created ? worker_in(pool->scheduler.seats[i]) : NULL;
    pthread_mutex_unlock(&pool->start_lock);
    return worker;
}

static void
threads_join(struct cf_executor *executor)
{
    struct thread_pool *pool = pool_of(executor);
    struct worker *worker;

    for (unsigned i = 0; (worker = nth_worker(pool, i)) != NULL; i++)
        pthread_join(worker->thread, NULL);
}

static void
threads_free(struct cf_executor *executor)
{
    struct thread_pool *pool = pool_of(executor);

    for (unsigned i = 0; i < pool->scheduler.created; i++)
        free(worker_in(pool->scheduler.seats[i]));
    cf_scheduler_fini(&pool->scheduler);
    pthread_cond_destroy(&pool->start_ended);
    pthread_mutex_destroy(&pool->start_lock);
    cf_executor_fini(executor);
    free(pool);
}

static bool
threads_is_saturated(struct cf_executor *executor)
{
    return atomic_load_explicit(&pool_of(executor)->scheduler.queue.length, memory_order_relaxed) > 0;
}

static const struct cf_kind threads_kind = {
    .submit = threads_submit,
    .withdraw = threads_withdraw,
    .stop = threads_stop,
    .join = threads_join,
    .free = threads_free,
    .is_saturated = threads_is_saturated,
};

static unsigned
default_workers(unsigned cpus)
{
    return cpus + 4 < 32 ? cpus + 4 : 32;
}

struct cf_executor *
cf_thread_pool(const struct cf_options *options)
{
    const unsigned cpus = cf_cpu_count();

    if (options != NULL && options->max_workers > MAX_WORKERS)
        return cf_constructor_failed(EINVAL);
    struct thread_pool *pool = aligned_alloc(alignof(struct thread_pool), sizeof *pool);
    if (pool == NULL)
        return cf_constructor_failed(ENOMEM);
    memset(pool, 0, sizeof *pool);
    int error = cf_executor_init(&pool->base, &threads_kind, options, default_workers(cpus));
    if (error != 0) {
        free(pool);
        return cf_constructor_failed(error);
    }

    const unsigned max_workers = pool->base.options.max_workers;
    pool->scheduler.start = start_worker;
    pthread_mutex_init(&pool->start_lock, NULL);
    pthread_cond_init(&pool->start_ended, NULL);
    if (cf_scheduler_init(&pool->scheduler, max_workers, cpus) != 0) {
        threads_free(&pool->base);
        return cf_constructor_failed(ENOMEM);
    }
    return &pool->base;
}
