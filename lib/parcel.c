/* SPDX-License-Identifier: MIT */
/* parcel.c - a worker's side of the data: arguments as it finds them, and outcomes as it leaves them. */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lanes.h"

static struct {
    const struct nursery *nursery;
    unsigned number;
    struct lane *lane;
    unsigned generation; /* cf_generation of the worker: what its tasks fork has no places */
    struct cf_view arguments[PLACES], results[LANE_PLACES];
} mine;

void
cf_parcel_serve(const struct nursery *nursery, unsigned number)
{
    mine.nursery = nursery;
    mine.number = number;
    mine.lane = &nursery->segment->lanes[number];
    mine.generation = cf_generation;
}

/*
 * Where the argument is that the parent has put there; NULL, with errno: it cannot be mapped.  What a task forks may
 * read it as well.
 */
static const void *
place_of_argument(uint64_t area, size_t len)
{
    struct cf_view *view = &mine.arguments[area - AREA_PLACES];
    const int error = cf_area_view(mine.nursery->memory, area, len, VIEW_INHERIT, view);

    errno = error;
    return error == 0 ? view->at : NULL;
}

static bool
prepare_result(unsigned i, size_t len)
{
    struct place *place = &mine.lane->places[i];
    const uint64_t area = cf_area_of_place(mine.number, i);

    if (cf_area_extend(mine.nursery->memory, area, len, &place->ready) != 0)
        return false;
    return cf_area_view(mine.nursery->memory, area, len, VIEW_WRITE | VIEW_INHERIT, &mine.results[i]) == 0;
}

/* Nobody has seen what is in it, so nobody will see to its memory. */
static void
free_place(unsigned i)
{
    struct place *place = &mine.lane->places[i];

    cf_area_drop(mine.nursery->memory, cf_area_of_place(mine.number, i), place->ready);
    place->ready = 0;
    atomic_store(&place->state, PLACE_FREE);
}

void *
cf_parcel_place(size_t len)
{
    for (unsigned i = 0; i < LANE_PLACES && len >= PLACE_LEAST && cf_generation == mine.generation; i++) {
        uint32_t free = PLACE_FREE;
        if (!atomic_compare_exchange_strong(&mine.lane->places[i].state, &free, PLACE_USED))
            continue;
        if (prepare_result(i, len))
            return mine.results[i].at;
        free_place(i);
    }
    return NULL;
}

/* The place that the data is in; or LANE_PLACES. */
static unsigned
number_of_place(const void *data)
{
    unsigned i = 0;

    while (i < LANE_PLACES && mine.results[i].at != data)
        i++;
    return i;
}

void
cf_parcel_free_place(void *data)
{
    if (cf_generation == mine.generation)
        free_place(number_of_place(data));
}

static uint64_t
area_of(const struct slot *slot)
{
    const uint64_t index = (uint64_t)(slot - mine.lane->slots);

    return cf_area_of_result(mine.number, index == LANE_FAILURE ? mine.lane->start : index);
}

/* Write len bytes as the slot's outcome.  0, or an errno, and there is no outcome yet. */
static int
put_outcome(struct slot *slot, const void *data, size_t len)
{
    slot->where = len > SLOT_BYTES ? OUTCOME_IN_AREA : OUTCOME_IN_SLOT;
    slot->len = len;
    if (slot->where == OUTCOME_IN_AREA)
        return cf_area_write(mine.nursery->memory, area_of(slot), data, len);
    if (len > 0)
        memcpy(cf_slot_bytes(mine.lane, slot, len), data, len);
    return 0;
}

/* An error goes as its domain, worker and message; where there is no memory for a long one it is cut short. */
void
cf_parcel_error(struct slot *slot, const struct cf_error *error)
{
    char text[SLOT_BYTES], *all = text;
    const int len = snprintf(text, sizeof text, "%s%c%s%c%s", error->domain, 0, error->worker, 0, error->message) + 1;

    slot->failed = true;
    slot->why = error->why;
    slot->code = error->code;
    if (len > SLOT_BYTES && (all = malloc((size_t)len)) != NULL)
        snprintf(all, (size_t)len, "%s%c%s%c%s", error->domain, 0, error->worker, 0, error->message);
    if (all == NULL || put_outcome(slot, all, (size_t)len) != 0) {
        snprintf(text, sizeof text, "%.99s%c%.47s%c%s", error->domain, 0, error->worker, 0, error->message);
        put_outcome(slot, text, sizeof text);
    }
    if (all != text)
        free(all);
}

/* A large result is in a place already, if cf_return() has put it there, or is copied to one, if there is any free. */
static bool
put_in_place(struct slot *slot, struct cf_call *call)
{
    if (call->free_result != cf_parcel_free_place) {
        void *copy = cf_parcel_place(call->result_len);
        if (copy == NULL)
            return false;
        cf_return_owned(call, memcpy(copy, call->result, call->result_len), call->result_len, cf_parcel_free_place);
    }
    slot->where = (uint8_t)(OUTCOME_IN_PLACE + number_of_place(call->result));
    slot->len = call->result_len;
    /* From now on the parent frees it. */
    call->free_result = NULL;
    return true;
}

void
cf_parcel_result(struct slot *slot, struct cf_call *call)
{
    int error = 0;

    slot->failed = false;
    if (call->error == NULL && call->result_len >= PLACE_LEAST && put_in_place(slot, call))
        return;
    if (call->error == NULL)
        error = put_outcome(slot, call->result, call->result_len);
    if (error != 0)
        cf_raise(call, "errno", error, "the result of %zu bytes cannot be handed over: %s", call->result_len,
                 strerror(error));
    if (call->error != NULL)
        cf_parcel_error(slot, call->error);
}

/* A copy of the argument in its area, to be freed. */
static void *
read_area(uint64_t area, size_t len)
{
    void *copy = malloc(len);
    const int error = copy == NULL ? ENOMEM : cf_area_read(mine.nursery->memory, area, copy, len);

    if (error != 0) {
        free(copy);
        copy = NULL;
        errno = error;
    }
    return copy;
}

/*
 * Where the argument is, or a copy, which is to be freed if it is in *copy, too.  One that is in the slot is copied to
 * small, because its place is the result's as well.  NULL: it cannot be had, and that is the call's outcome.
 */
const void *
cf_parcel_argument(struct slot *slot, struct cf_call *call, unsigned char *small, void **copy)
{
    const void *arg;

    if (slot->arg_area == 0)
        return memcpy(small, cf_slot_bytes(mine.lane, slot, call->arg_len), call->arg_len);
    if (slot->arg_area <= BUFFERS)
        return cf_buffer(mine.nursery->buffers, slot->arg_area);
    if (slot->arg_area < AREA_ARGUMENTS)
        arg = place_of_argument(slot->arg_area, call->arg_len);
    else
        arg = *copy = read_area(slot->arg_area, call->arg_len);
    if (arg == NULL)
        cf_raise(call, "errno", errno, "an argument of %zu bytes cannot be received: %s", call->arg_len,
                 strerror(errno));
    return arg;
}
