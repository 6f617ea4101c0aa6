/* SPDX-License-Identifier: MIT */
/*
 * callbacks.c - the thread of an executor that runs the callbacks of its calls.
 *
 * Kinds whose outcomes are collected by one thread for all workers have it, so that a slow callback delays other
 * callbacks alone: not those who wait for a result, no time limit, and no worker that is to be replaced.
 */

#include <stdlib.h>

#include "core.h"

/* A future whose callbacks are due, retained. */
struct cf_due {
    struct cf_due *next;
    struct cf_future *future;
};

void
cf_callbacks_init(struct cf_callbacks *callbacks, struct cf_executor *executor)
{
    callbacks->executor = executor;
    pthread_mutex_init(&callbacks->lock, NULL);
    pthread_cond_init(&callbacks->changed, NULL);
    callbacks->last = &callbacks->first;
}

static struct cf_due *
take_first(struct cf_callbacks *callbacks)
{
    struct cf_due *due;

    pthread_mutex_lock(&callbacks->lock);
    while (callbacks->first == NULL && !callbacks->ending)
        pthread_cond_wait(&callbacks->changed, &callbacks->lock);
    due = callbacks->first;
    if (due != NULL)
        callbacks->first = due->next;
    if (callbacks->first == NULL)
        callbacks->last = &callbacks->first;
    pthread_mutex_unlock(&callbacks->lock);
    return due;
}

static void *
run(void *arg)
{
    struct cf_due *due;

    while ((due = take_first(arg)) != NULL) {
        cf_hooks_call(due->future);
        cf_release(due->future);
        free(due);
    }
    return NULL;
}

bool
cf_callbacks_hand_over(struct cf_callbacks *callbacks, struct cf_future *future)
{
    struct cf_due *due = future->executor == callbacks->executor ? malloc(sizeof *due) : NULL;

    if (due == NULL)
        return false;
    pthread_mutex_lock(&callbacks->lock);
    if (!callbacks->started)
        callbacks->started = cf_thread_start(&callbacks->thread, run, callbacks, callbacks->executor->name) == 0;
    const bool started = callbacks->started;
    if (started) {
        *due = (struct cf_due){ .future = cf_retain(future) };
        *callbacks->last = due;
        callbacks->last = &due->next;
        pthread_cond_signal(&callbacks->changed);
    }
    pthread_mutex_unlock(&callbacks->lock);
    if (!started)
        free(due);
    return started;
}

void
cf_callbacks_end(struct cf_callbacks *callbacks)
{
    pthread_mutex_lock(&callbacks->lock);
    callbacks->ending = true;
    pthread_cond_signal(&callbacks->changed);
    pthread_mutex_unlock(&callbacks->lock);
    if (callbacks->started)
        pthread_join(callbacks->thread, NULL);
    callbacks->started = false;
}

void
cf_callbacks_fini(struct cf_callbacks *callbacks)
{
    pthread_cond_destroy(&callbacks->changed);
    pthread_mutex_destroy(&callbacks->lock);
}
