/* SPDX-License-Identifier: MIT */
#include "server_socket.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "cli.h"

static void
explain(const char *address, unsigned port)
{
    switch (errno) {
    case EADDRINUSE:
        cli_error("port %u on %s is in use: choose another with --port, or any free one with --port 0", port, address);
        break;
    case EACCES:
        cli_error("port %u on %s: %s: choose one above 1023 with --port", port, address, strerror(errno));
        break;
    case EADDRNOTAVAIL:
        cli_error("--bind: %s is not an address of this machine", address);
        break;
    default:
        cli_error("port %u on %s: %s", port, address, strerror(errno));
    }
}

static struct addrinfo *
resolve(const char *address, unsigned port)
{
    struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE | AI_NUMERICSERV };
    struct addrinfo *found = NULL;
    char service[16];
    int error;

    snprintf(service, sizeof service, "%u", port);
    error = getaddrinfo(address, service, &hints, &found);
    if (error != 0)
        cli_error("--bind: '%s': %s", address, error == EAI_SYSTEM ? strerror(errno) : gai_strerror(error));
    return error == 0 ? found : NULL;
}

static bool
set_options(int fd)
{
    static const int on = 1;

    return setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) == 0 &&
           setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) == 0;
}

/* Write the name of a bound socket, where port 0 has become a real one. */
static bool
name_socket(int fd, char name[SERVER_SOCKET_NAME])
{
    struct sockaddr_storage bound = { .ss_family = AF_UNSPEC };
    socklen_t len = sizeof bound;
    char host[64];
    char port[8];

    if (getsockname(fd, (struct sockaddr *)&bound, &len) != 0)
        return false;
    if (getnameinfo((struct sockaddr *)&bound, len, host, sizeof host, port, sizeof port,
                    NI_NUMERICHOST | NI_NUMERICSERV) != 0) {
        errno = EAFNOSUPPORT;
        return false;
    }
    snprintf(name, SERVER_SOCKET_NAME, bound.ss_family == AF_INET6 ? "[%s]:%s" : "%s:%s", host, port);
    return true;
}

int
server_socket_listen(const char *address, unsigned port, char name[SERVER_SOCKET_NAME])
{
    struct addrinfo *where = resolve(address, port);
    int fd;

    if (where == NULL)
        return -1;
    fd = socket(where->ai_family, where->ai_socktype | SOCK_NONBLOCK | SOCK_CLOEXEC, where->ai_protocol);
    if (fd < 0 || !set_options(fd) || bind(fd, where->ai_addr, where->ai_addrlen) != 0 || listen(fd, SOMAXCONN) != 0 ||
        !name_socket(fd, name)) {
        explain(address, port);
        if (fd >= 0)
            close(fd);
        fd = -1;
    }
    freeaddrinfo(where);
    return fd;
}
