/* SPDX-License-Identifier: MIT */
/* completed-t.c - cf_as_completed(): its order, its references, and threads that finish while another one reads. */

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "asserts.h"
#include "tap.h"
#include "tasks.h"

/* The i-th number of a fixed permutation of 0 to 100. */
static int
shuffled(int i)
{
    return i * 37 % 101;
}

TEST(futures_come_in_the_order_in_which_they_were_settled)
{
    struct cf_future *futures[101];

    for (int i = 0; i < 101; i++)
        futures[i] = cf_promise();
    struct cf_iter *iter = cf_as_completed(futures, 101, CF_NEVER);
    for (int i = 0; i < 101; i++) {
        struct cf_future *future = futures[shuffled(i)];
        ck_assert(i % 3 == 0 ? cf_cancel(future) : cf_settle(future, "x", 1));
    }
    for (int i = 0; i < 101; i++)
        ck_assert_ptr_eq(cf_next(iter), futures[shuffled(i)]);
    asserts_ends(iter, CF_END);
    cf_iter_free(iter);
    for (int i = 0; i < 101; i++)
        cf_release(futures[i]);
}

TEST(a_cancelled_future_comes_as_completed_at_once)
{
    struct cf_executor *pool = tasks_pool(1);
    struct stage *stage = stage_new();
    struct cf_future *running = tasks_start_holding(pool, stage, 0);
    struct cf_future *futures[] = { running, tasks_submit_cue(pool, stage, 1, 0), tasks_submit_cue(pool, stage, 2, 0) };
    struct cf_iter *iter = cf_as_completed(futures, 3, CF_NEVER);

    ck_assert(cf_cancel(futures[2]));
    ck_assert_ptr_eq(cf_next(iter), futures[2]);
    asserts_cancelled(futures[2]);
    ck_assert(cf_running(running));
    latch_raise(&stage->go);
    ck_assert_ptr_eq(cf_next(iter), running);
    ck_assert_ptr_eq(cf_next(iter), futures[1]);
    asserts_ends(iter, CF_END);
    cf_iter_free(iter);
    for (int i = 0; i < 3; i++)
        cf_release(futures[i]);
    cf_close(pool);
}

static struct latch freed;

static void
free_counted(void *result)
{
    (void)result;
    latch_raise(&freed);
}

static int
owned(struct cf_call *call)
{
    static int result;

    return cf_return_owned(call, &result, sizeof result, free_counted);
}
static const struct cf_task task_owned = { "owned", owned };

TEST(what_was_yielded_is_kept_no_longer_than_lent)
{
    struct cf_executor *pool = tasks_pool(1);
    struct cf_future *futures[10];

    for (int i = 0; i < 10; i++)
        futures[i] = cf_submit(pool, &task_owned, NULL, 0);
    cf_shutdown(pool, CF_WAIT);
    struct cf_iter *iter = cf_as_completed(futures, 10, CF_NEVER);
    for (int i = 0; i < 10; i++)
        cf_release(futures[i]);
    for (uint32_t i = 0; i < 10; i++) {
        struct cf_future *lent = cf_next(iter);
        ck_assert_ptr_nonnull(lent);
        ck_assert(cf_done(lent));
        ck_assert_uint_eq(latch_count(&freed), i);
    }
    asserts_ends(iter, CF_END);
    ck_assert_uint_eq(latch_count(&freed), 10);
    cf_iter_free(iter);
    cf_close(pool);
}

TEST(what_was_not_yielded_is_kept_until_the_iterator_is_freed)
{
    struct cf_executor *pool = tasks_pool(1);
    struct cf_future *futures[4];

    for (int i = 0; i < 4; i++)
        futures[i] = cf_submit(pool, &task_owned, NULL, 0);
    struct cf_iter *iter = cf_as_completed(futures, 4, CF_NEVER);
    for (int i = 0; i < 4; i++)
        cf_release(futures[i]);
    cf_close(pool);
    ck_assert_ptr_nonnull(cf_next(iter));
    ck_assert_uint_eq(latch_count(&freed), 0);
    cf_iter_free(iter);
    ck_assert_uint_eq(latch_count(&freed), 4);
}

TEST(a_future_named_twice_comes_once)
{
    struct cf_executor *pool = tasks_pool(1);
    struct stage *stage = stage_new();
    struct cf_future *future = tasks_start_holding(pool, stage, 3);
    struct cf_future *twice[] = { future, future };
    struct cf_iter *iter = cf_as_completed(twice, 2, CF_NEVER);

    latch_raise(&stage->go);
    ck_assert_ptr_eq(cf_next(iter), future);
    asserts_ends(iter, CF_END);
    cf_iter_free(iter);
    cf_release(future);
    cf_close(pool);
}

TEST(a_hundred_thousand_futures_as_completed_are_linear)
{
    enum { CALLS = 100000 };
    struct cf_executor *pool = tasks_pool(2);
    static struct cf_future *futures[CALLS];
    long sum = 0;

    for (int i = 0; i < CALLS; i++)
        futures[i] = tasks_submit_int(pool, &task_twice, i);
    struct cf_iter *iter = cf_as_completed(futures, CALLS, cf_after(1000));
    for (int i = 0; i < CALLS; i++)
        cf_release(futures[i]);
    for (struct cf_future *future; (future = cf_next(iter)) != NULL;)
        sum += asserts_int(future);
    ck_assert_int_eq(cf_status(iter), CF_END);
    ck_assert_int_eq(sum, (long)CALLS * (CALLS - 1));
    cf_iter_free(iter);
    cf_close(pool);
}

/* What takes n steps whenever there is nothing to yield does not end within the time limit. */
TEST(looking_at_a_hundred_thousand_promises_after_each_is_linear)
{
    enum { MANY = 100000 };
    static struct cf_future *promises[MANY];
    const int n = tap_sanitized() ? MANY / 5 : MANY;
    int right = 0; /* each assertion would be a system call */

    for (int i = 0; i < n; i++)
        promises[i] = cf_promise();
    struct cf_iter *iter = cf_as_completed(promises, (size_t)n, cf_after(-1));
    for (int i = 0; i < n; i++) {
        right += cf_next(iter) == NULL && cf_status(iter) == CF_TIMEOUT;
        right += cf_settle(promises[i], NULL, 0) && cf_next(iter) == promises[i];
        cf_release(promises[i]);
    }
    ck_assert_int_eq(right, 2 * n);
    asserts_ends(iter, CF_END);
    cf_iter_free(iter);
}

struct settler {
    pthread_t thread;
    struct cf_future **futures;
    int from, n;
};

static void *
settle_some(void *data)
{
    struct settler *settler = data;

    for (int i = settler->from; i < settler->n; i += 3)
        ck_assert(cf_settle(settler->futures[i], &i, sizeof i));
    return NULL;
}

TEST(several_threads_may_settle_while_one_reads)
{
    struct cf_future *futures[300];
    struct settler settlers[3];
    bool seen[300] = { false };

    for (int i = 0; i < 300; i++)
        futures[i] = cf_promise();
    struct cf_iter *iter = cf_as_completed(futures, 300, CF_NEVER);
    for (int i = 0; i < 3; i++) {
        settlers[i] = (struct settler){ .futures = futures, .from = i, .n = 300 };
        ck_assert_int_eq(pthread_create(&settlers[i].thread, NULL, settle_some, &settlers[i]), 0);
    }
    int last[3] = { -1, -1, -1 };
    for (int i = 0; i < 300; i++) {
        int which = asserts_int(cf_next(iter));
        ck_assert(!seen[which]);
        seen[which] = true;
        ck_assert_int_gt(which, last[which % 3]);
        last[which % 3] = which;
    }
    asserts_ends(iter, CF_END);
    cf_iter_free(iter);
    for (int i = 0; i < 3; i++)
        pthread_join(settlers[i].thread, NULL);
    for (int i = 0; i < 300; i++)
        cf_release(futures[i]);
}

TEST(an_iterator_freed_early_lets_the_rest_be)
{
    struct cf_future *futures[3];

    for (int i = 0; i < 3; i++)
        futures[i] = cf_promise();
    struct cf_iter *iter = cf_as_completed(futures, 3, CF_NEVER);
    ck_assert(cf_settle(futures[1], "x", 1));
    ck_assert_ptr_eq(cf_next(iter), futures[1]);
    cf_iter_free(iter);
    ck_assert(!cf_cancelled(futures[0]));
    ck_assert(cf_settle(futures[0], "x", 1));
    ck_assert(cf_cancel(futures[2]));
    for (int i = 0; i < 3; i++)
        cf_release(futures[i]);
}

static void *
read_three(void *iter)
{
    for (int i = 0; i < 3; i++)
        ck_assert_ptr_nonnull(cf_next(iter));
    return NULL;
}

TEST(an_iterator_may_go_from_thread_to_thread)
{
    struct cf_executor *pool = tasks_pool(2);
    const int numbers[12] = { 0 };
    const struct cf_map_options ordered = { .buffersize = 4 }, unordered = { .buffersize = 4, .unordered = true };
    struct cf_future *futures[12];
    pthread_t thread;

    for (int i = 0; i < 12; i++)
        futures[i] = tasks_submit_int(pool, &task_twice, i);
    struct cf_iter *iters[] = { cf_as_completed(futures, 12, CF_NEVER),
                                cf_map(pool, &task_twice, numbers, 12, sizeof *numbers, &ordered),
                                cf_map(pool, &task_twice, numbers, 12, sizeof *numbers, &unordered) };
    for (int k = 0; k < 3; k++) {
        for (int i = 0; i < 2; i++) {
            read_three(iters[k]);
            ck_assert_int_eq(pthread_create(&thread, NULL, read_three, iters[k]), 0);
            pthread_join(thread, NULL);
        }
        asserts_ends(iters[k], CF_END);
        cf_iter_free(iters[k]);
    }
    for (int i = 0; i < 12; i++)
        cf_release(futures[i]);
    cf_close(pool);
}

TEST(a_future_may_be_in_several_iterators)
{
    struct cf_future *future = cf_promise();
    struct cf_iter *iters[5];

    for (int i = 0; i < 5; i++)
        iters[i] = cf_as_completed(&future, 1, CF_NEVER);
    cf_iter_free(iters[2]);
    ck_assert(cf_settle(future, "x", 2));
    cf_release(future);
    for (int i = 0; i < 5; i++) {
        if (i == 2)
            continue;
        ck_assert_str_eq(cf_result(cf_next(iters[i]), NULL), "x");
        asserts_ends(iters[i], CF_END);
        cf_iter_free(iters[i]);
    }
}

static const TTest **const tests[] = {
    &futures_come_in_the_order_in_which_they_were_settled,
    &a_cancelled_future_comes_as_completed_at_once,
    &what_was_yielded_is_kept_no_longer_than_lent,
    &what_was_not_yielded_is_kept_until_the_iterator_is_freed,
    &a_future_named_twice_comes_once,
    &a_hundred_thousand_futures_as_completed_are_linear,
    &looking_at_a_hundred_thousand_promises_after_each_is_linear,
    &several_threads_may_settle_while_one_reads,
    &an_iterator_freed_early_lets_the_rest_be,
    &an_iterator_may_go_from_thread_to_thread,
    &a_future_may_be_in_several_iterators,
    NULL,
};

int
main(void)
{
    return asserts_main("completed", tests);
}
