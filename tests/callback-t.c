/* SPDX-License-Identifier: MIT */
/* callback-t.c - callbacks on thread pools: in which thread they run, and what they may do. */

#include <pthread.h>

#include "asserts.h"
#include "callbacks.h"
#include "tasks.h"

static int
where(struct cf_call *call)
{
    struct stage *stage = *(struct stage *const *)cf_arg(call, NULL);
    pthread_t me = pthread_self();

    latch_raise(&stage->started);
    latch_await(&stage->go, 1);
    return cf_return(call, &me, sizeof me);
}
static const struct cf_task task_where = { "where", where };

static void
compare_thread(struct cf_future *future, void *data)
{
    struct stage *stage = data;

    ck_assert(pthread_equal(*(const pthread_t *)cf_result(future, NULL), pthread_self()));
    latch_raise(&stage->ended);
}

TEST(a_callback_runs_in_the_worker_that_finished_the_call)
{
    struct cf_executor *pool = tasks_pool(3);
    struct stage *stage = stage_new();
    struct cf_future *future = cf_submit(pool, &task_where, &stage, sizeof stage);

    latch_await(&stage->started, 1);
    cf_on_done(future, compare_thread, stage);
    latch_raise(&stage->go);
    latch_await(&stage->ended, 1);
    cf_release(future);
    cf_close(pool);
}

/* What a callback tries, and what it is given for that. */
struct attempt {
    struct cf_executor *pool;
    struct stage *stage;
    struct cf_future *unfinished, *pending, *submitted, *promise;
    struct latch called;
};

static void
do_everything_that_does_not_wait(struct cf_future *future, void *data)
{
    struct attempt *attempt = data;
    char text[80];

    ck_assert(cf_done(future) && !cf_running(future));
    ck_assert_int_gt(cf_describe(attempt->unfinished, text, sizeof text), 0);
    ck_assert(!cf_done(attempt->unfinished));
    ck_assert_ptr_nonnull(cf_input(attempt->unfinished, NULL));
    ck_assert(cf_cancel(attempt->pending));
    asserts_cancelled(attempt->pending);
    ck_assert_int_eq(cf_on_done(attempt->pending, callbacks_count, &attempt->called), 0);
    ck_assert_int_eq(cf_on_done(attempt->unfinished, callbacks_count, &attempt->called), 0);
    ck_assert(cf_remove_on_done(attempt->unfinished, callbacks_count, &attempt->called));
    attempt->submitted = tasks_submit_int(attempt->pool, &task_twice, 4);
    cf_release(cf_retain(future));
    ck_assert(cf_settle(attempt->promise, "x", 1));
    cf_iter_free(cf_as_completed(&attempt->unfinished, 1, CF_NEVER));
    ck_assert_int_eq(cf_shutdown(attempt->pool, 0), 0);
    latch_raise(&attempt->called);
}

TEST(a_callback_may_call_everything_that_does_not_wait)
{
    struct cf_executor *pool = tasks_pool(2);
    struct stage *stage = stage_new();
    struct cf_future *future = tasks_submit_cue(pool, stage, 0, 1);
    struct attempt attempt = { .pool = pool,
                               .stage = stage,
                               .unfinished = tasks_submit_cue(pool, stage, 1, 2),
                               .pending = tasks_submit_cue(pool, stage, 2, 0),
                               .promise = cf_promise() };

    cf_on_done(future, do_everything_that_does_not_wait, &attempt);
    latch_raise(&stage->go);
    latch_await(&attempt.called, 2);
    latch_raise(&stage->go);
    ck_assert_int_eq(asserts_take_int(attempt.submitted), 8);
    cf_close(pool);
    cf_release(attempt.unfinished);
    cf_release(attempt.pending);
    cf_release(attempt.promise);
    cf_release(future);
    ck_assert_uint_eq(latch_count(&attempt.called), 2);
}

static void
interrupt(struct cf_future *future, void *data)
{
    (void)future;
    cf_interrupt(data);
}

TEST(a_callback_may_interrupt)
{
    struct cf_executor *pool = tasks_pool(1);
    struct stage *stage = stage_new();
    struct cf_future *future = tasks_start_holding(pool, stage, 0);
    struct cf_future *pending = tasks_submit_int(pool, &task_twice, 1);

    cf_on_done(future, interrupt, pool);
    latch_raise(&stage->go);
    asserts_error(pending, CF_CANCELLED);
    cf_release(pending);
    cf_release(future);
    ck_assert_int_eq(cf_close(pool), 0);
}

static struct cf_future *nested_submitted;

static int
refuse_to_open(struct cf_call *call, void **local, const void *worker_arg)
{
    struct stage *stage = *(struct stage *const *)worker_arg;

    (void)local;
    latch_await(&stage->go, 1);
    return cf_raise(call, "open", 3, "refused");
}

static void
submit_to_the_broken(struct cf_future *future, void *data)
{
    ck_assert_int_eq(asserts_error(future, CF_BROKEN)->code, 3);
    nested_submitted = tasks_submit_int(*(struct cf_executor **)data, &task_twice, 1);
}

TEST(a_callback_may_submit_while_the_executor_breaks)
{
    struct stage *stage = stage_new();
    struct cf_executor *pool =
        cf_thread_pool(&(struct cf_options){ .max_workers = 1, .open_worker = refuse_to_open, .worker_arg = &stage });
    struct cf_future *future = tasks_submit_int(pool, &task_twice, 1);

    cf_on_done(future, submit_to_the_broken, &pool);
    latch_raise(&stage->go);
    ck_assert_int_eq(cf_shutdown(pool, CF_WAIT), -1);
    ck_assert_int_eq(asserts_error(nested_submitted, CF_BROKEN)->code, 3);
    cf_release(nested_submitted);
    cf_release(future);
    cf_close(pool);
}

static void
add_another(struct cf_future *future, void *data)
{
    struct latch *called = data;

    if (latch_raise(called) < 999)
        ck_assert_int_eq(cf_on_done(future, add_another, called), 0);
}

TEST(a_callback_may_add_itself_again_and_again)
{
    struct cf_future *future = cf_promise();
    struct latch called = { 0 };

    cf_on_done(future, add_another, &called);
    ck_assert(cf_settle(future, "x", 1));
    ck_assert_uint_eq(latch_count(&called), 1000);
    cf_release(future);
}

/* Gives back the reference of the one who made the future. */
static void
release(struct cf_future *future, void *data)
{
    ck_assert(cf_done(future));
    cf_release(future);
    latch_raise(data);
}

TEST(a_callback_may_release_the_last_reference)
{
    struct latch called = { 0 };

    for (int how = 0; how < 3; how++) {
        struct cf_future *promise = cf_promise();
        cf_on_done(promise, release, &called);
        cf_on_done(promise, callbacks_count, &called);
        ck_assert(how == 0   ? cf_settle(promise, "x", 1)
                  : how == 1 ? cf_settle_error(promise, "e", 1, "m")
                             : cf_cancel(promise));
    }
    struct cf_future *done = cf_promise();
    ck_assert(cf_settle(done, "x", 1));
    cf_on_done(done, release, &called);
    ck_assert_uint_eq(latch_count(&called), 7);
}

TEST(a_callback_may_release_the_last_reference_to_a_call)
{
    struct cf_executor *pool = tasks_pool(1);
    struct stage *stage = stage_new();
    struct latch called = { 0 };
    struct cf_future *running = tasks_start_holding(pool, stage, 0);
    struct cf_future *pending = tasks_submit_cue(pool, stage, 1, 0);

    cf_on_done(running, release, &called);
    cf_on_done(pending, release, &called);
    ck_assert(cf_cancel(pending));
    latch_raise(&stage->go);
    cf_close(pool);
    ck_assert_uint_eq(latch_count(&called), 2);
}

struct chain {
    struct cf_executor *pool;
    struct latch links;
};

static void
forge(struct cf_future *future, void *data)
{
    struct chain *chain = data;
    int number = asserts_int(future) / 2;

    if (number > 0) {
        struct cf_future *next = tasks_submit_int(chain->pool, &task_twice, number - 1);
        ck_assert_int_eq(cf_on_done(next, forge, chain), 0);
        cf_release(next);
    }
    latch_raise(&chain->links);
}

TEST(callbacks_may_forge_a_long_chain_of_calls)
{
    struct chain chain = { .pool = tasks_pool(2) };
    struct cf_future *first = tasks_submit_int(chain.pool, &task_twice, 5000);

    cf_on_done(first, forge, &chain);
    cf_release(first);
    latch_await(&chain.links, 5001);
    cf_close(chain.pool);
}

static const TTest **const tests[] = {
    &a_callback_runs_in_the_worker_that_finished_the_call,
    &a_callback_may_call_everything_that_does_not_wait,
    &a_callback_may_interrupt,
    &a_callback_may_submit_while_the_executor_breaks,
    &a_callback_may_add_itself_again_and_again,
    &a_callback_may_release_the_last_reference,
    &a_callback_may_release_the_last_reference_to_a_call,
    &callbacks_may_forge_a_long_chain_of_calls,
    NULL,
};

int
main(void)
{
    return asserts_main("callback", tests);
}
