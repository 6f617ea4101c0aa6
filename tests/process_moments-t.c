/* SPDX-License-Identifier: MIT */
/*
 * process_moments-t.c - what comes at the worst moment, between two instructions of a process pool.
 *
 * This program is linked with the static library so that its system calls come here first, those of workers too.
 */

#include <linux/futex.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "asserts.h"
#include "family.h"
#include "tap.h"

#define LARGE ((size_t)1 << 20)
#define LINGER 0.5

/* The first worker that is about to wake one thread of that process dies instead, and raises of[0] of the stage. */
static struct stage *fatal;
static pid_t woken;

/* Released when this thread has next unmapped something. */
static __thread struct cf_future *late;

/* Who next maps something lingers after it, unless it is NULL, and raises `started` of the stage before. */
static _Atomic(struct stage *) lingering;

int __real_madvise(void *, size_t, int);
int __wrap_madvise(void *, size_t, int);
int __real_munmap(void *, size_t);
int __wrap_munmap(void *, size_t);
long __real_syscall(long, ...);
long __wrap_syscall(long, ...);

int
__wrap_munmap(void *at, size_t size)
{
    struct cf_future *future = late;
    const int rc = __real_munmap(at, size);

    late = NULL;
    cf_release(future);
    return rc;
}

int
__wrap_madvise(void *at, size_t size, int advice)
{
    struct stage *stage = atomic_exchange(&lingering, NULL);

    if (stage != NULL) {
        latch_raise(&stage->started);
        asserts_sleep(LINGER);
    }
    return __real_madvise(at, size, advice);
}

static bool
is_fatal(long number, long operation, long count)
{
    return fatal != NULL && number == SYS_futex && operation == FUTEX_WAKE && count == 1 && getpid() != woken &&
           latch_raise(&fatal->of[0]) == 0;
}

long
__wrap_syscall(long number, ...)
{
    long of[6];
    va_list args;

    va_start(args, number);
    for (int i = 0; i < 6; i++)
        of[i] = va_arg(args, long);
    va_end(args);
    if (is_fatal(number, of[1], of[2]))
        raise(SIGKILL);
    return __real_syscall(number, of[0], of[1], of[2], of[3], of[4], of[5]);
}

struct wait {
    struct cf_future *future;
    double until; /* when it was over */
};

static void *
wait_long(void *data)
{
    struct wait *wait = data;

    cf_wait(&wait->future, 1, CF_ALL_COMPLETED, cf_after(TAP_TIMEOUT / 2.0), NULL);
    wait->until = asserts_now();
    return NULL;
}

/* A sleeper whom one worker was about to wake, as the whole pool's news, has to hear of the others all the same. */
TEST(a_worker_may_die_just_before_it_wakes_who_waits_for_another)
{
    struct stage *stage = stage_new();
    woken = getpid();
    fatal = stage;
    struct cf_executor *pool = family_pool(&(struct cf_options){ .max_workers = 2 });
    struct cf_future *calls[2];
    pthread_t thread;

    tasks_start_several(pool, stage, calls, 2);
    struct wait wait = { .future = calls[1] };
    ck_assert_int_eq(pthread_create(&thread, NULL, wait_long, &wait), 0);
    asserts_sleep(0.1);
    latch_raise(&stage->go);
    asserts_sleep(0.2);
    const bool died = latch_count(&stage->of[0]) > 0;
    latch_raise(&stage->go);
    const double end = asserts_now();
    pthread_join(thread, NULL);
    ck_assert_int_eq(asserts_take_int(calls[0]), 0);
    ck_assert_int_eq(asserts_take_int(calls[1]), 1);
    ck_assert_int_eq(cf_close(pool), 0);
    if (!died)
        tap_skip("the kernel has no futex_waitv()");
    ck_assert_msg(wait.until - end < 1, "who waited was told after %.1f s", wait.until - end);
}

static double
processor_time(void)
{
    struct rusage usage;

    ck_assert_int_eq(getrusage(RUSAGE_THREAD, &usage), 0);
    return (double)usage.ru_utime.tv_sec + (double)usage.ru_stime.tv_sec +
           (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

static int
make_large(struct cf_call *call)
{
    static const char bytes[LARGE];

    return cf_return(call, bytes, sizeof bytes);
}
static const struct cf_task task_large = { "large", make_large };

TEST(who_waits_sleeps_while_another_is_long_at_taking_a_result)
{
    struct cf_executor *pool = family_pool(&(struct cf_options){ .max_workers = 2 });
    struct stage *stage = stage_new();
    struct cf_future *held = tasks_start_holding(pool, stage, 1);

    atomic_store(&lingering, stage);
    struct cf_future *large = cf_submit(pool, &task_large, NULL, 0);
    latch_await(&stage->started, 2);
    const double before = processor_time();
    ck_assert_int_eq(cf_wait(&held, 1, CF_ALL_COMPLETED, cf_after(LINGER / 2), NULL), CF_TIMEOUT);
    ck_assert_double_lt(processor_time() - before, LINGER / 5);
    latch_raise(&stage->go);
    ck_assert_int_eq(asserts_take_int(held), 1);
    ck_assert_ptr_nonnull(cf_result(large, NULL));
    cf_release(large);
    ck_assert_int_eq(cf_close(pool), 0);
}

TEST(a_future_may_be_released_while_the_memory_of_its_pool_is_freed)
{
    struct cf_executor *pool = family_pool(&(struct cf_options){ .max_workers = 1 });
    char *bytes = calloc(1, LARGE);

    ck_assert_ptr_nonnull(bytes);
    struct cf_future *future = cf_submit(pool, &task_echo, bytes, LARGE);
    ck_assert_ptr_nonnull(cf_result(future, NULL));
    late = future;
    ck_assert_int_eq(cf_close(pool), 0);
    ck_assert_ptr_null(late);
    free(bytes);
}

static const TTest **const tests[] = {
    &a_worker_may_die_just_before_it_wakes_who_waits_for_another,
    &who_waits_sleeps_while_another_is_long_at_taking_a_result,
    &a_future_may_be_released_while_the_memory_of_its_pool_is_freed,
    NULL,
};

int
main(void)
{
    return asserts_main("process moments", tests);
}
