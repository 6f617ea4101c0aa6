/* SPDX-License-Identifier: MIT */
/* observer-t.c - observers of thread pools: every call once, in order, whatever becomes of it. */

#include <errno.h>
#include <pthread.h>
#include <string.h>

#include "asserts.h"
#include "tasks.h"

#define CALLS 600

/* What was seen of the call whose argument is the number i, in order. */
struct watch {
    pthread_mutex_t lock;
    struct track {
        int n;
        enum cf_event_type types[3];
        const struct cf_future *call;
        cf_time when;
    } tracks[CALLS];
    int events;
};

static void
observe(const struct cf_event *event, void *data)
{
    struct watch *watch = data;
    int number;

    memcpy(&number, cf_input(event->call, NULL), sizeof number);
    pthread_mutex_lock(&watch->lock);
    struct track *track = &watch->tracks[number];
    ck_assert_int_lt(track->n, 3);
    ck_assert(track->n == 0 || track->call == event->call);
    ck_assert_int_ge(event->when, track->when);
    ck_assert_str_eq(event->task, "twice");
    if (event->type == CF_EVENT_SUBMITTED)
        ck_assert_str_eq(event->worker, "");
    if (event->type == CF_EVENT_STARTED)
        ck_assert_int_eq(strncmp(event->worker, "thread ", 7), 0);
    track->call = event->call;
    track->when = event->when;
    track->types[track->n++] = event->type;
    watch->events++;
    pthread_mutex_unlock(&watch->lock);
}

static struct cf_executor *
open_observed(unsigned workers, void (*observer)(const struct cf_event *, void *), void *data)
{
    struct cf_executor *pool =
        cf_thread_pool(&(struct cf_options){ .max_workers = workers, .observe = observer, .observe_arg = data });

    ck_assert_ptr_nonnull(pool);
    return pool;
}

TEST(every_call_is_submitted_once_and_ends_once)
{
    static struct watch watch = { .lock = PTHREAD_MUTEX_INITIALIZER };
    struct cf_executor *pool = open_observed(4, observe, &watch);
    struct cf_future *futures[CALLS];
    bool cancelled[CALLS];

    for (int i = 0; i < CALLS; i++) {
        futures[i] = tasks_submit_int(pool, &task_twice, i);
        if (i >= 7 && i % 3 == 0)
            cf_cancel(futures[i - 7]);
    }
    cf_close(pool);
    for (int i = 0; i < CALLS; i++) {
        const struct track *track = &watch.tracks[i];
        cancelled[i] = cf_cancelled(futures[i]);
        ck_assert_int_eq(track->n, cancelled[i] ? 2 : 3);
        ck_assert_ptr_eq(track->call, futures[i]);
        ck_assert_int_eq(track->types[0], CF_EVENT_SUBMITTED);
        ck_assert_int_eq(track->types[1], cancelled[i] ? CF_EVENT_ENDED : CF_EVENT_STARTED);
        if (!cancelled[i])
            ck_assert_int_eq(track->types[2], CF_EVENT_ENDED);
        cf_release(futures[i]);
    }
}

TEST(a_released_call_is_observed_to_its_end)
{
    static struct watch watch = { .lock = PTHREAD_MUTEX_INITIALIZER };
    struct cf_executor *pool = open_observed(2, observe, &watch);

    for (int i = 0; i < CALLS; i++)
        cf_release(tasks_submit_int(pool, &task_twice, i));
    cf_close(pool);
    ck_assert_int_eq(watch.events, 3 * CALLS);
}

TEST(an_interrupt_and_a_shutdown_end_calls_for_the_observer_too)
{
    for (int interrupt = 0; interrupt < 2; interrupt++) {
        static struct watch watch;
        watch = (struct watch){ .lock = PTHREAD_MUTEX_INITIALIZER };
        struct cf_executor *pool = open_observed(2, observe, &watch);

        for (int i = 0; i < CALLS; i++)
            cf_release(tasks_submit_int(pool, &task_twice, i));
        if (interrupt == 1)
            cf_interrupt(pool);
        else
            ck_assert_int_eq(cf_shutdown(pool, CF_CANCEL), 0);
        cf_close(pool);
        for (int i = 0; i < CALLS; i++) {
            const struct track *track = &watch.tracks[i];
            if (track->n > 0)
                ck_assert_int_eq(track->types[track->n - 1], CF_EVENT_ENDED);
            ck_assert_int_ne(track->n, 1);
            ck_assert(track->n > 0 || interrupt == 1);
        }
    }
}

/* Asks of the call all that can be asked. */
static void
ask(const struct cf_event *event, void *data)
{
    char text[80];

    ck_assert_int_gt(cf_describe(event->call, text, sizeof text), 0);
    switch (event->type) {
    case CF_EVENT_SUBMITTED:
        ck_assert(!cf_done(event->call) && !cf_running(event->call));
        break;
    case CF_EVENT_STARTED:
        ck_assert(cf_running(event->call));
        break;
    case CF_EVENT_ENDED:
        ck_assert(!cf_running(event->call));
        ck_assert(cf_done(event->call));
        break;
    }
    latch_raise(data);
}

TEST(an_observer_may_ask_the_call_and_finds_it_in_that_state)
{
    struct latch events = { 0 };
    struct cf_executor *pool = open_observed(3, ask, &events);

    for (int i = 0; i < 200; i++)
        cf_release(tasks_submit_int(pool, &task_twice, i));
    cf_close(pool);
    ck_assert_uint_eq(latch_count(&events), 600);
}

/* Asks what became of the calls of task_twice, of which 1 returns, -1 fails and 100 is cancelled. */
static void
ask_outcome(const struct cf_event *event, void *data)
{
    int number;

    if (event->type != CF_EVENT_ENDED || strcmp(event->task, "twice") != 0)
        return;
    memcpy(&number, cf_input(event->call, NULL), sizeof number);
    const struct cf_error *error = cf_error_of(event->call);
    const int *result = cf_result(event->call, NULL);
    if (number == 1)
        ck_assert(error == NULL && *result == 2);
    else
        ck_assert(result == NULL && error->why == (number == 100 ? CF_CANCELLED : CF_RAISED));
    latch_raise(data);
}

TEST(an_observer_finds_the_outcome_of_a_call_that_has_ended)
{
    struct latch ends = { 0 };
    struct stage *stage = stage_new();
    struct cf_executor *pool = open_observed(1, ask_outcome, &ends);
    struct cf_future *running, *pending;

    cf_release(tasks_submit_int(pool, &task_twice, 1));
    cf_release(tasks_submit_int(pool, &task_twice, -1));
    running = tasks_start_holding(pool, stage, 0);
    pending = tasks_submit_int(pool, &task_twice, 100);
    ck_assert(cf_cancel(pending));
    latch_raise(&stage->go);
    cf_close(pool);
    cf_release(running);
    cf_release(pending);
    ck_assert_uint_eq(latch_count(&ends), 3);
}

static struct cf_executor *elsewhere;

static void
submit_elsewhere(const struct cf_event *event, void *data)
{
    if (event->type == CF_EVENT_ENDED)
        cf_release(cf_submit(elsewhere, &task_cue, data, sizeof(struct cue)));
}

TEST(an_observer_may_submit_to_another_executor)
{
    struct stage *stage = stage_new();
    struct cue cue = tasks_cue(stage, 0, 0);
    struct cf_executor *pool = open_observed(2, submit_elsewhere, &cue);

    elsewhere = tasks_pool(1);
    for (int i = 0; i < 20; i++)
        cf_release(tasks_submit_int(pool, &task_twice, i));
    cf_close(pool);
    cf_close(elsewhere);
    ck_assert_uint_eq(latch_count(&stage->ended), 20);
}

/* Takes long over the end of the first call, here until another one has ended. */
static void
dawdle(const struct cf_event *event, void *data)
{
    struct stage *stage = data;

    if (event->type != CF_EVENT_ENDED || latch_raise(&stage->of[0]) > 0)
        return;
    latch_raise(&stage->of[1]);
    latch_await(&stage->ended, 2);
}

TEST(an_observer_that_takes_long_holds_up_no_other_call)
{
    struct stage *stage = stage_new();
    struct cf_executor *pool = open_observed(2, dawdle, stage);
    struct cf_future *first = tasks_submit_cue(pool, stage, 1, 0);

    latch_await(&stage->of[1], 1);
    ck_assert_int_eq(asserts_take_int(tasks_submit_cue(pool, stage, 2, 0)), 2);
    cf_release(first);
    cf_close(pool);
}

static struct cf_executor *observed;

/* Where the end of a call is told, the end of all cannot be waited for. */
static void
wait_for_shutdown(const struct cf_event *event, void *data)
{
    if (event->type == CF_EVENT_SUBMITTED)
        return;
    ck_assert_int_eq(cf_shutdown(observed, CF_WAIT), -1);
    ck_assert_int_eq(errno, EDEADLK);
    latch_raise(data);
}

TEST(an_observer_cannot_wait_for_the_shutdown)
{
    for (int way = 0; way < 4; way++) {
        struct latch told = { 0 };
        struct stage *stage = stage_new();

        observed = open_observed(1, wait_for_shutdown, &told);
        struct cf_future *running = tasks_start_holding(observed, stage, 0);
        struct cf_future *pending = tasks_submit_int(observed, &task_twice, 1);
        if (way == 0)
            ck_assert(cf_cancel(pending));
        else if (way == 1)
            ck_assert_int_eq(cf_shutdown(observed, CF_CANCEL), 0);
        else if (way == 2)
            cf_interrupt(observed);
        latch_raise(&stage->go);
        asserts_int(running);
        cf_error_of(pending);
        cf_release(running);
        cf_release(pending);
        ck_assert_int_eq(cf_close(observed), 0);
        ck_assert_uint_eq(latch_count(&told), way < 3 ? 3 : 4);
    }
}

/* The status with which waiting for a running call ends, where another of the same executor is told of. */
static struct cf_future *_Atomic running_call;
static struct latch deadlocks, waits;

static void
wait_for_running(const struct cf_event *event, void *unused)
{
    struct cf_future *running = atomic_load(&running_call);

    (void)unused;
    if (event->type == CF_EVENT_SUBMITTED || running == NULL || running == event->call)
        return;
    const enum cf_status status = cf_wait(&running, 1, CF_ALL_COMPLETED, cf_after(0.1), NULL);
    if (status == CF_DEADLOCK)
        latch_raise(&deadlocks);
    latch_raise(&waits);
}

TEST(an_observer_cannot_wait_for_calls_of_its_executor)
{
    struct stage *stage = stage_new();
    struct cf_executor *pool = open_observed(2, wait_for_running, NULL);

    atomic_store(&running_call, tasks_start_holding(pool, stage, 0));
    ck_assert_int_eq(asserts_take_int(tasks_submit_int(pool, &task_twice, 1)), 2);
    latch_await(&waits, 2);
    latch_raise(&stage->go);
    ck_assert_int_eq(cf_close(pool), 0);
    ck_assert_uint_eq(latch_count(&deadlocks), 2);
    cf_release(atomic_load(&running_call));
}

/* Where the events of one call happen: submitted and cancelled in the caller, started and ended in the worker. */
struct places {
    pthread_t caller;
    int here, there;
};

static void
place(const struct cf_event *event, void *data)
{
    struct places *places = data;

    if (pthread_equal(pthread_self(), places->caller))
        places->here++;
    else
        places->there++;
    ck_assert_int_eq(pthread_equal(pthread_self(), places->caller) != 0, event->type == CF_EVENT_SUBMITTED);
}

TEST(events_are_told_where_they_happen)
{
    struct places places = { .caller = pthread_self() };
    struct cf_executor *pool = open_observed(1, place, &places);
    struct cf_future *future = tasks_submit_int(pool, &task_twice, 1);

    cf_close(pool);
    cf_release(future);
    ck_assert_int_eq(places.here, 1);
    ck_assert_int_eq(places.there, 2);
}

static const TTest **const tests[] = {
    &every_call_is_submitted_once_and_ends_once,
    &a_released_call_is_observed_to_its_end,
    &an_interrupt_and_a_shutdown_end_calls_for_the_observer_too,
    &an_observer_may_ask_the_call_and_finds_it_in_that_state,
    &an_observer_finds_the_outcome_of_a_call_that_has_ended,
    &an_observer_may_submit_to_another_executor,
    &an_observer_that_takes_long_holds_up_no_other_call,
    &an_observer_cannot_wait_for_the_shutdown,
    &an_observer_cannot_wait_for_calls_of_its_executor,
    &events_are_told_where_they_happen,
    NULL,
};

int
main(void)
{
    return asserts_main("observer", tests);
}
