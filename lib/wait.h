/* SPDX-License-Identifier: MIT */
/* wait.h - waiting for one future and for many, and the iterators that yield them. */

#ifndef CF_WAIT_H
#define CF_WAIT_H 1

#include "executor.h"

/*
 * Waiting (wait.c, circle.c).
 */

/*
 * Wait for one future, with help and with the check for circles; heed interrupts or not.  Who watches a room besides
 * gets CF_OK also when there may be a place in it.
 */
enum cf_status cf_wait_for(struct cf_future *, cf_time deadline, bool heed, const struct cf_room_waiter *);

/* Whether this thread may wait for an unfinished future at all: CF_OK, CF_FORKED or CF_DEADLOCK. */
enum cf_status cf_may_wait(const struct cf_future *);

/* If this thread is a worker of the future's executor and the future is pending, run it here; else return false. */
bool cf_help(struct cf_future *);

/* Whether this thread is nested too deeply to run another call inside the present one: by number, or by its stack. */
bool cf_is_deep(void);

/* Whether only this thread's being nested too deeply keeps it from running the future, as cf_help() would. */
bool cf_too_deep(const struct cf_future *);

/* If the hook's executor is interrupted, cancel what it has not started and return true. */
bool cf_heed_interrupt(struct cf_hook *);

/* Note that this thread waits for that future alone; false: that would close a circle. */
bool cf_circle_enter(struct cf_parker *, struct cf_future *);
void cf_circle_leave(struct cf_parker *);
void cf_circle_before_fork(void);
void cf_circle_after_fork(void);

/*
 * A gathering (gather.c): futures that are added at any time and come out as they finish.  One thread adds and takes.
 */
struct cf_gather {
    /* Those not done yet as far as the owner knows, in the order of adding: the calls of executors, and promises. */
    struct cf_gathered_list {
        struct cf_gathered *first, *last;
    } calls, promises;
    struct cf_gathered *ready, *ready_last; /* those known to be done */
    struct cf_executor *executor;           /* of the first that was added */
    bool mixed;                             /* there are others of other executors */
    _Atomic(struct cf_gathered *) arrived;  /* a stack that settlers push to */
    _Atomic(struct cf_parker *) sleeper;    /* whom to unpark for it */
    struct cf_gathered *looked_at;          /* the last of the ready ones that cf_gather_look() returned; or NULL */
    size_t count;                           /* added and not taken */
    unsigned generation;                    /* cf_generation when the last was added */
    uint32_t interrupts;                    /* the cf_interrupts that have been dealt with */
};

bool cf_gather_add(struct cf_gather *, struct cf_future *); /* takes over a reference, but not if it returns false */
struct cf_future *cf_gather_take(struct cf_gather *, cf_time deadline, bool heed, const struct cf_room_waiter *,
                                 enum cf_status *);
/* The next that is done, left where it is, of those not looked at yet; or NULL. */
struct cf_future *cf_gather_look(struct cf_gather *);
struct cf_future *cf_gather_oldest(const struct cf_gather *); /* call that is not known to be done; or NULL */
void cf_gather_cancel(struct cf_gather *);                    /* those that have not started */
void cf_gather_clear(struct cf_gather *);

/*
 * How many items a map had better send as one call (pace.c), judging by how long its earlier calls took.
 */
struct cf_pace {
    size_t known; /* items, since the last that took long, that are known to have been short */
    size_t fits;  /* so many of the last ones would have made a good chunk */
};

void cf_pace_learn(struct cf_pace *, const struct cf_future *call); /* one that is done */

/*
 * So many items must have been short before there is a chunk: few are sent singly as fast, and can be cancelled singly.
 */
enum { CF_PACE_FEW = 32 };

/* Whether it is for want of knowledge that chunks are not larger. */
static inline bool
cf_pace_may_grow(const struct cf_pace *pace)
{
    return pace->known <= pace->fits || pace->known < CF_PACE_FEW;
}

static inline size_t
cf_pace_chunk(const struct cf_pace *pace)
{
    const size_t chunk = pace->known < pace->fits ? pace->known : pace->fits;

    return chunk == 0 || pace->known < CF_PACE_FEW ? 1 : chunk;
}

/*
 * The calls that a map has sent ahead of its reader (ahead.c), to be taken in their order or in that of completion.
 */
struct cf_ahead {
    bool unordered;
    size_t calls;
    struct cf_pace pace;
    size_t learnt;           /* of the calls, those that the pace knows of; they will be taken first */
    struct cf_future **ring; /* if ordered; its size and where the first one is: */
    size_t size, first;
    struct cf_gather gather; /* if not */
};

bool cf_ahead_add(struct cf_ahead *, struct cf_future *); /* takes over a reference, but not if it returns false */
/* The next that is done; NULL with CF_OK: there may be a place in the room that one watches besides. */
struct cf_future *cf_ahead_take(struct cf_ahead *, cf_time deadline, bool heed, const struct cf_room_waiter *,
                                enum cf_status *);
void cf_ahead_learn(struct cf_ahead *);                      /* have the pace know of those that are done by now */
struct cf_future *cf_ahead_unknown(const struct cf_ahead *); /* the oldest that it does not know of; or NULL */
void cf_ahead_cancel(struct cf_ahead *);
void cf_ahead_clear(struct cf_ahead *);

/*
 * Iterators (iter.c).
 */
struct cf_iter_kind {
    struct cf_future *(*next)(struct cf_iter *, enum cf_status *); /* a reference for the caller, or NULL and why */
    size_t (*remaining)(const struct cf_iter *, size_t *total);
    void (*free)(struct cf_iter *);
};

/*
 * Items of a chunk that are like the one whose future is lent: cf_next() fills it with their bytes, one after the
 * other.  The iterator's kind notes how many these were when it is asked the next time.
 */
struct cf_refill {
    size_t given, left;                 /* items */
    const unsigned char *item, *result; /* of the next one */
    size_t item_len, result_len;
    uint32_t interrupts; /* the cf_interrupts up to which this is all right */
};

struct cf_iter {
    const struct cf_iter_kind *kind; /* NULL: the one iterator there always is, which has failed */
    enum cf_status status;
    bool interrupt_said;
    struct cf_future *lent;
    struct cf_future *spare; /* a part that kind->next() may take for another; or NULL */
    struct cf_refill refill;
};

extern struct cf_iter cf_iter_no_memory;

/*
 * Chunks: several items of a map in one call; chunk.h has what becomes of them.
 */
int cf_chunk_run(struct cf_call *);     /* stands in for the task's own run() */
void cf_chunk_dispose(const void *arg); /* gives back what the argument refers to */

#endif
