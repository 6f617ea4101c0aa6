/* SPDX-License-Identifier: MIT */
/* wait-t.c - cf_wait() on thread pools and promises: waking, deadlines, many futures and many waiters. */

#include <math.h>
#include <pthread.h>
#include <stdlib.h>

#include "asserts.h"
#include "tasks.h"

struct waiter {
    pthread_t thread;
    struct cf_future **futures;
    size_t n;
    enum cf_until until;
    enum cf_status status;
    size_t done;
    struct stage *stage;
};

static void *
wait_for_many(void *data)
{
    struct waiter *waiter = data;
    struct cf_future **mine = calloc(waiter->n, sizeof(struct cf_future *));

    ck_assert_ptr_nonnull(mine);
    for (size_t i = 0; i < waiter->n; i++)
        mine[i] = waiter->futures[i];
    latch_raise(&waiter->stage->of[0]);
    waiter->status = cf_wait(mine, waiter->n, waiter->until, CF_NEVER, &waiter->done);
    latch_raise(&waiter->stage->of[1]);
    free(mine);
    return NULL;
}

TEST(a_waiter_sleeps_and_is_woken_by_the_last_future)
{
    struct stage *stage = stage_new();
    struct cf_future *futures[] = { cf_promise(), cf_promise(), cf_promise() };
    struct waiter waiter = { .futures = futures, .n = 3, .stage = stage };

    ck_assert_int_eq(pthread_create(&waiter.thread, NULL, wait_for_many, &waiter), 0);
    latch_await(&stage->of[0], 1);
    for (int i = 0; i < 3; i++) {
        asserts_sleep(0.03);
        ck_assert_uint_eq(latch_count(&stage->of[1]), 0);
        ck_assert(cf_settle(futures[i], "x", 1));
    }
    pthread_join(waiter.thread, NULL);
    ck_assert_int_eq(waiter.status, CF_OK);
    ck_assert_uint_eq(waiter.done, 3);
    for (int i = 0; i < 3; i++)
        cf_release(futures[i]);
}

TEST(many_waiters_for_the_same_futures_all_wake)
{
    struct stage *stage = stage_new();
    struct cf_future *futures[20];
    struct waiter waiters[6];

    for (int i = 0; i < 20; i++)
        futures[i] = cf_promise();
    for (int i = 0; i < 6; i++) {
        waiters[i] =
            (struct waiter){ .futures = futures, .n = 20, .stage = stage, .until = CF_ALL_COMPLETED + (unsigned)i % 3 };
        ck_assert_int_eq(pthread_create(&waiters[i].thread, NULL, wait_for_many, &waiters[i]), 0);
    }
    latch_await(&stage->of[0], 6);
    asserts_sleep(0.02);
    ck_assert(cf_settle(futures[7], "x", 1));
    latch_await(&stage->of[1], 2);
    ck_assert(cf_settle_error(futures[3], "e", 1, "an error"));
    latch_await(&stage->of[1], 4);
    asserts_sleep(0.02);
    ck_assert_uint_eq(latch_count(&stage->of[1]), 4);
    for (int i = 0; i < 20; i++)
        cf_settle(futures[i], "x", 1);
    for (int i = 0; i < 6; i++) {
        pthread_join(waiters[i].thread, NULL);
        ck_assert_int_eq(waiters[i].status, CF_OK);
        ck_assert_uint_ge(waiters[i].done, waiters[i].until == CF_ALL_COMPLETED ? 20 : 1);
    }
    for (int i = 0; i < 20; i++)
        cf_release(futures[i]);
}

TEST(the_error_that_is_there_already_ends_the_wait)
{
    struct cf_future *futures[] = { cf_promise(), cf_promise() };
    size_t done;

    ck_assert(cf_settle_error(futures[1], "e", 1, "an error"));
    ck_assert_int_eq(cf_wait(futures, 2, CF_FIRST_ERROR, CF_NEVER, &done), CF_OK);
    ck_assert_uint_eq(done, 1);
    asserts_error(futures[0], CF_RAISED);
    cf_release(futures[0]);
    cf_release(futures[1]);
}

TEST(a_wait_that_timed_out_leaves_nothing_behind)
{
    struct cf_executor *pool = tasks_pool(1);
    struct stage *stage = stage_new();
    struct cf_future *futures[] = { tasks_start_holding(pool, stage, 0), tasks_submit_cue(pool, stage, 1, 0) };

    for (int i = 0; i < 100; i++)
        ck_assert_int_eq(cf_wait(futures, 2, CF_ALL_COMPLETED, cf_after(0.0001), NULL), CF_TIMEOUT);
    latch_raise(&stage->go);
    ck_assert_int_eq(cf_wait(futures, 2, CF_ALL_COMPLETED, CF_NEVER, NULL), CF_OK);
    cf_release(futures[0]);
    cf_release(futures[1]);
    cf_close(pool);
}

/* What takes n steps for each of n futures does not end within the time limit. */
TEST(a_hundred_thousand_futures_in_one_wait_are_linear)
{
    enum { CALLS = 100000 };
    struct cf_executor *pool = tasks_pool(2);
    static struct cf_future *futures[CALLS], *reversed[CALLS];
    struct stage *stage = stage_new();
    size_t done;

    for (int i = 0; i < CALLS; i++)
        reversed[CALLS - 1 - i] = futures[i] = tasks_submit_cue(pool, stage, i, 1);
    ck_assert_int_eq(cf_wait(reversed, CALLS, CF_FIRST_COMPLETED, 0, &done), CF_TIMEOUT);
    ck_assert_uint_eq(done, 0);
    latch_raise(&stage->go);
    ck_assert_int_eq(cf_wait(reversed, CALLS, CF_ALL_COMPLETED, CF_NEVER, &done), CF_OK);
    ck_assert_uint_eq(done, CALLS);
    ck_assert_ptr_eq(reversed[0], futures[CALLS - 1]);
    for (int i = 0; i < CALLS; i++)
        cf_release(futures[i]);
    cf_close(pool);
}

TEST(an_interrupt_of_another_executor_does_not_end_the_wait)
{
    struct cf_executor *pool = tasks_pool(1), *other = tasks_pool(1);
    struct stage *stage = stage_new();
    struct cf_future *future = tasks_start_holding(pool, stage, 4);
    struct waiter waiter = { .futures = &future, .n = 1, .stage = stage };

    ck_assert_int_eq(pthread_create(&waiter.thread, NULL, wait_for_many, &waiter), 0);
    latch_await(&stage->of[0], 1);
    asserts_sleep(0.02);
    cf_interrupt(other);
    ck_assert_int_eq(cf_wait(&future, 1, CF_ALL_COMPLETED, cf_after(0.1), NULL), CF_TIMEOUT);
    ck_assert_uint_eq(latch_count(&stage->of[1]), 0);
    latch_raise(&stage->go);
    pthread_join(waiter.thread, NULL);
    ck_assert_int_eq(waiter.status, CF_OK);
    cf_release(future);
    cf_close(pool);
    cf_close(other);
}

TEST(a_promise_cannot_be_interrupted)
{
    struct cf_executor *pool = tasks_pool(1);
    struct cf_future *promise = cf_promise();

    cf_interrupt(pool);
    ck_assert_int_eq(cf_wait(&promise, 1, CF_ALL_COMPLETED, cf_after(0.05), NULL), CF_TIMEOUT);
    cf_release(promise);
    cf_close(pool);
}

TEST(after_takes_any_number)
{
    cf_time before = cf_after(0);

    ck_assert_int_gt(before, 0);
    ck_assert_int_ge(cf_after(1.5), before + 1500000000);
    ck_assert_int_le(cf_after(1.5), cf_after(0) + 1500000000);
    ck_assert_int_lt(cf_after(-1), before);
    ck_assert_int_eq(cf_after(INFINITY), CF_NEVER);
    ck_assert_int_eq(cf_after(NAN), CF_NEVER);
    ck_assert_int_eq(cf_after(1e18), CF_NEVER);
    ck_assert_int_eq(cf_after(9223372036.9), CF_NEVER);
    ck_assert_int_lt(cf_after(1e9), CF_NEVER);
    ck_assert_int_le(cf_after(-INFINITY), 1);
    ck_assert_int_le(cf_after(-1e300), 1);
    ck_assert_int_ne(cf_after(-1e9), 0);
}

static const TTest **const tests[] = {
    &a_waiter_sleeps_and_is_woken_by_the_last_future,
    &many_waiters_for_the_same_futures_all_wake,
    &the_error_that_is_there_already_ends_the_wait,
    &a_wait_that_timed_out_leaves_nothing_behind,
    &a_hundred_thousand_futures_in_one_wait_are_linear,
    &an_interrupt_of_another_executor_does_not_end_the_wait,
    &a_promise_cannot_be_interrupted,
    &after_takes_any_number,
    NULL,
};

int
main(void)
{
    return asserts_main("wait", tests);
}
