/* SPDX-License-Identifier: MIT */
#include "drive.h"
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct drive_task *
tasks_from(uint64_t first, size_t n)
{
    struct drive_task *tasks = measure_bytes(n * sizeof *tasks, 0);

    for (size_t i = 0; i < n; i++)
        tasks[i].argument = first + i;
    return tasks;
}

static void
check(const struct drive_task *tasks, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (tasks[i].result != tasks[i].argument + 1)
            measure_fail("a wrong result");
}

static double
throughput(const struct drive_peer *peer, size_t n, size_t window)
{
    struct drive_task *tasks = tasks_from(0, n);

    uint64_t start = measure_now();
    for (size_t i = 0; i < n; i += window)
        peer->run(&tasks[i], n - i < window ? n - i : window);
    uint64_t elapsed = measure_now() - start;
    check(tasks, n);
    free(tasks);
    return (double)elapsed / (double)n;
}

static double
collected(const struct drive_peer *peer, unsigned workers, size_t n)
{
    (void)workers;
    return throughput(peer, n, n);
}

static double
in_windows(const struct drive_peer *peer, unsigned workers, size_t n)
{
    (void)workers;
    return throughput(peer, n, 1000);
}

static double
round_trip(const struct drive_peer *peer, size_t n, useconds_t pause)
{
    struct drive_task *tasks = tasks_from(0, n);
    uint64_t *times = measure_bytes(n * sizeof *times, 0);

    for (size_t i = 0; i < n; i++) {
        if (pause != 0)
            usleep(pause);
        uint64_t start = measure_now();
        peer->run(&tasks[i], 1);
        times[i] = measure_now() - start;
    }
    check(tasks, n);
    double median = measure_median(times, n);
    free(times);
    free(tasks);
    return median;
}

static double
awake(const struct drive_peer *peer, unsigned workers, size_t n)
{
    (void)workers;
    return round_trip(peer, n, 0);
}

static double
parked(const struct drive_peer *peer, unsigned workers, size_t n)
{
    (void)workers;
    return round_trip(peer, n, MEASURE_PAUSE_US);
}

static double
as_completed(const struct drive_peer *peer, unsigned workers, size_t n)
{
    double serial;
    uint32_t *works = measure_works(n, &serial);
    struct drive_task *tasks = tasks_from(0, n);

    for (size_t i = 0; i < n; i++)
        tasks[i].work = works[i];
    uint64_t start = measure_now();
    peer->run(tasks, n);
    uint64_t elapsed = measure_now() - start;
    free(tasks);
    free(works);
    return measure_over_ideal(elapsed, serial, workers);
}

struct part {
    const struct drive_peer *peer;
    struct drive_task *tasks;
    size_t n;
};

static void *
run_part(void *data)
{
    const struct part *part = data;

    part->peer->run(part->tasks, part->n);
    return NULL;
}

static double
from_outside(const struct drive_peer *peer, unsigned workers, size_t n)
{
    struct part parts[4];
    pthread_t threads[4];
    const size_t quarter = n / 4;

    (void)workers;
    for (size_t i = 0; i < 4; i++)
        parts[i] = (struct part){ .peer = peer, .tasks = tasks_from(0, quarter), .n = quarter };
    uint64_t start = measure_now();
    for (int i = 0; i < 4; i++)
        if (pthread_create(&threads[i], NULL, run_part, &parts[i]) != 0)
            measure_fail("no thread can be made");
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    uint64_t elapsed = measure_now() - start;
    for (int i = 0; i < 4; i++)
        check(parts[i].tasks, parts[i].n);
    return (double)elapsed / (double)(4 * quarter);
}

static const struct workload {
    const char *name;
    const char *unit;
    double (*run)(const struct drive_peer *, unsigned workers, size_t n);
} workloads[] = {
    { "A1", "ns/task", collected }, { "A1w", "ns/task", in_windows },  { "A3", "ns", awake },
    { "A3p", "ns", parked },        { "A4", "x ideal", as_completed }, { "A6", "ns/task", from_outside },
    { "B1", "ns", awake },          { "B1p", "ns", parked },           { "B2", "ns/task", collected },
};

static const struct drive_extra *
extra_of(const struct drive_peer *peer, const char *name)
{
    for (const struct drive_extra *extra = peer->extras; extra != NULL && extra->run != NULL; extra++)
        if (strcmp(extra->workload, name) == 0)
            return extra;
    return NULL;
}

static const struct workload *
workload_of(const char *name)
{
    for (size_t i = 0; i < sizeof workloads / sizeof *workloads; i++)
        if (strcmp(workloads[i].name, name) == 0)
            return &workloads[i];
    measure_fail("no such workload");
}

int
drive_main(const struct drive_peer *peer, int argc, char **argv)
{
    if (argc != 4)
        measure_fail("usage: WORKLOAD WORKERS N");
    unsigned workers = (unsigned)measure_number(argv[2]);
    size_t n = measure_number(argv[3]);
    const struct drive_extra *extra = extra_of(peer, argv[1]);
    const struct workload *workload = extra == NULL ? workload_of(argv[1]) : NULL;

    peer->open(workers);
    double figure = extra != NULL ? extra->run(workers, n) : workload->run(peer, workers, n);
    measure_print(peer->name, argv[1], workers, figure, extra != NULL ? extra->unit : workload->unit);
    return 0;
}

uint64_t
drive_fib(size_t n)
{
    uint64_t a = 0, b = 1;

    while (n-- > 0) {
        uint64_t sum = a + b;
        a = b;
        b = sum;
    }
    return a;
}
