/* SPDX-License-Identifier: MIT */
/* ahead.c - the calls that a map has sent ahead of its reader: a ring in the order of the items, or a gathering. */

#include <stdlib.h>

#include "core.h"

static bool
reserve(struct cf_ahead *ahead)
{
    if (ahead->calls < ahead->size)
        return true;
    size_t size = ahead->size == 0 ? 64 : 2 * ahead->size;
    struct cf_future **ring = calloc(size, sizeof(struct cf_future *));
    if (ring == NULL)
        return false;
    for (size_t i = 0; i < ahead->calls; i++)
        /* NOLINTNEXTLINE(clang-analyzer-core.DivideZero): a ring without room has no calls */
        ring[i] = ahead->ring[(ahead->first + i) % ahead->size];
    free(ahead->ring);
    ahead->ring = ring;
    ahead->size = size;
    ahead->first = 0;
    return true;
}

bool
cf_ahead_add(struct cf_ahead *ahead, struct cf_future *call)
{
    if (ahead->unordered ? !cf_gather_add(&ahead->gather, call) : !reserve(ahead))
        return false;
    if (!ahead->unordered)
        ahead->ring[(ahead->first + ahead->calls) % ahead->size] = call;
    ahead->calls++;
    return true;
}

static struct cf_future *
take_first(struct cf_ahead *ahead, cf_time deadline, bool heed, const struct cf_room_waiter *room,
           enum cf_status *status)
{
    struct cf_future *first = ahead->ring[ahead->first];

    *status = cf_wait_for(first, deadline, heed, room);
    if (*status != CF_OK || !cf_done(first))
        return NULL;
    ahead->first = (ahead->first + 1) % ahead->size;
    return first;
}

struct cf_future *
cf_ahead_unknown(const struct cf_ahead *ahead)
{
    if (ahead->learnt == ahead->calls)
        return NULL;
    return ahead->unordered ? cf_gather_oldest(&ahead->gather)
                            : ahead->ring[(ahead->first + ahead->learnt) % ahead->size];
}

static const struct cf_future *
look(struct cf_ahead *ahead)
{
    if (ahead->unordered)
        return cf_gather_look(&ahead->gather);
    const struct cf_future *call = cf_ahead_unknown(ahead);
    return call == NULL || !cf_done(call) ? NULL : call;
}

void
cf_ahead_learn(struct cf_ahead *ahead)
{
    const struct cf_future *call;

    for (; (call = look(ahead)) != NULL; ahead->learnt++)
        cf_pace_learn(&ahead->pace, call);
}

/* Those that are known come first. */
static void
note_taken(struct cf_ahead *ahead, const struct cf_future *call)
{
    if (ahead->learnt > 0)
        ahead->learnt--;
    else
        cf_pace_learn(&ahead->pace, call);
    ahead->calls--;
}

struct cf_future *
cf_ahead_take(struct cf_ahead *ahead, cf_time deadline, bool heed, const struct cf_room_waiter *room,
              enum cf_status *status)
{
    struct cf_future *call = ahead->unordered ? cf_gather_take(&ahead->gather, deadline, heed, room, status)
                                              : take_first(ahead, deadline, heed, room, status);

    if (call != NULL)
        note_taken(ahead, call);
    return call;
}

void
cf_ahead_cancel(struct cf_ahead *ahead)
{
    for (size_t i = 0; i < ahead->calls && !ahead->unordered; i++)
        cf_cancel(ahead->ring[(ahead->first + i) % ahead->size]);
    cf_gather_cancel(&ahead->gather);
}

void
cf_ahead_clear(struct cf_ahead *ahead)
{
    for (size_t i = 0; i < ahead->calls && !ahead->unordered; i++)
        cf_release(ahead->ring[(ahead->first + i) % ahead->size]);
    cf_gather_clear(&ahead->gather);
    free(ahead->ring);
}
