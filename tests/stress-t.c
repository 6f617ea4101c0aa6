/* SPDX-License-Identifier: MIT */
/* stress-t.c - races that need many tries: everything that can meet at the settling of a future. */

#include <string.h>

#include "asserts.h"
#include "callbacks.h"
#include "crew.h"
#include "tap.h"
#include "tasks.h"

static void *
cancel_all(void *data)
{
    struct hand *hand = data;

    crew_start(hand);
    for (int i = 0; i < hand->n; i++) {
        bool cancelled = cf_cancel(hand->futures[(i + hand->number * 7) % hand->n]);
        ck_assert(!cancelled || cf_cancelled(hand->futures[(i + hand->number * 7) % hand->n]));
    }
    return NULL;
}

TEST(cancel_against_claim)
{
    enum { CALLS = 50 };
    struct cf_executor *pool = tasks_pool(3);
    struct stage *stage = stage_new();
    uint32_t ran = 0;

    for (int round = 0; crew_again(round, 300); round++) {
        struct cf_future *futures[CALLS];
        for (int i = 0; i < CALLS; i++)
            futures[i] = tasks_submit_cue(pool, stage, i, 0);
        crew_run(cancel_all, pool, futures, CALLS);
        ck_assert_int_eq(cf_wait(futures, CALLS, CF_ALL_COMPLETED, CF_NEVER, NULL), CF_OK);
        for (int i = 0; i < CALLS; i++) {
            crew_assert_settled(futures[i]);
            ran += !cf_cancelled(futures[i]);
            cf_release(futures[i]);
        }
    }
    cf_close(pool);
    ck_assert_uint_eq(latch_count(&stage->ended), ran);
}

/* How many callbacks of dropped futures have been called. */
static struct latch dropped;

static void *
submit_and_drop(void *data)
{
    struct hand *hand = data;

    crew_start(hand);
    for (int i = 0; i < hand->n; i++) {
        struct cf_future *future = cf_submit(hand->pool, &crew_nothing, NULL, 0);
        if (i % 3 == 0)
            ck_assert_int_eq(cf_on_done(future, callbacks_count, &dropped), 0);
        if (i % 3 == 1)
            cf_cancel(future);
        cf_release(future);
    }
    return NULL;
}

TEST(release_against_finish)
{
    uint32_t callbacks = 0;

    for (int round = 0; crew_again(round, 50); round++) {
        struct cf_executor *pool = tasks_pool(3);
        crew_run(submit_and_drop, pool, NULL, 300);
        ck_assert_int_eq(cf_close(pool), 0);
        callbacks += CREW * 100;
    }
    ck_assert_uint_eq(latch_count(&dropped), callbacks);
}

/* Adds callbacks to futures that finish meanwhile and takes half of them back. */
static void *
add_and_remove(void *data)
{
    struct hand *hand = data;
    struct latch called = { 0 };
    uint32_t removed = 0;

    crew_start(hand);
    for (int i = 0; i < hand->n; i++)
        ck_assert_int_eq(cf_on_done(hand->futures[i], callbacks_count, &called), 0);
    for (int i = hand->number % 2; i < hand->n; i += 2)
        removed += cf_remove_on_done(hand->futures[i], callbacks_count, &called);
    for (int i = 0; i < hand->n; i++)
        cf_error_of(hand->futures[i]);
    for (int i = 0; i < hand->n; i++)
        removed += cf_remove_on_done(hand->futures[i], callbacks_count, &called);
    ck_assert_uint_eq(latch_count(&called) + removed, (uint32_t)hand->n);
    return NULL;
}

TEST(adding_and_removing_callbacks_against_finish)
{
    enum { CALLS = 60 };
    struct cf_executor *pool = tasks_pool(3);

    for (int round = 0; crew_again(round, 200); round++) {
        struct cf_future *futures[CALLS];
        crew_submit(pool, futures, CALLS);
        crew_run(add_and_remove, pool, futures, CALLS);
        tasks_release_all(futures, CALLS);
    }
    cf_close(pool);
}

/* Waits for the same futures in all ways, with deadlines that pass at any moment. */
static void *
wait_in_all_ways(void *data)
{
    struct hand *hand = data;
    struct cf_future *mine[64];
    size_t done;

    memcpy(mine, hand->futures, (size_t)hand->n * sizeof *mine);
    crew_start(hand);
    for (int i = 0; i < 20; i++) {
        enum cf_until until = CF_ALL_COMPLETED + crew_random(hand) % 3;
        cf_time deadline = cf_after(crew_random(hand) % 100 / 1e6);
        enum cf_status status = cf_wait(mine, (size_t)hand->n, until, deadline, &done);
        ck_assert(status == CF_OK || status == CF_TIMEOUT);
        for (size_t k = 0; k < done; k++)
            ck_assert(cf_done(mine[k]));
    }
    struct cf_iter *iter = cf_as_completed(hand->futures, (size_t)hand->n, CF_NEVER);
    for (int i = 0; i < hand->n - hand->number * 5; i++)
        ck_assert_ptr_nonnull(cf_next(iter));
    cf_iter_free(iter);
    ck_assert_int_eq(cf_wait(mine, (size_t)hand->n, CF_ALL_COMPLETED, CF_NEVER, &done), CF_OK);
    ck_assert_uint_eq(done, (size_t)hand->n);
    return NULL;
}

TEST(waiters_with_deadlines_against_finish)
{
    enum { CALLS = 40 };
    struct cf_executor *pool = tasks_pool(3);

    for (int round = 0; crew_again(round, 200); round++) {
        struct cf_future *futures[CALLS];
        crew_submit(pool, futures, CALLS);
        crew_run(wait_in_all_ways, pool, futures, CALLS);
        tasks_release_all(futures, CALLS);
    }
    cf_close(pool);
}

/* Maps on a pool that all share, reads some of it and gives up. */
static void *
map_and_give_up(void *data)
{
    struct hand *hand = data;
    int numbers[100];

    for (int i = 0; i < 100; i++)
        numbers[i] = i;
    crew_start(hand);
    for (int round = 0; round < 20; round++) {
        const struct cf_map_options options = { .buffersize = crew_random(hand) % 20,
                                                .chunksize = crew_random(hand) % 5,
                                                .unordered = crew_random(hand) % 2 == 0 };
        struct cf_iter *iter = cf_map(hand->pool, &task_twice, numbers, 100, sizeof *numbers, &options);
        int read = (int)(crew_random(hand) % 120);
        for (int i = 0; i < read && i < 100; i++) {
            struct cf_future *future = cf_next(iter);
            ck_assert_ptr_nonnull(future);
            if (!options.unordered)
                ck_assert_int_eq(asserts_int(future), 2 * i);
        }
        if (read >= 100)
            asserts_ends(iter, CF_END);
        cf_iter_free(iter);
    }
    return NULL;
}

TEST(maps_given_up_against_each_other)
{
    for (int round = 0; crew_again(round, 20); round++) {
        struct cf_executor *pool = tasks_pool(3);
        crew_run(map_and_give_up, pool, NULL, 0);
        ck_assert_int_eq(cf_close(pool), 0);
    }
}

/* Workers fall asleep and are woken, again and again: a wake-up that is lost is a hang. */
static void *
submit_one_by_one(void *data)
{
    struct hand *hand = data;

    crew_start(hand);
    for (int i = 0; i < hand->n; i++) {
        ck_assert_int_eq(asserts_take_int(tasks_submit_int(hand->pool, &task_twice, i)), 2 * i);
        if (i % 50 == 0)
            asserts_sleep(crew_random(hand) % 200 / 1e6);
    }
    return NULL;
}

TEST(round_trips_of_several_threads)
{
    struct cf_executor *pool = tasks_pool(2);

    crew_run(submit_one_by_one, pool, NULL, crew_rounds(2000));
    cf_close(pool);
    pool = tasks_pool(8);
    crew_run(submit_one_by_one, pool, NULL, crew_rounds(2000));
    cf_close(pool);
}

/* A tree of calls, each node of which waits for its two children in one of the ways. */
static struct cf_executor *tree_pool;
static const struct cf_task task_grow;

static int
grow(struct cf_call *call)
{
    int height = *(const int *)cf_arg(call, NULL);
    int leaves = 1;

    if (height > 0) {
        struct cf_future *children[2];
        for (int i = 0; i < 2; i++)
            children[i] = tasks_submit_int(tree_pool, &task_grow, height - 1);
        if (height % 3 == 0)
            ck_assert_int_eq(cf_wait(children, 2, CF_ALL_COMPLETED, CF_NEVER, NULL), CF_OK);
        if (height % 3 == 1)
            ck_assert_int_eq(cf_wait(children, 2, CF_FIRST_COMPLETED, CF_NEVER, NULL), CF_OK);
        leaves = asserts_take_int(children[0]) + asserts_take_int(children[1]);
    }
    return cf_return(call, &leaves, sizeof leaves);
}
static const struct cf_task task_grow = { "grow", grow };

TEST(trees_of_calls_that_wait_for_calls)
{
    for (unsigned workers = 1; workers <= 4; workers++) {
        tree_pool = tasks_pool(workers);
        for (int round = 0; crew_again(round, 20); round++)
            ck_assert_int_eq(asserts_take_int(tasks_submit_int(tree_pool, &task_grow, 9)), 512);
        ck_assert_int_eq(cf_close(tree_pool), 0);
    }
}

static const TTest **const tests[] = {
    &cancel_against_claim,
    &release_against_finish,
    &adding_and_removing_callbacks_against_finish,
    &waiters_with_deadlines_against_finish,
    &maps_given_up_against_each_other,
    &round_trips_of_several_threads,
    &trees_of_calls_that_wait_for_calls,
    NULL,
};

int
main(void)
{
    return asserts_main("stress", tests);
}
