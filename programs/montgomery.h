/* SPDX-License-Identifier: MIT */
/*
 * Arithmetic modulo an odd number of 64 bits without dividing, after P. Montgomery, "Modular multiplication without
 * trial division", Math. Comp. 44 (1985): x is represented by x * 2^64 modulo n, called [x] in comments.
 *
 * Every residue taken and returned is below n.  Nothing here branches on a residue, which no processor could predict.
 */

#ifndef MONTGOMERY_H
#define MONTGOMERY_H 1

#include <stdint.h>

struct montgomery {
    uint64_t n;       /* the modulus, odd */
    uint64_t inverse; /* n * inverse is 1 modulo 2^64 */
    uint64_t one;     /* [1] */
    uint64_t square;  /* [2^64] */
};

static inline struct montgomery
montgomery_modulus(uint64_t n)
{
    /* The first 5 bits of this are right, and each step of Newton doubles their number. */
    uint64_t inverse = 3 * n ^ 2;
    for (int bits = 5; bits < 64; bits *= 2)
        inverse *= 2 - n * inverse;
    uint64_t one = -n % n;
    uint64_t square = (uint64_t)(((unsigned __int128)one << 64) % n);
    return (struct montgomery){ n, inverse, one, square };
}

static inline uint64_t
montgomery_subtract(const struct montgomery *m, uint64_t a, uint64_t b)
{
    /* Not a branch, as no processor could predict it, but a choice between two that are there. */
    uint64_t wrapped = a - b + m->n;
    return a < b ? wrapped : a - b;
}

static inline uint64_t
montgomery_add(const struct montgomery *m, uint64_t a, uint64_t b)
{
    return montgomery_subtract(m, a, m->n - b);
}

/*
 * [x], [y] and [z] give [x * y - z]: it is a * b / 2^64 - c modulo n, where b may be any number of 64 bits.  The lower
 * halves of a * b and of quotient * n are the same, so their difference is 2^64 times that of the upper halves.
 */
static inline uint64_t
montgomery_multiply_subtract(const struct montgomery *m, uint64_t a, uint64_t b, uint64_t c)
{
    unsigned __int128 product = (unsigned __int128)a * b;
    uint64_t quotient = (uint64_t)product * m->inverse;
    unsigned __int128 multiple = (unsigned __int128)quotient * m->n;
    uint64_t upper = montgomery_subtract(m, (uint64_t)(product >> 64), c);
    return montgomery_subtract(m, upper, (uint64_t)(multiple >> 64));
}

/* [x] and [y] give [x * y]; b may be any number of 64 bits. */
static inline uint64_t
montgomery_multiply(const struct montgomery *m, uint64_t a, uint64_t b)
{
    return montgomery_multiply_subtract(m, a, b, 0);
}

/* [x] for any x of 64 bits. */
static inline uint64_t
montgomery_of(const struct montgomery *m, uint64_t x)
{
    return montgomery_multiply(m, m->square, x);
}

#endif
