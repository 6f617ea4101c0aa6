/* SPDX-License-Identifier: MIT */
/* leapfrog-t.c - .leapfrog: what a task does while it waits for a call that another worker runs. */

#include <string.h>

#include "asserts.h"
#include "stage.h"
#include "tap.h"
#include "tasks.h"

static struct cf_executor *pool;
static struct stage *stage;
static struct cf_future *awaited;

/* Latches of the stage. */
enum { SUBMITTED, CHILD_RAN, BYSTANDER_RAN, CHECKED };

static void
open_pool(unsigned workers, bool leapfrog)
{
    pool = cf_thread_pool(&(struct cf_options){ .max_workers = workers, .leapfrog = leapfrog });
    ck_assert_ptr_nonnull(pool);
    stage = stage_new();
}

static const struct cf_task task_sum;

/* The sum of the numbers below n, by halves: the first is a call, the second is computed here. */
static long
sum_between(int first, int end)
{
    if (end - first == 1)
        return first;
    const int range[] = { first, (first + end) / 2 };
    struct cf_future *half = cf_submit(pool, &task_sum, range, sizeof range);
    const long rest = sum_between(range[1], end);
    const long sum = *(const long *)cf_result(half, NULL) + rest;
    cf_release(half);
    return sum;
}

static int
run_sum(struct cf_call *call)
{
    const int *range = cf_arg(call, NULL);
    const long sum = sum_between(range[0], range[1]);

    return cf_return(call, &sum, sizeof sum);
}
static const struct cf_task task_sum = { "sum", run_sum };

TEST(tasks_that_divide_their_work_get_it_all_back_with_any_number_of_workers)
{
    const int range[] = { 0, 20000 };

    for (unsigned workers = 1; workers <= 5; workers++) {
        open_pool(workers, true);
        struct cf_future *sum = cf_submit(pool, &task_sum, range, sizeof range);
        ck_assert_int_eq(*(const long *)cf_result(sum, NULL), 19999L * 10000);
        cf_release(sum);
        ck_assert_int_eq(cf_close(pool), 0);
    }
}

static int
run_noted(struct cf_call *call)
{
    latch_raise(&stage->of[*(const int *)cf_arg(call, NULL)]);
    return cf_return(call, cf_worker(call), strlen(cf_worker(call)) + 1);
}
static const struct cf_task task_noted = { "noted", run_noted };

/* Submits a call, and waits for a moment whether somebody runs it.  Returns the name of who did, at last. */
static int
run_awaited(struct cf_call *call)
{
    struct cf_future *child = tasks_submit_int(pool, &task_noted, CHILD_RAN);

    latch_raise(&stage->of[SUBMITTED]);
    for (int i = 0; i < 100 && latch_count(&stage->of[CHILD_RAN]) == 0; i++)
        asserts_sleep(0.005);
    cf_return(call, cf_result(child, NULL), 16);
    cf_release(child);
    return 0;
}
static const struct cf_task task_awaited = { "awaited", run_awaited };

/* Waits for that call, which another worker runs.  Returns its own worker's name and that of the child's. */
static int
run_waiting(struct cf_call *call)
{
    char names[2][16] = { "", "" };

    awaited = cf_submit(pool, &task_awaited, NULL, 0);
    latch_await(&stage->of[SUBMITTED], 1);
    memcpy(names[0], cf_worker(call), strlen(cf_worker(call)) + 1);
    memcpy(names[1], cf_result(awaited, NULL), sizeof names[1]);
    cf_release(awaited);
    return cf_return(call, names, sizeof names);
}
static const struct cf_task task_waiting = { "waiting", run_waiting };

/* Whether the worker that waited ran the child. */
static bool
is_child_of_who_waits(bool leapfrog)
{
    open_pool(2, leapfrog);
    struct cf_future *waiting = cf_submit(pool, &task_waiting, NULL, 0);
    const char(*names)[16] = cf_result(waiting, NULL);
    const bool same = strcmp(names[0], names[1]) == 0;

    cf_release(waiting);
    ck_assert_int_eq(cf_close(pool), 0);
    return same;
}

TEST(a_task_that_waits_runs_what_the_awaited_call_has_submitted)
{
    ck_assert(is_child_of_who_waits(true));
}

TEST(without_leapfrogging_it_does_not)
{
    ck_assert(!is_child_of_who_waits(false));
}

/* Has a call left over when it runs the awaited one inside of itself. */
static int
run_bystanding(struct cf_call *call)
{
    struct cf_future *bystander = tasks_submit_int(pool, &task_noted, BYSTANDER_RAN);

    awaited = cf_submit(pool, &task_awaited, NULL, 0);
    cf_result(awaited, NULL);
    latch_await(&stage->of[CHECKED], 1);
    cf_result(bystander, NULL);
    cf_release(bystander);
    return cf_return(call, NULL, 0);
}
static const struct cf_task task_bystanding = { "bystanding", run_bystanding };

/* Returns whether the call left over had run when the awaited one had. */
static int
run_onlooking(struct cf_call *call)
{
    latch_await(&stage->of[SUBMITTED], 1);
    cf_result(awaited, NULL);
    const int bystanders = (int)latch_count(&stage->of[BYSTANDER_RAN]);
    latch_raise(&stage->of[CHECKED]);
    return cf_return(call, &bystanders, sizeof bystanders);
}
static const struct cf_task task_onlooking = { "onlooking", run_onlooking };

TEST(it_runs_nothing_else)
{
    open_pool(2, true);
    struct cf_future *onlooking = cf_submit(pool, &task_onlooking, NULL, 0);
    struct cf_future *bystanding = cf_submit(pool, &task_bystanding, NULL, 0);

    ck_assert_int_eq(asserts_take_int(onlooking), 0);
    ck_assert_ptr_nonnull(cf_result(bystanding, NULL));
    cf_release(bystanding);
    cf_release(awaited);
    ck_assert_int_eq(cf_close(pool), 0);
}

static const TTest **const tests[] = {
    &tasks_that_divide_their_work_get_it_all_back_with_any_number_of_workers,
    &a_task_that_waits_runs_what_the_awaited_call_has_submitted,
    &without_leapfrogging_it_does_not,
    &it_runs_nothing_else,
    NULL,
};

int
main(void)
{
    return asserts_main("leapfrog", tests);
}
