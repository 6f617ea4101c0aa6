/* SPDX-License-Identifier: MIT */
/*
 * Lines of numbers, cut into batches: what one call checks.
 *
 * A batch is some lines, as text, which the worker parses.  It has as many as take about a millisecond to check; so a
 * number that takes longer travels alone, and there is work for everybody until the end.
 */

#ifndef BATCHES_H
#define BATCHES_H 1

#include <stddef.h>
#include <stdint.h>

#include "buffer.h"
#include "lines.h"
#include "primes_options.h"

/* How many characters of lines a batch has at most, unless it is a single line; a block as it is read fits. */
#define BATCHES_SIZE ((ptrdiff_t)2 * LINES_BLOCK)

/* What travels. */
struct batch {
    uint64_t first_line; /* counted from 1 */
    char text[];         /* lines, each with its newline */
};

struct batches {
    enum primes_method method;
    double most;         /* what a batch may cost */
    struct lines *lines; /* where more lines come from, or NULL */
    char *block;         /* the present ones, if they are from there */
    const char *text;    /* what is left */
    const char *end;
    uint64_t line;       /* the number of the next line */
    struct buffer batch; /* the last one cut */
};

/* Prepare to cut the list of the options; or, if they have lines instead, what will come from there. */
void batches_start(struct batches *, const struct primes_options *);

/* Prepare to cut a batch of that size into batches of one line each. */
void batches_split(struct batches *, const struct batch *, size_t size);

/* Take on whole lines, once there are none left, that stay where they are until they are cut. */
void batches_feed(struct batches *, const char *text, size_t len);

/* The next batch, which is valid until the next call, and its size; NULL if there are no lines left. */
const struct batch *batches_cut(struct batches *, size_t *size);

/* The same, but read and wait for more lines; as cf_map_from() wants it.  batches is a struct batches. */
int batches_next(void *batches, const void **batch, size_t *size);

void batches_free(struct batches *);

#endif
