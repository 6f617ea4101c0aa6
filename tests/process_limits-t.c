/* SPDX-License-Identifier: MIT */
/*
 * process_limits-t.c - process pools to which the system refuses something: each request in turn, or by its limits.
 *
 * This program is linked with the static library so that its requests come here first, those of the nursery and of the
 * workers too, because what says when to fail is in memory that they share.  As in faults-t.c, a scenario notes what
 * does not hold and asserts nothing until the faults are over.
 */

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "asserts.h"
#include "family.h"
#include "tap.h"

enum {
    FAULT_FORK = 1,
    FAULT_MAP = 2,
    FAULT_DESCRIPTOR = 4,
    FAULT_THREAD = 8,
    FAULT_MEMORY = 16,
    FAULT_POPULATE = 32,
    FAULT_SEND = 64,
    FAULT_SIGNALS = 128
};

static struct {
    _Atomic int sorts;
    _Atomic long to_go, width; /* how many go well before, and how many fail then */
    _Atomic int fired, asked, broken_line;
} * faults;

static bool
fails(int sort, int number)
{
    if (faults == NULL)
        return false;
    atomic_fetch_add(&faults->asked, 1);
    if ((atomic_load(&faults->sorts) & sort) == 0)
        return false;
    const long left = atomic_fetch_sub(&faults->to_go, 1);
    if (left > 1 || left <= 1 - atomic_load(&faults->width))
        return false;
    atomic_fetch_add(&faults->fired, 1);
    errno = number;
    return true;
}

/* Declare what the linker makes of the requests, and define the one that may fail. */
#define WRAP(type, name, parameters, arguments, sort, number, failed)                                                  \
    type __real_##name parameters;                                                                                     \
    type __wrap_##name parameters;                                                                                     \
    type __wrap_##name parameters                                                                                      \
    {                                                                                                                  \
        return fails(sort, number) ? (failed) : __real_##name arguments;                                               \
    }

WRAP(pid_t, fork, (void), (), FAULT_FORK, EAGAIN, -1)
WRAP(int, __clone, (int (*run)(void *), void *stack, int flags, void *arg), (run, stack, flags, arg), FAULT_FORK,
     EAGAIN, -1)
WRAP(void *, mmap, (void *at, size_t size, int protection, int flags, int fd, off_t offset),
     (at, size, protection, flags, fd, offset), FAULT_MAP, ENOMEM, MAP_FAILED)
WRAP(int, memfd_create, (const char *name, unsigned flags), (name, flags), FAULT_DESCRIPTOR, EMFILE, -1)
WRAP(int, eventfd, (unsigned value, int flags), (value, flags), FAULT_DESCRIPTOR, EMFILE, -1)
WRAP(int, signalfd, (int fd, const sigset_t *set, int flags), (fd, set, flags), FAULT_DESCRIPTOR, EMFILE, -1)
WRAP(int, socketpair, (int domain, int type, int protocol, int *ends), (domain, type, protocol, ends), FAULT_DESCRIPTOR,
     EMFILE, -1)
WRAP(ssize_t, send, (int fd, const void *data, size_t len, int flags), (fd, data, len, flags), FAULT_SEND, ENOMEM, -1)
WRAP(int, pthread_create, (pthread_t * thread, const pthread_attr_t *attributes, void *(*run)(void *), void *arg),
     (thread, attributes, run, arg), FAULT_THREAD, errno, EAGAIN)
WRAP(void *, malloc, (size_t size), (size), FAULT_MEMORY, ENOMEM, NULL)
WRAP(void *, calloc, (size_t n, size_t size), (n, size), FAULT_MEMORY, ENOMEM, NULL)
WRAP(void *, reallocarray, (void *old, size_t n, size_t size), (old, n, size), FAULT_MEMORY, ENOMEM, NULL)
WRAP(void *, aligned_alloc, (size_t alignment, size_t size), (alignment, size), FAULT_MEMORY, ENOMEM, NULL)

int __real_madvise(void *, size_t, int);
int __wrap_madvise(void *, size_t, int);

int
__wrap_madvise(void *at, size_t size, int advice)
{
    return advice == MADV_POPULATE_WRITE && fails(FAULT_POPULATE, ENOMEM) ? -1 : __real_madvise(at, size, advice);
}

/* As on a kernel that a signal interrupts in so large a request, and that has got nowhere then. */
int __real_fallocate(int, int, off_t, off_t);
int __wrap_fallocate(int, int, off_t, off_t);

int
__wrap_fallocate(int fd, int mode, off_t offset, off_t len)
{
    if (mode == 0 && len > 16 * 1024 * 1024 && fails(FAULT_SIGNALS, EINTR))
        return -1;
    return __real_fallocate(fd, mode, offset, len);
}

static void
note_line(int line)
{
    int none = 0;

    atomic_compare_exchange_strong(&faults->broken_line, &none, line);
}
#define HOLDS(condition) ((condition) ? (void)0 : note_line(__LINE__))

static int
echo_bytes(struct cf_call *call)
{
    size_t len;
    const void *arg = cf_arg(call, &len);

    return cf_return(call, arg, len);
}
static const struct cf_task task_bytes = { "bytes", echo_bytes };

static void
check_settled(struct cf_future *future, size_t len)
{
    size_t result_len;
    const char *result = cf_result(future, &result_len);
    const struct cf_error *error = cf_error_of(future);

    HOLDS(cf_done(future));
    HOLDS((result == NULL) == (error != NULL));
    if (result != NULL) {
        HOLDS(result_len == len && result[0] == 'x' && result[len - 1] == 'x');
        return;
    }
    if (error == NULL)
        return;
    HOLDS(error->code == ENOMEM || error->code == EMFILE || error->code == EAGAIN);
    HOLDS(error->why == CF_REFUSED || error->why == CF_BROKEN || error->why == CF_RAISED);
}

static _Atomic int called;

static void
count(struct cf_future *future, void *counter)
{
    (void)future;
    atomic_fetch_add((_Atomic int *)counter, 1);
}

/*
 * One argument for a slot, one for a buffer and one for an area; their results for a slot and for areas.  Each call has
 * a callback, which is called once if it was added, whatever else there was no memory and no thread for.
 */
static void
make_calls(struct cf_executor *pool)
{
    static char bytes[200000];
    static const size_t sizes[] = { 8, 5000, sizeof bytes, 8, 5000, sizeof bytes };
    struct cf_future *futures[6];

    memset(bytes, 'x', sizeof bytes);
    for (int i = 0; i < 6; i++) {
        futures[i] = cf_submit(pool, &task_bytes, bytes, sizes[i]);
        if (cf_on_done(futures[i], count, &called) != 0)
            atomic_fetch_add(&called, 1);
    }
    for (int i = 0; i < 6; i++) {
        check_settled(futures[i], sizes[i]);
        cf_release(futures[i]);
    }
}

static void
scenario(void)
{
    struct cf_executor *pool = cf_process_pool(&(struct cf_options){ .max_workers = 2 });

    HOLDS(pool != NULL || errno == ENOMEM || errno == EMFILE || errno == EAGAIN);
    atomic_store(&called, 0);
    make_calls(pool);
    HOLDS(cf_close(pool) == 0 || errno == EPIPE);
    HOLDS(atomic_load(&called) == 6);
}

static void
share_faults(void)
{
    faults = mmap(NULL, sizeof *faults, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    ck_assert(faults != MAP_FAILED);
}

/* Run the scenario with so many requests of that sort failing from the n-th on, for every n. */
static void
refuse_in_turn(int sort, long many)
{
    long n = 0;

    share_faults();
    family_take_stock();
    scenario();
    const struct family before = family_take_stock();
    ck_assert_int_eq(atomic_load(&faults->broken_line), 0);
    if (atomic_load(&faults->asked) == 0)
        tap_skip("the library is not linked statically");
    do {
        atomic_store(&faults->fired, 0);
        atomic_store(&faults->to_go, ++n);
        atomic_store(&faults->width, many);
        atomic_store(&faults->sorts, sort);
        scenario();
        atomic_store(&faults->sorts, 0);
        ck_assert_msg(faults->broken_line == 0, "line %d did not hold when request %ld failed", faults->broken_line, n);
        family_await_end();
        family_check(&before);
    } while (atomic_load(&faults->fired) > 0);
    ck_assert_int_gt(n, 1);
}

TEST(a_fork_that_fails_is_an_error_of_the_pool)
{
    refuse_in_turn(FAULT_FORK, 1);
    refuse_in_turn(FAULT_FORK, LONG_MAX);
}

TEST(a_mapping_that_fails_is_an_error_of_the_pool)
{
    refuse_in_turn(FAULT_MAP, 1);
    refuse_in_turn(FAULT_MAP, LONG_MAX);
}

TEST(a_descriptor_that_cannot_be_had_is_an_error_of_the_pool)
{
    refuse_in_turn(FAULT_DESCRIPTOR, 1);
}

TEST(a_thread_that_cannot_be_had_is_an_error_of_the_pool)
{
    refuse_in_turn(FAULT_THREAD, 1);
}

TEST(memory_that_cannot_be_had_is_an_error_of_the_pool_or_of_the_call)
{
    refuse_in_turn(FAULT_MEMORY, 1);
    refuse_in_turn(FAULT_MEMORY, LONG_MAX);
}

TEST(a_buffer_without_memory_is_done_without)
{
    refuse_in_turn(FAULT_POPULATE, 1);
    refuse_in_turn(FAULT_POPULATE, LONG_MAX);
}

TEST(a_worker_that_cannot_be_ordered_is_an_error_of_the_pool)
{
    refuse_in_turn(FAULT_SEND, 1);
    refuse_in_turn(FAULT_SEND, LONG_MAX);
}

/* First that of SIGTERM, then that of SIGKILL. */
TEST(an_order_to_kill_that_is_refused_is_given_again)
{
    struct stage *stage = stage_new();

    share_faults();
    for (int refused = 1; refused <= 2; refused++) {
        struct cf_executor *pool = family_pool(&(struct cf_options){ .max_workers = 1, .call_timeout = 0.5 });
        struct cf_future *hangs = family_start(pool, &task_obstinate, stage);
        atomic_store(&faults->fired, 0);
        atomic_store(&faults->to_go, refused);
        atomic_store(&faults->width, 1);
        atomic_store(&faults->sorts, FAULT_SEND);
        ck_assert_int_eq(asserts_error(hangs, CF_TIMED_OUT)->code, SIGKILL);
        atomic_store(&faults->sorts, 0);
        ck_assert_int_eq(atomic_load(&faults->fired), 1);
        cf_release(hangs);
        ck_assert_int_eq(cf_close(pool), 0);
    }
}

TEST(memory_for_a_large_argument_is_had_though_signals_keep_coming)
{
    const size_t len = (size_t)64 << 20;
    char *bytes = calloc(1, len);
    size_t result_len;

    ck_assert_ptr_nonnull(bytes);
    share_faults();
    struct cf_executor *pool = family_pool(&(struct cf_options){ .max_workers = 1 });
    atomic_store(&faults->to_go, 1);
    atomic_store(&faults->width, LONG_MAX);
    atomic_store(&faults->sorts, FAULT_SIGNALS);
    struct cf_future *future = cf_submit(pool, &task_bytes, bytes, len);
    ck_assert_ptr_nonnull(cf_result(future, &result_len));
    ck_assert_uint_eq(result_len, len);
    cf_release(future);
    ck_assert_int_eq(cf_close(pool), 0);
    free(bytes);
}

/* What callbacks find that run in the thread that waits. */
static struct {
    pthread_t waiter;
    struct cf_future *hangs;
    int callbacks, late;
} during;

static void
wait_for_limit(struct cf_future *future, void *unused)
{
    (void)future;
    (void)unused;
    if (!pthread_equal(pthread_self(), during.waiter))
        return;
    for (int i = 0; i < 300 && !cf_done(during.hangs); i++)
        asserts_sleep(0.01);
    during.callbacks++;
    during.late += !cf_done(during.hangs);
}

/* One call that is over before the collector hears of it, and one behind it that hangs. */
static void
hang_behind_a_quick_call(struct stage *stage)
{
    struct cf_executor *pool = family_pool(&(struct cf_options){ .max_workers = 1, .call_timeout = 0.1 });

    ck_assert_int_eq(asserts_take_int(tasks_submit_int(pool, &task_twice, 1)), 2);
    asserts_sleep(0.002);
    atomic_store(&faults->to_go, 1);
    atomic_store(&faults->width, LONG_MAX);
    atomic_store(&faults->sorts, FAULT_THREAD);
    struct cf_future *quick = tasks_submit_int(pool, &task_twice, 2);
    during.hangs = cf_submit(pool, &task_hang, stage->name, sizeof stage->name);
    ck_assert_int_eq(cf_on_done(quick, wait_for_limit, NULL), 0);
    ck_assert_int_eq(asserts_take_int(quick), 4);
    asserts_error(during.hangs, CF_TIMED_OUT);
    atomic_store(&faults->sorts, 0);
    cf_release(during.hangs);
    ck_assert_int_eq(cf_close(pool), 0);
}

/* The collector sleeps without an end when the second call begins, and the worker does not ring while one watches. */
TEST(a_time_limit_is_enforced_during_a_callback_for_which_no_thread_can_be_had)
{
    struct stage *stage = stage_new();

    share_faults();
    during.waiter = pthread_self();
    for (int i = 0; i < 25 && during.late == 0; i++)
        hang_behind_a_quick_call(stage);
    if (during.callbacks == 0)
        tap_skip("the collector was always the first to look");
    ck_assert_int_eq(during.late, 0);
}

/* The first two forks are those of the nursery and of a worker. */
TEST(the_workers_that_there_are_do_without_those_that_cannot_be_forked)
{
    struct stage *stage = stage_new();
    struct cf_future *futures[10];

    share_faults();
    struct cf_executor *pool = family_pool(&(struct cf_options){ .max_workers = 4 });
    struct cf_future *running = tasks_start_holding(pool, stage, 1);
    atomic_store(&faults->to_go, 1);
    atomic_store(&faults->width, LONG_MAX);
    atomic_store(&faults->sorts, FAULT_FORK);
    for (int i = 0; i < 10; i++)
        futures[i] = tasks_submit_int(pool, &task_twice, i);
    latch_raise(&stage->go);
    ck_assert_int_eq(asserts_take_int(running), 1);
    for (int i = 0; i < 10; i++)
        ck_assert_int_eq(asserts_take_int(futures[i]), 2 * i);
    ck_assert_int_eq(cf_close(pool), 0);
    atomic_store(&faults->sorts, 0);
}

TEST(a_limit_on_descriptors_is_an_error_of_the_constructor_or_does_not_matter)
{
    struct rlimit limit;
    int failed = 0;

    share_faults();
    ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
    const struct family before = family_take_stock();
    for (rlim_t n = 3; n < 40; n++) {
        ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &(struct rlimit){ .rlim_cur = n, .rlim_max = limit.rlim_max }), 0);
        struct cf_executor *pool = cf_process_pool(&(struct cf_options){ .max_workers = 2 });
        failed += pool == NULL;
        HOLDS(pool != NULL || errno == EMFILE);
        make_calls(pool);
        HOLDS(cf_close(pool) == 0);
        ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
        ck_assert_int_eq(atomic_load(&faults->broken_line), 0);
        family_await_end();
        family_check(&before);
    }
    ck_assert_int_gt(failed, 5);
    ck_assert_int_lt(failed, 36);
}

/* Root has no such limit, so be nobody, who has no other processes. */
static void
become_nobody(void)
{
    if (geteuid() == 0) {
        ck_assert_int_eq(setresuid(65534, 65534, 65534), 0);
        prctl(PR_SET_DUMPABLE, 1);
    }
}

TEST(a_limit_on_processes_is_an_error_or_does_not_matter)
{
    struct rlimit limit;
    int failed = 0;

    share_faults();
    become_nobody();
    const struct family before = family_take_stock();
    ck_assert_int_eq(getrlimit(RLIMIT_NPROC, &limit), 0);
    for (rlim_t n = 1; n < 12; n++) {
        ck_assert_int_eq(setrlimit(RLIMIT_NPROC, &(struct rlimit){ .rlim_cur = n, .rlim_max = limit.rlim_max }), 0);
        struct cf_executor *pool = cf_process_pool(&(struct cf_options){ .max_workers = 2 });
        failed += pool == NULL;
        HOLDS(pool != NULL || errno == EAGAIN);
        make_calls(pool);
        failed += cf_close(pool) != 0;
        ck_assert_int_eq(atomic_load(&faults->broken_line), 0);
        family_await_end();
        family_check(&before);
    }
    ck_assert_int_gt(failed, 0);
}

static const TTest **const tests[] = {
    &a_fork_that_fails_is_an_error_of_the_pool,
    &a_mapping_that_fails_is_an_error_of_the_pool,
    &a_descriptor_that_cannot_be_had_is_an_error_of_the_pool,
    &a_thread_that_cannot_be_had_is_an_error_of_the_pool,
    &memory_that_cannot_be_had_is_an_error_of_the_pool_or_of_the_call,
    &a_buffer_without_memory_is_done_without,
    &a_worker_that_cannot_be_ordered_is_an_error_of_the_pool,
    &an_order_to_kill_that_is_refused_is_given_again,
    &memory_for_a_large_argument_is_had_though_signals_keep_coming,
    &a_time_limit_is_enforced_during_a_callback_for_which_no_thread_can_be_had,
    &the_workers_that_there_are_do_without_those_that_cannot_be_forked,
    &a_limit_on_descriptors_is_an_error_of_the_constructor_or_does_not_matter,
    &a_limit_on_processes_is_an_error_or_does_not_matter,
    NULL,
};

int
main(void)
{
    return asserts_main("process limits", tests);
}
