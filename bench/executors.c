/* SPDX-License-Identifier: MIT */
/*
 * executors - what a call costs.
 *
 * executors KIND WORKLOAD WORKERS N, where the kind is inline, threads or processes, prints "libcf, kind, workload,
 * workers, figure, unit", separated by tabs:
 *   A1   submit N empty tasks, then collect each: nanoseconds a task
 *   A1w  the same in windows of 1,000
 *   A3   one task there and back, N times: the median in nanoseconds
 *   open a pool made, one task there and back, the pool closed, N times: the median in nanoseconds
 */

#include <cf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static int
increment(struct cf_call *call)
{
    uint64_t n = *(const uint64_t *)cf_arg(call, NULL) + 1;

    return cf_return(call, &n, sizeof n);
}
static const struct cf_task increment_task = { "increment", increment };

static uint64_t
now(void)
{
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec;
}

static _Noreturn void
die(const char *why)
{
    fprintf(stderr, "executors: %s\n", why);
    exit(EXIT_FAILURE);
}

/* Submit count tasks and collect them; return the sum of their results. */
static uint64_t
round_of(struct cf_executor *pool, struct cf_future **futures, uint64_t first, size_t count)
{
    uint64_t sum = 0;

    for (size_t i = 0; i < count; i++) {
        uint64_t n = first + i;
        futures[i] = cf_submit(pool, &increment_task, &n, sizeof n);
    }
    for (size_t i = 0; i < count; i++) {
        const uint64_t *result = cf_result(futures[i], NULL);
        if (result == NULL)
            die(cf_error_of(futures[i])->message);
        sum += *result;
        cf_release(futures[i]);
    }
    return sum;
}

static double
throughput(struct cf_executor *pool, size_t n, size_t window)
{
    struct cf_future **futures = calloc(window, sizeof(struct cf_future *));
    uint64_t sum = 0;

    if (futures == NULL)
        die("no memory");
    uint64_t start = now();
    for (size_t i = 0; i < n; i += window)
        sum += round_of(pool, futures, i, n - i < window ? n - i : window);
    uint64_t elapsed = now() - start;
    free(futures);
    if (sum != n * (n + 1) / 2)
        die("a wrong sum");
    return (double)elapsed / (double)n;
}

static int
compare(const void *a, const void *b)
{
    const uint64_t *x = a, *y = b;

    return (*x > *y) - (*x < *y);
}

static double
round_trip(struct cf_executor *pool, size_t n)
{
    uint64_t *times = calloc(n, sizeof *times);
    struct cf_future *future;

    if (times == NULL)
        die("no memory");
    for (size_t i = 0; i < n; i++) {
        uint64_t start = now();
        if (round_of(pool, &future, i, 1) != i + 1)
            die("a wrong result");
        times[i] = now() - start;
    }
    qsort(times, n, sizeof *times, compare);
    uint64_t median = times[n / 2];
    free(times);
    return (double)median;
}

typedef struct cf_executor *constructor(const struct cf_options *);

static double
lifetime(constructor *open, unsigned workers, size_t n)
{
    uint64_t *times = calloc(n, sizeof *times);
    struct cf_future *future;

    if (times == NULL)
        die("no memory");
    for (size_t i = 0; i < n; i++) {
        uint64_t start = now();
        struct cf_executor *pool = open(&(struct cf_options){ .max_workers = workers });
        round_of(pool, &future, i, 1);
        if (cf_close(pool) != 0)
            die("the pool broke");
        times[i] = now() - start;
    }
    qsort(times, n, sizeof *times, compare);
    uint64_t median = times[n / 2];
    free(times);
    return (double)median;
}

static constructor *
kind_of(const char *name)
{
    if (strcmp(name, "inline") == 0)
        return cf_inline_pool;
    if (strcmp(name, "threads") == 0)
        return cf_thread_pool;
    if (strcmp(name, "processes") == 0)
        return cf_process_pool;
    die("no such kind");
}

int
main(int argc, char **argv)
{
    size_t n = argc == 5 ? strtoull(argv[4], NULL, 10) : 0;
    unsigned workers = argc == 5 ? (unsigned)strtoul(argv[3], NULL, 10) : 0;
    double figure;

    if (n == 0 || workers == 0)
        die("usage: executors inline|threads|processes A1|A1w|A3|open WORKERS N");
    constructor *open = kind_of(argv[1]);
    struct cf_executor *pool = open(&(struct cf_options){ .max_workers = workers });
    if (strcmp(argv[2], "A1") == 0)
        figure = throughput(pool, n, n);
    else if (strcmp(argv[2], "A1w") == 0)
        figure = throughput(pool, n, 1000);
    else if (strcmp(argv[2], "A3") == 0)
        figure = round_trip(pool, n);
    else if (strcmp(argv[2], "open") == 0)
        figure = lifetime(open, workers, n);
    else
        die("no such workload");
    printf("libcf\t%s\t%s\t%u\t%.1f\tns\n", argv[1], argv[2], workers, figure);
    return cf_close(pool) == 0 ? 0 : 1;
}
