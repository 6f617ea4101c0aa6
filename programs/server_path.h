/* SPDX-License-Identifier: MIT */
/*
 * Which code a request is about.
 *
 * To the places of codes.h comes one more, which all other requests share.
 */

#ifndef SERVER_PATH_H
#define SERVER_PATH_H 1

#include "codes.h"

#define SERVER_PATH_OTHER CODES_PLACES
#define SERVER_PATH_PLACES (CODES_PLACES + 1)

/* Return the place of the two letters, of either case, that a string begins with; SERVER_PATH_OTHER if it does not. */
int server_path_place(const char *code);

/* Return the place that the path of a request names: that of br for /flags/br/br.png, which any prefix may precede. */
int server_path_of_url(const char *url);

/* Write the code of a place, in capitals, or an empty string for SERVER_PATH_OTHER. */
void server_path_code(int place, char code[3]);

#endif
