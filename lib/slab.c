/* SPDX-License-Identifier: MIT */
/*
 * slab.c - memory for futures.
 *
 * Futures are allocated by one thread and often freed by another, which a general allocator makes expensive.  Here each
 * thread keeps a short list of free blocks per size and exchanges whole batches with a depot that all share, after J.
 * Bonwick and J. Adams, "Magazines and Vmem" (USENIX 2001).  The depot knows for each slab how many of its blocks are
 * free and gives empty slabs back, so that a burst of futures does not hold its memory for ever.  Where many blocks are
 * in use, slabs are large, for the system to make each of one huge page: else half of what a call costs would go into
 * the page faults of its future.
 *
 * Under AddressSanitizer and ThreadSanitizer each block comes from malloc(), so that they see its life; with
 * -DCF_SLAB=1 it does not, so that ThreadSanitizer sees how blocks travel.
 */

#include <stdlib.h>
#include <sys/mman.h>

#include "core.h"

#ifdef CF_SLAB
#define PASS_THROUGH (!CF_SLAB)
#elif defined __SANITIZE_ADDRESS__ || defined __SANITIZE_THREAD__
#define PASS_THROUGH 1
#elif defined __has_feature
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define PASS_THROUGH 1
#endif
#endif
#ifndef PASS_THROUGH
#define PASS_THROUGH 0
#endif

enum {
    CHUNK_SIZE = 65536, /* and the alignment of chunks, so that a block finds its chunk */
    LARGE_CHUNKS = 32,  /* of a large slab, 2 MiB */
    MANY_CHUNKS = 16,   /* of a class are in use when its next slab is to be large */
    SPARE_CHUNKS = 128, /* empty ones that a class keeps at most */
    HEAD = 64           /* what each chunk begins with, a cache line */
};

/* A slab is so many chunks, one after another, each of which begins with its address. */
struct chunk {
    struct slab *slab;
};

/* The first chunk goes on with this.  Guarded by the depot's lock. */
struct slab {
    struct chunk chunk;
    struct slab *next, *prev; /* in the class's list of slabs that have free blocks */
    struct cf_block *free;
    uint16_t class, chunks;
    unsigned used, total;
    unsigned carved; /* blocks that have ever been given out; the rest is untouched memory */
};
_Static_assert(sizeof(struct slab) <= HEAD, "a slab's head fits the head of its first chunk");

/* One a class.  The slabs with free blocks are a ring through this head. */
struct depot {
    struct slab head;
    unsigned chunks, empty; /* in all its slabs, and in those of which no block is used */
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* guards the depots and all slabs */
static struct depot depots[CF_SLAB_CLASSES];

__thread struct cf_cache cf_caches[CF_SLAB_CLASSES] __attribute__((tls_model("initial-exec")));

static void
link_slab(struct slab *head, struct slab *slab)
{
    slab->next = head->next;
    slab->prev = head;
    head->next->prev = slab;
    head->next = slab;
}

static void
unlink_slab(struct slab *slab)
{
    slab->prev->next = slab->next;
    slab->next->prev = slab->prev;
}

static unsigned
blocks_of_chunk(unsigned class)
{
    return (CHUNK_SIZE - HEAD) / (CF_SLAB_STEP * (class + 1));
}

static struct slab *
new_slab(unsigned class, unsigned chunks)
{
    const size_t size = (size_t)CHUNK_SIZE * chunks;
    struct slab *slab = aligned_alloc(size, size);

    if (slab == NULL)
        return NULL;
    if (chunks > 1)
        madvise(slab, size, MADV_HUGEPAGE);
    *slab = (struct slab){
        .chunk.slab = slab,
        .class = (uint16_t) class,
        .chunks = (uint16_t)chunks,
        .total = blocks_of_chunk(class) * chunks,
    };
    return slab;
}

/* The next block of a slab that has never been given out. */
static struct cf_block *
carve(struct slab *slab)
{
    const unsigned per_chunk = blocks_of_chunk(slab->class);
    struct chunk *chunk = (struct chunk *)(void *)((char *)slab + (size_t)CHUNK_SIZE * (slab->carved / per_chunk));
    const unsigned index = slab->carved++ % per_chunk;

    chunk->slab = slab;
    return (struct cf_block *)(void *)((char *)chunk + HEAD + (size_t)CF_SLAB_STEP * (slab->class + 1u) * index);
}

static struct cf_block *
block_from(struct slab *slab)
{
    struct cf_block *block = slab->free;

    if (block != NULL)
        slab->free = block->next;
    else
        block = carve(slab);
    slab->used++;
    return block;
}

/* A slab of the class that has a free block, made if need be; NULL: no memory.  The lock is held. */
static struct slab *
slab_with_room(unsigned class)
{
    struct depot *depot = &depots[class];

    if (depot->head.next == NULL)
        depot->head.next = depot->head.prev = &depot->head;
    if (depot->head.next != &depot->head)
        return depot->head.next;

    struct slab *slab = depot->chunks >= MANY_CHUNKS ? new_slab(class, LARGE_CHUNKS) : NULL;
    if (slab == NULL)
        slab = new_slab(class, 1);
    if (slab != NULL) {
        link_slab(&depot->head, slab);
        depot->chunks += slab->chunks;
        depot->empty += slab->chunks;
    }
    return slab;
}

static void
refill(struct cf_cache *cache, unsigned class)
{
    struct slab *slab;

    pthread_mutex_lock(&lock);
    while (cache->count < CF_SLAB_BATCH && (slab = slab_with_room(class)) != NULL) {
        if (slab->used == 0)
            depots[class].empty -= slab->chunks;
        struct cf_block *block = block_from(slab);
        if (slab->used == slab->total)
            unlink_slab(slab);
        block->next = cache->free;
        cache->free = block;
        cache->count++;
    }
    pthread_mutex_unlock(&lock);
}

/* Give a block back to its slab.  Return the slab if that is to be freed.  The lock is held. */
static struct slab *
give_back(struct cf_block *block)
{
    struct slab *slab = ((struct chunk *)((uintptr_t)block & ~(uintptr_t)(CHUNK_SIZE - 1)))->slab;
    struct depot *depot = &depots[slab->class];

    block->next = slab->free;
    slab->free = block;
    if (slab->used-- == slab->total)
        link_slab(&depot->head, slab);
    if (slab->used > 0)
        return NULL;
    if (depot->empty + slab->chunks <= SPARE_CHUNKS) {
        depot->empty += slab->chunks;
        return NULL;
    }
    depot->chunks -= slab->chunks;
    unlink_slab(slab);
    return slab;
}

static void
flush(struct cf_cache *cache, unsigned keep)
{
    struct slab *unused = NULL;

    pthread_mutex_lock(&lock);
    while (cache->count > keep) {
        struct cf_block *block = cache->free;
        cache->free = block->next;
        cache->count--;
        struct slab *slab = give_back(block);
        if (slab != NULL) {
            slab->next = unused;
            unused = slab;
        }
    }
    pthread_mutex_unlock(&lock);

    while (unused != NULL) {
        struct slab *next = unused->next;
        free(unused);
        unused = next;
    }
}

void *
cf_slab_alloc_slowly(size_t *size)
{
    /* Also where the block is none of ours: who has a future is prepared for a fork. */
    cf_thread_keep();
    if (PASS_THROUGH || *size > (size_t)CF_SLAB_STEP * CF_SLAB_CLASSES)
        return cf_large_alloc(*size);
    refill(cf_slab_cache(*size), (unsigned)((*size - 1) / CF_SLAB_STEP));
    return cf_slab_cache(*size)->free == NULL ? NULL : cf_slab_alloc(size);
}

void
cf_slab_free_slowly(void *memory, size_t size)
{
    if (PASS_THROUGH || size > (size_t)CF_SLAB_STEP * CF_SLAB_CLASSES) {
        free(memory);
        return;
    }
    struct cf_cache *cache = cf_slab_cache(size);
    struct cf_block *block = memory;
    cf_thread_keep();
    block->next = cache->free;
    cache->free = block;
    if (++cache->count > 2 * CF_SLAB_BATCH)
        flush(cache, CF_SLAB_BATCH);
}

void
cf_slab_thread_exit(void)
{
    for (int i = 0; i < CF_SLAB_CLASSES; i++)
        if (cf_caches[i].count > 0)
            flush(&cf_caches[i], 0);
}

void
cf_slab_before_fork(void)
{
    pthread_mutex_lock(&lock);
}

void
cf_slab_after_fork(void)
{
    pthread_mutex_unlock(&lock);
}

void *
cf_large_alloc(size_t size)
{
    const size_t whole = size & ~(CF_HUGE_PAGE - 1);

    if (size < 4 * CF_HUGE_PAGE || size > SIZE_MAX - CF_HUGE_PAGE)
        return malloc(size);
    void *memory = aligned_alloc(CF_HUGE_PAGE, size == whole ? size : whole + CF_HUGE_PAGE);
    if (memory != NULL)
        madvise(memory, whole, MADV_HUGEPAGE);
    return memory;
}
