/* SPDX-License-Identifier: MIT */
/* The monotonic clock. */

#ifndef CLOCK_H
#define CLOCK_H 1

#include <stdint.h>

/* The time in nanoseconds, and how many of them a second has.  It may be asked for in a signal handler. */
#define CLOCK_SECOND INT64_C(1000000000)
int64_t clock_now(void);

/* How many seconds have passed since then. */
double clock_since(int64_t then);

/* Round to microseconds, for people: more digits would be noise. */
double clock_rounded(double seconds);

#endif
