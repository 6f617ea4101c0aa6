/* SPDX-License-Identifier: MIT */
/* fork-t.c - what a forked child sees of its parent's executors: futures that stand still, and refusals. */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "asserts.h"
#include "callbacks.h"
#include "child.h"
#include "tap.h"
#include "tasks.h"

/* What the child of a test finds: a pool with a call in each state, and an iterator of them. */
struct scene {
    struct cf_executor *pool;
    struct stage *stage;
    struct cf_future *finished, *failed, *cancelled, *running, *pending, *promise;
    struct cf_iter *iter;
};

static struct scene
set_scene(void)
{
    struct scene scene = { .pool = tasks_pool(1), .stage = stage_new() };

    scene.finished = cf_submit(scene.pool, &task_echo, "BR", 3);
    scene.failed = tasks_submit_int(scene.pool, &task_twice, -7);
    asserts_error(scene.failed, CF_RAISED);
    scene.running = tasks_start_holding(scene.pool, scene.stage, 1);
    scene.pending = tasks_submit_int(scene.pool, &task_twice, 2);
    scene.cancelled = tasks_submit_int(scene.pool, &task_twice, 3);
    ck_assert(cf_cancel(scene.cancelled));
    scene.promise = cf_promise();
    struct cf_future *futures[] = { scene.running, scene.finished };
    scene.iter = cf_as_completed(futures, 2, CF_NEVER);
    return scene;
}

/* The parent goes on as if nothing had been. */
static void
strike_scene(struct scene *scene)
{
    latch_raise(&scene->stage->go);
    ck_assert_ptr_eq(cf_next(scene->iter), scene->finished);
    ck_assert_ptr_eq(cf_next(scene->iter), scene->running);
    asserts_ends(scene->iter, CF_END);
    cf_iter_free(scene->iter);
    ck_assert_int_eq(asserts_take_int(scene->running), 1);
    ck_assert_int_eq(asserts_take_int(scene->pending), 4);
    ck_assert_str_eq(cf_result(scene->finished, NULL), "BR");
    cf_release(scene->finished);
    cf_release(scene->failed);
    cf_release(scene->cancelled);
    cf_release(scene->promise);
    ck_assert_int_eq(asserts_take_int(tasks_submit_int(scene->pool, &task_twice, 8)), 16);
    ck_assert_int_eq(cf_close(scene->pool), 0);
}

static void
ask_futures(void *data)
{
    const struct scene *scene = data;
    char text[80];

    CHILD_ASSERT(cf_done(scene->finished) && cf_done(scene->failed) && cf_done(scene->cancelled));
    CHILD_ASSERT(cf_cancelled(scene->cancelled));
    CHILD_ASSERT(cf_running(scene->running) && !cf_done(scene->running));
    CHILD_ASSERT(!cf_running(scene->pending) && !cf_done(scene->pending));
    CHILD_ASSERT(strcmp(cf_result(scene->finished, NULL), "BR") == 0);
    CHILD_ASSERT(strcmp(cf_input(scene->finished, NULL), "BR") == 0);
    CHILD_ASSERT(cf_error_of(scene->failed)->code == -7);
    CHILD_ASSERT(cf_error_of(scene->cancelled)->why == CF_CANCELLED);
    CHILD_ASSERT(cf_describe(scene->pending, text, sizeof text) > 0);
    CHILD_ASSERT(strcmp(text, "<future twice pending>") == 0);
    CHILD_ASSERT(cf_version() != NULL && cf_cpu_count() > 0);
}

TEST(in_a_forked_child_futures_can_be_asked_and_the_done_ones_read)
{
    struct scene scene = set_scene();

    child_assert(ask_futures, &scene);
    strike_scene(&scene);
}

static bool
refused_for_fork(struct cf_future *future)
{
    const struct cf_error *error = cf_error_of(future);

    return error != NULL && error->why == CF_REFUSED && error->code == ECHILD;
}

static void
submit_and_cancel(void *data)
{
    struct scene *scene = data;
    int number = 1;

    struct cf_future *future = cf_submit(scene->pool, &task_twice, &number, sizeof number);
    CHILD_ASSERT(cf_done(future) && refused_for_fork(future));
    cf_release(future);
    future = cf_try_submit(scene->pool, &task_twice, &number, sizeof number);
    CHILD_ASSERT(cf_done(future) && refused_for_fork(future));
    cf_release(future);
    future = cf_submit(scene->pool, NULL, NULL, 0);
    CHILD_ASSERT(refused_for_fork(future));
    cf_release(future);
    CHILD_ASSERT(!cf_cancel(scene->pending));
    CHILD_ASSERT(!cf_cancel(scene->running));
    CHILD_ASSERT(cf_cancel(scene->cancelled));
    CHILD_ASSERT(!cf_done(scene->pending));
}

TEST(a_forked_child_can_neither_submit_nor_cancel)
{
    struct scene scene = set_scene();

    child_assert(submit_and_cancel, &scene);
    strike_scene(&scene);
}

static void
wait_in_vain(void *data)
{
    struct scene *scene = data;
    struct cf_future *futures[] = { scene->running, scene->finished, scene->pending };
    size_t done = 99;

    CHILD_ASSERT(cf_result(scene->running, NULL) == NULL);
    CHILD_ASSERT(refused_for_fork(scene->running));
    CHILD_ASSERT(cf_result(scene->pending, NULL) == NULL);
    CHILD_ASSERT(refused_for_fork(scene->pending));
    CHILD_ASSERT(cf_wait(futures, 3, CF_ALL_COMPLETED, CF_NEVER, &done) == CF_FORKED);
    CHILD_ASSERT(done == 1 && futures[0] == scene->finished && futures[1] == scene->running);
    CHILD_ASSERT(cf_wait(futures, 1, CF_ALL_COMPLETED, CF_NEVER, &done) == CF_OK);
    CHILD_ASSERT(cf_wait(&scene->running, 1, CF_ALL_COMPLETED, cf_after(0.01), NULL) == CF_FORKED);
}

TEST(in_a_forked_child_waiting_ends_at_once)
{
    struct scene scene = set_scene();

    child_assert(wait_in_vain, &scene);
    strike_scene(&scene);
}

static void
use_promise(void *data)
{
    struct scene *scene = data;
    struct cf_iter *iter = cf_as_completed(&scene->promise, 1, CF_NEVER);

    CHILD_ASSERT(!cf_done(scene->promise));
    CHILD_ASSERT(cf_result(scene->promise, NULL) == NULL);
    CHILD_ASSERT(refused_for_fork(scene->promise));
    CHILD_ASSERT(cf_wait(&scene->promise, 1, CF_ALL_COMPLETED, CF_NEVER, NULL) == CF_FORKED);
    CHILD_ASSERT(cf_next(iter) == NULL && cf_status(iter) == CF_FORKED);
    cf_iter_free(iter);
    CHILD_ASSERT(!cf_cancel(scene->promise));
    CHILD_ASSERT(!cf_settle(scene->promise, "child", 6) || strcmp(cf_result(scene->promise, NULL), "child") == 0);
}

TEST(in_a_forked_child_nobody_waits_for_the_parents_promise_and_settling_it_stays_there)
{
    struct scene scene = set_scene();

    child_assert(use_promise, &scene);
    ck_assert(!cf_done(scene.promise));
    ck_assert(cf_settle(scene.promise, "parent", 7));
    ck_assert_str_eq(cf_result(scene.promise, NULL), "parent");
    strike_scene(&scene);
}

static void
iterate_in_vain(void *data)
{
    struct scene *scene = data;
    struct cf_future *futures[] = { scene->pending, scene->failed };

    CHILD_ASSERT(cf_next(scene->iter) == scene->finished);
    CHILD_ASSERT(cf_next(scene->iter) == NULL && cf_status(scene->iter) == CF_FORKED);
    cf_iter_free(scene->iter);
    struct cf_iter *iter = cf_as_completed(futures, 2, CF_NEVER);
    CHILD_ASSERT(cf_next(iter) == scene->failed);
    CHILD_ASSERT(cf_next(iter) == NULL && cf_status(iter) == CF_FORKED);
    CHILD_ASSERT(cf_remaining(iter, NULL) == 1);
    cf_iter_free(iter);
    const int numbers[] = { 1, 2 };
    iter = cf_map(scene->pool, &task_twice, numbers, 2, sizeof *numbers, NULL);
    for (int i = 0; i < 2; i++)
        CHILD_ASSERT(refused_for_fork(cf_next(iter)));
    CHILD_ASSERT(cf_next(iter) == NULL && cf_status(iter) == CF_END);
    cf_iter_free(iter);
}

TEST(in_a_forked_child_iterators_yield_what_is_done)
{
    struct scene scene = set_scene();

    child_assert(iterate_in_vain, &scene);
    strike_scene(&scene);
}

static void
shut_down(void *data)
{
    struct scene *scene = data;
    size_t fds = asserts_fds();

    CHILD_ASSERT(cf_shutdown(scene->pool, CF_WAIT) == -1 && errno == ECHILD);
    CHILD_ASSERT(asserts_fds() == fds - 1);
    CHILD_ASSERT(cf_shutdown(scene->pool, CF_CANCEL | CF_KILL | CF_WAIT) == -1 && errno == ECHILD);
    CHILD_ASSERT(asserts_fds() == fds - 1);
    CHILD_ASSERT(!cf_done(scene->pending));
}

TEST(in_a_forked_child_shutdown_closes_descriptors_and_nothing_else)
{
    struct scene scene = set_scene();

    child_assert(shut_down, &scene);
    strike_scene(&scene);
}

static void
close_pool(void *data)
{
    struct scene *scene = data;
    size_t fds = asserts_fds();

    CHILD_ASSERT(cf_close(scene->pool) == -1);
    CHILD_ASSERT(asserts_fds() == fds - 1);
    CHILD_ASSERT(strcmp(cf_result(scene->finished, NULL), "BR") == 0);
    CHILD_ASSERT(!cf_done(scene->pending));
    cf_iter_free(scene->iter);
    cf_release(scene->finished);
    cf_release(scene->failed);
    cf_release(scene->cancelled);
    cf_release(scene->running);
    cf_release(scene->pending);
    cf_release(scene->promise);
}

TEST(in_a_forked_child_close_closes_descriptors_and_futures_can_be_released)
{
    struct scene scene = set_scene();

    child_assert(close_pool, &scene);
    strike_scene(&scene);
}

static void
interrupt(void *data)
{
    cf_interrupt(((struct scene *)data)->pool);
}

TEST(an_interrupt_in_a_forked_child_does_not_reach_the_parent)
{
    struct cf_executor *pool = tasks_pool(1);
    struct stage *stage = stage_new();
    struct scene scene = { .pool = pool };
    struct cf_future *patient = cf_submit(pool, &task_patient, stage->name, sizeof stage->name);

    latch_await(&stage->started, 1);
    child_assert(interrupt, &scene);
    ck_assert_int_eq(cf_wait(&patient, 1, CF_ALL_COMPLETED, cf_after(0.1), NULL), CF_TIMEOUT);
    struct cf_future *next = tasks_submit_int(pool, &task_twice, 1);
    ck_assert(!cf_done(next));
    cf_interrupt(pool);
    ck_assert_ptr_nonnull(cf_result(patient, NULL));
    asserts_error(next, CF_CANCELLED);
    cf_release(patient);
    cf_release(next);
    cf_close(pool);
}

static void
remove_callbacks(void *data)
{
    struct scene *scene = data;

    CHILD_ASSERT(!cf_remove_on_done(scene->running, callbacks_hold, scene->stage));
    CHILD_ASSERT(!cf_remove_on_done(scene->pending, callbacks_hold, scene->stage));
}

TEST(in_a_forked_child_a_callback_that_runs_in_the_parent_is_not_waited_for)
{
    struct scene scene = set_scene();

    cf_on_done(scene.running, callbacks_hold, scene.stage);
    latch_raise(&scene.stage->go);
    latch_await(&scene.stage->of[0], 1);
    child_assert(remove_callbacks, &scene);
    latch_raise(&scene.stage->of[1]);
    strike_scene(&scene);
}

TEST(a_forked_child_may_have_pools_of_its_own)
{
    child_needs_threads();
    struct scene scene = set_scene();

    child_assert(child_use_pool, NULL);
    strike_scene(&scene);
}

static void
fork_again(void *data)
{
    child_assert(ask_futures, data);
    child_assert(submit_and_cancel, data);
    child_assert(child_use_pool, NULL);
}

TEST(the_same_holds_for_the_child_of_a_child)
{
    child_needs_threads();
    struct scene scene = set_scene();

    child_assert(fork_again, &scene);
    strike_scene(&scene);
}

static void
use_inline(void *data)
{
    int number = 4;
    struct cf_future *future = cf_submit(data, &task_twice, &number, sizeof number);

    CHILD_ASSERT(refused_for_fork(future));
    cf_release(future);
    CHILD_ASSERT(cf_close(data) == -1);
}

TEST(an_inline_executor_is_frozen_too)
{
    struct cf_executor *pool = cf_inline_pool(NULL);

    ck_assert_int_eq(asserts_take_int(tasks_submit_int(pool, &task_twice, 1)), 2);
    child_assert(use_inline, pool);
    ck_assert_int_eq(asserts_take_int(tasks_submit_int(pool, &task_twice, 1)), 2);
    ck_assert_int_eq(cf_close(pool), 0);
}

/* A call that is done while those who wait for it have not been told. */
struct untold {
    struct stage *stage;
    struct cf_iter *iter;
    struct cf_future *call;
};

static void
linger_at_the_end(const struct cf_event *event, void *data)
{
    struct stage *stage = data;

    if (event->type != CF_EVENT_ENDED)
        return;
    latch_raise(&stage->of[0]);
    latch_await(&stage->of[1], 1);
}

static void
take_the_untold(void *data)
{
    const struct untold *untold = data;

    CHILD_ASSERT(cf_done(untold->call));
    CHILD_ASSERT(cf_next(untold->iter) != NULL);
    CHILD_ASSERT(cf_next(untold->iter) == NULL && cf_status(untold->iter) == CF_END);
}

TEST(in_a_forked_child_iterators_yield_what_was_done_and_not_told)
{
    struct untold untold = { .stage = stage_new() };
    struct cf_executor *pool = cf_thread_pool(
        &(struct cf_options){ .max_workers = 1, .observe = linger_at_the_end, .observe_arg = untold.stage });

    untold.call = tasks_start_holding(pool, untold.stage, 1);
    untold.iter = cf_as_completed(&untold.call, 1, CF_NEVER);
    latch_raise(&untold.stage->go);
    latch_await(&untold.stage->of[0], 1);
    child_assert(take_the_untold, &untold);
    latch_raise(&untold.stage->of[1]);
    cf_iter_free(untold.iter);
    cf_release(untold.call);
    ck_assert_int_eq(cf_close(pool), 0);
}

static void
leave(void *unused)
{
    (void)unused;
    exit(0);
}

TEST(a_forked_child_may_exit_without_closing_anything)
{
    struct scene scene = set_scene();

    child_assert(leave, NULL);
    strike_scene(&scene);
}

static const TTest **const tests[] = {
    &in_a_forked_child_futures_can_be_asked_and_the_done_ones_read,
    &a_forked_child_can_neither_submit_nor_cancel,
    &in_a_forked_child_waiting_ends_at_once,
    &in_a_forked_child_nobody_waits_for_the_parents_promise_and_settling_it_stays_there,
    &in_a_forked_child_iterators_yield_what_is_done,
    &in_a_forked_child_iterators_yield_what_was_done_and_not_told,
    &in_a_forked_child_shutdown_closes_descriptors_and_nothing_else,
    &in_a_forked_child_close_closes_descriptors_and_futures_can_be_released,
    &an_interrupt_in_a_forked_child_does_not_reach_the_parent,
    &in_a_forked_child_a_callback_that_runs_in_the_parent_is_not_waited_for,
    &a_forked_child_may_have_pools_of_its_own,
    &the_same_holds_for_the_child_of_a_child,
    &an_inline_executor_is_frozen_too,
    &a_forked_child_may_exit_without_closing_anything,
    NULL,
};

int
main(void)
{
    return asserts_main("fork", tests);
}
