/* SPDX-License-Identifier: MIT */
/*
 * Country codes.
 *
 * Every pair of letters has a place, from 0 for AA to 675 for ZZ, whether or not a country has it, so that tables about
 * codes are arrays indexed by place.
 */

#ifndef CODES_H
#define CODES_H 1

#include <stddef.h>

/* The codes of data/country_codes.txt, each two capital letters, sorted, and how many they are. */
extern const char *const codes_all[];
extern const size_t codes_count;

/* The countries with the most people, most first, who have most of the flags that anybody looks for. */
#define CODES_POPULOUS 20
extern const char *const codes_populous[CODES_POPULOUS];

/* The number of an ASCII letter of either case, from 0, or -1. */
int codes_letter(char c);

/* The place of the two letters, of either case, that text begins with; -1 if it does not. */
#define CODES_PLACES 676
int codes_place(const char *text);

/* Write the pair of letters that has this place, in capitals. */
void codes_at(int place, char code[3]);

#endif
