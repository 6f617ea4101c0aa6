/* SPDX-License-Identifier: MIT */
/*
 * room.c - .max_pending: places for the calls that have not been started, and waiting for one.
 *
 * Who leaves a place wakes the first of those who wait.  That one may find the place taken again by somebody who did
 * not wait, and then lines up anew; or it may have no more use for it, and then passes the news on.
 */

#include <errno.h>
#include <time.h>

#include "core.h"

static bool
is_exempt(const struct cf_executor *executor)
{
    return executor->options.max_pending == 0 || cf_frame_of(executor) != NULL || cf_self.unbounded == executor;
}

bool
cf_room_is_free(const struct cf_executor *executor)
{
    return is_exempt(executor) || atomic_load(&executor->room.pending) < executor->options.max_pending;
}

static bool
take_place(struct cf_executor *executor)
{
    const bool exempt = is_exempt(executor);
    uint32_t pending = atomic_load(&executor->room.pending);

    while (exempt || pending < executor->options.max_pending)
        if (atomic_compare_exchange_weak(&executor->room.pending, &pending, pending + 1))
            return true;
    return false;
}

/*
 * Those who wait.
 */

/* The lock is held. */
static void
unlink_waiter(struct cf_room *room, struct cf_room_waiter *waiter)
{
    struct cf_room_waiter *first = atomic_load(&room->first);

    if (waiter->next != NULL)
        waiter->next->prev = waiter->prev;
    else
        room->last = waiter->prev;
    if (waiter == first)
        atomic_store(&room->first, waiter->next);
    else
        waiter->prev->next = waiter->next;
    waiter->linked = false;
}

/* The lock is held. */
static void
link_waiter(struct cf_room *room, struct cf_room_waiter *waiter)
{
    waiter->next = NULL;
    waiter->prev = room->last;
    waiter->linked = true;
    if (room->last == NULL)
        atomic_store(&room->first, waiter);
    else
        room->last->next = waiter;
    room->last = waiter;
}

/* As soon as the waiter knows, it may be gone; but parkers stay. */
static bool
wake_first(struct cf_room *room)
{
    struct cf_parker *parker = NULL;

    cf_spin_lock(&room->lock);
    struct cf_room_waiter *first = atomic_load(&room->first);
    if (first != NULL) {
        unlink_waiter(room, first);
        parker = first->parker;
        atomic_store(&first->woken, true);
    }
    cf_spin_unlock(&room->lock);
    if (parker != NULL)
        cf_unpark(parker);
    return parker != NULL;
}

void
cf_room_wake_all(struct cf_executor *executor)
{
    while (wake_first(&executor->room))
        ;
}

/*
 * The waiter is in the list before it looks at the places; who leaves one looks at the list afterwards.  In a forked
 * child the list is of threads that are not there, and its lock may be held by one of them.
 */
void
cf_room_watch(struct cf_executor *executor, struct cf_room_waiter *waiter)
{
    struct cf_room *room = &executor->room;

    *waiter = (struct cf_room_waiter){ .parker = cf_executor_frozen(executor) ? NULL : cf_parker_mine() };
    if (waiter->parker == NULL)
        return;
    cf_spin_lock(&room->lock);
    link_waiter(room, waiter);
    cf_spin_unlock(&room->lock);
    if (cf_room_is_free(executor))
        atomic_store(&waiter->woken, true);
}

void
cf_room_unwatch(struct cf_executor *executor, struct cf_room_waiter *waiter)
{
    if (waiter->parker == NULL)
        return;
    cf_spin_lock(&executor->room.lock);
    if (waiter->linked)
        unlink_waiter(&executor->room, waiter);
    cf_spin_unlock(&executor->room.lock);
}

void
cf_room_pass_on(struct cf_executor *executor)
{
    if (cf_room_is_free(executor))
        wake_first(&executor->room);
}

/* Until there may be a place, the executor takes no more calls, or the deadline has passed. */
static void
wait_for_place(struct cf_executor *executor, cf_time deadline)
{
    const struct timespec millisecond = { .tv_nsec = 1000000 };
    struct cf_room_waiter waiter;

    cf_room_watch(executor, &waiter);
    /* Without memory for a parker a thread can still look from time to time. */
    if (waiter.parker == NULL)
        nanosleep(&millisecond, NULL);
    else
        while (!atomic_load(&waiter.woken) && cf_executor_errno(executor) == 0 && cf_park(waiter.parker, deadline))
            ;
    cf_room_unwatch(executor, &waiter);
}

int
cf_room_enter(struct cf_executor *executor, cf_time deadline)
{
    while (!take_place(executor)) {
        int error = cf_executor_errno(executor);
        if (error != 0 || cf_is_past(deadline))
            return error != 0 ? error : EAGAIN;
        wait_for_place(executor, deadline);
    }
    /* The place may have come free by an interrupt or a shutdown. */
    int error = cf_executor_errno(executor);
    if (error != 0)
        cf_room_leave(executor);
    return error;
}

void
cf_room_give_back(struct cf_executor *executor)
{
    atomic_fetch_sub(&executor->room.pending, 1);
    if (atomic_load(&executor->room.first) != NULL)
        wake_first(&executor->room);
}
