/* SPDX-License-Identifier: MIT */
/* map_pace-t.c - maps that choose the size of their chunks, and what becomes of arrays that workers read in place. */

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "asserts.h"
#include "sources.h"
#include "tasks.h"

static _Atomic int calls; /* that have been started */

static void
count(const struct cf_event *event, void *data)
{
    (void)data;
    if (event->type == CF_EVENT_STARTED)
        calls++;
}

/* Returns the number of its call, which its neighbours in a chunk share; a negative item takes longer. */
static int
number_of_call(struct cf_call *call)
{
    const int mine = calls;

    if (*(const int *)cf_arg(call, NULL) < 0)
        asserts_sleep(0.002);
    return cf_return(call, &mine, sizeof mine);
}
static const struct cf_task task_number = { "number", number_of_call };

/* Fill numbers with what call each item was in, where calls run one at a time: inline. */
static void
map_inline(int *numbers, int n)
{
    struct cf_executor *pool = cf_inline_pool(&(struct cf_options){ .observe = count });
    struct cf_iter *iter = cf_map(pool, &task_number, numbers, (size_t)n, sizeof *numbers, NULL);

    for (int i = 0; i < n; i++)
        numbers[i] = asserts_int(cf_next(iter));
    cf_iter_free(iter);
    cf_close(pool);
}

TEST(a_map_sends_single_items_again_when_they_become_long)
{
    enum { SHORT = 4000, LONG = 100 };
    static int numbers[SHORT + LONG];

    for (int i = SHORT; i < SHORT + LONG; i++)
        numbers[i] = -1;
    map_inline(numbers, SHORT + LONG);
    ck_assert_int_lt(numbers[SHORT - 1], SHORT / 4);
    for (int i = SHORT + LONG / 2; i < SHORT + LONG; i++)
        ck_assert_int_eq(numbers[i], numbers[i - 1] + 1);
}

TEST(a_map_sends_chunks_again_when_items_become_short)
{
    enum { LONG = 10, SHORT = 4000 };
    static int numbers[LONG + SHORT];

    for (int i = 0; i < LONG; i++)
        numbers[i] = -1;
    map_inline(numbers, LONG + SHORT);
    for (int i = 1; i < LONG; i++)
        ck_assert_int_eq(numbers[i], numbers[i - 1] + 1);
    ck_assert_int_lt(numbers[LONG + SHORT - 1], SHORT / 4);
}

/* Of one worker's work no chunk is more than a quarter, so the last ones are small. */
TEST(towards_the_end_of_an_array_chunks_become_small)
{
    enum { ITEMS = 4000 };
    static int numbers[ITEMS];
    int largest = 0;

    map_inline(numbers, ITEMS);
    for (int i = 0, size; i < ITEMS; i += size) {
        for (size = 1; i + size < ITEMS && numbers[i + size] == numbers[i]; size++)
            ;
        ck_assert_int_le(size, (ITEMS - i) / 4 > 1 ? (ITEMS - i) / 4 : 1);
        if (size > largest)
            largest = size;
    }
    ck_assert_int_gt(largest, 1);
}

/* No chunk can hold two of those that must run at the same time, if there are not many for each worker. */
TEST(few_items_run_all_at_once_though_others_were_short)
{
    enum { WORKERS = 4, SHORT = 15, HELD = 4 };
    struct cf_executor *pool = tasks_pool(WORKERS);
    struct stage *stage = stage_new();
    struct cue cues[SHORT + HELD];

    for (int i = 0; i < SHORT + HELD; i++)
        cues[i] = tasks_cue(stage, i, i >= SHORT);
    struct cf_iter *iter = cf_map(pool, &task_cue, cues, SHORT + HELD, sizeof *cues, NULL);
    latch_await(&stage->started, SHORT + HELD);
    latch_raise(&stage->go);
    for (int i = 0; i < SHORT + HELD; i++)
        ck_assert_int_eq(asserts_int(cf_next(iter)), i);
    cf_iter_free(iter);
    cf_close(pool);
}

TEST(a_generator_without_a_bound_is_read_four_chunks_of_sixteen_a_worker_ahead)
{
    enum { WORKERS = 2, MOST = WORKERS * 4 * 16 };
    struct cf_executor *pool = tasks_pool(WORKERS);
    struct counter counter = sources_counter(-1, 0);
    struct cf_iter *iter = cf_map_from(pool, &task_twice, sources_count, &counter, NULL);
    size_t furthest = 0;

    for (int i = 0; i < 100000 && furthest < MOST; i++) {
        ck_assert_int_eq(asserts_int(cf_next(iter)), 2 * i);
        ck_assert_uint_le(cf_remaining(iter, NULL), MOST);
        if (cf_remaining(iter, NULL) + 1 > furthest)
            furthest = cf_remaining(iter, NULL) + 1;
    }
    ck_assert_uint_eq(furthest, MOST);
    cf_iter_free(iter);
    cf_close(pool);
}

/* Else items would use up their neighbours' time. */
TEST(items_with_a_time_limit_travel_alone)
{
    enum { ITEMS = 2000 };
    const struct cf_options limited = { .max_workers = 1, .call_timeout = 100, .observe = count };
    struct cf_executor *pool = cf_process_pool(&limited);
    static int numbers[ITEMS];

    ck_assert_ptr_nonnull(pool);
    sources_fill(numbers, ITEMS);
    struct cf_iter *iter =
        cf_map(pool, &task_twice, numbers, ITEMS, sizeof *numbers, &(struct cf_map_options){ .buffersize = 400 });
    for (int i = 0; i < ITEMS; i++)
        ck_assert_int_eq(asserts_int(cf_next(iter)), 2 * i);
    cf_iter_free(iter);
    cf_close(pool);
    ck_assert_int_eq(calls, ITEMS);
}

static _Atomic int freed;

static void
free_counted(void *memory)
{
    freed++;
    free(memory);
}

/* Hands over a number that says where it is. */
static int
own(struct cf_call *call)
{
    void **result = malloc(sizeof(void *));

    ck_assert_ptr_nonnull(result);
    *result = result;
    return cf_return_owned(call, (void *)result, sizeof(void *), free_counted);
}
static const struct cf_task task_own = { "own", own };

TEST(what_a_task_hands_over_stays_where_it_is_also_in_a_chunk)
{
    struct cf_executor *pool = tasks_pool(1);
    const int numbers[6] = { 0 };
    struct cf_iter *iter =
        cf_map(pool, &task_own, numbers, 6, sizeof *numbers, &(struct cf_map_options){ .chunksize = 6 });
    struct cf_future *taken = cf_take(iter);

    for (int i = 0; i < 3; i++) {
        const void *result = cf_result(cf_next(iter), NULL);
        ck_assert_ptr_eq(*(void *const *)result, result);
        ck_assert_int_eq(freed, i);
    }
    cf_iter_free(iter);
    cf_close(pool);
    ck_assert_int_eq(freed, 5);
    ck_assert_ptr_eq(*(void *const *)cf_result(taken, NULL), cf_result(taken, NULL));
    cf_release(taken);
    ck_assert_int_eq(freed, 6);
}

/* Returns a number that is nobody's, because it stays where it is. */
static int
point(struct cf_call *call)
{
    static int numbers[2] = { 4711, 4712 };

    return cf_return_owned(call, &numbers[*(const int *)cf_arg(call, NULL)], sizeof(int), NULL);
}
static const struct cf_task task_point = { "point", point };

TEST(nothing_is_written_over_what_stays_where_it_is)
{
    struct cf_executor *pool = tasks_pool(1);
    const int numbers[] = { 0, 1, 0, 1, 1, 0 };
    struct cf_iter *iter =
        cf_map(pool, &task_point, numbers, 6, sizeof *numbers, &(struct cf_map_options){ .chunksize = 6 });

    for (int i = 0; i < 6; i++)
        ck_assert_int_eq(asserts_int(cf_next(iter)), 4711 + numbers[i]);
    cf_iter_free(iter);
    cf_close(pool);
}

/* The first item waits; that the array is gone when it goes on, the others do not miss, as nobody wants them. */
TEST(the_array_is_the_programs_again_when_the_iterator_is_freed)
{
    enum { ITEMS = 1000 };
    struct cf_executor *pool = tasks_pool(1);
    struct stage *stage = stage_new();
    const size_t size = ITEMS * sizeof(struct cue);
    struct cue *cues = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    ck_assert_ptr_ne(cues, MAP_FAILED);
    for (int i = 0; i < ITEMS; i++)
        cues[i] = tasks_cue(stage, i, 1);
    struct cf_iter *iter =
        cf_map(pool, &task_cue, cues, ITEMS, sizeof *cues, &(struct cf_map_options){ .chunksize = ITEMS });
    latch_await(&stage->started, 1);
    cf_iter_free(iter);
    munmap(cues, size);
    latch_raise(&stage->go);
    ck_assert_int_eq(cf_close(pool), 0);
    ck_assert_uint_eq(latch_count(&stage->started), 1);
}

TEST(an_interrupt_is_said_in_the_middle_of_a_chunk)
{
    struct cf_executor *pool = tasks_pool(1);
    int numbers[10];

    sources_fill(numbers, 10);
    struct cf_iter *iter =
        cf_map(pool, &task_twice, numbers, 10, sizeof *numbers, &(struct cf_map_options){ .chunksize = 10 });
    for (int i = 0; i < 4; i++)
        ck_assert_int_eq(asserts_int(cf_next(iter)), 2 * i);
    cf_interrupt(pool);
    asserts_ends(iter, CF_INTERRUPTED);
    for (int i = 4; i < 10; i++)
        ck_assert_int_eq(asserts_int(cf_next(iter)), 2 * i);
    asserts_ends(iter, CF_END);
    cf_iter_free(iter);
    cf_close(pool);
}

static const TTest **const tests[] = {
    &a_map_sends_single_items_again_when_they_become_long,
    &a_map_sends_chunks_again_when_items_become_short,
    &towards_the_end_of_an_array_chunks_become_small,
    &few_items_run_all_at_once_though_others_were_short,
    &a_generator_without_a_bound_is_read_four_chunks_of_sixteen_a_worker_ahead,
    &items_with_a_time_limit_travel_alone,
    &what_a_task_hands_over_stays_where_it_is_also_in_a_chunk,
    &nothing_is_written_over_what_stays_where_it_is,
    &the_array_is_the_programs_again_when_the_iterator_is_freed,
    &an_interrupt_is_said_in_the_middle_of_a_chunk,
    NULL,
};

int
main(void)
{
    return asserts_main("map_pace", tests);
}
