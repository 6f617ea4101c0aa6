/* SPDX-License-Identifier: MIT */
/*
 * model_park-t.c - lib/park.c in all interleavings: no wake-up gets lost, and the short lock excludes.
 *
 * The mistakes that these checks have found, when each was made in park.c by hand: an unpark that stores TOKEN only
 * where it finds ASLEEP; a park that takes the token by a store, not an exchange; one that leaves the word ASLEEP when
 * its deadline has passed, or leaves a token that came in time.
 */

#include "interleaved.h"

#include "../lib/core.h"
#include "../lib/park.c" /* NOLINT(bugprone-suspicious-include) */

__thread struct cf_thread cf_self;

void
cf_thread_set_key(void)
{
}

static struct cf_parker parker;
static _Atomic bool ready[2];
static int news[2];
static bool woken[2];

static void
reset(void)
{
    memset(&parker, 0, sizeof parker);
    memset(ready, 0, sizeof ready);
    memset(news, 0, sizeof news);
    memset(woken, 0, sizeof woken);
    interleave_local(&cf_self, sizeof cf_self);
    interleave_name(&parker, sizeof parker, "parker");
    interleave_name(ready, sizeof ready, "ready");
}

/* That it is ready is said by a relaxed store, so that parking and unparking must order it. */
static void
make_ready(unsigned i)
{
    news[i] = 1;
    atomic_store_explicit(&ready[i], true, memory_order_relaxed);
    cf_unpark(&parker);
}

static void
make_first_ready(void)
{
    make_ready(0);
}

static void
make_second_ready(void)
{
    make_ready(1);
}

static void
park_until_ready(unsigned i)
{
    while (!atomic_load_explicit(&ready[i], memory_order_relaxed))
        cf_park(&parker, CF_NEVER);
}

static void
park_until_both_are_ready(void)
{
    park_until_ready(0);
    park_until_ready(1);
}

TEST(an_unpark_is_never_lost_whatever_it_overtakes)
{
    interleave(&(struct interleave){ .setup = reset,
                                     .threads = { park_until_both_are_ready, make_first_ready, make_second_ready },
                                     .preemptions = INTERLEAVE_UNBOUNDED,
                                     .delays = 2 });
}

static void
park_once_and_read(void)
{
    cf_park(&parker, CF_NEVER);
    interleave_assert(news[0] == 1);
}

static const struct interleave handing_over = {
    .setup = reset,
    .threads = { park_once_and_read, make_first_ready },
    .preemptions = INTERLEAVE_UNBOUNDED,
    .delays = 2,
};

TEST(who_was_unparked_sees_what_was_done_before)
{
    interleave(&handing_over);
}

TEST(an_exchange_that_does_not_order_hands_nothing_over)
{
    interleave_finds(&handing_over,
                     (struct interleave_weak){ &parker.word, INTERLEAVE_EXCHANGE, memory_order_relaxed });
}

/* The first park may time out, and then its token may come before the second or during it. */
static void
park_with_a_deadline_and_without(void)
{
    woken[0] = cf_park(&parker, 1);
    interleave_assert(!woken[0] || atomic_load_explicit(&ready[0], memory_order_relaxed) ||
                      atomic_load_explicit(&ready[1], memory_order_relaxed));
    park_until_both_are_ready();
    woken[1] = cf_park(&parker, 1);
}

static void
nobody_is_said_to_sleep(void)
{
    interleave_assert(parker.word != ASLEEP);
}

TEST(a_park_that_times_out_loses_no_later_unpark)
{
    interleave(
        &(struct interleave){ .setup = reset,
                              .threads = { park_with_a_deadline_and_without, make_first_ready, make_second_ready },
                              .teardown = nobody_is_said_to_sleep,
                              .preemptions = 4,
                              .delays = 1 });
}

static void
park_twice_with_a_deadline(void)
{
    woken[0] = cf_park(&parker, 1);
    woken[1] = cf_park(&parker, 1);
}

static void
at_most_one_park_was_woken(void)
{
    interleave_assert(woken[0] + woken[1] + (parker.word == TOKEN) == 1);
}

TEST(one_unpark_wakes_one_park_or_is_there_for_the_next)
{
    interleave(&(struct interleave){ .setup = reset,
                                     .threads = { park_twice_with_a_deadline, make_first_ready },
                                     .teardown = at_most_one_park_was_woken,
                                     .preemptions = INTERLEAVE_UNBOUNDED,
                                     .delays = 1 });
}

/*
 * Parking on a seat besides, on which another process may ring.
 */

enum { FREE, TAKEN, RUNG };
static _Atomic uint32_t seat;

static void
reset_with_seat(void)
{
    reset();
    atomic_store(&seat, FREE);
    interleave_name(&seat, sizeof seat, "seat");
}

static void
ring_the_seat(void)
{
    uint32_t taken = TAKEN;

    atomic_store(&ready[0], true);
    if (atomic_compare_exchange_strong(&seat, &taken, RUNG))
        syscall(SYS_futex, &seat, FUTEX_WAKE, 1, NULL, NULL, 0);
}

static void
sit_once(cf_time deadline)
{
    atomic_store(&seat, TAKEN);
    woken[0] = atomic_load(&ready[0]) || cf_park_or(&parker, deadline, &seat, TAKEN);
    atomic_exchange(&seat, FREE);
}

static void
sit_until_both_are_ready(void)
{
    while (!atomic_load(&ready[0]))
        sit_once(CF_NEVER);
    park_until_ready(1);
}

TEST(neither_a_ring_for_the_seat_nor_an_unpark_is_lost)
{
    interleave(&(struct interleave){ .setup = reset_with_seat,
                                     .threads = { sit_until_both_are_ready, ring_the_seat, make_second_ready },
                                     .preemptions = 4,
                                     .delays = 1 });
}

static void
sit_with_a_deadline(void)
{
    sit_once(1);
    interleave_assert(!woken[0] || atomic_load(&ready[0]) || atomic_load_explicit(&ready[1], memory_order_relaxed));
    park_until_ready(1);
}

TEST(who_gives_up_the_seat_loses_no_unpark)
{
    interleave(&(struct interleave){ .setup = reset_with_seat,
                                     .threads = { sit_with_a_deadline, ring_the_seat, make_second_ready },
                                     .teardown = nobody_is_said_to_sleep,
                                     .preemptions = 4,
                                     .delays = 1 });
}

/*
 * Parkers of threads that come and go.
 */

static struct cf_parker *mine[3];

static void
forget_parkers(void)
{
    reset();
    atomic_store(&all, NULL);
    interleave_name(&all, sizeof all, "all");
}

static void
have_a_parker(void)
{
    mine[interleave_self()] = cf_parker_mine();
}

static void
have_a_parker_for_a_while(void)
{
    have_a_parker();
    cf_park_thread_exit();
    have_a_parker();
}

static void
parkers_differ(void)
{
    unsigned numbers = 0;

    interleave_assert(mine[0] != mine[1] && mine[1] != mine[2] && mine[0] != mine[2]);
    for (unsigned i = 0; i < 3; i++) {
        interleave_assert(cf_parker_numbered(mine[i]->number) == mine[i]);
        numbers |= 1U << mine[i]->number;
    }
    interleave_assert(numbers == (1 << 1 | 1 << 2 | 1 << 3));
}

TEST(no_two_threads_have_the_same_parker)
{
    interleave(&(struct interleave){ .setup = forget_parkers,
                                     .threads = { have_a_parker, have_a_parker_for_a_while, have_a_parker },
                                     .teardown = parkers_differ,
                                     .preemptions = 3,
                                     .spurious = 1 });
}

/*
 * The short lock.
 */

static struct cf_spin lock;
static int guarded;

static void
free_lock(void)
{
    lock.held = false;
    guarded = 0;
    interleave_name(&lock, sizeof lock, "lock");
}

static void
change_guarded(void)
{
    for (int i = 0; i < 2; i++) {
        cf_spin_lock(&lock);
        guarded++;
        cf_spin_unlock(&lock);
    }
}

static void
all_changes_are_there(void)
{
    interleave_assert(guarded == 6);
}

static const struct interleave locking = {
    .setup = free_lock,
    .threads = { change_guarded, change_guarded, change_guarded },
    .teardown = all_changes_are_there,
    .preemptions = 3,
    .delays = 1,
};

TEST(the_short_lock_excludes)
{
    interleave(&locking);
}

TEST(the_short_lock_needs_to_acquire_and_to_release)
{
    interleave_finds(&locking, (struct interleave_weak){ &lock.held, INTERLEAVE_EXCHANGE, memory_order_relaxed });
    interleave_finds(&locking, (struct interleave_weak){ &lock.held, INTERLEAVE_STORE, memory_order_relaxed });
}

static const TTest **const tests[] = {
    &an_unpark_is_never_lost_whatever_it_overtakes,
    &who_was_unparked_sees_what_was_done_before,
    &an_exchange_that_does_not_order_hands_nothing_over,
    &a_park_that_times_out_loses_no_later_unpark,
    &one_unpark_wakes_one_park_or_is_there_for_the_next,
    &neither_a_ring_for_the_seat_nor_an_unpark_is_lost,
    &who_gives_up_the_seat_loses_no_unpark,
    &no_two_threads_have_the_same_parker,
    &the_short_lock_excludes,
    &the_short_lock_needs_to_acquire_and_to_release,
    NULL,
};

int
main(void)
{
    return interleave_main("park", tests);
}
