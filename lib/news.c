/* SPDX-License-Identifier: MIT */
/*
 * news.c - looking into the lanes.
 *
 * Whoever looks, the collector or a thread that waits, has pool->collecting: one at a time.  What he finds he notes,
 * and tells after he has given it up, because telling runs foreign code.
 */

#include <stdlib.h>

#include "processes.h"

enum { FETCH = 4 }; /* slots before it is needed, a future is asked for from another processor's cache */

void
cf_news_exclude(struct process_pool *pool)
{
    while (atomic_exchange(&pool->collecting, true))
        cf_make_way();
}

static struct news *
add(struct process_pool *pool, const struct lane_state *lane, struct cf_future *call, struct newspaper *paper)
{
    struct news *news = &paper->news[paper->count++];

    news->call = call;
    news->ended = news->settled = false;
    news->started = news->ended_at = 0;
    news->worker.name[0] = '\0';
    if (pool->base.options.observe != NULL)
        snprintf(news->worker.name, sizeof news->worker.name, "%s", cf_lane_name(pool, lane).text);
    return news;
}

static cf_time
start_of(const struct slot *slot)
{
    const cf_time started = atomic_load_explicit(&slot->started, memory_order_relaxed);

    return started != 0 ? started : cf_now();
}

/* The future of the slot at the head becomes RUNNING, if it is not known to be. */
static void
note_start(struct process_pool *pool, struct lane_state *lane, uint64_t head, struct newspaper *paper)
{
    struct cf_future *call = lane->calls[head % LANE_SLOTS];

    if (lane->noted > head)
        return;
    lane->noted = head + 1;
    cf_future_claim(call);
    cf_room_leave(&pool->base);
    if (pool->base.options.observe != NULL)
        add(pool, lane, cf_retain(call), paper)->started = start_of(cf_lane_slot(pool, lane, head));
}

/*
 * The call in that slot has ended, and its outcome is in its future.  Without an observer there is nothing to tell but
 * to those hooked on, so the future is settled here; only then is it taken out of the lane, where else cf_cancel()
 * would miss it.  The reference is given up, or goes into the paper.
 */
void
cf_news_of_end(struct process_pool *pool, struct lane_state *lane, uint64_t index, cf_time ended,
               struct newspaper *paper)
{
    const bool noted = lane->noted > index, observed = pool->base.options.observe != NULL;
    struct cf_future *call = lane->calls[index % LANE_SLOTS];
    bool hooked = false;

    if (!noted)
        cf_room_leave(&pool->base);
    if (observed) {
        cf_future_claim(call);
    } else {
        hooked = cf_future_settle(call, NULL, 0);
        atomic_store_explicit(&lane->calls[index % LANE_SLOTS], NULL, memory_order_release);
    }
    if (!observed && !hooked) {
        cf_release(call);
        return;
    }
    struct news *news = add(pool, lane, call, paper);
    news->ended = true;
    news->settled = hooked;
    news->started = observed && !noted ? start_of(cf_lane_slot(pool, lane, index)) : 0;
    news->ended_at = ended;
}

static void
free_slots(struct process_pool *pool, struct lane_state *lane, const struct finding *found)
{
    cf_dispatch_lock(pool);
    if (found->ran > 0 && atomic_load(&cf_lane_shared(pool, lane)->retired))
        lane->life = LANE_LEAVING;
    if (found->ran > 0)
        cf_balance_adapt(lane, found);
    lane->withdrawn -= found->withdrawn;
    lane->head = found->head;
    cf_dispatch_sort(pool, lane);
    cf_dispatch_unlock(pool);
}

static void
take(struct process_pool *pool, struct lane_state *lane, struct finding *found, struct newspaper *paper)
{
    const uint64_t index = found->head++;
    struct slot *slot = cf_lane_slot(pool, lane, index);
    struct cf_future *call = lane->calls[index % LANE_SLOTS];
    const cf_time ended = atomic_load_explicit(&slot->ended, memory_order_relaxed);
    const cf_time took = ended - atomic_load_explicit(&slot->started, memory_order_relaxed);

    __builtin_prefetch(atomic_load_explicit(&lane->calls[(index + FETCH) % LANE_SLOTS], memory_order_relaxed), 1);
    found->ran++;
    found->took += took;
    if (took > found->longest)
        found->longest = took;
    cf_argument_drop(pool, call);
    cf_outcome_take(pool, lane, index, call);
    cf_news_of_end(pool, lane, index, ended, paper);
}

/* See what has become of the call at found->head.  False: there is nothing more to be found. */
static bool
find(struct process_pool *pool, struct lane_state *lane, struct finding *found, struct newspaper *paper)
{
    switch (atomic_load_explicit(&cf_lane_slot(pool, lane, found->head)->word, memory_order_acquire)) {
    case SLOT_DONE:
        take(pool, lane, found, paper);
        return true;
    case SLOT_WITHDRAWN:
        if (atomic_load(&cf_lane_shared(pool, lane)->passed) <= found->head)
            return false;
        found->withdrawn++;
        found->head++;
        return true;
    case SLOT_CLAIMED:
        note_start(pool, lane, found->head, paper);
        return false;
    default:
        return false;
    }
}

/* Go through a lane from its head.  False: the paper is full. */
bool
cf_news_read(struct process_pool *pool, struct lane_state *lane, struct newspaper *paper)
{
    const uint64_t tail = atomic_load_explicit(&lane->tail, memory_order_acquire);
    struct finding found = { .head = lane->head };

    /* One place is kept for cf_death_bury(). */
    while (found.head < tail && paper->count < NEWS - 1 && find(pool, lane, &found, paper))
        ;
    if (found.ran > 0)
        pool->deaths = 0;
    if (found.head != lane->head)
        free_slots(pool, lane, &found);
    return paper->count < NEWS - 1;
}

/*
 * That a call has started is told by whoever noticed; that it has ended, by another maybe, comes after that.  The
 * future is settled, but those who wait for it, and callbacks, have yet to be told.
 */
static void
settle(struct process_pool *pool, struct news *news)
{
    struct cf_future *call = news->call;

    if (news->started != 0 && pool->base.options.observe != NULL) {
        cf_observe(&pool->base, CF_EVENT_STARTED, call, &news->worker, news->started);
        atomic_fetch_or(&call->word, CF_STATE_STARTED);
    }
    if (!news->ended || news->settled)
        return;
    while (pool->base.options.observe != NULL && (atomic_load(&call->word) & CF_STATE_STARTED) == 0)
        cf_make_way();
    news->settled = cf_future_settle(call, &news->worker, news->ended_at);
}

static cf_time
when(const struct news *news)
{
    return news->ended ? news->ended_at : news->started;
}

static int
compare(const void *a, const void *b)
{
    const cf_time x = when(a), y = when(b);

    return (x > y) - (x < y);
}

/* In the order in which it happened, whichever lane it was in; and all of it before the first callback. */
void
cf_news_tell(struct process_pool *pool, struct newspaper *paper)
{
    struct cf_frame frame = { .outer = cf_self.frame, .executor = &pool->base };
    struct cf_callbacks *outer = cf_self.callbacks;

    if (paper->count > 1)
        qsort(paper->news, paper->count, sizeof paper->news[0], compare);
    cf_self.frame = &frame;
    cf_self.callbacks = &pool->callbacks;
    for (unsigned i = 0; i < paper->count; i++)
        settle(pool, &paper->news[i]);
    for (unsigned i = 0; i < paper->count; i++)
        if (paper->news[i].settled)
            cf_hooks_run_and_release(paper->news[i].call);
        else
            cf_release(paper->news[i].call);
    paper->count = 0;
    cf_self.callbacks = outer;
    cf_self.frame = frame.outer;
}

/*
 * Cheaply, and without pool->collecting: whether a look would find anything.  The tail is read first, as the word of a
 * slot beyond it is of the last round.
 */
bool
cf_news_waits(struct process_pool *pool)
{
    const unsigned end = pool->base.options.max_workers;

    for (unsigned i = cf_set_next(&pool->busy, 0, end); i < end; i = cf_set_next(&pool->busy, i + 1, end)) {
        const struct lane_state *lane = &pool->lanes[i];
        const uint64_t head = lane->head;
        if (head == lane->tail)
            continue;
        uint32_t word = atomic_load(&cf_lane_slot(pool, lane, head)->word);
        if (word == SLOT_DONE || (word == SLOT_CLAIMED && lane->noted <= head) ||
            (word == SLOT_WITHDRAWN && atomic_load(&pool->segment->lanes[i].passed) > head))
            return true;
    }
    return false;
}

/* Those who shut down wait for the callbacks that run between the two. */
static void
enter(struct cf_executor *executor)
{
    atomic_fetch_add(&executor->cancelling, 1);
}

/* Unlike cf_executor_told(), without a system call as long as nobody shuts down; the executor is sure to be there. */
static void
leave(struct cf_executor *executor)
{
    if (atomic_fetch_sub(&executor->cancelling, 1) == 1 && (atomic_load(&executor->flags) & CF_EXECUTOR_SHUT) != 0)
        cf_futex_wake(&executor->cancelling, INT_MAX);
}

/* Read lanes; false: the paper is full, and the next one begins with that lane. */
static bool
read_lanes(struct process_pool *pool, unsigned from, unsigned end, struct newspaper *paper)
{
    for (unsigned i = cf_set_next(&pool->busy, from, end); i < end; i = cf_set_next(&pool->busy, i + 1, end))
        if (!cf_news_read(pool, &pool->lanes[i], paper)) {
            pool->next_lane = i;
            return false;
        }
    return true;
}

/* Take what has arrived; if another thread is at it, leave it to that one. */
bool
cf_news_look(struct process_pool *pool)
{
    struct newspaper paper;

    if (!cf_news_waits(pool) || atomic_exchange(&pool->collecting, true))
        return false;
    paper.count = 0;
    const unsigned first = pool->next_lane;
    if (read_lanes(pool, first, pool->base.options.max_workers, &paper))
        read_lanes(pool, 0, first, &paper);
    cf_balance(pool);
    if (paper.count == 0) {
        atomic_store(&pool->collecting, false);
        return true;
    }
    enter(&pool->base);
    atomic_store(&pool->collecting, false);
    cf_news_tell(pool, &paper);
    leave(&pool->base);
    return true;
}
