/* SPDX-License-Identifier: MIT */
/* The country codes of data/country_codes.txt. */

#ifndef CODES_H
#define CODES_H 1

#include <stdbool.h>
#include <stddef.h>

/* The codes, each two capital letters, sorted, and how many they are. */
extern const char *const codes_all[];
extern const size_t codes_count;

/* Whether cc, in capital or small letters, is one of them. */
bool codes_known(const char *cc);

#endif
