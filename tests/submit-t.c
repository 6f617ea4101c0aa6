/* SPDX-License-Identifier: MIT */
/* submit-t.c - submitting to thread pools: order, refusals and executors that are not there. */

#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <sys/resource.h>

#include "asserts.h"
#include "callbacks.h"
#include "tasks.h"

TEST(a_null_executor_fails_every_call_with_the_errno_of_its_constructor)
{
    struct cf_executor *pool = cf_thread_pool(&(struct cf_options){ .max_workers = 65536 });

    ck_assert_ptr_null(pool);
    ck_assert_int_eq(errno, EINVAL);
    errno = 0;
    struct cf_future *future = cf_submit(pool, &task_echo, "BR", 3);
    asserts_refused(future, EINVAL);
    ck_assert_str_eq(cf_error_of(future)->task, "echo");
    ck_assert_str_eq(cf_error_of(future)->message, "there is no executor: Invalid argument");
    ck_assert_str_eq(cf_input(future, NULL), "BR");
    cf_release(future);
    future = cf_try_submit(NULL, &task_echo, "BR", 3);
    asserts_refused(future, EINVAL);
    cf_release(future);
}

/* Fail to make a thread pool, for want of a descriptor. */
static void
fail_without_descriptors(void)
{
    struct rlimit limit, none;

    ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
    none = limit;
    none.rlim_cur = 0;
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &none), 0);
    ck_assert_ptr_null(cf_thread_pool(NULL));
    ck_assert_int_eq(errno, EMFILE);
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
}

TEST(of_several_failed_constructors_the_last_one_counts)
{
    ck_assert_ptr_null(cf_thread_pool(&(struct cf_options){ .max_workers = 65536 }));
    fail_without_descriptors();
    struct cf_future *future = cf_submit(NULL, &task_echo, NULL, 0);
    asserts_refused(future, EMFILE);
    cf_release(future);
}

static void *
fail_in_another_thread(void *unused)
{
    fail_without_descriptors();
    return unused;
}

TEST(the_failed_constructor_of_another_thread_does_not_count)
{
    pthread_t other;

    ck_assert_ptr_null(cf_thread_pool(&(struct cf_options){ .max_workers = 65536 }));
    ck_assert_int_eq(pthread_create(&other, NULL, fail_in_another_thread, NULL), 0);
    pthread_join(other, NULL);
    struct cf_future *future = cf_submit(NULL, &task_echo, NULL, 0);
    asserts_refused(future, EINVAL);
    cf_release(future);
}

TEST(a_null_executor_refuses_also_where_no_constructor_has_failed)
{
    struct cf_future *future = cf_submit(NULL, &task_echo, NULL, 0);

    ck_assert_int_ne(asserts_error(future, CF_REFUSED)->code, 0);
    cf_release(future);
    cf_interrupt(NULL);
    cf_shutdown(NULL, CF_WAIT);
    cf_close(NULL);
}

static int
three(void *source, const void **item, size_t *len)
{
    int *n = source;

    if (*n == 3)
        return 0;
    ++*n;
    *item = n;
    *len = sizeof *n;
    return 1;
}

TEST(a_map_on_a_null_executor_fails_each_item)
{
    const int numbers[] = { 1, 2, 3 };
    int n = 0;

    ck_assert_ptr_null(cf_thread_pool(&(struct cf_options){ .max_workers = 65536 }));
    struct cf_iter *iters[] = { cf_map(NULL, &task_twice, numbers, 3, sizeof *numbers, NULL),
                                cf_map_from(NULL, &task_twice, three, &n, NULL) };
    for (int k = 0; k < 2; k++) {
        for (int i = 0; i < 3; i++) {
            struct cf_future *future = cf_next(iters[k]);
            ck_assert_ptr_nonnull(future);
            asserts_refused(future, EINVAL);
            ck_assert_mem_eq(cf_input(future, NULL), &numbers[i], sizeof(int));
        }
        asserts_ends(iters[k], CF_END);
        cf_iter_free(iters[k]);
    }
}

TEST(a_refused_call_is_a_future_like_any_other)
{
    struct cf_executor *pool = tasks_pool(1);
    struct latch called = { 0 };
    size_t done = 0;
    char text[80];

    cf_shutdown(pool, 0);
    struct cf_future *future = cf_submit(pool, &task_echo, "BR", 3);
    asserts_refused(future, ESHUTDOWN);
    ck_assert(!cf_running(future));
    ck_assert(!cf_cancel(future));
    ck_assert_int_eq(cf_on_done(future, callbacks_count, &called), 0);
    ck_assert_uint_eq(latch_count(&called), 1);
    ck_assert_str_eq(cf_input(future, NULL), "BR");
    ck_assert_str_eq(cf_error_of(future)->worker, "");
    cf_describe(future, text, sizeof text);
    ck_assert_int_eq(strncmp(text, "<future echo finished raised ", 29), 0);
    ck_assert_int_eq(cf_wait(&future, 1, CF_FIRST_ERROR, CF_NEVER, &done), CF_OK);
    ck_assert_uint_eq(done, 1);
    struct cf_iter *iter = cf_as_completed(&future, 1, CF_NEVER);
    ck_assert_ptr_eq(cf_next(iter), future);
    cf_iter_free(iter);
    cf_close(pool);
    cf_release(future);
}

TEST(try_submit_does_what_submit_does_where_there_is_room)
{
    struct cf_executor *pool = tasks_pool(2);
    int number = 21;

    ck_assert_int_eq(asserts_take_int(cf_try_submit(pool, &task_twice, &number, sizeof number)), 42);
    cf_close(pool);
}

TEST(a_task_description_may_be_anywhere_as_long_as_it_lives)
{
    struct cf_executor *pool = tasks_pool(1);
    static struct cf_task task;

    task = task_twice;
    task.name = "renamed";
    struct cf_future *future = tasks_submit_int(pool, &task, -1);
    ck_assert_str_eq(asserts_error(future, CF_RAISED)->task, "renamed");
    cf_release(future);
    cf_close(pool);
}

struct submitter {
    pthread_t thread;
    struct cf_executor *pool;
    struct stage *stage;
    int base;
};

static void *
submit_in_order(void *data)
{
    struct submitter *submitter = data;

    for (int i = 0; i < 500; i++)
        cf_release(tasks_submit_cue(submitter->pool, submitter->stage, submitter->base + i, 0));
    return NULL;
}

TEST(with_several_submitters_each_keeps_its_own_order)
{
    struct cf_executor *pool = tasks_pool(1);
    struct stage *stage = stage_new();
    struct submitter submitters[3];
    int last[3] = { -1, -1, -1 };

    for (int i = 0; i < 3; i++) {
        submitters[i] = (struct submitter){ .pool = pool, .stage = stage, .base = 1000 * i };
        ck_assert_int_eq(pthread_create(&submitters[i].thread, NULL, submit_in_order, &submitters[i]), 0);
    }
    for (int i = 0; i < 3; i++)
        pthread_join(submitters[i].thread, NULL);
    cf_close(pool);
    ck_assert_uint_eq(latch_count(&stage->logged), 1500);
    for (int i = 0; i < 1500; i++) {
        int who = stage->log[i] / 1000;
        ck_assert_int_eq(stage->log[i] % 1000, last[who] + 1);
        last[who]++;
    }
}

/* A worker that is held up must not have taken calls along that others could run. */
TEST(a_call_that_takes_long_holds_up_no_other)
{
    struct cf_executor *pool = tasks_pool(2);
    struct stage *stage = stage_new();
    struct cf_future *futures[101];

    for (int i = 0; i < 101; i++)
        futures[i] = tasks_submit_cue(pool, stage, i, i == 0 || i == 50);
    for (int i = 0; i < 50; i++)
        if (i != 0)
            ck_assert_int_eq(asserts_int(futures[i]), i);
    latch_raise(&stage->go);
    for (int i = 0; i < 101; i++)
        ck_assert_int_eq(asserts_take_int(futures[i]), i);
    cf_close(pool);
}

/* After many short calls a worker takes several at a time, and the one that takes long is among them. */
TEST(a_call_that_takes_long_in_a_row_of_short_ones_holds_up_no_other)
{
    enum { CALLS = 600 };
    struct cf_executor *pool = tasks_pool(2);
    struct stage *stage = stage_new();

    for (int round = 1; round <= 5; round++) {
        struct cf_future *futures[CALLS], *slow = NULL;
        for (int i = 0; i < CALLS; i++) {
            if (i == CALLS / 2 + round)
                slow = tasks_submit_cue(pool, stage, i, (uint32_t)round);
            futures[i] = tasks_submit_int(pool, &task_twice, i);
        }
        for (int i = 0; i < CALLS; i++)
            ck_assert_int_eq(asserts_take_int(futures[i]), 2 * i);
        ck_assert(!cf_done(slow));
        latch_raise(&stage->go);
        asserts_take_int(slow);
    }
    cf_close(pool);
}

TEST(a_hundred_thousand_calls_can_be_pending)
{
    enum { CALLS = 100000 };
    struct cf_executor *pool = tasks_pool(2);
    static struct cf_future *futures[CALLS];

    for (int i = 0; i < CALLS; i++)
        futures[i] = tasks_submit_int(pool, &task_twice, i);
    for (int i = 0; i < CALLS; i++)
        ck_assert_int_eq(asserts_take_int(futures[i]), 2 * i);
    cf_close(pool);
}

static const TTest **const tests[] = {
    &a_null_executor_fails_every_call_with_the_errno_of_its_constructor,
    &of_several_failed_constructors_the_last_one_counts,
    &the_failed_constructor_of_another_thread_does_not_count,
    &a_null_executor_refuses_also_where_no_constructor_has_failed,
    &a_map_on_a_null_executor_fails_each_item,
    &a_refused_call_is_a_future_like_any_other,
    &try_submit_does_what_submit_does_where_there_is_room,
    &a_task_description_may_be_anywhere_as_long_as_it_lives,
    &with_several_submitters_each_keeps_its_own_order,
    &a_call_that_takes_long_holds_up_no_other,
    &a_call_that_takes_long_in_a_row_of_short_ones_holds_up_no_other,
    &a_hundred_thousand_calls_can_be_pending,
    NULL,
};

int
main(void)
{
    return asserts_main("submit", tests);
}
