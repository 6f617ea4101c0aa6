/* SPDX-License-Identifier: MIT */
/*
 * deque.h - the calls that a worker's own tasks have submitted and nobody has begun.
 *
 * After D. Chase and Y. Lev, "Dynamic Circular Work-Stealing Deque" (SPAA 2005), in the form of N. M. Le et al., "Correct
 * and Efficient Work-Stealing for Weak Memory Models" (PPoPP 2013), but of a fixed size, and with sequentially consistent
 * operations where they have fences.  The owner puts calls at the bottom, and takes back the last one if that is what it
 * is about to wait for; anyone, the owner too, takes the first from the top.
 *
 * top only grows, and whoever moves it on has the call there.  A slot is filled anew only after top has passed it, so a
 * thief that read it before fails to move top on.  The owner lowers bottom before it looks at top, and a thief looks at
 * bottom after top: so of the last call either the owner sees that a thief has it, or the thief sees that it is gone, or
 * both try to move top on, which one of them does.
 */

#ifndef CF_DEQUE_H
#define CF_DEQUE_H 1

#include "core.h"

enum { CF_DEQUE = 256 }; /* calls; a power of two */

struct cf_deque {
    alignas(64) _Atomic uint64_t top;
    alignas(64) _Atomic uint64_t bottom; /* written by the owner alone */
    _Atomic(struct cf_future *) slots[CF_DEQUE];
};

static inline bool
cf_deque_is_empty(struct cf_deque *deque)
{
    const uint64_t top = atomic_load(&deque->top);

    return top >= atomic_load(&deque->bottom);
}

/* By the owner.  False: it is full.  The last store is what a worker that is about to sleep looks for; see scheduler.c. */
static inline bool
cf_deque_put(struct cf_deque *deque, struct cf_future *call)
{
    const uint64_t bottom = atomic_load_explicit(&deque->bottom, memory_order_relaxed);

    if (bottom - atomic_load_explicit(&deque->top, memory_order_acquire) >= CF_DEQUE)
        return false;
    atomic_store_explicit(&deque->slots[bottom % CF_DEQUE], call, memory_order_relaxed);
    atomic_store(&deque->bottom, bottom + 1);
    return true;
}

static inline struct cf_future *
cf_deque_take(struct cf_deque *deque)
{
    uint64_t top = atomic_load(&deque->top);

    while (top < atomic_load(&deque->bottom)) {
        struct cf_future *call = atomic_load_explicit(&deque->slots[top % CF_DEQUE], memory_order_relaxed);
        if (atomic_compare_exchange_strong(&deque->top, &top, top + 1))
            return call;
    }
    return NULL;
}

/* By the owner: take that call back if it is the last.  Return whether it was. */
static inline bool
cf_deque_take_back(struct cf_deque *deque, const struct cf_future *call)
{
    const uint64_t last = atomic_load_explicit(&deque->bottom, memory_order_relaxed) - 1;

    if (atomic_load_explicit(&deque->slots[last % CF_DEQUE], memory_order_relaxed) != call)
        return false;
    atomic_store(&deque->bottom, last);
    uint64_t top = atomic_load(&deque->top);
    if (top < last)
        return true;
    const bool taken = top == last && atomic_compare_exchange_strong(&deque->top, &top, top + 1);
    atomic_store_explicit(&deque->bottom, last + 1, memory_order_relaxed);
    return taken;
}

#endif
