/* SPDX-License-Identifier: MIT */
/*
 * argument.c - arguments that are too large for a slot.
 *
 * Those of middling size go to buffers, which the workers read in place and which keep their memory until the pool is
 * closed, so that using one again costs a copy and nothing else.  The one used last is used first, so no more of them
 * get memory than there were such calls at a time.  What is larger goes to a place (place.c), where the future has it,
 * too, if it may; and what finds none of either, to an area of its own.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

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

static uint64_t
take_buffer(struct process_pool *pool)
{
    uint64_t number = 0;

    pthread_mutex_lock(&pool->areas_lock);
    if (pool->free_buffer_count > 0)
        number = pool->free_buffers[--pool->free_buffer_count];
    pthread_mutex_unlock(&pool->areas_lock);
    return number;
}

/* See to it that so much of the buffer has its memory, so that a lack of it does not become a SIGBUS. */
static bool
prepare_buffer(struct process_pool *pool, uint64_t number, size_t len)
{
    uint32_t *ready = &pool->ready[number - 1];

    if (len <= *ready)
        return true;
    if (madvise(cf_buffer(pool->buffers, number), len, MADV_POPULATE_WRITE) < 0)
        return false;
    *ready = (uint32_t)len;
    return true;
}

static void
give_back(struct process_pool *pool, uint64_t number)
{
    pthread_mutex_lock(&pool->areas_lock);
    if (number <= BUFFERS)
        pool->free_buffers[pool->free_buffer_count++] = (unsigned)number;
    else
        pool->free_areas[pool->free_count++] = number;
    pthread_mutex_unlock(&pool->areas_lock);
}

void
cf_argument_drop(struct process_pool *pool, struct cf_future *call)
{
    if (call->area == 0)
        return;
    if (call->area >= AREA_ARGUMENTS)
        cf_area_drop(pool->memory, call->area, call->arg_len);
    if (call->area >= AREA_PLACES && call->area < AREA_ARGUMENTS)
        cf_place_drop(pool, call->area);
    else
        give_back(pool, call->area);
    call->area = 0;
}

static bool
place_in_buffer(struct process_pool *pool, struct cf_future *call)
{
    const uint64_t number = call->arg_len <= BUFFER_BYTES ? take_buffer(pool) : 0;

    if (number == 0)
        return false;
    if (!prepare_buffer(pool, number, call->arg_len)) {
        give_back(pool, number);
        return false;
    }
    memcpy(cf_buffer(pool->buffers, number), call->room, call->arg_len);
    call->area = number;
    return true;
}

/* Where there is a place for it, an argument is copied there at once, and the future has it there, too. */
bool
cf_argument_lend(struct process_pool *pool, struct cf_future *call, const void *arg, size_t len)
{
    struct cf_borrowed *borrowed = (struct cf_borrowed *)(void *)call->room;
    void *at;

    call->area = cf_place_lend(pool, arg, len, &at);
    if (call->area == 0)
        return false;
    *borrowed = (struct cf_borrowed){ .at = at, .give_back = cf_loan_end };
    return true;
}

/* An argument that does not fit a slot goes elsewhere before the call is queued.  0 or an errno. */
int
cf_argument_place(struct process_pool *pool, struct cf_future *call)
{
    if (call->borrows)
        return 0;
    call->area = 0;
    if (call->arg_len <= SLOT_BYTES || place_in_buffer(pool, call))
        return 0;
    if (call->arg_len > AREA_SIZE)
        return E2BIG;
    call->area = cf_place_take(pool, call->room, call->arg_len);
    if (call->area != 0)
        return 0;
    call->area = take_area(pool);
    if (call->area == 0)
        return ENOMEM;
    int error = cf_area_write(pool->memory, call->area, call->room, call->arg_len);
    if (error != 0)
        cf_argument_drop(pool, call);
    return error;
}
