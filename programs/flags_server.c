/* SPDX-License-Identifier: MIT */
/* flags_server - serve flags over HTTP, as slowly and as badly as a test or a demonstration needs. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli.h"
#include "server_files.h"
#include "server_loop.h"
#include "server_options.h"
#include "server_requests.h"
#include "server_socket.h"

static bool
read_files(struct server_files *files, const struct server_options *options)
{
    if (options->made_up)
        return server_files_make_up(files);
    if (options->root != NULL)
        return server_files_read(files, options->root);
    if (access(FLAGS_PNG_DIR, F_OK) == 0)
        return server_files_read(files, FLAGS_PNG_DIR);
    cli_error("%s: %s; serving made-up bodies", FLAGS_PNG_DIR, strerror(errno));
    return server_files_make_up(files);
}

/*
 * Tell where the server is.  Who reads that line may connect at once: the socket is already listening.  After a failure
 * cli_close_stdout() has the message.
 */
static bool
announce(const char *name)
{
    return printf("Serving flags on http://%s/flags\n", name) >= 0 && fflush(stdout) == 0;
}

static bool
prepare(struct server_requests *requests, const struct server_options *options, const struct server_files *files)
{
    const char *retry_after = options->retry_after[0] == '\0' ? NULL : options->retry_after;

    requests->options = options;
    if (server_answers_make(&requests->answers, files, retry_after) && server_sleep_open(&requests->sleep))
        return true;
    cli_error("cannot start: %s", strerror(errno));
    return false;
}

static bool
listen_and_serve(struct server_requests *requests, const struct server_options *options, int signals)
{
    char name[SERVER_SOCKET_NAME];
    int listener = server_socket_listen(options->address, options->port, name);

    if (listener < 0)
        return false;
    if (!announce(name)) {
        close(listener);
        return false;
    }
    return server_loop_run(requests, listener, signals);
}

/* From here on SIGINT and SIGTERM mean an orderly end.  Until here they kill, as they should while files are read. */
static bool
take_signals_and_serve(struct server_requests *requests, const struct server_options *options)
{
    int signals = server_loop_signals();
    bool ok;

    if (signals < 0) {
        cli_error("cannot take signals: %s", strerror(errno));
        return false;
    }
    requests->log.signals = signals;
    ok = listen_and_serve(requests, options, signals);
    close(signals);
    return ok;
}

static bool
run(const struct server_options *options)
{
    static struct server_files files;
    static struct server_requests requests = { .sleep = { .watch = -1 }, .log = { .fd = -1, .signals = -1 } };
    bool ok;

    ok = read_files(&files, options) && prepare(&requests, options, &files) &&
         (options->log == NULL || server_log_open(&requests.log, options->log)) &&
         take_signals_and_serve(&requests, options);
    ok = server_log_close(&requests.log) && ok;
    server_sleep_close(&requests.sleep);
    server_answers_free(&requests.answers);
    server_files_free(&files);
    return ok;
}

int
main(int argc, char **argv)
{
    struct server_options options;
    bool ok;

    cli_start(argv);
    server_options_parse(&options, argc, argv);
    ok = run(&options);
    server_options_free(&options);
    return cli_close_stdout(ok ? CLI_OK : CLI_FAILED);
}
