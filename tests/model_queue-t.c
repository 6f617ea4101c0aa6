/* SPDX-License-Identifier: MIT */
/*
 * model_queue-t.c - lib/ring.h and lib/deque.h in all interleavings: each call is taken once, and none is lost.
 *
 * Besides those that are in the list, these mistakes have been found, when each was made by hand: a ring that does not
 * count its fills; a thief of the deque that reads bottom before top; a take_back() that does not lower bottom, that
 * does not compete for the last call, or that leaves bottom lowered when it has lost.
 */

#include "interleaved.h"

#include "../lib/deque.h"
#include "../lib/ring.h"

enum { CALLS = 8 };

static struct cf_future calls[CALLS];
static struct cf_ring ring;
static struct cf_deque deque;

/* What each thread has taken; and what the owner could not put. */
static struct cf_future *taken[3][CALLS];
static unsigned taken_count[3];
static struct cf_future *refused;

static void
reset(void)
{
    memset(calls, 0, sizeof calls);
    memset(&ring, 0, sizeof ring);
    memset(&deque, 0, sizeof deque);
    memset(taken_count, 0, sizeof taken_count);
    refused = NULL;
    interleave_name(calls, sizeof calls, "calls");
    interleave_name(&ring.word, sizeof ring.word, "ring.word");
    interleave_name(ring.slots, sizeof ring.slots, "ring.slots");
    interleave_name(&deque.top, sizeof deque.top, "top");
    interleave_name(&deque.bottom, sizeof deque.bottom, "bottom");
    interleave_name(deque.slots, sizeof deque.slots, "slots");
}

/* Who takes a call sees what its maker has written. */
static struct cf_future *
make(unsigned i)
{
    calls[i].arg_len = i + 1;
    return &calls[i];
}

static bool
keep(struct cf_future *call)
{
    const unsigned self = interleave_self();

    if (call == NULL)
        return false;
    interleave_assert(call->arg_len == (size_t)(call - calls) + 1);
    taken[self][taken_count[self]++] = call;
    return true;
}

static unsigned
times_taken(const struct cf_future *call)
{
    unsigned times = 0;

    for (unsigned i = 0; i < 3; i++)
        for (unsigned j = 0; j < taken_count[i]; j++)
            times += taken[i][j] == call;
    return times;
}

/* Those of the first ones that have been made. */
static void
each_was_taken_once(unsigned made)
{
    for (unsigned i = 0; i < made; i++)
        interleave_assert(times_taken(&calls[i]) == 1);
}

static void
four_were_taken_once(void)
{
    each_was_taken_once(4);
}

/*
 * The ring.
 */

static void
fill(unsigned first, unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        cf_ring_put(&ring, i, make(first + i));
    cf_ring_fill(&ring, n);
}

static void
take_all_of_ring(void)
{
    while (keep(cf_ring_take(&ring)))
        ;
    interleave_assert(cf_ring_is_empty(&ring));
}

static void
fill_and_take_twice(void)
{
    fill(0, 2);
    take_all_of_ring();
    fill(2, 2);
    take_all_of_ring();
}

static void
steal_two_from_ring(void)
{
    keep(cf_ring_take(&ring));
    keep(cf_ring_take(&ring));
}

static const struct interleave refilling = {
    .setup = reset,
    .threads = { fill_and_take_twice, steal_two_from_ring, steal_two_from_ring },
    .teardown = four_were_taken_once,
    .preemptions = 3,
    .delays = 1,
    .spurious = 1,
};

TEST(each_call_in_a_ring_is_taken_once_also_when_it_is_refilled)
{
    interleave(&refilling);
}

TEST(a_ring_must_be_filled_by_a_release)
{
    interleave_finds(&refilling, (struct interleave_weak){ &ring.word, INTERLEAVE_STORE, memory_order_relaxed });
}

/*
 * The deque.
 */

static void
put(unsigned i)
{
    struct cf_future *call = make(i);

    if (!cf_deque_put(&deque, call))
        refused = call;
}

/* As a worker does: what it cannot take back, somebody else has, or it is not the last. */
static void
take_back(unsigned i)
{
    if (cf_deque_take_back(&deque, &calls[i]))
        keep(&calls[i]);
}

static void
take_all_of_deque(void)
{
    while (keep(cf_deque_take(&deque)))
        ;
    interleave_assert(cf_deque_is_empty(&deque));
}

static void
put_and_take(void)
{
    put(0);
    put(1);
    take_back(1);
    put(2);
    take_back(2);
    put(3);
    take_all_of_deque();
}

static void
steal_two_from_deque(void)
{
    keep(cf_deque_take(&deque));
    keep(cf_deque_take(&deque));
}

static const struct interleave stealing = {
    .setup = reset,
    .threads = { put_and_take, steal_two_from_deque, steal_two_from_deque },
    .teardown = four_were_taken_once,
    .preemptions = 3,
    .delays = 1,
};

TEST(each_call_in_a_deque_is_taken_once_by_its_owner_or_a_thief)
{
    interleave(&stealing);
}

static void
put_one_and_take_it_back(void)
{
    put(0);
    take_back(0);
    put(1);
    take_back(1);
    take_all_of_deque();
}

static void
steal_one_from_deque(void)
{
    keep(cf_deque_take(&deque));
}

static void
two_were_taken_once(void)
{
    each_was_taken_once(2);
}

static const struct interleave last_one = {
    .setup = reset,
    .threads = { put_one_and_take_it_back, steal_one_from_deque, steal_one_from_deque },
    .teardown = two_were_taken_once,
    .preemptions = 4,
    .delays = 1,
};

TEST(the_last_call_in_a_deque_is_taken_back_or_stolen_but_not_both)
{
    interleave(&last_one);
}

TEST(taking_back_must_lower_bottom_before_it_looks_at_top)
{
    interleave_finds(&stealing, (struct interleave_weak){ &deque.bottom, INTERLEAVE_STORE, memory_order_release });
}

TEST(a_call_must_be_put_by_a_release)
{
    interleave_finds(&stealing, (struct interleave_weak){ &deque.bottom, INTERLEAVE_STORE, memory_order_relaxed });
}

TEST(a_thief_must_look_at_bottom_by_an_acquire)
{
    interleave_finds(&stealing, (struct interleave_weak){ &deque.bottom, INTERLEAVE_LOAD, memory_order_relaxed });
}

/* One more goes in, and the next only if a thief has made place.  What was in it before are others. */
static struct cf_future earlier[CF_DEQUE - 1];

static void
fill_up(void)
{
    reset();
    deque.top = CF_DEQUE - 2;
    deque.bottom = deque.top + CF_DEQUE - 1;
    for (unsigned i = 0; i < CF_DEQUE - 1; i++)
        deque.slots[(deque.top + i) % CF_DEQUE] = &earlier[i];
}

static void
put_two_into_the_full(void)
{
    put(0);
    put(1);
}

static void
steal_the_first(void)
{
    const unsigned self = interleave_self();

    for (unsigned i = 0; i < 2; i++)
        taken[self][taken_count[self]++] = cf_deque_take(&deque);
}

/* In their order, since nothing but the first is taken, and what is left follows. */
static void
none_was_overwritten(void)
{
    struct cf_future *last = NULL;

    for (unsigned i = 0; i < 4; i++)
        interleave_assert(times_taken(&earlier[i]) == 1);
    for (unsigned i = 4; i < CF_DEQUE - 1; i++)
        interleave_assert(cf_deque_take(&deque) == &earlier[i]);
    interleave_assert(cf_deque_take(&deque) == &calls[0]);
    last = cf_deque_take(&deque);
    interleave_assert(last == (refused == NULL ? &calls[1] : NULL));
    interleave_assert(refused == NULL || refused == &calls[1]);
}

TEST(a_full_deque_refuses_a_call_and_overwrites_none)
{
    interleave(&(struct interleave){ .setup = fill_up,
                                     .threads = { put_two_into_the_full, steal_the_first, steal_the_first },
                                     .teardown = none_was_overwritten,
                                     .preemptions = 4,
                                     .delays = 1 });
}

static const TTest **const tests[] = {
    &each_call_in_a_ring_is_taken_once_also_when_it_is_refilled,
    &a_ring_must_be_filled_by_a_release,
    &each_call_in_a_deque_is_taken_once_by_its_owner_or_a_thief,
    &the_last_call_in_a_deque_is_taken_back_or_stolen_but_not_both,
    &taking_back_must_lower_bottom_before_it_looks_at_top,
    &a_call_must_be_put_by_a_release,
    &a_thief_must_look_at_bottom_by_an_acquire,
    &a_full_deque_refuses_a_call_and_overwrites_none,
    NULL,
};

int
main(void)
{
    return interleave_main("queue", tests);
}
