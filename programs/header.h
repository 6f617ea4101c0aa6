/* SPDX-License-Identifier: MIT */
/* What libcurl does not check in the headers of answers. */

#ifndef HEADER_H
#define HEADER_H 1

#include <stdbool.h>
#include <stddef.h>

/* More bytes of headers than this, trailers and redirects included, are too many for one fetch. */
#define HEADER_MAX ((size_t)1 << 20)

struct header {
    size_t bytes;    /* of all answers, trailers too */
    bool ended;      /* that of the last answer, as libcurl takes one that breaks off for a whole one without a body */
    bool conflict;   /* the last answer gives two lengths, of which libcurl would take one, or one beyond reason */
    char length[24]; /* the first Content-Length that it gives, or "" */
    char reason[64]; /* its reason phrase */
};

/* Take a line of a header or trailer, which begins a new answer if it begins with HTTP/.  Return false to refuse it. */
bool header_take(struct header *, const char *line, size_t len);

#endif
