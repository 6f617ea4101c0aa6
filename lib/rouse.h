/* SPDX-License-Identifier: MIT */
/* rouse.h - what the parts of the scheduler share: what is at its seats, and who is woken or started because of it. */

#ifndef CF_ROUSE_H
#define CF_ROUSE_H 1

#include "scheduler.h"

struct cf_future *cf_rouse_steal(struct cf_scheduler *, unsigned start); /* from that seat or one after it; or NULL */
bool cf_rouse_seats_are_empty(struct cf_scheduler *);

/* What is to be done when the lock has been released. */
struct cf_rousing {
    struct cf_seat *wake;
    bool start;
};

struct cf_rousing cf_rouse(struct cf_scheduler *); /* about work, if there is any.  The lock is held. */
void cf_rouse_carry_out(struct cf_scheduler *, struct cf_rousing);
void cf_rouse_stop_searching(struct cf_scheduler *, struct cf_seat *); /* The lock is held. */

#endif
