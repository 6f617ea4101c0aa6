/* SPDX-License-Identifier: MIT */
/* map-t.c - maps on thread pools: what they lend and keep, deadlines, and executors that end before them. */

#include <errno.h>
#include <string.h>

#include "asserts.h"
#include "tasks.h"

/* Yields items of no bytes, three of them. */
static int
next_nothing(void *data, const void **item, size_t *len)
{
    *item = NULL;
    *len = 0;
    return (*(int *)data)++ < 3;
}

TEST(items_may_be_empty)
{
    struct cf_executor *pool = tasks_pool(2);
    int calls = 0;
    size_t len;
    struct cf_iter *iters[] = { cf_map_from(pool, &task_echo, next_nothing, &calls, NULL),
                                cf_map(pool, &task_echo, "", 3, 0, NULL),
                                cf_map(pool, &task_echo, "", 3, 0, &(struct cf_map_options){ .chunksize = 2 }) };

    for (int k = 0; k < 3; k++) {
        for (int i = 0; i < 3; i++) {
            len = 99;
            struct cf_future *future = cf_next(iters[k]);
            ck_assert_ptr_nonnull(future);
            ck_assert_ptr_nonnull(cf_result(future, &len));
            ck_assert_uint_eq(len, 0);
        }
        asserts_ends(iters[k], CF_END);
        cf_iter_free(iters[k]);
    }
    cf_close(pool);
}

TEST(a_lent_future_can_be_retained)
{
    struct cf_executor *pool = tasks_pool(2);
    const int numbers[] = { 1, 2, 3 };
    struct cf_iter *iter = cf_map(pool, &task_twice, numbers, 3, sizeof *numbers, NULL);
    struct cf_future *kept = cf_retain(cf_next(iter));

    ck_assert_int_eq(asserts_int(cf_next(iter)), 4);
    cf_iter_free(iter);
    cf_close(pool);
    ck_assert_int_eq(asserts_take_int(kept), 2);
}

TEST(a_taken_future_keeps_its_argument_when_the_items_are_gone)
{
    struct cf_executor *pool = tasks_pool(2);
    const size_t sizes[] = { 1, 3 };

    for (int k = 0; k < 2; k++) {
        char items[3][4] = { "AD", "BR", "CN" };
        struct cf_future *taken[3];
        const struct cf_map_options options = { .chunksize = sizes[k] };
        struct cf_iter *iter = cf_map(pool, &task_echo, items, 3, sizeof *items, &options);

        for (int i = 0; i < 3; i++)
            ck_assert_ptr_nonnull(taken[i] = cf_take(iter));
        cf_iter_free(iter);
        memset(items, '#', sizeof items);
        ck_assert_str_eq(cf_input(taken[0], NULL), "AD");
        ck_assert_str_eq(cf_input(taken[1], NULL), "BR");
        ck_assert_str_eq(cf_result(taken[2], NULL), "CN");
        for (int i = 0; i < 3; i++)
            cf_release(taken[i]);
    }
    cf_close(pool);
}

TEST(a_map_can_be_read_after_its_executor_was_closed)
{
    struct cf_executor *pool = tasks_pool(2);
    const int numbers[] = { 1, 2, 3, 4, 5, 6 };
    struct cf_iter *whole = cf_map(pool, &task_twice, numbers, 6, sizeof *numbers, NULL);
    const struct cf_map_options options = { .buffersize = 2 };
    struct cf_iter *bounded = cf_map(pool, &task_twice, numbers, 6, sizeof *numbers, &options);

    ck_assert_int_eq(cf_close(pool), 0);
    for (int i = 0; i < 6; i++)
        ck_assert_int_eq(asserts_int(cf_next(whole)), 2 * numbers[i]);
    asserts_ends(whole, CF_END);
    cf_iter_free(whole);
    for (int i = 0; i < 2; i++)
        ck_assert_int_eq(asserts_int(cf_next(bounded)), 2 * numbers[i]);
    for (int i = 2; i < 6; i++)
        asserts_refused(cf_next(bounded), ESHUTDOWN);
    asserts_ends(bounded, CF_END);
    cf_iter_free(bounded);
}

TEST(two_maps_of_one_executor_can_be_read_in_turn)
{
    struct cf_executor *pool = tasks_pool(2);
    const int odd[] = { 1, 3, 5 }, even[] = { 2, 4, 6 };
    struct cf_iter *one = cf_map(pool, &task_twice, odd, 3, sizeof *odd, NULL);
    struct cf_iter *two = cf_map(pool, &task_twice, even, 3, sizeof *even, NULL);

    for (int i = 0; i < 3; i++) {
        ck_assert_int_eq(asserts_int(cf_next(two)), 2 * even[i]);
        ck_assert_int_eq(asserts_int(cf_next(one)), 2 * odd[i]);
    }
    cf_iter_free(two);
    asserts_ends(one, CF_END);
    cf_iter_free(one);
    cf_close(pool);
}

TEST(a_deadline_that_is_past_times_out_once)
{
    struct cf_executor *pool = tasks_pool(1);
    struct stage *stage = stage_new();
    struct cf_future *running = tasks_start_holding(pool, stage, 0);
    const int numbers[] = { 1, 2, 3 };
    const struct cf_map_options options = { .deadline = 1 };
    struct cf_iter *iter = cf_map(pool, &task_twice, numbers, 3, sizeof *numbers, &options);

    asserts_ends(iter, CF_TIMEOUT);
    asserts_ends(iter, CF_END);
    cf_iter_free(iter);
    latch_raise(&stage->go);
    cf_release(running);
    cf_close(pool);
}

TEST(no_deadline_and_the_furthest_one_are_the_same)
{
    struct cf_executor *pool = tasks_pool(1);
    const int numbers[] = { 1, 2, 3 };
    const cf_time deadlines[] = { 0, CF_NEVER };

    for (int k = 0; k < 2; k++) {
        const struct cf_map_options options = { .deadline = deadlines[k] };
        struct cf_iter *iter = cf_map(pool, &task_twice, numbers, 3, sizeof *numbers, &options);
        for (int i = 0; i < 3; i++)
            ck_assert_int_eq(asserts_int(cf_next(iter)), 2 * numbers[i]);
        asserts_ends(iter, CF_END);
        cf_iter_free(iter);
    }
    cf_close(pool);
}

TEST(an_unordered_map_keeps_its_deadline_too)
{
    struct cf_executor *pool = tasks_pool(2);
    struct stage *stage = stage_new();
    struct cue cues[8];

    for (int i = 0; i < 8; i++)
        cues[i] = tasks_cue(stage, i, i == 0 || i > 3);
    const struct cf_map_options options = { .unordered = true, .deadline = cf_after(0.4) };
    struct cf_iter *iter = cf_map(pool, &task_cue, cues, 8, sizeof *cues, &options);
    for (int i = 1; i <= 3; i++)
        ck_assert_int_eq(asserts_int(cf_next(iter)), i);
    asserts_ends(iter, CF_TIMEOUT);
    asserts_ends(iter, CF_END);
    latch_raise(&stage->go);
    ck_assert_int_eq(cf_shutdown(pool, CF_WAIT), 0);
    ck_assert_uint_eq(latch_count(&stage->started), 5);
    cf_iter_free(iter);
    cf_close(pool);
}

TEST(a_cancelled_item_comes_at_its_turn)
{
    struct cf_executor *pool = tasks_pool(1);
    struct stage *stage = stage_new();
    const int numbers[] = { 1, 2, 3 };
    struct cf_future *running = tasks_start_holding(pool, stage, 0);
    struct cf_iter *iter = cf_map(pool, &task_twice, numbers, 3, sizeof *numbers, NULL);

    cf_shutdown(pool, CF_CANCEL);
    for (int i = 0; i < 3; i++) {
        struct cf_future *future = cf_next(iter);
        asserts_cancelled(future);
        ck_assert_mem_eq(cf_input(future, NULL), &numbers[i], sizeof *numbers);
    }
    asserts_ends(iter, CF_END);
    cf_iter_free(iter);
    latch_raise(&stage->go);
    cf_release(running);
    cf_close(pool);
}

TEST(a_map_of_a_hundred_thousand_items_is_linear)
{
    enum { ITEMS = 100000 };
    static int numbers[ITEMS];
    struct cf_executor *pool = tasks_pool(2);

    for (int i = 0; i < ITEMS; i++)
        numbers[i] = i;
    for (int unordered = 0; unordered < 2; unordered++) {
        const struct cf_map_options options = { .unordered = unordered == 1 };
        struct cf_iter *iter = cf_map(pool, &task_twice, numbers, ITEMS, sizeof *numbers, &options);
        long sum = 0;
        for (struct cf_future *future; (future = cf_next(iter)) != NULL;)
            sum += asserts_int(future);
        ck_assert_int_eq(sum, (long)ITEMS * (ITEMS - 1));
        cf_iter_free(iter);
    }
    cf_close(pool);
}

TEST(a_map_without_a_task_or_without_items_is_refused)
{
    struct cf_executor *pool = tasks_pool(1);
    const int numbers[] = { 1, 2, 3, 4, 5 };
    const struct cf_task nothing = { "nothing", NULL };
    struct cf_iter *iter;

    for (size_t chunksize = 1; chunksize <= 6; chunksize++) {
        const struct cf_map_options options = { .chunksize = chunksize };
        iter = cf_map(pool, chunksize % 2 == 0 ? NULL : &nothing, numbers, 5, sizeof *numbers, &options);
        ck_assert_ptr_nonnull(iter);
        for (int i = 0; i < 5; i++) {
            struct cf_future *future = cf_next(iter);
            asserts_refused(future, EINVAL);
            ck_assert_mem_eq(cf_input(future, NULL), &numbers[i], sizeof *numbers);
        }
        asserts_ends(iter, CF_END);
        cf_iter_free(iter);
    }
    iter = cf_map(pool, &task_twice, NULL, 2, sizeof *numbers, NULL);
    ck_assert_ptr_nonnull(iter);
    for (struct cf_future *future; (future = cf_next(iter)) != NULL;)
        asserts_refused(future, EINVAL);
    cf_iter_free(iter);
    iter = cf_map_from(pool, &task_twice, NULL, NULL, NULL);
    ck_assert_ptr_nonnull(iter);
    for (struct cf_future *future; (future = cf_next(iter)) != NULL;)
        asserts_refused(future, EINVAL);
    cf_iter_free(iter);
    ck_assert_int_eq(cf_close(pool), 0);
}

static const TTest **const tests[] = {
    &items_may_be_empty,
    &a_lent_future_can_be_retained,
    &a_taken_future_keeps_its_argument_when_the_items_are_gone,
    &a_map_can_be_read_after_its_executor_was_closed,
    &two_maps_of_one_executor_can_be_read_in_turn,
    &a_deadline_that_is_past_times_out_once,
    &no_deadline_and_the_furthest_one_are_the_same,
    &an_unordered_map_keeps_its_deadline_too,
    &a_cancelled_item_comes_at_its_turn,
    &a_map_of_a_hundred_thousand_items_is_linear,
    &a_map_without_a_task_or_without_items_is_refused,
    NULL,
};

int
main(void)
{
    return asserts_main("map", tests);
}
