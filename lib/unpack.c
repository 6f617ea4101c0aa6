/* SPDX-License-Identifier: MIT */
/*
 * unpack.c - the reader of a map gets a future for each item of a chunk; chunk.h has the format.
 *
 * A small argument and a small result are copied into the future, which then has nothing to do with the chunk any more:
 * that costs less than a reference.  For what is large it holds one.
 */

#include "chunk.h"

void
cf_unpack_start(struct cf_unpack *unpack, struct cf_future *call)
{
    struct chunk_outcomes *outcomes = (struct chunk_outcomes *)(uintptr_t)cf_result(call, NULL);

    *unpack = (struct cf_unpack){ .call = call, .items = cf_chunk_items(cf_future_arg(call)) };
    if (outcomes == NULL)
        return;
    unpack->run = (struct chunk_run *)(outcomes + 1);
    unpack->result = (unsigned char *)(unpack->run + 1);
    unpack->run_left = unpack->run->count;
}

/* Move on to the next outcome. */
static void
advance(struct cf_unpack *unpack)
{
    unpack->result += unpack->run->len;
    if (--unpack->run_left > 0)
        return;
    if (unpack->items.left > 0) {
        unpack->run = cf_chunk_next_run(unpack->run);
        unpack->result = (unsigned char *)(unpack->run + 1);
        unpack->run_left = unpack->run->count;
    }
}

/* The spare one, or a new one, for an argument and a result of that many bytes. */
static struct cf_future *
part_with_room(struct cf_unpack *unpack, size_t len, size_t result_len, struct cf_future **spare)
{
    const size_t room =
        (len <= CHUNK_SMALL ? cf_round_up(len) : 0) + (result_len <= CHUNK_SMALL ? cf_round_up(result_len) : 0);
    struct cf_future *part = *spare;

    if (part != NULL && sizeof *part + room <= part->size)
        *spare = NULL;
    else
        part = cf_future_part(unpack->call->task, room);
    if (part != NULL && (len > CHUNK_SMALL || result_len > CHUNK_SMALL))
        part->whole = cf_retain(unpack->call);
    return part;
}

/* Where a small result is, behind a small argument. */
static void *
room_of(struct cf_future *part)
{
    return part->room + (part->arg_len <= CHUNK_SMALL ? cf_round_up(part->arg_len) : 0);
}

static void
set_argument(struct cf_future *part, const void *item, size_t len)
{
    part->arg_len = len;
    part->part = len > CHUNK_SMALL ? item : part->room;
    if (len <= CHUNK_SMALL)
        cf_copy(part->room, item, len);
}

static void
set_result(struct cf_future *part, const void *result, size_t len)
{
    void *copy = room_of(part);

    if (len > CHUNK_SMALL) {
        cf_future_set_result(part, result, len, NULL);
    } else {
        cf_copy(copy, result, len);
        cf_future_set_result(part, len > 0 ? copy : (const void *)&cf_nothing, len, NULL);
    }
}

/* What the task has handed over is the future's from now on. */
static void
set_owned(struct cf_future *part, struct chunk_owned *owned)
{
    cf_future_set_result(part, owned->result, owned->len, owned->free_result);
    owned->free_result = NULL;
}

/* Each item of a call that failed as a whole fails like it, with an error of its own. */
static void
fail_like(struct cf_future *part, const struct cf_error *error)
{
    cf_future_set_error(
        part, cf_error_new(error->why, error->domain, error->code, error->task, error->worker, "%s", error->message));
}

static void
set_error(struct cf_future *part, const struct chunk_run *run, const char *domain)
{
    const char *worker = domain + strlen(domain) + 1;
    const char *message = worker + strlen(worker) + 1;

    fail_like(part, &(struct cf_error){ run->why, domain, run->code, part->task->name, worker, message });
}

static void
set_outcome(struct cf_future *part, const struct cf_unpack *unpack)
{
    if (unpack->run->why == CHUNK_RESULT)
        set_result(part, unpack->result, unpack->run->len);
    else if (unpack->run->why == CHUNK_OWNED)
        set_owned(part, (struct chunk_owned *)(void *)unpack->result);
    else if (unpack->run->why == CF_CANCELLED)
        cf_future_set_error(part, NULL);
    else
        set_error(part, unpack->run, (const char *)unpack->result);
}

static bool
is_cancelled(const struct cf_unpack *unpack)
{
    return unpack->run == NULL ? cf_cancelled(unpack->call) : unpack->run->why == CF_CANCELLED;
}

struct cf_future *
cf_unpack_next(struct cf_unpack *unpack, struct cf_future **spare)
{
    const struct chunk_run *run = unpack->run;
    size_t len;
    const void *item = cf_chunk_next(&unpack->items, &len);
    struct cf_future *part = part_with_room(unpack, len, run != NULL && run->why == CHUNK_RESULT ? run->len : 0, spare);

    if (part == NULL)
        return NULL;
    set_argument(part, item, len);
    const uint32_t state = is_cancelled(unpack) ? CF_STATE_CANCELLED : CF_STATE_FINISHED;
    atomic_store_explicit(&part->word, state + CF_REFERENCE, memory_order_relaxed);
    if (run != NULL) {
        set_outcome(part, unpack);
        advance(unpack);
    } else if (state == CF_STATE_FINISHED) {
        fail_like(part, cf_error_of(unpack->call));
    } else {
        cf_future_set_error(part, NULL);
    }
    return part;
}

/* The part is that of the item before the next, and has been lent. */
struct cf_refill
cf_unpack_refill(const struct cf_unpack *unpack, struct cf_future *part, size_t most)
{
    struct cf_refill refill = { .given = unpack->items.left < most ? unpack->items.left : most };

    if (unpack->run == NULL || unpack->run->why != CHUNK_RESULT || part->result != room_of(part) ||
        part->result_len != unpack->run->len || part->arg_len != unpack->items.size)
        return (struct cf_refill){ 0 };
    if (refill.given > unpack->run_left)
        refill.given = unpack->run_left;
    refill.left = refill.given;
    refill.item = unpack->items.at;
    refill.item_len = part->arg_len;
    refill.result = unpack->result;
    refill.result_len = part->result_len;
    return refill;
}

void
cf_unpack_skip(struct cf_unpack *unpack, size_t items)
{
    if (items == 0)
        return;
    unpack->items.at += items * unpack->items.size;
    unpack->items.left -= items;
    unpack->result += (items - 1) * unpack->run->len;
    unpack->run_left -= items - 1;
    advance(unpack);
}

void
cf_unpack_free(struct cf_unpack *unpack)
{
    cf_release(unpack->call);
    *unpack = (struct cf_unpack){ 0 };
}
