/* SPDX-License-Identifier: MIT */
/* processes.h - what the parent of a process pool keeps for itself. */

#ifndef CF_PROCESSES_H
#define CF_PROCESSES_H 1

#include "lanes.h"

enum lane_life { LANE_ABSENT, LANE_STARTING, LANE_ALIVE, LANE_LEAVING };

/* The parent's knowledge of a lane.  Guarded by the pool's lock, but for what the collector alone uses. */
struct lane_state {
    unsigned number;
    enum lane_life life;
    _Atomic bool start_wanted; /* somebody is about to tell the nursery */
    unsigned ahead;            /* how many calls it may have been given: more while they are short */
    _Atomic uint64_t head;     /* the slots from here ... */
    uint64_t tail;             /* ... up to here are in use */
    struct cf_future *calls[LANE_SLOTS];

    /* The collector's. */
    struct cf_worker worker; /* for its name */
    _Atomic uint64_t noted;  /* slots before this one are known to have been started, or withdrawn */
    enum cf_why killed_for;  /* CF_TIMED_OUT or CF_KILLED; 0: it was not killed by us */
    bool killed_hard;        /* and with SIGKILL */
    cf_time killed_at;
};

struct process_pool {
    struct cf_executor base;
    struct segment *segment;
    size_t segment_size;
    int bell, memory, socket;
    int nursery_fd; /* a pidfd, or -1 */
    pid_t nursery;
    pthread_t collector;

    _Atomic bool collecting; /* somebody takes outcomes out of the lanes; one at a time */
    _Atomic bool kill;       /* all workers are to be killed */
    bool has_deadlines;      /* there is a .call_timeout */
    /* The collector's: */
    unsigned deaths;   /* in a row, without a result */
    bool interrupted;  /* and what was pending then is cancelled */
    bool nursery_gone;
    bool dismissed; /* the workers have been told to end */

    struct cf_spin lock;             /* guards what follows, and the lanes */
    struct cf_future *first, **last; /* the queue */
    unsigned workers;                /* lanes that are not ABSENT */
    bool stopped;
    bool start_failed; /* the nursery could not fork; until a worker ends, no more are started */
    unsigned touched_first, touched_end; /* the lanes that dispatch() has put something into */
    struct lane_state *lanes;

    pthread_mutex_t areas_lock; /* guards what follows */
    uint64_t areas;             /* areas for arguments that were ever used */
    uint64_t *free_areas;       /* those not in use: there is room for all of them */
    size_t free_count;
};

#endif
