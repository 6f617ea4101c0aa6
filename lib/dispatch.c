/* SPDX-License-Identifier: MIT */
/* dispatch.c - the queue of a process pool, and how its calls get into lanes. */

#include <errno.h>
#include <linux/futex.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "processes.h"

enum {
    STRIDE = 8,     /* calls that go to a lane before the next one has its turn */
    WAKING = 50000, /* nanoseconds until a worker that sleeps has begun with a call, */
    REACHING = 1000 /* and one that is awake */
};

/* The lane belongs to the sets that its state says.  The lock is held. */
void
cf_dispatch_sort(struct process_pool *pool, const struct lane_state *lane)
{
    const uint64_t filled = cf_lane_filled(lane), load = filled - lane->withdrawn;
    const bool takes = lane->life == LANE_PRESENT && filled < LANE_SLOTS;

    cf_set_put(&pool->absent, lane->number, lane->life == LANE_ABSENT);
    cf_set_put(&pool->idle, lane->number, takes && load == 0);
    cf_set_put(&pool->roomy, lane->number, takes && load > 0 && load < lane->ahead);
    cf_set_put(&pool->busy, lane->number, filled > 0);
}

static bool
is_asleep(const struct process_pool *pool, unsigned number)
{
    return atomic_load_explicit(&pool->segment->lanes[number].asleep, memory_order_relaxed) == 1;
}

/* Of the lanes whose workers are idle one that has been opened, if there is any; else another; else end. */
static unsigned
idle_lane(const struct process_pool *pool, unsigned end)
{
    const unsigned first = cf_set_next(&pool->idle, 0, end);
    unsigned i = first;

    while (i < end && !cf_lane_is_open(pool, i))
        i = cf_set_next(&pool->idle, i + 1, end);
    return i < end ? i : first;
}

/*
 * The lane for the next call, or NULL: an idle worker's, a new worker's, or one that has room.  But it takes a while to
 * reach a worker, so that one is left in peace as long as another seems to be through sooner with what it has; if that
 * turns out wrong, cf_balance() mends it.  The lock is held.
 */
static struct lane_state *
choose(struct process_pool *pool)
{
    const unsigned end = pool->base.options.max_workers;
    const unsigned roomy = cf_set_after(&pool->roomy, pool->cursor, end);
    unsigned number = idle_lane(pool, end);

    if (number == end && !pool->start_failed)
        number = cf_set_next(&pool->absent, 0, end);
    if (number == end || (roomy < end && cf_lane_load(&pool->lanes[roomy]) * pool->lanes[roomy].cost <
                                             (is_asleep(pool, number) ? WAKING : REACHING))) {
        number = roomy;
        pool->cursor = roomy;
    }
    return number < end ? &pool->lanes[number] : NULL;
}

static void
employ(struct process_pool *pool, struct lane_state *lane)
{
    lane->life = LANE_PRESENT;
    lane->start_wanted = true;
    pool->workers++;
    cf_lane_shared(pool, lane)->start = lane->tail;
}

/* The word is written last, as a worker that is awake looks at nothing else. */
static void
put(struct process_pool *pool, struct lane_state *lane, struct cf_future *call)
{
    const uint64_t tail = atomic_load_explicit(&lane->tail, memory_order_relaxed);
    struct slot *slot = cf_lane_slot(pool, lane, tail);

    if (lane->life == LANE_ABSENT)
        employ(pool, lane);
    slot->task = call->task;
    slot->chunk = call->chunk;
    slot->len = call->arg_len;
    slot->arg_area = call->area;
    atomic_store_explicit(&slot->started, 0, memory_order_relaxed);
    if (call->area == 0)
        memcpy(cf_slot_bytes(cf_lane_shared(pool, lane), slot, call->arg_len), call->room, call->arg_len);
    atomic_store_explicit(&lane->calls[tail % LANE_SLOTS], call, memory_order_relaxed);
    atomic_store_explicit(&slot->word, SLOT_QUEUED, memory_order_release);
    /* For those who look without the lock: before it, the word may be of the last round. */
    atomic_store_explicit(&lane->tail, tail + 1, memory_order_release);
    if ((tail + 1) % STRIDE == 0)
        pool->cursor = lane->number + 1;
    cf_set_put(&pool->touched, lane->number, true);
    cf_dispatch_sort(pool, lane);
    __builtin_prefetch(cf_lane_slot(pool, lane, tail + 1), 1);
}

/* What is in the inbox goes to the end of the queue.  The lock is held.  Whether the pool was stopped then. */
bool
cf_dispatch_empty_inbox(struct process_pool *pool)
{
    cf_spin_lock(&pool->inbox_lock);
    const bool stopped = pool->stopped;
    struct cf_future *first = atomic_load_explicit(&pool->inbox_first, memory_order_relaxed);
    if (first != NULL) {
        *pool->last = first;
        pool->last = &pool->inbox_last->next;
        atomic_store_explicit(&pool->inbox_first, NULL, memory_order_relaxed);
        pool->inbox_last = NULL;
    }
    cf_spin_unlock(&pool->inbox_lock);
    return stopped;
}

struct cf_future *
cf_dispatch_dequeue(struct process_pool *pool)
{
    struct cf_future *call = pool->first;

    if (call == NULL)
        return NULL;
    pool->first = call->next;
    if (pool->first == NULL)
        pool->last = &pool->first;
    return call;
}

void
cf_dispatch_append(struct process_pool *pool, struct cf_future *call)
{
    call->next = NULL;
    *pool->last = call;
    pool->last = &call->next;
}

/* Take a call back that its worker has not started; NULL: it has, or there is none.  The lock is held. */
struct cf_future *
cf_dispatch_recall(struct process_pool *pool, struct lane_state *lane, uint64_t index)
{
    struct cf_future *call = lane->calls[index % LANE_SLOTS];
    uint32_t queued = SLOT_QUEUED;

    /* Before the word, which makes the worker ask. */
    atomic_store(&cf_lane_shared(pool, lane)->tail, lane->tail);
    if (call == NULL ||
        !atomic_compare_exchange_strong(&cf_lane_slot(pool, lane, index)->word, &queued, SLOT_WITHDRAWN))
        return NULL;
    lane->calls[index % LANE_SLOTS] = NULL;
    lane->withdrawn++;
    cf_dispatch_sort(pool, lane);
    return call;
}

/* Put waiting calls into lanes.  Those that were cancelled are left in *dropped.  The lock is held. */
static void
dispatch(struct process_pool *pool, struct cf_future **dropped)
{
    pool->full = false;
    cf_dispatch_empty_inbox(pool);
    while (pool->first != NULL && !pool->broken) {
        bool cancelled = cf_future_state(pool->first) != CF_STATE_PENDING;
        struct lane_state *lane = cancelled ? NULL : choose(pool);
        if (!cancelled && lane == NULL)
            break;
        struct cf_future *call = cf_dispatch_dequeue(pool);
        if (cancelled) {
            call->next = *dropped;
            *dropped = call;
        } else {
            put(pool, lane, call);
        }
    }
    pool->full = pool->first != NULL;
}

/* 0 or an errno.  Who closes the socket waits until nobody is about to use it. */
static int
send_order(struct process_pool *pool, const struct order *order)
{
    int error = EPIPE;

    atomic_fetch_add(&pool->waking, 1);
    if (!atomic_load(&pool->ended)) {
        ssize_t sent;
        while ((sent = send(pool->socket, order, sizeof *order, MSG_NOSIGNAL)) < 0 && errno == EINTR)
            ;
        error = sent < 0 ? errno : 0;
    }
    atomic_fetch_sub(&pool->waking, 1);
    return error;
}

/* Where there is no nursery any more, its end is news of its own. */
bool
cf_dispatch_order(struct process_pool *pool, unsigned lane, int signal)
{
    const struct order order = { .lane = lane, .signal = signal };
    const int error = send_order(pool, &order);
    const bool told = error == 0 || error == EPIPE || error == ECONNRESET;

    if (!told && signal == 0) {
        pool->segment->lanes[lane].fate = error;
        atomic_store(&pool->segment->lanes[lane].gone, GONE_UNBORN);
        atomic_store(&pool->segment->reported, 1);
        cf_collector_wake(pool);
    }
    return told;
}

/*
 * Tell a worker that has been given calls, if it sleeps, or have it started.  A watcher is one meanwhile: the worker
 * may run in his stead, and need not wake the collector for what he then sees himself.  Whether it slept.
 */
static bool
rouse(struct process_pool *pool, unsigned number, bool watches)
{
    _Atomic uint32_t *asleep = &pool->segment->lanes[number].asleep;

    if (atomic_load(&pool->lanes[number].start_wanted) && atomic_exchange(&pool->lanes[number].start_wanted, false))
        cf_dispatch_order(pool, number, 0);
    if (atomic_load(asleep) == 0 || atomic_exchange(asleep, 0) == 0)
        return false;
    atomic_fetch_add(&pool->segment->watchers, watches);
    syscall(SYS_futex, asleep, FUTEX_WAKE, 1, NULL, NULL, 0);
    atomic_fetch_sub(&pool->segment->watchers, watches);
    cf_self.woke = true;
    return true;
}

/*
 * Let workers that go to sleep know what they have; this pairs with their last look.  Whether there is a call behind
 * another now.  The lock is held.
 */
static bool
publish(struct process_pool *pool, struct cf_set *touched)
{
    const unsigned end = pool->base.options.max_workers;
    bool lines = false;

    cf_set_move(touched, &pool->touched, end);
    for (unsigned i = cf_set_next(touched, 0, end); i < end; i = cf_set_next(touched, i + 1, end)) {
        atomic_store(&pool->segment->lanes[i].tail, pool->lanes[i].tail);
        lines = lines || cf_lane_load(&pool->lanes[i]) > 1;
    }
    return lines;
}

/*
 * Calls wait behind others, which may take longer than is thought, so the collector shall look from time to time.
 * Before it sleeps for longer it says so and then looks for lines under the lock, which has been released: either it
 * sees them, or we see that.
 */
static void
rouse_collector(struct process_pool *pool)
{
    _Atomic uint32_t *timed = &pool->segment->timed;

    if (atomic_load(timed) == 0 && atomic_exchange(timed, 1) == 0)
        cf_collector_wake(pool);
}

/* Dispatch, unlock, and do what follows from it without the lock.  Whether a worker slept. */
static bool
dispatch_and_unlock(struct process_pool *pool, bool watches)
{
    const unsigned end = pool->base.options.max_workers;
    struct cf_future *dropped = NULL, *next;
    struct cf_set touched;
    bool roused = false;

    dispatch(pool, &dropped);
    const bool lines = publish(pool, &touched);
    /* Sequentially consistent, as are try() and what it comes after: see cf_dispatch_unlock(). */
    atomic_store(&pool->lock.held, false);
    for (unsigned i = cf_set_next(&touched, 0, end); i < end; i = cf_set_next(&touched, i + 1, end))
        roused |= rouse(pool, i, watches);
    if (lines)
        rouse_collector(pool);
    for (; dropped != NULL; dropped = next) {
        next = dropped->next;
        cf_argument_drop(pool, dropped);
        cf_future_dequeued(dropped);
    }
    return roused;
}

static bool
try(struct process_pool *pool)
{
    return !atomic_exchange(&pool->lock.held, true);
}

void
cf_dispatch_lock(struct process_pool *pool)
{
    cf_spin_lock(&pool->lock);
}

/*
 * Whoever has submitted a call, and finds the lock held, leaves it in the inbox to the one who holds it.  So that one
 * looks there after he has let go of the lock: either he sees the call, or its submitter the lock free.
 */
static bool
unlock(struct process_pool *pool, bool watches)
{
    bool roused = false;

    do
        roused |= dispatch_and_unlock(pool, watches);
    while (atomic_load(&pool->inbox_first) != NULL && !pool->full && try(pool));
    return roused;
}

void
cf_dispatch_unlock(struct process_pool *pool)
{
    unlock(pool, false);
}

/* Queue a call, and put it into a lane if there is room.  False: the pool is stopped. */
bool
cf_dispatch_submit(struct process_pool *pool, struct cf_future *call)
{
    const bool retries = atomic_load(&pool->start_failed) && atomic_exchange(&pool->start_failed, false);

    call->next = NULL;
    cf_spin_lock(&pool->inbox_lock);
    const bool taken = !pool->stopped;
    if (taken) {
        /* The first one is seen by those who do not have this lock, and so goes there in one piece. */
        if (pool->inbox_last == NULL)
            atomic_store(&pool->inbox_first, call);
        else
            pool->inbox_last->next = call;
        pool->inbox_last = call;
    }
    cf_spin_unlock(&pool->inbox_lock);
    /* Not where that would run the observer. */
    const bool watches = pool->base.options.observe == NULL;
    if (taken && (!pool->full || retries) && try(pool) && unlock(pool, watches) && watches)
        cf_collector_catch_up(pool);
    return taken;
}
