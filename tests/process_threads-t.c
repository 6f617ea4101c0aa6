/* SPDX-License-Identifier: MIT */
/* process_threads-t.c - process pools among threads, forks and other pools. */

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "asserts.h"
#include "family.h"
#include "tap.h"

static _Atomic bool over;

/* Allocates, prints and calls, so that locks of all sorts are held at any moment. */
static void *
be_busy(void *unused)
{
    struct cf_executor *pool = tasks_pool(1);
    FILE *nowhere = fopen("/dev/null", "we");

    while (!atomic_load(&over)) {
        char *text = malloc(5000);
        ck_assert_ptr_nonnull(text);
        snprintf(text, 5000, "%p", (void *)pool);
        fputs(text, nowhere);
        free(text);
        ck_assert_int_eq(asserts_take_int(tasks_submit_int(pool, &task_twice, 4)), 8);
    }
    fclose(nowhere);
    ck_assert_int_eq(cf_close(pool), 0);
    return unused;
}

static void
open_and_close_pools(int times)
{
    for (int i = 0; i < times; i++) {
        struct cf_executor *pool = family_pool(&(struct cf_options){ .max_workers = 2 });
        struct cf_future *futures[4];
        for (int k = 0; k < 4; k++)
            futures[k] = tasks_submit_int(pool, &task_twice, k);
        for (int k = 0; k < 4; k++)
            ck_assert_int_eq(asserts_take_int(futures[k]), 2 * k);
        ck_assert_int_eq(cf_close(pool), 0);
    }
}

/* A sanitizer's own locks do not survive the fork of a process with busy threads. */
TEST(a_program_with_fifty_busy_threads_and_their_pools_opens_and_closes_process_pools)
{
    enum { THREADS = 25 }; /* with the worker of each */
    const struct family before = family_take_stock();
    pthread_t threads[THREADS];

    if (tap_sanitized())
        tap_skip("the locks of a sanitizer's allocator do not survive a fork");
    for (int i = 0; i < THREADS; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, be_busy, NULL), 0);
    open_and_close_pools(20);
    atomic_store(&over, true);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    family_check(&before);
}

static void *
be_owner(void *unused)
{
    open_and_close_pools(10);
    return unused;
}

/* Each has copies of the descriptors of others, taken at any moment. */
TEST(pools_may_be_opened_and_closed_by_several_threads_at_a_time)
{
    enum { THREADS = 4 };
    const struct family before = family_take_stock();
    pthread_t threads[THREADS];

    if (tap_sanitized())
        tap_skip("the locks of a sanitizer's allocator do not survive a fork");
    for (int i = 0; i < THREADS; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, be_owner, NULL), 0);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    family_check(&before);
}

TEST(a_pool_can_be_closed_while_a_later_one_lives)
{
    const struct family before = family_take_stock();
    struct cf_executor *first = family_pool(&(struct cf_options){ .max_workers = 1 });
    ck_assert_int_eq(asserts_take_int(tasks_submit_int(first, &task_twice, 1)), 2);
    struct cf_executor *second = family_pool(&(struct cf_options){ .max_workers = 1 });

    ck_assert_int_eq(asserts_take_int(tasks_submit_int(second, &task_twice, 2)), 4);
    ck_assert_int_eq(cf_close(first), 0);
    /* A nursery and a worker. */
    ck_assert_uint_eq(family_processes(), before.processes + 2);
    ck_assert_int_eq(asserts_take_int(tasks_submit_int(second, &task_twice, 3)), 6);
    ck_assert_int_eq(cf_close(second), 0);
    family_check(&before);
}

/* How much nameless shared memory the worker has. */
static int
count_shared(struct cf_call *call)
{
    FILE *maps = fopen("/proc/self/maps", "re");
    char line[512];
    int count = 0;

    if (maps == NULL)
        return cf_raise(call, "errno", errno, "no maps");
    while (fgets(line, sizeof line, maps) != NULL)
        count += strstr(line, "/dev/zero") != NULL;
    fclose(maps);
    return cf_return(call, &count, sizeof count);
}
static const struct cf_task task_count_shared = { "count_shared", count_shared };

TEST(a_later_pools_workers_keep_no_memory_of_an_earlier_one)
{
    struct cf_executor *first = family_pool(&(struct cf_options){ .max_workers = 1 });
    struct cf_executor *second = family_pool(&(struct cf_options){ .max_workers = 1 });
    const int alone = asserts_take_int(cf_submit(first, &task_count_shared, NULL, 0));

    ck_assert_int_eq(asserts_take_int(cf_submit(second, &task_count_shared, NULL, 0)), alone);
    ck_assert_int_eq(cf_close(first), 0);
    ck_assert_int_eq(cf_close(second), 0);
}

/* A pool of either kind in a worker, which says 42 if its calls went well. */
static int
have_pools(struct cf_call *call)
{
    struct cf_executor *threads = cf_thread_pool(&(struct cf_options){ .max_workers = 2 });
    struct cf_executor *processes = cf_process_pool(&(struct cf_options){ .max_workers = 2 });
    int number = 21, answer = 0;

    struct cf_future *one = cf_submit(threads, &task_twice, &number, sizeof number);
    struct cf_future *other = cf_submit(processes, &task_twice, &number, sizeof number);
    const int *first = cf_result(one, NULL), *second = cf_result(other, NULL);
    if (first != NULL && second != NULL && *first == *second)
        answer = *first;
    cf_release(one);
    cf_release(other);
    if (cf_close(threads) != 0 || cf_close(processes) != 0)
        return cf_raise(call, "close", 1, "it failed");
    return cf_return(call, &answer, sizeof answer);
}
static const struct cf_task task_have_pools = { "have_pools", have_pools };

TEST(a_task_may_have_pools_of_its_own)
{
    const struct family before = family_take_stock();

    asserts_no_thread_sanitizer("ThreadSanitizer knows no threads in the child of a process with threads");
    struct cf_executor *pool = family_pool(&(struct cf_options){ .max_workers = 2 });
    struct cf_future *futures[4];
    for (int i = 0; i < 4; i++)
        futures[i] = cf_submit(pool, &task_have_pools, NULL, 0);
    for (int i = 0; i < 4; i++)
        ck_assert_int_eq(asserts_take_int(futures[i]), 42);
    ck_assert_int_eq(cf_close(pool), 0);
    family_await_end();
    family_check(&before);
}

static struct stage *returners;

/* Forks a process that returns here, too.  The one that counts is the one that waits for the other, if it can. */
static int
return_twice(void)
{
    latch_raise(&returners->started);
    const pid_t child = fork();
    if (child > 0)
        waitpid(child, NULL, 0);
    return child < 0 ? errno : 0;
}

static int
tell_pid_twice(struct cf_call *call)
{
    const int error = return_twice(), pid = getpid();

    return error != 0 ? error : cf_return(call, &pid, sizeof pid);
}
static const struct cf_task task_twice_told = { "tell_pid_twice", tell_pid_twice };

static int
open_twice(struct cf_call *call, void **local, const void *unused)
{
    (void)call;
    (void)local;
    (void)unused;
    return return_twice();
}

static void
close_twice(void *unused)
{
    (void)unused;
    return_twice();
}

TEST(a_forked_process_that_returns_from_a_task_is_no_second_worker)
{
    enum { CALLS = 20, ITEMS = 4 };
    returners = stage_new();
    const struct family before = family_take_stock();
    struct cf_executor *pool =
        family_pool(&(struct cf_options){ .max_workers = 1, .open_worker = open_twice, .close_worker = close_twice });
    const pid_t worker = asserts_take_int(cf_submit(pool, &task_pid, NULL, 0));
    struct cf_future *futures[CALLS];

    for (int i = 0; i < CALLS; i++)
        futures[i] = cf_submit(pool, &task_twice_told, NULL, 0);
    for (int i = 0; i < CALLS; i++)
        ck_assert_int_eq(asserts_take_int(futures[i]), worker);
    struct cf_iter *iter =
        cf_map(pool, &task_twice_told, "items", ITEMS, 1, &(struct cf_map_options){ .chunksize = ITEMS });
    for (int i = 0; i < ITEMS; i++)
        ck_assert_int_eq(asserts_int(cf_next(iter)), worker);
    cf_iter_free(iter);
    ck_assert_int_eq(cf_close(pool), 0);
    ck_assert_uint_eq(latch_count(&returners->started), 1 + CALLS + ITEMS + 1);
    family_check(&before);
}

/* The pool of the worker's parent is refused in the worker. */
static int
use_pool(struct cf_call *call)
{
    struct cf_executor *pool;

    memcpy(&pool, cf_arg(call, NULL), sizeof pool);
    struct cf_future *future = cf_submit(pool, &task_twice, NULL, 0);
    const int code = cf_error_of(future)->code;
    cf_release(future);
    return cf_return(call, &code, sizeof code);
}
static const struct cf_task task_use_pool = { "use_pool", use_pool };

TEST(in_a_task_the_programs_pools_are_refused)
{
    struct cf_executor *threads = tasks_pool(1);
    struct cf_executor *pool = family_pool(&(struct cf_options){ .max_workers = 1 });

    ck_assert_int_eq(asserts_take_int(cf_submit(pool, &task_use_pool, &threads, sizeof(void *))), ECHILD);
    ck_assert_int_eq(asserts_take_int(cf_submit(pool, &task_use_pool, &pool, sizeof(void *))), ECHILD);
    ck_assert_int_eq(cf_close(pool), 0);
    ck_assert_int_eq(cf_close(threads), 0);
}

/* The refusals that a forked child meets, as its exit status: 0 if all is as it should be. */
static int
use_parents_pool(struct cf_executor *pool, struct cf_future *done, struct cf_future *running)
{
    struct cf_future *refused = cf_submit(pool, &task_pid, NULL, 0);

    if (cf_error_of(refused)->why != CF_REFUSED || cf_error_of(refused)->code != ECHILD)
        return 1;
    cf_release(refused);
    if (cf_result(done, NULL) == NULL)
        return 2;
    if (cf_result(running, NULL) != NULL || cf_error_of(running)->code != ECHILD)
        return 3;
    if (cf_wait(&running, 1, CF_ALL_COMPLETED, CF_NEVER, NULL) != CF_FORKED || cf_cancel(running))
        return 4;
    cf_interrupt(pool);
    if (cf_shutdown(pool, CF_KILL | CF_WAIT) != -1 || errno != ECHILD)
        return 5;
    return cf_close(pool) == -1 && errno == ECHILD ? 0 : 6;
}

TEST(in_a_forked_child_the_pool_is_refused_and_the_program_keeps_it)
{
    struct stage *stage = stage_new();
    struct cf_executor *pool = family_pool(&(struct cf_options){ .max_workers = 1 });
    struct cf_future *done = cf_submit(pool, &task_pid, NULL, 0);
    int status;

    asserts_int(done);
    struct cf_future *running = tasks_start_holding(pool, stage, 7);
    pid_t child = fork();
    if (child == 0)
        _exit(use_parents_pool(pool, done, running));
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_int_eq(status, 0);
    latch_raise(&stage->go);
    ck_assert_int_eq(asserts_take_int(running), 7);
    cf_release(done);
    ck_assert_int_eq(cf_close(pool), 0);
}

/* Workers come and go all the time; until the pool is shut down. */
static void *
call_until_refused(void *pool)
{
    bool refused = false;

    for (int i = 0; !refused; i++) {
        struct cf_future *futures[8];
        for (int k = 0; k < 8; k++)
            futures[k] = family_submit_end(pool, k == 3 && i % 4 == 0 ? END_EXIT_NOW : END_NOT);
        for (int k = 0; k < 8; k++) {
            const struct cf_error *error = cf_error_of(futures[k]);
            refused = refused || (error != NULL && error->why == CF_REFUSED);
            ck_assert(error == NULL || error->why == CF_REFUSED || error->why == CF_WORKER_LOST);
            cf_release(futures[k]);
        }
    }
    return pool;
}

/* ThreadSanitizer sees whether the collector, which buries and watches the time, keeps to the pool's lock. */
TEST(threads_may_call_while_workers_die_and_the_pool_is_shut_down)
{
    enum { THREADS = 2 };
    pthread_t threads[THREADS];

    for (int round = 0; round < 10; round++) {
        struct cf_executor *pool = family_pool(&(struct cf_options){
            .max_workers = 6, .call_timeout = 60, .max_deaths = 1000000, .max_calls_per_worker = 3 });
        for (int i = 0; i < THREADS; i++)
            ck_assert_int_eq(pthread_create(&threads[i], NULL, call_until_refused, pool), 0);
        asserts_sleep(0.1);
        ck_assert_int_eq(cf_shutdown(pool, CF_WAIT), 0);
        for (int i = 0; i < THREADS; i++)
            pthread_join(threads[i], NULL);
        ck_assert_int_eq(cf_close(pool), 0);
    }
}

static const TTest **const tests[] = {
    &a_program_with_fifty_busy_threads_and_their_pools_opens_and_closes_process_pools,
    &pools_may_be_opened_and_closed_by_several_threads_at_a_time,
    &a_pool_can_be_closed_while_a_later_one_lives,
    &threads_may_call_while_workers_die_and_the_pool_is_shut_down,
    &a_later_pools_workers_keep_no_memory_of_an_earlier_one,
    &a_task_may_have_pools_of_its_own,
    &a_forked_process_that_returns_from_a_task_is_no_second_worker,
    &in_a_task_the_programs_pools_are_refused,
    &in_a_forked_child_the_pool_is_refused_and_the_program_keeps_it,
    NULL,
};

int
main(void)
{
    return asserts_main("process threads", tests);
}
