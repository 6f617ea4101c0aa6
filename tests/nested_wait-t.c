/* SPDX-License-Identifier: MIT */
/* nested_wait-t.c - waiting for many in a task: very many, until a deadline, until one fails. */

#include <pthread.h>

#include "asserts.h"
#include "tap.h"
#include "tasks.h"

static struct cf_executor *pool;

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

/* Waits in one of these ways for twenty calls that only it can run: for less time than they take, or for none. */
struct patience {
    bool none;
    enum { FOR_ALL, FOR_ERROR, FOR_EACH, PATIENT_WAYS } way;
};

static int
wait_until_a_deadline(struct cf_call *call)
{
    const struct patience *given = cf_arg(call, NULL);
    const cf_time deadline = given->none ? cf_after(-1) : cf_after(0.12);
    struct cf_future *futures[20];
    enum cf_status status;
    size_t done = 0;

    for (int i = 0; i < 20; i++)
        futures[i] = cf_submit(pool, &task_doze, NULL, 0);
    if (given->way == FOR_EACH) {
        struct cf_iter *iter = cf_as_completed(futures, 20, deadline);
        while (cf_next(iter) != NULL)
            continue;
        status = cf_status(iter);
        cf_iter_free(iter);
    } else {
        status = cf_wait(futures, 20, given->way == FOR_ALL ? CF_ALL_COMPLETED : CF_FIRST_ERROR, deadline, NULL);
    }
    ck_assert_int_eq(status, CF_TIMEOUT);
    for (int i = 0; i < 20; i++) {
        done += cf_done(futures[i]);
        cf_cancel(futures[i]);
        cf_release(futures[i]);
    }
    ck_assert_uint_le(done, given->none ? 0 : 10);
    return cf_return(call, NULL, 0);
}
static const struct cf_task task_wait_until_a_deadline = { "wait_until_a_deadline", wait_until_a_deadline };

TEST(in_a_task_a_deadline_is_kept_although_there_is_work_to_help_with)
{
    pool = tasks_pool(1);
    for (unsigned way = 0; way < PATIENT_WAYS; way++) {
        for (int none = 0; none < 2; none++) {
            struct patience patience = { none == 1, FOR_ALL + way };
            struct cf_future *future = cf_submit(pool, &task_wait_until_a_deadline, &patience, sizeof patience);
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

static const TTest **const tests[] = {
    &in_a_task_as_completed_is_linear_behind_promises_too,
    &in_a_task_as_completed_is_linear_too,
    &in_a_task_waiting_for_an_error_is_linear_too,
    &in_a_task_a_deadline_is_kept_although_there_is_work_to_help_with,
    &in_a_task_an_error_elsewhere_ends_the_wait_at_once,
    NULL,
};

int
main(void)
{
    return asserts_main("nested_wait", tests);
}
