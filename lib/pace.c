/* SPDX-License-Identifier: MIT */
/*
 * pace.c - how large the chunks of a map had better be.
 *
 * A chunk should take so long that what a call costs is little beside it, and not longer.  What the next items take is
 * not known, so it is concluded from those that are done: a chunk is never larger than their number, and a single long
 * one makes the map begin again with single items.
 */

#include "map.h"

enum {
    ROUNDS = 4,     /* chunks a worker that a buffer holds, if it is for the map to say */
    GENERATED = 16, /* items of a generator without a bound that a chosen chunk has at most */
    UNHEARD = 32    /* calls that may be sent without hearing of them, beside a buffer's, while chunks grow */
};

#define CHUNK_TIME 50000 /* nanoseconds that a chosen chunk should take, */
#define PATIENCE 4000000 /* and that a map may wait altogether to be told how long its calls take */

#define LONG_ITEM 10000 /* nanoseconds; such items go alone */

static size_t
items_of(const struct cf_future *call)
{
    return call->chunk ? ((const struct chunk_head *)cf_future_arg(call))->count : 1;
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
    pace->fits = (size_t)((double)items * CHUNK_TIME / (double)took);
}

/*
 * How many items go together, and how many are sent ahead.
 */

/* How large a chunk may be that is chosen, lest it be too much of what there is for all workers. */
static size_t
most_of(const struct map *map)
{
    const struct source *source = &map->source;
    size_t most = GENERATED;

    if (map->options.buffersize != 0)
        most = map->options.buffersize / map->share;
    else if (source->next == NULL)
        most = (source->n - source->taken) / map->share;
    if (source->next == NULL && source->size > 0 && most > CHUNK_BYTES / source->size)
        most = CHUNK_BYTES / source->size;
    return most;
}

/*
 * Calls are sent faster than a worker comes to itself, or back if it had to wait for a processor: of short items,
 * thousands would go alone before the first is known to be short.  So it pays to wait a little for news as long as
 * chunks may grow by them; but not over and over, as long items have to be sent ahead without.
 */
static void
await_news(struct map *map, size_t most)
{
    struct cf_future *unknown = cf_ahead_unknown(&map->ahead);

    if (map->patience <= 0 || map->chunksize >= most || !cf_pace_may_grow(&map->ahead.pace) || unknown == NULL ||
        map->ahead.calls - map->ahead.learnt < UNHEARD + map->share || cf_self.frame != NULL)
        return;
    const cf_time before = cf_now(), until = before + map->patience;
    cf_wait_for(unknown, until < map->options.deadline ? until : map->options.deadline, false, NULL);
    map->patience -= cf_now() - before + 1;
    cf_ahead_learn(&map->ahead);
}

void
cf_pace_choose(struct map *map)
{
    if (!map->chooses || map->ended)
        return;
    const size_t most = most_of(map);
    cf_ahead_learn(&map->ahead);
    await_news(map, most);
    const size_t chunk = cf_pace_chunk(&map->ahead.pace);
    map->chunksize = chunk < most ? chunk : most > 0 ? most : 1;
}

static size_t
buffer(const struct map *map)
{
    size_t size;

    if (map->options.buffersize != 0)
        return map->options.buffersize;
    if (map->source.next == NULL || __builtin_mul_overflow(map->share, map->chunksize, &size))
        return SIZE_MAX;
    return size;
}

/* A buffer whose size is for the map to say may shrink. */
size_t
cf_pace_room(const struct map *map)
{
    const size_t size = buffer(map);

    return size > map->unread ? size - map->unread : 0;
}

/* Where a worker may die or be killed, and its chunk with it, no item shall cost others, unless the program says so. */
void
cf_pace_start(struct map *map)
{
    const struct cf_executor *executor = map->executor;
    const bool remote = executor != NULL && executor->kind->recall != NULL;

    map->chooses = map->options.chunksize == 0 && !remote;
    map->chunksize = map->options.chunksize == 0 ? 1 : map->options.chunksize;
    map->patience = PATIENCE;
    map->share = ROUNDS * (executor == NULL ? (size_t)1 : executor->options.max_workers);
}
