/* SPDX-License-Identifier: MIT */
/* process_timeouts-t.c - calls that take too long, executors that are killed or interrupted, workers that retire. */

#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "asserts.h"
#include "family.h"
#include "tap.h"

TEST(a_call_that_takes_too_long_is_ended_and_its_worker_replaced)
{
    const struct family before = family_take_stock();
    struct stage *stage = stage_new();
    struct cf_executor *pool = family_pool(&(struct cf_options){ .max_workers = 1, .call_timeout = 0.1 });
    const int first = asserts_take_int(cf_submit(pool, &task_pid, NULL, 0));
    const double start = asserts_now();
    struct cf_future *hangs = family_start(pool, &task_hang, stage);
    struct cf_future *next = cf_submit(pool, &task_pid, NULL, 0);

    const struct cf_error *error = asserts_error(hangs, CF_TIMED_OUT);
    ck_assert_double_ge(asserts_now() - start, 0.1);
    ck_assert_str_eq(error->task, "hang");
    ck_assert_int_eq(error->code, SIGTERM);
    ck_assert_int_eq(family_pid_of(error->worker), first);
    ck_assert_int_ne(asserts_take_int(next), first);
    cf_release(hangs);
    ck_assert_int_eq(cf_close(pool), 0);
    ck_assert_uint_eq(family_processes(), before.processes);
}

TEST(a_call_that_ignores_sigterm_is_ended_by_sigkill_while_others_go_on)
{
    struct stage *stage = stage_new();
    struct cf_executor *pool = family_pool(&(struct cf_options){ .max_workers = 2, .call_timeout = 0.2 });
    struct cf_future *hangs = family_start(pool, &task_obstinate, stage);
    int calls = 0;

    while (!cf_done(hangs)) {
        ck_assert_int_eq(asserts_take_int(tasks_submit_int(pool, &task_twice, 21)), 42);
        calls++;
    }
    ck_assert_int_eq(asserts_error(hangs, CF_TIMED_OUT)->code, SIGKILL);
    ck_assert_int_gt(calls, 10);
    cf_release(hangs);
    ck_assert_int_eq(cf_close(pool), 0);
}

static int
stop_myself(struct cf_call *call)
{
    raise(SIGSTOP);
    return cf_return(call, NULL, 0);
}
static const struct cf_task task_stop_myself = { "stop_myself", stop_myself };

TEST(a_worker_that_is_stopped_is_ended_as_well)
{
    const struct family before = family_take_stock();
    struct cf_executor *pool = family_pool(&(struct cf_options){ .max_workers = 1, .call_timeout = 0.1 });
    struct cf_future *stops = cf_submit(pool, &task_stop_myself, NULL, 0);

    ck_assert_int_eq(asserts_error(stops, CF_TIMED_OUT)->code, SIGKILL);
    cf_release(stops);
    ck_assert_int_eq(asserts_take_int(tasks_submit_int(pool, &task_twice, 2)), 4);
    ck_assert_int_eq(cf_close(pool), 0);
    family_check(&before);
}

static int
nap(struct cf_call *call)
{
    int millis;

    memcpy(&millis, cf_arg(call, NULL), sizeof millis);
    asserts_sleep(millis / 1e3);
    return cf_return(call, &millis, sizeof millis);
}
static const struct cf_task task_nap = { "nap", nap };

/* The limit is each call's, however many came before it. */
TEST(a_time_limit_counts_from_the_start_of_each_call)
{
    struct cf_executor *pool = family_pool(&(struct cf_options){ .max_workers = 1, .call_timeout = 1 });
    struct cf_future *futures[30];

    for (int i = 0; i < 30; i++)
        futures[i] = tasks_submit_int(pool, &task_nap, 50);
    for (int i = 0; i < 30; i++)
        ck_assert_int_eq(asserts_take_int(futures[i]), 50);
    ck_assert_int_eq(cf_close(pool), 0);
}

TEST(a_time_limit_is_enforced_at_every_moment_that_a_call_may_start)
{
    struct stage *stage = stage_new();

    for (int i = 0; i < 20; i++) {
        struct cf_executor *pool = family_pool(&(struct cf_options){ .max_workers = 2, .call_timeout = 0.02 });
        struct cf_future *futures[3];
        for (int k = 0; k < 3; k++)
            futures[k] = cf_submit(pool, &task_hang, stage->name, sizeof stage->name);
        for (int k = 0; k < 3; k++) {
            asserts_error(futures[k], CF_TIMED_OUT);
            cf_release(futures[k]);
        }
        ck_assert_int_eq(cf_close(pool), 0);
    }
}

TEST(a_kill_ends_calls_that_hang_cancels_the_others_and_leaves_nobody)
{
    const struct family before = family_take_stock();
    struct stage *stage = stage_new();
    struct cf_executor *pool = family_pool(&(struct cf_options){ .max_workers = 2 });
    struct cf_future *hangs = family_start(pool, &task_hang, stage);
    struct cf_future *obstinate = family_start(pool, &task_obstinate, stage);
    struct cf_future *pending = tasks_submit_int(pool, &task_twice, 1);
    const double start = asserts_now();

    ck_assert_int_eq(cf_shutdown(pool, CF_KILL | CF_WAIT), 0);
    ck_assert_double_lt(asserts_now() - start, 10);
    ck_assert_int_eq(asserts_error(hangs, CF_KILLED)->code, SIGTERM);
    ck_assert_int_eq(asserts_error(obstinate, CF_KILLED)->code, SIGKILL);
    asserts_cancelled(pending);
    cf_release(hangs);
    cf_release(obstinate);
    cf_release(pending);
    ck_assert_int_eq(cf_close(pool), 0);
    ck_assert_uint_eq(family_processes(), before.processes);
}

/* Whatever moment of a worker's birth it meets. */
TEST(a_kill_may_come_at_any_moment)
{
    const struct family before = family_take_stock();
    struct stage *stage = stage_new();

    for (int i = 0; i < 30; i++) {
        struct cf_executor *pool = family_pool(&(struct cf_options){ .max_workers = 2 });
        struct cf_future *futures[4];
        for (int k = 0; k < 4; k++)
            futures[k] = cf_submit(pool, &task_hang, stage->name, sizeof stage->name);
        asserts_sleep(i * 0.0001);
        ck_assert_int_eq(cf_shutdown(pool, CF_KILL), 0);
        ck_assert_int_eq(cf_close(pool), 0);
        for (int k = 0; k < 4; k++) {
            const struct cf_error *error = cf_error_of(futures[k]);
            ck_assert(error->why == CF_CANCELLED || error->why == CF_KILLED);
            cf_release(futures[k]);
        }
    }
    ck_assert_uint_eq(family_processes(), before.processes);
}

TEST(an_interrupt_is_seen_by_running_tasks_and_cancels_the_others)
{
    struct stage *stage = stage_new();
    struct cf_executor *pool = family_pool(&(struct cf_options){ .max_workers = 1 });
    struct cf_future *patient = family_start(pool, &task_patient, stage);
    struct cf_future *pending = tasks_submit_int(pool, &task_twice, 1);

    cf_interrupt(pool);
    ck_assert(*(const bool *)cf_result(patient, NULL));
    ck_assert_int_eq(asserts_error(pending, CF_CANCELLED)->why, CF_CANCELLED);
    cf_release(patient);
    cf_release(pending);
    ck_assert_int_eq(cf_close(pool), 0);
}

TEST(a_worker_retires_after_as_many_calls_as_it_may_serve)
{
    enum { CALLS = 20, EACH = 3 };
    const struct family before = family_take_stock();
    struct cf_executor *pool = family_pool(&(struct cf_options){ .max_workers = 1, .max_calls_per_worker = EACH });
    struct cf_future *futures[CALLS];
    int pids[CALLS];

    for (int i = 0; i < CALLS; i++)
        futures[i] = cf_submit(pool, &task_pid, NULL, 0);
    for (int i = 0; i < CALLS; i++)
        pids[i] = asserts_take_int(futures[i]);
    for (int i = 1; i < CALLS; i++)
        ck_assert((pids[i] == pids[i - 1]) == (i % EACH != 0));
    ck_assert_int_eq(cf_close(pool), 0);
    family_check(&before);
}

/* Threads that ask until a call runs. */
struct asking {
    struct stage *stage;
    _Atomic(struct cf_future *) future;
    _Atomic int wrong;
    pthread_barrier_t barrier;
};
enum { ASKERS = 3, ROUNDS = 1000 };

static void
ask(struct asking *asking, uint32_t round)
{
    bool started, running = false;

    while (!running) {
        started = latch_count(&asking->stage->started) > round;
        running = cf_running(asking->future);
        if (started && !running)
            atomic_fetch_add(&asking->wrong, 1);
    }
    pthread_barrier_wait(&asking->barrier);
}

static void *
ask_each_round(void *data)
{
    struct asking *asking = data;

    for (uint32_t i = 0; i < ROUNDS; i++) {
        pthread_barrier_wait(&asking->barrier);
        ask(asking, i);
    }
    return NULL;
}

TEST(a_call_is_running_from_the_moment_that_its_worker_has_started_it)
{
    struct asking asking = { .stage = stage_new() };
    /* With a time limit the collector is told of each start, too. */
    struct cf_executor *pool = family_pool(&(struct cf_options){ .max_workers = 1, .call_timeout = 60 });
    pthread_t threads[ASKERS];

    pthread_barrier_init(&asking.barrier, NULL, ASKERS + 1);
    for (int i = 0; i < ASKERS; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, ask_each_round, &asking), 0);
    for (uint32_t i = 0; i < ROUNDS; i++) {
        asking.future = tasks_submit_cue(pool, asking.stage, (int)i, i + 1);
        pthread_barrier_wait(&asking.barrier);
        ask(&asking, i);
        latch_raise(&asking.stage->go);
        ck_assert_int_eq(asserts_take_int(asking.future), (int)i);
    }
    for (int i = 0; i < ASKERS; i++)
        pthread_join(threads[i], NULL);
    ck_assert_int_eq(asking.wrong, 0);
    pthread_barrier_destroy(&asking.barrier);
    ck_assert_int_eq(cf_close(pool), 0);
}

/* What an observer has been told, by call. */
struct seen {
    pthread_mutex_t lock;
    int submitted, started, ended;
    pid_t workers[8];
};

static void
observe(const struct cf_event *event, void *data)
{
    struct seen *seen = data;
    int number;

    memcpy(&number, cf_input(event->call, NULL), sizeof number);
    pthread_mutex_lock(&seen->lock);
    seen->submitted += event->type == CF_EVENT_SUBMITTED;
    seen->started += event->type == CF_EVENT_STARTED;
    seen->ended += event->type == CF_EVENT_ENDED;
    if (event->type == CF_EVENT_STARTED)
        seen->workers[number] = family_pid_of(event->worker);
    if (event->type == CF_EVENT_ENDED)
        ck_assert_int_eq(family_pid_of(event->worker), seen->workers[number]);
    pthread_mutex_unlock(&seen->lock);
}

static int
pid_or_death(struct cf_call *call)
{
    int number;

    memcpy(&number, cf_arg(call, NULL), sizeof number);
    if (number % 2 == 1)
        family_end(END_KILL);
    number = (int)getpid();
    return cf_return(call, &number, sizeof number);
}
static const struct cf_task task_pid_or_death = { "pid_or_death", pid_or_death };

TEST(an_observer_is_told_the_pid_of_the_worker_also_of_one_that_dies)
{
    struct seen seen = { .lock = PTHREAD_MUTEX_INITIALIZER };
    struct cf_executor *pool =
        family_pool(&(struct cf_options){ .max_workers = 2, .observe = observe, .observe_arg = &seen });
    struct cf_future *futures[8];

    for (int i = 0; i < 8; i++)
        futures[i] = tasks_submit_int(pool, &task_pid_or_death, i);
    for (int i = 0; i < 8; i++) {
        if (i % 2 == 0)
            ck_assert_int_eq(asserts_int(futures[i]), seen.workers[i]);
        else
            ck_assert_int_eq(family_pid_of(asserts_error(futures[i], CF_WORKER_LOST)->worker), seen.workers[i]);
        cf_release(futures[i]);
    }
    ck_assert_int_eq(cf_close(pool), 0);
    ck_assert_int_eq(seen.submitted, 8);
    ck_assert_int_eq(seen.started, 8);
    ck_assert_int_eq(seen.ended, 8);
}

static const TTest **const tests[] = {
    &a_call_that_takes_too_long_is_ended_and_its_worker_replaced,
    &a_call_that_ignores_sigterm_is_ended_by_sigkill_while_others_go_on,
    &a_worker_that_is_stopped_is_ended_as_well,
    &a_time_limit_counts_from_the_start_of_each_call,
    &a_time_limit_is_enforced_at_every_moment_that_a_call_may_start,
    &a_kill_ends_calls_that_hang_cancels_the_others_and_leaves_nobody,
    &a_kill_may_come_at_any_moment,
    &an_interrupt_is_seen_by_running_tasks_and_cancels_the_others,
    &a_call_is_running_from_the_moment_that_its_worker_has_started_it,
    &a_worker_retires_after_as_many_calls_as_it_may_serve,
    &an_observer_is_told_the_pid_of_the_worker_also_of_one_that_dies,
    NULL,
};

int
main(void)
{
    return asserts_main("process timeouts", tests);
}
