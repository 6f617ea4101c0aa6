/* SPDX-License-Identifier: MIT */
/*
 * The command line of the programs that download flags: which flags, from where, to where, how, and what to say of it.
 */

#ifndef FLAGS_H
#define FLAGS_H 1

#include <stdbool.h>
#include <stddef.h>

#include "codes.h"
#include "save.h"
#include "site.h"

/* The exit status, beside those of cli.h, when no file could be written at all. */
enum { FLAGS_UNWRITABLE = 3 };

/* How one program differs from the others. */
struct flags_program {
    const char *purpose; /* a sentence for --help */
    bool concurrent;     /* has --max-req */
    bool has_bar;        /* shows a progress bar on a terminal without being told to */
};

/* What is to be done. */
struct flags {
    size_t count;
    char codes[CODES_PLACES][3]; /* capital letters, sorted, each once */
    unsigned workers;
    struct site site;
    struct save_folder folder;
    bool verbose;      /* a line for each flag */
    bool json;         /* objects instead of text */
    bool bar;          /* a progress bar */
    bool dots;         /* a line in which the codes of finished flags add up */
    const char *trace; /* the file for a trace, or NULL */
};

/* Fill in what the arguments say.  After --help, --version or a usage error, exit. */
void flags_parse(struct flags *, int argc, char **argv, const struct flags_program *);

#endif
