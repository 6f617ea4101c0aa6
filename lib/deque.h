/* SPDX-License-Identifier: MIT */
/*
 * deque.h - the calls that a worker's own tasks have submitted and nobody has begun.
 *
 * After D. Chase and Y. Lev, "Dynamic Circular Work-Stealing Deque" (SPAA 2005), in the form of N. M. Le et al.,
 * "Correct and Efficient Work-Stealing for Weak Memory Models" (PPoPP 2013), but of a fixed size, and with sequentially
 * consistent operations where they have fences.  The owner puts calls at the bottom, and takes back the last one if
 * that is what it is about to wait for; anyone, the owner too, takes the first from the top.
 *
 * top only grows, and whoever moves it on has the call there.  A slot is filled anew only after top has passed it, so a
 * thief that read it before fails to move top on.  The owner lowers bottom before it looks at top, and a thief looks at
 * bottom after top: so of the last call either the owner sees that a thief has it, or the thief sees that it is gone,
 * or both try to move top on, which one of them does.
 */

#ifndef CF_DEQUE_H
#define CF_DEQUE_H 1

#include <stdalign.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct cf_future;

enum {
    CF_DEQUE = 256, /* calls; a power of two */
    CF_RUNS = 32    /* of the calls that the owner is inside of, the outermost ones */
};

/*
 * A call that the owner is inside of, and where bottom was when it began: what is above, it or its descendants have
 * put.
 */
struct cf_run {
    _Atomic(struct cf_future *) call; /* NULL: none */
    _Atomic uint64_t floor;
};

struct cf_deque {
    alignas(64) _Atomic uint64_t top;
    alignas(64) _Atomic uint64_t bottom; /* written by the owner alone */
    _Atomic(struct cf_future *) slots[CF_DEQUE];
    struct cf_run runs[CF_RUNS]; /* by depth; kept where the pool leapfrogs */
};

static inline bool
cf_deque_is_empty(struct cf_deque *deque)
{
    const uint64_t top = atomic_load(&deque->top);

    return top >= atomic_load(&deque->bottom);
}

/*
 * By the owner.  False: it is full.  The last store is what a worker that is about to sleep looks for; see scheduler.c.
 */
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

/* Take the first call, unless it stands below the floor. */
static inline struct cf_future *
cf_deque_take_above(struct cf_deque *deque, uint64_t floor)
{
    uint64_t top = atomic_load(&deque->top);

    while (top >= floor && top < atomic_load(&deque->bottom)) {
        struct cf_future *call = atomic_load_explicit(&deque->slots[top % CF_DEQUE], memory_order_relaxed);
        if (atomic_compare_exchange_strong(&deque->top, &top, top + 1))
            return call;
    }
    return NULL;
}

static inline struct cf_future *
cf_deque_take(struct cf_deque *deque)
{
    return cf_deque_take_above(deque, 0);
}

/*
 * By the owner, as it begins a call inside so many others, and when the call has ended but is not settled yet.
 * Releases will do: who sees the call sees the floor that was written before it, or a later one; and who sees a later
 * one, of the next call, sees that this one has been settled.
 */
static inline void
cf_deque_begin(struct cf_deque *deque, unsigned depth, struct cf_future *call)
{
    if (depth >= CF_RUNS)
        return;
    const uint64_t bottom = atomic_load_explicit(&deque->bottom, memory_order_relaxed);
    atomic_store_explicit(&deque->runs[depth].floor, bottom, memory_order_release);
    atomic_store_explicit(&deque->runs[depth].call, call, memory_order_release);
}

static inline void
cf_deque_end(struct cf_deque *deque, unsigned depth)
{
    if (depth < CF_RUNS)
        atomic_store_explicit(&deque->runs[depth].call, NULL, memory_order_release);
}

/*
 * Take the first call, if the owner is inside of that ancestor, and the ancestor or its descendants have put it there.
 * What is read of the run is right as long as the ancestor is not settled; so the caller looks at that afterwards.
 */
static inline struct cf_future *
cf_deque_take_descendant(struct cf_deque *deque, const struct cf_future *ancestor)
{
    for (unsigned i = 0; i < CF_RUNS; i++) {
        if (atomic_load(&deque->runs[i].call) == ancestor)
            return cf_deque_take_above(deque, atomic_load(&deque->runs[i].floor));
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
