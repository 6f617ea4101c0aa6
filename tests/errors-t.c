/* SPDX-License-Identifier: MIT */
/* errors-t.c - the words and values of errors, and what a task says of itself in more than one way. */

#include <errno.h>
#include <string.h>

#include "asserts.h"
#include "tasks.h"

TEST(every_reason_and_every_status_has_its_words)
{
#define CHECK_WHY(name, number, words)                                                                                 \
    ck_assert_int_eq(name, number);                                                                                    \
    ck_assert_str_eq(cf_why_text(name), words);
    CF_WHY_TABLE(CHECK_WHY)
#define CHECK_STATUS(name, number, words)                                                                              \
    ck_assert_int_eq(name, number);                                                                                    \
    ck_assert_str_eq(cf_status_text(name), words);
    CF_STATUS_TABLE(CHECK_STATUS)
}

TEST(what_is_no_reason_and_no_status_has_words_as_well)
{
    ck_assert_ptr_nonnull(cf_why_text((enum cf_why)0));
    ck_assert_ptr_nonnull(cf_why_text((enum cf_why)99));
    ck_assert_ptr_nonnull(cf_status_text((enum cf_status)99));
}

TEST(the_version_is_that_of_the_package)
{
    ck_assert_int_ge(cf_version()[0], '0');
    ck_assert_int_le(cf_version()[0], '9');
    ck_assert_ptr_nonnull(strchr(cf_version(), '.'));
}

TEST(a_cancelled_call_says_so_and_names_no_worker)
{
    struct cf_executor *pool = tasks_pool(1);
    struct stage *stage = stage_new();
    struct cf_future *running = tasks_start_holding(pool, stage, 0);
    struct cf_future *future = tasks_submit_int(pool, &task_twice, 1);

    ck_assert(cf_cancel(future));
    const struct cf_error *error = asserts_error(future, CF_CANCELLED);
    ck_assert_str_eq(error->task, "twice");
    ck_assert_str_eq(error->worker, "");
    cf_release(future);
    latch_raise(&stage->go);
    cf_release(running);
    cf_close(pool);
}

TEST(a_refused_call_has_the_words_of_its_errno)
{
    struct cf_executor *pool = tasks_pool(1);

    cf_shutdown(pool, 0);
    struct cf_future *future = tasks_submit_int(pool, &task_twice, 1);
    const struct cf_error *error = asserts_error(future, CF_REFUSED);
    ck_assert_int_gt((int)strlen(error->message), 0);
    ck_assert_str_eq(error->worker, "");
    cf_release(future);
    cf_close(pool);
}

/* Returns a result and then another number than 0, which was not raised. */
static int
both(struct cf_call *call)
{
    ck_assert_int_eq(cf_return(call, "x", 2), 0);
    return 5;
}
static const struct cf_task task_both = { "both", both };

TEST(a_nonzero_return_fails_the_call_even_after_a_result)
{
    struct cf_executor *pool = tasks_pool(1);
    struct cf_future *future = cf_submit(pool, &task_both, NULL, 0);
    const struct cf_error *error = asserts_error(future, CF_RAISED);

    ck_assert_str_eq(error->domain, "task");
    ck_assert_int_eq(error->code, 5);
    cf_release(future);
    cf_close(pool);
}

/* Raises, and then pretends that nothing has happened. */
static int
deny(struct cf_call *call)
{
    ck_assert_int_eq(cf_raise(call, "deny", 6, "raised"), -1);
    return 0;
}
static const struct cf_task task_deny = { "deny", deny };

TEST(what_was_raised_counts_also_if_the_task_returns_0)
{
    struct cf_executor *pool = tasks_pool(1);
    struct cf_future *future = cf_submit(pool, &task_deny, NULL, 0);

    ck_assert_str_eq(asserts_error(future, CF_RAISED)->domain, "deny");
    cf_release(future);
    cf_close(pool);
}

/* Raises from strings that are gone when it returns, with every kind of argument. */
static int
format(struct cf_call *call)
{
    char domain[] = "gone", word[] = "soon";
    int status = cf_raise(call, domain, 1, "%s %d%% %c %.2f %zu", word, 42, 'x', 0.5, (size_t)7);

    memset(domain, '#', sizeof domain - 1);
    memset(word, '#', sizeof word - 1);
    return status;
}
static const struct cf_task task_format = { "format", format };

TEST(domain_and_message_are_copied_and_formatted)
{
    struct cf_executor *pool = tasks_pool(1);
    struct cf_future *future = cf_submit(pool, &task_format, NULL, 0);
    const struct cf_error *error = asserts_error(future, CF_RAISED);

    ck_assert_str_eq(error->domain, "gone");
    ck_assert_str_eq(error->message, "soon 42% x 0.50 7");
    cf_release(future);
    cf_close(pool);
}

/* Raises many times, the last time about its argument. */
static int
many(struct cf_call *call)
{
    for (int i = 0; i < 1000; i++)
        (void)cf_raise(call, "many", i, "number %d", i);
    return -1;
}
static const struct cf_task task_many = { "many", many };

TEST(the_last_of_a_thousand_errors_stands)
{
    struct cf_executor *pool = tasks_pool(1);
    struct cf_future *future = cf_submit(pool, &task_many, NULL, 0);
    const struct cf_error *error = asserts_error(future, CF_RAISED);

    ck_assert_int_eq(error->code, 999);
    ck_assert_str_eq(error->message, "number 999");
    cf_release(future);
    cf_close(pool);
}

TEST(constructors_say_what_was_wrong_with_errno)
{
    errno = 0;
    ck_assert_ptr_null(cf_thread_pool(&(struct cf_options){ .max_workers = 65536 }));
    ck_assert_int_eq(errno, EINVAL);
    errno = 0;
    ck_assert_ptr_null(cf_thread_pool(&(struct cf_options){ .max_workers = (unsigned)-1 }));
    ck_assert_int_eq(errno, EINVAL);
}

static const TTest **const tests[] = {
    &every_reason_and_every_status_has_its_words,
    &what_is_no_reason_and_no_status_has_words_as_well,
    &the_version_is_that_of_the_package,
    &a_cancelled_call_says_so_and_names_no_worker,
    &a_refused_call_has_the_words_of_its_errno,
    &a_nonzero_return_fails_the_call_even_after_a_result,
    &what_was_raised_counts_also_if_the_task_returns_0,
    &domain_and_message_are_copied_and_formatted,
    &the_last_of_a_thousand_errors_stands,
    &constructors_say_what_was_wrong_with_errno,
    NULL,
};

int
main(void)
{
    return asserts_main("errors", tests);
}
