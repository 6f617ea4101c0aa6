/* SPDX-License-Identifier: MIT */
/* map_generator-t.c - maps whose items come from a generator: how far ahead it is read, and when no more. */

#include "asserts.h"
#include "tasks.h"

/* Yields n cues that wait for go, or for ever if n is negative. */
struct source {
    struct stage *stage;
    struct cue cue;
    int n, calls;
};

static int
next_cue(void *data, const void **item, size_t *len)
{
    struct source *source = data;

    if (source->calls++ == source->n)
        return 0;
    source->cue = tasks_cue(source->stage, source->calls - 1, 1);
    *item = &source->cue;
    *len = sizeof source->cue;
    return 1;
}

TEST(of_a_generator_four_rounds_of_the_workers_are_read_ahead)
{
    struct cf_executor *pool = tasks_pool(3);
    struct source source = { .stage = stage_new(), .n = -1 };
    struct cf_iter *iter = cf_map_from(pool, &task_cue, next_cue, &source, NULL);

    ck_assert_int_eq(source.calls, 12);
    ck_assert_uint_eq(cf_remaining(iter, NULL), 12);
    latch_raise(&source.stage->go);
    cf_iter_free(iter);
    cf_close(pool);
}

TEST(of_a_generator_at_most_buffersize_calls_are_unread)
{
    struct cf_executor *pool = tasks_pool(3);
    struct source source = { .stage = stage_new(), .n = -1 };
    const struct cf_map_options options = { .buffersize = 5, .unordered = true };
    struct cf_iter *iter = cf_map_from(pool, &task_cue, next_cue, &source, &options);

    ck_assert_int_eq(source.calls, 5);
    latch_raise(&source.stage->go);
    for (int i = 1; i <= 20; i++) {
        ck_assert_ptr_nonnull(cf_next(iter));
        ck_assert_int_le(source.calls, 5 + i);
    }
    cf_iter_free(iter);
    cf_close(pool);
}

TEST(a_generator_that_has_ended_is_not_asked_again)
{
    struct cf_executor *pool = tasks_pool(2);
    struct source source = { .stage = stage_new(), .n = 2 };
    struct cf_iter *iter = cf_map_from(pool, &task_cue, next_cue, &source, NULL);

    latch_raise(&source.stage->go);
    ck_assert_int_eq(asserts_int(cf_next(iter)), 0);
    ck_assert_int_eq(asserts_int(cf_next(iter)), 1);
    for (int i = 0; i < 3; i++)
        asserts_ends(iter, CF_END);
    ck_assert_int_eq(source.calls, 3);
    cf_iter_free(iter);
    cf_close(pool);
}

static int
fail_at_once(void *data, const void **item, size_t *len)
{
    (void)item;
    (void)len;
    ++*(int *)data;
    return -1;
}

TEST(a_generator_that_fails_at_once_is_not_asked_again)
{
    struct cf_executor *pool = tasks_pool(1);
    int calls = 0;
    struct cf_iter *iter = cf_map_from(pool, &task_echo, fail_at_once, &calls, NULL);

    asserts_ends(iter, CF_FAILED);
    asserts_ends(iter, CF_END);
    ck_assert_int_eq(calls, 1);
    cf_iter_free(iter);
    cf_close(pool);
}

TEST(a_map_that_is_read_too_late_asks_its_generator_no_more)
{
    struct cf_executor *pool = tasks_pool(1);
    struct source source = { .stage = stage_new(), .n = -1 };
    const struct cf_map_options options = { .buffersize = 3, .deadline = cf_after(0.3) };
    struct cf_iter *iter = cf_map_from(pool, &task_cue, next_cue, &source, &options);

    ck_assert_int_eq(source.calls, 3);
    while (cf_after(0) <= options.deadline)
        asserts_sleep(0.05);
    latch_raise(&source.stage->go);
    while (cf_next(iter) != NULL)
        continue;
    ck_assert_int_eq(cf_status(iter), CF_TIMEOUT);
    asserts_ends(iter, CF_END);
    ck_assert_int_eq(source.calls, 3);
    cf_iter_free(iter);
    cf_close(pool);
}

TEST(an_interrupted_map_asks_its_generator_no_more)
{
    struct cf_executor *pool = tasks_pool(1);
    struct source source = { .stage = stage_new(), .n = -1 };
    struct cf_iter *iter = cf_map_from(pool, &task_cue, next_cue, &source, &(struct cf_map_options){ .buffersize = 3 });

    latch_await(&source.stage->started, 1);
    cf_interrupt(pool);
    latch_raise(&source.stage->go);
    asserts_ends(iter, CF_INTERRUPTED);
    ck_assert_int_eq(asserts_int(cf_next(iter)), 0);
    for (int i = 1; i < 3; i++)
        asserts_cancelled(cf_next(iter));
    asserts_ends(iter, CF_END);
    ck_assert_int_eq(source.calls, 3);
    cf_iter_free(iter);
    cf_close(pool);
}

static const TTest **const tests[] = {
    &of_a_generator_four_rounds_of_the_workers_are_read_ahead,
    &of_a_generator_at_most_buffersize_calls_are_unread,
    &a_generator_that_has_ended_is_not_asked_again,
    &a_map_that_is_read_too_late_asks_its_generator_no_more,
    &an_interrupted_map_asks_its_generator_no_more,
    &a_generator_that_fails_at_once_is_not_asked_again,
    NULL,
};

int
main(void)
{
    return asserts_main("map_generator", tests);
}
