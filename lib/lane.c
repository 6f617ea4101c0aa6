/* SPDX-License-Identifier: MIT */
/* lane.c - a worker that is a process: it empties its lane. */

#include <errno.h>
#include <linux/futex.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "lanes.h"
#include "run.h"

enum {
    SPINS = 1000,   /* looks for the next call before going to sleep: some 20 microseconds */
    RING_AFTER = 16 /* short calls that are told of together */
};
#define LONG_CALL 20000 /* nanoseconds; one that took longer is told of at once */

/* The call that this process is serving; for exit_in_task(). */
static struct {
    const struct nursery *nursery;
    struct lane *lane;
    _Atomic(struct slot *) slot; /* NULL: none just now; whoever takes it out writes the outcome */
    uint64_t area;
    const char *worker;
} serving;

static void
ring(const struct nursery *nursery)
{
    struct segment *segment = nursery->segment;
    const uint64_t one = 1;

    /* A watcher looks once more after it has ceased to be one; see cf_collector_watch(). */
    if (atomic_load(&segment->watchers) > 0 || atomic_load(&segment->asleep) == 0)
        return;
    if (atomic_exchange(&segment->asleep, 0) == 0 || write(nursery->bell, &one, sizeof one) == sizeof one)
        return;
    /* A task has closed what it does not know.  The nursery's bell is another, and tells of our end. */
    if (errno == EBADF)
        _exit(1);
}

/* Write len bytes as the slot's outcome.  0, or an errno, and there is no outcome yet. */
static int
put_outcome(int memory, struct slot *slot, uint64_t area, const void *data, size_t len)
{
    slot->out_of_line = len > SLOT_BYTES;
    slot->len = len;
    if (slot->out_of_line)
        return cf_area_write(memory, area, data, len);
    if (len > 0)
        memcpy(slot->bytes, data, len);
    return 0;
}

/* An error goes as its domain, worker and message; where there is no memory for a long one it is cut short. */
static void
put_error(int memory, struct slot *slot, uint64_t area, const struct cf_error *error)
{
    char text[SLOT_BYTES], *all = text;
    const int len = snprintf(text, sizeof text, "%s%c%s%c%s", error->domain, 0, error->worker, 0, error->message) + 1;

    slot->failed = true;
    slot->why = error->why;
    slot->code = error->code;
    if (len > SLOT_BYTES && (all = malloc((size_t)len)) != NULL)
        snprintf(all, (size_t)len, "%s%c%s%c%s", error->domain, 0, error->worker, 0, error->message);
    if (all == NULL || put_outcome(memory, slot, area, all, (size_t)len) != 0) {
        snprintf(text, sizeof text, "%.99s%c%.47s%c%s", error->domain, 0, error->worker, 0, error->message);
        put_outcome(memory, slot, area, text, sizeof text);
    }
    if (all != text)
        free(all);
}

/* The slot is the parent's from then on.  When that was. */
static cf_time
commit(struct slot *slot)
{
    const cf_time now = cf_now();

    atomic_store_explicit(&slot->ended, now, memory_order_relaxed);
    atomic_store(&slot->word, SLOT_DONE);
    return now;
}

/*
 * A task that calls exit() has failed with that status; what the parent would do at exit is not ours to do.  A process
 * that a task has forked exits as it likes.
 */
static void
exit_in_task(int status, void *unused)
{
    (void)unused;
    if (getpid() != atomic_load(&serving.lane->pid))
        return;
    struct slot *slot = atomic_exchange(&serving.slot, NULL);
    if (slot != NULL) {
        struct cf_error *error =
            cf_error_new(CF_RAISED, "exit", status, "", serving.worker, "the task called exit(%d)", status);
        put_error(serving.nursery->memory, slot, serving.area, error);
        atomic_store(&serving.lane->retired, 1);
        commit(slot);
        ring(serving.nursery);
    }
    fflush(stdout);
    fflush(stderr);
    _exit(status);
}

static void
put_result(int memory, struct slot *slot, uint64_t area, struct cf_call *call)
{
    int error = 0;

    slot->failed = false;
    if (call->error == NULL)
        error = put_outcome(memory, slot, area, call->result, call->result_len);
    if (error != 0)
        cf_raise(call, "errno", error, "the result of %zu bytes cannot be handed over: %s", call->result_len,
                 strerror(error));
    if (call->error != NULL)
        put_error(memory, slot, area, call->error);
}

/* A copy of the argument in its area; NULL: it cannot be had, and that is the call's outcome. */
static void *
fetch_argument(const struct nursery *nursery, const struct slot *slot, struct cf_call *call)
{
    void *copy = malloc(slot->arg_len);
    int error = copy == NULL ? ENOMEM : cf_area_read(nursery->memory, slot->arg_area, copy, slot->arg_len);

    if (error == 0)
        return copy;
    cf_raise(call, "errno", error, "an argument of %zu bytes cannot be received: %s", slot->arg_len, strerror(error));
    free(copy);
    return NULL;
}

/* An argument in the slot is copied, because its place is the result's as well.  How long it took. */
static cf_time
run(const struct nursery *nursery, unsigned number, uint64_t head, struct cf_worker *worker)
{
    struct slot *slot = &nursery->segment->lanes[number].slots[head % LANE_SLOTS];
    const uint64_t area = cf_area_of_result(number, head);
    const cf_time started = cf_now();
    alignas(max_align_t) unsigned char small[SLOT_BYTES], room[SLOT_BYTES];
    struct cf_call call = {
        .task = slot->task,
        .chunk = slot->chunk,
        .arg_len = slot->arg_len,
        .worker = worker,
        .room = room,
        .room_size = sizeof room,
    };
    void *fetched = NULL;

    /* Before it is told of: its time limit counts from here. */
    atomic_store_explicit(&slot->started, started, memory_order_relaxed);
    if (nursery->tell_claims)
        ring(nursery);
    serving.area = area;
    atomic_store(&serving.slot, slot);
    if (slot->arg_area == 0)
        call.arg = memcpy(small, slot->bytes, slot->arg_len);
    else if (slot->arg_area <= BUFFERS)
        call.arg = cf_buffer(nursery->buffers, slot->arg_area);
    else
        call.arg = fetched = fetch_argument(nursery, slot, &call);
    if (call.arg != NULL)
        cf_call_run(&call);
    /* A thread that the task has made may have called exit() just now, and the process ends with that. */
    while (atomic_exchange(&serving.slot, NULL) == NULL)
        pause();
    put_result(nursery->memory, slot, area, &call);
    cf_call_discard(&call);
    free(fetched);
    return commit(slot) - started;
}

static void
sleep_on(_Atomic uint32_t *word)
{
    syscall(SYS_futex, word, FUTEX_WAIT, 1, NULL, NULL, 0);
}

/* Wait until the slot is filled.  False: it never will be. */
static bool
wait_for_slot(const struct nursery *nursery, struct lane *lane, uint64_t head)
{
    for (int i = 0; i < SPINS; i++) {
        if (atomic_load_explicit(&lane->tail, memory_order_acquire) > head)
            return true;
        cf_pause();
    }
    while (atomic_load(&lane->tail) <= head) {
        if (atomic_load(&nursery->segment->quit))
            return false;
        /* The parent fills, then looks at asleep; all of it is sequentially consistent. */
        atomic_store(&lane->asleep, 1);
        if (atomic_load(&lane->tail) <= head && !atomic_load(&nursery->segment->quit))
            sleep_on(&lane->asleep);
        atomic_store(&lane->asleep, 0);
    }
    return true;
}

/* After an interrupt nothing new is started: the parent withdraws what is queued.  Nor while we may be killed. */
static bool
claim(const struct nursery *nursery, struct lane *lane, struct slot *slot)
{
    uint32_t queued = SLOT_QUEUED;

    while ((atomic_load(&nursery->segment->stopping) || atomic_load(&lane->hold)) &&
           atomic_load(&slot->word) == SLOT_QUEUED)
        usleep(500);
    return atomic_compare_exchange_strong(&slot->word, &queued, SLOT_CLAIMED);
}

static bool
is_queued(struct lane *lane, uint64_t index)
{
    return atomic_load(&lane->tail) > index && atomic_load(&lane->slots[index % LANE_SLOTS].word) == SLOT_QUEUED;
}

static void
serve(const struct nursery *nursery, unsigned number, struct lane *lane, struct cf_worker *worker)
{
    unsigned calls = 0, untold = 0;

    for (uint64_t head = lane->start; wait_for_slot(nursery, lane, head); head++) {
        bool is_long = false;
        if (claim(nursery, lane, &lane->slots[head % LANE_SLOTS])) {
            if (++calls == nursery->max_calls)
                atomic_store(&lane->retired, 1);
            is_long = run(nursery, number, head, worker) > LONG_CALL;
        }
        atomic_store(&lane->passed, head + 1);
        /* What follows may be long; the collector has to look meanwhile, if it is not told. */
        if (++untold >= RING_AFTER || is_long || !is_queued(lane, head + 1) ||
            atomic_load(&nursery->segment->timed) == 0) {
            ring(nursery);
            untold = 0;
        }
        if (atomic_load(&lane->retired))
            break;
    }
    ring(nursery);
}

/* .open_worker; where it fails, its error is left for the parent in the lane's failure. */
static bool
open_lane(const struct nursery *nursery, unsigned number, struct lane *lane, struct cf_worker *worker)
{
    struct cf_error *error = cf_worker_open(worker);

    if (error == NULL) {
        atomic_store(&lane->opened, 1);
        return true;
    }
    put_error(nursery->memory, &lane->failure, cf_area_of_result(number, lane->start), error);
    atomic_store(&lane->open_failed, 1);
    return false;
}

bool
cf_lane_serves(const struct cf_executor *executor)
{
    return serving.lane != NULL && serving.nursery->executor == executor && getpid() == atomic_load(&serving.lane->pid);
}

_Noreturn void
cf_lane_serve(const struct nursery *nursery, unsigned number)
{
    struct lane *lane = &nursery->segment->lanes[number];
    struct cf_worker worker = { .executor = nursery->executor };
    struct cf_frame frame = { .executor = nursery->executor, .worker = &worker };

    atomic_store(&lane->pid, getpid());
    snprintf(worker.name, sizeof worker.name, "pid %d", (int)getpid());
    cf_self.frame = &frame;
    serving.nursery = nursery;
    serving.lane = lane;
    serving.worker = worker.name;
    on_exit(exit_in_task, NULL);
    if (open_lane(nursery, number, lane, &worker)) {
        serve(nursery, number, lane, &worker);
        cf_worker_close(&worker);
    }
    fflush(stdout);
    fflush(stderr);
    _exit(0);
}
