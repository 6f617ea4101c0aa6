/* SPDX-License-Identifier: MIT */
/* processes-t.c - the common table on process pools. */

#include "kinds.h"

int
main(void)
{
    const struct kind processes = { .name = "processes", .open = cf_process_pool, .worker = "pid " };

    return kinds_main(&processes);
}
