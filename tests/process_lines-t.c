/* SPDX-License-Identifier: MIT */
/* process_lines-t.c - calls that wait behind others for the same worker, are taken back, or are asked after. */

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "asserts.h"
#include "callbacks.h"
#include "family.h"
#include "tap.h"

static struct stage *stage;

static struct cf_executor *
open_pool(const struct cf_options *options)
{
    stage = stage_new();
    return family_pool(options);
}

static int
open_late(struct cf_call *call, void **local, const void *unused)
{
    (void)call;
    (void)local;
    (void)unused;
    latch_raise(&stage->opened);
    latch_await(&stage->of[0], 1);
    return 0;
}

TEST(a_call_that_is_cancelled_before_its_worker_has_opened_is_not_in_the_way)
{
    struct cf_executor *pool = open_pool(&(struct cf_options){ .max_workers = 1, .open_worker = open_late });
    struct cf_future *cancelled = tasks_submit_int(pool, &task_twice, 1);
    struct latch called = { 0 };

    latch_await(&stage->opened, 1);
    ck_assert(cf_cancel(cancelled));
    struct cf_future *next = tasks_submit_int(pool, &task_twice, 21);
    ck_assert_int_eq(cf_on_done(next, callbacks_count, &called), 0);
    latch_raise(&stage->of[0]);
    latch_await(&called, 1);
    ck_assert_int_eq(asserts_take_int(next), 42);
    cf_release(cancelled);
    ck_assert_int_eq(cf_close(pool), 0);
}

static void *
let_open_soon(void *unused)
{
    asserts_sleep(0.1);
    latch_raise(&stage->of[0]);
    return unused;
}

static void
take_a_while(struct cf_future *future, void *unused)
{
    (void)future;
    (void)unused;
    asserts_sleep(0.05);
}

/* The one in the queue is cancelled first, and its callback delays the taking back of the one that was sent. */
TEST(a_shutdown_that_cancels_ends_although_a_worker_opens_meanwhile)
{
    struct cf_executor *pool = open_pool(&(struct cf_options){ .max_workers = 1, .open_worker = open_late });
    struct cf_future *cancelled = tasks_submit_int(pool, &task_twice, 1);
    struct cf_future *queued = tasks_submit_int(pool, &task_twice, 2);
    pthread_t thread;

    latch_await(&stage->opened, 1);
    ck_assert_int_eq(cf_on_done(queued, take_a_while, NULL), 0);
    ck_assert_int_eq(pthread_create(&thread, NULL, let_open_soon, NULL), 0);
    ck_assert_int_eq(cf_shutdown(pool, CF_CANCEL | CF_WAIT), 0);
    ck_assert(cf_cancelled(cancelled));
    pthread_join(thread, NULL);
    cf_release(cancelled);
    cf_release(queued);
    ck_assert_int_eq(cf_close(pool), 0);
}

TEST(the_results_of_short_calls_do_not_wait_for_a_long_one_behind_them)
{
    struct cf_executor *pool = open_pool(&(struct cf_options){ .max_workers = 1 });
    struct cf_future *futures[5];

    /* So that the pool knows that calls are short, and sends several ahead. */
    for (int i = 0; i < 50; i++)
        ck_assert_int_eq(asserts_take_int(tasks_submit_int(pool, &task_twice, i)), 2 * i);
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < 4; i++)
            futures[i] = tasks_submit_int(pool, &task_twice, i);
        futures[4] = tasks_submit_cue(pool, stage, 9, (uint32_t)round + 1);
        struct cf_iter *iter = cf_as_completed(futures, 5, CF_NEVER);
        for (int i = 0; i < 4; i++)
            ck_assert_int_eq(asserts_int(cf_next(iter)), 2 * i);
        latch_raise(&stage->go);
        ck_assert_int_eq(asserts_int(cf_next(iter)), 9);
        cf_iter_free(iter);
        for (int i = 0; i < 5; i++)
            cf_release(futures[i]);
    }
    ck_assert_int_eq(cf_close(pool), 0);
}

/* Nobody is awake any more when they come, and calls are known as short. */
TEST(no_call_waits_behind_a_long_one_after_a_pause)
{
    struct cf_executor *pool = open_pool(&(struct cf_options){ .max_workers = 2 });
    struct cf_future *futures[100];

    for (uint32_t round = 1; round <= 5; round++) {
        for (int i = 0; i < 100; i++)
            futures[i] = tasks_submit_int(pool, &task_twice, i);
        for (int i = 0; i < 100; i++)
            ck_assert_int_eq(asserts_take_int(futures[i]), 2 * i);
        asserts_sleep(0.02);
        struct cf_future *holding = tasks_submit_cue(pool, stage, 1, round);
        latch_await(&stage->started, round);
        for (int i = 0; i < 3; i++)
            futures[i] = tasks_submit_int(pool, &task_twice, i);
        /* Who waits for several does not look into the lanes himself. */
        ck_assert_int_eq(cf_wait(futures, 3, CF_ALL_COMPLETED, cf_after(8), NULL), CF_OK);
        for (int i = 0; i < 3; i++)
            ck_assert_int_eq(asserts_take_int(futures[i]), 2 * i);
        ck_assert(!cf_done(holding));
        latch_raise(&stage->go);
        ck_assert_int_eq(asserts_take_int(holding), 1);
    }
    ck_assert_int_eq(cf_close(pool), 0);
}

/* They are taken back by halves, until none is left behind the long one. */
TEST(no_call_waits_behind_a_long_one_while_another_worker_is_idle)
{
    enum { CALLS = 60 };
    struct cf_executor *pool = open_pool(&(struct cf_options){ .max_workers = 2 });
    struct cf_future *futures[2 * CALLS];

    for (int i = 0; i < 2 * CALLS; i++)
        futures[i] = tasks_submit_int(pool, &task_twice, i);
    for (int i = 0; i < 2 * CALLS; i++)
        ck_assert_int_eq(asserts_take_int(futures[i]), 2 * i);
    struct cf_future *holding = tasks_submit_cue(pool, stage, 1, 1);
    for (int i = 0; i < CALLS; i++)
        futures[i] = tasks_submit_int(pool, &task_twice, i);
    for (int i = 0; i < CALLS; i++)
        ck_assert_int_eq(asserts_take_int(futures[i]), 2 * i);
    latch_raise(&stage->go);
    ck_assert_int_eq(asserts_take_int(holding), 1);
    ck_assert_int_eq(cf_close(pool), 0);
}

/* So long that nobody looks for news of it any more. */
TEST(no_call_waits_behind_one_that_has_run_for_a_while)
{
    enum { CALLS = 20, QUICK = 2000 };
    struct cf_executor *pool = open_pool(&(struct cf_options){ .max_workers = 2 });
    static struct cf_future *futures[QUICK];

    for (int i = 0; i < QUICK; i++)
        futures[i] = tasks_submit_int(pool, &task_twice, i);
    for (int i = 0; i < QUICK; i++)
        ck_assert_int_eq(asserts_take_int(futures[i]), 2 * i);
    struct cf_future *holding = tasks_start_holding(pool, stage, 1);
    ck_assert_int_eq(cf_wait(&holding, 1, CF_ALL_COMPLETED, cf_after(0.05), NULL), CF_TIMEOUT);
    for (int i = 0; i < CALLS; i++)
        futures[i] = tasks_submit_int(pool, &task_twice, i);
    for (int i = 0; i < CALLS; i++)
        ck_assert_int_eq(asserts_take_int(futures[i]), 2 * i);
    latch_raise(&stage->go);
    ck_assert_int_eq(asserts_take_int(holding), 1);
    ck_assert_int_eq(cf_close(pool), 0);
}

/* Each end leaves nobody who is idle, only a worker that could be started, and nobody submits anything any more. */
TEST(no_call_waits_behind_a_long_one_while_another_worker_ends_again_and_again)
{
    enum { CALLS = 20, QUICK = 2000 };
    struct cf_executor *pool = open_pool(&(struct cf_options){ .max_workers = 2, .max_deaths = 2 * CALLS });
    static struct cf_future *quick[QUICK];
    struct cf_future *ends[CALLS];

    for (uint32_t round = 1; round <= 2; round++) {
        for (int i = 0; i < QUICK; i++)
            quick[i] = tasks_submit_int(pool, &task_twice, i);
        for (int i = 0; i < QUICK; i++)
            ck_assert_int_eq(asserts_take_int(quick[i]), 2 * i);
        struct cf_future *holding = tasks_submit_cue(pool, stage, 1, round);
        for (int i = 0; i < CALLS; i++)
            ends[i] = family_submit_end(pool, round == 1 ? END_KILL : END_EXIT);
        for (int i = 0; i < CALLS; i++) {
            asserts_error(ends[i], round == 1 ? CF_WORKER_LOST : CF_RAISED);
            cf_release(ends[i]);
        }
        ck_assert(!cf_done(holding));
        latch_raise(&stage->go);
        ck_assert_int_eq(asserts_take_int(holding), 1);
    }
    ck_assert_int_eq(cf_close(pool), 0);
}

/* How many workers of a pool made after that open at once; the others wait. */
static uint32_t prompt;

static int
open_some_late(struct cf_call *call, void **local, const void *unused)
{
    (void)call;
    (void)local;
    (void)unused;
    if (latch_raise(&stage->opened) >= prompt)
        latch_await(&stage->of[0], 1);
    return 0;
}

/* Let the first worker of a pool die, and start a call that holds the second one. */
static struct cf_future *
hold_second_worker(struct cf_executor *pool)
{
    const pid_t first = asserts_take_int(cf_submit(pool, &task_pid, NULL, 0));
    struct cf_future *lost = family_start(pool, &task_hang, stage);
    struct cf_future *holding = tasks_submit_cue(pool, stage, 1, 1);

    latch_await(&stage->started, 2);
    ck_assert_int_eq(kill(first, SIGKILL), 0);
    asserts_error(lost, CF_WORKER_LOST);
    cf_release(lost);
    return holding;
}

/* Whether the one that opens comes before the idle one in the order of the lanes, or after it. */
TEST(no_call_waits_for_a_worker_that_is_opened_while_another_is_idle)
{
    for (prompt = 1; prompt <= 2; prompt++) {
        struct cf_executor *pool = open_pool(&(struct cf_options){ .max_workers = 2, .open_worker = open_some_late });
        struct cf_future *holding = prompt == 1 ? tasks_start_holding(pool, stage, 1) : hold_second_worker(pool);
        struct cf_future *next = tasks_submit_int(pool, &task_twice, 21);
        latch_await(&stage->opened, prompt + 1);
        latch_raise(&stage->go);
        ck_assert_int_eq(asserts_take_int(next), 42);
        latch_raise(&stage->of[0]);
        ck_assert_int_eq(asserts_take_int(holding), 1);
        ck_assert_int_eq(asserts_take_int(tasks_submit_int(pool, &task_twice, 4)), 8);
        ck_assert_int_eq(cf_close(pool), 0);
    }
}

/* Where workers are known to be asleep, or awake, or to have calls, by more than the bits of a word. */
TEST(each_of_a_hundred_and_fifty_workers_gets_a_call_and_another_after_that)
{
    enum { WORKERS = 150 };
    struct cf_executor *pool = open_pool(&(struct cf_options){ .max_workers = WORKERS });
    struct cf_future *futures[WORKERS];

    for (uint32_t round = 1; round <= 2; round++) {
        for (int i = 0; i < WORKERS; i++)
            futures[i] = tasks_submit_cue(pool, stage, i, round);
        latch_await(&stage->started, round * WORKERS);
        latch_raise(&stage->go);
        for (int i = 0; i < WORKERS; i++)
            ck_assert_int_eq(asserts_take_int(futures[i]), i);
    }
    ck_assert_int_eq(cf_close(pool), 0);
}

static void *
interrupt_soon(void *pool)
{
    asserts_sleep(0.05);
    cf_interrupt(pool);
    return NULL;
}

TEST(a_submit_that_an_interrupt_overtakes_is_settled)
{
    for (int round = 0; round < 5; round++) {
        struct cf_executor *pool = open_pool(&(struct cf_options){ .max_workers = 1, .max_pending = 1 });
        struct cf_future *running = tasks_start_holding(pool, stage, 1);
        struct cf_future *pending = tasks_submit_int(pool, &task_twice, 2);
        pthread_t thread;

        ck_assert_int_eq(pthread_create(&thread, NULL, interrupt_soon, pool), 0);
        struct cf_future *waits = tasks_submit_int(pool, &task_twice, 3);
        latch_raise(&stage->go);
        pthread_join(thread, NULL);
        ck_assert_int_eq(cf_close(pool), 0);
        ck_assert(cf_error_of(waits)->why == CF_REFUSED || cf_error_of(waits)->why == CF_CANCELLED);
        cf_release(running);
        cf_release(pending);
        cf_release(waits);
    }
}

static void
note_start(const struct cf_event *event, void *data)
{
    if (event->type == CF_EVENT_STARTED)
        latch_raise(data);
}

TEST(an_observer_is_told_that_a_call_has_started_while_it_runs)
{
    struct latch started = { 0 };
    struct cf_executor *pool =
        open_pool(&(struct cf_options){ .max_workers = 1, .observe = note_start, .observe_arg = &started });
    struct cf_future *running = tasks_start_holding(pool, stage, 1);

    latch_await(&started, 1);
    latch_raise(&stage->go);
    ck_assert_int_eq(asserts_take_int(running), 1);
    ck_assert_int_eq(cf_close(pool), 0);
}

enum { TIMED = 100000 };
static cf_time submitted[TIMED];
static _Atomic int too_early; /* how many calls are said to have started before they were submitted */

static void
compare_times(const struct cf_event *event, void *unused)
{
    (void)unused;
    const int number = *(const int *)cf_input(event->call, NULL);
    if (event->type == CF_EVENT_SUBMITTED)
        submitted[number] = event->when;
    else if (event->type == CF_EVENT_STARTED)
        too_early += event->when < submitted[number];
}

/* Each is submitted at about the time when the one before it ends. */
TEST(no_call_starts_before_it_was_submitted)
{
    struct cf_executor *pool = open_pool(&(struct cf_options){ .max_workers = 1, .observe = compare_times });
    struct cf_future *before = tasks_submit_int(pool, &task_twice, 0);

    for (int i = 1; i < TIMED; i++) {
        struct cf_future *next = tasks_submit_int(pool, &task_twice, i);
        ck_assert_int_eq(asserts_take_int(before), 2 * (i - 1));
        before = next;
    }
    cf_release(before);
    ck_assert_int_eq(cf_close(pool), 0);
    ck_assert_int_eq(too_early, 0);
}

enum { OTHERS = 2000 };
static pthread_t waiting;
static _Atomic bool lingers;

/* For so long that there is always news for the thread that waits, and the collector takes little of it. */
static void
linger_at_the_end(const struct cf_event *event, void *unused)
{
    (void)unused;
    if (event->type == CF_EVENT_ENDED && atomic_load(&lingers))
        asserts_sleep(pthread_equal(pthread_self(), waiting) ? 0.0002 : 0.005);
}

static struct cf_executor *
open_lingering_pool(void)
{
    waiting = pthread_self();
    atomic_store(&lingers, true);
    return open_pool(&(struct cf_options){ .max_workers = 1, .observe = linger_at_the_end });
}

/* Submit many calls; the last of them. */
static struct cf_future *
submit_others(struct cf_executor *pool)
{
    struct cf_future *last = NULL;

    for (int i = 0; i < OTHERS; i++) {
        cf_release(last);
        last = tasks_submit_int(pool, &task_twice, i);
    }
    return last;
}

TEST(a_deadline_is_kept_while_there_is_always_news_of_other_calls)
{
    struct cf_executor *pool = open_lingering_pool();
    struct cf_future *last = submit_others(pool);

    ck_assert_int_eq(cf_wait(&last, 1, CF_ALL_COMPLETED, cf_after(0.01), NULL), CF_TIMEOUT);
    atomic_store(&lingers, false);
    cf_release(last);
    ck_assert_int_eq(cf_close(pool), 0);
}

static void *
let_go_soon(void *unused)
{
    asserts_sleep(0.05);
    latch_raise(&stage->go);
    return unused;
}

TEST(who_has_his_result_is_not_kept_by_the_news_of_the_calls_behind_it)
{
    struct cf_executor *pool = open_lingering_pool();
    struct cf_future *first = tasks_start_holding(pool, stage, 1), *last = submit_others(pool);
    pthread_t thread;

    ck_assert_int_eq(pthread_create(&thread, NULL, let_go_soon, NULL), 0);
    ck_assert_int_eq(asserts_take_int(first), 1);
    ck_assert(!cf_done(last));
    atomic_store(&lingers, false);
    pthread_join(thread, NULL);
    cf_release(last);
    ck_assert_int_eq(cf_close(pool), 0);
}

/* Asks after the call behind it, whose news may be in the same hands. */
static void
ask_after(struct cf_future *future, void *next)
{
    (void)future;
    for (int i = 0; i < 20; i++) {
        cf_running(*(struct cf_future **)next);
        asserts_sleep(5e-5);
    }
}

TEST(a_callback_may_ask_after_other_calls)
{
    enum { CALLS = 300 };
    struct cf_executor *pool = open_pool(&(struct cf_options){ .max_workers = 2 });
    static struct cf_future *futures[CALLS];
    struct cf_future *last = cf_promise();

    futures[CALLS - 1] = last;
    for (int i = CALLS - 2; i >= 0; i--)
        futures[i] = last;
    for (int i = 0; i < CALLS; i++) {
        futures[i] = tasks_submit_int(pool, &task_twice, i);
        ck_assert_int_eq(cf_on_done(futures[i], ask_after, &futures[i + 1 < CALLS ? i + 1 : i]), 0);
    }
    cf_release(last);
    for (int i = 0; i < CALLS; i++)
        ck_assert_int_eq(asserts_int(futures[i]), 2 * i);
    ck_assert_int_eq(cf_close(pool), 0);
    for (int i = 0; i < CALLS; i++)
        cf_release(futures[i]);
}

TEST(a_call_that_its_worker_has_started_is_described_as_running)
{
    struct cf_executor *pool = open_pool(&(struct cf_options){ .max_workers = 1 });
    struct cf_future *running = tasks_start_holding(pool, stage, 1);
    char text[64];

    cf_describe(running, text, sizeof text);
    ck_assert_str_eq(text, "<future cue running>");
    latch_raise(&stage->go);
    ck_assert_int_eq(asserts_take_int(running), 1);
    ck_assert_int_eq(cf_close(pool), 0);
}

/* More calls come and go than its lane has slots, while a worker does not look; then it dies of many. */
TEST(a_worker_that_has_stood_still_loses_no_call)
{
    enum { CANCELLED = 2500, ENDS = 64 };
    struct cf_executor *pool = open_pool(&(struct cf_options){ .max_workers = 1, .max_deaths = 1000 });
    struct cf_future *ends[ENDS];

    for (int i = 0; i < 50; i++)
        ck_assert_int_eq(asserts_take_int(tasks_submit_int(pool, &task_twice, i)), 2 * i);
    const pid_t worker = asserts_take_int(cf_submit(pool, &task_pid, NULL, 0));
    asserts_sleep(0.02);
    ck_assert_int_eq(kill(worker, SIGSTOP), 0);
    for (int i = 0; i < CANCELLED; i++) {
        struct cf_future *future = tasks_submit_int(pool, &task_twice, i);
        ck_assert(!cf_running(future));
        ck_assert(cf_cancel(future));
        ck_assert(!cf_running(future));
        cf_release(future);
    }
    for (int i = 0; i < ENDS; i++)
        ends[i] = family_submit_end(pool, END_KILL);
    ck_assert_int_eq(kill(worker, SIGCONT), 0);
    for (int i = 0; i < ENDS; i++) {
        asserts_error(ends[i], CF_WORKER_LOST);
        cf_release(ends[i]);
    }
    ck_assert_int_eq(cf_close(pool), 0);
}

static int
shut_down_the_programs_pool(struct cf_call *call)
{
    static char large[1000];
    struct cf_executor *pool = *(struct cf_executor *const *)cf_arg(call, NULL);

    if (cf_shutdown(pool, CF_WAIT) == 0 || errno != ECHILD)
        return cf_raise(call, "test", 1, "it was shut down");
    return cf_return(call, large, sizeof large);
}
static const struct cf_task task_shut_down = { "shut_down", shut_down_the_programs_pool };

TEST(a_task_that_shuts_down_the_programs_pool_can_still_hand_over_its_result)
{
    struct cf_executor *pool = open_pool(&(struct cf_options){ .max_workers = 1 });
    size_t len = 0;

    for (int i = 0; i < 3; i++) {
        struct cf_future *future = cf_submit(pool, &task_shut_down, &pool, sizeof pool);
        ck_assert_ptr_nonnull(cf_result(future, &len));
        ck_assert_uint_eq(len, 1000);
        cf_release(future);
    }
    ck_assert_int_eq(cf_close(pool), 0);
}

TEST(a_time_limit_without_end_is_none)
{
    struct cf_executor *pool = open_pool(&(struct cf_options){ .max_workers = 2, .call_timeout = 1e300 });

    for (int i = 0; i < 1000; i++)
        ck_assert_int_eq(asserts_take_int(tasks_submit_int(pool, &task_twice, i)), 2 * i);
    ck_assert_int_eq(cf_close(pool), 0);
}

/* Where the standard streams are closed, what is printed must not be taken for a ring or an interrupt. */
TEST(a_pool_never_uses_the_numbers_of_the_standard_streams)
{
    const int saved[3] = { dup(0), dup(1), dup(2) };

    for (int fd = 0; fd < 3; fd++)
        close(fd);
    struct cf_executor *pools[2] = { cf_process_pool(NULL), cf_thread_pool(NULL) };
    bool in_use = false;
    for (int fd = 0; fd < 3; fd++)
        in_use = in_use || fcntl(fd, F_GETFD) >= 0;
    for (int fd = 0; fd < 3; fd++) {
        dup2(saved[fd], fd);
        close(saved[fd]);
    }
    ck_assert(pools[0] != NULL && pools[1] != NULL);
    ck_assert(!in_use);
    ck_assert_int_eq(asserts_take_int(tasks_submit_int(pools[0], &task_twice, 3)), 6);
    ck_assert_int_eq(cf_close(pools[0]), 0);
    ck_assert_int_eq(cf_close(pools[1]), 0);
}

static const TTest **const tests[] = {
    &a_call_that_is_cancelled_before_its_worker_has_opened_is_not_in_the_way,
    &a_shutdown_that_cancels_ends_although_a_worker_opens_meanwhile,
    &the_results_of_short_calls_do_not_wait_for_a_long_one_behind_them,
    &no_call_waits_behind_a_long_one_after_a_pause,
    &no_call_waits_behind_a_long_one_while_another_worker_is_idle,
    &no_call_waits_behind_one_that_has_run_for_a_while,
    &no_call_waits_behind_a_long_one_while_another_worker_ends_again_and_again,
    &no_call_waits_for_a_worker_that_is_opened_while_another_is_idle,
    &each_of_a_hundred_and_fifty_workers_gets_a_call_and_another_after_that,
    &a_submit_that_an_interrupt_overtakes_is_settled,
    &an_observer_is_told_that_a_call_has_started_while_it_runs,
    &no_call_starts_before_it_was_submitted,
    &a_deadline_is_kept_while_there_is_always_news_of_other_calls,
    &who_has_his_result_is_not_kept_by_the_news_of_the_calls_behind_it,
    &a_callback_may_ask_after_other_calls,
    &a_call_that_its_worker_has_started_is_described_as_running,
    &a_worker_that_has_stood_still_loses_no_call,
    &a_task_that_shuts_down_the_programs_pool_can_still_hand_over_its_result,
    &a_time_limit_without_end_is_none,
    &a_pool_never_uses_the_numbers_of_the_standard_streams,
    NULL,
};

int
main(void)
{
    return asserts_main("process_lines", tests);
}
