/* SPDX-License-Identifier: MIT */
/*
 * stage.h - what a test shares with the calls that it makes, in whatever thread, process or host process they run.
 *
 * A stage is found by its name, which travels in the argument of a call: workers that were forked from the test have it
 * already, others map it.
 */

#ifndef STAGE_H
#define STAGE_H 1

#include <stdint.h>

#include "latch.h"

#define STAGE_LATCHES 8
#define STAGE_LOG 4096

struct stage {
    char name[48];
    struct latch started; /* calls of task_cue that have begun */
    struct latch go;      /* what such calls wait for */
    struct latch ended;   /* those that are about to return */
    struct latch opened;  /* workers that stage_open_worker() has served */
    struct latch closed;  /* those that have ended since, where that can be counted */
    struct latch of[STAGE_LATCHES];
    struct latch logged;
    _Atomic int32_t log[STAGE_LOG]; /* the numbers of the calls in the order in which they began */
};

/* A new stage, which lives as long as the process; a test that cannot have one fails. */
struct stage *stage_new(void);

/* The stage of that name, or NULL. */
struct stage *stage_find(const char *name);

/* Append number to the log. */
void stage_log(struct stage *, int number);

#endif
