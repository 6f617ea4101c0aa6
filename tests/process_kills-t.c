/* SPDX-License-Identifier: MIT */
/* process_kills-t.c - workers killed from outside, at moments that nobody has chosen. */

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "asserts.h"
#include "family.h"
#include "tap.h"

enum { WORKERS = 2 };

/* Shared with the workers: how often each call has begun, and who they are. */
static struct {
    _Atomic pid_t pids[WORKERS * 2];
    _Atomic unsigned char begun[100000];
} * shared;

static void
share(void)
{
    shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    ck_assert(shared != MAP_FAILED);
}

static void
tell_pid(void)
{
    const pid_t pid = getpid();

    atomic_store(&shared->pids[(unsigned)pid % (WORKERS * 2)], pid);
}

/* 100 microseconds of work. */
static int
work(struct cf_call *call)
{
    const double end = asserts_now() + 0.0001;
    int number;

    memcpy(&number, cf_arg(call, NULL), sizeof number);
    atomic_fetch_add(&shared->begun[number], 1);
    tell_pid();
    while (asserts_now() < end)
        ;
    number = -number;
    return cf_return(call, &number, sizeof number);
}
static const struct cf_task task_work = { "work", work };

static _Atomic bool over;
static _Atomic unsigned kills;

static void *
kill_now_and_then(void *most)
{
    unsigned seed = (unsigned)time(NULL);

    while (!atomic_load(&over) && atomic_load(&kills) < *(const unsigned *)most) {
        asserts_sleep((double)(rand_r(&seed) % 5000) / 1e6);
        const pid_t pid = atomic_exchange(&shared->pids[(unsigned)rand_r(&seed) % (WORKERS * 2)], 0);
        if (pid > 0 && kill(pid, SIGKILL) == 0)
            atomic_fetch_add(&kills, 1);
    }
    return NULL;
}

/* Every call has begun at most once, and has a result only if it has. */
static void
check(struct cf_future *const *futures, int calls)
{
    int lost = 0;

    for (int i = 0; i < calls; i++) {
        ck_assert(cf_done(futures[i]));
        ck_assert_uint_le(shared->begun[i], 1);
        if (cf_result(futures[i], NULL) == NULL) {
            asserts_error(futures[i], CF_WORKER_LOST);
            lost++;
        } else {
            ck_assert_int_eq(asserts_int(futures[i]), -i);
            ck_assert_uint_eq(shared->begun[i], 1);
        }
    }
    ck_assert_int_le(lost, (int)atomic_load(&kills));
}

static _Atomic int settled;

static void
count_settled(struct cf_future *future, void *unused)
{
    (void)future;
    (void)unused;
    atomic_fetch_add(&settled, 1);
}

TEST(workers_killed_at_a_thousand_random_moments_lose_one_call_each_and_nothing_else)
{
    const int calls = tap_sanitized() ? 5000 : 100000;
    unsigned most = tap_sanitized() ? 50 : 1000;
    struct cf_future **futures = calloc((size_t)calls, sizeof(struct cf_future *));
    pthread_t killer;
    int n = 0;

    ck_assert_ptr_nonnull(futures);
    share();
    const struct family before = family_take_stock();
    struct cf_executor *pool = family_pool(&(struct cf_options){ .max_workers = WORKERS, .max_deaths = (unsigned)-1 });
    for (int i = 0; i < calls; i++) {
        futures[i] = tasks_submit_int(pool, &task_work, i);
        ck_assert_int_eq(cf_on_done(futures[i], count_settled, NULL), 0);
    }
    ck_assert_int_eq(pthread_create(&killer, NULL, kill_now_and_then, &most), 0);
    struct cf_iter *iter = cf_as_completed(futures, (size_t)calls, CF_NEVER);
    while (cf_next(iter) != NULL)
        n++;
    cf_iter_free(iter);
    atomic_store(&over, true);
    pthread_join(killer, NULL);
    ck_assert_int_eq(n, calls);
    ck_assert_uint_gt(atomic_load(&kills), most / 4);
    check(futures, calls);
    ck_assert_int_eq(cf_close(pool), 0);
    ck_assert_int_eq(atomic_load(&settled), calls);
    for (int i = 0; i < calls; i++)
        cf_release(futures[i]);
    free(futures);
    family_check(&before);
    printf("%u kills\n", atomic_load(&kills));
}

static int
echo_much(struct cf_call *call)
{
    size_t len;
    const void *arg = cf_arg(call, &len);

    tell_pid();
    return cf_return_owned(call, (void *)(uintptr_t)arg, len, NULL);
}
static const struct cf_task task_echo_much = { "echo_much", echo_much };

/* Most of the time an argument is on its way to a worker, or a result back. */
TEST(workers_killed_while_large_arguments_and_results_travel_lose_those_alone)
{
    enum { CALLS = 100, BYTES = 3 << 20, AHEAD = 4 };
    unsigned most = (unsigned)-1;
    char *bytes = malloc(BYTES);
    struct cf_future *futures[CALLS];
    pthread_t killer;

    ck_assert_ptr_nonnull(bytes);
    share();
    const struct family before = family_take_stock();
    struct cf_executor *pool = family_pool(&(struct cf_options){ .max_workers = WORKERS, .max_deaths = (unsigned)-1 });
    ck_assert_int_eq(pthread_create(&killer, NULL, kill_now_and_then, &most), 0);
    for (int i = 0; i < CALLS + AHEAD; i++) {
        if (i < CALLS) {
            memset(bytes, i, BYTES);
            futures[i] = cf_submit(pool, &task_echo_much, bytes, BYTES);
        }
        if (i < AHEAD)
            continue;
        size_t len;
        const char *result = cf_result(futures[i - AHEAD], &len);
        if (result == NULL) {
            asserts_error(futures[i - AHEAD], CF_WORKER_LOST);
        } else {
            ck_assert_uint_eq(len, BYTES);
            ck_assert(result[0] == (char)(i - AHEAD) && memcmp(result, result + 1, BYTES - 1) == 0);
        }
        cf_release(futures[i - AHEAD]);
    }
    atomic_store(&over, true);
    pthread_join(killer, NULL);
    ck_assert_int_eq(cf_close(pool), 0);
    free(bytes);
    family_check(&before);
    printf("%u kills\n", atomic_load(&kills));
}

/* SIGKILL by a timer of its own, while what it returns is being written. */
static int
die_later(struct cf_call *call)
{
    enum { BYTES = 32 << 20 };
    static char bytes[BYTES];
    struct sigevent event = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGKILL };
    struct itimerspec when = { .it_value.tv_nsec = 1 };
    timer_t timer;
    int micros;

    memcpy(&micros, cf_arg(call, NULL), sizeof micros);
    when.it_value.tv_nsec += micros * 1000L;
    if (timer_create(CLOCK_MONOTONIC, &event, &timer) != 0 || timer_settime(timer, 0, &when, NULL) != 0)
        return cf_raise(call, "timer", 1, "no timer");
    return cf_return_owned(call, bytes, BYTES, NULL);
}
static const struct cf_task task_die_later = { "die_later", die_later };

TEST(a_worker_killed_while_it_writes_its_result_loses_the_call_or_has_published_it)
{
    const struct family before = family_take_stock();
    struct cf_executor *pool = family_pool(&(struct cf_options){ .max_workers = 1, .max_deaths = (unsigned)-1 });
    int lost = 0;

    for (int i = 0; i < 30; i++) {
        struct cf_future *future = tasks_submit_int(pool, &task_die_later, i * 500);
        size_t len;
        if (cf_result(future, &len) == NULL) {
            ck_assert_int_eq(asserts_error(future, CF_WORKER_LOST)->code, SIGKILL);
            lost++;
        } else {
            ck_assert_uint_eq(len, 32 << 20);
        }
        cf_release(future);
        family_await_given_back();
    }
    ck_assert_int_gt(lost, 0);
    ck_assert_int_eq(cf_close(pool), 0);
    family_check(&before);
}

/* Seconds for the first, which has ten seconds of work to do, on a machine that has much else to do. */
enum { LONG_TIMEOUT = 120 };

static Suite *
suite(void)
{
    Suite *all = suite_create("process kills");
    TCase *group = tap_case(all, "process kills", NULL, NULL);

    tcase_set_timeout(group, LONG_TIMEOUT);
    tcase_add_test(group, workers_killed_at_a_thousand_random_moments_lose_one_call_each_and_nothing_else);
    tcase_add_test(group, workers_killed_while_large_arguments_and_results_travel_lose_those_alone);
    tcase_add_test(group, a_worker_killed_while_it_writes_its_result_loses_the_call_or_has_published_it);
    return all;
}

int
main(void)
{
    return tap_main(suite);
}
