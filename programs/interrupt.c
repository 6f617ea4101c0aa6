/* SPDX-License-Identifier: MIT */
#include "interrupt.h"

#include <cf.h>
#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "clock.h"

static const int signals[] = { SIGINT, SIGTERM, SIGHUP };
#define SIGNALS (sizeof signals / sizeof *signals)

/*
 * Signals that come so close together are one to whoever sent them: timeout(1), for one, sends its signal to the
 * program and then to the program's group.
 */
#define SAME_SIGNAL (CLOCK_SECOND / 10)

static int event_fd = -1;
static atomic_int came;                        /* the signal, or 0 */
static _Atomic(int64_t) came_when;             /* of clock_now() */
static atomic_int later;                       /* the signal that ends the program once nobody holds that off; or 0 */
static atomic_int holds;                       /* how many do */
static _Atomic(struct cf_executor *) executor; /* set and read in the main thread, which is where signals arrive */

/* In a handler the signal is blocked, and takes effect when that returns; in a worker it goes to the main thread. */
static void
die_by(int signal_number)
{
    struct sigaction by_default = { .sa_handler = SIG_DFL };

    sigaction(signal_number, &by_default, NULL);
    kill(getpid(), signal_number);
}

/* Everything here, and in what it calls, is async-signal-safe. */
static void
on_signal(int signal_number)
{
    static const uint64_t one = 1;
    int error = errno;
    struct cf_executor *target = executor;

    if (came == 0) {
        came_when = clock_now();
        came = signal_number;
        if (target != NULL)
            cf_interrupt(target);
        if (write(event_fd, &one, sizeof one) != (ssize_t)sizeof one)
            abort();
    } else if (clock_now() - came_when > SAME_SIGNAL) {
        later = signal_number;
        if (holds == 0)
            die_by(signal_number);
    }
    errno = error;
}

int
interrupt_catch(void)
{
    struct sigaction caught = { .sa_handler = on_signal, .sa_flags = SA_RESTART };
    struct sigaction ignored = { .sa_handler = SIG_IGN };
    struct sigaction before;

    event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (event_fd == -1)
        return -1;
    for (size_t i = 0; i < SIGNALS; i++)
        sigaddset(&caught.sa_mask, signals[i]);
    for (size_t i = 0; i < SIGNALS; i++)
        if (sigaction(signals[i], NULL, &before) == 0 && before.sa_handler != SIG_IGN)
            sigaction(signals[i], &caught, NULL);
    sigaction(SIGPIPE, &ignored, NULL);
    sigaction(SIGXFSZ, &ignored, NULL);
    return 0;
}

/* Nothing new is begun once there has been a later signal, so that those who hold it off become fewer. */
void
interrupt_hold(void)
{
    holds++;
    if (later == 0)
        return;
    interrupt_let_go();
    for (;;)
        pause();
}

void
interrupt_let_go(void)
{
    if (--holds == 0 && later != 0)
        die_by(later);
}

int
interrupt_fd(void)
{
    return event_fd;
}

void
interrupt_forward(struct cf_executor *target)
{
    executor = target;
    if (target != NULL && came != 0)
        cf_interrupt(target);
}

struct cf_future *
interrupt_next(struct cf_iter *iter)
{
    struct cf_future *future = cf_next(iter);

    while (future == NULL && cf_status(iter) == CF_INTERRUPTED)
        future = cf_next(iter);
    return future;
}

bool
interrupt_came(void)
{
    return came != 0;
}

void
interrupt_die(void)
{
    sigset_t mask;

    if (came == 0)
        return;
    sigemptyset(&mask);
    sigaddset(&mask, came);
    sigprocmask(SIG_UNBLOCK, &mask, NULL);
    die_by(came);
}
