/* SPDX-License-Identifier: MIT */
/* demo_map - results of a map come in the order of the items: a result that is ready waits for those before it. */

#include <cf.h>
#include <stdio.h>

#include "cli.h"
#include "demo.h"
#include "trace.h"

/* Python's map(power, [2, 3, 4], [10, 5, 3]) has an argument from each; here they stand together, in a struct. */
struct power_args {
    long base, exponent;
};

static void
name_call(struct cf_future *call, struct trace_label *label)
{
    size_t len;
    const void *arg = cf_input(call, &len);
    const struct power_args *pair = arg;

    if (len == sizeof *pair)
        snprintf(label->name, sizeof label->name, "power(%ld, %ld)", pair->base, pair->exponent);
    else
        snprintf(label->name, sizeof label->name, "task(%d)", *(const int *)arg);
}

static const struct demo demo = {
    .purpose = "Sleep 3, 2, 1, 4 and 5 seconds in three threads; the results come in that order.\n"
               "Then call a function of two arguments for each pair of two arrays.",
    .options = (const struct demo_option[]){ { DEMO_UNIT }, { 0 } },
    .label = name_call,
};

/* Results come in the order of submission: 10 is ready first, and waits for 30. */
static int
task(struct cf_call *call)
{
    int n = *(const int *)cf_arg(call, NULL);
    int result = n * 10;

    demo_sleep(n);
    demo_say("%s: %d is ready", cf_worker(call), result);
    return cf_return(call, &result, sizeof result);
}
static const struct cf_task task_task = { "task", task };

static void
map_sleeps(struct cf_executor *pool)
{
    const int seconds[] = { 3, 2, 1, 4, 5 };
    struct cf_iter *results = cf_map(pool, &task_task, seconds, 5, sizeof *seconds, NULL);

    demo_say("executor.map(task, [3, 2, 1, 4, 5])");
    for (struct cf_future *future; (future = cf_next(results)) != NULL;)
        demo_say("%d", *(const int *)demo_result(future));
    cf_iter_free(results);
}

static int
power(struct cf_call *call)
{
    const struct power_args *args = cf_arg(call, NULL);
    long result = 1;

    for (long i = 0; i < args->exponent; i++)
        result *= args->base;
    return cf_return(call, &result, sizeof result);
}
static const struct cf_task power_task = { "power", power };

static void
map_pairs(struct cf_executor *pool)
{
    const struct power_args pairs[] = { { 2, 10 }, { 3, 5 }, { 4, 3 } };
    struct cf_iter *results = cf_map(pool, &power_task, pairs, 3, sizeof *pairs, NULL);

    demo_say("executor.map(power, [2, 3, 4], [10, 5, 3])");
    for (struct cf_future *future; (future = cf_next(results)) != NULL;) {
        const struct power_args *args = cf_input(future, NULL);

        demo_say("%ld to the power of %ld is %ld", args->base, args->exponent, *(const long *)demo_result(future));
    }
    cf_iter_free(results);
}

int
main(int argc, char **argv)
{
    demo_parse(&demo, argc, argv);
    struct cf_executor *pool = cf_thread_pool(&(struct cf_options){ .max_workers = 3, .observe = demo_observe });
    map_sleeps(pool);
    map_pairs(pool);
    cf_close(pool);
    return demo_end(CLI_OK);
}
