/* SPDX-License-Identifier: MIT */
#include "executors.h"
#include "measure.h"
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

enum { CHUNK = 4000 }; /* items, where it is not for the library to say */

static int
increment(struct cf_call *call)
{
    uint64_t n = *(const uint64_t *)cf_arg(call, NULL) + 1;

    return cf_return(call, &n, sizeof n);
}
const struct cf_task calls_increment = { "increment", increment };

static int
square(struct cf_call *call)
{
    uint64_t n = *(const uint64_t *)cf_arg(call, NULL);

    n = n * n + 1;
    return cf_return(call, &n, sizeof n);
}
static const struct cf_task square_task = { "square", square };

static int
work(struct cf_call *call)
{
    uint64_t n = measure_busy(*(const uint32_t *)cf_arg(call, NULL));

    return cf_return(call, &n, sizeof n);
}
static const struct cf_task work_task = { "work", work };

static uint64_t
result_of(struct cf_future *future)
{
    const uint64_t *result = cf_result(future, NULL);

    if (result == NULL)
        measure_fail(cf_error_of(future)->message);
    return *result;
}

uint64_t
calls_take(struct cf_future *future)
{
    uint64_t result = result_of(future);

    cf_release(future);
    return result;
}

static struct cf_future **
room_for(size_t count)
{
    return measure_bytes(count * sizeof(struct cf_future *), 0);
}

/* Submit count tasks and collect them; return the sum of their results. */
static uint64_t
round_of(struct cf_executor *pool, struct cf_future **futures, uint64_t first, size_t count)
{
    uint64_t sum = 0;

    for (size_t i = 0; i < count; i++) {
        uint64_t n = first + i;
        futures[i] = cf_submit(pool, &calls_increment, &n, sizeof n);
    }
    for (size_t i = 0; i < count; i++)
        sum += calls_take(futures[i]);
    return sum;
}

static void
check_sum(uint64_t sum, size_t n)
{
    if (sum != (uint64_t)n * (n + 1) / 2)
        measure_fail("a wrong sum");
}

static double
throughput(struct cf_executor *pool, size_t n, size_t window)
{
    struct cf_future **futures = room_for(window);
    uint64_t sum = 0;

    uint64_t start = measure_now();
    for (size_t i = 0; i < n; i += window)
        sum += round_of(pool, futures, i, n - i < window ? n - i : window);
    uint64_t elapsed = measure_now() - start;
    free(futures);
    check_sum(sum, n);
    return (double)elapsed / (double)n;
}

double
calls_collected(const struct trial *trial)
{
    return throughput(trial->pool, trial->n, trial->n);
}

double
calls_in_windows(const struct trial *trial)
{
    return throughput(trial->pool, trial->n, 1000);
}

static uint64_t *
numbers_below(size_t n)
{
    uint64_t *numbers = measure_bytes(n * sizeof *numbers, 0);

    for (size_t i = 0; i < n; i++)
        numbers[i] = i;
    return numbers;
}

static double
mapped(const struct trial *trial, size_t chunksize)
{
    const struct cf_map_options options = { .chunksize = chunksize };
    uint64_t *items = numbers_below(trial->n);

    uint64_t start = measure_now();
    struct cf_iter *map = cf_map(trial->pool, &square_task, items, trial->n, sizeof *items, &options);
    for (uint64_t i = 0; i < trial->n; i++) {
        struct cf_future *future = cf_next(map);
        if (future == NULL || result_of(future) != i * i + 1)
            measure_fail("a wrong square");
    }
    cf_iter_free(map);
    uint64_t elapsed = measure_now() - start;
    free(items);
    return (double)elapsed / (double)trial->n;
}

double
calls_mapped(const struct trial *trial)
{
    return mapped(trial, 0);
}

double
calls_mapped_in_chunks(const struct trial *trial)
{
    return mapped(trial, CHUNK);
}

static double
round_trip(const struct trial *trial, useconds_t pause)
{
    uint64_t *times = measure_bytes(trial->n * sizeof *times, 0);
    struct cf_future *future;

    for (size_t i = 0; i < trial->n; i++) {
        if (pause != 0)
            usleep(pause);
        uint64_t start = measure_now();
        if (round_of(trial->pool, &future, i, 1) != i + 1)
            measure_fail("a wrong result");
        times[i] = measure_now() - start;
    }
    double median = measure_median(times, trial->n);
    free(times);
    return median;
}

double
calls_awake(const struct trial *trial)
{
    return round_trip(trial, 0);
}

double
calls_parked(const struct trial *trial)
{
    return round_trip(trial, MEASURE_PAUSE_US);
}

/* Submit a task for each piece of work and wait for them as they come. */
static void
complete(struct cf_executor *pool, struct cf_future **futures, const uint32_t *works, size_t n)
{
    for (size_t i = 0; i < n; i++)
        futures[i] = cf_submit(pool, &work_task, &works[i], sizeof works[i]);
    struct cf_iter *completed = cf_as_completed(futures, n, CF_NEVER);
    for (size_t i = 0; i < n; i++) {
        struct cf_future *future = cf_next(completed);
        if (future == NULL)
            measure_fail(cf_status_text(cf_status(completed)));
        result_of(future);
    }
    cf_iter_free(completed);
    for (size_t i = 0; i < n; i++)
        cf_release(futures[i]);
}

double
calls_as_completed(const struct trial *trial)
{
    struct cf_future **futures = room_for(trial->n);
    double serial;
    uint32_t *works = measure_works(trial->n, &serial);

    uint64_t start = measure_now();
    complete(trial->pool, futures, works, trial->n);
    uint64_t elapsed = measure_now() - start;
    free(works);
    free(futures);
    return measure_over_ideal(elapsed, serial, trial->workers);
}

struct fib {
    struct cf_executor *pool;
    uint64_t n;
};

static uint64_t fib(struct cf_executor *, uint64_t n);

static int
run_fib(struct cf_call *call)
{
    const struct fib *arg = cf_arg(call, NULL);
    uint64_t result = fib(arg->pool, arg->n);

    return cf_return(call, &result, sizeof result);
}
static const struct cf_task fib_task = { "fib", run_fib };

/* One of the two summands is a call of its own, the other is computed here; each submits in its turn. */
static uint64_t
fib(struct cf_executor *pool, uint64_t n)
{
    if (n < 2)
        return n;
    struct fib first = { .pool = pool, .n = n - 1 };
    struct cf_future *future = cf_submit(pool, &fib_task, &first, sizeof first);
    uint64_t second = fib(pool, n - 2);
    return calls_take(future) + second;
}

static uint64_t
fib_by_adding(size_t n)
{
    uint64_t a = 0, b = 1;

    while (n-- > 0) {
        uint64_t sum = a + b;
        a = b;
        b = sum;
    }
    return a;
}

double
calls_nested(const struct trial *trial)
{
    struct fib whole = { .pool = trial->pool, .n = trial->n };

    uint64_t start = measure_now();
    uint64_t result = calls_take(cf_submit(trial->pool, &fib_task, &whole, sizeof whole));
    uint64_t elapsed = measure_now() - start;
    if (result != fib_by_adding(trial->n))
        measure_fail("a wrong Fibonacci number");
    return (double)elapsed / 1e6;
}

static void *
submit_and_collect(void *data)
{
    const struct trial *trial = data;
    struct cf_future **futures = room_for(trial->n);

    check_sum(round_of(trial->pool, futures, 0, trial->n), trial->n);
    free(futures);
    return NULL;
}

double
calls_from_outside(const struct trial *trial)
{
    struct trial part = *trial;
    pthread_t threads[4];

    part.n = (trial->n + 3) / 4;
    uint64_t start = measure_now();
    for (int i = 0; i < 4; i++)
        if (pthread_create(&threads[i], NULL, submit_and_collect, &part) != 0)
            measure_fail("no thread can be made");
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    return (double)(measure_now() - start) / (double)(4 * part.n);
}
