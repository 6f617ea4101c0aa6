/* SPDX-License-Identifier: MIT */
/* self.h - what the library knows about the calling thread, and what that is inside of. */

#ifndef CF_SELF_H
#define CF_SELF_H 1

#include <pthread.h>

#include "deque.h"
#include "park.h"

/*
 * Frames: what a thread is inside of.  A task or callback runs in a frame of its executor; they nest, because a task
 * may submit to an inline executor, and a waiting worker may run another call.
 */
struct cf_worker {
    struct cf_executor *executor;
    void *local; /* what .open_worker left */
    bool opened; /* .open_worker returned 0 */
    char name[48];
    /* For cf_engage(), in case the worker has announced that it is about to look for work; or NULL. */
    void (*engage)(struct cf_worker *);
    struct cf_deque *deque; /* of what its tasks submit to its executor; or NULL */
    /*
     * Where the executor leapfrogs: a call that the running one of another worker has submitted, with the queue's
     * reference.
     */
    struct cf_future *(*leapfrog)(struct cf_worker *, struct cf_future *running);
};

struct cf_frame {
    struct cf_frame *outer;
    struct cf_executor *executor;
    struct cf_worker *worker; /* NULL in a callback */
};

struct cf_thread {
    struct cf_frame *frame;
    struct cf_worker *worker; /* that this thread is, or NULL */
    struct cf_executor
        *unbounded; /* whose generator or observer is running here, and so may exceed its bound; or NULL */
    struct cf_parker *parker;
    uint8_t in_vain; /* how often in a row it has spun for a future for nothing; see park.h */
    bool woke;       /* it has just woken another, who may need this very processor: so it had better not spin */
    _Atomic uint32_t *watched;      /* the count of those who look for outcomes, while this thread is in it; or NULL */
    struct cf_callbacks *callbacks; /* that run where this thread settles calls of their executor; or NULL */
    bool kept;                      /* cf_thread_keep() has been called */
    const char *stack_low;          /* of a worker: where the last quarter of its stack begins, downwards */
    unsigned depth;                 /* calls that run nested because a waiting worker helped itself to them */
    int constructor_errno;          /* of the last constructor that failed here */
};
extern __thread struct cf_thread cf_self __attribute__((tls_model("initial-exec")));

/* This thread has something that its exit must give back. */
void cf_thread_set_key(void);
static inline void
cf_thread_keep(void)
{
    if (!cf_self.kept)
        cf_thread_set_key();
}

/* Before foreign code that may take long: this thread, if a worker, cannot be counted on to look for work. */
static inline void
cf_engage(void)
{
    if (cf_self.worker != NULL && cf_self.worker->engage != NULL)
        cf_self.worker->engage(cf_self.worker);
}

/* The innermost frame of this executor on this thread, or NULL. */
static inline struct cf_frame *
cf_frame_of(const struct cf_executor *executor)
{
    struct cf_frame *frame = cf_self.frame;

    while (frame != NULL && frame->executor != executor)
        frame = frame->outer;
    return frame;
}

/* Sees to it, once in the process, that thread exit and fork are dealt with (thread.c). */
int cf_thread_setup(void);
/* Start a thread that has all signals blocked but those that its own instructions cause; 0 or an errno. */
int cf_thread_start(pthread_t *, void *(*main)(void *), void *arg, const char *name);
extern unsigned cf_generation; /* how many forks this process is away from the first */

#endif
