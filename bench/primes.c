/* SPDX-License-Identifier: MIT */
/*
 * primes - what it costs to test a number, one at a time, in step, and by others' libraries.
 *
 * primes [RUNS] prints a line for each kind of number: the nanoseconds that each method takes for one, the median of so
 * many runs (9), which alternate.  FLINT takes part after `make bench/primes CPPFLAGS=-DWITH_FLINT LIBS=-lflint'.
 */

#include <gmp.h>
#include <primes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#ifdef WITH_FLINT
#include <flint/flint.h>
#include <flint/ulong_extras.h>
#endif

enum { COUNT = 20000, MOST_RUNS = 1000 };

static bool is_prime[COUNT];

static void
singly(const uint64_t *numbers)
{
    for (size_t i = 0; i < COUNT; i++)
        is_prime[i] = primes_is_prime(numbers[i]);
}

static void
in_step(const uint64_t *numbers)
{
    primes_test(numbers, COUNT, is_prime);
}

static void
by_gmp(const uint64_t *numbers)
{
    mpz_t n;

    mpz_init(n);
    for (size_t i = 0; i < COUNT; i++) {
        mpz_import(n, 1, -1, sizeof numbers[i], 0, 0, &numbers[i]);
        is_prime[i] = mpz_probab_prime_p(n, 25) != 0;
    }
    mpz_clear(n);
}

#ifdef WITH_FLINT
static void
by_flint(const uint64_t *numbers)
{
    for (size_t i = 0; i < COUNT; i++)
        is_prime[i] = n_is_prime(numbers[i]) != 0;
}
#endif

static const struct method {
    const char *name;
    void (*test)(const uint64_t *numbers);
} methods[] = {
    { "singly", singly },
    { "in step", in_step },
    { "GMP", by_gmp },
#ifdef WITH_FLINT
    { "FLINT", by_flint },
#endif
};
enum { METHODS = sizeof methods / sizeof *methods };

static const struct kind {
    const char *name;
    int bits;
    bool primes_only;
} kinds[] = { { "odd 64-bit", 64, false },
              { "64-bit primes", 64, true },
              { "odd 53-bit", 53, false },
              { "53-bit primes", 53, true } };
enum { KINDS = sizeof kinds / sizeof *kinds };

/* S. Vigna's splitmix64. */
static uint64_t
random_number(void)
{
    static uint64_t state;
    uint64_t x = state += 0x9e3779b97f4a7c15;

    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9;
    x = (x ^ x >> 27) * 0x94d049bb133111eb;
    return x ^ x >> 31;
}

static void
make_numbers(const struct kind *kind, uint64_t *numbers)
{
    for (size_t i = 0; i < COUNT; i++) {
        do
            numbers[i] = random_number() >> (64 - kind->bits) | 1;
        while (kind->primes_only && !primes_is_prime(numbers[i]));
    }
}

/* Nanoseconds a number. */
static double
measure(const struct method *method, const uint64_t *numbers)
{
    struct timespec before, after;

    clock_gettime(CLOCK_MONOTONIC, &before);
    method->test(numbers);
    clock_gettime(CLOCK_MONOTONIC, &after);
    return (1e9 * (double)(after.tv_sec - before.tv_sec) + (double)(after.tv_nsec - before.tv_nsec)) / COUNT;
}

static int
compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

static double
median(double *times, long count)
{
    qsort(times, (size_t)count, sizeof *times, compare);
    return times[count / 2];
}

int
main(int argc, char **argv)
{
    static uint64_t numbers[KINDS][COUNT];
    static double times[KINDS][METHODS][MOST_RUNS];
    long runs = argc > 1 ? strtol(argv[1], NULL, 10) : 9;

    if (runs < 1 || runs > MOST_RUNS) {
        fprintf(stderr, "primes: RUNS is a number from 1 to %d\n", MOST_RUNS);
        return 2;
    }
    for (int kind = 0; kind < KINDS; kind++)
        make_numbers(&kinds[kind], numbers[kind]);
    for (long run = 0; run < runs; run++) {
        for (int i = 0; i < KINDS * METHODS; i++)
            times[i / METHODS][i % METHODS][run] = measure(&methods[i % METHODS], numbers[i / METHODS]);
    }
    for (int kind = 0; kind < KINDS; kind++) {
        printf("%-14s", kinds[kind].name);
        for (int method = 0; method < METHODS; method++)
            printf("  %s %.1f ns", methods[method].name, median(times[kind][method], runs));
        printf("\n");
    }
    return 0;
}
