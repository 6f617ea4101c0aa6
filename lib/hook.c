/* SPDX-License-Identifier: MIT */
/* hook.c - telling those who wait for a future, and running its callbacks. */

#include <errno.h>
#include <stdlib.h>

#include "core.h"

/*
 * The locks of the hooks, each shared by the futures whose addresses hash to it.  Most futures never have a hook, so
 * a lock in each would be waste.
 */
enum { BUCKETS = 32 };

enum { TOLD_AT_ONCE = 16 }; /* waiters, under one lock */

static struct bucket {
    alignas(64) pthread_mutex_t lock;
    pthread_cond_t ended; /* a callback has returned */
} buckets[BUCKETS] = { [0 ... BUCKETS - 1] = { PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER } };

static struct bucket *
bucket_of(const struct cf_future *future)
{
    uint64_t hash = (uint64_t)(uintptr_t)future * UINT64_C(0x9e3779b97f4a7c15);

    return &buckets[hash >> 59];
}

/* A child must not find a list half changed by a thread that it has not. */
void
cf_hook_before_fork(void)
{
    for (int i = 0; i < BUCKETS; i++)
        pthread_mutex_lock(&buckets[i].lock);
}

void
cf_hook_after_fork(bool in_child)
{
    for (int i = BUCKETS - 1; i >= 0; i--) {
        if (in_child)
            pthread_cond_init(&buckets[i].ended, NULL);
        pthread_mutex_unlock(&buckets[i].lock);
    }
}

static void
link_last(struct cf_hook *hook)
{
    struct cf_hook **first = &hook->future->hooks;

    hook->next = NULL;
    hook->prev = hook;
    if (*first == NULL) {
        *first = hook;
    } else {
        hook->prev = (*first)->prev;
        hook->prev->next = hook;
        (*first)->prev = hook;
    }
    hook->linked = true;
}

static void
unlink_hook(struct cf_hook *hook)
{
    struct cf_hook **first = &hook->future->hooks;

    if (hook->next != NULL)
        hook->next->prev = hook->prev;
    else
        (*first)->prev = hook->prev;
    if (*first == hook)
        *first = hook->next;
    else
        hook->prev->next = hook->next;
    hook->linked = false;
}

bool
cf_hook_add(struct cf_hook *hook, struct cf_future *future)
{
    struct bucket *bucket = bucket_of(future);
    bool done;

    hook->future = future;
    hook->linked = false;
    if (cf_done(future))
        return false;

    pthread_mutex_lock(&bucket->lock);
    done = (atomic_fetch_or(&future->word, CF_STATE_HOOKED) & CF_STATE_MASK) >= CF_STATE_FINISHED;
    if (!done)
        link_last(hook);
    pthread_mutex_unlock(&bucket->lock);
    return !done;
}

void
cf_hook_remove(struct cf_hook *hook)
{
    struct bucket *bucket = bucket_of(hook->future);

    pthread_mutex_lock(&bucket->lock);
    if (hook->linked)
        unlink_hook(hook);
    pthread_mutex_unlock(&bucket->lock);
}

struct cf_executor *
cf_hook_interrupted(struct cf_hook *hook)
{
    struct bucket *bucket = bucket_of(hook->future);
    struct cf_executor *executor = NULL;

    pthread_mutex_lock(&bucket->lock);
    if (hook->linked)
        executor = hook->future->executor;
    if (executor != NULL && !cf_executor_is(executor, CF_EXECUTOR_INTERRUPTED))
        executor = NULL;
    if (executor != NULL)
        cf_executor_retain(executor);
    pthread_mutex_unlock(&bucket->lock);
    return executor;
}

/*
 * Whoever settles the future finds HOOKED set, and so needs the lock before he is through; that long the executor is
 * there.
 */
struct cf_executor *
cf_hook_executor(struct cf_future *future)
{
    struct bucket *bucket = bucket_of(future);
    struct cf_executor *executor = NULL;

    if (cf_done(future))
        return NULL;
    pthread_mutex_lock(&bucket->lock);
    if ((atomic_fetch_or(&future->word, CF_STATE_HOOKED) & CF_STATE_MASK) < CF_STATE_FINISHED)
        executor = future->executor;
    if (executor != NULL)
        cf_executor_retain(executor);
    pthread_mutex_unlock(&bucket->lock);
    return executor;
}

/* The frame makes waiting for the executor's other calls fail: they may need the very worker that runs the callback. */
static void
call_back(struct cf_future *future, void (*callback)(struct cf_future *, void *), void *data)
{
    struct cf_frame frame = { .outer = cf_self.frame, .executor = future->executor };

    cf_engage();
    cf_self.frame = &frame;
    callback(future, data);
    cf_self.frame = frame.outer;
}

/* The lock is held, but not while the callback runs; the hook stays linked so long, for cf_remove_on_done() to see. */
static void
run_callback(struct cf_hook *hook, struct bucket *bucket)
{
    hook->running = true;
    hook->by = pthread_self();
    pthread_mutex_unlock(&bucket->lock);
    call_back(hook->future, hook->callback, hook->data);
    pthread_mutex_lock(&bucket->lock);
    unlink_hook(hook);
    free(hook);
    pthread_cond_broadcast(&bucket->ended);
}

void
cf_hooks_call(struct cf_future *future)
{
    struct bucket *bucket = bucket_of(future);

    pthread_mutex_lock(&bucket->lock);
    while (future->hooks != NULL)
        run_callback(future->hooks, bucket); /* NOLINT(clang-analyzer-unix.Malloc): it unlinks the hook that it frees */
    pthread_mutex_unlock(&bucket->lock);
}

/* In the thread that has settled the future. */
static void
call_here(struct cf_future *future)
{
    const struct cf_callbacks *callbacks = cf_self.callbacks;

    if (callbacks != NULL && callbacks->stand_aside != NULL)
        callbacks->stand_aside(callbacks->executor);
    cf_hooks_call(future);
}

/* The first who waits and has not been told, or NULL. */
static struct cf_hook *
first_waiter(struct cf_future *future)
{
    struct cf_hook *hook = future->hooks;

    while (hook != NULL && hook->notify == NULL)
        hook = hook->next;
    return hook;
}

/* Tell those who wait, but not more than there is room for; how many of them are to be unparked. */
static unsigned
tell_some(struct cf_future *future, struct cf_parker *parkers[TOLD_AT_ONCE])
{
    struct cf_hook *hook;
    unsigned n = 0;

    while (n < TOLD_AT_ONCE && (hook = first_waiter(future)) != NULL) {
        unlink_hook(hook);
        parkers[n] = hook->notify(hook);
        if (parkers[n] != NULL)
            n++;
    }
    return n;
}

void
cf_hooks_run_and_release(struct cf_future *future)
{
    struct bucket *bucket = bucket_of(future);
    struct cf_parker *parkers[TOLD_AT_ONCE];
    bool left, full;

    do {
        pthread_mutex_lock(&bucket->lock);
        const unsigned n = tell_some(future, parkers);
        full = n == TOLD_AT_ONCE;
        left = future->hooks != NULL;
        pthread_mutex_unlock(&bucket->lock);
        if (!left)
            cf_release(future);
        for (unsigned i = 0; i < n; i++)
            cf_unpark(parkers[i]);
    } while (left && full);
    if (!left)
        return;
    /* What is left are callbacks. */
    if (cf_self.callbacks == NULL || !cf_callbacks_hand_over(cf_self.callbacks, future))
        call_here(future);
    cf_release(future);
}

void
cf_hooks_run(struct cf_future *future)
{
    cf_hooks_run_and_release(cf_retain(future));
}

int
cf_on_done(struct cf_future *future, void (*callback)(struct cf_future *, void *), void *data)
{
    struct cf_hook *hook = NULL;

    if (!cf_done(future)) {
        hook = malloc(sizeof *hook);
        if (hook == NULL)
            return -1;
        *hook = (struct cf_hook){ .callback = callback, .data = data };
        if (cf_hook_add(hook, future))
            return 0;
    }
    free(hook);
    cf_retain(future);
    callback(future, data);
    cf_release(future);
    return 0;
}

static struct cf_hook *
find(const struct cf_future *future, void (*callback)(struct cf_future *, void *), const void *data)
{
    struct cf_hook *hook = future->hooks;

    while (hook != NULL && (hook->callback != callback || hook->data != data))
        hook = hook->next;
    return hook;
}

static bool
is_linked(const struct cf_future *future, const struct cf_hook *hook)
{
    for (const struct cf_hook *h = future->hooks; h != NULL; h = h->next)
        if (h == hook)
            return true;
    return false;
}

bool
cf_remove_on_done(struct cf_future *future, void (*callback)(struct cf_future *, void *), void *data)
{
    struct bucket *bucket = bucket_of(future);
    bool removed = false;

    /* It was done before anybody could add a callback. */
    if (future->is_part)
        return false;

    pthread_mutex_lock(&bucket->lock);
    struct cf_hook *hook = find(future, callback, data);
    if (hook != NULL && !hook->running) {
        unlink_hook(hook);
        free(hook);
        removed = true;
    } else if (hook != NULL && !pthread_equal(hook->by, pthread_self())) {
        /* In a forked child the thread that runs it is not there. */
        while (future->generation == (uint8_t)cf_generation && is_linked(future, hook))
            pthread_cond_wait(&bucket->ended, &bucket->lock);
    }
    pthread_mutex_unlock(&bucket->lock);
    return removed;
}
