/* SPDX-License-Identifier: MIT */
/* room-t.c - maps in an executor with .max_pending: they send on what they can whenever there is room. */

#include <pthread.h>

#include "asserts.h"
#include "tap.h"
#include "tasks.h"

struct reader {
    pthread_t thread;
    struct cf_executor *pool;
    struct stage *stage;
    bool unordered;
    size_t chunksize;
};

enum { WORKERS = 4 };

/* Each call waits for `go`, so that one that runs does not make way for the next. */
static void *
read_map(void *data)
{
    struct reader *reader = data;
    const struct cf_map_options options = { .unordered = reader->unordered, .chunksize = reader->chunksize };
    struct cue cues[2 * WORKERS];

    for (int i = 0; i < 2 * WORKERS; i++)
        cues[i] = tasks_cue(reader->stage, i, 1);
    struct cf_iter *iter = cf_map(reader->pool, &task_cue, cues, 2 * WORKERS, sizeof *cues, &options);
    for (int i = 0; i < 2 * WORKERS; i++)
        asserts_int(cf_next(iter));
    asserts_ends(iter, CF_END);
    cf_iter_free(iter);
    return NULL;
}

TEST(a_map_keeps_all_workers_busy_however_few_calls_may_be_pending)
{
    for (unsigned way = 0; way < 4; way++) {
        struct cf_executor *pool = cf_thread_pool(&(struct cf_options){ .max_workers = WORKERS, .max_pending = 1 });
        struct reader reader = { .pool = pool, .stage = stage_new(), .unordered = way % 2, .chunksize = 1 + way / 2 };

        ck_assert_int_eq(pthread_create(&reader.thread, NULL, read_map, &reader), 0);
        latch_await(&reader.stage->started, WORKERS);
        latch_raise(&reader.stage->go);
        pthread_join(reader.thread, NULL);
        ck_assert_int_eq(cf_close(pool), 0);
    }
}

TEST(a_map_that_waits_sends_on_when_a_cancelled_call_makes_room)
{
    struct cf_executor *pool = cf_thread_pool(&(struct cf_options){ .max_workers = 2, .max_pending = 1 });
    struct stage *held = stage_new();
    struct cf_future *running = tasks_start_holding(pool, held, 0);
    struct reader reader = { .pool = pool, .stage = stage_new(), .chunksize = 1 };

    ck_assert_int_eq(pthread_create(&reader.thread, NULL, read_map, &reader), 0);
    latch_await(&reader.stage->started, 1);
    /* One call of the map runs, one is pending; the third waits for the place that this one gives up. */
    asserts_sleep(0.02);
    latch_raise(&held->go);
    latch_await(&reader.stage->started, 2);
    latch_raise(&reader.stage->go);
    pthread_join(reader.thread, NULL);
    cf_release(running);
    ck_assert_int_eq(cf_close(pool), 0);
}

/* Two calls in a pool whose one worker begins the second at the very moment when the first is done. */
static void *
read_one_and_pause(void *data)
{
    struct reader *reader = data;
    const struct cue cues[3] = { tasks_cue(reader->stage, 0, 1), tasks_cue(reader->stage, 1, 2),
                                 tasks_cue(reader->stage, 2, 2) };
    struct cf_iter *iter = cf_map(reader->pool, &task_cue, cues, 3, sizeof *cues, NULL);

    ck_assert_int_eq(asserts_int(cf_next(iter)), 0);
    latch_await(&reader->stage->of[0], 1);
    latch_raise(&reader->stage->go);
    while (cf_next(iter) != NULL)
        ;
    cf_iter_free(iter);
    return NULL;
}

static void *
submit_one(void *data)
{
    struct reader *reader = data;
    struct cf_future *future = tasks_submit_cue(reader->pool, reader->stage, 3, 0);

    latch_raise(&reader->stage->of[0]);
    ck_assert_int_eq(asserts_take_int(future), 3);
    return NULL;
}

TEST(who_is_woken_for_room_and_has_no_use_for_it_wakes_the_next)
{
    struct cf_executor *pool = cf_thread_pool(&(struct cf_options){ .max_workers = 1, .max_pending = 1 });
    struct reader reader = { .pool = pool, .stage = stage_new() };
    pthread_t submitter;

    ck_assert_int_eq(pthread_create(&reader.thread, NULL, read_one_and_pause, &reader), 0);
    latch_await(&reader.stage->started, 1);
    asserts_sleep(0.05);
    ck_assert_int_eq(pthread_create(&submitter, NULL, submit_one, &reader), 0);
    asserts_sleep(0.05);
    latch_raise(&reader.stage->go);
    pthread_join(submitter, NULL);
    pthread_join(reader.thread, NULL);
    ck_assert_int_eq(cf_close(pool), 0);
}

/* The reader of a map is woken for a place, finds that there is no item left, and waits for its one call. */
static void *
read_all(void *data)
{
    struct reader *reader = data;
    const struct cue cue = tasks_cue(reader->stage, 0, 2);
    struct cf_iter *iter = cf_map(reader->pool, &task_cue, &cue, 1, sizeof cue,
                                  &(struct cf_map_options){ .unordered = reader->unordered });

    ck_assert_int_eq(asserts_int(cf_next(iter)), 0);
    asserts_ends(iter, CF_END);
    cf_iter_free(iter);
    return NULL;
}

static void *
submit_and_let_go(void *data)
{
    struct reader *reader = data;
    struct cf_future *future = tasks_submit_int(reader->pool, &task_twice, 4);

    latch_raise(&reader->stage->go);
    ck_assert_int_eq(asserts_take_int(future), 8);
    return NULL;
}

TEST(a_map_that_is_woken_for_room_and_has_no_item_left_wakes_the_next)
{
    for (int unordered = 0; unordered < 2; unordered++) {
        struct cf_executor *pool = cf_thread_pool(&(struct cf_options){ .max_workers = 1, .max_pending = 1 });
        struct reader reader = { .pool = pool, .stage = stage_new(), .unordered = unordered == 1 };
        struct cf_future *running = tasks_start_holding(pool, reader.stage, 1);
        pthread_t submitter;

        ck_assert_int_eq(pthread_create(&reader.thread, NULL, read_all, &reader), 0);
        asserts_sleep(0.05);
        ck_assert_int_eq(pthread_create(&submitter, NULL, submit_and_let_go, &reader), 0);
        asserts_sleep(0.05);
        latch_raise(&reader.stage->go);
        pthread_join(submitter, NULL);
        pthread_join(reader.thread, NULL);
        cf_release(running);
        ck_assert_int_eq(cf_close(pool), 0);
    }
}

static int
rounds(void)
{
    return tap_sanitized() ? 30 : 300;
}

/* Maps whose deadlines pass at any moment, and so have often no use for the room that they are told of. */
static void *
give_up_often(void *data)
{
    struct reader *reader = data;
    const int numbers[8] = { 1, 2, 3, 4, 5, 6, 7, 8 };

    for (int round = 0; round < rounds(); round++) {
        const struct cf_map_options options = { .deadline = cf_after(round % 10 * 2e-5), .unordered = round % 2 == 1 };
        struct cf_iter *iter = cf_map(reader->pool, &task_twice, numbers, 8, sizeof *numbers, &options);
        while (cf_next(iter) != NULL)
            ;
        cf_iter_free(iter);
    }
    return NULL;
}

static void *
submit_often(void *data)
{
    struct reader *reader = data;

    for (int round = 0; round < rounds(); round++)
        ck_assert_int_eq(asserts_take_int(tasks_submit_int(reader->pool, &task_twice, round)), 2 * round);
    return NULL;
}

TEST(nobody_who_waits_for_room_is_forgotten_where_others_give_up)
{
    struct cf_executor *pool = cf_thread_pool(&(struct cf_options){ .max_workers = 2, .max_pending = 1 });
    struct reader readers[6];

    for (int i = 0; i < 6; i++) {
        readers[i] = (struct reader){ .pool = pool };
        ck_assert_int_eq(
            pthread_create(&readers[i].thread, NULL, i % 2 == 0 ? give_up_often : submit_often, &readers[i]), 0);
    }
    for (int i = 0; i < 6; i++)
        pthread_join(readers[i].thread, NULL);
    ck_assert_int_eq(cf_close(pool), 0);
}

static const TTest **const tests[] = {
    &a_map_keeps_all_workers_busy_however_few_calls_may_be_pending,
    &a_map_that_waits_sends_on_when_a_cancelled_call_makes_room,
    &who_is_woken_for_room_and_has_no_use_for_it_wakes_the_next,
    &a_map_that_is_woken_for_room_and_has_no_item_left_wakes_the_next,
    &nobody_who_waits_for_room_is_forgotten_where_others_give_up,
    NULL,
};

int
main(void)
{
    return asserts_main("room", tests);
}
