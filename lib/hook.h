/* SPDX-License-Identifier: MIT */
/* hook.h - who wants to know that a future is done. */

#ifndef CF_HOOK_H
#define CF_HOOK_H 1

#include <pthread.h>

#include "park.h"

/*
 * Hooks (hook.c): who wants to know that a future is done.  A hook with a notify() is told under the lock of the
 * future's hooks, and must only note that and say who is to be unparked for it, or NULL; which is done without the
 * lock, lest who is woken find it held.  One without is a callback and runs under no lock.
 *
 * As long as a hook is linked, its future is not settled, and so its executor exists.
 */
struct cf_hook {
    struct cf_hook *next, *prev; /* guarded by the lock, like linked; prev of the first is the last */
    bool linked;
    struct cf_future *future;
    struct cf_parker *(*notify)(struct cf_hook *);
    /* Of a callback: */
    void (*callback)(struct cf_future *, void *);
    void *data;
    bool running; /* it has been called, */
    pthread_t by; /* in this thread; both guarded by the lock */
};

bool cf_hook_add(struct cf_hook *, struct cf_future *); /* false: the future is done, and the hook was not added */
void cf_hook_remove(struct cf_hook *);                  /* afterwards nobody touches the hook */
void cf_hooks_run(struct cf_future *);                  /* tell all; by the one who settled it */
/* The same, and give up a reference, before those who wait wake up: for what they release to be free at once. */
void cf_hooks_run_and_release(struct cf_future *);
void cf_hooks_call(struct cf_future *);                    /* of that, what runs the callbacks */
struct cf_executor *cf_hook_interrupted(struct cf_hook *); /* its executor, retained, if that is interrupted; or NULL */
struct cf_executor *cf_hook_executor(struct cf_future *);  /* the executor, retained; NULL: the future is done */
void cf_hook_before_fork(void);
void cf_hook_after_fork(bool in_child);

/*
 * The thread that runs an executor's callbacks (callbacks.c), of kinds that have one.  It is started when first needed.
 */
struct cf_callbacks {
    struct cf_executor *executor;
    /* Called before callbacks run in the thread that settles after all, which may take long; or NULL. */
    void (*stand_aside)(struct cf_executor *);
    pthread_mutex_t lock;   /* guards what follows */
    pthread_cond_t changed; /* there is a first, or ending became true */
    struct cf_due *first, **last;
    bool started, ending;
    pthread_t thread;
};

void cf_callbacks_init(struct cf_callbacks *, struct cf_executor *);
/* Have the callbacks of a future run there.  False: it is another executor's, or there is no memory or no thread. */
bool cf_callbacks_hand_over(struct cf_callbacks *, struct cf_future *);
void cf_callbacks_end(struct cf_callbacks *); /* return when all have run that were handed over; there are no more */
void cf_callbacks_fini(struct cf_callbacks *);

#endif
