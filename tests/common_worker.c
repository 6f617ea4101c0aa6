/* SPDX-License-Identifier: MIT */
/* common_worker.c - the common table: what a worker keeps between calls, and executors that break for lack of it. */

#include <errno.h>
#include <string.h>

#include "asserts.h"
#include "kinds.h"
#include "tasks.h"

TEST(open_worker_runs_once_before_the_first_call)
{
    struct stage *stage = stage_new();
    struct cf_executor *pool = kind->open(
        &(struct cf_options){ .max_workers = 1, .open_worker = tasks_open_worker, .worker_arg = stage->name });

    ck_assert_ptr_nonnull(pool);
    for (int i = 0; i < 3; i++) {
        struct cf_future *future = cf_submit(pool, &task_local, NULL, 0);
        const uintptr_t *local = cf_result(future, NULL);

        ck_assert_ptr_nonnull(local);
        ck_assert_uint_eq(*local, 1);
        cf_release(future);
    }
    ck_assert_uint_eq(latch_count(&stage->opened), 1);
    cf_close(pool);
    ck_assert_uint_eq(latch_count(&stage->opened), 1);
}

/* A connection to a stage, as far as close_worker() can know it. */
static int
open_stage(struct cf_call *call, void **local, const void *worker_arg)
{
    size_t len = 99;

    ck_assert_ptr_nonnull(cf_arg(call, &len));
    ck_assert_uint_eq(len, 0);
    *local = stage_find(worker_arg);
    if (*local == NULL)
        return cf_raise(call, "open", 1, "no stage");
    latch_raise(&((struct stage *)*local)->opened);
    return 0;
}

static void
close_stage(void *local)
{
    latch_raise(&((struct stage *)local)->closed);
}

TEST(close_worker_runs_after_the_last_call)
{
    struct stage *stage = stage_new();
    struct cf_executor *pool = kind->open(&(struct cf_options){
        .max_workers = 3, .open_worker = open_stage, .close_worker = close_stage, .worker_arg = stage->name });
    struct cf_future *futures[30];

    for (int i = 0; i < 30; i++)
        futures[i] = tasks_submit_int(pool, &task_twice, i);
    for (int i = 0; i < 30; i++)
        ck_assert_int_eq(asserts_take_int(futures[i]), 2 * i);
    ck_assert_uint_eq(latch_count(&stage->closed), 0);
    cf_close(pool);
    ck_assert_uint_ge(latch_count(&stage->opened), 1);
    ck_assert_uint_le(latch_count(&stage->opened), 3);
    ck_assert_uint_eq(latch_count(&stage->closed), latch_count(&stage->opened));
}

static int
refuse_to_open(struct cf_call *call, void **local, const void *worker_arg)
{
    struct stage *stage = stage_find(worker_arg);

    *local = NULL;
    if (stage != NULL)
        latch_raise(&stage->opened);
    return cf_raise(call, "database", 42, "no connection to the %s", "database");
}

static void
assert_broken(struct cf_future *future)
{
    const struct cf_error *error = asserts_error(future, CF_BROKEN);

    ck_assert_str_eq(error->domain, "database");
    ck_assert_int_eq(error->code, 42);
    ck_assert_ptr_nonnull(strstr(error->message, "no connection to the database"));
}

TEST(an_open_worker_that_fails_breaks_the_executor_and_every_future_says_why)
{
    struct stage *stage = stage_new();
    struct cf_executor *pool = kind->open(&(struct cf_options){
        .max_workers = 2, .open_worker = refuse_to_open, .close_worker = close_stage, .worker_arg = stage->name });
    struct cf_future *futures[20];

    for (int i = 0; i < 20; i++)
        futures[i] = tasks_submit_int(pool, &task_twice, i);
    for (int i = 0; i < 20; i++)
        assert_broken(futures[i]);
    for (int i = 0; i < 20; i++)
        cf_release(futures[i]);
    struct cf_future *late = tasks_submit_int(pool, &task_twice, 1);
    ck_assert(cf_done(late));
    assert_broken(late);
    cf_release(late);
    ck_assert_int_eq(cf_shutdown(pool, CF_WAIT), -1);
    ck_assert_int_eq(errno, EPIPE);
    ck_assert_int_eq(cf_close(pool), -1);
    ck_assert_uint_ge(latch_count(&stage->opened), 1);
    ck_assert_uint_le(latch_count(&stage->opened), 2);
    ck_assert_uint_eq(latch_count(&stage->closed), 0);
}

static int
fail_with_a_number(struct cf_call *call, void **local, const void *worker_arg)
{
    (void)call;
    (void)local;
    (void)worker_arg;
    return 9;
}

TEST(an_open_worker_that_fails_without_raising_breaks_the_executor_too)
{
    struct cf_executor *pool = kind->open(&(struct cf_options){ .max_workers = 1, .open_worker = fail_with_a_number });
    struct cf_future *future = tasks_submit_int(pool, &task_twice, 1);

    ck_assert_int_eq(asserts_error(future, CF_BROKEN)->code, 9);
    cf_release(future);
    ck_assert_int_eq(cf_close(pool), -1);
}

TEST(a_map_on_a_broken_executor_says_so_for_each_item)
{
    struct stage *stage = stage_new();
    struct cf_executor *pool =
        kind->open(&(struct cf_options){ .max_workers = 2, .open_worker = refuse_to_open, .worker_arg = stage->name });
    const int numbers[] = { 1, 2, 3, 4, 5 };

    struct cf_iter *iter = cf_map(pool, &task_twice, numbers, 5, sizeof *numbers, NULL);
    for (int i = 0; i < 5; i++) {
        struct cf_future *future = cf_next(iter);
        ck_assert_ptr_nonnull(future);
        assert_broken(future);
    }
    asserts_ends(iter, CF_END);
    cf_iter_free(iter);
    ck_assert_int_eq(cf_close(pool), -1);
}

TEST(a_broken_executor_refuses_as_broken_before_as_shut_down)
{
    struct stage *stage = stage_new();
    struct cf_executor *pool =
        kind->open(&(struct cf_options){ .max_workers = 1, .open_worker = refuse_to_open, .worker_arg = stage->name });
    struct cf_future *future = tasks_submit_int(pool, &task_twice, 1);

    assert_broken(future);
    cf_release(future);
    cf_shutdown(pool, 0);
    future = cf_submit(pool, NULL, NULL, 0);
    ck_assert(cf_done(future));
    assert_broken(future);
    cf_release(future);
    cf_close(pool);
}

/* Fails with the code that worker_arg points to. */
static int
fail_with_code(struct cf_call *call, void **local, const void *worker_arg)
{
    *local = NULL;
    return cf_raise(call, "curl", *(const int *)worker_arg, "no worker");
}

/* Whatever its code means elsewhere: 7 is E2BIG, as an errno. */
TEST(what_a_broken_executor_refuses_keeps_its_argument)
{
    const char items[][3] = { "AD", "BR", "CN", "DE", "EG" };

    for (int code = -1; code < 40; code++) {
        struct cf_executor *pool =
            kind->open(&(struct cf_options){ .max_workers = 1, .open_worker = fail_with_code, .worker_arg = &code });

        for (size_t chunksize = 0; chunksize <= 3; chunksize += 3) {
            const struct cf_map_options options = { .chunksize = chunksize };
            struct cf_iter *iter = cf_map(pool, &task_echo, items, 5, sizeof *items, &options);
            for (int i = 0; i < 5; i++) {
                struct cf_future *future = cf_next(iter);
                ck_assert_ptr_nonnull(future);
                ck_assert_int_eq(asserts_error(future, CF_BROKEN)->code, code);
                ck_assert_str_eq(cf_input(future, NULL), items[i]);
            }
            asserts_ends(iter, CF_END);
            cf_iter_free(iter);
        }
        ck_assert_int_eq(cf_close(pool), -1);
    }
}

TEST(the_name_of_the_worker_is_what_the_error_says)
{
    struct cf_executor *pool = kinds_open(1);
    struct cf_future *named = cf_submit(pool, &task_worker, NULL, 0);
    struct cf_future *failed = tasks_submit_int(pool, &task_code, 1);

    ck_assert_ptr_nonnull(cf_result(named, NULL));
    ck_assert_str_eq(cf_result(named, NULL), asserts_error(failed, CF_RAISED)->worker);
    cf_release(named);
    cf_release(failed);
    cf_close(pool);
}

TEST(without_open_worker_there_is_nothing_local)
{
    struct cf_executor *pool = kinds_open(1);
    struct cf_future *future = cf_submit(pool, &task_local, NULL, 0);
    const uintptr_t *local = cf_result(future, NULL);

    ck_assert_uint_eq(*local, 0);
    cf_release(future);
    cf_close(pool);
}

const TTest **const common_worker[] = {
    &open_worker_runs_once_before_the_first_call,
    &close_worker_runs_after_the_last_call,
    &an_open_worker_that_fails_breaks_the_executor_and_every_future_says_why,
    &an_open_worker_that_fails_without_raising_breaks_the_executor_too,
    &a_map_on_a_broken_executor_says_so_for_each_item,
    &a_broken_executor_refuses_as_broken_before_as_shut_down,
    &what_a_broken_executor_refuses_keeps_its_argument,
    &the_name_of_the_worker_is_what_the_error_says,
    &without_open_worker_there_is_nothing_local,
    NULL,
};
