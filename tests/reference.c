/* SPDX-License-Identifier: MIT */
/* reference.c - see reference.h. */

#include "reference.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifdef HAVE_PRIMESIEVE
#include <primesieve.h>
#endif
#ifdef HAVE_PARI
#include <pari/pari.h>
#endif

#include "tap.h"

#ifdef HAVE_PRIMESIEVE

void
reference_sieve(bool *is_prime, size_t limit)
{
    size_t count;
    uint64_t *primes = primesieve_generate_primes(0, limit - 1, &count, UINT64_PRIMES);

    ck_assert_ptr_nonnull(primes);
    memset(is_prime, 0, limit * sizeof *is_prime);
    for (size_t i = 0; i < count; i++)
        is_prime[primes[i]] = true;
    printf("%zu primes below %zu, says primesieve %s\n", count, limit, primesieve_version());
    primesieve_free(primes);
}

#else

void
reference_sieve(bool *is_prime, size_t limit)
{
    memset(is_prime, 1, limit * sizeof *is_prime);
    is_prime[0] = is_prime[1] = false;
    for (size_t p = 2; p * p < limit; p++) {
        for (size_t multiple = p * p; is_prime[p] && multiple < limit; multiple += p)
            is_prime[multiple] = false;
    }
    printf("the sieve is that of the tests, as primesieve is missing\n");
}

#endif

void
reference_set(mpz_t n, uint64_t value)
{
    mpz_import(n, 1, -1, sizeof value, 0, 0, &value);
}

bool
reference_is_prime(uint64_t value)
{
    mpz_t n;

    mpz_init(n);
    reference_set(n, value);
    int verdict = mpz_probab_prime_p(n, 25);
    mpz_clear(n);
    return verdict != 0;
}

#ifdef HAVE_PARI

bool
reference_big_is_prime(const mpz_t n)
{
    static bool started;
    char *digits = mpz_get_str(NULL, 10, n);

    if (!started)
        pari_init_opts(16000000, 0, INIT_DFTm | INIT_noPRIMEm);
    started = true;
    pari_sp mark = avma;
    bool is_prime = BPSW_psp(strtoi(digits)) != 0;
    set_avma(mark);
    free(digits);
    return is_prime;
}

#else

bool
reference_big_is_prime(const mpz_t n)
{
    (void)n;
    tap_skip("the PARI library is missing (Debian package: libpari-dev)");
}

#endif

static uint64_t state;

void
reference_seed(uint64_t seed)
{
    printf("seed %" PRIu64 "\n", seed);
    state = seed;
}

/* S. Vigna's splitmix64: a counter, well mixed. */
uint64_t
reference_random(void)
{
    state += 0x9e3779b97f4a7c15;
    uint64_t x = state;
    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9;
    x = (x ^ x >> 27) * 0x94d049bb133111eb;
    return x ^ x >> 31;
}

uint64_t
reference_random_bits(int bits)
{
    uint64_t wanted = 1 + reference_random() % (uint64_t)bits;
    return reference_random() >> (64 - wanted);
}
