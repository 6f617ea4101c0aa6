/* SPDX-License-Identifier: MIT */
/* asserts.c - what the tests assert again and again. */

#include <dirent.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "asserts.h"
#include "tap.h"

static const char *suite_name;
static const TTest **const *suite_tests;

static Suite *
suite(void)
{
    Suite *all = suite_create(suite_name);
    TCase *group = tap_case(all, suite_name, NULL, NULL);

    for (const TTest **const *test = suite_tests; *test != NULL; test++)
        tcase_add_test(group, **test);
    return all;
}

int
asserts_main(const char *name, const TTest **const *tests)
{
    suite_name = name;
    suite_tests = tests;
    return tap_main(suite);
}

int
asserts_int(struct cf_future *future)
{
    size_t len;
    int number;
    const void *result = cf_result(future, &len);

    if (result == NULL) {
        const struct cf_error *e = cf_error_of(future);

        ck_abort_msg("no result but %s, %s:%d: %s", cf_why_text(e->why), e->domain, e->code, e->message);
    }
    ck_assert_uint_eq(len, sizeof number);
    memcpy(&number, result, sizeof number);
    return number;
}

int
asserts_take_int(struct cf_future *future)
{
    int number = asserts_int(future);

    cf_release(future);
    return number;
}

const struct cf_error *
asserts_error(struct cf_future *future, enum cf_why why)
{
    const struct cf_error *error = cf_error_of(future);

    ck_assert_ptr_nonnull(error);
    ck_assert_msg(error->why == why, "%s instead of %s: %s:%d: %s", cf_why_text(error->why), cf_why_text(why),
                  error->domain, error->code, error->message);
    ck_assert_ptr_null(cf_result(future, NULL));
    ck_assert_ptr_nonnull(error->domain);
    ck_assert_ptr_nonnull(error->task);
    ck_assert_ptr_nonnull(error->worker);
    ck_assert_ptr_nonnull(error->message);
    ck_assert_ptr_null(strchr(error->message, '\n'));
    return error;
}

void
asserts_refused(struct cf_future *future, int number)
{
    ck_assert_ptr_nonnull(future);
    ck_assert(cf_done(future));
    ck_assert(!cf_cancelled(future));
    const struct cf_error *error = asserts_error(future, CF_REFUSED);
    ck_assert_str_eq(error->domain, "errno");
    ck_assert_int_eq(error->code, number);
}

void
asserts_cancelled(struct cf_future *future)
{
    ck_assert(cf_cancelled(future));
    ck_assert(cf_done(future));
    ck_assert(!cf_running(future));
    asserts_error(future, CF_CANCELLED);
}

void
asserts_ends(struct cf_iter *iter, enum cf_status status)
{
    ck_assert_ptr_null(cf_next(iter));
    ck_assert_str_eq(cf_status_text(cf_status(iter)), cf_status_text(status));
}

static size_t
entries(const char *path)
{
    DIR *directory = opendir(path);
    size_t count = 0;

    ck_assert_ptr_nonnull(directory);
    for (struct dirent *entry; (entry = readdir(directory)) != NULL;)
        count += entry->d_name[0] != '.';
    closedir(directory);
    return count;
}

static void *
tell_tid(void *tid)
{
    *(pid_t *)tid = gettid();
    return NULL;
}

/* The first thread of a process may bring along one that stays: ThreadSanitizer's. */
static void
make_first_thread(void)
{
    char path[64];
    pthread_t thread;
    pid_t tid;

    ck_assert_int_eq(pthread_create(&thread, NULL, tell_tid, &tid), 0);
    pthread_join(thread, NULL);
    snprintf(path, sizeof path, "/proc/self/task/%d", (int)tid);
    while (access(path, F_OK) == 0)
        asserts_sleep(0.001);
}

size_t
asserts_threads(void)
{
    static bool first_made;

    if (!first_made)
        make_first_thread();
    first_made = true;
    return entries("/proc/self/task");
}

size_t
asserts_fds(void)
{
    return entries("/proc/self/fd") - 1;
}

void
asserts_threads_back_to(size_t threads)
{
    for (int i = 0; i < 500 && asserts_threads() > threads; i++)
        asserts_sleep(0.01);
    ck_assert_uint_eq(asserts_threads(), threads);
}

void
asserts_no_thread_sanitizer(const char *reason)
{
    bool here = false;

#if defined(__SANITIZE_THREAD__)
    here = true;
#elif defined(__has_feature)
    here = __has_feature(thread_sanitizer);
#endif
    if (here)
        tap_skip(reason);
}

double
asserts_now(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

void
asserts_sleep(double seconds)
{
    struct timespec rest = { .tv_sec = (time_t)seconds };

    rest.tv_nsec = (long)((seconds - (double)rest.tv_sec) * 1e9);
    while (nanosleep(&rest, &rest) != 0)
        continue;
}
