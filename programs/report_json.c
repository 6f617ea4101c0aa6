/* SPDX-License-Identifier: MIT */
#include "report_json.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "clock.h"
#include "interrupt.h"
#include "utf8.h"

/* Print an object, which may be NULL for want of memory, and let go of it. */
static int
print(json_t *object)
{
    int result = object != NULL ? json_dumpf(object, stdout, JSON_REAL_PRECISION(9)) : -1;

    json_decref(object);
    putchar('\n');
    return result;
}

static json_t *
text_or_null(const char *bytes)
{
    return bytes[0] != '\0' ? utf8_json(bytes, strlen(bytes)) : json_null();
}

int
report_json_flag(const struct download *flag, const char *url)
{
    return print(json_pack("{s:s, s:s, s:o, s:I, s:f, s:o, s:o}", "code", flag->code, "url", url, "status",
                           flag->status != 0 ? json_integer(flag->status) : json_null(), "bytes",
                           (json_int_t)flag->bytes, "seconds", clock_rounded(flag->seconds), "worker",
                           text_or_null(flag->worker), "error", text_or_null(flag->error)));
}

int
report_json_summary(const struct flags *flags, const size_t counts[DOWNLOAD_OUTCOMES], uint64_t bytes, double seconds)
{
    size_t errors = counts[DOWNLOAD_ERROR] + counts[DOWNLOAD_UNSAVED];

    return print(json_pack("{s:s, s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:f, s:b}", "site", flags->site.label, "url",
                           flags->site.shown, "flags", (json_int_t)flags->count, "workers", (json_int_t)flags->workers,
                           "downloaded", (json_int_t)counts[DOWNLOAD_OK], "not_found",
                           (json_int_t)counts[DOWNLOAD_NOT_FOUND], "errors", (json_int_t)errors, "cancelled",
                           (json_int_t)counts[DOWNLOAD_CANCELLED], "bytes", (json_int_t)bytes, "seconds",
                           clock_rounded(seconds), "interrupted", (int)interrupt_came()));
}
