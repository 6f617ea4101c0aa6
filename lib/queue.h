/* SPDX-License-Identifier: MIT */
/*
 * queue.h - the calls that wait in a thread pool for any worker, first in, first out.
 *
 * It holds addresses in segments rather than linking the calls, so that nobody touches a call, which is likely to be in
 * another processor's cache, while he holds the lock of the queue.
 */

#ifndef CF_QUEUE_H
#define CF_QUEUE_H 1

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>

struct cf_future;

enum { CF_SEGMENT = 510 }; /* calls; with which a segment has 4 KiB */

struct cf_segment {
    struct cf_segment *next;
    struct cf_future *calls[CF_SEGMENT];
};

/* Guarded by a lock of its owner's, like all functions here but the last. */
struct cf_queue {
    struct cf_segment *first, *last; /* NULL: there is none yet */
    struct cf_segment *spare;        /* or NULL */
    unsigned begin, end;             /* where the calls begin in the first segment, and end in the last */
    _Atomic size_t length;           /* read without the lock where a guess will do */
};

/* Whether the next call needs a segment, which is to be made without the lock and given to cf_queue_keep(). */
static inline bool
cf_queue_is_full(const struct cf_queue *queue)
{
    return queue->spare == NULL && (queue->last == NULL || queue->end == CF_SEGMENT);
}

/* Take over a segment as the spare one; return it if there is one already. */
static inline struct cf_segment *
cf_queue_keep(struct cf_queue *queue, struct cf_segment *segment)
{
    if (queue->spare != NULL)
        return segment;
    queue->spare = segment;
    return NULL;
}

static inline void
cf_queue_set_length(struct cf_queue *queue, size_t length)
{
    atomic_store_explicit(&queue->length, length, memory_order_relaxed);
}

static inline void
cf_queue_append_spare(struct cf_queue *queue)
{
    struct cf_segment *segment = queue->spare;

    queue->spare = NULL;
    segment->next = NULL;
    if (queue->last == NULL)
        queue->first = segment;
    else
        queue->last->next = segment;
    queue->last = segment;
    queue->end = 0;
}

/* To one that is not full. */
static inline void
cf_queue_put(struct cf_queue *queue, struct cf_future *call)
{
    if (queue->last == NULL || queue->end == CF_SEGMENT)
        cf_queue_append_spare(queue);
    queue->last->calls[queue->end++] = call;
    cf_queue_set_length(queue, queue->length + 1);
}

/*
 * The first call, or NULL.  Of so many as there are in a segment, one at most leaves a segment in *unused, to be freed.
 */
static inline struct cf_future *
cf_queue_take(struct cf_queue *queue, struct cf_segment **unused)
{
    if (queue->length == 0)
        return NULL;
    if (queue->begin == CF_SEGMENT) {
        struct cf_segment *empty = queue->first;
        queue->first = empty->next;
        queue->begin = 0;
        *unused = cf_queue_keep(queue, empty);
    }
    struct cf_future *call = queue->first->calls[queue->begin++];
    cf_queue_set_length(queue, queue->length - 1);
    if (queue->length == 0 && queue->first == queue->last)
        queue->begin = queue->end = 0;
    return call;
}

/* Of one without calls. */
static inline void
cf_queue_fini(struct cf_queue *queue)
{
    for (struct cf_segment *segment = queue->first, *next; segment != NULL; segment = next) {
        next = segment->next;
        free(segment);
    }
    free(queue->spare);
}

#endif
