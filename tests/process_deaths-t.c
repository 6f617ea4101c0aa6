/* SPDX-License-Identifier: MIT */
/* process_deaths-t.c - workers that die, in a task and elsewhere, and what becomes of the calls and the pool. */

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "asserts.h"
#include "family.h"

static const struct {
    enum family_end how;
    const char *domain;
    int code;
    const char *words;
} deaths[] = {
    { END_SEGV, "signal", SIGSEGV, "SIGSEGV" },
    { END_KILL, "signal", SIGKILL, "SIGKILL: possibly out of memory" },
    { END_EXIT_NOW, "exit", 256 + 3, "exit status 3" },
    { END_EXIT_ZERO, "exit", 256, "exit status 0" },
    { END_ABORT, "signal", SIGABRT, "SIGABRT" },
};
#define DEATHS (sizeof deaths / sizeof *deaths)

TEST(a_call_whose_worker_dies_says_of_what_and_the_others_go_on)
{
    const struct family before = family_take_stock();
    struct cf_executor *pool = family_pool(&(struct cf_options){ .max_workers = 2 });
    struct cf_future *futures[3 * DEATHS];

    for (size_t i = 0; i < 3 * DEATHS; i++)
        futures[i] = family_submit_end(pool, i % 3 == 1 ? deaths[i / 3].how : END_NOT);
    for (size_t i = 0; i < 3 * DEATHS; i++) {
        if (i % 3 == 1) {
            const struct cf_error *error = asserts_error(futures[i], CF_WORKER_LOST);
            ck_assert_str_eq(error->domain, deaths[i / 3].domain);
            ck_assert_int_eq(error->code, deaths[i / 3].code);
            ck_assert_str_eq(error->task, "end");
            ck_assert_int_gt(family_pid_of(error->worker), 1);
            ck_assert_ptr_nonnull(strstr(error->message, deaths[i / 3].words));
        } else {
            ck_assert_int_eq(asserts_int(futures[i]), END_NOT);
        }
        cf_release(futures[i]);
    }
    ck_assert_int_eq(cf_close(pool), 0);
    family_check(&before);
}

TEST(exit_in_a_task_fails_that_call_with_the_status_and_the_pool_lives)
{
    const struct family before = family_take_stock();
    struct cf_executor *pool = family_pool(&(struct cf_options){ .max_workers = 1, .max_deaths = 1 });

    for (int i = 0; i < 5; i++) {
        struct cf_future *exits = family_submit_end(pool, END_EXIT);
        struct cf_future *next = family_submit_end(pool, END_NOT);
        const struct cf_error *error = asserts_error(exits, CF_RAISED);
        ck_assert_str_eq(error->domain, "exit");
        ck_assert_int_eq(error->code, 5);
        ck_assert_int_eq(asserts_take_int(next), END_NOT);
        cf_release(exits);
    }
    ck_assert_int_eq(cf_close(pool), 0);
    family_check(&before);
}

/* More than there is of the stack below a thread's first function. */
static void
overwrite_the_stack(void)
{
    volatile char bytes[64 * 1024];

    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = 'x';
}

static int
end_the_thread(struct cf_call *call)
{
    (void)call;
    atexit(overwrite_the_stack);
    pthread_exit(NULL);
}
static const struct cf_task task_end_the_thread = { "end_the_thread", end_the_thread };

TEST(pthread_exit_in_a_task_is_as_exit)
{
    const struct family before = family_take_stock();

    asserts_no_thread_sanitizer("ThreadSanitizer has a thread of its own in each process, which does not end then");
    struct cf_executor *pool = family_pool(&(struct cf_options){ .max_workers = 1, .on_worker_death = CF_BREAK_POOL });

    for (int i = 0; i < 3; i++) {
        struct cf_future *ends = cf_submit(pool, &task_end_the_thread, NULL, 0);
        const struct cf_error *error = asserts_error(ends, CF_RAISED);
        ck_assert_str_eq(error->domain, "exit");
        ck_assert_int_eq(error->code, 0);
        ck_assert_int_gt(family_pid_of(error->worker), 1);
        cf_release(ends);
        ck_assert_int_eq(asserts_take_int(family_submit_end(pool, END_NOT)), END_NOT);
    }
    ck_assert_int_eq(cf_close(pool), 0);
    family_check(&before);
}

static int
fork_and_exit(struct cf_call *call)
{
    int status = -1;
    const pid_t child = fork();

    if (child == 0)
        exit(7);
    waitpid(child, &status, 0);
    status = WEXITSTATUS(status);
    return cf_return(call, &status, sizeof status);
}
static const struct cf_task task_fork_and_exit = { "fork_and_exit", fork_and_exit };

TEST(a_process_that_a_task_forks_may_exit)
{
    struct cf_executor *pool = family_pool(&(struct cf_options){ .max_workers = 1 });

    for (int i = 0; i < 3; i++)
        ck_assert_int_eq(asserts_take_int(cf_submit(pool, &task_fork_and_exit, NULL, 0)), 7);
    ck_assert_int_eq(cf_close(pool), 0);
}

static int
close_everything(struct cf_call *call)
{
    const int rc = close_range(3, ~0U, 0);

    return cf_return(call, &rc, sizeof rc);
}
static const struct cf_task task_close_everything = { "close_everything", close_everything };

TEST(a_task_that_closes_all_descriptors_has_its_result_all_the_same)
{
    struct cf_executor *pool = family_pool(&(struct cf_options){ .max_workers = 1 });

    for (int i = 0; i < 3; i++) {
        ck_assert_int_eq(asserts_take_int(cf_submit(pool, &task_close_everything, NULL, 0)), 0);
        /* Nobody else looks. */
        asserts_sleep(0.02);
        struct cf_future *next = family_submit_end(pool, END_NOT);
        while (!cf_done(next))
            asserts_sleep(0.001);
        cf_release(next);
    }
    ck_assert_int_eq(cf_close(pool), 0);
}

static int
end_at_opening(struct cf_call *call, void **local, const void *how)
{
    (void)call;
    (void)local;
    family_end(*(const enum family_end *)how);
    return 0;
}

TEST(a_worker_that_dies_in_open_worker_breaks_the_pool_which_says_so)
{
    static const enum family_end ends[] = { END_SEGV, END_KILL, END_EXIT_NOW, END_EXIT_ZERO, END_EXIT, END_ABORT };
    const struct family before = family_take_stock();

    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        struct cf_executor *pool = family_pool(
            &(struct cf_options){ .max_workers = 2, .open_worker = end_at_opening, .worker_arg = &ends[i] });
        struct cf_future *futures[4];
        for (int k = 0; k < 4; k++)
            futures[k] = family_submit_end(pool, END_NOT);
        for (int k = 0; k < 4; k++) {
            ck_assert_ptr_nonnull(strstr(asserts_error(futures[k], CF_BROKEN)->message, "while it was opened"));
            cf_release(futures[k]);
        }
        struct cf_future *late = family_submit_end(pool, END_NOT);
        asserts_error(late, CF_BROKEN);
        cf_release(late);
        ck_assert_int_eq(cf_close(pool), -1);
        ck_assert_int_eq(errno, EPIPE);
    }
    family_check(&before);
}

static int
raise_at_opening(struct cf_call *call, void **local, const void *unused)
{
    char message[3000];

    (void)local;
    (void)unused;
    memset(message, 'x', sizeof message);
    message[sizeof message - 1] = '\0';
    return cf_raise(call, "database", 7, "%s", message);
}

TEST(an_error_of_open_worker_arrives_whole_however_long)
{
    struct cf_executor *pool = family_pool(&(struct cf_options){ .max_workers = 1, .open_worker = raise_at_opening });
    struct cf_future *future = family_submit_end(pool, END_NOT);
    const struct cf_error *error = asserts_error(future, CF_BROKEN);

    ck_assert_str_eq(error->domain, "database");
    ck_assert_int_eq(error->code, 7);
    ck_assert_uint_gt(strlen(error->message), 2999);
    cf_release(future);
    ck_assert_int_eq(cf_close(pool), -1);
}

/* The second worker and all that follow die while they are opened. */
static int
open_but_once(struct cf_call *call, void **local, const void *name)
{
    struct stage *stage = stage_find(name);

    (void)call;
    (void)local;
    if (latch_raise(&stage->opened) > 0)
        raise(SIGKILL);
    return 0;
}

TEST(a_replacement_that_dies_while_it_is_opened_breaks_the_pool)
{
    struct stage *stage = stage_new();
    struct cf_executor *pool =
        family_pool(&(struct cf_options){ .max_workers = 1, .open_worker = open_but_once, .worker_arg = stage->name });
    struct cf_future *fine = family_submit_end(pool, END_NOT);
    struct cf_future *dies = family_submit_end(pool, END_KILL);
    struct cf_future *after = family_submit_end(pool, END_NOT);

    ck_assert_int_eq(asserts_take_int(fine), END_NOT);
    asserts_error(dies, CF_WORKER_LOST);
    asserts_error(after, CF_BROKEN);
    cf_release(dies);
    cf_release(after);
    ck_assert_uint_eq(latch_count(&stage->opened), 2);
    ck_assert_int_eq(cf_close(pool), -1);
}

TEST(a_crash_loop_ends_in_a_broken_pool_that_tells_the_cause)
{
    const struct family before = family_take_stock();
    struct cf_executor *pool = family_pool(&(struct cf_options){ .max_workers = 2 });
    struct cf_future *futures[30];
    int lost = 0, broken = 0;

    for (int i = 0; i < 30; i++)
        futures[i] = family_submit_end(pool, END_SEGV);
    for (int i = 0; i < 30; i++) {
        const struct cf_error *error = cf_error_of(futures[i]);
        ck_assert_ptr_nonnull(error);
        lost += error->why == CF_WORKER_LOST;
        broken += error->why == CF_BROKEN;
        ck_assert_str_eq(error->domain, "signal");
        ck_assert_int_eq(error->code, SIGSEGV);
        ck_assert_ptr_nonnull(strstr(error->message, "SIGSEGV"));
        cf_release(futures[i]);
    }
    /* Three deaths a worker are borne; the other worker may be in its last one when the pool breaks. */
    ck_assert_int_ge(lost, 7);
    ck_assert_int_le(lost, 8);
    ck_assert_int_eq(lost + broken, 30);
    ck_assert_int_eq(cf_close(pool), -1);
    ck_assert_int_eq(errno, EPIPE);
    family_check(&before);
}

TEST(a_result_between_deaths_makes_their_count_begin_again)
{
    struct cf_executor *pool = family_pool(&(struct cf_options){ .max_workers = 1, .max_deaths = 2 });

    for (int i = 0; i < 12; i++) {
        struct cf_future *future = family_submit_end(pool, i % 3 < 2 ? END_KILL : END_NOT);
        if (i % 3 < 2)
            asserts_error(future, CF_WORKER_LOST);
        else
            asserts_int(future);
        cf_release(future);
    }
    ck_assert_int_eq(cf_close(pool), 0);
}

TEST(with_break_pool_the_first_death_breaks_the_pool)
{
    struct cf_executor *pool = family_pool(&(struct cf_options){ .max_workers = 1, .on_worker_death = CF_BREAK_POOL });
    struct cf_future *fine = family_submit_end(pool, END_NOT);
    struct cf_future *dies = family_submit_end(pool, END_KILL);
    struct cf_future *after = family_submit_end(pool, END_NOT);

    ck_assert_int_eq(asserts_take_int(fine), END_NOT);
    asserts_error(dies, CF_WORKER_LOST);
    const struct cf_error *error = asserts_error(after, CF_BROKEN);
    ck_assert_int_eq(error->code, SIGKILL);
    cf_release(dies);
    cf_release(after);
    ck_assert_int_eq(cf_close(pool), -1);
}

/* How waiting for a running call ends for an observer that is told of others' ends. */
static struct cf_future *_Atomic running_call;
static struct latch deadlocks, waits;

static void
wait_at_the_end(const struct cf_event *event, void *unused)
{
    struct cf_future *running = atomic_load(&running_call);

    (void)unused;
    if (event->type != CF_EVENT_ENDED || running == event->call)
        return;
    const enum cf_status status = cf_wait(&running, 1, CF_ALL_COMPLETED, cf_after(0.1), NULL);
    if (status == CF_DEADLOCK)
        latch_raise(&deadlocks);
    latch_raise(&waits);
}

TEST(an_observer_that_is_told_of_calls_of_a_broken_pool_cannot_wait_for_others)
{
    struct stage *stage = stage_new();
    struct cf_executor *pool = family_pool(
        &(struct cf_options){ .max_workers = 2, .on_worker_death = CF_BREAK_POOL, .observe = wait_at_the_end });

    atomic_store(&running_call, tasks_start_holding(pool, stage, 1));
    struct cf_future *dies = family_submit_end(pool, END_KILL);
    struct cf_future *after = family_submit_end(pool, END_NOT);
    asserts_error(dies, CF_WORKER_LOST);
    asserts_error(after, CF_BROKEN);
    latch_await(&waits, 2);
    latch_raise(&stage->go);
    ck_assert_int_eq(cf_close(pool), -1);
    ck_assert_uint_eq(latch_count(&deadlocks), 2);
    cf_release(atomic_load(&running_call));
    cf_release(dies);
    cf_release(after);
}

/* By the status alone it looks like the end that is due then. */
TEST(exiting_in_the_last_call_that_a_worker_may_serve_is_a_death_like_any_other)
{
    struct cf_executor *pool = family_pool(
        &(struct cf_options){ .max_workers = 1, .max_calls_per_worker = 1, .on_worker_death = CF_BREAK_POOL });
    struct cf_future *fine = family_submit_end(pool, END_NOT);
    struct cf_future *dies = family_submit_end(pool, END_EXIT_ZERO);
    struct cf_future *after = family_submit_end(pool, END_NOT);

    ck_assert_int_eq(asserts_take_int(fine), END_NOT);
    asserts_error(dies, CF_WORKER_LOST);
    asserts_error(after, CF_BROKEN);
    cf_release(dies);
    cf_release(after);
    ck_assert_int_eq(cf_close(pool), -1);
}

static void *
exit_soon(void *unused)
{
    asserts_sleep(0.01);
    _exit(9);
    return unused;
}

/* Leaves a thread behind that ends the worker when it is idle. */
static int
plant(struct cf_call *call)
{
    pthread_t thread;
    int error = pthread_create(&thread, NULL, exit_soon, NULL);

    if (error == 0)
        pthread_detach(thread);
    return cf_return(call, &error, sizeof error);
}
static const struct cf_task task_plant = { "plant", plant };

TEST(a_worker_that_ends_between_calls_is_replaced_and_costs_no_call)
{
    const struct family before = family_take_stock();
    struct cf_executor *pool = family_pool(&(struct cf_options){ .max_workers = 1 });
    int pids[2];

    asserts_no_thread_sanitizer("ThreadSanitizer knows no threads in the child of a process with threads");
    pids[0] = asserts_take_int(cf_submit(pool, &task_pid, NULL, 0));
    ck_assert_int_eq(asserts_take_int(cf_submit(pool, &task_plant, NULL, 0)), 0);
    asserts_sleep(0.1);
    pids[1] = asserts_take_int(cf_submit(pool, &task_pid, NULL, 0));
    ck_assert_int_ne(pids[0], pids[1]);
    ck_assert_int_eq(cf_close(pool), 0);
    family_check(&before);
}

static const TTest **const tests[] = {
    &a_call_whose_worker_dies_says_of_what_and_the_others_go_on,
    &exit_in_a_task_fails_that_call_with_the_status_and_the_pool_lives,
    &pthread_exit_in_a_task_is_as_exit,
    &a_process_that_a_task_forks_may_exit,
    &a_task_that_closes_all_descriptors_has_its_result_all_the_same,
    &a_worker_that_dies_in_open_worker_breaks_the_pool_which_says_so,
    &an_error_of_open_worker_arrives_whole_however_long,
    &a_replacement_that_dies_while_it_is_opened_breaks_the_pool,
    &a_crash_loop_ends_in_a_broken_pool_that_tells_the_cause,
    &a_result_between_deaths_makes_their_count_begin_again,
    &with_break_pool_the_first_death_breaks_the_pool,
    &an_observer_that_is_told_of_calls_of_a_broken_pool_cannot_wait_for_others,
    &exiting_in_the_last_call_that_a_worker_may_serve_is_a_death_like_any_other,
    &a_worker_that_ends_between_calls_is_replaced_and_costs_no_call,
    NULL,
};

int
main(void)
{
    return asserts_main("process deaths", tests);
}
