/* SPDX-License-Identifier: MIT */
/* processes.h - what the parent of a process pool keeps for itself. */

#ifndef CF_PROCESSES_H
#define CF_PROCESSES_H 1

#include <stdio.h>

#include "lanes.h"
#include "loan.h"
#include "set.h"

enum {
    AHEAD = 1, /* calls that a worker may have been given at first, and again when they are long */
    NEWS = 64  /* the most that one look finds */
};
#define COST_UNKNOWN UINT32_MAX

enum lane_life {
    LANE_ABSENT,
    LANE_PRESENT, /* it has a worker, or soon will */
    LANE_LEAVING  /* and that takes no more calls */
};

/* A place as the parent has it mapped. */
struct lendable {
    struct cf_view view; /* of who has taken the place; while it is lent, of the loan */
    bool lent;           /* to a future; guarded by the pool's lock of areas */
};

/*
 * The parent's knowledge of a lane.  Guarded by the pool's lock, but for what the collector alone uses; what is atomic
 * is written under the lock and read without it too.
 */
struct lane_state {
    unsigned number;
    _Atomic enum lane_life life;
    _Atomic bool start_wanted; /* somebody is about to tell the nursery */
    unsigned ahead;            /* how many calls it may have been given: more while they are short */
    uint64_t cost;             /* nanoseconds a call, going by the last ones */
    _Atomic uint64_t head;     /* the slots from here ... */
    _Atomic uint64_t tail;     /* ... up to here are in use, */
    uint64_t withdrawn;        /* but for so many, which the worker has yet to pass */
    _Atomic(struct cf_future *) calls[LANE_SLOTS]; /* NULL: withdrawn, or settled already; collectors write, too */

    /* The collector's. */
    _Atomic uint64_t noted; /* slots before this one are known to have been started, or withdrawn */
    enum cf_why killed_for; /* CF_TIMED_OUT or CF_KILLED; 0: it was not killed by us */
    bool killed_hard;       /* and with SIGKILL */
    cf_time killed_at;
    struct lendable places[LANE_PLACES];
};

struct process_pool {
    struct cf_executor base;
    struct segment *segment;
    size_t segment_size;
    unsigned char *buffers;
    int bell, memory, socket;
    int nursery_fd; /* readable when the nursery is gone: a pidfd */
    pid_t nursery;
    pthread_t collector;
    struct cf_callbacks callbacks;

    _Atomic bool collecting; /* somebody takes outcomes out of the lanes; one at a time */
    unsigned next_lane;      /* that he looks at first */
    _Atomic bool ended;      /* nobody does any more */
    _Atomic unsigned waking; /* threads that may be about to write to the bell or to the socket */
    _Atomic bool kill;       /* all workers are to be killed */
    bool has_deadlines;      /* there is a .call_timeout */
    /* The collector's: */
    unsigned deaths;  /* in a row, without a result */
    bool interrupted; /* and what was pending then is cancelled */
    bool nursery_gone;
    bool dismissed; /* the workers have been told to end */

    /* The inbox: calls just submitted.  Its lock is held for no longer than it takes to add one or to take all. */
    alignas(64) struct cf_spin inbox_lock;
    _Atomic(struct cf_future *) inbox_first;
    struct cf_future *inbox_last; /* NULL: there is none */
    bool stopped;
    _Atomic bool full;         /* no lane has room; who makes some, clears it and looks into the inbox after that */
    _Atomic bool start_failed; /* the nursery could not fork; no more are started until a worker ends, or a submit */

    alignas(64) struct cf_spin lock; /* guards what follows, and the lanes; is taken before that of the inbox */
    struct cf_future *first, **last; /* the queue, which goes on in the inbox */
    unsigned workers;                /* lanes that are not ABSENT */
    bool broken;                     /* or about to be: nothing more is dispatched */
    unsigned cursor;                 /* the lane with room whose turn it is */
    struct cf_set absent;            /* lanes without a worker, */
    struct cf_set idle;              /* with one that has no call, */
    struct cf_set roomy;             /* that has some and may be given more, */
    struct cf_set busy;              /* and those of which slots are in use */
    struct cf_set touched;           /* that have been put something into, of which their worker may not know */
    struct lane_state *lanes;

    pthread_mutex_t areas_lock; /* guards what follows, but for the ready of buffers in use */
    unsigned free_buffers[BUFFERS], free_buffer_count;
    uint32_t ready[BUFFERS]; /* how many bytes of each have their memory */
    uint64_t areas;          /* areas for arguments that were ever used */
    uint64_t *free_areas;    /* those not in use: there is room for all of them */
    size_t free_count;
    struct cf_lender lender; /* of places */
    unsigned char free_places[PLACES];
    unsigned free_place_count;
    struct {
        struct lendable lendable;
        bool called;  /* a call has its argument there */
        size_t ready; /* how many bytes have their memory; of who has taken the place */
    } places[PLACES];
    _Atomic cf_time kept; /* when a place was last used that is not any more, and has its memory; 0: there is none */
};

static inline struct process_pool *
cf_process_pool_of(struct cf_executor *executor)
{
    return (struct process_pool *)(void *)executor;
}

static inline struct lane *
cf_lane_shared(struct process_pool *pool, const struct lane_state *lane)
{
    return &pool->segment->lanes[lane->number];
}

static inline struct slot *
cf_lane_slot(struct process_pool *pool, const struct lane_state *lane, uint64_t index)
{
    return &cf_lane_shared(pool, lane)->slots[index % LANE_SLOTS];
}

/* Whether its worker is past .open_worker. */
static inline bool
cf_lane_is_open(const struct process_pool *pool, unsigned number)
{
    return atomic_load_explicit(&pool->segment->lanes[number].opened, memory_order_relaxed) != 0;
}

/* How the worker of the lane is called. */
struct cf_lane_name {
    char text[24];
};
static inline struct cf_lane_name
cf_lane_name(struct process_pool *pool, const struct lane_state *lane)
{
    struct cf_lane_name name;

    snprintf(name.text, sizeof name.text, "pid %d", (int)atomic_load(&cf_lane_shared(pool, lane)->pid));
    return name;
}

static inline uint64_t
cf_lane_filled(const struct lane_state *lane)
{
    return lane->tail - lane->head;
}

/* How many calls the worker has to run, or runs. */
static inline uint64_t
cf_lane_load(const struct lane_state *lane)
{
    return cf_lane_filled(lane) - lane->withdrawn;
}

/*
 * Dispatching (dispatch.c).  cf_dispatch_unlock() fills lanes first, and then does what needs no lock: wakes workers.
 */
bool cf_dispatch_submit(struct process_pool *pool, struct cf_future *call);
bool cf_dispatch_empty_inbox(struct process_pool *pool);
void cf_dispatch_sort(struct process_pool *pool, const struct lane_state *lane);
struct cf_future *cf_dispatch_dequeue(struct process_pool *pool);
void cf_dispatch_append(struct process_pool *pool, struct cf_future *call);
struct cf_future *cf_dispatch_recall(struct process_pool *pool, struct lane_state *lane, uint64_t index);
/*
 * Tell the nursery to send the lane's worker a signal, or, if that is 0, to start one.  False: it cannot be told now.
 */
bool cf_dispatch_order(struct process_pool *pool, unsigned lane, int signal);
void cf_dispatch_lock(struct process_pool *pool);
void cf_dispatch_unlock(struct process_pool *pool);

/*
 * Arguments (argument.c) that do not fit a slot go to an area before their call is queued.
 */
void cf_argument_drop(struct process_pool *pool, struct cf_future *call);
int cf_argument_place(struct process_pool *pool, struct cf_future *call);
bool cf_argument_lend(struct process_pool *pool, struct cf_future *call, const void *arg, size_t len);

/*
 * Places (place.c), in the parent.
 */
uint64_t cf_place_take(struct process_pool *pool, const void *data, size_t len);
uint64_t cf_place_lend(struct process_pool *pool, const void *data, size_t len, void **at);
void cf_place_drop(struct process_pool *pool, uint64_t area);
char *cf_place_fetch(struct process_pool *pool, struct lane_state *lane, unsigned place, size_t len,
                     void (**free_it)(void *));
void cf_place_bury(struct process_pool *pool, const struct lane_state *lane);
cf_time cf_place_give_back(struct process_pool *pool);
void cf_place_init(struct process_pool *pool);
void cf_place_clear(struct process_pool *pool);
void cf_place_fini(struct process_pool *pool);

/*
 * Outcomes (outcome.c).
 */
struct outcome {
    const char *bytes;       /* NULL: no memory */
    void (*free_it)(void *); /* NULL: they are in the slot */
};
struct outcome cf_outcome_bytes(struct process_pool *pool, struct lane_state *lane, struct slot *slot, uint64_t area);
void cf_outcome_free(const struct outcome *outcome);
struct cf_error *cf_outcome_error(const struct cf_future *call, const struct slot *slot, const char *strings);
void cf_outcome_take(struct process_pool *pool, struct lane_state *lane, uint64_t index, struct cf_future *call);

/*
 * News (news.c): of calls that have started or ended, as far as somebody is to be told.  They own a reference.
 */
struct news {
    struct cf_future *call;
    bool ended;                /* else it has been started */
    bool settled;              /* its future is, and those hooked on are to be told */
    cf_time started, ended_at; /* 0: that it has started is no news */
    struct cf_worker worker;   /* for its name, if there is an observer */
};

struct newspaper {
    struct news news[NEWS];
    unsigned count;
};

void cf_news_exclude(struct process_pool *pool);
void cf_news_of_end(struct process_pool *pool, struct lane_state *lane, uint64_t index, cf_time ended,
                    struct newspaper *paper);
bool cf_news_read(struct process_pool *pool, struct lane_state *lane, struct newspaper *paper);
void cf_news_tell(struct process_pool *pool, struct newspaper *paper);
bool cf_news_waits(struct process_pool *pool);
bool cf_news_look(struct process_pool *pool);

/* What a look has found in a lane. */
struct finding {
    uint64_t head; /* the first slot that is still in use */
    uint64_t ran, withdrawn;
    cf_time took, longest; /* those that ran, altogether, and one of them */
};

/*
 * Balance (balance.c).
 */
void cf_balance_adapt(struct lane_state *lane, const struct finding *found); /* to the calls just taken */
void cf_balance(struct process_pool *pool);

/*
 * Deaths (death.c), as the nursery reports them, and time limits.  The collector calls these.
 */
void cf_death_bury(struct process_pool *pool, struct lane_state *lane, int status);
void cf_death_at_birth(struct process_pool *pool, struct lane_state *lane, int error);
void cf_death_of_nursery(struct process_pool *pool);
cf_time cf_death_enforce(struct process_pool *pool);

/*
 * The kind (processes.c), for who makes a pool (process_pool.c).
 */
extern const struct cf_kind cf_processes_kind;
void cf_processes_dismiss_nursery(struct process_pool *pool);
int cf_pidfd_of(pid_t pid); /* or -1, with errno */

/*
 * The collector (collector.c).
 */
void cf_collector_wake(struct process_pool *pool);
void cf_collector_stand_in(struct cf_executor *executor); /* from now on, for this thread if it watches */
void cf_collector_catch_up(struct process_pool *pool);
bool cf_collector_park(struct cf_executor *executor, struct cf_parker *parker, cf_time deadline);
void cf_collector_watch(struct cf_executor *executor, const struct cf_future *future, cf_time deadline);
void *cf_collector_main(void *arg);

#endif
