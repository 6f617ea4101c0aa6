/* SPDX-License-Identifier: MIT */
/*
 * nursery.c - the process that forks the workers of a pool.
 *
 * It is forked once, when the pool is made, and has a single thread for life, so what it forks has nobody's locks held,
 * and sees the program's globals as they were.  It starts workers when it is told to, reports their deaths, and ends,
 * killing those that are left, when the parent closes the pool or dies.
 */

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdio_ext.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lanes.h"

/* Signals that a terminal or an operator sends to the whole group; the nursery outlives them to clean up. */
static const int ignored[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGPIPE, SIGUSR1, SIGUSR2, SIGALRM };
enum { IGNORED = sizeof ignored / sizeof ignored[0] };

struct keeper {
    const struct nursery *nursery;
    unsigned lanes;
    pid_t *pids; /* by lane; 0: none */
    int deaths;  /* a signalfd for SIGCHLD */
    sigset_t mask;
    struct sigaction actions[IGNORED], on_death;
};

static void
report(const struct keeper *keeper, enum nursery_word word, unsigned lane, pid_t pid, int value)
{
    const struct nursery_message message = { .word = word, .lane = lane, .pid = pid, .value = value };

    while (send(keeper->nursery->socket, &message, sizeof message, MSG_NOSIGNAL) < 0 && errno == EINTR)
        ;
}

static _Noreturn void
end(const struct keeper *keeper)
{
    for (unsigned i = 0; i < keeper->lanes; i++)
        if (keeper->pids[i] > 0)
            kill(keeper->pids[i], SIGKILL);
    while (waitpid(-1, NULL, 0) > 0 || errno == EINTR)
        ;
    _exit(0);
}

/* In the new worker: signals are as they were in the program, but for Ctrl-C, which is the parent's to handle. */
static _Noreturn void
become_worker(const struct keeper *keeper, unsigned lane, pid_t nursery_pid)
{
    const struct sigaction ignore = { .sa_handler = SIG_IGN }, by_default = { .sa_handler = SIG_DFL };

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != nursery_pid)
        _exit(0);
    for (int i = 0; i < IGNORED; i++)
        sigaction(ignored[i], &keeper->actions[i], NULL);
    sigaction(SIGCHLD, &keeper->on_death, NULL);
    sigaction(SIGINT, &ignore, NULL);
    sigaction(SIGTERM, &by_default, NULL);
    sigprocmask(SIG_SETMASK, &keeper->mask, NULL);
    close(keeper->deaths);
    close(keeper->nursery->socket);
    if (keeper->nursery->parent >= 0)
        close(keeper->nursery->parent);
    cf_lane_serve(keeper->nursery, lane);
}

static void
start(struct keeper *keeper, unsigned lane)
{
    const pid_t self = getpid();
    const pid_t pid = fork();

    if (pid == 0)
        become_worker(keeper, lane, self);
    if (pid < 0) {
        report(keeper, NURSERY_FAILED, lane, 0, errno);
        return;
    }
    keeper->pids[lane] = pid;
    report(keeper, NURSERY_STARTED, lane, pid, 0);
}

static void
obey(struct keeper *keeper)
{
    struct nursery_message order;
    const ssize_t n = recv(keeper->nursery->socket, &order, sizeof order, 0);

    if (n == 0 || (n < 0 && errno != EINTR && errno != EAGAIN))
        end(keeper);
    if (n != sizeof order)
        return;
    if (order.word == NURSERY_START)
        start(keeper, order.lane);
    else if (order.word == NURSERY_SIGNAL && keeper->pids[order.lane] > 0)
        kill(keeper->pids[order.lane], order.value);
}

static void
bury(struct keeper *keeper, pid_t pid, int status)
{
    for (unsigned i = 0; i < keeper->lanes; i++)
        if (keeper->pids[i] == pid) {
            keeper->pids[i] = 0;
            report(keeper, NURSERY_DIED, i, pid, status);
            return;
        }
}

static void
collect_the_dead(struct keeper *keeper)
{
    struct signalfd_siginfo info;
    pid_t pid;
    int status;

    while (read(keeper->deaths, &info, sizeof info) > 0)
        ;
    while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
        bury(keeper, pid, status);
}

static void
set_signals(struct keeper *keeper)
{
    const struct sigaction ignore = { .sa_handler = SIG_IGN }, by_default = { .sa_handler = SIG_DFL };
    sigset_t death;

    for (int i = 0; i < IGNORED; i++)
        sigaction(ignored[i], &ignore, &keeper->actions[i]);
    sigaction(SIGCHLD, &by_default, &keeper->on_death);
    sigemptyset(&death);
    sigaddset(&death, SIGCHLD);
    sigprocmask(SIG_SETMASK, &death, &keeper->mask);
    keeper->deaths = signalfd(-1, &death, SFD_CLOEXEC | SFD_NONBLOCK);
}

_Noreturn void
cf_nursery_main(const struct nursery *nursery)
{
    struct keeper keeper = { .nursery = nursery, .lanes = nursery->lanes };

    cf_self.frame = NULL;
    cf_self.worker = NULL;
    cf_self.unbounded = NULL;
    cf_self.depth = 0;
    /* What the parent has yet to write is not to be written twice. */
    __fpurge(stdout);
    __fpurge(stderr);
    keeper.pids = calloc(keeper.lanes, sizeof *keeper.pids);
    set_signals(&keeper);
    if (keeper.pids == NULL || keeper.deaths < 0)
        _exit(1);
    report(&keeper, NURSERY_STARTED, 0, getpid(), 0);
    for (;;) {
        struct pollfd fds[] = {
            { .fd = nursery->socket, .events = POLLIN },
            { .fd = keeper.deaths, .events = POLLIN },
            { .fd = nursery->parent, .events = POLLIN },
        };
        if (poll(fds, 3, -1) < 0)
            continue;
        if (fds[2].revents != 0)
            end(&keeper);
        if (fds[1].revents != 0)
            collect_the_dead(&keeper);
        if (fds[0].revents != 0)
            obey(&keeper);
    }
}
