/* SPDX-License-Identifier: MIT */
/* primes-t.c - which numbers below 2^64 are prime. */

#include "primes.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lucas.h"
#include "reference.h"
#include "strong.h"
#include "tap.h"

#define LENGTH(array) (sizeof(array) / sizeof *(array))

/* End the test unless n is judged as expected, alone and in step. */
static void
assert_prime(uint64_t n, bool expected)
{
    bool in_step;

    if (primes_is_prime(n) != expected)
        ck_abort_msg("%" PRIu64 " is said to be %s", n, expected ? "composite" : "prime");
    primes_test(&n, 1, &in_step);
    if (in_step != expected)
        ck_abort_msg("%" PRIu64 " is said to be %s by primes_test()", n, expected ? "composite" : "prime");
}

/* Whether n passes the strong test to base 2 alone, which every number that is built to deceive it should. */
static bool
passes_strong(uint64_t n)
{
    struct montgomery m = montgomery_modulus(n);
    bool passed;

    strong_test(&m, 1, &passed);
    return passed;
}

static bool
passes_lucas(uint64_t n)
{
    struct montgomery m = montgomery_modulus(n);
    bool passed;

    lucas_test(&m, 1, &passed);
    return passed;
}

static bool *
sieve_below(size_t limit)
{
    bool *is_prime = malloc(limit * sizeof *is_prime);

    ck_assert_ptr_nonnull(is_prime);
    reference_sieve(is_prime, limit);
    return is_prime;
}

#define TEN_MILLION 10000000

TEST(primes_is_prime_judges_every_number_below_ten_million_as_a_sieve_does)
{
    bool *expected = sieve_below(TEN_MILLION);

    for (uint64_t n = 0; n < TEN_MILLION; n++) {
        if (primes_is_prime(n) != expected[n])
            ck_abort_msg("%" PRIu64 " is said to be %s", n, expected[n] ? "composite" : "prime");
    }
    free(expected);
}

TEST(primes_test_judges_every_number_below_ten_million_as_a_sieve_does)
{
    static uint64_t numbers[9973];
    static bool is_prime[LENGTH(numbers)];
    bool *expected = sieve_below(TEN_MILLION);

    for (uint64_t first = 0; first < TEN_MILLION; first += LENGTH(numbers)) {
        size_t count = TEN_MILLION - first < LENGTH(numbers) ? TEN_MILLION - first : LENGTH(numbers);

        for (size_t i = 0; i < count; i++)
            numbers[i] = first + i;
        primes_test(numbers, count, is_prime);
        for (size_t i = 0; i < count; i++) {
            if (is_prime[i] != expected[first + i])
                ck_abort_msg("%" PRIu64 " is said to be %s", first + i, is_prime[i] ? "prime" : "composite");
        }
    }
    free(expected);
}

TEST(of_the_composite_numbers_below_a_million_46_pass_the_strong_test_to_base_2_the_known_ones)
{
    static const uint64_t first[] = { 2047, 3277, 4033, 4681, 8321, 15841, 29341, 42799, 49141, 52633 };
    bool *is_prime = sieve_below(1000000);
    size_t found = 0;

    for (uint64_t n = 5; n < 1000000; n += 2) {
        bool passed = passes_strong(n);
        ck_assert(passed || !is_prime[n]);
        if (!passed || is_prime[n])
            continue;
        if (found < LENGTH(first))
            ck_assert_uint_eq(n, first[found]);
        found++;
    }
    ck_assert_uint_eq(found, 46);
    free(is_prime);
}

TEST(the_composite_numbers_below_500_000_that_pass_the_Lucas_test_are_those_of_OEIS_A217719)
{
    static const uint64_t known[] = { 989,    3239,   5777,   10877,  27971,  29681,  30739,  31631,
                                      39059,  72389,  73919,  75077,  100127, 113573, 125249, 137549,
                                      137801, 153931, 155819, 161027, 162133, 189419, 218321, 231703,
                                      249331, 370229, 429479, 430127, 459191, 473891, 480689 };
    bool *is_prime = sieve_below(500000);
    size_t found = 0;

    for (uint64_t n = 131; n < 500000; n += 2) {
        if (n % 3 == 0 || n % 5 == 0 || n % 7 == 0)
            continue;
        bool passed = passes_lucas(n);
        ck_assert_msg(passed || !is_prime[n], "the prime %" PRIu64 " fails", n);
        if (!passed || is_prime[n])
            continue;
        ck_assert_uint_lt(found, LENGTH(known));
        ck_assert_uint_eq(n, known[found++]);
    }
    ck_assert_uint_eq(found, LENGTH(known));
    free(is_prime);
}

/* The parameter as it is defined, with GMP's Jacobi symbol. */
static uint64_t
parameter_by_gmp(uint64_t n)
{
    uint64_t p = 3;
    int symbol;
    mpz_t m;

    mpz_init(m);
    reference_set(m, n);
    while ((symbol = mpz_ui_kronecker(p * p - 4, m)) > 0)
        p++;
    mpz_clear(m);
    return symbol < 0 ? p : 0;
}

TEST(the_Lucas_test_takes_the_first_P_from_3_on_for_which_the_Jacobi_symbol_of_P_P_4_is_1_or_none)
{
    uint64_t largest = 0;

    reference_seed(6);
    for (int i = 0; i < 200000; i++) {
        uint64_t n = (i < 100000 ? (uint64_t)i * 2 + 131 : reference_random_bits(64)) | 1;
        if (n < 131 || n % 3 == 0 || n % 5 == 0 || n % 7 == 0)
            continue;
        uint64_t p = lucas_parameter(n);
        ck_assert_msg(p == parameter_by_gmp(n), "%" PRIu64 " has the parameter %" PRIu64, n, p);
        largest = p > largest ? p : largest;
    }
    ck_assert_uint_gt(largest, 12);
    ck_assert_uint_eq(lucas_parameter(UINT64_C(1093) * 1093), 0);
    ck_assert_uint_eq(lucas_parameter(UINT64_C(4294967291) * 4294967291), 0);
}

TEST(the_smallest_strong_pseudoprimes_to_the_first_k_prime_bases_are_composite)
{
    static const uint64_t psi[] = { 2047,          1373653,       25326001,        3215031751,
                                    2152302898747, 3474749660383, 341550071728321, 3825123056546413051 };

    for (size_t i = 0; i < LENGTH(psi); i++) {
        ck_assert(passes_strong(psi[i]));
        assert_prime(psi[i], false);
    }
}

TEST(numbers_built_as_k_1_r_k_1_are_composite_a_thousand_and_more_of_which_deceive_base_2)
{
    int deceivers = 0;

    reference_seed(1);
    for (uint64_t r = 2; r <= 8; r++) {
        uint64_t most = r < 5 ? 2100000000 : 1500000000;
        for (int i = 0; i < 200000; i++) {
            uint64_t k = reference_random() % most;
            k = k >> reference_random() % 20 & ~UINT64_C(1);
            if (k < 100 || !primes_is_prime(k + 1) || !primes_is_prime(r * k + 1))
                continue;
            assert_prime((k + 1) * (r * k + 1), false);
            deceivers += passes_strong((k + 1) * (r * k + 1));
        }
    }
    printf("%d deceive base 2\n", deceivers);
    ck_assert_int_gt(deceivers, 1000);
}

TEST(Carmichael_numbers_in_Chernicks_form_6k_1_12k_1_18k_1_are_composite)
{
    int carmichaels = 0, deceivers = 0;

    for (uint64_t k = 1; k <= 242000; k++) {
        uint64_t n = (6 * k + 1) * (12 * k + 1) * (18 * k + 1);
        assert_prime(n, false);
        if (primes_is_prime(6 * k + 1) && primes_is_prime(12 * k + 1) && primes_is_prime(18 * k + 1)) {
            carmichaels++;
            deceivers += passes_strong(n);
        }
    }
    printf("%d Carmichael numbers, of which %d deceive base 2\n", carmichaels, deceivers);
    ck_assert_int_gt(carmichaels, 1000);
    ck_assert_int_gt(deceivers, 100);
}

/* The next prime after n, by trial division. */
static uint64_t
prime_after(uint64_t n)
{
    do
        n++;
    while (!primes_trial(n));
    return n;
}

TEST(squares_of_primes_and_products_of_neighbouring_primes_are_composite_up_to_4294967291_squared)
{
    reference_seed(2);
    for (int i = 0; i < 2000; i++) {
        uint64_t p = prime_after(reference_random_bits(32) % 4294967197);
        uint64_t q = prime_after(p);
        assert_prime(p, true);
        assert_prime(p * p, false);
        assert_prime(p * q, false);
    }
    assert_prime(UINT64_C(4294967291) * 4294967291, false);
    assert_prime(UINT64_C(4294967291) * 4294967279, false);
}

TEST(the_squares_of_1093_and_3511_which_deceive_base_2_are_composite)
{
    ck_assert(passes_strong(UINT64_C(1093) * 1093));
    ck_assert(passes_strong(UINT64_C(3511) * 3511));
    assert_prime(UINT64_C(1093) * 1093, false);
    assert_prime(UINT64_C(3511) * 3511, false);
}

TEST(numbers_within_2_000_of_each_power_of_two_up_to_2_64_are_judged_as_GMP_does)
{
    for (int bit = 12; bit < 64; bit++) {
        uint64_t power = UINT64_C(1) << bit;
        for (uint64_t n = power - 2000; n != power + 2000; n++)
            assert_prime(n, reference_is_prime(n));
    }
    for (uint64_t n = UINT64_MAX; n > UINT64_MAX - 20000; n--)
        assert_prime(n, reference_is_prime(n));
}

TEST(the_ten_largest_primes_below_2_64_are_2_64_less_59_83_95_179_189_257_279_323_353_and_363)
{
    static const uint64_t distances[] = { 59, 83, 95, 179, 189, 257, 279, 323, 353, 363 };
    size_t found = 0;

    for (uint64_t distance = 1; distance <= 363; distance++) {
        bool expected = distance == distances[found];
        assert_prime(-distance, expected);
        found += expected;
    }
    ck_assert_uint_eq(found, LENGTH(distances));
}

TEST(a_million_random_odd_numbers_of_64_bits_are_judged_as_GMP_does)
{
    static uint64_t numbers[1000];
    static bool is_prime[LENGTH(numbers)];
    int primes = 0, batches = tap_sanitized() ? 100 : 1000;

    reference_seed(3);
    for (int batch = 0; batch < batches; batch++) {
        for (size_t i = 0; i < LENGTH(numbers); i++)
            numbers[i] = reference_random() | 1;
        primes_test(numbers, LENGTH(numbers), is_prime);
        for (size_t i = 0; i < LENGTH(numbers); i++) {
            bool expected = reference_is_prime(numbers[i]);
            if (is_prime[i] != expected || primes_is_prime(numbers[i]) != expected)
                ck_abort_msg("%" PRIu64 " is %s", numbers[i], expected ? "prime" : "composite");
            primes += expected;
        }
    }
    printf("%d primes\n", primes);
}

TEST(random_numbers_of_1_to_64_bits_mixed_are_judged_as_GMP_does)
{
    static uint64_t numbers[5000];
    static bool is_prime[LENGTH(numbers)];

    reference_seed(4);
    for (int batch = 0; batch < 40; batch++) {
        for (size_t i = 0; i < LENGTH(numbers); i++)
            numbers[i] = reference_random_bits(64) | (reference_random() % 8 != 0);
        primes_test(numbers, LENGTH(numbers), is_prime);
        for (size_t i = 0; i < LENGTH(numbers); i++) {
            bool expected = reference_is_prime(numbers[i]);
            if (is_prime[i] != expected || primes_is_prime(numbers[i]) != expected)
                ck_abort_msg("%" PRIu64 " is %s", numbers[i], expected ? "prime" : "composite");
        }
    }
}

/* 2^64 - 59, 2^61 - 1, and the largest composite number that deceives all of the first eleven prime bases. */
#define PRIME UINT64_C(18446744073709551557)
#define MERSENNE UINT64_C(2305843009213693951)
#define COMPOSITE UINT64_C(3825123056546413051)

TEST(primes_test_answers_for_each_number_that_it_is_given_however_many_and_for_no_other)
{
    static uint64_t numbers[3100];
    static bool is_prime[LENGTH(numbers) + 1];

    for (size_t i = 0; i < LENGTH(numbers); i++)
        numbers[i] = i % 3 == 0 ? PRIME : i % 3 == 1 ? MERSENNE : COMPOSITE;
    for (size_t count = 0; count <= LENGTH(numbers); count += count < 50 || (count > 1020 && count < 1030) ? 1 : 23) {
        memset(is_prime, 2, sizeof is_prime);
        primes_test(numbers, count, is_prime);
        for (size_t i = 0; i < count; i++)
            ck_assert_msg(is_prime[i] == (i % 3 != 2), "number %zu of %zu is wrong", i, count);
        ck_assert_int_eq(((const char *)is_prime)[count], 2);
    }
}

TEST(a_prime_among_composite_numbers_is_found_at_every_place_and_a_composite_number_among_primes)
{
    static uint64_t numbers[100];
    static bool is_prime[LENGTH(numbers)];

    for (size_t place = 0; place < 2 * LENGTH(numbers); place++) {
        size_t at = place / 2;
        bool odd_one = place % 2 == 0;
        for (size_t i = 0; i < LENGTH(numbers); i++)
            numbers[i] = (i == at) == odd_one ? PRIME : COMPOSITE;
        primes_test(numbers, LENGTH(numbers), is_prime);
        for (size_t i = 0; i < LENGTH(numbers); i++)
            ck_assert_int_eq(is_prime[i], (i == at) == odd_one);
    }
}

static Suite *
suite(void)
{
    Suite *s = suite_create("primes");
    TCase *small = tap_case(s, "small", NULL, NULL);
    TCase *parts = tap_case(s, "parts", NULL, NULL);
    TCase *built = tap_case(s, "built", NULL, NULL);
    TCase *edges = tap_case(s, "edges", NULL, NULL);
    TCase *random = tap_case(s, "random", NULL, NULL);
    TCase *in_step = tap_case(s, "in step", NULL, NULL);

    tcase_add_test(small, primes_is_prime_judges_every_number_below_ten_million_as_a_sieve_does);
    tcase_add_test(small, primes_test_judges_every_number_below_ten_million_as_a_sieve_does);
    tcase_add_test(parts, of_the_composite_numbers_below_a_million_46_pass_the_strong_test_to_base_2_the_known_ones);
    tcase_add_test(parts, the_composite_numbers_below_500_000_that_pass_the_Lucas_test_are_those_of_OEIS_A217719);
    tcase_add_test(parts, the_Lucas_test_takes_the_first_P_from_3_on_for_which_the_Jacobi_symbol_of_P_P_4_is_1_or_none);
    tcase_add_test(built, the_smallest_strong_pseudoprimes_to_the_first_k_prime_bases_are_composite);
    tcase_add_test(built, numbers_built_as_k_1_r_k_1_are_composite_a_thousand_and_more_of_which_deceive_base_2);
    tcase_add_test(built, Carmichael_numbers_in_Chernicks_form_6k_1_12k_1_18k_1_are_composite);
    tcase_add_test(built, squares_of_primes_and_products_of_neighbouring_primes_are_composite_up_to_4294967291_squared);
    tcase_add_test(built, the_squares_of_1093_and_3511_which_deceive_base_2_are_composite);
    tcase_add_test(edges, numbers_within_2_000_of_each_power_of_two_up_to_2_64_are_judged_as_GMP_does);
    tcase_add_test(edges, the_ten_largest_primes_below_2_64_are_2_64_less_59_83_95_179_189_257_279_323_353_and_363);
    tcase_add_test(random, a_million_random_odd_numbers_of_64_bits_are_judged_as_GMP_does);
    tcase_add_test(random, random_numbers_of_1_to_64_bits_mixed_are_judged_as_GMP_does);
    tcase_add_test(in_step, primes_test_answers_for_each_number_that_it_is_given_however_many_and_for_no_other);
    tcase_add_test(in_step,
                   a_prime_among_composite_numbers_is_found_at_every_place_and_a_composite_number_among_primes);
    return s;
}

int
main(void)
{
    return tap_main(suite);
}
