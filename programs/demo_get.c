/* SPDX-License-Identifier: MIT */
#include "demo_get.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cli.h"
#include "codes.h"
#include "fetch.h"

void
demo_get_prepare(struct site *site, const char *server)
{
    const char *wrong = site_find(site, server);

    if (wrong != NULL) {
        char *shown = strdup(server);

        if (shown == NULL)
            cli_no_memory();
        site_hide_password(shown);
        cli_usage_error("--server: %s: %s", shown, wrong);
    }
    if (fetch_init() != 0)
        cli_no_memory();
}

void
demo_get_code(const char *operand, char code[3])
{
    if (strlen(operand) != 2 || codes_place(operand) < 0)
        cli_usage_error("'%s' is not a country code: it must be two letters", operand);
    codes_at(codes_place(operand), code);
}

static void
put_url(char url[SITE_URL_SIZE], const struct site *site, char *operand)
{
    char code[3];

    if (strstr(operand, "://") == NULL) {
        demo_get_code(operand, code);
        site_url(site, code, url);
    } else if (snprintf(url, SITE_URL_SIZE, "%s", operand) >= SITE_URL_SIZE) {
        site_hide_password(operand);
        cli_usage_error("'%.20s...': too long for a URL", operand);
    }
}

size_t
demo_get_urls(char urls[DEMO_GET_URLS][SITE_URL_SIZE], const struct site *site, char **operands)
{
    size_t count = 0;

    for (; count < DEMO_GET_URLS && operands[count] != NULL; count++)
        put_url(urls[count], site, operands[count]);
    if (operands[count] != NULL)
        cli_usage_error("these are more than %d URLs", DEMO_GET_URLS);
    for (; operands[0] == NULL && count < CODES_POPULOUS; count++)
        site_url(site, codes_populous[count], urls[count]);
    return count;
}

/* The sink of a fetch. */
static int
collect(void *body, const void *data, size_t size)
{
    struct buffer *buffer = body;

    buffer_add(buffer, data, size);
    return buffer->incomplete ? ENOMEM : 0;
}

/* Fail the call, with the server's status, an errno or what libcurl says. */
static int
raise_failure(struct cf_call *call, const char *url, const struct fetch_result *got)
{
    const char *domain = got->outcome == FETCH_SINK_FAILED ? "errno" : "curl";
    char shown[SITE_URL_SIZE];

    snprintf(shown, sizeof shown, "%s", url);
    site_hide_password(shown);
    if (got->outcome == FETCH_BAD_STATUS)
        return cf_raise(call, "http", got->status, "%s: %s", shown, got->message);
    return cf_raise(call, domain, got->code, "%s: %s", shown, got->message);
}

int
demo_get(struct cf_call *call, const char *url, struct buffer *body)
{
    struct fetch_sink sink = { .write = collect, .arg = body };
    struct fetch_result got;

    *body = (struct buffer){ 0 };
    fetch_get(cf_local(call), url, &sink, cf_stop_fd(call), &got);
    if (got.outcome == FETCH_OK)
        return 0;
    buffer_free(body);
    return raise_failure(call, url, &got);
}

int
demo_get_open_worker(struct cf_call *call, void **local, const void *unused)
{
    (void)unused;
    *local = fetch_open(NULL);
    return *local != NULL ? 0 : cf_raise(call, "errno", errno, "cannot prepare a connection: %s", strerror(errno));
}

void
demo_get_close_worker(void *local)
{
    fetch_close(local);
}
