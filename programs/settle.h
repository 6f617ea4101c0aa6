/* SPDX-License-Identifier: MIT */
/* What to do about calls that are done, whatever became of them. */

#ifndef SETTLE_H
#define SETTLE_H 1

#include <cf.h>

#include "primes_report.h"

/*
 * Report on a call of checks_task that is done.  If it was lost with its worker, or took too long, its numbers are sent to
 * the pool again, one by one, so that only the one that is to blame is lost, and named.
 */
void settle_call(struct primes_report *, struct cf_executor *pool, struct cf_future *);

/* Check in the pool what the lines of the options deliver, and report on it. */
void settle_stream(struct primes_report *, struct cf_executor *pool, const struct primes_options *);

#endif
