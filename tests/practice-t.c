/* SPDX-License-Identifier: MIT */
/* practice-t.c - what "PRACTICE" in cf(3) says of good habits, and of what comes of bad ones. */

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "asserts.h"
#include "child.h"
#include "family.h"
#include "tap.h"
#include "tasks.h"

/* Where a leak checker finds what a program has left at its end. */
static struct cf_executor *never_closed;
static struct cf_future *never_released[2];

/*
 * Close what you open.
 */

/* Have one call running and one pending, and end as main() does when it returns. */
static void
end_without_closing(struct stage *stage, struct cf_executor *pool)
{
    never_closed = pool;
    never_released[0] = cf_submit(pool, &task_hang, stage->name, sizeof stage->name);
    never_released[1] = tasks_submit_cue(pool, stage, 2, 0);
    latch_await(&stage->started, 1);
    exit(7);
}

static void
end_with_threads(void *stage)
{
    end_without_closing(stage, cf_thread_pool(&(struct cf_options){
                                   .max_workers = 1,
                                   .open_worker = tasks_open_worker,
                                   .worker_arg = ((struct stage *)stage)->name,
                               }));
}

static void
end_with_processes(void *stage)
{
    end_without_closing(stage, cf_process_pool(&(struct cf_options){ .max_workers = 1 }));
}

/* The program ends with its own status, and of its two calls only the first has begun. */
static void
assert_ends(void (*program)(void *), struct stage *stage)
{
    fflush(NULL);
    const int status = child_run(program, stage);

    ck_assert(WIFEXITED(status));
    ck_assert_int_eq(WEXITSTATUS(status), 7);
    ck_assert_uint_eq(latch_count(&stage->started), 1);
}

TEST(threads_that_are_never_closed_do_not_hold_the_program_up_at_its_end_and_what_is_pending_is_lost)
{
    struct stage *stage = stage_new();

    assert_ends(end_with_threads, stage);
    ck_assert_uint_eq(latch_count(&stage->opened), 1);
    ck_assert_uint_eq(latch_count(&stage->closed), 0);
}

TEST(processes_that_are_never_closed_end_with_the_program_and_what_is_pending_is_lost)
{
    family_take_stock();
    assert_ends(end_with_processes, stage_new());
    family_await_end();
}

TEST(closing_runs_what_is_pending_and_shutting_down_with_cf_cancel_first_does_not)
{
    enum { N = 20 };
    struct cf_future *futures[N];

    for (int cancel = 0; cancel <= 1; cancel++) {
        struct stage *stage = stage_new();
        struct cf_executor *pool = tasks_pool(1);

        tasks_release_all((struct cf_future *[]){ tasks_start_holding(pool, stage, 0) }, 1);
        for (int i = 0; i < N; i++)
            futures[i] = tasks_submit_cue(pool, stage, i, 0);
        ck_assert_int_eq(cf_shutdown(pool, cancel ? CF_CANCEL : 0), 0);
        latch_raise(&stage->go);
        ck_assert_int_eq(cf_close(pool), 0);
        ck_assert_uint_eq(latch_count(&stage->ended), cancel ? 1 : N + 1);
        tasks_release_all(futures, N);
    }
}

TEST(a_future_that_is_not_released_holds_nothing_up_and_can_be_read_after_its_executor_is_closed)
{
    struct cf_executor *pool = tasks_pool(2);
    const size_t threads = asserts_threads();

    never_released[0] = tasks_submit_int(pool, &task_twice, 21);
    ck_assert_int_eq(cf_close(pool), 0);
    asserts_threads_back_to(threads);
    ck_assert_int_eq(asserts_int(never_released[0]), 42);
}

/*
 * Choose the right executor.
 */

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

/* Returns the errno of an attempt to take the lock, an int. */
static int
try_lock(struct cf_call *call)
{
    const int error = pthread_mutex_trylock(&lock);

    if (error == 0)
        pthread_mutex_unlock(&lock);
    return cf_return(call, &error, sizeof error);
}
static const struct cf_task try_lock_task = { "try_lock", try_lock };

static void *
hold_lock(void *data)
{
    struct stage *stage = data;

    pthread_mutex_lock(&lock);
    latch_raise(&stage->of[0]);
    latch_await(&stage->of[1], 1);
    pthread_mutex_unlock(&lock);
    return NULL;
}

TEST(a_lock_that_a_thread_held_when_the_pool_was_made_is_never_free_in_its_processes)
{
    struct stage *stage = stage_new();
    pthread_t thread;

    struct cf_executor *before = family_pool(&(struct cf_options){ .max_workers = 1 });
    ck_assert_int_eq(pthread_create(&thread, NULL, hold_lock, stage), 0);
    latch_await(&stage->of[0], 1);
    struct cf_executor *after = family_pool(&(struct cf_options){ .max_workers = 1 });
    latch_raise(&stage->of[1]);
    ck_assert_int_eq(pthread_join(thread, NULL), 0);

    ck_assert_int_eq(asserts_take_int(cf_submit(before, &try_lock_task, NULL, 0)), 0);
    ck_assert_int_eq(asserts_take_int(cf_submit(after, &try_lock_task, NULL, 0)), EBUSY);
    ck_assert_int_eq(cf_close(before), 0);
    ck_assert_int_eq(cf_close(after), 0);
}

static int shared_count;

/* Returns how often it was called in this memory, an int. */
static int
count(struct cf_call *call)
{
    const int counted = ++shared_count;

    return cf_return(call, &counted, sizeof counted);
}
static const struct cf_task count_task = { "count", count };

TEST(what_a_task_changes_in_a_process_stays_there)
{
    struct cf_executor *processes = family_pool(&(struct cf_options){ .max_workers = 1 });
    struct cf_executor *threads = tasks_pool(1);

    ck_assert_int_eq(asserts_take_int(cf_submit(processes, &count_task, NULL, 0)), 1);
    ck_assert_int_eq(asserts_take_int(cf_submit(processes, &count_task, NULL, 0)), 2);
    ck_assert_int_eq(shared_count, 0);
    ck_assert_int_eq(asserts_take_int(cf_submit(threads, &count_task, NULL, 0)), 1);
    ck_assert_int_eq(shared_count, 1);
    ck_assert_int_eq(cf_close(threads), 0);
    ck_assert_int_eq(cf_close(processes), 0);
}

/*
 * Say how many workers.
 */

/* Takes an int and returns the sum of what is below it, which it finds the long way, an int. */
static int
sum_below(struct cf_call *call)
{
    const int n = *(const int *)cf_arg(call, NULL);
    volatile int sum = 0;

    for (int i = 0; i < n; i++)
        sum += i;
    const int result = sum;
    return cf_return(call, &result, sizeof result);
}
static const struct cf_task sum_task = { "sum_below", sum_below };

TEST(a_thousand_threads_that_compute_are_right_too_and_are_never_more_than_asked_for)
{
    enum { CALLS = 20000, WORKERS = 1000 };
    const size_t before = asserts_threads();
    struct cf_executor *pool = tasks_pool(WORKERS);
    static int numbers[CALLS];

    for (int i = 0; i < CALLS; i++)
        numbers[i] = i % 5000;
    struct cf_iter *sums =
        cf_map(pool, &sum_task, numbers, CALLS, sizeof *numbers, &(struct cf_map_options){ .chunksize = 1 });
    for (int i = 0; i < CALLS; i++)
        ck_assert_int_eq(asserts_int(cf_next(sums)), numbers[i] * (numbers[i] - 1) / 2);
    asserts_ends(sums, CF_END);
    ck_assert_uint_le(asserts_threads(), before + WORKERS);
    cf_iter_free(sums);
    ck_assert_int_eq(cf_close(pool), 0);
    asserts_threads_back_to(before);
}

TEST(more_workers_than_there_can_be_are_refused_and_the_calls_say_so)
{
    errno = 0;
    struct cf_executor *pool = cf_thread_pool(&(struct cf_options){ .max_workers = 65536 });

    ck_assert_ptr_null(pool);
    ck_assert_int_eq(errno, EINVAL);
    struct cf_future *future = tasks_submit_int(pool, &task_twice, 1);
    asserts_refused(future, EINVAL);
    cf_release(future);
    ck_assert_int_eq(cf_close(pool), 0);
}

/*
 * Look at errors.
 */

TEST(an_error_that_nobody_looks_at_disturbs_nobody)
{
    struct cf_executor *pool = tasks_pool(2);
    int numbers[] = { 1, -2, 3 };
    int arrived = 0;

    cf_release(tasks_submit_int(pool, &task_twice, -1));
    struct cf_iter *calls = cf_map(pool, &task_twice, numbers, 3, sizeof *numbers, NULL);
    while (cf_next(calls) != NULL)
        arrived++;
    ck_assert_int_eq(arrived, 3);
    ck_assert_int_eq(cf_status(calls), CF_END);
    cf_iter_free(calls);
    ck_assert_int_eq(cf_close(pool), 0);
}

TEST(the_result_of_a_call_that_failed_is_null_and_that_of_one_that_returned_nothing_is_not)
{
    struct cf_executor *pool = tasks_pool(2);
    struct cf_future *failed = tasks_submit_int(pool, &task_twice, -1);
    struct cf_future *empty = cf_submit(pool, &task_echo, NULL, 0);
    size_t len = 1;

    ck_assert_ptr_null(cf_result(failed, NULL));
    ck_assert_ptr_nonnull(cf_error_of(failed));
    ck_assert_ptr_nonnull(cf_result(empty, &len));
    ck_assert_uint_eq(len, 0);
    ck_assert_ptr_null(cf_error_of(empty));
    tasks_release_all((struct cf_future *[]){ failed, empty }, 2);
    ck_assert_int_eq(cf_close(pool), 0);
}

static const TTest **const tests[] = {
    &threads_that_are_never_closed_do_not_hold_the_program_up_at_its_end_and_what_is_pending_is_lost,
    &processes_that_are_never_closed_end_with_the_program_and_what_is_pending_is_lost,
    &closing_runs_what_is_pending_and_shutting_down_with_cf_cancel_first_does_not,
    &a_future_that_is_not_released_holds_nothing_up_and_can_be_read_after_its_executor_is_closed,
    &a_lock_that_a_thread_held_when_the_pool_was_made_is_never_free_in_its_processes,
    &what_a_task_changes_in_a_process_stays_there,
    &a_thousand_threads_that_compute_are_right_too_and_are_never_more_than_asked_for,
    &more_workers_than_there_can_be_are_refused_and_the_calls_say_so,
    &an_error_that_nobody_looks_at_disturbs_nobody,
    &the_result_of_a_call_that_failed_is_null_and_that_of_one_that_returned_nothing_is_not,
    NULL,
};

int
main(void)
{
    return asserts_main("practice", tests);
}
