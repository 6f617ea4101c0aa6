/* SPDX-License-Identifier: MIT */
/*
 * pace.c - how large the chunks of a map had better be.
 *
 * A chunk should take so long that what a call costs is little beside it, and not longer.  What the next items take is
 * not known, so it is concluded from those that are done: a chunk is never larger than their number, and a single long
 * one makes the map begin again with single items.
 */

#include "chunk.h"

#define LONG_ITEM 10000 /* nanoseconds; such items go alone */

static size_t
items_of(const struct cf_future *call)
{
    return call->chunk ? ((const struct chunk_head *)(const void *)call->room)->count : 1;
}

/* Of a call that has not run, or not to its end, nothing is known but that this is no time for chunks. */
void
cf_pace_learn(struct cf_pace *pace, const struct cf_future *call)
{
    const size_t items = items_of(call);
    const cf_time took = cf_future_took(call);

    if (took == 0 || (uint64_t)took / LONG_ITEM >= items) {
        pace->known = pace->fits = 0;
        return;
    }
    pace->known += items;
    pace->fits = (size_t)((double)items * (double)pace->time / (double)took);
}
