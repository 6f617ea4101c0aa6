/* SPDX-License-Identifier: MIT */
/* common_wait.c - the common table: waiting for many futures with cf_wait(). */

#include <errno.h>

#include "asserts.h"
#include "kinds.h"
#include "tasks.h"

TEST(waiting_for_no_futures_returns_at_once)
{
    size_t done = 99;

    ck_assert_int_eq(cf_wait(NULL, 0, CF_ALL_COMPLETED, CF_NEVER, &done), CF_OK);
    ck_assert_uint_eq(done, 0);
    ck_assert_int_eq(cf_wait(NULL, 0, CF_FIRST_COMPLETED, CF_NEVER, NULL), CF_OK);
    ck_assert_int_eq(cf_wait(NULL, 0, CF_FIRST_ERROR, CF_NEVER, NULL), CF_OK);
    struct cf_iter *iter = cf_as_completed(NULL, 0, CF_NEVER);
    asserts_ends(iter, CF_END);
    cf_iter_free(iter);
}

TEST(wait_for_all_returns_when_all_are_done)
{
    struct cf_executor *pool = kinds_open(3);
    struct stage *stage = stage_new();
    struct cf_future *futures[3];
    size_t done = 99;

    tasks_start_several(pool, stage, futures, 3);
    latch_add(&stage->go, 2);
    ck_assert_int_eq(cf_wait(futures, 3, CF_ALL_COMPLETED, cf_after(0.3), &done), CF_TIMEOUT);
    ck_assert_uint_eq(done, 2);
    latch_raise(&stage->go);
    ck_assert_int_eq(cf_wait(futures, 3, CF_ALL_COMPLETED, CF_NEVER, &done), CF_OK);
    ck_assert_uint_eq(done, 3);
    for (int i = 0; i < 3; i++)
        ck_assert_int_eq(asserts_int(futures[i]), i);
    tasks_release_all(futures, 3);
    cf_close(pool);
}

TEST(wait_for_the_first_returns_when_one_is_done)
{
    struct cf_executor *pool = kinds_open(3);
    struct stage *stage = stage_new();
    struct cf_future *futures[3];
    size_t done = 99;

    tasks_start_several(pool, stage, futures, 3);
    ck_assert_int_eq(cf_wait(futures, 3, CF_FIRST_COMPLETED, cf_after(0.1), &done), CF_TIMEOUT);
    ck_assert_uint_eq(done, 0);
    latch_raise(&stage->go);
    ck_assert_int_eq(cf_wait(futures, 3, CF_FIRST_COMPLETED, CF_NEVER, &done), CF_OK);
    ck_assert_uint_eq(done, 1);
    ck_assert_int_eq(asserts_int(futures[0]), 0);
    latch_add(&stage->go, 2);
    cf_wait(futures, 3, CF_ALL_COMPLETED, CF_NEVER, NULL);
    tasks_release_all(futures, 3);
    cf_close(pool);
}

TEST(wait_for_the_first_error_returns_when_one_has_failed)
{
    struct cf_executor *pool = kinds_open(3);
    struct stage *stage = stage_new();
    struct cf_future *futures[3];
    size_t done = 99;

    for (int i = 0; i < 3; i++) {
        struct cue cue = tasks_cue(stage, i, (uint32_t)i + 1);
        cue.fail = i == 1 ? 7 : 0;
        futures[i] = cf_submit(pool, &task_cue, &cue, sizeof cue);
    }
    latch_raise(&stage->go);
    ck_assert_int_eq(asserts_int(futures[0]), 0);
    ck_assert_int_eq(cf_wait(futures, 3, CF_FIRST_ERROR, cf_after(0.2), &done), CF_TIMEOUT);
    ck_assert_uint_eq(done, 1);
    latch_raise(&stage->go);
    ck_assert_int_eq(cf_wait(futures, 3, CF_FIRST_ERROR, CF_NEVER, &done), CF_OK);
    ck_assert_uint_eq(done, 2);
    ck_assert_int_eq(asserts_error(futures[1], CF_RAISED)->code, 7);
    latch_raise(&stage->go);
    cf_wait(futures, 3, CF_ALL_COMPLETED, CF_NEVER, NULL);
    tasks_release_all(futures, 3);
    cf_close(pool);
}

TEST(wait_for_the_first_error_returns_when_all_are_done_without_one)
{
    struct cf_executor *pool = kinds_open(2);
    struct cf_future *futures[4];
    size_t done = 99;

    for (int i = 0; i < 4; i++)
        futures[i] = tasks_submit_int(pool, &task_twice, i);
    ck_assert_int_eq(cf_wait(futures, 4, CF_FIRST_ERROR, CF_NEVER, &done), CF_OK);
    ck_assert_uint_eq(done, 4);
    tasks_release_all(futures, 4);
    cf_close(pool);
}

TEST(a_cancelled_future_is_done_but_not_failed)
{
    struct cf_executor *pool = kinds_open(1);
    struct stage *stage = stage_new();
    struct cf_future *running = tasks_start_holding(pool, stage, 0);
    struct cf_future *futures[] = { running, tasks_submit_cue(pool, stage, 1, 0) };
    struct cf_future *cancelled = futures[1];
    size_t done = 99;

    ck_assert(cf_cancel(cancelled));
    ck_assert_int_eq(cf_wait(futures, 2, CF_FIRST_ERROR, cf_after(0.1), &done), CF_TIMEOUT);
    ck_assert_uint_eq(done, 1);
    ck_assert_ptr_eq(futures[0], cancelled);
    ck_assert_int_eq(cf_wait(futures, 2, CF_FIRST_COMPLETED, CF_NEVER, &done), CF_OK);
    ck_assert_uint_eq(done, 1);
    latch_raise(&stage->go);
    ck_assert_int_eq(cf_wait(futures, 2, CF_FIRST_ERROR, CF_NEVER, &done), CF_OK);
    ck_assert_uint_eq(done, 2);
    tasks_release_all(futures, 2);
    cf_close(pool);
}

TEST(wait_puts_the_done_ones_first_each_part_in_its_former_order)
{
    struct cf_executor *pool = kinds_open(6);
    struct stage *stage = stage_new();
    struct cf_future *futures[6];
    const uint32_t until[6] = { 2, 1, 2, 1, 1, 2 };
    const int expected[6] = { 1, 3, 4, 0, 2, 5 };
    size_t done;

    for (int i = 0; i < 6; i++)
        futures[i] = tasks_submit_cue(pool, stage, i, until[i]);
    struct cf_future *first[] = { futures[1], futures[3], futures[4] };
    latch_raise(&stage->go);
    ck_assert_int_eq(cf_wait(first, 3, CF_ALL_COMPLETED, CF_NEVER, NULL), CF_OK);
    ck_assert_int_eq(cf_wait(futures, 6, CF_FIRST_COMPLETED, CF_NEVER, &done), CF_OK);
    ck_assert_uint_eq(done, 3);
    latch_raise(&stage->go);
    for (int i = 0; i < 6; i++)
        ck_assert_int_eq(asserts_int(futures[i]), expected[i]);
    tasks_release_all(futures, 6);
    cf_close(pool);
}

TEST(a_future_named_twice_is_two_entries)
{
    struct cf_executor *pool = kinds_open(2);
    struct stage *stage = stage_new();
    struct cf_future *one, *two;
    struct cf_future *both[2];
    size_t done = 99;

    tasks_start_several(pool, stage, both, 2);
    one = both[0];
    two = both[1];
    struct cf_future *entries[] = { two, one, two, one };
    latch_raise(&stage->go);
    asserts_int(one);
    ck_assert_int_eq(cf_wait(entries, 4, CF_FIRST_COMPLETED, CF_NEVER, &done), CF_OK);
    ck_assert_uint_eq(done, 2);
    ck_assert(entries[0] == one && entries[1] == one && entries[2] == two && entries[3] == two);
    latch_raise(&stage->go);
    ck_assert_int_eq(cf_wait(entries, 4, CF_ALL_COMPLETED, CF_NEVER, &done), CF_OK);
    ck_assert_uint_eq(done, 4);
    tasks_release_all(both, 2);
    cf_close(pool);
}

TEST(futures_of_different_executors_may_mix)
{
    struct cf_executor *one = kinds_open(1);
    struct cf_executor *two = kinds_open(1);
    struct cf_executor *inline_pool = cf_inline_pool(NULL);
    struct cf_future *futures[4];
    struct cf_future *yielded;
    size_t done = 99;

    futures[0] = tasks_submit_int(one, &task_twice, 0);
    futures[1] = tasks_submit_int(two, &task_twice, 1);
    futures[2] = tasks_submit_int(inline_pool, &task_twice, 2);
    futures[3] = cf_promise();
    ck_assert_int_eq(cf_wait(futures, 3, CF_ALL_COMPLETED, CF_NEVER, &done), CF_OK);
    ck_assert_uint_eq(done, 3);
    ck_assert(cf_settle(futures[3], "x", 1));
    struct cf_iter *iter = cf_as_completed(futures, 4, CF_NEVER);
    for (int i = 0; i < 4; i++) {
        ck_assert_ptr_nonnull(yielded = cf_next(iter));
        ck_assert(cf_done(yielded));
    }
    asserts_ends(iter, CF_END);
    cf_iter_free(iter);
    tasks_release_all(futures, 4);
    cf_close(one);
    cf_close(two);
    cf_close(inline_pool);
}

TEST(a_deadline_in_the_past_only_looks)
{
    struct cf_executor *pool = kinds_open(1);
    struct stage *stage = stage_new();
    struct cf_future *futures[] = { tasks_start_holding(pool, stage, 0), tasks_submit_cue(pool, stage, 1, 0) };
    size_t done = 99;

    ck_assert_int_eq(cf_wait(futures, 2, CF_ALL_COMPLETED, cf_after(-1), &done), CF_TIMEOUT);
    ck_assert_uint_eq(done, 0);
    ck_assert_int_eq(cf_wait(futures, 2, CF_FIRST_COMPLETED, 0, &done), CF_TIMEOUT);
    ck_assert_uint_eq(done, 0);
    latch_raise(&stage->go);
    asserts_int(futures[1]);
    ck_assert_int_eq(cf_wait(futures, 2, CF_ALL_COMPLETED, 0, &done), CF_OK);
    ck_assert_uint_eq(done, 2);
    tasks_release_all(futures, 2);
    cf_close(pool);
}

TEST(a_deadline_before_the_clock_began_is_past_as_well)
{
    struct cf_executor *pool = kinds_open(1);
    struct stage *stage = stage_new();
    struct cf_future *futures[] = { tasks_start_holding(pool, stage, 0), tasks_submit_cue(pool, stage, 1, 0) };
    const cf_time deadlines[] = { -1, -999999999, -1000000000, -1000000001, INT64_MIN };
    const int number = 1;

    for (int i = 0; i < 5; i++) {
        ck_assert_int_eq(cf_wait(futures, 1, CF_ALL_COMPLETED, deadlines[i], NULL), CF_TIMEOUT);
        ck_assert_int_eq(cf_wait(futures, 2, CF_FIRST_COMPLETED, deadlines[i], NULL), CF_TIMEOUT);
        struct cf_iter *iter = cf_as_completed(futures, 2, deadlines[i]);
        asserts_ends(iter, CF_TIMEOUT);
        cf_iter_free(iter);
        const struct cf_map_options options = { .deadline = deadlines[i] };
        iter = cf_map(pool, &task_twice, &number, 1, sizeof number, &options);
        asserts_ends(iter, CF_TIMEOUT);
        asserts_ends(iter, CF_END);
        cf_iter_free(iter);
    }
    latch_raise(&stage->go);
    tasks_release_all(futures, 2);
    cf_close(pool);
}

TEST(a_deadline_is_kept_neither_early_nor_very_late)
{
    struct cf_executor *pool = kinds_open(1);
    struct stage *stage = stage_new();
    struct cf_future *future = tasks_start_holding(pool, stage, 0);
    double began = asserts_now();

    ck_assert_int_eq(cf_wait(&future, 1, CF_ALL_COMPLETED, cf_after(0.25), NULL), CF_TIMEOUT);
    ck_assert_double_ge(asserts_now() - began, 0.25);
    ck_assert_double_lt(asserts_now() - began, 5);
    ck_assert(cf_running(future));
    latch_raise(&stage->go);
    ck_assert_int_eq(asserts_take_int(future), 0);
    cf_close(pool);
}

TEST(the_error_of_a_task_that_timed_out_is_not_the_timeout_of_the_wait)
{
    struct cf_executor *pool = kinds_open(1);
    const struct blame what = { "errno", ETIMEDOUT, "timed out" };
    struct cf_future *future = cf_submit(pool, &task_blame, &what, sizeof what);

    ck_assert_int_eq(cf_wait(&future, 1, CF_ALL_COMPLETED, cf_after(30), NULL), CF_OK);
    ck_assert_int_eq(asserts_error(future, CF_RAISED)->code, ETIMEDOUT);
    struct cf_iter *iter = cf_as_completed(&future, 1, cf_after(30));
    ck_assert_ptr_eq(cf_next(iter), future);
    ck_assert_int_eq(cf_status(iter), CF_OK);
    cf_iter_free(iter);
    cf_release(future);
    cf_close(pool);
}

const TTest **const common_wait[] = {
    &waiting_for_no_futures_returns_at_once,
    &wait_for_all_returns_when_all_are_done,
    &wait_for_the_first_returns_when_one_is_done,
    &wait_for_the_first_error_returns_when_one_has_failed,
    &wait_for_the_first_error_returns_when_all_are_done_without_one,
    &a_cancelled_future_is_done_but_not_failed,
    &wait_puts_the_done_ones_first_each_part_in_its_former_order,
    &a_future_named_twice_is_two_entries,
    &futures_of_different_executors_may_mix,
    &a_deadline_in_the_past_only_looks,
    &a_deadline_before_the_clock_began_is_past_as_well,
    &a_deadline_is_kept_neither_early_nor_very_late,
    &the_error_of_a_task_that_timed_out_is_not_the_timeout_of_the_wait,
    NULL,
};
