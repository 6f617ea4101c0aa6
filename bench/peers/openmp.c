/* SPDX-License-Identifier: MIT */
/* openmp - OpenMP's tasks, of libgomp or libomp by the compiler.  The thread that submits is one of the workers. */
#include "drive.h"
#include <omp.h>

#ifdef __clang__
#define NAME "openmp-clang"
#else
#define NAME "openmp-gcc"
#endif

/* The threads are started with the first parallel region. */
static void
start(unsigned workers)
{
    omp_set_num_threads((int)workers);
#pragma omp parallel
    {
        __asm__ volatile("");
    }
}

static void
run(struct drive_task *tasks, size_t n)
{
#pragma omp parallel
#pragma omp single
    for (size_t i = 0; i < n; i++) {
#pragma omp task firstprivate(i)
        drive_run(&tasks[i]);
    }
}

static double
map(unsigned workers, size_t n)
{
    uint64_t *squares = measure_bytes(n * sizeof *squares, 1);

    (void)workers;
    uint64_t start_time = measure_now();
#pragma omp parallel for schedule(static)
    for (size_t i = 0; i < n; i++)
        squares[i] = (uint64_t)i * i + 1;
    uint64_t elapsed = measure_now() - start_time;
    if (squares[n - 1] != (uint64_t)(n - 1) * (n - 1) + 1)
        measure_fail("a wrong square");
    return (double)elapsed / (double)n;
}

/* A parallel region's begin and end is what comes nearest to a task there and back, and runs in another thread. */
static double
trip(unsigned workers, size_t n)
{
    uint64_t *times = measure_bytes(n * sizeof *times, 0);
    volatile uint64_t result = 0;

    for (size_t i = 0; i < n; i++) {
        uint64_t start_time = measure_now();
#pragma omp parallel
        {
            if (omp_get_thread_num() == (int)workers - 1)
                result = i + 1;
        }
        times[i] = measure_now() - start_time;
    }
    if (result != n)
        measure_fail("a wrong result");
    return measure_median(times, n);
}

static uint64_t
fib(size_t n)
{
    uint64_t first, second;

    if (n < 2)
        return n;
#pragma omp task shared(first) firstprivate(n)
    first = fib(n - 1);
    second = fib(n - 2);
#pragma omp taskwait
    return first + second;
}

static double
nested(unsigned workers, size_t n)
{
    uint64_t result = 0;

    (void)workers;
    uint64_t start_time = measure_now();
#pragma omp parallel
#pragma omp single
    result = fib(n);
    uint64_t elapsed = measure_now() - start_time;
    if (result != drive_fib(n))
        measure_fail("a wrong Fibonacci number");
    return (double)elapsed / 1e6;
}

int
main(int argc, char **argv)
{
    static const struct drive_extra extras[] = {
        { "A2", "ns/item", map },
        { "A3", "ns", trip },
        { "A5", "ms", nested },
        { 0 },
    };

    return drive_main(&(struct drive_peer){ .name = NAME, .open = start, .run = run, .extras = extras }, argc, argv);
}
