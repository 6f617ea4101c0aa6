/* SPDX-License-Identifier: MIT */
/* nested-t.c - tasks that submit to their own pool and wait: help, depth, and circles, which are told and never hang. */

#include <errno.h>
#include <pthread.h>
#include <string.h>

#include "asserts.h"
#include "tap.h"
#include "tasks.h"

static struct cf_executor *pool;
static const struct cf_task task_fibonacci, task_descend;

static int
fibonacci(struct cf_call *call)
{
    int n = *(const int *)cf_arg(call, NULL);

    if (n >= 2) {
        struct cf_future *one = tasks_submit_int(pool, &task_fibonacci, n - 1);
        struct cf_future *two = tasks_submit_int(pool, &task_fibonacci, n - 2);
        n = asserts_take_int(one) + asserts_take_int(two);
    }
    return cf_return(call, &n, sizeof n);
}
static const struct cf_task task_fibonacci = { "fibonacci", fibonacci };

TEST(tasks_may_call_tasks_and_wait_for_them_with_any_number_of_workers)
{
    for (unsigned workers = 1; workers <= 4; workers++) {
        pool = tasks_pool(workers);
        ck_assert_int_eq(asserts_take_int(tasks_submit_int(pool, &task_fibonacci, 13)), 233);
        ck_assert_int_eq(cf_close(pool), 0);
    }
}

/* Calls itself n times nested, waiting in one of the possible ways, and returns how deep it was when told to stop. */
struct descent {
    int n;
    enum { BY_RESULT, BY_ALL, BY_FIRST, BY_NEXT, WAYS } way;
};

/* Wait for a call of the own pool.  Return false if that was told to be a deadlock. */
static bool
wait_by(struct cf_future *future, unsigned way)
{
    enum cf_status status = CF_OK;

    if (way == BY_RESULT) {
        const struct cf_error *error = cf_error_of(future);
        ck_assert(error == NULL || (error->why == CF_REFUSED && error->code == EDEADLK));
        return error == NULL;
    }
    if (way == BY_NEXT) {
        struct cf_iter *iter = cf_as_completed(&future, 1, CF_NEVER);
        cf_next(iter);
        status = cf_status(iter);
        cf_iter_free(iter);
    } else {
        status = cf_wait(&future, 1, way == BY_ALL ? CF_ALL_COMPLETED : CF_FIRST_COMPLETED, CF_NEVER, NULL);
    }
    ck_assert(status == CF_OK || status == CF_DEADLOCK);
    return status == CF_OK;
}

static int
descend(struct cf_call *call)
{
    struct descent descent = *(const struct descent *)cf_arg(call, NULL);
    int depth = 0;

    if (descent.n-- > 0) {
        struct cf_future *below = cf_submit(pool, &task_descend, &descent, sizeof descent);
        if (wait_by(below, descent.way))
            depth = asserts_int(below);
        else
            ck_assert(cf_cancel(below));
        cf_release(below);
        depth++;
    }
    return cf_return(call, &depth, sizeof depth);
}
static const struct cf_task task_descend = { "descend", descend };

TEST(one_worker_goes_as_deep_as_stated)
{
    pool = tasks_pool(1);
    for (unsigned way = 0; way < WAYS; way++) {
        struct descent descent = { CF_MAX_DEPTH, BY_RESULT + way };
        struct cf_future *future = cf_submit(pool, &task_descend, &descent, sizeof descent);
        ck_assert_int_eq(asserts_take_int(future), CF_MAX_DEPTH);
    }
    ck_assert_int_eq(cf_close(pool), 0);
}

TEST(below_that_depth_it_is_told_of_the_deadlock)
{
    pool = tasks_pool(1);
    for (unsigned way = 0; way < WAYS; way++) {
        struct descent descent = { 3 * CF_MAX_DEPTH, BY_RESULT + way };
        int depth = asserts_take_int(cf_submit(pool, &task_descend, &descent, sizeof descent));
        ck_assert_int_ge(depth, CF_MAX_DEPTH);
        ck_assert_int_le(depth, CF_MAX_DEPTH + 1);
    }
    ck_assert_int_eq(cf_close(pool), 0);
}

/* Waits in each possible way for calls of its own pool that cannot have started, as it is the only worker. */
static int
wait_in_every_way(struct cf_call *call)
{
    struct cf_future *futures[4];
    const int numbers[] = { 0, 1, 2, 3 };
    int sum = 0;

    for (int i = 0; i < 4; i++)
        futures[i] = tasks_submit_int(pool, &task_twice, i);
    ck_assert_ptr_null(cf_error_of(futures[3]));
    ck_assert_int_eq(cf_wait(futures, 4, CF_ALL_COMPLETED, CF_NEVER, NULL), CF_OK);
    for (int i = 0; i < 4; i++) {
        sum += asserts_take_int(futures[i]);
        futures[i] = tasks_submit_int(pool, &task_twice, i);
    }
    struct cf_iter *iter = cf_as_completed(futures, 4, CF_NEVER);
    for (struct cf_future *future; (future = cf_next(iter)) != NULL;)
        sum += asserts_int(future);
    ck_assert_int_eq(cf_status(iter), CF_END);
    cf_iter_free(iter);
    for (int i = 0; i < 4; i++)
        cf_release(futures[i]);
    for (int unordered = 0; unordered < 2; unordered++) {
        const struct cf_map_options options = { .unordered = unordered == 1, .buffersize = 2, .chunksize = 1 };
        iter = cf_map(pool, &task_twice, numbers, 4, sizeof *numbers, &options);
        for (struct cf_future *future; (future = cf_next(iter)) != NULL;)
            sum += asserts_int(future);
        ck_assert_int_eq(cf_status(iter), CF_END);
        cf_iter_free(iter);
    }
    return cf_return(call, &sum, sizeof sum);
}
static const struct cf_task task_wait_in_every_way = { "wait_in_every_way", wait_in_every_way };

TEST(the_only_worker_may_wait_in_every_way_for_its_own_pool)
{
    pool = tasks_pool(1);
    ck_assert_int_eq(asserts_take_int(cf_submit(pool, &task_wait_in_every_way, NULL, 0)), 48);
    ck_assert_int_eq(cf_close(pool), 0);
}

TEST(two_workers_may_both_wait_in_every_way)
{
    struct cf_future *futures[20];

    pool = tasks_pool(2);
    for (int i = 0; i < 20; i++)
        futures[i] = cf_submit(pool, &task_wait_in_every_way, NULL, 0);
    for (int i = 0; i < 20; i++)
        ck_assert_int_eq(asserts_take_int(futures[i]), 48);
    ck_assert_int_eq(cf_close(pool), 0);
}

/*
 * A ring of calls: the i-th waits for the (i + 1)-th, the last for the first, when all of them run.  Returns 1 if it was
 * told of the deadlock, 0 if its neighbour had a result.
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

/* Waits for very many calls of its own pool, for a first error or as they are completed. */
enum { VERY_MANY = 150000 };

static int
wait_for_very_many(struct cf_call *call)
{
    const bool by_next = *(const bool *)cf_arg(call, NULL);
    const int n = tap_sanitized() ? VERY_MANY / 10 : VERY_MANY;
    static struct cf_future *futures[VERY_MANY];
    int seen = 0;

    for (int i = 0; i < n; i++)
        futures[i] = tasks_submit_int(pool, &task_twice, i);
    if (by_next) {
        struct cf_iter *iter = cf_as_completed(futures, (size_t)n, CF_NEVER);
        while (cf_next(iter) != NULL)
            seen++;
        cf_iter_free(iter);
    } else {
        size_t done;
        ck_assert_int_eq(cf_wait(futures, (size_t)n, CF_FIRST_ERROR, CF_NEVER, &done), CF_OK);
        seen = (int)done;
    }
    ck_assert_int_eq(seen, n);
    for (int i = 0; i < n; i++)
        cf_release(futures[i]);
    return cf_return(call, &seen, sizeof seen);
}
static const struct cf_task task_wait_for_very_many = { "wait_for_very_many", wait_for_very_many };

/* Waits for calls of its own pool that are named after as many promises, which nobody keeps until they are done. */
static int
wait_behind_promises(struct cf_call *call)
{
    const int n = tap_sanitized() ? VERY_MANY / 20 : VERY_MANY / 2;
    static struct cf_future *futures[VERY_MANY];

    for (int i = 0; i < n; i++)
        futures[i] = cf_promise();
    for (int i = n; i < 2 * n; i++)
        futures[i] = tasks_submit_int(pool, &task_twice, i);
    struct cf_iter *iter = cf_as_completed(futures, 2 * (size_t)n, CF_NEVER);
    for (int i = 0; i < n; i++)
        ck_assert_ptr_nonnull(cf_next(iter));
    for (int i = 0; i < n; i++)
        ck_assert(cf_settle(futures[i], NULL, 0));
    for (int i = 0; i < n; i++)
        ck_assert_ptr_nonnull(cf_next(iter));
    asserts_ends(iter, CF_END);
    cf_iter_free(iter);
    for (int i = 0; i < 2 * n; i++)
        cf_release(futures[i]);
    return cf_return(call, &n, sizeof n);
}
static const struct cf_task task_wait_behind_promises = { "wait_behind_promises", wait_behind_promises };

TEST(in_a_task_as_completed_is_linear_behind_promises_too)
{
    pool = tasks_pool(1);
    ck_assert_int_gt(asserts_take_int(cf_submit(pool, &task_wait_behind_promises, NULL, 0)), 0);
    cf_close(pool);
}

/* What takes n steps for each of n futures does not end within the time limit. */
static void
run_wait_for_very_many(bool by_next)
{
    pool = tasks_pool(1);
    ck_assert_int_gt(asserts_take_int(cf_submit(pool, &task_wait_for_very_many, &by_next, sizeof by_next)), 0);
    cf_close(pool);
}

TEST(in_a_task_as_completed_is_linear_too)
{
    run_wait_for_very_many(true);
}

TEST(in_a_task_waiting_for_an_error_is_linear_too)
{
    run_wait_for_very_many(false);
}

static int
doze(struct cf_call *call)
{
    asserts_sleep(0.05);
    return cf_return(call, NULL, 0);
}
static const struct cf_task task_doze = { "doze", doze };

/* Waits for twenty calls that only it can run, for less time than they take, in the ways of wait_by(). */
static int
wait_until_a_deadline(struct cf_call *call)
{
    const struct descent *given = cf_arg(call, NULL);
    const cf_time deadline = given->n == 0 ? cf_after(-1) : cf_after(0.12);
    struct cf_future *futures[20];
    enum cf_status status;
    size_t done = 0;

    for (int i = 0; i < 20; i++)
        futures[i] = cf_submit(pool, &task_doze, NULL, 0);
    if (given->way == BY_NEXT) {
        struct cf_iter *iter = cf_as_completed(futures, 20, deadline);
        while (cf_next(iter) != NULL)
            continue;
        status = cf_status(iter);
        cf_iter_free(iter);
    } else {
        status = cf_wait(futures, 20, given->way == BY_ALL ? CF_ALL_COMPLETED : CF_FIRST_ERROR, deadline, NULL);
    }
    ck_assert_int_eq(status, CF_TIMEOUT);
    for (int i = 0; i < 20; i++) {
        done += cf_done(futures[i]);
        cf_cancel(futures[i]);
        cf_release(futures[i]);
    }
    ck_assert_uint_le(done, given->n == 0 ? 0 : 10);
    return cf_return(call, NULL, 0);
}
static const struct cf_task task_wait_until_a_deadline = { "wait_until_a_deadline", wait_until_a_deadline };

TEST(in_a_task_a_deadline_is_kept_although_there_is_work_to_help_with)
{
    pool = tasks_pool(1);
    for (unsigned way = BY_ALL; way < WAYS; way++) {
        for (int n = 0; n < 2; n++) {
            struct descent descent = { n, BY_RESULT + way };
            struct cf_future *future = cf_submit(pool, &task_wait_until_a_deadline, &descent, sizeof descent);
            ck_assert_ptr_nonnull(cf_result(future, NULL));
            cf_release(future);
        }
    }
    cf_close(pool);
}

/* Has the failing call fail when it is run first, and then counts where the others are run. */
struct failing {
    struct stage *stage;
    struct cf_future *future;
    pthread_t waiter;
    _Atomic int helped;
};

static int
be_helped(struct cf_call *call)
{
    struct failing *failing = *(struct failing *const *)cf_arg(call, NULL);

    if (pthread_equal(pthread_self(), failing->waiter))
        failing->helped++;
    latch_raise(&failing->stage->go);
    while (!cf_done(failing->future))
        asserts_sleep(0.001);
    asserts_sleep(0.005);
    return cf_return(call, NULL, 0);
}
static const struct cf_task task_be_helped = { "be_helped", be_helped };

static int
wait_for_error(struct cf_call *call)
{
    struct failing *failing = *(struct failing *const *)cf_arg(call, NULL);
    struct cf_future *futures[21];

    failing->waiter = pthread_self();
    futures[20] = failing->future;
    for (int i = 0; i < 20; i++)
        futures[i] = cf_submit(pool, &task_be_helped, &failing, sizeof(struct failing *));
    ck_assert_int_eq(cf_wait(futures, 21, CF_FIRST_ERROR, CF_NEVER, NULL), CF_OK);
    int helped = failing->helped;
    for (int i = 0; i < 21; i++) {
        cf_cancel(futures[i]);
        if (futures[i] != failing->future)
            cf_release(futures[i]);
    }
    return cf_return(call, &helped, sizeof helped);
}
static const struct cf_task task_wait_for_error = { "wait_for_error", wait_for_error };

TEST(in_a_task_an_error_elsewhere_ends_the_wait_at_once)
{
    struct stage *stage = stage_new();
    struct cue cue = tasks_cue(stage, 0, 1);
    struct failing failing = { .stage = stage };
    struct failing *argument = &failing;

    pool = tasks_pool(2);
    cue.fail = 1;
    failing.future = cf_submit(pool, &task_cue, &cue, sizeof cue);
    latch_await(&stage->started, 1);
    struct cf_future *waiter = cf_submit(pool, &task_wait_for_error, &argument, sizeof argument);
    ck_assert_int_le(asserts_take_int(waiter), 1);
    cf_close(pool);
    cf_release(failing.future);
}

/* Returns whether a call that it waits for ran in the same worker with the same thing of its own. */
static int
compare_worker(struct cf_call *call)
{
    struct cf_future *inner = cf_submit(pool, &task_worker, NULL, 0);
    struct cf_future *inner_local = cf_submit(pool, &task_local, NULL, 0);
    uintptr_t local;
    int same;

    ck_assert_ptr_nonnull(cf_result(inner, NULL));
    same = strcmp(cf_result(inner, NULL), cf_worker(call)) == 0;
    memcpy(&local, cf_result(inner_local, NULL), sizeof local);
    same &= local == (uintptr_t)cf_local(call);
    cf_release(inner);
    cf_release(inner_local);
    return cf_return(call, &same, sizeof same);
}
static const struct cf_task task_compare_worker = { "compare_worker", compare_worker };

TEST(a_call_run_by_a_waiting_worker_is_that_workers)
{
    struct stage *stage = stage_new();

    pool = cf_thread_pool(
        &(struct cf_options){ .max_workers = 1, .open_worker = tasks_open_worker, .worker_arg = stage->name });
    ck_assert_int_eq(asserts_take_int(cf_submit(pool, &task_compare_worker, NULL, 0)), 1);
    cf_close(pool);
}

/* Submits after the shutdown, is refused, and waits for one that was accepted before. */
static int
wait_after_shutdown(struct cf_call *call)
{
    struct stage *stage = stage_find(cf_arg(call, NULL));
    struct cf_future *accepted = tasks_submit_int(pool, &task_twice, 10);

    latch_raise(&stage->started);
    latch_await(&stage->go, 1);
    struct cf_future *late = tasks_submit_int(pool, &task_twice, 11);
    asserts_refused(late, ESHUTDOWN);
    cf_release(late);
    int number = asserts_take_int(accepted);
    return cf_return(call, &number, sizeof number);
}
static const struct cf_task task_wait_after_shutdown = { "wait_after_shutdown", wait_after_shutdown };

TEST(a_task_may_wait_for_its_own_pool_while_that_shuts_down)
{
    struct stage *stage = stage_new();

    pool = tasks_pool(1);
    struct cf_future *future = cf_submit(pool, &task_wait_after_shutdown, stage->name, sizeof stage->name);
    latch_await(&stage->started, 1);
    ck_assert_int_eq(cf_shutdown(pool, 0), 0);
    latch_raise(&stage->go);
    ck_assert_int_eq(asserts_take_int(future), 20);
    ck_assert_int_eq(cf_close(pool), 0);
}

/* Interrupts its own pool and finds the call that it has just submitted cancelled. */
static int
interrupt_own(struct cf_call *call)
{
    struct cf_future *inner = tasks_submit_int(pool, &task_twice, 10);

    cf_interrupt(pool);
    asserts_error(inner, CF_CANCELLED);
    cf_release(inner);
    bool stopping = cf_stopping(call);
    return cf_return(call, &stopping, sizeof stopping);
}
static const struct cf_task task_interrupt_own = { "interrupt_own", interrupt_own };

TEST(a_task_may_interrupt_its_own_pool)
{
    pool = tasks_pool(1);
    struct cf_future *future = cf_submit(pool, &task_interrupt_own, NULL, 0);
    const bool *stopping = cf_result(future, NULL);

    ck_assert(stopping != NULL && *stopping);
    cf_release(future);
    cf_close(pool);
}

static int
pass_on(struct cf_call *call)
{
    struct cf_executor *next = *(struct cf_executor *const *)cf_arg(call, NULL);
    int number = asserts_take_int(tasks_submit_int(next, &task_twice, 30));

    return cf_return(call, &number, sizeof number);
}
static const struct cf_task task_pass_on = { "pass_on", pass_on };

TEST(tasks_may_wait_for_other_executors)
{
    struct cf_executor *others[] = { tasks_pool(1), cf_inline_pool(NULL) };

    pool = tasks_pool(2);
    for (int i = 0; i < 2; i++)
        ck_assert_int_eq(asserts_take_int(cf_submit(pool, &task_pass_on, &others[i], sizeof others[i])), 60);
    cf_close(others[0]);
    cf_close(others[1]);
    cf_close(pool);
}

static const TTest **const tests[] = {
    &tasks_may_call_tasks_and_wait_for_them_with_any_number_of_workers,
    &one_worker_goes_as_deep_as_stated,
    &below_that_depth_it_is_told_of_the_deadlock,
    &the_only_worker_may_wait_in_every_way_for_its_own_pool,
    &two_workers_may_both_wait_in_every_way,
    &a_call_that_waits_for_itself_is_told_of_the_deadlock,
    &two_calls_that_wait_for_each_other_are_told_of_the_deadlock,
    &a_circle_of_any_length_is_told,
    &a_circle_through_calls_that_one_worker_runs_nested_is_told,
    &who_waits_in_a_row_is_not_told_of_a_deadlock,
    &a_web_of_waits_without_a_circle_is_never_told_of_a_deadlock,
    &in_a_task_as_completed_is_linear_too,
    &in_a_task_as_completed_is_linear_behind_promises_too,
    &in_a_task_waiting_for_an_error_is_linear_too,
    &in_a_task_a_deadline_is_kept_although_there_is_work_to_help_with,
    &in_a_task_an_error_elsewhere_ends_the_wait_at_once,
    &a_call_run_by_a_waiting_worker_is_that_workers,
    &a_task_may_wait_for_its_own_pool_while_that_shuts_down,
    &a_task_may_interrupt_its_own_pool,
    &tasks_may_wait_for_other_executors,
    NULL,
};

int
main(void)
{
    return asserts_main("nested", tests);
}
