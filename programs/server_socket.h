/* SPDX-License-Identifier: MIT */
/* The socket on which the server listens. */

#ifndef SERVER_SOCKET_H
#define SERVER_SOCKET_H 1

#include <stddef.h>

/* Room for a host in brackets, a colon and a port. */
#define SERVER_SOCKET_NAME 80

/*
 * Listen on a port of an address, on any free port if it is 0.  Connections inherit TCP_NODELAY.  Write the address and
 * the port as they stand in a URL.  Return the descriptor; or -1, after a message that says what to do.
 */
int server_socket_listen(const char *address, unsigned port, char name[SERVER_SOCKET_NAME]);

#endif
