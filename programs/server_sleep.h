/* SPDX-License-Identifier: MIT */
/*
 * Connections that sleep, and what wakes them.
 *
 * A request that has to wait has its connection suspended and lies in a heap ordered by the time when it is due, so
 * that thousands may wait at once and none of them holds a thread.  One that is due at SERVER_SLEEP_FOREVER wakes only
 * when its client hangs up, or when the server stops.  Everything here runs in the thread that runs the daemon.
 *
 * That a client hangs up is watched for here, also while its connection is awake: libmicrohttpd looks at a connection
 * when something happens to it, reads what is there and waits for the next thing to happen.  If the client had hung up
 * by then, nothing ever will.
 */

#ifndef SERVER_SLEEP_H
#define SERVER_SLEEP_H 1

#include <microhttpd.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#define SERVER_SLEEP_FOREVER INT64_MAX

/* One connection.  It stays where it is. */
struct server_sleeper {
    struct MHD_Connection *connection;
    int64_t due; /* of clock_now() */
    size_t slot; /* its index in the heap */
    bool asleep;
    bool hung_up; /* the client will send no more; it may still read */
    bool over;    /* it slept for ever and was woken */
};

struct server_sleep {
    struct server_sleeper **heap; /* each is due no later than the two at twice its index, plus 1 and 2 */
    size_t count;
    size_t room;
    int watch; /* an epoll descriptor with all connections: readable when the client of one hangs up */
};

/* Return the socket of a connection, or -1. */
int server_sleep_descriptor(struct MHD_Connection *connection);

/* Prepare an empty heap.  Return false, with errno set, if there is no descriptor left. */
bool server_sleep_open(struct server_sleep *sleep);

/* Free what server_sleep_open() took.  Requires that nobody sleeps. */
void server_sleep_close(struct server_sleep *sleep);

/*
 * Watch for the end of a connection, whose sleeper has its ->connection set, until libmicrohttpd closes it.  Return
 * false if that cannot be done.
 */
bool server_sleep_watch(struct server_sleep *sleep, struct server_sleeper *sleeper);

/*
 * Suspend the sleeper's connection until the time given.  To be called from the daemon's handlers only.  Return false,
 * with nothing changed, if memory is short, or if it is for ever and the client has hung up.
 */
bool server_sleep_until(struct server_sleep *sleep, struct server_sleeper *sleeper, int64_t due);

/* Write how long the server may wait before somebody is due; return false if nobody will ever be. */
bool server_sleep_next(const struct server_sleep *sleep, struct timespec *wait);

/* Resume those who are due; and those whose client has hung up, if they sleep for ever. */
void server_sleep_wake(struct server_sleep *sleep);

/* Resume everybody, because the server stops. */
void server_sleep_wake_all(struct server_sleep *sleep);

#endif
