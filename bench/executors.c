/* SPDX-License-Identifier: MIT */
/*
 * executors - what a call costs.
 *
 * executors KIND WORKLOAD WORKERS N, where the kind is inline, threads or processes, prints "libcf-KIND, workload,
 * workers, figure, unit", separated by tabs.  A5 cannot run in processes, nor M inline.  What making and closing a pool
 * costs is measured by B4 alone; and as peers in C have their tasks in memory that was touched before the clock starts,
 * and Java runs a workload before it counts, so do we where the library's memory would count.
 */

#include "executors.h"
#include "measure.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct workload {
    const char *name;
    double (*run)(const struct trial *);
    const char *unit;
    enum { ONCE, WARM, OWN_POOL } how; /* run once before the clock starts, or with pools of its own */
    const char *what;
} workloads[] = {
    { "A1", calls_collected, "ns/task", WARM, "submit N empty tasks, then collect each" },
    { "A1w", calls_in_windows, "ns/task", WARM, "the same in windows of 1,000" },
    { "A2", calls_mapped, "ns/item", WARM, "map x * x + 1 over N items, in order, and read each" },
    { "A3", calls_awake, "ns", ONCE, "one task there and back: the median of N" },
    { "A3p", calls_parked, "ns", ONCE, "the same after a pause in which the worker has gone to sleep" },
    { "A4", calls_as_completed, "x ideal", WARM, "N tasks of 5 to 15 us as completed, over the least that they take" },
    { "A5", calls_nested, "ms", WARM, "fib(N), where each task submits one and waits for it" },
    { "A6", calls_from_outside, "ns/task", WARM, "four threads outside submit N / 4 each and collect them" },
    { "B1", calls_awake, "ns", ONCE, "A3 under the name that it has for processes" },
    { "B1p", calls_parked, "ns", ONCE, "A3p likewise" },
    { "B2", calls_collected, "ns/task", WARM, "A1 likewise" },
    { "B3", calls_mapped_in_chunks, "ns/item", WARM, "A2 likewise, in chunks of 4,000" },
    { "B4", pools_lifetime, "ms", OWN_POOL, "a pool made, used once and closed: the median of N" },
    { "B4g", pools_lifetime_large, "ms", OWN_POOL, "the same in a program that has touched 1 GiB" },
    { "B5", pools_echo_1, "GB/s", ONCE, "1 MB there and back, N times: bytes in and bytes out" },
    { "B6", pools_echo_64, "GB/s", ONCE, "64 MB likewise" },
    { "M", pools_memory, "bytes", OWN_POOL, "memory per future, N of them pending behind one worker" },
};

static const struct kind {
    const char *name;
    const char *peer;
    struct cf_executor *(*open)(const struct cf_options *);
} kinds[] = {
    { "inline", "libcf-inline", cf_inline_pool },
    { "threads", "libcf-threads", cf_thread_pool },
    { "processes", "libcf-processes", cf_process_pool },
};

#define COUNT(array) (sizeof(array) / sizeof *(array))

static _Noreturn void
usage(void)
{
    fputs("Usage: executors inline|threads|processes WORKLOAD WORKERS N\n", stderr);
    for (size_t i = 0; i < COUNT(workloads); i++)
        fprintf(stderr, "  %-3s  %s (%s)\n", workloads[i].name, workloads[i].what, workloads[i].unit);
    exit(2);
}

static const struct kind *
kind_of(const char *name)
{
    for (size_t i = 0; i < COUNT(kinds); i++)
        if (strcmp(name, kinds[i].name) == 0)
            return &kinds[i];
    usage();
}

static const struct workload *
workload_of(const char *name)
{
    for (size_t i = 0; i < COUNT(workloads); i++)
        if (strcmp(name, workloads[i].name) == 0)
            return &workloads[i];
    usage();
}

static struct cf_executor *
pool_for(const struct workload *workload, const struct trial *trial)
{
    if (workload->how == OWN_POOL)
        return NULL;
    /* A5 is what leapfrogging is for. */
    struct cf_executor *pool =
        trial->open(&(struct cf_options){ .max_workers = trial->workers, .leapfrog = workload->run == calls_nested });
    if (pool == NULL)
        measure_fail("no pool can be made");
    return pool;
}

int
main(int argc, char **argv)
{
    if (argc != 5)
        usage();
    const struct kind *kind = kind_of(argv[1]);
    const struct workload *workload = workload_of(argv[2]);
    struct trial trial = { .open = kind->open, .workers = (unsigned)measure_number(argv[3]) };

    trial.n = measure_number(argv[4]);
    trial.pool = pool_for(workload, &trial);
    if (workload->how == WARM)
        workload->run(&trial);
    measure_print(kind->peer, workload->name, trial.workers, workload->run(&trial), workload->unit);
    if (cf_close(trial.pool) != 0)
        measure_fail("the pool broke");
    return 0;
}
