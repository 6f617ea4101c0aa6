/* SPDX-License-Identifier: MIT */
/* flags_threadpool - download flags in a pool of threads and report on them in the order of their codes: map. */

#include <cf.h>

#include "download.h"
#include "flags.h"
#include "interrupt.h"
#include "report.h"
#include "trace.h"

static const struct flags_program program = {
    .purpose = "Download flags of countries, several at a time; report in the order of codes.",
    .concurrent = true,
};

static void
download_many(const struct flags *flags, struct report *report)
{
    struct cf_executor *pool = cf_thread_pool(&(struct cf_options){
        .max_workers = flags->workers,
        .open_worker = download_open_worker,
        .close_worker = download_close_worker,
        .worker_arg = flags,
        .observe = flags->trace != NULL ? trace_observe : NULL,
    });
    interrupt_forward(pool);

    struct cf_iter *calls = cf_map(pool, &download_one, flags->codes, flags->count, sizeof *flags->codes, NULL);
    for (struct cf_future *call; (call = interrupt_next(calls)) != NULL;)
        report_call(report, call);
    cf_iter_free(calls);

    interrupt_forward(NULL);
    cf_close(pool);
}

int
main(int argc, char **argv)
{
    struct flags flags;
    struct report report;

    flags_parse(&flags, argc, argv, &program);
    trace_open(flags.trace, download_label_call);
    download_prepare(&flags);
    report_begin(&report, &flags);
    download_many(&flags, &report);
    return report_end(&report);
}
