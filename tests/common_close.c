/* SPDX-License-Identifier: MIT */
/* common_close.c - the common table: shutting down, closing and what futures are afterwards. */

#include <errno.h>
#include <pthread.h>
#include <stdint.h>

#include "asserts.h"
#include "kinds.h"
#include "tasks.h"

TEST(shutdown_without_cancel_runs_what_is_pending)
{
    struct cf_executor *pool = kinds_open(1);
    struct stage *stage = stage_new();
    struct cf_future *futures[10];

    for (int i = 0; i < 10; i++)
        futures[i] = tasks_submit_cue(pool, stage, i, 1);
    ck_assert_int_eq(cf_shutdown(pool, 0), 0);
    latch_raise(&stage->go);
    ck_assert_int_eq(cf_shutdown(pool, CF_WAIT), 0);
    for (int i = 0; i < 10; i++) {
        ck_assert(cf_done(futures[i]));
        ck_assert_int_eq(asserts_take_int(futures[i]), i);
    }
    cf_close(pool);
}

TEST(shutdown_with_cancel_cancels_what_is_pending_and_lets_the_running_finish)
{
    struct cf_executor *pool = kinds_open(1);
    struct stage *stage = stage_new();
    struct cf_future *running = tasks_start_holding(pool, stage, 7);
    struct cf_future *pending = tasks_submit_cue(pool, stage, 8, 0);

    ck_assert_int_eq(cf_shutdown(pool, CF_CANCEL), 0);
    asserts_cancelled(pending);
    ck_assert(cf_running(running));
    latch_raise(&stage->go);
    ck_assert_int_eq(asserts_take_int(running), 7);
    cf_release(pending);
    ck_assert_int_eq(cf_close(pool), 0);
    ck_assert_uint_eq(latch_count(&stage->started), 1);
}

TEST(after_shutdown_calls_are_refused)
{
    struct cf_executor *pool = kinds_open(1);

    ck_assert_int_eq(cf_shutdown(pool, 0), 0);
    struct cf_future *future = tasks_submit_int(pool, &task_twice, 1);
    asserts_refused(future, ESHUTDOWN);
    ck_assert_str_eq(cf_error_of(future)->task, "twice");
    cf_release(future);
    future = cf_try_submit(pool, &task_echo, "x", 1);
    asserts_refused(future, ESHUTDOWN);
    cf_release(future);
    cf_close(pool);
}

TEST(a_shut_down_executor_refuses_as_that_before_as_a_bad_argument)
{
    struct cf_executor *pool = kinds_open(1);

    cf_shutdown(pool, CF_WAIT);
    struct cf_future *future = cf_submit(pool, NULL, NULL, 7);
    asserts_refused(future, ESHUTDOWN);
    cf_release(future);
    cf_close(pool);
}

TEST(an_enormous_argument_to_a_closed_executor_is_refused_like_any_other)
{
    struct cf_executor *shut = kinds_open(1), *interrupted = kinds_open(1);
    const size_t lengths[] = { SIZE_MAX, SIZE_MAX - 3, SIZE_MAX - 20, SIZE_MAX / 2 + 1 };

    cf_shutdown(shut, 0);
    cf_interrupt(interrupted);
    for (int i = 0; i < 4; i++) {
        struct cf_future *future = cf_submit(shut, &task_echo, "x", lengths[i]);
        asserts_refused(future, ESHUTDOWN);
        cf_release(future);
        future = cf_submit(interrupted, &task_echo, "x", lengths[i]);
        asserts_refused(future, ECANCELED);
        cf_release(future);
        future = cf_submit(NULL, &task_echo, "x", lengths[i]);
        asserts_error(future, CF_REFUSED);
        cf_release(future);
        future = cf_submit(shut, NULL, NULL, lengths[i]);
        asserts_refused(future, ESHUTDOWN);
        cf_release(future);
    }
    cf_close(shut);
    cf_close(interrupted);
}

TEST(a_map_after_shutdown_fails_each_item)
{
    struct cf_executor *pool = kinds_open(1);
    const int numbers[] = { 1, 2, 3 };

    cf_shutdown(pool, CF_WAIT);
    struct cf_iter *iter = cf_map(pool, &task_twice, numbers, 3, sizeof *numbers, NULL);
    for (int i = 0; i < 3; i++) {
        struct cf_future *future = cf_next(iter);
        ck_assert_ptr_nonnull(future);
        asserts_refused(future, ESHUTDOWN);
    }
    asserts_ends(iter, CF_END);
    cf_iter_free(iter);
    cf_close(pool);
}

TEST(shutdown_can_be_repeated_and_add_to_an_earlier_one)
{
    struct cf_executor *pool = kinds_open(1);
    struct stage *stage = stage_new();
    struct cf_future *running = tasks_start_holding(pool, stage, 0);
    struct cf_future *pending = tasks_submit_cue(pool, stage, 1, 0);

    ck_assert_int_eq(cf_shutdown(pool, 0), 0);
    ck_assert_int_eq(cf_shutdown(pool, 0), 0);
    ck_assert(!cf_done(pending));
    ck_assert_int_eq(cf_shutdown(pool, CF_CANCEL), 0);
    asserts_cancelled(pending);
    latch_raise(&stage->go);
    ck_assert_int_eq(cf_shutdown(pool, CF_WAIT), 0);
    ck_assert_int_eq(asserts_take_int(running), 0);
    ck_assert_int_eq(cf_shutdown(pool, CF_WAIT | CF_KILL), 0);
    cf_release(pending);
    ck_assert_int_eq(cf_close(pool), 0);
}

TEST(futures_outlive_their_executor)
{
    struct cf_executor *pool = kinds_open(2);
    struct cf_future *good = cf_submit(pool, &task_echo, "BR", 3);
    struct cf_future *bad = tasks_submit_int(pool, &task_twice, -1);
    char text[64];

    ck_assert_int_eq(cf_close(pool), 0);
    ck_assert_str_eq(cf_result(good, NULL), "BR");
    ck_assert_str_eq(cf_input(good, NULL), "BR");
    ck_assert(!cf_cancel(good));
    ck_assert_int_eq(asserts_error(bad, CF_RAISED)->code, -1);
    ck_assert_int_gt(cf_describe(bad, text, sizeof text), 0);
    ck_assert_int_eq(cf_wait(&bad, 1, CF_ALL_COMPLETED, CF_NEVER, NULL), CF_OK);
    cf_release(good);
    cf_release(bad);
}

TEST(a_released_future_still_runs)
{
    struct cf_executor *pool = kinds_open(2);
    struct stage *stage = stage_new();

    for (int i = 0; i < 50; i++)
        cf_release(tasks_submit_cue(pool, stage, i, 0));
    ck_assert_int_eq(cf_close(pool), 0);
    ck_assert_uint_eq(latch_count(&stage->ended), 50);
}

TEST(close_gives_back_every_thread_and_descriptor)
{
    cf_close(kinds_open(1));
    size_t threads = asserts_threads();
    size_t fds = asserts_fds();

    for (int round = 0; round < 3; round++) {
        struct cf_executor *pool = kinds_open(8);
        struct cf_future *futures[100];

        for (int i = 0; i < 100; i++)
            futures[i] = tasks_submit_int(pool, &task_twice, i);
        for (int i = 0; i < 100; i++)
            ck_assert_int_eq(asserts_take_int(futures[i]), 2 * i);
        ck_assert_int_eq(cf_close(pool), 0);
        asserts_threads_back_to(threads);
        ck_assert_uint_eq(asserts_fds(), fds);
    }
}

TEST(an_executor_that_was_never_used_closes)
{
    ck_assert_int_eq(cf_close(kinds_open(4)), 0);
}

TEST(two_executors_do_not_meet)
{
    struct cf_executor *one = kinds_open(1);
    struct cf_executor *two = kinds_open(1);
    struct cf_future *future = tasks_submit_int(two, &task_twice, 1);

    cf_interrupt(one);
    ck_assert_int_eq(cf_close(one), 0);
    ck_assert_int_eq(asserts_take_int(future), 2);
    ck_assert_int_eq(asserts_take_int(tasks_submit_int(two, &task_twice, 5)), 10);
    ck_assert_int_eq(cf_close(two), 0);
}

static void *
wait_for_shutdown(void *pool)
{
    ck_assert_int_eq(cf_shutdown(pool, CF_WAIT), 0);
    return NULL;
}

TEST(several_threads_may_wait_for_the_shutdown)
{
    struct cf_executor *pool = kinds_open(2);
    struct stage *stage = stage_new();
    struct cf_future *running = tasks_start_holding(pool, stage, 0);
    pthread_t threads[4];

    for (int i = 0; i < 4; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, wait_for_shutdown, pool), 0);
    latch_raise(&stage->go);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    ck_assert(cf_done(running));
    cf_release(running);
    ck_assert_int_eq(cf_close(pool), 0);
}

const TTest **const common_close[] = {
    &shutdown_without_cancel_runs_what_is_pending,
    &shutdown_with_cancel_cancels_what_is_pending_and_lets_the_running_finish,
    &after_shutdown_calls_are_refused,
    &a_shut_down_executor_refuses_as_that_before_as_a_bad_argument,
    &an_enormous_argument_to_a_closed_executor_is_refused_like_any_other,
    &a_map_after_shutdown_fails_each_item,
    &shutdown_can_be_repeated_and_add_to_an_earlier_one,
    &futures_outlive_their_executor,
    &a_released_future_still_runs,
    &close_gives_back_every_thread_and_descriptor,
    &an_executor_that_was_never_used_closes,
    &two_executors_do_not_meet,
    &several_threads_may_wait_for_the_shutdown,
    NULL,
};
