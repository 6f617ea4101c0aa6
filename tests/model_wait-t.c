/* SPDX-License-Identifier: MIT */
/*
 * model_wait-t.c - waiting, lib/wait.c and lib/gather.c, in all interleavings: who sleeps is woken by what it waits
 * for.
 *
 * These mistakes have been found, when each was made by hand: a waiter whose hook stays behind, or who does not look
 * for interrupts; an interrupt that is counted or said after it has woken all, or wakes nobody; an arrival that looks
 * for the sleeper before it pushes; a sleeper that does not look at the stack or the interrupts after it has said that
 * it sleeps, or says so by a release alone; an entry that is freed without having been unhooked.
 */

#include "model_core.h"

#include "../lib/gather.c" /* NOLINT(bugprone-suspicious-include) */

static struct cf_future *futures[2];
static char results[2];
static enum cf_status statuses[3];

static void
reset(unsigned refs)
{
    model_reset(0);
    for (int i = 0; i < 2; i++) {
        futures[i] = model_future(refs);
        results[i] = 0;
    }
    memset(statuses, 0, sizeof statuses);
    interleave_name(&cf_interrupts, sizeof cf_interrupts, "interrupts");
}

static void
run(int i)
{
    results[i] = 'r';
    model_serve(futures[i], &results[i]);
}

static void
run_first(void)
{
    run(0);
}

static void
run_second(void)
{
    run(1);
}

static void
see_result(const struct cf_future *future)
{
    interleave_assert(cf_done(future));
    if (!cf_cancelled(future))
        interleave_assert(*(const char *)future->result == 'r');
}

/*
 * One future.
 */

static void
two_wait_for_the_first(void)
{
    reset(3);
}

static void
wait_for_first(void)
{
    interleave_assert(cf_wait_for(futures[0], CF_NEVER, true, NULL) == CF_OK);
    see_result(futures[0]);
    cf_release(futures[0]);
}

static void
wait_for_first_with_a_deadline(void)
{
    const enum cf_status status = cf_wait_for(futures[0], 2, true, NULL);

    interleave_assert(status == CF_OK || status == CF_TIMEOUT);
    if (status == CF_OK)
        see_result(futures[0]);
    cf_release(futures[0]);
}

static const struct interleave waiting = {
    .setup = two_wait_for_the_first,
    .threads = { run_first, wait_for_first, wait_for_first_with_a_deadline },
    .preemptions = 2,
    .delays = 1,
};

TEST(who_waits_for_a_future_is_woken_when_it_is_done)
{
    interleave(&waiting);
}

/* The worker's thread is busy with something else, so only the interrupt ends the wait. */
static void
the_first_is_queued(void)
{
    reset(2);
    model_queue = futures[0];
}

static void
wait_until_interrupted(void)
{
    const enum cf_status status = cf_wait_for(futures[0], CF_NEVER, true, NULL);

    interleave_assert(status == CF_OK || status == CF_INTERRUPTED);
    interleave_assert(cf_cancelled(futures[0]));
    cf_release(futures[0]);
}

static void
interrupt(void)
{
    cf_interrupt(model_executor);
}

static const struct interleave interrupting = {
    .setup = the_first_is_queued,
    .threads = { interrupt, wait_until_interrupted },
    .preemptions = 4,
    .delays = 2,
};

TEST(an_interrupt_wakes_who_waits_and_what_was_queued_is_cancelled)
{
    interleave(&interrupting);
}

/*
 * Gathering.
 */

static void
both_are_open(void)
{
    reset(2);
}

static void
take_and_release(struct cf_gather *gather, cf_time deadline, enum cf_status *status)
{
    struct cf_future *future = cf_gather_take(gather, deadline, true, NULL, status);

    interleave_assert((future != NULL) == (*status == CF_OK));
    if (future == NULL)
        return;
    see_result(future);
    cf_release(future);
}

static void
gather_both(void)
{
    struct cf_gather gather = { 0 };

    cf_gather_add(&gather, futures[0]);
    cf_gather_add(&gather, futures[1]);
    take_and_release(&gather, CF_NEVER, &statuses[0]);
    take_and_release(&gather, CF_NEVER, &statuses[1]);
    take_and_release(&gather, CF_NEVER, &statuses[2]);
    interleave_assert(statuses[0] == CF_OK && statuses[1] == CF_OK && statuses[2] == CF_END);
    cf_gather_clear(&gather);
}

TEST(a_gathering_yields_each_future_once_and_wakes_for_each)
{
    interleave(&(struct interleave){
        .setup = both_are_open, .threads = { gather_both, run_first, run_second }, .preemptions = 3, .delays = 1 });
}

/* What was not taken is cleared while it arrives. */
static void
gather_one_and_clear(void)
{
    struct cf_gather *gather = calloc(1, sizeof *gather);

    cf_gather_add(gather, futures[0]);
    cf_gather_add(gather, futures[1]);
    take_and_release(gather, 2, &statuses[0]);
    interleave_assert(statuses[0] == CF_OK || statuses[0] == CF_TIMEOUT);
    cf_gather_clear(gather);
    free(gather);
}

TEST(a_gathering_that_is_cleared_is_left_alone_by_what_finishes_later)
{
    interleave(&(struct interleave){ .setup = both_are_open,
                                     .threads = { gather_one_and_clear, run_first, run_second },
                                     .preemptions = 2,
                                     .delays = 1 });
}

static void
gather_first_until_interrupted(void)
{
    struct cf_gather gather = { 0 };

    cf_gather_add(&gather, futures[0]);
    take_and_release(&gather, CF_NEVER, &statuses[0]);
    interleave_assert(statuses[0] == CF_OK || statuses[0] == CF_INTERRUPTED);
    cf_gather_clear(&gather);
}

TEST(an_interrupt_wakes_who_gathers)
{
    interleave(&(struct interleave){ .setup = the_first_is_queued,
                                     .threads = { interrupt, gather_first_until_interrupted },
                                     .preemptions = 4,
                                     .delays = 2 });
}

static const TTest **const tests[] = {
    &who_waits_for_a_future_is_woken_when_it_is_done,
    &an_interrupt_wakes_who_waits_and_what_was_queued_is_cancelled,
    &a_gathering_yields_each_future_once_and_wakes_for_each,
    &a_gathering_that_is_cleared_is_left_alone_by_what_finishes_later,
    &an_interrupt_wakes_who_gathers,
    NULL,
};

int
main(void)
{
    return interleave_main("wait", tests);
}
