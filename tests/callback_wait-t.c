/* SPDX-License-Identifier: MIT */
/* callback_wait-t.c - waiting for callbacks, and callbacks that wait. */

#include <errno.h>
#include <pthread.h>

#include "asserts.h"
#include "callbacks.h"
#include "tasks.h"

TEST(who_waits_is_woken_before_the_callbacks_have_run)
{
    struct cf_executor *pool = tasks_pool(1);
    struct stage *stage = stage_new();
    struct cf_future *future = tasks_start_holding(pool, stage, 5);

    cf_on_done(future, callbacks_hold, stage);
    latch_raise(&stage->go);
    ck_assert_int_eq(asserts_int(future), 5);
    ck_assert_int_eq(cf_wait(&future, 1, CF_ALL_COMPLETED, CF_NEVER, NULL), CF_OK);
    ck_assert_uint_eq(latch_count(&stage->of[2]), 0);
    latch_raise(&stage->of[1]);
    cf_release(future);
    cf_close(pool);
}

TEST(shutdown_waits_for_callbacks)
{
    struct cf_executor *pool = tasks_pool(1);
    struct stage *stage = stage_new();
    struct cf_future *future = tasks_start_holding(pool, stage, 5);

    cf_on_done(future, callbacks_hold, stage);
    latch_raise(&stage->go);
    latch_await(&stage->of[0], 1);
    latch_raise(&stage->of[1]);
    ck_assert_int_eq(cf_shutdown(pool, CF_WAIT), 0);
    ck_assert_uint_eq(latch_count(&stage->of[2]), 1);
    cf_release(future);
    cf_close(pool);
}

static void *
cancel(void *future)
{
    ck_assert(cf_cancel(future));
    return NULL;
}

TEST(shutdown_waits_for_the_callbacks_of_a_canceller)
{
    struct cf_executor *pool = tasks_pool(1);
    struct stage *stage = stage_new();
    struct cf_future *running = tasks_start_holding(pool, stage, 5);
    struct cf_future *pending = tasks_submit_cue(pool, stage, 6, 0);
    pthread_t canceller;

    cf_on_done(pending, callbacks_hold, stage);
    ck_assert_int_eq(pthread_create(&canceller, NULL, cancel, pending), 0);
    latch_await(&stage->of[0], 1);
    latch_raise(&stage->go);
    latch_raise(&stage->of[1]);
    ck_assert_int_eq(cf_shutdown(pool, CF_WAIT), 0);
    ck_assert_uint_eq(latch_count(&stage->of[2]), 1);
    pthread_join(canceller, NULL);
    cf_release(running);
    cf_release(pending);
    cf_close(pool);
}

/* What a callback waits for, which is in vain if it is not finished. */
struct vain {
    struct cf_executor *pool;
    struct cf_future *unfinished, *finished;
    struct latch called;
};

static void
assert_deadlock(struct cf_future *unfinished)
{
    size_t done = 99;

    ck_assert(!cf_done(unfinished));
    ck_assert_ptr_null(cf_result(unfinished, NULL));
    const struct cf_error *error = cf_error_of(unfinished);
    ck_assert_ptr_nonnull(error);
    ck_assert_int_eq(error->why, CF_REFUSED);
    ck_assert_int_eq(error->code, EDEADLK);
    ck_assert_int_eq(cf_wait(&unfinished, 1, CF_ALL_COMPLETED, CF_NEVER, &done), CF_DEADLOCK);
    ck_assert_uint_eq(done, 0);
    ck_assert_int_eq(cf_wait(&unfinished, 1, CF_FIRST_COMPLETED, CF_NEVER, NULL), CF_DEADLOCK);
    struct cf_iter *iter = cf_as_completed(&unfinished, 1, CF_NEVER);
    asserts_ends(iter, CF_DEADLOCK);
    cf_iter_free(iter);
    ck_assert(!cf_done(unfinished));
}

static void
wait_for_all_kinds(struct cf_future *future, void *data)
{
    struct vain *vain = data;

    ck_assert_ptr_nonnull(cf_result(future, NULL));
    assert_deadlock(vain->unfinished);
    ck_assert_int_eq(asserts_int(vain->finished), 0);
    ck_assert_int_eq(cf_wait(&vain->finished, 1, CF_ALL_COMPLETED, CF_NEVER, NULL), CF_OK);
    ck_assert_int_eq(cf_shutdown(vain->pool, CF_WAIT | CF_CANCEL), -1);
    ck_assert_int_eq(errno, EDEADLK);
    ck_assert_int_eq(cf_close(vain->pool), -1);
    ck_assert_int_eq(errno, EDEADLK);
    latch_raise(&vain->called);
}

TEST(a_callback_that_would_wait_for_its_own_executor_is_told_of_the_deadlock)
{
    struct cf_executor *pool = tasks_pool(2);
    struct stage *stage = stage_new();
    struct vain vain = { .pool = pool, .finished = tasks_submit_int(pool, &task_twice, 0) };

    asserts_int(vain.finished);
    struct cf_future *future = tasks_submit_cue(pool, stage, 0, 1);
    vain.unfinished = tasks_submit_cue(pool, stage, 1, 2);
    latch_await(&stage->started, 2);
    cf_on_done(future, wait_for_all_kinds, &vain);
    latch_raise(&stage->go);
    latch_await(&vain.called, 1);
    ck_assert_int_eq(asserts_take_int(tasks_submit_int(pool, &task_twice, 1)), 2);
    latch_raise(&stage->go);
    ck_assert_int_eq(asserts_take_int(vain.unfinished), 1);
    cf_release(vain.finished);
    cf_release(future);
    ck_assert_int_eq(cf_close(pool), 0);
}

static void
wait_in_canceller(struct cf_future *future, void *data)
{
    struct vain *vain = data;

    ck_assert(cf_cancelled(future));
    assert_deadlock(vain->unfinished);
    latch_raise(&vain->called);
}

TEST(the_same_holds_in_the_callback_of_a_cancelled_call)
{
    struct cf_executor *pool = tasks_pool(1);
    struct stage *stage = stage_new();
    struct vain vain = { .pool = pool, .unfinished = tasks_start_holding(pool, stage, 1) };
    struct cf_future *future = tasks_submit_int(pool, &task_twice, 1);

    cf_on_done(future, wait_in_canceller, &vain);
    ck_assert(cf_cancel(future));
    ck_assert_uint_eq(latch_count(&vain.called), 1);
    latch_raise(&stage->go);
    ck_assert_int_eq(asserts_take_int(vain.unfinished), 1);
    cf_release(future);
    cf_close(pool);
}

static void
wait_elsewhere(struct cf_future *future, void *data)
{
    struct vain *vain = data;

    (void)future;
    struct cf_future *other = tasks_submit_int(vain->pool, &task_twice, 50);
    ck_assert_int_eq(asserts_take_int(other), 100);
    latch_raise(&vain->called);
}

TEST(a_callback_may_wait_for_another_executor)
{
    struct cf_executor *pool = tasks_pool(1), *other = tasks_pool(1);
    struct vain vain = { .pool = other };
    struct stage *stage = stage_new();
    struct cf_future *future = tasks_start_holding(pool, stage, 0);

    cf_on_done(future, wait_elsewhere, &vain);
    latch_raise(&stage->go);
    latch_await(&vain.called, 1);
    cf_release(future);
    cf_close(pool);
    cf_close(other);
}

/* A callback that takes long, here until another call has run. */
static void
wait_for_latch(struct cf_future *future, void *data)
{
    struct stage *stage = data;

    (void)future;
    latch_raise(&stage->of[0]);
    latch_await(&stage->ended, 2);
    latch_raise(&stage->of[1]);
}

TEST(a_callback_that_takes_long_holds_up_no_other_call)
{
    struct cf_executor *pool = tasks_pool(2);
    struct stage *stage = stage_new();
    struct cf_future *first = tasks_start_holding(pool, stage, 1);

    cf_on_done(first, wait_for_latch, stage);
    latch_raise(&stage->go);
    latch_await(&stage->of[0], 1);
    ck_assert_int_eq(asserts_take_int(tasks_submit_cue(pool, stage, 2, 0)), 2);
    latch_await(&stage->of[1], 1);
    cf_release(first);
    cf_close(pool);
}

static const TTest **const tests[] = {
    &who_waits_is_woken_before_the_callbacks_have_run,
    &shutdown_waits_for_callbacks,
    &shutdown_waits_for_the_callbacks_of_a_canceller,
    &a_callback_that_would_wait_for_its_own_executor_is_told_of_the_deadlock,
    &the_same_holds_in_the_callback_of_a_cancelled_call,
    &a_callback_may_wait_for_another_executor,
    &a_callback_that_takes_long_holds_up_no_other_call,
    NULL,
};

int
main(void)
{
    return asserts_main("callback_wait", tests);
}
