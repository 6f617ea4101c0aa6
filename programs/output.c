/* SPDX-License-Identifier: MIT */
#include "output.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <unistd.h>

#include "write.h"

/* How long a reader that is only slow may take to make room, once the program has been told to stop. */
#define PATIENCE_MILLISECONDS 100

struct output {
    int fd;
    int stop_fd;
    bool given_up;
};

static ssize_t
put(void *cookie, const char *data, size_t size)
{
    struct output *output = cookie;

    if (output->given_up || write_unless(output->fd, data, size, output->stop_fd, PATIENCE_MILLISECONDS) == 0)
        return (ssize_t)size;
    output->given_up = errno == ECANCELED;
    return output->given_up ? (ssize_t)size : 0;
}

static int
end(void *cookie)
{
    const struct output *output = cookie;

    return close(output->fd);
}

static FILE *
open_stream(struct output *output, int buffering)
{
    FILE *stream = fopencookie(output, "w", (cookie_io_functions_t){ .write = put, .close = end });

    if (stream != NULL)
        setvbuf(stream, NULL, buffering, BUFSIZ);
    return stream;
}

int
output_open(int stop_fd)
{
    static struct output out = { .fd = STDOUT_FILENO };
    static struct output err = { .fd = STDERR_FILENO };
    FILE *streams[2];

    out.stop_fd = err.stop_fd = stop_fd;
    streams[0] = open_stream(&out, isatty(STDOUT_FILENO) ? _IOLBF : _IOFBF);
    if (streams[0] == NULL)
        return -1;
    streams[1] = open_stream(&err, _IONBF);
    if (streams[1] == NULL)
        return -1;
    stdout = streams[0];
    stderr = streams[1];
    return 0;
}
