/* SPDX-License-Identifier: MIT */
/*
 * core.h - what the files of the library share.
 *
 * A call goes through them in this order: cf_submit() (submit.c) makes a future (future.c) in a block of a slab (slab.c)
 * and hands it to the kind of executor (inline.c, threads.c, processes.c); a worker claims it, runs its task (call.c)
 * and settles it; settling tells those who hooked themselves on (hook.c): waiters (wait.c, many.c, gather.c), who sleep
 * on their thread's parker (park.c), and callbacks, which may have a thread of their own (callbacks.c).  Iterators (iter.c,
 * completed.c, map.c) are clients of all this.
 *
 * Names that are not in cf.h are not exported; they bear the prefix all the same, because a static library exports
 * everything to its program.
 */

#ifndef CF_CORE_H
#define CF_CORE_H 1

#include <limits.h>
#include <pthread.h>
#include <stdalign.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <string.h>

#include "cf.h"
#include "deque.h"
#include "slab.h"

#define CF_ALIGN alignof(max_align_t)

/* As memcpy(), but without a call of it where a number or two are copied, as is usual. */
static inline void
cf_copy(void *to, const void *from, size_t len)
{
    uint64_t first, last;

    if (len - sizeof first <= sizeof last) {
        memcpy(&first, from, sizeof first);
        memcpy(&last, (const char *)from + len - sizeof last, sizeof last);
        memcpy(to, &first, sizeof first);
        memcpy((char *)to + len - sizeof last, &last, sizeof last);
    } else if (len > 0) {
        memcpy(to, from, len);
    }
}

static inline size_t
cf_round_up(size_t size)
{
    return (size + CF_ALIGN - 1) & ~(CF_ALIGN - 1);
}

/* What stands for 0 bytes of data. */
extern const max_align_t cf_nothing;

/*
 * Errors (error.c): in one block of memory each; a static one stands in where there is no memory for it.
 */
struct cf_error *cf_error_new(enum cf_why, const char *domain, int code, const char *task, const char *worker,
                              const char *format, ...) __attribute__((__format__(__printf__, 6, 7)));
struct cf_error *cf_error_vnew(enum cf_why, const char *domain, int code, const char *task, const char *worker,
                               const char *format, va_list) __attribute__((__format__(__printf__, 6, 0)));
struct cf_error *cf_error_errno(enum cf_why, int code, const char *task); /* message: strerror(code) */
const struct cf_error *cf_error_of_waiting(enum cf_status);               /* CF_DEADLOCK or CF_FORKED, static */
bool cf_error_is_spare(const struct cf_error *);                          /* the static one for want of memory */
void cf_error_free(struct cf_error *);

/*
 * Parkers (park.c): what a thread sleeps on.  They are never freed, only passed on to later threads, so that a signal
 * handler can walk the list of all and a late look at one is harmless.  A wake-up may be spurious: loop on the
 * condition.
 */
struct cf_parker {
    _Atomic uint32_t word; /* EMPTY, TOKEN or ASLEEP in park.c */
    uint32_t number;       /* from 1; never changes, like next, once linked */
    _Atomic bool used;
    struct cf_parker *next;
    _Atomic(struct cf_future *) awaiting; /* the one future without which this thread cannot go on; see circle.c */
};

struct cf_parker *cf_parker_mine(void);             /* this thread's; NULL: no memory */
struct cf_parker *cf_parker_numbered(uint32_t);     /* or NULL */
bool cf_park(struct cf_parker *, cf_time deadline); /* until unparked: true; or the deadline has passed: false */
void cf_unpark(struct cf_parker *);                 /* async-signal-safe */
void cf_unpark_all(void);                           /* async-signal-safe */
void cf_park_thread_exit(void);
int cf_futex_wait(_Atomic uint32_t *, uint32_t value, cf_time deadline); /* 0, or an errno */
void cf_futex_wake(_Atomic uint32_t *, int count);
void cf_pause(void); /* tells the processor that this is a spinning loop */

/* A short lock, for a few instructions and never across foreign code or a system call: spins, then yields. */
struct cf_spin {
    _Atomic bool held;
};
void cf_spin_lock(struct cf_spin *);
void cf_spin_unlock(struct cf_spin *);

cf_time cf_now(void);

static inline bool
cf_is_past(cf_time deadline)
{
    return deadline != CF_NEVER && cf_now() >= deadline;
}

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
    /* Where the executor leapfrogs: a call that the running one of another worker has submitted, with the queue's reference. */
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
    bool woke; /* it has just woken another, who may need this very processor: so it had better not spin */
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

/*
 * Hooks (hook.c): who wants to know that a future is done.  A hook with a notify() is told under the lock of the
 * future's hooks, and must only note that and say who is to be unparked for it, or NULL; which is done without the lock,
 * lest who is woken find it held.  One without is a callback and runs under no lock.
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

bool cf_hook_add(struct cf_hook *, struct cf_future *);    /* false: the future is done, and the hook was not added */
void cf_hook_remove(struct cf_hook *);                     /* afterwards nobody touches the hook */
void cf_hooks_run(struct cf_future *);                     /* tell all; by the one who settled it */
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

/*
 * Futures (future.c).
 *
 * The state word: PENDING -> RUNNING -> FINISHED, or PENDING -> CANCELLED or FINISHED; each step is one
 * compare-and-swap or exchange, with exactly one winner.  Leaving for FINISHED or CANCELLED is a release that pairs
 * with the acquire of cf_done(): who sees a done future sees its outcome.  The flags beside it:
 *
 * HOOKED    somebody must be told.  Set under the lock of the hooks, so that the settler, who finds it set in what it
 *           replaces, finds the hook in the list once it has that lock.
 * TOLD      of a cancelled future: its canceller will not touch the executor again.
 * DEQUEUED  of a cancelled future: its executor's queue has let go of it, and keeps the executor until TOLD.
 * STARTED   of a running remote one: its observer has been told that it has started.
 */
enum {
    CF_STATE_PENDING,
    CF_STATE_RUNNING,
    CF_STATE_FINISHED,
    CF_STATE_CANCELLED,
    CF_STATE_MASK = 3,
    CF_STATE_HOOKED = 4,
    CF_STATE_TOLD = 8,
    CF_STATE_DEQUEUED = 16,
    CF_STATE_STARTED = 32
};

/*
 * A program may have millions of these, so members that are never in use at the same time share their place.
 */
struct cf_future {
    _Atomic uint32_t state;
    _Atomic uint32_t refs;
    struct cf_executor *executor; /* NULL: a promise, or refused.  Exists until the future is settled. */
    const struct cf_task *task;
    union {
        struct cf_future *next;  /* in its executor's queue; guarded by the queue's lock */
        struct cf_future *whole; /* of a part: the chunk that its argument or its result is in, retained; or NULL */
    };
    union {
        struct cf_hook *hooks; /* guarded by the lock of hook.c */
        const void *part;      /* of a part: its argument, in its room or in the chunk */
    };
    /* The outcome, written by the settler before the state says so. */
    const void *result; /* NULL: it has none */
    union {
        size_t result_len;
        uint64_t area; /* before: for the kind of executor; see processes.c */
    };
    union {
        void (*free_result)(void *);      /* of a result; NULL: nothing to free */
        _Atomic(struct cf_error *) error; /* where there is no result */
    };
    size_t arg_len;
    _Atomic uint32_t runner; /* the number of the parker of the thread in which it runs, see circle.c; or CF_TOOK */
    uint16_t size;           /* of the block, or CF_FUTURE_LARGE; 0: static, never freed */
    uint8_t generation;      /* cf_generation of its maker */
    bool chunk : 1;          /* its task is to be run for each of the packed items of its argument */
    bool remote : 1;         /* its state changes elsewhere, and the executor has to look */
    bool is_part : 1;        /* of a chunk: the future of one item */
    bool timed : 1;          /* how long it runs is wanted */
    alignas(max_align_t) unsigned char room[]; /* the argument, then a small result */
};
#define CF_FUTURE_LARGE UINT16_MAX
/* In runner, of a call that has run: this and for how many nanoseconds, as far as they fit. */
#define CF_TOOK ((uint32_t)1 << 31)

struct cf_future *cf_future_refused(const struct cf_task *, bool chunk, const void *arg, size_t len, struct cf_error *);
struct cf_future *cf_future_part(const struct cf_task *, size_t room); /* PENDING, and not shared yet */
bool cf_future_fail(struct cf_future *, struct cf_error *); /* PENDING -> FINISHED; takes the error in any case */
/* RUNNING -> FINISHED, the outcome being in place; worker is who ran it, or NULL; when is 0 for now. */
void cf_future_finish(struct cf_future *, struct cf_worker *, cf_time when);
/* The same, but if it returns true, cf_hooks_run() is yet to be called. */
bool cf_future_settle(struct cf_future *, struct cf_worker *, cf_time when);
void cf_future_copy_result(struct cf_future *, const void *, size_t);
/* PENDING -> CANCELLED, which is still to be told to those in *old; by a kind's recall(). */
bool cf_future_leave_for_cancel(struct cf_future *, uint32_t *old);
void cf_future_dequeued(struct cf_future *); /* the queue's reference to one that it could not claim */

/* PENDING -> to, with the flags of keep as they were; what was before goes to *old.  False: it was not PENDING. */
static inline bool
cf_future_leave_pending(struct cf_future *future, uint32_t to, uint32_t keep, uint32_t *old)
{
    *old = CF_STATE_PENDING;
    while (!atomic_compare_exchange_weak_explicit(&future->state, old, to | (*old & keep), memory_order_acq_rel,
                                                  memory_order_acquire))
        if ((*old & CF_STATE_MASK) != CF_STATE_PENDING)
            return false;
    return true;
}

/* PENDING -> RUNNING */
static inline bool
cf_future_claim(struct cf_future *future)
{
    uint32_t old;

    return cf_future_leave_pending(future, CF_STATE_RUNNING, CF_STATE_HOOKED, &old);
}

/* Whether it is of the other side of a fork. */
static inline bool
cf_future_frozen(const struct cf_future *future)
{
    return future->size != 0 && future->generation != (uint8_t)cf_generation;
}

/* By who is about to settle it. */
static inline void
cf_future_set_took(struct cf_future *future, cf_time took)
{
    const uint32_t number = took < 1 ? 1 : took < (cf_time)CF_TOOK ? (uint32_t)took : CF_TOOK - 1;

    atomic_store_explicit(&future->runner, CF_TOOK | number, memory_order_relaxed);
}

/* Of one that is done; 0: it was not timed, or has not run. */
static inline cf_time
cf_future_took(const struct cf_future *future)
{
    const uint32_t runner = atomic_load_explicit(&future->runner, memory_order_relaxed);

    return (runner & CF_TOOK) != 0 ? (cf_time)(runner & ~CF_TOOK) : 0;
}

/* Whether an unshared part, which its only owner would release, can be used for another item instead. */
static inline bool
cf_future_is_spare(const struct cf_future *future)
{
    return future->is_part && atomic_load_explicit(&future->refs, memory_order_acquire) == 1 && future->whole == NULL &&
           (future->result != NULL ? future->free_result == NULL : future->error == NULL);
}

static inline const void *
cf_future_arg(const struct cf_future *future)
{
    return future->is_part ? future->part : future->room;
}

/* Of one that is done; NULL: it has a result, or it was cancelled and nobody has asked why. */
static inline struct cf_error *
cf_future_error(const struct cf_future *future)
{
    return future->result != NULL ? NULL : atomic_load_explicit(&future->error, memory_order_acquire);
}

/* What its block has left for a small result, behind the argument, and where. */
static inline size_t
cf_future_spare_room(struct cf_future *future, void **at)
{
    const size_t used = sizeof *future + (future->is_part ? 0 : cf_round_up(future->arg_len));

    *at = (char *)future + used;
    return future->size == CF_FUTURE_LARGE || used >= future->size ? 0 : future->size - used;
}

/* By who is about to settle it; the error is the future's from now on. */
static inline void
cf_future_set_error(struct cf_future *future, struct cf_error *error)
{
    future->result = NULL;
    atomic_store_explicit(&future->error, error, memory_order_relaxed);
}

static inline void
cf_future_set_result(struct cf_future *future, const void *result, size_t len, void (*free_result)(void *))
{
    future->result = result;
    future->result_len = len;
    future->free_result = free_result;
}

static inline uint32_t
cf_future_state(const struct cf_future *future)
{
    return atomic_load_explicit(&future->state, memory_order_acquire) & CF_STATE_MASK;
}

/*
 * Calls (call.c): a task's run in some worker, wherever that is.  Small results go to room.
 */
struct cf_call {
    const struct cf_task *task;
    bool chunk;
    const void *arg;
    size_t arg_len;
    struct cf_worker *worker;
    void *room;
    size_t room_size;
    /* Memory for a larger result, if there is any that is better than what malloc() has; or NULL. */
    void *(*place)(size_t len);
    void (*free_place)(void *);
    /* The outcome. */
    const void *result;
    size_t result_len;
    void (*free_result)(void *);
    struct cf_error *error; /* NULL: it has a result */
};

void cf_call_conclude(struct cf_call *, int rc); /* what its task returned, if that is all that it said */
void cf_call_discard(struct cf_call *);          /* the outcome */
void cf_call_set_error(struct cf_call *, struct cf_error *);

/* Run .open_worker or .close_worker, if there is one.  open returns NULL or the reason why it failed. */
struct cf_error *cf_worker_open(struct cf_worker *);
void cf_worker_close(struct cf_worker *);

/*
 * Executors (executor.c).  A kind of executor is a struct that begins with a cf_executor, and these functions.
 */
struct cf_kind {
    /*
     * Take over one reference to a pending future and see to it that it is run.  Return 0; or an errno, and the
     * reference is still the caller's: ESHUTDOWN after stop().
     */
    int (*submit)(struct cf_executor *, struct cf_future *);
    /* Take a future that has not been started out of the queue, with its reference; NULL: there is none. */
    struct cf_future *(*withdraw)(struct cf_executor *);
    /* Refuse further submits.  Workers end when they have run out of calls.  Idempotent; does not wait. */
    void (*stop)(struct cf_executor *);
    /* After stop(): wait until all workers have ended.  Called once. */
    void (*join)(struct cf_executor *);
    /* After join(): free the executor itself. */
    void (*free)(struct cf_executor *);
    /* In a forked child: close the descriptors, touch nothing else; false: they are still needed.  Or NULL. */
    bool (*abandon)(struct cf_executor *);
    /* Whether calls wait because all workers are busy; a guess will do.  Or NULL. */
    bool (*is_saturated)(struct cf_executor *);

    /* Of kinds whose futures are remote: */
    /* Cancel the future if it has not been started: cf_future_leave_for_cancel(). */
    bool (*recall)(struct cf_executor *, struct cf_future *, uint32_t *old);
    /* Look for a moment what has become of the calls, until that future is done. */
    void (*watch)(struct cf_executor *, const struct cf_future *);
    /* Whether a pending future's call has been started where it is. */
    bool (*has_started)(struct cf_executor *, const struct cf_future *);
    /* Kill the workers. */
    void (*kill)(struct cf_executor *);
};

/*
 * The room for calls that have not been started (room.c), used only with .max_pending.
 */
struct cf_room_waiter {
    struct cf_room_waiter *next, *prev; /* guarded by the lock, like linked */
    struct cf_parker *parker;
    bool linked;
    _Atomic bool woken; /* there may be a place */
};

struct cf_room {
    _Atomic uint32_t pending;
    struct cf_spin lock;
    _Atomic(struct cf_room_waiter *) first; /* written under the lock, and read without by who leaves a place */
    struct cf_room_waiter *last;
};

int cf_room_enter(struct cf_executor *, cf_time deadline); /* take a place, or wait for one; 0 or an errno */
void cf_room_give_back(struct cf_executor *);
bool cf_room_is_free(const struct cf_executor *); /* this thread could take a place */
void cf_room_wake_all(struct cf_executor *);

/* Be woken when there may be a place, perhaps at once.  Who then takes none passes that on. */
void cf_room_watch(struct cf_executor *, struct cf_room_waiter *);
void cf_room_unwatch(struct cf_executor *, struct cf_room_waiter *);
void cf_room_pass_on(struct cf_executor *);

enum { CF_EXECUTOR_SHUT = 1, CF_EXECUTOR_INTERRUPTED = 2, CF_EXECUTOR_BROKEN = 4 };

struct cf_executor {
    const struct cf_kind *kind;
    _Atomic uint32_t refs;  /* the owner, map iterators, waiters who deal with an interrupt */
    _Atomic uint32_t flags; /* CF_EXECUTOR_..., only ever added to */
    unsigned generation;    /* cf_generation of its maker */
    struct cf_options options;
    char name[16];
    _Atomic(struct cf_error *) broken; /* why, written before the flag */

    _Atomic uint32_t *stopping; /* set by an interrupt, and seen by the workers, wherever they are */
    _Atomic uint32_t stop_word; /* which is this, unless the kind says otherwise */
    _Atomic int stop_fd;        /* an eventfd; -1 once the workers are gone */
    _Atomic int interrupting;   /* cf_interrupt()s that may still write to it */

    struct cf_room room;

    _Atomic uint32_t cancelling; /* cancelled calls that left the queue before their canceller was through */

    pthread_mutex_t lock;      /* guards joining and joined */
    pthread_cond_t joined_now; /* joined became true */
    bool joining, joined;
};

int cf_executor_init(struct cf_executor *, const struct cf_kind *, const struct cf_options *, unsigned default_workers);
void cf_executor_fini(struct cf_executor *);
struct cf_executor *cf_constructor_failed(int error); /* NULL, with errno set and remembered */
/* That descriptor, or in its place one that is not taken for a standard stream, where those are closed; -1: errno. */
int cf_descriptor(int fd);
int cf_executor_refusal(const struct cf_executor *); /* 0, or why it takes no calls; EPIPE: broken */
struct cf_error *cf_executor_broken_error(const struct cf_executor *, const char *task);
void cf_executor_close_stop_fd(struct cf_executor *);
cf_time cf_executor_latency(const struct cf_executor *); /* .latency; 0: none */
void cf_executor_retain(struct cf_executor *);
void cf_executor_release(struct cf_executor *);
void cf_executor_break(struct cf_executor *, const struct cf_error *cause, const char *what);
void cf_executor_cancel_pending(struct cf_executor *);
void cf_executor_told(struct cf_executor *); /* one canceller is through; see CF_STATE_DEQUEUED */
void cf_executor_await_cancellers(struct cf_executor *);
void cf_executor_dispose(struct cf_executor *, struct cf_future *); /* of a call dequeued but not to be run */
/* A deadline is for .max_pending; 0: do not wait for room. */
enum { CF_CALL_CHUNK = 1, CF_CALL_TIMED = 2 };
struct cf_future *cf_executor_submit(struct cf_executor *, const struct cf_task *, unsigned how, const void *arg,
                                     size_t len, cf_time deadline);

static inline bool
cf_executor_is(const struct cf_executor *executor, uint32_t flags)
{
    return (atomic_load_explicit(&executor->flags, memory_order_acquire) & flags) != 0;
}

/* Whether it is of the other side of a fork. */
static inline bool
cf_executor_frozen(const struct cf_executor *executor)
{
    return executor->generation != cf_generation;
}

/* 0, or why it takes no calls. */
static inline int
cf_executor_errno(const struct cf_executor *executor)
{
    const bool takes_calls = executor != NULL && !cf_executor_frozen(executor) &&
                             atomic_load_explicit(&executor->flags, memory_order_acquire) == 0;

    return takes_calls ? 0 : cf_executor_refusal(executor);
}

/* One call fewer is pending. */
static inline void
cf_room_leave(struct cf_executor *executor)
{
    if (executor->options.max_pending > 0)
        cf_room_give_back(executor);
}

void cf_tell_observer(struct cf_executor *, enum cf_event_type, const struct cf_future *, const struct cf_worker *,
                      cf_time when);

/* When is 0 for now. */
static inline void
cf_observe(struct cf_executor *executor, enum cf_event_type type, const struct cf_future *call,
           const struct cf_worker *worker, cf_time when)
{
    if (executor->options.observe != NULL)
        cf_tell_observer(executor, type, call, worker, when);
}

/* How many cf_interrupt()s there were in this process: when it changes, sleepers look at their executors. */
extern _Atomic uint32_t cf_interrupts;

/*
 * Making a future; NULL: no memory.
 */
static inline struct cf_future *
cf_future_allocate(struct cf_executor *executor, const struct cf_task *task, bool chunk, uint32_t refs, size_t room)
{
    size_t size = sizeof(struct cf_future) + room;
    struct cf_future *future = cf_slab_alloc(&size);

    if (future != NULL)
        *future = (struct cf_future){
            .state = CF_STATE_PENDING,
            .refs = refs,
            .executor = executor,
            .task = task,
            .size = size < CF_FUTURE_LARGE ? (uint16_t)size : CF_FUTURE_LARGE,
            .generation = (uint8_t)cf_generation,
            .chunk = chunk,
            .remote = executor != NULL && executor->kind->recall != NULL,
        };
    return future;
}

static inline struct cf_future *
cf_future_new(struct cf_executor *executor, const struct cf_task *task, bool chunk, uint32_t refs, const void *arg,
              size_t len)
{
    struct cf_future *future = cf_future_allocate(executor, task, chunk, refs, cf_round_up(len) + CF_ALIGN);

    if (future != NULL) {
        cf_copy(future->room, arg, len);
        future->arg_len = len;
    }
    return future;
}

/*
 * Waiting (wait.c, circle.c).
 */

/*
 * Wait for one future, with help and with the check for circles; heed interrupts or not.  Who watches a room besides
 * gets CF_OK also when there may be a place in it.
 */
enum cf_status cf_wait_for(struct cf_future *, cf_time deadline, bool heed, const struct cf_room_waiter *);

/* Whether this thread may wait for an unfinished future at all: CF_OK, CF_FORKED or CF_DEADLOCK. */
enum cf_status cf_may_wait(const struct cf_future *);

/* If this thread is a worker of the future's executor and the future is pending, run it here; else return false. */
bool cf_help(struct cf_future *);

/* Whether this thread is nested too deeply to run another call inside the present one: by number, or by its stack. */
bool cf_is_deep(void);

/* Whether only this thread's being nested too deeply keeps it from running the future, as cf_help() would. */
bool cf_too_deep(const struct cf_future *);

/* If the hook's executor is interrupted, cancel what it has not started and return true. */
bool cf_heed_interrupt(struct cf_hook *);

/* Note that this thread waits for that future alone; false: that would close a circle. */
bool cf_circle_enter(struct cf_parker *, struct cf_future *);
void cf_circle_leave(struct cf_parker *);
void cf_circle_before_fork(void);
void cf_circle_after_fork(void);

/*
 * A gathering (gather.c): futures that are added at any time and come out as they finish.  One thread adds and takes.
 */
struct cf_gather {
    /* Those not done yet as far as the owner knows, in the order of adding: the calls of executors, and promises. */
    struct cf_gathered_list {
        struct cf_gathered *first, *last;
    } calls, promises;
    struct cf_gathered *ready, *ready_last; /* those known to be done */
    struct cf_executor *executor;           /* of the first that was added */
    bool mixed;                             /* there are others of other executors */
    _Atomic(struct cf_gathered *) arrived;  /* a stack that settlers push to */
    _Atomic(struct cf_parker *) sleeper;    /* whom to unpark for it */
    struct cf_gathered *looked_at;          /* the last of the ready ones that cf_gather_look() returned; or NULL */
    size_t count;                           /* added and not taken */
    unsigned generation;                    /* cf_generation when the last was added */
    uint32_t interrupts;                    /* the cf_interrupts that have been dealt with */
};

bool cf_gather_add(struct cf_gather *, struct cf_future *); /* takes over a reference, but not if it returns false */
struct cf_future *cf_gather_take(struct cf_gather *, cf_time deadline, bool heed, const struct cf_room_waiter *,
                                 enum cf_status *);
/* The next that is done, left where it is, of those not looked at yet; or NULL. */
struct cf_future *cf_gather_look(struct cf_gather *);
struct cf_future *cf_gather_oldest(const struct cf_gather *); /* call that is not known to be done; or NULL */
void cf_gather_cancel(struct cf_gather *);                    /* those that have not started */
void cf_gather_clear(struct cf_gather *);

/*
 * How many items a map had better send as one call (pace.c), judging by how long its earlier calls took.
 */
struct cf_pace {
    cf_time time; /* that a chunk should take */
    size_t known; /* items, since the last that took long, that are known to have been short */
    size_t fits;  /* so many of the last ones would have made a good chunk */
};

void cf_pace_learn(struct cf_pace *, const struct cf_future *call); /* one that is done */

/* So many items must have been short before there is a chunk: few are sent singly as fast, and can be cancelled singly. */
enum { CF_PACE_FEW = 32 };

/* Whether it is for want of knowledge that chunks are not larger. */
static inline bool
cf_pace_may_grow(const struct cf_pace *pace)
{
    return pace->known <= pace->fits || pace->known < CF_PACE_FEW;
}

static inline size_t
cf_pace_chunk(const struct cf_pace *pace)
{
    const size_t chunk = pace->known < pace->fits ? pace->known : pace->fits;

    return chunk == 0 || pace->known < CF_PACE_FEW ? 1 : chunk;
}

/*
 * The calls that a map has sent ahead of its reader (ahead.c), to be taken in their order or in that of completion.
 */
struct cf_ahead {
    bool unordered;
    size_t calls;
    struct cf_pace pace;
    size_t learnt;           /* of the calls, those that the pace knows of; they will be taken first */
    struct cf_future **ring; /* if ordered; its size and where the first one is: */
    size_t size, first;
    struct cf_gather gather; /* if not */
};

bool cf_ahead_add(struct cf_ahead *, struct cf_future *); /* takes over a reference, but not if it returns false */
/* The next that is done; NULL with CF_OK: there may be a place in the room that one watches besides. */
struct cf_future *cf_ahead_take(struct cf_ahead *, cf_time deadline, bool heed, const struct cf_room_waiter *,
                                enum cf_status *);
void cf_ahead_learn(struct cf_ahead *);                      /* have the pace know of those that are done by now */
struct cf_future *cf_ahead_unknown(const struct cf_ahead *); /* the oldest that it does not know of; or NULL */
void cf_ahead_cancel(struct cf_ahead *);
void cf_ahead_clear(struct cf_ahead *);

/*
 * Iterators (iter.c).
 */
struct cf_iter_kind {
    struct cf_future *(*next)(struct cf_iter *, enum cf_status *); /* a reference for the caller, or NULL and why */
    size_t (*remaining)(const struct cf_iter *, size_t *total);
    void (*free)(struct cf_iter *);
};

/*
 * Items of a chunk that are like the one whose future is lent: cf_next() fills it with their bytes, one after the other.
 * The iterator's kind notes how many these were when it is asked the next time.
 */
struct cf_refill {
    size_t given, left;                 /* items */
    const unsigned char *item, *result; /* of the next one */
    size_t item_len, result_len;
    uint32_t interrupts; /* the cf_interrupts up to which this is all right */
};

struct cf_iter {
    const struct cf_iter_kind *kind; /* NULL: the one iterator there always is, which has failed */
    enum cf_status status;
    bool interrupt_said;
    struct cf_future *lent;
    struct cf_future *spare; /* a part that kind->next() may take for another; or NULL */
    struct cf_refill refill;
};

extern struct cf_iter cf_iter_no_memory;

/*
 * Chunks: several items of a map in one call; chunk.h has what becomes of them.
 */
int cf_chunk_run(struct cf_call *);     /* stands in for the task's own run() */
void cf_chunk_dispose(const void *arg); /* gives back what the argument refers to */

#endif
