/* SPDX-License-Identifier: MIT */
/* death.c - what becomes of the calls of a worker that dies, and workers that are made to. */

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "processes.h"

#define GRACE ((cf_time)1000000000) /* between SIGTERM and SIGKILL */
#define AGAIN ((cf_time)10000000)   /* until one tries again to kill a worker that does not live yet, or could not be */

enum {
    DEATHS_A_WORKER = 3, /* without a result in between, and the pool is broken */
    PATIENCE = 1000      /* milliseconds for a worker to end that has lost its nursery */
};

/* What became of a worker, in words. */
static const char *
fate_of(int status, char *text, size_t size)
{
    const int signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
    const char *name = signal != 0 ? sigabbrev_np(signal) : NULL;

    if (signal == SIGKILL)
        snprintf(text, size, "SIGKILL: possibly out of memory");
    else if (signal != 0)
        snprintf(text, size, "SIG%s: %s", name == NULL ? "?" : name, sigdescr_np(signal) ? sigdescr_np(signal) : "?");
    else
        snprintf(text, size, "exit status %d", WEXITSTATUS(status));
    return text;
}

static struct cf_error *
loss(struct process_pool *pool, const struct lane_state *lane, const char *task, int status)
{
    const int code = WIFSIGNALED(status) ? WTERMSIG(status) : 256 + WEXITSTATUS(status);
    const char *domain = WIFSIGNALED(status) ? "signal" : "exit";
    char fate[80];

    fate_of(status, fate, sizeof fate);
    if (lane->killed_for == CF_TIMED_OUT)
        return cf_error_new(CF_TIMED_OUT, domain, code, task, cf_lane_name(pool, lane).text,
                            "it took longer than it may");
    if (lane->killed_for == CF_KILLED)
        return cf_error_new(CF_KILLED, domain, code, task, cf_lane_name(pool, lane).text, "its executor was killed");
    return cf_error_new(CF_WORKER_LOST, domain, code, task, cf_lane_name(pool, lane).text, "the worker died of %s",
                        fate);
}

static void
put_back(struct process_pool *pool, struct cf_future *first, struct cf_future **end)
{
    *end = pool->first;
    if (pool->first == NULL)
        pool->last = end;
    pool->first = first;
}

/*
 * What a dead worker, or one that could not be born, had not claimed goes back to the queue, where it stays if that
 * breaks the pool.  Where one cannot be born, those who work already will do without; if there are none, nobody would.
 * Return whether the pool is broken now.
 */
static bool
clear_lane(struct process_pool *pool, struct lane_state *lane, bool born, bool breaks)
{
    struct cf_future *back = NULL, **end = &back;
    struct lane *mine = cf_lane_shared(pool, lane);

    cf_dispatch_lock(pool);
    for (uint64_t i = lane->head; i < lane->tail; i++) {
        struct slot *slot = cf_lane_slot(pool, lane, i);
        struct cf_future *call = lane->calls[i % LANE_SLOTS];
        if (call != NULL && atomic_load(&slot->word) != SLOT_CLAIMED) {
            *end = call;
            end = &call->next;
        }
        lane->calls[i % LANE_SLOTS] = NULL;
        atomic_store(&slot->word, SLOT_FREE);
    }
    cf_dispatch_empty_inbox(pool);
    if (back != NULL)
        put_back(pool, back, end);
    lane->head = lane->tail;
    lane->withdrawn = 0;
    lane->noted = lane->tail;
    lane->life = LANE_ABSENT;
    lane->ahead = AHEAD;
    lane->cost = COST_UNKNOWN;
    pool->workers--;
    pool->start_failed = !born;
    pool->broken = pool->broken || breaks || (!born && pool->workers == 0 && !pool->dismissed);
    const bool broken = pool->broken;
    mine->opened = mine->open_failed = mine->retired = mine->hold = mine->asleep = mine->gone = 0;
    mine->pid = 0;
    cf_dispatch_sort(pool, lane);
    cf_spin_unlock(&pool->lock);
    return broken;
}

/*
 * Why the death of a worker breaks the pool: the cause, and *what in words; or NULL.  claimed: it was running a call.
 */
static struct cf_error *
verdict(struct process_pool *pool, struct lane_state *lane, int status, bool claimed, const char **what)
{
    static const struct cf_task open_task = { .name = "open_worker" };
    const struct cf_options *options = &pool->base.options;
    const unsigned most = options->max_deaths != 0 ? options->max_deaths : DEATHS_A_WORKER * options->max_workers;
    struct lane *mine = cf_lane_shared(pool, lane);

    if (mine->open_failed) {
        struct cf_future call = { .task = &open_task };
        struct slot *slot = &mine->slots[LANE_FAILURE];
        const struct outcome outcome = cf_outcome_bytes(pool, lane, slot, cf_area_of_result(lane->number, mine->start));
        struct cf_error *error = outcome.bytes != NULL ? cf_outcome_error(&call, slot, outcome.bytes)
                                                       : cf_error_errno(CF_BROKEN, ENOMEM, "");
        cf_outcome_free(&outcome);
        *what = "a worker could not be opened";
        return error;
    }
    /* By our will, or at its own end, but not in the middle of its last call. */
    if (lane->killed_for != 0 || pool->dismissed || (mine->retired && WIFEXITED(status) && !claimed))
        return NULL;
    if (options->open_worker != NULL && !mine->opened)
        *what = "a worker died while it was opened";
    else if (options->on_worker_death == CF_BREAK_POOL)
        *what = "a worker died";
    else if (++pool->deaths > most)
        *what = "workers die one after another";
    else
        return NULL;
    return loss(pool, lane, "", status);
}

/* The call that the worker was running when it died is lost with it. */
static void
add_loss(struct process_pool *pool, struct lane_state *lane, int status, struct newspaper *paper)
{
    struct cf_future *call = lane->calls[lane->head % LANE_SLOTS];

    /* It may have died while it wrote the result. */
    cf_area_drop(pool->memory, cf_area_of_result(lane->number, lane->head), AREA_SIZE);
    cf_argument_drop(pool, call);
    cf_future_set_error(call, loss(pool, lane, call->task->name, status));
    cf_news_of_end(pool, lane, lane->head, cf_now(), paper);
}

void
cf_death_bury(struct process_pool *pool, struct lane_state *lane, int status)
{
    struct newspaper paper = { .count = 0 };
    const char *what = NULL;

    cf_news_exclude(pool);
    while (!cf_news_read(pool, lane, &paper)) {
        atomic_store(&pool->collecting, false);
        cf_news_tell(pool, &paper);
        cf_news_exclude(pool);
    }
    /* Without the lock, under which the lane may be given calls even now; but none of them will be claimed. */
    const bool claimed = lane->head < lane->tail && cf_lane_slot(pool, lane, lane->head)->word == SLOT_CLAIMED;
    struct cf_error *cause = verdict(pool, lane, status, claimed, &what);
    if (claimed)
        add_loss(pool, lane, status, &paper);
    cf_place_bury(pool, lane);
    clear_lane(pool, lane, true, cause != NULL);
    lane->killed_for = 0;
    lane->killed_hard = false;
    atomic_store(&pool->collecting, false);

    if (cause != NULL)
        cf_executor_break(&pool->base, cause, what);
    cf_error_free(cause);
    cf_news_tell(pool, &paper);
    cf_dispatch_lock(pool);
    cf_dispatch_unlock(pool);
}

/* The nursery could not fork. */
void
cf_death_at_birth(struct process_pool *pool, struct lane_state *lane, int error)
{
    cf_news_exclude(pool);
    const bool broken = clear_lane(pool, lane, false, false);
    atomic_store(&pool->collecting, false);
    if (broken) {
        struct cf_error *cause = cf_error_errno(CF_BROKEN, error, "");
        cf_executor_break(&pool->base, cause, "no worker could be started");
        cf_error_free(cause);
    }
    cf_dispatch_lock(pool);
    cf_dispatch_unlock(pool);
}

/* The nursery's end is a worker's as well, but it may need a moment. */
static void
await_end(pid_t pid)
{
    struct pollfd ended = { .fd = pid > 0 ? cf_pidfd_of(pid) : -1, .events = POLLIN };

    if (ended.fd < 0)
        return;
    while (poll(&ended, 1, PATIENCE) < 0 && errno == EINTR)
        ;
    close(ended.fd);
}

/* Nothing can be started any more, and what was running is lost with the workers that ran it. */
void
cf_death_of_nursery(struct process_pool *pool)
{
    const struct cf_error cause = { .domain = "errno", .code = ECHILD, .worker = "", .message = "it was killed" };

    pool->nursery_gone = true;
    cf_dispatch_lock(pool);
    pool->broken = true;
    cf_dispatch_unlock(pool);
    for (unsigned i = 0; i < pool->base.options.max_workers; i++) {
        if (pool->lanes[i].life == LANE_ABSENT)
            continue;
        await_end(atomic_load(&pool->segment->lanes[i].pid));
        cf_death_bury(pool, &pool->lanes[i], SIGKILL);
    }
    cf_executor_break(&pool->base, &cause, "the process that starts the workers is gone");
}

/*
 * End a worker, if that call of its lane is still running.  hold keeps it from starting another one meanwhile: it looks
 * at hold before it claims, and we look at the slot after setting it, all sequentially consistent.  Return when to look
 * again.
 */
static cf_time
kill_softly(struct process_pool *pool, struct lane_state *lane, enum cf_why why, cf_time now)
{
    atomic_store(&cf_lane_shared(pool, lane)->hold, 1);
    const bool running = why != CF_TIMED_OUT || cf_lane_slot(pool, lane, lane->head)->word == SLOT_CLAIMED;
    if (!running || !cf_dispatch_order(pool, lane->number, SIGTERM)) {
        atomic_store(&cf_lane_shared(pool, lane)->hold, 0);
        return running ? now + AGAIN : now + GRACE;
    }
    lane->killed_for = why;
    lane->killed_at = cf_now();
    return now + GRACE;
}

/* What SIGTERM has not ended in time, SIGKILL does.  Return when to look again. */
static cf_time
kill_hard(struct process_pool *pool, struct lane_state *lane, cf_time now)
{
    if (!lane->killed_hard && now < lane->killed_at + GRACE)
        return lane->killed_at + GRACE;
    lane->killed_hard = lane->killed_hard || cf_dispatch_order(pool, lane->number, SIGKILL);
    return lane->killed_hard ? CF_NEVER : now + AGAIN;
}

/* See to one lane's time limits.  Return when to look again. */
static cf_time
enforce_on(struct process_pool *pool, struct lane_state *lane, cf_time now)
{
    const cf_time end = cf_after(pool->base.options.call_timeout);
    const cf_time limit = end - now;

    if (lane->life == LANE_ABSENT)
        return CF_NEVER;
    if (lane->killed_for != 0)
        return kill_hard(pool, lane, now);
    if (pool->kill && cf_lane_shared(pool, lane)->pid == 0)
        return now + AGAIN;
    if (pool->kill)
        return kill_softly(pool, lane, CF_KILLED, now);
    struct slot *slot = cf_lane_slot(pool, lane, lane->head);
    if (pool->base.options.call_timeout <= 0 || end == CF_NEVER || slot->word != SLOT_CLAIMED)
        return CF_NEVER;
    /* One claimed at this very moment does not say yet when it started. */
    const cf_time started = slot->started != 0 ? slot->started : now;
    if (now < started + limit)
        return started + limit;
    return kill_softly(pool, lane, CF_TIMED_OUT, now);
}

cf_time
cf_death_enforce(struct process_pool *pool)
{
    const cf_time now = cf_now();
    cf_time next = CF_NEVER;

    if (!pool->has_deadlines && !pool->kill)
        return next;
    cf_news_exclude(pool);
    for (unsigned i = 0; i < pool->base.options.max_workers; i++) {
        cf_time when = enforce_on(pool, &pool->lanes[i], now);
        next = when < next ? when : next;
    }
    atomic_store(&pool->collecting, false);
    return next;
}
