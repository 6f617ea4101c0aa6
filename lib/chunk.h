/* SPDX-License-Identifier: MIT */
/*
 * chunk.h - several items of a map in one call.
 *
 * The argument of such a call is a head and its items: bare, one behind the other, where they are small and of one
 * size, or each with its length.  Where workers share our memory, those of an array are not even copied, but lent.  Its
 * result is a head and runs of outcomes: results of one length are one behind the other, with one head for all of them;
 * an error is a run of its own, as its strings.  All of it is flat, so that it can go to another process; only where a
 * result need not leave this one, it may be a pointer to what the task has handed over.
 *
 * What is not bare stands at multiples of CF_ALIGN, and so may be used in its place.
 */

#ifndef CF_CHUNK_H
#define CF_CHUNK_H 1

#include <string.h>

#include "core.h"

/* An item or a result that is larger is not copied where that can be helped, and never bare. */
enum { CHUNK_SMALL = 256 };

struct chunk_head {
    alignas(max_align_t) size_t size; /* of each item, or CHUNK_MIXED: each has a head */
    size_t count;
    const void *lent;       /* bare items in an array; NULL: they follow */
    struct cf_lease *lease; /* of lent ones: owned */
};
#define CHUNK_MIXED SIZE_MAX

struct chunk_item {
    alignas(max_align_t) size_t len;
};

/* The result's head. */
struct chunk_outcomes {
    alignas(max_align_t) size_t used; /* bytes, this head among them */
};

/* A number of outcomes, whose bytes follow. */
struct chunk_run {
    alignas(max_align_t) size_t len; /* of each */
    int code;                        /* of an error */
    uint16_t count;
    uint8_t why; /* enum cf_why, CHUNK_RESULT or CHUNK_OWNED */
};
enum { CHUNK_RESULT = 0, CHUNK_OWNED = 255 };

/* The bytes of a run of one whose task has handed over its result, or has it where it stays. */
struct chunk_owned {
    void *result;
    size_t len;
    void (*free_result)(void *); /* NULL: nothing to free, or it was taken */
};

/* Items to be read one after another. */
struct chunk_reader {
    const unsigned char *at;
    size_t size, left;
};

static inline struct chunk_reader
cf_chunk_items(const void *arg)
{
    const struct chunk_head *head = arg;

    return (struct chunk_reader){
        .at = head->lent != NULL ? head->lent : (const unsigned char *)(head + 1),
        .size = head->size,
        .left = head->count,
    };
}

/* The next of those left, its length in *len.  Aligned for anything, but if it is bare. */
static inline const void *
cf_chunk_next(struct chunk_reader *reader, size_t *len)
{
    const unsigned char *item = reader->at;

    reader->left--;
    if (reader->size != CHUNK_MIXED) {
        *len = reader->size;
        reader->at += reader->size;
        return item;
    }
    *len = ((const struct chunk_item *)(const void *)item)->len;
    reader->at += sizeof(struct chunk_item) + cf_round_up(*len);
    return *len > 0 ? item + sizeof(struct chunk_item) : (const void *)&cf_nothing;
}

static inline struct chunk_run *
cf_chunk_next_run(struct chunk_run *run)
{
    return (struct chunk_run *)(void *)((char *)(run + 1) + cf_round_up(run->len * run->count));
}

/*
 * Leases (lease.c): the array of a map may be read until its iterator is freed.  One belongs to the map and, as long as
 * they live, to the calls that it has sent.
 */
struct cf_lease {
    _Atomic uint32_t refs;
    _Atomic bool ended;
    _Atomic uint32_t readers; /* threads that are copying from it just now */
};

struct cf_lease *cf_lease_new(void);
struct cf_lease *cf_lease_retain(struct cf_lease *);
void cf_lease_release(struct cf_lease *);
/* Copy from the array; false: it is the program's again. */
bool cf_lease_copy(struct cf_lease *, void *to, const void *from, size_t len);
/* The array is the program's again when this returns; frozen is for a forked child, where nobody copies. */
void cf_lease_end(struct cf_lease *, bool frozen);

/*
 * Packing (pack.c): an argument grows.  Clearing makes room for the next one.
 */
struct cf_pack {
    unsigned char *bytes;
    size_t used, size;
    size_t count; /* items */
};

bool cf_pack_item(struct cf_pack *, const void *item, size_t len); /* false: no memory */
/* All items at once, of that size each; false: no memory, or they are not small, and the pack is as empty as before. */
bool cf_pack_array(struct cf_pack *, const void *items, size_t count, size_t size);
void cf_pack_clear(struct cf_pack *);
void cf_pack_free(struct cf_pack *);

/*
 * Unpacking (unpack.c): a chunk that is done becomes the futures of its items.
 */
struct cf_unpack {
    struct cf_future *call; /* owned */
    struct chunk_reader items;
    struct chunk_run *run; /* NULL: the call has failed as a whole */
    unsigned char *result; /* the next one of the run, */
    size_t run_left;       /* which has so many more */
};

void cf_unpack_start(struct cf_unpack *, struct cf_future *call);
/* A future of the caller's, perhaps made of the spare one, which is then taken; NULL: no memory. */
struct cf_future *cf_unpack_next(struct cf_unpack *, struct cf_future **spare);
/*
 * Which of the next items, at most so many, can be put into that part, which is the last one: those that are like it.
 */
struct cf_refill cf_unpack_refill(const struct cf_unpack *, struct cf_future *part, size_t most);
void cf_unpack_skip(struct cf_unpack *, size_t items); /* so many of these have been read that way */
void cf_unpack_free(struct cf_unpack *);

#endif
