/* SPDX-License-Identifier: MIT */
/*
 * news.c - looking into the lanes.
 *
 * Whoever looks, the collector or a thread that waits, has pool->collecting: one at a time.  What he finds he notes, and
 * tells after he has given it up, because telling runs foreign code.
 */

#include <sched.h>
#include <stdlib.h>

#include "processes.h"

#define SHORT_CALL 20000 /* nanoseconds; more of such calls are sent ahead */

void
cf_news_exclude(struct process_pool *pool)
{
    while (atomic_exchange(&pool->collecting, true))
        sched_yield();
}

struct news *
cf_news_add(struct process_pool *pool, struct newspaper *paper, struct cf_future *call, const struct lane_state *lane)
{
    const struct slot *slot = cf_lane_slot(pool, lane, lane->head);
    struct news *news = &paper->news[paper->count++];

    news->call = cf_retain(call);
    news->ended = news->hooked = false;
    news->started = atomic_load_explicit(&slot->started, memory_order_relaxed);
    if (news->started == 0)
        news->started = cf_now();
    news->ended_at = atomic_load_explicit(&slot->ended, memory_order_relaxed);
    news->worker.name[0] = '\0';
    if (pool->base.options.observe != NULL)
        snprintf(news->worker.name, sizeof news->worker.name, "%s", cf_lane_name(pool, lane).text);
    return news;
}

/* The future of the slot at the head becomes RUNNING, if it is not known to be. */
static struct news *
note_start(struct process_pool *pool, struct lane_state *lane, struct newspaper *paper)
{
    const uint64_t head = lane->head;
    struct cf_future *call = lane->calls[head % LANE_SLOTS];

    if (lane->noted > head)
        return NULL;
    lane->noted = head + 1;
    cf_future_claim(call);
    cf_room_leave(&pool->base);
    return cf_news_add(pool, paper, call, lane);
}

/* More calls are sent ahead while they are short.  The lock is held. */
static void
adapt(struct lane_state *lane, const struct slot *slot)
{
    if (slot->ended - slot->started > SHORT_CALL)
        lane->ahead = AHEAD;
    else if (lane->ahead < LANE_SLOTS)
        lane->ahead *= 2;
}

static void
free_head(struct process_pool *pool, struct lane_state *lane, bool ran)
{
    cf_dispatch_lock(pool);
    if (ran && atomic_load(&cf_lane_shared(pool, lane)->retired))
        lane->life = LANE_LEAVING;
    if (ran)
        adapt(lane, cf_lane_slot(pool, lane, lane->head));
    else
        lane->withdrawn--;
    lane->calls[lane->head % LANE_SLOTS] = NULL;
    atomic_store_explicit(&cf_lane_slot(pool, lane, lane->head)->word, SLOT_FREE, memory_order_relaxed);
    lane->head++;
    cf_dispatch_unlock(pool);
}

static void
take_head(struct process_pool *pool, struct lane_state *lane, struct newspaper *paper)
{
    struct slot *slot = cf_lane_slot(pool, lane, lane->head);
    struct cf_future *call = lane->calls[lane->head % LANE_SLOTS];
    struct news *news = note_start(pool, lane, paper);

    if (news == NULL) {
        news = cf_news_add(pool, paper, call, lane);
        news->started = 0;
    }
    news->ended = true;
    cf_argument_drop(pool, call);
    cf_outcome_take(pool, lane, slot, call);
    pool->deaths = 0;
    free_head(pool, lane, true);
}

/* Go through a lane from its head.  False: the paper is full. */
bool
cf_news_read(struct process_pool *pool, struct lane_state *lane, struct newspaper *paper)
{
    while (lane->head < atomic_load_explicit(&cf_lane_shared(pool, lane)->tail, memory_order_acquire)) {
        /* One place is kept for cf_death_bury(). */
        if (paper->count == NEWS - 1)
            return false;
        switch (atomic_load(&cf_lane_slot(pool, lane, lane->head)->word)) {
        case SLOT_DONE:
            take_head(pool, lane, paper);
            break;
        case SLOT_WITHDRAWN:
            if (atomic_load(&cf_lane_shared(pool, lane)->passed) <= lane->head)
                return true;
            free_head(pool, lane, false);
            break;
        case SLOT_CLAIMED:
            note_start(pool, lane, paper);
            return true;
        default:
            return true;
        }
    }
    return true;
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
        atomic_fetch_or(&call->state, CF_STATE_STARTED);
    }
    if (!news->ended)
        return;
    while (pool->base.options.observe != NULL && (atomic_load(&call->state) & CF_STATE_STARTED) == 0)
        sched_yield();
    news->hooked = cf_future_settle(call, &news->worker, news->ended_at);
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

static void
release(struct newspaper *paper)
{
    for (unsigned i = 0; i < paper->count; i++) {
        if (paper->news[i].ended)
            cf_release(paper->news[i].call);
        cf_release(paper->news[i].call);
    }
    paper->count = 0;
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
        if (paper->news[i].hooked)
            cf_hooks_run(paper->news[i].call);
    release(paper);
    cf_self.callbacks = outer;
    cf_self.frame = frame.outer;
}

/* Cheaply, and without pool->collecting: whether a look would find anything. */
bool
cf_news_waits(struct process_pool *pool)
{
    for (unsigned i = 0; i < pool->base.options.max_workers; i++) {
        const struct lane_state *lane = &pool->lanes[i];
        const uint64_t head = lane->head;
        if (head == atomic_load(&pool->segment->lanes[i].tail))
            continue;
        uint32_t word = atomic_load(&cf_lane_slot(pool, lane, head)->word);
        if (word == SLOT_DONE || (word == SLOT_CLAIMED && lane->noted <= head) ||
            (word == SLOT_WITHDRAWN && atomic_load(&pool->segment->lanes[i].passed) > head))
            return true;
    }
    return false;
}

/* Calls behind a long one go back to the queue when a worker is idle.  The lock is held. */
static void
rebalance(struct process_pool *pool)
{
    struct lane_state *idle = NULL, *most = NULL;

    for (unsigned i = 0; i < pool->base.options.max_workers && pool->first == NULL; i++) {
        struct lane_state *lane = &pool->lanes[i];
        if (lane->life == LANE_PRESENT && cf_lane_load(lane) == 0)
            idle = lane;
        if (cf_lane_load(lane) > 1 && (most == NULL || cf_lane_load(lane) > cf_lane_load(most)))
            most = lane;
    }
    if (idle == NULL || most == NULL)
        return;
    /* The later half of those that are still there, in their order. */
    uint64_t first = most->tail;
    for (uint64_t n = cf_lane_load(most) / 2; n > 0 && first > most->head;)
        if (most->calls[--first % LANE_SLOTS] != NULL)
            n--;
    for (; first < most->tail; first++) {
        struct cf_future *call = cf_dispatch_recall(pool, most, first);
        if (call != NULL)
            cf_dispatch_append(pool, call);
    }
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

/* Take what has arrived; if another thread is at it, leave it to that one. */
bool
cf_news_look(struct process_pool *pool)
{
    struct newspaper paper = { .count = 0 };
    bool all = true;

    if (!cf_news_waits(pool) || atomic_exchange(&pool->collecting, true))
        return false;
    enter(&pool->base);
    /* From where the last paper was full. */
    for (unsigned i = 0; i < pool->base.options.max_workers && all; i++) {
        all = cf_news_read(pool, &pool->lanes[pool->next_lane], &paper);
        if (all)
            pool->next_lane = (pool->next_lane + 1) % pool->base.options.max_workers;
    }
    cf_dispatch_lock(pool);
    rebalance(pool);
    cf_dispatch_unlock(pool);
    atomic_store(&pool->collecting, false);
    cf_news_tell(pool, &paper);
    leave(&pool->base);
    return true;
}
