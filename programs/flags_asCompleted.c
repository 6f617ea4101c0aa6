/* SPDX-License-Identifier: MIT */
/* flags_asCompleted - download flags in a pool of threads and report on each as it comes: submit and as-completed. */

#include <cf.h>

#include "download.h"
#include "flags.h"
#include "interrupt.h"
#include "report.h"
#include "trace.h"

static const struct flags_program program = {
    .purpose = "Download flags of countries, several at a time; report on each as it comes.",
    .concurrent = true,
    .has_bar = true,
};

static void
download_many(const struct flags *flags, struct report *report)
{
    struct cf_future *to_do[CODES_PLACES];
    struct cf_executor *pool = cf_thread_pool(&(struct cf_options){
        .max_workers = flags->workers,
        .open_worker = download_open_worker,
        .close_worker = download_close_worker,
        .worker_arg = flags,
        .observe = flags->trace != NULL ? trace_observe : NULL,
    });
    interrupt_forward(pool);

    for (size_t i = 0; i < flags->count; i++)
        to_do[i] = cf_submit(pool, &download_one, flags->codes[i], sizeof flags->codes[i]);
    struct cf_iter *done = cf_as_completed(to_do, flags->count, CF_NEVER);
    for (struct cf_future *call; (call = interrupt_next(done)) != NULL;)
        report_call(report, call);
    cf_iter_free(done);
    for (size_t i = 0; i < flags->count; i++)
        cf_release(to_do[i]);

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
