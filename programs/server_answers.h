/* SPDX-License-Identifier: MIT */
/*
 * The answers that the server can give, made once and sent as often as they are asked for.
 *
 * libmicrohttpd sends the header and the body of such an answer with one system call.
 */

#ifndef SERVER_ANSWERS_H
#define SERVER_ANSWERS_H 1

#include <microhttpd.h>
#include <stdbool.h>
#include <stddef.h>

#include "server_files.h"

struct server_answer {
    unsigned status;
    const char *type;
    const char *body;
    size_t size;
    struct MHD_Response *response;
};

#define SERVER_ANSWERS_LOWEST_ERROR 400
#define SERVER_ANSWERS_ERRORS 200

struct server_answers {
    struct server_answer flags[CODES_PLACES];           /* by place; no response where there is no flag */
    struct server_answer errors[SERVER_ANSWERS_ERRORS]; /* from 400 to 599 */
    char texts[SERVER_ANSWERS_ERRORS][64];              /* the bodies of the errors */
};

/*
 * Prepare the answers for these files, which must last as long.  With retry_after other than NULL, 429 and 503 carry it
 * as their Retry-After.  Return false if memory is short; server_answers_free() is due in either case.
 */
bool server_answers_make(struct server_answers *answers, const struct server_files *files, const char *retry_after);

void server_answers_free(struct server_answers *answers);

/* Return the answer with a status from 400 to 599. */
const struct server_answer *server_answers_error(const struct server_answers *answers, unsigned status);

/* Return the flag at a place, or else 404. */
const struct server_answer *server_answers_flag(const struct server_answers *answers, int place);

#endif
