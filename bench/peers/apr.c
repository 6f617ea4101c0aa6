/* SPDX-License-Identifier: MIT */
/*
 * apr - APR-util's thread pool.  It has no futures, so the last task of a run releases a latch, and A4 waits for all of
 * them instead of for each as it completes.
 */
#include "drive.h"
#include <apr_general.h>
#include <apr_thread_pool.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

static apr_thread_pool_t *pool;

struct latch {
    atomic_size_t left;
    pthread_mutex_t lock;
    pthread_cond_t released;
    int open; /* under lock */
};

struct job {
    struct drive_task *task;
    struct latch *latch;
};

static void *APR_THREAD_FUNC
serve(apr_thread_t *thread, void *data)
{
    struct job *job = data;
    struct latch *latch = job->latch;

    (void)thread;
    drive_run(job->task);
    if (atomic_fetch_sub(&latch->left, 1) == 1) {
        pthread_mutex_lock(&latch->lock);
        latch->open = 1;
        pthread_cond_signal(&latch->released);
        pthread_mutex_unlock(&latch->lock);
    }
    return NULL;
}

static void
await(struct latch *latch)
{
    pthread_mutex_lock(&latch->lock);
    while (!latch->open)
        pthread_cond_wait(&latch->released, &latch->lock);
    pthread_mutex_unlock(&latch->lock);
}

static void
run(struct drive_task *tasks, size_t n)
{
    struct latch latch = { .left = n, .lock = PTHREAD_MUTEX_INITIALIZER, .released = PTHREAD_COND_INITIALIZER };
    struct job *jobs = malloc(n * sizeof *jobs);

    if (jobs == NULL)
        measure_fail("no memory");
    for (size_t i = 0; i < n; i++) {
        jobs[i] = (struct job){ .task = &tasks[i], .latch = &latch };
        apr_thread_pool_push(pool, serve, &jobs[i], APR_THREAD_TASK_PRIORITY_NORMAL, NULL);
    }
    await(&latch);
    free(jobs);
}

static void
start(unsigned workers)
{
    apr_pool_t *memory;

    if (apr_initialize() != APR_SUCCESS || apr_pool_create(&memory, NULL) != APR_SUCCESS ||
        apr_thread_pool_create(&pool, workers, workers, memory) != APR_SUCCESS)
        measure_fail("no pool can be made");
}

/* The pool's threads are left to the system, as its own end may take seconds. */
int
main(int argc, char **argv)
{
    _exit(drive_main(&(struct drive_peer){ .name = "apr", .open = start, .run = run }, argc, argv));
}
