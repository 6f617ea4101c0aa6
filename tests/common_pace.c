/* SPDX-License-Identifier: MIT */
/* common_pace.c - the common table: what a map makes of items when it chooses its chunks by itself. */

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "asserts.h"
#include "kinds.h"
#include "sources.h"
#include "tasks.h"

static void
count(const struct cf_event *event, void *data)
{
    if (event->type == CF_EVENT_SUBMITTED)
        atomic_fetch_add((_Atomic int *)data, 1);
}

static struct cf_executor *
open_counted(unsigned max_workers, _Atomic int *calls)
{
    const struct cf_options options = { .max_workers = max_workers, .observe = count, .observe_arg = (void *)calls };
    struct cf_executor *pool = kind->open(&options);

    ck_assert_ptr_nonnull(pool);
    *calls = 0;
    return pool;
}

static int
check_alignment(struct cf_call *call)
{
    size_t len;
    const void *arg = cf_arg(call, &len);

    if (arg == NULL || (uintptr_t)arg % _Alignof(max_align_t) != 0)
        return cf_raise(call, "alignment", 1, "%p", arg);
    return cf_return(call, arg, len);
}
static const struct cf_task task_aligned = { "aligned", check_alignment };

/* The future's argument and result are len times that byte, where any type may be. */
static void
assert_bytes(struct cf_future *future, int byte, size_t len)
{
    unsigned char expected[1100];
    size_t lens[2];
    const void *data[] = { cf_input(future, &lens[0]), cf_result(future, &lens[1]) };

    memset(expected, byte, len);
    for (int i = 0; i < 2; i++) {
        ck_assert_ptr_nonnull(data[i]);
        ck_assert_uint_eq((uintptr_t)data[i] % _Alignof(max_align_t), 0);
        ck_assert_uint_eq(lens[i], len);
        if (len > 0)
            ck_assert_mem_eq(data[i], expected, len);
    }
}

TEST(short_items_travel_together)
{
    enum { ITEMS = 20000 };
    _Atomic int calls;
    struct cf_executor *pool = open_counted(2, &calls);
    static int numbers[ITEMS];

    sources_fill(numbers, ITEMS);
    for (int unordered = 0; unordered < 2; unordered++) {
        const struct cf_map_options options = { .buffersize = 800, .unordered = unordered == 1 };
        struct cf_iter *iter = cf_map(pool, &task_twice, numbers, ITEMS, sizeof *numbers, &options);
        long sum = 0;
        for (struct cf_future *future; (future = cf_next(iter)) != NULL;)
            sum += asserts_int(future);
        ck_assert_int_eq(sum, (long)ITEMS * (ITEMS - 1));
        cf_iter_free(iter);
    }
    cf_close(pool);
    ck_assert_int_lt(calls, 2 * ITEMS / 4);
}

/* Longer than any item that is worth a chunk. */
static int
dawdle(struct cf_call *call)
{
    asserts_sleep(0.002);
    return cf_return(call, cf_arg(call, NULL), sizeof(int));
}
static const struct cf_task task_dawdle = { "dawdle", dawdle };

TEST(long_items_travel_alone)
{
    enum { ITEMS = 100 };
    _Atomic int calls;
    struct cf_executor *pool = open_counted(2, &calls);
    int numbers[ITEMS];

    sources_fill(numbers, ITEMS);
    struct cf_iter *iter = cf_map(pool, &task_dawdle, numbers, ITEMS, sizeof *numbers, NULL);
    for (int i = 0; i < ITEMS; i++)
        ck_assert_int_eq(asserts_int(cf_next(iter)), i);
    asserts_ends(iter, CF_END);
    cf_iter_free(iter);
    cf_close(pool);
    ck_assert_int_eq(calls, ITEMS);
}

TEST(items_of_any_size_are_as_they_were_whatever_they_travel_in)
{
    struct cf_executor *pool = kinds_open(2);
    const size_t sizes[] = { 0, 1, 3, 4, 7, 8, 12, 15, 16, 17, 24, 255, 256, 257, 1000 };
    const size_t chunks[] = { 0, 1, 7, 100 };
    enum { ITEMS = 300 };

    for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
        unsigned char *items = malloc(ITEMS * sizes[s] + 1);
        ck_assert_ptr_nonnull(items);
        for (size_t i = 0; i < ITEMS; i++)
            memset(items + i * sizes[s], (int)(i % 251), sizes[s]);
        for (size_t c = 0; c < sizeof chunks / sizeof *chunks; c++) {
            const struct cf_map_options options = { .chunksize = chunks[c] };
            struct cf_iter *iter = cf_map(pool, &task_aligned, items, ITEMS, sizes[s], &options);
            for (int i = 0; i < ITEMS; i++)
                assert_bytes(cf_next(iter), i % 251, sizes[s]);
            asserts_ends(iter, CF_END);
            cf_iter_free(iter);
        }
        free(items);
    }
    cf_close(pool);
}

/* Yields items of all lengths up to 600 bytes and back, those of one length several times. */
static int
next_of_any_length(void *source, const void **item, size_t *len)
{
    static unsigned char bytes[600];
    int *calls = source;

    if (*calls == 3000)
        return 0;
    memset(bytes, *calls % 251, sizeof bytes);
    *item = bytes;
    *len = (size_t)(*calls / 3 % 600);
    ++*calls;
    return 1;
}

TEST(items_of_many_sizes_are_as_they_were_whatever_they_travel_in)
{
    struct cf_executor *pool = kinds_open(2);
    const size_t chunks[] = { 0, 1, 7, 100 };

    for (size_t c = 0; c < sizeof chunks / sizeof *chunks; c++) {
        int calls = 0;
        const struct cf_map_options options = { .chunksize = chunks[c] };
        struct cf_iter *iter = cf_map_from(pool, &task_aligned, next_of_any_length, &calls, &options);
        for (int i = 0; i < 3000; i++)
            assert_bytes(cf_next(iter), i % 251, (size_t)(i / 3 % 600));
        asserts_ends(iter, CF_END);
        cf_iter_free(iter);
    }
    cf_close(pool);
}

/* Returns a number of a length that depends on it, or fails. */
static int
vary(struct cf_call *call)
{
    int number[100] = { 0 };

    memcpy(number, cf_arg(call, NULL), sizeof *number);
    if (*number % 5 == 3)
        return cf_raise(call, "vary", *number, "number %d", *number);
    return cf_return(call, number, sizeof *number * (size_t)(*number % 7 == 0 ? 100 : 1 + *number / 4 % 3));
}
static const struct cf_task task_vary = { "vary", vary };

/* What is kept is what it was when it was lent, and what follows it is itself. */
TEST(parts_that_are_retained_are_not_used_for_others)
{
    enum { ITEMS = 200 };
    struct cf_executor *pool = kinds_open(2);
    struct cf_future *kept[ITEMS];
    int numbers[ITEMS];

    sources_fill(numbers, ITEMS);
    for (int way = 0; way < 3; way++) {
        struct cf_iter *iter =
            cf_map(pool, &task_vary, numbers, ITEMS, sizeof *numbers, &(struct cf_map_options){ .chunksize = 50 });
        for (int i = 0; i < ITEMS; i++) {
            bool keep = way == 0 || (way == 1 && i % 3 == 0);
            bool take = way == 2 && i % 4 == 0;
            struct cf_future *future = take ? cf_take(iter) : cf_next(iter);
            ck_assert_ptr_nonnull(future);
            ck_assert_mem_eq(cf_input(future, NULL), &i, sizeof i);
            kept[i] = take ? future : keep ? cf_retain(future) : NULL;
        }
        asserts_ends(iter, CF_END);
        cf_iter_free(iter);
        for (int i = 0; i < ITEMS; i++) {
            if (kept[i] == NULL)
                continue;
            ck_assert_mem_eq(cf_input(kept[i], NULL), &i, sizeof i);
            if (i % 5 == 3)
                ck_assert_int_eq(asserts_error(kept[i], CF_RAISED)->code, i);
            else
                ck_assert_mem_eq(cf_result(kept[i], NULL), &i, sizeof i);
            cf_release(kept[i]);
        }
    }
    cf_close(pool);
}

TEST(remaining_counts_the_items_of_chunks_too)
{
    struct cf_executor *pool = kinds_open(2);
    int numbers[20];
    size_t total;

    sources_fill(numbers, 20);
    struct cf_iter *iter =
        cf_map(pool, &task_twice, numbers, 20, sizeof *numbers, &(struct cf_map_options){ .chunksize = 7 });
    for (int i = 0; i < 20; i++) {
        ck_assert_uint_eq(cf_remaining(iter, &total), 20 - (size_t)i);
        ck_assert_uint_eq(total, 20);
        ck_assert_int_eq(asserts_int(cf_next(iter)), 2 * i);
    }
    asserts_ends(iter, CF_END);
    ck_assert_uint_eq(cf_remaining(iter, NULL), 0);
    cf_iter_free(iter);
    cf_close(pool);
}

const TTest **const common_pace[] = {
    &short_items_travel_together,
    &long_items_travel_alone,
    &items_of_any_size_are_as_they_were_whatever_they_travel_in,
    &items_of_many_sizes_are_as_they_were_whatever_they_travel_in,
    &parts_that_are_retained_are_not_used_for_others,
    &remaining_counts_the_items_of_chunks_too,
    NULL,
};
