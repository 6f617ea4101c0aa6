/* SPDX-License-Identifier: MIT */
/* callbacks.c - the callbacks that tests add to futures. */

#include "callbacks.h"
#include "asserts.h"
#include "stage.h"

void
callbacks_count(struct cf_future *future, void *data)
{
    ck_assert(cf_done(future));
    latch_raise(data);
}

void
callbacks_hold(struct cf_future *future, void *data)
{
    struct stage *stage = data;

    ck_assert(cf_done(future));
    latch_raise(&stage->of[0]);
    latch_await(&stage->of[1], 1);
    asserts_sleep(0.02);
    latch_raise(&stage->of[2]);
}
