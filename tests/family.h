/* SPDX-License-Identifier: MIT */
/*
 * family.h - what process pools leave behind, and the ways in which a task can end its worker.
 *
 * The test runner gives each test a process group of its own, so whatever was forked on the test's behalf is in that
 * group, whoever its parent is.
 */

#ifndef FAMILY_H
#define FAMILY_H 1

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "tasks.h"

/* Zombies and all, but for the test itself. */
size_t family_processes(void);

/* What a test has at its beginning, and fails without at its end. */
struct family {
    size_t processes, fds, threads, mappings;
};

/* Become the parent of orphans, so that none goes unseen, and take stock. */
struct family family_take_stock(void);
void family_check(const struct family *);

/* Wait until nobody else is in the group, reaping orphans. */
void family_await_end(void);

/* What the memory holds that a process pool shares with its workers for large data, in bytes. */
off_t family_held(void);

/* Wait until that is nothing: a pool keeps what is not in use for a moment, for the next call. */
void family_await_given_back(void);

/* Takes an enum family_end and ends its worker so, or not. */
extern const struct cf_task task_end;

enum family_end {
    END_NOT,
    END_SEGV,
    END_KILL,
    END_EXIT_NOW,  /* _exit(3) */
    END_EXIT_ZERO, /* _exit(0) */
    END_EXIT,      /* exit(5) */
    END_ABORT
};

/* Do that here. */
void family_end(enum family_end);

/* Returns the pid of the worker, an int. */
extern const struct cf_task task_pid;

/* Counts itself in `started` of the stage that its argument names, and ends at the very moment when `go` is raised. */
extern const struct cf_task task_spin;

/* Raise `go` without the system call of latch_raise(), in which those who spin might end. */
void family_let_go(struct stage *);

/*
 * Runs for ever; counts itself in `started` of the stage that its argument names.  The obstinate one ignores SIGTERM.
 */
extern const struct cf_task task_hang;
extern const struct cf_task task_obstinate;

/* Submit one that ends so. */
struct cf_future *family_submit_end(struct cf_executor *, enum family_end);

/* Submit such a call, and return when it runs. */
struct cf_future *family_start(struct cf_executor *, const struct cf_task *, struct stage *);

/* The pid in an error's or event's name of the worker. */
pid_t family_pid_of(const char *worker);

/* A process pool, which the test fails without. */
struct cf_executor *family_pool(const struct cf_options *);

#endif
