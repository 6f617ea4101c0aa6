/* SPDX-License-Identifier: MIT */
/* pack.c - the items of a chunk become its argument; chunk.h has the format. */

#include <stdlib.h>

#include "chunk.h"

enum { KEPT = 256 * 1024 }; /* bytes of room that are worth keeping for the next chunk */

/* Room for len more bytes, and their address; NULL: no memory. */
static void *
extend(struct cf_pack *pack, size_t len)
{
    size_t wanted = pack->used + cf_round_up(len);

    if (len > PTRDIFF_MAX / 2 - pack->used)
        return NULL;
    if (wanted > pack->size) {
        size_t size = wanted > 2 * pack->size ? wanted : 2 * pack->size;
        unsigned char *bytes = realloc(pack->bytes, size);
        if (bytes == NULL)
            return NULL;
        pack->bytes = bytes;
        pack->size = size;
    }
    void *place = pack->bytes + pack->used;
    pack->used = wanted;
    return place;
}

static struct chunk_head *
head_of(const struct cf_pack *pack)
{
    return (struct chunk_head *)(void *)pack->bytes;
}

/* Begin with a head, if there is none yet. */
static bool
begin(struct cf_pack *pack, size_t size)
{
    if (pack->used > 0)
        return true;
    if (extend(pack, sizeof(struct chunk_head)) == NULL)
        return false;
    *head_of(pack) = (struct chunk_head){ .size = size };
    return true;
}

bool
cf_pack_item(struct cf_pack *pack, const void *item, size_t len)
{
    if (!begin(pack, CHUNK_MIXED) || len > PTRDIFF_MAX / 2)
        return false;
    struct chunk_item *place = extend(pack, sizeof *place + len);
    if (place == NULL)
        return false;
    place->len = len;
    cf_copy(place + 1, item, len);
    pack->count = ++head_of(pack)->count;
    return true;
}

bool
cf_pack_array(struct cf_pack *pack, const void *items, size_t count, size_t size)
{
    size_t len;

    if (size > CHUNK_SMALL || __builtin_mul_overflow(count, size, &len) || !begin(pack, size))
        return false;
    void *place = extend(pack, len);
    if (place == NULL) {
        cf_pack_clear(pack);
        return false;
    }
    if (len > 0)
        memcpy(place, items, len);
    pack->count = head_of(pack)->count = count;
    return true;
}

void
cf_pack_clear(struct cf_pack *pack)
{
    if (pack->size > KEPT)
        cf_pack_free(pack);
    pack->used = pack->count = 0;
}

void
cf_pack_free(struct cf_pack *pack)
{
    free(pack->bytes);
    *pack = (struct cf_pack){ 0 };
}
