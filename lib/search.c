/* SPDX-License-Identifier: MIT */
/* search.c - how a worker of a thread pool comes to its next call: it takes, searches, spins, and sleeps. */

#include <stdlib.h>

#include "rouse.h"

enum {
    SPINS = 1000, /* of a worker that looks for work, before it goes to sleep: some 20 microseconds */
    TURNS = 32    /* takes, of which one begins with the queue and one at the other seats, lest a call starve there */
};

/*
 * Calls as short as it takes to submit them would meet their submitter at the lock one by one, and the lock costs more
 * than they do.  So a worker that does short calls one after another lets some gather, as long as they come quickly.
 */
enum {
    ENOUGH = 2 * CF_RING, /* calls in the queue; of which some are left to others */
    PAUSES = 16,          /* between two looks, some 0.3 microseconds, */
    QUICKLY = 4           /* in which so many come */
};

/* A batch that took less than this was one of short calls, and the next may be twice as large. */
#define SHORT_BATCH INT64_C(20000) /* nanoseconds */

void
cf_search_announce(struct cf_scheduler *scheduler, struct cf_seat *seat)
{
    if (seat->searching || !cf_ring_is_empty(&seat->ring) || !cf_deque_is_empty(&seat->deque) ||
        atomic_load_explicit(&scheduler->queue.length, memory_order_relaxed) > 0)
        return;
    cf_spin_lock(&scheduler->lock);
    if (scheduler->searching == 0) {
        scheduler->searching++;
        seat->searching = true;
    }
    cf_spin_unlock(&scheduler->lock);
}

/* The seat's worker does not search any longer; somebody else may have to. */
static void
leave_the_search(struct cf_scheduler *scheduler, struct cf_seat *seat)
{
    cf_spin_lock(&scheduler->lock);
    cf_rouse_stop_searching(scheduler, seat);
    struct cf_rousing rousing = cf_rouse(scheduler);
    cf_spin_unlock(&scheduler->lock);
    cf_rouse_carry_out(scheduler, rousing);
}

void
cf_search_engage(struct cf_scheduler *scheduler, struct cf_seat *seat)
{
    if (seat->searching)
        leave_the_search(scheduler, seat);
}

/*
 * Taking work.
 */

/* The batch grows while calls are short; where they are long it is a single call, for order and latency. */
static void
adapt_batch(struct cf_seat *seat)
{
    cf_time now = cf_now();

    if (seat->taken_at == 0)
        ;
    else if (now - seat->taken_at > 4 * SHORT_BATCH)
        seat->batch = 1;
    else if (now - seat->taken_at > SHORT_BATCH)
        seat->batch = (seat->batch + 1) / 2;
    else if (seat->batch < CF_RING)
        seat->batch *= 2;
    seat->taken_at = now;
}

static void
let_calls_gather(struct cf_scheduler *scheduler, const struct cf_seat *seat)
{
    size_t length = atomic_load_explicit(&scheduler->queue.length, memory_order_relaxed), before = 0;

    if (seat->taken_at == 0 || seat->batch < CF_RING)
        return;
    while (length < ENOUGH && length >= before + QUICKLY) {
        before = length;
        for (int i = 0; i < PAUSES; i++)
            cf_pause();
        length = atomic_load_explicit(&scheduler->queue.length, memory_order_relaxed);
    }
}

/* Take a batch from the queue: the first call to be run at once, the others into the ring, which is empty. */
static struct cf_future *
take_batch(struct cf_scheduler *scheduler, struct cf_seat *seat)
{
    struct cf_rousing rousing = { 0 };
    struct cf_segment *unused = NULL;
    unsigned n = 0;

    let_calls_gather(scheduler, seat);
    adapt_batch(seat);
    cf_spin_lock(&scheduler->lock);
    size_t fair = scheduler->queue.length / (2 * (size_t)scheduler->share) + 1;
    unsigned most = seat->batch < fair ? seat->batch : (unsigned)fair;
    struct cf_future *first = cf_queue_take(&scheduler->queue, &unused);
    while (n + 1 < most && scheduler->queue.length > 0)
        cf_ring_put(&seat->ring, n++, cf_queue_take(&scheduler->queue, &unused));
    if (n > 0)
        cf_ring_fill(&seat->ring, n);
    if (first != NULL && (seat->searching || n > 0 || scheduler->queue.length > 0)) {
        cf_rouse_stop_searching(scheduler, seat);
        rousing = cf_rouse(scheduler);
    }
    cf_spin_unlock(&scheduler->lock);
    free(unused);
    cf_rouse_carry_out(scheduler, rousing);
    return first;
}

static struct cf_future *
take_from_others(struct cf_scheduler *scheduler, struct cf_seat *seat)
{
    struct cf_future *future = cf_rouse_steal(scheduler, seat->number + 1);

    seat->taken_at = 0;
    if (future != NULL)
        cf_search_engage(scheduler, seat);
    return future;
}

/* What is usually looked for last, now and then first: the queue, or what waits at others' seats; or NULL. */
static struct cf_future *
take_in_turn(struct cf_scheduler *scheduler, struct cf_seat *seat)
{
    switch (++seat->takes % TURNS) {
    case 0:
        return take_batch(scheduler, seat);
    case TURNS / 2:
        return take_from_others(scheduler, seat);
    default:
        return NULL;
    }
}

/* Who has announced that it will search, and finds a call at its own seat, will not. */
static struct cf_future *
take_own(struct cf_scheduler *scheduler, struct cf_seat *seat)
{
    struct cf_future *future = cf_deque_take(&seat->deque);

    if (future != NULL)
        cf_search_engage(scheduler, seat);
    return future;
}

static struct cf_future *
take(struct cf_scheduler *scheduler, struct cf_seat *seat)
{
    struct cf_future *future = cf_ring_take(&seat->ring);

    if (future == NULL)
        future = take_in_turn(scheduler, seat);
    if (future == NULL)
        future = take_own(scheduler, seat);
    if (future == NULL)
        future = take_batch(scheduler, seat);
    if (future == NULL)
        future = take_from_others(scheduler, seat);
    return future;
}

static void
spin(struct cf_scheduler *scheduler, struct cf_seat *seat)
{
    bool found = false;

    for (int left = cf_patience(seat->in_vain, SPINS); left > 0 && !found; left--) {
        cf_pause();
        found = atomic_load_explicit(&scheduler->queue.length, memory_order_relaxed) > 0 ||
                (left % 64 == 0 && !cf_rouse_seats_are_empty(scheduler));
    }
    cf_spun(&seat->in_vain, found);
}

static void
sleep_until_roused(struct cf_seat *seat)
{
    while (!atomic_load(&seat->roused))
        cf_park(seat->parker, CF_NEVER);
    atomic_store(&seat->roused, false);
}

/*
 * Lie down, unless there is work.  Who puts a call into a deque takes no lock, but looks at idle and searching after
 * that; we look into the deques after these say that we sleep, all sequentially consistent: so one of us sees the
 * other.  The lock is held.
 */
static bool
lie_down(struct cf_scheduler *scheduler, struct cf_seat *seat)
{
    const bool searching = seat->searching;

    seat->next_idle = scheduler->idle;
    scheduler->idle = seat;
    cf_rouse_stop_searching(scheduler, seat);
    if (cf_rouse_seats_are_empty(scheduler))
        return true;
    scheduler->idle = seat->next_idle;
    if (searching) {
        seat->searching = true;
        scheduler->searching++;
    }
    return false;
}

/* Nothing was found.  Spin, if nobody else does; having spun, sleep.  False: there will never be more. */
static bool
wait_for_work(struct cf_scheduler *scheduler, struct cf_seat *seat, bool *spun)
{
    seat->taken_at = 0;
    cf_spin_lock(&scheduler->lock);
    bool none = scheduler->queue.length == 0 && cf_rouse_seats_are_empty(scheduler);
    bool end = none && scheduler->stopped;
    bool may_spin = !*spun && !cf_self.woke && (seat->searching || scheduler->searching == 0);
    bool idle = none && !end && !may_spin && lie_down(scheduler, seat);
    if (may_spin && !seat->searching) {
        scheduler->searching++;
        seat->searching = true;
    }
    if (end)
        cf_rouse_stop_searching(scheduler, seat);
    cf_spin_unlock(&scheduler->lock);

    *spun = !idle;
    if (idle)
        sleep_until_roused(seat);
    else if (may_spin && !end)
        spin(scheduler, seat);
    return !end;
}

struct cf_future *
cf_search_next(struct cf_scheduler *scheduler, struct cf_seat *seat)
{
    struct cf_future *future;
    bool spun = false;

    while ((future = take(scheduler, seat)) == NULL)
        if (!wait_for_work(scheduler, seat, &spun))
            return NULL;
    return future;
}
