/* SPDX-License-Identifier: MIT */
/*
 * fork-t.c - what a forked child sees of its parent's thread pools: futures that stand still, and refusals.
 *
 * What the child asserts it tells by its exit status, because the test runner listens to the parent.
 */

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "asserts.h"
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

/* In the child: end with the number of the line unless it holds; only so much of it fits into an exit status. */
#define CHILD_ASSERT(condition)                                                                                        \
    do {                                                                                                               \
        if (!(condition)) {                                                                                            \
            dprintf(STDERR_FILENO, "child, line %d: %s\n", __LINE__, #condition);                                      \
            _exit(1);                                                                                                  \
        }                                                                                                              \
    } while (0)

/* Run act(data) in a forked child, which has a time limit of its own, and fail unless it returns. */
static void
in_child(void (*act)(void *), void *data)
{
    int status;
    pid_t child = fork();

    ck_assert_int_ge(child, 0);
    if (child == 0) {
        alarm(tap_sanitized() ? 10 * TAP_TIMEOUT : TAP_TIMEOUT);
        act(data);
        _exit(0);
    }
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_msg(status == 0, "the child ended with status %#x", (unsigned)status);
}

#define NO_THREADS_IN_CHILDREN "ThreadSanitizer knows no threads in the child of a process with threads"

/* Skip the test if memory is allocated under locks that are not made for a fork while other threads hold them. */
static void
need_forks_at_any_moment(void)
{
    if (tap_sanitized())
        tap_skip("the locks of a sanitizer's allocator do not survive a fork");
}

/* The same in one child after another: many of them, unless the machine is slow or busy. */
static void
in_children_for_a_while(void (*act)(void *))
{
    const double end = asserts_now() + 1.5;
    int children = 0;

    do
        in_child(act, NULL);
    while (++children < 200 && asserts_now() < end);
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

    in_child(ask_futures, &scene);
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

    in_child(submit_and_cancel, &scene);
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

    in_child(wait_in_vain, &scene);
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

    in_child(use_promise, &scene);
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

    in_child(iterate_in_vain, &scene);
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

    in_child(shut_down, &scene);
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

    in_child(close_pool, &scene);
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
    in_child(interrupt, &scene);
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

/* A callback that runs in the parent as long as that likes. */
static void
hold(struct cf_future *future, void *data)
{
    struct stage *stage = data;

    (void)future;
    latch_raise(&stage->of[0]);
    latch_await(&stage->of[1], 1);
}

static void
remove_callbacks(void *data)
{
    struct scene *scene = data;

    CHILD_ASSERT(!cf_remove_on_done(scene->running, hold, scene->stage));
    CHILD_ASSERT(!cf_remove_on_done(scene->pending, hold, scene->stage));
}

TEST(in_a_forked_child_a_callback_that_runs_in_the_parent_is_not_waited_for)
{
    struct scene scene = set_scene();

    cf_on_done(scene.running, hold, scene.stage);
    latch_raise(&scene.stage->go);
    latch_await(&scene.stage->of[0], 1);
    in_child(remove_callbacks, &scene);
    latch_raise(&scene.stage->of[1]);
    strike_scene(&scene);
}

static void
use_own_pool(void *unused)
{
    (void)unused;
    struct cf_executor *pool = cf_thread_pool(&(struct cf_options){ .max_workers = 2 });

    CHILD_ASSERT(pool != NULL);
    for (int i = 0; i < 20; i++) {
        struct cf_future *future = cf_submit(pool, &task_twice, &i, sizeof i);
        const int *result = cf_result(future, NULL);
        CHILD_ASSERT(result != NULL && *result == 2 * i);
        cf_release(future);
    }
    CHILD_ASSERT(cf_close(pool) == 0);
    struct cf_future *promise = cf_promise();
    CHILD_ASSERT(cf_settle(promise, "x", 2) && strcmp(cf_result(promise, NULL), "x") == 0);
    cf_release(promise);
}

TEST(a_forked_child_may_have_pools_of_its_own)
{
    asserts_no_thread_sanitizer(NO_THREADS_IN_CHILDREN);
    struct scene scene = set_scene();

    in_child(use_own_pool, NULL);
    strike_scene(&scene);
}

/* Makes and uses futures without end, so that a fork finds the library at any instruction. */
struct busybody {
    pthread_t thread;
    struct cf_executor *pool;
    struct stage *stage;
};

static void *
be_busy(void *data)
{
    struct busybody *busybody = data;

    while (latch_count(&busybody->stage->of[0]) == 0) {
        struct cf_future *futures[4];
        for (int i = 0; i < 4; i++)
            futures[i] = tasks_submit_int(busybody->pool, &task_twice, i);
        cf_cancel(futures[3]);
        cf_wait(futures, 4, CF_ALL_COMPLETED, CF_NEVER, NULL);
        for (int i = 0; i < 4; i++)
            cf_release(futures[i]);
    }
    return NULL;
}

TEST(a_fork_at_any_moment_leaves_the_child_able_to_use_pools)
{
    need_forks_at_any_moment();
    struct stage *stage = stage_new();
    struct busybody busybodies[2];

    for (int i = 0; i < 2; i++) {
        busybodies[i] = (struct busybody){ .pool = tasks_pool(2), .stage = stage };
        ck_assert_int_eq(pthread_create(&busybodies[i].thread, NULL, be_busy, &busybodies[i]), 0);
    }
    in_children_for_a_while(use_own_pool);
    latch_raise(&stage->of[0]);
    for (int i = 0; i < 2; i++) {
        pthread_join(busybodies[i].thread, NULL);
        ck_assert_int_eq(cf_close(busybodies[i].pool), 0);
    }
}

static const struct cf_task task_fork_or_nest;

static void
ignore(struct cf_future *future, void *unused)
{
    (void)future;
    (void)unused;
}

/* More promises with callbacks than a thread keeps memory for: they go through every lock that there is for them. */
static void
make_promises(void *unused)
{
    struct cf_future *promises[300];

    for (int i = 0; i < 300; i++) {
        promises[i] = cf_promise();
        cf_on_done(promises[i], ignore, unused);
    }
    for (int i = 0; i < 300; i++) {
        cf_cancel(promises[i]);
        cf_release(promises[i]);
    }
}

static void *
make_promises_busily(void *data)
{
    struct stage *stage = data;

    while (latch_count(&stage->of[0]) == 0)
        make_promises(NULL);
    return NULL;
}

TEST(a_fork_at_any_moment_leaves_the_child_able_to_use_promises)
{
    need_forks_at_any_moment();
    struct stage *stage = stage_new();
    pthread_t threads[3];

    for (int i = 0; i < 3; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, make_promises_busily, stage), 0);
    in_children_for_a_while(make_promises);
    latch_raise(&stage->of[0]);
    for (int i = 0; i < 3; i++)
        pthread_join(threads[i], NULL);
}

static int
fork_in_task(struct cf_call *call)
{
    int status = -1;
    pid_t child = fork();

    if (child == 0) {
        alarm(tap_sanitized() ? 10 * TAP_TIMEOUT : TAP_TIMEOUT);
        use_own_pool(NULL);
        _exit(0);
    }
    if (child < 0 || waitpid(child, &status, 0) != child)
        return cf_raise(call, "fork", 1, "no child");
    return cf_return(call, &status, sizeof status);
}
static const struct cf_task task_fork = { "fork", fork_in_task };

TEST(a_task_may_fork)
{
    asserts_no_thread_sanitizer(NO_THREADS_IN_CHILDREN);
    struct cf_executor *pool = tasks_pool(1);

    ck_assert_int_eq(asserts_take_int(cf_submit(pool, &task_fork, NULL, 0)), 0);
    cf_close(pool);
}

static struct cf_executor *forking_pool;

/* Has another task of the same pool wait for it, which has the library look for circles, and forks meanwhile. */
static int
fork_or_nest(struct cf_call *call)
{
    int n = *(const int *)cf_arg(call, NULL);

    if (n == 0)
        return fork_in_task(call);
    struct cf_future *inner = tasks_submit_int(forking_pool, &task_fork_or_nest, n % 20 == 1 ? 0 : n - 1);
    cf_result(inner, NULL);
    cf_release(inner);
    return cf_return(call, &(int){ 0 }, sizeof(int));
}
static const struct cf_task task_fork_or_nest = { "fork_or_nest", fork_or_nest };

TEST(tasks_may_fork_while_others_wait_for_each_other)
{
    need_forks_at_any_moment();
    struct cf_future *futures[40];

    forking_pool = tasks_pool(4);
    for (int i = 0; i < 40; i++)
        futures[i] = tasks_submit_int(forking_pool, &task_fork_or_nest, 20);
    for (int i = 0; i < 40; i++)
        ck_assert_int_eq(asserts_take_int(futures[i]), 0);
    cf_close(forking_pool);
}

static void
fork_again(void *data)
{
    in_child(ask_futures, data);
    in_child(submit_and_cancel, data);
    in_child(use_own_pool, NULL);
}

TEST(the_same_holds_for_the_child_of_a_child)
{
    asserts_no_thread_sanitizer(NO_THREADS_IN_CHILDREN);
    struct scene scene = set_scene();

    in_child(fork_again, &scene);
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
    in_child(use_inline, pool);
    ck_assert_int_eq(asserts_take_int(tasks_submit_int(pool, &task_twice, 1)), 2);
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

    in_child(leave, NULL);
    strike_scene(&scene);
}

static const TTest **const tests[] = {
    &in_a_forked_child_futures_can_be_asked_and_the_done_ones_read,
    &a_forked_child_can_neither_submit_nor_cancel,
    &in_a_forked_child_waiting_ends_at_once,
    &in_a_forked_child_nobody_waits_for_the_parents_promise_and_settling_it_stays_there,
    &in_a_forked_child_iterators_yield_what_is_done,
    &in_a_forked_child_shutdown_closes_descriptors_and_nothing_else,
    &in_a_forked_child_close_closes_descriptors_and_futures_can_be_released,
    &an_interrupt_in_a_forked_child_does_not_reach_the_parent,
    &in_a_forked_child_a_callback_that_runs_in_the_parent_is_not_waited_for,
    &a_forked_child_may_have_pools_of_its_own,
    &a_fork_at_any_moment_leaves_the_child_able_to_use_pools,
    &a_fork_at_any_moment_leaves_the_child_able_to_use_promises,
    &a_task_may_fork,
    &tasks_may_fork_while_others_wait_for_each_other,
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
