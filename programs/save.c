/* SPDX-License-Identifier: MIT */
#include "save.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "write.h"

/*
 * Make one folder unless it is there: also where only its making is refused, as on a read-only file system.  If it
 * exists and yet cannot be looked at, as a link to nowhere, what counts is why that is.
 */
static int
make_folder(const char *path)
{
    struct stat file;
    int error;

    if (mkdir(path, 0777) == 0)
        return 0;
    error = errno;
    if (stat(path, &file) == 0)
        return 0;
    if (error != EEXIST)
        errno = error;
    return -1;
}

/* The same for its parents, and then for the folder. */
static int
make_folders(const char *path)
{
    char *copy = strdup(path);
    int result = 0;
    int error;

    if (copy == NULL)
        return -1;
    for (char *at = copy + strspn(copy, "/"); result == 0 && *at != '\0';) {
        char *end = at + strcspn(at, "/");
        char saved = *end;

        *end = '\0';
        result = make_folder(copy);
        *end = saved;
        at = end + strspn(end, "/");
    }
    error = errno;
    free(copy);
    errno = error;
    return result;
}

/* Make a new file of a name that nobody else has or can guess, in name; return its descriptor or -1. */
static int
open_temporary(const struct save_folder *folder, const char *final_name, char *name, size_t size)
{
    uint64_t number;

    if (getrandom(&number, sizeof number, 0) != (ssize_t)sizeof number)
        return -1;
    if (snprintf(name, size, ".%s.%016" PRIx64, final_name, number) >= (int)size) {
        errno = ENAMETOOLONG;
        return -1;
    }
    return openat(folder->fd, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
}

/* Write the file that is open at fd, and close it: some file systems tell only then that there was no room. */
static int
fill(int fd, const void *data, size_t size)
{
    int result = write_all(fd, data, size);
    int error = errno;

    if (close(fd) != 0 && result == 0)
        return -1;
    errno = error;
    return result;
}

int
save_file(const struct save_folder *folder, const char *name, const void *data, size_t size)
{
    char temporary[NAME_MAX + 1];
    int fd = open_temporary(folder, name, temporary, sizeof temporary);
    int error;

    if (fd == -1)
        return -1;
    if (fill(fd, data, size) == 0 && renameat(folder->fd, temporary, folder->fd, name) == 0)
        return 0;
    error = errno;
    unlinkat(folder->fd, temporary, 0);
    errno = error;
    return -1;
}

/* Whether files can be made in the folder, found out by making one. */
static int
try_folder(const struct save_folder *folder)
{
    char temporary[NAME_MAX + 1];
    int fd = open_temporary(folder, "try", temporary, sizeof temporary);

    if (fd == -1)
        return -1;
    close(fd);
    return unlinkat(folder->fd, temporary, 0);
}

int
save_open(struct save_folder *folder, const char *path)
{
    int error;

    folder->path = path;
    folder->fd = -1;
    if (make_folders(path) != 0)
        return -1;
    folder->fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder->fd == -1)
        return -1;
    if (try_folder(folder) == 0)
        return 0;
    error = errno;
    close(folder->fd);
    folder->fd = -1;
    errno = error;
    return -1;
}
