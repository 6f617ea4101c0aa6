/* SPDX-License-Identifier: MIT */
/* iter.c - futures, one after another. */

#include "chunk.h"

/* Stands in for an iterator for which there is no memory.  Nothing is ever written to it. */
struct cf_iter cf_iter_no_memory = { .kind = NULL, .status = CF_FAILED };

static struct cf_future *
next(struct cf_iter *iter)
{
    struct cf_future *future = iter->kind->next(iter, &iter->status);

    if (iter->status == CF_INTERRUPTED)
        iter->interrupt_said = true;
    return future;
}

/* Fill the future that is lent with the next item of its chunk; NULL: that cannot be. */
static struct cf_future *
refilled(struct cf_iter *iter)
{
    struct cf_refill *refill = &iter->refill;
    struct cf_future *part = iter->lent;

    if (refill->left == 0 || cf_future_refs(part) != 1 ||
        atomic_load_explicit(&cf_interrupts, memory_order_relaxed) != refill->interrupts)
        return NULL;
    cf_copy(part->room, refill->item, refill->item_len);
    cf_copy(part->room + cf_round_up(refill->item_len), refill->result, refill->result_len);
    refill->item += refill->item_len;
    refill->result += refill->result_len;
    refill->left--;
    return part;
}

/* The future that was lent, if nobody has retained it, may serve for what comes next. */
struct cf_future *
cf_next(struct cf_iter *iter)
{
    struct cf_future *part = refilled(iter);

    if (part != NULL)
        return part;
    if (iter->kind == NULL)
        return NULL;
    if (iter->lent != NULL && cf_future_is_spare(iter->lent))
        iter->spare = iter->lent;
    else
        cf_release(iter->lent);
    iter->lent = NULL;
    iter->lent = next(iter);
    cf_release(iter->spare);
    iter->spare = NULL;
    return iter->lent;
}

struct cf_future *
cf_take(struct cf_iter *iter)
{
    if (iter->kind == NULL)
        return NULL;
    cf_release(iter->lent);
    iter->lent = NULL;
    struct cf_future *future = next(iter);
    iter->refill = (struct cf_refill){ 0 };
    return future;
}

enum cf_status
cf_status(const struct cf_iter *iter)
{
    return iter->status;
}

size_t
cf_remaining(const struct cf_iter *iter, size_t *total)
{
    if (iter->kind != NULL)
        return iter->kind->remaining(iter, total);
    if (total != NULL)
        *total = 0;
    return 0;
}

void
cf_iter_free(struct cf_iter *iter)
{
    if (iter == NULL || iter->kind == NULL)
        return;
    cf_release(iter->lent);
    iter->kind->free(iter);
}
