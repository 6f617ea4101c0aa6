/* SPDX-License-Identifier: MIT */
/*
 * set.h - a set of small numbers, one bit each.
 *
 * It is changed under a lock of its owner's, by one thread at a time, and may be read without: an element that is not
 * being added or removed just then is seen as it is.
 */

#ifndef CF_SET_H
#define CF_SET_H 1

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

enum { CF_SET_MOST = 4096 };

struct cf_set {
    _Atomic uint64_t words[CF_SET_MOST / 64];
};

static inline void
cf_set_put(struct cf_set *set, unsigned number, bool in)
{
    _Atomic uint64_t *word = &set->words[number / 64];
    const uint64_t old = atomic_load_explicit(word, memory_order_relaxed), bit = (uint64_t)1 << number % 64;

    if (((old & bit) != 0) != in)
        atomic_store_explicit(word, old ^ bit, memory_order_release);
}

/* The first element that is at least from and less than end; or end. */
static inline unsigned
cf_set_next(const struct cf_set *set, unsigned from, unsigned end)
{
    for (unsigned number = from; number < end; number = (number / 64 + 1) * 64) {
        const uint64_t word = atomic_load_explicit(&set->words[number / 64], memory_order_acquire) >> number % 64;
        if (word != 0) {
            number += (unsigned)__builtin_ctzll(word);
            return number < end ? number : end;
        }
    }
    return end;
}

/* The same, but after the last one the first one follows. */
static inline unsigned
cf_set_after(const struct cf_set *set, unsigned from, unsigned end)
{
    const unsigned number = cf_set_next(set, from, end);

    return number < end ? number : cf_set_next(set, 0, end);
}

/* Move what is below end from one set to another, which had nothing there. */
static inline void
cf_set_move(struct cf_set *to, struct cf_set *from, unsigned end)
{
    for (unsigned i = 0; i * 64 < end; i++) {
        to->words[i] = atomic_load_explicit(&from->words[i], memory_order_relaxed);
        atomic_store_explicit(&from->words[i], 0, memory_order_relaxed);
    }
}

#endif
