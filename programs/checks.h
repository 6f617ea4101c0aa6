/* SPDX-License-Identifier: MIT */
/*
 * Checking the numbers of a batch: the task of the programs, and what comes of it.
 *
 * Text travels both ways.  What is to be printed is put together where the numbers are checked, so that whoever
 * collects the outcomes merely writes it.
 */

#ifndef CHECKS_H
#define CHECKS_H 1

#include <cf.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "batches.h"
#include "primes_options.h"
#include "trace.h"

/* What came of a batch, or of all of them. */
struct checks_counts {
    uint64_t numbers;  /* that were checked */
    uint64_t primes;   /* of them */
    uint64_t probable; /* of these: not proven */
    uint64_t bad;      /* lines that hold no number, or none that can be checked */
};

struct checks_outcome {
    struct checks_counts counts;
    size_t output_len; /* characters for stdout, and after them */
    size_t errors_len; /* for stderr */
    char text[];
};

/* What one who checks numbers keeps between batches.  NULL if there is no memory. */
struct checks *checks_open(const struct primes_options *);
void checks_close(struct checks *);

/*
 * Check the numbers of a batch of that size, in the name of the worker; but leave it, between two numbers or in the
 * midst of one, when stop(context) says so.  What it returns is valid until the next call; NULL if there is no memory.
 */
const struct checks_outcome *checks_run(struct checks *, const struct batch *, size_t size, const char *worker,
                                        bool (*stop)(void *), void *context);

/* The same as a task, from a batch to an outcome, and what its workers need; their .worker_arg is the options. */
extern const struct cf_task checks_task;
int checks_open_worker(struct cf_call *, void **checks, const void *options);
void checks_close_worker(void *checks);

/* What a trace says of a batch of that size and what came of it, and of a call. */
struct trace_label checks_label(const struct batch *, size_t size, const struct checks_outcome *);
void checks_label_call(struct cf_future *, struct trace_label *);

/* Add `program: file:line: 'text' what' to the errors, without the place if the numbers are arguments. */
void checks_complain(struct buffer *errors, const struct primes_options *, uint64_t line, const char *text, size_t len,
                     const char *what);

#endif
