/* SPDX-License-Identifier: MIT */
/* latency-t.c - .latency: how late an iterator in the order of completion may be while workers are busy. */

#include <math.h>
#include <pthread.h>

#include "asserts.h"
#include "tap.h"
#include "tasks.h"

static void *
let_go_soon(void *stage)
{
    asserts_sleep(0.05);
    latch_raise(&((struct stage *)stage)->go);
    return NULL;
}

/* How long cf_next() takes to yield a call that ends after 0.05 s, while so many others wait for the only worker. */
static double
seconds_until_the_first(double latency, int others)
{
    struct cf_executor *pool = cf_thread_pool(&(struct cf_options){ .max_workers = 1, .latency = latency });
    struct stage *stage = stage_new();
    struct cf_future *futures[4];
    pthread_t thread;

    futures[0] = tasks_start_holding(pool, stage, 0);
    for (int i = 1; i <= others; i++)
        futures[i] = tasks_submit_cue(pool, stage, i, 2);
    struct cf_iter *iter = cf_as_completed(futures, 1 + others, CF_NEVER);
    ck_assert_int_eq(pthread_create(&thread, NULL, let_go_soon, stage), 0);
    const double start = asserts_now();
    ck_assert_ptr_eq(cf_next(iter), futures[0]);
    const double seconds = asserts_now() - start;
    pthread_join(thread, NULL);
    latch_raise(&stage->go);
    cf_iter_free(iter);
    ck_assert_int_eq(cf_close(pool), 0);
    tasks_release_all(futures, 1 + others);
    return seconds;
}

TEST(while_calls_wait_a_completion_is_told_of_after_the_latency)
{
    const double seconds = seconds_until_the_first(2, 3);

    ck_assert_double_ge(seconds, 1.9);
    ck_assert_double_lt(seconds, 4);
}

TEST(by_default_that_is_not_felt)
{
    ck_assert_double_lt(seconds_until_the_first(0, 3), 1);
}

TEST(a_negative_latency_is_none)
{
    ck_assert_double_lt(seconds_until_the_first(-1, 3), 1);
}

TEST(where_no_call_waits_there_is_none)
{
    ck_assert_double_lt(seconds_until_the_first(5, 0), 3);
}

static void *
interrupt_soon(void *pool)
{
    asserts_sleep(0.05);
    cf_interrupt(pool);
    return NULL;
}

TEST(an_interrupt_does_not_wait_for_the_latency)
{
    struct cf_executor *pool = cf_thread_pool(&(struct cf_options){ .max_workers = 1, .latency = 10 });
    struct stage *stage = stage_new();
    struct cf_future *futures[] = { tasks_start_holding(pool, stage, 0), tasks_submit_cue(pool, stage, 1, 1) };
    struct cf_iter *iter = cf_as_completed(futures, 2, CF_NEVER);
    pthread_t thread;

    ck_assert_int_eq(pthread_create(&thread, NULL, interrupt_soon, pool), 0);
    const double start = asserts_now();
    asserts_ends(iter, CF_INTERRUPTED);
    ck_assert_double_lt(asserts_now() - start, 5);
    pthread_join(thread, NULL);
    latch_raise(&stage->go);
    cf_iter_free(iter);
    cf_close(pool);
    tasks_release_all(futures, 2);
}

TEST(the_deadline_comes_before_the_latency)
{
    struct cf_executor *pool = cf_thread_pool(&(struct cf_options){ .max_workers = 1, .latency = 10 });
    struct stage *stage = stage_new();
    struct cf_future *futures[] = { tasks_start_holding(pool, stage, 0), tasks_submit_cue(pool, stage, 1, 1) };
    struct cf_iter *iter = cf_as_completed(futures, 2, cf_after(0.1));

    const double start = asserts_now();
    asserts_ends(iter, CF_TIMEOUT);
    ck_assert_double_lt(asserts_now() - start, 5);
    latch_raise(&stage->go);
    cf_iter_free(iter);
    ck_assert_int_eq(cf_close(pool), 0);
    tasks_release_all(futures, 2);
}

TEST(a_latency_without_end_is_a_long_one)
{
    struct cf_executor *pool = cf_thread_pool(&(struct cf_options){ .max_workers = 1, .latency = INFINITY });
    struct stage *stage = stage_new();
    struct cf_future *futures[] = { tasks_start_holding(pool, stage, 0), tasks_submit_cue(pool, stage, 1, 1) };
    struct cf_iter *iter = cf_as_completed(futures, 2, cf_after(0.2));

    latch_raise(&stage->go);
    asserts_int(futures[1]);
    ck_assert_ptr_eq(cf_next(iter), futures[0]);
    ck_assert_ptr_eq(cf_next(iter), futures[1]);
    cf_iter_free(iter);
    ck_assert_int_eq(cf_close(pool), 0);
    tasks_release_all(futures, 2);
}

static const TTest **const tests[] = {
    &while_calls_wait_a_completion_is_told_of_after_the_latency,
    &by_default_that_is_not_felt,
    &a_negative_latency_is_none,
    &where_no_call_waits_there_is_none,
    &an_interrupt_does_not_wait_for_the_latency,
    &the_deadline_comes_before_the_latency,
    &a_latency_without_end_is_a_long_one,
    NULL,
};

int
main(void)
{
    return asserts_main("latency", tests);
}
