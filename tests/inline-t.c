/* SPDX-License-Identifier: MIT */
/* inline-t.c - the common table on the inline executor, and what holds for that alone. */

#include <errno.h>
#include <pthread.h>

#include "asserts.h"
#include "kinds.h"
#include "tasks.h"

static int
where(struct cf_call *call)
{
    pthread_t me = pthread_self();

    return cf_return(call, &me, sizeof me);
}
static const struct cf_task task_where = { "where", where };

TEST(a_call_runs_inside_submit_in_the_callers_thread)
{
    struct cf_executor *pool = cf_inline_pool(NULL);
    struct cf_future *future = cf_submit(pool, &task_where, NULL, 0);

    ck_assert(cf_done(future));
    const pthread_t *thread = cf_result(future, NULL);
    ck_assert(pthread_equal(*thread, pthread_self()));
    cf_release(future);
    cf_close(pool);
}

TEST(an_inline_executor_makes_no_thread)
{
    size_t threads = asserts_threads();
    struct cf_executor *pool = cf_inline_pool(&(struct cf_options){ .max_workers = 8 });

    for (int i = 0; i < 100; i++)
        ck_assert_int_eq(asserts_take_int(tasks_submit_int(pool, &task_twice, i)), 2 * i);
    ck_assert_uint_eq(asserts_threads(), threads);
    cf_close(pool);
}

TEST(its_worker_is_called_inline)
{
    struct cf_executor *pool = cf_inline_pool(NULL);
    struct cf_future *future = cf_submit(pool, &task_worker, NULL, 0);

    ck_assert_str_eq(cf_result(future, NULL), "inline");
    cf_release(future);
    cf_close(pool);
}

static struct cf_executor *own_pool;
static const struct cf_task task_factorial;

/* The factorial of its argument, each factor of it by a call of its own. */
static int
factorial(struct cf_call *call)
{
    int n = *(const int *)cf_arg(call, NULL);

    if (n > 1) {
        int less = n - 1;
        n *= asserts_take_int(cf_submit(own_pool, &task_factorial, &less, sizeof less));
    }
    return cf_return(call, &n, sizeof n);
}
static const struct cf_task task_factorial = { "factorial", factorial };

TEST(an_inline_task_may_submit_to_its_own_executor)
{
    own_pool = cf_inline_pool(NULL);
    ck_assert_int_eq(asserts_take_int(tasks_submit_int(own_pool, &task_factorial, 10)), 3628800);
    ck_assert_int_eq(cf_close(own_pool), 0);
}

static int
close_own(struct cf_call *call)
{
    ck_assert_int_eq(cf_shutdown(own_pool, CF_WAIT), -1);
    ck_assert_int_eq(errno, EDEADLK);
    ck_assert_int_eq(cf_close(own_pool), -1);
    ck_assert_int_eq(errno, EDEADLK);
    return cf_return(call, NULL, 0);
}
static const struct cf_task task_close_own = { "close_own", close_own };

TEST(an_inline_task_cannot_wait_for_the_shutdown_of_its_own_executor)
{
    own_pool = cf_inline_pool(NULL);
    struct cf_future *future = cf_submit(own_pool, &task_close_own, NULL, 0);

    ck_assert_ptr_nonnull(cf_result(future, NULL));
    cf_release(future);
    ck_assert_int_eq(asserts_take_int(tasks_submit_int(own_pool, &task_twice, 1)), 2);
    ck_assert_int_eq(cf_close(own_pool), 0);
}

static _Atomic int inside;

/* Runs alone, but for a call that it makes itself. */
static int
alone(struct cf_call *call)
{
    ck_assert_int_eq(inside++, 0);
    ck_assert_int_eq(asserts_take_int(tasks_submit_int(own_pool, &task_twice, 1)), 2);
    for (int i = 0; i < 100; i++)
        sched_yield();
    ck_assert_int_eq(inside--, 1);
    return cf_return(call, NULL, 0);
}
static const struct cf_task task_alone = { "alone", alone };

static void *
submit_alone(void *pool)
{
    for (int i = 0; i < 50; i++) {
        struct cf_future *future = cf_submit(pool, &task_alone, NULL, 0);
        ck_assert_ptr_nonnull(cf_result(future, NULL));
        cf_release(future);
    }
    return NULL;
}

TEST(the_calls_of_several_threads_run_one_at_a_time)
{
    pthread_t threads[3];

    own_pool = cf_inline_pool(NULL);
    for (int i = 0; i < 3; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, submit_alone, own_pool), 0);
    for (int i = 0; i < 3; i++)
        pthread_join(threads[i], NULL);
    ck_assert_int_eq(cf_close(own_pool), 0);
}

static int
interrupt_at(struct cf_call *call)
{
    int number = *(const int *)cf_arg(call, NULL);

    if (number == 3) {
        ck_assert(!cf_stopping(call));
        cf_interrupt(own_pool);
        ck_assert(cf_stopping(call));
    }
    ck_assert_int_le(number, 3);
    return cf_return(call, &number, sizeof number);
}
static const struct cf_task task_interrupt_at = { "interrupt_at", interrupt_at };

TEST(after_an_interrupt_no_further_item_of_a_map_runs)
{
    const int numbers[] = { 1, 2, 3, 4, 5 };
    int results = 0;

    own_pool = cf_inline_pool(NULL);
    struct cf_iter *iter = cf_map(own_pool, &task_interrupt_at, numbers, 5, sizeof *numbers, NULL);
    for (enum cf_status status = CF_OK; status == CF_OK || status == CF_INTERRUPTED; status = cf_status(iter)) {
        struct cf_future *future = cf_next(iter);
        results += future != NULL && cf_result(future, NULL) != NULL;
    }
    ck_assert_int_eq(cf_status(iter), CF_END);
    ck_assert_int_eq(results, 3);
    cf_iter_free(iter);
    cf_close(own_pool);
}

static _Atomic int closed;

static void
close_and_wait(void *local)
{
    (void)local;
    ck_assert_int_eq(cf_shutdown(own_pool, CF_WAIT), -1);
    ck_assert_int_eq(errno, EDEADLK);
    closed++;
}

static int
open_nothing(struct cf_call *call, void **local, const void *worker_arg)
{
    (void)call;
    (void)worker_arg;
    *local = NULL;
    return 0;
}

TEST(close_worker_cannot_wait_for_the_shutdown)
{
    own_pool = cf_inline_pool(&(struct cf_options){ .open_worker = open_nothing, .close_worker = close_and_wait });
    ck_assert_int_eq(asserts_take_int(tasks_submit_int(own_pool, &task_twice, 1)), 2);
    ck_assert_int_eq(cf_close(own_pool), 0);
    ck_assert_int_eq(closed, 1);
}

TEST(closing_the_executor_closes_its_worker_in_the_closer)
{
    struct stage *stage = stage_new();
    struct cf_executor *pool =
        cf_inline_pool(&(struct cf_options){ .open_worker = tasks_open_worker, .worker_arg = stage->name });

    ck_assert_uint_le(latch_count(&stage->opened), 1);
    for (int i = 0; i < 5; i++)
        ck_assert_int_eq(asserts_take_int(tasks_submit_int(pool, &task_twice, i)), 2 * i);
    ck_assert_uint_eq(latch_count(&stage->opened), 1);
    cf_close(pool);
}

static const TTest **const own[] = {
    &a_call_runs_inside_submit_in_the_callers_thread,
    &an_inline_executor_makes_no_thread,
    &its_worker_is_called_inline,
    &an_inline_task_may_submit_to_its_own_executor,
    &an_inline_task_cannot_wait_for_the_shutdown_of_its_own_executor,
    &the_calls_of_several_threads_run_one_at_a_time,
    &after_an_interrupt_no_further_item_of_a_map_runs,
    &close_worker_cannot_wait_for_the_shutdown,
    &closing_the_executor_closes_its_worker_in_the_closer,
    NULL,
};

#define NEVER_PENDING "a call that runs inside submit is never seen pending"
#define NEVER_RUNNING "nobody can act while the submitter runs the call"

static const struct exemption exempt[] = {
    { "a_call_is_pending_then_running_then_finished", NEVER_PENDING },
    { "a_pending_call_can_be_cancelled_and_is_done_at_once", NEVER_PENDING },
    { "a_cancelled_call_never_runs", NEVER_PENDING },
    { "cancelling_twice_is_true_twice", NEVER_PENDING },
    { "a_running_call_cannot_be_cancelled_and_finishes", NEVER_RUNNING },
    { "a_cancelled_call_keeps_its_argument", NEVER_PENDING },
    { "cancelling_wakes_result_wait_and_as_completed_at_once", NEVER_PENDING },
    { "an_interrupt_cancels_what_has_not_started", NEVER_PENDING },
    { "an_interrupt_makes_wait_return", NEVER_PENDING },
    { "an_interrupt_makes_next_return_once", NEVER_PENDING },
    { "an_interrupt_ends_a_map_after_what_was_cancelled_or_finished", NEVER_PENDING },
    { "running_calls_see_an_interrupt_in_poll", NEVER_RUNNING },
    { "a_signal_handler_may_interrupt", NEVER_PENDING },
    { "killing_cancels_what_has_not_started", NEVER_PENDING },
    { "a_map_keeps_the_order_even_if_the_first_item_ends_last", NEVER_RUNNING },
    { "an_unordered_map_yields_in_the_order_of_completion", NEVER_RUNNING },
    { "freeing_a_map_cancels_what_has_not_started", NEVER_PENDING },
    { "on_its_deadline_a_map_cancels_what_has_not_started_and_ends", NEVER_PENDING },
    { "after_its_deadline_a_map_asks_its_generator_no_more", NEVER_PENDING },
    { "wait_for_all_returns_when_all_are_done", NEVER_PENDING },
    { "wait_for_the_first_returns_when_one_is_done", NEVER_PENDING },
    { "wait_for_the_first_error_returns_when_one_has_failed", NEVER_PENDING },
    { "a_cancelled_future_is_done_but_not_failed", NEVER_PENDING },
    { "wait_puts_the_done_ones_first_each_part_in_its_former_order", NEVER_PENDING },
    { "a_future_named_twice_is_two_entries", NEVER_PENDING },
    { "a_deadline_in_the_past_only_looks", NEVER_PENDING },
    { "a_deadline_before_the_clock_began_is_past_as_well", NEVER_PENDING },
    { "a_deadline_is_kept_neither_early_nor_very_late", NEVER_PENDING },
    { "as_completed_yields_in_the_order_in_which_calls_end", NEVER_RUNNING },
    { "as_completed_yields_those_already_done_first", NEVER_PENDING },
    { "on_its_deadline_as_completed_tells_how_many_are_left_and_can_go_on", NEVER_PENDING },
    { "as_completed_does_not_cancel_when_it_is_freed", NEVER_PENDING },
    { "callbacks_run_once_in_the_order_in_which_they_were_added", NEVER_PENDING },
    { "cancelling_runs_the_callbacks_in_the_canceller", NEVER_PENDING },
    { "shutdown_with_cancel_runs_the_callbacks_in_its_caller", NEVER_PENDING },
    { "a_callback_may_add_a_callback", NEVER_PENDING },
    { "a_callback_may_submit_to_its_executor", NEVER_PENDING },
    { "the_callback_has_a_reference_of_the_librarys", NEVER_PENDING },
    { "a_removed_callback_never_runs", NEVER_PENDING },
    { "an_observer_sees_a_cancelled_call_end_without_a_worker", NEVER_PENDING },
    { "shutdown_without_cancel_runs_what_is_pending", NEVER_PENDING },
    { "shutdown_with_cancel_cancels_what_is_pending_and_lets_the_running_finish", NEVER_PENDING },
    { "shutdown_can_be_repeated_and_add_to_an_earlier_one", NEVER_PENDING },
    { "several_threads_may_wait_for_the_shutdown", NEVER_RUNNING },
    { NULL, NULL },
};

int
main(void)
{
    const struct kind inline_kind = {
        .name = "inline", .open = cf_inline_pool, .worker = "inline", .exempt = exempt, .own = own
    };

    return kinds_main(&inline_kind);
}
