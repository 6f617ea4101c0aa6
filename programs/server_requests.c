/* SPDX-License-Identifier: MIT */
#include "server_requests.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "clock.h"
#include "server_body.h"

struct server_request {
    struct server_requests *all;
    struct server_sleeper *sleeper; /* its connection's */
    struct server_plan plan;
    struct server_body body;
    struct timespec time;     /* its arrival, since 1970 */
    int64_t arrived;          /* the same on the monotonic clock */
    unsigned long connection; /* the numbers that the log gives */
    unsigned long number;
    bool rested; /* the delay is over */
    bool logged;
    bool readable; /* it is a GET or HEAD */
    bool head;
    const char *method; /* within text, after the path */
    char path[];
};

struct peer {
    struct server_sleeper sleeper;
    unsigned long number; /* in the order in which the connections were accepted */
};

static struct peer *
meet(struct server_requests *all, struct MHD_Connection *connection)
{
    struct peer *peer = malloc(sizeof *peer);

    if (peer == NULL)
        return NULL;
    *peer = (struct peer){ .sleeper = { .connection = connection }, .number = ++all->connections };
    if (server_sleep_watch(&all->sleep, &peer->sleeper))
        return peer;
    free(peer);
    return NULL;
}

/* A connection that is not to be had can only be ended here by ending what comes and goes over it. */
void
server_requests_connection(void *closure, struct MHD_Connection *connection, void **context,
                           enum MHD_ConnectionNotificationCode what)
{
    if (what == MHD_CONNECTION_NOTIFY_STARTED) {
        *context = meet(closure, connection);
        if (*context == NULL)
            shutdown(server_sleep_descriptor(connection), SHUT_RDWR);
    } else {
        free(*context);
        *context = NULL;
    }
}

static struct peer *
peer_of(struct MHD_Connection *connection)
{
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);

    return info == NULL ? NULL : info->socket_context;
}

/*
 * Arrival and end.
 */

/* Decide what happens to the request, once and for all. */
static void
plan(struct server_request *request)
{
    struct server_requests *all = request->all;
    int place = request->readable ? server_path_of_url(request->path) : SERVER_PATH_OTHER;

    request->plan = server_plan_make(&all->options->odds, place, ++all->attempts[place]);
    /* The answer to HEAD has no body that could suffer. */
    if (request->head && server_faults_in_body(request->plan.fault))
        request->plan.fault = SERVER_FAULT_NONE;
}

static struct server_request *
arrive(struct server_requests *all, struct MHD_Connection *connection, const char *url, const char *method)
{
    size_t path_size = strlen(url) + 1;
    size_t method_size = strlen(method) + 1;
    struct peer *peer = peer_of(connection);
    struct server_request *request = peer == NULL ? NULL : malloc(sizeof *request + path_size + method_size);

    if (request == NULL)
        return NULL;
    *request = (struct server_request){ .all = all, .sleeper = &peer->sleeper, .connection = peer->number };
    clock_gettime(CLOCK_REALTIME, &request->time);
    request->arrived = clock_now();
    request->number = ++all->count;
    request->head = strcmp(method, "HEAD") == 0;
    request->readable = request->head || strcmp(method, "GET") == 0;
    request->method = memcpy(request->path + path_size, method, method_size);
    memcpy(request->path, url, path_size);
    plan(request);
    return request;
}

static void
log_request(struct server_request *request, unsigned status, size_t bytes)
{
    struct server_log_entry entry = {
        .time = (double)request->time.tv_sec + (double)request->time.tv_nsec / 1e9,
        .seconds = (double)(clock_now() - request->arrived) / 1e9,
        .connection = request->connection,
        .request = request->number,
        .method = request->method,
        .path = request->path,
        .status = status,
        .bytes = bytes,
        .plan = &request->plan,
    };

    server_log_write(&request->all->log, &entry);
    request->logged = true;
}

void
server_requests_end(void *closure, struct MHD_Connection *connection, void **context,
                    enum MHD_RequestTerminationCode how)
{
    struct server_request *request = *context;

    (void)closure;
    (void)connection;
    (void)how;
    if (request == NULL)
        return;
    if (!request->logged) {
        /* It ended before anything could go wrong on our side. */
        request->plan.fault = SERVER_FAULT_NONE;
        log_request(request, 0, 0);
    }
    free(request);
    *context = NULL;
}

/*
 * Answers and faults.  Each returns what the handler returns: MHD_NO closes the connection without an answer.
 */

static enum MHD_Result
answer_well(struct server_request *request, const struct server_answer *answer)
{
    log_request(request, answer->status, request->head ? 0 : answer->size);
    return MHD_queue_response(request->sleeper->connection, answer->status, answer->response);
}

static enum MHD_Result
answer_badly(struct server_request *request, const struct server_answer *answer)
{
    struct server_requests *all = request->all;
    struct MHD_Response *response;
    enum MHD_Result result;

    request->body = (struct server_body){
        .answer = answer, .fault = request->plan.fault, .sleep = &all->sleep, .sleeper = request->sleeper
    };
    response = server_body_start(&request->body, all->options->drip_rate);
    if (response == NULL)
        return MHD_NO;
    log_request(request, answer->status, request->body.end);
    result = MHD_queue_response(request->sleeper->connection, answer->status, response);
    MHD_destroy_response(response);
    return result;
}

static enum MHD_Result
hang(struct server_request *request)
{
    log_request(request, 0, 0);
    return server_sleep_until(&request->all->sleep, request->sleeper, SERVER_SLEEP_FOREVER) ? MHD_YES : MHD_NO;
}

static enum MHD_Result
reset(struct server_request *request)
{
    log_request(request, 0, 0);
    server_body_reset(request->sleeper->connection);
    return MHD_NO;
}

/* Nothing has been sent on this connection that the client has not read, so that a few bytes find room at once. */
static enum MHD_Result
send_garbage(struct server_request *request)
{
    static const char garbage[] = "\x15\x03\x01 This is not an answer. \xff\xfe\r\n\r\n";
    int fd = server_sleep_descriptor(request->sleeper->connection);

    log_request(request, 0, 0);
    (void)!send(fd, garbage, sizeof garbage - 1, MSG_NOSIGNAL | MSG_DONTWAIT);
    return MHD_NO;
}

static const struct server_answer *
choose_answer(const struct server_request *request)
{
    const struct server_answers *answers = &request->all->answers;

    if (!request->readable)
        return server_answers_error(answers, MHD_HTTP_METHOD_NOT_ALLOWED);
    if (request->plan.status != 0)
        return server_answers_error(answers, request->plan.status);
    return server_answers_flag(answers, request->plan.place);
}

static enum MHD_Result
answer(struct server_request *request)
{
    switch (request->plan.fault) {
    case SERVER_FAULT_RESET:
        return reset(request);
    case SERVER_FAULT_HANG:
        return hang(request);
    case SERVER_FAULT_GARBAGE:
        return send_garbage(request);
    case SERVER_FAULT_CUT:
    case SERVER_FAULT_CHUNKED_CUT:
    case SERVER_FAULT_RESET_MIDWAY:
    case SERVER_FAULT_STALL:
    case SERVER_FAULT_DRIP:
        return answer_badly(request, choose_answer(request));
    case SERVER_FAULT_NONE:
        break;
    }
    return answer_well(request, choose_answer(request));
}

/*
 * libmicrohttpd calls this when the header has arrived, for each piece of an uploaded body, when all has arrived, and
 * again after each sleep until an answer is queued.
 */
enum MHD_Result
server_requests_handle(void *closure, struct MHD_Connection *connection, const char *url, const char *method,
                       const char *version, const char *upload, size_t *upload_size, void **context)
{
    struct server_request *request = *context;

    (void)version;
    (void)upload;
    if (request == NULL) {
        *context = arrive(closure, connection, url, method);
        return *context != NULL ? MHD_YES : MHD_NO;
    }
    if (*upload_size > 0) {
        *upload_size = 0;
        return MHD_YES;
    }
    if (request->sleeper->over)
        return MHD_NO;
    if (!request->rested) {
        request->rested = true;
        if (request->plan.delay > 0)
            return server_sleep_until(&request->all->sleep, request->sleeper, request->arrived + request->plan.delay)
                       ? MHD_YES
                       : MHD_NO;
    }
    return answer(request);
}
