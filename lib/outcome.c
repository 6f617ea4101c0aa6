/* SPDX-License-Identifier: MIT */
/* outcome.c - from a slot to a future. */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "processes.h"

static struct outcome
read_area(struct process_pool *pool, uint64_t area, size_t len)
{
    struct outcome outcome = { .bytes = NULL, .free_it = free };
    char *copy = malloc(len);

    if (copy != NULL && cf_area_read(pool->memory, area, copy, len) == 0)
        outcome.bytes = copy;
    else
        free(copy);
    cf_area_drop(pool->memory, area, len);
    return outcome;
}

/* The outcome in the slot, in a place, or in the slot's area, of which it is a copy. */
struct outcome
cf_outcome_bytes(struct process_pool *pool, struct lane_state *lane, struct slot *slot, uint64_t area)
{
    struct outcome outcome = { .free_it = NULL };

    if (slot->where == OUTCOME_IN_AREA)
        return read_area(pool, area, slot->len);
    if (slot->where == OUTCOME_IN_SLOT)
        outcome.bytes = (const char *)cf_slot_bytes(cf_lane_shared(pool, lane), slot, slot->len);
    else
        outcome.bytes =
            cf_place_fetch(pool, lane, (slot->where - OUTCOME_IN_PLACE) % LANE_PLACES, slot->len, &outcome.free_it);
    return outcome;
}

void
cf_outcome_free(const struct outcome *outcome)
{
    if (outcome->bytes != NULL && outcome->free_it != NULL)
        outcome->free_it((void *)(uintptr_t)outcome->bytes);
}

/* Whether there are three strings, and all that is there is within its bounds; a broken task may have written to it. */
static bool
is_sound(const struct slot *slot, const char *bytes)
{
    size_t strings = 0;

    if (slot->where == OUTCOME_IN_SLOT && slot->len > SLOT_BYTES)
        return false;
    for (size_t i = 0; i < slot->len && slot->failed && strings < 3; i++)
        strings += bytes[i] == '\0';
    return !slot->failed || strings == 3;
}

struct cf_error *
cf_outcome_error(const struct cf_future *call, const struct slot *slot, const char *strings)
{
    if (!is_sound(slot, strings))
        return cf_error_new(CF_WORKER_LOST, "errno", EPROTO, call->task->name, "", "its outcome cannot be read");
    const char *worker = strings + strlen(strings) + 1;
    const char *message = worker + strlen(worker) + 1;

    return cf_error_new(slot->why, strings, slot->code, call->task->name, worker, "%s", message);
}

/* Move the outcome from the slot to the future. */
void
cf_outcome_take(struct process_pool *pool, struct lane_state *lane, uint64_t index, struct cf_future *call)
{
    struct slot *slot = cf_lane_slot(pool, lane, index);
    const struct outcome outcome = cf_outcome_bytes(pool, lane, slot, cf_area_of_result(lane->number, index));

    call->result_len = 0;
    if (outcome.bytes == NULL) {
        cf_future_set_error(call,
                            cf_error_new(CF_RAISED, "errno", ENOMEM, call->task->name, cf_lane_name(pool, lane).text,
                                         "no memory for a result of %zu bytes", slot->len));
    } else if (slot->failed || !is_sound(slot, outcome.bytes)) {
        cf_future_set_error(call, cf_outcome_error(call, slot, outcome.bytes));
        cf_outcome_free(&outcome);
    } else if (outcome.free_it != NULL) {
        cf_future_set_result(call, outcome.bytes, slot->len, outcome.free_it);
    } else {
        cf_future_copy_result(call, outcome.bytes, slot->len);
    }
}
