/* SPDX-License-Identifier: MIT */
/* inline.c - the executor that runs each call inside cf_submit(). */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "run.h"

/*
 * It has one worker, which is whichever thread submits.  Threads take turns; a task or callback that submits to its
 * own executor has the turn already.
 */
struct inline_pool {
    struct cf_executor base;
    struct cf_worker worker; /* belongs to whoever has the turn */
    bool tried_to_open;      /* likewise */

    pthread_mutex_t lock; /* guards what follows */
    pthread_cond_t free;  /* the turn is free, or the pool was stopped */
    bool taken;
    bool stopped;
};

static struct inline_pool *
inline_of(struct cf_executor *executor)
{
    return (struct inline_pool *)(void *)executor;
}

static int
take_turn(struct inline_pool *pool, bool nested)
{
    pthread_mutex_lock(&pool->lock);
    while (!nested && pool->taken && !pool->stopped)
        pthread_cond_wait(&pool->free, &pool->lock);
    bool stopped = pool->stopped;
    if (!stopped)
        pool->taken = true;
    pthread_mutex_unlock(&pool->lock);
    return stopped ? ESHUTDOWN : 0;
}

static void
give_turn(struct inline_pool *pool)
{
    pthread_mutex_lock(&pool->lock);
    pool->taken = false;
    pthread_cond_broadcast(&pool->free);
    pthread_mutex_unlock(&pool->lock);
}

static void
open_once(struct inline_pool *pool)
{
    if (pool->tried_to_open)
        return;
    pool->tried_to_open = true;
    struct cf_error *error = cf_worker_open(&pool->worker);
    if (error != NULL)
        cf_executor_break(&pool->base, error, "the worker could not be opened");
    cf_error_free(error);
}

static void
serve(struct inline_pool *pool, struct cf_future *future)
{
    if (cf_executor_is(&pool->base, CF_EXECUTOR_INTERRUPTED | CF_EXECUTOR_BROKEN) || !cf_future_claim(future)) {
        cf_executor_dispose(&pool->base, future);
        return;
    }
    cf_future_run(future, &pool->worker);
    cf_future_finish_and_release(future, &pool->worker);
}

static int
inline_submit(struct cf_executor *executor, struct cf_future *future)
{
    struct inline_pool *pool = inline_of(executor);
    const bool nested = cf_frame_of(executor) != NULL;
    struct cf_frame frame = { .outer = cf_self.frame, .executor = executor, .worker = &pool->worker };

    int error = take_turn(pool, nested);
    if (error != 0)
        return error;
    cf_parker_mine(); /* who runs the call; see circle.c */
    cf_self.frame = &frame;
    open_once(pool);
    serve(pool, future);
    cf_self.frame = frame.outer;
    if (!nested)
        give_turn(pool);
    return 0;
}

static struct cf_future *
inline_withdraw(struct cf_executor *executor)
{
    (void)executor;
    return NULL;
}

static void
inline_stop(struct cf_executor *executor)
{
    struct inline_pool *pool = inline_of(executor);

    pthread_mutex_lock(&pool->lock);
    pool->stopped = true;
    pthread_cond_broadcast(&pool->free);
    pthread_mutex_unlock(&pool->lock);
}

static void
inline_join(struct cf_executor *executor)
{
    struct inline_pool *pool = inline_of(executor);
    struct cf_frame frame = { .outer = cf_self.frame, .executor = executor, .worker = &pool->worker };

    pthread_mutex_lock(&pool->lock);
    while (pool->taken)
        pthread_cond_wait(&pool->free, &pool->lock);
    pthread_mutex_unlock(&pool->lock);
    cf_self.frame = &frame;
    cf_worker_close(&pool->worker);
    cf_self.frame = frame.outer;
}

static void
inline_free(struct cf_executor *executor)
{
    struct inline_pool *pool = inline_of(executor);

    pthread_cond_destroy(&pool->free);
    pthread_mutex_destroy(&pool->lock);
    cf_executor_fini(executor);
    free(pool);
}

static const struct cf_kind inline_kind = {
    .submit = inline_submit,
    .withdraw = inline_withdraw,
    .stop = inline_stop,
    .join = inline_join,
    .free = inline_free,
};

struct cf_executor *
cf_inline_pool(const struct cf_options *options)
{
    struct inline_pool *pool = calloc(1, sizeof *pool);
    if (pool == NULL)
        return cf_constructor_failed(ENOMEM);
    int error = cf_executor_init(&pool->base, &inline_kind, options, 1);
    if (error != 0) {
        free(pool);
        return cf_constructor_failed(error);
    }
    pool->worker.executor = &pool->base;
    strcpy(pool->worker.name, "inline");
    pthread_mutex_init(&pool->lock, NULL);
    pthread_cond_init(&pool->free, NULL);
    return &pool->base;
}
