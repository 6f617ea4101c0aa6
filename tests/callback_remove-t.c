/* SPDX-License-Identifier: MIT */
/* callback_remove-t.c - taking callbacks back, before they run, while they run and afterwards. */

#include <pthread.h>
#include <string.h>

#include "asserts.h"
#include "callbacks.h"
#include "tasks.h"

struct remover {
    pthread_t thread;
    struct cf_future *future;
    struct stage *stage;
    bool removed;
};

static void *
remove_hold(void *data)
{
    struct remover *remover = data;

    latch_raise(&remover->stage->of[3]);
    remover->removed = cf_remove_on_done(remover->future, callbacks_hold, remover->stage);
    ck_assert_uint_eq(latch_count(&remover->stage->of[2]), 1);
    latch_raise(&remover->stage->of[4]);
    return NULL;
}

TEST(removing_a_callback_that_runs_elsewhere_waits_for_it)
{
    struct cf_executor *pool = tasks_pool(1);
    struct stage *stage = stage_new();
    struct remover remover = { .future = tasks_start_holding(pool, stage, 0), .stage = stage };

    cf_on_done(remover.future, callbacks_hold, stage);
    latch_raise(&stage->go);
    latch_await(&stage->of[0], 1);
    ck_assert_int_eq(pthread_create(&remover.thread, NULL, remove_hold, &remover), 0);
    latch_await(&stage->of[3], 1);
    asserts_sleep(0.05);
    ck_assert_uint_eq(latch_count(&stage->of[4]), 0);
    latch_raise(&stage->of[1]);
    pthread_join(remover.thread, NULL);
    ck_assert(!remover.removed);
    cf_release(remover.future);
    cf_close(pool);
}

static void
remove_itself(struct cf_future *future, void *data)
{
    ck_assert(!cf_remove_on_done(future, remove_itself, data));
    latch_raise(data);
}

TEST(a_callback_that_removes_itself_has_run)
{
    struct cf_future *future = cf_promise();
    struct latch called = { 0 };

    cf_on_done(future, remove_itself, &called);
    ck_assert(cf_settle(future, "x", 1));
    ck_assert_uint_eq(latch_count(&called), 1);
    cf_on_done(future, remove_itself, &called);
    ck_assert_uint_eq(latch_count(&called), 2);
    cf_release(future);
}

static void
remove_the_next(struct cf_future *future, void *data)
{
    ck_assert(cf_remove_on_done(future, callbacks_count, data));
}

TEST(a_callback_may_remove_one_that_has_not_run_yet)
{
    struct cf_future *future = cf_promise();
    struct latch called = { 0 };

    cf_on_done(future, remove_the_next, &called);
    cf_on_done(future, callbacks_count, &called);
    ck_assert(cf_settle(future, "x", 1));
    ck_assert_uint_eq(latch_count(&called), 0);
    cf_release(future);
}

TEST(a_callback_added_twice_runs_twice_and_is_removed_once_at_a_time)
{
    struct cf_future *future = cf_promise();
    struct latch called = { 0 }, other = { 0 };

    for (int i = 0; i < 3; i++)
        cf_on_done(future, callbacks_count, &called);
    cf_on_done(future, callbacks_count, &other);
    ck_assert(cf_remove_on_done(future, callbacks_count, &called));
    ck_assert(cf_settle(future, "x", 1));
    ck_assert_uint_eq(latch_count(&called), 2);
    ck_assert_uint_eq(latch_count(&other), 1);
    cf_release(future);
}

/* What callbacks with a letter each have written. */
static char letters[8];

static void
write_letter(struct cf_future *future, void *letter)
{
    ck_assert(cf_done(future));
    strcat(letters, letter);
}

TEST(of_several_equal_callbacks_the_first_is_taken_back)
{
    struct cf_future *future = cf_promise();
    char a[] = "a", b[] = "b";

    cf_on_done(future, write_letter, a);
    cf_on_done(future, write_letter, b);
    cf_on_done(future, write_letter, a);
    ck_assert(cf_remove_on_done(future, write_letter, a));
    ck_assert(cf_settle(future, "x", 1));
    ck_assert_str_eq(letters, "ba");
    cf_release(future);
}

static const TTest **const tests[] = {
    &removing_a_callback_that_runs_elsewhere_waits_for_it,
    &a_callback_that_removes_itself_has_run,
    &a_callback_may_remove_one_that_has_not_run_yet,
    &a_callback_added_twice_runs_twice_and_is_removed_once_at_a_time,
    &of_several_equal_callbacks_the_first_is_taken_back,
    NULL,
};

int
main(void)
{
    return asserts_main("callback_remove", tests);
}
