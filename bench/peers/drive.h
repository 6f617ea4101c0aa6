/* SPDX-License-Identifier: MIT */
/*
 * drive.h - the workloads as all peers in C and C++ run them.
 *
 * A peer tells how it runs a number of tasks and collects them; drive_main() does the rest.  Its program is called as
 * PEER WORKLOAD WORKERS N, where the workloads are A1, A1w, A3, A3p, A4 and A6, what the peer adds, and for peers that
 * are processes B1, B1p and B2, which are A3, A3p and A1.
 */

#ifndef DRIVE_H
#define DRIVE_H 1

#include "../measure.h"

#ifdef __cplusplus
extern "C" {
#endif

struct drive_task {
    uint64_t argument;
    uint64_t result;
    uint32_t work; /* the steps of A4; 0: add 1 to the argument, as the others do */
};

static inline void
drive_run(struct drive_task *task)
{
    task->result = task->work != 0 ? measure_busy(task->work) : task->argument + 1;
}

/* A workload of the peer's own, or its own way to run one. */
struct drive_extra {
    const char *workload;
    const char *unit;
    double (*run)(unsigned workers, size_t n);
};

struct drive_peer {
    const char *name;
    void (*open)(unsigned workers);                  /* make the pool, and have it run something where that starts it */
    void (*run)(struct drive_task *tasks, size_t n); /* submit each and wait for each; from several threads in A6 */
    const struct drive_extra *extras;                /* ends with one that is all zero; or NULL */
};

/* The status for main() to return. */
int drive_main(const struct drive_peer *, int argc, char **argv);

/* fib(n), to check the peer's by. */
uint64_t drive_fib(size_t n);

#ifdef __cplusplus
}
#endif

#endif
