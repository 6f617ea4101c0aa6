/* SPDX-License-Identifier: MIT */
#include "server_loop.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "cli.h"

/* What a connection may take up, which bounds the header of a request; libmicrohttpd clears it after each request. */
static const size_t connection_memory = 8192;

/* Descriptors that are not connections. */
static const unsigned descriptors_kept = 32;

int
server_loop_signals(void)
{
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    if (sigprocmask(SIG_BLOCK, &set, NULL) != 0)
        return -1;
    /* A log may be a pipe whose reader goes away, or grow to the largest size allowed. */
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN);
    return signalfd(-1, &set, SFD_CLOEXEC);
}

/* Raise the limit of open descriptors as far as allowed; return what it is then. */
static unsigned
most_descriptors(void)
{
    static const rlim_t most = 1000000;
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return 1024;
    if (limit.rlim_cur < limit.rlim_max) {
        struct rlimit raised = { .rlim_cur = limit.rlim_max, .rlim_max = limit.rlim_max };

        if (setrlimit(RLIMIT_NOFILE, &raised) == 0)
            limit = raised;
    }
    return (unsigned)(limit.rlim_cur < most ? limit.rlim_cur : most);
}

/* How many connections there may be at a time. */
static unsigned
most_connections(void)
{
    unsigned descriptors = most_descriptors();

    return descriptors > 2 * descriptors_kept ? descriptors - descriptors_kept : descriptors_kept;
}

static struct MHD_Daemon *
start(struct server_requests *requests, int listener, unsigned most)
{
    struct MHD_OptionItem options[] = {
        { MHD_OPTION_LISTEN_SOCKET, listener, NULL },
        { MHD_OPTION_CONNECTION_LIMIT, (intptr_t)most, NULL },
        { MHD_OPTION_CONNECTION_MEMORY_LIMIT, (intptr_t)connection_memory, NULL },
        { MHD_OPTION_NOTIFY_COMPLETED, (intptr_t)server_requests_end, requests },
        { MHD_OPTION_NOTIFY_CONNECTION, (intptr_t)server_requests_connection, requests },
        { MHD_OPTION_SIGPIPE_HANDLED_BY_APP, 1, NULL },
        { MHD_OPTION_END, 0, NULL },
    };

    return MHD_start_daemon(MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME, 0, NULL, NULL, server_requests_handle, requests,
                            MHD_OPTION_ARRAY, options, MHD_OPTION_END);
}

/* Wait until there is something to do for one of the three, or somebody who sleeps is due. */
static bool
wait_for_work(struct MHD_Daemon *daemon, const struct server_sleep *sleep, struct pollfd *fds, nfds_t count)
{
    struct timespec wait = { 0, 0 };
    MHD_UNSIGNED_LONG_LONG at_most;
    bool pending = MHD_get_timeout(daemon, &at_most) == MHD_YES;
    bool bounded = pending || server_sleep_next(sleep, &wait);

    return ppoll(fds, count, bounded ? &wait : NULL, NULL) >= 0 || errno == EINTR;
}

static unsigned
connections(struct MHD_Daemon *daemon)
{
    return MHD_get_daemon_info(daemon, MHD_DAEMON_INFO_CURRENT_CONNECTIONS)->num_connections;
}

/*
 * At its limit, or out of descriptors, libmicrohttpd stops to look at the listening socket, and begins again when it
 * runs for the next time after connections have ended; for which nothing need happen, so it is run once more here.
 */
static bool
run(struct MHD_Daemon *daemon)
{
    const unsigned before = connections(daemon);
    bool ok = MHD_run(daemon) == MHD_YES;

    if (ok && connections(daemon) < before)
        ok = MHD_run(daemon) == MHD_YES;
    return ok;
}

static bool
serve(struct MHD_Daemon *daemon, struct server_sleep *sleep, int signals)
{
    const union MHD_DaemonInfo *info = MHD_get_daemon_info(daemon, MHD_DAEMON_INFO_EPOLL_FD);
    struct pollfd fds[] = {
        { .fd = signals, .events = POLLIN },
        { .fd = sleep->watch, .events = POLLIN },
        { .fd = info->epoll_fd, .events = POLLIN },
    };

    while (fds[0].revents == 0) {
        server_sleep_wake(sleep);
        if (!run(daemon) || !wait_for_work(daemon, sleep, fds, sizeof fds / sizeof fds[0])) {
            cli_error("cannot go on serving: %s", strerror(errno));
            return false;
        }
    }
    return true;
}

bool
server_loop_run(struct server_requests *requests, int listener, int signals)
{
    const unsigned most = most_connections();
    struct MHD_Daemon *daemon = start(requests, listener, most);
    bool ok;

    if (daemon == NULL) {
        cli_error("cannot start libmicrohttpd: %s", strerror(errno));
        close(listener);
        return false;
    }
    ok = serve(daemon, &requests->sleep, signals);
    /* libmicrohttpd must not be stopped while connections are suspended. */
    server_sleep_wake_all(&requests->sleep);
    MHD_stop_daemon(daemon);
    return ok;
}
