/* SPDX-License-Identifier: MIT */
/*
 * place.c - places: areas for large data which parent and workers have mapped, and of which the memory is kept for a
 * while, because to have memory made and taken away costs many times what the copying does.
 *
 * There are some for arguments, which the parent fills and workers read in place, and some in each lane for results,
 * which its worker fills (parcel.c) and the parent copies from.  What finds none is written to an area of its own, and
 * read.  This is the parent's side.
 */

#include <stdlib.h>
#include <string.h>

#include "processes.h"

#define KEPT ((cf_time)100000000) /* nanoseconds for which unused memory is kept */

/* There is memory that is to be given back in time. */
static void
keep(struct process_pool *pool)
{
    if (atomic_exchange(&pool->kept, cf_now()) == 0)
        cf_collector_wake(pool);
}

static bool
prepare_argument(struct process_pool *pool, unsigned i, size_t len)
{
    if (cf_area_extend(pool->memory, AREA_PLACES + i, len, &pool->places[i].ready) != 0)
        return false;
    return cf_area_view(pool->memory, AREA_PLACES + i, len, false, &pool->places[i].view) == 0;
}

/* Put an argument into a place; 0: it is in none.  The one used last is used first. */
uint64_t
cf_place_take(struct process_pool *pool, const void *data, size_t len)
{
    unsigned i = PLACES;

    if (len < PLACE_LEAST)
        return 0;
    pthread_mutex_lock(&pool->areas_lock);
    if (pool->free_place_count > 0)
        i = pool->free_places[--pool->free_place_count];
    pthread_mutex_unlock(&pool->areas_lock);
    if (i == PLACES)
        return 0;
    if (!prepare_argument(pool, i, len)) {
        cf_place_drop(pool, AREA_PLACES + i);
        return 0;
    }
    memcpy(pool->places[i].view.at, data, len);
    return AREA_PLACES + i;
}

void
cf_place_drop(struct process_pool *pool, uint64_t area)
{
    pthread_mutex_lock(&pool->areas_lock);
    pool->free_places[pool->free_place_count++] = (unsigned char)(area - AREA_PLACES);
    pthread_mutex_unlock(&pool->areas_lock);
    keep(pool);
}

/* A copy of a result, to be freed; NULL: no memory, or its worker was out of its mind.  The place is free again. */
char *
cf_place_fetch(struct process_pool *pool, struct lane_state *lane, unsigned i, size_t len)
{
    const uint64_t area = cf_area_of_place(lane->number, i);
    char *copy = cf_area_holds(pool->memory, area, len) ? cf_large_alloc(len) : NULL;

    if (copy != NULL && cf_area_view(pool->memory, area, len, false, &lane->views[i]) == 0) {
        memcpy(copy, lane->views[i].at, len);
    } else {
        free(copy);
        copy = NULL;
    }
    atomic_store(&cf_lane_shared(pool, lane)->places[i].state, PLACE_FREE);
    keep(pool);
    return copy;
}

/* By the collector, when a worker has died: what it had not handed over, of which only a part may be known as ready. */
void
cf_place_bury(struct process_pool *pool, const struct lane_state *lane)
{
    for (unsigned i = 0; i < LANE_PLACES; i++) {
        struct place *place = &cf_lane_shared(pool, lane)->places[i];
        if (atomic_load(&place->state) == PLACE_FREE)
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
    give_back_arguments(pool);
    for (unsigned i = 0; i < pool->base.options.max_workers; i++)
        give_back_results(pool, i);
    return CF_NEVER;
}

void
cf_place_init(struct process_pool *pool)
{
    for (unsigned i = 0; i < PLACES; i++)
        pool->free_places[i] = (unsigned char)(PLACES - 1 - i);
    pool->free_place_count = PLACES;
}

void
cf_place_fini(struct process_pool *pool)
{
    for (unsigned i = 0; i < PLACES; i++)
        cf_area_unview(&pool->places[i].view);
    for (unsigned i = 0; pool->lanes != NULL && i < pool->base.options.max_workers; i++)
        for (unsigned k = 0; k < LANE_PLACES; k++)
            cf_area_unview(&pool->lanes[i].views[k]);
}
