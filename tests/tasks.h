/* SPDX-License-Identifier: MIT */
/* tasks.h - the tasks that tests call, and what tests ask of the futures they get. */

#ifndef TASKS_H
#define TASKS_H 1

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../lib/cf.h"
#include "stage.h"

/* Returns its argument. */
extern const struct cf_task task_echo;

/*
 * Takes an int and returns twice as much; of a negative one, fails with domain "negative" and the number as the code.
 */
extern const struct cf_task task_twice;

/* Fails as its argument says, a struct blame. */
extern const struct cf_task task_blame;

struct blame {
    char domain[32];
    int code;
    char message[96];
};

/* Ends with the int that is its argument, neither returning nor raising anything. */
extern const struct cf_task task_code;

/*
 * Takes a struct cue: counts itself in `started`, writes its number to the log, waits until `go` has been raised
 * `until` times, counts itself in `ended`, and returns its number; or fails with the domain "cue" and the code `fail`.
 */
extern const struct cf_task task_cue;

struct cue {
    char stage[48];
    int number;
    uint32_t until;
    int fail;
};

/* Counts itself in `started`, waits in poll() for cf_stop_fd() and then returns what cf_stopping() says, a bool. */
extern const struct cf_task task_patient;

/* Returns the name of its worker, a string. */
extern const struct cf_task task_worker;

/* Returns what .open_worker left in cf_local(), a uintptr_t. */
extern const struct cf_task task_local;

/* All of these, for workers that have to know them by name. */
extern const struct cf_task *const tasks_all[];
extern const size_t tasks_count;

/* A thread pool with so many workers, which the test fails without. */
struct cf_executor *tasks_pool(unsigned max_workers);

/* The cue for a call of that number, which waits until `go` has been raised so many times (0: not at all). */
struct cue tasks_cue(const struct stage *, int number, uint32_t until);

/* Submit such calls. */
struct cf_future *tasks_submit_cue(struct cf_executor *, const struct stage *, int number, uint32_t until);
struct cf_future *tasks_submit_int(struct cf_executor *, const struct cf_task *, int number);

/* Submit a call that is running on return, and runs until `go` is raised. */
struct cf_future *tasks_start_holding(struct cf_executor *, struct stage *, int number);

/* Submit n calls, the i-th of which ends when go has been raised i + 1 times, and wait until they run. */
void tasks_start_several(struct cf_executor *, struct stage *, struct cf_future **futures, int n);

void tasks_release_all(struct cf_future **futures, int n);

/* .open_worker that counts in `opened` of the stage that worker_arg is the name of, and leaves the count in *local. */
int tasks_open_worker(struct cf_call *, void **local, const void *worker_arg);

#endif
