/* SPDX-License-Identifier: MIT */
/*
 * Connections that sleep, and what wakes them.
 *
 * A request that has to wait has its connection suspended and lies in a heap ordered by the time when it is due, so
 * that thousands may wait at once and none of them holds a thread.  One that is due at SERVER_SLEEP_FOREVER wakes only
 * when its client hangs up, or when the server stops.  Everything here runs in the thread that runs the daemon.
 */

#ifndef SERVER_SLEEP_H
#define SERVER_SLEEP_H 1

#include <microhttpd.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#define SERVER_SLEEP_FOREVER INT64_MAX

/* The part of a request that sleeps.  It stays where it is while it does. */
struct server_sleeper {
    struct MHD_Connection *connection;
    int64_t due;  /* nanoseconds of the monotonic clock */
    size_t slot;  /* its index in the heap */
    bool hung_up; /* the client left while it slept for ever */
};

struct server_sleep {
    struct server_sleeper **heap; /* each is due no later than the two at twice its index, plus 1 and 2 */
    size_t count;
    size_t room;
    size_t endless; /* how many sleep for ever */
    int watch;      /* an epoll descriptor with their connections: readable when one has hung up */
};

/* Return the time on the monotonic clock in nanoseconds. */
int64_t server_sleep_now(void);

/* Return the socket of a connection, or -1. */
int server_sleep_descriptor(struct MHD_Connection *connection);

/* Prepare an empty heap.  Return false, with errno set, if there is no descriptor left. */
bool server_sleep_open(struct server_sleep *sleep);

/* Free what server_sleep_open() took.  Requires that nobody sleeps. */
void server_sleep_close(struct server_sleep *sleep);

/*
 * Suspend the sleeper's connection until the time given.  To be called from the daemon's handlers only.  Return false,
 * with nothing changed, if memory or descriptors are short.
 */
bool server_sleep_until(struct server_sleep *sleep, struct server_sleeper *sleeper, int64_t due);

/* Write how long the server may wait before somebody is due; return false if nobody will ever be. */
bool server_sleep_next(const struct server_sleep *sleep, struct timespec *wait);

/* Resume those who are due and those whose client has hung up. */
void server_sleep_wake(struct server_sleep *sleep);

/* Resume everybody, because the server stops. */
void server_sleep_wake_all(struct server_sleep *sleep);

#endif
