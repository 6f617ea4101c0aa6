/* SPDX-License-Identifier: MIT */
/* sources.h - what tests map over. */

#ifndef SOURCES_H
#define SOURCES_H 1

#include <pthread.h>
#include <stddef.h>

#include "tasks.h"

/* A generator: yields the ints from 0 to end, and then status; counts how often it was called, and checks by whom. */
struct counter {
    int value, end, status, calls;
    pthread_t owner;
};
struct counter sources_counter(int end, int status);
int sources_count(void *counter, const void **item, size_t *len);

/* A generator: yields the cues of an array. */
struct cues {
    const struct cue *next;
    size_t left;
};
int sources_cue(void *cues, const void **item, size_t *len);

/* The ints from 0 on. */
void sources_fill(int *numbers, int n);

#endif
