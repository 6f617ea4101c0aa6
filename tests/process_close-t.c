/* SPDX-License-Identifier: MIT */
/* process_close-t.c - closing a process pool: while others wait, and where it is not the closer's. */

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "asserts.h"
#include "child.h"
#include "family.h"
#include "tap.h"

static void *
close_pool(void *pool)
{
    ck_assert_int_eq(cf_close(pool), 0);
    return pool;
}

/* The closer and the collector sleep when it is the waiting thread that finds the last call to be over. */
TEST(a_pool_ends_when_another_thread_takes_its_last_outcome)
{
    struct stage *stage = stage_new();
    const struct family before = family_take_stock();

    for (int i = 0; i < 20; i++) {
        struct cf_executor *pool = family_pool(&(struct cf_options){ .max_workers = 1 });
        struct cf_future *last = family_start(pool, &task_spin, stage);
        pthread_t closer;
        ck_assert_int_eq(pthread_create(&closer, NULL, close_pool, pool), 0);
        asserts_sleep(0.02);
        /* This thread still looks for the outcome when it is there. */
        family_let_go(stage);
        ck_assert_ptr_nonnull(cf_result(last, NULL));
        pthread_join(closer, NULL);
        cf_release(last);
    }
    family_check(&before);
}

/* Where this process has the memory that pools share with their workers. */
struct places {
    size_t count;
    struct {
        uintptr_t from, to;
    } of[8];
    struct cf_iter *iter;
};

static void
find_places(struct places *places)
{
    FILE *maps = fopen("/proc/self/maps", "re");
    char line[512], *end;

    ck_assert_ptr_nonnull(maps);
    while (places->count < 8 && fgets(line, sizeof line, maps) != NULL) {
        if (strstr(line, "/dev/zero") == NULL)
            continue;
        places->of[places->count].from = strtoul(line, &end, 16);
        places->of[places->count++].to = strtoul(end + 1, NULL, 16);
    }
    fclose(maps);
}

/* The child puts memory of its own where the pool's was, and still has it when it has let go of the iterator. */
static void
reuse_places(void *data)
{
    struct places *places = data;
    const int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE;

    for (size_t i = 0; i < places->count; i++) {
        void *at = (void *)places->of[i].from;
        CHILD_ASSERT(mmap(at, places->of[i].to - places->of[i].from, PROT_READ | PROT_WRITE, flags, -1, 0) == at);
    }
    cf_iter_free(places->iter);
    for (size_t i = 0; i < places->count; i++)
        *(volatile char *)places->of[i].from = 1;
}

TEST(in_a_forked_child_the_last_iterator_of_a_closed_pool_takes_no_memory_along)
{
    const int numbers[] = { 1, 2 };
    struct places places = { .count = 0 };
    struct cf_executor *pool = family_pool(&(struct cf_options){ .max_workers = 1 });

    find_places(&places);
    ck_assert_uint_ge(places.count, 1);
    places.iter = cf_map(pool, &task_twice, numbers, 2, sizeof *numbers, NULL);
    while (cf_next(places.iter) != NULL)
        ;
    ck_assert_int_eq(cf_close(pool), 0);
    child_assert(reuse_places, &places);
    cf_iter_free(places.iter);
}

/* How many of its descriptors a process that a task forks has lost by closing the program's pool. */
static int
close_in_child(struct cf_call *call)
{
    int fds[8], status = -1;
    struct cf_executor *pool;

    memcpy(&pool, cf_arg(call, NULL), sizeof pool);
    for (int i = 0; i < 8; i++)
        fds[i] = open("/dev/null", O_RDONLY | O_CLOEXEC);
    const pid_t child = fork();
    if (child == 0) {
        int lost = 0;
        cf_close(pool);
        for (int i = 0; i < 8; i++)
            lost += fcntl(fds[i], F_GETFD) < 0;
        _exit(lost);
    }
    waitpid(child, &status, 0);
    for (int i = 0; i < 8; i++)
        close(fds[i]);
    return cf_return(call, &status, sizeof status);
}
static const struct cf_task task_close_in_child = { "close_in_child", close_in_child };

TEST(a_process_that_a_task_forks_may_close_the_pool_and_keeps_its_descriptors)
{
    struct cf_executor *pool = family_pool(&(struct cf_options){ .max_workers = 1 });

    for (int i = 0; i < 2; i++)
        ck_assert_int_eq(asserts_take_int(cf_submit(pool, &task_close_in_child, &pool, sizeof(void *))), 0);
    ck_assert_int_eq(cf_close(pool), 0);
}

/* Fork a child that has that pid and exits with 7; or skip the test. */
static void
fork_as(pid_t pid)
{
    int status;

    for (int i = 0; i < 50; i++) {
        FILE *last = fopen("/proc/sys/kernel/ns_last_pid", "we");
        if (last == NULL)
            tap_skip("pids cannot be chosen here");
        fprintf(last, "%d", (int)pid - 1);
        if (fclose(last) != 0)
            tap_skip("pids cannot be chosen here");
        const pid_t child = fork();
        if (child == 0)
            _exit(7);
        if (child == pid)
            return;
        waitpid(child, &status, 0);
    }
    tap_skip("others take that pid");
}

static int
tell_nursery(struct cf_call *call)
{
    const int pid = (int)getppid();

    return cf_return(call, &pid, sizeof pid);
}
static const struct cf_task task_nursery = { "nursery", tell_nursery };

TEST(a_child_with_the_pid_of_a_nursery_that_was_killed_is_left_to_the_program)
{
    int status;

    family_take_stock();
    struct cf_executor *pool = family_pool(&(struct cf_options){ .max_workers = 1 });
    const pid_t nursery = asserts_take_int(cf_submit(pool, &task_nursery, NULL, 0));
    ck_assert_int_eq(kill(nursery, SIGKILL), 0);
    ck_assert_int_eq(waitpid(nursery, &status, 0), nursery);
    fork_as(nursery);
    asserts_sleep(0.05);
    ck_assert_int_eq(cf_close(pool), -1);
    ck_assert_int_eq(waitpid(nursery, &status, 0), nursery);
    ck_assert_int_eq(WEXITSTATUS(status), 7);
}

static const TTest **const tests[] = {
    &a_pool_ends_when_another_thread_takes_its_last_outcome,
    &in_a_forked_child_the_last_iterator_of_a_closed_pool_takes_no_memory_along,
    &a_process_that_a_task_forks_may_close_the_pool_and_keeps_its_descriptors,
    &a_child_with_the_pid_of_a_nursery_that_was_killed_is_left_to_the_program,
    NULL,
};

int
main(void)
{
    return asserts_main("process_close", tests);
}
