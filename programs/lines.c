/* SPDX-License-Identifier: MIT */
#include "lines.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "interrupt.h"
#include "numbers.h"

static void
examine(struct lines *lines)
{
    off_t position = lseek(lines->fd, 0, SEEK_CUR);
    struct stat file;

    lines->is_file = fstat(lines->fd, &file) == 0 && S_ISREG(file.st_mode);
    if (lines->is_file && position >= 0 && file.st_size > position)
        lines->file_size = (uint64_t)(file.st_size - position);
}

static bool
is_standard_input(const char *path)
{
    return strcmp(path, "-") == 0;
}

const char *
lines_name(const char *path)
{
    return is_standard_input(path) ? "standard input" : path;
}

struct lines *
lines_open(const char *path)
{
    int fd = is_standard_input(path) ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    struct lines *lines = fd != -1 ? calloc(1, sizeof *lines) : NULL;

    if (lines != NULL) {
        lines->fd = fd;
        examine(lines);
    } else if (fd > STDIN_FILENO) {
        close(fd);
    }
    return lines;
}

/* Make room for another block and a newline. */
static int
reserve(struct lines *lines)
{
    size_t size = lines->used + LINES_BLOCK + 1;
    char *buffer;

    if (size <= lines->size)
        return 0;
    if (size < 2 * lines->size)
        size = 2 * lines->size;
    buffer = realloc(lines->buffer, size);
    if (buffer == NULL)
        return -1;
    lines->buffer = buffer;
    lines->size = size;
    return 0;
}

/* As read(2), but -1 with ECANCELED when there is a reason to stop. */
static ssize_t
read_unless_stopped(struct lines *lines, int stop_fd)
{
    struct pollfd fds[] = {
        { .fd = lines->fd, .events = POLLIN },
        { .fd = interrupt_fd(), .events = POLLIN },
        { .fd = stop_fd, .events = POLLIN },
    };
    ssize_t n;

    do {
        if (poll(fds, 3, -1) < 0)
            continue;
        if (fds[1].revents != 0 || fds[2].revents != 0) {
            errno = ECANCELED;
            return -1;
        }
        n = read(lines->fd, lines->buffer + lines->used, LINES_BLOCK);
        if (n >= 0 || (errno != EINTR && errno != EAGAIN))
            return n;
    } while (true);
}

/* Drop the rest of a line that is too long, up to its newline, from the n new characters.  Return how many are left. */
static size_t
skip(struct lines *lines, size_t n)
{
    char *new = lines->buffer + lines->used;
    char *newline = memchr(new, '\n', n);
    size_t dropped = newline != NULL ? (size_t)(newline - new) : n;

    lines->skipping = newline == NULL;
    memmove(new, new + dropped, n - dropped);
    return n - dropped;
}

/* Add the n new characters to the buffer.  Return how many of all its characters are whole lines. */
static size_t
add(struct lines *lines, size_t n)
{
    char *last;

    if (lines->skipping)
        n = skip(lines, n);
    last = memrchr(lines->buffer + lines->used, '\n', n);
    lines->used += n;
    if (last != NULL)
        return (size_t)(last + 1 - lines->buffer);
    if (lines->used > NUMBERS_LINE_MAX) {
        lines->used = NUMBERS_LINE_MAX + 1;
        lines->skipping = true;
    }
    return 0;
}

/* Give away the buffer with so many characters of whole lines, and begin a new one with the rest. */
static char *
hand_out(struct lines *lines, size_t len)
{
    char *block = lines->buffer;
    size_t rest = lines->used - len;
    struct lines next = *lines;

    next.used = rest;
    next.size = rest + LINES_BLOCK + 1;
    next.buffer = malloc(next.size);
    if (next.buffer == NULL)
        return NULL;
    memcpy(next.buffer, block + len, rest);
    *lines = next;
    return block;
}

/* What is left at the end is a line as well, if there is something. */
static size_t
finish(struct lines *lines)
{
    lines->ended = true;
    if (lines->used > 0)
        lines->buffer[lines->used++] = '\n';
    return lines->used;
}

/* Set *len to the length of what is to be handed out next.  Return 0, or -1 with errno. */
static int
gather(struct lines *lines, int stop_fd, size_t *len)
{
    *len = 0;
    while (*len == 0 && !lines->ended) {
        ssize_t n;

        if (reserve(lines) != 0)
            return -1;
        n = read_unless_stopped(lines, stop_fd);
        if (n < 0)
            return -1;
        *len = n > 0 ? add(lines, (size_t)n) : finish(lines);
    }
    return 0;
}

char *
lines_read(struct lines *lines, int stop_fd, size_t *len)
{
    char *block = NULL;

    *len = 0;
    if (lines->ended)
        return NULL;
    if (gather(lines, stop_fd, len) != 0 || (*len > 0 && (block = hand_out(lines, *len)) == NULL)) {
        lines->error = errno != ECANCELED ? errno : 0;
        lines->ended = true;
        *len = 0;
    }
    return block;
}

void
lines_close(struct lines *lines)
{
    if (lines == NULL)
        return;
    if (lines->fd > STDIN_FILENO)
        close(lines->fd);
    free(lines->buffer);
    free(lines);
}
