/* SPDX-License-Identifier: MIT */
/* scheduler.c - which worker of a thread pool runs which call; scheduler.h has the idea. */

#include <errno.h>
#include <stdlib.h>

#include "rouse.h"

int
cf_scheduler_init(struct cf_scheduler *scheduler, unsigned max_workers, unsigned cpus)
{
    scheduler->share = max_workers < cpus ? max_workers : cpus;
    scheduler->max_workers = max_workers;
    scheduler->seats = calloc(max_workers, sizeof(struct cf_seat *));
    return scheduler->seats == NULL ? ENOMEM : 0;
}

void
cf_scheduler_fini(struct cf_scheduler *scheduler)
{
    cf_queue_fini(&scheduler->queue);
    free(scheduler->seats);
}

/*
 * Workers come and go.
 */

void
cf_scheduler_seat(struct cf_scheduler *scheduler, struct cf_seat *seat)
{
    unsigned number = atomic_load_explicit(&scheduler->created, memory_order_relaxed);

    scheduler->seats[number] = seat;
    atomic_store_explicit(&scheduler->created, number + 1, memory_order_release);
}

struct cf_seat *
cf_scheduler_seat_of(struct cf_scheduler *scheduler, uint32_t number)
{
    unsigned created = atomic_load_explicit(&scheduler->created, memory_order_acquire);

    for (unsigned i = 0; i < created; i++) {
        const struct cf_parker *parker = atomic_load(&scheduler->seats[i]->parker);
        if (parker != NULL && parker->number == number)
            return scheduler->seats[i];
    }
    return NULL;
}

/* Those who work already will do without it; if there are none, nobody would. */
bool
cf_scheduler_start_failed(struct cf_scheduler *scheduler)
{
    struct cf_rousing rousing = { 0 };

    cf_spin_lock(&scheduler->lock);
    scheduler->searching--;
    bool alone = --scheduler->started == 0;
    if (scheduler->idle != NULL)
        rousing = cf_rouse(scheduler);
    cf_spin_unlock(&scheduler->lock);
    cf_rouse_carry_out(scheduler, rousing);
    return alone;
}

unsigned
cf_scheduler_started(struct cf_scheduler *scheduler)
{
    cf_spin_lock(&scheduler->lock);
    unsigned count = scheduler->started;
    cf_spin_unlock(&scheduler->lock);
    return count;
}

/* Meanwhile the worker is not searching, but a call that waits needs no other new one. */
void
cf_scheduler_open(struct cf_scheduler *scheduler, struct cf_seat *seat)
{
    cf_spin_lock(&scheduler->lock);
    scheduler->opening++;
    cf_spin_unlock(&scheduler->lock);
    cf_search_engage(scheduler, seat);
}

void
cf_scheduler_opened(struct cf_scheduler *scheduler, struct cf_seat *seat)
{
    cf_spin_lock(&scheduler->lock);
    scheduler->opening--;
    scheduler->searching++;
    seat->searching = true;
    cf_spin_unlock(&scheduler->lock);
}

/*
 * From outside.
 */

/* With room for a call in the queue, the lock is held on return; false: there is no memory for it, and it is not. */
static bool
lock_with_room(struct cf_scheduler *scheduler)
{
    cf_spin_lock(&scheduler->lock);
    while (cf_queue_is_full(&scheduler->queue)) {
        cf_spin_unlock(&scheduler->lock);
        struct cf_segment *segment = malloc(sizeof *segment);
        if (segment == NULL)
            return false;
        cf_spin_lock(&scheduler->lock);
        segment = cf_queue_keep(&scheduler->queue, segment);
        if (segment != NULL) {
            cf_spin_unlock(&scheduler->lock);
            free(segment);
            cf_spin_lock(&scheduler->lock);
        }
    }
    return true;
}

int
cf_scheduler_enqueue(struct cf_scheduler *scheduler, struct cf_future *future)
{
    struct cf_rousing rousing = { 0 };

    if (!lock_with_room(scheduler))
        return ENOMEM;
    bool stopped = scheduler->stopped;
    if (!stopped) {
        cf_queue_put(&scheduler->queue, future);
        rousing = cf_rouse(scheduler);
    }
    cf_spin_unlock(&scheduler->lock);
    cf_rouse_carry_out(scheduler, rousing);
    return stopped ? ESHUTDOWN : 0;
}

void
cf_scheduler_rouse(struct cf_scheduler *scheduler)
{
    cf_spin_lock(&scheduler->lock);
    struct cf_rousing rousing = cf_rouse(scheduler);
    cf_spin_unlock(&scheduler->lock);
    cf_rouse_carry_out(scheduler, rousing);
}

struct cf_future *
cf_scheduler_withdraw(struct cf_scheduler *scheduler)
{
    struct cf_segment *unused = NULL;

    cf_spin_lock(&scheduler->lock);
    struct cf_future *future = cf_queue_take(&scheduler->queue, &unused);
    cf_spin_unlock(&scheduler->lock);
    free(unused);
    return future != NULL ? future : cf_rouse_steal(scheduler, 0);
}

void
cf_scheduler_stop(struct cf_scheduler *scheduler)
{
    cf_spin_lock(&scheduler->lock);
    scheduler->stopped = true;
    struct cf_seat *idle = scheduler->idle;
    scheduler->idle = NULL;
    cf_spin_unlock(&scheduler->lock);
    while (idle != NULL) {
        struct cf_seat *next = idle->next_idle;
        cf_rouse_carry_out(scheduler, (struct cf_rousing){ .wake = idle });
        idle = next;
    }
}
