/* SPDX-License-Identifier: MIT */
/* promise-t.c - futures that are settled by hand. */

#include <pthread.h>
#include <string.h>

#include "asserts.h"
#include "tasks.h"

TEST(a_promise_is_pending_until_it_is_settled)
{
    struct cf_future *promise = cf_promise();
    char text[80];
    size_t len = 99;

    ck_assert_ptr_nonnull(promise);
    ck_assert(!cf_done(promise) && !cf_running(promise) && !cf_cancelled(promise));
    cf_describe(promise, text, sizeof text);
    ck_assert_ptr_nonnull(strstr(text, "pending>"));
    ck_assert_ptr_nonnull(cf_input(promise, &len));
    ck_assert_uint_eq(len, 0);
    ck_assert(cf_settle(promise, "kept", 5));
    ck_assert(cf_done(promise) && !cf_running(promise) && !cf_cancelled(promise));
    ck_assert_str_eq(cf_result(promise, &len), "kept");
    ck_assert_uint_eq(len, 5);
    ck_assert_ptr_null(cf_error_of(promise));
    cf_describe(promise, text, sizeof text);
    ck_assert_ptr_nonnull(strstr(text, "finished returned 5 bytes>"));
    cf_release(promise);
}

TEST(settling_twice_is_false_and_the_first_outcome_stays)
{
    struct cf_future *good = cf_promise(), *bad = cf_promise();

    ck_assert(cf_settle(good, "first", 6));
    ck_assert(!cf_settle(good, "second", 7));
    ck_assert(!cf_settle_error(good, "e", 1, "third"));
    ck_assert(!cf_cancel(good));
    ck_assert_str_eq(cf_result(good, NULL), "first");
    ck_assert(cf_settle_error(bad, "e", 1, "first"));
    ck_assert(!cf_settle(bad, "second", 7));
    ck_assert(!cf_settle_error(bad, "e", 2, "third"));
    ck_assert_int_eq(asserts_error(bad, CF_RAISED)->code, 1);
    cf_release(good);
    cf_release(bad);
}

TEST(a_cancelled_promise_cannot_be_settled)
{
    struct cf_future *promise = cf_promise();

    ck_assert(cf_cancel(promise));
    ck_assert(cf_cancel(promise));
    asserts_cancelled(promise);
    ck_assert(!cf_settle(promise, "late", 5));
    ck_assert(!cf_settle_error(promise, "e", 1, "late"));
    asserts_cancelled(promise);
    cf_release(promise);
}

TEST(a_promise_copies_its_result_of_any_length)
{
    static unsigned char bytes[100000];

    for (size_t n = 0; n < sizeof bytes; n = 3 * n + 1) {
        struct cf_future *promise = cf_promise();
        size_t len = n + 1;

        memset(bytes, (int)(n % 251) + 1, n);
        ck_assert(cf_settle(promise, n == 0 ? NULL : bytes, n));
        const unsigned char *result = cf_result(promise, &len);
        ck_assert_ptr_nonnull(result);
        ck_assert_uint_eq(len, n);
        ck_assert(memcmp(result, bytes, n) == 0);
        bytes[0] ^= 1;
        ck_assert(n == 0 || result[0] != bytes[0]);
        cf_release(promise);
    }
}

TEST(a_promise_copies_its_error)
{
    struct cf_future *promise = cf_promise();
    char domain[] = "http", message[] = "Not Found\nreally";

    ck_assert(cf_settle_error(promise, domain, 404, message));
    memset(domain, '#', 4);
    memset(message, '#', 9);
    const struct cf_error *error = asserts_error(promise, CF_RAISED);
    ck_assert_str_eq(error->domain, "http");
    ck_assert_int_eq(error->code, 404);
    ck_assert_str_eq(error->message, "Not Found");
    ck_assert_str_eq(error->worker, "");
    cf_release(promise);
}

TEST(a_promise_that_is_not_kept_can_be_released)
{
    cf_release(cf_promise());
}

static pthread_t settler;

static void
note(struct cf_future *future, void *data)
{
    ck_assert(cf_done(future));
    ck_assert(pthread_equal(pthread_self(), settler));
    latch_raise(data);
}

TEST(who_settles_runs_the_callbacks)
{
    struct latch called = { 0 };

    settler = pthread_self();
    for (int how = 0; how < 3; how++) {
        struct cf_future *promise = cf_promise();
        cf_on_done(promise, note, &called);
        ck_assert(how == 0   ? cf_settle(promise, "x", 1)
                  : how == 1 ? cf_settle_error(promise, "e", 1, "m")
                             : cf_cancel(promise));
        ck_assert_uint_eq(latch_count(&called), (unsigned)how + 1);
        cf_release(promise);
    }
}

static void *
wait_for(void *promise)
{
    ck_assert_str_eq(cf_result(promise, NULL), "kept");
    return NULL;
}

TEST(settling_wakes_who_waits)
{
    struct cf_future *promise = cf_promise();
    pthread_t threads[4];

    for (int i = 0; i < 4; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, wait_for, promise), 0);
    asserts_sleep(0.02);
    ck_assert(cf_settle(promise, "kept", 5));
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    cf_release(promise);
}

static int
await_promise(struct cf_call *call)
{
    struct cf_future *promise = *(struct cf_future *const *)cf_arg(call, NULL);
    int number = asserts_int(promise);

    return cf_return(call, &number, sizeof number);
}
static const struct cf_task task_await_promise = { "await_promise", await_promise };

TEST(a_task_may_wait_for_a_promise)
{
    struct cf_executor *pool = tasks_pool(1);
    struct cf_future *promise = cf_promise();
    struct cf_future *future = cf_submit(pool, &task_await_promise, &promise, sizeof(struct cf_future *));
    int number = 12;

    ck_assert_int_eq(cf_wait(&future, 1, CF_ALL_COMPLETED, cf_after(0.05), NULL), CF_TIMEOUT);
    ck_assert(cf_settle(promise, &number, sizeof number));
    ck_assert_int_eq(asserts_take_int(future), 12);
    cf_release(promise);
    cf_close(pool);
}

struct racer {
    pthread_t thread;
    struct cf_future *promise;
    struct stage *stage;
    int number;
};

static void *
race(void *data)
{
    struct racer *racer = data;

    latch_await(&racer->stage->go, 1);
    bool won = racer->number == 0   ? cf_cancel(racer->promise)
               : racer->number == 1 ? cf_settle_error(racer->promise, "race", 1, "won")
                                    : cf_settle(racer->promise, &racer->number, sizeof racer->number);
    if (won) {
        latch_raise(&racer->stage->of[0]);
        latch_add(&racer->stage->of[1], (uint32_t)racer->number);
    }
    return NULL;
}

TEST(of_many_who_settle_one_wins)
{
    for (int round = 0; round < 50; round++) {
        struct stage *stage = stage_new();
        struct cf_future *promise = cf_promise();
        struct racer racers[5];

        for (int i = 0; i < 5; i++) {
            racers[i] = (struct racer){ .promise = promise, .stage = stage, .number = i };
            ck_assert_int_eq(pthread_create(&racers[i].thread, NULL, race, &racers[i]), 0);
        }
        latch_raise(&stage->go);
        for (int i = 0; i < 5; i++)
            pthread_join(racers[i].thread, NULL);
        ck_assert_uint_eq(latch_count(&stage->of[0]), 1);
        uint32_t winner = latch_count(&stage->of[1]);
        if (winner == 0)
            asserts_cancelled(promise);
        else if (winner == 1)
            asserts_error(promise, CF_RAISED);
        else
            ck_assert_int_eq(asserts_int(promise), (int)winner);
        cf_release(promise);
    }
}

static const TTest **const tests[] = {
    &a_promise_is_pending_until_it_is_settled,
    &settling_twice_is_false_and_the_first_outcome_stays,
    &a_cancelled_promise_cannot_be_settled,
    &a_promise_copies_its_result_of_any_length,
    &a_promise_copies_its_error,
    &a_promise_that_is_not_kept_can_be_released,
    &who_settles_runs_the_callbacks,
    &settling_wakes_who_waits,
    &a_task_may_wait_for_a_promise,
    &of_many_who_settle_one_wins,
    NULL,
};

int
main(void)
{
    return asserts_main("promise", tests);
}
