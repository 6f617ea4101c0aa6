/* SPDX-License-Identifier: MIT */
/* process_parent-t.c - the program around a process pool: its threads, children, signals and output, and its death. */

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "asserts.h"
#include "family.h"
#include "tap.h"

/* Returns the pid of the nursery, an int. */
static int
tell_parent(struct cf_call *call)
{
    const int pid = (int)getppid();

    return cf_return(call, &pid, sizeof pid);
}
static const struct cf_task task_parent = { "parent", tell_parent };

/* A program that is killed while it has workers, and a child that has all its descriptors. */
static _Noreturn void
be_killed(struct stage *stage)
{
    struct cf_executor *pool = cf_process_pool(&(struct cf_options){ .max_workers = 3 });

    family_start(pool, &task_hang, stage);
    family_start(pool, &task_obstinate, stage);
    const pid_t child = fork();
    if (child == 0)
        for (;;)
            pause();
    stage_log(stage, (int)child);
    latch_raise(&stage->of[0]);
    for (;;)
        pause();
}

TEST(sigkill_of_the_program_leaves_neither_worker_nor_nursery)
{
    struct stage *stage = stage_new();
    int status;

    family_take_stock();
    pid_t program = fork();
    if (program == 0)
        be_killed(stage);
    latch_await(&stage->of[0], 1);
    ck_assert_uint_eq(family_processes(), 5);
    ck_assert_int_eq(kill(program, SIGKILL), 0);
    ck_assert_int_eq(waitpid(program, &status, 0), program);
    /* We adopt the orphans: the nursery, which has reaped the workers, and the child. */
    ck_assert_int_gt(waitpid(-1, &status, 0), 0);
    ck_assert_uint_eq(family_processes(), 1);
    ck_assert_int_eq(kill(atomic_load(&stage->log[0]), SIGKILL), 0);
    family_await_end();
}

TEST(the_death_of_the_nursery_breaks_the_pool_and_leaves_nobody)
{
    struct stage *stage = stage_new();
    const struct family before = family_take_stock();
    struct cf_executor *pool = family_pool(&(struct cf_options){ .max_workers = 2 });
    const int nursery = asserts_take_int(cf_submit(pool, &task_parent, NULL, 0));
    struct cf_future *hangs = family_start(pool, &task_hang, stage);
    struct cf_future *obstinate = family_start(pool, &task_obstinate, stage);
    struct cf_future *pending = cf_submit(pool, &task_pid, NULL, 0);

    ck_assert_int_eq(kill(nursery, SIGKILL), 0);
    asserts_error(hangs, CF_WORKER_LOST);
    asserts_error(obstinate, CF_WORKER_LOST);
    const struct cf_error *error = asserts_error(pending, CF_BROKEN);
    ck_assert_ptr_nonnull(strstr(error->message, "the process that starts the workers is gone"));
    cf_release(hangs);
    cf_release(obstinate);
    cf_release(pending);
    struct cf_future *late = cf_submit(pool, &task_pid, NULL, 0);
    asserts_error(late, CF_BROKEN);
    cf_release(late);
    ck_assert_int_eq(cf_close(pool), -1);
    ck_assert_int_eq(errno, EPIPE);
    family_await_end();
    family_check(&before);
}

/* Another pool's processes have copies of its descriptors. */
TEST(the_death_of_an_idle_nursery_is_noticed_whoever_has_its_descriptors)
{
    struct cf_executor *pool = family_pool(&(struct cf_options){ .max_workers = 1 });
    struct cf_executor *other = family_pool(&(struct cf_options){ .max_workers = 1 });
    const int nursery = asserts_take_int(cf_submit(pool, &task_parent, NULL, 0));

    asserts_take_int(cf_submit(other, &task_parent, NULL, 0));
    ck_assert_int_eq(kill(nursery, SIGKILL), 0);
    for (bool broken = false; !broken;) {
        struct cf_future *future = cf_submit(pool, &task_pid, NULL, 0);
        const struct cf_error *error = cf_error_of(future);
        broken = error != NULL && error->why == CF_BROKEN;
        cf_release(future);
    }
    ck_assert_int_eq(cf_close(pool), -1);
    asserts_take_int(cf_submit(other, &task_parent, NULL, 0));
    ck_assert_int_eq(cf_close(other), 0);
}

TEST(signals_to_the_group_do_not_end_the_nursery)
{
    const int signals[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1, SIGALRM, SIGPIPE, SIGRTMAX };
    struct cf_executor *pool = family_pool(&(struct cf_options){ .max_workers = 1, .max_calls_per_worker = 1 });
    const int nursery = asserts_take_int(cf_submit(pool, &task_parent, NULL, 0));

    for (size_t i = 0; i < sizeof signals / sizeof *signals; i++)
        ck_assert_int_eq(kill(nursery, signals[i]), 0);
    ck_assert_int_eq(asserts_take_int(cf_submit(pool, &task_parent, NULL, 0)), nursery);
    ck_assert_int_eq(cf_close(pool), 0);
}

static _Atomic bool over;
static _Atomic int foreign;

static void *
wait_for_anybody(void *unused)
{
    while (!atomic_load(&over))
        if (waitpid(-1, NULL, 0) > 0)
            atomic_fetch_add(&foreign, 1);
    return unused;
}

static void
count_child(int signal)
{
    (void)signal;
    atomic_fetch_add(&foreign, 1);
}

TEST(a_program_that_waits_for_any_child_meets_none_of_ours)
{
    pthread_t thread;

    signal(SIGCHLD, count_child);
    ck_assert_int_eq(pthread_create(&thread, NULL, wait_for_anybody, NULL), 0);
    for (int i = 0; i < 50; i++) {
        struct cf_executor *pool = family_pool(&(struct cf_options){ .max_workers = 1 });
        struct cf_future *dies = family_submit_end(pool, i % 2 == 0 ? END_KILL : END_NOT);
        ck_assert((cf_error_of(dies) != NULL) == (i % 2 == 0));
        cf_release(dies);
        ck_assert_int_eq(cf_close(pool), 0);
    }
    atomic_store(&over, true);
    pthread_join(thread, NULL);
    ck_assert_int_eq(atomic_load(&foreign), 0);
}

TEST(deaths_are_seen_where_the_program_ignores_those_of_its_children)
{
    const struct family before = family_take_stock();

    signal(SIGCHLD, SIG_IGN);
    struct cf_executor *pool = family_pool(&(struct cf_options){ .max_workers = 1 });
    struct cf_future *dies = family_submit_end(pool, END_SEGV);
    ck_assert_int_eq(asserts_error(dies, CF_WORKER_LOST)->code, SIGSEGV);
    cf_release(dies);
    ck_assert_int_eq(asserts_take_int(family_submit_end(pool, END_NOT)), END_NOT);
    ck_assert_int_eq(cf_close(pool), 0);
    family_check(&before);
}

/* What a worker has of the program's signals: 1 SIGINT ignored, 2 SIGTERM by default, 4 and it unblocked,
 * 8 SIGUSR1 caught, 16 SIGUSR2 unblocked. */
static int
tell_signals(struct cf_call *call)
{
    struct sigaction action;
    sigset_t mask;
    int told = 0;

    sigaction(SIGINT, NULL, &action);
    told |= action.sa_handler == SIG_IGN ? 1 : 0;
    sigaction(SIGTERM, NULL, &action);
    told |= action.sa_handler == SIG_DFL ? 2 : 0;
    sigprocmask(SIG_SETMASK, NULL, &mask);
    told |= !sigismember(&mask, SIGTERM) ? 4 : 0;
    told |= !sigismember(&mask, SIGUSR2) ? 16 : 0;
    sigaction(SIGUSR1, NULL, &action);
    told |= action.sa_handler == count_child ? 8 : 0;
    return cf_return(call, &told, sizeof told);
}
static const struct cf_task task_signals = { "signals", tell_signals };

TEST(workers_ignore_sigint_die_of_sigterm_and_have_the_programs_other_signals)
{
    sigset_t set;

    signal(SIGINT, count_child);
    signal(SIGTERM, count_child);
    signal(SIGUSR1, count_child);
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGUSR2);
    sigprocmask(SIG_BLOCK, &set, NULL);
    struct cf_executor *pool = family_pool(&(struct cf_options){ .max_workers = 1 });
    sigset_t after;
    sigprocmask(SIG_SETMASK, NULL, &after);
    ck_assert(sigismember(&after, SIGUSR2) == 1 && sigismember(&after, SIGINT) == 0);
    ck_assert_int_eq(asserts_take_int(cf_submit(pool, &task_signals, NULL, 0)), 1 + 2 + 4 + 8);
    const int worker = asserts_take_int(cf_submit(pool, &task_pid, NULL, 0));
    ck_assert_int_eq(kill(worker, SIGINT), 0);
    ck_assert_int_eq(asserts_take_int(cf_submit(pool, &task_pid, NULL, 0)), worker);
    ck_assert_int_eq(cf_close(pool), 0);
}

static int
print(struct cf_call *call)
{
    printf("task\n");
    if (*(const bool *)cf_arg(call, NULL))
        exit(0);
    return cf_return(call, NULL, 0);
}
static const struct cf_task task_print = { "print", print };

static void
print_with_workers(void)
{
    printf("program\n");
    struct cf_executor *pool = family_pool(&(struct cf_options){ .max_workers = 1 });
    for (int i = 0; i < 2; i++) {
        const bool exits = i == 0;
        struct cf_future *future = cf_submit(pool, &task_print, &exits, sizeof exits);
        ck_assert((cf_error_of(future) != NULL) == exits);
        cf_release(future);
    }
    cf_close(pool);
    fflush(stdout);
    _exit(0);
}

TEST(what_program_and_tasks_print_is_printed_once)
{
    FILE *output = tmpfile();
    char line[80];
    int program = 0, task = 0, status;

    ck_assert_ptr_nonnull(output);
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        dup2(fileno(output), STDOUT_FILENO);
        setvbuf(stdout, NULL, _IOFBF, 4096);
        print_with_workers();
    }
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    rewind(output);
    while (fgets(line, sizeof line, output) != NULL) {
        program += strcmp(line, "program\n") == 0;
        task += strcmp(line, "task\n") == 0;
    }
    ck_assert_int_eq(program, 1);
    ck_assert_int_eq(task, 2);
    fclose(output);
}

static int variable = 1;

static int
tell_variable(struct cf_call *call)
{
    return cf_return(call, &variable, sizeof variable);
}
static const struct cf_task task_variable = { "variable", tell_variable };

TEST(workers_and_replacements_see_the_programs_memory_as_it_was_when_the_pool_was_made)
{
    struct cf_executor *pool = family_pool(&(struct cf_options){ .max_workers = 1, .max_calls_per_worker = 1 });

    variable = 2;
    for (int i = 0; i < 3; i++)
        ck_assert_int_eq(asserts_take_int(cf_submit(pool, &task_variable, NULL, 0)), 1);
    ck_assert_int_eq(cf_close(pool), 0);
}

/* Goes to each processor that it may use in turn, and counts where sched_getcpu() says otherwise. */
static int
visit_processors(struct cf_call *call)
{
    cpu_set_t all, one;
    int wrong = 0;

    if (sched_getaffinity(0, sizeof all, &all) != 0)
        return cf_raise(call, "errno", errno, "no affinity");
    for (int i = 0; i < CPU_SETSIZE; i++) {
        if (!CPU_ISSET(i, &all))
            continue;
        CPU_ZERO(&one);
        CPU_SET(i, &one);
        if (sched_setaffinity(0, sizeof one, &one) == 0)
            wrong += sched_getcpu() != i;
    }
    sched_setaffinity(0, sizeof all, &all);
    return cf_return(call, &wrong, sizeof wrong);
}
static const struct cf_task task_visit = { "visit", visit_processors };

TEST(sched_getcpu_tells_a_worker_and_its_replacement_where_they_run)
{
    cpu_set_t all;

    if (sched_getaffinity(0, sizeof all, &all) == 0 && CPU_COUNT(&all) == 1)
        tap_skip("there is but one processor");
    struct cf_executor *pool = family_pool(&(struct cf_options){ .max_workers = 1, .max_calls_per_worker = 1 });
    for (int i = 0; i < 2; i++)
        ck_assert_int_eq(asserts_take_int(cf_submit(pool, &task_visit, NULL, 0)), 0);
    ck_assert_int_eq(cf_close(pool), 0);
}

static const TTest **const tests[] = {
    &sigkill_of_the_program_leaves_neither_worker_nor_nursery,
    &the_death_of_the_nursery_breaks_the_pool_and_leaves_nobody,
    &the_death_of_an_idle_nursery_is_noticed_whoever_has_its_descriptors,
    &signals_to_the_group_do_not_end_the_nursery,
    &a_program_that_waits_for_any_child_meets_none_of_ours,
    &deaths_are_seen_where_the_program_ignores_those_of_its_children,
    &workers_ignore_sigint_die_of_sigterm_and_have_the_programs_other_signals,
    &what_program_and_tasks_print_is_printed_once,
    &workers_and_replacements_see_the_programs_memory_as_it_was_when_the_pool_was_made,
    &sched_getcpu_tells_a_worker_and_its_replacement_where_they_run,
    NULL,
};

int
main(void)
{
    return asserts_main("process parent", tests);
}
