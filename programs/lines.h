/* SPDX-License-Identifier: MIT */
/*
 * Lines of an input, in blocks, as they come.
 *
 * A block is what one read(2) has brought, up to its last newline, so that nobody waits for lines that are there; or
 * it is more than that, if a line is longer.  Memory is bounded: of a line that is too long to be a number only the
 * beginning is kept, still too long.
 */

#ifndef LINES_H
#define LINES_H 1

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What one read(2) asks for. */
#define LINES_BLOCK 65536

struct lines {
    int fd;
    bool is_file;       /* so that there is always something to read, until it ends */
    uint64_t file_size; /* of a file, from where it is read on; else 0 */
    char *buffer;       /* what has been read and not been handed out */
    size_t used;
    size_t size;
    bool skipping; /* the rest of a line that is too long, of which the beginning is in the buffer */
    bool ended;
    int error; /* the errno of what ended it too early, or 0 */
};

/* What to call an input: its path; or, of "-", what that stands for. */
const char *lines_name(const char *path);

/* Open a file, or standard input as "-".  Return NULL, with errno, if that cannot be. */
struct lines *lines_open(const char *path);

/*
 * Wait for the next lines and return them, each with its newline; their length in *len.  The caller frees them.  Return
 * NULL, and 0 in *len, after the last, on an error, after the signal of interrupt.h, and when stop_fd, unless it is -1,
 * is readable.
 */
char *lines_read(struct lines *, int stop_fd, size_t *len);

/* Close the file and free the lines. */
void lines_close(struct lines *);

#endif
