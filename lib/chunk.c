/* SPDX-License-Identifier: MIT */
/* chunk.c - a worker runs the items of a chunk, one after another; chunk.h has the format of what it gets and makes. */

#include "chunk.h"

#include <errno.h>
#include <stdlib.h>

/* The result while it grows.  Between items there is room for the next one's, if that is small. */
struct outcomes {
    unsigned char *bytes;
    size_t used, size;
    size_t run;  /* where the run is that may go on; 0: none may */
    bool owning; /* there are pointers to what tasks have handed over */
};

enum {
    AHEAD = 2 * sizeof(struct chunk_run) + CHUNK_SMALL, /* what an item that is small may take */
    BATCH = 8 * CHUNK_SMALL                             /* bytes of lent items that are copied together */
};

/* See to it that there is room for len bytes behind what is used. */
static bool
reserve(struct outcomes *outcomes, size_t len)
{
    if (len <= outcomes->size - outcomes->used)
        return true;
    if (len > PTRDIFF_MAX / 2 - outcomes->used)
        return false;
    const size_t wanted = outcomes->used + len;
    const size_t size = wanted > 2 * outcomes->size ? wanted : 2 * outcomes->size;
    unsigned char *bytes = realloc(outcomes->bytes, size);
    if (bytes == NULL)
        return false;
    outcomes->bytes = bytes;
    outcomes->size = size;
    return true;
}

/* A guess of what so many outcomes take: that they are numbers.  It is given back what turns out to be too much. */
static bool
begin(struct outcomes *outcomes, size_t items)
{
    const size_t many = items < 65536 ? items : 65536;

    outcomes->size = sizeof(struct chunk_outcomes) + AHEAD + many * sizeof(uint64_t);
    outcomes->used = sizeof(struct chunk_outcomes);
    outcomes->bytes = malloc(outcomes->size);
    return outcomes->bytes != NULL;
}

static struct chunk_run *
run_at(const struct outcomes *outcomes, size_t place)
{
    return (struct chunk_run *)(void *)(outcomes->bytes + place);
}

/* A new run with one outcome of that length, and where its bytes are to be written; NULL: no memory. */
static void *
add_run(struct outcomes *outcomes, uint8_t why, int code, size_t len)
{
    const size_t place = cf_round_up(outcomes->used);

    if (!reserve(outcomes, place - outcomes->used + sizeof(struct chunk_run) + len))
        return NULL;
    *run_at(outcomes, place) = (struct chunk_run){ .len = len, .code = code, .count = 1, .why = why };
    outcomes->run = why == CHUNK_RESULT && len <= CHUNK_SMALL ? place : 0;
    outcomes->used = place + sizeof(struct chunk_run) + len;
    return outcomes->bytes + place + sizeof(struct chunk_run);
}

static bool
add_error(struct outcomes *outcomes, const struct cf_error *error)
{
    const size_t domain = strlen(error->domain) + 1;
    const size_t worker = strlen(error->worker) + 1;
    const size_t message = strlen(error->message) + 1;
    char *place = add_run(outcomes, (uint8_t)error->why, error->code, domain + worker + message);

    if (place == NULL)
        return false;
    memcpy(place, error->domain, domain);
    memcpy(place + domain, error->worker, worker);
    memcpy(place + domain + worker, error->message, message);
    return true;
}

/* The result stays where it is. */
static bool
add_owned(struct outcomes *outcomes, struct cf_call *call)
{
    const struct chunk_owned owned = {
        .result = (void *)(uintptr_t)call->result,
        .len = call->result_len,
        .free_result = call->free_result,
    };
    void *place = add_run(outcomes, CHUNK_OWNED, 0, sizeof owned);

    if (place == NULL)
        return false;
    memcpy(place, &owned, sizeof owned);
    outcomes->owning = true;
    call->result = NULL;
    call->free_result = NULL;
    return true;
}

/* A small result stands where it belongs if it is like the one before, or else too far in front. */
static bool
add_result(struct outcomes *outcomes, const struct cf_call *call)
{
    struct chunk_run *run = run_at(outcomes, outcomes->run);
    const size_t len = call->result_len;

    if (outcomes->run != 0 && run->len == len && run->count < UINT16_MAX) {
        if (call->result != call->room)
            cf_copy(call->room, call->result, len);
        run->count++;
        outcomes->used += len;
        return true;
    }
    const size_t place = cf_round_up(outcomes->used);
    if (!reserve(outcomes, place - outcomes->used + sizeof *run + len))
        return false;
    memmove(outcomes->bytes + place + sizeof *run, call->result, len);
    add_run(outcomes, CHUNK_RESULT, 0, len);
    return true;
}

static bool
add_outcome(struct outcomes *outcomes, struct cf_call *call, bool flat)
{
    bool added;

    if (call->error != NULL)
        added = add_error(outcomes, call->error);
    else if (flat || call->result == call->room || call->result_len == 0)
        added = add_result(outcomes, call);
    else
        added = add_owned(outcomes, call);
    if (call->error != NULL || call->free_result != NULL)
        cf_call_discard(call);
    return added;
}

/* The item, or a copy of it if it stands where not everything may. */
static const void *
aligned(const void *item, size_t len, void *copy)
{
    if ((uintptr_t)item % CF_ALIGN == 0)
        return item;
    cf_copy(copy, item, len);
    return copy;
}

/*
 * Of the call nothing is used but what all items have in common; it owns nothing before and after.  Flat results can go
 * to another process.
 */
static bool
run_item(struct cf_call *call, const void *item, size_t len, struct outcomes *outcomes, bool flat)
{
    alignas(max_align_t) unsigned char copy[CHUNK_SMALL];

    if (!reserve(outcomes, AHEAD))
        return false;
    call->arg = aligned(item, len, copy);
    call->arg_len = len;
    call->room = outcomes->bytes +
                 (outcomes->run != 0 ? outcomes->used : cf_round_up(outcomes->used) + sizeof(struct chunk_run));
    call->result = NULL;
    call->result_len = 0;
    const int rc = call->task->run(call);
    if (rc != 0 || call->result == NULL)
        cf_call_conclude(call, rc);
    return add_outcome(outcomes, call, flat);
}

static void
free_outcomes(void *bytes)
{
    struct chunk_outcomes *head = bytes;
    struct chunk_run *run = (struct chunk_run *)(head + 1);
    struct chunk_run *end = (struct chunk_run *)(void *)((char *)bytes + head->used);

    while (run < end) {
        struct chunk_owned *owned = (struct chunk_owned *)(void *)(run + 1);
        if (run->why == CHUNK_OWNED && owned->free_result != NULL)
            owned->free_result(owned->result);
        run = cf_chunk_next_run(run);
    }
    free(bytes);
}

static int
finish(struct cf_call *call, struct outcomes *outcomes)
{
    struct chunk_outcomes *head = (struct chunk_outcomes *)(void *)outcomes->bytes;
    const size_t spare = outcomes->size - outcomes->used;

    head->used = outcomes->used;
    /* Where it shrinks it usually stays, and if it cannot shrink it is as good. */
    if (spare > outcomes->used / 4 && (head = realloc(outcomes->bytes, outcomes->used)) == NULL)
        head = (struct chunk_outcomes *)(void *)outcomes->bytes;
    return cf_return_owned(call, head, head->used, outcomes->owning ? free_outcomes : free);
}

/* The next few of the lent items, copied; none if they cannot be had any more, and nobody wants their results. */
static struct chunk_reader
borrow(struct chunk_reader *items, struct cf_lease *lease, void *copies)
{
    const size_t most = items->size > 0 ? BATCH / items->size : items->left;
    const size_t count = items->left < most ? items->left : most;
    const struct chunk_reader batch = { .at = copies, .size = items->size, .left = count };

    if (!cf_lease_copy(lease, copies, items->at, count * items->size))
        return (struct chunk_reader){ 0 };
    items->at += count * items->size;
    items->left -= count;
    return batch;
}

/* Nobody wants what has not started. */
static bool
is_over(const struct cf_executor *executor, const struct cf_lease *lease)
{
    return atomic_load_explicit(executor->stopping, memory_order_relaxed) != 0 ||
           (lease != NULL && atomic_load_explicit(&lease->ended, memory_order_relaxed));
}

/* The lease is that under which they were lent, or NULL. */
static bool
run_items(struct cf_call *call, struct chunk_reader items, const struct cf_lease *lease, struct outcomes *outcomes)
{
    const struct cf_executor *executor = call->worker->executor;
    const bool flat = executor->kind->recall != NULL;
    const unsigned generation = cf_generation;
    bool added = true;
    size_t len;

    /* A process that an item forks, and that returns from it as well, leaves the others to its parent. */
    while (added && items.left > 0 && cf_generation == generation) {
        const void *item = cf_chunk_next(&items, &len);
        if (is_over(executor, lease))
            added = add_run(outcomes, CF_CANCELLED, 0, 0) != NULL;
        else
            added = run_item(call, item, len, outcomes, flat);
    }
    return added;
}

static bool
run_lent_items(struct cf_call *call, struct chunk_reader items, struct cf_lease *lease, struct outcomes *outcomes)
{
    alignas(max_align_t) unsigned char copies[BATCH];
    bool added = true;

    while (added && items.left > 0) {
        const struct chunk_reader batch = borrow(&items, lease, copies);
        if (batch.left == 0)
            return true;
        added = run_items(call, batch, lease, outcomes);
    }
    return added;
}

int
cf_chunk_run(struct cf_call *call)
{
    const struct chunk_head *head = call->arg;
    struct cf_call item = { .task = call->task, .worker = call->worker, .room_size = CHUNK_SMALL };
    struct outcomes outcomes = { 0 };
    bool added = begin(&outcomes, head->count);

    if (added && head->lent != NULL)
        added = run_lent_items(&item, cf_chunk_items(head), head->lease, &outcomes);
    else if (added)
        added = run_items(&item, cf_chunk_items(head), NULL, &outcomes);
    if (added)
        return finish(call, &outcomes);
    if (outcomes.bytes != NULL) {
        ((struct chunk_outcomes *)(void *)outcomes.bytes)->used = outcomes.used;
        free_outcomes(outcomes.bytes);
    }
    return cf_raise(call, "errno", ENOMEM, "no memory for the results of a chunk");
}

void
cf_chunk_dispose(const void *arg)
{
    cf_lease_release(((const struct chunk_head *)arg)->lease);
}
