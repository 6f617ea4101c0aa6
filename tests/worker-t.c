/* SPDX-License-Identifier: MIT */
/* worker-t.c - the workers of thread pools: when they start, and that they cost nothing while there is no work. */

#include <time.h>

#include "asserts.h"
#include "tasks.h"

#define WORKERS 4

TEST(workers_start_on_demand)
{
    size_t before = asserts_threads();
    struct cf_executor *pool = tasks_pool(WORKERS);
    struct stage *stage = stage_new();

    ck_assert_uint_eq(asserts_threads(), before);
    for (uint32_t i = 0; i < WORKERS; i++) {
        cf_release(tasks_submit_cue(pool, stage, 0, 1));
        latch_await(&stage->started, i + 1);
        ck_assert_uint_eq(asserts_threads(), before + i + 1);
    }
    for (int i = 0; i < 20; i++)
        cf_release(tasks_submit_cue(pool, stage, 0, 0));
    ck_assert_uint_eq(asserts_threads(), before + WORKERS);
    latch_raise(&stage->go);
    cf_close(pool);
}

/* Give workers the time to fall asleep, which nothing tells. */
static void
settle_down(void)
{
    asserts_sleep(0.05);
}

TEST(three_calls_one_after_another_use_one_worker)
{
    size_t before = asserts_threads();
    struct cf_executor *pool = tasks_pool(WORKERS);

    for (int i = 0; i < 3; i++) {
        ck_assert_int_eq(asserts_take_int(tasks_submit_int(pool, &task_twice, i)), 2 * i);
        settle_down();
        ck_assert_uint_eq(asserts_threads(), before + 1);
    }
    cf_close(pool);
}

TEST(idle_workers_are_reused_before_new_ones_start)
{
    size_t before = asserts_threads();
    struct cf_executor *pool = tasks_pool(WORKERS);
    struct stage *stage = stage_new();
    struct cf_future *futures[2];

    for (int i = 0; i < 2; i++)
        futures[i] = tasks_submit_cue(pool, stage, i, 1);
    latch_await(&stage->started, 2);
    latch_raise(&stage->go);
    for (int i = 0; i < 2; i++)
        asserts_take_int(futures[i]);
    settle_down();
    for (uint32_t i = 0; i < 2; i++)
        futures[i] = tasks_submit_cue(pool, stage, 0, 2);
    latch_await(&stage->started, 4);
    ck_assert_uint_eq(asserts_threads(), before + 2);
    latch_raise(&stage->go);
    for (int i = 0; i < 2; i++)
        cf_release(futures[i]);
    cf_close(pool);
}

TEST(idle_workers_use_no_processor_time)
{
    struct cf_executor *pool = tasks_pool(WORKERS);
    struct stage *stage = stage_new();

    for (int i = 0; i < WORKERS; i++)
        cf_release(tasks_submit_cue(pool, stage, i, 1));
    latch_await(&stage->started, WORKERS);
    latch_raise(&stage->go);
    settle_down();
    clock_t before = clock();
    asserts_sleep(0.5);
    ck_assert_double_lt((double)(clock() - before) / CLOCKS_PER_SEC, 0.1);
    cf_close(pool);
}

TEST(who_waits_uses_no_processor_time)
{
    struct cf_executor *pool = tasks_pool(1);
    struct stage *stage = stage_new();
    struct cf_future *future = tasks_start_holding(pool, stage, 0);

    clock_t before = clock();
    ck_assert_int_eq(cf_wait(&future, 1, CF_ALL_COMPLETED, cf_after(0.5), NULL), CF_TIMEOUT);
    /* The call itself wakes up 20 times a second. */
    ck_assert_double_lt((double)(clock() - before) / CLOCKS_PER_SEC, 0.1);
    latch_raise(&stage->go);
    cf_release(future);
    cf_close(pool);
}

TEST(many_workers_run_at_once)
{
    enum { MANY = 200 };
    struct cf_executor *pool = tasks_pool(MANY);
    struct stage *stage = stage_new();
    struct cf_future *futures[MANY];

    for (int i = 0; i < MANY; i++)
        futures[i] = tasks_submit_cue(pool, stage, i, 1);
    latch_await(&stage->started, MANY);
    latch_raise(&stage->go);
    for (int i = 0; i < MANY; i++)
        ck_assert_int_eq(asserts_take_int(futures[i]), i);
    cf_close(pool);
}

static const TTest **const tests[] = {
    &workers_start_on_demand,
    &three_calls_one_after_another_use_one_worker,
    &idle_workers_are_reused_before_new_ones_start,
    &idle_workers_use_no_processor_time,
    &who_waits_uses_no_processor_time,
    &many_workers_run_at_once,
    NULL,
};

int
main(void)
{
    return asserts_main("worker", tests);
}
