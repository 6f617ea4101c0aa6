/* SPDX-License-Identifier: MIT */
/* defaults-t.c - how many processors there are to use, and how many workers that makes. */

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "asserts.h"
#include "tap.h"
#include "tasks.h"

TEST(without_a_word_from_outside_the_affinity_mask_counts)
{
    cpu_set_t mask;

    unsetenv("CF_CPU_COUNT");
    ck_assert_int_eq(sched_getaffinity(0, sizeof mask, &mask), 0);
    ck_assert_uint_ge(cf_cpu_count(), 1);
    ck_assert_uint_le(cf_cpu_count(), (unsigned)CPU_COUNT(&mask));
}

TEST(a_process_bound_to_one_processor_has_one)
{
    cpu_set_t mask, one;
    size_t cpu = 0;

    unsetenv("CF_CPU_COUNT");
    ck_assert_int_eq(sched_getaffinity(0, sizeof mask, &mask), 0);
    while (!CPU_ISSET(cpu, &mask))
        cpu++;
    CPU_ZERO(&one);
    CPU_SET(cpu, &one);
    ck_assert_int_eq(sched_setaffinity(0, sizeof one, &one), 0);
    ck_assert_uint_eq(cf_cpu_count(), 1);
}

TEST(the_environment_overrides_both)
{
    ck_assert_int_eq(setenv("CF_CPU_COUNT", "3", 1), 0);
    ck_assert_uint_eq(cf_cpu_count(), 3);
}

TEST(the_environment_may_say_many)
{
    ck_assert_int_eq(setenv("CF_CPU_COUNT", "1000", 1), 0);
    ck_assert_uint_eq(cf_cpu_count(), 1000);
}

static const char *const nonsense[] = { "", "0", "-1", "two", "2x", "0x4", " ", "99999999999999999999", "1.5" };

TEST(nonsense_in_the_environment_is_ignored)
{
    unsetenv("CF_CPU_COUNT");
    unsigned expected = cf_cpu_count();

    ck_assert_int_eq(setenv("CF_CPU_COUNT", nonsense[_i], 1), 0);
    ck_assert_msg(cf_cpu_count() == expected, "CF_CPU_COUNT='%s' gives %u instead of %u", nonsense[_i], cf_cpu_count(),
                  expected);
}

/* Submit more calls than there can be workers: so many run at once, and no more. */
static void
assert_at_once(const struct cf_options *options, int calls, uint32_t expected)
{
    struct cf_executor *pool = cf_thread_pool(options);
    struct stage *stage = stage_new();

    ck_assert_ptr_nonnull(pool);
    for (int i = 0; i < calls; i++)
        cf_release(tasks_submit_cue(pool, stage, i, 1));
    latch_await(&stage->started, expected);
    asserts_sleep(tap_sanitized() ? 0.3 : 0.1);
    ck_assert_uint_eq(latch_count(&stage->started), expected);
    latch_raise(&stage->go);
    cf_close(pool);
}

TEST(a_thread_pool_has_four_workers_more_than_processors)
{
    ck_assert_int_eq(setenv("CF_CPU_COUNT", "2", 1), 0);
    assert_at_once(NULL, 50, 6);
    assert_at_once(&(struct cf_options){ .max_workers = 0 }, 50, 6);
}

TEST(a_thread_pool_has_at_most_32_workers_by_default)
{
    ck_assert_int_eq(setenv("CF_CPU_COUNT", "100", 1), 0);
    assert_at_once(NULL, 50, 32);
}

TEST(max_workers_is_obeyed)
{
    assert_at_once(&(struct cf_options){ .max_workers = 1 }, 10, 1);
    assert_at_once(&(struct cf_options){ .max_workers = 3 }, 10, 3);
    assert_at_once(&(struct cf_options){ .max_workers = 40 }, 50, 40);
}

TEST(as_many_as_65535_workers_can_be_asked_for_and_no_more)
{
    struct cf_executor *pool = tasks_pool(65535);

    ck_assert_int_eq(asserts_take_int(tasks_submit_int(pool, &task_twice, 2)), 4);
    cf_close(pool);
    errno = 0;
    ck_assert_ptr_null(cf_thread_pool(&(struct cf_options){ .max_workers = 65536 }));
    ck_assert_int_eq(errno, EINVAL);
}

/* How much nameless shared memory a process pool has, which grows with its bound of workers. */
static size_t
memory_of_pool(const struct cf_options *options)
{
    struct cf_executor *pool = cf_process_pool(options);
    FILE *maps = fopen("/proc/self/maps", "re");
    size_t sum = 0;
    char line[512], *end;

    ck_assert_ptr_nonnull(pool);
    ck_assert_ptr_nonnull(maps);
    while (fgets(line, sizeof line, maps) != NULL) {
        const size_t from = strtoul(line, &end, 16);
        if (strstr(line, "/dev/zero") != NULL)
            sum += strtoul(end + 1, NULL, 16) - from;
    }
    fclose(maps);
    ck_assert_int_eq(cf_close(pool), 0);
    return sum;
}

TEST(a_process_pool_has_at_most_4096_workers_by_default_too)
{
    ck_assert_int_eq(setenv("CF_CPU_COUNT", "5000", 1), 0);
    ck_assert_uint_eq(memory_of_pool(NULL), memory_of_pool(&(struct cf_options){ .max_workers = 4096 }));
    errno = 0;
    ck_assert_ptr_null(cf_process_pool(&(struct cf_options){ .max_workers = 4097 }));
    ck_assert_int_eq(errno, EINVAL);
}

TEST(an_inline_executor_has_one_worker_whatever_is_asked_for)
{
    struct cf_executor *pool = cf_inline_pool(&(struct cf_options){ .max_workers = 7 });

    ck_assert_ptr_nonnull(pool);
    ck_assert_int_eq(asserts_take_int(tasks_submit_int(pool, &task_twice, 2)), 4);
    cf_close(pool);
}

/* A group for this process alone, below its present one, where the machine lets us make that. */
static void
write_file(const char *directory, const char *name, const char *text)
{
    char path[256];

    snprintf(path, sizeof path, "%s/%s", directory, name);
    FILE *file = fopen(path, "we");
    if (file == NULL || fputs(text, file) < 0 || fclose(file) != 0) {
        rmdir(directory);
        tap_skip("no control group can be made here");
    }
}

/* Put this process into a group that may use so many hundredths of a processor. */
static char *
enter_group(int hundredths)
{
    static char group[128];
    char text[64];
    bool old = access("/sys/fs/cgroup/cpu/cpu.cfs_quota_us", F_OK) == 0;

    snprintf(group, sizeof group, "/sys/fs/cgroup/%scf-test-%d", old ? "cpu/" : "", (int)getpid());
    if (mkdir(group, 0755) != 0)
        tap_skip("no control group can be made here");
    if (old) {
        snprintf(text, sizeof text, "%d", hundredths * 1000);
        write_file(group, "cpu.cfs_period_us", "100000");
        write_file(group, "cpu.cfs_quota_us", text);
    } else {
        snprintf(text, sizeof text, "%d 100000", hundredths * 1000);
        write_file(group, "cpu.max", text);
    }
    snprintf(text, sizeof text, "%d", (int)getpid());
    write_file(group, old ? "tasks" : "cgroup.procs", text);
    return group;
}

static void
leave_group(const char *group)
{
    char text[32];
    bool old = strncmp(group, "/sys/fs/cgroup/cpu/", 19) == 0;

    snprintf(text, sizeof text, "%d", (int)getpid());
    write_file(old ? "/sys/fs/cgroup/cpu" : "/sys/fs/cgroup", old ? "tasks" : "cgroup.procs", text);
    rmdir(group);
}

TEST(the_quota_of_the_control_group_counts_rounded_up)
{
    cpu_set_t mask;
    static const int hundredths[] = { 50, 100, 101, 150 };
    static const unsigned expected[] = { 1, 1, 2, 2 };

    unsetenv("CF_CPU_COUNT");
    ck_assert_int_eq(sched_getaffinity(0, sizeof mask, &mask), 0);
    if (CPU_COUNT(&mask) < 2)
        tap_skip("this takes two processors");
    char *group = enter_group(hundredths[_i]);
    unsigned count = cf_cpu_count();
    leave_group(group);
    ck_assert_msg(count == expected[_i], "%u processors instead of %u for a quota of %d%%", count, expected[_i],
                  hundredths[_i]);
}

static Suite *
suite(void)
{
    Suite *all = suite_create("defaults");
    TCase *group = tap_case(all, "defaults", NULL, NULL);

    tcase_add_test(group, without_a_word_from_outside_the_affinity_mask_counts);
    tcase_add_test(group, a_process_bound_to_one_processor_has_one);
    tcase_add_test(group, the_environment_overrides_both);
    tcase_add_test(group, the_environment_may_say_many);
    tcase_add_loop_test(group, nonsense_in_the_environment_is_ignored, 0, sizeof nonsense / sizeof *nonsense);
    tcase_add_test(group, a_thread_pool_has_four_workers_more_than_processors);
    tcase_add_test(group, a_thread_pool_has_at_most_32_workers_by_default);
    tcase_add_test(group, max_workers_is_obeyed);
    tcase_add_test(group, as_many_as_65535_workers_can_be_asked_for_and_no_more);
    tcase_add_test(group, a_process_pool_has_at_most_4096_workers_by_default_too);
    tcase_add_test(group, an_inline_executor_has_one_worker_whatever_is_asked_for);
    tcase_add_loop_test(group, the_quota_of_the_control_group_counts_rounded_up, 0, 4);
    return all;
}

int
main(void)
{
    return tap_main(suite);
}
