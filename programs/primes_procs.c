/* SPDX-License-Identifier: MIT */
/* primes_procs - check numbers in a pool of processes: as primes_threads, but for the constructor. */

#include <cf.h>

#include "checks.h"
#include "interrupt.h"
#include "primes_options.h"
#include "primes_report.h"
#include "settle.h"
#include "trace.h"

/*
 * A worker that dies costs a number and no more; but after so many without a result between them, the rest is hopeless.
 */
#define MOST_DEATHS 1000

static const struct primes_program program = {
    .purpose = "Tell which numbers are prime, several at a time in processes.",
    .worker = "process",
    .workers = "processes",
    .can_kill = true,
};

static int
check_many(const struct primes_options *options, struct primes_report *report)
{
    struct cf_executor *pool = cf_process_pool(&(struct cf_options){
        .max_workers = options->workers,
        .open_worker = checks_open_worker,
        .close_worker = checks_close_worker,
        .worker_arg = options,
        .observe = options->trace != NULL ? trace_observe : NULL,
        .call_timeout = options->call_timeout,
        .max_deaths = MOST_DEATHS,
    });

    interrupt_forward(pool);
    settle_all(report, pool, options);
    interrupt_forward(NULL);
    return cf_close(pool);
}

int
main(int argc, char **argv)
{
    struct primes_options options;

    primes_options_parse(&options, argc, argv, &program);
    trace_open(options.trace, checks_label_call);
    struct primes_report *report = primes_report_begin(&options);
    check_many(&options, report);
    int status = primes_report_end(report);
    primes_options_free(&options);
    return status;
}
