/* SPDX-License-Identifier: MIT */
#include "download.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "fetch.h"
#include "interrupt.h"
#include "output.h"

/*
 * A worker has a socket and the two descriptors that wake its curl_multi_poll(), and for moments a file or a second
 * socket; but while it looks a name up, four instead of its socket.  The others are the program's own.
 */
#define WORKER_DESCRIPTORS 6
#define OTHER_DESCRIPTORS 20

struct downloader {
    const struct flags *flags;
    struct fetcher *fetcher;
    char *body; /* of the present flag, in memory that later ones use again */
    size_t len;
    size_t room;
};

/*
 * Preparing.
 */

static void
prepare_descriptors(unsigned workers)
{
    unsigned long needed = OTHER_DESCRIPTORS + (unsigned long)workers * WORKER_DESCRIPTORS;
    unsigned long limit = 0;

    if (cli_need_descriptors(needed, &limit) == 0)
        return;
    if (limit >= OTHER_DESCRIPTORS + WORKER_DESCRIPTORS && limit < needed)
        cli_error("%u connections at a time need %lu open files, but only %lu are allowed: raise `ulimit -n', "
                  "or use --max-req=%lu",
                  workers, needed, limit, (limit - OTHER_DESCRIPTORS) / WORKER_DESCRIPTORS);
    else
        cli_error("%lu open files are needed, but only %lu are allowed: raise `ulimit -n'", needed, limit);
    exit(CLI_FAILED);
}

void
download_prepare(struct flags *flags)
{
    /* Signals first: from here on there may be temporary files. */
    if (interrupt_catch() != 0 || output_open(interrupt_fd()) != 0 || fetch_init() != 0) {
        cli_error("cannot begin: not enough memory or descriptors");
        exit(CLI_FAILED);
    }
    if (save_open(&flags->folder, flags->folder.path) != 0) {
        cli_error("%s: cannot save flags in this folder: %s", flags->folder.path, strerror(errno));
        exit(FLAGS_UNWRITABLE);
    }
    prepare_descriptors(flags->workers);
}

/*
 * Downloading.
 */

struct downloader *
download_open(const struct flags *flags)
{
    struct downloader *worker = calloc(1, sizeof *worker);

    if (worker == NULL)
        return NULL;
    worker->flags = flags;
    worker->fetcher = fetch_open(NULL);
    if (worker->fetcher == NULL) {
        free(worker);
        return NULL;
    }
    return worker;
}

void
download_close(struct downloader *worker)
{
    if (worker == NULL)
        return;
    fetch_close(worker->fetcher);
    free(worker->body);
    free(worker);
}

/* The sink of the fetch: the body is collected in memory, so that its file is written, whole, in one go. */
static int
collect(void *arg, const void *data, size_t size)
{
    struct downloader *worker = arg;

    if (size > worker->room - worker->len) {
        size_t room = 2 * (worker->len + size);
        char *body = realloc(worker->body, room);

        if (body == NULL)
            return ENOMEM;
        worker->body = body;
        worker->room = room;
    }
    memcpy(worker->body + worker->len, data, size);
    worker->len += size;
    return 0;
}

/* What became of a flag, from what became of its URL. */
static enum download_outcome
judge(const struct fetch_result *got)
{
    switch (got->outcome) {
    case FETCH_OK:
        return DOWNLOAD_OK;
    case FETCH_STOPPED:
        return DOWNLOAD_CANCELLED;
    case FETCH_BAD_STATUS:
        return got->status == 404 ? DOWNLOAD_NOT_FOUND : DOWNLOAD_ERROR;
    default:
        return DOWNLOAD_ERROR;
    }
}

static void
save(struct downloader *worker, struct download *flag)
{
    const struct save_folder *folder = &worker->flags->folder;
    char name[SITE_FILE_SIZE];
    int saved;

    site_file(&worker->flags->site, flag->code, name);
    interrupt_hold();
    saved = save_file(folder, name, worker->body, worker->len);
    interrupt_let_go();
    if (saved == 0) {
        flag->bytes = worker->len;
        return;
    }
    flag->outcome = DOWNLOAD_UNSAVED;
    flag->status = 0;
    snprintf(flag->error, sizeof flag->error, "cannot save %s/%s: %s", folder->path, name, strerror(errno));
}

struct download
download_flag(struct downloader *worker, const char *code, int stop_fd)
{
    struct download flag = { .worker = "main" };
    struct fetch_sink sink = { .write = collect, .arg = worker };
    struct fetch_result got;
    char url[SITE_URL_SIZE];

    worker->len = 0;
    site_url(&worker->flags->site, code, url);
    fetch_get(worker->fetcher, url, &sink, stop_fd, &got);
    memcpy(flag.code, code, sizeof flag.code);
    flag.outcome = judge(&got);
    flag.seconds = got.seconds;
    if (got.outcome == FETCH_OK || got.outcome == FETCH_BAD_STATUS)
        flag.status = got.status;
    if (flag.outcome == DOWNLOAD_OK)
        save(worker, &flag);
    else
        memcpy(flag.error, got.message, sizeof got.message);
    return flag;
}

/*
 * The same as a task.
 */

int
download_open_worker(struct cf_call *call, void **local, const void *flags)
{
    *local = download_open(flags);
    return *local != NULL ? 0 : cf_raise(call, "errno", errno, "cannot prepare a connection: %s", strerror(errno));
}

void
download_close_worker(void *local)
{
    download_close(local);
}

/*
 * A flag that does not come is no failure of the call, whose result tells all about it; of the room for an error, as
 * much is returned as is used.
 */
static int
run(struct cf_call *call)
{
    struct download flag = download_flag(cf_local(call), cf_arg(call, NULL), cf_stop_fd(call));

    snprintf(flag.worker, sizeof flag.worker, "%s", cf_worker(call));
    return cf_return(call, &flag, offsetof(struct download, error) + strlen(flag.error) + 1);
}

const struct cf_task download_one = { "download_one", run };

/* The call failed: it was cancelled, or it could not be run. */
static void
read_error(struct download *flag, struct cf_future *call)
{
    const struct cf_error *error = cf_error_of(call);
    bool cancelled = error->why == CF_CANCELLED || (error->why == CF_REFUSED && error->code == ECANCELED);
    size_t len;
    const void *code = cf_input(call, &len);

    flag->outcome = cancelled ? DOWNLOAD_CANCELLED : DOWNLOAD_ERROR;
    if (len == sizeof flag->code)
        memcpy(flag->code, code, len);
    snprintf(flag->worker, sizeof flag->worker, "%s", error->worker);
    snprintf(flag->error, sizeof flag->error, "%s", error->message);
}

struct download
download_of(struct cf_future *call)
{
    struct download flag = { .code = "" };
    size_t len;
    const void *result = cf_result(call, &len);

    if (result != NULL)
        memcpy(&flag, result, len);
    else
        read_error(&flag, call);
    return flag;
}

/*
 * What a trace says.
 */

struct trace_label
download_label(const struct download *flag)
{
    struct trace_label label;

    snprintf(label.name, sizeof label.name, "%s", flag->code);
    if (flag->outcome == DOWNLOAD_OK)
        snprintf(label.outcome, sizeof label.outcome, "ok");
    else if (flag->status != 0)
        snprintf(label.outcome, sizeof label.outcome, "http:%d %.400s", flag->status, flag->error);
    else
        snprintf(label.outcome, sizeof label.outcome, "%.400s", flag->error);
    return label;
}

/* A call without a result keeps its outcome, and gets the name of its flag. */
void
download_label_call(struct cf_future *call, struct trace_label *label)
{
    struct download flag;
    size_t len;
    const char *code = cf_input(call, &len);

    if (cf_done(call) && cf_error_of(call) == NULL) {
        flag = download_of(call);
        *label = download_label(&flag);
    } else if (len == sizeof flag.code) {
        snprintf(label->name, sizeof label->name, "%s", code);
    }
}
