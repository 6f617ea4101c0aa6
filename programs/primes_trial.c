/* SPDX-License-Identifier: MIT */
/* Primality by trial division, which is slow and which nobody can doubt. */

#include "primes.h"

#include "root.h"

/* How many divisions are made between two questions whether to stop: a fraction of a millisecond's worth. */
#define DIVISIONS 32768

/* Whether an odd number from first, which is odd, to last divides n. */
static bool
has_odd_divisor(uint64_t n, uint64_t first, uint64_t last)
{
    for (uint64_t d = first; d <= last; d += 2) {
        if (n % d == 0)
            return true;
    }
    return false;
}

enum primes_verdict
primes_trial_until(uint64_t n, bool (*stop)(void *), void *context)
{
    if (n < 2 || (n % 2 == 0 && n != 2))
        return PRIMES_COMPOSITE;
    uint64_t root = root_below(n);
    for (uint64_t first = 3; first <= root; first += UINT64_C(2) * DIVISIONS) {
        uint64_t last = first + UINT64_C(2) * DIVISIONS - 1;
        if (stop != NULL && stop(context))
            return PRIMES_UNKNOWN;
        if (has_odd_divisor(n, first, last < root ? last : root))
            return PRIMES_COMPOSITE;
    }
    return PRIMES_PROVEN;
}

bool
primes_trial(uint64_t n)
{
    return primes_trial_until(n, NULL, NULL) == PRIMES_PROVEN;
}
