/* SPDX-License-Identifier: MIT */
/* flags_sequential - download flags one after another: what the concurrent programs are measured against. */

#include "clock.h"
#include "download.h"
#include "flags.h"
#include "interrupt.h"
#include "report.h"
#include "trace.h"

static const struct flags_program program = {
    .purpose = "Download flags of countries, one after another.",
};

static void
download_many(const struct flags *flags, struct report *report)
{
    struct downloader *worker = download_open(flags);

    for (size_t i = 0; worker != NULL && i < flags->count; i++) {
        const int64_t began = clock_now();
        struct download flag = download_flag(worker, flags->codes[i], interrupt_fd());
        struct trace_label label = download_label(&flag);

        trace_span(&label, began);
        report_flag(report, &flag);
    }
    download_close(worker);
}

int
main(int argc, char **argv)
{
    struct flags flags;
    struct report report;

    flags_parse(&flags, argc, argv, &program);
    trace_open(flags.trace, NULL);
    download_prepare(&flags);
    report_begin(&report, &flags);
    download_many(&flags, &report);
    return report_end(&report);
}
