/* SPDX-License-Identifier: MIT */
#include "server_body.h"

#include <string.h>
#include <sys/socket.h>
#include <sys/types.h>

#include "clock.h"

/* Dissolving the association, as connect(2) calls it, sends RST right away; closing the socket might send FIN first. */
void
server_body_reset(struct MHD_Connection *connection)
{
    struct sockaddr nobody = { .sa_family = AF_UNSPEC };

    (void)!connect(server_sleep_descriptor(connection), &nobody, sizeof nobody);
}

/* What has been sent is all there is: end badly, or say nothing more. */
static ssize_t
end(struct server_body *body)
{
    if (body->fault == SERVER_FAULT_RESET_MIDWAY)
        server_body_reset(body->sleeper->connection);
    if (body->fault == SERVER_FAULT_STALL && server_sleep_until(body->sleep, body->sleeper, SERVER_SLEEP_FOREVER))
        return 0;
    return MHD_CONTENT_READER_END_WITH_ERROR;
}

/* Give libmicrohttpd the next bytes; or 0 after putting the connection to sleep, in which case it asks again later. */
static ssize_t
read_body(void *closure, uint64_t position, char *buffer, size_t max)
{
    struct server_body *body = closure;
    size_t size = body->end - (size_t)position;

    if (body->sleeper->over)
        return MHD_CONTENT_READER_END_WITH_ERROR;
    if (size == 0)
        return end(body);
    if (body->pause > 0 && clock_now() < body->next)
        return server_sleep_until(body->sleep, body->sleeper, body->next) ? 0 : MHD_CONTENT_READER_END_WITH_ERROR;
    body->next += body->pause;
    if (size > body->drop)
        size = body->drop;
    if (size > max)
        size = max;
    memcpy(buffer, body->answer->body + position, size);
    return (ssize_t)size;
}

/* Space the drops a tenth of a second apart, or further if that makes them smaller than a byte. */
static void
space_out(struct server_body *body, double rate)
{
    body->drop = rate < 10 ? 1 : (size_t)(rate / 10);
    body->pause = (int64_t)((double)body->drop / rate * 1e9);
    body->next = clock_now() + body->pause;
}

struct MHD_Response *
server_body_start(struct server_body *body, double drip_rate)
{
    const struct server_answer *answer = body->answer;
    uint64_t announced = body->fault == SERVER_FAULT_CHUNKED_CUT ? MHD_SIZE_UNKNOWN : answer->size;
    struct MHD_Response *response;

    body->end = body->fault == SERVER_FAULT_DRIP ? answer->size : answer->size / 2;
    body->drop = answer->size;
    body->pause = 0;
    if (body->fault == SERVER_FAULT_DRIP)
        space_out(body, drip_rate);
    response = MHD_create_response_from_callback(announced, answer->size + 1, read_body, body, NULL);
    if (response != NULL && MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, answer->type) != MHD_YES) {
        MHD_destroy_response(response);
        return NULL;
    }
    return response;
}
