/* SPDX-License-Identifier: MIT */
/* collector.c - the thread of a process pool that takes the outcomes, and others that do so meanwhile. */

#include <errno.h>
#include <linux/futex.h>
#include <poll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "processes.h"

enum { SPINS = 1000 }; /* looks without news before a thread that waits goes to sleep: some 30 microseconds */
#define CATCH_UP ((cf_time)1000000) /* for so long a thread looks for others, before it leaves that to the collector */

void
cf_collector_wake(struct process_pool *pool)
{
    const uint64_t one = 1;

    atomic_fetch_add(&pool->waking, 1);
    /* Even if it is awake: it may have seen all that it looks for before it goes to sleep. */
    atomic_store(&pool->segment->asleep, 0);
    /* It fails only if the bell is full of rings. */
    const ssize_t written = atomic_load(&pool->ended) ? 0 : write(pool->bell, &one, sizeof one);
    (void)written;
    atomic_fetch_sub(&pool->waking, 1);
}

static void
cease_to_watch(void)
{
    if (cf_self.watched != NULL)
        atomic_fetch_sub(cf_self.watched, 1);
    cf_self.watched = NULL;
}

/* Workers do not ring while a thread watches, which must not be one that runs callbacks.  A forked child has none. */
void
cf_collector_stand_in(struct cf_executor *executor)
{
    if (cf_executor_frozen(executor))
        return;
    cease_to_watch();
    cf_collector_wake(cf_process_pool_of(executor));
}

/* Take what has arrived; but where more arrives all the time, not for ever.  Whether there may be more. */
static bool
take_news(struct process_pool *pool)
{
    cf_time end = 0;

    while (cf_news_look(pool)) {
        const cf_time now = cf_now();
        if (end == 0)
            end = now + CATCH_UP;
        else if (now >= end)
            return true;
    }
    return false;
}

/*
 * For who was a watcher, or rung for: what was finished meanwhile, nobody else was told of, also of what is just being
 * put into a lane.
 */
void
cf_collector_catch_up(struct process_pool *pool)
{
    cf_spin_await(&pool->lock);
    const bool more = take_news(pool);
    /*
     * What the collector sleeps for may have changed.  Who shuts down sets SHUT, then tells the collector, who looks
     * under the lock under which outcomes leave the lanes: if the last did so before, he sees that, and if after, we
     * see SHUT.
     */
    if (more || pool->has_deadlines || cf_executor_is(&pool->base, CF_EXECUTOR_SHUT))
        cf_collector_wake(pool);
}

/* One thread that waits may have the seat, in which it is woken by a worker rather than through the collector. */
bool
cf_collector_park(struct cf_executor *executor, struct cf_parker *parker, cf_time deadline)
{
    struct process_pool *pool = cf_process_pool_of(executor);
    _Atomic uint32_t *seat = &pool->segment->seat;
    uint32_t free = SEAT_FREE;

    if (!atomic_compare_exchange_strong(seat, &free, SEAT_TAKEN))
        return cf_park(parker, deadline);
    /* What another is just taking, he takes to the end: whoever has done so looks once more. */
    const bool news = cf_news_waits(pool) && !atomic_load(&pool->collecting);
    const bool woken = news ? !cf_is_past(deadline) : cf_park_or(parker, deadline, seat, SEAT_TAKEN);
    if (atomic_exchange(seat, SEAT_FREE) == SEAT_RUNG || cf_news_waits(pool))
        cf_collector_catch_up(pool);
    return woken;
}

/* These nest where an observer waits for a call of another pool. */
void
cf_collector_watch(struct cf_executor *executor, const struct cf_future *future, cf_time deadline)
{
    struct process_pool *pool = cf_process_pool_of(executor);
    _Atomic uint32_t *outer = cf_self.watched;

    cf_self.watched = &pool->segment->watchers;
    atomic_fetch_add(cf_self.watched, 1);
    for (int left = cf_self.woke ? 1 : cf_patience(cf_self.in_vain, SPINS); left > 0 && !cf_done(future); left--) {
        if (cf_news_look(pool))
            left = cf_is_past(deadline) ? 1 : SPINS;
        cf_pause();
    }
    if (!cf_self.woke)
        cf_spun(&cf_self.in_vain, cf_done(future));
    cf_self.woke = false;
    cease_to_watch();
    cf_self.watched = outer;
    cf_collector_catch_up(pool);
}

/* For a worker that has died between the two steps of that. */
static void
wake_who_was_rung_for(struct process_pool *pool)
{
    syscall(SYS_futex, &pool->segment->seat, FUTEX_WAKE, 1, NULL, NULL, 0);
}

/* What the nursery has reported of its workers, and of itself by its end. */
static void
hear_of_the_dead(struct process_pool *pool)
{
    struct pollfd end = { .fd = pool->nursery_fd, .events = POLLIN };
    const bool nursery_gone = !pool->nursery_gone && poll(&end, 1, 0) == 1;
    const bool reported = atomic_exchange(&pool->segment->reported, 0) == 1;

    for (unsigned i = 0; i < pool->base.options.max_workers && reported; i++) {
        struct lane *lane = &pool->segment->lanes[i];
        const uint32_t gone = atomic_load(&lane->gone);
        if (gone == GONE_DEAD)
            cf_death_bury(pool, &pool->lanes[i], lane->fate);
        else if (gone == GONE_UNBORN)
            cf_death_at_birth(pool, &pool->lanes[i], lane->fate);
    }
    if (reported)
        wake_who_was_rung_for(pool);
    if (nursery_gone)
        cf_death_of_nursery(pool);
}

/* Whether a call waits behind another, which may be over and not told of. */
static bool
has_lines(struct process_pool *pool)
{
    const unsigned end = pool->base.options.max_workers;
    bool lines = false;

    cf_dispatch_lock(pool);
    for (unsigned i = cf_set_next(&pool->busy, 0, end); i < end && !lines; i = cf_set_next(&pool->busy, i + 1, end))
        lines = cf_lane_load(&pool->lanes[i]) > 1;
    cf_dispatch_unlock(pool);
    return lines;
}

/* Every call is settled, and there will be no more. */
static bool
is_finished(struct process_pool *pool)
{
    const unsigned end = pool->base.options.max_workers;

    cf_dispatch_lock(pool);
    const bool stopped = cf_dispatch_empty_inbox(pool);
    const bool finished = stopped && pool->first == NULL && cf_set_next(&pool->busy, 0, end) == end;
    cf_dispatch_unlock(pool);
    return finished;
}

static int
milliseconds_until(cf_time when)
{
    if (when == CF_NEVER)
        return -1;
    cf_time left = (when - cf_now() + 999999) / 1000000;
    return left < 0 ? 0 : left > INT_MAX ? INT_MAX : (int)left;
}

/*
 * Sleep until a worker or the nursery rings, or the latter is gone, an interrupt comes or it is time.  As long as there
 * was news lately, or calls wait behind others, one looks every millisecond, and workers need not tell of each call.
 * Who puts a call behind another while that is not so rouses us (dispatch.c), and who has done so before, we see.
 */
static void
sleep_until_rung(struct process_pool *pool, bool timed, cf_time when)
{
    struct pollfd fds[] = {
        { .fd = pool->bell, .events = POLLIN },
        { .fd = pool->nursery_gone ? -1 : pool->nursery_fd, .events = POLLIN },
        { .fd = pool->interrupted ? -1 : pool->base.stop_fd, .events = POLLIN },
    };
    uint64_t rung;

    int most = milliseconds_until(when);
    if (timed && (most < 0 || most > 1))
        most = 1;
    atomic_store(&pool->segment->timed, timed);
    atomic_store(&pool->segment->asleep, 1);
    /* The news last: who puts a call into a lane, where it may be over at once, holds the lock that the others take. */
    const bool busy = (!timed && has_lines(pool)) || (!pool->dismissed && is_finished(pool)) || cf_news_waits(pool);
    poll(fds, 3, busy ? 0 : most);
    atomic_store(&pool->segment->asleep, 0);
    if (fds[0].revents != 0 && read(pool->bell, &rung, sizeof rung) < 0)
        fds[0].revents = 0;
    if (fds[0].revents != 0 || fds[1].revents != 0)
        hear_of_the_dead(pool);
    if (fds[2].revents != 0) {
        pool->interrupted = true;
        cf_executor_cancel_pending(&pool->base);
    }
}

static void
dismiss_workers(struct process_pool *pool)
{
    pool->dismissed = true;
    atomic_store(&pool->segment->quit, 1);
    for (unsigned i = 0; i < pool->base.options.max_workers; i++) {
        _Atomic uint32_t *asleep = &pool->segment->lanes[i].asleep;
        if (atomic_exchange(asleep, 0) == 1)
            syscall(SYS_futex, asleep, FUTEX_WAKE, 1, NULL, NULL, 0);
    }
}

void *
cf_collector_main(void *arg)
{
    struct process_pool *pool = arg;
    cf_time when = CF_NEVER;
    bool found = false;

    cf_self.callbacks = &pool->callbacks;
    while (!pool->dismissed || pool->workers > 0) {
        sleep_until_rung(pool, found || has_lines(pool), when);
        for (found = false; cf_news_look(pool);)
            found = true;
        cf_balance(pool);
        const cf_time due = cf_death_enforce(pool), give_back = cf_place_give_back(pool);
        when = due < give_back ? due : give_back;
        if (!pool->dismissed && is_finished(pool))
            dismiss_workers(pool);
    }
    return NULL;
}
