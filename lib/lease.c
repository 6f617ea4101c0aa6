/* SPDX-License-Identifier: MIT */
/*
 * lease.c - the array of a map, from which workers copy items when they come to them.
 *
 * The program may do with it what it likes as soon as the iterator is freed, whereas a call that is running then goes
 * on.  So a worker copies a few items at a time and says while it does so, and who frees the iterator waits for that.
 * A worker says that it reads and then looks whether it may; the other says that it may not and then looks who reads.
 */

#include <stdlib.h>

#include "chunk.h"

struct cf_lease *
cf_lease_new(void)
{
    struct cf_lease *lease = calloc(1, sizeof *lease);

    if (lease != NULL)
        atomic_init(&lease->refs, 1);
    return lease;
}

struct cf_lease *
cf_lease_retain(struct cf_lease *lease)
{
    atomic_fetch_add_explicit(&lease->refs, 1, memory_order_relaxed);
    return lease;
}

void
cf_lease_release(struct cf_lease *lease)
{
    if (lease != NULL && atomic_fetch_sub_explicit(&lease->refs, 1, memory_order_acq_rel) == 1)
        free(lease);
}

bool
cf_lease_copy(struct cf_lease *lease, void *to, const void *from, size_t len)
{
    atomic_fetch_add(&lease->readers, 1);
    const bool may = !atomic_load(&lease->ended);
    if (may)
        memcpy(to, from, len);
    atomic_fetch_sub(&lease->readers, 1);
    return may;
}

void
cf_lease_end(struct cf_lease *lease, bool frozen)
{
    if (lease == NULL)
        return;
    atomic_store(&lease->ended, true);
    while (!frozen && atomic_load(&lease->readers) > 0)
        cf_make_way();
}
