/* SPDX-License-Identifier: MIT */
/* circle-t.c - tasks that wait for each other in a circle are told and never hang; in other figures, they are not. */

#include <errno.h>

#include "asserts.h"
#include "tap.h"
#include "tasks.h"

static struct cf_executor *pool;

/*
 * A ring of calls: the i-th waits for the (i + 1)-th, the last for the first, when all of them run.  Returns 1 if it
 * was told of the deadlock, 0 if its neighbour had a result.
 */
struct ring {
    struct stage *stage;
    struct cf_future **futures;
    int n;
    enum { WITH_RESULT, WITH_ERROR, WITH_WAIT } how;
};

struct link {
    const struct ring *ring;
    int i;
};

static int
wait_for_neighbour(struct cf_call *call)
{
    const struct link *link = cf_arg(call, NULL);
    struct cf_future *neighbour;
    int told = 0;

    latch_raise(&link->ring->stage->started);
    latch_await(&link->ring->stage->go, 1);
    neighbour = link->ring->futures[(link->i + 1) % link->ring->n];
    if (link->ring->how == WITH_WAIT) {
        enum cf_status status = cf_wait(&neighbour, 1, CF_ALL_COMPLETED, CF_NEVER, NULL);
        told = status == CF_DEADLOCK;
        ck_assert(told || status == CF_OK);
    } else {
        const struct cf_error *error = cf_error_of(neighbour);
        if (error != NULL) {
            ck_assert_int_eq(error->why, CF_REFUSED);
            ck_assert_int_eq(error->code, EDEADLK);
            told = 1;
        } else {
            ck_assert_ptr_nonnull(cf_result(neighbour, NULL));
        }
    }
    return cf_return(call, &told, sizeof told);
}
static const struct cf_task task_wait_for_neighbour = { "wait_for_neighbour", wait_for_neighbour };

static void
go_round(int n, unsigned workers, unsigned how)
{
    struct cf_future *futures[8];
    struct ring ring = { .stage = stage_new(), .futures = futures, .n = n, .how = WITH_RESULT + how };
    int told = 0;

    pool = tasks_pool(workers);
    for (int i = 0; i < n; i++) {
        struct link link = { &ring, i };
        futures[i] = cf_submit(pool, &task_wait_for_neighbour, &link, sizeof link);
    }
    latch_await(&ring.stage->started, workers < (unsigned)n ? workers : (unsigned)n);
    latch_raise(&ring.stage->go);
    for (int i = 0; i < n; i++)
        told += asserts_int(futures[i]);
    ck_assert_int_ge(told, 1);
    for (int i = 0; i < n; i++)
        cf_release(futures[i]);
    ck_assert_int_eq(cf_close(pool), 0);
}

TEST(a_call_that_waits_for_itself_is_told_of_the_deadlock)
{
    for (unsigned how = 0; how < 3; how++)
        go_round(1, 1, how);
}

TEST(two_calls_that_wait_for_each_other_are_told_of_the_deadlock)
{
    for (unsigned how = 0; how < 3; how++)
        for (int round = 0; round < 50; round++)
            go_round(2, 2, how);
}

TEST(a_circle_of_any_length_is_told)
{
    for (unsigned how = 0; how < 3; how++)
        for (int n = 3; n <= 8; n++)
            go_round(n, (unsigned)n, how);
}

TEST(a_circle_through_calls_that_one_worker_runs_nested_is_told)
{
    for (unsigned how = 0; how < 3; how++)
        for (int n = 2; n <= 8; n++)
            for (unsigned workers = 1; workers < (unsigned)n; workers++)
                go_round(n, workers, how);
}

/* The first waits for the second, which waits for the third, which runs: a queue and no circle. */
TEST(who_waits_in_a_row_is_not_told_of_a_deadlock)
{
    struct cf_future *futures[4];
    struct stage *stage = stage_new();
    struct ring ring = { .stage = stage, .futures = futures, .n = 4 };

    pool = tasks_pool(4);
    for (int i = 0; i < 3; i++) {
        struct link link = { &ring, i };
        futures[i] = cf_submit(pool, &task_wait_for_neighbour, &link, sizeof link);
    }
    futures[3] = tasks_submit_cue(pool, stage, 0, 2);
    latch_await(&stage->started, 4);
    latch_raise(&stage->go);
    asserts_sleep(0.05);
    latch_raise(&stage->go);
    for (int i = 0; i < 4; i++)
        ck_assert_int_eq(asserts_take_int(futures[i]), 0);
    cf_close(pool);
}

/* Waits for some of the calls that were submitted before it, so that there can be no circle. */
struct web {
    _Atomic(struct cf_future *) futures[400];
};

struct knot {
    struct web *web;
    int i;
};

static int
wait_for_earlier(struct cf_call *call)
{
    const struct knot *knot = cf_arg(call, NULL);
    struct cf_future *earlier[3];
    int n = 0;

    for (int step = 1; step <= 3; step++) {
        int which = knot->i - step * step * (1 + knot->i % 5);
        if (which >= 0)
            earlier[n++] = atomic_load(&knot->web->futures[which]);
    }
    if (n > 0 && knot->i % 4 == 0)
        ck_assert_int_eq(cf_wait(earlier, (size_t)n, CF_ALL_COMPLETED, CF_NEVER, NULL), CF_OK);
    for (int i = 0; i < n; i++)
        ck_assert_ptr_null(cf_error_of(earlier[i]));
    return cf_return(call, &knot->i, sizeof knot->i);
}
static const struct cf_task task_wait_for_earlier = { "wait_for_earlier", wait_for_earlier };

TEST(a_web_of_waits_without_a_circle_is_never_told_of_a_deadlock)
{
    for (int round = 0; round < 20; round++) {
        static struct web web;

        pool = tasks_pool(1 + (unsigned)round % 6);
        for (int i = 0; i < 400; i++) {
            struct knot knot = { &web, i };
            atomic_store(&web.futures[i], cf_submit(pool, &task_wait_for_earlier, &knot, sizeof knot));
        }
        for (int i = 0; i < 400; i++)
            ck_assert_int_eq(asserts_int(web.futures[i]), i);
        for (int i = 0; i < 400; i++)
            cf_release(web.futures[i]);
        ck_assert_int_eq(cf_close(pool), 0);
    }
}

static const TTest **const tests[] = {
    &a_call_that_waits_for_itself_is_told_of_the_deadlock,
    &two_calls_that_wait_for_each_other_are_told_of_the_deadlock,
    &a_circle_of_any_length_is_told,
    &a_circle_through_calls_that_one_worker_runs_nested_is_told,
    &who_waits_in_a_row_is_not_told_of_a_deadlock,
    &a_web_of_waits_without_a_circle_is_never_told_of_a_deadlock,
    NULL,
};

int
main(void)
{
    return asserts_main("circle", tests);
}
