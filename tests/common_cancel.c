/* SPDX-License-Identifier: MIT */
/* common_cancel.c - the common table: cancelling, interrupting and the states of a call. */

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>

#include "asserts.h"
#include "kinds.h"
#include "tasks.h"

/* An executor with one worker, which is busy until go is raised. */
struct busy {
    struct cf_executor *pool;
    struct stage *stage;
    struct cf_future *running;
};

static struct busy
open_busy(void)
{
    struct busy busy = { .pool = kinds_open(1), .stage = stage_new() };

    busy.running = tasks_start_holding(busy.pool, busy.stage, 0);
    return busy;
}

static void
close_busy(struct busy *busy)
{
    latch_raise(&busy->stage->go);
    cf_release(busy->running);
    ck_assert_int_eq(cf_close(busy->pool), 0);
}

TEST(a_call_is_pending_then_running_then_finished)
{
    struct busy busy = open_busy();
    struct cf_future *pending = tasks_submit_cue(busy.pool, busy.stage, 1, 0);
    char text[80];

    ck_assert(!cf_done(pending) && !cf_running(pending) && !cf_cancelled(pending));
    cf_describe(pending, text, sizeof text);
    ck_assert_str_eq(text, "<future cue pending>");
    ck_assert(!cf_done(busy.running) && cf_running(busy.running) && !cf_cancelled(busy.running));
    cf_describe(busy.running, text, sizeof text);
    ck_assert_str_eq(text, "<future cue running>");
    latch_raise(&busy.stage->go);
    ck_assert_int_eq(asserts_int(pending), 1);
    ck_assert(cf_done(pending) && !cf_running(pending) && !cf_cancelled(pending));
    cf_release(pending);
    close_busy(&busy);
}

TEST(a_pending_call_can_be_cancelled_and_is_done_at_once)
{
    struct busy busy = open_busy();
    struct cf_future *pending = tasks_submit_cue(busy.pool, busy.stage, 1, 0);
    char text[80];

    ck_assert(cf_cancel(pending));
    asserts_cancelled(pending);
    cf_describe(pending, text, sizeof text);
    ck_assert_str_eq(text, "<future cue cancelled>");
    ck_assert_str_eq(cf_error_of(pending)->task, "cue");
    cf_release(pending);
    close_busy(&busy);
}

TEST(a_cancelled_call_never_runs)
{
    struct busy busy = open_busy();

    for (int i = 1; i <= 100; i++) {
        struct cf_future *future = tasks_submit_cue(busy.pool, busy.stage, i, 0);
        if (i % 2 == 1)
            ck_assert(cf_cancel(future));
        cf_release(future);
    }
    latch_raise(&busy.stage->go);
    ck_assert_int_eq(cf_shutdown(busy.pool, CF_WAIT), 0);
    ck_assert_uint_eq(latch_count(&busy.stage->logged), 51);
    for (int i = 0; i <= 50; i++)
        ck_assert_int_eq(busy.stage->log[i], 2 * i);
    close_busy(&busy);
}

TEST(cancelling_twice_is_true_twice)
{
    struct busy busy = open_busy();
    struct cf_future *pending = tasks_submit_cue(busy.pool, busy.stage, 1, 0);

    ck_assert(cf_cancel(pending));
    ck_assert(cf_cancel(pending));
    cf_release(pending);
    close_busy(&busy);
}

TEST(a_running_call_cannot_be_cancelled_and_finishes)
{
    struct busy busy = open_busy();

    ck_assert(!cf_cancel(busy.running));
    ck_assert(cf_running(busy.running));
    latch_raise(&busy.stage->go);
    ck_assert_int_eq(asserts_int(busy.running), 0);
    close_busy(&busy);
}

TEST(a_finished_call_cannot_be_cancelled_and_keeps_its_outcome)
{
    struct cf_executor *pool = kinds_open(1);
    struct cf_future *good = tasks_submit_int(pool, &task_twice, 3);
    struct cf_future *bad = tasks_submit_int(pool, &task_twice, -3);

    ck_assert_int_eq(asserts_int(good), 6);
    ck_assert(!cf_cancel(good));
    ck_assert_int_eq(asserts_int(good), 6);
    asserts_error(bad, CF_RAISED);
    ck_assert(!cf_cancel(bad));
    asserts_error(bad, CF_RAISED);
    cf_release(good);
    cf_release(bad);
    cf_close(pool);
}

TEST(a_cancelled_call_keeps_its_argument)
{
    struct busy busy = open_busy();
    struct cf_future *future = cf_submit(busy.pool, &task_echo, "BR", 3);

    ck_assert(cf_cancel(future));
    ck_assert_str_eq(cf_input(future, NULL), "BR");
    cf_release(future);
    close_busy(&busy);
}

/* A thread that waits for a future in one of three ways, and counts itself in of[0] before and in of[1] after. */
struct waiter {
    pthread_t thread;
    struct cf_future *future;
    struct stage *stage;
    enum { BY_RESULT, BY_WAIT, BY_NEXT } how;
};

static void *
wait_for_cancelled(void *data)
{
    struct waiter *waiter = data;
    struct cf_future *future = waiter->future;

    latch_raise(&waiter->stage->of[0]);
    if (waiter->how == BY_RESULT) {
        ck_assert_ptr_null(cf_result(future, NULL));
    } else if (waiter->how == BY_WAIT) {
        ck_assert_int_eq(cf_wait(&future, 1, CF_ALL_COMPLETED, CF_NEVER, NULL), CF_OK);
    } else {
        struct cf_iter *iter = cf_as_completed(&future, 1, CF_NEVER);
        ck_assert_ptr_eq(cf_next(iter), future);
        cf_iter_free(iter);
    }
    asserts_cancelled(waiter->future);
    latch_raise(&waiter->stage->of[1]);
    return NULL;
}

TEST(cancelling_wakes_result_wait_and_as_completed_at_once)
{
    struct busy busy = open_busy();
    struct cf_future *pending = tasks_submit_cue(busy.pool, busy.stage, 1, 0);
    struct waiter waiters[3];

    for (int i = 0; i < 3; i++) {
        waiters[i] = (struct waiter){ .future = pending, .stage = busy.stage, .how = BY_RESULT + (unsigned)i };
        ck_assert_int_eq(pthread_create(&waiters[i].thread, NULL, wait_for_cancelled, &waiters[i]), 0);
    }
    latch_await(&busy.stage->of[0], 3);
    asserts_sleep(0.05);
    ck_assert_uint_eq(latch_count(&busy.stage->of[1]), 0);
    ck_assert(cf_cancel(pending));
    latch_await(&busy.stage->of[1], 3);
    ck_assert(cf_running(busy.running));
    for (int i = 0; i < 3; i++)
        pthread_join(waiters[i].thread, NULL);
    cf_release(pending);
    close_busy(&busy);
}

TEST(an_interrupt_cancels_what_has_not_started)
{
    struct busy busy = open_busy();
    struct cf_future *pending[50];

    for (int i = 0; i < 50; i++)
        pending[i] = tasks_submit_cue(busy.pool, busy.stage, i + 1, 0);
    cf_interrupt(busy.pool);
    for (int i = 0; i < 50; i++) {
        asserts_error(pending[i], CF_CANCELLED);
        cf_release(pending[i]);
    }
    ck_assert(cf_running(busy.running));
    latch_raise(&busy.stage->go);
    ck_assert_int_eq(asserts_int(busy.running), 0);
    ck_assert_uint_eq(latch_count(&busy.stage->started), 1);
    close_busy(&busy);
}

TEST(after_an_interrupt_calls_are_refused_as_cancelled)
{
    struct cf_executor *pool = kinds_open(1);

    cf_interrupt(pool);
    struct cf_future *future = tasks_submit_int(pool, &task_twice, 1);
    asserts_refused(future, ECANCELED);
    cf_release(future);
    future = cf_try_submit(pool, &task_echo, "x", 1);
    asserts_refused(future, ECANCELED);
    cf_release(future);
    ck_assert_int_eq(cf_close(pool), 0);
}

TEST(an_interrupt_makes_wait_return)
{
    struct busy busy = open_busy();
    struct cf_future *both[] = { busy.running, tasks_submit_cue(busy.pool, busy.stage, 1, 0) };
    struct cf_future *pending = both[1];
    size_t done = 99;

    cf_interrupt(busy.pool);
    asserts_error(pending, CF_CANCELLED);
    ck_assert_int_eq(cf_wait(both, 2, CF_ALL_COMPLETED, CF_NEVER, &done), CF_INTERRUPTED);
    ck_assert_uint_eq(done, 1);
    ck_assert_ptr_eq(both[0], pending);
    ck_assert_ptr_eq(both[1], busy.running);
    ck_assert_int_eq(cf_wait(both, 1, CF_ALL_COMPLETED, CF_NEVER, &done), CF_OK);
    cf_release(pending);
    close_busy(&busy);
}

TEST(an_interrupt_makes_next_return_once)
{
    struct busy busy = open_busy();
    struct cf_future *pending = tasks_submit_cue(busy.pool, busy.stage, 1, 0);
    struct cf_future *both[] = { busy.running, pending };
    struct cf_iter *iter = cf_as_completed(both, 2, CF_NEVER);

    cf_interrupt(busy.pool);
    asserts_ends(iter, CF_INTERRUPTED);
    ck_assert_ptr_eq(cf_next(iter), pending);
    ck_assert_int_eq(cf_status(iter), CF_OK);
    asserts_cancelled(pending);
    latch_raise(&busy.stage->go);
    ck_assert_ptr_eq(cf_next(iter), busy.running);
    asserts_ends(iter, CF_END);
    cf_iter_free(iter);
    cf_release(pending);
    close_busy(&busy);
}

TEST(an_interrupt_ends_a_map_after_what_was_cancelled_or_finished)
{
    struct cf_executor *pool = kinds_open(1);
    struct stage *stage = stage_new();
    struct cue cues[5];

    for (int i = 0; i < 5; i++)
        cues[i] = tasks_cue(stage, i, 1);
    struct cf_iter *iter = cf_map(pool, &task_cue, cues, 5, sizeof *cues, NULL);
    latch_await(&stage->started, 1);
    cf_interrupt(pool);
    asserts_ends(iter, CF_INTERRUPTED);
    latch_raise(&stage->go);
    ck_assert_int_eq(asserts_int(cf_next(iter)), 0);
    for (int i = 1; i < 5; i++)
        asserts_error(cf_next(iter), CF_CANCELLED);
    asserts_ends(iter, CF_END);
    cf_iter_free(iter);
    ck_assert_uint_eq(latch_count(&stage->started), 1);
    cf_close(pool);
}

TEST(running_calls_see_an_interrupt_in_poll)
{
    struct cf_executor *pool = kinds_open(2);
    struct stage *stage = stage_new();
    struct cf_future *futures[2];

    for (int i = 0; i < 2; i++)
        futures[i] = cf_submit(pool, &task_patient, stage->name, sizeof stage->name);
    latch_await(&stage->started, 2);
    ck_assert(cf_running(futures[0]) && cf_running(futures[1]));
    cf_interrupt(pool);
    for (int i = 0; i < 2; i++) {
        const bool *stopping = cf_result(futures[i], NULL);
        ck_assert_ptr_nonnull(stopping);
        ck_assert(*stopping);
        cf_release(futures[i]);
    }
    cf_close(pool);
}

static struct cf_executor *interrupted;

static void
on_signal(int number)
{
    (void)number;
    cf_interrupt(interrupted);
}

TEST(a_signal_handler_may_interrupt)
{
    struct busy busy = open_busy();
    struct cf_future *pending = tasks_submit_cue(busy.pool, busy.stage, 1, 0);

    interrupted = busy.pool;
    ck_assert(signal(SIGUSR1, on_signal) != SIG_ERR);
    ck_assert_int_eq(raise(SIGUSR1), 0);
    asserts_error(pending, CF_CANCELLED);
    cf_release(pending);
    close_busy(&busy);
}

TEST(interrupting_twice_or_when_idle_or_shut_down_does_no_harm)
{
    struct cf_executor *pool = kinds_open(2);

    cf_interrupt(pool);
    cf_interrupt(pool);
    ck_assert_int_eq(cf_shutdown(pool, CF_WAIT), 0);
    cf_interrupt(pool);
    ck_assert_int_eq(cf_close(pool), 0);
    cf_interrupt(NULL);
}

TEST(killing_cancels_what_has_not_started)
{
    struct cf_executor *pool = kinds_open(1);
    struct stage *stage = stage_new();
    struct cf_future *running = cf_submit(pool, &task_patient, stage->name, sizeof stage->name);
    struct cf_future *pending = tasks_submit_int(pool, &task_twice, 1);

    latch_await(&stage->started, 1);
    ck_assert_int_eq(cf_shutdown(pool, CF_KILL | CF_WAIT), 0);
    asserts_cancelled(pending);
    ck_assert(cf_done(running));
    ck_assert(!cf_cancelled(running));
    cf_release(running);
    cf_release(pending);
    cf_close(pool);
}

const TTest **const common_cancel[] = {
    &a_call_is_pending_then_running_then_finished,
    &a_pending_call_can_be_cancelled_and_is_done_at_once,
    &a_cancelled_call_never_runs,
    &cancelling_twice_is_true_twice,
    &a_running_call_cannot_be_cancelled_and_finishes,
    &a_finished_call_cannot_be_cancelled_and_keeps_its_outcome,
    &a_cancelled_call_keeps_its_argument,
    &cancelling_wakes_result_wait_and_as_completed_at_once,
    &an_interrupt_cancels_what_has_not_started,
    &after_an_interrupt_calls_are_refused_as_cancelled,
    &an_interrupt_makes_wait_return,
    &an_interrupt_makes_next_return_once,
    &an_interrupt_ends_a_map_after_what_was_cancelled_or_finished,
    &running_calls_see_an_interrupt_in_poll,
    &a_signal_handler_may_interrupt,
    &interrupting_twice_or_when_idle_or_shut_down_does_no_harm,
    &killing_cancels_what_has_not_started,
    NULL,
};
