/* SPDX-License-Identifier: MIT */
/* The life of a request, from its arrival over its delay to its answer or its fault. */

#ifndef SERVER_REQUESTS_H
#define SERVER_REQUESTS_H 1

#include <microhttpd.h>

#include "server_answers.h"
#include "server_log.h"
#include "server_options.h"
#include "server_path.h"
#include "server_sleep.h"

/* What all requests share. */
struct server_requests {
    const struct server_options *options;
    struct server_answers answers;
    struct server_sleep sleep;
    struct server_log log;
    unsigned long connections;                  /* how many have been accepted */
    unsigned long count;                        /* how many requests have arrived */
    unsigned long attempts[SERVER_PATH_PLACES]; /* and for each place */
};

/* The three callbacks for MHD_start_daemon(); the closure of each is a struct server_requests. */
enum MHD_Result server_requests_handle(void *closure, struct MHD_Connection *connection, const char *url,
                                       const char *method, const char *version, const char *upload, size_t *upload_size,
                                       void **context);
void server_requests_end(void *closure, struct MHD_Connection *connection, void **context,
                         enum MHD_RequestTerminationCode how);
void server_requests_connection(void *closure, struct MHD_Connection *connection, void **context,
                                enum MHD_ConnectionNotificationCode what);

#endif
