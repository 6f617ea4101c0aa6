/* SPDX-License-Identifier: MIT */
/*
 * nursery.c - the process that forks the workers of a pool.
 *
 * It is forked once, when the pool is made, and has a single thread for life, so what it forks has nobody's locks held,
 * and sees the program's globals as they were.  It starts workers when it is told to, reports their deaths in their
 * lanes, and ends, killing those that are left, when the parent closes the pool or dies.  It never waits for the
 * parent.
 *
 * All signals are blocked in it for good, so what is sent to the whole group does not end it before it has cleaned up.
 */

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdio_ext.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lanes.h"

/* The words are its last stores, and the parent looks when the bell has rung. */
static void
report(const struct nursery *nursery, unsigned lane, enum lane_gone gone, int fate)
{
    const uint64_t one = 1;

    nursery->segment->lanes[lane].fate = fate;
    atomic_store(&nursery->segment->lanes[lane].gone, gone);
    atomic_store(&nursery->segment->reported, 1);
    if (write(nursery->bell, &one, sizeof one) < 0)
        return;
}

static _Noreturn void
end(const struct nursery *nursery)
{
    for (unsigned i = 0; i < nursery->lanes; i++)
        if (nursery->pids[i] > 0)
            kill(nursery->pids[i], SIGKILL);
    while (waitpid(-1, NULL, 0) > 0 || errno == EINTR)
        ;
    _exit(0);
}

/*
 * In the new worker: signals are as in the program, but for Ctrl-C, which is the parent's to handle, and for SIGTERM,
 * by which the parent ends it.
 */
static void
set_signals(const struct nursery *nursery)
{
    const struct sigaction ignore = { .sa_handler = SIG_IGN }, by_default = { .sa_handler = SIG_DFL };
    sigset_t mask = nursery->mask;

    sigaction(SIGCHLD, &nursery->on_death, NULL);
    sigaction(SIGINT, &ignore, NULL);
    sigaction(SIGTERM, &by_default, NULL);
    sigdelset(&mask, SIGTERM);
    sigprocmask(SIG_SETMASK, &mask, NULL);
}

static _Noreturn void
become_worker(const struct nursery *nursery, unsigned lane, pid_t parent)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        _exit(0);
    set_signals(nursery);
    close(nursery->deaths);
    close(nursery->orders);
    if (nursery->parent >= 0)
        close(nursery->parent);
    cf_lane_serve(nursery, lane);
}

static void
start(const struct nursery *nursery, unsigned lane)
{
    const pid_t self = getpid();
    const pid_t pid = fork();

    if (pid == 0)
        become_worker(nursery, lane, self);
    if (pid < 0)
        report(nursery, lane, GONE_UNBORN, errno);
    else
        nursery->pids[lane] = pid;
}

static void
obey(const struct nursery *nursery)
{
    struct order order;
    const ssize_t n = recv(nursery->orders, &order, sizeof order, 0);

    if (n == 0 || (n < 0 && errno != EINTR && errno != EAGAIN))
        end(nursery);
    if (n != sizeof order)
        return;
    if (order.signal == 0)
        start(nursery, order.lane);
    else if (nursery->pids[order.lane] > 0)
        kill(nursery->pids[order.lane], order.signal);
}

static void
bury(const struct nursery *nursery, pid_t pid, int status)
{
    for (unsigned i = 0; i < nursery->lanes; i++)
        if (nursery->pids[i] == pid) {
            nursery->pids[i] = 0;
            report(nursery, i, GONE_DEAD, status);
            return;
        }
}

static void
collect_the_dead(const struct nursery *nursery)
{
    struct signalfd_siginfo info;
    pid_t pid;
    int status;

    while (read(nursery->deaths, &info, sizeof info) > 0)
        ;
    while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
        bury(nursery, pid, status);
}

_Noreturn void
cf_nursery_main(struct nursery *nursery)
{
    const struct sigaction by_default = { .sa_handler = SIG_DFL };
    struct pollfd fds[] = {
        { .fd = nursery->orders, .events = POLLIN },
        { .fd = nursery->deaths, .events = POLLIN },
        { .fd = nursery->parent, .events = POLLIN },
    };

    cf_self.frame = NULL;
    cf_self.worker = NULL;
    cf_self.unbounded = NULL;
    cf_self.callbacks = NULL;
    cf_self.watched = NULL;
    cf_self.depth = 0;
    /* What the parent has yet to write is not to be written twice. */
    __fpurge(stdout);
    __fpurge(stderr);
    /* Else the ends of workers would go by unseen where the program ignores its children's. */
    sigaction(SIGCHLD, &by_default, &nursery->on_death);
    for (;;) {
        if (poll(fds, 3, -1) < 0)
            continue;
        if (fds[2].revents != 0)
            end(nursery);
        if (fds[1].revents != 0)
            collect_the_dead(nursery);
        if (fds[0].revents != 0)
            obey(nursery);
    }
}
