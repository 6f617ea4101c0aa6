/* SPDX-License-Identifier: MIT */
#include "server_answers.h"

#include <stdio.h>
#include <string.h>

#include "reason.h"

/* Make the response of an answer from its other members. */
static bool
make_response(struct server_answer *answer)
{
    /* Persistent means: neither copied nor freed, and, whatever the type says, not written to. */
    answer->response = MHD_create_response_from_buffer(answer->size, (void *)answer->body, MHD_RESPMEM_PERSISTENT);
    return answer->response != NULL &&
           MHD_add_response_header(answer->response, MHD_HTTP_HEADER_CONTENT_TYPE, answer->type) == MHD_YES;
}

static bool
make_error(struct server_answers *answers, size_t i, const char *retry_after)
{
    struct server_answer *answer = &answers->errors[i];
    bool ok;

    answer->status = SERVER_ANSWERS_LOWEST_ERROR + (unsigned)i;
    answer->type = "text/plain";
    snprintf(answers->texts[i], sizeof answers->texts[i], "%u %s\n", answer->status,
             reason_phrase((int)answer->status));
    answer->body = answers->texts[i];
    answer->size = strlen(answer->body);
    ok = make_response(answer);
    if (ok && answer->status == MHD_HTTP_METHOD_NOT_ALLOWED)
        ok = MHD_add_response_header(answer->response, MHD_HTTP_HEADER_ALLOW, "GET, HEAD") == MHD_YES;
    if (ok && retry_after != NULL &&
        (answer->status == MHD_HTTP_TOO_MANY_REQUESTS || answer->status == MHD_HTTP_SERVICE_UNAVAILABLE))
        ok = MHD_add_response_header(answer->response, MHD_HTTP_HEADER_RETRY_AFTER, retry_after) == MHD_YES;
    return ok;
}

bool
server_answers_make(struct server_answers *answers, const struct server_files *files, const char *retry_after)
{
    bool ok = true;

    for (size_t i = 0; ok && i < SERVER_ANSWERS_ERRORS; i++)
        ok = make_error(answers, i, retry_after);
    for (size_t place = 0; ok && place < CODES_PLACES; place++) {
        const struct server_file *file = &files->at[place];

        if (file->data == NULL)
            continue;
        answers->flags[place] = (struct server_answer){
            .status = MHD_HTTP_OK, .type = "image/png", .body = file->data, .size = file->size
        };
        ok = make_response(&answers->flags[place]);
    }
    return ok;
}

static void
destroy(struct server_answer *answers, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (answers[i].response != NULL)
            MHD_destroy_response(answers[i].response);
        answers[i].response = NULL;
    }
}

void
server_answers_free(struct server_answers *answers)
{
    destroy(answers->flags, CODES_PLACES);
    destroy(answers->errors, SERVER_ANSWERS_ERRORS);
}

const struct server_answer *
server_answers_error(const struct server_answers *answers, unsigned status)
{
    return &answers->errors[status - SERVER_ANSWERS_LOWEST_ERROR];
}

const struct server_answer *
server_answers_flag(const struct server_answers *answers, int place)
{
    if (place == SERVER_PATH_OTHER || answers->flags[place].response == NULL)
        return server_answers_error(answers, MHD_HTTP_NOT_FOUND);
    return &answers->flags[place];
}
