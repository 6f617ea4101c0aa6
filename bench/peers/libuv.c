/* SPDX-License-Identifier: MIT */
/* libuv - uv_queue_work(), which tells the thread of its loop when each is done. */
#include "drive.h"
#include <stdio.h>
#include <stdlib.h>
#include <uv.h>

struct job {
    uv_work_t work;
    struct drive_task *task;
};

static void
serve(uv_work_t *work)
{
    drive_run(((struct job *)work->data)->task);
}

static void
after(uv_work_t *work, int status)
{
    (void)work;
    if (status != 0)
        measure_fail("a task was cancelled");
}

/* A loop belongs to one thread. */
static uv_loop_t *
own_loop(void)
{
    static _Thread_local uv_loop_t loop;
    static _Thread_local int made;

    if (!made && uv_loop_init(&loop) != 0)
        measure_fail("no loop can be made");
    made = 1;
    return &loop;
}

static void
run(struct drive_task *tasks, size_t n)
{
    struct job *jobs = malloc(n * sizeof *jobs);

    if (jobs == NULL)
        measure_fail("no memory");
    for (size_t i = 0; i < n; i++) {
        jobs[i].task = &tasks[i];
        jobs[i].work.data = &jobs[i];
        uv_queue_work(own_loop(), &jobs[i].work, serve, after);
    }
    uv_run(own_loop(), UV_RUN_DEFAULT);
    free(jobs);
}

/* The threads are started with the first task. */
static void
start(unsigned workers)
{
    struct drive_task task = { .argument = 1 };
    char number[16];

    snprintf(number, sizeof number, "%u", workers);
    setenv("UV_THREADPOOL_SIZE", number, 1);
    run(&task, 1);
}

int
main(int argc, char **argv)
{
    return drive_main(&(struct drive_peer){ .name = "libuv", .open = start, .run = run }, argc, argv);
}
