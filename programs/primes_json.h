/* SPDX-License-Identifier: MIT */
/* The reports of the programs that check numbers as lines of JSON. */

#ifndef PRIMES_JSON_H
#define PRIMES_JSON_H 1

#include "buffer.h"
#include "checks.h"
#include "numbers.h"
#include "primes.h"
#include "primes_options.h"

/* Add an object on a number to the buffer: one that was checked; one that was not, and why.  Return 0, or -1. */
int primes_json_number(struct buffer *, const struct number *, enum primes_verdict, double seconds, const char *worker);
int primes_json_loss(struct buffer *, const struct number *, const char *why, const char *worker);

/* Print an object on all of them.  Return 0, or -1 if there was no memory for it. */
int primes_json_summary(const struct primes_options *, const struct checks_counts *, uint64_t lost, double seconds);

#endif
