/* SPDX-License-Identifier: MIT */
/* primes_big-t.c - trial division, and numbers of any size. */

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "primes.h"
#include "reference.h"
#include "tap.h"

#define LENGTH(array) (sizeof(array) / sizeof *(array))

#define LARGEST_PRIME UINT64_C(18446744073709551557) /* 2^64 - 59 */

static enum primes_verdict
verdict_of(const char *digits)
{
    mpz_t n;

    ck_assert_int_eq(mpz_init_set_str(n, digits, 0), 0);
    enum primes_verdict verdict = primes_test_big(n, 30);
    mpz_clear(n);
    return verdict;
}

TEST(the_memos_twenty_numbers_of_which_nine_are_prime_are_judged_alike_by_every_method)
{
    static const struct {
        uint64_t n;
        bool is_prime;
    } known[] = { { 2, true },
                  { 142702110479723, true },
                  { 299593572317531, true },
                  { 3333333333333301, true },
                  { 3333333333333333, false },
                  { 3333335652092209, false },
                  { 4444444444444423, true },
                  { 4444444444444444, false },
                  { 4444444488888889, false },
                  { 5555553133149889, false },
                  { 5555555555555503, true },
                  { 5555555555555555, false },
                  { 6666666666666666, false },
                  { 6666666666666719, true },
                  { 6666667141414921, false },
                  { 7777777536340681, false },
                  { 7777777777777753, true },
                  { 7777777777777777, false },
                  { 9999999999999917, true },
                  { 9999999999999999, false } };
    mpz_t n;

    mpz_init(n);
    for (size_t i = 0; i < LENGTH(known); i++) {
        bool in_step;
        ck_assert_int_eq(primes_is_prime(known[i].n), known[i].is_prime);
        primes_test(&known[i].n, 1, &in_step);
        ck_assert_int_eq(in_step, known[i].is_prime);
        ck_assert_int_eq(primes_trial(known[i].n), known[i].is_prime);
        reference_set(n, known[i].n);
        ck_assert_int_eq(primes_test_big(n, 30), known[i].is_prime ? PRIMES_PROVEN : PRIMES_COMPOSITE);
    }
    mpz_clear(n);
}

TEST(trial_division_judges_every_number_below_300_000_as_a_sieve_does)
{
    static bool expected[300000];

    reference_sieve(expected, LENGTH(expected));
    for (uint64_t n = 0; n < LENGTH(expected); n++)
        ck_assert_msg(primes_trial(n) == expected[n], "%zu is judged wrongly", (size_t)n);
}

TEST(trial_division_finds_a_factor_that_is_as_large_as_the_square_root)
{
    static const uint64_t primes[] = { 65519, 65521, 65537, 65539, 65543, 131071, 524287, 1000003, 6700417, 16777259 };

    for (size_t i = 0; i < LENGTH(primes); i++)
        ck_assert(!primes_trial(primes[i] * primes[i]));
    for (size_t i = 1; i < LENGTH(primes); i++)
        ck_assert(!primes_trial(primes[i - 1] * primes[i]));
}

TEST(trial_division_judges_the_numbers_around_2_32_as_GMP_does)
{
    for (uint64_t n = (UINT64_C(1) << 32) - 300; n < (UINT64_C(1) << 32) + 300; n++)
        ck_assert_int_eq(primes_trial(n), reference_is_prime(n));
}

/* Seconds of this thread's work, which another's does not lengthen. */
static double
now(void)
{
    struct timespec time;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

/* Stop at the hundredth question; note the longest time between two of them. */
struct patience {
    int questions;
    double last, longest;
};

static bool
stop_at_hundred(void *context)
{
    struct patience *patience = context;
    double time = now();

    if (patience->questions++ > 0 && time - patience->last > patience->longest)
        patience->longest = time - patience->last;
    patience->last = time;
    return patience->questions == 100;
}

TEST(trial_division_of_a_large_prime_stops_when_it_is_told_to_and_asks_every_50_milliseconds_or_sooner)
{
    struct patience patience = { 0 };

    ck_assert_int_eq(primes_trial_until(LARGEST_PRIME, stop_at_hundred, &patience), PRIMES_UNKNOWN);
    ck_assert_int_eq(patience.questions, 100);
    printf("%.3f ms at most between two questions\n", 1000 * patience.longest);
    ck_assert_double_lt(patience.longest, tap_sanitized() ? 0.5 : 0.05);
}

static bool
never(void *context)
{
    ++*(int *)context;
    return false;
}

TEST(trial_division_that_is_not_told_to_stop_finds_what_it_would_have_found)
{
    int questions = 0;

    ck_assert_int_eq(primes_trial_until(142702110479723, never, &questions), PRIMES_PROVEN);
    ck_assert_int_eq(primes_trial_until(UINT64_C(1000003) * 1000003, never, &questions), PRIMES_COMPOSITE);
    ck_assert_int_gt(questions, 100);
}

TEST(numbers_below_2_64_are_proven_and_only_those)
{
    ck_assert_int_eq(verdict_of("2"), PRIMES_PROVEN);
    ck_assert_int_eq(verdict_of("4294967311"), PRIMES_PROVEN);
    ck_assert_int_eq(verdict_of("18446744073709551557"), PRIMES_PROVEN);
    ck_assert_int_eq(verdict_of("18446744073709551615"), PRIMES_COMPOSITE);
    ck_assert_int_eq(verdict_of("18446744073709551616"), PRIMES_COMPOSITE);
    ck_assert_int_eq(verdict_of("18446744073709551629"), PRIMES_PROBABLE);
}

TEST(that_0_1_and_negative_numbers_are_not_prime)
{
    ck_assert_int_eq(verdict_of("0"), PRIMES_COMPOSITE);
    ck_assert_int_eq(verdict_of("1"), PRIMES_COMPOSITE);
    ck_assert_int_eq(verdict_of("-1"), PRIMES_COMPOSITE);
    ck_assert_int_eq(verdict_of("-7"), PRIMES_COMPOSITE);
    ck_assert_int_eq(verdict_of("-18446744073709551629"), PRIMES_COMPOSITE);
}

TEST(the_primes_within_400_of_2_64_2_96_2_128_and_2_192_are_the_known_ones)
{
    /* Their distances from the power.  PARI's isprime() has proven them. */
    static const struct {
        unsigned long bits;
        int distances[24];
    } powers[] = {
        { 64, { -363, -353, -323, -279, -257, -189, -179, -95, -83, -59, 13, 37, 51, 81, 93, 141, 307, 331, 393 } },
        { 96, { -347, -315, -243, -237, -189, -165, -147, -93, -87, -17, 61, 81, 121, 151, 253 } },
        { 128, { -357, -275, -237, -233, -173, -159, 51, 81, 165, 273, 385 } },
        { 192, { -399, -333, -237, 133 } },
    };
    mpz_t n;

    mpz_init(n);
    for (size_t i = 0; i < LENGTH(powers); i++) {
        const int *next = powers[i].distances;
        for (int distance = -400; distance <= 400; distance++) {
            mpz_set_ui(n, 0);
            mpz_setbit(n, powers[i].bits);
            if (distance < 0)
                mpz_sub_ui(n, n, (unsigned)-distance);
            else
                mpz_add_ui(n, n, (unsigned)distance);
            bool expected = distance == *next && distance != 0;
            enum primes_verdict prime = powers[i].bits == 64 && distance < 0 ? PRIMES_PROVEN : PRIMES_PROBABLE;
            ck_assert_msg(primes_test_big(n, 30) == (expected ? prime : PRIMES_COMPOSITE),
                          "2^%lu %+d is judged wrongly", powers[i].bits, distance);
            next += expected;
        }
    }
    mpz_clear(n);
}

/* Set n, which is initialized, to 2^p - 1. */
static void
set_mersenne(mpz_t n, unsigned long p)
{
    mpz_set_ui(n, 0);
    mpz_setbit(n, p);
    mpz_sub_ui(n, n, 1);
}

TEST(that_2_p_1_is_judged_prime_for_the_p_of_which_that_is_known_from_65_to_1279_and_for_2203_and_3217)
{
    static const unsigned long exponents[] = { 89, 107, 127, 521, 607, 1279, 2203, 3217 };
    size_t found = 0;
    mpz_t n;

    mpz_init(n);
    for (unsigned long p = 65; p <= 1279; p++) {
        bool expected = p == exponents[found];
        set_mersenne(n, p);
        ck_assert_int_eq(primes_test_big(n, 24), expected ? PRIMES_PROBABLE : PRIMES_COMPOSITE);
        found += expected;
    }
    for (; found < LENGTH(exponents); found++) {
        set_mersenne(n, exponents[found]);
        ck_assert_int_eq(primes_test_big(n, 24), PRIMES_PROBABLE);
    }
    mpz_clear(n);
}

TEST(the_smallest_strong_pseudoprimes_to_the_first_12_and_13_prime_bases_are_composite)
{
    ck_assert_int_eq(verdict_of("318665857834031151167461"), PRIMES_COMPOSITE);
    ck_assert_int_eq(verdict_of("3317044064679887385961981"), PRIMES_COMPOSITE);
}

TEST(Carmichael_numbers_of_70_and_more_bits_in_Chernicks_form_are_composite)
{
    int carmichaels = 0;
    mpz_t n;

    mpz_init(n);
    for (unsigned long k = 1000000; k < 1100000; k++) {
        mpz_set_ui(n, 6 * k + 1);
        mpz_mul_ui(n, n, 12 * k + 1);
        mpz_mul_ui(n, n, 18 * k + 1);
        ck_assert_int_eq(primes_test_big(n, 24), PRIMES_COMPOSITE);
        carmichaels += primes_is_prime(6 * k + 1) && primes_is_prime(12 * k + 1) && primes_is_prime(18 * k + 1);
    }
    printf("%d Carmichael numbers\n", carmichaels);
    ck_assert_int_gt(carmichaels, 50);
    mpz_clear(n);
}

/* Set n to a random odd number of 65 to bits bits. */
static void
set_random(mpz_t n, unsigned bits)
{
    mpz_set_ui(n, 0);
    for (unsigned have = 0; have < bits; have += 64) {
        mpz_mul_2exp(n, n, 64);
        mpz_add_ui(n, n, reference_random());
    }
    mpz_tdiv_r_2exp(n, n, 65 + (unsigned)(reference_random() % (bits - 64)));
    mpz_setbit(n, 0);
    mpz_setbit(n, 64);
}

static bool
agrees_with_pari(const mpz_t n)
{
    return primes_test_big(n, 24) == (reference_big_is_prime(n) ? PRIMES_PROBABLE : PRIMES_COMPOSITE);
}

TEST(random_odd_numbers_of_65_to_4096_bits_and_the_primes_that_follow_some_are_judged_as_PARI_does)
{
    mpz_t n;

    mpz_init(n);
    reference_seed(5);
    for (int i = 0; i < 3000; i++) {
        set_random(n, i < 2900 ? 512 : 4096);
        ck_assert_msg(agrees_with_pari(n), "%s is not", mpz_get_str(NULL, 16, n));
    }
    for (int i = 0; i < 200; i++) {
        set_random(n, i < 190 ? 256 : 1024);
        mpz_nextprime(n, n);
        ck_assert_int_eq(primes_test_big(n, 24), PRIMES_PROBABLE);
        ck_assert_msg(agrees_with_pari(n), "%s is not", mpz_get_str(NULL, 16, n));
    }
    mpz_clear(n);
}

static Suite *
suite(void)
{
    Suite *s = suite_create("primes_big");
    TCase *trial = tap_case(s, "trial", NULL, NULL);
    TCase *big = tap_case(s, "big", NULL, NULL);

    tcase_add_test(trial, the_memos_twenty_numbers_of_which_nine_are_prime_are_judged_alike_by_every_method);
    tcase_add_test(trial, trial_division_judges_every_number_below_300_000_as_a_sieve_does);
    tcase_add_test(trial, trial_division_finds_a_factor_that_is_as_large_as_the_square_root);
    tcase_add_test(trial, trial_division_judges_the_numbers_around_2_32_as_GMP_does);
    tcase_add_test(trial,
                   trial_division_of_a_large_prime_stops_when_it_is_told_to_and_asks_every_50_milliseconds_or_sooner);
    tcase_add_test(trial, trial_division_that_is_not_told_to_stop_finds_what_it_would_have_found);
    tcase_add_test(big, numbers_below_2_64_are_proven_and_only_those);
    tcase_add_test(big, that_0_1_and_negative_numbers_are_not_prime);
    tcase_add_test(big, the_primes_within_400_of_2_64_2_96_2_128_and_2_192_are_the_known_ones);
    tcase_add_test(big,
                   that_2_p_1_is_judged_prime_for_the_p_of_which_that_is_known_from_65_to_1279_and_for_2203_and_3217);
    tcase_add_test(big, the_smallest_strong_pseudoprimes_to_the_first_12_and_13_prime_bases_are_composite);
    tcase_add_test(big, Carmichael_numbers_of_70_and_more_bits_in_Chernicks_form_are_composite);
    tcase_add_test(big, random_odd_numbers_of_65_to_4096_bits_and_the_primes_that_follow_some_are_judged_as_PARI_does);
    return s;
}

int
main(void)
{
    return tap_main(suite);
}
