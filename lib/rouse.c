/* SPDX-License-Identifier: MIT */
/* rouse.c - what is at the seats of a scheduler, and who is woken or started because of it. */

#include "rouse.h"

static struct cf_future *
take_from_seat(struct cf_seat *seat)
{
    struct cf_future *future = cf_ring_take(&seat->ring);

    return future != NULL ? future : cf_deque_take(&seat->deque);
}

struct cf_future *
cf_rouse_steal(struct cf_scheduler *scheduler, unsigned start)
{
    unsigned created = atomic_load_explicit(&scheduler->created, memory_order_acquire);

    for (unsigned i = 0; i < created; i++) {
        struct cf_future *future = take_from_seat(scheduler->seats[(start + i) % created]);
        if (future != NULL)
            return future;
    }
    return NULL;
}

bool
cf_rouse_seats_are_empty(struct cf_scheduler *scheduler)
{
    unsigned created = atomic_load_explicit(&scheduler->created, memory_order_acquire);

    for (unsigned i = 0; i < created; i++)
        if (!cf_ring_is_empty(&scheduler->seats[i]->ring) || !cf_deque_is_empty(&scheduler->seats[i]->deque))
            return false;
    return true;
}

/* What to do about work, if there is any.  The lock is held; cf_rouse_carry_out() comes after it is released. */
struct cf_rousing
cf_rouse(struct cf_scheduler *scheduler)
{
    struct cf_rousing rousing = { .wake = scheduler->idle };

    if (scheduler->searching > 0 || (scheduler->queue.length == 0 && cf_rouse_seats_are_empty(scheduler)))
        return (struct cf_rousing){ 0 };
    if (rousing.wake != NULL) {
        scheduler->idle = rousing.wake->next_idle;
        rousing.wake->searching = true;
        scheduler->searching++;
    } else if (scheduler->started < scheduler->max_workers &&
               (scheduler->queue.length > scheduler->opening || !cf_rouse_seats_are_empty(scheduler))) {
        rousing.start = true;
        scheduler->started++;
        scheduler->searching++;
    }
    return rousing;
}

void
cf_rouse_carry_out(struct cf_scheduler *scheduler, struct cf_rousing rousing)
{
    if (rousing.wake != NULL) {
        atomic_store(&rousing.wake->roused, true);
        cf_unpark(rousing.wake->parker);
    } else if (rousing.start) {
        scheduler->start(scheduler);
    }
}

/* The lock is held. */
void
cf_rouse_stop_searching(struct cf_scheduler *scheduler, struct cf_seat *seat)
{
    if (seat->searching)
        scheduler->searching--;
    seat->searching = false;
}
