/* SPDX-License-Identifier: MIT */
/* threads.c - the executor whose workers are threads. */

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core.h"

enum {
    MAX_WORKERS = 65535,
    RING = 64,       /* calls that a worker may take from the queue at a time; a power of two */
    SPINS = 1000,    /* of a worker that looks for work, before it goes to sleep: some 20 microseconds */
    STEAL_FIRST = 32 /* every so many takes, those that wait in others' rings come before the queue */
};

/* A batch that took less than this was one of short calls, and the next may be twice as large. */
#define SHORT_BATCH INT64_C(20000) /* nanoseconds */

/*
 * A worker takes calls from the queue in batches, so that short calls do not cost a lock each.  What it has taken
 * stays open to others: its ring can be emptied by anyone, but only its owner fills it, and only when it is empty.
 *
 * The word of the ring is where its first call is, where its last one ends, and how often it was filled:  a thief
 * that read a slot which has since been filled anew fails to move the word on.
 */
struct worker {
    struct cf_worker base;
    pthread_t thread;
    unsigned number; /* from 0 */
    struct cf_parker *parker;
    unsigned batch;   /* how many calls to take next time */
    unsigned takes;   /* how often it has looked for work */
    cf_time taken_at; /* when it took the last batch; 0: not timed */
    bool searching;   /* it is one of pool->searching; written under the pool's lock, and read by itself without */
    _Atomic bool roused;
    struct worker *next_idle; /* guarded by the pool's lock */

    alignas(64) _Atomic uint64_t ring; /* fills << 32 | end << 16 | first */
    _Atomic(struct cf_future *) slots[RING];
};

struct thread_pool {
    struct cf_executor base;
    unsigned share; /* the workers that can really run at once */

    pthread_mutex_t start_lock; /* guards the adding of workers */
    pthread_cond_t start_ended; /* a start has succeeded or failed */
    _Atomic unsigned created;   /* workers[0] to workers[created - 1] are there for good */
    struct worker **workers;

    alignas(64) struct cf_spin lock; /* guards what follows */
    struct cf_future *first, **last; /* the queue */
    _Atomic size_t length;           /* of the queue; read without the lock where a guess will do */
    struct worker *idle;             /* those asleep, the last to fall asleep first */
    unsigned searching;              /* those who will look into the queue and the rings before they fall asleep */
    unsigned started;                /* created, or being so */
    unsigned opening;                /* those that run .open_worker, and will look then */
    bool stopped;
};

static struct thread_pool *
pool_of(struct cf_executor *executor)
{
    return (struct thread_pool *)(void *)executor;
}

/*
 * Rings.
 */

static bool
ring_is_empty(struct worker *worker)
{
    uint64_t ring = atomic_load_explicit(&worker->ring, memory_order_acquire);

    return (ring & 0xffff) == (ring >> 16 & 0xffff);
}

static struct cf_future *
ring_take(struct worker *worker)
{
    uint64_t ring = atomic_load_explicit(&worker->ring, memory_order_acquire);

    while ((ring & 0xffff) != (ring >> 16 & 0xffff)) {
        struct cf_future *future = atomic_load_explicit(&worker->slots[(ring & 0xffff) % RING], memory_order_relaxed);
        if (atomic_compare_exchange_weak_explicit(&worker->ring, &ring, ring + 1, memory_order_acq_rel,
                                                  memory_order_acquire))
            return future;
    }
    return NULL;
}

/* By the owner of an empty ring. */
static void
ring_fill(struct worker *worker, unsigned n)
{
    uint64_t fills = (atomic_load_explicit(&worker->ring, memory_order_relaxed) >> 32) + 1;

    atomic_store_explicit(&worker->ring, fills << 32 | (uint64_t)n << 16, memory_order_release);
}

static struct cf_future *
steal(struct thread_pool *pool, unsigned start)
{
    unsigned created = atomic_load_explicit(&pool->created, memory_order_acquire);

    for (unsigned i = 0; i < created; i++) {
        struct cf_future *future = ring_take(pool->workers[(start + i) % created]);
        if (future != NULL)
            return future;
    }
    return NULL;
}

static bool
rings_are_empty(struct thread_pool *pool)
{
    unsigned created = atomic_load_explicit(&pool->created, memory_order_acquire);

    for (unsigned i = 0; i < created; i++)
        if (!ring_is_empty(pool->workers[i]))
            return false;
    return true;
}

/*
 * Rousing.  At most one worker at a time is roused to look for work.  When it finds some, and leaves some, it rouses
 * the next; so a burst wakes as many as it needs, and a trickle wakes one.
 *
 * Whenever the lock is free: if there is work, then somebody is searching, or all workers are busy and there cannot
 * be more of them.  A busy one looks for work when it has done.
 */
struct rousing {
    struct worker *wake;
    bool start;
};

/* What to do about work, if there is any.  The lock is held; carry_out() comes after it is released. */
static struct rousing
rouse(struct thread_pool *pool)
{
    struct rousing rousing = { .wake = pool->idle };

    if (pool->searching > 0 || (pool->length == 0 && rings_are_empty(pool)))
        return (struct rousing){ 0 };
    if (rousing.wake != NULL) {
        pool->idle = rousing.wake->next_idle;
        rousing.wake->searching = true;
        pool->searching++;
    } else if (pool->started < pool->base.options.max_workers &&
               (pool->length > pool->opening || !rings_are_empty(pool))) {
        rousing.start = true;
        pool->started++;
        pool->searching++;
    }
    return rousing;
}

static void start_worker(struct thread_pool *);

static void
carry_out(struct thread_pool *pool, struct rousing rousing)
{
    if (rousing.wake != NULL) {
        atomic_store(&rousing.wake->roused, true);
        cf_unpark(rousing.wake->parker);
    } else if (rousing.start) {
        start_worker(pool);
    }
}

/* The lock is held. */
static void
stop_searching(struct worker *worker, struct thread_pool *pool)
{
    if (worker->searching)
        pool->searching--;
    worker->searching = false;
}

/*
 * A worker that has run its last call says that it will look for work before it settles the call: else a program that
 * submits one call after another would start a new worker each time that it is quicker than the old one.
 */
static void
announce(struct worker *worker, struct thread_pool *pool)
{
    if (worker->searching || atomic_load_explicit(&pool->length, memory_order_relaxed) > 0)
        return;
    cf_spin_lock(&pool->lock);
    if (pool->searching == 0) {
        pool->searching++;
        worker->searching = true;
    }
    cf_spin_unlock(&pool->lock);
}

/* But a callback may keep it from looking. */
static void
engage(struct cf_worker *base)
{
    struct worker *worker = (struct worker *)(void *)base;
    struct thread_pool *pool = pool_of(base->executor);
    struct rousing rousing = { 0 };

    if (!worker->searching)
        return;
    cf_spin_lock(&pool->lock);
    stop_searching(worker, pool);
    rousing = rouse(pool);
    cf_spin_unlock(&pool->lock);
    carry_out(pool, rousing);
}

/*
 * Taking work.
 */

/* The batch grows while calls are short; where they are long it is a single call, for order and latency. */
static void
adapt_batch(struct worker *worker)
{
    cf_time now = cf_now();

    if (worker->taken_at == 0)
        ;
    else if (now - worker->taken_at > 4 * SHORT_BATCH)
        worker->batch = 1;
    else if (now - worker->taken_at > SHORT_BATCH)
        worker->batch = (worker->batch + 1) / 2;
    else if (worker->batch < RING)
        worker->batch *= 2;
    worker->taken_at = now;
}

static struct cf_future *
dequeue(struct thread_pool *pool)
{
    struct cf_future *future = pool->first;

    if (future == NULL)
        return NULL;
    pool->first = future->next;
    if (pool->first == NULL)
        pool->last = &pool->first;
    atomic_store_explicit(&pool->length, pool->length - 1, memory_order_relaxed);
    return future;
}

/* Take a batch from the queue: the first call to be run at once, the others into the ring, which is empty. */
static struct cf_future *
take_batch(struct worker *worker, struct thread_pool *pool)
{
    struct rousing rousing = { 0 };
    unsigned n = 0;

    adapt_batch(worker);
    cf_spin_lock(&pool->lock);
    size_t fair = pool->length / (2 * (size_t)pool->share) + 1;
    unsigned most = worker->batch < fair ? worker->batch : (unsigned)fair;
    struct cf_future *first = dequeue(pool);
    while (n + 1 < most && pool->first != NULL)
        atomic_store_explicit(&worker->slots[n++], dequeue(pool), memory_order_relaxed);
    if (n > 0)
        ring_fill(worker, n);
    if (first != NULL) {
        stop_searching(worker, pool);
        if (n > 0 || pool->first != NULL)
            rousing = rouse(pool);
    }
    cf_spin_unlock(&pool->lock);
    carry_out(pool, rousing);
    return first;
}

static struct cf_future *
take_from_others(struct worker *worker, struct thread_pool *pool)
{
    struct cf_future *future = steal(pool, worker->number + 1);
    struct rousing rousing = { 0 };

    worker->taken_at = 0;
    if (future == NULL || !worker->searching)
        return future;
    cf_spin_lock(&pool->lock);
    stop_searching(worker, pool);
    rousing = rouse(pool);
    cf_spin_unlock(&pool->lock);
    carry_out(pool, rousing);
    return future;
}

static struct cf_future *
take(struct worker *worker, struct thread_pool *pool)
{
    struct cf_future *future = ring_take(worker);

    if (future == NULL && ++worker->takes % STEAL_FIRST == 0)
        future = take_from_others(worker, pool);
    if (future == NULL)
        future = take_batch(worker, pool);
    if (future == NULL)
        future = take_from_others(worker, pool);
    return future;
}

static void
spin(struct thread_pool *pool)
{
    for (int i = 0; i < SPINS && atomic_load_explicit(&pool->length, memory_order_relaxed) == 0; i++) {
        if (i % 64 == 63 && !rings_are_empty(pool))
            return;
        cf_pause();
    }
}

static void
sleep_until_roused(struct worker *worker)
{
    while (!atomic_load(&worker->roused))
        cf_park(worker->parker, CF_NEVER);
    atomic_store(&worker->roused, false);
}

/* Nothing was found.  Spin, if nobody else does; having spun, sleep.  False: there will never be more. */
static bool
wait_for_work(struct worker *worker, struct thread_pool *pool, bool *spun)
{
    worker->taken_at = 0;
    cf_spin_lock(&pool->lock);
    bool none = pool->first == NULL && rings_are_empty(pool);
    bool end = none && pool->stopped;
    bool may_spin = !*spun && (worker->searching || pool->searching == 0);
    bool idle = none && !end && !may_spin;
    if (may_spin && !worker->searching) {
        pool->searching++;
        worker->searching = true;
    }
    if (idle || end)
        stop_searching(worker, pool);
    if (idle) {
        worker->next_idle = pool->idle;
        pool->idle = worker;
    }
    cf_spin_unlock(&pool->lock);

    *spun = !idle;
    if (idle)
        sleep_until_roused(worker);
    else if (may_spin && !end)
        spin(pool);
    return !end;
}

static struct cf_future *
next_call(struct worker *worker, struct thread_pool *pool)
{
    struct cf_future *future;
    bool spun = false;

    while ((future = take(worker, pool)) == NULL)
        if (!wait_for_work(worker, pool, &spun))
            return NULL;
    return future;
}

/*
 * Workers.
 */

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
    cf_future_run(future, &worker->base);
    if (ring_is_empty(worker))
        announce(worker, pool);
    cf_future_finish(future, &worker->base, 0);
    cf_release(future);
}

/* Opening may take long: meanwhile the worker is not searching, but a call that waits needs no other new one. */
static struct cf_error *
open_slowly(struct worker *worker, struct thread_pool *pool)
{
    cf_spin_lock(&pool->lock);
    pool->opening++;
    stop_searching(worker, pool);
    struct rousing rousing = rouse(pool);
    cf_spin_unlock(&pool->lock);
    carry_out(pool, rousing);

    struct cf_error *error = cf_worker_open(&worker->base);

    cf_spin_lock(&pool->lock);
    pool->opening--;
    pool->searching++;
    worker->searching = true;
    cf_spin_unlock(&pool->lock);
    return error;
}

static struct cf_error *
open_worker(struct worker *worker, struct thread_pool *pool)
{
    worker->parker = cf_parker_mine();
    if (worker->parker == NULL)
        return cf_error_errno(CF_BROKEN, ENOMEM, "");
    return pool->base.options.open_worker == NULL ? cf_worker_open(&worker->base) : open_slowly(worker, pool);
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
    while (error == NULL && (future = next_call(worker, pool)) != NULL)
        serve(worker, pool, future);
    cf_worker_close(&worker->base);
    cf_error_free(error);
    cf_self.frame = NULL;
    cf_self.worker = NULL;
    return NULL;
}

static void
name_thread(const struct worker *worker)
{
    char name[16], number[12];

    int digits = snprintf(number, sizeof number, "-%u", worker->number + 1);
    snprintf(name, sizeof name, "%.*s%s", (int)sizeof name - 1 - digits, worker->base.executor->name, number);
    pthread_setname_np(worker->thread, name);
}

/* Signals are the program's; the workers get those alone that their own instructions cause. */
static int
create_thread(struct worker *worker)
{
    sigset_t all, old;

    sigfillset(&all);
    sigdelset(&all, SIGSEGV);
    sigdelset(&all, SIGBUS);
    sigdelset(&all, SIGFPE);
    sigdelset(&all, SIGILL);
    sigdelset(&all, SIGTRAP);
    sigdelset(&all, SIGSYS);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    int error = pthread_create(&worker->thread, NULL, worker_main, worker);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    if (error == 0)
        name_thread(worker);
    return error;
}

static int
create_worker(struct thread_pool *pool)
{
    unsigned number = atomic_load_explicit(&pool->created, memory_order_relaxed);
    struct worker *worker = aligned_alloc(alignof(struct worker), sizeof *worker);

    if (worker == NULL)
        return ENOMEM;
    memset(worker, 0, sizeof *worker);
    worker->base.executor = &pool->base;
    worker->base.engage = engage;
    snprintf(worker->base.name, sizeof worker->base.name, "thread %u", number + 1);
    worker->number = number;
    worker->batch = 1;
    worker->searching = true; /* start_worker()'s caller has counted it */
    pool->workers[number] = worker;
    int error = create_thread(worker);
    if (error == 0)
        atomic_store_explicit(&pool->created, number + 1, memory_order_release);
    else
        free(worker);
    return error;
}

/* Those who work already will do without it; if there are none, nobody would. */
static void
start_failed(struct thread_pool *pool, int error)
{
    struct rousing rousing = { 0 };

    cf_spin_lock(&pool->lock);
    pool->searching--;
    bool alone = --pool->started == 0;
    if (pool->idle != NULL)
        rousing = rouse(pool);
    cf_spin_unlock(&pool->lock);
    carry_out(pool, rousing);
    if (alone) {
        struct cf_error *cause = cf_error_errno(CF_BROKEN, error, "");
        cf_executor_break(&pool->base, cause, "no worker could be started");
        cf_error_free(cause);
    }
}

static void
start_worker(struct thread_pool *pool)
{
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
    struct thread_pool *pool = pool_of(executor);
    struct rousing rousing = { 0 };

    cf_spin_lock(&pool->lock);
    bool stopped = pool->stopped;
    if (!stopped) {
        *pool->last = future;
        pool->last = &future->next;
        atomic_store_explicit(&pool->length, pool->length + 1, memory_order_relaxed);
        rousing = rouse(pool);
    }
    cf_spin_unlock(&pool->lock);
    carry_out(pool, rousing);
    return stopped ? ESHUTDOWN : 0;
}

static struct cf_future *
threads_withdraw(struct cf_executor *executor)
{
    struct thread_pool *pool = pool_of(executor);

    cf_spin_lock(&pool->lock);
    struct cf_future *future = dequeue(pool);
    cf_spin_unlock(&pool->lock);
    return future != NULL ? future : steal(pool, 0);
}

static void
threads_stop(struct cf_executor *executor)
{
    struct thread_pool *pool = pool_of(executor);

    cf_spin_lock(&pool->lock);
    pool->stopped = true;
    struct worker *idle = pool->idle;
    pool->idle = NULL;
    cf_spin_unlock(&pool->lock);
    while (idle != NULL) {
        struct worker *next = idle->next_idle;
        carry_out(pool, (struct rousing){ .wake = idle });
        idle = next;
    }
}

static unsigned
started(struct thread_pool *pool)
{
    cf_spin_lock(&pool->lock);
    unsigned count = pool->started;
    cf_spin_unlock(&pool->lock);
    return count;
}

/* The i-th worker, or NULL if there will be no such. */
static struct worker *
nth_worker(struct thread_pool *pool, unsigned i)
{
    pthread_mutex_lock(&pool->start_lock);
    while (pool->created <= i && started(pool) > i)
        pthread_cond_wait(&pool->start_ended, &pool->start_lock);
    struct worker *worker = i < pool->created ? pool->workers[i] : NULL;
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

    for (unsigned i = 0; i < pool->created; i++)
        free(pool->workers[i]); /* NOLINT(clang-analyzer-core.NullDereference): none is created before its array */
    free(pool->workers);
    pthread_cond_destroy(&pool->start_ended);
    pthread_mutex_destroy(&pool->start_lock);
    cf_executor_fini(executor);
    free(pool);
}

static const struct cf_kind threads_kind = {
    .submit = threads_submit,
    .withdraw = threads_withdraw,
    .stop = threads_stop,
    .join = threads_join,
    .free = threads_free,
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
    pool->share = max_workers < cpus ? max_workers : cpus;
    pool->last = &pool->first;
    pthread_mutex_init(&pool->start_lock, NULL);
    pthread_cond_init(&pool->start_ended, NULL);
    pool->workers = calloc(max_workers, sizeof(struct worker *));
    if (pool->workers == NULL) {
        threads_free(&pool->base);
        return cf_constructor_failed(ENOMEM);
    }
    return &pool->base;
}
