/* SPDX-License-Identifier: MIT */
/* fairness-t.c - a call that waits in a thread pool starts soon, whatever the workers are given to do meanwhile. */

#include <pthread.h>

#include "asserts.h"
#include "tap.h"
#include "tasks.h"

/* Seconds within which a call of no length is to have run; starving would last as long as the test. */
enum { SOON = 5 };

static struct cf_executor *pool;
static struct latch enough;

static void
assert_runs_soon(struct cf_future *future)
{
    ck_assert_int_eq(cf_wait(&future, 1, CF_ALL_COMPLETED, cf_after(SOON), NULL), CF_OK);
    cf_release(future);
}

static const struct cf_task task_again;

/* Submits another like itself, until there are enough. */
static int
again(struct cf_call *call)
{
    if (latch_count(&enough) == 0)
        cf_release(cf_submit(pool, &task_again, NULL, 0));
    return cf_return(call, NULL, 0);
}
static const struct cf_task task_again = { "again", again };

TEST(a_call_from_outside_starts_although_tasks_submit_on_and_on)
{
    for (unsigned workers = 1; workers <= 3; workers++) {
        enough = (struct latch){ 0 };
        pool = tasks_pool(workers);
        for (unsigned i = 0; i < workers; i++)
            cf_release(cf_submit(pool, &task_again, NULL, 0));
        for (int i = 0; i < 20; i++)
            assert_runs_soon(tasks_submit_int(pool, &task_twice, i));
        latch_raise(&enough);
        ck_assert_int_eq(cf_close(pool), 0);
    }
}

static struct cf_future *left_over;
static struct latch left;

static int
leave_one_over(struct cf_call *call)
{
    left_over = tasks_submit_int(pool, &task_twice, 1);
    latch_raise(&left);
    return cf_return(call, NULL, 0);
}
static const struct cf_task task_leave_one_over = { "leave_one_over", leave_one_over };

static void *
submit_until_enough(void *unused)
{
    enum { AHEAD = 1000 };
    struct cf_future *futures[AHEAD] = { NULL };

    for (unsigned i = 0; latch_count(&enough) == 0; i = (i + 1) % AHEAD) {
        if (futures[i] != NULL)
            asserts_take_int(futures[i]);
        futures[i] = tasks_submit_int(pool, &task_twice, 1);
    }
    for (int i = 0; i < AHEAD; i++)
        cf_release(futures[i]);
    return unused;
}

TEST(a_call_that_a_task_has_left_over_starts_although_others_come_from_outside)
{
    pthread_t thread;

    pool = tasks_pool(1);
    ck_assert_int_eq(pthread_create(&thread, NULL, submit_until_enough, NULL), 0);
    for (uint32_t i = 1; i <= 20; i++) {
        assert_runs_soon(cf_submit(pool, &task_leave_one_over, NULL, 0));
        latch_await(&left, i);
        assert_runs_soon(left_over);
    }
    latch_raise(&enough);
    pthread_join(thread, NULL);
    ck_assert_int_eq(cf_close(pool), 0);
}

/* Workers take short calls by the batch; but what one has taken is not its own before it begins it. */
TEST(no_call_waits_behind_a_long_one_while_another_worker_is_idle)
{
    enum { CALLS = 60, ROUNDS = 20 };
    struct cf_future *futures[CALLS];

    pool = tasks_pool(2);
    for (int round = 0; round < ROUNDS; round++) {
        struct stage *stage = stage_new();
        for (int i = 0; i < 1000; i++)
            cf_release(tasks_submit_int(pool, &task_twice, i));
        struct cf_future *holding = tasks_submit_cue(pool, stage, 1, 1);
        for (int i = 0; i < CALLS; i++)
            futures[i] = tasks_submit_int(pool, &task_twice, i);
        for (int i = 0; i < CALLS; i++)
            assert_runs_soon(futures[i]);
        latch_raise(&stage->go);
        ck_assert_int_eq(asserts_take_int(holding), 1);
    }
    ck_assert_int_eq(cf_close(pool), 0);
}

/* The same of what a task has submitted, and does not wait for. */
static int
submit_and_hold(struct cf_call *call)
{
    for (int i = 0; i < 300; i++)
        cf_release(tasks_submit_int(pool, &task_twice, i));
    left_over = tasks_submit_int(pool, &task_twice, 1);
    latch_raise(&left);
    latch_await(&enough, 1);
    return cf_return(call, NULL, 0);
}
static const struct cf_task task_submit_and_hold = { "submit_and_hold", submit_and_hold };

TEST(no_call_waits_for_the_task_that_submitted_it_while_another_worker_is_idle)
{
    pool = tasks_pool(2);
    struct cf_future *holding = cf_submit(pool, &task_submit_and_hold, NULL, 0);

    latch_await(&left, 1);
    assert_runs_soon(left_over);
    latch_raise(&enough);
    cf_release(holding);
    ck_assert_int_eq(cf_close(pool), 0);
}

static const TTest **const tests[] = {
    &a_call_from_outside_starts_although_tasks_submit_on_and_on,
    &a_call_that_a_task_has_left_over_starts_although_others_come_from_outside,
    &no_call_waits_behind_a_long_one_while_another_worker_is_idle,
    &no_call_waits_for_the_task_that_submitted_it_while_another_worker_is_idle,
    NULL,
};

int
main(void)
{
    return asserts_main("fairness", tests);
}
