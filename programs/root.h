/* SPDX-License-Identifier: MIT */
/* root.h - square roots of whole numbers. */

#ifndef ROOT_H
#define ROOT_H 1

#include <stdint.h>

/* The largest integer whose square is not above n. */
static inline uint64_t
root_below(uint64_t n)
{
    uint64_t root = 0;
    for (uint64_t bit = UINT64_C(1) << 31; bit != 0; bit >>= 1) {
        if ((root + bit) * (root + bit) <= n)
            root += bit;
    }
    return root;
}

#endif
