/* SPDX-License-Identifier: MIT */
/* common_calls.c - the common table: submitting a call, its argument, its result and its error. */

#include <errno.h>
#include <stdalign.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "asserts.h"
#include "kinds.h"
#include "tasks.h"

TEST(a_call_returns_what_its_task_returned)
{
    struct cf_executor *pool = kinds_open(2);

    ck_assert_int_eq(asserts_take_int(tasks_submit_int(pool, &task_twice, 21)), 42);
    ck_assert_int_eq(cf_close(pool), 0);
}

TEST(an_argument_is_copied_when_it_is_submitted)
{
    struct cf_executor *pool = kinds_open(1);
    char argument[] = "before";
    size_t len;

    struct cf_future *future = cf_submit(pool, &task_echo, argument, sizeof argument);
    memcpy(argument, "after!", sizeof argument);
    ck_assert_str_eq(cf_result(future, &len), "before");
    ck_assert_uint_eq(len, sizeof argument);
    cf_release(future);
    cf_close(pool);
}

TEST(a_future_remembers_its_argument)
{
    struct cf_executor *pool = kinds_open(1);
    size_t len;

    struct cf_future *future = cf_submit(pool, &task_echo, "BR", 3);
    ck_assert_str_eq(cf_input(future, &len), "BR");
    ck_assert_uint_eq(len, 3);
    ck_assert_str_eq(cf_result(future, NULL), "BR");
    ck_assert_str_eq(cf_input(future, NULL), "BR");
    cf_release(future);
    cf_close(pool);
}

TEST(an_argument_and_a_result_of_no_bytes_are_not_null)
{
    struct cf_executor *pool = kinds_open(1);
    size_t len = 99;

    struct cf_future *future = cf_submit(pool, &task_echo, NULL, 0);
    ck_assert_ptr_nonnull(cf_result(future, &len));
    ck_assert_uint_eq(len, 0);
    ck_assert_ptr_null(cf_error_of(future));
    len = 99;
    ck_assert_ptr_nonnull(cf_input(future, &len));
    ck_assert_uint_eq(len, 0);
    cf_release(future);
    cf_close(pool);
}

static void
echo_bytes(struct cf_executor *pool, const unsigned char *bytes, size_t n)
{
    size_t len;
    struct cf_future *future = cf_submit(pool, &task_echo, bytes, n);
    const void *result = cf_result(future, &len);

    ck_assert_ptr_nonnull(result);
    ck_assert_uint_eq(len, n);
    ck_assert(memcmp(result, bytes, n) == 0);
    ck_assert(memcmp(cf_input(future, &len), bytes, n) == 0);
    ck_assert_uint_eq(len, n);
    cf_release(future);
}

/* Every length up to some hundred, and then those around the powers of two up to 4 MiB. */
TEST(arguments_and_results_may_have_any_length)
{
    struct cf_executor *pool = kinds_open(2);
    const size_t largest = (size_t)4 << 20;
    unsigned char *bytes = malloc(largest + 1);

    ck_assert_ptr_nonnull(bytes);
    for (size_t i = 0; i <= largest; i++)
        bytes[i] = (unsigned char)(i * 7 + i / 251);
    for (size_t n = 0; n < 300; n++)
        echo_bytes(pool, bytes, n);
    for (size_t power = 512; power <= largest; power *= 2)
        for (size_t n = power - 1; n <= power + 1; n++)
            echo_bytes(pool, bytes, n);
    free(bytes);
    cf_close(pool);
}

/* Returns the remainder of the address of its argument. */
static int
misalign(struct cf_call *call)
{
    int remainder = (int)((uintptr_t)cf_arg(call, NULL) % alignof(max_align_t));

    return cf_return(call, &remainder, sizeof remainder);
}
static const struct cf_task task_misalign = { "misalign", misalign };

TEST(arguments_and_results_are_aligned_for_any_type)
{
    struct cf_executor *pool = kinds_open(2);
    char bytes[200] = "";

    for (size_t n = 0; n < sizeof bytes; n++) {
        struct cf_future *future = cf_submit(pool, &task_misalign, bytes, n);

        ck_assert_int_eq(asserts_int(future), 0);
        ck_assert_uint_eq((uintptr_t)cf_result(future, NULL) % alignof(max_align_t), 0);
        ck_assert_uint_eq((uintptr_t)cf_input(future, NULL) % alignof(max_align_t), 0);
        cf_release(future);
        future = cf_submit(pool, &task_echo, bytes, n);
        ck_assert_uint_eq((uintptr_t)cf_result(future, NULL) % alignof(max_align_t), 0);
        cf_release(future);
    }
    cf_close(pool);
}

TEST(a_task_that_returns_0_without_a_result_returned_no_bytes)
{
    struct cf_executor *pool = kinds_open(1);
    struct cf_future *future = tasks_submit_int(pool, &task_code, 0);
    size_t len = 99;

    ck_assert_ptr_nonnull(cf_result(future, &len));
    ck_assert_uint_eq(len, 0);
    ck_assert_ptr_null(cf_error_of(future));
    cf_release(future);
    cf_close(pool);
}

TEST(a_task_that_returns_nonzero_without_raising_has_failed_all_the_same)
{
    struct cf_executor *pool = kinds_open(1);
    const int codes[] = { 1, -1, 7, INT_MAX, INT_MIN };

    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++) {
        struct cf_future *future = tasks_submit_int(pool, &task_code, codes[i]);
        const struct cf_error *error = asserts_error(future, CF_RAISED);

        ck_assert_str_eq(error->domain, "task");
        ck_assert_int_eq(error->code, codes[i]);
        cf_release(future);
    }
    cf_close(pool);
}

static struct cf_future *
blame(struct cf_executor *pool, const char *domain, int code, const char *message)
{
    struct blame what = { .code = code };

    strncpy(what.domain, domain, sizeof what.domain - 1);
    strncpy(what.message, message, sizeof what.message - 1);
    return cf_submit(pool, &task_blame, &what, sizeof what);
}

TEST(an_error_carries_the_domain_the_code_and_the_message)
{
    struct cf_executor *pool = kinds_open(1);
    struct cf_future *future = blame(pool, "http", 418, "I'm a Teapot");
    const struct cf_error *error = asserts_error(future, CF_RAISED);

    ck_assert_str_eq(error->domain, "http");
    ck_assert_int_eq(error->code, 418);
    ck_assert_str_eq(error->message, "I'm a Teapot");
    cf_release(future);
    cf_close(pool);
}

TEST(an_error_names_the_task_and_the_worker)
{
    struct cf_executor *pool = kinds_open(1);
    struct cf_future *future = blame(pool, "x", 1, "y");
    const struct cf_error *error = asserts_error(future, CF_RAISED);

    ck_assert_str_eq(error->task, "blame");
    ck_assert_int_eq(strncmp(error->worker, kind->worker, strlen(kind->worker)), 0);
    cf_release(future);
    cf_close(pool);
}

TEST(a_code_of_0_and_an_empty_message_are_a_failure_as_well)
{
    struct cf_executor *pool = kinds_open(1);
    struct cf_future *future = blame(pool, "", 0, "");
    const struct cf_error *error = asserts_error(future, CF_RAISED);

    ck_assert_str_eq(error->domain, "");
    ck_assert_int_eq(error->code, 0);
    ck_assert_str_eq(error->message, "");
    cf_release(future);
    cf_close(pool);
}

TEST(of_a_message_only_the_first_line_counts)
{
    struct cf_executor *pool = kinds_open(1);
    struct cf_future *future = blame(pool, "x", 1, "first\nsecond\nthird");

    ck_assert_str_eq(asserts_error(future, CF_RAISED)->message, "first");
    cf_release(future);
    future = blame(pool, "x", 1, "\nsecond");
    ck_assert_str_eq(asserts_error(future, CF_RAISED)->message, "");
    cf_release(future);
    cf_close(pool);
}

static int
raise_at_length(struct cf_call *call)
{
    return cf_raise(call, "length", 1, "%0*d", 5000, 7);
}
static const struct cf_task task_raise_at_length = { "raise_at_length", raise_at_length };

/* Whether a message so long is cut is the library's affair; that it begins as it was raised is not. */
TEST(a_long_message_arrives)
{
    struct cf_executor *pool = kinds_open(1);
    struct cf_future *future = cf_submit(pool, &task_raise_at_length, NULL, 0);
    const struct cf_error *error = asserts_error(future, CF_RAISED);

    ck_assert_uint_ge(strlen(error->message), 100);
    ck_assert_int_eq(strncmp(error->message, "0000000000", 10), 0);
    cf_release(future);
    cf_close(pool);
}

TEST(each_future_has_an_error_of_its_own)
{
    struct cf_executor *pool = kinds_open(2);
    struct cf_future *one = blame(pool, "one", 1, "first");
    struct cf_future *two = blame(pool, "two", 2, "second");
    const struct cf_error *error = asserts_error(one, CF_RAISED);

    ck_assert_int_eq(asserts_error(two, CF_RAISED)->code, 2);
    ck_assert_ptr_ne(error, cf_error_of(two));
    ck_assert_str_eq(error->message, "first");
    cf_release(two);
    ck_assert_str_eq(error->domain, "one");
    ck_assert_str_eq(error->message, "first");
    cf_release(one);
    cf_close(pool);
}

/* What it is told to do, in this order: 'r' return "result", 'R' raise, 'z' return nothing of its own. */
static int
several(struct cf_call *call)
{
    int status = 0;

    for (const char *step = cf_arg(call, NULL); *step != '\0'; step++)
        status = *step == 'r' ? cf_return(call, "result", 7) : cf_raise(call, "several", *step, "raised");
    return status;
}
static const struct cf_task task_several = { "several", several };

TEST(of_several_returns_and_raises_in_one_call_the_last_counts)
{
    struct cf_executor *pool = kinds_open(1);
    struct cf_future *future = cf_submit(pool, &task_several, "Rr", 3);

    ck_assert_str_eq(cf_result(future, NULL), "result");
    cf_release(future);
    future = cf_submit(pool, &task_several, "rRS", 4);
    ck_assert_int_eq(asserts_error(future, CF_RAISED)->code, 'S');
    cf_release(future);
    cf_close(pool);
}

TEST(calls_that_one_thread_submits_start_in_that_order)
{
    struct cf_executor *pool = kinds_open(1);
    struct stage *stage = stage_new();
    struct cf_future *futures[200];

    for (int i = 0; i < 200; i++)
        futures[i] = tasks_submit_cue(pool, stage, i, 0);
    for (int i = 0; i < 200; i++)
        ck_assert_int_eq(asserts_take_int(futures[i]), i);
    for (int i = 0; i < 200; i++)
        ck_assert_int_eq(stage->log[i], i);
    cf_close(pool);
}

TEST(every_call_runs_once)
{
    enum { CALLS = 1000 };
    struct cf_executor *pool = kinds_open(4);
    struct stage *stage = stage_new();
    static struct cf_future *futures[CALLS];
    static int ran[CALLS];

    for (int i = 0; i < CALLS; i++)
        futures[i] = tasks_submit_cue(pool, stage, i, 0);
    ck_assert_int_eq(cf_shutdown(pool, CF_WAIT), 0);
    ck_assert_uint_eq(latch_count(&stage->started), CALLS);
    for (int i = 0; i < CALLS; i++)
        ran[stage->log[i]]++;
    for (int i = 0; i < CALLS; i++) {
        ck_assert_int_eq(ran[i], 1);
        ck_assert_int_eq(asserts_take_int(futures[i]), i);
    }
    cf_close(pool);
}

TEST(a_call_without_a_task_is_refused_as_a_bad_argument)
{
    struct cf_executor *pool = kinds_open(1);
    const struct cf_task nothing = { "nothing", NULL };

    struct cf_future *future = cf_submit(pool, NULL, NULL, 0);
    asserts_refused(future, EINVAL);
    cf_release(future);
    future = cf_submit(pool, &nothing, NULL, 0);
    asserts_refused(future, EINVAL);
    ck_assert_str_eq(cf_error_of(future)->task, "nothing");
    cf_release(future);
    future = cf_submit(pool, &task_echo, NULL, 5);
    asserts_refused(future, EINVAL);
    cf_release(future);
    cf_close(pool);
}

TEST(an_argument_that_is_too_big_fails_that_call_alone)
{
    struct cf_executor *pool = kinds_open(1);
    struct cf_future *future = cf_submit(pool, &task_echo, "x", SIZE_MAX / 2 + 1);
    const struct cf_error *error = asserts_error(future, CF_REFUSED);

    ck_assert_msg(error->code == E2BIG || error->code == ENOMEM, "%d", error->code);
    cf_release(future);
    ck_assert_int_eq(asserts_take_int(tasks_submit_int(pool, &task_twice, 4)), 8);
    cf_close(pool);
}

TEST(a_finished_call_describes_itself)
{
    struct cf_executor *pool = kinds_open(1);
    char text[80];

    struct cf_future *future = cf_submit(pool, &task_echo, "12345678", 8);
    ck_assert_ptr_nonnull(cf_result(future, NULL));
    ck_assert_int_eq(cf_describe(future, text, sizeof text), (int)strlen(text));
    ck_assert_str_eq(text, "<future echo finished returned 8 bytes>");
    cf_release(future);
    future = blame(pool, "http", 404, "Not Found");
    asserts_error(future, CF_RAISED);
    ck_assert_int_eq(cf_describe(future, text, sizeof text), (int)strlen(text));
    ck_assert_str_eq(text, "<future blame finished raised http:404>");
    cf_release(future);
    cf_close(pool);
}

const TTest **const common_calls[] = {
    &a_call_returns_what_its_task_returned,
    &an_argument_is_copied_when_it_is_submitted,
    &a_future_remembers_its_argument,
    &an_argument_and_a_result_of_no_bytes_are_not_null,
    &arguments_and_results_may_have_any_length,
    &arguments_and_results_are_aligned_for_any_type,
    &a_task_that_returns_0_without_a_result_returned_no_bytes,
    &a_task_that_returns_nonzero_without_raising_has_failed_all_the_same,
    &an_error_carries_the_domain_the_code_and_the_message,
    &an_error_names_the_task_and_the_worker,
    &a_code_of_0_and_an_empty_message_are_a_failure_as_well,
    &of_a_message_only_the_first_line_counts,
    &a_long_message_arrives,
    &each_future_has_an_error_of_its_own,
    &of_several_returns_and_raises_in_one_call_the_last_counts,
    &calls_that_one_thread_submits_start_in_that_order,
    &every_call_runs_once,
    &a_call_without_a_task_is_refused_as_a_bad_argument,
    &an_argument_that_is_too_big_fails_that_call_alone,
    &a_finished_call_describes_itself,
    NULL,
};
