/* SPDX-License-Identifier: MIT */
/*
 * strong.h - the strong test to base 2, of Miller and Rabin.
 *
 * The exponent d is worked off from the left in digits of six bits.  When [2^k] is there, six squarings give
 * [2^(64 * k)], and multiplying that by the plain number 2^w gives [2^(64 * k + w - 64)].  So let the exponent reached
 * be too large by 1 after each digit but the last: the next six squarings make 64 of that.
 */

#ifndef STRONG_H
#define STRONG_H 1

#include <stdbool.h>
#include <stddef.h>

#include "montgomery.h"
#include "step.h"

#define STRONG_DIGIT 6

/* What the test of n knows. */
struct strong {
    uint64_t d, power;
    int s; /* n - 1 is d * 2^s */
};

static inline struct strong
strong_begin(const struct montgomery *m)
{
    int s = __builtin_ctzll(m->n - 1);
    return (struct strong){ .d = (m->n - 1) >> s, .s = s };
}

/* Where the first digit begins of numbers that have no bits but these. */
static inline int
strong_first_place(uint64_t bits)
{
    return step_highest_bit(bits) / STRONG_DIGIT * STRONG_DIGIT;
}

/* 2^w for the digit at the place, as far as powers of 2 go; 2^64 is the same as the plain number [1]. */
static inline uint64_t
strong_factor(const struct montgomery *m, const struct strong *t, int place)
{
    uint64_t w = (t->d >> place & 63) + (place > 0);
    return w < 64 ? UINT64_C(1) << w : m->one;
}

static inline void
strong_first_digit(const struct montgomery *m, struct strong *t, int place)
{
    t->power = montgomery_of(m, strong_factor(m, t, place));
}

/* Every other digit takes so many squarings as it has bits, and then a multiplication. */
static inline void
strong_square(const struct montgomery *m, struct strong *t)
{
    t->power = montgomery_multiply(m, t->power, t->power);
}

static inline void
strong_multiply(const struct montgomery *m, struct strong *t, int place)
{
    t->power = montgomery_multiply(m, t->power, strong_factor(m, t, place));
}

/* Whether 2^d = 1, or 2^(d * 2^r) = -1 for an r < s; power is [2^d]. */
static inline bool
strong_end(const struct montgomery *m, struct strong *t)
{
    uint64_t minus_one = m->n - m->one;
    bool passed = t->power == m->one || t->power == minus_one;
    for (int r = 1; r < t->s && !passed; r++) {
        strong_square(m, t);
        passed = t->power == minus_one;
    }
    return passed;
}

/* The strong test to base 2, for odd n > 2. */
STEP_FUNCTION void
strong_test(const struct montgomery *m, size_t lanes, bool *passed)
{
    struct strong t[STEP_LANES];
    uint64_t bits = 0;

    for (size_t i = 0; i < lanes; i++) {
        t[i] = strong_begin(&m[i]);
        bits |= t[i].d;
    }
    int place = strong_first_place(bits);
    for (size_t i = 0; i < lanes; i++)
        strong_first_digit(&m[i], &t[i], place);
    while ((place -= STRONG_DIGIT) >= 0) {
        for (int bit = 0; bit < STRONG_DIGIT; bit++) {
            STEP_EACH
            for (size_t i = 0; i < lanes; i++)
                strong_square(&m[i], &t[i]);
        }
        STEP_EACH
        for (size_t i = 0; i < lanes; i++)
            strong_multiply(&m[i], &t[i], place);
    }
    for (size_t i = 0; i < lanes; i++)
        passed[i] = strong_end(&m[i], &t[i]);
}

#endif
