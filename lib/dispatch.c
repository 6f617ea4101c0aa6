/* SPDX-License-Identifier: MIT */
/* dispatch.c - the queue of a process pool, and how its calls get into lanes. */

#include <errno.h>
#include <linux/futex.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "processes.h"

/* The lane for the next call: an idle worker's, a new worker's, or the one with the fewest ahead.  The lock is held. */
static struct lane_state *
choose(struct process_pool *pool)
{
    struct lane_state *absent = NULL, *least = NULL;

    for (unsigned i = 0; i < pool->base.options.max_workers; i++) {
        struct lane_state *lane = &pool->lanes[i];
        if (lane->life == LANE_LEAVING || cf_lane_filled(lane) == LANE_SLOTS)
            continue;
        if (lane->life == LANE_ABSENT) {
            if (absent == NULL && !pool->start_failed)
                absent = lane;
        } else if (cf_lane_load(lane) == 0) {
            return lane;
        } else if (cf_lane_load(lane) < lane->ahead && (least == NULL || cf_lane_load(lane) < cf_lane_load(least))) {
            least = lane;
        }
    }
    return absent != NULL ? absent : least;
}

static void
put(struct process_pool *pool, struct lane_state *lane, struct cf_future *call)
{
    struct slot *slot = cf_lane_slot(pool, lane, lane->tail);

    slot->task = call->task;
    slot->chunk = call->chunk;
    slot->arg_len = call->arg_len;
    slot->arg_area = call->area;
    slot->started = 0;
    if (call->area == 0)
        memcpy(slot->bytes, call->room, call->arg_len);
    lane->calls[lane->tail % LANE_SLOTS] = call;
    atomic_store_explicit(&slot->word, SLOT_QUEUED, memory_order_relaxed);
    lane->tail++;
    if (lane->life == LANE_ABSENT) {
        lane->life = LANE_PRESENT;
        lane->start_wanted = true;
        pool->workers++;
        cf_lane_shared(pool, lane)->start = lane->tail - 1;
    }
    /* Pairs with the worker's last look before it sleeps. */
    atomic_store(&cf_lane_shared(pool, lane)->tail, lane->tail);
    if (lane->number < pool->touched_first)
        pool->touched_first = lane->number;
    if (lane->number >= pool->touched_end)
        pool->touched_end = lane->number + 1;
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

    if (call == NULL ||
        !atomic_compare_exchange_strong(&cf_lane_slot(pool, lane, index)->word, &queued, SLOT_WITHDRAWN))
        return NULL;
    lane->calls[index % LANE_SLOTS] = NULL;
    lane->withdrawn++;
    return call;
}

/* Put waiting calls into lanes.  Those that were cancelled are left in *dropped.  The lock is held. */
static void
dispatch(struct process_pool *pool, struct cf_future **dropped)
{
    while (pool->first != NULL && !pool->broken) {
        bool cancelled = cf_future_state(pool->first) != CF_STATE_PENDING;
        struct lane_state *lane = cancelled ? NULL : choose(pool);
        if (!cancelled && lane == NULL)
            return;
        struct cf_future *call = cf_dispatch_dequeue(pool);
        if (cancelled) {
            call->next = *dropped;
            *dropped = call;
        } else {
            put(pool, lane, call);
        }
    }
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
        cf_collector_wake(pool);
    }
    return told;
}

/* What follows from dispatch(), without the lock: new workers, and the doorbells of those asleep. */
static void
set_going(struct process_pool *pool, unsigned first, unsigned end)
{
    for (unsigned i = first; i < end; i++) {
        _Atomic uint32_t *asleep = &pool->segment->lanes[i].asleep;
        if (atomic_exchange(&pool->lanes[i].start_wanted, false))
            cf_dispatch_order(pool, i, 0);
        if (atomic_load(asleep) == 1 && atomic_exchange(asleep, 0) == 1)
            syscall(SYS_futex, asleep, FUTEX_WAKE, 1, NULL, NULL, 0);
    }
}

void
cf_dispatch_lock(struct process_pool *pool)
{
    cf_spin_lock(&pool->lock);
    pool->touched_first = UINT_MAX;
    pool->touched_end = 0;
}

/* Dispatch, unlock, and do what follows from it. */
void
cf_dispatch_unlock(struct process_pool *pool)
{
    struct cf_future *dropped = NULL, *next;

    dispatch(pool, &dropped);
    unsigned first = pool->touched_first, end = pool->touched_end;
    cf_spin_unlock(&pool->lock);
    set_going(pool, first, end);
    for (; dropped != NULL; dropped = next) {
        next = dropped->next;
        cf_argument_drop(pool, dropped);
        cf_future_dequeued(dropped);
    }
}
