/* SPDX-License-Identifier: MIT */
/* gather.c - futures that come out in the order in which they finish. */

#include "core.h"

struct cf_gathered {
    struct cf_hook hook;
    struct cf_gather *gather;
    struct cf_future *future;         /* retained */
    struct cf_gathered *next, *prev;  /* in the list of the open ones; next also in that of the ready ones */
    struct cf_gathered *arrived_next; /* in the stack */
};

/* Push, then look for a sleeper, who looks at the stack after lying down; all sequentially consistent. */
static struct cf_parker *
arrive(struct cf_hook *hook)
{
    struct cf_gathered *entry = (struct cf_gathered *)(void *)hook;
    struct cf_gather *gather = entry->gather;

    entry->arrived_next = atomic_load(&gather->arrived);
    while (!atomic_compare_exchange_weak(&gather->arrived, &entry->arrived_next, entry))
        ;
    return atomic_load(&gather->sleeper) == NULL ? NULL : atomic_exchange(&gather->sleeper, NULL);
}

/* Promises stand apart, because a task that waits can do nothing about them. */
static struct cf_gathered_list *
list_of(struct cf_gather *gather, const struct cf_gathered *entry)
{
    return entry->future->executor == NULL ? &gather->promises : &gather->calls;
}

static void
append_open(struct cf_gather *gather, struct cf_gathered *entry)
{
    struct cf_gathered_list *list = list_of(gather, entry);

    entry->prev = list->last;
    if (list->last == NULL)
        list->first = entry;
    else
        list->last->next = entry;
    list->last = entry;
}

static void
remove_open(struct cf_gather *gather, struct cf_gathered *entry)
{
    struct cf_gathered_list *list = list_of(gather, entry);

    if (entry->prev == NULL)
        list->first = entry->next;
    else
        entry->prev->next = entry->next;
    if (entry->next == NULL)
        list->last = entry->prev;
    else
        entry->next->prev = entry->prev;
}

static void
append_ready(struct cf_gather *gather, struct cf_gathered *entry)
{
    entry->next = NULL;
    if (gather->ready == NULL)
        gather->ready = entry;
    else
        gather->ready_last->next = entry;
    gather->ready_last = entry;
}

bool
cf_gather_add(struct cf_gather *gather, struct cf_future *future)
{
    size_t size = sizeof(struct cf_gathered);
    struct cf_gathered *entry = cf_slab_alloc(&size);

    if (entry == NULL)
        return false;
    *entry = (struct cf_gathered){ .hook.notify = arrive, .gather = gather, .future = future };
    if (gather->executor == NULL)
        gather->executor = future->executor;
    gather->generation = cf_generation;
    gather->mixed = gather->mixed || (future->executor != NULL && future->executor != gather->executor);
    gather->count++;
    append_open(gather, entry);
    if (!cf_hook_add(&entry->hook, future)) {
        remove_open(gather, entry);
        append_ready(gather, entry);
    }
    return true;
}

/* The stack, whose top came last, to the end of the ready list. */
static void
collect(struct cf_gather *gather)
{
    struct cf_gathered *entry = atomic_exchange(&gather->arrived, NULL);
    struct cf_gathered *oldest = NULL;

    while (entry != NULL) {
        struct cf_gathered *next = entry->arrived_next;
        entry->arrived_next = oldest;
        oldest = entry;
        entry = next;
    }
    for (; oldest != NULL; oldest = oldest->arrived_next) {
        remove_open(gather, oldest);
        append_ready(gather, oldest);
    }
}

static struct cf_future *
take_ready(struct cf_gather *gather)
{
    if (gather->ready == NULL)
        collect(gather);
    struct cf_gathered *entry = gather->ready;
    if (entry == NULL)
        return NULL;
    struct cf_future *future = entry->future;
    gather->ready = entry->next;
    if (gather->looked_at == entry)
        gather->looked_at = NULL;
    gather->count--;
    /* The settler that told of it may still hold the lock under which it did. */
    cf_hook_remove(&entry->hook);
    cf_slab_free(entry, sizeof *entry);
    return future;
}

struct cf_future *
cf_gather_look(struct cf_gather *gather)
{
    collect(gather);
    struct cf_gathered *entry = gather->looked_at == NULL ? gather->ready : gather->looked_at->next;
    if (entry == NULL)
        return NULL;
    gather->looked_at = entry;
    return entry->future;
}

struct cf_future *
cf_gather_oldest(const struct cf_gather *gather)
{
    return gather->calls.first == NULL ? NULL : gather->calls.first->future;
}

/* What holds for one future holds for the others of its executor, so where there is one executor, one is asked. */
static enum cf_status
may_wait_for_open(const struct cf_gather *gather)
{
    enum cf_status status = CF_OK;

    if (cf_self.frame == NULL && cf_generation == 0)
        return CF_OK;
    if (gather->promises.first != NULL && !cf_done(gather->promises.first->future))
        status = cf_may_wait(gather->promises.first->future);
    for (const struct cf_gathered *entry = gather->calls.first; entry != NULL && status == CF_OK; entry = entry->next) {
        if (cf_done(entry->future))
            continue;
        status = cf_may_wait(entry->future);
        if (!gather->mixed)
            break;
    }
    return status;
}

static bool
help_open(const struct cf_gather *gather)
{
    if (cf_self.frame == NULL || (!gather->mixed && cf_frame_of(gather->executor) == NULL))
        return false;
    for (const struct cf_gathered *entry = gather->calls.first; entry != NULL; entry = entry->next)
        if (cf_help(entry->future))
            return true;
    return false;
}

/* Whether there was an interrupt that concerns an unfinished one, since this was last asked. */
static bool
was_interrupted(struct cf_gather *gather)
{
    uint32_t interrupts = atomic_load(&cf_interrupts);
    bool interrupted = false;

    if (interrupts == gather->interrupts)
        return false;
    gather->interrupts = interrupts;
    for (struct cf_gathered *entry = gather->calls.first; entry != NULL; entry = entry->next)
        if (!cf_done(entry->future) && cf_heed_interrupt(&entry->hook))
            interrupted = true;
    return interrupted;
}

/* Whether each open one could be run here, were this thread not nested too deeply already. */
static bool
all_too_deep(const struct cf_gather *gather)
{
    if (gather->promises.first != NULL)
        return false;
    for (const struct cf_gathered *entry = gather->calls.first; entry != NULL; entry = entry->next)
        if (!cf_too_deep(entry->future))
            return false;
    return true;
}

static bool
has_news(struct cf_gather *gather, const struct cf_room_waiter *room)
{
    return atomic_load(&gather->arrived) != NULL || (room != NULL && atomic_load(&room->woken));
}

/* How long this thread may sleep without being woken, because the workers have more calls to run; 0: not at all. */
static cf_time
may_nap(const struct cf_gather *gather)
{
    struct cf_executor *executor =
        gather->calls.first == NULL || gather->mixed ? NULL : cf_hook_executor(gather->calls.first->future);
    cf_time latency = 0;

    if (executor == NULL)
        return 0;
    if (executor->kind->is_saturated != NULL && executor->kind->is_saturated(executor))
        latency = cf_executor_latency(executor);
    cf_executor_release(executor);
    return latency;
}

/*
 * While workers are short of time, waking this thread for each short call would cost them more than to run it.  So it
 * sleeps for a moment first, of which they do not know, and then usually finds several.
 */
static void
nap(struct cf_gather *gather, struct cf_parker *parker, cf_time deadline, const struct cf_room_waiter *room)
{
    const cf_time latency = may_nap(gather);
    const cf_time end = latency > 0 ? cf_now() + latency : 0;

    if (latency > 0 && !has_news(gather, room) && atomic_load(&cf_interrupts) == gather->interrupts)
        cf_park(parker, end < deadline ? end : deadline);
}

static enum cf_status
sleep_until_arrival(struct cf_gather *gather, cf_time deadline, const struct cf_room_waiter *room)
{
    struct cf_parker *parker = cf_parker_mine();
    bool woken = true;

    if (parker == NULL)
        return CF_FAILED;
    nap(gather, parker, deadline, room);
    atomic_store(&gather->sleeper, parker);
    if (!has_news(gather, room) && atomic_load(&cf_interrupts) == gather->interrupts)
        woken = cf_park(parker, deadline);
    atomic_store(&gather->sleeper, NULL);
    return woken || has_news(gather, room) ? CF_OK : CF_TIMEOUT;
}

static void
make_done_ready(struct cf_gather *gather, struct cf_gathered *entry)
{
    while (entry != NULL) {
        struct cf_gathered *next = entry->next;
        if (cf_done(entry->future)) {
            remove_open(gather, entry);
            append_ready(gather, entry);
        }
        entry = next;
    }
}

/*
 * Of those that were done when this process was forked, but not told of yet, nobody here will tell.  Whether any were.
 */
static bool
find_untold(struct cf_gather *gather)
{
    if (gather->generation == cf_generation)
        return false;
    make_done_ready(gather, gather->calls.first);
    make_done_ready(gather, gather->promises.first);
    return gather->ready != NULL;
}

/* One step towards an arrival: a call that can be run here, or sleep. */
static enum cf_status
await(struct cf_gather *gather, cf_time deadline, const struct cf_room_waiter *room)
{
    if (gather->count == 0)
        return CF_END;
    if (find_untold(gather))
        return CF_OK;
    enum cf_status status = may_wait_for_open(gather);
    if (status != CF_OK || (!cf_is_past(deadline) && help_open(gather)))
        return status;
    if (cf_is_deep() && all_too_deep(gather))
        return CF_DEADLOCK;
    return sleep_until_arrival(gather, deadline, room);
}

struct cf_future *
cf_gather_take(struct cf_gather *gather, cf_time deadline, bool heed, const struct cf_room_waiter *room,
               enum cf_status *status)
{
    struct cf_future *future = NULL;

    *status = CF_OK;
    while (future == NULL && *status == CF_OK) {
        if (was_interrupted(gather) && heed)
            *status = CF_INTERRUPTED;
        else if ((future = take_ready(gather)) == NULL) {
            if (room != NULL && atomic_load(&room->woken))
                break;
            *status = await(gather, deadline, room);
        }
    }
    return future;
}

void
cf_gather_cancel(struct cf_gather *gather)
{
    for (struct cf_gathered *entry = gather->calls.first; entry != NULL; entry = entry->next)
        cf_cancel(entry->future);
}

static void
clear_list(struct cf_gathered *entry)
{
    while (entry != NULL) {
        struct cf_gathered *next = entry->next;
        cf_hook_remove(&entry->hook);
        cf_release(entry->future);
        cf_slab_free(entry, sizeof *entry);
        entry = next;
    }
}

void
cf_gather_clear(struct cf_gather *gather)
{
    clear_list(gather->ready);
    clear_list(gather->calls.first);
    clear_list(gather->promises.first);
    *gather = (struct cf_gather){ 0 };
}
