/* SPDX-License-Identifier: MIT */
/* common_map.c - the common table: maps over arrays and generators, their order, bounds, chunks and deadlines. */

#include <errno.h>
#include <pthread.h>
#include <string.h>

#include "asserts.h"
#include "kinds.h"
#include "tasks.h"

/* Yields the ints from 0 to end, and then status; counts how often it was called, and checks by whom. */
struct counter {
    int value, end, status, calls;
    pthread_t owner;
};

static int
count(void *source, const void **item, size_t *len)
{
    struct counter *counter = source;

    ck_assert(pthread_equal(pthread_self(), counter->owner));
    counter->calls++;
    if (counter->value == counter->end)
        return counter->status;
    counter->value++;
    static int lent;
    lent = counter->value - 1;
    *item = &lent;
    *len = sizeof lent;
    return 1;
}

static struct counter
counter_to(int end, int status)
{
    return (struct counter){ .end = end, .status = status, .owner = pthread_self() };
}

/* Yields the cues of an array. */
struct cues {
    const struct cue *next;
    size_t left;
};

static int
next_cue(void *source, const void **item, size_t *len)
{
    struct cues *cues = source;

    if (cues->left == 0)
        return 0;
    *item = cues->next++;
    *len = sizeof(struct cue);
    cues->left--;
    return 1;
}

static void
fill(int *numbers, int n)
{
    for (int i = 0; i < n; i++)
        numbers[i] = i;
}

START_TEST(a_map_yields_results_in_the_order_of_the_items)
{
    struct cf_executor *pool = kinds_open(4);
    int numbers[500];

    fill(numbers, 500);
    struct cf_iter *iter = cf_map(pool, &task_twice, numbers, 500, sizeof *numbers, NULL);
    for (int i = 0; i < 500; i++)
        ck_assert_int_eq(asserts_int(cf_next(iter)), 2 * i);
    asserts_ends(iter, CF_END);
    cf_iter_free(iter);
    cf_close(pool);
}
END_TEST

START_TEST(a_map_keeps_the_order_even_if_the_first_item_ends_last)
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
END_TEST

START_TEST(an_unordered_map_yields_in_the_order_of_completion)
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
END_TEST

START_TEST(an_unordered_map_yields_each_item_once)
{
    struct cf_executor *pool = kinds_open(3);
    struct counter counter = counter_to(300, 0);
    bool seen[300] = { false };

    struct cf_iter *iter =
        cf_map_from(pool, &task_twice, count, &counter, &(struct cf_map_options){ .unordered = true });
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
END_TEST

START_TEST(an_empty_map_ends_at_once_and_for_ever)
{
    struct cf_executor *pool = kinds_open(1);
    struct counter counter = counter_to(0, 0);

    struct cf_iter *iter = cf_map(pool, &task_twice, NULL, 0, sizeof(int), NULL);
    asserts_ends(iter, CF_END);
    asserts_ends(iter, CF_END);
    cf_iter_free(iter);
    iter = cf_map_from(pool, &task_twice, count, &counter, NULL);
    asserts_ends(iter, CF_END);
    asserts_ends(iter, CF_END);
    ck_assert_int_eq(counter.calls, 1);
    cf_iter_free(iter);
    cf_close(pool);
}
END_TEST

START_TEST(a_failing_item_fails_at_its_turn_and_the_next_one_follows)
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
END_TEST

START_TEST(chunks_of_any_size_yield_the_same_as_none)
{
    struct cf_executor *pool = kinds_open(2);
    int numbers[25];
    const size_t sizes[] = { 1, 2, 5, 7, 24, 25, 26, 1000 };

    fill(numbers, 25);
    for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
        struct cf_iter *iter =
            cf_map(pool, &task_twice, numbers, 25, sizeof *numbers, &(struct cf_map_options){ .chunksize = sizes[s] });
        for (int i = 0; i < 25; i++) {
            struct cf_future *future = cf_next(iter);
            size_t len;

            ck_assert_int_eq(asserts_int(future), 2 * i);
            ck_assert_mem_eq(cf_input(future, &len), &i, sizeof i);
            ck_assert_uint_eq(len, sizeof i);
        }
        asserts_ends(iter, CF_END);
        cf_iter_free(iter);
    }
    cf_close(pool);
}
END_TEST

START_TEST(inside_a_chunk_only_the_failing_item_fails)
{
    struct cf_executor *pool = kinds_open(2);
    const int numbers[] = { 1, -2, 3, -4, 5, 6, 7 };
    const struct cf_map_options options = { .chunksize = 3 };

    struct cf_iter *iter = cf_map(pool, &task_twice, numbers, 7, sizeof *numbers, &options);
    for (int i = 0; i < 7; i++) {
        struct cf_future *future = cf_next(iter);

        ck_assert_ptr_nonnull(future);
        if (numbers[i] < 0) {
            const struct cf_error *error = asserts_error(future, CF_RAISED);
            ck_assert_str_eq(error->domain, "negative");
            ck_assert_str_eq(error->task, "twice");
            ck_assert_int_eq(strncmp(error->worker, kind->worker, strlen(kind->worker)), 0);
            ck_assert_int_eq(error->code, numbers[i]);
        } else {
            ck_assert_int_eq(asserts_int(future), 2 * numbers[i]);
        }
    }
    asserts_ends(iter, CF_END);
    cf_iter_free(iter);
    cf_close(pool);
}
END_TEST

START_TEST(chunks_of_a_generator_keep_the_order_and_its_error)
{
    struct cf_executor *pool = kinds_open(2);
    struct counter counter = counter_to(11, -1);
    const struct cf_map_options options = { .chunksize = 4 };

    struct cf_iter *iter = cf_map_from(pool, &task_twice, count, &counter, &options);
    for (int i = 0; i < 11; i++)
        ck_assert_int_eq(asserts_int(cf_next(iter)), 2 * i);
    asserts_ends(iter, CF_FAILED);
    asserts_ends(iter, CF_END);
    cf_iter_free(iter);
    cf_close(pool);
}
END_TEST

START_TEST(a_generator_is_called_before_each_copy_of_its_item)
{
    struct cf_executor *pool = kinds_open(2);
    struct counter counter = counter_to(100, 0);

    struct cf_iter *iter = cf_map_from(pool, &task_twice, count, &counter, NULL);
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
END_TEST

START_TEST(a_generators_error_arrives_after_the_items_before_it)
{
    struct cf_executor *pool = kinds_open(2);
    struct counter counter = counter_to(3, -1);

    struct cf_iter *iter = cf_map_from(pool, &task_twice, count, &counter, NULL);
    for (int i = 0; i < 3; i++)
        ck_assert_int_eq(asserts_int(cf_next(iter)), 2 * i);
    asserts_ends(iter, CF_FAILED);
    asserts_ends(iter, CF_END);
    asserts_ends(iter, CF_END);
    ck_assert_int_eq(counter.calls, 4);
    cf_iter_free(iter);
    cf_close(pool);
}
END_TEST

START_TEST(a_map_of_an_infinite_generator_can_be_read_as_far_as_wanted)
{
    struct cf_executor *pool = kinds_open(2);
    struct counter counter = counter_to(-1, 0);

    struct cf_iter *iter = cf_map_from(pool, &task_twice, count, &counter, NULL);
    for (int i = 0; i < 5000; i++)
        ck_assert_int_eq(asserts_int(cf_next(iter)), 2 * i);
    cf_iter_free(iter);
    ck_assert_int_lt(counter.value, 5200);
    cf_close(pool);
}
END_TEST

START_TEST(a_full_buffer_has_consumed_exactly_buffersize_inputs)
{
    struct cf_executor *pool = kinds_open(2);
    struct counter counter = counter_to(-1, 0);

    struct cf_iter *iter = cf_map_from(pool, &task_twice, count, &counter, &(struct cf_map_options){ .buffersize = 7 });
    asserts_sleep(0.05);
    ck_assert_int_eq(counter.calls, 7);
    for (int i = 0; i < 20; i++) {
        ck_assert_int_eq(asserts_int(cf_next(iter)), 2 * i);
        ck_assert_int_le(counter.calls, 7 + i + 1);
        ck_assert_int_ge(counter.calls, 7 + i);
    }
    cf_iter_free(iter);
    cf_close(pool);
}
END_TEST

START_TEST(a_chunk_is_never_larger_than_the_buffer)
{
    struct cf_executor *pool = kinds_open(2);
    struct counter counter = counter_to(-1, 0);
    const struct cf_map_options options = { .buffersize = 3, .chunksize = 10 };

    struct cf_iter *iter = cf_map_from(pool, &task_twice, count, &counter, &options);
    ck_assert_int_eq(counter.calls, 3);
    for (int i = 0; i < 10; i++)
        ck_assert_int_eq(asserts_int(cf_next(iter)), 2 * i);
    cf_iter_free(iter);
    cf_close(pool);
}
END_TEST

START_TEST(no_chunk_makes_a_map_run_further_ahead_than_its_buffer)
{
    struct cf_executor *pool = kinds_open(2);

    for (size_t buffersize = 1; buffersize <= 8; buffersize++) {
        for (size_t chunksize = 1; chunksize <= 9; chunksize++) {
            struct counter counter = counter_to(1000, 0);
            const struct cf_map_options options = { .buffersize = buffersize, .chunksize = chunksize };
            struct cf_iter *iter = cf_map_from(pool, &task_twice, count, &counter, &options);

            ck_assert_int_le(counter.calls, (int)buffersize);
            for (int i = 0; i < 30; i++) {
                ck_assert_int_eq(asserts_int(cf_next(iter)), 2 * i);
                ck_assert_int_le(counter.calls - i, (int)buffersize);
            }
            cf_iter_free(iter);
        }
    }
    cf_close(pool);
}
END_TEST

START_TEST(a_chunk_may_be_said_to_be_as_large_as_anything)
{
    struct cf_executor *pool = kinds_open(2);
    int numbers[10];
    const size_t sizes[] = {
        SIZE_MAX, SIZE_MAX - 1, SIZE_MAX / 2 + 1, SIZE_MAX / 4 + 1, SIZE_MAX / 8 + 1, SIZE_MAX / 8
    };

    fill(numbers, 10);
    for (size_t k = 0; k < sizeof sizes / sizeof *sizes; k++) {
        struct counter counter = counter_to(10, 0);
        const struct cf_map_options options = { .chunksize = sizes[k] };
        struct cf_iter *iters[] = { cf_map(pool, &task_twice, numbers, 10, sizeof *numbers, &options),
                                    cf_map_from(pool, &task_twice, count, &counter, &options) };

        for (int i = 0; i < 10; i++) {
            ck_assert_int_eq(asserts_int(cf_next(iters[0])), 2 * i);
            ck_assert_int_eq(asserts_int(cf_next(iters[1])), 2 * i);
        }
        for (int i = 0; i < 2; i++) {
            asserts_ends(iters[i], CF_END);
            cf_iter_free(iters[i]);
        }
    }
    cf_close(pool);
}
END_TEST

START_TEST(a_buffer_of_one_makes_a_map_a_plain_loop)
{
    struct cf_executor *pool = kinds_open(2);
    struct counter counter = counter_to(10, 0);

    struct cf_iter *iter = cf_map_from(pool, &task_twice, count, &counter, &(struct cf_map_options){ .buffersize = 1 });
    for (int i = 0; i < 10; i++) {
        ck_assert_int_le(counter.calls, i + 1);
        ck_assert_int_eq(asserts_int(cf_next(iter)), 2 * i);
    }
    asserts_ends(iter, CF_END);
    cf_iter_free(iter);
    cf_close(pool);
}
END_TEST

START_TEST(an_array_can_be_bounded_as_well)
{
    struct cf_executor *pool = kinds_open(4);
    struct stage *stage = stage_new();
    struct cue cues[30];

    for (int i = 0; i < 30; i++)
        cues[i] = tasks_cue(stage, i, 0);
    struct cf_iter *iter = cf_map(pool, &task_cue, cues, 30, sizeof *cues, &(struct cf_map_options){ .buffersize = 3 });
    latch_await(&stage->ended, 3);
    asserts_sleep(0.05);
    ck_assert_uint_eq(latch_count(&stage->started), 3);
    for (int i = 0; i < 30; i++)
        ck_assert_int_eq(asserts_int(cf_next(iter)), i);
    asserts_ends(iter, CF_END);
    cf_iter_free(iter);
    cf_close(pool);
}
END_TEST

START_TEST(a_map_of_an_array_starts_before_it_is_read)
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
END_TEST

START_TEST(freeing_a_map_cancels_what_has_not_started)
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
END_TEST

START_TEST(freeing_a_map_leaves_what_was_taken_from_it)
{
    struct cf_executor *pool = kinds_open(2);
    int numbers[10];

    fill(numbers, 10);
    struct cf_iter *iter = cf_map(pool, &task_twice, numbers, 10, sizeof *numbers, NULL);
    struct cf_future *zero = cf_take(iter);
    struct cf_future *one = cf_take(iter);
    ck_assert_ptr_nonnull(cf_next(iter));
    cf_iter_free(iter);
    cf_close(pool);
    ck_assert_int_eq(asserts_take_int(one), 2);
    ck_assert_int_eq(asserts_take_int(zero), 0);
}
END_TEST

START_TEST(a_part_of_a_chunk_outlives_its_map)
{
    struct cf_executor *pool = kinds_open(2);
    int numbers[] = { 0, 1, -2, 3 };
    const struct cf_map_options options = { .chunksize = 4 };

    struct cf_iter *iter = cf_map(pool, &task_twice, numbers, 4, sizeof *numbers, &options);
    struct cf_future *parts[4];
    for (int i = 0; i < 4; i++)
        parts[i] = cf_take(iter);
    cf_iter_free(iter);
    cf_close(pool);
    cf_release(parts[0]);
    ck_assert_int_eq(asserts_take_int(parts[1]), 2);
    ck_assert_int_eq(asserts_error(parts[2], CF_RAISED)->code, -2);
    cf_release(parts[2]);
    ck_assert_int_eq(asserts_take_int(parts[3]), 6);
}
END_TEST

START_TEST(on_its_deadline_a_map_cancels_what_has_not_started_and_ends)
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
END_TEST

START_TEST(after_its_deadline_a_map_asks_its_generator_no_more)
{
    struct cf_executor *pool = kinds_open(1);
    struct stage *stage = stage_new();
    struct cue cues[10];
    struct cues source = { .next = cues, .left = 10 };

    for (int i = 0; i < 10; i++)
        cues[i] = tasks_cue(stage, i, i >= 1);
    const struct cf_map_options options = { .buffersize = 3, .deadline = cf_after(0.3) };
    struct cf_iter *iter = cf_map_from(pool, &task_cue, next_cue, &source, &options);
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
END_TEST

START_TEST(remaining_counts_what_a_map_has_not_yielded)
{
    struct cf_executor *pool = kinds_open(2);
    int numbers[10];
    size_t total = 99;

    fill(numbers, 10);
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
END_TEST

const TTest **const common_map[] = {
    &a_map_yields_results_in_the_order_of_the_items,
    &a_map_keeps_the_order_even_if_the_first_item_ends_last,
    &an_unordered_map_yields_in_the_order_of_completion,
    &an_unordered_map_yields_each_item_once,
    &an_empty_map_ends_at_once_and_for_ever,
    &a_failing_item_fails_at_its_turn_and_the_next_one_follows,
    &chunks_of_any_size_yield_the_same_as_none,
    &inside_a_chunk_only_the_failing_item_fails,
    &chunks_of_a_generator_keep_the_order_and_its_error,
    &a_generator_is_called_before_each_copy_of_its_item,
    &a_generators_error_arrives_after_the_items_before_it,
    &a_map_of_an_infinite_generator_can_be_read_as_far_as_wanted,
    &a_full_buffer_has_consumed_exactly_buffersize_inputs,
    &a_chunk_is_never_larger_than_the_buffer,
    &no_chunk_makes_a_map_run_further_ahead_than_its_buffer,
    &a_chunk_may_be_said_to_be_as_large_as_anything,
    &a_buffer_of_one_makes_a_map_a_plain_loop,
    &an_array_can_be_bounded_as_well,
    &a_map_of_an_array_starts_before_it_is_read,
    &freeing_a_map_cancels_what_has_not_started,
    &freeing_a_map_leaves_what_was_taken_from_it,
    &a_part_of_a_chunk_outlives_its_map,
    &on_its_deadline_a_map_cancels_what_has_not_started_and_ends,
    &after_its_deadline_a_map_asks_its_generator_no_more,
    &remaining_counts_what_a_map_has_not_yielded,
    NULL,
};
