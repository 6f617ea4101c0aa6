/* SPDX-License-Identifier: MIT */
/* faults_map-t.c - maps, and waiting for many, while every allocation, thread and descriptor is refused in turn. */

#include "faults.h"

/* Read an iterator to its end.  Return how many futures came. */
static int
read_all(struct cf_iter *iter, bool *failed)
{
    int n = 0;

    HOLDS(iter != NULL);
    *failed = false;
    for (int i = 0; i < 100; i++) {
        struct cf_future *future = cf_next(iter);
        if (future != NULL) {
            n++;
            faults_check_settled(future);
        } else if (cf_status(iter) == CF_FAILED) {
            HOLDS(!*failed || n == 0);
            *failed = true;
        } else {
            HOLDS(cf_status(iter) == CF_END);
            break;
        }
        if (*failed && n == 0 && i > 2)
            break;
    }
    cf_iter_free(iter);
    return n;
}

static int
next_number(void *source, const void **item, size_t *len)
{
    int *left = source;

    *item = left;
    *len = sizeof *left;
    return (*left)-- > 0;
}

/* Ordered and unordered, of an array and of a generator. */
static void
map_both(size_t chunksize, size_t buffersize)
{
    struct cf_executor *pool = faults_open_pool(2);
    const int numbers[10] = { 0 };
    bool failed;

    for (unsigned way = 0; way < 2; way++) {
        const struct cf_map_options options = { .chunksize = chunksize,
                                                .buffersize = buffersize,
                                                .unordered = way == 1 };
        const struct cf_task *task = &faults_tasks[(chunksize + buffersize + way) % FAULTS_TASKS];
        int n = read_all(cf_map(pool, task, numbers, 10, sizeof *numbers, &options), &failed);
        HOLDS(n == 10 || failed);
        int left = 10;
        n = read_all(cf_map_from(pool, task, next_number, &left, &options), &failed);
        HOLDS(n == 10 || failed);
    }
    faults_close_pool(pool);
}

static void
map(void)
{
    map_both(0, 0);
}

static void
map_in_chunks(void)
{
    map_both(3, 0);
}

static void
map_bounded(void)
{
    map_both(0, 4);
}

static void
map_bounded_in_chunks(void)
{
    map_both(3, 4);
}

/* Items so large that not even a chunk of two fits into the library's own store of memory. */
static void
map_large_items(void)
{
    struct cf_executor *pool = faults_open_pool(2);
    static const char items[7][1000];
    bool failed;

    for (unsigned way = 0; way < 4; way++) {
        const struct cf_map_options options = { .chunksize = 1 + way, .unordered = way == 2 };
        int n = read_all(cf_map(pool, &faults_tasks[way % FAULTS_TASKS], items, 7, sizeof *items, &options), &failed);
        HOLDS(n == 7 || failed);
    }
    faults_close_pool(pool);
}

static void
give_maps_up(void)
{
    struct cf_executor *pool = faults_open_pool(2);
    const int numbers[10] = { 0 };

    for (unsigned way = 0; way < 4; way++) {
        const struct cf_map_options options = { .chunksize = way % 2 == 0 ? 0 : 3, .unordered = way / 2 == 1 };
        struct cf_iter *iter = cf_map(pool, &faults_tasks[FAULTS_SMALL], numbers, 10, sizeof *numbers, &options);
        struct cf_future *taken = cf_take(iter);
        cf_iter_free(iter);
        if (taken != NULL)
            faults_check_settled(taken);
        cf_release(taken);
    }
    faults_close_pool(pool);
}

static void
wait_for_many(void)
{
    struct cf_executor *pool = faults_open_pool(2);
    struct cf_future *futures[8];
    size_t done;
    bool failed;

    for (int i = 0; i < 8; i++)
        futures[i] = cf_submit(pool, &faults_tasks[i % 4], NULL, 0);
    for (unsigned until = 0; until < 3; until++) {
        enum cf_status status = cf_wait(futures, 8, CF_ALL_COMPLETED + until, CF_NEVER, &done);
        HOLDS(status == CF_OK || status == CF_FAILED);
        HOLDS(status == CF_FAILED || done > 0);
        for (size_t i = 0; i < done; i++)
            HOLDS(cf_done(futures[i]));
    }
    int n = read_all(cf_as_completed(futures, 8, CF_NEVER), &failed);
    HOLDS(n == 8 || failed);
    for (int i = 0; i < 8; i++) {
        faults_check_settled(futures[i]);
        cf_release(futures[i]);
    }
    faults_close_pool(pool);
}

static const struct scenario scenarios[] = {
    { "map", map, false },
    { "map in chunks", map_in_chunks, false },
    { "map bounded", map_bounded, false },
    { "map bounded in chunks", map_bounded_in_chunks, false },
    { "map large items", map_large_items, false },
    { "give maps up", give_maps_up, false },
    { "wait for many", wait_for_many, false },
};

int
main(void)
{
    return faults_main("faults_map", scenarios, sizeof scenarios / sizeof *scenarios);
}
