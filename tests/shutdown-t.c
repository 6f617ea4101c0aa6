/* SPDX-License-Identifier: MIT */
/* shutdown-t.c - ending thread pools: from where, how often, and what is left. */

#include <errno.h>
#include <pthread.h>

#include "asserts.h"
#include "tasks.h"

TEST(shutdown_with_wait_leaves_no_thread_and_no_descriptor)
{
    cf_close(tasks_pool(1));
    size_t threads = asserts_threads();
    size_t fds = asserts_fds();
    struct cf_executor *pool = tasks_pool(4);
    struct stage *stage = stage_new();
    struct cf_future *futures[4];

    for (int i = 0; i < 4; i++)
        futures[i] = tasks_submit_cue(pool, stage, i, 1);
    latch_await(&stage->started, 4);
    ck_assert_uint_ge(asserts_threads(), threads + 4);
    latch_raise(&stage->go);
    ck_assert_int_eq(cf_shutdown(pool, CF_WAIT), 0);
    asserts_threads_back_to(threads);
    ck_assert_uint_eq(asserts_fds(), fds + 1); /* the stage's */
    ck_assert_int_eq(cf_close(pool), 0);
    for (int i = 0; i < 4; i++)
        ck_assert_int_eq(asserts_take_int(futures[i]), i);
}

TEST(idle_workers_end_without_being_waited_for)
{
    struct cf_executor *pool = tasks_pool(4);
    size_t threads = asserts_threads();
    struct stage *stage = stage_new();

    for (int i = 0; i < 4; i++)
        cf_release(tasks_submit_cue(pool, stage, i, 1));
    latch_await(&stage->started, 4);
    latch_raise(&stage->go);
    ck_assert_int_eq(cf_shutdown(pool, 0), 0);
    asserts_threads_back_to(threads);
    cf_close(pool);
}

struct inner {
    struct cf_executor *pool;
    int how, expected;
};

static int
shut_down_own(struct cf_call *call)
{
    const struct inner *inner = cf_arg(call, NULL);

    errno = 0;
    ck_assert_int_eq(cf_shutdown(inner->pool, inner->how), inner->expected);
    if (inner->expected != 0) {
        ck_assert_int_eq(errno, EDEADLK);
        ck_assert_int_eq(cf_close(inner->pool), -1);
        ck_assert_int_eq(errno, EDEADLK);
    }
    return cf_return(call, NULL, 0);
}
static const struct cf_task task_shut_down_own = { "shut_down_own", shut_down_own };

TEST(a_task_that_waits_for_the_shutdown_of_its_own_pool_has_done_nothing)
{
    struct cf_executor *pool = tasks_pool(1);
    const int hows[] = { CF_WAIT, CF_WAIT | CF_CANCEL, CF_WAIT | CF_KILL };

    for (int i = 0; i < 3; i++) {
        const struct inner inner = { pool, hows[i], -1 };
        struct cf_future *future = cf_submit(pool, &task_shut_down_own, &inner, sizeof inner);
        ck_assert_ptr_nonnull(cf_result(future, NULL));
        cf_release(future);
    }
    ck_assert_int_eq(asserts_take_int(tasks_submit_int(pool, &task_twice, 1)), 2);
    ck_assert_int_eq(cf_close(pool), 0);
}

TEST(a_task_may_shut_its_own_pool_down_without_waiting)
{
    struct cf_executor *pool = tasks_pool(1);
    const struct inner inner = { pool, CF_CANCEL, 0 };
    struct cf_future *future = cf_submit(pool, &task_shut_down_own, &inner, sizeof inner);

    ck_assert_ptr_nonnull(cf_result(future, NULL));
    cf_release(future);
    future = tasks_submit_int(pool, &task_twice, 1);
    asserts_refused(future, ESHUTDOWN);
    cf_release(future);
    ck_assert_int_eq(cf_close(pool), 0);
}

static int
shut_down_other(struct cf_call *call)
{
    ck_assert_int_eq(cf_close(*(struct cf_executor *const *)cf_arg(call, NULL)), 0);
    return cf_return(call, NULL, 0);
}
static const struct cf_task task_shut_down_other = { "shut_down_other", shut_down_other };

TEST(a_task_may_close_another_pool)
{
    struct cf_executor *pool = tasks_pool(1), *other = tasks_pool(1);
    struct cf_future *last = tasks_submit_int(other, &task_twice, 4);
    struct cf_future *future = cf_submit(pool, &task_shut_down_other, &other, sizeof(struct cf_executor *));

    ck_assert_ptr_nonnull(cf_result(future, NULL));
    ck_assert(cf_done(last));
    ck_assert_int_eq(asserts_take_int(last), 8);
    cf_release(future);
    cf_close(pool);
}

TEST(closing_runs_what_is_pending)
{
    struct cf_executor *pool = tasks_pool(1);
    struct stage *stage = stage_new();

    for (int i = 0; i < 1000; i++)
        cf_release(tasks_submit_cue(pool, stage, i, 0));
    ck_assert_int_eq(cf_close(pool), 0);
    ck_assert_uint_eq(latch_count(&stage->ended), 1000);
}

TEST(killing_tells_the_running_to_stop)
{
    struct cf_executor *pool = tasks_pool(2);
    struct stage *stage = stage_new();
    struct cf_future *futures[3];

    for (int i = 0; i < 3; i++)
        futures[i] = cf_submit(pool, &task_patient, stage->name, sizeof stage->name);
    latch_await(&stage->started, 2);
    ck_assert_int_eq(cf_shutdown(pool, CF_KILL), 0);
    for (int i = 0; i < 2; i++) {
        const bool *stopping = cf_result(futures[i], NULL);
        ck_assert(stopping != NULL && *stopping);
        cf_release(futures[i]);
    }
    asserts_cancelled(futures[2]);
    cf_release(futures[2]);
    struct cf_future *late = tasks_submit_int(pool, &task_twice, 1);
    ck_assert(cf_done(late));
    asserts_error(late, CF_REFUSED);
    cf_release(late);
    ck_assert_int_eq(cf_close(pool), 0);
}

TEST(a_plain_shutdown_tells_nobody_to_stop)
{
    struct cf_executor *pool = tasks_pool(1);
    struct stage *stage = stage_new();
    struct cf_future *future = cf_submit(pool, &task_patient, stage->name, sizeof stage->name);

    latch_await(&stage->started, 1);
    ck_assert_int_eq(cf_shutdown(pool, CF_CANCEL), 0);
    ck_assert_int_eq(cf_wait(&future, 1, CF_ALL_COMPLETED, cf_after(0.1), NULL), CF_TIMEOUT);
    ck_assert_int_eq(cf_shutdown(pool, CF_KILL | CF_WAIT), 0);
    ck_assert(cf_done(future));
    cf_release(future);
    cf_close(pool);
}

struct closer {
    pthread_t thread;
    struct cf_executor *pool;
    struct stage *stage;
    int how;
};

static void *
shut_down(void *data)
{
    struct closer *closer = data;

    ck_assert_int_eq(cf_shutdown(closer->pool, closer->how), 0);
    latch_raise(&closer->stage->of[closer->how & CF_WAIT ? 0 : 1]);
    return NULL;
}

TEST(a_later_shutdown_may_cancel_what_an_earlier_one_waits_for)
{
    struct cf_executor *pool = tasks_pool(1);
    struct stage *stage = stage_new();
    struct cf_future *running = tasks_start_holding(pool, stage, 0);
    struct cf_future *pending = tasks_submit_cue(pool, stage, 1, 1000);
    struct closer closers[3];

    for (int i = 0; i < 3; i++) {
        closers[i] = (struct closer){ .pool = pool, .stage = stage, .how = i < 2 ? CF_WAIT : CF_CANCEL };
        ck_assert_int_eq(pthread_create(&closers[i].thread, NULL, shut_down, &closers[i]), 0);
    }
    latch_await(&stage->of[1], 1);
    asserts_cancelled(pending);
    ck_assert_uint_eq(latch_count(&stage->of[0]), 0);
    latch_raise(&stage->go);
    latch_await(&stage->of[0], 2);
    ck_assert_int_eq(asserts_take_int(running), 0);
    cf_release(pending);
    for (int i = 0; i < 3; i++)
        pthread_join(closers[i].thread, NULL);
    ck_assert_int_eq(cf_close(pool), 0);
}

static void *
close_elsewhere(void *pool)
{
    ck_assert_int_eq(cf_close(pool), 0);
    return NULL;
}

TEST(another_thread_than_the_maker_may_close)
{
    struct cf_executor *pool = tasks_pool(2);
    struct cf_future *future = tasks_submit_int(pool, &task_twice, 1);
    pthread_t thread;

    ck_assert_int_eq(pthread_create(&thread, NULL, close_elsewhere, pool), 0);
    pthread_join(thread, NULL);
    ck_assert(cf_done(future));
    ck_assert_int_eq(asserts_take_int(future), 2);
}

static void *
make_and_leave(void *data)
{
    struct cf_executor **pool = data;
    *pool = tasks_pool(2);
    cf_release(tasks_submit_int(*pool, &task_twice, 1));
    return NULL;
}

TEST(a_pool_outlives_the_thread_that_made_it)
{
    struct cf_executor *pool;
    pthread_t thread;

    ck_assert_int_eq(pthread_create(&thread, NULL, make_and_leave, &pool), 0);
    pthread_join(thread, NULL);
    ck_assert_int_eq(asserts_take_int(tasks_submit_int(pool, &task_twice, 1)), 2);
    ck_assert_int_eq(cf_close(pool), 0);
}

TEST(calls_are_refused_while_the_last_one_runs)
{
    struct cf_executor *pool = tasks_pool(1);
    struct stage *stage = stage_new();
    struct cf_future *running = tasks_start_holding(pool, stage, 0);

    ck_assert_int_eq(cf_shutdown(pool, 0), 0);
    for (int i = 0; i < 3; i++) {
        struct cf_future *late = tasks_submit_cue(pool, stage, 1, 0);
        asserts_refused(late, ESHUTDOWN);
        cf_release(late);
    }
    latch_raise(&stage->go);
    cf_release(running);
    ck_assert_int_eq(cf_close(pool), 0);
    ck_assert_uint_eq(latch_count(&stage->started), 1);
}

TEST(ten_thousand_pending_calls_are_cancelled_in_no_time)
{
    enum { CALLS = 10000 };
    struct cf_executor *pool = tasks_pool(1);
    struct stage *stage = stage_new();
    struct cf_future *running = tasks_start_holding(pool, stage, 0);
    static struct cf_future *futures[CALLS];

    for (int i = 0; i < CALLS; i++)
        futures[i] = tasks_submit_cue(pool, stage, i, 0);
    ck_assert_int_eq(cf_shutdown(pool, CF_CANCEL), 0);
    for (int i = 0; i < CALLS; i++) {
        ck_assert(cf_cancelled(futures[i]));
        cf_release(futures[i]);
    }
    latch_raise(&stage->go);
    cf_release(running);
    cf_close(pool);
    ck_assert_uint_eq(latch_count(&stage->started), 1);
}

/* After many short calls the worker has taken several at a time, none of which has started. */
TEST(what_a_worker_has_taken_but_not_started_is_cancelled_too)
{
    enum { CALLS = 300 };

    for (int round = 0; round < 10; round++) {
        struct cf_executor *pool = tasks_pool(1);
        struct stage *stage = stage_new();
        struct cf_future *first = tasks_start_holding(pool, stage, 0);
        struct cf_future *futures[CALLS];

        for (int i = 0; i < CALLS; i++)
            cf_release(tasks_submit_int(pool, &task_twice, i));
        struct cf_future *slow = tasks_submit_cue(pool, stage, 1, 2);
        for (int i = 0; i < CALLS; i++)
            futures[i] = tasks_submit_int(pool, &task_twice, i);
        latch_raise(&stage->go);
        latch_await(&stage->started, 2);
        ck_assert_int_eq(cf_shutdown(pool, CF_CANCEL), 0);
        for (int i = 0; i < CALLS; i++) {
            asserts_cancelled(futures[i]);
            cf_release(futures[i]);
        }
        latch_raise(&stage->go);
        ck_assert_int_eq(asserts_take_int(slow), 1);
        cf_release(first);
        ck_assert_int_eq(cf_close(pool), 0);
    }
}

TEST(a_thousand_pools_one_after_another_leave_nothing)
{
    cf_close(tasks_pool(1));
    size_t threads = asserts_threads();
    size_t fds = asserts_fds();

    for (int i = 0; i < 1000; i++) {
        struct cf_executor *pool = tasks_pool(2);
        ck_assert_int_eq(asserts_take_int(tasks_submit_int(pool, &task_twice, i)), 2 * i);
        ck_assert_int_eq(cf_close(pool), 0);
    }
    asserts_threads_back_to(threads);
    ck_assert_uint_eq(asserts_fds(), fds);
}

TEST(closing_a_null_executor_succeeds)
{
    ck_assert_int_eq(cf_close(NULL), 0);
}

static const TTest **const tests[] = {
    &shutdown_with_wait_leaves_no_thread_and_no_descriptor,
    &idle_workers_end_without_being_waited_for,
    &a_task_that_waits_for_the_shutdown_of_its_own_pool_has_done_nothing,
    &a_task_may_shut_its_own_pool_down_without_waiting,
    &a_task_may_close_another_pool,
    &closing_runs_what_is_pending,
    &killing_tells_the_running_to_stop,
    &a_plain_shutdown_tells_nobody_to_stop,
    &a_later_shutdown_may_cancel_what_an_earlier_one_waits_for,
    &another_thread_than_the_maker_may_close,
    &a_pool_outlives_the_thread_that_made_it,
    &calls_are_refused_while_the_last_one_runs,
    &ten_thousand_pending_calls_are_cancelled_in_no_time,
    &what_a_worker_has_taken_but_not_started_is_cancelled_too,
    &a_thousand_pools_one_after_another_leave_nothing,
    &closing_a_null_executor_succeeds,
    NULL,
};

int
main(void)
{
    return asserts_main("shutdown", tests);
}
