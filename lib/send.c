/* SPDX-License-Identifier: MIT */
/* send.c - a map takes items from its source and sends them ahead of the reader, alone or in chunks. */

#include "map.h"

#include <errno.h>

/*
 * The source.
 */

static int
take_from_array(struct source *source, const void **item, size_t *len)
{
    if (source->taken == source->n)
        return 0;
    *item = source->items == NULL ? NULL : source->items + source->taken * source->size;
    *len = source->size;
    source->taken++;
    return 1;
}

/* The next item: 1, or 0 if there is none and there will be none. */
static int
take_item(struct map *map, const void **item, size_t *len)
{
    struct cf_executor *outer = cf_self.unbounded;
    int rc;

    if (map->source.next == NULL) {
        rc = take_from_array(&map->source, item, len);
    } else {
        cf_self.unbounded = map->executor;
        rc = map->source.next(map->source.data, item, len);
        cf_self.unbounded = outer;
    }
    if (rc == 1 && (*item != NULL || *len == 0)) {
        map->unread++;
        map->total++;
        return 1;
    }
    map->ended = true;
    map->failed = rc != 0;
    return 0;
}

/* Those that can be taken at once, at most so many: bare in an array. */
static size_t
bare_items(const struct source *source, size_t most)
{
    const size_t left = source->n - source->taken;

    if (source->next != NULL || source->items == NULL || source->size > CHUNK_SMALL)
        return 0;
    return left < most ? left : most;
}

static void
take_bare(struct map *map, size_t count)
{
    map->source.taken += count;
    map->unread += count;
    map->total += count;
}

/*
 * Sending calls ahead.
 */

static bool
add_call(struct map *map, struct cf_future *call)
{
    if (!cf_ahead_add(&map->ahead, call)) {
        cf_cancel(call);
        cf_release(call);
        return false;
    }
    return true;
}

static bool
is_late(const struct map *map)
{
    return cf_is_past(map->options.deadline);
}

/* A call that found no room before the deadline is as if it had never been: the map is about to end. */
static struct cf_future *
submit(struct map *map, bool chunk, const void *arg, size_t len, size_t items)
{
    const unsigned how = (chunk ? CF_CALL_CHUNK : 0u) | (map->chooses ? CF_CALL_TIMED : 0u);
    struct cf_future *call = cf_executor_submit(map->executor, map->task, how, arg, len, map->options.deadline);
    const struct cf_error *error = cf_done(call) ? cf_error_of(call) : NULL;
    const bool late = is_late(map) && error != NULL && error->why == CF_REFUSED && error->code == EAGAIN;
    const bool lost = chunk && !call->chunk;

    if (!late && !lost)
        return call;
    /* Of a chunk for which there is no memory, nobody could tell the items apart. */
    if (lost) {
        map->ended = map->failed = true;
        cf_chunk_dispose(arg);
    }
    map->unread -= items;
    cf_release(call);
    return NULL;
}

static struct cf_future *
submit_item(struct map *map)
{
    const void *item = map->held;
    size_t len = map->held_len;

    if (!map->holds && take_item(map, &item, &len) == 0)
        return NULL;
    map->holds = false;
    return submit(map, false, item, len, 1);
}

/* One that does not fit any more is held. */
static void
pack_items(struct map *map, size_t most)
{
    const size_t bytes = map->chooses ? CHUNK_BYTES : SIZE_MAX;
    const void *item = NULL;
    size_t len = 0;

    while (map->pack.count < most && map->pack.used < bytes && !map->holds && take_item(map, &item, &len) != 0)
        if (!cf_pack_item(&map->pack, item, len)) {
            map->holds = true;
            map->held = item;
            map->held_len = len;
        }
}

static bool
pack_array(struct map *map, size_t count)
{
    struct source *source = &map->source;

    if (count == 0 || !cf_pack_array(&map->pack, source->items + source->taken * source->size, count, source->size))
        return false;
    take_bare(map, count);
    return true;
}

/* The call has a reference to the lease, unless there was no memory to make it. */
static struct cf_future *
submit_lent(struct map *map, size_t count)
{
    const struct source *source = &map->source;
    const struct chunk_head head = {
        .size = source->size,
        .count = count,
        .lent = source->items + source->taken * source->size,
        .lease = cf_lease_retain(map->lease),
    };

    take_bare(map, count);
    return submit(map, true, &head, sizeof head, count);
}

static struct cf_future *
submit_chunk(struct map *map)
{
    const size_t most = cf_pace_room(map) < map->chunksize ? cf_pace_room(map) : map->chunksize;
    const size_t bare = bare_items(&map->source, most);
    struct cf_future *call = NULL;

    if (bare > 0 && map->lease != NULL)
        return submit_lent(map, bare);
    if (!pack_array(map, bare))
        pack_items(map, most);
    if (map->pack.count > 0)
        call = submit(map, true, map->pack.bytes, map->pack.used, map->pack.count);
    cf_pack_clear(&map->pack);
    return call;
}

/* Chunks are whole, but for the last one of the first filling, and where the workers would run dry. */
bool
cf_send_wants_more(const struct map *map)
{
    if (map->ended || is_late(map) || cf_map_is_interrupted(map))
        return false;
    if (map->holds)
        return true;
    return cf_pace_room(map) > 0 && (!map->full || map->ahead.calls == 0 || cf_pace_room(map) >= map->chunksize);
}

/* The first call may wait for its place among the pending ones; later the reader has something to do meanwhile. */
static bool
may_submit(const struct map *map)
{
    return map->ahead.calls == 0 || map->executor == NULL || cf_room_is_free(map->executor);
}

void
cf_send(struct map *map)
{
    if (map->ended)
        return;
    cf_pace_choose(map);
    while (cf_send_wants_more(map) && may_submit(map)) {
        bool alone = map->chunksize == 1 || map->holds;
        struct cf_future *call = alone ? submit_item(map) : submit_chunk(map);
        if (call != NULL && !add_call(map, call))
            map->ended = map->failed = true;
        cf_pace_choose(map);
    }
    map->full = true;
}

/* Where workers share our memory, they may read in an array. */
void
cf_send_start(struct map *map)
{
    const bool shares = map->executor != NULL && map->executor->kind->recall == NULL;

    if (shares && bare_items(&map->source, 1) > 0 && (map->chooses || map->chunksize > 1))
        map->lease = cf_lease_new();
    cf_send(map);
}
