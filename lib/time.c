/* SPDX-License-Identifier: MIT */
/* time.c - points in time. */

#include <time.h>

#include "core.h"

cf_time
cf_now(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (cf_time)now.tv_sec * 1000000000 + now.tv_nsec;
}

cf_time
cf_after(double seconds)
{
    const cf_time now = cf_now();
    const double furthest = (double)(CF_NEVER - now) / 1e9;

    if (!(seconds < furthest))
        return CF_NEVER;
    if (seconds <= 0)
        return now;
    return now + (cf_time)(seconds * 1e9);
}
