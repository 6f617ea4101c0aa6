/* SPDX-License-Identifier: MIT */
/*
 * ring.h - the calls that a worker has taken and not yet begun.
 *
 * Anyone may take the first of them, but only the owner fills its ring, and only when it is empty.  The word of the
 * ring is where its first call is, where its last one ends, and how often it was filled:  a thief that read a slot
 * which has since been filled anew fails to move the word on.
 */

#ifndef CF_RING_H
#define CF_RING_H 1

#include "core.h"

enum { CF_RING = 64 }; /* calls; a power of two */

struct cf_ring {
    alignas(64) _Atomic uint64_t word; /* fills << 32 | end << 16 | first */
    _Atomic(struct cf_future *) slots[CF_RING];
};

static inline bool
cf_ring_is_empty(struct cf_ring *ring)
{
    uint64_t word = atomic_load_explicit(&ring->word, memory_order_acquire);

    return (word & 0xffff) == (word >> 16 & 0xffff);
}

static inline struct cf_future *
cf_ring_take(struct cf_ring *ring)
{
    uint64_t word = atomic_load_explicit(&ring->word, memory_order_acquire);

    while ((word & 0xffff) != (word >> 16 & 0xffff)) {
        struct cf_future *future = atomic_load_explicit(&ring->slots[(word & 0xffff) % CF_RING], memory_order_relaxed);
        if (atomic_compare_exchange_weak_explicit(&ring->word, &word, word + 1, memory_order_acq_rel,
                                                  memory_order_acquire)) {
            /* The next one is likely to be ours as well, and is where it was made. */
            __builtin_prefetch(
                atomic_load_explicit(&ring->slots[((word + 1) & 0xffff) % CF_RING], memory_order_relaxed), 1);
            return future;
        }
    }
    return NULL;
}

/* By the owner of an empty ring: first each call, then all of them at once are there. */
static inline void
cf_ring_put(struct cf_ring *ring, unsigned i, struct cf_future *future)
{
    atomic_store_explicit(&ring->slots[i], future, memory_order_relaxed);
}

static inline void
cf_ring_fill(struct cf_ring *ring, unsigned n)
{
    uint64_t fills = (atomic_load_explicit(&ring->word, memory_order_relaxed) >> 32) + 1;

    atomic_store_explicit(&ring->word, fills << 32 | (uint64_t)n << 16, memory_order_release);
}

#endif
