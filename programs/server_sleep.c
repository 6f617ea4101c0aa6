/* SPDX-License-Identifier: MIT */
#include "server_sleep.h"

#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "clock.h"

int
server_sleep_descriptor(struct MHD_Connection *connection)
{
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);

    return info == NULL ? -1 : info->connect_fd;
}

bool
server_sleep_open(struct server_sleep *sleep)
{
    *sleep = (struct server_sleep){ .watch = epoll_create1(EPOLL_CLOEXEC) };
    return sleep->watch >= 0;
}

void
server_sleep_close(struct server_sleep *sleep)
{
    free(sleep->heap);
    if (sleep->watch >= 0)
        close(sleep->watch);
    *sleep = (struct server_sleep){ .watch = -1 };
}

/*
 * The heap.
 */

static void
put(struct server_sleep *sleep, size_t slot, struct server_sleeper *sleeper)
{
    sleep->heap[slot] = sleeper;
    sleeper->slot = slot;
}

/* Move a sleeper towards the root until its parent is due no later than it is. */
static void
rise(struct server_sleep *sleep, struct server_sleeper *sleeper)
{
    size_t slot = sleeper->slot;

    while (slot > 0 && sleep->heap[(slot - 1) / 2]->due > sleeper->due) {
        put(sleep, slot, sleep->heap[(slot - 1) / 2]);
        slot = (slot - 1) / 2;
    }
    put(sleep, slot, sleeper);
}

/* Move a sleeper away from the root until its children are due no sooner than it is. */
static void
sink(struct server_sleep *sleep, struct server_sleeper *sleeper)
{
    size_t slot = sleeper->slot;

    for (;;) {
        size_t child = 2 * slot + 1;

        if (child + 1 < sleep->count && sleep->heap[child + 1]->due < sleep->heap[child]->due)
            child++;
        if (child >= sleep->count || sleep->heap[child]->due >= sleeper->due)
            break;
        put(sleep, slot, sleep->heap[child]);
        slot = child;
    }
    put(sleep, slot, sleeper);
}

static bool
grow(struct server_sleep *sleep)
{
    size_t room = sleep->room == 0 ? 64 : 2 * sleep->room;
    struct server_sleeper **heap = reallocarray(sleep->heap, room, sizeof(struct server_sleeper *));

    if (heap == NULL)
        return false;
    sleep->heap = heap;
    sleep->room = room;
    return true;
}

static void
take_out(struct server_sleep *sleep, struct server_sleeper *sleeper)
{
    struct server_sleeper *last = sleep->heap[--sleep->count];

    if (last == sleeper)
        return;
    put(sleep, sleeper->slot, last);
    rise(sleep, last);
    sink(sleep, last);
}

/*
 * Sleeping and waking.
 */

bool
server_sleep_watch(struct server_sleep *sleep, struct server_sleeper *sleeper)
{
    struct epoll_event event = { .events = EPOLLRDHUP | EPOLLET, .data = { .ptr = sleeper } };

    return epoll_ctl(sleep->watch, EPOLL_CTL_ADD, server_sleep_descriptor(sleeper->connection), &event) == 0;
}

bool
server_sleep_until(struct server_sleep *sleep, struct server_sleeper *sleeper, int64_t due)
{
    if (due == SERVER_SLEEP_FOREVER && sleeper->hung_up)
        return false;
    if (sleep->count == sleep->room && !grow(sleep))
        return false;
    sleeper->asleep = true;
    sleeper->due = due;
    sleeper->slot = sleep->count++;
    rise(sleep, sleeper);
    MHD_suspend_connection(sleeper->connection);
    return true;
}

static void
wake(struct server_sleep *sleep, struct server_sleeper *sleeper)
{
    sleeper->asleep = false;
    sleeper->over = sleeper->due == SERVER_SLEEP_FOREVER;
    take_out(sleep, sleeper);
    MHD_resume_connection(sleeper->connection);
}

bool
server_sleep_next(const struct server_sleep *sleep, struct timespec *wait)
{
    int64_t left;

    if (sleep->count == 0 || sleep->heap[0]->due == SERVER_SLEEP_FOREVER)
        return false;
    left = sleep->heap[0]->due - clock_now();
    if (left < 0)
        left = 0;
    wait->tv_sec = (time_t)(left / CLOCK_SECOND);
    wait->tv_nsec = (long)(left % CLOCK_SECOND);
    return true;
}

/*
 * Its client has hung up.  Who sleeps for ever need not any longer; who waits for an answer sleeps on until it is due,
 * when libmicrohttpd decides whether a client that sends no more gets one.  One that is awake is suspended and resumed,
 * after which libmicrohttpd reads from it.
 */
static void
hang_up(struct server_sleep *sleep, struct server_sleeper *sleeper)
{
    sleeper->hung_up = true;
    if (!sleeper->asleep) {
        MHD_suspend_connection(sleeper->connection);
        MHD_resume_connection(sleeper->connection);
    } else if (sleeper->due == SERVER_SLEEP_FOREVER) {
        wake(sleep, sleeper);
    }
}

void
server_sleep_wake(struct server_sleep *sleep)
{
    struct epoll_event events[64];
    /* If there are more than fit here, the next turn sees to the others. */
    int count = epoll_wait(sleep->watch, events, 64, 0);
    int64_t now = clock_now();

    for (int i = 0; i < count; i++)
        hang_up(sleep, events[i].data.ptr);
    while (sleep->count > 0 && sleep->heap[0]->due <= now)
        wake(sleep, sleep->heap[0]);
}

void
server_sleep_wake_all(struct server_sleep *sleep)
{
    while (sleep->count > 0)
        wake(sleep, sleep->heap[sleep->count - 1]);
}
