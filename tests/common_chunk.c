/* SPDX-License-Identifier: MIT */
/* common_chunk.c - the common table: how far maps run ahead, and in how large chunks. */

#include <stdint.h>
#include <string.h>

#include "asserts.h"
#include "kinds.h"
#include "sources.h"
#include "tasks.h"

TEST(chunks_of_any_size_yield_the_same_as_none)
{
    struct cf_executor *pool = kinds_open(2);
    int numbers[25];
    const size_t sizes[] = { 1, 2, 5, 7, 24, 25, 26, 1000 };

    sources_fill(numbers, 25);
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

TEST(inside_a_chunk_only_the_failing_item_fails)
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

TEST(chunks_of_a_generator_keep_the_order_and_its_error)
{
    struct cf_executor *pool = kinds_open(2);
    struct counter counter = sources_counter(11, -1);
    const struct cf_map_options options = { .chunksize = 4 };

    struct cf_iter *iter = cf_map_from(pool, &task_twice, sources_count, &counter, &options);
    for (int i = 0; i < 11; i++)
        ck_assert_int_eq(asserts_int(cf_next(iter)), 2 * i);
    asserts_ends(iter, CF_FAILED);
    asserts_ends(iter, CF_END);
    cf_iter_free(iter);
    cf_close(pool);
}

TEST(a_map_of_an_infinite_generator_can_be_read_as_far_as_wanted)
{
    struct cf_executor *pool = kinds_open(2);
    struct counter counter = sources_counter(-1, 0);

    struct cf_iter *iter = cf_map_from(pool, &task_twice, sources_count, &counter, NULL);
    for (int i = 0; i < 5000; i++)
        ck_assert_int_eq(asserts_int(cf_next(iter)), 2 * i);
    cf_iter_free(iter);
    ck_assert_int_lt(counter.value, 5200);
    cf_close(pool);
}

TEST(a_full_buffer_has_consumed_exactly_buffersize_inputs)
{
    struct cf_executor *pool = kinds_open(2);
    struct counter counter = sources_counter(-1, 0);

    struct cf_iter *iter =
        cf_map_from(pool, &task_twice, sources_count, &counter, &(struct cf_map_options){ .buffersize = 7 });
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

TEST(a_chunk_is_never_larger_than_the_buffer)
{
    struct cf_executor *pool = kinds_open(2);
    struct counter counter = sources_counter(-1, 0);
    const struct cf_map_options options = { .buffersize = 3, .chunksize = 10 };

    struct cf_iter *iter = cf_map_from(pool, &task_twice, sources_count, &counter, &options);
    ck_assert_int_eq(counter.calls, 3);
    for (int i = 0; i < 10; i++)
        ck_assert_int_eq(asserts_int(cf_next(iter)), 2 * i);
    cf_iter_free(iter);
    cf_close(pool);
}

TEST(no_chunk_makes_a_map_run_further_ahead_than_its_buffer)
{
    struct cf_executor *pool = kinds_open(2);

    for (size_t buffersize = 1; buffersize <= 8; buffersize++) {
        for (size_t chunksize = 1; chunksize <= 9; chunksize++) {
            struct counter counter = sources_counter(1000, 0);
            const struct cf_map_options options = { .buffersize = buffersize, .chunksize = chunksize };
            struct cf_iter *iter = cf_map_from(pool, &task_twice, sources_count, &counter, &options);

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

TEST(a_chunk_may_be_said_to_be_as_large_as_anything)
{
    struct cf_executor *pool = kinds_open(2);
    int numbers[10];
    const size_t sizes[] = {
        SIZE_MAX, SIZE_MAX - 1, SIZE_MAX / 2 + 1, SIZE_MAX / 4 + 1, SIZE_MAX / 8 + 1, SIZE_MAX / 8
    };

    sources_fill(numbers, 10);
    for (size_t k = 0; k < sizeof sizes / sizeof *sizes; k++) {
        struct counter counter = sources_counter(10, 0);
        const struct cf_map_options options = { .chunksize = sizes[k] };
        struct cf_iter *iters[] = { cf_map(pool, &task_twice, numbers, 10, sizeof *numbers, &options),
                                    cf_map_from(pool, &task_twice, sources_count, &counter, &options) };

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

TEST(a_buffer_of_one_makes_a_map_a_plain_loop)
{
    struct cf_executor *pool = kinds_open(2);
    struct counter counter = sources_counter(10, 0);

    struct cf_iter *iter =
        cf_map_from(pool, &task_twice, sources_count, &counter, &(struct cf_map_options){ .buffersize = 1 });
    for (int i = 0; i < 10; i++) {
        ck_assert_int_le(counter.calls, i + 1);
        ck_assert_int_eq(asserts_int(cf_next(iter)), 2 * i);
    }
    asserts_ends(iter, CF_END);
    cf_iter_free(iter);
    cf_close(pool);
}

TEST(an_array_can_be_bounded_as_well)
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

TEST(a_part_of_a_chunk_outlives_its_map)
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

const TTest **const common_chunk[] = {
    &chunks_of_any_size_yield_the_same_as_none,
    &inside_a_chunk_only_the_failing_item_fails,
    &chunks_of_a_generator_keep_the_order_and_its_error,
    &a_map_of_an_infinite_generator_can_be_read_as_far_as_wanted,
    &a_full_buffer_has_consumed_exactly_buffersize_inputs,
    &a_chunk_is_never_larger_than_the_buffer,
    &no_chunk_makes_a_map_run_further_ahead_than_its_buffer,
    &a_chunk_may_be_said_to_be_as_large_as_anything,
    &a_buffer_of_one_makes_a_map_a_plain_loop,
    &an_array_can_be_bounded_as_well,
    &a_part_of_a_chunk_outlives_its_map,
    NULL,
};
