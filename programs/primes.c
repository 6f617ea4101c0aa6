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

/* Numbers below this, among them all that others are divided by, are looked up. */
#define SMALL 512

static inline bool
is_small_prime(uint64_t n)
{
    /* A set of bits. */
    static const uint64_t primes[SMALL / 64] = { 0x28208a20a08a28ac, 0x800228a202088288, 0x8028208820a00a08,
                                                 0x08028228800800a2, 0x228800200a20a082, 0x8820808228020800,
                                                 0x0882802802022020, 0x208808808008a202 };
    return primes[n / 64] >> n % 64 & 1;
}

/*
 * Whether one of the primes from 2 to 13, from 17 to 61, from 67 to 251, or from 257 to 509 divides n.  The compiler
 * makes one multiplication and one comparison of each division.
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
has_factor_to_251(uint64_t n)
{
    return (n % 67 == 0) | (n % 71 == 0) | (n % 73 == 0) | (n % 79 == 0) | (n % 83 == 0) | (n % 89 == 0) |
           (n % 97 == 0) | (n % 101 == 0) | (n % 103 == 0) | (n % 107 == 0) | (n % 109 == 0) | (n % 113 == 0) |
           (n % 127 == 0) | (n % 131 == 0) | (n % 137 == 0) | (n % 139 == 0) | (n % 149 == 0) | (n % 151 == 0) |
           (n % 157 == 0) | (n % 163 == 0) | (n % 167 == 0) | (n % 173 == 0) | (n % 179 == 0) | (n % 181 == 0) |
           (n % 191 == 0) | (n % 193 == 0) | (n % 197 == 0) | (n % 199 == 0) | (n % 211 == 0) | (n % 223 == 0) |
           (n % 227 == 0) | (n % 229 == 0) | (n % 233 == 0) | (n % 239 == 0) | (n % 241 == 0) | (n % 251 == 0);
}

static inline bool
has_factor_to_509(uint64_t n)
{
    return (n % 257 == 0) | (n % 263 == 0) | (n % 269 == 0) | (n % 271 == 0) | (n % 277 == 0) | (n % 281 == 0) |
           (n % 283 == 0) | (n % 293 == 0) | (n % 307 == 0) | (n % 311 == 0) | (n % 313 == 0) | (n % 317 == 0) |
           (n % 331 == 0) | (n % 337 == 0) | (n % 347 == 0) | (n % 349 == 0) | (n % 353 == 0) | (n % 359 == 0) |
           (n % 367 == 0) | (n % 373 == 0) | (n % 379 == 0) | (n % 383 == 0) | (n % 389 == 0) | (n % 397 == 0) |
           (n % 401 == 0) | (n % 409 == 0) | (n % 419 == 0) | (n % 421 == 0) | (n % 431 == 0) | (n % 433 == 0) |
           (n % 439 == 0) | (n % 443 == 0) | (n % 449 == 0) | (n % 457 == 0) | (n % 461 == 0) | (n % 463 == 0) |
           (n % 467 == 0) | (n % 479 == 0) | (n % 487 == 0) | (n % 491 == 0) | (n % 499 == 0) | (n % 503 == 0) |
           (n % 509 == 0);
}

/*
 * Both tests in step, each of which is a chain of multiplications that wait for one another: when n is prime, they take
 * little longer than one.
 */
static bool
passes_both(uint64_t n)
{
    struct montgomery m = montgomery_modulus(n);
    struct strong strong = strong_begin(&m);
    struct lucas lucas = lucas_begin(&m);
    int place = strong_first_place(strong.d | lucas.d);
    strong_first_digit(&m, &strong, place);
    for (int bit = step_highest_bit(lucas.d); bit >= place; bit--)
        lucas_step(&lucas, bit);
    while ((place -= STRONG_DIGIT) >= 0) {
        for (int bit = STRONG_DIGIT - 1; bit >= 0; bit--) {
            strong_square(&m, &strong);
            lucas_step(&lucas, place + bit);
        }
        strong_multiply(&m, &strong, place);
    }
    return strong_end(&m, &strong) && lucas_end(&lucas);
}

bool
primes_is_prime(uint64_t n)
{
    if (n < SMALL)
        return is_small_prime(n);
    return !has_factor_to_13(n) && !has_factor_to_61(n) && !has_factor_to_251(n) && !has_factor_to_509(n) &&
           passes_both(n);
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

/* Settle the small numbers, and those with a factor up to 13; the rest is open. */
static void
settle_most(const uint64_t *numbers, size_t count, bool *is_prime, struct open *open)
{
    open->count = 0;
    for (size_t i = 0; i < count; i++) {
        is_prime[i] = numbers[i] < SMALL && is_small_prime(numbers[i]);
        open->place[open->count] = (unsigned short)i;
        open->count += numbers[i] >= SMALL && !has_factor_to_13(numbers[i]);
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
        drop(numbers + from, &open, has_factor_to_251);
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
