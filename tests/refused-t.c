/* SPDX-License-Identifier: MIT */
/* refused-t.c - what is said and done when the system refuses a thread, a descriptor or memory. */

#include <errno.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "asserts.h"
#include "faults.h"
#include "tasks.h"

TEST(a_pool_that_cannot_start_any_worker_is_broken_and_says_why)
{
    struct cf_executor *pool = tasks_pool(2);
    struct cf_future *futures[3];

    faults_arm(FAULTS_THREAD, 1, FAULTS_FOR_EVER);
    for (int i = 0; i < 3; i++)
        futures[i] = cf_submit(pool, &faults_tasks[FAULTS_NOTHING], NULL, 0);
    faults_disarm();
    for (int i = 0; i < 3; i++) {
        const struct cf_error *error = asserts_error(futures[i], CF_BROKEN);
        ck_assert_str_eq(error->domain, "errno");
        ck_assert_int_eq(error->code, EAGAIN);
        cf_release(futures[i]);
    }
    ck_assert_int_eq(cf_close(pool), -1);
    ck_assert_int_eq(errno, EPIPE);
}

TEST(a_pool_that_cannot_start_another_worker_does_with_those_it_has)
{
    struct cf_executor *pool = tasks_pool(4);
    struct stage *stage = stage_new();
    struct cf_future *running = tasks_start_holding(pool, stage, 0);
    struct cf_future *futures[10];

    faults_arm(FAULTS_THREAD, 1, FAULTS_FOR_EVER);
    for (int i = 0; i < 10; i++)
        futures[i] = cf_submit(pool, &faults_tasks[FAULTS_NOTHING], NULL, 0);
    faults_disarm();
    latch_raise(&stage->go);
    for (int i = 0; i < 10; i++) {
        ck_assert_ptr_nonnull(cf_result(futures[i], NULL));
        cf_release(futures[i]);
    }
    ck_assert_int_eq(asserts_take_int(running), 0);
    ck_assert_int_eq(cf_close(pool), 0);
}

static void *
submit_nothing(void *pool)
{
    cf_release(cf_submit(pool, &faults_tasks[FAULTS_NOTHING], NULL, 0));
    return NULL;
}

/*
 * While a third worker is being tried, one falls asleep because the third would look for work, and the other takes
 * several calls, of which the first needs the second.
 */
TEST(a_worker_that_cannot_be_started_leaves_its_work_to_one_that_sleeps)
{
    struct stage *stage = stage_new(), *gates[2] = { stage_new(), stage_new() };
    pthread_t thread;

    ck_assert_int_eq(setenv("CF_CPU_COUNT", "1", 1), 0);
    struct cf_executor *pool = tasks_pool(3);
    struct cf_future *one = tasks_start_holding(pool, gates[0], 1);
    struct cf_future *two = tasks_start_holding(pool, gates[1], 2);
    faults_slow(stage);
    faults_arm(FAULTS_THREAD, 1, FAULTS_FOR_EVER);
    faults_start(&thread, submit_nothing, pool);
    latch_await(&stage->of[0], 1);
    latch_raise(&gates[1]->go);
    asserts_int(two);
    asserts_sleep(0.1);
    struct cf_future *nothing_much = cf_submit(pool, &faults_tasks[FAULTS_NOTHING], NULL, 0);
    struct cf_future *needs = tasks_submit_cue(pool, stage, 3, 1);
    struct cf_future *needed = tasks_submit_int(pool, &task_twice, 4);
    latch_raise(&gates[0]->go);
    latch_await(&stage->started, 1);
    latch_raise(&stage->of[1]);
    pthread_join(thread, NULL);
    ck_assert_int_eq(asserts_take_int(needed), 8);
    latch_raise(&stage->go);
    ck_assert_int_eq(asserts_take_int(needs), 3);
    cf_release(nothing_much);
    cf_release(one);
    cf_release(two);
    ck_assert_int_eq(cf_close(pool), 0);
}

TEST(without_a_descriptor_a_constructor_says_so)
{
    faults_arm(FAULTS_EVENTFD, 1, FAULTS_FOR_EVER);
    struct cf_executor *threads = cf_thread_pool(NULL);
    int error = errno;
    struct cf_executor *here = cf_inline_pool(NULL);
    faults_disarm();
    ck_assert_ptr_null(threads);
    ck_assert_ptr_null(here);
    ck_assert_int_eq(error, EMFILE);
    struct cf_future *future = cf_submit(threads, &faults_tasks[FAULTS_NOTHING], NULL, 0);
    asserts_refused(future, EMFILE);
    cf_release(future);
}

TEST(a_call_without_memory_is_refused_with_no_effect)
{
    struct cf_executor *pool = tasks_pool(1);
    struct stage *stage = stage_new();
    static const char argument[100000];

    asserts_take_int(tasks_submit_cue(pool, stage, 1, 0));
    faults_arm(FAULTS_MEMORY, 1, FAULTS_FOR_EVER);
    struct cf_future *future = cf_submit(pool, &task_cue, argument, sizeof argument);
    faults_disarm();
    asserts_refused(future, ENOMEM);
    cf_release(future);
    ck_assert_int_eq(asserts_take_int(tasks_submit_cue(pool, stage, 2, 0)), 2);
    ck_assert_uint_eq(latch_count(&stage->started), 2);
    ck_assert_int_eq(cf_close(pool), 0);
}

/* Become nobody, whom limits bind, with so many threads at most. */
static void
become_nobody(rlim_t threads)
{
    const struct rlimit limit = { threads, threads };

    if (geteuid() != 0)
        tap_skip("only root can become a user who has no other threads");
    ck_assert_int_eq(setrlimit(RLIMIT_NPROC, &limit), 0);
    ck_assert_int_eq(setresuid(65534, 65534, 65534), 0);
}

TEST(where_the_system_allows_no_thread_the_pool_is_broken)
{
    if (tap_sanitized())
        tap_skip("a sanitizer needs threads of its own");
    become_nobody(1);
    struct cf_executor *pool = tasks_pool(4);
    struct cf_future *future = cf_submit(pool, &faults_tasks[FAULTS_NOTHING], NULL, 0);

    ck_assert_int_eq(asserts_error(future, CF_BROKEN)->code, EAGAIN);
    cf_release(future);
    ck_assert_int_eq(cf_close(pool), -1);
}

static const TTest **const tests[] = {
    &a_pool_that_cannot_start_any_worker_is_broken_and_says_why,
    &a_pool_that_cannot_start_another_worker_does_with_those_it_has,
    &a_worker_that_cannot_be_started_leaves_its_work_to_one_that_sleeps,
    &without_a_descriptor_a_constructor_says_so,
    &a_call_without_memory_is_refused_with_no_effect,
    &where_the_system_allows_no_thread_the_pool_is_broken,
    NULL,
};

int
main(void)
{
    return asserts_main("refused", tests);
}
