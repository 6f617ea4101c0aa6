/* SPDX-License-Identifier: MIT */
/*
 * Whether numbers are prime.
 *
 * Below 2^64, what small primes do not divide is put to the strong test to base 2, of Miller and Rabin, and to the
 * extra strong Lucas test, of Mo and Jones (J. Grantham, "Frobenius pseudoprimes", Math. Comp. 70, 2001), with the
 * parameters of R. Baillie, P = 3, 4, 5, ... and Q = 1 (OEIS A217719).  Together they are a form of the test of Baillie
 * and S. Wagstaff ("Lucas pseudoprimes", Math. Comp. 35, 1980), C. Pomerance and J. Selfridge.
 *
 * Every prime passes both tests, and below 2^64 nothing else does: J. Feitsma and W. Galway have listed all the
 * 118968378 composite numbers below 2^64 that pass even Fermat's test to base 2 ("Tables of pseudoprimes and related
 * data", www.cecm.sfu.ca/Pseudoprimes), and D. Jacobsen has found that each of them fails the Lucas test
 * ("Pseudoprime statistics, tables, and data", ntheory.org/pseudoprimes.html; Math::Prime::Util 0.29, 2013).
 */

#include "primes.h"

#include "lucas.h"
#include "montgomery.h"
#include "strong.h"

/* How many are tried with small factors before the rest is tested, so that few groups of STEP_LANES are incomplete. */
#define BLOCK 1024

/* Whether n, which is below 128, is prime. */
static inline bool
is_small_prime(uint64_t n)
{
    /* A set of bits. */
    static const uint64_t primes[] = { 0x28208a20a08a28ac, 0x800228a202088288 };
    return primes[n / 64] >> n % 64 & 1;
}

/*
 * Whether one of the primes from 2 to 13, from 17 to 61, or from 67 to 127 divides n.  The compiler makes one
 * multiplication and one comparison of each division.
 */
static inline bool
has_factor_to_13(uint64_t n)
{
    return (n % 2 == 0) | (n % 3 == 0) | (n % 5 == 0) | (n % 7 == 0) | (n % 11 == 0) | (n % 13 == 0);
}

static inline bool
has_factor_to_61(uint64_t n)
{
    return (n % 17 == 0) | (n % 19 == 0) | (n % 23 == 0) | (n % 29 == 0) | (n % 31 == 0) | (n % 37 == 0) |
           (n % 41 == 0) | (n % 43 == 0) | (n % 47 == 0) | (n % 53 == 0) | (n % 59 == 0) | (n % 61 == 0);
}

static inline bool
has_factor_to_127(uint64_t n)
{
    return (n % 67 == 0) | (n % 71 == 0) | (n % 73 == 0) | (n % 79 == 0) | (n % 83 == 0) | (n % 89 == 0) |
           (n % 97 == 0) | (n % 101 == 0) | (n % 103 == 0) | (n % 107 == 0) | (n % 109 == 0) | (n % 113 == 0) |
           (n % 127 == 0);
}

static bool
passes_both(uint64_t n)
{
    struct montgomery m = montgomery_modulus(n);
    bool passed;
    strong_test(&m, 1, &passed);
    if (passed)
        lucas_test(&m, 1, &passed);
    return passed;
}

bool
primes_is_prime(uint64_t n)
{
    if (n < 128)
        return is_small_prime(n);
    return !has_factor_to_13(n) && !has_factor_to_61(n) && !has_factor_to_127(n) && passes_both(n);
}

/* Numbers that no test has decided yet. */
struct open {
    size_t count;
    unsigned short place[BLOCK]; /* in the block */
};

static void
strong_test_in_step(const struct montgomery *m, bool *passed)
{
    strong_test(m, STEP_LANES, passed);
}

static void
lucas_test_in_step(const struct montgomery *m, bool *passed)
{
    lucas_test(m, STEP_LANES, passed);
}

/* Settle the numbers below 128, and those with a factor up to 13; the rest is open. */
static void
settle_most(const uint64_t *numbers, size_t count, bool *is_prime, struct open *open)
{
    open->count = 0;
    for (size_t i = 0; i < count; i++) {
        is_prime[i] = numbers[i] < 128 && is_small_prime(numbers[i]);
        open->place[open->count] = (unsigned short)i;
        open->count += numbers[i] >= 128 && !has_factor_to_13(numbers[i]);
    }
}

/* Drop the open numbers that have such a factor. */
STEP_FUNCTION void
drop(const uint64_t *numbers, struct open *open, bool (*has_factor)(uint64_t))
{
    size_t kept = 0;
    for (size_t i = 0; i < open->count; i++) {
        open->place[kept] = open->place[i];
        kept += !has_factor(numbers[open->place[i]]);
    }
    open->count = kept;
}

/* Keep of the open numbers those that pass the test.  The last group is filled up with the last number. */
static void
keep(const uint64_t *numbers, struct open *open, void (*test)(const struct montgomery *, bool *))
{
    size_t kept = 0;
    for (size_t from = 0; from < open->count; from += STEP_LANES) {
        size_t in_group = open->count - from < STEP_LANES ? open->count - from : STEP_LANES;
        struct montgomery group[STEP_LANES];
        bool passed[STEP_LANES];
        for (size_t i = 0; i < STEP_LANES; i++)
            group[i] = montgomery_modulus(numbers[open->place[from + (i < in_group ? i : in_group - 1)]]);
        test(group, passed);
        for (size_t i = 0; i < in_group; i++) {
            open->place[kept] = open->place[from + i];
            kept += passed[i];
        }
    }
    open->count = kept;
}

void
primes_test(const uint64_t *numbers, size_t count, bool *is_prime)
{
    struct open open;
    for (size_t from = 0; from < count; from += BLOCK) {
        settle_most(numbers + from, count - from < BLOCK ? count - from : BLOCK, is_prime + from, &open);
        drop(numbers + from, &open, has_factor_to_61);
        drop(numbers + from, &open, has_factor_to_127);
        keep(numbers + from, &open, strong_test_in_step);
        keep(numbers + from, &open, lucas_test_in_step);
        for (size_t i = 0; i < open.count; i++)
            is_prime[from + open.place[i]] = true;
    }
}

enum primes_verdict
primes_test_big(const mpz_t n, int rounds)
{
    uint64_t small = 0;
    if (mpz_sgn(n) <= 0)
        return PRIMES_COMPOSITE;
    if (mpz_sizeinbase(n, 2) > 64)
        return mpz_probab_prime_p(n, rounds) != 0 ? PRIMES_PROBABLE : PRIMES_COMPOSITE;
    mpz_export(&small, NULL, -1, sizeof small, 0, 0, n);
    return primes_is_prime(small) ? PRIMES_PROVEN : PRIMES_COMPOSITE;
}
