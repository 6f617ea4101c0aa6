/* SPDX-License-Identifier: MIT */
/* callback-t.c - callbacks on thread pools: in which thread, after whom, what they may do, and taking them back. */

#include <errno.h>
#include <pthread.h>
#include <string.h>

#include "asserts.h"
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

/* Says in of[0] that it runs, waits until of[1] is raised, and says in of[2] that it has run. */
static void
hold(struct cf_future *future, void *data)
{
    struct stage *stage = data;

    ck_assert(cf_done(future));
    latch_raise(&stage->of[0]);
    latch_await(&stage->of[1], 1);
    asserts_sleep(0.02);
    latch_raise(&stage->of[2]);
}

static void
count(struct cf_future *future, void *data)
{
    ck_assert(cf_done(future));
    latch_raise(data);
}

TEST(who_waits_is_woken_before_the_callbacks_have_run)
{
    struct cf_executor *pool = tasks_pool(1);
    struct stage *stage = stage_new();
    struct cf_future *future = tasks_start_holding(pool, stage, 5);

    cf_on_done(future, hold, stage);
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

    cf_on_done(future, hold, stage);
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

    cf_on_done(pending, hold, stage);
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

/* What a callback tries, and what it is given for that. */
struct attempt {
    struct cf_executor *pool;
    struct stage *stage;
    struct cf_future *unfinished, *finished, *pending, *submitted, *promise;
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
    ck_assert_int_eq(cf_on_done(attempt->pending, count, &attempt->called), 0);
    ck_assert_int_eq(cf_on_done(attempt->unfinished, count, &attempt->called), 0);
    ck_assert(cf_remove_on_done(attempt->unfinished, count, &attempt->called));
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
    struct attempt *attempt = data;

    ck_assert_ptr_nonnull(cf_result(future, NULL));
    assert_deadlock(attempt->unfinished);
    ck_assert_int_eq(asserts_int(attempt->finished), 0);
    ck_assert_int_eq(cf_wait(&attempt->finished, 1, CF_ALL_COMPLETED, CF_NEVER, NULL), CF_OK);
    ck_assert_int_eq(cf_shutdown(attempt->pool, CF_WAIT | CF_CANCEL), -1);
    ck_assert_int_eq(errno, EDEADLK);
    ck_assert_int_eq(cf_close(attempt->pool), -1);
    ck_assert_int_eq(errno, EDEADLK);
    latch_raise(&attempt->called);
}

TEST(a_callback_that_would_wait_for_its_own_executor_is_told_of_the_deadlock)
{
    struct cf_executor *pool = tasks_pool(2);
    struct stage *stage = stage_new();
    struct attempt attempt = { .pool = pool, .finished = tasks_submit_int(pool, &task_twice, 0) };

    asserts_int(attempt.finished);
    struct cf_future *future = tasks_submit_cue(pool, stage, 0, 1);
    attempt.unfinished = tasks_submit_cue(pool, stage, 1, 2);
    latch_await(&stage->started, 2);
    cf_on_done(future, wait_for_all_kinds, &attempt);
    latch_raise(&stage->go);
    latch_await(&attempt.called, 1);
    ck_assert_int_eq(asserts_take_int(tasks_submit_int(pool, &task_twice, 1)), 2);
    latch_raise(&stage->go);
    ck_assert_int_eq(asserts_take_int(attempt.unfinished), 1);
    cf_release(attempt.finished);
    cf_release(future);
    ck_assert_int_eq(cf_close(pool), 0);
}

static void
wait_in_canceller(struct cf_future *future, void *data)
{
    struct attempt *attempt = data;

    ck_assert(cf_cancelled(future));
    assert_deadlock(attempt->unfinished);
    latch_raise(&attempt->called);
}

TEST(the_same_holds_in_the_callback_of_a_cancelled_call)
{
    struct cf_executor *pool = tasks_pool(1);
    struct stage *stage = stage_new();
    struct attempt attempt = { .pool = pool, .unfinished = tasks_start_holding(pool, stage, 1) };
    struct cf_future *future = tasks_submit_int(pool, &task_twice, 1);

    cf_on_done(future, wait_in_canceller, &attempt);
    ck_assert(cf_cancel(future));
    ck_assert_uint_eq(latch_count(&attempt.called), 1);
    latch_raise(&stage->go);
    ck_assert_int_eq(asserts_take_int(attempt.unfinished), 1);
    cf_release(future);
    cf_close(pool);
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

static void
wait_elsewhere(struct cf_future *future, void *data)
{
    struct attempt *attempt = data;

    (void)future;
    struct cf_future *other = tasks_submit_int(attempt->pool, &task_twice, 50);
    ck_assert_int_eq(asserts_take_int(other), 100);
    latch_raise(&attempt->called);
}

TEST(a_callback_may_wait_for_another_executor)
{
    struct cf_executor *pool = tasks_pool(1), *other = tasks_pool(1);
    struct attempt attempt = { .pool = other };
    struct stage *stage = stage_new();
    struct cf_future *future = tasks_start_holding(pool, stage, 0);

    cf_on_done(future, wait_elsewhere, &attempt);
    latch_raise(&stage->go);
    latch_await(&attempt.called, 1);
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

struct remover {
    pthread_t thread;
    struct cf_future *future;
    struct stage *stage;
    bool removed;
};

static void *
remove_hold(void *data)
{
    struct remover *remover = data;

    latch_raise(&remover->stage->of[3]);
    remover->removed = cf_remove_on_done(remover->future, hold, remover->stage);
    ck_assert_uint_eq(latch_count(&remover->stage->of[2]), 1);
    latch_raise(&remover->stage->of[4]);
    return NULL;
}

TEST(removing_a_callback_that_runs_elsewhere_waits_for_it)
{
    struct cf_executor *pool = tasks_pool(1);
    struct stage *stage = stage_new();
    struct remover remover = { .future = tasks_start_holding(pool, stage, 0), .stage = stage };

    cf_on_done(remover.future, hold, stage);
    latch_raise(&stage->go);
    latch_await(&stage->of[0], 1);
    ck_assert_int_eq(pthread_create(&remover.thread, NULL, remove_hold, &remover), 0);
    latch_await(&stage->of[3], 1);
    asserts_sleep(0.05);
    ck_assert_uint_eq(latch_count(&stage->of[4]), 0);
    latch_raise(&stage->of[1]);
    pthread_join(remover.thread, NULL);
    ck_assert(!remover.removed);
    cf_release(remover.future);
    cf_close(pool);
}

static void
remove_itself(struct cf_future *future, void *data)
{
    ck_assert(!cf_remove_on_done(future, remove_itself, data));
    latch_raise(data);
}

TEST(a_callback_that_removes_itself_has_run)
{
    struct cf_future *future = cf_promise();
    struct latch called = { 0 };

    cf_on_done(future, remove_itself, &called);
    ck_assert(cf_settle(future, "x", 1));
    ck_assert_uint_eq(latch_count(&called), 1);
    cf_on_done(future, remove_itself, &called);
    ck_assert_uint_eq(latch_count(&called), 2);
    cf_release(future);
}

static void
remove_the_next(struct cf_future *future, void *data)
{
    ck_assert(cf_remove_on_done(future, count, data));
}

TEST(a_callback_may_remove_one_that_has_not_run_yet)
{
    struct cf_future *future = cf_promise();
    struct latch called = { 0 };

    cf_on_done(future, remove_the_next, &called);
    cf_on_done(future, count, &called);
    ck_assert(cf_settle(future, "x", 1));
    ck_assert_uint_eq(latch_count(&called), 0);
    cf_release(future);
}

TEST(a_callback_added_twice_runs_twice_and_is_removed_once_at_a_time)
{
    struct cf_future *future = cf_promise();
    struct latch called = { 0 }, other = { 0 };

    for (int i = 0; i < 3; i++)
        cf_on_done(future, count, &called);
    cf_on_done(future, count, &other);
    ck_assert(cf_remove_on_done(future, count, &called));
    ck_assert(cf_settle(future, "x", 1));
    ck_assert_uint_eq(latch_count(&called), 2);
    ck_assert_uint_eq(latch_count(&other), 1);
    cf_release(future);
}

/* What callbacks with a letter each have written. */
static char letters[8];

static void
write_letter(struct cf_future *future, void *letter)
{
    ck_assert(cf_done(future));
    strcat(letters, letter);
}

TEST(of_several_equal_callbacks_the_first_is_taken_back)
{
    struct cf_future *future = cf_promise();
    char a[] = "a", b[] = "b";

    cf_on_done(future, write_letter, a);
    cf_on_done(future, write_letter, b);
    cf_on_done(future, write_letter, a);
    ck_assert(cf_remove_on_done(future, write_letter, a));
    ck_assert(cf_settle(future, "x", 1));
    ck_assert_str_eq(letters, "ba");
    cf_release(future);
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
        cf_on_done(promise, count, &called);
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
    &who_waits_is_woken_before_the_callbacks_have_run,
    &shutdown_waits_for_callbacks,
    &shutdown_waits_for_the_callbacks_of_a_canceller,
    &a_callback_may_call_everything_that_does_not_wait,
    &a_callback_that_would_wait_for_its_own_executor_is_told_of_the_deadlock,
    &the_same_holds_in_the_callback_of_a_cancelled_call,
    &a_callback_may_interrupt,
    &a_callback_may_wait_for_another_executor,
    &a_callback_that_takes_long_holds_up_no_other_call,
    &a_callback_may_submit_while_the_executor_breaks,
    &removing_a_callback_that_runs_elsewhere_waits_for_it,
    &a_callback_that_removes_itself_has_run,
    &a_callback_may_remove_one_that_has_not_run_yet,
    &a_callback_added_twice_runs_twice_and_is_removed_once_at_a_time,
    &of_several_equal_callbacks_the_first_is_taken_back,
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
