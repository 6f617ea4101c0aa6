/* SPDX-License-Identifier: MIT */
/* Numbers in the text of options. */

#ifndef SERVER_NUMBER_H
#define SERVER_NUMBER_H 1

#include <stdbool.h>
#include <stdint.h>

/*
 * Read a number that stands alone between two bounds, which belong to it.  Return false, with nothing written, if the
 * text is anything else: empty, a number with a sign, spaces or letters around it, infinite, or out of bounds.
 */
bool server_number_whole(const char *text, uint64_t min, uint64_t max, uint64_t *value);
bool server_number_real(const char *text, double min, double max, double *value);

#endif
