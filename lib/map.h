/* SPDX-License-Identifier: MIT */
/*
 * map.h - what a map is, for those who send its calls (send.c), say how large they are (pace.c) and read them (map.c).
 */

#ifndef CF_MAP_H
#define CF_MAP_H 1

#include "chunk.h"

/* What a chosen chunk has at most. */
enum { CHUNK_BYTES = 127 * 1024 };

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

static inline bool
cf_map_is_interrupted(const struct map *map)
{
    return map->executor != NULL && cf_executor_is(map->executor, CF_EXECUTOR_INTERRUPTED);
}

void cf_pace_start(struct map *);
void cf_pace_choose(struct map *);       /* how many items are to be sent together now, by what is known now */
size_t cf_pace_room(const struct map *); /* items that may be sent ahead now */

/* The first calls.  A failure is for the reader to say, as is one of those that follow. */
void cf_send_start(struct map *);
void cf_send(struct map *);                  /* as many calls as may be sent ahead */
bool cf_send_wants_more(const struct map *); /* were there room in the executor */

#endif
