/* SPDX-License-Identifier: MIT */
/* primes_threads - check numbers in a pool of threads: map where they are all there, submit where they come. */

#include <cf.h>

#include "batches.h"
#include "checks.h"
#include "interrupt.h"
#include "primes_options.h"
#include "primes_report.h"
#include "settle.h"

static const struct primes_program program = {
    .purpose = "Tell which numbers are prime, several at a time in threads.",
    .worker = "thread",
    .workers = "threads",
};

/* Numbers that are all there. */
static void
check_list(struct cf_executor *pool, const struct primes_options *options, struct primes_report *report)
{
    const struct cf_map_options how = { .buffersize = 1000, .unordered = options->unordered };
    struct batches batches;

    batches_start(&batches, options);
    struct cf_iter *calls = cf_map_from(pool, &checks_task, batches_next, &batches, &how);
    for (struct cf_future *call; (call = interrupt_next(calls)) != NULL;)
        settle_call(report, pool, call);
    cf_iter_free(calls);
    batches_free(&batches);
}

static int
check_many(const struct primes_options *options, struct primes_report *report)
{
    struct cf_executor *pool = cf_thread_pool(&(struct cf_options){
        .max_workers = options->workers,
        .open_worker = checks_open_worker,
        .close_worker = checks_close_worker,
        .worker_arg = options,
    });
    interrupt_forward(pool);

    if (options->lines == NULL)
        check_list(pool, options, report);
    else
        settle_stream(report, pool, options);

    interrupt_forward(NULL);
    return cf_close(pool);
}

int
main(int argc, char **argv)
{
    struct primes_options options;

    primes_options_parse(&options, argc, argv, &program);
    struct primes_report *report = primes_report_begin(&options);
    check_many(&options, report);
    int status = primes_report_end(report);
    primes_options_free(&options);
    return status;
}
