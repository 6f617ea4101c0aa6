/* SPDX-License-Identifier: MIT */
/* Bodies that are sent badly: they end too soon, stop halfway, or come in drips. */

#ifndef SERVER_BODY_H
#define SERVER_BODY_H 1

#include <stdint.h>

#include "server_answers.h"
#include "server_faults.h"
#include "server_sleep.h"

/* One body on its way.  It stays where it is until its request has ended. */
struct server_body {
    const struct server_answer *answer;
    enum server_fault fault;
    struct server_sleep *sleep;
    struct server_sleeper *sleeper;
    size_t end;    /* how many bytes are sent in all */
    size_t drop;   /* how many bytes come at a time */
    int64_t pause; /* nanoseconds from one drop to the next; 0 if they are not spaced out */
    int64_t next;  /* when the next drop falls */
};

/*
 * Prepare to send an answer with one of the faults that are in the body, in drips of so many bytes per second.  Return
 * the response to queue, or NULL if memory is short.
 */
struct MHD_Response *server_body_start(struct server_body *body, double drip_rate);

/* Reset a connection at once, discarding what has not been sent.  libmicrohttpd still has to be told to close it. */
void server_body_reset(struct MHD_Connection *connection);

#endif
