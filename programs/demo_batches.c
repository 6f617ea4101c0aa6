/* SPDX-License-Identifier: MIT */
/* demo_batches - the memo's batches, and beside them the bounded map, which has no barriers and needs no batches. */

#include <cf.h>
#include <stdio.h>
#include <string.h>

#include "cli.h"
#include "clock.h"
#include "demo.h"
#include "trace.h"

static unsigned workers = 10, items = 200, batch_size = 20;

/* A batch may travel as one call, if its items are short. */
static void
name_call(struct cf_future *call, struct trace_label *label)
{
    size_t len;
    const long *item = cf_input(call, &len);

    if (len == sizeof *item)
        snprintf(label->name, sizeof label->name, "process(%ld)", *item);
}

static const struct demo demo = {
    .purpose = "Process items in batches, and in a map that is bounded to as many in flight.",
    .options = (const struct demo_option[]){ { "workers", "N", "how many threads", .number = &workers },
                                             { "items", "N", "how many items", .number = &items },
                                             { "batch-size", "N", "of them in a batch", .number = &batch_size },
                                             { 0 } },
    .label = name_call,
};

/* An item waits for something, from 1 to 20 milliseconds. */
static int
process(struct cf_call *call)
{
    const long item = *(const long *)cf_arg(call, NULL), result = 10 * item;

    demo_sleep(0.001 * (double)(1 + item * 7 % 20));
    return cf_return(call, &result, sizeof result);
}
static const struct cf_task process_task = { "process", process };

#define MOST_ITEMS 10000 /* as far as the numbers of options go */

/* How far the work has come. */
struct work {
    long items[MOST_ITEMS];
    long results[MOST_ITEMS];
    size_t sent, read;     /* items sent to the pool, results read from it */
    size_t most_in_flight; /* sent and not read */
};

static void
note_sent(struct work *work, size_t count)
{
    work->sent += count;
    if (work->sent - work->read > work->most_in_flight)
        work->most_in_flight = work->sent - work->read;
}

static void
read_results(struct work *work, struct cf_iter *results)
{
    for (struct cf_future *future; (future = cf_next(results)) != NULL; work->read++)
        work->results[work->read] = *(const long *)demo_result(future);
    cf_iter_free(results);
}

/* As in the memo: no batch begins before the slowest item of the one before has ended. */
static void
process_in_batches(struct work *work, struct cf_executor *pool)
{
    while (work->sent < items) {
        const long *batch = work->items + work->sent;
        const size_t left = items - work->sent, size = left < batch_size ? left : batch_size;

        note_sent(work, size);
        read_results(work, cf_map(pool, &process_task, batch, size, sizeof *batch, NULL));
    }
}

/* The items one by one.  The map asks for another when a result has been read. */
static int
next_item(void *source, const void **item, size_t *len)
{
    struct work *work = source;

    if (work->sent == items)
        return 0;
    *item = &work->items[work->sent];
    *len = sizeof *work->items;
    note_sent(work, 1);
    return 1;
}

/* No batches: a worker that is through with its item takes the next one. */
static void
process_in_map(struct work *work, struct cf_executor *pool)
{
    const struct cf_map_options options = { .buffersize = batch_size, .chunksize = 1 };

    read_results(work, cf_map_from(pool, &process_task, next_item, work, &options));
}

/* Run it in a pool of its own, and tell what it took. */
static void
run(const char *name, void (*process_all)(struct work *, struct cf_executor *), struct work *work)
{
    struct cf_executor *pool = cf_thread_pool(&(struct cf_options){ .max_workers = workers, .observe = demo_observe });
    const int64_t start = clock_now();

    for (size_t i = 0; i < items; i++)
        work->items[i] = (long)i;
    process_all(work, pool);
    printf("%-12s %7.3f s %8zu in flight at most\n", name, clock_since(start), work->most_in_flight);
    cf_close(pool);
}

int
main(int argc, char **argv)
{
    static struct work batches, map;

    demo_parse(&demo, argc, argv);
    printf("%u items, in batches of %u, by %u threads\n", items, batch_size, workers);
    run("batches", process_in_batches, &batches);
    run("bounded map", process_in_map, &map);
    const bool same = memcmp(batches.results, map.results, items * sizeof *map.results) == 0;
    printf("%s results\n", same ? "the same" : "not the same");
    return demo_end(same ? CLI_OK : CLI_FAILED);
}
