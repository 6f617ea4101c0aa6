/* SPDX-License-Identifier: MIT */
/*
 * processes.c - the executor whose workers are processes: the parent's side.
 *
 * Calls wait in a queue until there is place in a lane (lanes.h).  Whoever submits fills lanes at once; a thread of the
 * pool, the collector, sleeps until a worker rings, then takes the outcomes out of the lanes and fills them again; it
 * also hears from the nursery.  A thread that waits for a future does the collector's work while it spins.
 */

#include <errno.h>
#include <linux/futex.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "processes.h"

enum {
    SPINS = 300,        /* of a thread that waits */
    AHEAD = 2,          /* calls that a worker may have at first: one to run and the next */
    DEATHS_A_WORKER = 3 /* without a result in between, and the pool is broken */
};
#define SHORT_CALL 20000          /* nanoseconds: more of them are sent ahead */
#define GRACE ((cf_time)1000000000) /* between SIGTERM and SIGKILL */

static struct process_pool *
pool_of(struct cf_executor *executor)
{
    return (struct process_pool *)(void *)executor;
}

static struct lane *
shared(struct process_pool *pool, const struct lane_state *lane)
{
    return &pool->segment->lanes[lane->number];
}

/*
 * Filling lanes.
 */

static struct slot *
slot_at(struct process_pool *pool, const struct lane_state *lane, uint64_t index)
{
    return &shared(pool, lane)->slots[index % LANE_SLOTS];
}

static uint64_t
filled(const struct lane_state *lane)
{
    return lane->tail - lane->head;
}

/* The lane for the next call: an idle worker's, a new worker's, or the one with the fewest ahead.  The lock is held. */
static struct lane_state *
choose(struct process_pool *pool)
{
    struct lane_state *absent = NULL, *least = NULL;

    for (unsigned i = 0; i < pool->base.options.max_workers; i++) {
        struct lane_state *lane = &pool->lanes[i];
        if (lane->life == LANE_LEAVING)
            continue;
        if (lane->life == LANE_ABSENT) {
            if (absent == NULL && !pool->start_failed)
                absent = lane;
        } else if (filled(lane) == 0) {
            return lane;
        } else if (filled(lane) < lane->ahead && (least == NULL || filled(lane) < filled(least))) {
            least = lane;
        }
    }
    return absent != NULL ? absent : least;
}

static void
put(struct process_pool *pool, struct lane_state *lane, struct cf_future *call)
{
    struct slot *slot = slot_at(pool, lane, lane->tail);

    slot->task = call->task;
    slot->chunk = call->chunk;
    slot->arg_len = call->arg_len;
    slot->arg_area = call->area;
    slot->started = 0;
    if (call->area == 0)
        memcpy(slot->bytes, call->arg, call->arg_len);
    lane->calls[lane->tail % LANE_SLOTS] = call;
    atomic_store_explicit(&slot->word, SLOT_QUEUED, memory_order_relaxed);
    lane->tail++;
    if (lane->life == LANE_ABSENT) {
        lane->life = LANE_STARTING;
        lane->start_wanted = true;
        pool->workers++;
        shared(pool, lane)->start = lane->tail - 1;
    }
    /* Pairs with the worker's last look before it sleeps. */
    atomic_store(&shared(pool, lane)->tail, lane->tail);
    if (lane->number < pool->touched_first)
        pool->touched_first = lane->number;
    if (lane->number >= pool->touched_end)
        pool->touched_end = lane->number + 1;
}

static struct cf_future *
dequeue(struct process_pool *pool)
{
    struct cf_future *call = pool->first;

    if (call == NULL)
        return NULL;
    pool->first = call->next;
    if (pool->first == NULL)
        pool->last = &pool->first;
    return call;
}

static void
append(struct process_pool *pool, struct cf_future *call)
{
    call->next = NULL;
    *pool->last = call;
    pool->last = &call->next;
}

/* Take a call back that its worker has not started; NULL: it has, or there is none.  The lock is held. */
static struct cf_future *
recall_slot(struct process_pool *pool, struct lane_state *lane, uint64_t index)
{
    struct cf_future *call = lane->calls[index % LANE_SLOTS];
    uint32_t queued = SLOT_QUEUED;

    if (call == NULL ||
        !atomic_compare_exchange_strong(&slot_at(pool, lane, index)->word, &queued, SLOT_WITHDRAWN))
        return NULL;
    lane->calls[index % LANE_SLOTS] = NULL;
    return call;
}

/* Put waiting calls into lanes.  Those that were cancelled are left in *dropped.  The lock is held. */
static void
dispatch(struct process_pool *pool, struct cf_future **dropped)
{
    while (pool->first != NULL) {
        bool cancelled = cf_future_state(pool->first) != CF_STATE_PENDING;
        struct lane_state *lane = cancelled ? NULL : choose(pool);
        if (!cancelled && lane == NULL)
            return;
        struct cf_future *call = dequeue(pool);
        if (cancelled) {
            call->next = *dropped;
            *dropped = call;
        } else {
            put(pool, lane, call);
        }
    }
}

static void
order(struct process_pool *pool, enum nursery_word word, unsigned lane, int value)
{
    const struct nursery_message message = { .word = word, .lane = lane, .value = value };

    while (send(pool->socket, &message, sizeof message, MSG_NOSIGNAL) < 0 && errno == EINTR)
        ;
}

/* What follows from dispatch(), without the lock: new workers, and the doorbells of those asleep. */
static void
set_going(struct process_pool *pool, unsigned first, unsigned end)
{
    for (unsigned i = first; i < end; i++) {
        _Atomic uint32_t *asleep = &pool->segment->lanes[i].asleep;
        if (atomic_exchange(&pool->lanes[i].start_wanted, false))
            order(pool, NURSERY_START, i, 0);
        if (atomic_load(asleep) == 1 && atomic_exchange(asleep, 0) == 1)
            syscall(SYS_futex, asleep, FUTEX_WAKE, 1, NULL, NULL, 0);
    }
}

static void
lock(struct process_pool *pool)
{
    cf_spin_lock(&pool->lock);
    pool->touched_first = UINT_MAX;
    pool->touched_end = 0;
}

/*
 * Areas for arguments.
 */

/* A number for a new area, or 0 with no memory to remember it by when it is given back. */
static uint64_t
take_area(struct process_pool *pool)
{
    uint64_t area = 0;

    pthread_mutex_lock(&pool->areas_lock);
    if (pool->free_count > 0) {
        area = pool->free_areas[--pool->free_count];
    } else {
        uint64_t *list = reallocarray(pool->free_areas, pool->areas + 1, sizeof *list);
        if (list != NULL) {
            pool->free_areas = list;
            area = AREA_ARGUMENTS + pool->areas++;
        }
    }
    pthread_mutex_unlock(&pool->areas_lock);
    return area;
}

static void
drop_area(struct process_pool *pool, struct cf_future *call)
{
    if (call->area == 0)
        return;
    cf_area_drop(pool->memory, call->area, call->arg_len);
    pthread_mutex_lock(&pool->areas_lock);
    pool->free_areas[pool->free_count++] = call->area;
    pthread_mutex_unlock(&pool->areas_lock);
    call->area = 0;
}

/* An argument that does not fit a slot goes to an area before the call is queued.  0 or an errno. */
static int
place_argument(struct process_pool *pool, struct cf_future *call)
{
    call->area = 0;
    if (call->arg_len <= SLOT_BYTES)
        return 0;
    if (call->arg_len > AREA_SIZE)
        return E2BIG;
    call->area = take_area(pool);
    if (call->area == 0)
        return ENOMEM;
    int error = cf_area_write(pool->memory, call->area, call->arg, call->arg_len);
    if (error != 0)
        drop_area(pool, call);
    return error;
}

/*
 * Locking.
 */

/* Dispatch, unlock, and do what follows from it. */
static void
unlock_going(struct process_pool *pool)
{
    struct cf_future *dropped = NULL, *next;

    dispatch(pool, &dropped);
    unsigned first = pool->touched_first, end = pool->touched_end;
    cf_spin_unlock(&pool->lock);
    set_going(pool, first, end);
    for (; dropped != NULL; dropped = next) {
        next = dropped->next;
        drop_area(pool, dropped);
        cf_future_dequeued(dropped);
    }
}

static int
processes_submit(struct cf_executor *executor, struct cf_future *call)
{
    struct process_pool *pool = pool_of(executor);
    int error = place_argument(pool, call);

    if (error != 0)
        return error;
    lock(pool);
    bool stopped = pool->stopped;
    if (!stopped)
        append(pool, call);
    unlock_going(pool);
    if (stopped)
        drop_area(pool, call);
    return stopped ? ESHUTDOWN : 0;
}

/*
 * Taking outcomes.
 */

/* Where the outcome stands, or a copy of it that is to be freed; NULL: no memory. */
static const char *
outcome_of(struct process_pool *pool, const struct lane_state *lane, struct slot *slot, char **copy)
{
    *copy = NULL;
    if (!slot->out_of_line)
        return (const char *)slot->bytes;
    const uint64_t area = cf_area_of_result(lane->number, lane->head);
    *copy = malloc(slot->len);
    if (*copy != NULL && cf_area_read(pool->memory, area, *copy, slot->len) != 0) {
        free(*copy);
        *copy = NULL;
    }
    cf_area_drop(pool->memory, area, slot->len);
    return *copy;
}

static struct cf_error *
error_from(const struct cf_future *call, const struct slot *slot, const char *strings)
{
    const char *worker = strings + strlen(strings) + 1;
    const char *message = worker + strlen(worker) + 1;

    return cf_error_new(slot->why, strings, slot->code, call->task->name, worker, "%s", message);
}

static void
set_error(struct cf_future *call, struct cf_error *error)
{
    atomic_store_explicit(&call->error, error, memory_order_relaxed);
}

/* Move the outcome from the slot to the future. */
static void
take_outcome(struct process_pool *pool, const struct lane_state *lane, struct slot *slot, struct cf_future *call)
{
    char *copy;
    const char *bytes = outcome_of(pool, lane, slot, &copy);

    call->result_len = 0;
    if (bytes == NULL) {
        set_error(call, cf_error_new(CF_RAISED, "errno", ENOMEM, call->task->name, lane->worker.name,
                                     "no memory for a result of %zu bytes", slot->len));
    } else if (slot->failed) {
        set_error(call, error_from(call, slot, bytes));
        free(copy);
    } else if (copy != NULL) {
        call->result = copy;
        call->free_result = free;
        call->result_len = slot->len;
    } else {
        cf_future_copy_result(call, bytes, slot->len);
    }
}

/*
 * Looking into the lanes.  What is found is noted here and told after pool->collecting is given up, because telling runs
 * foreign code.
 */

enum { NEWS = 64 };

struct news {
    struct cf_future *call;
    bool ended; /* else it has been started */
    cf_time started, ended_at;
    struct cf_worker worker; /* for its name */
};

struct newspaper {
    struct news news[NEWS];
    unsigned count;
};

static struct news *
add_news(struct newspaper *paper, struct cf_future *call, const struct lane_state *lane, const struct slot *slot)
{
    struct news *news = &paper->news[paper->count++];

    news->call = cf_retain(call);
    news->ended = false;
    news->started = atomic_load_explicit(&slot->started, memory_order_relaxed);
    if (news->started == 0)
        news->started = cf_now();
    news->ended_at = atomic_load_explicit(&slot->ended, memory_order_relaxed);
    news->worker = lane->worker;
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
    cf_executor_started(&pool->base);
    return add_news(paper, call, lane, slot_at(pool, lane, head));
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
    lock(pool);
    if (ran)
        adapt(lane, slot_at(pool, lane, lane->head));
    lane->calls[lane->head % LANE_SLOTS] = NULL;
    atomic_store_explicit(&slot_at(pool, lane, lane->head)->word, SLOT_FREE, memory_order_relaxed);
    lane->head++;
    unlock_going(pool);
}

static void
take_head(struct process_pool *pool, struct lane_state *lane, struct newspaper *paper)
{
    struct slot *slot = slot_at(pool, lane, lane->head);
    struct cf_future *call = lane->calls[lane->head % LANE_SLOTS];
    struct news *news = note_start(pool, lane, paper);

    if (news == NULL) {
        news = add_news(paper, call, lane, slot);
        news->started = 0;
    }
    news->ended = true;
    drop_area(pool, call);
    take_outcome(pool, lane, slot, call);
    pool->deaths = 0;
    free_head(pool, lane, true);
}

/* Go through a lane from its head.  False: the paper is full. */
static bool
read_lane(struct process_pool *pool, struct lane_state *lane, struct newspaper *paper)
{
    while (lane->head < atomic_load_explicit(&shared(pool, lane)->tail, memory_order_acquire)) {
        /* One place is kept for bury(). */
        if (paper->count == NEWS - 1)
            return false;
        switch (atomic_load(&slot_at(pool, lane, lane->head)->word)) {
        case SLOT_DONE:
            take_head(pool, lane, paper);
            break;
        case SLOT_WITHDRAWN:
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

/* That a call has started is told by whoever noticed; that it has ended, by another maybe, comes after that. */
static void
tell_one(struct process_pool *pool, struct news *news)
{
    struct cf_future *call = news->call;

    if (news->started != 0) {
        cf_observe(&pool->base, CF_EVENT_STARTED, call, &news->worker, news->started);
        atomic_store(&call->start_told, true);
    }
    if (!news->ended)
        return;
    while (!atomic_load(&call->start_told))
        sched_yield();
    cf_future_finish(call, &news->worker, news->ended_at);
    cf_release(call);
}

static void
tell(struct process_pool *pool, struct newspaper *paper)
{
    for (unsigned i = 0; i < paper->count; i++) {
        tell_one(pool, &paper->news[i]);
        cf_release(paper->news[i].call);
    }
    paper->count = 0;
}

/* Cheaply, and without pool->collecting: whether a look would find anything. */
static bool
is_worth_a_look(struct process_pool *pool)
{
    for (unsigned i = 0; i < pool->base.options.max_workers; i++) {
        const struct lane_state *lane = &pool->lanes[i];
        const uint64_t head = lane->head;
        if (head == atomic_load_explicit(&pool->segment->lanes[i].tail, memory_order_relaxed))
            continue;
        uint32_t word = atomic_load(&slot_at(pool, lane, head)->word);
        if (word == SLOT_DONE || word == SLOT_WITHDRAWN || (word == SLOT_CLAIMED && lane->noted <= head))
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
        if (lane->life == LANE_ALIVE && filled(lane) == 0)
            idle = lane;
        if (filled(lane) > 1 && (most == NULL || filled(lane) > filled(most)))
            most = lane;
    }
    if (idle == NULL || most == NULL)
        return;
    for (uint64_t n = filled(most) / 2; n > 0; n--) {
        struct cf_future *call = recall_slot(pool, most, most->tail - n);
        if (call != NULL)
            append(pool, call);
    }
}

/* Take what has arrived; if another thread is at it, leave it to that one. */
static bool
look(struct process_pool *pool)
{
    struct newspaper paper = { .count = 0 };
    bool all = true;

    if (!is_worth_a_look(pool) || atomic_exchange(&pool->collecting, true))
        return false;
    for (unsigned i = 0; i < pool->base.options.max_workers && all; i++)
        all = read_lane(pool, &pool->lanes[i], &paper);
    lock(pool);
    rebalance(pool);
    unlock_going(pool);
    atomic_store(&pool->collecting, false);
    tell(pool, &paper);
    return true;
}

static void
wake_collector(struct process_pool *pool)
{
    const uint64_t one = 1;

    if (atomic_exchange(&pool->segment->asleep, 0) == 1 && write(pool->bell, &one, sizeof one) < 0)
        return;
}

static void
watch(struct cf_executor *executor, const struct cf_future *future)
{
    struct process_pool *pool = pool_of(executor);

    if (future != NULL) {
        atomic_fetch_add(&pool->segment->watchers, 1);
        for (int i = 0; i < SPINS && !cf_done(future); i++) {
            look(pool);
            cf_pause();
        }
        atomic_fetch_sub(&pool->segment->watchers, 1);
    }
    /* What was finished meanwhile, nobody was told of. */
    while (look(pool))
        ;
    if (pool->has_deadlines)
        wake_collector(pool);
}

/*
 * Deaths.
 */

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
loss(const struct lane_state *lane, const char *task, int status)
{
    const int code = WIFSIGNALED(status) ? WTERMSIG(status) : 256 + WEXITSTATUS(status);
    const char *domain = WIFSIGNALED(status) ? "signal" : "exit";
    char fate[80];

    fate_of(status, fate, sizeof fate);
    if (lane->killed_for == CF_TIMED_OUT)
        return cf_error_new(CF_TIMED_OUT, domain, code, task, lane->worker.name, "it took longer than it may");
    if (lane->killed_for == CF_KILLED)
        return cf_error_new(CF_KILLED, domain, code, task, lane->worker.name, "its executor was killed");
    return cf_error_new(CF_WORKER_LOST, domain, code, task, lane->worker.name, "the worker died of %s", fate);
}

/* What a dead worker leaves: the call that it had claimed is returned, those that it had not go back to the queue. */
static struct cf_future *
clear_lane(struct process_pool *pool, struct lane_state *lane)
{
    struct cf_future *claimed = NULL, *back = NULL, **end = &back;

    lock(pool);
    for (uint64_t i = lane->head; i < lane->tail; i++) {
        struct slot *slot = slot_at(pool, lane, i);
        struct cf_future *call = lane->calls[i % LANE_SLOTS];
        if (atomic_load(&slot->word) == SLOT_CLAIMED) {
            claimed = call;
        } else if (call != NULL) {
            *end = call;
            end = &call->next;
        }
        lane->calls[i % LANE_SLOTS] = NULL;
        atomic_store(&slot->word, SLOT_FREE);
    }
    if (back != NULL) {
        *end = pool->first;
        if (pool->first == NULL)
            pool->last = end;
        pool->first = back;
    }
    lane->head = lane->tail;
    lane->noted = lane->tail;
    lane->life = LANE_ABSENT;
    lane->ahead = AHEAD;
    pool->workers--;
    shared(pool, lane)->opened = shared(pool, lane)->open_failed = shared(pool, lane)->retired = 0;
    shared(pool, lane)->hold = shared(pool, lane)->asleep = 0;
    /* No dispatch yet: it may turn out that the pool is broken. */
    cf_spin_unlock(&pool->lock);
    return claimed;
}

/* Why the death of a worker breaks the pool: the cause, and *what in words; or NULL. */
static struct cf_error *
verdict(struct process_pool *pool, const struct lane_state *lane, int status, bool lost, const char **what)
{
    static const struct cf_task open_task = { .name = "open_worker" };
    const struct cf_options *options = &pool->base.options;
    const unsigned most = options->max_deaths != 0 ? options->max_deaths : DEATHS_A_WORKER * options->max_workers;
    struct lane *mine = shared(pool, lane);

    if (mine->open_failed) {
        struct cf_future call = { .task = &open_task };
        char *copy;
        const char *strings = outcome_of(pool, lane, &mine->failure, &copy);
        struct cf_error *error = strings != NULL ? error_from(&call, &mine->failure, strings)
                                                 : cf_error_errno(CF_BROKEN, ENOMEM, "");
        free(copy);
        *what = "a worker could not be opened";
        return error;
    }
    if (lane->killed_for != 0 || !lost)
        return NULL;
    if (options->open_worker != NULL && !mine->opened)
        *what = "a worker died while it was opened";
    else if (options->on_worker_death == CF_BREAK_POOL)
        *what = "a worker died";
    else if (++pool->deaths > most)
        *what = "workers die one after another";
    else
        return NULL;
    return loss(lane, "", status);
}

static void
take_collecting(struct process_pool *pool)
{
    while (atomic_exchange(&pool->collecting, true))
        sched_yield();
}

/* The call that the worker was running when it died is lost with it. */
static void
add_loss(struct process_pool *pool, struct lane_state *lane, struct cf_future *call, int status, bool noted,
         struct newspaper *paper)
{
    if (!noted) {
        cf_future_claim(call);
        cf_executor_started(&pool->base);
    }
    drop_area(pool, call);
    call->result_len = 0;
    set_error(call, loss(lane, call->task->name, status));
    struct news *news = add_news(paper, call, lane, slot_at(pool, lane, lane->head));
    news->ended = true;
    news->ended_at = cf_now();
    if (noted)
        news->started = 0;
}

static void
bury(struct process_pool *pool, struct lane_state *lane, int status)
{
    struct newspaper paper = { .count = 0 };
    const char *what = NULL;

    take_collecting(pool);
    while (!read_lane(pool, lane, &paper)) {
        atomic_store(&pool->collecting, false);
        tell(pool, &paper);
        take_collecting(pool);
    }
    const bool noted = lane->noted > lane->head;
    const bool claimed = lane->head < lane->tail && slot_at(pool, lane, lane->head)->word == SLOT_CLAIMED;
    struct cf_error *cause = verdict(pool, lane, status, claimed || WIFSIGNALED(status), &what);
    struct cf_future *call = lane->calls[lane->head % LANE_SLOTS];
    if (claimed)
        add_loss(pool, lane, call, status, noted, &paper);
    clear_lane(pool, lane);
    lane->killed_for = 0;
    lane->killed_hard = false;
    pool->start_failed = false;
    atomic_store(&pool->collecting, false);

    if (cause != NULL)
        cf_executor_break(&pool->base, cause, what);
    cf_error_free(cause);
    tell(pool, &paper);
    lock(pool);
    unlock_going(pool);
}

/* The nursery could not fork.  Those who work already will do without this one; if there are none, nobody would. */
static void
start_failed(struct process_pool *pool, struct lane_state *lane, int error)
{
    take_collecting(pool);
    clear_lane(pool, lane);
    lock(pool);
    pool->start_failed = true;
    const bool alone = pool->workers == 0;
    cf_spin_unlock(&pool->lock);
    atomic_store(&pool->collecting, false);
    if (alone) {
        struct cf_error *cause = cf_error_errno(CF_BROKEN, error, "");
        cf_executor_break(&pool->base, cause, "no worker could be started");
        cf_error_free(cause);
    }
    lock(pool);
    unlock_going(pool);
}

static void
nursery_died(struct process_pool *pool)
{
    const struct cf_error cause = { .domain = "errno", .code = ECHILD, .worker = "", .message = "it was killed" };

    pool->nursery_gone = true;
    cf_executor_break(&pool->base, &cause, "the process that starts the workers is gone");
    for (unsigned i = 0; i < pool->base.options.max_workers; i++)
        if (pool->lanes[i].life != LANE_ABSENT)
            bury(pool, &pool->lanes[i], SIGKILL);
}

/*
 * The collector.
 */

static void
receive(struct process_pool *pool)
{
    struct nursery_message message;
    ssize_t n;

    while ((n = recv(pool->socket, &message, sizeof message, MSG_DONTWAIT)) == sizeof message) {
        struct lane_state *lane = &pool->lanes[message.lane];
        if (message.word == NURSERY_STARTED) {
            snprintf(lane->worker.name, sizeof lane->worker.name, "pid %d", (int)message.pid);
            cf_spin_lock(&pool->lock);
            lane->life = LANE_ALIVE;
            cf_spin_unlock(&pool->lock);
        } else if (message.word == NURSERY_FAILED) {
            start_failed(pool, lane, message.value);
        } else if (message.word == NURSERY_DIED) {
            bury(pool, lane, message.value);
        }
    }
    if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
        nursery_died(pool);
}

/*
 * End a worker, if that call of its lane is still running.  hold keeps it from starting another one meanwhile: it looks
 * at hold before it claims, and we look at the slot after setting it, all sequentially consistent.
 */
static void
kill_softly(struct process_pool *pool, struct lane_state *lane, enum cf_why why)
{
    atomic_store(&shared(pool, lane)->hold, 1);
    if (why == CF_TIMED_OUT && slot_at(pool, lane, lane->head)->word != SLOT_CLAIMED) {
        atomic_store(&shared(pool, lane)->hold, 0);
        return;
    }
    lane->killed_for = why;
    lane->killed_at = cf_now();
    order(pool, NURSERY_SIGNAL, lane->number, SIGTERM);
}

/* See to one lane's time limits.  Return when to look again. */
static cf_time
enforce_on(struct process_pool *pool, struct lane_state *lane, cf_time now)
{
    const cf_time limit = cf_after(pool->base.options.call_timeout) - now;

    if (lane->life != LANE_ALIVE)
        return CF_NEVER;
    if (lane->killed_for != 0) {
        if (!lane->killed_hard && now >= lane->killed_at + GRACE) {
            lane->killed_hard = true;
            order(pool, NURSERY_SIGNAL, lane->number, SIGKILL);
        }
        return lane->killed_hard ? CF_NEVER : lane->killed_at + GRACE;
    }
    if (pool->kill) {
        kill_softly(pool, lane, CF_KILLED);
        return now + GRACE;
    }
    struct slot *slot = slot_at(pool, lane, lane->head);
    if (pool->base.options.call_timeout <= 0 || slot->word != SLOT_CLAIMED || slot->started == 0)
        return CF_NEVER;
    if (now < slot->started + limit)
        return slot->started + limit;
    kill_softly(pool, lane, CF_TIMED_OUT);
    return now + GRACE;
}

static cf_time
enforce(struct process_pool *pool)
{
    const cf_time now = cf_now();
    cf_time next = CF_NEVER;

    if (!pool->has_deadlines && !pool->kill)
        return next;
    take_collecting(pool);
    for (unsigned i = 0; i < pool->base.options.max_workers; i++) {
        cf_time when = enforce_on(pool, &pool->lanes[i], now);
        next = when < next ? when : next;
    }
    atomic_store(&pool->collecting, false);
    return next;
}

/* Every call is settled, and there will be no more. */
static bool
is_finished(struct process_pool *pool)
{
    cf_spin_lock(&pool->lock);
    bool finished = pool->stopped && pool->first == NULL;
    for (unsigned i = 0; i < pool->base.options.max_workers && finished; i++)
        finished = filled(&pool->lanes[i]) == 0;
    cf_spin_unlock(&pool->lock);
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

/* Sleep until a worker rings, the nursery reports, an interrupt comes or it is time. */
static void
sleep_until_rung(struct process_pool *pool, cf_time when)
{
    struct pollfd fds[] = {
        { .fd = pool->bell, .events = POLLIN },
        { .fd = pool->nursery_gone ? -1 : pool->socket, .events = POLLIN },
        { .fd = pool->interrupted ? -1 : pool->base.stop_fd, .events = POLLIN },
    };
    uint64_t rung;

    atomic_store(&pool->segment->asleep, 1);
    if (is_worth_a_look(pool) || (!pool->dismissed && is_finished(pool)))
        atomic_store(&pool->segment->asleep, 0);
    else
        poll(fds, 3, milliseconds_until(when));
    atomic_store(&pool->segment->asleep, 0);
    if (fds[0].revents != 0 && read(pool->bell, &rung, sizeof rung) < 0)
        fds[0].revents = 0;
    if (fds[1].revents != 0)
        receive(pool);
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

static void *
collect(void *arg)
{
    struct process_pool *pool = arg;
    cf_time when = CF_NEVER;

    while (!pool->dismissed || pool->workers > 0) {
        sleep_until_rung(pool, when);
        while (look(pool))
            ;
        when = enforce(pool);
        if (!pool->dismissed && is_finished(pool))
            dismiss_workers(pool);
    }
    return NULL;
}

/*
 * The kind.
 */

static struct cf_future *
processes_withdraw(struct cf_executor *executor)
{
    struct process_pool *pool = pool_of(executor);
    struct cf_future *call;

    lock(pool);
    call = dequeue(pool);
    for (unsigned i = 0; i < pool->base.options.max_workers && call == NULL; i++)
        for (uint64_t k = pool->lanes[i].head; k < pool->lanes[i].tail && call == NULL; k++)
            call = recall_slot(pool, &pool->lanes[i], k);
    unlock_going(pool);
    if (call != NULL)
        drop_area(pool, call);
    return call;
}

/* Find the call in a lane: its index there; or the tail, and it is in no slot of this lane. */
static uint64_t
find_in_lane(const struct lane_state *lane, const struct cf_future *call)
{
    uint64_t i = lane->head;

    while (i < lane->tail && lane->calls[i % LANE_SLOTS] != call)
        i++;
    return i;
}

static bool
processes_recall(struct cf_executor *executor, struct cf_future *call, uint32_t *old)
{
    struct process_pool *pool = pool_of(executor);
    bool in_slot = false, recalled = false;

    lock(pool);
    for (unsigned i = 0; i < pool->base.options.max_workers && !in_slot; i++) {
        struct lane_state *lane = &pool->lanes[i];
        uint64_t index = find_in_lane(lane, call);
        in_slot = index < lane->tail;
        recalled = in_slot && recall_slot(pool, lane, index) != NULL;
    }
    const bool cancelled = (!in_slot || recalled) && cf_future_leave_for_cancel(call, old);
    unlock_going(pool);
    if (recalled) {
        drop_area(pool, call);
        cf_release(call);
    }
    return cancelled;
}

static void
processes_stop(struct cf_executor *executor)
{
    struct process_pool *pool = pool_of(executor);

    cf_spin_lock(&pool->lock);
    pool->stopped = true;
    cf_spin_unlock(&pool->lock);
    wake_collector(pool);
}

static void
processes_kill(struct cf_executor *executor)
{
    atomic_store(&pool_of(executor)->kill, true);
    wake_collector(pool_of(executor));
}

/* The nursery ends when it is told that there will be no more orders, and its workers have ended before. */
static void
dismiss_nursery(struct process_pool *pool)
{
    struct pollfd ended = { .fd = pool->nursery_fd, .events = POLLIN };
    struct nursery_message rest;

    if (pool->socket < 0)
        return;
    shutdown(pool->socket, SHUT_WR);
    while (recv(pool->socket, &rest, sizeof rest, 0) > 0 || errno == EINTR)
        errno = 0;
    while (poll(&ended, 1, -1) < 0 && errno == EINTR)
        ;
    /* It is our child only where orphans become that. */
    waitpid(pool->nursery, NULL, WNOHANG);
}

static void
close_all(struct process_pool *pool)
{
    int *fds[] = { &pool->socket, &pool->bell, &pool->memory, &pool->nursery_fd };

    for (size_t i = 0; i < sizeof fds / sizeof fds[0]; i++) {
        if (*fds[i] >= 0)
            close(*fds[i]);
        *fds[i] = -1;
    }
}

static void
processes_join(struct cf_executor *executor)
{
    struct process_pool *pool = pool_of(executor);

    pthread_join(pool->collector, NULL);
    dismiss_nursery(pool);
    /* Nobody looks any more. */
    take_collecting(pool);
    close_all(pool);
}

static void
processes_abandon(struct cf_executor *executor)
{
    close_all(pool_of(executor));
}

static void
processes_free(struct cf_executor *executor)
{
    struct process_pool *pool = pool_of(executor);

    close_all(pool);
    if (pool->segment != NULL)
        munmap(pool->segment, pool->segment_size);
    pthread_mutex_destroy(&pool->areas_lock);
    free(pool->free_areas);
    free(pool->lanes);
    cf_executor_fini(executor);
    free(pool);
}

static const struct cf_kind processes_kind = {
    .submit = processes_submit,
    .withdraw = processes_withdraw,
    .stop = processes_stop,
    .join = processes_join,
    .free = processes_free,
    .abandon = processes_abandon,
    .recall = processes_recall,
    .watch = watch,
    .kill = processes_kill,
};

/*
 * Making a pool.
 */

static int
pidfd_of(pid_t pid)
{
    return (int)syscall(SYS_pidfd_open, pid, 0);
}

static int
map_segment(struct process_pool *pool)
{
    const unsigned workers = pool->base.options.max_workers;

    pool->segment_size = sizeof *pool->segment + workers * sizeof(struct lane);
    void *memory = mmap(NULL, pool->segment_size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED)
        return errno;
    pool->segment = memory;
    pool->base.stopping = &pool->segment->stopping;
    pool->lanes = calloc(workers, sizeof *pool->lanes);
    if (pool->lanes == NULL)
        return ENOMEM;
    for (unsigned i = 0; i < workers; i++) {
        pool->lanes[i].number = i;
        pool->lanes[i].ahead = AHEAD;
        pool->lanes[i].worker.executor = &pool->base;
    }
    return 0;
}

static int
open_descriptors(struct process_pool *pool, int *nursery_end)
{
    int ends[2];

    pool->bell = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (pool->bell < 0)
        return errno;
    pool->memory = memfd_create("libcf", MFD_CLOEXEC);
    if (pool->memory < 0)
        return errno;
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
        return errno;
    pool->socket = ends[0];
    *nursery_end = ends[1];
    return 0;
}

static _Noreturn void
become_nursery(struct process_pool *pool, int end, int parent)
{
    const struct cf_options *options = &pool->base.options;
    const struct nursery nursery = {
        .segment = pool->segment,
        .executor = &pool->base,
        .lanes = options->max_workers,
        .max_calls = options->max_calls_per_worker,
        .tell_claims = options->max_pending > 0 || options->call_timeout > 0,
        .bell = pool->bell,
        .memory = pool->memory,
        .parent = parent,
        .socket = end,
    };

    close(pool->socket);
    cf_nursery_main(&nursery);
}

/*
 * Fork twice, so that the nursery is no child of the program's, who may wait for all of his.  The one in between ends at
 * once; its status is the errno of the second fork, unless the program takes it from us.
 */
static int
fork_nursery(struct process_pool *pool, int end)
{
    const int parent = pidfd_of(getpid());
    struct nursery_message hello;
    int status = 0;

    const pid_t middle = fork();
    if (middle == 0) {
        const pid_t nursery = fork();
        if (nursery == 0)
            become_nursery(pool, end, parent);
        _exit(nursery < 0 ? errno : 0);
    }
    int error = middle < 0 ? errno : 0;
    close(end);
    if (parent >= 0)
        close(parent);
    if (error != 0)
        return error;
    while (waitpid(middle, &status, 0) < 0 && errno == EINTR)
        ;
    ssize_t n;
    while ((n = recv(pool->socket, &hello, sizeof hello, 0)) < 0 && errno == EINTR)
        ;
    if (n != sizeof hello)
        return WIFEXITED(status) && WEXITSTATUS(status) != 0 ? WEXITSTATUS(status) : EAGAIN;
    pool->nursery = hello.pid;
    pool->nursery_fd = pidfd_of(hello.pid);
    return 0;
}

static int
start_collector(struct process_pool *pool)
{
    sigset_t all, old;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    int error = pthread_create(&pool->collector, NULL, collect, pool);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    if (error == 0)
        pthread_setname_np(pool->collector, pool->base.name);
    else
        dismiss_nursery(pool);
    return error;
}

static int
make(struct process_pool *pool)
{
    int end = -1;
    int error = map_segment(pool);

    if (error == 0)
        error = open_descriptors(pool, &end);
    if (error == 0)
        error = fork_nursery(pool, end);
    if (error == 0)
        error = start_collector(pool);
    return error;
}

struct cf_executor *
cf_process_pool(const struct cf_options *options)
{
    if (options != NULL && options->max_workers > LANES_MAX)
        return cf_constructor_failed(EINVAL);
    struct process_pool *pool = aligned_alloc(alignof(struct process_pool), sizeof *pool);
    if (pool == NULL)
        return cf_constructor_failed(ENOMEM);
    memset(pool, 0, sizeof *pool);
    int error = cf_executor_init(&pool->base, &processes_kind, options, cf_cpu_count());
    if (error != 0) {
        free(pool);
        return cf_constructor_failed(error);
    }
    pool->socket = pool->bell = pool->memory = pool->nursery_fd = -1;
    pool->last = &pool->first;
    pool->has_deadlines = options != NULL && options->call_timeout > 0;
    pthread_mutex_init(&pool->areas_lock, NULL);
    error = make(pool);
    if (error == 0)
        return &pool->base;
    processes_free(&pool->base);
    return cf_constructor_failed(error);
}
