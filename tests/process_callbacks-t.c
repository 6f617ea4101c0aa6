/* SPDX-License-Identifier: MIT */
/* process_callbacks-t.c - a slow callback of a call of a process pool is in nobody's way. */

#include <signal.h>

#include "asserts.h"
#include "callbacks.h"
#include "family.h"
#include "tap.h"

static struct stage *stage;

/* Latches of the stage: the first three are those of callbacks_hold(). */
enum { ENTERED, LEAVE, LEFT, CANCELLED };

static struct cf_executor *
open_pool(const struct cf_options *options)
{
    stage = stage_new();
    return family_pool(options);
}

/* Return when the callback of a call that is done has begun. */
static struct cf_future *
hold_over_a_call(struct cf_executor *pool)
{
    struct cf_future *future = tasks_start_holding(pool, stage, 1);

    ck_assert_int_eq(cf_on_done(future, callbacks_hold, stage), 0);
    latch_raise(&stage->go);
    latch_await(&stage->of[ENTERED], 1);
    ck_assert(cf_done(future));
    return future;
}

static void
let_it_end(struct cf_executor *pool, struct cf_future *future)
{
    ck_assert_uint_eq(latch_count(&stage->of[LEFT]), 0);
    latch_raise(&stage->of[LEAVE]);
    cf_release(future);
    ck_assert_int_eq(cf_close(pool), 0);
    ck_assert_uint_eq(latch_count(&stage->of[LEFT]), 1);
}

static int
sleep_a_while(struct cf_call *call)
{
    asserts_sleep(0.05);
    return cf_return(call, NULL, 0);
}
static const struct cf_task task_sleep_a_while = { "sleep_a_while", sleep_a_while };

/* Long enough for those who wait to go to sleep, so that the collector has to wake them. */
TEST(those_who_wait_hear_of_other_calls)
{
    struct cf_executor *pool = open_pool(&(struct cf_options){ .max_workers = 2 });
    struct cf_future *slow = hold_over_a_call(pool);

    for (int i = 0; i < 4; i++) {
        struct cf_future *next = cf_submit(pool, &task_sleep_a_while, NULL, 0);
        ck_assert_int_eq(cf_wait(&next, 1, CF_ALL_COMPLETED, cf_after(5), NULL), CF_OK);
        cf_release(next);
    }
    let_it_end(pool, slow);
}

TEST(a_time_limit_is_enforced)
{
    struct cf_executor *pool = open_pool(&(struct cf_options){ .max_workers = 1, .call_timeout = 0.5 });
    struct cf_future *slow = hold_over_a_call(pool);
    struct cf_future *hangs = family_start(pool, &task_hang, stage);

    ck_assert_int_eq(cf_wait(&hangs, 1, CF_ALL_COMPLETED, cf_after(5), NULL), CF_OK);
    asserts_error(hangs, CF_TIMED_OUT);
    cf_release(hangs);
    let_it_end(pool, slow);
}

TEST(a_worker_that_dies_is_replaced)
{
    struct cf_executor *pool = open_pool(&(struct cf_options){ .max_workers = 1 });
    struct cf_future *slow = hold_over_a_call(pool);
    struct cf_future *dies = family_submit_end(pool, END_KILL);
    struct cf_future *next = tasks_submit_int(pool, &task_twice, 4);

    ck_assert_int_eq(cf_wait(&next, 1, CF_ALL_COMPLETED, cf_after(5), NULL), CF_OK);
    ck_assert_int_eq(asserts_take_int(next), 8);
    asserts_error(dies, CF_WORKER_LOST);
    cf_release(dies);
    let_it_end(pool, slow);
}

TEST(an_interrupt_cancels_what_is_pending)
{
    struct cf_executor *pool = open_pool(&(struct cf_options){ .max_workers = 1 });
    struct cf_future *slow = hold_over_a_call(pool);
    struct cf_future *patient = family_start(pool, &task_patient, stage);
    struct cf_future *pending[3];

    for (int i = 0; i < 3; i++) {
        pending[i] = tasks_submit_int(pool, &task_twice, i);
        ck_assert_int_eq(cf_on_done(pending[i], callbacks_count, &stage->of[CANCELLED]), 0);
    }
    cf_interrupt(pool);
    cf_wait(&patient, 1, CF_ALL_COMPLETED, cf_after(5), NULL);
    for (int i = 0; i < 3; i++)
        cf_wait(&pending[i], 1, CF_ALL_COMPLETED, cf_after(5), NULL);
    for (int i = 0; i < 3; i++) {
        asserts_cancelled(pending[i]);
        cf_release(pending[i]);
    }
    cf_release(patient);
    let_it_end(pool, slow);
    ck_assert_uint_eq(latch_count(&stage->of[CANCELLED]), 3);
}

/* Also where it is this thread that takes the other call's outcome from its worker, while it waits for its own. */
TEST(a_wait_ends_at_its_deadline)
{
    struct cf_executor *pool = open_pool(&(struct cf_options){ .max_workers = 2 });
    struct cf_future *hangs = family_start(pool, &task_hang, stage);

    for (int i = 0; i < 20; i++) {
        struct cf_future *quick = tasks_submit_cue(pool, stage, i, (uint32_t)i + 1);
        ck_assert_int_eq(cf_on_done(quick, callbacks_hold, stage), 0);
        latch_raise(&stage->go);
        ck_assert_int_eq(cf_wait(&hangs, 1, CF_ALL_COMPLETED, cf_after(0.001), NULL), CF_TIMEOUT);
        cf_release(quick);
    }
    latch_raise(&stage->of[LEAVE]);
    ck_assert_int_eq(cf_shutdown(pool, CF_KILL | CF_WAIT), 0);
    cf_release(hangs);
    ck_assert_int_eq(cf_close(pool), 0);
}

static const TTest **const tests[] = {
    &those_who_wait_hear_of_other_calls,   &a_time_limit_is_enforced,    &a_worker_that_dies_is_replaced,
    &an_interrupt_cancels_what_is_pending, &a_wait_ends_at_its_deadline, NULL,
};

int
main(void)
{
    return asserts_main("process_callbacks", tests);
}
