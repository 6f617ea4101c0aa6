/* SPDX-License-Identifier: MIT */
#include "measure.h"
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

uint64_t
measure_now(void)
{
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec;
}

void
measure_fail(const char *why)
{
    fprintf(stderr, "%s: %s\n", program_invocation_short_name, why);
    exit(EXIT_FAILURE);
}

void *
measure_bytes(size_t size, int value)
{
    void *bytes = malloc(size);

    if (bytes == NULL)
        measure_fail("no memory");
    return memset(bytes, value, size);
}

static int
compare(const void *a, const void *b)
{
    const uint64_t *x = a, *y = b;

    return (*x > *y) - (*x < *y);
}

double
measure_median(uint64_t *times, size_t n)
{
    qsort(times, n, sizeof *times, compare);
    uint64_t median = times[n / 2];
    return (double)median;
}

void
measure_print(const char *peer, const char *workload, unsigned workers, double value, const char *unit)
{
    printf("%s\t%s\t%u\t%.3f\t%s\n", peer, workload, workers, value, unit);
    if (fflush(stdout) != 0)
        measure_fail("cannot write the figure");
}

uint64_t
measure_busy(uint32_t steps)
{
    uint64_t x = steps | 1;

    for (uint32_t i = 0; i < steps; i++) {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        __asm__ volatile("" : "+r"(x));
    }
    return x;
}

/* The best of five is the one that was disturbed least. */
static double
steps_per_microsecond(void)
{
    const uint32_t steps = 2000000;
    double best = 0;

    for (int i = 0; i < 5; i++) {
        uint64_t start = measure_now();
        measure_busy(steps);
        double speed = steps * 1000.0 / (double)(measure_now() - start);
        best = speed > best ? speed : best;
    }
    return best;
}

uint32_t *
measure_works(size_t n, double *serial)
{
    uint32_t *works = measure_bytes(n * sizeof *works, 0);
    const double speed = steps_per_microsecond();
    uint64_t random = 88172645463325252;

    for (size_t i = 0; i < n; i++) {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        works[i] = (uint32_t)((5 + 10 * ((double)(random >> 11) / 9007199254740992.0)) * speed);
    }
    uint64_t start = measure_now();
    for (size_t i = 0; i < n; i++)
        measure_busy(works[i]);
    *serial = (double)(measure_now() - start);
    return works;
}

double
measure_over_ideal(uint64_t elapsed, double serial, unsigned workers)
{
    cpu_set_t set;
    unsigned processors = 1;

    if (sched_getaffinity(0, sizeof set, &set) == 0)
        processors = (unsigned)CPU_COUNT(&set);
    return (double)elapsed / (serial / (workers < processors ? workers : processors));
}

size_t
measure_number(const char *text)
{
    char *end;
    unsigned long long number;

    errno = 0;
    number = strtoull(text, &end, 10);
    if (number == 0 || *end != '\0' || errno != 0)
        measure_fail("workers and N are numbers of at least 1");
    return number;
}
