/* SPDX-License-Identifier: MIT */
/* common_completed.c - the common table: reading many futures with cf_as_completed(). */

#include "asserts.h"
#include "kinds.h"
#include "tasks.h"

TEST(as_completed_yields_in_the_order_in_which_calls_end)
{
    struct cf_executor *pool = kinds_open(5);
    struct stage *stage = stage_new();
    struct cf_future *futures[5];

    for (int i = 0; i < 5; i++)
        futures[i] = tasks_submit_cue(pool, stage, i, (uint32_t)(5 - i));
    struct cf_iter *iter = cf_as_completed(futures, 5, CF_NEVER);
    for (int i = 4; i >= 0; i--) {
        latch_raise(&stage->go);
        ck_assert_ptr_eq(cf_next(iter), futures[i]);
        ck_assert_int_eq(cf_status(iter), CF_OK);
    }
    asserts_ends(iter, CF_END);
    asserts_ends(iter, CF_END);
    cf_iter_free(iter);
    tasks_release_all(futures, 5);
    cf_close(pool);
}

TEST(as_completed_yields_those_already_done_first)
{
    struct cf_executor *pool = kinds_open(1);
    struct stage *stage = stage_new();
    struct cf_future *early = tasks_submit_int(pool, &task_twice, 1);
    asserts_int(early);
    struct cf_future *futures[] = { tasks_start_holding(pool, stage, 0), early };

    struct cf_iter *iter = cf_as_completed(futures, 2, CF_NEVER);
    ck_assert_ptr_eq(cf_next(iter), early);
    latch_raise(&stage->go);
    ck_assert_ptr_eq(cf_next(iter), futures[0]);
    asserts_ends(iter, CF_END);
    cf_iter_free(iter);
    tasks_release_all(futures, 2);
    cf_close(pool);
}

TEST(as_completed_yields_each_future_once)
{
    enum { CALLS = 500 };
    struct cf_executor *pool = kinds_open(4);
    static struct cf_future *futures[CALLS];
    static bool seen[CALLS];
    size_t total;

    for (int i = 0; i < CALLS; i++)
        futures[i] = tasks_submit_int(pool, &task_twice, i);
    struct cf_iter *iter = cf_as_completed(futures, CALLS, CF_NEVER);
    for (size_t n = 0; n < CALLS; n++) {
        ck_assert_uint_eq(cf_remaining(iter, &total), CALLS - n);
        ck_assert_uint_eq(total, CALLS);
        struct cf_future *future = cf_next(iter);
        ck_assert_ptr_nonnull(future);
        int item = asserts_int(future) / 2;
        ck_assert(!seen[item]);
        seen[item] = true;
    }
    asserts_ends(iter, CF_END);
    cf_iter_free(iter);
    tasks_release_all(futures, CALLS);
    cf_close(pool);
}

/* Of one that is known to be done the iterator is told a moment later. */
static struct cf_future *
next_soon(struct cf_iter *iter)
{
    const double end = asserts_now() + 5;
    struct cf_future *future;

    while ((future = cf_next(iter)) == NULL && asserts_now() < end)
        ck_assert_int_eq(cf_status(iter), CF_TIMEOUT);
    return future;
}

TEST(on_its_deadline_as_completed_tells_how_many_are_left_and_can_go_on)
{
    struct cf_executor *pool = kinds_open(3);
    struct stage *stage = stage_new();
    struct cf_future *futures[3];
    size_t total = 99;

    tasks_start_several(pool, stage, futures, 3);
    struct cf_iter *iter = cf_as_completed(futures, 3, cf_after(0.3));
    latch_raise(&stage->go);
    ck_assert_ptr_eq(cf_next(iter), futures[0]);
    asserts_ends(iter, CF_TIMEOUT);
    ck_assert_uint_eq(cf_remaining(iter, &total), 2);
    ck_assert_uint_eq(total, 3);
    asserts_ends(iter, CF_TIMEOUT);
    latch_raise(&stage->go);
    asserts_int(futures[1]);
    ck_assert_ptr_eq(next_soon(iter), futures[1]);
    asserts_ends(iter, CF_TIMEOUT);
    latch_raise(&stage->go);
    asserts_int(futures[2]);
    ck_assert_ptr_eq(next_soon(iter), futures[2]);
    asserts_ends(iter, CF_END);
    cf_iter_free(iter);
    tasks_release_all(futures, 3);
    cf_close(pool);
}

TEST(as_completed_does_not_cancel_when_it_is_freed)
{
    struct cf_executor *pool = kinds_open(1);
    struct stage *stage = stage_new();
    struct cf_future *futures[] = { tasks_start_holding(pool, stage, 0), tasks_submit_cue(pool, stage, 1, 0) };

    cf_iter_free(cf_as_completed(futures, 2, CF_NEVER));
    latch_raise(&stage->go);
    ck_assert_int_eq(asserts_take_int(futures[1]), 1);
    ck_assert_int_eq(asserts_take_int(futures[0]), 0);
    cf_close(pool);
}

TEST(a_taken_future_is_the_takers)
{
    struct cf_executor *pool = kinds_open(1);
    struct cf_future *future = cf_submit(pool, &task_echo, "BR", 3);
    struct cf_iter *iter = cf_as_completed(&future, 1, CF_NEVER);

    cf_release(future);
    future = cf_take(iter);
    ck_assert_int_eq(cf_status(iter), CF_OK);
    ck_assert_ptr_null(cf_take(iter));
    ck_assert_int_eq(cf_status(iter), CF_END);
    cf_iter_free(iter);
    cf_close(pool);
    ck_assert_str_eq(cf_result(future, NULL), "BR");
    cf_release(future);
}

const TTest **const common_completed[] = {
    &as_completed_yields_in_the_order_in_which_calls_end,
    &as_completed_yields_those_already_done_first,
    &as_completed_yields_each_future_once,
    &on_its_deadline_as_completed_tells_how_many_are_left_and_can_go_on,
    &as_completed_does_not_cancel_when_it_is_freed,
    &a_taken_future_is_the_takers,
    NULL,
};
