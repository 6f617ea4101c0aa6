/* SPDX-License-Identifier: MIT */
/* executors.h - the workloads that executors offers; its table there says what each is called. */

#ifndef EXECUTORS_H
#define EXECUTORS_H 1

#include <cf.h>

struct trial {
    struct cf_executor *(*open)(const struct cf_options *);
    struct cf_executor *pool; /* NULL where the workload makes its own */
    unsigned workers;
    size_t n;
};

/* calls.c: what a call costs. */
extern const struct cf_task calls_increment; /* from x to x + 1, both uint64_t; arguments may be longer */
uint64_t calls_take(struct cf_future *);     /* its result; the future is released */
double calls_collected(const struct trial *);
double calls_in_windows(const struct trial *);
double calls_mapped(const struct trial *);
double calls_mapped_in_chunks(const struct trial *);
double calls_awake(const struct trial *);
double calls_parked(const struct trial *);
double calls_as_completed(const struct trial *);
double calls_nested(const struct trial *);
double calls_from_outside(const struct trial *);

/* pools.c: what a pool costs, and what it carries. */
double pools_lifetime(const struct trial *);
double pools_lifetime_large(const struct trial *);
double pools_echo_1(const struct trial *);
double pools_echo_64(const struct trial *);
double pools_memory(const struct trial *);

#endif
