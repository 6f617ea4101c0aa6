/* SPDX-License-Identifier: MIT */
/*
 * place.c - places: areas for large data which parent and workers have mapped, and of which the memory is kept for a
 * while, because to have memory made and taken away costs many times what the copying does.
 *
 * There are some for arguments, which the parent fills and workers read in place, and some in each lane for results,
 * which its worker fills (parcel.c).  Futures have what is in places lent (loan.c), so that data is copied once each
 * way.  But of places there are few, and who keeps futures must not keep calls from them: when not many are left, the
 * future gets a copy, and the place is free again as soon as the call does not need it.  What finds none is written to
 * an area of its own, and read.  This is the parent's side.
 */

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "processes.h"

#define KEPT ((cf_time)100000000) /* nanoseconds for which unused memory is kept */

enum { UNLENT = PLACES / 4 }; /* places for arguments that are only for calls */

/* There is memory that is to be given back in time. */
static void
keep(struct process_pool *pool)
{
    if (atomic_exchange(&pool->kept, cf_now()) == 0)
        cf_collector_wake(pool);
}

/* An argument's place is free again when neither its call nor its future has it.  The lock of areas is held. */
static void
free_argument(struct process_pool *pool, unsigned i)
{
    if (!pool->places[i].called && !pool->places[i].lendable.lent)
        pool->free_places[pool->free_place_count++] = (unsigned char)i;
}

void
cf_place_drop(struct process_pool *pool, uint64_t area)
{
    const unsigned i = (unsigned)(area - AREA_PLACES);

    pthread_mutex_lock(&pool->areas_lock);
    pool->places[i].called = false;
    free_argument(pool, i);
    pthread_mutex_unlock(&pool->areas_lock);
    keep(pool);
}

static bool
prepare_argument(struct process_pool *pool, unsigned i, size_t len)
{
    if (cf_area_extend(pool->memory, AREA_PLACES + i, len, &pool->places[i].ready) != 0)
        return false;
    return cf_area_view(pool->memory, AREA_PLACES + i, len, VIEW_WRITE, &pool->places[i].lendable.view) == 0;
}

/* A future must not keep memory that it has no use for. */
static bool
is_lent_well(size_t ready, size_t len)
{
    return ready / 2 <= len;
}

/* The one used last is used first.  PLACES: there is none. */
static unsigned
take(struct process_pool *pool, size_t len, bool to_lend)
{
    const unsigned reserve = to_lend ? UNLENT : 0;
    unsigned i = PLACES;

    pthread_mutex_lock(&pool->areas_lock);
    if (pool->free_place_count > reserve)
        i = pool->free_places[pool->free_place_count - 1];
    if (i < PLACES && to_lend && !is_lent_well(pool->places[i].ready, len))
        i = PLACES;
    if (i < PLACES) {
        pool->places[i].called = true;
        pool->free_place_count--;
    }
    pthread_mutex_unlock(&pool->areas_lock);
    return i;
}

/* Put an argument into a place; 0: it is in none. */
static uint64_t
fill(struct process_pool *pool, const void *data, size_t len, bool to_lend)
{
    const unsigned i = take(pool, len, to_lend);

    if (i == PLACES)
        return 0;
    if (!prepare_argument(pool, i, len)) {
        cf_place_drop(pool, AREA_PLACES + i);
        return 0;
    }
    memcpy(pool->places[i].lendable.view.at, data, len);
    return AREA_PLACES + i;
}

uint64_t
cf_place_take(struct process_pool *pool, const void *data, size_t len)
{
    return len < PLACE_LEAST ? 0 : fill(pool, data, len, false);
}

static void
set_lent(struct process_pool *pool, struct lendable *place, bool lent)
{
    pthread_mutex_lock(&pool->areas_lock);
    place->lent = lent;
    pthread_mutex_unlock(&pool->areas_lock);
}

/* By who has taken the place.  Where it is, for a future; NULL: it is not lent.  It may be given back at any moment. */
static void *
lend(struct process_pool *pool, uint64_t area, struct lendable *place, size_t len)
{
    void *at = place->view.at;

    set_lent(pool, place, true);
    if (cf_loan_make(&pool->lender, area, at, place->view.size, len))
        return at;
    set_lent(pool, place, false);
    return NULL;
}

uint64_t
cf_place_lend(struct process_pool *pool, const void *data, size_t len, void **at)
{
    const uint64_t area = fill(pool, data, len, true);

    if (area == 0)
        return 0;
    *at = lend(pool, area, &pool->places[area - AREA_PLACES].lendable, len);
    if (*at != NULL)
        return area;
    cf_place_drop(pool, area);
    return 0;
}

static bool
is_lent(struct process_pool *pool, const struct lendable *place)
{
    pthread_mutex_lock(&pool->areas_lock);
    const bool lent = place->lent;
    pthread_mutex_unlock(&pool->areas_lock);
    return lent;
}

/* Whether one more result may be, lest its worker find no place for the next. */
static bool
may_lend(struct process_pool *pool, const struct lane_state *lane, unsigned i, size_t len)
{
    unsigned lent = 0;

    for (unsigned k = 0; k < LANE_PLACES; k++)
        lent += is_lent(pool, &lane->places[k]);
    return lent < LANE_PLACES - 1 && is_lent_well(cf_lane_shared(pool, lane)->places[i].ready, len);
}

/* The worker says that so much of it has its memory.  Only where that is not known to exist at all, it is looked up. */
static bool
map_result(struct process_pool *pool, uint64_t area, size_t len, struct cf_view *view)
{
    return len <= view->size ||
           (cf_area_holds(pool->memory, area, len) && cf_area_view(pool->memory, area, len, VIEW_WRITE, view) == 0);
}

static char *
copy_of(const struct cf_view *view, size_t len)
{
    char *copy = cf_large_alloc(len);

    return copy == NULL ? NULL : memcpy(copy, view->at, len);
}

/*
 * A result, on which *free_it is to be called: it is lent, or a copy, and the place is free again.  NULL: no memory, or
 * its worker was out of its mind.
 */
char *
cf_place_fetch(struct process_pool *pool, struct lane_state *lane, unsigned i, size_t len, void (**free_it)(void *))
{
    const uint64_t area = cf_area_of_place(lane->number, i);
    struct lendable *place = &lane->places[i];
    char *bytes = NULL;

    if (is_lent(pool, place))
        return NULL;
    const bool mapped = map_result(pool, area, len, &place->view);
    *free_it = cf_loan_end;
    if (mapped && may_lend(pool, lane, i, len) && (bytes = lend(pool, area, place, len)) != NULL)
        return bytes;
    *free_it = free;
    if (mapped)
        bytes = copy_of(&place->view, len);
    atomic_store(&cf_lane_shared(pool, lane)->places[i].state, PLACE_FREE);
    keep(pool);
    return bytes;
}

/* From a future, perhaps long after the call, or before a fork. */
static void
take_back(struct cf_lender *lender, uint64_t area, bool moved)
{
    struct process_pool *pool = (void *)((char *)lender - offsetof(struct process_pool, lender));
    const uint64_t result = area - cf_area_of_place(0, 0);
    const unsigned lane = (unsigned)(result / LANE_PLACES), i = (unsigned)(result % LANE_PLACES);
    struct lendable *place =
        area >= AREA_PLACES ? &pool->places[area - AREA_PLACES].lendable : &pool->lanes[lane].places[i];

    pthread_mutex_lock(&pool->areas_lock);
    if (moved)
        place->view = (struct cf_view){ 0 };
    place->lent = false;
    if (area >= AREA_PLACES)
        free_argument(pool, (unsigned)(area - AREA_PLACES));
    else
        atomic_store(&pool->segment->lanes[lane].places[i].state, PLACE_FREE);
    pthread_mutex_unlock(&pool->areas_lock);
    keep(pool);
}

/* By the collector, when a worker has died: what it had not handed over, of which only a part may be known as ready. */
void
cf_place_bury(struct process_pool *pool, const struct lane_state *lane)
{
    for (unsigned i = 0; i < LANE_PLACES; i++) {
        struct place *place = &cf_lane_shared(pool, lane)->places[i];
        if (atomic_load(&place->state) == PLACE_FREE || is_lent(pool, &lane->places[i]))
            continue;
        cf_area_drop(pool->memory, cf_area_of_place(lane->number, i), AREA_SIZE);
        place->ready = 0;
        atomic_store(&place->state, PLACE_FREE);
    }
}

static void
give_back_results(struct process_pool *pool, unsigned number)
{
    struct lane *lane = &pool->segment->lanes[number];

    for (unsigned i = 0; i < LANE_PLACES; i++) {
        uint32_t free = PLACE_FREE;
        if (lane->places[i].ready == 0 ||
            !atomic_compare_exchange_strong(&lane->places[i].state, &free, PLACE_GIVEN_BACK))
            continue;
        cf_area_drop(pool->memory, cf_area_of_place(number, i), lane->places[i].ready);
        lane->places[i].ready = 0;
        atomic_store(&lane->places[i].state, PLACE_FREE);
    }
}

static void
give_back_arguments(struct process_pool *pool)
{
    pthread_mutex_lock(&pool->areas_lock);
    for (unsigned k = 0; k < pool->free_place_count; k++) {
        const unsigned i = pool->free_places[k];
        if (pool->places[i].ready > 0)
            cf_area_drop(pool->memory, AREA_PLACES + i, pool->places[i].ready);
        pool->places[i].ready = 0;
    }
    pthread_mutex_unlock(&pool->areas_lock);
}

/* Give back the memory of all that is free now.  When the pool ends, too: else it would live as long as any loan. */
void
cf_place_clear(struct process_pool *pool)
{
    give_back_arguments(pool);
    for (unsigned i = 0; i < pool->base.options.max_workers; i++)
        give_back_results(pool, i);
}

/* By the collector: give back what was not used for a while.  Return when to look again. */
cf_time
cf_place_give_back(struct process_pool *pool)
{
    const cf_time kept = atomic_load(&pool->kept);

    if (kept == 0)
        return CF_NEVER;
    if (cf_now() < kept + KEPT)
        return kept + KEPT;
    atomic_store(&pool->kept, 0);
    cf_place_clear(pool);
    return CF_NEVER;
}

void
cf_place_init(struct process_pool *pool)
{
    pool->lender.take_back = take_back;
    for (unsigned i = 0; i < PLACES; i++)
        pool->free_places[i] = (unsigned char)(PLACES - 1 - i);
    pool->free_place_count = PLACES;
}

static void
unmap(struct lendable *place)
{
    if (place->lent)
        return;
    if (place->view.size > 0)
        madvise(place->view.at, place->view.size, MADV_REMOVE);
    cf_area_unview(&place->view);
}

void
cf_place_fini(struct process_pool *pool)
{
    cf_loan_bequeath(&pool->lender);
    for (unsigned i = 0; i < PLACES; i++)
        unmap(&pool->places[i].lendable);
    for (unsigned i = 0; pool->lanes != NULL && i < pool->base.options.max_workers; i++)
        for (unsigned k = 0; k < LANE_PLACES; k++)
            unmap(&pool->lanes[i].places[k]);
}
