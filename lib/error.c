/* SPDX-License-Identifier: MIT */
/* error.c - why a call has no result. */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core.h"

/* One for each enum cf_why, for want of memory for a better one. */
#define SPARE(name, number, words)                                                                                     \
    [number] = {                                                                                                       \
        .why = name,                                                                                                   \
        .domain = "errno",                                                                                             \
        .code = ENOMEM,                                                                                                \
        .task = "",                                                                                                    \
        .worker = "",                                                                                                  \
        .message = "no memory to say more than: " words,                                                               \
    },
static struct cf_error spares[] = { CF_WHY_TABLE(SPARE) };
#undef SPARE

static const struct cf_error deadlock = {
    .why = CF_REFUSED,
    .domain = "errno",
    .code = EDEADLK,
    .task = "",
    .worker = "",
    .message = "waiting for this call here would never end",
};

static const struct cf_error forked = {
    .why = CF_REFUSED,
    .domain = "errno",
    .code = ECHILD,
    .task = "",
    .worker = "",
    .message = "the call belongs to the parent of this process",
};

const char *
cf_why_text(enum cf_why why)
{
    switch (why) {
#define WHY_WORDS(name, number, words)                                                                                 \
    case name:                                                                                                         \
        return words;
        CF_WHY_TABLE(WHY_WORDS)
#undef WHY_WORDS
    }
    return "unknown";
}

static size_t
text_size(const char *text)
{
    return text == NULL ? 1 : strlen(text) + 1;
}

/* A copy of the text at *end, which moves behind it. */
static char *
append(char **end, const char *text)
{
    char *start = *end;

    memcpy(start, text == NULL ? "" : text, text_size(text));
    *end += text_size(text);
    return start;
}

/* The error and its strings in one block, so that it can be freed as one. */
static struct cf_error *
assemble(struct cf_error error, char *message)
{
    message[strcspn(message, "\r\n")] = '\0';
    struct cf_error *copy =
        malloc(sizeof *copy + text_size(error.domain) + text_size(error.worker) + text_size(message));
    if (copy == NULL)
        return &spares[error.why];

    char *end = (char *)(copy + 1);
    *copy = error;
    copy->task = error.task == NULL ? "" : error.task;
    copy->domain = append(&end, error.domain);
    copy->worker = append(&end, error.worker);
    copy->message = append(&end, message);
    return copy;
}

struct cf_error *
cf_error_vnew(enum cf_why why, const char *domain, int code, const char *task, const char *worker, const char *format,
              va_list args)
{
    char *message = NULL;

    if (vasprintf(&message, format, args) < 0)
        return &spares[why];
    struct cf_error *error = assemble(
        (struct cf_error){ .why = why, .domain = domain, .code = code, .task = task, .worker = worker }, message);
    free(message);
    return error;
}

struct cf_error *
cf_error_new(enum cf_why why, const char *domain, int code, const char *task, const char *worker, const char *format,
             ...)
{
    va_list args;

    va_start(args, format);
    struct cf_error *error = cf_error_vnew(why, domain, code, task, worker, format, args);
    va_end(args);
    return error;
}

static const char *
refusal(int code)
{
    switch (code) {
    case ESHUTDOWN:
        return "the executor is shut down";
    case ECANCELED:
        return "the executor was interrupted";
    case ECHILD:
        return "the executor belongs to the parent of this process";
    case EAGAIN:
        return "as many calls are pending as the executor allows";
    case EINVAL:
        return "a task without a function, or an argument without an address";
    default:
        return NULL;
    }
}

struct cf_error *
cf_error_errno(enum cf_why why, int code, const char *task)
{
    char text[128];
    const char *words = why == CF_REFUSED ? refusal(code) : NULL;

    if (words == NULL)
        words = strerror_r(code, text, sizeof text);
    return cf_error_new(why, "errno", code, task, "", "%s", words);
}

const struct cf_error *
cf_error_of_waiting(enum cf_status status)
{
    return status == CF_FORKED ? &forked : &deadlock;
}

bool
cf_error_is_spare(const struct cf_error *error)
{
    return error != NULL && error == &spares[error->why];
}

void
cf_error_free(struct cf_error *error)
{
    if (!cf_error_is_spare(error))
        free(error);
}
