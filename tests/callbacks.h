/* SPDX-License-Identifier: MIT */
/* callbacks.h - the callbacks that tests add to futures. */

#ifndef CALLBACKS_H
#define CALLBACKS_H 1

#include "../lib/cf.h"

/* Raises data, a latch, once more. */
void callbacks_count(struct cf_future *, void *data);

/*
 * Of data, a stage: says in of[0] that it runs, waits until of[1] is raised, and says a little later in of[2] that it
 * ends.
 */
void callbacks_hold(struct cf_future *, void *data);

#endif
