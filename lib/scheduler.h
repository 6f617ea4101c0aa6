/* SPDX-License-Identifier: MIT */
/*
 * scheduler.h - which worker of a thread pool runs which call, and who wakes whom.
 *
 * A worker takes calls from the queue in batches, so that short calls do not cost a lock each.  What it has taken stays
 * open to others, in its ring.  What its tasks submit to their own pool it keeps without any lock, in its deque, where
 * others find it, too.
 *
 * At most one worker at a time is roused to look for work.  When it finds some, and leaves some, it rouses the next; so
 * a burst wakes as many as it needs, and a trickle wakes one.  Whenever the lock is free: if there is work, then
 * somebody is searching, or all workers are busy and there cannot be more of them.  A busy one looks for work when it
 * has done.
 */

#ifndef CF_SCHEDULER_H
#define CF_SCHEDULER_H 1

#include "deque.h"
#include "queue.h"
#include "ring.h"

/* What the scheduler knows of a worker. */
struct cf_seat {
    unsigned number;                    /* from 0 */
    _Atomic(struct cf_parker *) parker; /* NULL until its worker has one */
    unsigned batch;                     /* how many calls to take next time */
    unsigned takes;                     /* how often it has looked for work */
    cf_time taken_at;                   /* when it took the last batch; 0: not timed */
    uint8_t in_vain;                    /* how often in a row it has spun for nothing; see park.h */
    bool searching;                     /* it is one of those; written under the lock, and read by itself without */
    _Atomic bool roused;
    struct cf_seat *next_idle; /* guarded by the lock */
    struct cf_ring ring;
    struct cf_deque deque;
};

struct cf_scheduler {
    unsigned share;                       /* the workers that can really run at once */
    unsigned max_workers;                 /* that there may be */
    void (*start)(struct cf_scheduler *); /* adds a worker: cf_scheduler_seat() or cf_scheduler_start_failed() */

    _Atomic unsigned created; /* seats[0] to seats[created - 1] are there for good */
    struct cf_seat **seats;

    alignas(64) struct cf_spin lock; /* guards what follows */
    struct cf_queue queue;
    _Atomic(struct cf_seat *) idle; /* those asleep, the last to fall asleep first */
    _Atomic unsigned searching;     /* those who will look for work everywhere before they fall asleep */
    _Atomic unsigned started;       /* created, or being so */
    unsigned opening;               /* those that open, and will look then */
    _Atomic bool stopped;
};

int cf_scheduler_init(struct cf_scheduler *, unsigned max_workers, unsigned cpus); /* in zeroed memory; 0 or ENOMEM */
void cf_scheduler_fini(struct cf_scheduler *);

int cf_scheduler_enqueue(struct cf_scheduler *, struct cf_future *); /* 0, ESHUTDOWN or ENOMEM */
void cf_scheduler_rouse(struct cf_scheduler *);
struct cf_future *cf_scheduler_withdraw(struct cf_scheduler *);  /* a call that nobody has begun, or NULL */
void cf_scheduler_stop(struct cf_scheduler *);                   /* no more calls; workers end when there are none */
unsigned cf_scheduler_started(struct cf_scheduler *);            /* how many workers there are or are being made */
void cf_scheduler_seat(struct cf_scheduler *, struct cf_seat *); /* by start(), one at a time: the next worker */
struct cf_seat *cf_scheduler_seat_of(struct cf_scheduler *, uint32_t number); /* of the parker's; or NULL */
bool cf_scheduler_start_failed(struct cf_scheduler *); /* by start(); true: there is no worker at all */

/* By the worker in the seat: */
void cf_scheduler_open(struct cf_scheduler *, struct cf_seat *);   /* it begins to open, which may take long */
void cf_scheduler_opened(struct cf_scheduler *, struct cf_seat *); /* it has, and will look for work */

/*
 * The search (search.c), by the same worker: wait for a call; NULL: the end.
 */
struct cf_future *cf_search_next(struct cf_scheduler *, struct cf_seat *);

/*
 * It has run its last call and will look for work.  Said before the call is settled: else a program that submits one
 * call after another would start a new worker each time that it is quicker than the old one.
 */
void cf_search_announce(struct cf_scheduler *, struct cf_seat *);

/* But a callback may keep it from looking. */
void cf_search_engage(struct cf_scheduler *, struct cf_seat *);

/*
 * Whether cf_scheduler_rouse() might find something to do about a call that has just been put into a deque; see
 * lie_down() in search.c.
 */
static inline bool
cf_scheduler_may_rouse(struct cf_scheduler *scheduler)
{
    return atomic_load(&scheduler->searching) == 0 &&
           (atomic_load(&scheduler->idle) != NULL || atomic_load(&scheduler->started) < scheduler->max_workers);
}

/*
 * By the worker in the seat, if there is one: a call goes to its deque, or else to the queue.  0, ESHUTDOWN or ENOMEM.
 */
static inline int
cf_scheduler_add(struct cf_scheduler *scheduler, struct cf_seat *seat, struct cf_future *future)
{
    if (seat == NULL || atomic_load(&scheduler->stopped) || !cf_deque_put(&seat->deque, future))
        return cf_scheduler_enqueue(scheduler, future);
    if (cf_scheduler_may_rouse(scheduler))
        cf_scheduler_rouse(scheduler);
    return 0;
}

#endif
