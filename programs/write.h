/* SPDX-License-Identifier: MIT */
/* Writing all of something to a descriptor, in as many pieces as that takes. */

#ifndef WRITE_H
#define WRITE_H 1

#include <stddef.h>

/* Return 0, or -1 with errno and a part may have been written. */
int write_all(int fd, const void *data, size_t size);

/*
 * The same where nobody may be reading, as from a pipe: once stop_fd is readable, unless it is -1, wait no longer than
 * so many milliseconds for room, and then fail with ECANCELED.
 */
int write_unless(int fd, const void *data, size_t size, int stop_fd, int milliseconds);

#endif
