/* SPDX-License-Identifier: MIT */
/* demo_lifecycle - the life of a future: pending, running, finished or cancelled, and how to learn of it. */

#include <cf.h>
#include <stdio.h>

#include "cli.h"
#include "demo.h"
#include "demo_get.h"
#include "trace.h"

static struct site site;
static const char *server = "LOCAL";
static unsigned workers = 3;

static void
name_call(struct cf_future *call, struct trace_label *label)
{
    snprintf(label->name, sizeof label->name, "%s", (const char *)cf_input(call, NULL));
}

static const struct demo demo = {
    .purpose = "Download the flags of five countries in three threads.  Tell of each future as\n"
               "it is scheduled and as it completes, and what has become of all five by then.\n"
               "One more is scheduled and cancelled.",
    .options = (const struct demo_option[]){ { DEMO_GET_SERVER, .text = &server },
                                             { "workers", "N", "at most so many threads", .number = &workers },
                                             { 0 } },
    .label = name_call,
};

/* As in the memo, the result is the code; the flag itself is dropped. */
static int
download_one(struct cf_call *call)
{
    const char *code = cf_arg(call, NULL);
    char url[SITE_URL_SIZE];
    struct buffer flag;

    site_url(&site, code, url);
    if (demo_get(call, url, &flag) != 0)
        return -1;
    buffer_free(&flag);
    return cf_return(call, code, 3);
}
static const struct cf_task download_one_task = { "download_one", download_one };

#define COUNT 5
static const char codes[COUNT][3] = { "BR", "CN", "ID", "IN", "US" };

/* Tell of a future in words.  What tells one from another is its argument, the code. */
static void
say_future(const char *what, struct cf_future *future)
{
    char text[100];

    cf_describe(future, text, sizeof text);
    demo_say("%s: %s %s", what, (const char *)cf_input(future, NULL), text);
}

/* In the thread that finishes or cancels the call; so this line may come after that of whoever waits for it. */
static void
say_done(struct cf_future *future, void *unused)
{
    (void)unused;
    say_future("Callback", future);
}

static void
add_callback(struct cf_future *future)
{
    if (cf_on_done(future, say_done, NULL) != 0)
        cli_no_memory();
}

/* Only what has not started can be cancelled. */
static void
try_to_cancel(struct cf_future *future)
{
    say_future(cf_cancel(future) ? "Cancelled" : "Too late to cancel", future);
}

static struct cf_future *
schedule(struct cf_executor *pool, const char *code)
{
    struct cf_future *future = cf_submit(pool, &download_one_task, code, 3);

    say_future("Scheduled", future);
    return future;
}

/* This one stands behind the others, so it is still pending unless they are through already. */
static void
cancel_one_more(struct cf_executor *pool)
{
    struct cf_future *future = schedule(pool, "DE");

    add_callback(future);
    try_to_cancel(future);
    cf_release(future);
}

static const char *
state_of(const struct cf_future *future)
{
    if (cf_running(future))
        return "running";
    if (!cf_done(future))
        return "pending";
    return cf_cancelled(future) ? "cancelled" : "finished";
}

/* Return whether it has a result. */
static bool
say_completed(struct cf_future *future, struct cf_future *const *all)
{
    say_future("Completed", future);
    demo_say("  %s %s, %s %s, %s %s, %s %s, %s %s", codes[0], state_of(all[0]), codes[1], state_of(all[1]), codes[2],
             state_of(all[2]), codes[3], state_of(all[3]), codes[4], state_of(all[4]));
    if (cf_error_of(future) != NULL)
        cli_error("%s", cf_error_of(future)->message);
    return cf_error_of(future) == NULL;
}

/* Return how many have a result. */
static int
read_completed(struct cf_future *const *to_do)
{
    struct cf_iter *done = cf_as_completed(to_do, COUNT, CF_NEVER);
    int good = 0;

    for (struct cf_future *future; (future = cf_next(done)) != NULL;)
        good += say_completed(future, to_do);
    cf_iter_free(done);
    return good;
}

int
main(int argc, char **argv)
{
    struct cf_future *to_do[COUNT];

    demo_parse(&demo, argc, argv);
    demo_get_prepare(&site, server);
    struct cf_executor *pool = cf_thread_pool(&(struct cf_options){
        .max_workers = workers,
        .open_worker = demo_get_open_worker,
        .close_worker = demo_get_close_worker,
        .observe = demo_observe,
    });

    for (int i = 0; i < COUNT; i++)
        to_do[i] = schedule(pool, codes[i]);
    add_callback(to_do[0]);
    cancel_one_more(pool);
    int good = read_completed(to_do);
    try_to_cancel(to_do[0]);
    for (int i = 0; i < COUNT; i++)
        cf_release(to_do[i]);

    cf_close(pool);
    return demo_end(good == COUNT ? CLI_OK : CLI_FAILED);
}
