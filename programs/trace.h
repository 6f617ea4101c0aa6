/* SPDX-License-Identifier: MIT */
/*
 * A trace: a file of JSON, as Perfetto and chrome://tracing show it, that tells when each call was submitted, started
 * and ended, and where.
 *
 * Each worker has a row, known by its name, in which each call that it ran is a span; two executors whose workers have
 * the same names do not belong in one trace at the same time.  How long a call waited before that is a span beside the
 * rows.  Calls are written as they end, so only those that have not ended take memory, and need no more of it if there
 * are a million of them.
 *
 * The file has its name from the beginning, so it may be a pipe as well.  What makes it whole is its last line: where a
 * program was killed, or could not write on, that is missing, and no reader of JSON takes the rest for a trace.
 *
 * A program has one trace.  Any thread may call what is here, but no process forked by the program.
 */

#ifndef TRACE_H
#define TRACE_H 1

#include <cf.h>
#include <stdint.h>

/* What the span of a call says: what the call is about, and what became of it. */
struct trace_label {
    char name[128];
    char outcome[512];
};

/*
 * Begin to trace into the file at path; NULL: there is no trace, and nothing that follows has an effect.  If the file
 * cannot be written, say so and exit with CLI_FAILED.
 *
 * Where label is not NULL it may improve on the label of a call, which has the name of its task, and as the outcome
 * "ok" or the error: the call is done, or cf_done() says that it is not.  It must not call what is here.
 */
void trace_open(const char *path, void (*label)(struct cf_future *, struct trace_label *));

/* For executors, as `.observe = path != NULL ? trace_observe : NULL', so that without a trace it costs nothing. */
void trace_observe(const struct cf_event *, void *unused);

/* For work that no executor does: a span in the row "main" from then, of clock_now(), to now. */
void trace_span(const struct trace_label *, int64_t since);

/*
 * End the trace, in which calls that have not ended are told of up to now.  Return status; but CLI_FAILED, after a
 * message, if not all was written and status was CLI_OK.  When the program exits without this, it is done then.
 */
int trace_close(int status);

#endif
