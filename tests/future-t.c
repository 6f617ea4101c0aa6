/* SPDX-License-Identifier: MIT */
/* future-t.c - futures of a thread pool: waiting for one, its references, what it owns and how it is described. */

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "asserts.h"
#include "tap.h"
#include "tasks.h"

TEST(releasing_null_does_nothing)
{
    cf_release(NULL);
    cf_iter_free(NULL);
    cf_close(NULL);
}

struct waiter {
    pthread_t thread;
    struct cf_future *future;
    struct stage *stage;
    int result;
};

static void *
wait_for_result(void *data)
{
    struct waiter *waiter = data;

    latch_raise(&waiter->stage->of[0]);
    waiter->result = asserts_int(waiter->future);
    latch_raise(&waiter->stage->of[1]);
    return NULL;
}

TEST(every_waiter_sleeps_until_the_call_is_done_and_then_wakes)
{
    struct cf_executor *pool = tasks_pool(1);
    struct stage *stage = stage_new();
    struct cf_future *future = tasks_start_holding(pool, stage, 7);
    struct waiter waiters[8];

    for (int i = 0; i < 8; i++) {
        waiters[i] = (struct waiter){ .future = future, .stage = stage };
        ck_assert_int_eq(pthread_create(&waiters[i].thread, NULL, wait_for_result, &waiters[i]), 0);
    }
    latch_await(&stage->of[0], 8);
    asserts_sleep(0.05);
    ck_assert_uint_eq(latch_count(&stage->of[1]), 0);
    latch_raise(&stage->go);
    for (int i = 0; i < 8; i++) {
        pthread_join(waiters[i].thread, NULL);
        ck_assert_int_eq(waiters[i].result, 7);
    }
    cf_release(future);
    cf_close(pool);
}

TEST(a_retained_future_needs_one_more_release)
{
    struct cf_executor *pool = tasks_pool(1);
    struct cf_future *future = cf_submit(pool, &task_echo, "BR", 3);

    ck_assert_ptr_eq(cf_retain(future), future);
    cf_release(future);
    ck_assert_str_eq(cf_result(future, NULL), "BR");
    ck_assert_str_eq(cf_input(future, NULL), "BR");
    cf_release(future);
    cf_close(pool);
}

TEST(result_and_error_stay_where_they_are)
{
    struct cf_executor *pool = tasks_pool(1);
    struct cf_future *good = cf_submit(pool, &task_echo, "BR", 3);
    struct cf_future *bad = tasks_submit_int(pool, &task_twice, -1);
    const void *result = cf_result(good, NULL);
    const struct cf_error *error = cf_error_of(bad);

    cf_close(pool);
    ck_assert_ptr_eq(cf_result(good, NULL), result);
    ck_assert_ptr_eq(cf_error_of(bad), error);
    ck_assert_ptr_null(cf_error_of(good));
    ck_assert_ptr_null(cf_result(bad, NULL));
    cf_release(good);
    cf_release(bad);
}

/* Results that are handed over, and how many of them have been freed. */
static struct latch freed;

static void
free_counted(void *result)
{
    free(result);
    latch_raise(&freed);
}

/* Hands over as many results as it is told to, and then raises if the number is negative. */
static int
owned(struct cf_call *call)
{
    int n = *(const int *)cf_arg(call, NULL);
    int status = 0;

    for (int i = 0; i < abs(n); i++) {
        int *result = malloc(sizeof *result);
        ck_assert_ptr_nonnull(result);
        *result = i;
        status = cf_return_owned(call, result, sizeof *result, free_counted);
        ck_assert_int_eq(status, 0);
    }
    return n < 0 ? cf_raise(call, "owned", n, "after all") : status;
}
static const struct cf_task task_owned = { "owned", owned };

TEST(an_owned_result_is_not_copied_and_freed_with_the_last_release)
{
    struct cf_executor *pool = tasks_pool(1);
    struct cf_future *future = tasks_submit_int(pool, &task_owned, 1);

    ck_assert_int_eq(asserts_int(future), 0);
    cf_retain(future);
    cf_release(future);
    cf_close(pool);
    ck_assert_uint_eq(latch_count(&freed), 0);
    ck_assert_int_eq(asserts_int(future), 0);
    cf_release(future);
    ck_assert_uint_eq(latch_count(&freed), 1);
}

TEST(an_owned_result_that_is_replaced_is_freed)
{
    struct cf_executor *pool = tasks_pool(1);
    struct cf_future *future = tasks_submit_int(pool, &task_owned, 3);

    ck_assert_int_eq(asserts_take_int(future), 2);
    future = tasks_submit_int(pool, &task_owned, -2);
    ck_assert_int_eq(asserts_error(future, CF_RAISED)->code, -2);
    cf_release(future);
    cf_close(pool);
    ck_assert_uint_eq(latch_count(&freed), 5);
}

TEST(an_owned_result_that_nobody_wants_is_freed)
{
    struct cf_executor *pool = tasks_pool(2);

    for (int i = 0; i < 20; i++)
        cf_release(tasks_submit_int(pool, &task_owned, 1));
    cf_close(pool);
    ck_assert_uint_eq(latch_count(&freed), 20);
}

TEST(an_idle_worker_keeps_nothing_of_its_last_call)
{
    struct cf_executor *pool = tasks_pool(1);
    struct cf_future *future = tasks_submit_int(pool, &task_owned, 1);

    ck_assert_int_eq(asserts_take_int(future), 0);
    latch_await(&freed, 1);
    cf_close(pool);
}

TEST(the_parts_of_a_chunk_free_their_owned_results)
{
    struct cf_executor *pool = tasks_pool(1);
    const int numbers[] = { 1, 2, -1, 1, 1 };
    const struct cf_map_options options = { .chunksize = 5 };
    struct cf_iter *iter = cf_map(pool, &task_owned, numbers, 5, sizeof *numbers, &options);

    ck_assert_int_eq(asserts_int(cf_next(iter)), 0);
    ck_assert_int_eq(asserts_int(cf_next(iter)), 1);
    ck_assert_int_eq(asserts_error(cf_next(iter), CF_RAISED)->code, -1);
    cf_iter_free(iter);
    cf_close(pool);
    ck_assert_uint_eq(latch_count(&freed), 6);
}

TEST(describing_writes_no_more_than_it_may_and_tells_how_much_there_is)
{
    struct cf_executor *pool = tasks_pool(1);
    struct cf_future *future = cf_submit(pool, &task_echo, "BR", 3);
    char whole[80], part[80];

    ck_assert_ptr_nonnull(cf_result(future, NULL));
    int len = cf_describe(future, whole, sizeof whole);
    ck_assert_str_eq(whole, "<future echo finished returned 3 bytes>");
    ck_assert_int_eq(len, (int)strlen(whole));
    ck_assert_int_eq(cf_describe(future, NULL, 0), len);
    for (size_t size = 1; size <= (size_t)len + 1; size++) {
        memset(part, '#', sizeof part);
        ck_assert_int_eq(cf_describe(future, part, size), len);
        ck_assert_uint_eq(strlen(part), size - 1);
        ck_assert_int_eq(strncmp(part, whole, size - 1), 0);
        ck_assert_int_eq(part[size], '#');
    }
    cf_release(future);
    cf_close(pool);
}

/* Pages of memory that this process has in use. */
static long
resident_pages(void)
{
    long size = 0, resident = 0;
    FILE *file = fopen("/proc/self/statm", "re");

    ck_assert_ptr_nonnull(file);
    /* NOLINTNEXTLINE(cert-err34-c): the kernel wrote these numbers */
    ck_assert_int_eq(fscanf(file, "%ld %ld", &size, &resident), 2);
    fclose(file);
    return resident;
}

static void *
release_all(void *data)
{
    struct cf_future **futures = data;

    for (int i = 0; i < 60; i++)
        cf_release(futures[i]);
    return NULL;
}

TEST(threads_that_do_nothing_but_release_take_no_memory_with_them)
{
    struct cf_executor *pool = cf_inline_pool(NULL);
    const char argument[700] = "";
    long before = 0;

    if (tap_sanitized())
        tap_skip("a sanitizer keeps memory of its own");
    for (int round = 0; round < 3000; round++) {
        struct cf_future *futures[60];
        pthread_t thread;

        for (int i = 0; i < 60; i++)
            futures[i] = cf_submit(pool, &task_echo, argument, sizeof argument);
        ck_assert_int_eq(pthread_create(&thread, NULL, release_all, futures), 0);
        pthread_join(thread, NULL);
        if (round == 100)
            before = resident_pages();
    }
    ck_assert_int_lt((resident_pages() - before) * sysconf(_SC_PAGESIZE), 20 << 20);
    cf_close(pool);
}

struct looker {
    pthread_t thread;
    struct cf_future *future;
};

/* Look at a future until it is done, and check that it never goes back. */
static void *
look(void *data)
{
    struct looker *looker = data;
    bool was_running = false;
    char text[80];

    while (!cf_done(looker->future)) {
        bool running = cf_running(looker->future);
        ck_assert(running || !was_running || cf_done(looker->future));
        was_running = running;
        cf_describe(looker->future, text, sizeof text);
        ck_assert(!cf_cancelled(looker->future));
    }
    ck_assert(!cf_running(looker->future));
    ck_assert_int_eq(asserts_int(looker->future), 5);
    return NULL;
}

TEST(who_sees_a_done_future_sees_its_result)
{
    struct cf_executor *pool = tasks_pool(1);
    struct stage *stage = stage_new();
    struct looker lookers[3];

    for (int round = 0; round < 30; round++) {
        struct cf_future *future = tasks_submit_cue(pool, stage, 5, (uint32_t)round + 1);
        for (int i = 0; i < 3; i++) {
            lookers[i] = (struct looker){ .future = future };
            ck_assert_int_eq(pthread_create(&lookers[i].thread, NULL, look, &lookers[i]), 0);
        }
        latch_raise(&stage->go);
        for (int i = 0; i < 3; i++)
            pthread_join(lookers[i].thread, NULL);
        cf_release(future);
    }
    cf_close(pool);
}

static const TTest **const tests[] = {
    &releasing_null_does_nothing,
    &every_waiter_sleeps_until_the_call_is_done_and_then_wakes,
    &a_retained_future_needs_one_more_release,
    &result_and_error_stay_where_they_are,
    &an_owned_result_is_not_copied_and_freed_with_the_last_release,
    &an_owned_result_that_is_replaced_is_freed,
    &an_owned_result_that_nobody_wants_is_freed,
    &an_idle_worker_keeps_nothing_of_its_last_call,
    &the_parts_of_a_chunk_free_their_owned_results,
    &describing_writes_no_more_than_it_may_and_tells_how_much_there_is,
    &threads_that_do_nothing_but_release_take_no_memory_with_them,
    &who_sees_a_done_future_sees_its_result,
    NULL,
};

int
main(void)
{
    return asserts_main("future", tests);
}
