/* SPDX-License-Identifier: MIT */
#include "choose_files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli.h"

#define PIECE 65536
#define NAME_SIZE 32

_Noreturn static void
fail(const char *what)
{
    cli_error("%s: %s", what, strerror(errno));
    exit(CLI_FAILED);
}

/* Fill a file so that it is on the disk.  Return 0, or -1 with errno. */
static int
fill(FILE *file, size_t size, int byte)
{
    unsigned char piece[PIECE];

    memset(piece, byte, sizeof piece);
    for (size_t part; size > 0; size -= part) {
        part = size < sizeof piece ? size : sizeof piece;
        if (fwrite(piece, 1, part, file) != part)
            return -1;
    }
    return fflush(file) == 0 ? fsync(fileno(file)) : -1;
}

/* The file stays open, since its name is that of its descriptor. */
static char *
make_file(size_t size, int byte)
{
    FILE *file = tmpfile();
    char *name = malloc(NAME_SIZE);

    if (file == NULL || name == NULL || fill(file, size, byte) != 0)
        fail("temporary file");
    snprintf(name, NAME_SIZE, "/proc/self/fd/%d", fileno(file));
    return name;
}

void
choose_files_make(struct choose_files *files, size_t count, size_t size)
{
    *files =
        (struct choose_files){ .paths = calloc(count + 1, sizeof *files->paths), .bytes = count * size, .made = true };
    if (files->paths == NULL)
        cli_no_memory();
    while (files->count < count) {
        files->paths[files->count] = make_file(size, (int)files->count);
        files->count++;
    }
}

void
choose_files_take(struct choose_files *files, char **paths)
{
    struct stat file;

    *files = (struct choose_files){ .paths = paths };
    for (; paths[files->count] != NULL; files->count++) {
        if (stat(paths[files->count], &file) != 0)
            fail(paths[files->count]);
        files->bytes += (unsigned long long)file.st_size;
    }
}

void
choose_files_drop(const struct choose_files *files)
{
    for (size_t i = 0; i < files->count; i++) {
        const int fd = open(files->paths[i], O_RDONLY | O_CLOEXEC);

        if (fd == -1)
            continue;
        posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
        close(fd);
    }
}

void
choose_files_free(struct choose_files *files)
{
    if (!files->made)
        return;
    for (size_t i = 0; i < files->count; i++)
        free(files->paths[i]);
    free(files->paths);
}
