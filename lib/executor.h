/* SPDX-License-Identifier: MIT */
/* executor.h - what a kind of executor consists of, and what all kinds have in common. */

#ifndef CF_EXECUTOR_H
#define CF_EXECUTOR_H 1

#include "future.h"

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
    bool (*recall)(struct cf_executor *, struct cf_future *, uint32_t *flags);
    /* Look for a moment, and as long as there is news, what has become of the calls: until that future is done. */
    void (*watch)(struct cf_executor *, const struct cf_future *, cf_time deadline);
    /* cf_park(), but woken by the workers too, and then to have looked. */
    bool (*park)(struct cf_executor *, struct cf_parker *, cf_time deadline);
    /* Whether a pending future's call has been started where it is. */
    bool (*has_started)(struct cf_executor *, const struct cf_future *);
    /* Kill the workers. */
    void (*kill)(struct cf_executor *);
    /* Put an argument of CF_LARGE or more where the future may leave it, and lend it that; false: nowhere. */
    bool (*lend)(struct cf_executor *, struct cf_future *, const void *arg, size_t len);
};
enum { CF_LARGE = 128 * 1024 };

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

void cf_tell_observer(struct cf_executor *, enum cf_event_type, struct cf_future *, const struct cf_worker *,
                      cf_time when);

/* When is 0 for now. */
static inline void
cf_observe(struct cf_executor *executor, enum cf_event_type type, struct cf_future *call,
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
            .word = CF_STATE_PENDING + refs * CF_REFERENCE,
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
 * As cf_future_finish(), and the queue's reference is given back: in one operation, if nobody need be told of the end,
 * and if somebody else has a reference.  As a release it is also what that one's last cf_release() pairs with.
 */
static inline void
cf_future_finish_and_release(struct cf_future *future, struct cf_worker *worker)
{
    uint64_t word = atomic_load_explicit(&future->word, memory_order_relaxed);
    const uint64_t settled = word - CF_STATE_RUNNING + CF_STATE_FINISHED - CF_REFERENCE;

    if (future->executor->options.observe != NULL || (word & CF_STATE_HOOKED) != 0 || settled < CF_REFERENCE ||
        !atomic_compare_exchange_strong_explicit(&future->word, &word, settled, memory_order_release,
                                                 memory_order_relaxed))
        cf_future_finish_slowly(future, worker);
}

#endif
