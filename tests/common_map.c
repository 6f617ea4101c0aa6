/* SPDX-License-Identifier: MIT */
/* common_map.c - the common table: maps over arrays and generators, their order, deadlines and ends. */

#include "asserts.h"
#include "kinds.h"
#include "sources.h"
#include "tasks.h"

TEST(a_map_yields_results_in_the_order_of_the_items)
{
    struct cf_executor *pool = kinds_open(4);
    int numbers[500];

    sources_fill(numbers, 500);
    struct cf_iter *iter = cf_map(pool, &task_twice, numbers, 500, sizeof *numbers, NULL);
    for (int i = 0; i < 500; i++)
        ck_assert_int_eq(asserts_int(cf_next(iter)), 2 * i);
    asserts_ends(iter, CF_END);
    cf_iter_free(iter);
    cf_close(pool);
}

TEST(a_map_keeps_the_order_even_if_the_first_item_ends_last)
{
    struct cf_executor *pool = kinds_open(2);
    struct stage *stage = stage_new();
    struct cue cues[20];

    for (int i = 0; i < 20; i++)
        cues[i] = tasks_cue(stage, i, i == 0);
    struct cf_iter *iter = cf_map(pool, &task_cue, cues, 20, sizeof *cues, NULL);
    latch_await(&stage->ended, 19);
    latch_raise(&stage->go);
    for (int i = 0; i < 20; i++)
        ck_assert_int_eq(asserts_int(cf_next(iter)), i);
    asserts_ends(iter, CF_END);
    cf_iter_free(iter);
    cf_close(pool);
}

TEST(an_unordered_map_yields_in_the_order_of_completion)
{
    struct cf_executor *pool = kinds_open(2);
    struct stage *stage = stage_new();
    struct cue cues[10];

    for (int i = 0; i < 10; i++)
        cues[i] = tasks_cue(stage, i, i == 0);
    struct cf_iter *iter =
        cf_map(pool, &task_cue, cues, 10, sizeof *cues, &(struct cf_map_options){ .unordered = true });
    for (int i = 1; i < 10; i++)
        ck_assert_int_eq(asserts_int(cf_next(iter)), i);
    latch_raise(&stage->go);
    ck_assert_int_eq(asserts_int(cf_next(iter)), 0);
    asserts_ends(iter, CF_END);
    cf_iter_free(iter);
    cf_close(pool);
}

TEST(an_unordered_map_yields_each_item_once)
{
    struct cf_executor *pool = kinds_open(3);
    struct counter counter = sources_counter(300, 0);
    bool seen[300] = { false };

    struct cf_iter *iter =
        cf_map_from(pool, &task_twice, sources_count, &counter, &(struct cf_map_options){ .unordered = true });
    for (struct cf_future *future; (future = cf_next(iter)) != NULL;) {
        int item = asserts_int(future) / 2;
        ck_assert(!seen[item]);
        seen[item] = true;
    }
    ck_assert_int_eq(cf_status(iter), CF_END);
    for (int i = 0; i < 300; i++)
        ck_assert(seen[i]);
    cf_iter_free(iter);
    cf_close(pool);
}

TEST(an_empty_map_ends_at_once_and_for_ever)
{
    struct cf_executor *pool = kinds_open(1);
    struct counter counter = sources_counter(0, 0);

    struct cf_iter *iter = cf_map(pool, &task_twice, NULL, 0, sizeof(int), NULL);
    asserts_ends(iter, CF_END);
    asserts_ends(iter, CF_END);
    cf_iter_free(iter);
    iter = cf_map_from(pool, &task_twice, sources_count, &counter, NULL);
    asserts_ends(iter, CF_END);
    asserts_ends(iter, CF_END);
    ck_assert_int_eq(counter.calls, 1);
    cf_iter_free(iter);
    cf_close(pool);
}

TEST(a_failing_item_fails_at_its_turn_and_the_next_one_follows)
{
    struct cf_executor *pool = kinds_open(2);
    const int numbers[] = { 1, -2, 3, -4, 5 };

    struct cf_iter *iter = cf_map(pool, &task_twice, numbers, 5, sizeof *numbers, NULL);
    ck_assert_int_eq(asserts_int(cf_next(iter)), 2);
    ck_assert_int_eq(asserts_error(cf_next(iter), CF_RAISED)->code, -2);
    ck_assert_int_eq(asserts_int(cf_next(iter)), 6);
    ck_assert_int_eq(asserts_error(cf_next(iter), CF_RAISED)->code, -4);
    ck_assert_int_eq(asserts_int(cf_next(iter)), 10);
    asserts_ends(iter, CF_END);
    cf_iter_free(iter);
    cf_close(pool);
}

TEST(a_generator_is_called_before_each_copy_of_its_item)
{
    struct cf_executor *pool = kinds_open(2);
    struct counter counter = sources_counter(100, 0);

    struct cf_iter *iter = cf_map_from(pool, &task_twice, sources_count, &counter, NULL);
    for (int i = 0; i < 100; i++) {
        struct cf_future *future = cf_next(iter);
        ck_assert_int_eq(asserts_int(future), 2 * i);
        ck_assert_mem_eq(cf_input(future, NULL), &i, sizeof i);
    }
    asserts_ends(iter, CF_END);
    cf_iter_free(iter);
    ck_assert_int_eq(counter.calls, 101);
    cf_close(pool);
}

TEST(a_generators_error_arrives_after_the_items_before_it)
{
    struct cf_executor *pool = kinds_open(2);
    struct counter counter = sources_counter(3, -1);

    struct cf_iter *iter = cf_map_from(pool, &task_twice, sources_count, &counter, NULL);
    for (int i = 0; i < 3; i++)
        ck_assert_int_eq(asserts_int(cf_next(iter)), 2 * i);
    asserts_ends(iter, CF_FAILED);
    asserts_ends(iter, CF_END);
    asserts_ends(iter, CF_END);
    ck_assert_int_eq(counter.calls, 4);
    cf_iter_free(iter);
    cf_close(pool);
}

TEST(a_map_of_an_array_starts_before_it_is_read)
{
    struct cf_executor *pool = kinds_open(2);
    struct stage *stage = stage_new();
    struct cue cues[20];

    for (int i = 0; i < 20; i++)
        cues[i] = tasks_cue(stage, i, 0);
    struct cf_iter *iter = cf_map(pool, &task_cue, cues, 20, sizeof *cues, NULL);
    latch_await(&stage->ended, 20);
    cf_iter_free(iter);
    cf_close(pool);
}

TEST(freeing_a_map_cancels_what_has_not_started)
{
    struct cf_executor *pool = kinds_open(1);
    struct stage *stage = stage_new();
    struct cue cues[20];

    for (int i = 0; i < 20; i++)
        cues[i] = tasks_cue(stage, i, 1);
    struct cf_iter *iter = cf_map(pool, &task_cue, cues, 20, sizeof *cues, NULL);
    latch_await(&stage->started, 1);
    cf_iter_free(iter);
    latch_raise(&stage->go);
    ck_assert_int_eq(cf_close(pool), 0);
    ck_assert_uint_eq(latch_count(&stage->started), 1);
}

TEST(freeing_a_map_leaves_what_was_taken_from_it)
{
    struct cf_executor *pool = kinds_open(2);
    int numbers[10];

    sources_fill(numbers, 10);
    struct cf_iter *iter = cf_map(pool, &task_twice, numbers, 10, sizeof *numbers, NULL);
    struct cf_future *zero = cf_take(iter);
    struct cf_future *one = cf_take(iter);
    ck_assert_ptr_nonnull(cf_next(iter));
    cf_iter_free(iter);
    cf_close(pool);
    ck_assert_int_eq(asserts_take_int(one), 2);
    ck_assert_int_eq(asserts_take_int(zero), 0);
}

TEST(on_its_deadline_a_map_cancels_what_has_not_started_and_ends)
{
    struct cf_executor *pool = kinds_open(1);
    struct stage *stage = stage_new();
    struct cue cues[10];

    for (int i = 0; i < 10; i++)
        cues[i] = tasks_cue(stage, i, i >= 2);
    double began = asserts_now();
    struct cf_iter *iter =
        cf_map(pool, &task_cue, cues, 10, sizeof *cues, &(struct cf_map_options){ .deadline = cf_after(0.5) });
    ck_assert_int_eq(asserts_int(cf_next(iter)), 0);
    ck_assert_int_eq(asserts_int(cf_next(iter)), 1);
    asserts_ends(iter, CF_TIMEOUT);
    ck_assert_double_ge(asserts_now() - began, 0.5);
    asserts_ends(iter, CF_END);
    asserts_ends(iter, CF_END);
    latch_raise(&stage->go);
    ck_assert_int_eq(cf_shutdown(pool, CF_WAIT), 0);
    ck_assert_uint_eq(latch_count(&stage->started), 3);
    cf_iter_free(iter);
    cf_close(pool);
}

TEST(after_its_deadline_a_map_asks_its_generator_no_more)
{
    struct cf_executor *pool = kinds_open(1);
    struct stage *stage = stage_new();
    struct cue cues[10];
    struct cues source = { .next = cues, .left = 10 };

    for (int i = 0; i < 10; i++)
        cues[i] = tasks_cue(stage, i, i >= 1);
    const struct cf_map_options options = { .buffersize = 3, .deadline = cf_after(0.3) };
    struct cf_iter *iter = cf_map_from(pool, &task_cue, sources_cue, &source, &options);
    ck_assert_int_eq(asserts_int(cf_next(iter)), 0);
    asserts_ends(iter, CF_TIMEOUT);
    size_t left = source.left;
    asserts_ends(iter, CF_END);
    ck_assert_uint_eq(source.left, left);
    latch_raise(&stage->go);
    asserts_ends(iter, CF_END);
    ck_assert_uint_eq(source.left, left);
    cf_iter_free(iter);
    cf_close(pool);
}

TEST(remaining_counts_what_a_map_has_not_yielded)
{
    struct cf_executor *pool = kinds_open(2);
    int numbers[10];
    size_t total = 99;

    sources_fill(numbers, 10);
    struct cf_iter *iter = cf_map(pool, &task_twice, numbers, 10, sizeof *numbers, NULL);
    ck_assert_uint_eq(cf_remaining(iter, &total), 10);
    ck_assert_uint_eq(total, 10);
    for (int i = 0; i < 4; i++)
        ck_assert_int_eq(asserts_int(cf_next(iter)), 2 * i);
    ck_assert_uint_eq(cf_remaining(iter, &total), 6);
    ck_assert_uint_eq(total, 10);
    ck_assert_uint_eq(cf_remaining(iter, NULL), 6);
    cf_iter_free(iter);
    cf_close(pool);
}

const TTest **const common_map[] = {
    &a_map_yields_results_in_the_order_of_the_items,
    &a_map_keeps_the_order_even_if_the_first_item_ends_last,
    &an_unordered_map_yields_in_the_order_of_completion,
    &an_unordered_map_yields_each_item_once,
    &an_empty_map_ends_at_once_and_for_ever,
    &a_failing_item_fails_at_its_turn_and_the_next_one_follows,
    &a_generator_is_called_before_each_copy_of_its_item,
    &a_generators_error_arrives_after_the_items_before_it,
    &a_map_of_an_array_starts_before_it_is_read,
    &freeing_a_map_cancels_what_has_not_started,
    &freeing_a_map_leaves_what_was_taken_from_it,
    &on_its_deadline_a_map_cancels_what_has_not_started_and_ends,
    &after_its_deadline_a_map_asks_its_generator_no_more,
    &remaining_counts_what_a_map_has_not_yielded,
    NULL,
};
