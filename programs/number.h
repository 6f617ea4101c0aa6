/* SPDX-License-Identifier: MIT */
/* Numbers in the text of options. */

#ifndef NUMBER_H
#define NUMBER_H 1

#include <stdbool.h>
#include <stdint.h>

/*
 * Read a number that stands alone between two bounds, which belong to it.  Return false, with nothing written, if the
 * text is anything else: empty, a number with a sign, spaces or letters around it, infinite, or out of bounds.
 */
bool number_whole(const char *text, uint64_t min, uint64_t max, uint64_t *value);
bool number_real(const char *text, double min, double max, double *value);

#endif
