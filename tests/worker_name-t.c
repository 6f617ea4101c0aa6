/* SPDX-License-Identifier: MIT */
/* worker_name-t.c - what the workers of thread pools, and their threads, are called. */

#include <pthread.h>
#include <regex.h>
#include <string.h>

#include "asserts.h"
#include "tasks.h"

#define WORKERS 4

/* Returns the name of its thread and that of its worker when all of the pool are there. */
struct names {
    char thread[16], worker[32];
};

static int
tell_names(struct cf_call *call)
{
    struct stage *stage = stage_find(cf_arg(call, NULL));
    struct names names = { "", "" };

    latch_raise(&stage->started);
    latch_await(&stage->go, 1);
    ck_assert_int_eq(pthread_getname_np(pthread_self(), names.thread, sizeof names.thread), 0);
    strncpy(names.worker, cf_worker(call), sizeof names.worker - 1);
    return cf_return(call, &names, sizeof names);
}
static const struct cf_task task_tell_names = { "tell_names", tell_names };

static void
collect_names(struct cf_executor *pool, struct names *names)
{
    struct stage *stage = stage_new();
    struct cf_future *futures[WORKERS];

    ck_assert_ptr_nonnull(pool);
    for (int i = 0; i < WORKERS; i++)
        futures[i] = cf_submit(pool, &task_tell_names, stage->name, sizeof stage->name);
    latch_await(&stage->started, WORKERS);
    latch_raise(&stage->go);
    for (int i = 0; i < WORKERS; i++) {
        memcpy(&names[i], cf_result(futures[i], NULL), sizeof *names);
        cf_release(futures[i]);
    }
}

static void
assert_matches(const char *text, const char *pattern)
{
    regex_t regex;

    ck_assert_int_eq(regcomp(&regex, pattern, REG_EXTENDED | REG_NOSUB), 0);
    ck_assert_msg(regexec(&regex, text, 0, NULL, 0) == 0, "'%s' is not like %s", text, pattern);
    regfree(&regex);
}

static void
assert_different(const struct names *names)
{
    for (int i = 0; i < WORKERS; i++) {
        for (int j = 0; j < i; j++) {
            ck_assert_str_ne(names[i].worker, names[j].worker);
            ck_assert_str_ne(names[i].thread, names[j].thread);
        }
    }
}

TEST(threads_are_called_cf_and_numbered)
{
    struct cf_executor *pool = tasks_pool(WORKERS);
    struct names names[WORKERS];

    collect_names(pool, names);
    for (int i = 0; i < WORKERS; i++) {
        assert_matches(names[i].thread, "^cf-[0-9]+-[0-9]+$");
        assert_matches(names[i].worker, "^thread [0-9]+$");
    }
    assert_different(names);
    cf_close(pool);
}

TEST(the_threads_of_two_pools_differ_in_name)
{
    struct cf_executor *pools[] = { tasks_pool(WORKERS), tasks_pool(WORKERS) };
    struct names names[2][WORKERS];

    for (int k = 0; k < 2; k++)
        collect_names(pools[k], names[k]);
    for (int i = 0; i < WORKERS; i++)
        for (int j = 0; j < WORKERS; j++)
            ck_assert_str_ne(names[0][i].thread, names[1][j].thread);
    cf_close(pools[0]);
    cf_close(pools[1]);
}

TEST(a_name_of_ones_own_is_copied_and_comes_first)
{
    char name[] = "flags";
    struct cf_executor *pool = cf_thread_pool(&(struct cf_options){ .max_workers = WORKERS, .name = name });
    struct names names[WORKERS];

    memset(name, '#', sizeof name - 1);
    collect_names(pool, names);
    for (int i = 0; i < WORKERS; i++)
        assert_matches(names[i].thread, "^flags-[0-9-]*[0-9]$");
    cf_close(pool);
}

TEST(a_long_name_is_cut_but_the_numbers_stay)
{
    struct cf_executor *pool =
        cf_thread_pool(&(struct cf_options){ .max_workers = WORKERS, .name = "a-name-of-many-more-bytes" });
    struct names names[WORKERS];

    collect_names(pool, names);
    for (int i = 0; i < WORKERS; i++) {
        assert_matches(names[i].thread, "^a-name.*-[0-9]+$");
        ck_assert_uint_le(strlen(names[i].thread), 15);
    }
    assert_different(names);
    cf_close(pool);
}

static const TTest **const tests[] = {
    &threads_are_called_cf_and_numbered,
    &the_threads_of_two_pools_differ_in_name,
    &a_name_of_ones_own_is_copied_and_comes_first,
    &a_long_name_is_cut_but_the_numbers_stay,
    NULL,
};

int
main(void)
{
    return asserts_main("worker_name", tests);
}
