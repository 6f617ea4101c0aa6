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
    const double then = (double)now + seconds * 1e9;

    if (!(then < 9.2e18))
        return CF_NEVER;
    /* 0 is what options say for none. */
    return then < 1 ? 1 : now + (cf_time)(seconds * 1e9);
}
