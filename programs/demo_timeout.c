/* SPDX-License-Identifier: MIT */
/* demo_timeout - a map with a deadline: what comes in time is printed, and what became of the rest is told. */

#include <cf.h>
#include <stdatomic.h>
#include <stdio.h>

#include "cli.h"
#include "demo.h"
#include "trace.h"

static unsigned workers = 3;
static double timeout = 2.5;

static void
name_call(struct cf_future *call, struct trace_label *label)
{
    snprintf(label->name, sizeof label->name, "fetch(%g)", *(const double *)cf_input(call, NULL));
}

static const struct demo demo = {
    .purpose = "Map a task that takes some seconds, with a timeout for the results.",
    .options = (const struct demo_option[]){ { "workers", "N", "how many threads", .number = &workers },
                                             { "timeout", "N", "in seconds of the memo", .seconds = &timeout },
                                             { DEMO_UNIT },
                                             { 0 } },
    .label = name_call,
};

/* How long the calls take, in seconds of the memo. */
static const double seconds[] = { 1, 2, 1, 2, 5, 1, 4, 1 };
#define CALLS (sizeof seconds / sizeof *seconds)

/* A thread cannot be stopped in the midst of a call that does not ask whether it should. */
static int
fetch(struct cf_call *call)
{
    const double *n = cf_arg(call, NULL);

    demo_sleep(*n);
    return cf_return(call, n, sizeof *n);
}
static const struct cf_task fetch_task = { "fetch", fetch };

/*
 * How the calls have ended.  A map yields no more after its deadline, but the pool's observer is told of each end.
 * It passes on what it is told to the trace, as a pool has one observer.
 */
struct ends {
    atomic_size_t ran, cancelled;
};

static void
count_end(const struct cf_event *event, void *arg)
{
    struct ends *ends = arg;

    if (demo_observe != NULL)
        demo_observe(event, NULL);
    if (event->type != CF_EVENT_ENDED)
        return;
    if (cf_cancelled(event->call))
        ends->cancelled++;
    else
        ends->ran++;
}

/* Print the results that come in time, and return how many they are. */
static size_t
print_results(struct cf_iter *results)
{
    size_t count = 0;

    for (struct cf_future *future; (future = cf_next(results)) != NULL; count++)
        demo_say("a result that took %g s", *(const double *)demo_result(future));
    if (cf_status(results) == CF_TIMEOUT)
        demo_say("Timed out waiting for results");
    cf_iter_free(results);
    return count;
}

int
main(int argc, char **argv)
{
    struct ends ends = { 0 };

    demo_parse(&demo, argc, argv);
    struct cf_executor *pool =
        cf_thread_pool(&(struct cf_options){ .max_workers = workers, .observe = count_end, .observe_arg = &ends });
    const struct cf_map_options in_time = { .deadline = cf_after(timeout * demo_unit) };
    demo_say("%zu calls in %u threads, with a timeout of %g s", CALLS, workers, timeout);
    const size_t printed = print_results(cf_map(pool, &fetch_task, seconds, CALLS, sizeof *seconds, &in_time));
    cf_close(pool);
    demo_say("%zu came in time, %zu ran on in vain, %zu were cancelled", printed, ends.ran - printed, ends.cancelled);
    return demo_end(CLI_OK);
}
