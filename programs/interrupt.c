/* SPDX-License-Identifier: MIT */
#include <config.h>

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
#include <time.h>
#include <unistd.h>

static const int signals[] = { SIGINT, SIGTERM, SIGHUP };
#define SIGNALS (sizeof signals / sizeof *signals)

/*
 * Signals that come so close together are one to whoever sent them: timeout(1), for one, sends its signal to the program
 * and then to the program's group.
 */
#define SAME_MILLISECONDS 100

static int event_fd = -1;
static atomic_int came;                        /* the signal, or 0 */
static _Atomic(int64_t) came_when;             /* in milliseconds */
static _Atomic(struct cf_executor *) executor; /* set and read in the main thread, which is where signals arrive */

static int64_t
milliseconds(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* In a handler the signal is blocked, and takes effect when that returns. */
static void
die_by(int signal_number)
{
    struct sigaction by_default = { .sa_handler = SIG_DFL };

    sigaction(signal_number, &by_default, NULL);
    raise(signal_number);
}

/* Everything here, and in what it calls, is async-signal-safe. */
static void
on_signal(int signal_number)
{
    static const uint64_t one = 1;
    int error = errno;
    struct cf_executor *target = executor;

    if (came == 0) {
        came_when = milliseconds();
        came = signal_number;
        if (target != NULL)
            cf_interrupt(target);
        if (write(event_fd, &one, sizeof one) != (ssize_t)sizeof one)
            abort();
    } else if (milliseconds() - came_when > SAME_MILLISECONDS) {
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
