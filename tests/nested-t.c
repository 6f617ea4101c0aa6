/* SPDX-License-Identifier: MIT */
/* nested-t.c - tasks that submit to their own pool and wait: who runs those calls, and how deep that goes. */

#include <errno.h>
#include <string.h>

#include "asserts.h"
#include "tap.h"
#include "tasks.h"

static struct cf_executor *pool;

static const struct cf_task task_fibonacci;

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
static const struct cf_task task_descend;

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
