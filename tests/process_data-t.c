/* SPDX-License-Identifier: MIT */
/* process_data-t.c - arguments and results of all sizes, between processes, and how long they live. */

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "asserts.h"
#include "family.h"
#include "tap.h"

#define MIB ((size_t)1 << 20)

/* Bytes by which one piece of data is told from another, and its end from its beginning. */
static unsigned char *
pattern(size_t len, unsigned seed)
{
    unsigned char *bytes = malloc(len + 1);

    ck_assert_ptr_nonnull(bytes);
    for (size_t i = 0; i < len; i++)
        bytes[i] = (unsigned char)((i * 31 + (i >> 8) * 7 + seed) & 0xff);
    return bytes;
}

static void
check_echo(struct cf_future *future, const unsigned char *bytes, size_t len)
{
    size_t result_len = 1;
    const void *result = cf_result(future, &result_len);

    ck_assert_msg(result != NULL, "%s", result == NULL ? cf_error_of(future)->message : "");
    ck_assert_uint_eq(result_len, len);
    ck_assert_int_eq(memcmp(result, bytes, len), 0);
    ck_assert_uint_eq((uintptr_t)result % _Alignof(max_align_t), 0);
}

TEST(arguments_and_results_of_any_size_arrive_as_they_were)
{
    static const size_t sizes[] = {
        0, 1, 383, 384, 385, 400, 4095, 4096, 4097, 65536, 128 * 1024, 128 * 1024 + 1, 1024 * 1024 + 3
    };
    const struct family before = family_take_stock();
    struct cf_executor *pool = family_pool(&(struct cf_options){ .max_workers = 2 });

    for (unsigned round = 0; round < 3; round++)
        for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
            unsigned char *bytes = pattern(sizes[i], round);
            struct cf_future *future = cf_submit(pool, &task_echo, bytes, sizes[i]);
            check_echo(future, bytes, sizes[i]);
            cf_release(future);
            free(bytes);
        }
    ck_assert_int_eq(cf_close(pool), 0);
    family_check(&before);
}

TEST(sixty_four_mebibytes_travel_there_and_back)
{
    struct cf_executor *pool = family_pool(&(struct cf_options){ .max_workers = 1 });
    unsigned char *bytes = pattern(64 * MIB, 5);
    struct cf_future *future = cf_submit(pool, &task_echo, bytes, 64 * MIB);

    check_echo(future, bytes, 64 * MIB);
    cf_release(future);
    free(bytes);
    ck_assert_int_eq(cf_close(pool), 0);
}

/* More than there are buffers, so that some are in areas. */
TEST(any_number_of_large_arguments_may_wait_at_a_time)
{
    enum { CALLS = 700, BYTES = 5000 };
    struct cf_executor *pool = family_pool(&(struct cf_options){ .max_workers = 2 });
    struct cf_future *futures[CALLS];

    for (int round = 0; round < 2; round++) {
        for (unsigned i = 0; i < CALLS; i++) {
            unsigned char *bytes = pattern(BYTES + i, i);
            futures[i] = cf_submit(pool, &task_echo, bytes, BYTES + i);
            free(bytes);
        }
        for (unsigned i = 0; i < CALLS; i++) {
            unsigned char *bytes = pattern(BYTES + i, i);
            check_echo(futures[i], bytes, BYTES + i);
            cf_release(futures[i]);
            free(bytes);
        }
    }
    ck_assert_int_eq(cf_close(pool), 0);
}

TEST(results_and_errors_outlive_the_pool_and_its_memory)
{
    struct cf_executor *pool = family_pool(&(struct cf_options){ .max_workers = 1 });
    unsigned char *bytes = pattern(MIB, 1);
    struct cf_future *large = cf_submit(pool, &task_echo, bytes, MIB);
    struct cf_future *small = cf_submit(pool, &task_echo, bytes, 100);
    struct cf_future *failed = tasks_submit_int(pool, &task_twice, -3);
    struct cf_future *lost = family_submit_end(pool, END_KILL);
    size_t len;

    cf_close(pool);
    check_echo(large, bytes, MIB);
    check_echo(small, bytes, 100);
    ck_assert_int_eq(asserts_error(failed, CF_RAISED)->code, -3);
    asserts_error(lost, CF_WORKER_LOST);
    ck_assert_int_eq(memcmp(cf_input(large, &len), bytes, MIB), 0);
    ck_assert_uint_eq(len, MIB);
    cf_release(large);
    cf_release(small);
    cf_release(failed);
    cf_release(lost);
    free(bytes);
}

TEST(the_memory_of_large_data_serves_the_next_call_if_that_comes_soon)
{
    struct cf_executor *pool = family_pool(&(struct cf_options){ .max_workers = 1 });
    unsigned char *bytes = pattern(8 * MIB, 3);

    for (int round = 0; round < 2; round++) {
        off_t most = 0;
        for (int i = 0; i < 10; i++) {
            struct cf_future *future = cf_submit(pool, &task_echo, bytes, 8 * MIB);
            check_echo(future, bytes, 8 * MIB);
            cf_release(future);
            most = family_held() > most ? family_held() : most;
        }
        /* One argument and one result, or two: who waits may be quicker than who tells him.  Not that of ten calls. */
        ck_assert_int_le(most, (off_t)(33 * MIB));
        ck_assert_int_ge(most, (off_t)(16 * MIB));
        family_await_given_back();
    }
    free(bytes);
    ck_assert_int_eq(cf_close(pool), 0);
}

/* More than there are places, so that some are in areas. */
TEST(any_number_of_very_large_arguments_and_results_may_be_held_at_a_time)
{
    enum { CALLS = 150, BYTES = 140000 };
    struct cf_executor *pool = family_pool(&(struct cf_options){ .max_workers = 2 });
    struct cf_future *futures[CALLS];

    for (unsigned i = 0; i < CALLS; i++) {
        unsigned char *bytes = pattern(BYTES + 1000 * i, i);
        futures[i] = cf_submit(pool, &task_echo, bytes, BYTES + 1000 * i);
        free(bytes);
    }
    for (unsigned i = 0; i < CALLS; i++)
        ck_assert_ptr_nonnull(cf_result(futures[i], NULL));
    ck_assert_int_eq(cf_close(pool), 0);
    for (unsigned i = 0; i < CALLS; i++) {
        unsigned char *bytes = pattern(BYTES + 1000 * i, i);
        check_echo(futures[i], bytes, BYTES + 1000 * i);
        cf_release(futures[i]);
        free(bytes);
    }
}

/* Each is a part of the one before, or of the argument; and one that fails after all has not taken a place for good. */
static int
change_ones_mind(struct cf_call *call)
{
    size_t len;
    const unsigned char *arg = cf_arg(call, &len);
    unsigned char *owned = malloc(len);

    memcpy(owned, arg, len);
    for (int i = 0; i < 4; i++)
        cf_return(call, arg + i, len - (size_t)i);
    if (arg[0] == 1)
        return cf_raise(call, "test", 1, "after all");
    if (arg[0] == 2)
        return cf_return_owned(call, owned, len, free);
    free(owned);
    return cf_return(call, arg, len);
}
static const struct cf_task task_change_ones_mind = { "change_ones_mind", change_ones_mind };

TEST(of_several_large_results_of_a_call_the_last_one_counts)
{
    struct cf_executor *pool = family_pool(&(struct cf_options){ .max_workers = 1 });
    unsigned char *bytes = pattern(MIB, 0);

    for (int i = 0; i < 12; i++) {
        bytes[0] = (unsigned char)(i % 3);
        struct cf_future *future = cf_submit(pool, &task_change_ones_mind, bytes, MIB);
        if (i % 3 == 1)
            ck_assert_int_eq(asserts_error(future, CF_RAISED)->code, 1);
        else
            check_echo(future, bytes, MIB);
        cf_release(future);
    }
    family_await_given_back();
    free(bytes);
    ck_assert_int_eq(cf_close(pool), 0);
}

static int
die_of_argument(struct cf_call *call)
{
    size_t len;
    const unsigned char *arg = cf_arg(call, &len);

    if (arg[0] == 1)
        family_end(END_KILL);
    return cf_return(call, arg, len);
}
static const struct cf_task task_die_of_argument = { "die_of_argument", die_of_argument };

TEST(the_memory_of_large_data_is_given_back_after_each_call_and_each_death)
{
    struct cf_executor *pool = family_pool(&(struct cf_options){ .max_workers = 1, .max_deaths = 100 });
    unsigned char *bytes = pattern(8 * MIB, 0);

    for (int i = 0; i < 6; i++) {
        bytes[0] = i % 2 == 1;
        struct cf_future *future = cf_submit(pool, &task_die_of_argument, bytes, 8 * MIB);
        ck_assert((cf_result(future, NULL) == NULL) == (i % 2 == 1));
        cf_release(future);
        family_await_given_back();
    }
    struct cf_future *cancelled[3];
    struct stage *stage = stage_new();
    struct cf_future *running = tasks_start_holding(pool, stage, 1);
    for (int i = 0; i < 3; i++)
        cancelled[i] = cf_submit(pool, &task_die_of_argument, bytes, 8 * MIB);
    ck_assert_int_gt(family_held(), 0);
    for (int i = 0; i < 3; i++) {
        ck_assert(cf_cancel(cancelled[i]));
        cf_release(cancelled[i]);
    }
    latch_raise(&stage->go);
    ck_assert_int_eq(asserts_take_int(running), 1);
    ck_assert_int_eq(asserts_take_int(tasks_submit_int(pool, &task_twice, 4)), 8);
    family_await_given_back();
    free(bytes);
    ck_assert_int_eq(cf_close(pool), 0);
}

/* The kernel applies the limit to that memory as well, and sends SIGXFSZ. */
TEST(a_limit_on_the_size_of_files_is_an_error_of_the_call_and_no_signal)
{
    struct cf_executor *pool = family_pool(&(struct cf_options){ .max_workers = 1 });
    unsigned char *bytes = pattern(MIB, 2);
    struct rlimit limit;

    ck_assert_int_eq(getrlimit(RLIMIT_FSIZE, &limit), 0);
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &(struct rlimit){ .rlim_cur = MIB, .rlim_max = limit.rlim_max }), 0);
    struct cf_future *future = cf_submit(pool, &task_echo, bytes, MIB);
    ck_assert_int_eq(asserts_error(future, CF_REFUSED)->code, ENOMEM);
    cf_release(future);
    struct cf_future *small = cf_submit(pool, &task_pid, bytes, 100000);
    asserts_take_int(small);
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
    future = cf_submit(pool, &task_echo, bytes, MIB);
    check_echo(future, bytes, MIB);
    cf_release(future);
    free(bytes);
    ck_assert_int_eq(cf_close(pool), 0);
}

static int
limited_result(struct cf_call *call)
{
    char *bytes = calloc(1, MIB);
    struct rlimit limit = { .rlim_cur = MIB, .rlim_max = RLIM_INFINITY };

    getrlimit(RLIMIT_FSIZE, &limit);
    limit.rlim_cur = 1000;
    setrlimit(RLIMIT_FSIZE, &limit);
    return cf_return_owned(call, bytes, MIB, free);
}
static const struct cf_task task_limited_result = { "limited_result", limited_result };

TEST(a_result_that_finds_no_memory_is_an_error_that_says_so)
{
    struct cf_executor *pool = family_pool(&(struct cf_options){ .max_workers = 1 });
    struct cf_future *future = cf_submit(pool, &task_limited_result, NULL, 0);
    const struct cf_error *error = asserts_error(future, CF_RAISED);

    ck_assert_str_eq(error->domain, "errno");
    ck_assert_int_eq(error->code, ENOMEM);
    ck_assert_ptr_nonnull(strstr(error->message, "1048576 bytes"));
    cf_release(future);
    ck_assert_int_eq(asserts_take_int(tasks_submit_int(pool, &task_twice, 2)), 4);
    ck_assert_int_eq(cf_close(pool), 0);
}

TEST(an_argument_beyond_any_limit_is_refused_and_costs_that_call_alone)
{
    struct cf_executor *pool = family_pool(&(struct cf_options){ .max_workers = 1 });
    struct cf_future *future = cf_submit(pool, &task_echo, "", (size_t)PTRDIFF_MAX);

    asserts_refused(future, E2BIG);
    cf_release(future);
    ck_assert_int_eq(asserts_take_int(tasks_submit_int(pool, &task_twice, 2)), 4);
    ck_assert_int_eq(cf_close(pool), 0);
}

/* What of the argument and of a result its child can use; how that ended. */
static int
use_in_child(struct cf_call *call)
{
    size_t len;
    const unsigned char *bytes = cf_arg(call, &len);
    int status = -1;

    const pid_t pid = fork();
    if (pid == 0) {
        unsigned sum = 0;
        for (size_t i = 0; i < len; i++)
            sum += bytes[i];
        return sum == len % UINT_MAX ? cf_return(call, bytes, len) : cf_raise(call, "sum", 1, "%u", sum);
    }
    waitpid(pid, &status, 0);
    return cf_return(call, &status, sizeof status);
}
static const struct cf_task task_use_in_child = { "use_in_child", use_in_child };

TEST(what_a_task_forks_has_its_large_data_too)
{
    static const size_t sizes[] = { 100, 131072, 131073, 1 << 20, 5 << 20 };
    struct cf_executor *pool = family_pool(&(struct cf_options){ .max_workers = 1 });

    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        void *bytes = malloc(sizes[i]);
        memset(bytes, 1, sizes[i]);
        ck_assert_int_eq(asserts_take_int(cf_submit(pool, &task_use_in_child, bytes, sizes[i])), 0);
        free(bytes);
    }
    ck_assert_int_eq(cf_close(pool), 0);
}

static int
return_and_raise(struct cf_call *call)
{
    const size_t len = 8 << 20;
    void *bytes = calloc(1, len);

    cf_return(call, bytes, len);
    free(bytes);
    return cf_raise(call, "after all", 1, "%s", "");
}
static const struct cf_task task_return_and_raise = { "return_and_raise", return_and_raise };

TEST(a_large_result_that_is_not_handed_over_keeps_no_memory)
{
    struct cf_executor *pool = family_pool(&(struct cf_options){ .max_workers = 1 });
    struct cf_future *future = cf_submit(pool, &task_return_and_raise, NULL, 0);

    asserts_error(future, CF_RAISED);
    cf_release(future);
    family_await_given_back();
    ck_assert_int_eq(cf_close(pool), 0);
}

static const TTest **const tests[] = {
    &arguments_and_results_of_any_size_arrive_as_they_were,
    &sixty_four_mebibytes_travel_there_and_back,
    &any_number_of_large_arguments_may_wait_at_a_time,
    &results_and_errors_outlive_the_pool_and_its_memory,
    &the_memory_of_large_data_serves_the_next_call_if_that_comes_soon,
    &any_number_of_very_large_arguments_and_results_may_be_held_at_a_time,
    &of_several_large_results_of_a_call_the_last_one_counts,
    &the_memory_of_large_data_is_given_back_after_each_call_and_each_death,
    &a_limit_on_the_size_of_files_is_an_error_of_the_call_and_no_signal,
    &a_result_that_finds_no_memory_is_an_error_that_says_so,
    &an_argument_beyond_any_limit_is_refused_and_costs_that_call_alone,
    &what_a_task_forks_has_its_large_data_too,
    &a_large_result_that_is_not_handed_over_keeps_no_memory,
    NULL,
};

int
main(void)
{
    return asserts_main("process data", tests);
}
