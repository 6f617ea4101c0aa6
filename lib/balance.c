/* SPDX-License-Identifier: MIT */
/* balance.c - how many calls a worker is given ahead, and taking them back when another has none. */

#include "processes.h"

#define LINE 100000  /* nanoseconds' worth of calls are sent ahead to a worker, */
#define LONG 1000000 /* or, of shorter calls than this, one more than it runs, lest it wait for the next */

/*
 * How many calls the worker may be given: what takes LINE, but not suddenly more.  It goes by the calls just taken but
 * for the longest, during which another process may have had the processor.
 */
void
cf_balance_adapt(struct lane_state *lane, const struct finding *found)
{
    const uint64_t most = 2 * lane->ahead < LANE_SLOTS ? 2 * lane->ahead : LANE_SLOTS;
    const cf_time took = found->ran > 1 ? found->took - found->longest : found->took;

    lane->cost = (uint64_t)took / (found->ran > 1 ? found->ran - 1 : 1);
    const uint64_t fit = LINE / (lane->cost + 1), least = lane->cost < LONG ? 2 : AHEAD;
    lane->ahead = (unsigned)(fit < least ? least : fit < most ? fit : most);
}

/* The busy lane with the most calls, if it has more than one; or NULL.  The lock is held. */
static struct lane_state *
longest_lane(struct process_pool *pool)
{
    const unsigned end = pool->base.options.max_workers;
    struct lane_state *most = NULL;

    for (unsigned i = cf_set_next(&pool->busy, 0, end); i < end; i = cf_set_next(&pool->busy, i + 1, end)) {
        struct lane_state *lane = &pool->lanes[i];
        if (cf_lane_load(lane) > 1 && (most == NULL || cf_lane_load(lane) > cf_lane_load(most)))
            most = lane;
    }
    return most;
}

/* A busy lane whose worker is still being opened, if one that has been is idle; or NULL.  The lock is held. */
static struct lane_state *
opening_lane(struct process_pool *pool)
{
    const unsigned end = pool->base.options.max_workers;
    unsigned idle = cf_set_next(&pool->idle, 0, end), busy = cf_set_next(&pool->busy, 0, end);

    while (idle < end && !cf_lane_is_open(pool, idle))
        idle = cf_set_next(&pool->idle, idle + 1, end);
    while (idle < end && busy < end && (cf_lane_is_open(pool, busy) || cf_lane_load(&pool->lanes[busy]) == 0))
        busy = cf_set_next(&pool->busy, busy + 1, end);
    return idle < end && busy < end ? &pool->lanes[busy] : NULL;
}

/* Whether a call that were in the queue could be begun at once, by a worker that is idle or a new one. */
static bool
has_hands(const struct process_pool *pool)
{
    const unsigned end = pool->base.options.max_workers;

    return cf_set_next(&pool->idle, 0, end) < end ||
           (!atomic_load(&pool->start_failed) && cf_set_next(&pool->absent, 0, end) < end);
}

/*
 * Calls behind one that takes longer than was thought, or before a worker that takes long to open, go back to the queue
 * when others could begin them: the later half of those that are still there, in their order.  The lock is held.
 */
static void
rebalance(struct process_pool *pool)
{
    struct lane_state *most = longest_lane(pool);

    if (most == NULL)
        most = opening_lane(pool);
    if (most == NULL || pool->first != NULL)
        return;
    most->cost = COST_UNKNOWN;
    const uint64_t load = cf_lane_load(most);
    uint64_t first = most->tail;
    for (uint64_t n = load > 1 ? load / 2 : 1; n > 0 && first > most->head;)
        if (most->calls[--first % LANE_SLOTS] != NULL)
            n--;
    for (; first < most->tail; first++) {
        struct cf_future *call = cf_dispatch_recall(pool, most, first);
        if (call != NULL)
            cf_dispatch_append(pool, call);
    }
}

/*
 * By who looks, and the collector from time to time, as a worker may be idle without having had news, or have died or
 * retired with nobody submitting anything after that.
 */
void
cf_balance(struct process_pool *pool)
{
    const unsigned end = pool->base.options.max_workers;

    if (cf_set_next(&pool->busy, 0, end) == end || !has_hands(pool))
        return;
    cf_dispatch_lock(pool);
    if (has_hands(pool))
        rebalance(pool);
    cf_dispatch_unlock(pool);
}
