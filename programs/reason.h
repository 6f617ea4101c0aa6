/* SPDX-License-Identifier: MIT */
/* The words for the status codes of HTTP. */

#ifndef REASON_H
#define REASON_H 1

/* The reason phrase that is usual for an HTTP status, "Unknown" if there is none. */
const char *reason_phrase(int status);

#endif
