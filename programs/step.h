/* SPDX-License-Identifier: MIT */
/*
 * step.h - testing several numbers in step.
 *
 * One number's test is a chain of multiplications each of which waits for the one before.  With several such chains the
 * multiplier is busy all the time.
 */

#ifndef STEP_H
#define STEP_H 1

#include <stdint.h>

/* How many numbers go in step.  More would not fit the registers. */
#define STEP_LANES 6

/* A function that is compiled anew for each caller, with the constants he gives: one lane or STEP_LANES, say. */
#define STEP_FUNCTION static inline __attribute__((__always_inline__))

/* Stands before a loop over the lanes, which becomes a row of statements. */
#ifdef __clang__
#define STEP_EACH _Pragma("clang loop unroll(full)")
#else
#define STEP_EACH _Pragma("GCC unroll 8")
#endif

/* The place of the highest bit of x, which is not 0. */
static inline int
step_highest_bit(uint64_t x)
{
    return 63 - __builtin_clzll(x);
}

#endif
