/* SPDX-License-Identifier: MIT */
#include "executors.h"
#include "measure.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void
live(const struct trial *trial, uint64_t n)
{
    struct cf_executor *pool = trial->open(&(struct cf_options){ .max_workers = trial->workers });

    if (calls_take(cf_submit(pool, &calls_increment, &n, sizeof n)) != n + 1)
        measure_fail("a wrong result");
    if (cf_close(pool) != 0)
        measure_fail("the pool broke");
}

double
pools_lifetime(const struct trial *trial)
{
    uint64_t *times = measure_bytes(trial->n * sizeof *times, 0);

    for (size_t i = 0; i < trial->n; i++) {
        uint64_t start = measure_now();
        live(trial, i);
        times[i] = measure_now() - start;
    }
    double median = measure_median(times, trial->n);
    free(times);
    return median / 1e6;
}

double
pools_lifetime_large(const struct trial *trial)
{
    void *ballast = measure_bytes(MEASURE_LARGE, 1);
    double median = pools_lifetime(trial);

    free(ballast);
    return median;
}

static int
echo(struct cf_call *call)
{
    size_t len;
    const void *arg = cf_arg(call, &len);

    return cf_return(call, arg, len);
}
static const struct cf_task echo_task = { "echo", echo };

/* Send the payload there and back; look at each page of what comes, as a result that nobody has mapped is none. */
static void
exchange(struct cf_executor *pool, const char *payload, size_t size)
{
    struct cf_future *future = cf_submit(pool, &echo_task, payload, size);
    size_t len;
    const char *result = cf_result(future, &len);

    if (result == NULL)
        measure_fail(cf_error_of(future)->message);
    if (len != size)
        measure_fail("a wrong length");
    for (size_t i = 0; i < size; i += 4096)
        if (result[i] != payload[i])
            measure_fail("a wrong echo");
    cf_release(future);
}

/*
 * Bytes in and bytes out, a nanosecond; the first exchange, which touches all memory for the first time, is left out.
 */
static double
echoes(const struct trial *trial, size_t size)
{
    char *payload = measure_bytes(size, 0);

    exchange(trial->pool, payload, size);
    uint64_t start = measure_now();
    for (size_t i = 0; i < trial->n; i++) {
        payload[0] = (char)i;
        exchange(trial->pool, payload, size);
    }
    uint64_t elapsed = measure_now() - start;
    free(payload);
    return 2.0 * (double)size * (double)trial->n / (double)elapsed;
}

double
pools_echo_1(const struct trial *trial)
{
    return echoes(trial, (size_t)1 << 20);
}

double
pools_echo_64(const struct trial *trial)
{
    return echoes(trial, (size_t)64 << 20);
}

/* A task that holds its worker until a byte comes through the pipe, which worker processes have inherited. */
static int
hold(struct cf_call *call)
{
    char byte;

    if (read(*(const int *)cf_arg(call, NULL), &byte, 1) != 1)
        return cf_raise(call, "bench", 1, "the pipe broke");
    return 0;
}
static const struct cf_task hold_task = { "hold", hold };

/* Have the pool's only worker hold; nothing but futures takes memory from now on. */
static struct cf_future *
block(struct cf_executor *pool, int gate)
{
    struct cf_future *blocker = cf_submit(pool, &hold_task, &gate, sizeof gate);

    while (!cf_running(blocker) && !cf_done(blocker))
        usleep(1000);
    return blocker;
}

static double
resident_bytes(void)
{
    FILE *file = fopen("/proc/self/statm", "re");
    char line[128], *second;

    if (file == NULL || fgets(line, sizeof line, file) == NULL || (second = strchr(line, ' ')) == NULL)
        measure_fail("/proc/self/statm cannot be read");
    fclose(file);
    return (double)strtoull(second, NULL, 10) * (double)sysconf(_SC_PAGESIZE);
}

static double
growth(struct cf_executor *pool, struct cf_future **futures, size_t n)
{
    uint64_t arg[8] = { 0 };
    double before = resident_bytes();

    for (size_t i = 0; i < n; i++)
        futures[i] = cf_submit(pool, &calls_increment, arg, sizeof arg);
    return (resident_bytes() - before) / (double)n;
}

double
pools_memory(const struct trial *trial)
{
    struct cf_future **futures = measure_bytes(trial->n * sizeof(struct cf_future *), 0);
    int gate[2];

    if (trial->open == cf_inline_pool)
        measure_fail("inline, no call is pending");
    if (pipe(gate) != 0)
        measure_fail("no pipe can be made");
    struct cf_executor *pool = trial->open(&(struct cf_options){ .max_workers = 1 });
    struct cf_future *blocker = block(pool, gate[0]);
    double bytes = growth(pool, futures, trial->n);
    if (write(gate[1], "", 1) != 1)
        measure_fail("the pipe broke");
    for (size_t i = 0; i < trial->n; i++)
        calls_take(futures[i]);
    cf_release(blocker);
    free(futures);
    if (cf_close(pool) != 0)
        measure_fail("the pool broke");
    return bytes;
}
