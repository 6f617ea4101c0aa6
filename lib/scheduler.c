/* SPDX-License-Identifier: MIT */
/* scheduler.c - which worker of a thread pool runs which call; scheduler.h has the idea. */

#include "scheduler.h"

#include <errno.h>
#include <stdlib.h>

enum {
    SPINS = 1000, /* of a worker that looks for work, before it goes to sleep: some 20 microseconds */
    TURNS = 32    /* takes, of which one begins with the queue and one at the other seats, lest a call starve there */
};

/* A batch that took less than this was one of short calls, and the next may be twice as large. */
#define SHORT_BATCH INT64_C(20000) /* nanoseconds */

int
cf_scheduler_init(struct cf_scheduler *scheduler, unsigned max_workers, unsigned cpus)
{
    scheduler->share = max_workers < cpus ? max_workers : cpus;
    scheduler->max_workers = max_workers;
    scheduler->seats = calloc(max_workers, sizeof(struct cf_seat *));
    return scheduler->seats == NULL ? ENOMEM : 0;
}

void
cf_scheduler_fini(struct cf_scheduler *scheduler)
{
    cf_queue_fini(&scheduler->queue);
    free(scheduler->seats);
}

/*
 * What is at the seats.
 */

static struct cf_future *
take_from_seat(struct cf_seat *seat)
{
    struct cf_future *future = cf_ring_take(&seat->ring);

    return future != NULL ? future : cf_deque_take(&seat->deque);
}

static struct cf_future *
steal(struct cf_scheduler *scheduler, unsigned start)
{
    unsigned created = atomic_load_explicit(&scheduler->created, memory_order_acquire);

    for (unsigned i = 0; i < created; i++) {
        struct cf_future *future = take_from_seat(scheduler->seats[(start + i) % created]);
        if (future != NULL)
            return future;
    }
    return NULL;
}

static bool
seats_are_empty(struct cf_scheduler *scheduler)
{
    unsigned created = atomic_load_explicit(&scheduler->created, memory_order_acquire);

    for (unsigned i = 0; i < created; i++)
        if (!cf_ring_is_empty(&scheduler->seats[i]->ring) || !cf_deque_is_empty(&scheduler->seats[i]->deque))
            return false;
    return true;
}

/*
 * Rousing.
 */

struct rousing {
    struct cf_seat *wake;
    bool start;
};

/* What to do about work, if there is any.  The lock is held; carry_out() comes after it is released. */
static struct rousing
rouse(struct cf_scheduler *scheduler)
{
    struct rousing rousing = { .wake = scheduler->idle };

    if (scheduler->searching > 0 || (scheduler->queue.length == 0 && seats_are_empty(scheduler)))
        return (struct rousing){ 0 };
    if (rousing.wake != NULL) {
        scheduler->idle = rousing.wake->next_idle;
        rousing.wake->searching = true;
        scheduler->searching++;
    } else if (scheduler->started < scheduler->max_workers &&
               (scheduler->queue.length > scheduler->opening || !seats_are_empty(scheduler))) {
        rousing.start = true;
        scheduler->started++;
        scheduler->searching++;
    }
    return rousing;
}

static void
carry_out(struct cf_scheduler *scheduler, struct rousing rousing)
{
    if (rousing.wake != NULL) {
        atomic_store(&rousing.wake->roused, true);
        cf_unpark(rousing.wake->parker);
    } else if (rousing.start) {
        scheduler->start(scheduler);
    }
}

/* The lock is held. */
static void
stop_searching(struct cf_scheduler *scheduler, struct cf_seat *seat)
{
    if (seat->searching)
        scheduler->searching--;
    seat->searching = false;
}

void
cf_scheduler_announce(struct cf_scheduler *scheduler, struct cf_seat *seat)
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
    stop_searching(scheduler, seat);
    struct rousing rousing = rouse(scheduler);
    cf_spin_unlock(&scheduler->lock);
    carry_out(scheduler, rousing);
}

void
cf_scheduler_engage(struct cf_scheduler *scheduler, struct cf_seat *seat)
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

/* Take a batch from the queue: the first call to be run at once, the others into the ring, which is empty. */
static struct cf_future *
take_batch(struct cf_scheduler *scheduler, struct cf_seat *seat)
{
    struct rousing rousing = { 0 };
    struct cf_segment *unused = NULL;
    unsigned n = 0;

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
        stop_searching(scheduler, seat);
        rousing = rouse(scheduler);
    }
    cf_spin_unlock(&scheduler->lock);
    free(unused);
    carry_out(scheduler, rousing);
    return first;
}

static struct cf_future *
take_from_others(struct cf_scheduler *scheduler, struct cf_seat *seat)
{
    struct cf_future *future = steal(scheduler, seat->number + 1);

    seat->taken_at = 0;
    if (future != NULL)
        cf_scheduler_engage(scheduler, seat);
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
        cf_scheduler_engage(scheduler, seat);
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
                (left % 64 == 0 && !seats_are_empty(scheduler));
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
    stop_searching(scheduler, seat);
    if (seats_are_empty(scheduler))
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
    bool none = scheduler->queue.length == 0 && seats_are_empty(scheduler);
    bool end = none && scheduler->stopped;
    bool may_spin = !*spun && !cf_self.woke && (seat->searching || scheduler->searching == 0);
    bool idle = none && !end && !may_spin && lie_down(scheduler, seat);
    if (may_spin && !seat->searching) {
        scheduler->searching++;
        seat->searching = true;
    }
    if (end)
        stop_searching(scheduler, seat);
    cf_spin_unlock(&scheduler->lock);

    *spun = !idle;
    if (idle)
        sleep_until_roused(seat);
    else if (may_spin && !end)
        spin(scheduler, seat);
    return !end;
}

struct cf_future *
cf_scheduler_next(struct cf_scheduler *scheduler, struct cf_seat *seat)
{
    struct cf_future *future;
    bool spun = false;

    while ((future = take(scheduler, seat)) == NULL)
        if (!wait_for_work(scheduler, seat, &spun))
            return NULL;
    return future;
}

/*
 * Workers come and go.
 */

void
cf_scheduler_seat(struct cf_scheduler *scheduler, struct cf_seat *seat)
{
    unsigned number = atomic_load_explicit(&scheduler->created, memory_order_relaxed);

    scheduler->seats[number] = seat;
    atomic_store_explicit(&scheduler->created, number + 1, memory_order_release);
}

struct cf_seat *
cf_scheduler_seat_of(struct cf_scheduler *scheduler, uint32_t number)
{
    unsigned created = atomic_load_explicit(&scheduler->created, memory_order_acquire);

    for (unsigned i = 0; i < created; i++) {
        const struct cf_parker *parker = atomic_load(&scheduler->seats[i]->parker);
        if (parker != NULL && parker->number == number)
            return scheduler->seats[i];
    }
    return NULL;
}

/* Those who work already will do without it; if there are none, nobody would. */
bool
cf_scheduler_start_failed(struct cf_scheduler *scheduler)
{
    struct rousing rousing = { 0 };

    cf_spin_lock(&scheduler->lock);
    scheduler->searching--;
    bool alone = --scheduler->started == 0;
    if (scheduler->idle != NULL)
        rousing = rouse(scheduler);
    cf_spin_unlock(&scheduler->lock);
    carry_out(scheduler, rousing);
    return alone;
}

unsigned
cf_scheduler_started(struct cf_scheduler *scheduler)
{
    cf_spin_lock(&scheduler->lock);
    unsigned count = scheduler->started;
    cf_spin_unlock(&scheduler->lock);
    return count;
}

/* Meanwhile the worker is not searching, but a call that waits needs no other new one. */
void
cf_scheduler_open(struct cf_scheduler *scheduler, struct cf_seat *seat)
{
    cf_spin_lock(&scheduler->lock);
    scheduler->opening++;
    stop_searching(scheduler, seat);
    struct rousing rousing = rouse(scheduler);
    cf_spin_unlock(&scheduler->lock);
    carry_out(scheduler, rousing);
}

void
cf_scheduler_opened(struct cf_scheduler *scheduler, struct cf_seat *seat)
{
    cf_spin_lock(&scheduler->lock);
    scheduler->opening--;
    scheduler->searching++;
    seat->searching = true;
    cf_spin_unlock(&scheduler->lock);
}

/*
 * From outside.
 */

/* With room for a call in the queue, the lock is held on return; false: there is no memory for it, and it is not. */
static bool
lock_with_room(struct cf_scheduler *scheduler)
{
    cf_spin_lock(&scheduler->lock);
    while (cf_queue_is_full(&scheduler->queue)) {
        cf_spin_unlock(&scheduler->lock);
        struct cf_segment *segment = malloc(sizeof *segment);
        if (segment == NULL)
            return false;
        cf_spin_lock(&scheduler->lock);
        segment = cf_queue_keep(&scheduler->queue, segment);
        if (segment != NULL) {
            cf_spin_unlock(&scheduler->lock);
            free(segment);
            cf_spin_lock(&scheduler->lock);
        }
    }
    return true;
}

int
cf_scheduler_enqueue(struct cf_scheduler *scheduler, struct cf_future *future)
{
    struct rousing rousing = { 0 };

    if (!lock_with_room(scheduler))
        return ENOMEM;
    bool stopped = scheduler->stopped;
    if (!stopped) {
        cf_queue_put(&scheduler->queue, future);
        rousing = rouse(scheduler);
    }
    cf_spin_unlock(&scheduler->lock);
    carry_out(scheduler, rousing);
    return stopped ? ESHUTDOWN : 0;
}

void
cf_scheduler_rouse(struct cf_scheduler *scheduler)
{
    cf_spin_lock(&scheduler->lock);
    struct rousing rousing = rouse(scheduler);
    cf_spin_unlock(&scheduler->lock);
    carry_out(scheduler, rousing);
}

struct cf_future *
cf_scheduler_withdraw(struct cf_scheduler *scheduler)
{
    struct cf_segment *unused = NULL;

    cf_spin_lock(&scheduler->lock);
    struct cf_future *future = cf_queue_take(&scheduler->queue, &unused);
    cf_spin_unlock(&scheduler->lock);
    free(unused);
    return future != NULL ? future : steal(scheduler, 0);
}

void
cf_scheduler_stop(struct cf_scheduler *scheduler)
{
    cf_spin_lock(&scheduler->lock);
    scheduler->stopped = true;
    struct cf_seat *idle = scheduler->idle;
    scheduler->idle = NULL;
    cf_spin_unlock(&scheduler->lock);
    while (idle != NULL) {
        struct cf_seat *next = idle->next_idle;
        carry_out(scheduler, (struct rousing){ .wake = idle });
        idle = next;
    }
}
