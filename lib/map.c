/* SPDX-License-Identifier: MIT */
/* map.c - cf_map() and cf_map_from(). */

#include <errno.h>
#include <stdlib.h>

#include "chunk.h"

enum {
    ROUNDS = 4,              /* chunks a worker that a buffer holds, if it is for the map to say */
    GENERATED = 16,          /* items of a generator without a bound that a chosen chunk has at most, */
    UNHEARD = 32,            /* calls that may be sent without hearing of them, beside a buffer's, while chunks grow */
    CHUNK_BYTES = 127 * 1024 /* and their bytes, of any source, for which processes have buffers */
};

/* Nanoseconds that a chosen chunk should take: in our own memory, and where a call has to wake other processes. */
#define CHUNK_TIME 50000
#define REMOTE_CHUNK_TIME 200000
/* And that a map may wait altogether to be told how long its calls take. */
#define PATIENCE 4000000

/* Where the items come from: an array, or a generator. */
struct source {
    const unsigned char *items;
    size_t n, size, taken;

    int (*next)(void *source, const void **item, size_t *len);
    void *data;
};

struct map {
    struct cf_iter iter;
    struct cf_executor *executor; /* retained; NULL if it was never made */
    const struct cf_task *task;
    struct source source;
    struct cf_map_options options;

    bool chooses;     /* the size of its chunks */
    cf_time patience; /* nanoseconds that it may still wait for news of its calls */
    size_t chunksize; /* items that are to be sent together now */
    size_t share;     /* a buffer is so many chunks at least, where they are chosen */

    struct cf_ahead ahead;  /* the calls that have been sent */
    struct cf_unpack chunk; /* the one that is being read */
    struct cf_pack pack;    /* the one that is being sent; empty at other times */
    struct cf_lease *lease; /* of the array, where it is lent; or NULL */

    /* An item that has been taken but did not fit the chunk before it; it goes alone. */
    bool holds;
    const void *held;
    size_t held_len;

    size_t unread;       /* items that have been taken but not yielded; at most .buffersize, or what buffer() says */
    size_t total;        /* items that have been taken */
    uint32_t interrupts; /* the cf_interrupts when it was last looked whether there was one */
    bool full;           /* it has been filled for the first time */
    bool ended;          /* the source has no more, or nobody wants any */
    bool failed;         /* but has an error that has not been told */
    bool over;           /* nothing will ever be yielded again */
};

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
 * Calls are sent faster than a worker comes to itself, or back if it had to wait for a processor: of short items, thousands
 * would go alone before the first is known to be short.  So it pays to wait a little for news as long as chunks may grow by
 * them; but not over and over, as long items have to be sent ahead without.
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

static void
choose(struct map *map)
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
static size_t
room(const struct map *map)
{
    const size_t size = buffer(map);

    return size > map->unread ? size - map->unread : 0;
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
    const size_t most = room(map) < map->chunksize ? room(map) : map->chunksize;
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

static bool
is_interrupted(const struct map *map)
{
    return map->executor != NULL && cf_executor_is(map->executor, CF_EXECUTOR_INTERRUPTED);
}

/* Chunks are whole, but for the last one of the first filling, and where the workers would run dry. */
static bool
wants_more(const struct map *map)
{
    if (map->ended || is_late(map) || is_interrupted(map))
        return false;
    if (map->holds)
        return true;
    return room(map) > 0 && (!map->full || map->ahead.calls == 0 || room(map) >= map->chunksize);
}

/* The first call may wait for its place among the pending ones; later the reader has something to do meanwhile. */
static bool
may_submit(const struct map *map)
{
    return map->ahead.calls == 0 || map->executor == NULL || cf_room_is_free(map->executor);
}

static void
fill(struct map *map)
{
    if (map->ended)
        return;
    choose(map);
    while (wants_more(map) && may_submit(map)) {
        bool alone = map->chunksize == 1 || map->holds;
        struct cf_future *call = alone ? submit_item(map) : submit_chunk(map);
        if (call != NULL && !add_call(map, call))
            map->ended = map->failed = true;
        choose(map);
    }
    map->full = true;
}

/*
 * The reader's side.
 */

/* The next call that is done; meanwhile, when there may be room, more are sent ahead. */
static struct cf_future *
next_call(struct map *map, enum cf_status *status)
{
    struct cf_room_waiter room;
    struct cf_future *call;
    bool again;

    do {
        const bool watching = map->executor != NULL && wants_more(map);
        if (watching)
            cf_room_watch(map->executor, &room);
        call = cf_ahead_take(&map->ahead, map->options.deadline, !map->iter.interrupt_said, watching ? &room : NULL,
                             status);
        if (watching)
            cf_room_unwatch(map->executor, &room);
        again = call == NULL && *status == CF_OK;
        if (again)
            fill(map);
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
    return room(map) < map->chunksize ? map->chunksize - room(map) - 1 : 0;
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
    if (is_interrupted(map) && !map->iter.interrupt_said)
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
    if (is_interrupted(map) && !iter->interrupt_said) {
        cf_executor_cancel_pending(map->executor);
        *status = CF_INTERRUPTED;
        return NULL;
    }
    fill(map);
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

/* With a time limit for calls, no item shall use up what is another's. */
static void
set_chunks(struct map *map)
{
    const struct cf_executor *executor = map->executor;
    const bool limited = executor != NULL && executor->options.call_timeout > 0;

    map->chooses = map->options.chunksize == 0 && !limited;
    map->chunksize = map->options.chunksize == 0 ? 1 : map->options.chunksize;
    map->ahead.pace.time = executor != NULL && executor->kind->recall != NULL ? REMOTE_CHUNK_TIME : CHUNK_TIME;
    map->patience = PATIENCE;
    map->share = ROUNDS * (executor == NULL ? (size_t)1 : executor->options.max_workers);
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
    set_chunks(map);
    if (executor != NULL && executor->kind->recall == NULL && bare_items(source, 1) > 0 &&
        (map->chooses || map->chunksize > 1))
        map->lease = cf_lease_new();
    map->ahead.unordered = map->options.unordered;
    if (executor != NULL)
        cf_executor_retain(executor);
    fill(map);
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
