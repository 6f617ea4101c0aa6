/* SPDX-License-Identifier: MIT */
/* Text that grows at its end. */

#ifndef BUFFER_H
#define BUFFER_H 1

#include <stdbool.h>
#include <stddef.h>

/* All zero is an empty one.  What finds no memory is left out, and leaves incomplete set. */
struct buffer {
    char *text; /* not terminated */
    size_t used;
    size_t size;
    bool incomplete;
};

void buffer_add(struct buffer *, const void *text, size_t len);
void buffer_format(struct buffer *, const char *format, ...) __attribute__((__format__(__printf__, 2, 3)));

/* Room for len more characters, at its end, or NULL.  Whoever writes there adds to ->used. */
char *buffer_room(struct buffer *, size_t len);

/* Empty it, but keep its memory; free that. */
void buffer_clear(struct buffer *);
void buffer_free(struct buffer *);

#endif
