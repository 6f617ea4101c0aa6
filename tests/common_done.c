/* SPDX-License-Identifier: MIT */
/* common_done.c - the common table: callbacks and observers. */

#include <pthread.h>
#include <string.h>

#include "asserts.h"
#include "kinds.h"
#include "tasks.h"

/* What callbacks have been called with, in order; shared between the threads of the test. */
struct diary {
    pthread_mutex_t lock;
    struct stage *stage; /* of[2] counts the entries */
    int entries[64];
    int n;
};

/* One callback's own. */
struct entry {
    struct diary *diary;
    int number;
    struct cf_future *expected;
};

static struct diary
new_diary(void)
{
    return (struct diary){ .lock = PTHREAD_MUTEX_INITIALIZER, .stage = stage_new() };
}

static void
write_diary(struct diary *diary, int number)
{
    pthread_mutex_lock(&diary->lock);
    diary->entries[diary->n++] = number;
    pthread_mutex_unlock(&diary->lock);
    latch_raise(&diary->stage->of[2]);
}

static void
note(struct cf_future *future, void *data)
{
    struct entry *entry = data;

    ck_assert(cf_done(future));
    ck_assert(entry->expected == NULL || entry->expected == future);
    write_diary(entry->diary, entry->number);
}

static void
assert_diary(struct diary *diary, const int *numbers, int n)
{
    latch_await(&diary->stage->of[2], (uint32_t)n);
    ck_assert_int_eq(diary->n, n);
    for (int i = 0; i < n; i++)
        ck_assert_int_eq(diary->entries[i], numbers[i]);
}

TEST(callbacks_run_once_in_the_order_in_which_they_were_added)
{
    struct cf_executor *pool = kinds_open(2);
    struct diary diary = new_diary();
    struct stage *stage = stage_new();
    struct cf_future *future = tasks_start_holding(pool, stage, 0);
    struct entry entries[] = { { &diary, 0, future }, { &diary, 1, future }, { &diary, 2, future } };

    for (int i = 0; i < 3; i++)
        ck_assert_int_eq(cf_on_done(future, note, &entries[i]), 0);
    ck_assert_uint_eq(latch_count(&diary.stage->of[2]), 0);
    latch_raise(&stage->go);
    ck_assert_int_eq(cf_close(pool), 0);
    assert_diary(&diary, (int[]){ 0, 1, 2 }, 3);
    cf_release(future);
}

TEST(a_callback_added_to_a_done_future_runs_at_once_in_the_adder)
{
    struct cf_executor *pool = kinds_open(1);
    struct diary diary = new_diary();
    struct cf_future *future = tasks_submit_int(pool, &task_twice, 1);
    struct entry entry = { &diary, 5, future };

    asserts_int(future);
    ck_assert_int_eq(cf_on_done(future, note, &entry), 0);
    ck_assert_int_eq(diary.n, 1);
    assert_diary(&diary, (int[]){ 5 }, 1);
    cf_release(future);
    cf_close(pool);
}

TEST(a_failed_call_runs_its_callbacks_too)
{
    struct cf_executor *pool = kinds_open(1);
    struct diary diary = new_diary();
    struct cf_future *future = tasks_submit_int(pool, &task_twice, -1);
    struct entry entry = { &diary, 5, future };

    ck_assert_int_eq(cf_on_done(future, note, &entry), 0);
    ck_assert_int_eq(cf_close(pool), 0);
    assert_diary(&diary, (int[]){ 5 }, 1);
    cf_release(future);
}

static pthread_t here;

static void
note_here(struct cf_future *future, void *data)
{
    ck_assert(pthread_equal(pthread_self(), here));
    note(future, data);
}

TEST(cancelling_runs_the_callbacks_in_the_canceller)
{
    struct cf_executor *pool = kinds_open(1);
    struct diary diary = new_diary();
    struct stage *stage = stage_new();
    struct cf_future *running = tasks_start_holding(pool, stage, 0);
    struct cf_future *pending = tasks_submit_int(pool, &task_twice, 1);
    struct entry entries[] = { { &diary, 1, pending }, { &diary, 2, pending } };

    here = pthread_self();
    cf_on_done(pending, note_here, &entries[0]);
    cf_on_done(pending, note_here, &entries[1]);
    ck_assert(cf_cancel(pending));
    ck_assert_int_eq(diary.n, 2);
    assert_diary(&diary, (int[]){ 1, 2 }, 2);
    latch_raise(&stage->go);
    cf_release(pending);
    cf_release(running);
    cf_close(pool);
    ck_assert_int_eq(diary.n, 2);
}

TEST(shutdown_with_cancel_runs_the_callbacks_in_its_caller)
{
    struct cf_executor *pool = kinds_open(1);
    struct diary diary = new_diary();
    struct stage *stage = stage_new();
    struct cf_future *running = tasks_start_holding(pool, stage, 0);
    struct cf_future *pending = tasks_submit_int(pool, &task_twice, 1);
    struct entry entry = { &diary, 1, pending };

    here = pthread_self();
    cf_on_done(pending, note_here, &entry);
    ck_assert_int_eq(cf_shutdown(pool, CF_CANCEL), 0);
    assert_diary(&diary, (int[]){ 1 }, 1);
    asserts_cancelled(pending);
    latch_raise(&stage->go);
    cf_release(pending);
    cf_release(running);
    cf_close(pool);
}

static void
note_and_add(struct cf_future *future, void *data)
{
    struct entry *entry = data;

    note(future, entry);
    ck_assert_int_eq(cf_on_done(future, note, entry + 1), 0);
}

TEST(a_callback_may_add_a_callback)
{
    struct cf_executor *pool = kinds_open(1);
    struct diary diary = new_diary();
    struct stage *stage = stage_new();
    struct cf_future *future = tasks_start_holding(pool, stage, 0);
    struct entry entries[] = { { &diary, 1, future }, { &diary, 2, future } };

    cf_on_done(future, note_and_add, &entries[0]);
    latch_raise(&stage->go);
    cf_close(pool);
    assert_diary(&diary, (int[]){ 1, 2 }, 2);
    cf_release(future);
}

struct follow {
    struct cf_executor *pool;
    struct cf_future *next;
    struct latch submitted;
};

static void
submit_next(struct cf_future *future, void *data)
{
    struct follow *follow = data;

    follow->next = tasks_submit_int(follow->pool, &task_twice, asserts_int(future));
    latch_raise(&follow->submitted);
}

TEST(a_callback_may_submit_to_its_executor)
{
    struct cf_executor *pool = kinds_open(1);
    struct follow follow = { .pool = pool };
    struct stage *stage = stage_new();
    struct cf_future *future = tasks_start_holding(pool, stage, 21);

    cf_on_done(future, submit_next, &follow);
    latch_raise(&stage->go);
    latch_await(&follow.submitted, 1);
    ck_assert_int_eq(asserts_take_int(follow.next), 42);
    cf_release(future);
    cf_close(pool);
}

TEST(the_callback_has_a_reference_of_the_librarys)
{
    struct cf_executor *pool = kinds_open(1);
    struct diary diary = new_diary();
    struct stage *stage = stage_new();
    struct cf_future *future = tasks_start_holding(pool, stage, 3);
    struct entry entry = { &diary, 7, NULL };

    cf_on_done(future, note, &entry);
    cf_release(future);
    latch_raise(&stage->go);
    cf_close(pool);
    assert_diary(&diary, (int[]){ 7 }, 1);
}

TEST(a_removed_callback_never_runs)
{
    struct cf_executor *pool = kinds_open(1);
    struct diary diary = new_diary();
    struct stage *stage = stage_new();
    struct cf_future *future = tasks_start_holding(pool, stage, 0);
    struct entry entries[] = { { &diary, 0, future }, { &diary, 1, future }, { &diary, 2, future } };

    for (int i = 0; i < 3; i++)
        cf_on_done(future, note, &entries[i]);
    ck_assert(cf_remove_on_done(future, note, &entries[1]));
    ck_assert(!cf_remove_on_done(future, note, &entries[1]));
    ck_assert(!cf_remove_on_done(future, note_here, &entries[0]));
    latch_raise(&stage->go);
    cf_close(pool);
    assert_diary(&diary, (int[]){ 0, 2 }, 2);
    ck_assert(!cf_remove_on_done(future, note, &entries[0]));
    cf_release(future);
}

/* What an observer has seen of one call after the other. */
struct watch {
    pthread_mutex_t lock;
    struct seen {
        enum cf_event_type type;
        cf_time when;
        const struct cf_future *call;
        char task[16], worker[16];
    } events[64];
    int n;
};

static void
observe(const struct cf_event *event, void *data)
{
    struct watch *watch = data;

    pthread_mutex_lock(&watch->lock);
    struct seen *seen = &watch->events[watch->n++];
    *seen = (struct seen){ .type = event->type, .when = event->when, .call = event->call };
    strncpy(seen->task, event->task, sizeof seen->task - 1);
    strncpy(seen->worker, event->worker, sizeof seen->worker - 1);
    pthread_mutex_unlock(&watch->lock);
}

static struct cf_executor *
open_observed(struct watch *watch)
{
    *watch = (struct watch){ .lock = PTHREAD_MUTEX_INITIALIZER };
    struct cf_executor *pool =
        kind->open(&(struct cf_options){ .max_workers = 1, .observe = observe, .observe_arg = watch });

    ck_assert_ptr_nonnull(pool);
    return pool;
}

TEST(an_observer_sees_a_call_submitted_started_and_ended)
{
    struct watch watch;
    struct cf_executor *pool = open_observed(&watch);
    cf_time before = cf_after(0);
    struct cf_future *future = tasks_submit_int(pool, &task_twice, 1);

    cf_close(pool);
    ck_assert_int_eq(watch.n, 3);
    for (int i = 0; i < 3; i++) {
        const struct seen *seen = &watch.events[i];
        ck_assert_int_eq(seen->type, CF_EVENT_SUBMITTED + (unsigned)i);
        ck_assert_ptr_eq(seen->call, future);
        ck_assert_str_eq(seen->task, "twice");
        ck_assert_int_ge(seen->when, i == 0 ? before : watch.events[i - 1].when);
        ck_assert_int_le(seen->when, cf_after(0));
        if (i == 0)
            ck_assert_str_eq(seen->worker, "");
        else
            ck_assert_int_eq(strncmp(seen->worker, kind->worker, strlen(kind->worker)), 0);
    }
    cf_release(future);
}

TEST(an_observer_sees_a_cancelled_call_end_without_a_worker)
{
    struct watch watch;
    struct cf_executor *pool = open_observed(&watch);
    struct stage *stage = stage_new();
    struct cf_future *running = tasks_start_holding(pool, stage, 0);
    struct cf_future *pending = tasks_submit_int(pool, &task_twice, 1);
    int events = 0;

    ck_assert(cf_cancel(pending));
    latch_raise(&stage->go);
    cf_close(pool);
    for (int i = 0; i < watch.n; i++) {
        if (watch.events[i].call != pending)
            continue;
        ck_assert_int_eq(watch.events[i].type, events++ == 0 ? CF_EVENT_SUBMITTED : CF_EVENT_ENDED);
        ck_assert_str_eq(watch.events[i].worker, "");
    }
    ck_assert_int_eq(events, 2);
    ck_assert_int_eq(watch.n, 5);
    cf_release(pending);
    cf_release(running);
}

TEST(an_observer_sees_nothing_of_a_refused_call)
{
    struct watch watch;
    struct cf_executor *pool = open_observed(&watch);

    cf_release(cf_submit(pool, NULL, NULL, 0));
    cf_shutdown(pool, 0);
    cf_release(tasks_submit_int(pool, &task_twice, 1));
    cf_close(pool);
    ck_assert_int_eq(watch.n, 0);
}

const TTest **const common_done[] = {
    &callbacks_run_once_in_the_order_in_which_they_were_added,
    &a_callback_added_to_a_done_future_runs_at_once_in_the_adder,
    &a_failed_call_runs_its_callbacks_too,
    &cancelling_runs_the_callbacks_in_the_canceller,
    &shutdown_with_cancel_runs_the_callbacks_in_its_caller,
    &a_callback_may_add_a_callback,
    &a_callback_may_submit_to_its_executor,
    &the_callback_has_a_reference_of_the_librarys,
    &a_removed_callback_never_runs,
    &an_observer_sees_a_call_submitted_started_and_ended,
    &an_observer_sees_a_cancelled_call_end_without_a_worker,
    &an_observer_sees_nothing_of_a_refused_call,
    NULL,
};
