/* SPDX-License-Identifier: MIT */
/* primes_sequential - check numbers one after another: what the concurrent programs are measured against. */

#include <errno.h>
#include <string.h>

#include "batches.h"
#include "checks.h"
#include "cli.h"
#include "clock.h"
#include "interrupt.h"
#include "primes_options.h"
#include "primes_report.h"
#include "trace.h"

static const struct primes_program program = {
    .purpose = "Tell which numbers are prime, one after another.",
};

static bool
is_stopping(void *unused)
{
    (void)unused;
    return interrupt_came();
}

static void
check_many(const struct primes_options *options, struct primes_report *report)
{
    struct checks *checks = checks_open(options);
    struct batches batches;
    const void *batch;
    size_t size;

    batches_start(&batches, options);
    while (!interrupt_came() && batches_next(&batches, &batch, &size) == 1) {
        const int64_t began = clock_now();
        const struct checks_outcome *outcome = checks_run(checks, batch, size, "main", is_stopping, NULL);

        if (outcome == NULL)
            primes_report_give_up(report, strerror(ENOMEM));
        struct trace_label label = checks_label(batch, size, outcome);
        trace_span(&label, began);
        primes_report_outcome(report, outcome, size);
    }
    batches_free(&batches);
    checks_close(checks);
}

int
main(int argc, char **argv)
{
    struct primes_options options;

    primes_options_parse(&options, argc, argv, &program);
    trace_open(options.trace, NULL);
    struct primes_report *report = primes_report_begin(&options);
    check_many(&options, report);
    int status = primes_report_end(report);
    primes_options_free(&options);
    return status;
}
