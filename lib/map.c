/* SPDX-License-Identifier: MIT */
/* map.c - cf_map() and cf_map_from(): the iterator, which is the reader's side. */

#include "map.h"

#include <stdlib.h>

/* The next call that is done; meanwhile, when there may be room, more are sent ahead. */
static struct cf_future *
next_call(struct map *map, enum cf_status *status)
{
    struct cf_room_waiter room;
    struct cf_future *call;
    bool again;

    do {
        const bool watching = map->executor != NULL && cf_send_wants_more(map);
        if (watching)
            cf_room_watch(map->executor, &room);
        call = cf_ahead_take(&map->ahead, map->options.deadline, !map->iter.interrupt_said, watching ? &room : NULL,
                             status);
        if (watching)
            cf_room_unwatch(map->executor, &room);
        again = call == NULL && *status == CF_OK;
        if (again)
            cf_send(map);
        if (watching && room.woken)
            cf_room_pass_on(map->executor);
    } while (again);
    return call;
}

/* How many items can be read before it is time to send more, or to look at what else there is to do. */
static size_t
idle_items(const struct map *map)
{
    if (map->ended)
        return SIZE_MAX;
    if (map->holds || map->ahead.calls == 0)
        return 0;
    return cf_pace_room(map) < map->chunksize ? map->chunksize - cf_pace_room(map) - 1 : 0;
}

/* The chunk is kept until the next one is read, because the reader may be on its way through it. */
static struct cf_future *
next_part(struct map *map, enum cf_status *status)
{
    struct cf_future *part = cf_unpack_next(&map->chunk, &map->iter.spare);

    *status = part == NULL ? CF_FAILED : CF_OK;
    if (part != NULL) {
        map->iter.refill = cf_unpack_refill(&map->chunk, part, idle_items(map));
        map->iter.refill.interrupts = map->interrupts;
    }
    return part;
}

/* What cf_next() has read by itself since the last time. */
static void
note_read(struct map *map)
{
    const size_t items = map->iter.refill.given - map->iter.refill.left;

    cf_unpack_skip(&map->chunk, items);
    map->unread -= items;
    map->iter.refill = (struct cf_refill){ 0 };
    if (map->chunk.items.left == 0)
        cf_unpack_free(&map->chunk);
}

/* There are no calls ahead, and none could be added. */
static enum cf_status
status_at_end(struct map *map)
{
    if (cf_map_is_interrupted(map) && !map->iter.interrupt_said)
        return CF_INTERRUPTED;
    map->over = true;
    if (map->failed)
        return CF_FAILED;
    return map->ended || map->iter.interrupt_said ? CF_END : CF_TIMEOUT;
}

static struct cf_future *
next_future(struct map *map, enum cf_status *status)
{
    if (map->chunk.items.left > 0)
        return next_part(map, status);
    if (map->ahead.calls == 0) {
        *status = status_at_end(map);
        return NULL;
    }
    struct cf_future *call = next_call(map, status);
    if (call == NULL || !call->chunk)
        return call;
    cf_unpack_start(&map->chunk, call);
    return next_part(map, status);
}

/* What is running under it goes no further than the item that it is at. */
static void
end_lease(struct map *map)
{
    cf_lease_end(map->lease, map->executor != NULL && cf_executor_frozen(map->executor));
    cf_lease_release(map->lease);
    map->lease = NULL;
}

static struct cf_future *
map_next(struct cf_iter *iter, enum cf_status *status)
{
    struct map *map = (struct map *)(void *)iter;

    map->interrupts = atomic_load(&cf_interrupts);
    note_read(map);
    if (map->over) {
        *status = CF_END;
        return NULL;
    }
    if (cf_map_is_interrupted(map) && !iter->interrupt_said) {
        cf_executor_cancel_pending(map->executor);
        *status = CF_INTERRUPTED;
        return NULL;
    }
    cf_send(map);
    struct cf_future *future = next_future(map, status);
    if (future != NULL)
        map->unread--;
    if (*status == CF_TIMEOUT || *status == CF_FAILED) {
        map->over = true;
        cf_ahead_cancel(&map->ahead);
        end_lease(map);
    }
    return future;
}

static size_t
map_remaining(const struct cf_iter *iter, size_t *total)
{
    const struct map *map = (const struct map *)(const void *)iter;

    if (total != NULL)
        *total = map->total;
    return map->unread - (iter->refill.given - iter->refill.left);
}

static void
map_free(struct cf_iter *iter)
{
    struct map *map = (struct map *)(void *)iter;

    cf_ahead_cancel(&map->ahead);
    cf_ahead_clear(&map->ahead);
    end_lease(map);
    cf_unpack_free(&map->chunk);
    cf_pack_free(&map->pack);
    if (map->executor != NULL)
        cf_executor_release(map->executor);
    free(map);
}

static const struct cf_iter_kind map_kind = { map_next, map_remaining, map_free };

static struct cf_map_options
resolve(const struct cf_map_options *given)
{
    struct cf_map_options options = given == NULL ? (struct cf_map_options){ 0 } : *given;

    if (options.buffersize != 0 && options.chunksize > options.buffersize)
        options.chunksize = options.buffersize;
    if (options.deadline == 0)
        options.deadline = CF_NEVER;
    return options;
}

static struct cf_iter *
map_new(struct cf_executor *executor, const struct cf_task *task, const struct source *source,
        const struct cf_map_options *options)
{
    struct map *map = calloc(1, sizeof *map);

    if (map == NULL)
        return &cf_iter_no_memory;
    map->iter.kind = &map_kind;
    map->executor = executor;
    map->task = task;
    map->source = *source;
    map->options = resolve(options);
    cf_pace_start(map);
    map->ahead.unordered = map->options.unordered;
    if (executor != NULL)
        cf_executor_retain(executor);
    cf_send_start(map);
    return &map->iter;
}

struct cf_iter *
cf_map(struct cf_executor *executor, const struct cf_task *task, const void *items, size_t n, size_t size,
       const struct cf_map_options *options)
{
    const struct source source = { .items = items, .n = n, .size = size };

    return map_new(executor, task, &source, options);
}

struct cf_iter *
cf_map_from(struct cf_executor *executor, const struct cf_task *task,
            int (*next)(void *source, const void **item, size_t *len), void *data, const struct cf_map_options *options)
{
    const struct source source = { .next = next, .data = data };

    return map_new(executor, task, &source, options);
}
