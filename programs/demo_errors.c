/* SPDX-License-Identifier: MIT */
/* demo_errors - a call that fails: what it does to a map, and how as-completed tells which it was. */

#include <cf.h>
#include <errno.h>
#include <stdio.h>

#include "cli.h"
#include "demo.h"
#include "trace.h"

static void
name_call(struct cf_future *call, struct trace_label *label)
{
    snprintf(label->name, sizeof label->name, "might_fail(%d)", *(const int *)cf_input(call, NULL));
}

static const struct demo demo = {
    .purpose = "Call a function that fails for 3 with each of 1 to 5: by a map that is left at\n"
               "the first error, by a map that is not, and by submit and as-completed.",
    .label = name_call,
};

static int
might_fail(struct cf_call *call)
{
    int x = *(const int *)cf_arg(call, NULL);
    int result = x * 2;

    if (x == 3)
        return cf_raise(call, "errno", EINVAL, "Bad value");
    return cf_return(call, &result, sizeof result);
}
static const struct cf_task might_fail_task = { "might_fail", might_fail };

#define COUNT 5
static const int items[COUNT] = { 1, 2, 3, 4, 5 };

/* Python's iterator raises what item 3 raised, and after that it is at its end: nobody learns of 4 and 5. */
static void
map_until_error(struct cf_executor *pool)
{
    struct cf_iter *results = cf_map(pool, &might_fail_task, items, COUNT, sizeof *items, NULL);

    printf("A map, as in Python, up to the first error:\n");
    for (struct cf_future *future; (future = cf_next(results)) != NULL;) {
        const int *result = cf_result(future, NULL);

        if (result == NULL) {
            printf("  raised: %s\n", cf_error_of(future)->message);
            break;
        }
        printf("  %d\n", *result);
    }
    cf_iter_free(results);
}

/* Here an error is the outcome of its own item, and the next one follows. */
static void
map_all(struct cf_executor *pool)
{
    struct cf_iter *results = cf_map(pool, &might_fail_task, items, COUNT, sizeof *items, NULL);

    printf("The same map, to its end:\n");
    for (struct cf_future *future; (future = cf_next(results)) != NULL;) {
        const int *result = cf_result(future, NULL);

        if (result != NULL)
            printf("  %d\n", *result);
        else
            printf("  failed: %s\n", cf_error_of(future)->message);
    }
    cf_iter_free(results);
}

/* The memo looks the item up in future_to_item; a future has its argument, so no such table is needed. */
static void
print_outcome(struct cf_future *future)
{
    int item = *(const int *)cf_input(future, NULL);
    const int *result = cf_result(future, NULL);

    if (result == NULL)
        printf("  %d generated exception: %s\n", item, cf_error_of(future)->message);
    else
        printf("  %d returned %d\n", item, *result);
}

static void
submit_all(struct cf_executor *pool)
{
    struct cf_future *futures[COUNT];

    printf("Submitted, and as they complete:\n");
    for (int i = 0; i < COUNT; i++)
        futures[i] = cf_submit(pool, &might_fail_task, &items[i], sizeof items[i]);
    struct cf_iter *done = cf_as_completed(futures, COUNT, CF_NEVER);
    for (struct cf_future *future; (future = cf_next(done)) != NULL;)
        print_outcome(future);
    cf_iter_free(done);
    for (int i = 0; i < COUNT; i++)
        cf_release(futures[i]);
}

int
main(int argc, char **argv)
{
    demo_parse(&demo, argc, argv);
    struct cf_executor *pool = cf_thread_pool(&(struct cf_options){ .observe = demo_observe });
    map_until_error(pool);
    map_all(pool);
    submit_all(pool);
    cf_close(pool);
    return demo_end(CLI_OK);
}
