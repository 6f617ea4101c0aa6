/* SPDX-License-Identifier: MIT */
/*
 * faults.h - refusing what the library asks for: memory, threads and descriptors.
 *
 * A program that uses this is linked with the static library, so that its calls of malloc() and the like come here
 * first.  The test runner allocates as well, so while something is refused nothing is asserted: what does not hold is
 * noted, and the first of it fails the test.
 */

#ifndef FAULTS_H
#define FAULTS_H 1

#include <limits.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

#include "../lib/cf.h"
#include "stage.h"

/* What may fail. */
enum { FAULTS_MEMORY = 1, FAULTS_THREAD = 2, FAULTS_EVENTFD = 4 };

#define FAULTS_FOR_EVER LONG_MAX

/* From now on, have so many requests of those sorts fail, beginning with the n-th. */
void faults_arm(int sorts, long n, long many);

/* From now on, refuse nothing.  Skip the test if nothing could have been. */
void faults_disarm(void);

/* Start a thread of the test's own, which is never refused. */
void faults_start(pthread_t *, void *(*)(void *), void *);

/*
 * From now on, a thread that is refused takes until of[1] of the stage is raised, and says in of[0] that it is tried.
 */
void faults_slow(struct stage *);

/* Note where something does not hold. */
#define HOLDS(condition) ((condition) ? (void)0 : faults_note(__FILE__, __LINE__))
void faults_note(const char *file, int line);

/* What is to do well, or fail as it may, whatever is refused. */
struct scenario {
    const char *name;
    void (*run)(void);
    bool memory_only; /* it asks for nothing else */
};

/* What main() returns of a program that runs each scenario with each thing that it asks for refused in turn. */
int faults_main(const char *name, const struct scenario *, size_t n);

/* Tasks that allocate nothing of their own and assert nothing; those of the last one give something away. */
enum { FAULTS_NOTHING, FAULTS_SMALL, FAULTS_LARGE, FAULTS_FAILING, FAULTS_OWNING, FAULTS_TASKS };
extern const struct cf_task faults_tasks[FAULTS_TASKS];

/* How often what was given away has been freed. */
extern _Atomic int faults_freed;

/* The future is done, or will be, with a result or an error that is whole. */
void faults_check_settled(struct cf_future *);

/* A thread pool, or NULL; and its end, to which it may come broken. */
struct cf_executor *faults_open_pool(unsigned workers);
void faults_close_pool(struct cf_executor *);

#endif
