/* SPDX-License-Identifier: MIT */
/* processes-t.c - the common table on process pools. */

#include "kinds.h"

static const struct exemption exempt[] = {
    { "short_items_travel_together", "one that kills its worker is to cost no other" },
    { NULL, NULL },
};

int
main(void)
{
    const struct kind processes = { .name = "processes", .open = cf_process_pool, .worker = "pid ", .exempt = exempt };

    return kinds_main(&processes);
}
