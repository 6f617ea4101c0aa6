/* SPDX-License-Identifier: MIT */
/* idle-t.c - an executor that has nothing to do costs no processor time, and wakes nobody up. */

#include <sys/resource.h>
#include <time.h>

#include "asserts.h"
#include "family.h"
#include "tap.h"
#include "tasks.h"

enum { WORKERS = 4 };

/* While one sleeps so long, spinning before the workers sleep included. */
static const double seconds_idle = 0.5;

static double
most_seconds_used(void)
{
    return tap_sanitized() ? 0.05 : 0.005;
}

static double
seconds_of(clockid_t clock)
{
    struct timespec time;

    ck_assert_int_eq(clock_gettime(clock, &time), 0);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

/* The process sleeps, and so ought its other threads, once they have spun and lain down. */
static void
assert_idle(const clockid_t *clocks, int n)
{
    struct rusage before, after;
    double used = 0;

    for (int i = 0; i < n; i++)
        used -= seconds_of(clocks[i]);
    asserts_sleep(seconds_idle / 5);
    getrusage(RUSAGE_SELF, &before);
    asserts_sleep(seconds_idle);
    for (int i = 0; i < n; i++)
        used += seconds_of(clocks[i]);
    getrusage(RUSAGE_SELF, &after);
    ck_assert_double_lt(used, most_seconds_used());
    ck_assert_int_le(after.ru_nvcsw - before.ru_nvcsw, 2 * WORKERS + 4);
}

static void
run_some(struct cf_executor *pool)
{
    struct stage *stage = stage_new();
    struct cf_future *futures[WORKERS];

    tasks_start_several(pool, stage, futures, WORKERS);
    for (int i = 0; i < WORKERS; i++)
        latch_raise(&stage->go);
    tasks_release_all(futures, WORKERS);
    for (int i = 0; i < 1000; i++)
        ck_assert_int_eq(asserts_take_int(tasks_submit_int(pool, &task_twice, i)), 2 * i);
}

TEST(idle_threads_cost_nothing)
{
    const clockid_t clock = CLOCK_PROCESS_CPUTIME_ID;
    struct cf_executor *pool = tasks_pool(WORKERS);

    run_some(pool);
    assert_idle(&clock, 1);
    ck_assert_int_eq(cf_close(pool), 0);
}

TEST(threads_that_hold_one_call_each_cost_nothing)
{
    const clockid_t clock = CLOCK_PROCESS_CPUTIME_ID;
    struct cf_executor *pool = tasks_pool(WORKERS);
    struct stage *stage = stage_new();
    struct cf_future *futures[WORKERS];

    run_some(pool);
    for (int i = 0; i < WORKERS; i++)
        futures[i] = cf_submit(pool, &task_patient, stage->name, sizeof stage->name);
    latch_await(&stage->started, WORKERS);
    assert_idle(&clock, 1);
    cf_interrupt(pool);
    tasks_release_all(futures, WORKERS);
    ck_assert_int_eq(cf_close(pool), 0);
}

TEST(idle_processes_cost_nothing)
{
    struct cf_executor *pool = family_pool(&(struct cf_options){ .max_workers = 1 });
    clockid_t clocks[2] = { CLOCK_PROCESS_CPUTIME_ID };

    const int pid = asserts_take_int(cf_submit(pool, &task_pid, NULL, 0));
    for (int i = 0; i < 1000; i++)
        ck_assert_int_eq(asserts_take_int(tasks_submit_int(pool, &task_twice, i)), 2 * i);
    ck_assert_int_eq(clock_getcpuclockid(pid, &clocks[1]), 0);
    assert_idle(clocks, 2);
    ck_assert_int_eq(cf_close(pool), 0);
}

static const TTest **const tests[] = {
    &idle_threads_cost_nothing,
    &threads_that_hold_one_call_each_cost_nothing,
    &idle_processes_cost_nothing,
    NULL,
};

int
main(void)
{
    return asserts_main("idle", tests);
}
