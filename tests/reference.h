/* SPDX-License-Identifier: MIT */
/* reference.h - what primes are, by other means than the programs', and numbers to try. */

#ifndef REFERENCE_H
#define REFERENCE_H 1

#include <gmp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Set is_prime[n] for all n < limit: by primesieve, where that is installed, or else by a sieve of Eratosthenes. */
void reference_sieve(bool *is_prime, size_t limit);

/* Whether n is prime, says GMP. */
bool reference_is_prime(uint64_t n);

/* The same of a number of any size, says PARI; or end the test, because PARI is not installed. */
bool reference_big_is_prime(const mpz_t n);

/* Set n, which is initialized. */
void reference_set(mpz_t n, uint64_t value);

/* Begin a sequence of numbers, and say on stdout with which seed; then take the next one. */
void reference_seed(uint64_t seed);
uint64_t reference_random(void);

/* A number from the sequence with a random number of bits, from 1 to bits. */
uint64_t reference_random_bits(int bits);

#endif
