/* SPDX-License-Identifier: MIT */
/* strong.h - the strong test to base 2, of Miller and Rabin. */

#ifndef STRONG_H
#define STRONG_H 1

#include <stdbool.h>
#include <stddef.h>

#include "montgomery.h"
#include "step.h"

/* Whether 2^d = 1, or 2^(d * 2^r) = -1 for an r < s; power is [2^d], and n - 1 is d * 2^s. */
static inline bool
strong_end(const struct montgomery *m, uint64_t power, int s)
{
    uint64_t minus_one = m->n - m->one;
    bool strong = power == m->one || power == minus_one;
    for (int r = 1; r < s && !strong; r++) {
        power = montgomery_multiply(m, power, power);
        strong = power == minus_one;
    }
    return strong;
}

STEP_FUNCTION void
strong_square(const struct montgomery *m, size_t lanes, uint64_t *power)
{
    STEP_EACH
    for (size_t i = 0; i < lanes; i++)
        power[i] = montgomery_multiply(&m[i], power[i], power[i]);
}

/*
 * The strong test to base 2, for odd n > 2.  The exponent d is worked off from the left in digits of 5 bits: when
 * [2^k] is there, five squarings give [2^(32 * k)], and multiplying that by the plain number 2^w gives
 * [2^(32 * k + w - 64)].  So let the exponent reached be too large by 2 after each digit but the last: the next five
 * squarings make 64 of these 2.
 */
STEP_FUNCTION void
strong_test(const struct montgomery *m, size_t lanes, bool *passed)
{
    uint64_t power[STEP_LANES], d[STEP_LANES], bits = 0;
    int s[STEP_LANES];

    for (size_t i = 0; i < lanes; i++) {
        s[i] = __builtin_ctzll(m[i].n - 1);
        d[i] = (m[i].n - 1) >> s[i];
        power[i] = montgomery_small(&m[i], 4);
        bits |= d[i];
    }
    for (int place = step_highest_bit(bits) / 5 * 5; place >= 0; place -= 5) {
        for (int square = 0; square < 5; square++)
            strong_square(m, lanes, power);
        STEP_EACH
        for (size_t i = 0; i < lanes; i++) {
            int w = (int)(d[i] >> place & 31) + (place > 0 ? 2 : 0);
            power[i] = montgomery_multiply(&m[i], power[i], UINT64_C(1) << w);
        }
    }
    for (size_t i = 0; i < lanes; i++)
        passed[i] = strong_end(&m[i], power[i], s[i]);
}

#endif
