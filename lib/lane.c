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
    SPINS = 1000,  /* looks for the next call before going to sleep: some 20 microseconds */
    PATIENCE = 100 /* and before telling of those that are over: some two */
};
#define TOGETHER 50000 /* nanoseconds' worth of calls that are told of together */

/* What this process is and, for exit_in_task(), the call that it serves. */
static struct {
    const struct nursery *nursery;
    struct lane *lane;
    struct cf_worker worker;
    unsigned generation;         /* cf_generation of the worker, and not of what its tasks fork */
    bool untold;                 /* something is over of which the parent has not been told */
    uint8_t in_vain;             /* how often in a row it has spun for nothing; see park.h */
    _Atomic(struct slot *) slot; /* NULL: none just now; whoever takes it out writes the outcome */
} serving;

static void
ring(void)
{
    struct segment *segment = serving.nursery->segment;
    const uint64_t one = 1;
    uint32_t taken = SEAT_TAKEN;

    /* A watcher looks once more after it has ceased to be one; see cf_collector_catch_up(). */
    if (atomic_load(&segment->asleep) == 0 || atomic_load(&segment->watchers) > 0)
        return;
    /* So does who has the seat when he has been rung for. */
    if (atomic_compare_exchange_strong(&segment->seat, &taken, SEAT_RUNG))
        syscall(SYS_futex, &segment->seat, FUTEX_WAKE, 1, NULL, NULL, 0);
    if (taken == SEAT_TAKEN || taken == SEAT_RUNG)
        return;
    if (atomic_exchange(&segment->asleep, 0) == 0 || write(serving.nursery->bell, &one, sizeof one) == sizeof one)
        return;
    /* A task has closed what it does not know.  The nursery's bell is another, and tells of our end. */
    if (errno == EBADF)
        _exit(1);
}

/* To ring for nothing would cost both sides more than a short call does. */
static void
tell(void)
{
    if (serving.untold)
        ring();
    serving.untold = false;
}

/* The slot is the parent's from then on.  When that was. */
static cf_time
commit(struct slot *slot)
{
    const cf_time now = cf_now();

    atomic_store_explicit(&slot->ended, now, memory_order_relaxed);
    atomic_store(&slot->word, SLOT_DONE);
    serving.untold = true;
    return now;
}

/*
 * A process that a task has forked, and that returns from the task as the worker does, ends with that: what follows is
 * done in memory that they share.  What the worker has yet to write, it writes itself.
 */
static void
end_if_forked(void)
{
    if (cf_generation != serving.generation)
        _exit(0);
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
            cf_error_new(CF_RAISED, "exit", status, "", serving.worker.name, "the task called exit(%d)", status);
        cf_parcel_error(slot, error);
        atomic_store(&serving.lane->retired, 1);
        commit(slot);
        ring();
    }
    fflush(stdout);
    fflush(stderr);
    _exit(status);
}

/* Run the call that is in the slot, which is yet to be committed. */
static void
run(struct slot *slot, cf_time started)
{
    alignas(max_align_t) unsigned char small[SLOT_BYTES], room[SLOT_BYTES];
    struct cf_call call = {
        .task = slot->task,
        .chunk = slot->chunk,
        .arg_len = slot->len,
        .worker = &serving.worker,
        .room = room,
        .room_size = sizeof room,
        .place = cf_parcel_place,
        .free_place = cf_parcel_free_place,
    };
    void *copy = NULL;

    /* Before it is told of: its time limit counts from here. */
    atomic_store_explicit(&slot->started, started, memory_order_relaxed);
    if (serving.nursery->tell_claims)
        ring();
    call.arg = cf_parcel_argument(slot, &call, small, &copy);
    atomic_store_explicit(&serving.slot, slot, memory_order_release);
    if (call.arg != NULL)
        cf_call_run(&call);
    end_if_forked();
    /* A thread that the task has made may have called exit() just now, and the process ends with that. */
    while (atomic_exchange(&serving.slot, NULL) == NULL)
        pause();
    cf_parcel_result(slot, &call);
    cf_call_discard(&call);
    free(copy);
}

static void
sleep_on(_Atomic uint32_t *word)
{
    syscall(SYS_futex, word, FUTEX_WAIT, 1, NULL, NULL, 0);
}

/*
 * Whether there is something new in the slot at the head.  QUEUED is always that; a WITHDRAWN may be of the last round,
 * and whoever has withdrawn a call has stored the tail before.
 */
static bool
is_filled(struct lane *lane, uint64_t head)
{
    switch (atomic_load_explicit(&lane->slots[head % LANE_SLOTS].word, memory_order_acquire)) {
    case SLOT_QUEUED:
        return true;
    case SLOT_WITHDRAWN:
        return atomic_load_explicit(&lane->tail, memory_order_acquire) > head;
    default:
        return false;
    }
}

/*
 * Whether the slot at the head is filled before long.  The parent is told of what is over when no call follows at once,
 * as short ones do that somebody submits or waits for one after another.
 */
static bool
spin(struct lane *lane, uint64_t head)
{
    const int most = cf_patience(serving.in_vain, SPINS), until_told = most < PATIENCE ? most : PATIENCE;

    for (int i = 0; i < most; i++) {
        if (is_filled(lane, head))
            return cf_spun(&serving.in_vain, true);
        if (i + 1 == until_told)
            tell();
        cf_pause();
    }
    return cf_spun(&serving.in_vain, is_filled(lane, head));
}

/* Wait until the slot at the head is filled.  False: it never will be. */
static bool
wait_for_slot(struct lane *lane, uint64_t head)
{
    const struct segment *segment = serving.nursery->segment;

    if (spin(lane, head))
        return true;
    while (!is_filled(lane, head)) {
        if (atomic_load(&segment->quit))
            return false;
        /* The parent stores the tail, then looks at asleep; all of it is sequentially consistent. */
        atomic_store(&lane->asleep, 1);
        if (atomic_load(&lane->tail) <= head && !atomic_load(&segment->quit))
            sleep_on(&lane->asleep);
        atomic_store(&lane->asleep, 0);
    }
    return true;
}

/* After an interrupt nothing new is started: the parent withdraws what is queued.  Nor while we may be killed. */
static bool
claim(struct lane *lane, struct slot *slot)
{
    uint32_t queued = SLOT_QUEUED;

    while ((atomic_load(&serving.nursery->segment->stopping) || atomic_load(&lane->hold)) &&
           atomic_load(&slot->word) == SLOT_QUEUED)
        usleep(500);
    return atomic_compare_exchange_strong(&slot->word, &queued, SLOT_CLAIMED);
}

/*
 * Serve one slot after another.  A call begins when the one before it has ended, if it was there before that, so that
 * the clock is read once a call.  It may be a long one, so before it the parent is told of those that are over, unless
 * that was done a moment ago and it looks from time to time.
 */
static void
serve(struct lane *lane)
{
    const struct nursery *nursery = serving.nursery;
    cf_time now = cf_now(), told = now;
    unsigned calls = 0;

    for (uint64_t head = lane->start; wait_for_slot(lane, head); head++) {
        struct slot *slot = &lane->slots[head % LANE_SLOTS];
        bool follows = false;
        if (now == 0)
            now = cf_now();
        if (now - told > TOGETHER || atomic_load(&nursery->segment->timed) == 0) {
            tell();
            told = now;
        }
        if (claim(lane, slot)) {
            if (++calls == nursery->max_calls)
                atomic_store(&lane->retired, 1);
            /* The parent has written it last; the look at it below is not to wait for that. */
            __builtin_prefetch(&lane->slots[(head + 1) % LANE_SLOTS]);
            run(slot, now);
            follows = is_filled(lane, head + 1);
            now = commit(slot);
        } else {
            atomic_store(&lane->passed, head + 1);
            serving.untold = true;
        }
        if (lane->retired)
            break;
        if (!follows)
            now = 0;
    }
    tell();
}

/* .open_worker; where it fails, its error is left for the parent in the lane. */
static bool
open_lane(struct lane *lane)
{
    struct cf_error *error = cf_worker_open(&serving.worker);

    end_if_forked();
    if (error == NULL) {
        atomic_store(&lane->opened, 1);
        return true;
    }
    cf_parcel_error(&lane->slots[LANE_FAILURE], error);
    atomic_store(&lane->open_failed, 1);
    return false;
}

bool
cf_lane_serves(const struct cf_executor *executor)
{
    return serving.lane != NULL && serving.nursery->executor == executor && getpid() == atomic_load(&serving.lane->pid);
}

/*
 * All that outlives the stack, because a task may call pthread_exit(), which ends the process when no thread is left.
 */
_Noreturn void
cf_lane_serve(const struct nursery *known, unsigned number)
{
    static struct nursery copy;
    static struct cf_frame frame;
    const struct nursery *nursery = &copy;
    struct lane *lane = &known->segment->lanes[number];

    copy = *known;
    frame = (struct cf_frame){ .executor = nursery->executor, .worker = &serving.worker };
    atomic_store(&lane->pid, getpid());
    serving.nursery = nursery;
    serving.lane = lane;
    cf_parcel_serve(nursery, number);
    serving.worker.executor = nursery->executor;
    snprintf(serving.worker.name, sizeof serving.worker.name, "pid %d", (int)getpid());
    serving.generation = cf_generation;
    cf_self.frame = &frame;
    on_exit(exit_in_task, NULL);
    if (open_lane(lane)) {
        serve(lane);
        cf_worker_close(&serving.worker);
        end_if_forked();
    }
    fflush(stdout);
    fflush(stderr);
    _exit(0);
}
