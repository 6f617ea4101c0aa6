/* SPDX-License-Identifier: MIT */
/* completed.c - cf_as_completed(). */

#include <stdlib.h>

#include "core.h"

struct completed {
    struct cf_iter iter;
    struct cf_gather gather;
    cf_time deadline;
    size_t total;
};

static struct cf_future *
completed_next(struct cf_iter *iter, enum cf_status *status)
{
    struct completed *completed = (struct completed *)(void *)iter;

    return cf_gather_take(&completed->gather, completed->deadline, !iter->interrupt_said, NULL, status);
}

static size_t
completed_remaining(const struct cf_iter *iter, size_t *total)
{
    const struct completed *completed = (const struct completed *)(const void *)iter;

    if (total != NULL)
        *total = completed->total;
    return completed->gather.count;
}

static void
completed_free(struct cf_iter *iter)
{
    struct completed *completed = (struct completed *)(void *)iter;

    cf_gather_clear(&completed->gather);
    free(completed);
}

static const struct cf_iter_kind completed_kind = { completed_next, completed_remaining, completed_free };

/* A set of addresses: an open hash table, at most half full. */
struct set {
    const struct cf_future **slots;
    size_t mask;
};

static bool
set_init(struct set *set, size_t n)
{
    size_t size = 2;

    while (size < 2 * n)
        size *= 2;
    *set = (struct set){ .slots = calloc(size, sizeof *set->slots), .mask = size - 1 };
    return set->slots != NULL;
}

/* False: it is in the set already. */
static bool
set_add(struct set *set, const struct cf_future *future)
{
    size_t i = (size_t)(((uint64_t)(uintptr_t)future * UINT64_C(0x9e3779b97f4a7c15)) >> 20) & set->mask;

    while (set->slots[i] != NULL && set->slots[i] != future)
        i = (i + 1) & set->mask;
    if (set->slots[i] == future)
        return false;
    set->slots[i] = future;
    return true;
}

static bool
add_each_once(struct completed *completed, struct cf_future *const *futures, size_t n)
{
    struct set seen;
    bool added = set_init(&seen, n);

    for (size_t i = 0; added && i < n; i++) {
        /* The future for want of memory (size 0) stands for as many calls as name it. */
        if (futures[i]->size != 0 && !set_add(&seen, futures[i]))
            continue;
        added = cf_gather_add(&completed->gather, cf_retain(futures[i]));
        if (added)
            completed->total++;
        else
            cf_release(futures[i]);
    }
    free(seen.slots);
    return added;
}

struct cf_iter *
cf_as_completed(struct cf_future *const *futures, size_t n, cf_time deadline)
{
    struct completed *completed = calloc(1, sizeof *completed);

    if (completed == NULL)
        return &cf_iter_no_memory;
    completed->iter.kind = &completed_kind;
    completed->deadline = deadline;
    if (!add_each_once(completed, futures, n)) {
        completed_free(&completed->iter);
        return &cf_iter_no_memory;
    }
    return &completed->iter;
}
