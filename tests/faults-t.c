/* SPDX-License-Identifier: MIT */
/*
 * faults-t.c - every allocation, thread and descriptor that the library asks for is refused in turn.
 *
 * This program is linked with the static library so that its calls of malloc() and the like come here first.  Each
 * scenario is run with the first such call failing, then the second, and so on until there are no more; and again with
 * all that follow failing too.  Nothing may crash, hang or leak, and every future is settled and says why.
 *
 * The test runner allocates as well, so a scenario asserts nothing until the faults are over: what does not hold is
 * noted, and the first of it fails the test.
 */

#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <unistd.h>

#include "asserts.h"
#include "tap.h"
#include "tasks.h"

/* What may fail now, how many of it go well before, and how many fail then. */
enum { FAULT_MEMORY = 1, FAULT_THREAD = 2, FAULT_EVENTFD = 4 };
static _Atomic int faults;
static _Atomic long to_go;
static _Atomic long width;
static _Atomic int fired;
static _Atomic int asked;

/* If set, a thread that is not made takes until its of[1] is raised to fail, and says in of[0] that it is tried. */
static _Atomic(struct stage *) slow;

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
    return fails(FAULT_MEMORY, ENOMEM) ? NULL : __real_malloc(size);
}

void *
__wrap_calloc(size_t n, size_t size)
{
    return fails(FAULT_MEMORY, ENOMEM) ? NULL : __real_calloc(n, size);
}

void *
__wrap_realloc(void *memory, size_t size)
{
    return fails(FAULT_MEMORY, ENOMEM) ? NULL : __real_realloc(memory, size);
}

void *
__wrap_aligned_alloc(size_t alignment, size_t size)
{
    return fails(FAULT_MEMORY, ENOMEM) ? NULL : __real_aligned_alloc(alignment, size);
}

int
__wrap_eventfd(unsigned value, int flags)
{
    return fails(FAULT_EVENTFD, EMFILE) ? -1 : __real_eventfd(value, flags);
}

int
__wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attr, void *(*start)(void *), void *arg)
{
    if (!fails(FAULT_THREAD, errno))
        return __real_pthread_create(thread, attr, start, arg);
    if (atomic_load(&slow) != NULL) {
        latch_raise(&atomic_load(&slow)->of[0]);
        latch_await(&atomic_load(&slow)->of[1], 1);
    }
    return EAGAIN;
}

/* The line of the first thing that did not hold, or 0. */
static _Atomic int broken_line;

static void
note_line(int line)
{
    int none = 0;

    atomic_compare_exchange_strong(&broken_line, &none, line);
}

#define HOLDS(condition) ((condition) ? (void)0 : note_line(__LINE__))

#define FOR_EVER LONG_MAX

/* From now on, have so many requests of that sort fail, beginning with the n-th. */
static void
arm(int sort, long n, long many)
{
    atomic_store(&to_go, n);
    atomic_store(&width, many);
    atomic_store(&faults, sort);
}

/* Run the scenario with so many requests of that sort failing from the n-th on, for every n. */
static void
refuse_in_turn(void (*scenario)(void), int sort, long many)
{
    int n = 0;

    size_t threads = asserts_threads();
    scenario();
    size_t fds = asserts_fds();
    ck_assert_int_eq(atomic_load(&broken_line), 0);
    do {
        atomic_store(&fired, 0);
        arm(sort, ++n, many);
        scenario();
        atomic_store(&faults, 0);
        ck_assert_msg(broken_line == 0, "line %d did not hold when request %d failed", broken_line, n);
        ck_assert_uint_eq(asserts_fds(), fds);
    } while (atomic_load(&fired) > 0);
    asserts_threads_back_to(threads);
    if (atomic_load(&asked) == 0)
        tap_skip("the library is not linked statically");
    ck_assert_int_gt(n, 1);
}

/* Tasks that allocate nothing of their own and assert nothing. */
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

static _Atomic int freed;

static void
count_freed(void *result)
{
    (void)result;
    atomic_fetch_add(&freed, 1);
}

static int
owning(struct cf_call *call)
{
    static char bytes[8];

    return cf_return_owned(call, bytes, sizeof bytes, count_freed);
}

static const struct cf_task tasks[] = {
    { "nothing", nothing }, { "small", small }, { "large", large }, { "failing", failing }, { "owning", owning },
};
#define TASKS (sizeof tasks / sizeof *tasks)

/* The future is done, or will be, with a result or an error that is whole. */
static void
check_settled(struct cf_future *future)
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

static struct cf_executor *
open_pool(unsigned workers)
{
    struct cf_executor *pool = cf_thread_pool(&(struct cf_options){ .max_workers = workers });

    HOLDS(pool != NULL || errno == ENOMEM || errno == EMFILE);
    return pool;
}

static void
close_pool(struct cf_executor *pool)
{
    HOLDS(cf_close(pool) == 0 || errno == EPIPE);
}

static void
submit_and_wait(void)
{
    struct cf_executor *pool = open_pool(2);
    struct cf_future *futures[TASKS * 2];
    const char argument[3000] = "";

    for (size_t i = 0; i < TASKS * 2; i++)
        futures[i] = cf_submit(pool, &tasks[i % TASKS], argument, i % 2 == 0 ? 3 : sizeof argument);
    for (size_t i = 0; i < TASKS * 2; i++)
        check_settled(futures[i]);
    for (size_t i = 0; i < TASKS * 2; i++)
        cf_release(futures[i]);
    close_pool(pool);
}

/* So many futures at once that the library's own store of memory for them has to grow several times. */
static void
submit_many(void)
{
    static struct cf_future *futures[1500];
    const int n = tap_sanitized() ? 50 : 1500;
    struct cf_executor *pool = open_pool(2);

    for (int i = 0; i < n; i++)
        futures[i] = cf_submit(pool, &tasks[i % 2], "argument", 9);
    for (int i = 0; i < n; i++)
        check_settled(futures[i]);
    for (int i = 0; i < n; i++)
        cf_release(futures[i]);
    close_pool(pool);
}

static void
submit_inline(void)
{
    struct cf_executor *pool = cf_inline_pool(NULL);

    HOLDS(pool != NULL || errno == ENOMEM || errno == EMFILE);
    for (size_t i = 0; i < TASKS; i++) {
        struct cf_future *future = cf_submit(pool, &tasks[i], "argument", 9);
        check_settled(future);
        cf_release(future);
    }
    close_pool(pool);
}

static void
submit_and_close(void)
{
    struct cf_executor *pool = open_pool(3);
    struct cf_future *futures[6];
    int before = atomic_load(&freed), results = 0;

    for (int i = 0; i < 6; i++)
        futures[i] = cf_submit(pool, &tasks[4], NULL, 0);
    close_pool(pool);
    for (int i = 0; i < 6; i++) {
        HOLDS(cf_done(futures[i]));
        check_settled(futures[i]);
        results += cf_result(futures[i], NULL) != NULL;
        cf_release(futures[i]);
    }
    HOLDS(atomic_load(&freed) >= before + results);
}

/* Read an iterator to its end.  Return how many futures came. */
static int
read_all(struct cf_iter *iter, bool *failed)
{
    int n = 0;

    HOLDS(iter != NULL);
    *failed = false;
    for (int i = 0; i < 100; i++) {
        struct cf_future *future = cf_next(iter);
        if (future != NULL) {
            n++;
            check_settled(future);
        } else if (cf_status(iter) == CF_FAILED) {
            HOLDS(!*failed || n == 0);
            *failed = true;
        } else {
            HOLDS(cf_status(iter) == CF_END);
            break;
        }
        if (*failed && n == 0 && i > 2)
            break;
    }
    cf_iter_free(iter);
    return n;
}

static int
next_number(void *source, const void **item, size_t *len)
{
    int *left = source;

    *item = left;
    *len = sizeof *left;
    return (*left)-- > 0;
}

static void
map_in_all_ways(void)
{
    struct cf_executor *pool = open_pool(2);
    const int numbers[10] = { 0 };
    bool failed;

    for (unsigned way = 0; way < 8; way++) {
        const struct cf_map_options options = { .chunksize = way % 2 == 0 ? 0 : 3,
                                                .buffersize = way / 2 % 2 == 0 ? 0 : 4,
                                                .unordered = way / 4 == 1 };
        int n = read_all(cf_map(pool, &tasks[way % TASKS], numbers, 10, sizeof *numbers, &options), &failed);
        HOLDS(n == 10 || failed);
        int left = 10;
        n = read_all(cf_map_from(pool, &tasks[way % TASKS], next_number, &left, &options), &failed);
        HOLDS(n == 10 || failed);
    }
    close_pool(pool);
}

/* Items so large that not even a chunk of two fits into the library's own store of memory. */
static void
map_large_items(void)
{
    struct cf_executor *pool = open_pool(2);
    static const char items[7][1000];
    bool failed;

    for (unsigned way = 0; way < 4; way++) {
        const struct cf_map_options options = { .chunksize = 1 + way, .unordered = way == 2 };
        int n = read_all(cf_map(pool, &tasks[way % TASKS], items, 7, sizeof *items, &options), &failed);
        HOLDS(n == 7 || failed);
    }
    close_pool(pool);
}

static void
give_maps_up(void)
{
    struct cf_executor *pool = open_pool(2);
    const int numbers[10] = { 0 };

    for (unsigned way = 0; way < 4; way++) {
        const struct cf_map_options options = { .chunksize = way % 2 == 0 ? 0 : 3, .unordered = way / 2 == 1 };
        struct cf_iter *iter = cf_map(pool, &tasks[1], numbers, 10, sizeof *numbers, &options);
        struct cf_future *taken = cf_take(iter);
        cf_iter_free(iter);
        if (taken != NULL)
            check_settled(taken);
        cf_release(taken);
    }
    close_pool(pool);
}

static void
wait_for_many(void)
{
    struct cf_executor *pool = open_pool(2);
    struct cf_future *futures[8];
    size_t done;
    bool failed;

    for (int i = 0; i < 8; i++)
        futures[i] = cf_submit(pool, &tasks[i % 4], NULL, 0);
    for (unsigned until = 0; until < 3; until++) {
        enum cf_status status = cf_wait(futures, 8, CF_ALL_COMPLETED + until, CF_NEVER, &done);
        HOLDS(status == CF_OK || status == CF_FAILED);
        HOLDS(status == CF_FAILED || done > 0);
        for (size_t i = 0; i < done; i++)
            HOLDS(cf_done(futures[i]));
    }
    int n = read_all(cf_as_completed(futures, 8, CF_NEVER), &failed);
    HOLDS(n == 8 || failed);
    for (int i = 0; i < 8; i++) {
        check_settled(futures[i]);
        cf_release(futures[i]);
    }
    close_pool(pool);
}

static _Atomic int called;

static void
count_called(struct cf_future *future, void *unused)
{
    (void)unused;
    HOLDS(cf_done(future));
    atomic_fetch_add(&called, 1);
}

static void
call_back(void)
{
    struct cf_executor *pool = open_pool(2);
    int before = atomic_load(&called), added = 0;

    for (size_t i = 0; i < TASKS; i++) {
        struct cf_future *future = cf_submit(pool, &tasks[i], NULL, 0);
        int rc = cf_on_done(future, count_called, NULL);
        HOLDS(rc == 0 || errno == ENOMEM);
        added += rc == 0;
        if (i == 2)
            cf_cancel(future);
        cf_release(future);
    }
    close_pool(pool);
    HOLDS(atomic_load(&called) == before + added);
}

static void
promise(void)
{
    struct cf_future *good = cf_promise(), *bad = cf_promise();

    HOLDS((good != NULL && bad != NULL) || errno == ENOMEM);
    if (good != NULL) {
        bool settled = cf_settle(good, "result", 7);
        HOLDS(settled == cf_done(good));
        HOLDS(settled || cf_cancel(good));
        check_settled(good);
    }
    if (bad != NULL) {
        bool settled = cf_settle_error(bad, "domain", 3, "message");
        HOLDS(settled == cf_done(bad));
        HOLDS(settled || cf_cancel(bad));
        HOLDS(!settled || cf_error_of(bad)->code == 3);
        check_settled(bad);
    }
    cf_release(good);
    cf_release(bad);
}

static void
bounded(void)
{
    struct cf_executor *pool = cf_thread_pool(&(struct cf_options){ .max_workers = 1, .max_pending = 2 });
    struct cf_future *futures[10];

    for (int i = 0; i < 10; i++)
        futures[i] = cf_submit(pool, &tasks[i % 4], "argument", 9);
    for (int i = 0; i < 10; i++) {
        check_settled(futures[i]);
        cf_release(futures[i]);
    }
    close_pool(pool);
}

static struct cf_executor *own_pool;

static int
nest(struct cf_call *call)
{
    struct cf_future *inner[3];

    for (int i = 0; i < 3; i++)
        inner[i] = cf_submit(own_pool, &tasks[i], NULL, 0);
    for (int i = 0; i < 3; i++) {
        check_settled(inner[i]);
        cf_release(inner[i]);
    }
    return cf_return(call, NULL, 0);
}
static const struct cf_task task_nest = { "nest", nest };

static void
nested(void)
{
    own_pool = open_pool(1);
    struct cf_future *future = cf_submit(own_pool, &task_nest, NULL, 0);

    check_settled(future);
    cf_release(future);
    close_pool(own_pool);
}

static int
open_worker(struct cf_call *call, void **local, const void *fail)
{
    *local = NULL;
    return *(const bool *)fail ? cf_raise(call, "open", 1, "on purpose") : cf_return(call, NULL, 0);
}

static void
opening_workers(void)
{
    for (int i = 0; i < 2; i++) {
        const bool fail = i == 1;
        struct cf_executor *pool =
            cf_thread_pool(&(struct cf_options){ .max_workers = 2, .open_worker = open_worker, .worker_arg = &fail });
        struct cf_future *futures[4];

        for (int k = 0; k < 4; k++)
            futures[k] = cf_submit(pool, &tasks[k], NULL, 0);
        for (int k = 0; k < 4; k++) {
            check_settled(futures[k]);
            cf_release(futures[k]);
        }
        close_pool(pool);
    }
}

static void
stopping(void)
{
    for (int how = 0; how < 3; how++) {
        struct cf_executor *pool = open_pool(2);
        struct cf_future *futures[10];

        for (int i = 0; i < 10; i++)
            futures[i] = cf_submit(pool, &tasks[i % 4], NULL, 0);
        if (how == 0)
            cf_interrupt(pool);
        else
            HOLDS(cf_shutdown(pool, how == 1 ? CF_CANCEL : CF_KILL) == 0);
        close_pool(pool);
        for (int i = 0; i < 10; i++) {
            HOLDS(cf_done(futures[i]));
            check_settled(futures[i]);
            cf_release(futures[i]);
        }
    }
}

static void (*const scenarios[])(void) = {
    submit_and_wait, submit_many, submit_inline, submit_and_close, map_in_all_ways, map_large_items, give_maps_up,
    wait_for_many,   call_back,   promise,       bounded,          nested,          stopping,        opening_workers,
};
#define SCENARIOS ((int)(sizeof scenarios / sizeof *scenarios))

TEST(each_allocation_may_fail_once)
{
    refuse_in_turn(scenarios[_i], FAULT_MEMORY, 1);
}

TEST(from_each_allocation_on_all_may_fail)
{
    refuse_in_turn(scenarios[_i], FAULT_MEMORY, FOR_EVER);
}

/* What fails twice may have been tried a second time in another way. */
TEST(several_allocations_in_a_row_may_fail)
{
    for (long many = 2; many <= 6; many++)
        refuse_in_turn(scenarios[_i], FAULT_MEMORY, many);
}

TEST(each_thread_and_descriptor_may_fail)
{
    if (scenarios[_i] == promise)
        return;
    refuse_in_turn(scenarios[_i], FAULT_THREAD | FAULT_EVENTFD, 1);
    refuse_in_turn(scenarios[_i], FAULT_THREAD | FAULT_EVENTFD, FOR_EVER);
}

TEST(a_pool_that_cannot_start_any_worker_is_broken_and_says_why)
{
    struct cf_executor *pool = tasks_pool(2);
    struct cf_future *futures[3];

    arm(FAULT_THREAD, 1, FOR_EVER);
    for (int i = 0; i < 3; i++)
        futures[i] = cf_submit(pool, &tasks[0], NULL, 0);
    arm(0, 0, 0);
    if (atomic_load(&asked) == 0)
        tap_skip("the library is not linked statically");
    for (int i = 0; i < 3; i++) {
        const struct cf_error *error = asserts_error(futures[i], CF_BROKEN);
        ck_assert_str_eq(error->domain, "errno");
        ck_assert_int_eq(error->code, EAGAIN);
        cf_release(futures[i]);
    }
    ck_assert_int_eq(cf_close(pool), -1);
    ck_assert_int_eq(errno, EPIPE);
}

TEST(a_pool_that_cannot_start_another_worker_does_with_those_it_has)
{
    struct cf_executor *pool = tasks_pool(4);
    struct stage *stage = stage_new();
    struct cf_future *running = tasks_start_holding(pool, stage, 0);
    struct cf_future *futures[10];

    arm(FAULT_THREAD, 1, FOR_EVER);
    for (int i = 0; i < 10; i++)
        futures[i] = cf_submit(pool, &tasks[0], NULL, 0);
    arm(0, 0, 0);
    if (atomic_load(&asked) == 0)
        tap_skip("the library is not linked statically");
    latch_raise(&stage->go);
    for (int i = 0; i < 10; i++) {
        ck_assert_ptr_nonnull(cf_result(futures[i], NULL));
        cf_release(futures[i]);
    }
    ck_assert_int_eq(asserts_take_int(running), 0);
    ck_assert_int_eq(cf_close(pool), 0);
}

static void *
submit_nothing(void *pool)
{
    cf_release(cf_submit(pool, &tasks[0], NULL, 0));
    return NULL;
}

/*
 * While a third worker is being tried, one falls asleep because the third would look for work, and the other takes
 * several calls, of which the first needs the second.
 */
TEST(a_worker_that_cannot_be_started_leaves_its_work_to_one_that_sleeps)
{
    struct stage *stage = stage_new(), *gates[2] = { stage_new(), stage_new() };
    pthread_t thread;

    ck_assert_int_eq(setenv("CF_CPU_COUNT", "1", 1), 0);
    struct cf_executor *pool = tasks_pool(3);
    struct cf_future *one = tasks_start_holding(pool, gates[0], 1);
    struct cf_future *two = tasks_start_holding(pool, gates[1], 2);
    atomic_store(&slow, stage);
    arm(FAULT_THREAD, 1, FOR_EVER);
    ck_assert_int_eq(__real_pthread_create(&thread, NULL, submit_nothing, pool), 0);
    latch_await(&stage->of[0], 1);
    latch_raise(&gates[1]->go);
    asserts_int(two);
    asserts_sleep(0.1);
    struct cf_future *nothing_much = cf_submit(pool, &tasks[0], NULL, 0);
    struct cf_future *needs = tasks_submit_cue(pool, stage, 3, 1);
    struct cf_future *needed = tasks_submit_int(pool, &task_twice, 4);
    latch_raise(&gates[0]->go);
    latch_await(&stage->started, 1);
    latch_raise(&stage->of[1]);
    pthread_join(thread, NULL);
    ck_assert_int_eq(asserts_take_int(needed), 8);
    latch_raise(&stage->go);
    ck_assert_int_eq(asserts_take_int(needs), 3);
    cf_release(nothing_much);
    cf_release(one);
    cf_release(two);
    ck_assert_int_eq(cf_close(pool), 0);
}

TEST(without_a_descriptor_a_constructor_says_so)
{
    arm(FAULT_EVENTFD, 1, FOR_EVER);
    struct cf_executor *threads = cf_thread_pool(NULL);
    int error = errno;
    struct cf_executor *here = cf_inline_pool(NULL);
    arm(0, 0, 0);
    if (atomic_load(&asked) == 0)
        tap_skip("the library is not linked statically");
    ck_assert_ptr_null(threads);
    ck_assert_ptr_null(here);
    ck_assert_int_eq(error, EMFILE);
    struct cf_future *future = cf_submit(threads, &tasks[0], NULL, 0);
    asserts_refused(future, EMFILE);
    cf_release(future);
}

TEST(a_call_without_memory_is_refused_with_no_effect)
{
    struct cf_executor *pool = tasks_pool(1);
    struct stage *stage = stage_new();
    static const char argument[100000];

    asserts_take_int(tasks_submit_cue(pool, stage, 1, 0));
    arm(FAULT_MEMORY, 1, FOR_EVER);
    struct cf_future *future = cf_submit(pool, &task_cue, argument, sizeof argument);
    arm(0, 0, 0);
    if (atomic_load(&asked) == 0)
        tap_skip("the library is not linked statically");
    asserts_refused(future, ENOMEM);
    cf_release(future);
    ck_assert_int_eq(asserts_take_int(tasks_submit_cue(pool, stage, 2, 0)), 2);
    ck_assert_uint_eq(latch_count(&stage->started), 2);
    ck_assert_int_eq(cf_close(pool), 0);
}

/* Become nobody, whom limits bind, with so many threads at most. */
static void
become_nobody(rlim_t threads)
{
    const struct rlimit limit = { threads, threads };

    if (geteuid() != 0)
        tap_skip("only root can become a user who has no other threads");
    ck_assert_int_eq(setrlimit(RLIMIT_NPROC, &limit), 0);
    ck_assert_int_eq(setresuid(65534, 65534, 65534), 0);
}

TEST(where_the_system_allows_no_thread_the_pool_is_broken)
{
    if (tap_sanitized())
        tap_skip("a sanitizer needs threads of its own");
    become_nobody(1);
    struct cf_executor *pool = tasks_pool(4);
    struct cf_future *future = cf_submit(pool, &tasks[0], NULL, 0);

    ck_assert_int_eq(asserts_error(future, CF_BROKEN)->code, EAGAIN);
    cf_release(future);
    ck_assert_int_eq(cf_close(pool), -1);
}

static Suite *
suite(void)
{
    Suite *all = suite_create("faults");
    TCase *group = tap_case(all, "faults", NULL, NULL);

    tcase_add_loop_test(group, each_allocation_may_fail_once, 0, SCENARIOS);
    tcase_add_loop_test(group, from_each_allocation_on_all_may_fail, 0, SCENARIOS);
    tcase_add_loop_test(group, several_allocations_in_a_row_may_fail, 0, SCENARIOS);
    tcase_add_loop_test(group, each_thread_and_descriptor_may_fail, 0, SCENARIOS);
    tcase_add_test(group, a_pool_that_cannot_start_any_worker_is_broken_and_says_why);
    tcase_add_test(group, a_pool_that_cannot_start_another_worker_does_with_those_it_has);
    tcase_add_test(group, a_worker_that_cannot_be_started_leaves_its_work_to_one_that_sleeps);
    tcase_add_test(group, without_a_descriptor_a_constructor_says_so);
    tcase_add_test(group, a_call_without_memory_is_refused_with_no_effect);
    tcase_add_test(group, where_the_system_allows_no_thread_the_pool_is_broken);
    return all;
}

int
main(void)
{
    return tap_main(suite);
}
