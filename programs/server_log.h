/* SPDX-License-Identifier: MIT */
/*
 * The log: one JSON object per request and line.
 *
 * A line is written just before its answer is sent, or its fault begins, so that a client that has an answer finds the
 * line in the file.  A request that never gets so far, as when the server stops first, has a line with no status and no
 * fault, written when it ends.
 */

#ifndef SERVER_LOG_H
#define SERVER_LOG_H 1

#include <stdbool.h>
#include <stdint.h>

#include "server_plan.h"

struct server_log {
    const char *name;
    int fd;      /* -1: no log is kept */
    int signals; /* a descriptor that is readable when the server shall end; -1: none */
    bool failed;
};

/* What a line tells. */
struct server_log_entry {
    double time;              /* when the request arrived, in seconds since 1970 */
    double seconds;           /* from then until now */
    unsigned long connection; /* counts the accepted connections from 1 */
    unsigned long request;    /* counts the requests from 1 */
    const char *method;
    const char *path;
    unsigned status; /* 0: no status was sent */
    uint64_t bytes;  /* of the body, as far as it will be sent */
    const struct server_plan *plan;
};

/* Create or empty the file; "-" is stdout.  Return false, after a message, if that cannot be done. */
bool server_log_open(struct server_log *log, const char *name);

/* Write a line.  The first failure prints a message and ends the log. */
void server_log_write(struct server_log *log, const struct server_log_entry *entry);

/* Return false, after a message if there has been none, if a part of the log is missing. */
bool server_log_close(struct server_log *log);

#endif
