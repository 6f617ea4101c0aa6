/* SPDX-License-Identifier: MIT */
/* stress-t.c - races that need many tries: everything that can meet at the settling of a future or the end of a pool. */

#include <pthread.h>
#include <string.h>

#include "asserts.h"
#include "tap.h"
#include "tasks.h"

/* So many times a test is repeated; a sanitizer sees in one try what else takes ten. */
static int
rounds(int plain)
{
    return tap_sanitized() ? plain / 10 : plain;
}

/* Whether to go on with a test that has been repeated so many times: not for long, where the machine is slow or busy. */
static bool
again(int done, int plain)
{
    static double end;

    if (done == 0)
        end = asserts_now() + (tap_sanitized() ? 3 : 1.5);
    return done == 0 || (done < rounds(plain) && asserts_now() < end);
}

/* A small generator of numbers, the same in each run. */
static uint32_t
next_random(uint32_t *state)
{
    *state = *state * 1664525 + 1013904223;
    return *state >> 8;
}

static int
nothing(struct cf_call *call)
{
    return cf_return(call, NULL, 0);
}
static const struct cf_task task_nothing = { "nothing", nothing };

/* Threads that do the same at the same time. */
#define CREW 4

struct hand {
    pthread_t thread;
    struct cf_executor *pool;
    struct cf_future **futures;
    int n, number;
    uint32_t state;
    pthread_barrier_t *start;
};

static void
run_crew(void *(*job)(void *), struct cf_executor *pool, struct cf_future **futures, int n)
{
    struct hand crew[CREW];
    pthread_barrier_t start;

    pthread_barrier_init(&start, NULL, CREW);
    for (int i = 0; i < CREW; i++) {
        crew[i] = (struct hand){
            .pool = pool, .futures = futures, .n = n, .number = i, .state = (uint32_t)i + 1, .start = &start
        };
        ck_assert_int_eq(pthread_create(&crew[i].thread, NULL, job, &crew[i]), 0);
    }
    for (int i = 0; i < CREW; i++)
        pthread_join(crew[i].thread, NULL);
    pthread_barrier_destroy(&start);
}

/* Every future has one of the outcomes that it may have, and says so however it is asked. */
static void
assert_settled(struct cf_future *future)
{
    ck_assert(cf_done(future));
    if (cf_cancelled(future)) {
        asserts_error(future, CF_CANCELLED);
        return;
    }
    const struct cf_error *error = cf_error_of(future);
    if (error == NULL)
        ck_assert_ptr_nonnull(cf_result(future, NULL));
    else
        ck_assert(error->why == CF_REFUSED || error->why == CF_RAISED);
}

static void *
cancel_all(void *data)
{
    struct hand *hand = data;

    pthread_barrier_wait(hand->start);
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

    for (int round = 0; again(round, 300); round++) {
        struct cf_future *futures[CALLS];
        for (int i = 0; i < CALLS; i++)
            futures[i] = tasks_submit_cue(pool, stage, i, 0);
        run_crew(cancel_all, pool, futures, CALLS);
        ck_assert_int_eq(cf_wait(futures, CALLS, CF_ALL_COMPLETED, CF_NEVER, NULL), CF_OK);
        for (int i = 0; i < CALLS; i++) {
            assert_settled(futures[i]);
            ran += !cf_cancelled(futures[i]);
            cf_release(futures[i]);
        }
    }
    cf_close(pool);
    ck_assert_uint_eq(latch_count(&stage->ended), ran);
}

static void
count(struct cf_future *future, void *data)
{
    ck_assert(cf_done(future));
    latch_raise(data);
}

/* How many callbacks of dropped futures have been called. */
static struct latch dropped;

static void *
submit_and_drop(void *data)
{
    struct hand *hand = data;

    pthread_barrier_wait(hand->start);
    for (int i = 0; i < hand->n; i++) {
        struct cf_future *future = cf_submit(hand->pool, &task_nothing, NULL, 0);
        if (i % 3 == 0)
            ck_assert_int_eq(cf_on_done(future, count, &dropped), 0);
        if (i % 3 == 1)
            cf_cancel(future);
        cf_release(future);
    }
    return NULL;
}

TEST(release_against_finish)
{
    uint32_t callbacks = 0;

    for (int round = 0; again(round, 50); round++) {
        struct cf_executor *pool = tasks_pool(3);
        run_crew(submit_and_drop, pool, NULL, 300);
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

    pthread_barrier_wait(hand->start);
    for (int i = 0; i < hand->n; i++)
        ck_assert_int_eq(cf_on_done(hand->futures[i], count, &called), 0);
    for (int i = hand->number % 2; i < hand->n; i += 2)
        removed += cf_remove_on_done(hand->futures[i], count, &called);
    for (int i = 0; i < hand->n; i++)
        cf_error_of(hand->futures[i]);
    for (int i = 0; i < hand->n; i++)
        removed += cf_remove_on_done(hand->futures[i], count, &called);
    ck_assert_uint_eq(latch_count(&called) + removed, (uint32_t)hand->n);
    return NULL;
}

TEST(adding_and_removing_callbacks_against_finish)
{
    enum { CALLS = 60 };
    struct cf_executor *pool = tasks_pool(3);

    for (int round = 0; again(round, 200); round++) {
        struct cf_future *futures[CALLS];
        for (int i = 0; i < CALLS; i++)
            futures[i] = cf_submit(pool, &task_nothing, NULL, 0);
        run_crew(add_and_remove, pool, futures, CALLS);
        for (int i = 0; i < CALLS; i++)
            cf_release(futures[i]);
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
    pthread_barrier_wait(hand->start);
    for (int i = 0; i < 20; i++) {
        enum cf_until until = CF_ALL_COMPLETED + next_random(&hand->state) % 3;
        cf_time deadline = cf_after(next_random(&hand->state) % 100 / 1e6);
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

    for (int round = 0; again(round, 200); round++) {
        struct cf_future *futures[CALLS];
        for (int i = 0; i < CALLS; i++)
            futures[i] = cf_submit(pool, &task_nothing, NULL, 0);
        run_crew(wait_in_all_ways, pool, futures, CALLS);
        for (int i = 0; i < CALLS; i++)
            cf_release(futures[i]);
    }
    cf_close(pool);
}

static void
stop_by(struct cf_executor *pool, int way, int number)
{
    if (way == 0)
        cf_interrupt(pool);
    else if (way == 1)
        ck_assert_int_eq(cf_shutdown(pool, number % 2 == 0 ? CF_CANCEL : 0), 0);
    else
        ck_assert_int_eq(cf_shutdown(pool, CF_WAIT), 0);
}

/* Submits until it is refused, and waits for all of it. */
static void *
submit_until_refused(void *data)
{
    struct hand *hand = data;
    struct cf_future *futures[500];
    int n = 0;
    bool refused = false;

    pthread_barrier_wait(hand->start);
    while (!refused && n < 500) {
        futures[n] = cf_submit(hand->pool, &task_nothing, NULL, 0);
        refused = cf_done(futures[n]) && cf_result(futures[n], NULL) == NULL && !cf_cancelled(futures[n]);
        n++;
        if (n == 30 + hand->number * 5)
            stop_by(hand->pool, hand->n, hand->number);
    }
    for (int i = 0; i < n; i++) {
        cf_error_of(futures[i]);
        assert_settled(futures[i]);
        cf_release(futures[i]);
    }
    return NULL;
}

TEST(submit_against_shutdown)
{
    for (int round = 0; again(round, 200); round++) {
        struct cf_executor *pool = tasks_pool(1 + (unsigned)round % 4);
        run_crew(submit_until_refused, pool, NULL, round % 3);
        ck_assert_int_eq(cf_close(pool), 0);
    }
}

TEST(submit_against_shutdown_with_a_bound)
{
    for (int round = 0; again(round, 200); round++) {
        struct cf_executor *pool = cf_thread_pool(
            &(struct cf_options){ .max_workers = 1 + (unsigned)round % 3, .max_pending = 1 + (unsigned)round % 4 });
        run_crew(submit_until_refused, pool, NULL, round % 3);
        ck_assert_int_eq(cf_close(pool), 0);
    }
}

/* Waits for what another thread's closing of the pool will settle. */
static void *
wait_for_the_close(void *data)
{
    struct hand *hand = data;
    struct cf_future *mine[64];

    memcpy(mine, hand->futures, (size_t)hand->n * sizeof *mine);
    struct cf_iter *iter = cf_as_completed(mine, (size_t)hand->n, CF_NEVER);
    pthread_barrier_wait(hand->start);
    if (hand->number == 0) {
        ck_assert_int_eq(cf_close(hand->pool), 0);
    } else if (hand->number == 1) {
        ck_assert_int_eq(cf_wait(mine, (size_t)hand->n, CF_ALL_COMPLETED, CF_NEVER, NULL), CF_OK);
    } else if (hand->number == 2) {
        for (int i = 0; i < hand->n; i++)
            ck_assert_ptr_nonnull(cf_next(iter));
    } else {
        for (int i = 0; i < hand->n; i++)
            ck_assert_ptr_nonnull(cf_result(mine[i], NULL));
    }
    cf_iter_free(iter);
    return NULL;
}

TEST(close_against_waiters)
{
    enum { CALLS = 40 };

    for (int round = 0; again(round, 300); round++) {
        struct cf_executor *pool = tasks_pool(1 + (unsigned)round % 4);
        struct cf_future *futures[CALLS];
        for (int i = 0; i < CALLS; i++)
            futures[i] = cf_submit(pool, &task_nothing, NULL, 0);
        run_crew(wait_for_the_close, pool, futures, CALLS);
        for (int i = 0; i < CALLS; i++)
            cf_release(futures[i]);
    }
}

/* Interrupts while others wait and while the pool is about to be closed. */
static void *
wait_or_interrupt(void *data)
{
    struct hand *hand = data;
    struct cf_future *mine[64];
    enum cf_status status;

    memcpy(mine, hand->futures, (size_t)hand->n * sizeof *mine);
    pthread_barrier_wait(hand->start);
    if (hand->number == 0) {
        cf_interrupt(hand->pool);
    } else if (hand->number == 1) {
        status = cf_wait(mine, (size_t)hand->n, CF_ALL_COMPLETED, CF_NEVER, NULL);
        ck_assert(status == CF_OK || status == CF_INTERRUPTED);
    } else if (hand->number == 2) {
        struct cf_iter *iter = cf_as_completed(mine, (size_t)hand->n, CF_NEVER);
        int interrupted = 0, yielded = 0;
        do {
            yielded += cf_next(iter) != NULL;
            interrupted += cf_status(iter) == CF_INTERRUPTED;
        } while (cf_status(iter) != CF_END);
        ck_assert_int_eq(yielded, hand->n);
        ck_assert_int_le(interrupted, 1);
        cf_iter_free(iter);
    } else {
        for (int i = 0; i < hand->n; i++)
            cf_error_of(mine[i]);
    }
    return NULL;
}

TEST(interrupt_against_waiters)
{
    enum { CALLS = 40 };

    for (int round = 0; again(round, 300); round++) {
        struct cf_executor *pool = tasks_pool(1 + (unsigned)round % 4);
        struct cf_future *futures[CALLS];
        for (int i = 0; i < CALLS; i++)
            futures[i] = cf_submit(pool, &task_nothing, NULL, 0);
        run_crew(wait_or_interrupt, pool, futures, CALLS);
        ck_assert_int_eq(cf_close(pool), 0);
        for (int i = 0; i < CALLS; i++) {
            assert_settled(futures[i]);
            cf_release(futures[i]);
        }
    }
}

struct interrupter {
    pthread_t thread;
    struct cf_executor *pool;
    struct latch reading;
};

static void *
interrupt_soon(void *data)
{
    struct interrupter *interrupter = data;

    latch_await(&interrupter->reading, 20);
    cf_interrupt(interrupter->pool);
    return NULL;
}

static int
one_after_another(void *source, const void **item, size_t *len)
{
    latch_raise(source);
    *item = source;
    *len = sizeof(int);
    return 1;
}

TEST(interrupt_against_a_map_that_has_nothing_ahead)
{
    for (int round = 0; again(round, 3000); round++) {
        struct interrupter interrupter = { .pool = round % 2 == 0 ? cf_inline_pool(NULL) : tasks_pool(1) };
        const struct cf_map_options options = { .buffersize = 1 };
        struct cf_iter *iter =
            cf_map_from(interrupter.pool, &task_nothing, one_after_another, &interrupter.reading, &options);
        int interrupted = 0;

        ck_assert_int_eq(pthread_create(&interrupter.thread, NULL, interrupt_soon, &interrupter), 0);
        do {
            cf_next(iter);
            interrupted += cf_status(iter) == CF_INTERRUPTED;
        } while (cf_status(iter) == CF_OK || cf_status(iter) == CF_INTERRUPTED);
        ck_assert_int_eq(cf_status(iter), CF_END);
        ck_assert_int_eq(interrupted, 1);
        pthread_join(interrupter.thread, NULL);
        cf_iter_free(iter);
        ck_assert_int_eq(cf_close(interrupter.pool), 0);
    }
}

/* Maps on a pool that all share, reads some of it and gives up. */
static void *
map_and_give_up(void *data)
{
    struct hand *hand = data;
    int numbers[100];

    for (int i = 0; i < 100; i++)
        numbers[i] = i;
    pthread_barrier_wait(hand->start);
    for (int round = 0; round < 20; round++) {
        const struct cf_map_options options = { .buffersize = next_random(&hand->state) % 20,
                                                .chunksize = next_random(&hand->state) % 5,
                                                .unordered = next_random(&hand->state) % 2 == 0 };
        struct cf_iter *iter = cf_map(hand->pool, &task_twice, numbers, 100, sizeof *numbers, &options);
        int read = (int)(next_random(&hand->state) % 120);
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
    for (int round = 0; again(round, 20); round++) {
        struct cf_executor *pool = tasks_pool(3);
        run_crew(map_and_give_up, pool, NULL, 0);
        ck_assert_int_eq(cf_close(pool), 0);
    }
}

/* Workers fall asleep and are woken, again and again: a wake-up that is lost is a hang. */
static void *
submit_one_by_one(void *data)
{
    struct hand *hand = data;

    pthread_barrier_wait(hand->start);
    for (int i = 0; i < hand->n; i++) {
        ck_assert_int_eq(asserts_take_int(tasks_submit_int(hand->pool, &task_twice, i)), 2 * i);
        if (i % 50 == 0)
            asserts_sleep(next_random(&hand->state) % 200 / 1e6);
    }
    return NULL;
}

TEST(round_trips_of_several_threads)
{
    struct cf_executor *pool = tasks_pool(2);

    run_crew(submit_one_by_one, pool, NULL, rounds(2000));
    cf_close(pool);
    pool = tasks_pool(8);
    run_crew(submit_one_by_one, pool, NULL, rounds(2000));
    cf_close(pool);
}

/* Makes, uses and closes a pool of its own. */
static void *
open_and_close(void *data)
{
    struct hand *hand = data;

    pthread_barrier_wait(hand->start);
    for (int i = 0; i < hand->n; i++) {
        struct cf_executor *pool = tasks_pool(1 + next_random(&hand->state) % 3);
        struct cf_future *future = tasks_submit_int(pool, &task_twice, i);
        if (i % 2 == 0)
            ck_assert_int_eq(asserts_int(future), 2 * i);
        ck_assert_int_eq(cf_close(pool), 0);
        ck_assert_int_eq(asserts_take_int(future), 2 * i);
    }
    return NULL;
}

TEST(many_pools_at_once)
{
    run_crew(open_and_close, NULL, NULL, rounds(500));
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
        for (int round = 0; again(round, 20); round++)
            ck_assert_int_eq(asserts_take_int(tasks_submit_int(tree_pool, &task_grow, 9)), 512);
        ck_assert_int_eq(cf_close(tree_pool), 0);
    }
}

static const TTest **const tests[] = {
    &cancel_against_claim,
    &release_against_finish,
    &adding_and_removing_callbacks_against_finish,
    &waiters_with_deadlines_against_finish,
    &submit_against_shutdown,
    &submit_against_shutdown_with_a_bound,
    &close_against_waiters,
    &interrupt_against_waiters,
    &interrupt_against_a_map_that_has_nothing_ahead,
    &maps_given_up_against_each_other,
    &round_trips_of_several_threads,
    &many_pools_at_once,
    &trees_of_calls_that_wait_for_calls,
    NULL,
};

int
main(void)
{
    return asserts_main("stress", tests);
}
