/* SPDX-License-Identifier: MIT */
/*
 * What the programs that download flags say: before, about each flag, and in the end.
 *
 * Text or JSON on stdout; each error, with its URL, on stderr; perhaps a progress bar there too.
 */

#ifndef REPORT_H
#define REPORT_H 1

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "download.h"
#include "flags.h"

struct progress;

struct report {
    const struct flags *flags;
    int64_t started;                  /* of clock_now() */
    bool told[CODES_PLACES];          /* the flags that have been reported on */
    size_t counts[DOWNLOAD_OUTCOMES]; /* flags, by what became of them */
    uint64_t bytes;
    bool live;            /* somebody may be waiting for what is printed */
    bool one_screen;      /* stdout and stderr are terminals, most likely the same */
    bool in_line;         /* codes stand in the present line */
    bool incomplete;      /* memory was too short for an object */
    struct progress *bar; /* or NULL */
};

/* Say what is going to be done, and start the clock. */
void report_begin(struct report *, const struct flags *);

/* Say what became of a flag; of that of a call that is done. */
void report_flag(struct report *, const struct download *);
void report_call(struct report *, struct cf_future *);

/*
 * Say what became of all of them, those included that there was not even the memory to begin with.  Return the exit
 * status, after stdout and a trace are closed; but if a signal came, die by it.
 */
int report_end(struct report *);

#endif
