/* SPDX-License-Identifier: MIT */
/* map_chunk-t.c - maps whose items travel in chunks: each item has an outcome of its own all the same. */

#include <errno.h>

#include "asserts.h"
#include "tasks.h"

TEST(freeing_a_map_of_chunks_cancels_those_that_have_not_started)
{
    struct cf_executor *pool = tasks_pool(1);
    struct stage *stage = stage_new();
    struct cue cues[20];
    const struct cf_map_options options = { .chunksize = 4 };

    for (int i = 0; i < 20; i++)
        cues[i] = tasks_cue(stage, i, 1);
    struct cf_iter *iter = cf_map(pool, &task_cue, cues, 20, sizeof *cues, &options);
    latch_await(&stage->started, 1);
    cf_iter_free(iter);
    latch_raise(&stage->go);
    cf_close(pool);
    ck_assert_uint_le(latch_count(&stage->started), 4);
}

TEST(the_parts_of_a_cancelled_chunk_are_cancelled)
{
    struct cf_executor *pool = tasks_pool(1);
    struct stage *stage = stage_new();
    const int numbers[] = { 1, 2, 3, 4, 5 };
    struct cf_future *running = tasks_start_holding(pool, stage, 0);
    const struct cf_map_options options = { .chunksize = 2 };
    struct cf_iter *iter = cf_map(pool, &task_twice, numbers, 5, sizeof *numbers, &options);

    cf_shutdown(pool, CF_CANCEL);
    for (int i = 0; i < 5; i++) {
        struct cf_future *future = cf_next(iter);
        ck_assert_ptr_nonnull(future);
        asserts_cancelled(future);
        ck_assert_str_eq(cf_error_of(future)->task, "twice");
        ck_assert_mem_eq(cf_input(future, NULL), &numbers[i], sizeof *numbers);
    }
    asserts_ends(iter, CF_END);
    cf_iter_free(iter);
    latch_raise(&stage->go);
    cf_release(running);
    cf_close(pool);
}

TEST(an_interrupt_cancels_the_items_of_a_running_chunk_that_have_not_started)
{
    struct cf_executor *pool = tasks_pool(1);
    struct stage *stage = stage_new();
    struct cue cues[6];
    const struct cf_map_options options = { .chunksize = 3 };

    for (int i = 0; i < 6; i++)
        cues[i] = tasks_cue(stage, i, 1);
    struct cf_iter *iter = cf_map(pool, &task_cue, cues, 6, sizeof *cues, &options);
    latch_await(&stage->started, 1);
    cf_interrupt(pool);
    latch_raise(&stage->go);
    asserts_ends(iter, CF_INTERRUPTED);
    ck_assert_int_eq(asserts_int(cf_next(iter)), 0);
    for (int i = 1; i < 6; i++)
        asserts_cancelled(cf_next(iter));
    asserts_ends(iter, CF_END);
    cf_iter_free(iter);
    cf_close(pool);
    ck_assert_uint_eq(latch_count(&stage->started), 1);
}

TEST(the_parts_of_a_refused_chunk_are_refused)
{
    struct cf_executor *pool = tasks_pool(1);
    const int numbers[] = { 1, 2, 3, 4, 5 };
    const struct cf_map_options options = { .chunksize = 2 };

    cf_shutdown(pool, CF_WAIT);
    struct cf_iter *iter = cf_map(pool, &task_twice, numbers, 5, sizeof *numbers, &options);
    for (int i = 0; i < 5; i++) {
        struct cf_future *future = cf_next(iter);
        asserts_refused(future, ESHUTDOWN);
        ck_assert_mem_eq(cf_input(future, NULL), &numbers[i], sizeof *numbers);
    }
    asserts_ends(iter, CF_END);
    cf_iter_free(iter);
    cf_close(pool);
}

/* What each item says of the thread that ran it, as a chunk must run in one, item after item. */
static int
in_a_row(struct cf_call *call)
{
    static __thread int last = -1;
    int number = *(const int *)cf_arg(call, NULL);
    int after_its_predecessor = last == number - 1;

    last = number;
    return cf_return(call, &after_its_predecessor, sizeof after_its_predecessor);
}
static const struct cf_task task_in_a_row = { "in_a_row", in_a_row };

TEST(the_items_of_a_chunk_run_one_after_another_in_one_worker)
{
    struct cf_executor *pool = tasks_pool(4);
    int numbers[400];
    const struct cf_map_options options = { .chunksize = 10 };

    for (int i = 0; i < 400; i++)
        numbers[i] = i;
    struct cf_iter *iter = cf_map(pool, &task_in_a_row, numbers, 400, sizeof *numbers, &options);
    for (int i = 0; i < 400; i++) {
        int after = asserts_int(cf_next(iter));
        if (i % 10 != 0)
            ck_assert_int_eq(after, 1);
    }
    cf_iter_free(iter);
    cf_close(pool);
}

/* Yields three items, of which the one in the middle says that it is as long as no item can be. */
struct giant {
    int calls;
    size_t len;
};

static int
next_giant(void *data, const void **item, size_t *len)
{
    struct giant *giant = data;

    *item = "item";
    *len = giant->calls == 1 ? giant->len : 5;
    return giant->calls++ < 3;
}

TEST(an_item_that_is_too_big_fails_alone_also_in_a_chunk)
{
    struct cf_executor *pool = tasks_pool(1);
    const size_t lengths[] = { SIZE_MAX, SIZE_MAX - 3, SIZE_MAX - 20, SIZE_MAX / 2 + 1 };

    for (size_t k = 0; k < 16; k++) {
        struct giant giant = { .len = lengths[k % 4] };
        const struct cf_map_options options = { .chunksize = 1 + k / 4 };
        struct cf_iter *iter = cf_map_from(pool, &task_echo, next_giant, &giant, &options);

        ck_assert_str_eq(cf_result(cf_next(iter), NULL), "item");
        asserts_refused(cf_next(iter), E2BIG);
        ck_assert_str_eq(cf_result(cf_next(iter), NULL), "item");
        asserts_ends(iter, CF_END);
        cf_iter_free(iter);
    }
    ck_assert_int_eq(cf_close(pool), 0);
}

static void
count_part(struct cf_future *part, void *count)
{
    ck_assert(cf_done(part));
    ++*(int *)count;
}

/* The bytes of the item are anything but a list of callbacks. */
TEST(a_callback_of_an_item_has_run_at_once_and_cannot_be_taken_back)
{
    enum { ITEMS = 100 };
    struct cf_executor *pool = tasks_pool(2);
    unsigned long numbers[ITEMS];
    int called = 0;

    for (unsigned long i = 0; i < ITEMS; i++)
        numbers[i] = 0x4141414141414141 + i;
    struct cf_iter *iter =
        cf_map(pool, &task_echo, numbers, ITEMS, sizeof *numbers, &(struct cf_map_options){ .chunksize = 10 });
    for (struct cf_future *part; (part = cf_next(iter)) != NULL;) {
        ck_assert_int_eq(cf_on_done(part, count_part, &called), 0);
        ck_assert(!cf_remove_on_done(part, count_part, &called));
    }
    ck_assert_int_eq(called, ITEMS);
    cf_iter_free(iter);
    ck_assert_int_eq(cf_close(pool), 0);
}

static const TTest **const tests[] = {
    &freeing_a_map_of_chunks_cancels_those_that_have_not_started,
    &the_parts_of_a_cancelled_chunk_are_cancelled,
    &an_interrupt_cancels_the_items_of_a_running_chunk_that_have_not_started,
    &the_parts_of_a_refused_chunk_are_refused,
    &the_items_of_a_chunk_run_one_after_another_in_one_worker,
    &an_item_that_is_too_big_fails_alone_also_in_a_chunk,
    &a_callback_of_an_item_has_run_at_once_and_cannot_be_taken_back,
    NULL,
};

int
main(void)
{
    return asserts_main("map_chunk", tests);
}
