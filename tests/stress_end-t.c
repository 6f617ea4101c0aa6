/* SPDX-License-Identifier: MIT */
/* stress_end-t.c - races that need many tries: everything that can meet at the end of a pool. */

#include <pthread.h>
#include <string.h>

#include "asserts.h"
#include "crew.h"
#include "tap.h"
#include "tasks.h"

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

    crew_start(hand);
    while (!refused && n < 500) {
        futures[n] = cf_submit(hand->pool, &crew_nothing, NULL, 0);
        refused = cf_done(futures[n]) && cf_result(futures[n], NULL) == NULL && !cf_cancelled(futures[n]);
        n++;
        if (n == 30 + hand->number * 5)
            stop_by(hand->pool, hand->n, hand->number);
    }
    for (int i = 0; i < n; i++) {
        cf_error_of(futures[i]);
        crew_assert_settled(futures[i]);
        cf_release(futures[i]);
    }
    return NULL;
}

TEST(submit_against_shutdown)
{
    for (int round = 0; crew_again(round, 200); round++) {
        struct cf_executor *pool = tasks_pool(1 + (unsigned)round % 4);
        crew_run(submit_until_refused, pool, NULL, round % 3);
        ck_assert_int_eq(cf_close(pool), 0);
    }
}

TEST(submit_against_shutdown_with_a_bound)
{
    for (int round = 0; crew_again(round, 200); round++) {
        struct cf_executor *pool = cf_thread_pool(
            &(struct cf_options){ .max_workers = 1 + (unsigned)round % 3, .max_pending = 1 + (unsigned)round % 4 });
        crew_run(submit_until_refused, pool, NULL, round % 3);
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
    crew_start(hand);
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

    for (int round = 0; crew_again(round, 300); round++) {
        struct cf_executor *pool = tasks_pool(1 + (unsigned)round % 4);
        struct cf_future *futures[CALLS];
        crew_submit(pool, futures, CALLS);
        crew_run(wait_for_the_close, pool, futures, CALLS);
        tasks_release_all(futures, CALLS);
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
    crew_start(hand);
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

    for (int round = 0; crew_again(round, 300); round++) {
        struct cf_executor *pool = tasks_pool(1 + (unsigned)round % 4);
        struct cf_future *futures[CALLS];
        crew_submit(pool, futures, CALLS);
        crew_run(wait_or_interrupt, pool, futures, CALLS);
        ck_assert_int_eq(cf_close(pool), 0);
        for (int i = 0; i < CALLS; i++) {
            crew_assert_settled(futures[i]);
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
    for (int round = 0; crew_again(round, 3000); round++) {
        struct interrupter interrupter = { .pool = round % 2 == 0 ? cf_inline_pool(NULL) : tasks_pool(1) };
        const struct cf_map_options options = { .buffersize = 1 };
        struct cf_iter *iter =
            cf_map_from(interrupter.pool, &crew_nothing, one_after_another, &interrupter.reading, &options);
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

/* Makes, uses and closes a pool of its own. */
static void *
open_and_close(void *data)
{
    struct hand *hand = data;

    crew_start(hand);
    for (int i = 0; i < hand->n; i++) {
        struct cf_executor *pool = tasks_pool(1 + crew_random(hand) % 3);
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
    crew_run(open_and_close, NULL, NULL, crew_rounds(500));
}

static const TTest **const tests[] = {
    &submit_against_shutdown,
    &submit_against_shutdown_with_a_bound,
    &close_against_waiters,
    &interrupt_against_waiters,
    &interrupt_against_a_map_that_has_nothing_ahead,
    &many_pools_at_once,
    NULL,
};

int
main(void)
{
    return asserts_main("stress_end", tests);
}
