/* SPDX-License-Identifier: MIT */
/* future.h - the outcome of a call, its states, and the run of its task. */

#ifndef CF_FUTURE_H
#define CF_FUTURE_H 1

#include "bytes.h"
#include "error.h"
#include "hook.h"
#include "self.h"
#include "slab.h"

/*
 * Futures (future.c).
 *
 * The word of a future is its state, flags, and above them the number of references: so to settle it and to give back
 * the queue's reference is one operation.
 *
 * The state: PENDING -> RUNNING -> FINISHED, or PENDING -> CANCELLED or FINISHED; each step is one atomic operation,
 * with exactly one winner.  Leaving for FINISHED or CANCELLED is a release that pairs with the acquire of cf_done():
 * who sees a done future sees its outcome.  The flags beside it:
 *
 * HOOKED    somebody must be told.  Set under the lock of the hooks, so that the settler, who finds it set in what it
 *           replaces, finds the hook in the list once it has that lock.
 * TOLD      of a cancelled future: its canceller will not touch the executor again.
 * DEQUEUED  of a cancelled future: its executor's queue has let go of it, and keeps the executor until TOLD.
 * STARTED   of a running remote one: its observer has been told that it has started.
 */
enum {
    CF_STATE_PENDING,
    CF_STATE_RUNNING,
    CF_STATE_FINISHED,
    CF_STATE_CANCELLED,
    CF_STATE_MASK = 3,
    CF_STATE_HOOKED = 4,
    CF_STATE_TOLD = 8,
    CF_STATE_DEQUEUED = 16,
    CF_STATE_STARTED = 32
};
#define CF_REFERENCE ((uint64_t)1 << 32)

/*
 * A program may have millions of these, so members that are never in use at the same time share their place.
 */
struct cf_future {
    _Atomic uint64_t word;        /* CF_STATE_..., and so many times CF_REFERENCE */
    struct cf_executor *executor; /* NULL: a promise, or refused.  Exists until the future is settled. */
    const struct cf_task *task;
    union {
        struct cf_future *next;  /* in its executor's queue; guarded by the queue's lock */
        struct cf_future *whole; /* of a part: the chunk that its argument or its result is in, retained; or NULL */
    };
    union {
        struct cf_hook *hooks; /* guarded by the lock of hook.c */
        const void *part;      /* of a part: its argument, in its room or in the chunk */
    };
    /* The outcome, written by the settler before the state says so. */
    const void *result; /* NULL: it has none */
    union {
        size_t result_len;
        uint64_t area; /* before: for the kind of executor; see processes.c */
    };
    union {
        void (*free_result)(void *);      /* of a result; NULL: nothing to free */
        _Atomic(struct cf_error *) error; /* where there is no result */
    };
    size_t arg_len;
    _Atomic uint32_t runner; /* the number of the parker of the thread in which it runs, see circle.c; or CF_TOOK */
    uint16_t size;           /* of the block, or CF_FUTURE_LARGE; 0: static, never freed */
    uint8_t generation;      /* cf_generation of its maker */
    bool chunk : 1;          /* its task is to be run for each of the packed items of its argument */
    bool remote : 1;         /* its state changes elsewhere, and the executor has to look */
    bool is_part : 1;        /* of a chunk: the future of one item */
    bool timed : 1;          /* how long it runs is wanted */
    bool borrows : 1;        /* its argument is elsewhere, and its room begins with a cf_borrowed */
    alignas(max_align_t) unsigned char room[]; /* the argument, then a small result */
};

struct cf_borrowed {
    alignas(max_align_t) const void *at;
    void (*give_back)(void *at);
};
#define CF_FUTURE_LARGE UINT16_MAX
/* In runner, of a call that has run: this and for how many nanoseconds, as far as they fit. */
#define CF_TOOK ((uint32_t)1 << 31)

struct cf_future *cf_future_refused(const struct cf_task *, bool chunk, const void *arg, size_t len, struct cf_error *);
struct cf_future *cf_future_part(const struct cf_task *, size_t room); /* PENDING, and not shared yet */
bool cf_future_fail(struct cf_future *, struct cf_error *); /* PENDING -> FINISHED; takes the error in any case */
/* RUNNING -> FINISHED, the outcome being in place; worker is who ran it, or NULL; when is 0 for now. */
void cf_future_finish(struct cf_future *, struct cf_worker *, cf_time when);
/* The same, but if it returns true, cf_hooks_run() is yet to be called. */
bool cf_future_settle(struct cf_future *, struct cf_worker *, cf_time when);
void cf_future_finish_slowly(struct cf_future *, struct cf_worker *); /* cf_future_finish_and_release() in two steps */
void cf_future_copy_result(struct cf_future *, const void *, size_t);
/* PENDING -> CANCELLED, which is still to be told, as far as *flags say; by a kind's recall(). */
bool cf_future_leave_for_cancel(struct cf_future *, uint32_t *flags);
void cf_future_dequeued(struct cf_future *); /* the queue's reference to one that it could not claim */

static inline uint32_t
cf_future_refs(const struct cf_future *future)
{
    return (uint32_t)(atomic_load_explicit(&future->word, memory_order_acquire) / CF_REFERENCE);
}

/* PENDING -> to, with the flags as they were, which go to *flags.  False: it was not PENDING. */
static inline bool
cf_future_leave_pending(struct cf_future *future, uint32_t to, uint32_t *flags)
{
    /* As a call is made.  To look first would fetch the word from another processor twice. */
    uint64_t word = CF_STATE_PENDING + 2 * CF_REFERENCE;

    while (!atomic_compare_exchange_weak_explicit(&future->word, &word, word + to, memory_order_acq_rel,
                                                  memory_order_acquire))
        if ((word & CF_STATE_MASK) != CF_STATE_PENDING)
            return false;
    *flags = (uint32_t)word;
    return true;
}

/* PENDING -> RUNNING */
static inline bool
cf_future_claim(struct cf_future *future)
{
    uint32_t flags;

    return cf_future_leave_pending(future, CF_STATE_RUNNING, &flags);
}

/* Whether it is of the other side of a fork. */
static inline bool
cf_future_frozen(const struct cf_future *future)
{
    return future->size != 0 && future->generation != (uint8_t)cf_generation;
}

/* By who is about to settle it. */
static inline void
cf_future_set_took(struct cf_future *future, cf_time took)
{
    const uint32_t number = took < 1 ? 1 : took < (cf_time)CF_TOOK ? (uint32_t)took : CF_TOOK - 1;

    atomic_store_explicit(&future->runner, CF_TOOK | number, memory_order_relaxed);
}

/* Of one that is done; 0: it was not timed, or has not run. */
static inline cf_time
cf_future_took(const struct cf_future *future)
{
    const uint32_t runner = atomic_load_explicit(&future->runner, memory_order_relaxed);

    return (runner & CF_TOOK) != 0 ? (cf_time)(runner & ~CF_TOOK) : 0;
}

/* Whether an unshared part, which its only owner would release, can be used for another item instead. */
static inline bool
cf_future_is_spare(const struct cf_future *future)
{
    return future->is_part && cf_future_refs(future) == 1 && future->whole == NULL &&
           (future->result != NULL ? future->free_result == NULL : future->error == NULL);
}

static inline const void *
cf_future_arg(const struct cf_future *future)
{
    if (future->borrows)
        return ((const struct cf_borrowed *)(const void *)future->room)->at;
    return future->is_part ? future->part : future->room;
}

/* Of one that is done; NULL: it has a result, or it was cancelled and nobody has asked why. */
static inline struct cf_error *
cf_future_error(const struct cf_future *future)
{
    return future->result != NULL ? NULL : atomic_load_explicit(&future->error, memory_order_acquire);
}

/* What its block has left for a small result, behind the argument, and where. */
static inline size_t
cf_future_spare_room(struct cf_future *future, void **at)
{
    const size_t arg_room = future->borrows ? sizeof(struct cf_borrowed) : cf_round_up(future->arg_len);
    const size_t used = sizeof *future + (future->is_part ? 0 : arg_room);

    *at = (char *)future + used;
    return future->size == CF_FUTURE_LARGE || used >= future->size ? 0 : future->size - used;
}

/* By who is about to settle it; the error is the future's from now on. */
static inline void
cf_future_set_error(struct cf_future *future, struct cf_error *error)
{
    future->result = NULL;
    atomic_store_explicit(&future->error, error, memory_order_relaxed);
}

static inline void
cf_future_set_result(struct cf_future *future, const void *result, size_t len, void (*free_result)(void *))
{
    future->result = result;
    future->result_len = len;
    future->free_result = free_result;
}

static inline uint32_t
cf_future_state(const struct cf_future *future)
{
    return atomic_load_explicit(&future->word, memory_order_acquire) & CF_STATE_MASK;
}

/*
 * Calls (call.c): a task's run in some worker, wherever that is.  Small results go to room.
 */
struct cf_call {
    const struct cf_task *task;
    bool chunk;
    const void *arg;
    size_t arg_len;
    struct cf_worker *worker;
    void *room;
    size_t room_size;
    /* Memory for a larger result, if there is any that is better than what malloc() has; or NULL. */
    void *(*place)(size_t len);
    void (*free_place)(void *);
    /* The outcome. */
    const void *result;
    size_t result_len;
    void (*free_result)(void *);
    struct cf_error *error; /* NULL: it has a result */
};

void cf_call_conclude(struct cf_call *, int rc); /* what its task returned, if that is all that it said */
void cf_call_discard(struct cf_call *);          /* the outcome */
void cf_call_set_error(struct cf_call *, struct cf_error *);

/* Run .open_worker or .close_worker, if there is one.  open returns NULL or the reason why it failed. */
struct cf_error *cf_worker_open(struct cf_worker *);
void cf_worker_close(struct cf_worker *);

#endif
