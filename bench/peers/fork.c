/* SPDX-License-Identifier: MIT */
/* fork - a process for each task, as many at a time as there are workers; a pipe brings the results. */
#include "drive.h"
#include <sys/wait.h>
#include <unistd.h>

static size_t at_a_time;
static int results[2];

struct answer {
    size_t index;
    uint64_t result;
};

static void
start(unsigned workers)
{
    at_a_time = workers;
    if (pipe(results) != 0)
        measure_fail("no pipe can be made");
}

static void
submit(struct drive_task *tasks, size_t i)
{
    pid_t child = fork();

    if (child < 0)
        measure_fail("no process can be made");
    if (child > 0)
        return;
    drive_run(&tasks[i]);
    struct answer answer = { .index = i, .result = tasks[i].result };
    _exit(write(results[1], &answer, sizeof answer) == sizeof answer ? 0 : 1);
}

static void
collect(struct drive_task *tasks)
{
    struct answer answer;

    if (read(results[0], &answer, sizeof answer) != sizeof answer || wait(NULL) < 0)
        measure_fail("a process is lost");
    tasks[answer.index].result = answer.result;
}

static void
run(struct drive_task *tasks, size_t n)
{
    size_t collected = 0;

    for (size_t i = 0; i < n; i++) {
        if (i - collected == at_a_time) {
            collect(tasks);
            collected++;
        }
        submit(tasks, i);
    }
    for (; collected < n; collected++)
        collect(tasks);
}

int
main(int argc, char **argv)
{
    return drive_main(&(struct drive_peer){ .name = "fork", .open = start, .run = run }, argc, argv);
}
