/* SPDX-License-Identifier: MIT */
/* pthread - a thread for each task, at most 1,000 at a time. */
#include "drive.h"
#include <pthread.h>

static pthread_attr_t attributes;

static void
start(unsigned workers)
{
    (void)workers;
    if (pthread_attr_init(&attributes) != 0 || pthread_attr_setstacksize(&attributes, 65536) != 0)
        measure_fail("no attributes");
}

static void *
serve(void *data)
{
    drive_run(data);
    return NULL;
}

static void
run_window(struct drive_task *tasks, size_t n)
{
    pthread_t threads[1000];

    for (size_t i = 0; i < n; i++)
        if (pthread_create(&threads[i], &attributes, serve, &tasks[i]) != 0)
            measure_fail("no thread can be made");
    for (size_t i = 0; i < n; i++)
        pthread_join(threads[i], NULL);
}

static void
run(struct drive_task *tasks, size_t n)
{
    for (size_t i = 0; i < n; i += 1000)
        run_window(&tasks[i], n - i < 1000 ? n - i : 1000);
}

int
main(int argc, char **argv)
{
    return drive_main(&(struct drive_peer){ .name = "pthread", .open = start, .run = run }, argc, argv);
}
