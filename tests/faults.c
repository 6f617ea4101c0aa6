/* SPDX-License-Identifier: MIT */
/* faults.c - every allocation, thread and descriptor that the library asks for is refused in turn. */

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/eventfd.h>

#include "asserts.h"
#include "faults.h"

/*
 * What may fail now, how many of it go well before, and how many fail then; how many have, and how many were asked for.
 */
static _Atomic int faults;
static _Atomic long to_go;
static _Atomic long width;
static _Atomic int fired;
static _Atomic int asked;

static _Atomic(struct stage *) slow; /* what faults_slow() was given, or NULL */

/* Whether to fail now, and with which errno. */
static bool
fails(int fault, int number)
{
    atomic_fetch_add(&asked, 1);
    if ((atomic_load(&faults) & fault) == 0)
        return false;
    long left = atomic_fetch_sub(&to_go, 1);
    if (left > 1 || left <= 1 - atomic_load(&width))
        return false;
    atomic_fetch_add(&fired, 1);
    errno = number;
    return true;
}

void *__real_malloc(size_t);
void *__real_calloc(size_t, size_t);
void *__real_realloc(void *, size_t);
void *__real_aligned_alloc(size_t, size_t);
int __real_eventfd(unsigned, int);
int __real_pthread_create(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);
void *__wrap_malloc(size_t);
void *__wrap_calloc(size_t, size_t);
void *__wrap_realloc(void *, size_t);
void *__wrap_aligned_alloc(size_t, size_t);
int __wrap_eventfd(unsigned, int);
int __wrap_pthread_create(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);

void *
__wrap_malloc(size_t size)
{
    return fails(FAULTS_MEMORY, ENOMEM) ? NULL : __real_malloc(size);
}

void *
__wrap_calloc(size_t n, size_t size)
{
    return fails(FAULTS_MEMORY, ENOMEM) ? NULL : __real_calloc(n, size);
}

void *
__wrap_realloc(void *memory, size_t size)
{
    return fails(FAULTS_MEMORY, ENOMEM) ? NULL : __real_realloc(memory, size);
}

void *
__wrap_aligned_alloc(size_t alignment, size_t size)
{
    return fails(FAULTS_MEMORY, ENOMEM) ? NULL : __real_aligned_alloc(alignment, size);
}

int
__wrap_eventfd(unsigned value, int flags)
{
    return fails(FAULTS_EVENTFD, EMFILE) ? -1 : __real_eventfd(value, flags);
}

int
__wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attr, void *(*start)(void *), void *arg)
{
    if (!fails(FAULTS_THREAD, errno))
        return __real_pthread_create(thread, attr, start, arg);
    if (atomic_load(&slow) != NULL) {
        latch_raise(&atomic_load(&slow)->of[0]);
        latch_await(&atomic_load(&slow)->of[1], 1);
    }
    return EAGAIN;
}

void
faults_arm(int sorts, long n, long many)
{
    atomic_store(&to_go, n);
    atomic_store(&width, many);
    atomic_store(&faults, sorts);
}

void
faults_disarm(void)
{
    atomic_store(&faults, 0);
    if (atomic_load(&asked) == 0)
        tap_skip("the library is not linked statically");
}

void
faults_start(pthread_t *thread, void *(*start)(void *), void *data)
{
    ck_assert_int_eq(__real_pthread_create(thread, NULL, start, data), 0);
}

void
faults_slow(struct stage *stage)
{
    atomic_store(&slow, stage);
}

/* The first place where something did not hold. */
static _Atomic(const char *) broken_file;
static _Atomic int broken_line;

void
faults_note(const char *file, int line)
{
    const char *none = NULL;

    if (atomic_compare_exchange_strong(&broken_file, &none, file))
        atomic_store(&broken_line, line);
}

/* Run the scenario with so many requests of those sorts failing from the n-th on, for every n. */
static void
refuse_in_turn(const struct scenario *scenario, int sorts, long many)
{
    int n = 0;

    size_t threads = asserts_threads();
    scenario->run();
    size_t fds = asserts_fds();
    ck_assert_msg(broken_file == NULL, "%s:%d did not hold", broken_file, broken_line);
    do {
        atomic_store(&fired, 0);
        faults_arm(sorts, ++n, many);
        scenario->run();
        faults_disarm();
        ck_assert_msg(broken_file == NULL, "%s:%d did not hold when request %d failed", broken_file, broken_line, n);
        ck_assert_uint_eq(asserts_fds(), fds);
    } while (atomic_load(&fired) > 0);
    asserts_threads_back_to(threads);
    ck_assert_int_gt(n, 1);
}

static const char *suite_name;
static const struct scenario *scenarios;
static size_t scenarios_count;

TEST(each_allocation_may_fail_once)
{
    refuse_in_turn(&scenarios[_i], FAULTS_MEMORY, 1);
}

TEST(from_each_allocation_on_all_may_fail)
{
    refuse_in_turn(&scenarios[_i], FAULTS_MEMORY, FAULTS_FOR_EVER);
}

/* What fails twice may have been tried a second time in another way. */
TEST(several_allocations_in_a_row_may_fail)
{
    for (long many = 2; many <= 6; many++)
        refuse_in_turn(&scenarios[_i], FAULTS_MEMORY, many);
}

TEST(each_thread_and_descriptor_may_fail)
{
    refuse_in_turn(&scenarios[_i], FAULTS_THREAD | FAULTS_EVENTFD, 1);
    refuse_in_turn(&scenarios[_i], FAULTS_THREAD | FAULTS_EVENTFD, FAULTS_FOR_EVER);
}

static Suite *
suite(void)
{
    Suite *all = suite_create(suite_name);

    for (int i = 0; i < (int)scenarios_count; i++) {
        TCase *group = tap_case(all, scenarios[i].name, NULL, NULL);

        tcase_add_loop_test(group, each_allocation_may_fail_once, i, i + 1);
        tcase_add_loop_test(group, from_each_allocation_on_all_may_fail, i, i + 1);
        tcase_add_loop_test(group, several_allocations_in_a_row_may_fail, i, i + 1);
        if (!scenarios[i].memory_only)
            tcase_add_loop_test(group, each_thread_and_descriptor_may_fail, i, i + 1);
    }
    return all;
}

int
faults_main(const char *name, const struct scenario *given, size_t n)
{
    suite_name = name;
    scenarios = given;
    scenarios_count = n;
    return tap_main(suite);
}

static int
nothing(struct cf_call *call)
{
    return cf_return(call, NULL, 0);
}

static int
small(struct cf_call *call)
{
    size_t len;
    const void *arg = cf_arg(call, &len);

    return cf_return(call, arg, len);
}

static int
large(struct cf_call *call)
{
    static const char bytes[5000];

    return cf_return(call, bytes, sizeof bytes);
}

static int
failing(struct cf_call *call)
{
    return cf_raise(call, "domain", 7, "a message of %d words", 5);
}

_Atomic int faults_freed;

static void
count_freed(void *result)
{
    (void)result;
    atomic_fetch_add(&faults_freed, 1);
}

static int
owning(struct cf_call *call)
{
    static char bytes[8];

    return cf_return_owned(call, bytes, sizeof bytes, count_freed);
}

const struct cf_task faults_tasks[FAULTS_TASKS] = {
    [FAULTS_NOTHING] = { "nothing", nothing }, [FAULTS_SMALL] = { "small", small },
    [FAULTS_LARGE] = { "large", large },       [FAULTS_FAILING] = { "failing", failing },
    [FAULTS_OWNING] = { "owning", owning },
};

void
faults_check_settled(struct cf_future *future)
{
    size_t len;

    HOLDS(future != NULL);
    const struct cf_error *error = cf_error_of(future);
    HOLDS(cf_done(future));
    HOLDS((error == NULL) == (cf_result(future, &len) != NULL));
    if (error == NULL)
        return;
    HOLDS(error->domain != NULL && error->task != NULL && error->worker != NULL && error->message != NULL);
    HOLDS(error->why >= CF_RAISED && error->why <= CF_REFUSED);
    HOLDS(cf_cancelled(future) == (error->why == CF_CANCELLED));
    HOLDS(error->why != CF_REFUSED || error->code == ENOMEM || error->code == EMFILE || error->code == EAGAIN ||
          error->code == ECANCELED);
}

struct cf_executor *
faults_open_pool(unsigned workers)
{
    struct cf_executor *pool = cf_thread_pool(&(struct cf_options){ .max_workers = workers });

    HOLDS(pool != NULL || errno == ENOMEM || errno == EMFILE);
    return pool;
}

void
faults_close_pool(struct cf_executor *pool)
{
    HOLDS(cf_close(pool) == 0 || errno == EPIPE);
}
