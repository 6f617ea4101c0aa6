/* SPDX-License-Identifier: MIT */
/*
 * lucas.h - the extra strong Lucas test, of Mo and Jones.
 *
 * For a whole number P, let U(0) = 0, U(1) = 1, V(0) = 2, V(1) = P, and then U(k + 1) = P * U(k) - U(k - 1) and
 * V(k + 1) = P * V(k) - V(k - 1).  All is meant modulo the number tested.
 */

#ifndef LUCAS_H
#define LUCAS_H 1

#include <stdbool.h>
#include <stddef.h>

#include "montgomery.h"
#include "root.h"
#include "step.h"

/* The Jacobi symbol (a / n), n odd. */
static inline int
lucas_jacobi(uint64_t a, uint64_t n)
{
    int symbol = 1;
    while (a != 0) {
        int twos = __builtin_ctzll(a);
        a >>= twos;
        if ((twos & 1) != 0 && (n % 8 == 3 || n % 8 == 5))
            symbol = -symbol;
        if (a % 4 == 3 && n % 4 == 3)
            symbol = -symbol;
        uint64_t rest = n % a;
        n = a;
        a = rest;
    }
    return n == 1 ? symbol : 0;
}

/* Squares have no parameter, which is looked into before so large a P is tried; hardly any other number gets there. */
#define LUCAS_LARGE 20

/*
 * The first P from 3 on for which the Jacobi symbol of P * P - 4 is -1, which depends on n modulo 5, 12, 21 and 8 for
 * P = 3, 4, 5 and 6; each of the masks has the bits of the remainders for which it is so.  Or 0, if n turns out to have
 * a factor.
 */
static inline uint64_t
lucas_parameter(uint64_t n)
{
    unsigned found =
        (0xcU >> n % 5 & 1) | (0xa0U >> n % 12 & 1) << 1 | (0x82d04U >> n % 21 & 1) << 2 | (0x28U >> n % 8 & 1) << 3;
    if (found != 0)
        return 3 + (uint64_t)__builtin_ctz(found);
    for (uint64_t p = 7;; p++) {
        int symbol = lucas_jacobi(p * p - 4, n);
        if (symbol <= 0)
            return symbol < 0 ? p : 0;
        if (p == LUCAS_LARGE && root_below(n) * root_below(n) == n)
            return 0;
    }
}

/*
 * What the Lucas test of n knows.  The index k, whose bits are the first of those of d, grows to d; even is V of the
 * even one of k and k + 1, and odd is V of the odd one.  A bit of changes says that one of d is another than the one
 * before it.
 */
struct lucas {
    struct montgomery m;
    uint64_t d, changes, p, two, even, odd;
    int s; /* n + 1 is d * 2^s */
};

static inline struct lucas
lucas_begin(const struct montgomery *m)
{
    struct lucas l = { .m = *m, .s = __builtin_ctzll(m->n + 1) };
    l.d = (m->n + 1) >> l.s;
    l.changes = l.d ^ l.d >> 1;
    l.p = montgomery_of(m, lucas_parameter(m->n));
    l.two = montgomery_add(m, m->one, m->one);
    l.even = l.two;
    l.odd = l.p;
    return l;
}

/*
 * From k to 2 * k + bit, the bit of d at the place, by V(2 * j) = V(j)^2 - 2, for j = k + bit, and V(2 * k + 1) =
 * V(k) * V(k + 1) - P.  Zeros before the first bit change nothing.
 */
static inline void
lucas_step(struct lucas *l, int place)
{
    uint64_t v = l->changes >> place & 1 ? l->odd : l->even;
    l->odd = montgomery_multiply_subtract(&l->m, l->even, l->odd, l->p);
    l->even = montgomery_multiply_subtract(&l->m, v, v, l->two);
}

/*
 * Whether V(d) = 2 or -2 and U(d) = 0, or V(d * 2^r) = 0 for an r < s - 1.  As (P * P - 4) * U(d) = 2 * V(d + 1) -
 * P * V(d), the former is to say that V(d) = 2 and V(d + 1) = P, or both are the negative of that.
 */
static inline bool
lucas_end(const struct lucas *l)
{
    uint64_t v = l->odd, n = l->m.n;
    bool passed = (v == l->two && l->even == l->p) || (v == n - l->two && l->even == n - l->p);
    for (int r = 0; r < l->s - 1 && !passed; r++) {
        passed = v == 0;
        v = montgomery_multiply_subtract(&l->m, v, v, l->two);
    }
    return passed && l->p != 0;
}

/* The extra strong Lucas test, for odd n that small primes do not divide. */
STEP_FUNCTION void
lucas_test(const struct montgomery *m, size_t lanes, bool *passed)
{
    struct lucas l[STEP_LANES];
    uint64_t bits = 0;

    for (size_t i = 0; i < lanes; i++) {
        l[i] = lucas_begin(&m[i]);
        bits |= l[i].d;
    }
    for (int place = step_highest_bit(bits); place >= 0; place--) {
        STEP_EACH
        for (size_t i = 0; i < lanes; i++)
            lucas_step(&l[i], place);
    }
    for (size_t i = 0; i < lanes; i++)
        passed[i] = lucas_end(&l[i]);
}

#endif
