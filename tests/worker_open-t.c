/* SPDX-License-Identifier: MIT */
/* worker_open-t.c - what the workers of thread pools keep between calls: opening and closing it. */

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "asserts.h"
#include "tasks.h"

#define WORKERS 4

/* What a worker keeps: which it is, in which thread, and how many calls it has served. */
struct keep {
    struct stage *stage;
    pthread_t thread;
    uint32_t number;
};

static int
open_keep(struct cf_call *call, void **local, const void *worker_arg)
{
    struct keep *keep = calloc(1, sizeof *keep);

    ck_assert_ptr_nonnull(keep);
    ck_assert_int_eq(strncmp(cf_worker(call), "thread ", 7), 0);
    keep->stage = *(struct stage *const *)worker_arg;
    keep->thread = pthread_self();
    keep->number = latch_raise(&keep->stage->opened);
    *local = keep;
    return 0;
}

static void
close_keep(void *local)
{
    struct keep *keep = local;

    ck_assert(pthread_equal(keep->thread, pthread_self()));
    latch_raise(&keep->stage->closed);
    free(keep);
}

static int
use_keep(struct cf_call *call)
{
    struct keep *keep = cf_local(call);
    int number = (int)keep->number;

    ck_assert(pthread_equal(keep->thread, pthread_self()));
    latch_raise(&keep->stage->started);
    latch_await(&keep->stage->go, 1);
    return cf_return(call, &number, sizeof number);
}
static const struct cf_task task_use_keep = { "use_keep", use_keep };

TEST(each_worker_keeps_something_of_its_own_from_open_to_close)
{
    struct stage *stage = stage_new();
    struct cf_executor *pool = cf_thread_pool(&(struct cf_options){
        .max_workers = WORKERS, .open_worker = open_keep, .close_worker = close_keep, .worker_arg = &stage });
    struct cf_future *futures[WORKERS * 3];
    bool seen[WORKERS] = { false };

    for (int i = 0; i < WORKERS * 3; i++)
        futures[i] = cf_submit(pool, &task_use_keep, NULL, 0);
    latch_await(&stage->started, WORKERS);
    ck_assert_uint_eq(latch_count(&stage->opened), WORKERS);
    latch_raise(&stage->go);
    for (int i = 0; i < WORKERS * 3; i++)
        seen[asserts_take_int(futures[i])] = true;
    for (int i = 0; i < WORKERS; i++)
        ck_assert(seen[i]);
    ck_assert_uint_eq(latch_count(&stage->closed), 0);
    ck_assert_int_eq(cf_close(pool), 0);
    ck_assert_uint_eq(latch_count(&stage->opened), WORKERS);
    ck_assert_uint_eq(latch_count(&stage->closed), WORKERS);
}

TEST(a_pool_that_served_no_call_opens_no_worker)
{
    struct stage *stage = stage_new();
    struct cf_executor *pool = cf_thread_pool(&(struct cf_options){
        .max_workers = WORKERS, .open_worker = open_keep, .close_worker = close_keep, .worker_arg = &stage });

    ck_assert_int_eq(cf_close(pool), 0);
    ck_assert_uint_eq(latch_count(&stage->opened), 0);
}

/* The first worker opens, the second one fails. */
static int
open_but_one(struct cf_call *call, void **local, const void *worker_arg)
{
    struct stage *stage = *(struct stage *const *)worker_arg;

    *local = stage;
    if (latch_raise(&stage->opened) == 0)
        return 0;
    return cf_raise(call, "open", 2, "the second one fails");
}

static void
close_but_one(void *local)
{
    latch_raise(&((struct stage *)local)->closed);
}

TEST(a_later_worker_that_fails_to_open_breaks_the_pool_but_not_what_runs)
{
    struct stage *stage = stage_new();
    struct cf_executor *pool = cf_thread_pool(&(struct cf_options){
        .max_workers = 2, .open_worker = open_but_one, .close_worker = close_but_one, .worker_arg = &stage });
    struct cf_future *running = tasks_start_holding(pool, stage, 7);
    struct cf_future *futures[5];

    for (int i = 0; i < 5; i++)
        futures[i] = tasks_submit_int(pool, &task_twice, i);
    for (int i = 0; i < 5; i++) {
        ck_assert_int_eq(asserts_error(futures[i], CF_BROKEN)->code, 2);
        cf_release(futures[i]);
    }
    ck_assert(cf_running(running));
    latch_raise(&stage->go);
    ck_assert_int_eq(asserts_take_int(running), 7);
    ck_assert_int_eq(cf_close(pool), -1);
    ck_assert_int_eq(errno, EPIPE);
    ck_assert_uint_eq(latch_count(&stage->opened), 2);
    ck_assert_uint_eq(latch_count(&stage->closed), 1);
}

/* The first worker opens at once, the second one when it is told to. */
static int
open_slowly(struct cf_call *call, void **local, const void *worker_arg)
{
    struct stage *stage = *(struct stage *const *)worker_arg;

    (void)call;
    *local = NULL;
    if (latch_raise(&stage->opened) > 0)
        latch_await(&stage->of[0], 1);
    return 0;
}

TEST(a_worker_that_takes_long_to_open_holds_up_no_other)
{
    struct stage *stage = stage_new();
    struct cf_executor *pool =
        cf_thread_pool(&(struct cf_options){ .max_workers = 2, .open_worker = open_slowly, .worker_arg = &stage });
    struct cf_future *first = tasks_start_holding(pool, stage, 0);
    struct cf_future *second = tasks_submit_int(pool, &task_twice, 1);

    latch_await(&stage->opened, 2);
    latch_raise(&stage->go);
    ck_assert_int_eq(asserts_take_int(second), 2);
    for (int i = 0; i < 10; i++) {
        asserts_sleep(0.05); /* the worker falls asleep */
        ck_assert_int_eq(asserts_take_int(tasks_submit_int(pool, &task_twice, i)), 2 * i);
    }
    latch_raise(&stage->of[0]);
    cf_release(first);
    ck_assert_int_eq(cf_close(pool), 0);
}

/* Each worker waits in opening until all are there. */
static int
open_together(struct cf_call *call, void **local, const void *worker_arg)
{
    struct stage *stage = *(struct stage *const *)worker_arg;

    (void)call;
    *local = NULL;
    latch_raise(&stage->opened);
    latch_await(&stage->opened, WORKERS);
    return 0;
}

TEST(workers_open_at_the_same_time)
{
    struct stage *stage = stage_new();
    struct cf_executor *pool = cf_thread_pool(
        &(struct cf_options){ .max_workers = WORKERS, .open_worker = open_together, .worker_arg = &stage });
    struct cf_future *futures[WORKERS];

    for (int i = 0; i < WORKERS; i++)
        futures[i] = tasks_submit_int(pool, &task_twice, i);
    for (int i = 0; i < WORKERS; i++)
        ck_assert_int_eq(asserts_take_int(futures[i]), 2 * i);
    ck_assert_int_eq(cf_close(pool), 0);
}

static struct cf_executor *own_pool;

/* What would wait for the worker that is being opened, or closed, is told so. */
static int
open_and_wait(struct cf_call *call, void **local, const void *worker_arg)
{
    struct stage *stage = *(struct stage *const *)worker_arg;
    struct cf_future *own = cf_submit(own_pool, &task_local, NULL, 0);
    const struct cf_error *error = cf_error_of(own);

    (void)call;
    ck_assert(error != NULL && error->why == CF_REFUSED && error->code == EDEADLK);
    ck_assert_int_eq(cf_wait(&own, 1, CF_ALL_COMPLETED, CF_NEVER, NULL), CF_DEADLOCK);
    ck_assert_int_eq(cf_shutdown(own_pool, CF_WAIT), -1);
    ck_assert_int_eq(errno, EDEADLK);
    cf_release(own);
    *local = stage;
    return 0;
}

static void
wait_and_close(void *local)
{
    struct stage *stage = local;

    ck_assert_int_eq(cf_shutdown(own_pool, CF_WAIT), -1);
    ck_assert_int_eq(errno, EDEADLK);
    latch_raise(&stage->closed);
}

TEST(opening_and_closing_a_worker_cannot_wait_for_it)
{
    struct stage *stage = stage_new();

    own_pool = cf_thread_pool(&(struct cf_options){
        .max_workers = 1, .open_worker = open_and_wait, .close_worker = wait_and_close, .worker_arg = &stage });
    struct cf_future *future = cf_submit(own_pool, &task_local, NULL, 0);
    const uintptr_t *local = cf_result(future, NULL);

    ck_assert_uint_eq(*local, (uintptr_t)stage);
    cf_release(future);
    ck_assert_int_eq(cf_close(own_pool), 0);
    ck_assert_uint_eq(latch_count(&stage->closed), 1);
}

static int
open_with_a_result(struct cf_call *call, void **local, const void *worker_arg)
{
    (void)worker_arg;
    *local = NULL;
    return cf_return(call, "ignored", 8);
}

TEST(what_open_worker_returns_besides_0_is_forgotten)
{
    struct cf_executor *pool = cf_thread_pool(&(struct cf_options){ .open_worker = open_with_a_result });
    struct cf_future *future = cf_submit(pool, &task_echo, "BR", 3);

    ck_assert_str_eq(cf_result(future, NULL), "BR");
    cf_release(future);
    ck_assert_int_eq(cf_close(pool), 0);
}

TEST(the_options_are_copied)
{
    struct stage *stage = stage_new();
    struct cf_options *options = malloc(sizeof *options);

    *options = (struct cf_options){
        .max_workers = 1, .open_worker = open_keep, .close_worker = close_keep, .worker_arg = &stage
    };
    struct cf_executor *pool = cf_thread_pool(options);
    memset(options, 0xff, sizeof *options);
    free(options);
    latch_raise(&stage->go);
    ck_assert_int_eq(asserts_take_int(cf_submit(pool, &task_use_keep, NULL, 0)), 0);
    ck_assert_int_eq(cf_close(pool), 0);
}

static const TTest **const tests[] = {
    &each_worker_keeps_something_of_its_own_from_open_to_close,
    &a_pool_that_served_no_call_opens_no_worker,
    &a_later_worker_that_fails_to_open_breaks_the_pool_but_not_what_runs,
    &a_worker_that_takes_long_to_open_holds_up_no_other,
    &workers_open_at_the_same_time,
    &opening_and_closing_a_worker_cannot_wait_for_it,
    &what_open_worker_returns_besides_0_is_forgotten,
    &the_options_are_copied,
    NULL,
};

int
main(void)
{
    return asserts_main("worker_open", tests);
}
