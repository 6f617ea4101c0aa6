/* SPDX-License-Identifier: MIT */
/* The command line of the programs that check numbers: which numbers, how, and what to say of them. */

#ifndef PRIMES_OPTIONS_H
#define PRIMES_OPTIONS_H 1

#include <stdbool.h>
#include <stddef.h>

#include "buffer.h"
#include "lines.h"

/* How one program differs from the others. */
struct primes_program {
    const char *purpose; /* a sentence for --help */
    const char *worker;  /* "thread"; NULL: it checks one number after another by itself */
    const char *workers; /* "threads" */
    bool can_kill;       /* has --call-timeout */
};

enum primes_method { PRIMES_METHOD_AUTO, PRIMES_METHOD_TRIAL, PRIMES_METHOD_GMP };

/* What is to be done. */
struct primes_options {
    const struct primes_program *program;
    const char *input;   /* the file that the numbers come from, or NULL: */
    struct lines *lines; /* its lines, or NULL: the numbers are those of the list */
    struct buffer list;  /* a line each */
    size_t count;        /* of the list */
    enum primes_method method;
    int rounds; /* of Miller and Rabin's test, after others, of numbers beyond 2^64 */
    unsigned workers;
    double call_timeout; /* in seconds; 0: none */
    bool primes_only;    /* say nothing of other numbers, and of these only the number */
    bool count_only;     /* say only how many are prime */
    bool unordered;
    bool json;
    bool progress;
    const char *trace; /* the file for a trace, or NULL */
};

/* Fill in what the arguments say, and open the input.  After --help, --version or an error, exit. */
void primes_options_parse(struct primes_options *, int argc, char **argv, const struct primes_program *);

/* The name of the method, as in --method. */
const char *primes_options_method(const struct primes_options *);

/* Whether each number has a report of its own with the time that it took, so that numbers are not checked in step. */
bool primes_options_timed(const struct primes_options *);

void primes_options_free(struct primes_options *);

#endif
