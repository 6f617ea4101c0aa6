/* SPDX-License-Identifier: MIT */
/*
 * chunk.c - several items of a map in one call.
 *
 * The argument of such a call is its items one after another, each a length and its bytes; the result is their
 * outcomes, each a head and the bytes of a result or the strings of an error.  Both are flat, so that they can go to
 * another process.  Everything starts at a multiple of CF_ALIGN.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "run.h"

enum { ROOM = 256 }; /* for the result of one item before it is packed */

struct item_head {
    alignas(max_align_t) size_t len;
};

struct outcome_head {
    alignas(max_align_t) size_t len; /* of what follows */
    enum cf_why why;                 /* 0: the item has a result */
    int code;
};

/* Room for len more bytes, and their address; NULL: no memory. */
static void *
extend(struct cf_pack *pack, size_t len)
{
    size_t wanted = pack->used + cf_round_up(len);

    if (len > PTRDIFF_MAX / 2 - pack->used)
        return NULL;
    if (wanted > pack->size) {
        size_t size = wanted > 2 * pack->size ? wanted : 2 * pack->size;
        unsigned char *bytes = realloc(pack->bytes, size);
        if (bytes == NULL)
            return NULL;
        pack->bytes = bytes;
        pack->size = size;
    }
    void *place = pack->bytes + pack->used;
    pack->used = wanted;
    return place;
}

static bool
append(struct cf_pack *pack, const void *head, size_t head_len, const void *data, size_t len)
{
    const size_t before = pack->used;
    void *place = extend(pack, head_len);

    if (place == NULL)
        return false;
    memcpy(place, head, head_len);
    if (len == 0)
        return true;
    place = extend(pack, len);
    if (place == NULL) {
        pack->used = before;
        return false;
    }
    memcpy(place, data, len);
    return true;
}

bool
cf_pack_item(struct cf_pack *pack, const void *item, size_t len)
{
    struct item_head head = { .len = len };

    if (!append(pack, &head, sizeof head, item, len))
        return false;
    pack->count++;
    return true;
}

void
cf_pack_free(struct cf_pack *pack)
{
    free(pack->bytes);
    *pack = (struct cf_pack){ 0 };
}

/*
 * In the worker.
 */

static bool
append_error(struct cf_pack *pack, const struct cf_error *error)
{
    const size_t domain = strlen(error->domain) + 1;
    const size_t worker = strlen(error->worker) + 1;
    const size_t message = strlen(error->message) + 1;
    struct outcome_head head = { .len = domain + worker + message, .why = error->why, .code = error->code };
    size_t before = pack->used;

    if (!append(pack, &head, sizeof head, NULL, 0))
        return false;
    char *place = extend(pack, head.len);
    if (place == NULL) {
        pack->used = before;
        return false;
    }
    memcpy(place, error->domain, domain);
    memcpy(place + domain, error->worker, worker);
    memcpy(place + domain + worker, error->message, message);
    return true;
}

static bool
run_item(struct cf_call *whole, const void *item, size_t len, struct cf_pack *outcomes)
{
    alignas(max_align_t) unsigned char room[ROOM];
    struct cf_call call = {
        .task = whole->task,
        .arg = item,
        .arg_len = len,
        .worker = whole->worker,
        .room = room,
        .room_size = sizeof room,
    };
    bool packed;

    cf_call_run(&call);
    if (call.error != NULL) {
        packed = append_error(outcomes, call.error);
    } else {
        struct outcome_head head = { .len = call.result_len };
        packed = append(outcomes, &head, sizeof head, call.result, call.result_len);
    }
    cf_call_discard(&call);
    return packed;
}

static bool
cancel_item(struct cf_pack *outcomes)
{
    struct outcome_head head = { .why = CF_CANCELLED };

    return append(outcomes, &head, sizeof head, NULL, 0);
}

int
cf_chunk_run(struct cf_call *call)
{
    const unsigned char *at = call->arg;
    const unsigned char *end = at + call->arg_len;
    struct cf_pack outcomes = { 0 };
    const unsigned generation = cf_generation;
    bool packed = true;

    /* A process that an item forks, and that returns from it as well, leaves the others to its parent. */
    while (packed && at < end && cf_generation == generation) {
        size_t len = ((const struct item_head *)(const void *)at)->len;
        const void *item = len > 0 ? at + sizeof(struct item_head) : (const void *)&cf_nothing;
        packed = cf_stopping(call) ? cancel_item(&outcomes) : run_item(call, item, len, &outcomes);
        at += sizeof(struct item_head) + cf_round_up(len);
    }
    if (packed)
        return cf_return_owned(call, outcomes.bytes, outcomes.used, free);
    cf_pack_free(&outcomes);
    return cf_raise(call, "errno", ENOMEM, "no memory for the results of a chunk");
}

/*
 * In the reader.
 */

void
cf_unpack_start(struct cf_unpack *unpack, struct cf_future *call)
{
    size_t len, used = 0;
    const unsigned char *items = cf_input(call, &len);

    *unpack = (struct cf_unpack){ .call = call, .item = items, .outcome = cf_result(call, NULL) };
    while (used < len) {
        used += sizeof(struct item_head) + cf_round_up(((const struct item_head *)(const void *)(items + used))->len);
        unpack->left++;
    }
}

/* Each item of a call that failed as a whole fails like it, with an error of its own. */
static void
fail_like(struct cf_future *part, const struct cf_error *error)
{
    cf_future_set_error(
        part, cf_error_new(error->why, error->domain, error->code, error->task, error->worker, "%s", error->message));
}

static void
take_outcome(struct cf_unpack *unpack, struct cf_future *part)
{
    const struct outcome_head *head = (const void *)unpack->outcome;
    const char *bytes = (const char *)(head + 1);

    unpack->outcome += sizeof *head + cf_round_up(head->len);
    if (head->why == CF_CANCELLED) {
        part->state = CF_STATE_CANCELLED;
    } else if (head->why != 0) {
        const char *worker = bytes + strlen(bytes) + 1;
        const char *message = worker + strlen(worker) + 1;
        fail_like(part, &(struct cf_error){ head->why, bytes, head->code, part->task->name, worker, message });
    } else {
        cf_future_set_result(part, head->len > 0 ? bytes : (const void *)&cf_nothing, head->len, NULL);
    }
}

struct cf_future *
cf_unpack_next(struct cf_unpack *unpack)
{
    size_t len = ((const struct item_head *)(const void *)unpack->item)->len;
    const void *arg = len > 0 ? unpack->item + sizeof(struct item_head) : (const void *)&cf_nothing;
    struct cf_future *part = cf_future_part(unpack->call, arg, len);

    if (part == NULL)
        return NULL;
    part->state = CF_STATE_FINISHED;
    if (unpack->outcome != NULL)
        take_outcome(unpack, part);
    else if (cf_cancelled(unpack->call))
        part->state = CF_STATE_CANCELLED;
    else
        fail_like(part, cf_error_of(unpack->call));
    unpack->item += sizeof(struct item_head) + cf_round_up(len);
    unpack->left--;
    return part;
}

void
cf_unpack_free(struct cf_unpack *unpack)
{
    cf_release(unpack->call);
    *unpack = (struct cf_unpack){ 0 };
}
