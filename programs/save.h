/* SPDX-License-Identifier: MIT */
/*
 * Saving files so that each appears under its name only when it is whole.
 */

#ifndef SAVE_H
#define SAVE_H 1

#include <stddef.h>

/* A folder to save in.  Threads may share it. */
struct save_folder {
    const char *path;
    int fd;
};

/*
 * Open the folder at path, made with its parents if it is not there, and see whether files can be made in it.  Return
 * 0, or -1 with errno.  The path is not copied.
 */
int save_open(struct save_folder *, const char *path);

/*
 * Save a file, in the place of one that has that name already.  Return 0; or -1 with errno, and nothing has changed.
 */
int save_file(const struct save_folder *, const char *name, const void *data, size_t size);

#endif
