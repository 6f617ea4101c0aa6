/* SPDX-License-Identifier: MIT */
/*
 * What the demonstrations share: their command lines, the clock in front of what they print, and the memo's seconds.
 *
 * Each of them is one example of the memo on Python's executors; README.md has the table.
 */

#ifndef DEMO_H
#define DEMO_H 1

struct cf_event;
struct cf_future;
struct trace_label;

/* An option that takes a value, and where that goes: to one of the pointers, which has the default until then. */
struct demo_option {
    const char *name;
    const char *value; /* as --help calls it */
    const char *help;  /* a line, to which the default is added */
    unsigned *number;  /* from 1 to 10,000 */
    double *seconds;   /* above 0, up to an hour */
    const char **text;
};

/* What a demonstration is, for --help. */
struct demo {
    const char *purpose;               /* lines of at most 80 characters */
    const char *operands;              /* such as "[CC]...", or NULL if it takes none */
    const struct demo_option *options; /* which end in one without a name, or NULL */
    /* What a trace calls a call, as for trace_open(); NULL: by the name of its task. */
    void (*label)(struct cf_future *, struct trace_label *);
};

/*
 * Take the arguments and return the operands, which end in NULL; with --trace, begin to trace.  After --help, --version
 * or an error, exit.
 */
char **demo_parse(const struct demo *, int argc, char **argv);

/* The observer for executors: with --trace it traces, and without, it is NULL and costs nothing. */
extern void (*demo_observe)(const struct cf_event *, void *unused);

/* End the trace and close stdout.  Return status; but CLI_FAILED, after a message, if something was not written. */
int demo_end(int status);

/* How long a second of the memo takes: by default one, and what the option { DEMO_UNIT } says. */
extern double demo_unit;
#define DEMO_UNIT "unit", "SECONDS", "how long a second of the memo takes", .seconds = &demo_unit

/* Sleep for so many of the memo's seconds. */
void demo_sleep(double seconds);

/*
 * Print a line, with the clock in front as the memo's author does: "[12:34:56] ".  Where the memo's seconds are shorter
 * than those of the clock it shows milliseconds too.  Any thread may call this.
 */
void demo_say(const char *format, ...) __attribute__((__format__(__printf__, 1, 2)));

/* The result of a call that does not fail.  If it has failed all the same, say why and exit with CLI_FAILED. */
const void *demo_result(struct cf_future *);

#endif
