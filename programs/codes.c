/* SPDX-License-Identifier: MIT */
#include <config.h>

#include "codes.h"

#include <stdlib.h>
#include <strings.h>

const char *const codes_all[] = {
#include "codes-table.h"
};
const size_t codes_count = sizeof codes_all / sizeof *codes_all;

static int
compare(const void *cc, const void *entry)
{
    return strcasecmp(cc, *(const char *const *)entry);
}

bool
codes_known(const char *cc)
{
    return bsearch(cc, codes_all, codes_count, sizeof *codes_all, compare) != NULL;
}
