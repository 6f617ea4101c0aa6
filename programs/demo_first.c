/* SPDX-License-Identifier: MIT */
/* demo_first - ask several mirrors for the same thing and take the first answer; the others are cancelled, or told. */

#include <cf.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "buffer.h"
#include "cli.h"
#include "clock.h"
#include "demo.h"
#include "demo_get.h"
#include "fetch.h"
#include "site.h"
#include "trace.h"

/* Where to ask; or, where that is only pretended, how long it takes, in seconds of the memo. */
struct mirror {
    char name[SITE_BASE_SIZE];
    char url[SITE_URL_SIZE];
    double seconds;
};

static const char *
name_of(const struct cf_future *call)
{
    return ((const struct mirror *)cf_input(call, NULL))->name;
}

static void
name_call(struct cf_future *call, struct trace_label *label)
{
    snprintf(label->name, sizeof label->name, "%.127s", name_of(call));
}

static unsigned workers = 3;
static const char *losers = "stop";
static const char *const loser_ways[] = { "stop", "run", NULL };
static const struct demo demo = {
    .purpose = "Ask several mirrors at a time for a flag, and take the first answer.\n"
               "Without a SITE, which is as for flags_threadpool, mirrors are pretended.",
    .operands = "[SITE]...",
    .options =
        (const struct demo_option[]){ { "workers", "N", "how many threads", .number = &workers },
                                      { "losers", "WAY", "stop those running, or let them run", .text = &losers },
                                      { DEMO_UNIT },
                                      { 0 } },
    .label = name_call,
};

#define MOST_MIRRORS 32
static const struct mirror pretended[] = {
    { .name = "mirror 1", .seconds = 4 }, { .name = "mirror 2", .seconds = 1 }, { .name = "mirror 3", .seconds = 5 },
    { .name = "mirror 4", .seconds = 3 }, { .name = "mirror 5", .seconds = 2 },
};
#define PRETENDED (sizeof pretended / sizeof *pretended)

/* A task that waits in poll() hears at once that it had better stop. */
static int
pretend(struct cf_call *call)
{
    const struct mirror *mirror = cf_arg(call, NULL);
    struct pollfd stop = { .fd = cf_stop_fd(call), .events = POLLIN };

    if (poll(&stop, 1, (int)(1000 * demo_unit * mirror->seconds)) != 0)
        return cf_raise(call, "demo", 0, "%s: interrupted", mirror->name);
    return 0;
}
static const struct cf_task pretend_task = { "pretend", pretend };

/* demo_get() waits for the stop descriptor, too. */
static int
fetch(struct cf_call *call)
{
    const struct mirror *mirror = cf_arg(call, NULL);
    struct buffer flag;

    if (demo_get(call, mirror->url, &flag) != 0)
        return -1;
    buffer_free(&flag);
    return 0;
}
static const struct cf_task fetch_task = { "fetch", fetch };

/* Wait for the first result; mirrors that fail before do not count.  Return its place, or n if there is none. */
static size_t
first_result(struct cf_future **calls, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        cf_wait(calls + i, n - i, CF_FIRST_COMPLETED, CF_NEVER, NULL);
        if (cf_error_of(calls[i]) == NULL) {
            demo_say("%s was first", name_of(calls[i]));
            return i;
        }
        demo_say("failed: %s", cf_error_of(calls[i])->message);
    }
    return n;
}

static void
say_end(struct cf_future *loser)
{
    if (cf_cancelled(loser))
        demo_say("%s: cancelled before it started", name_of(loser));
    else if (cf_error_of(loser) != NULL)
        demo_say("%s", cf_error_of(loser)->message);
    else
        demo_say("%s: ran to its end, in vain", name_of(loser));
}

/* See to it that the losers end: those that have not started are cancelled, those that run are told to stop. */
static void
end_losers(struct cf_executor *pool, struct cf_future **calls, size_t n)
{
    const int64_t start = clock_now();

    for (size_t i = 0; i < n; i++)
        cf_cancel(calls[i]);
    if (strcmp(losers, "stop") == 0)
        cf_interrupt(pool);
    cf_shutdown(pool, CF_WAIT);
    demo_say("all others ended within %.1f ms:", 1e3 * clock_since(start));
    for (size_t i = 0; i < n; i++)
        say_end(calls[i]);
}

/* Return whether there was an answer. */
static bool
ask(const struct mirror *mirrors, size_t n, const struct cf_task *task)
{
    struct cf_future *calls[MOST_MIRRORS];
    struct cf_executor *pool = cf_thread_pool(&(struct cf_options){
        .max_workers = workers,
        .open_worker = demo_get_open_worker,
        .close_worker = demo_get_close_worker,
        .observe = demo_observe,
    });

    for (size_t i = 0; i < n; i++)
        calls[i] = cf_submit(pool, task, &mirrors[i], sizeof mirrors[i]);
    const size_t first = first_result(calls, n);
    if (first < n)
        end_losers(pool, calls + first + 1, n - first - 1);
    for (size_t i = 0; i < n; i++)
        cf_release(calls[i]);
    cf_close(pool);
    return first < n;
}

static size_t
name_mirrors(struct mirror *mirrors, char **sites)
{
    struct site site;
    size_t count = 0;

    for (; sites[count] != NULL; count++) {
        const char *wrong = count == MOST_MIRRORS ? "too many mirrors" : site_find(&site, sites[count]);

        site_hide_password(sites[count]);
        if (wrong != NULL)
            cli_usage_error("%s: %s", sites[count], wrong);
        strcpy(mirrors[count].name, site.shown);
        site_url(&site, "BR", mirrors[count].url);
    }
    return count;
}

int
main(int argc, char **argv)
{
    struct mirror mirrors[MOST_MIRRORS];
    size_t count = name_mirrors(mirrors, demo_parse(&demo, argc, argv));

    cli_choice("--losers", losers, loser_ways);
    if (fetch_init() != 0)
        cli_no_memory();
    const bool answered = count > 0 ? ask(mirrors, count, &fetch_task) : ask(pretended, PRETENDED, &pretend_task);
    return demo_end(answered ? CLI_OK : CLI_FAILED);
}
