/* SPDX-License-Identifier: MIT */
/*
 * slab.h - blocks of memory from caches of the calling thread, freed by any thread.
 *
 * What is here is all that most allocations need; slab.c has the rest, and the idea.
 */

#ifndef CF_SLAB_H
#define CF_SLAB_H 1

#include <stdbool.h>
#include <stddef.h>

enum {
    CF_SLAB_STEP = 32,    /* block sizes are multiples of this */
    CF_SLAB_CLASSES = 32, /* up to 32 of them; larger blocks come from malloc() */
    CF_SLAB_BATCH = 32    /* blocks that travel between a thread and the depot at a time */
};

struct cf_block {
    struct cf_block *next;
};

struct cf_cache {
    struct cf_block *free;
    unsigned count;
};
extern __thread struct cf_cache cf_caches[CF_SLAB_CLASSES] __attribute__((tls_model("initial-exec")));

/* malloc(), but from 8 MiB on in huge pages, as to have the others made costs more than to fill them. */
#define CF_HUGE_PAGE ((size_t)2 * 1024 * 1024)
void *cf_large_alloc(size_t size);

void *cf_slab_alloc_slowly(size_t *size);
void cf_slab_free_slowly(void *, size_t size);
void cf_slab_thread_exit(void);
void cf_slab_before_fork(void);
void cf_slab_after_fork(void);

static inline struct cf_cache *
cf_slab_cache(size_t size)
{
    return &cf_caches[(size - 1) / CF_SLAB_STEP];
}

/* *size is rounded up to what the block really holds, and cf_slab_free() wants that number back.  NULL: no memory. */
static inline void *
cf_slab_alloc(size_t *size)
{
    struct cf_cache *cache = *size > (size_t)CF_SLAB_STEP * CF_SLAB_CLASSES ? NULL : cf_slab_cache(*size);

    if (cache == NULL || cache->free == NULL)
        return cf_slab_alloc_slowly(size);
    struct cf_block *block = cache->free;
    cache->free = block->next;
    cache->count--;
    *size = (*size + CF_SLAB_STEP - 1) & ~(size_t)(CF_SLAB_STEP - 1);
    return block;
}

/* A thread with an empty cache may have none yet that its exit would empty. */
static inline void
cf_slab_free(void *memory, size_t size)
{
    struct cf_cache *cache = size > (size_t)CF_SLAB_STEP * CF_SLAB_CLASSES ? NULL : cf_slab_cache(size);
    struct cf_block *block = memory;

    if (cache == NULL || cache->free == NULL || cache->count >= 2 * CF_SLAB_BATCH) {
        cf_slab_free_slowly(memory, size);
        return;
    }
    block->next = cache->free;
    cache->free = block;
    cache->count++;
}

#endif
