/* SPDX-License-Identifier: MIT */
/* demo_bytes - download_many(urls) of the memo: a map whose results are the bodies, in the order of the URLs. */

#include <cf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "demo.h"
#include "demo_get.h"
#include "trace.h"

static const char *server = "LOCAL";

/* Several may travel as one call, if they fail at once. */
static void
name_call(struct cf_future *call, struct trace_label *label)
{
    char url[SITE_URL_SIZE];
    size_t len;
    const char *arg = cf_input(call, &len);

    if (len != sizeof url)
        return;
    memcpy(url, arg, sizeof url);
    site_hide_password(url);
    snprintf(label->name, sizeof label->name, "%.127s", url);
}

static const struct demo demo = {
    .purpose = "Download into memory, several at a time, what is at each URL, or the flag of\n"
               "each country code CC; of 20 countries without either.  Then tell of each body,\n"
               "in the same order, its size and the checksum that sum(1) prints.",
    .operands = "[CC|URL]...",
    .options = (const struct demo_option[]){ { DEMO_GET_SERVER, .text = &server }, { 0 } },
    .label = name_call,
};

/* The body itself becomes the result, without a copy; it is freed when nobody has the future any more. */
static int
download_one(struct cf_call *call)
{
    struct buffer body;

    if (demo_get(call, cf_arg(call, NULL), &body) != 0)
        return -1;
    return cf_return_owned(call, body.text, body.used, free);
}
static const struct cf_task download_one_task = { "download_one", download_one };

/*
 * As list(executor.map(download_one, urls)): return when all are there, or one has failed, which is the last then;
 * those that have not been started are cancelled in that case.  The futures outlive their pool.
 */
static size_t
download_many(char (*urls)[SITE_URL_SIZE], size_t count, struct cf_future **bodies)
{
    struct cf_executor *pool = cf_thread_pool(&(struct cf_options){
        .open_worker = demo_get_open_worker, .close_worker = demo_get_close_worker, .observe = demo_observe });
    struct cf_iter *results = cf_map(pool, &download_one_task, urls, count, sizeof *urls, NULL);
    size_t taken = 0;

    while (taken < count && (bodies[taken] = cf_take(results)) != NULL)
        if (cf_error_of(bodies[taken++]) != NULL)
            break;
    cf_iter_free(results);
    cf_close(pool);
    return taken;
}

/* What sum(1) prints: each byte is added to what there is, turned right by a bit. */
static unsigned
checksum(const unsigned char *body, size_t len)
{
    unsigned sum = 0;

    for (size_t i = 0; i < len; i++)
        sum = ((sum >> 1) + ((sum & 1) << 15) + body[i]) & 0xffff;
    return sum;
}

/* Return whether there is a body to tell of. */
static bool
print_body(struct cf_future *future, char *url)
{
    size_t len;
    const void *body = cf_result(future, &len);

    if (body == NULL) {
        cli_error("%s", cf_error_of(future)->message);
        return false;
    }
    site_hide_password(url);
    printf("%05u %7zu bytes  %s\n", checksum(body, len), len, url);
    return true;
}

int
main(int argc, char **argv)
{
    static char urls[DEMO_GET_URLS][SITE_URL_SIZE];
    struct cf_future *bodies[DEMO_GET_URLS];
    struct site site;
    char **operands = demo_parse(&demo, argc, argv);
    int status = CLI_OK;

    demo_get_prepare(&site, server);
    size_t taken = download_many(urls, demo_get_urls(urls, &site, operands), bodies);
    for (size_t i = 0; i < taken; i++) {
        if (!print_body(bodies[i], urls[i]))
            status = CLI_FAILED;
        cf_release(bodies[i]);
    }
    return demo_end(status);
}
