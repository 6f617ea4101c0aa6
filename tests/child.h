/* SPDX-License-Identifier: MIT */
/* child.h - what a test does in a forked child, which tells by its exit status alone whether all was well. */

#ifndef CHILD_H
#define CHILD_H 1

#include <stdio.h>
#include <unistd.h>

/* In the child: say what does not hold, and end. */
#define CHILD_ASSERT(condition)                                                                                        \
    do {                                                                                                               \
        if (!(condition)) {                                                                                            \
            dprintf(STDERR_FILENO, "child, line %d: %s\n", __LINE__, #condition);                                      \
            _exit(1);                                                                                                  \
        }                                                                                                              \
    } while (0)

/* Run act(data) in a forked child with a time limit of its own.  Return its wait status, 0 if act() has returned. */
int child_run(void (*act)(void *), void *data);

/* The same, and fail unless that is 0. */
void child_assert(void (*act)(void *), void *data);

/* For a child: make a pool of its own, use and close it. */
void child_use_pool(void *unused);

/* Skip the test where a child can have no threads of its own. */
void child_needs_threads(void);

/* Skip the test if memory is allocated under locks that are not made for a fork while other threads hold them. */
void child_needs_memory(void);

#endif
