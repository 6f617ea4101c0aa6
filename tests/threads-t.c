/* SPDX-License-Identifier: MIT */
/* threads-t.c - the common table on thread pools, which are exempt from nothing. */

#include "kinds.h"

int
main(void)
{
    const struct kind threads = { .name = "threads", .open = cf_thread_pool, .worker = "thread " };

    return kinds_main(&threads);
}
