/* SPDX-License-Identifier: MIT */
/* Text for JSON, which is UTF-8, where file names, lines and messages may be anything. */

#ifndef UTF8_H
#define UTF8_H 1

#include <jansson.h>
#include <stddef.h>

/*
 * A string of the len characters at text, in which, if they are not UTF-8, ? stands for all that are not ASCII; or
 * NULL.
 */
json_t *utf8_json(const char *text, size_t len);

#endif
