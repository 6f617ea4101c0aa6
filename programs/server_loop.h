/* SPDX-License-Identifier: MIT */
/* The loop that serves, in one thread, until a signal ends it. */

#ifndef SERVER_LOOP_H
#define SERVER_LOOP_H 1

#include <stdbool.h>

#include "server_requests.h"

/* Block SIGINT and SIGTERM, and return a descriptor from which they can be read; or -1, with errno set. */
int server_loop_signals(void);

/*
 * Serve the clients of a listening socket, which is closed in the end, until a signal can be read.  Return false, after
 * a message, if that is not how it ended.
 */
bool server_loop_run(struct server_requests *requests, int listener, int signals);

#endif
