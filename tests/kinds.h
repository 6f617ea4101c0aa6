/* SPDX-License-Identifier: MIT */
/*
 * kinds.h - the common table: tests of what holds for every kind of executor, run unchanged on each.
 *
 * A kind is a constructor and what it is exempt from, test by test, with the reason.  One small program per kind gives
 * its struct kind to kinds_main(); a new kind of executor needs such a program and nothing else.
 */

#ifndef KINDS_H
#define KINDS_H 1

#include "../lib/cf.h"
#include "tap.h"

struct exemption {
    const char *test;
    const char *reason;
};

struct kind {
    const char *name;
    struct cf_executor *(*open)(const struct cf_options *);
    const char *worker;             /* how the names of its workers begin, as "thread " */
    const struct exemption *exempt; /* up to one whose test is NULL; or NULL */
    const TTest **const *own;       /* tests that hold for this kind alone, up to a NULL; or NULL */
};

/* The kind under test, for the tests of the table. */
extern const struct kind *kind;

/* An executor of that kind with so many workers, which the test fails without. */
struct cf_executor *kinds_open(unsigned max_workers);

/* The parts of the table, each up to a NULL. */
extern const TTest **const common_calls[];
extern const TTest **const common_cancel[];
extern const TTest **const common_map[];
extern const TTest **const common_chunk[];
extern const TTest **const common_pace[];
extern const TTest **const common_wait[];
extern const TTest **const common_completed[];
extern const TTest **const common_done[];
extern const TTest **const common_worker[];
extern const TTest **const common_close[];

/* What main() returns of a program that runs the table on that kind, but for the tests that it is exempt from. */
int kinds_main(const struct kind *);

#endif
