/* SPDX-License-Identifier: MIT */
/* process_loans-t.c - large data that futures have in memory which the pool shares with its workers. */

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "asserts.h"
#include "child.h"
#include "family.h"
#include "tap.h"

#define MIB ((size_t)1 << 20)

/* Submit that many bytes of a pattern, to be returned as they are. */
static struct cf_future *
submit(struct cf_executor *pool, int pattern, size_t len)
{
    void *bytes = malloc(len);

    ck_assert_ptr_nonnull(bytes);
    struct cf_future *future = cf_submit(pool, &task_echo, memset(bytes, pattern, len), len);
    free(bytes);
    return future;
}

static bool
are_all(const void *bytes, int pattern, size_t len)
{
    const unsigned char *at = bytes;

    return at != NULL && at[0] == pattern && memcmp(at, at + 1, len - 1) == 0;
}

/* Whether it has what was submitted, as its argument and as its result. */
static bool
is_whole(struct cf_future *future, int pattern, size_t len)
{
    size_t arg_len, result_len;
    const void *arg = cf_input(future, &arg_len), *result = cf_result(future, &result_len);

    return are_all(arg, pattern, len) && are_all(result, pattern, len) && arg_len == len && result_len == len;
}

/* Have the pool use places again, for other data. */
static void
use_places(struct cf_executor *pool, size_t len)
{
    for (int i = 0; i < 10; i++) {
        struct cf_future *future = submit(pool, 100 + i, len);
        ck_assert(is_whole(future, 100 + i, len));
        cf_release(future);
    }
}

/* Whether the address is of memory that the pool shares, or shared. */
static bool
is_shared(const void *at)
{
    FILE *maps = fopen("/proc/self/maps", "re");
    char line[512], *end;
    bool shared = false;

    ck_assert_ptr_nonnull(maps);
    while (fgets(line, sizeof line, maps) != NULL) {
        const uintptr_t first = strtoul(line, &end, 16), last = strtoul(end + 1, NULL, 16);
        if (first <= (uintptr_t)at && (uintptr_t)at < last)
            shared = strstr(line, "memfd:libcf") != NULL;
    }
    fclose(maps);
    return shared;
}

static bool
is_mapped(const void *at)
{
    return msync((void *)(uintptr_t)at, 1, MS_ASYNC) == 0;
}

TEST(a_large_argument_and_result_are_copied_once_to_where_both_sides_have_them)
{
    struct cf_executor *pool = family_pool(&(struct cf_options){ .max_workers = 1 });
    struct cf_future *future = submit(pool, 1, MIB);

    ck_assert(is_whole(future, 1, MIB));
    ck_assert(is_shared(cf_input(future, NULL)));
    ck_assert(is_shared(cf_result(future, NULL)));
    cf_release(future);
    ck_assert_int_eq(cf_close(pool), 0);
}

TEST(what_a_future_has_stays_as_it_is_while_others_come_and_go_and_workers_die)
{
    struct cf_executor *pool = family_pool(&(struct cf_options){ .max_workers = 1, .max_deaths = 100 });
    struct cf_future *kept[3];

    for (int i = 0; i < 3; i++) {
        kept[i] = submit(pool, i, MIB + (size_t)i);
        ck_assert_ptr_nonnull(cf_result(kept[i], NULL));
        use_places(pool, MIB);
        struct cf_future *lost = family_submit_end(pool, END_KILL);
        /* Waits behind it, and so is sent again. */
        struct cf_future *again = submit(pool, 50, MIB);
        asserts_error(lost, CF_WORKER_LOST);
        ck_assert(is_whole(again, 50, MIB));
        cf_release(lost);
        cf_release(again);
        use_places(pool, MIB);
    }
    for (int i = 0; i < 3; i++)
        ck_assert(is_whole(kept[i], i, MIB + (size_t)i));
    tasks_release_all(kept, 3);
    family_await_given_back();
    ck_assert_int_eq(cf_close(pool), 0);
}

TEST(futures_that_are_kept_do_not_keep_others_from_being_run)
{
    enum { CALLS = 300, BYTES = 200000 };
    struct cf_executor *pool = family_pool(&(struct cf_options){ .max_workers = 2 });
    struct cf_future *kept[CALLS];

    for (int i = 0; i < CALLS; i++) {
        kept[i] = submit(pool, i % 256, BYTES);
        ck_assert_ptr_nonnull(cf_result(kept[i], NULL));
    }
    use_places(pool, BYTES);
    for (int i = 0; i < CALLS; i++)
        ck_assert(is_whole(kept[i], i % 256, BYTES));
    tasks_release_all(kept, CALLS);
    family_await_given_back();
    ck_assert_int_eq(cf_close(pool), 0);
}

TEST(what_outlives_its_pool_leaves_nothing_behind)
{
    const struct family before = family_take_stock();
    struct cf_executor *pool = family_pool(&(struct cf_options){ .max_workers = 2 });
    struct cf_future *kept[4];

    for (int i = 0; i < 4; i++)
        kept[i] = submit(pool, i, MIB);
    ck_assert_int_eq(cf_close(pool), 0);
    for (int i = 0; i < 4; i++)
        ck_assert(is_whole(kept[i], i, MIB));
    ck_assert(is_shared(cf_input(kept[0], NULL)));
    tasks_release_all(kept, 4);
    family_check(&before);
}

/* The descriptor that the pool has of its memory, twice, for family_held() after the pool. */
static int
hold_memory(void)
{
    char path[64], target[64];

    for (int fd = 0; fd < 64; fd++) {
        snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
        const ssize_t n = readlink(path, target, sizeof target - 1);
        target[n < 0 ? 0 : n] = '\0';
        if (strstr(target, "memfd:libcf") != NULL)
            return dup(fd);
    }
    return -1;
}

TEST(after_the_pool_each_future_keeps_its_own_memory_alone)
{
    struct cf_executor *pool = family_pool(&(struct cf_options){ .max_workers = 1 });
    const int memory = hold_memory();
    struct cf_future *small = submit(pool, 1, MIB);

    ck_assert(is_whole(small, 1, MIB));
    struct cf_future *large = submit(pool, 2, 8 * MIB);
    ck_assert(is_whole(large, 2, 8 * MIB));
    use_places(pool, 4 * MIB);
    ck_assert_int_eq(cf_close(pool), 0);
    ck_assert_int_eq(family_held(), (off_t)(18 * MIB));
    cf_release(large);
    ck_assert_int_eq(family_held(), (off_t)(2 * MIB));
    ck_assert(is_whole(small, 1, MIB));
    cf_release(small);
    ck_assert_int_eq(family_held(), 0);
    close(memory);
}

static void
do_nothing(void *unused)
{
    (void)unused;
}

/* What was copied for the fork has left memory behind that the pool has not mapped any more. */
TEST(after_a_fork_and_the_pool_each_future_keeps_its_own_memory_alone)
{
    struct cf_executor *pool = family_pool(&(struct cf_options){ .max_workers = 1 });
    const int memory = hold_memory();
    struct cf_future *first = submit(pool, 1, MIB), *second = submit(pool, 2, MIB);

    ck_assert(is_whole(first, 1, MIB));
    ck_assert(is_whole(second, 2, MIB));
    child_assert(do_nothing, NULL);
    struct cf_future *third = submit(pool, 3, MIB);
    ck_assert(is_whole(third, 3, MIB));
    ck_assert_int_eq(cf_close(pool), 0);
    ck_assert_int_eq(family_held(), (off_t)(2 * MIB));
    ck_assert(is_whole(first, 1, MIB));
    cf_release(first);
    cf_release(second);
    cf_release(third);
    ck_assert_int_eq(family_held(), 0);
    close(memory);
}

TEST(data_that_is_not_so_large_does_not_keep_what_was_needed_for_larger)
{
    struct cf_executor *pool = family_pool(&(struct cf_options){ .max_workers = 1 });

    use_places(pool, 16 * MIB);
    struct cf_future *future = submit(pool, 1, MIB);
    ck_assert(is_whole(future, 1, MIB));
    for (int i = 0; i < 1000 && family_held() > (off_t)(2 * MIB); i++)
        asserts_sleep(0.002);
    ck_assert_int_le(family_held(), (off_t)(2 * MIB));
    cf_release(future);
    ck_assert_int_eq(cf_close(pool), 0);
}

TEST(items_of_a_map_may_be_large_and_travel_together)
{
    enum { ITEMS = 12, BYTES = 100000 };
    struct cf_executor *pool = family_pool(&(struct cf_options){ .max_workers = 2 });
    unsigned char *items = malloc((size_t)ITEMS * BYTES);
    struct cf_future *future;

    ck_assert_ptr_nonnull(items);
    for (int i = 0; i < ITEMS; i++)
        memset(items + (ptrdiff_t)i * BYTES, i, BYTES);
    for (size_t chunksize = 1; chunksize < 5; chunksize++) {
        struct cf_iter *iter =
            cf_map(pool, &task_echo, items, ITEMS, BYTES, &(struct cf_map_options){ .chunksize = chunksize });
        for (int i = 0; (future = cf_next(iter)) != NULL; i++)
            ck_assert(is_whole(future, i, BYTES));
        asserts_ends(iter, CF_END);
        cf_iter_free(iter);
    }
    free(items);
    family_await_given_back();
    ck_assert_int_eq(cf_close(pool), 0);
}

/* A child of this process that looks at the future when it is told to. */
static pid_t
fork_reader(struct stage *stage, struct cf_future *future, int pattern, size_t len)
{
    const pid_t pid = fork();

    if (pid == 0) {
        alarm(TAP_TIMEOUT);
        latch_await(&stage->go, 1);
        CHILD_ASSERT(is_whole(future, pattern, len));
        const void *result = cf_result(future, NULL);
        cf_release(future);
        CHILD_ASSERT(!is_mapped(result));
        _exit(0);
    }
    return pid;
}

static void
check_reader(pid_t pid)
{
    int status;

    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert_msg(status == 0, "the child ended with status %#x", (unsigned)status);
}

TEST(a_forked_child_reads_what_there_was_while_the_parent_uses_the_memory_again)
{
    struct cf_executor *pool = family_pool(&(struct cf_options){ .max_workers = 1 });
    struct stage *stage = stage_new();
    struct cf_future *future = submit(pool, 1, MIB);

    ck_assert(is_whole(future, 1, MIB));
    const void *arg = cf_input(future, NULL), *result = cf_result(future, NULL);
    const pid_t pid = fork_reader(stage, future, 1, MIB);
    ck_assert(is_whole(future, 1, MIB));
    ck_assert_ptr_eq(cf_input(future, NULL), arg);
    ck_assert_ptr_eq(cf_result(future, NULL), result);
    cf_release(future);
    ck_assert(!is_mapped(arg));
    ck_assert(!is_mapped(result));
    use_places(pool, MIB);
    family_await_given_back();
    latch_raise(&stage->go);
    check_reader(pid);
    ck_assert_int_eq(cf_close(pool), 0);
}

TEST(a_forked_child_reads_what_has_outlived_the_pool)
{
    struct cf_executor *pool = family_pool(&(struct cf_options){ .max_workers = 1 });
    struct stage *stage = stage_new();
    struct cf_future *future = submit(pool, 1, MIB);

    ck_assert_int_eq(cf_close(pool), 0);
    const pid_t pid = fork_reader(stage, future, 1, MIB);
    cf_release(future);
    latch_raise(&stage->go);
    check_reader(pid);
}

/* The call's argument is where the worker reads it; what the future has is a copy from now on. */
TEST(a_call_that_runs_during_a_fork_keeps_its_argument)
{
    struct cf_executor *pool = family_pool(&(struct cf_options){ .max_workers = 1 });
    struct stage *stage = stage_new();
    struct cf_future *holding = tasks_start_holding(pool, stage, 1);
    struct cf_future *waiting = submit(pool, 7, MIB);

    const void *arg = cf_input(waiting, NULL);
    child_assert(do_nothing, NULL);
    ck_assert_ptr_eq(cf_input(waiting, NULL), arg);
    ck_assert(!is_shared(arg));
    struct cf_future *other = submit(pool, 8, MIB);
    latch_raise(&stage->go);
    ck_assert(is_whole(waiting, 7, MIB));
    ck_assert(is_whole(other, 8, MIB));
    ck_assert_int_eq(asserts_take_int(holding), 1);
    cf_release(waiting);
    cf_release(other);
    family_await_given_back();
    ck_assert_int_eq(cf_close(pool), 0);
}

/* The memory is then the child's as well, and nobody else's. */
TEST(where_there_is_no_memory_for_a_copy_the_child_reads_what_there_was_all_the_same)
{
    const struct rlimit none = { .rlim_cur = 0, .rlim_max = RLIM_INFINITY };
    struct rlimit limit;

    if (tap_sanitized())
        tap_skip("a sanitizer needs memory itself");
    struct cf_executor *pool = family_pool(&(struct cf_options){ .max_workers = 1 });
    struct stage *stage = stage_new();
    struct cf_future *future = submit(pool, 1, MIB);
    ck_assert(is_whole(future, 1, MIB));
    ck_assert_int_eq(getrlimit(RLIMIT_AS, &limit), 0);
    ck_assert_int_eq(setrlimit(RLIMIT_AS, &none), 0);
    const pid_t pid = fork_reader(stage, future, 1, MIB);
    ck_assert_int_eq(setrlimit(RLIMIT_AS, &limit), 0);
    ck_assert(is_shared(cf_result(future, NULL)));
    cf_release(future);
    use_places(pool, MIB);
    latch_raise(&stage->go);
    check_reader(pid);
    ck_assert_int_eq(cf_close(pool), 0);
}

/* Has large data come and go, so that a fork finds it anywhere. */
static void *
be_busy(void *data)
{
    struct stage *stage = data;
    struct cf_executor *pool = family_pool(&(struct cf_options){ .max_workers = 1 });
    size_t rounds = 0;

    for (; latch_count(&stage->of[0]) == 0; rounds++)
        use_places(pool, rounds % 2 == 0 ? 150000 : 300000);
    ck_assert_int_eq(cf_close(pool), 0);
    return NULL;
}

struct kept {
    struct cf_future *future;
    int pattern;
};

static void
look(void *data)
{
    const struct kept *kept = data;

    CHILD_ASSERT(is_whole(kept->future, kept->pattern, MIB));
}

TEST(a_fork_at_any_moment_leaves_parent_and_child_what_futures_have)
{
    struct cf_executor *pool = family_pool(&(struct cf_options){ .max_workers = 1 });
    struct stage *stage = stage_new();
    pthread_t threads[2];
    const double end = asserts_now() + 1;

    for (int i = 0; i < 2; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, be_busy, stage), 0);
    for (int i = 0; asserts_now() < end; i++) {
        struct kept kept = { submit(pool, i % 256, MIB), i % 256 };
        ck_assert_ptr_nonnull(cf_result(kept.future, NULL));
        child_assert(look, &kept);
        look(&kept);
        cf_release(kept.future);
    }
    latch_raise(&stage->of[0]);
    for (int i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    ck_assert_int_eq(cf_close(pool), 0);
}

static int
scribble(struct cf_call *call)
{
    size_t len;
    volatile char *arg = (volatile char *)(uintptr_t)cf_arg(call, &len);

    arg[len - 1] = 'x';
    return 0;
}
static const struct cf_task task_scribble = { "scribble", scribble };

TEST(a_task_that_writes_to_its_large_argument_dies_of_it_and_changes_nothing)
{
    struct cf_executor *pool = family_pool(&(struct cf_options){ .max_workers = 1 });
    char *bytes = calloc(1, MIB);
    struct cf_future *future = cf_submit(pool, &task_scribble, bytes, MIB);

    asserts_error(future, CF_WORKER_LOST);
    ck_assert_int_eq(memcmp(cf_input(future, NULL), bytes, MIB), 0);
    cf_release(future);
    free(bytes);
    ck_assert_int_eq(cf_close(pool), 0);
}

static const TTest **const tests[] = {
    &a_large_argument_and_result_are_copied_once_to_where_both_sides_have_them,
    &what_a_future_has_stays_as_it_is_while_others_come_and_go_and_workers_die,
    &futures_that_are_kept_do_not_keep_others_from_being_run,
    &what_outlives_its_pool_leaves_nothing_behind,
    &after_the_pool_each_future_keeps_its_own_memory_alone,
    &after_a_fork_and_the_pool_each_future_keeps_its_own_memory_alone,
    &data_that_is_not_so_large_does_not_keep_what_was_needed_for_larger,
    &items_of_a_map_may_be_large_and_travel_together,
    &a_forked_child_reads_what_there_was_while_the_parent_uses_the_memory_again,
    &a_forked_child_reads_what_has_outlived_the_pool,
    &a_call_that_runs_during_a_fork_keeps_its_argument,
    &where_there_is_no_memory_for_a_copy_the_child_reads_what_there_was_all_the_same,
    &a_fork_at_any_moment_leaves_parent_and_child_what_futures_have,
    &a_task_that_writes_to_its_large_argument_dies_of_it_and_changes_nothing,
    NULL,
};

int
main(void)
{
    return asserts_main("process loans", tests);
}
