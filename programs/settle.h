/* SPDX-License-Identifier: MIT */
/* Checking numbers in a pool, whatever becomes of the calls. */

#ifndef SETTLE_H
#define SETTLE_H 1

#include <cf.h>

#include "primes_report.h"

/*
 * Check all numbers that the options name, by a map where they are all there and by submitting them where they come,
 * and report on each.  One that is lost with its worker, or takes too long, costs no other.
 */
void settle_all(struct primes_report *, struct cf_executor *pool, const struct primes_options *);

#endif
