/* SPDX-License-Identifier: MIT */
/* demo_switch - one function run inline, in threads and in processes: nothing changes but the constructor. */

#include <cf.h>
#include <stdint.h>
#include <stdio.h>

#include "cli.h"
#include "clock.h"
#include "demo.h"
#include "primes.h"

static unsigned workers = 4;
static unsigned items = 8;
static const struct demo demo = {
    .purpose = "Run a task that waits and one that computes: inline, in threads, in processes.",
    .options = (const struct demo_option[]){ { "workers", "N", "threads, and processes", .number = &workers },
                                             { "items", "N", "calls of each task", .number = &items },
                                             { 0 } },
};

/* The executors, which differ in no more than this. */
static const struct {
    const char *name;
    struct cf_executor *(*make)(const struct cf_options *);
} executors[] = {
    { "inline", cf_inline_pool },
    { "threads", cf_thread_pool },
    { "processes", cf_process_pool },
};
#define EXECUTORS (sizeof executors / sizeof *executors)

/* I/O-bound: most of the time there is nothing to do. */
static int
wait_for_data(struct cf_call *call)
{
    const uint64_t number = *(const uint64_t *)cf_arg(call, NULL);

    demo_sleep(0.1);
    return cf_return(call, &number, sizeof number);
}
static const struct cf_task waiting = { "wait_for_data", wait_for_data };

/* CPU-bound: divide by all numbers up to the square root. */
static int
check_prime(struct cf_call *call)
{
    const uint64_t is_prime = primes_trial(*(const uint64_t *)cf_arg(call, NULL));

    return cf_return(call, &is_prime, sizeof is_prime);
}
static const struct cf_task computing = { "check_prime", check_prime };

/* The number of each item, which is prime; and as many as an option can ask for. */
#define NUMBER UINT64_C(3333333333333301)
#define MOST_ITEMS 10000
static uint64_t numbers[MOST_ITEMS];

/* As in the memo, with the constructor as an argument.  Return how many seconds it took, and the sum of the results. */
static double
run(struct cf_executor *(*make)(const struct cf_options *), const struct cf_task *process_data, uint64_t *sum)
{
    const int64_t start = clock_now();
    const struct cf_options options = { .max_workers = workers, .observe = demo_observe };
    struct cf_executor *executor = make(&options);
    struct cf_iter *results = cf_map(executor, process_data, numbers, items, sizeof *numbers, NULL);

    *sum = 0;
    for (struct cf_future *future; (future = cf_next(results)) != NULL;)
        *sum += *(const uint64_t *)demo_result(future);
    cf_iter_free(results);
    cf_close(executor);
    return clock_since(start);
}

int
main(int argc, char **argv)
{
    uint64_t waited, primes;

    demo_parse(&demo, argc, argv);
    for (size_t i = 0; i < items; i++)
        numbers[i] = NUMBER;
    printf("%u calls, %u workers, %u processors\n", items, workers, cf_cpu_count());
    printf("%-10s %10s %11s\n", "executor", "waiting", "computing");
    for (size_t i = 0; i < EXECUTORS; i++) {
        const double waiting_seconds = run(executors[i].make, &waiting, &waited);
        const double computing_seconds = run(executors[i].make, &computing, &primes);

        printf("%-10s %8.2f s %9.2f s\n", executors[i].name, waiting_seconds, computing_seconds);
        if (waited != items * NUMBER || primes != items)
            cli_error("%s: wrong results", executors[i].name);
    }
    return demo_end(CLI_OK);
}
