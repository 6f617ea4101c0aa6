/* SPDX-License-Identifier: MIT */
/*
 * model_scheduler-t.c - the scheduler of threads in all interleavings: no call is left where a worker could run it.
 *
 * The workers do what those of threads.c do, and are started as they are there.  Thread 0 is the program; it stops the
 * scheduler only when all calls are done, so that a call that nobody is woken for is found as a deadlock.  A call may
 * submit others, and may wait until others are done, without helping.
 *
 * These mistakes have been found, when each was made by hand: a worker that lies down without a last look at the
 * deques, or still counted as searching; who submits to a deque and rouses nobody, or who takes a batch or leaves the
 * search and does not rouse the next; an engage() that does nothing; a stop that rouses only the first of the idle
 * ones, or leaves them in the list; a failed start, and an end, that are still counted as searching; a worker that
 * sleeps on a wake-up that was meant for something else.
 */

#include "interleaved.h"

#include "../lib/core.h"
#include "../lib/park.c" /* NOLINT(bugprone-suspicious-include) */

/* The loops that wait in park.c end when something has changed, that of search.c after so many rounds. */
#undef cf_pause
#define cf_pause(argument) interleave_spin##argument(SPINS)
#include "../lib/rouse.c"     /* NOLINT(bugprone-suspicious-include) */
#include "../lib/scheduler.c" /* NOLINT(bugprone-suspicious-include) */
#include "../lib/search.c"    /* NOLINT(bugprone-suspicious-include) */

enum { WORKERS = 3, CALLS = 5, NONE = 0 };

__thread struct cf_thread cf_self;

void
cf_thread_set_key(void)
{
}

/* All batches are short ones. */
cf_time
cf_now(void)
{
    return 1;
}

/* What a call does: bits of others. */
struct plan {
    unsigned adds;            /* submits these, */
    unsigned awaits;          /* waits until these are done, */
    unsigned callback_awaits; /* and, when it has announced that it will look for work, for these in a callback; */
    bool stops;               /* and then stops the scheduler */
};

static struct plan plans[CALLS];
static unsigned outside; /* what the program submits */
static unsigned all_calls;

static struct cf_scheduler scheduler;
static struct cf_seat seats[WORKERS];
static struct cf_parker parkers[WORKERS];
static pthread_mutex_t start_lock = PTHREAD_MUTEX_INITIALIZER;
static unsigned starts_fail_after;

static struct cf_future calls[CALLS];
static _Atomic unsigned done; /* bits */
static unsigned begun[WORKERS + 1][CALLS];

static void run_late_worker(void);
static void start_worker(struct cf_scheduler *);

/*
 * Setting the scene.
 */

static void
name_things(void)
{
    interleave_name(&scheduler, sizeof scheduler, "scheduler");
    interleave_name(&scheduler.lock, sizeof scheduler.lock, "lock");
    interleave_name(&scheduler.queue.length, sizeof scheduler.queue.length, "length");
    interleave_name(&scheduler.idle, sizeof scheduler.idle, "idle");
    interleave_name(&scheduler.searching, sizeof scheduler.searching, "searching");
    interleave_name(&scheduler.started, sizeof scheduler.started, "started");
    interleave_name(&scheduler.stopped, sizeof scheduler.stopped, "stopped");
    interleave_name(&scheduler.created, sizeof scheduler.created, "created");
    interleave_name(seats, sizeof seats, "seats");
    interleave_name(parkers, sizeof parkers, "parkers");
    interleave_name(&done, sizeof done, "done");
    for (unsigned i = 0; i < WORKERS; i++) {
        interleave_name(&seats[i].roused, sizeof seats[i].roused, "roused");
        interleave_name(&seats[i].ring.word, sizeof seats[i].ring.word, "ring.word");
        interleave_name(&seats[i].deque.top, sizeof seats[i].deque.top, "top");
        interleave_name(&seats[i].deque.bottom, sizeof seats[i].deque.bottom, "bottom");
    }
}

/* No worker has been started yet. */
static void
reset(unsigned workers)
{
    static struct cf_seat *of_scheduler[WORKERS];
    static struct cf_segment segment;

    memset(&scheduler, 0, sizeof scheduler);
    memset(seats, 0, sizeof seats);
    memset(parkers, 0, sizeof parkers);
    memset(calls, 0, sizeof calls);
    memset(begun, 0, sizeof begun);
    memset(plans, 0, sizeof plans);
    done = 0;
    outside = 0;
    starts_fail_after = WORKERS;
    scheduler.share = scheduler.max_workers = workers;
    scheduler.queue.spare = &segment;
    scheduler.seats = of_scheduler;
    scheduler.start = start_worker;
    interleave_local(&cf_self, sizeof cf_self);
    name_things();
}

static void
take_seat(unsigned i)
{
    seats[i].number = i;
    seats[i].batch = 1;
    seats[i].parker = &parkers[i];
}

/* The workers are there, and none of them looks for work. */
static void
reset_with_workers(unsigned workers)
{
    reset(workers);
    for (unsigned i = 0; i < workers; i++) {
        take_seat(i);
        scheduler.seats[i] = &seats[i];
    }
    scheduler.created = scheduler.started = workers;
}

/*
 * What workers do.
 */

static void
await(unsigned which)
{
    while ((atomic_load(&done) & which) != which)
        interleave_pause();
}

/* By the scheduler, which was stopped. */
static void
refused(unsigned i)
{
    interleave_assert(scheduler.stopped);
    begun[interleave_self()][i]++;
    atomic_fetch_or(&done, 1U << i);
}

static void
add(struct cf_seat *seat, unsigned which)
{
    for (unsigned i = 0; i < CALLS; i++)
        if ((which & 1U << i) != 0 && cf_scheduler_add(&scheduler, seat, &calls[i]) != 0)
            refused(i);
}

/* As serve() in threads.c; a callback is told of by call_back() in hook.c. */
static void
serve(struct cf_seat *seat, const struct cf_future *call)
{
    const unsigned i = (unsigned)(call - calls);
    const struct plan *plan = &plans[i];

    begun[interleave_self()][i]++;
    add(seat, plan->adds);
    await(plan->awaits);
    cf_search_announce(&scheduler, seat);
    atomic_fetch_or(&done, 1U << i);
    if (plan->callback_awaits != NONE) {
        cf_search_engage(&scheduler, seat);
        await(plan->callback_awaits);
    }
    if (plan->stops)
        cf_scheduler_stop(&scheduler);
}

static void
work_at(struct cf_seat *seat)
{
    struct cf_future *call;

    while ((call = cf_search_next(&scheduler, seat)) != NULL)
        serve(seat, call);
}

/* The first late one is thread 1, at seat 0. */
static void
run_late_worker(void)
{
    pthread_mutex_lock(&start_lock);
    pthread_mutex_unlock(&start_lock);
    work_at(&seats[interleave_self() - 1]);
}

static void
start_worker(struct cf_scheduler *s)
{
    pthread_mutex_lock(&start_lock);
    const unsigned number = atomic_load_explicit(&s->created, memory_order_relaxed);
    const bool fails = number >= starts_fail_after;
    if (!fails) {
        take_seat(number);
        seats[number].searching = true;
        interleave_start();
        cf_scheduler_seat(s, &seats[number]);
    }
    pthread_mutex_unlock(&start_lock);
    if (fails)
        interleave_assert(!cf_scheduler_start_failed(s));
}

/* Each call has begun once, and nobody is said to do what he has ceased to do. */
static void
all_is_done_and_quiet(void)
{
    for (unsigned i = 0; i < CALLS; i++) {
        unsigned times = 0;
        for (unsigned j = 0; j <= WORKERS; j++)
            times += begun[j][i];
        interleave_assert(times == (all_calls >> i & 1));
    }
    interleave_assert(scheduler.searching == 0);
    interleave_assert(scheduler.opening == 0);
    interleave_assert(scheduler.idle == NULL);
    interleave_assert(scheduler.queue.length == 0 && cf_rouse_seats_are_empty(&scheduler));
}

/*
 * Calls of the program.
 */

static void
submit_and_stop(void)
{
    add(NULL, outside);
    await(all_calls);
    cf_scheduler_stop(&scheduler);
}

static void
two_from_outside(void)
{
    reset(2);
    outside = all_calls = 3;
}

TEST(no_call_of_the_program_is_left_while_workers_sleep)
{
    interleave(&(struct interleave){ .setup = two_from_outside,
                                     .threads = { submit_and_stop, run_late_worker, run_late_worker },
                                     .late = 2,
                                     .teardown = all_is_done_and_quiet,
                                     .preemptions = 2,
                                     .delays = 1 });
}

/*
 * Calls of tasks, which go to the deque of their worker, without a lock.
 */

/* A worker that is in a call already, which submits what the program would. */
static void
submit_in_a_call_and_work(void)
{
    struct cf_seat *seat = &seats[interleave_self()];

    add(seat, outside);
    cf_search_announce(&scheduler, seat);
    work_at(seat);
}

/* The same, but nothing goes on here until somebody else has run it. */
static void
submit_in_a_call_and_wait(void)
{
    struct cf_seat *seat = &seats[interleave_self()];

    add(seat, outside);
    await(outside);
    cf_scheduler_stop(&scheduler);
    cf_search_announce(&scheduler, seat);
    work_at(seat);
}

static void
end_a_call_and_work(void)
{
    struct cf_seat *seat = &seats[interleave_self()];

    cf_search_announce(&scheduler, seat);
    work_at(seat);
}

static void
work(void)
{
    work_at(&seats[interleave_self()]);
}

static void
one_is_searching(void)
{
    reset_with_workers(2);
    seats[1].searching = true;
    scheduler.searching = 1;
    outside = all_calls = 1;
}

static const struct interleave lying_down = {
    .setup = one_is_searching,
    .threads = { submit_in_a_call_and_wait, work },
    .teardown = all_is_done_and_quiet,
    .preemptions = 2,
    .delays = 1,
};

TEST(a_worker_that_lies_down_while_a_task_submits_is_roused_or_sees_it)
{
    interleave(&lying_down);
}

TEST(a_release_is_too_weak_to_submit_to_a_deque)
{
    interleave_finds(&lying_down,
                     (struct interleave_weak){ &seats[0].deque.bottom, INTERLEAVE_STORE, memory_order_release });
}

static void
both_are_in_calls(void)
{
    reset_with_workers(2);
    plans[0] = (struct plan){ .adds = 2, .awaits = 2, .stops = true };
    outside = 1;
    all_calls = 3;
}

TEST(what_a_task_submits_is_run_by_an_idle_worker_while_the_task_goes_on)
{
    interleave(&(struct interleave){ .setup = both_are_in_calls,
                                     .threads = { submit_in_a_call_and_work, end_a_call_and_work },
                                     .teardown = all_is_done_and_quiet,
                                     .preemptions = 2,
                                     .delays = 1 });
}

/* A worker that opens is a task, too. */
static void
submit_while_opening_and_work(void)
{
    struct cf_seat *seat = &seats[interleave_self()];

    cf_scheduler_open(&scheduler, seat);
    add(seat, outside);
    cf_scheduler_opened(&scheduler, seat);
    work_at(seat);
}

static void
one_opens_and_one_is_in_a_call(void)
{
    both_are_in_calls();
    seats[0].searching = true;
    scheduler.searching = 1;
}

TEST(what_was_submitted_while_a_worker_opened_leaves_nobody_searching_who_runs_a_call)
{
    interleave(&(struct interleave){ .setup = one_opens_and_one_is_in_a_call,
                                     .threads = { submit_while_opening_and_work, end_a_call_and_work },
                                     .teardown = all_is_done_and_quiet,
                                     .preemptions = 2 });
}

/*
 * Stopping, failing, and others who take.
 */

static void
submit_and_stop_at_once(void)
{
    add(NULL, outside);
    cf_scheduler_stop(&scheduler);
    interleave_assert(cf_scheduler_add(&scheduler, NULL, &calls[CALLS - 1]) == ESHUTDOWN);
}

/* The first call submits the third. */
static void
one_adds_to_its_deque(void)
{
    reset(2);
    plans[0] = (struct plan){ .adds = 4 };
    outside = 3;
    all_calls = 7;
}

TEST(calls_that_were_submitted_before_a_stop_are_run_before_the_workers_end)
{
    interleave(&(struct interleave){ .setup = one_adds_to_its_deque,
                                     .threads = { submit_and_stop_at_once, run_late_worker, run_late_worker },
                                     .late = 2,
                                     .teardown = all_is_done_and_quiet,
                                     .preemptions = 2,
                                     .delays = 1 });
}

static void
second_worker_fails_to_start(void)
{
    reset(2);
    starts_fail_after = 1;
    outside = all_calls = 7;
}

TEST(the_workers_that_there_are_run_all_calls_if_no_more_can_be_started)
{
    interleave(&(struct interleave){ .setup = second_worker_fails_to_start,
                                     .threads = { submit_and_stop, run_late_worker },
                                     .late = 1,
                                     .teardown = all_is_done_and_quiet,
                                     .preemptions = 2,
                                     .delays = 1 });
}

static void
withdraw_all_and_stop(void)
{
    struct cf_future *call;

    add(NULL, outside);
    while ((call = cf_scheduler_withdraw(&scheduler)) != NULL) {
        begun[interleave_self()][call - calls]++;
        atomic_fetch_or(&done, 1U << (call - calls));
    }
    await(all_calls);
    cf_scheduler_stop(&scheduler);
}

TEST(a_call_is_withdrawn_or_run_but_not_both)
{
    interleave(&(struct interleave){ .setup = two_from_outside,
                                     .threads = { withdraw_all_and_stop, run_late_worker, run_late_worker },
                                     .late = 2,
                                     .teardown = all_is_done_and_quiet,
                                     .preemptions = 3,
                                     .delays = 1 });
}

/*
 * Workers that have announced that they will search, and do not.
 */

static void
a_callback_takes_long(void)
{
    reset(2);
    plans[0] = (struct plan){ .callback_awaits = 2 };
    outside = all_calls = 3;
}

TEST(who_waits_in_a_callback_leaves_the_search_to_another_worker)
{
    interleave(&(struct interleave){ .setup = a_callback_takes_long,
                                     .threads = { submit_and_stop, run_late_worker, run_late_worker },
                                     .late = 2,
                                     .teardown = all_is_done_and_quiet,
                                     .preemptions = 2 });
}

static void
two_wait_for_each_other(void)
{
    reset(2);
    plans[0] = (struct plan){ .awaits = 2 };
    plans[2] = (struct plan){ .awaits = 1 };
    outside = all_calls = 7;
}

TEST(no_call_stays_behind_one_that_waits_for_it)
{
    interleave(&(struct interleave){ .setup = two_wait_for_each_other,
                                     .threads = { submit_and_stop, run_late_worker, run_late_worker },
                                     .late = 2,
                                     .teardown = all_is_done_and_quiet,
                                     .preemptions = 1,
                                     .delays = 1 });
}

/* Each of two calls goes on only if the other has begun, so the one that is roused must rouse the next. */
static void
two_are_idle(void)
{
    reset_with_workers(3);
    plans[0] = (struct plan){ .awaits = 2 };
    outside = all_calls = 3;
    for (unsigned i = 1; i < 3; i++) {
        seats[i].next_idle = scheduler.idle;
        scheduler.idle = &seats[i];
    }
}

static void
wake_up_and_work(void)
{
    struct cf_seat *seat = &seats[interleave_self()];

    sleep_until_roused(seat);
    work_at(seat);
}

TEST(those_who_are_roused_rouse_the_next)
{
    interleave(&(struct interleave){ .setup = two_are_idle,
                                     .threads = { submit_in_a_call_and_wait, wake_up_and_work, wake_up_and_work },
                                     .teardown = all_is_done_and_quiet,
                                     .preemptions = 1,
                                     .delays = 1 });
}

static const TTest **const tests[] = {
    &no_call_of_the_program_is_left_while_workers_sleep,
    &a_worker_that_lies_down_while_a_task_submits_is_roused_or_sees_it,
    &a_release_is_too_weak_to_submit_to_a_deque,
    &what_a_task_submits_is_run_by_an_idle_worker_while_the_task_goes_on,
    &what_was_submitted_while_a_worker_opened_leaves_nobody_searching_who_runs_a_call,
    &calls_that_were_submitted_before_a_stop_are_run_before_the_workers_end,
    &the_workers_that_there_are_run_all_calls_if_no_more_can_be_started,
    &a_call_is_withdrawn_or_run_but_not_both,
    &who_waits_in_a_callback_leaves_the_search_to_another_worker,
    &no_call_stays_behind_one_that_waits_for_it,
    &those_who_are_roused_rouse_the_next,
    NULL,
};

int
main(void)
{
    return interleave_main("scheduler", tests);
}
