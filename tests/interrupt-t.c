/* SPDX-License-Identifier: MIT */
/* interrupt-t.c - cf_interrupt() on thread pools: whom it wakes, what running calls see, and signal handlers. */

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/time.h>

#include "asserts.h"
#include "tasks.h"

struct sleeper {
    pthread_t thread;
    struct cf_future *future;
    struct stage *stage;
    enum { IN_WAIT, IN_NEXT, IN_RESULT } how;
    enum cf_status status;
};

static void *
sleep_on(void *data)
{
    struct sleeper *sleeper = data;
    struct cf_future *future = sleeper->future;

    latch_raise(&sleeper->stage->of[0]);
    if (sleeper->how == IN_WAIT) {
        sleeper->status = cf_wait(&future, 1, CF_ALL_COMPLETED, CF_NEVER, NULL);
    } else if (sleeper->how == IN_NEXT) {
        struct cf_iter *iter = cf_as_completed(&future, 1, CF_NEVER);
        ck_assert_ptr_null(cf_next(iter));
        sleeper->status = cf_status(iter);
        ck_assert_uint_eq(cf_remaining(iter, NULL), 1);
        cf_iter_free(iter);
    } else {
        ck_assert_int_eq(asserts_int(future), 9);
    }
    latch_raise(&sleeper->stage->of[1]);
    return NULL;
}

TEST(an_interrupt_wakes_those_who_sleep_in_wait_and_next_but_not_in_result)
{
    struct cf_executor *pool = tasks_pool(1);
    struct stage *stage = stage_new();
    struct cf_future *running = tasks_start_holding(pool, stage, 9);
    struct sleeper sleepers[6];

    for (int i = 0; i < 6; i++) {
        sleepers[i] = (struct sleeper){ .future = running, .stage = stage, .how = IN_WAIT + (unsigned)i % 3 };
        ck_assert_int_eq(pthread_create(&sleepers[i].thread, NULL, sleep_on, &sleepers[i]), 0);
    }
    latch_await(&stage->of[0], 6);
    asserts_sleep(0.05);
    ck_assert_uint_eq(latch_count(&stage->of[1]), 0);
    cf_interrupt(pool);
    latch_await(&stage->of[1], 4);
    asserts_sleep(0.05);
    ck_assert_uint_eq(latch_count(&stage->of[1]), 4);
    latch_raise(&stage->go);
    for (int i = 0; i < 6; i++) {
        pthread_join(sleepers[i].thread, NULL);
        if (sleepers[i].how != IN_RESULT)
            ck_assert_int_eq(sleepers[i].status, CF_INTERRUPTED);
    }
    cf_release(running);
    cf_close(pool);
}

#define SIGNALS_LATE "ThreadSanitizer keeps a signal back while its thread sleeps"

static struct cf_executor *to_interrupt;

static void
on_signal(int number)
{
    (void)number;
    cf_interrupt(to_interrupt);
}

/* Send this process a signal after some milliseconds, which interrupts the pool. */
static void
signal_soon(struct cf_executor *pool)
{
    struct sigaction action = { .sa_handler = on_signal, .sa_flags = SA_RESTART };
    struct itimerval soon = { .it_value.tv_usec = 50000 };

    to_interrupt = pool;
    ck_assert_int_eq(sigaction(SIGALRM, &action, NULL), 0);
    ck_assert_int_eq(setitimer(ITIMER_REAL, &soon, NULL), 0);
}

TEST(a_signal_that_arrives_in_wait_ends_it)
{
    asserts_no_thread_sanitizer(SIGNALS_LATE);
    struct cf_executor *pool = tasks_pool(1);
    struct stage *stage = stage_new();
    struct cf_future *running = tasks_start_holding(pool, stage, 0);

    signal_soon(pool);
    ck_assert_int_eq(cf_wait(&running, 1, CF_ALL_COMPLETED, CF_NEVER, NULL), CF_INTERRUPTED);
    latch_raise(&stage->go);
    cf_release(running);
    cf_close(pool);
}

TEST(a_signal_that_arrives_in_next_of_a_map_ends_it)
{
    asserts_no_thread_sanitizer(SIGNALS_LATE);
    struct cf_executor *pool = tasks_pool(2);
    struct stage *stage = stage_new();
    struct cue cues[10];

    for (int i = 0; i < 10; i++)
        cues[i] = tasks_cue(stage, i, i >= 3);
    struct cf_iter *iter = cf_map(pool, &task_cue, cues, 10, sizeof *cues, NULL);
    for (int i = 0; i < 3; i++)
        ck_assert_int_eq(asserts_int(cf_next(iter)), i);
    latch_await(&stage->started, 5);
    signal_soon(pool);
    asserts_ends(iter, CF_INTERRUPTED);
    latch_raise(&stage->go);
    /* Which two are running is not quite certain: workers take calls in batches. */
    int finished = 0;
    for (int i = 3; i < 10; i++) {
        struct cf_future *future = cf_next(iter);
        if (cf_error_of(future) != NULL)
            asserts_cancelled(future);
        else
            finished += asserts_int(future) == i;
    }
    ck_assert_int_eq(finished, 2);
    asserts_ends(iter, CF_END);
    cf_iter_free(iter);
    cf_close(pool);
}

/* A task that waits for another call of its pool in one of three ways, and returns how that ended. */
struct waiting {
    struct cf_future *future;
    struct stage *stage;
    int way;
};

static int
wait_inside(struct cf_call *call)
{
    struct waiting waiting = *(const struct waiting *)cf_arg(call, NULL);
    enum cf_status status;

    latch_raise(&waiting.stage->of[0]);
    if (waiting.way < 2) {
        enum cf_until until = waiting.way == 0 ? CF_ALL_COMPLETED : CF_FIRST_COMPLETED;
        status = cf_wait(&waiting.future, 1, until, CF_NEVER, NULL);
    } else {
        struct cf_iter *iter = cf_as_completed(&waiting.future, 1, CF_NEVER);
        ck_assert_ptr_null(cf_next(iter));
        status = cf_status(iter);
        cf_iter_free(iter);
    }
    return cf_return(call, &status, sizeof status);
}
static const struct cf_task task_wait_inside = { "wait_inside", wait_inside };

TEST(a_task_that_waits_for_its_own_pool_is_interrupted_too)
{
    for (int way = 0; way < 3; way++) {
        struct cf_executor *pool = tasks_pool(2);
        struct stage *stage = stage_new();
        struct cf_future *running = tasks_start_holding(pool, stage, 0);
        const struct waiting waiting = { running, stage, way };
        struct cf_future *waiter = cf_submit(pool, &task_wait_inside, &waiting, sizeof waiting);

        latch_await(&stage->of[0], 1);
        asserts_sleep(0.02);
        cf_interrupt(pool);
        ck_assert_int_eq(asserts_take_int(waiter), CF_INTERRUPTED);
        latch_raise(&stage->go);
        cf_release(running);
        ck_assert_int_eq(cf_close(pool), 0);
    }
}

static int
wait_for_both(struct cf_call *call)
{
    struct waiting *waiting = (struct waiting *)(uintptr_t)cf_arg(call, NULL);
    struct cf_future *futures[2] = { waiting[0].future, waiting[1].future };

    latch_raise(&waiting->stage->of[0]);
    enum cf_status status = cf_wait(futures, 2, CF_ALL_COMPLETED, CF_NEVER, NULL);
    return cf_return(call, &status, sizeof status);
}
static const struct cf_task task_wait_for_both = { "wait_for_both", wait_for_both };

TEST(a_task_that_waits_for_two_pools_is_interrupted_by_either)
{
    for (int interrupted = 0; interrupted < 2; interrupted++) {
        struct cf_executor *own = tasks_pool(1);
        struct cf_executor *pools[2] = { tasks_pool(1), tasks_pool(1) };
        struct stage *stage = stage_new();
        struct waiting waiting[2];

        for (int i = 0; i < 2; i++)
            waiting[i] = (struct waiting){ tasks_start_holding(pools[i], stage, i), stage, 0 };
        struct cf_future *waiter = cf_submit(own, &task_wait_for_both, waiting, sizeof waiting);
        latch_await(&stage->of[0], 1);
        asserts_sleep(0.02);
        cf_interrupt(pools[interrupted]);
        ck_assert_int_eq(asserts_take_int(waiter), CF_INTERRUPTED);
        latch_raise(&stage->go);
        for (int i = 0; i < 2; i++) {
            cf_release(waiting[i].future);
            ck_assert_int_eq(cf_close(pools[i]), 0);
        }
        ck_assert_int_eq(cf_close(own), 0);
    }
}

TEST(an_interrupt_leaves_errno_alone)
{
    struct cf_executor *pool = tasks_pool(1);

    errno = ENOTTY;
    for (int i = 0; i < 3; i++)
        cf_interrupt(pool);
    ck_assert_int_eq(errno, ENOTTY);
    cf_close(pool);
}

/* Says, in a call that is told by its stage when to look, what it sees of the request to stop. */
static int
see(struct cf_call *call)
{
    struct stage *stage = stage_find(cf_arg(call, NULL));
    struct pollfd stop = { .fd = cf_stop_fd(call), .events = POLLIN };
    int seen[2];

    for (int i = 0; i < 2; i++) {
        latch_raise(&stage->started);
        latch_await(&stage->go, (uint32_t)i + 1);
        seen[i] = cf_stopping(call) ? 2 : 0;
        seen[i] += poll(&stop, 1, 0);
    }
    ck_assert_int_ge(stop.fd, 0);
    ck_assert_int_eq(cf_stop_fd(call), stop.fd);
    return cf_return(call, seen, sizeof seen);
}
static const struct cf_task task_see = { "see", see };

TEST(the_descriptor_is_readable_from_the_interrupt_on_and_not_before)
{
    struct cf_executor *pool = tasks_pool(1);
    struct stage *stage = stage_new();
    struct cf_future *future = cf_submit(pool, &task_see, stage->name, sizeof stage->name);

    latch_await(&stage->started, 1);
    latch_raise(&stage->go);
    latch_await(&stage->started, 2);
    cf_interrupt(pool);
    cf_interrupt(pool);
    latch_raise(&stage->go);
    const int *seen = cf_result(future, NULL);
    ck_assert_int_eq(seen[0], 0);
    ck_assert_int_eq(seen[1], 3);
    cf_release(future);
    cf_close(pool);
}

TEST(the_calls_of_another_pool_see_nothing_of_it)
{
    struct cf_executor *pool = tasks_pool(1), *other = tasks_pool(1);
    struct stage *stage = stage_new();
    struct cf_future *future = cf_submit(pool, &task_see, stage->name, sizeof stage->name);

    latch_await(&stage->started, 1);
    cf_interrupt(other);
    latch_add(&stage->go, 2);
    const int *seen = cf_result(future, NULL);
    ck_assert_int_eq(seen[0], 0);
    ck_assert_int_eq(seen[1], 0);
    cf_release(future);
    cf_close(pool);
    cf_close(other);
}

TEST(a_wait_for_what_is_done_succeeds_even_when_interrupted)
{
    struct cf_executor *pool = tasks_pool(1);
    struct cf_future *futures[] = { tasks_submit_int(pool, &task_twice, 0), tasks_submit_int(pool, &task_twice, 1) };
    size_t done = 0;

    asserts_int(futures[0]);
    asserts_int(futures[1]);
    cf_interrupt(pool);
    ck_assert_int_eq(cf_wait(futures, 2, CF_ALL_COMPLETED, CF_NEVER, &done), CF_OK);
    ck_assert_uint_eq(done, 2);
    cf_release(futures[0]);
    cf_release(futures[1]);
    cf_close(pool);
}

static void
count_cancelled(struct cf_future *future, void *data)
{
    asserts_cancelled(future);
    latch_raise(data);
}

TEST(the_cancelled_calls_run_their_callbacks_before_close_returns)
{
    struct cf_executor *pool = tasks_pool(1);
    struct stage *stage = stage_new();
    struct cf_future *running = tasks_start_holding(pool, stage, 0);
    struct latch called = { 0 };

    for (int i = 0; i < 20; i++) {
        struct cf_future *future = tasks_submit_cue(pool, stage, i, 0);
        cf_on_done(future, count_cancelled, &called);
        cf_release(future);
    }
    cf_interrupt(pool);
    latch_raise(&stage->go);
    cf_release(running);
    cf_close(pool);
    ck_assert_uint_eq(latch_count(&called), 20);
}

static struct cf_executor *current;

static void
interrupt_current(int number)
{
    (void)number;
    cf_interrupt(current);
}

static void
be_interrupted_in(long microseconds)
{
    const struct sigaction action = { .sa_handler = interrupt_current, .sa_flags = SA_RESTART };
    const struct itimerval soon = { .it_value.tv_usec = microseconds };

    ck_assert_int_eq(sigaction(SIGALRM, &action, NULL), 0);
    ck_assert_int_eq(setitimer(ITIMER_REAL, &soon, NULL), 0);
}

/* Signals arrive at whatever instruction submit and release have reached. */
TEST(a_signal_may_interrupt_at_any_point_of_a_submit)
{
    asserts_no_thread_sanitizer(SIGNALS_LATE);
    for (int round = 0; round < 200; round++) {
        bool refused = false;

        current = tasks_pool(2);
        be_interrupted_in(1 + round * 37 % 1000);
        while (!refused) {
            struct cf_future *future = tasks_submit_int(current, &task_twice, 1);
            struct cf_future *wait_for = future;
            enum cf_status status = cf_wait(&wait_for, 1, CF_ALL_COMPLETED, CF_NEVER, NULL);

            ck_assert(status == CF_OK || status == CF_INTERRUPTED);
            const struct cf_error *error = cf_error_of(future);
            refused = error != NULL && error->why == CF_REFUSED;
            ck_assert(error == NULL || error->why == CF_CANCELLED || error->code == ECANCELED);
            cf_release(future);
        }
        ck_assert_int_eq(cf_close(current), 0);
    }
}

TEST(a_signal_may_interrupt_at_any_point_of_a_wait_for_room)
{
    asserts_no_thread_sanitizer(SIGNALS_LATE);
    for (int round = 0; round < 200; round++) {
        bool refused = false;

        current = cf_thread_pool(&(struct cf_options){ .max_workers = 2, .max_pending = 1 });
        be_interrupted_in(1 + round * 37 % 1000);
        while (!refused) {
            struct cf_future *future = tasks_submit_int(current, &task_twice, 1);
            const struct cf_error *error = cf_done(future) ? cf_error_of(future) : NULL;
            refused = error != NULL && error->why == CF_REFUSED && error->code == ECANCELED;
            cf_release(future);
        }
        ck_assert_int_eq(cf_close(current), 0);
    }
}

TEST(a_signal_may_interrupt_at_any_point_of_a_shutdown_and_of_an_interrupt)
{
    asserts_no_thread_sanitizer(SIGNALS_LATE);
    for (int round = 0; round < 200; round++) {
        struct cf_future *none = NULL;

        current = tasks_pool(1);
        be_interrupted_in(1 + round * 37 % 1000);
        for (cf_time end = cf_after(0.0015); cf_after(0) < end;)
            if (round % 2 == 0)
                ck_assert_int_eq(cf_shutdown(current, 0), 0);
            else
                cf_interrupt(current);
        none = tasks_submit_int(current, &task_twice, 1);
        ck_assert_int_eq(cf_error_of(none)->why, CF_REFUSED);
        cf_release(none);
        ck_assert_int_eq(cf_close(current), 0);
    }
}

/* Whether it is sent to a thread for what that thread itself has done; to block it would only hide the fault. */
static bool
is_a_fault(int number)
{
    return number == SIGSEGV || number == SIGBUS || number == SIGFPE || number == SIGILL || number == SIGTRAP ||
           number == SIGSYS;
}

/* Returns whether all other signals are blocked here. */
static int
look_at_mask(struct cf_call *call)
{
    sigset_t mask;
    int blocked = 1;

    pthread_sigmask(SIG_SETMASK, NULL, &mask);
    for (int number = 1; number <= SIGRTMAX; number++)
        if (number != SIGKILL && number != SIGSTOP && (number < 32 || number >= SIGRTMIN) && !is_a_fault(number))
            blocked &= sigismember(&mask, number);
    return cf_return(call, &blocked, sizeof blocked);
}
static const struct cf_task task_look_at_mask = { "look_at_mask", look_at_mask };

TEST(workers_block_all_signals_but_those_of_faults_and_the_submitter_does_not)
{
    struct cf_executor *pool = tasks_pool(1);
    sigset_t before, after;

    pthread_sigmask(SIG_SETMASK, NULL, &before);
    struct cf_future *future = cf_submit(pool, &task_look_at_mask, NULL, 0);
    ck_assert_int_eq(asserts_take_int(future), 1);
    pthread_sigmask(SIG_SETMASK, NULL, &after);
    for (int number = 1; number <= SIGRTMAX; number++)
        ck_assert_int_eq(sigismember(&before, number), sigismember(&after, number));
    cf_close(pool);
}

static const TTest **const tests[] = {
    &an_interrupt_wakes_those_who_sleep_in_wait_and_next_but_not_in_result,
    &a_signal_that_arrives_in_wait_ends_it,
    &a_signal_that_arrives_in_next_of_a_map_ends_it,
    &a_task_that_waits_for_its_own_pool_is_interrupted_too,
    &a_task_that_waits_for_two_pools_is_interrupted_by_either,
    &an_interrupt_leaves_errno_alone,
    &the_descriptor_is_readable_from_the_interrupt_on_and_not_before,
    &the_calls_of_another_pool_see_nothing_of_it,
    &a_wait_for_what_is_done_succeeds_even_when_interrupted,
    &the_cancelled_calls_run_their_callbacks_before_close_returns,
    &a_signal_may_interrupt_at_any_point_of_a_submit,
    &a_signal_may_interrupt_at_any_point_of_a_wait_for_room,
    &a_signal_may_interrupt_at_any_point_of_a_shutdown_and_of_an_interrupt,
    &workers_block_all_signals_but_those_of_faults_and_the_submitter_does_not,
    NULL,
};

int
main(void)
{
    return asserts_main("interrupt", tests);
}
