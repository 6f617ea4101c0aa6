/* SPDX-License-Identifier: MIT */
#include "write.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdbool.h>
#include <unistd.h>

/* Write a piece.  Return how much of it was taken, perhaps nothing, or -1. */
static ssize_t
write_some(int fd, const char *data, size_t size)
{
    ssize_t n = write(fd, data, size);

    return n < 0 && (errno == EINTR || errno == EAGAIN) ? 0 : n;
}

int
write_all(int fd, const void *data, size_t size)
{
    const char *at = data;

    while (size > 0) {
        ssize_t n = write_some(fd, at, size);

        if (n < 0)
            return -1;
        at += n;
        size -= (size_t)n;
    }
    return 0;
}

static int
poll_through_signals(struct pollfd *fds, nfds_t count, int milliseconds)
{
    int ready;

    do
        ready = poll(fds, count, milliseconds);
    while (ready < 0 && errno == EINTR);
    return ready;
}

/* Wait for room.  What is wrong with fd counts as room: write() tells what it is. */
static bool
has_room(int fd, int stop_fd, int milliseconds)
{
    struct pollfd fds[] = { { .fd = fd, .events = POLLOUT }, { .fd = stop_fd, .events = POLLIN } };

    return poll_through_signals(fds, 2, -1) < 0 || fds[0].revents != 0 ||
           poll_through_signals(fds, 1, milliseconds) != 0;
}

/* A pipe that has room takes PIPE_BUF bytes without making one wait, but not more. */
int
write_unless(int fd, const void *data, size_t size, int stop_fd, int milliseconds)
{
    const char *at = data;

    while (size > 0) {
        ssize_t n;

        if (!has_room(fd, stop_fd, milliseconds)) {
            errno = ECANCELED;
            return -1;
        }
        n = write_some(fd, at, size < PIPE_BUF ? size : PIPE_BUF);
        if (n < 0)
            return -1;
        at += n;
        size -= (size_t)n;
    }
    return 0;
}
