/* SPDX-License-Identifier: MIT */
/*
 * circle.c - tasks that wait for each other's results in a circle.
 *
 * A thread that waits for one future depends on it; a running future depends on the thread that runs it.  A thread
 * that is about to wait follows these steps from its future; if they lead back to it, waiting would never end.  Of a
 * circle's threads the last to enter sees it, since the entries of the others are there by then: both are written
 * under one lock.  Only threads that run a task can be part of a circle, so all others pass without the lock.
 */

#include "core.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

/*
 * The future that the thread running this one waits for, or NULL.  The future may finish while we look, and its
 * thread may go on to anything; so what was read only counts if it is still unfinished afterwards.  Parkers are never
 * freed.
 */
static struct cf_future *
step(struct cf_future *future, const struct cf_parker *mine, bool *circle)
{
    const uint32_t runner = atomic_load(&future->runner);
    struct cf_future *next = NULL;

    if (runner == mine->number)
        *circle = !cf_done(future);
    else if (runner != 0 && (runner & CF_TOOK) == 0)
        next = atomic_load(&cf_parker_numbered(runner)->awaiting);
    return cf_done(future) ? NULL : next;
}

void
cf_circle_before_fork(void)
{
    pthread_mutex_lock(&lock);
}

void
cf_circle_after_fork(void)
{
    pthread_mutex_unlock(&lock);
}

bool
cf_circle_enter(struct cf_parker *mine, struct cf_future *future)
{
    bool circle = false;

    if (cf_self.frame == NULL)
        return true;
    pthread_mutex_lock(&lock);
    for (struct cf_future *f = future; f != NULL && !circle;)
        f = step(f, mine, &circle);
    if (!circle)
        atomic_store(&mine->awaiting, future);
    pthread_mutex_unlock(&lock);
    return !circle;
}

void
cf_circle_leave(struct cf_parker *mine)
{
    if (atomic_load_explicit(&mine->awaiting, memory_order_relaxed) == NULL)
        return;
    pthread_mutex_lock(&lock);
    atomic_store(&mine->awaiting, NULL);
    pthread_mutex_unlock(&lock);
}
