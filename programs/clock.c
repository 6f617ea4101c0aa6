/* SPDX-License-Identifier: MIT */
#include "clock.h"

#include <time.h>

int64_t
clock_now(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * CLOCK_SECOND + now.tv_nsec;
}

double
clock_since(int64_t then)
{
    return (double)(clock_now() - then) / (double)CLOCK_SECOND;
}

double
clock_rounded(double seconds)
{
    return (double)(int64_t)(seconds * 1e6 + 0.5) / 1e6;
}
