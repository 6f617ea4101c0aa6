/* SPDX-License-Identifier: MIT */
/* worker-t.c - the workers of thread pools: when they start, what they are called, what they keep, when they end. */

#include <errno.h>
#include <pthread.h>
#include <regex.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "asserts.h"
#include "tasks.h"

#define WORKERS 4

TEST(workers_start_on_demand)
{
    size_t before = asserts_threads();
    struct cf_executor *pool = tasks_pool(WORKERS);
    struct stage *stage = stage_new();

    ck_assert_uint_eq(asserts_threads(), before);
    for (uint32_t i = 0; i < WORKERS; i++) {
        cf_release(tasks_submit_cue(pool, stage, 0, 1));
        latch_await(&stage->started, i + 1);
        ck_assert_uint_eq(asserts_threads(), before + i + 1);
    }
    for (int i = 0; i < 20; i++)
        cf_release(tasks_submit_cue(pool, stage, 0, 0));
    ck_assert_uint_eq(asserts_threads(), before + WORKERS);
    latch_raise(&stage->go);
    cf_close(pool);
}

/* Give workers the time to fall asleep, which nothing tells. */
static void
settle_down(void)
{
    asserts_sleep(0.05);
}

TEST(three_calls_one_after_another_use_one_worker)
{
    size_t before = asserts_threads();
    struct cf_executor *pool = tasks_pool(WORKERS);

    for (int i = 0; i < 3; i++) {
        ck_assert_int_eq(asserts_take_int(tasks_submit_int(pool, &task_twice, i)), 2 * i);
        settle_down();
        ck_assert_uint_eq(asserts_threads(), before + 1);
    }
    cf_close(pool);
}

TEST(idle_workers_are_reused_before_new_ones_start)
{
    size_t before = asserts_threads();
    struct cf_executor *pool = tasks_pool(WORKERS);
    struct stage *stage = stage_new();
    struct cf_future *futures[2];

    for (int i = 0; i < 2; i++)
        futures[i] = tasks_submit_cue(pool, stage, i, 1);
    latch_await(&stage->started, 2);
    latch_raise(&stage->go);
    for (int i = 0; i < 2; i++)
        asserts_take_int(futures[i]);
    settle_down();
    for (uint32_t i = 0; i < 2; i++)
        futures[i] = tasks_submit_cue(pool, stage, 0, 2);
    latch_await(&stage->started, 4);
    ck_assert_uint_eq(asserts_threads(), before + 2);
    latch_raise(&stage->go);
    for (int i = 0; i < 2; i++)
        cf_release(futures[i]);
    cf_close(pool);
}

TEST(idle_workers_use_no_processor_time)
{
    struct cf_executor *pool = tasks_pool(WORKERS);
    struct stage *stage = stage_new();

    for (int i = 0; i < WORKERS; i++)
        cf_release(tasks_submit_cue(pool, stage, i, 1));
    latch_await(&stage->started, WORKERS);
    latch_raise(&stage->go);
    settle_down();
    clock_t before = clock();
    asserts_sleep(0.5);
    ck_assert_double_lt((double)(clock() - before) / CLOCKS_PER_SEC, 0.1);
    cf_close(pool);
}

TEST(who_waits_uses_no_processor_time)
{
    struct cf_executor *pool = tasks_pool(1);
    struct stage *stage = stage_new();
    struct cf_future *future = tasks_start_holding(pool, stage, 0);

    clock_t before = clock();
    ck_assert_int_eq(cf_wait(&future, 1, CF_ALL_COMPLETED, cf_after(0.5), NULL), CF_TIMEOUT);
    /* The call itself wakes up 20 times a second. */
    ck_assert_double_lt((double)(clock() - before) / CLOCKS_PER_SEC, 0.1);
    latch_raise(&stage->go);
    cf_release(future);
    cf_close(pool);
}

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

/* What a worker keeps: which it is, in which thread, and how many calls it has served. */
struct keep {
    struct stage *stage;
    pthread_t thread;
    uint32_t number;
};

static int
open_keep(struct cf_call *call, void **local, const void *worker_arg)
{
    struct keep *keep = calloc(1, sizeof *keep);

    ck_assert_ptr_nonnull(keep);
    ck_assert_int_eq(strncmp(cf_worker(call), "thread ", 7), 0);
    keep->stage = *(struct stage *const *)worker_arg;
    keep->thread = pthread_self();
    keep->number = latch_raise(&keep->stage->opened);
    *local = keep;
    return 0;
}

static void
close_keep(void *local)
{
    struct keep *keep = local;

    ck_assert(pthread_equal(keep->thread, pthread_self()));
    latch_raise(&keep->stage->closed);
    free(keep);
}

static int
use_keep(struct cf_call *call)
{
    struct keep *keep = cf_local(call);
    int number = (int)keep->number;

    ck_assert(pthread_equal(keep->thread, pthread_self()));
    latch_raise(&keep->stage->started);
    latch_await(&keep->stage->go, 1);
    return cf_return(call, &number, sizeof number);
}
static const struct cf_task task_use_keep = { "use_keep", use_keep };

TEST(each_worker_keeps_something_of_its_own_from_open_to_close)
{
    struct stage *stage = stage_new();
    struct cf_executor *pool = cf_thread_pool(&(struct cf_options){
        .max_workers = WORKERS, .open_worker = open_keep, .close_worker = close_keep, .worker_arg = &stage });
    struct cf_future *futures[WORKERS * 3];
    bool seen[WORKERS] = { false };

    for (int i = 0; i < WORKERS * 3; i++)
        futures[i] = cf_submit(pool, &task_use_keep, NULL, 0);
    latch_await(&stage->started, WORKERS);
    ck_assert_uint_eq(latch_count(&stage->opened), WORKERS);
    latch_raise(&stage->go);
    for (int i = 0; i < WORKERS * 3; i++)
        seen[asserts_take_int(futures[i])] = true;
    for (int i = 0; i < WORKERS; i++)
        ck_assert(seen[i]);
    ck_assert_uint_eq(latch_count(&stage->closed), 0);
    ck_assert_int_eq(cf_close(pool), 0);
    ck_assert_uint_eq(latch_count(&stage->opened), WORKERS);
    ck_assert_uint_eq(latch_count(&stage->closed), WORKERS);
}

TEST(a_pool_that_served_no_call_opens_no_worker)
{
    struct stage *stage = stage_new();
    struct cf_executor *pool = cf_thread_pool(&(struct cf_options){
        .max_workers = WORKERS, .open_worker = open_keep, .close_worker = close_keep, .worker_arg = &stage });

    ck_assert_int_eq(cf_close(pool), 0);
    ck_assert_uint_eq(latch_count(&stage->opened), 0);
}

/* The first worker opens, the second one fails. */
static int
open_but_one(struct cf_call *call, void **local, const void *worker_arg)
{
    struct stage *stage = *(struct stage *const *)worker_arg;

    *local = stage;
    if (latch_raise(&stage->opened) == 0)
        return 0;
    return cf_raise(call, "open", 2, "the second one fails");
}

static void
close_but_one(void *local)
{
    latch_raise(&((struct stage *)local)->closed);
}

TEST(a_later_worker_that_fails_to_open_breaks_the_pool_but_not_what_runs)
{
    struct stage *stage = stage_new();
    struct cf_executor *pool = cf_thread_pool(&(struct cf_options){
        .max_workers = 2, .open_worker = open_but_one, .close_worker = close_but_one, .worker_arg = &stage });
    struct cf_future *running = tasks_start_holding(pool, stage, 7);
    struct cf_future *futures[5];

    for (int i = 0; i < 5; i++)
        futures[i] = tasks_submit_int(pool, &task_twice, i);
    for (int i = 0; i < 5; i++) {
        ck_assert_int_eq(asserts_error(futures[i], CF_BROKEN)->code, 2);
        cf_release(futures[i]);
    }
    ck_assert(cf_running(running));
    latch_raise(&stage->go);
    ck_assert_int_eq(asserts_take_int(running), 7);
    ck_assert_int_eq(cf_close(pool), -1);
    ck_assert_int_eq(errno, EPIPE);
    ck_assert_uint_eq(latch_count(&stage->opened), 2);
    ck_assert_uint_eq(latch_count(&stage->closed), 1);
}

/* The first worker opens at once, the second one when it is told to. */
static int
open_slowly(struct cf_call *call, void **local, const void *worker_arg)
{
    struct stage *stage = *(struct stage *const *)worker_arg;

    (void)call;
    *local = NULL;
    if (latch_raise(&stage->opened) > 0)
        latch_await(&stage->of[0], 1);
    return 0;
}

TEST(a_worker_that_takes_long_to_open_holds_up_no_other)
{
    struct stage *stage = stage_new();
    struct cf_executor *pool =
        cf_thread_pool(&(struct cf_options){ .max_workers = 2, .open_worker = open_slowly, .worker_arg = &stage });
    struct cf_future *first = tasks_start_holding(pool, stage, 0);
    struct cf_future *second = tasks_submit_int(pool, &task_twice, 1);

    latch_await(&stage->opened, 2);
    latch_raise(&stage->go);
    ck_assert_int_eq(asserts_take_int(second), 2);
    for (int i = 0; i < 10; i++) {
        settle_down();
        ck_assert_int_eq(asserts_take_int(tasks_submit_int(pool, &task_twice, i)), 2 * i);
    }
    latch_raise(&stage->of[0]);
    cf_release(first);
    ck_assert_int_eq(cf_close(pool), 0);
}

/* Each worker waits in opening until all are there. */
static int
open_together(struct cf_call *call, void **local, const void *worker_arg)
{
    struct stage *stage = *(struct stage *const *)worker_arg;

    (void)call;
    *local = NULL;
    latch_raise(&stage->opened);
    latch_await(&stage->opened, WORKERS);
    return 0;
}

TEST(workers_open_at_the_same_time)
{
    struct stage *stage = stage_new();
    struct cf_executor *pool = cf_thread_pool(
        &(struct cf_options){ .max_workers = WORKERS, .open_worker = open_together, .worker_arg = &stage });
    struct cf_future *futures[WORKERS];

    for (int i = 0; i < WORKERS; i++)
        futures[i] = tasks_submit_int(pool, &task_twice, i);
    for (int i = 0; i < WORKERS; i++)
        ck_assert_int_eq(asserts_take_int(futures[i]), 2 * i);
    ck_assert_int_eq(cf_close(pool), 0);
}

static struct cf_executor *own_pool;

/* What would wait for the worker that is being opened, or closed, is told so. */
static int
open_and_wait(struct cf_call *call, void **local, const void *worker_arg)
{
    struct stage *stage = *(struct stage *const *)worker_arg;
    struct cf_future *own = cf_submit(own_pool, &task_local, NULL, 0);
    const struct cf_error *error = cf_error_of(own);

    (void)call;
    ck_assert(error != NULL && error->why == CF_REFUSED && error->code == EDEADLK);
    ck_assert_int_eq(cf_wait(&own, 1, CF_ALL_COMPLETED, CF_NEVER, NULL), CF_DEADLOCK);
    ck_assert_int_eq(cf_shutdown(own_pool, CF_WAIT), -1);
    ck_assert_int_eq(errno, EDEADLK);
    cf_release(own);
    *local = stage;
    return 0;
}

static void
wait_and_close(void *local)
{
    struct stage *stage = local;

    ck_assert_int_eq(cf_shutdown(own_pool, CF_WAIT), -1);
    ck_assert_int_eq(errno, EDEADLK);
    latch_raise(&stage->closed);
}

TEST(opening_and_closing_a_worker_cannot_wait_for_it)
{
    struct stage *stage = stage_new();

    own_pool = cf_thread_pool(&(struct cf_options){
        .max_workers = 1, .open_worker = open_and_wait, .close_worker = wait_and_close, .worker_arg = &stage });
    struct cf_future *future = cf_submit(own_pool, &task_local, NULL, 0);
    const uintptr_t *local = cf_result(future, NULL);

    ck_assert_uint_eq(*local, (uintptr_t)stage);
    cf_release(future);
    ck_assert_int_eq(cf_close(own_pool), 0);
    ck_assert_uint_eq(latch_count(&stage->closed), 1);
}

static int
open_with_a_result(struct cf_call *call, void **local, const void *worker_arg)
{
    (void)worker_arg;
    *local = NULL;
    return cf_return(call, "ignored", 8);
}

TEST(what_open_worker_returns_besides_0_is_forgotten)
{
    struct cf_executor *pool = cf_thread_pool(&(struct cf_options){ .open_worker = open_with_a_result });
    struct cf_future *future = cf_submit(pool, &task_echo, "BR", 3);

    ck_assert_str_eq(cf_result(future, NULL), "BR");
    cf_release(future);
    ck_assert_int_eq(cf_close(pool), 0);
}

TEST(the_options_are_copied)
{
    struct stage *stage = stage_new();
    struct cf_options *options = malloc(sizeof *options);

    *options = (struct cf_options){
        .max_workers = 1, .open_worker = open_keep, .close_worker = close_keep, .worker_arg = &stage
    };
    struct cf_executor *pool = cf_thread_pool(options);
    memset(options, 0xff, sizeof *options);
    free(options);
    latch_raise(&stage->go);
    ck_assert_int_eq(asserts_take_int(cf_submit(pool, &task_use_keep, NULL, 0)), 0);
    ck_assert_int_eq(cf_close(pool), 0);
}

TEST(many_workers_run_at_once)
{
    enum { MANY = 200 };
    struct cf_executor *pool = tasks_pool(MANY);
    struct stage *stage = stage_new();
    struct cf_future *futures[MANY];

    for (int i = 0; i < MANY; i++)
        futures[i] = tasks_submit_cue(pool, stage, i, 1);
    latch_await(&stage->started, MANY);
    latch_raise(&stage->go);
    for (int i = 0; i < MANY; i++)
        ck_assert_int_eq(asserts_take_int(futures[i]), i);
    cf_close(pool);
}

static const TTest **const tests[] = {
    &workers_start_on_demand,
    &three_calls_one_after_another_use_one_worker,
    &idle_workers_are_reused_before_new_ones_start,
    &idle_workers_use_no_processor_time,
    &who_waits_uses_no_processor_time,
    &threads_are_called_cf_and_numbered,
    &the_threads_of_two_pools_differ_in_name,
    &a_name_of_ones_own_is_copied_and_comes_first,
    &a_long_name_is_cut_but_the_numbers_stay,
    &each_worker_keeps_something_of_its_own_from_open_to_close,
    &a_pool_that_served_no_call_opens_no_worker,
    &a_later_worker_that_fails_to_open_breaks_the_pool_but_not_what_runs,
    &a_worker_that_takes_long_to_open_holds_up_no_other,
    &workers_open_at_the_same_time,
    &opening_and_closing_a_worker_cannot_wait_for_it,
    &what_open_worker_returns_besides_0_is_forgotten,
    &the_options_are_copied,
    &many_workers_run_at_once,
    NULL,
};

int
main(void)
{
    return asserts_main("worker", tests);
}
