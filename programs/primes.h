/* SPDX-License-Identifier: MIT */
/*
 * Whether numbers are prime: proven below 2^64, and above it as far as can be said in reasonable time.
 *
 * Nothing here allocates, but primes_test_big() through GMP; nothing has state, so any thread or process may call it.
 */

#ifndef PRIMES_H
#define PRIMES_H 1

#include <gmp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What is known about a number.  PRIMES_PROBABLE: no test has found it composite, but nothing proves it prime. */
enum primes_verdict { PRIMES_COMPOSITE, PRIMES_PROVEN, PRIMES_PROBABLE, PRIMES_UNKNOWN };

/*
 * Whether n is prime.  The answer is proven: this is a test of the kind of Baillie, Pomerance, Selfridge and Wagstaff,
 * and it has been checked that it never errs below 2^64; primes.c says by whom.
 */
bool primes_is_prime(uint64_t n);

/*
 * The same of each of count numbers.  Several are tested in step, so that one goes on while another waits for its
 * multiplication; this pays from some twenty numbers on, and hundreds at once are best.
 */
void primes_test(const uint64_t *numbers, size_t count, bool *is_prime);

/* The same by dividing by 2 and by each odd number up to the square root: slow, and up to 2^32 / 2 divisions. */
bool primes_trial(uint64_t n);

/*
 * The same, but ask stop(context) about every millisecond whether to give up, and then return PRIMES_UNKNOWN; otherwise
 * PRIMES_PROVEN or PRIMES_COMPOSITE.  stop may be NULL, which means never.
 */
enum primes_verdict primes_trial_until(uint64_t n, bool (*stop)(void *), void *context);

/*
 * What can be said of a number of any size; negative ones are not prime.  Below 2^64 the answer is as above, and
 * proven.  Beyond, PRIMES_COMPOSITE is certain.  PRIMES_PROBABLE says that the number has passed GMP's test of the same
 * kind, which nobody has proven never to err there, nor seen err; and, if rounds is more than 24, rounds - 24 tests of
 * Miller and Rabin, with bases from a fixed sequence of GMP's: of all bases, a composite number passes fewer than a
 * quarter.  This cannot be interrupted, and takes some seconds for numbers of ten thousand digits.
 */
enum primes_verdict primes_test_big(const mpz_t n, int rounds);

#endif
