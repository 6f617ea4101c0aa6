/* SPDX-License-Identifier: MIT */
/* argument.c - arguments that are too large for a slot. */

#include <errno.h>
#include <stdlib.h>

#include "processes.h"

/* A number for a new area, or 0 with no memory to remember it by when it is given back. */
static uint64_t
take_area(struct process_pool *pool)
{
    uint64_t area = 0;

    pthread_mutex_lock(&pool->areas_lock);
    if (pool->free_count > 0) {
        area = pool->free_areas[--pool->free_count];
    } else {
        uint64_t *list = reallocarray(pool->free_areas, pool->areas + 1, sizeof *list);
        if (list != NULL) {
            pool->free_areas = list;
            area = AREA_ARGUMENTS + pool->areas++;
        }
    }
    pthread_mutex_unlock(&pool->areas_lock);
    return area;
}

void
cf_argument_drop(struct process_pool *pool, struct cf_future *call)
{
    if (call->area == 0)
        return;
    cf_area_drop(pool->memory, call->area, call->arg_len);
    pthread_mutex_lock(&pool->areas_lock);
    pool->free_areas[pool->free_count++] = call->area;
    pthread_mutex_unlock(&pool->areas_lock);
    call->area = 0;
}

/* An argument that does not fit a slot goes to an area before the call is queued.  0 or an errno. */
int
cf_argument_place(struct process_pool *pool, struct cf_future *call)
{
    call->area = 0;
    if (call->arg_len <= SLOT_BYTES)
        return 0;
    if (call->arg_len > AREA_SIZE)
        return E2BIG;
    call->area = take_area(pool);
    if (call->area == 0)
        return ENOMEM;
    int error = cf_area_write(pool->memory, call->area, call->arg, call->arg_len);
    if (error != 0)
        cf_argument_drop(pool, call);
    return error;
}
