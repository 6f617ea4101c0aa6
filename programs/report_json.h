/* SPDX-License-Identifier: MIT */
/* The reports of the programs that download flags as lines of JSON. */

#ifndef REPORT_JSON_H
#define REPORT_JSON_H 1

#include <stddef.h>
#include <stdint.h>

#include "download.h"
#include "flags.h"

/* Print an object on a flag, or on all of them.  Return 0, or -1 if there was no memory for it. */
int report_json_flag(const struct download *, const char *url);
int report_json_summary(const struct flags *, const size_t counts[DOWNLOAD_OUTCOMES], uint64_t bytes, double seconds);

#endif
