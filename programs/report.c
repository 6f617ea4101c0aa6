/* SPDX-License-Identifier: MIT */
#include "report.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli.h"
#include "clock.h"
#include "interrupt.h"
#include "progress.h"
#include "report_json.h"
#include "trace.h"

/* Up to so many codes are listed in the heading. */
#define LISTED_CODES 10

static const char *
plural(size_t count)
{
    return count == 1 ? "" : "s";
}

static void
print_heading(const struct flags *flags)
{
    printf("%s site: %s\nSearching for %zu flag%s: ", flags->site.label, flags->site.shown, flags->count,
           plural(flags->count));
    if (flags->count > LISTED_CODES)
        printf("from %s to %s", flags->codes[0], flags->codes[flags->count - 1]);
    else
        for (size_t i = 0; i < flags->count; i++)
            printf("%s%s", i == 0 ? "" : ", ", flags->codes[i]);
    if (flags->workers == 1)
        printf("\n1 connection will be used.\n");
    else
        printf("\n%u concurrent connections will be used.\n", flags->workers);
    fflush(stdout);
}

void
report_begin(struct report *report, const struct flags *flags)
{
    *report = (struct report){
        .flags = flags,
        .live = cli_stdout_is_live(),
        .one_screen = isatty(STDOUT_FILENO) && isatty(STDERR_FILENO),
    };
    if (!flags->json)
        print_heading(flags);
    if (flags->bar)
        report->bar = progress_start("flags", flags->count);
    report->started = clock_now();
}

/* The line for a flag under --verbose.  What a signal prevented has none. */
static void
print_line(const struct download *flag, const char *url)
{
    if (flag->outcome == DOWNLOAD_OK)
        printf("%s OK\n", flag->code);
    else if (flag->outcome == DOWNLOAD_NOT_FOUND)
        printf("%s not found: %s\n", flag->code, url);
    else if (flag->outcome != DOWNLOAD_CANCELLED)
        printf("%s error: %s\n", flag->code, flag->error);
}

/* Leave the line of codes. */
static void
end_line(struct report *report)
{
    if (report->in_line)
        putchar('\n');
    report->in_line = false;
}

static void
print_flag(struct report *report, const struct download *flag, const char *url)
{
    const struct flags *flags = report->flags;

    if (flags->json) {
        report->incomplete |= report_json_flag(flag, url) != 0;
    } else if (flags->verbose) {
        print_line(flag, url);
    } else if (flags->dots && flag->outcome != DOWNLOAD_CANCELLED) {
        printf("%s ", flag->code);
        report->in_line = true;
    }
    if (report->live)
        fflush(stdout);
}

static void
print_error(struct report *report, const struct download *flag, const char *url)
{
    if (report->one_screen) {
        end_line(report);
        fflush(stdout);
    }
    cli_error("%s: %s", url, flag->error);
}

void
report_flag(struct report *report, const struct download *flag)
{
    const struct flags *flags = report->flags;
    bool is_error = flag->outcome == DOWNLOAD_ERROR || flag->outcome == DOWNLOAD_UNSAVED;
    bool is_printed = flags->json || flags->verbose || flags->dots;
    bool disturbs = is_error || (is_printed && report->one_screen);
    char url[SITE_URL_SIZE];

    report->told[codes_place(flag->code)] = true;
    report->counts[flag->outcome]++;
    report->bytes += flag->bytes;
    site_shown_url(&flags->site, flag->code, url);
    if (flag->outcome != DOWNLOAD_CANCELLED)
        progress_add(report->bar);
    if (disturbs)
        progress_hide(report->bar);
    if (is_printed)
        print_flag(report, flag, url);
    if (is_error)
        print_error(report, flag, url);
    if (disturbs)
        progress_show(report->bar);
}

void
report_call(struct report *report, struct cf_future *call)
{
    struct download flag = download_of(call);

    if (flag.code[0] != '\0')
        report_flag(report, &flag);
}

static void
print_summary(const struct report *report, size_t errors, double seconds)
{
    const size_t *counts = report->counts;

    printf("--------------------\n%3zu flag%s downloaded.\n", counts[DOWNLOAD_OK], plural(counts[DOWNLOAD_OK]));
    if (counts[DOWNLOAD_NOT_FOUND] > 0)
        printf("%3zu not found.\n", counts[DOWNLOAD_NOT_FOUND]);
    if (errors > 0)
        printf("%3zu error%s.\n", errors, plural(errors));
    if (counts[DOWNLOAD_CANCELLED] > 0)
        printf("%3zu cancelled.\n", counts[DOWNLOAD_CANCELLED]);
    printf("Elapsed time: %.2fs\n", seconds);
}

/* No file at all, though the server gave some, is another kind of failure than a few missing ones. */
static int
exit_status(const struct report *report)
{
    const size_t *counts = report->counts;

    if (counts[DOWNLOAD_OK] == report->flags->count && !report->incomplete)
        return CLI_OK;
    return counts[DOWNLOAD_OK] == 0 && counts[DOWNLOAD_UNSAVED] > 0 ? FLAGS_UNWRITABLE : CLI_FAILED;
}

/* Nothing but a lack of memory leaves a flag without a report of its own. */
static void
report_missing(struct report *report)
{
    const struct flags *flags = report->flags;

    for (size_t i = 0; i < flags->count; i++) {
        struct download flag = { .outcome = DOWNLOAD_ERROR, .error = "not enough memory" };

        memcpy(flag.code, flags->codes[i], sizeof flag.code);
        if (!report->told[codes_place(flag.code)])
            report_flag(report, &flag);
    }
}

int
report_end(struct report *report)
{
    double seconds = clock_since(report->started);
    size_t errors;
    int status;

    report_missing(report);
    errors = report->counts[DOWNLOAD_ERROR] + report->counts[DOWNLOAD_UNSAVED];
    progress_stop(report->bar);
    end_line(report);
    if (report->flags->json)
        report->incomplete |= report_json_summary(report->flags, report->counts, report->bytes, seconds) != 0;
    else
        print_summary(report, errors, seconds);
    if (report->incomplete)
        cli_error("standard output: not all was printed, for want of memory");
    status = trace_close(cli_close_stdout(exit_status(report)));
    interrupt_die();
    return status;
}
