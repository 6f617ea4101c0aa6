/* SPDX-License-Identifier: MIT */
/* glib - GLib's GThreadPool, whose threads are its own, and a GAsyncQueue for the results. */
#include "drive.h"
#include <glib.h>

static GThreadPool *pool;

struct job {
    struct drive_task *task;
    GAsyncQueue *done;
};

static void
serve(gpointer data, gpointer user_data)
{
    struct job *job = data;

    (void)user_data;
    drive_run(job->task);
    g_async_queue_push(job->done, job);
}

static void
start(unsigned workers)
{
    pool = g_thread_pool_new(serve, NULL, (int)workers, TRUE, NULL);
}

static void
run(struct drive_task *tasks, size_t n)
{
    static _Thread_local GAsyncQueue *done;
    struct job *jobs = g_new(struct job, n);

    if (done == NULL)
        done = g_async_queue_new();
    for (size_t i = 0; i < n; i++) {
        jobs[i] = (struct job){ .task = &tasks[i], .done = done };
        g_thread_pool_push(pool, &jobs[i], NULL);
    }
    for (size_t i = 0; i < n; i++)
        g_async_queue_pop(done);
    g_free(jobs);
}

int
main(int argc, char **argv)
{
    return drive_main(&(struct drive_peer){ .name = "glib", .open = start, .run = run }, argc, argv);
}
