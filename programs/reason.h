/* SPDX-License-Identifier: MIT */
/* The words that come with a status of HTTP. */

#ifndef REASON_H
#define REASON_H 1

#include <stddef.h>

/*
 * From the first line of an answer, such as "HTTP/1.1 418 I'm a Teapot", copy the reason phrase, which may be empty.
 */
void reason_read(const char *line, size_t len, char *reason, size_t size);

/* The reason phrase that is usual for a status, "Unknown" if there is none. */
const char *reason_phrase(int status);

/* The one that the server gave, if it gave any, or else the usual one. */
const char *reason_told(int status, const char *given);

/*
 * Copy what a server said, as far as there is room.  It may hold anything; what cannot be printed in one line in any
 * locale, or stand in JSON, becomes a question mark.
 */
void reason_copy(char *to, size_t size, const char *from, size_t len);

#endif
