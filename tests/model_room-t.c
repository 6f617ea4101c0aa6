/* SPDX-License-Identifier: MIT */
/*
 * model_room-t.c - lib/room.c in all interleavings: a place that comes free wakes who waits for it, or he sees it.
 *
 * These mistakes have been found, when each was made by hand: a waiter that does not look at the places once it is in
 * the list, or gets into it by a release alone, or stays in it; a place that comes free after the list was looked at; a
 * waker that looks at a waiter after it has told it; news that are not passed on.
 */

#include "model_core.h"

static _Atomic unsigned inside;

/* The first thread has it. */
static void
one_place_is_taken(void)
{
    model_reset(1);
    model_executor->room.pending = 1;
    inside = 1;
    interleave_name(&model_executor->room, sizeof model_executor->room, "room");
}

static void
leave(void)
{
    atomic_fetch_sub(&inside, 1);
    cf_room_leave(model_executor);
}

static void
be_inside_and_leave(void)
{
    interleave_assert(atomic_fetch_add(&inside, 1) == 0);
    leave();
}

static void
enter_and_leave(void)
{
    interleave_assert(cf_room_enter(model_executor, CF_NEVER) == 0);
    be_inside_and_leave();
}

static void
enter_with_a_deadline_and_leave(void)
{
    const int error = cf_room_enter(model_executor, 2);

    interleave_assert(error == 0 || error == EAGAIN);
    if (error == 0)
        be_inside_and_leave();
    else
        cf_room_pass_on(model_executor);
}

static void
all_places_are_free(void)
{
    interleave_assert(model_executor->room.pending == 0);
    interleave_assert(model_executor->room.first == NULL && model_executor->room.last == NULL);
}

static const struct interleave entering = {
    .setup = one_place_is_taken,
    .threads = { leave, enter_and_leave, enter_and_leave },
    .teardown = all_places_are_free,
    .preemptions = 2,
    .delays = 1,
};

TEST(a_place_that_comes_free_wakes_who_waits_or_is_seen)
{
    interleave(&entering);
}

TEST(who_gives_up_while_a_place_comes_free_does_not_keep_it_from_others)
{
    struct interleave giving_up = entering;

    giving_up.threads[1] = enter_with_a_deadline_and_leave;
    interleave(&giving_up);
}

/* A map watches the room while it waits for something else, and may have no use for it. */
static void
watch_and_pass_on(void)
{
    struct cf_room_waiter *waiter = malloc(sizeof *waiter);

    cf_room_watch(model_executor, waiter);
    while (!atomic_load(&waiter->woken))
        cf_park(waiter->parker, CF_NEVER);
    cf_room_unwatch(model_executor, waiter);
    free(waiter);
    cf_room_pass_on(model_executor);
}

TEST(who_watches_the_room_and_takes_no_place_passes_it_on)
{
    struct interleave watching = entering;

    watching.threads[1] = watch_and_pass_on;
    interleave(&watching);
}

static void
enter_a_room_that_closes(void)
{
    const int error = cf_room_enter(model_executor, CF_NEVER);

    interleave_assert(error == ESHUTDOWN);
}

static void
shut(void)
{
    atomic_fetch_or(&model_executor->flags, CF_EXECUTOR_SHUT);
    cf_room_wake_all(model_executor);
}

TEST(all_who_wait_for_room_are_woken_by_a_shutdown)
{
    interleave(&(struct interleave){ .setup = one_place_is_taken,
                                     .threads = { shut, enter_a_room_that_closes, enter_a_room_that_closes },
                                     .preemptions = 2,
                                     .delays = 1 });
}

static const TTest **const tests[] = {
    &a_place_that_comes_free_wakes_who_waits_or_is_seen,
    &who_gives_up_while_a_place_comes_free_does_not_keep_it_from_others,
    &who_watches_the_room_and_takes_no_place_passes_it_on,
    &all_who_wait_for_room_are_woken_by_a_shutdown,
    NULL,
};

int
main(void)
{
    return interleave_main("room", tests);
}
