/* SPDX-License-Identifier: MIT */
/*
 * lanes.h - the memory that a process pool shares with its workers, and what goes to and from its nursery.
 *
 * Each worker has a lane: a ring of slots that the parent fills and the worker empties, in order.  A slot's word says
 * whose turn it is, and changes by compare-and-swap or by its one owner:
 *
 *   FREE -> QUEUED         the parent has written a call
 *   QUEUED -> CLAIMED      the worker has started it
 *   QUEUED -> WITHDRAWN    the parent has taken it back
 *   CLAIMED -> DONE        the worker has written the outcome: the commit, its last store
 *
 * A DONE slot is free when the parent has read it, a WITHDRAWN one when the worker has passed it besides, or it could
 * be lapped, and find a later call there.  Which slots are in use the parent knows by their numbers; the words of
 * others are left as they were, so that a slot goes from one processor to the other and back, and no more often.  A
 * worker takes QUEUED for what it says, as no such word is ever left behind, but asks the lane's tail whether WITHDRAWN
 * is new.
 *
 * So there is no lock between processes, and a worker that dies anywhere leaves words that the parent can read.
 *
 * For arguments of middling size there are buffers, which all have mapped and which keep their memory.  What is larger
 * stands in areas of a memfd, which lie far apart in a sparse file; memory is reserved before it is used and given back
 * afterwards.  Some of them are places, which both sides have mapped, which futures may have for as long as they live,
 * and which keep their memory for a moment (place.c); besides, each slot has one for its result, and each argument that
 * finds no place has one of its own.
 */

#ifndef CF_LANES_H
#define CF_LANES_H 1

#include <signal.h>
#include <sys/types.h>

#include "core.h"

enum {
    LANES_MAX = 4096,  /* workers */
    LANE_SLOTS = 1024, /* a power of two */
    SLOT_SMALL = 16,   /* bytes of an argument or a result that share a cache line with the rest of their slot */
    SLOT_BYTES = 384,  /* that travel in the slot's place beside the ring */
    BUFFERS = 256,     /* for as many arguments at a time */
    BUFFER_BYTES = 128 * 1024,
    PLACES = 64,     /* for arguments that are larger; at most 255 */
    LANE_PLACES = 4, /* for large results of each worker */
    PLACE_LEAST = CF_LARGE,
    AREA_BITS = 36 /* an area has 2 to the power of this bytes, which bounds arguments and results */
};
#define AREA_SIZE ((uint64_t)1 << AREA_BITS)
#define BUFFERS_SIZE ((size_t)BUFFERS * BUFFER_BYTES)

/* What the nursery says of a lane. */
enum lane_gone {
    GONE_NOT,
    GONE_DEAD,  /* its worker has died; fate is as from waitpid() */
    GONE_UNBORN /* it could not be forked; fate is an errno */
};

/*
 * A thread that waits for a call may take the seat and sleep there: it is woken in the collector's place, and looks.
 * FREE -> TAKEN -> RUNG by a worker; back to FREE by the thread alone.
 */
enum seat { SEAT_FREE, SEAT_TAKEN, SEAT_RUNG, SEAT_NONE /* the kernel cannot do it */ };

enum slot_word { SLOT_FREE, SLOT_QUEUED, SLOT_CLAIMED, SLOT_DONE, SLOT_WITHDRAWN };

/* Where an outcome is. */
enum outcome_place { OUTCOME_IN_SLOT, OUTCOME_IN_AREA, OUTCOME_IN_PLACE };

struct slot {
    alignas(64) _Atomic uint32_t word;
    bool chunk;
    bool failed;   /* the outcome is an error: its strings, in struct cf_error's order */
    uint8_t where; /* enum outcome_place, or that plus the number of the lane's place for results */
    const struct cf_task *task;
    union {
        uint64_t arg_area; /* 0: the argument is in the slot; up to BUFFERS: in that buffer; above: in that area */
        struct {
            enum cf_why why; /* of an outcome that is an error */
            int code;
        };
    };
    size_t len; /* of the argument, and then of the outcome */
    _Atomic cf_time started, ended;
    alignas(max_align_t) unsigned char small[SLOT_SMALL];
};

/* For large results, one at a time, which a future may have there; see place.c. */
struct place {
    _Atomic uint32_t state; /* FREE -> USED by the worker; back by the parent, unless nothing is handed over */
    size_t ready;           /* how many bytes have their memory; written by who has taken it */
};
enum { PLACE_FREE, PLACE_USED, PLACE_GIVEN_BACK /* the parent is just giving back the memory */ };

struct lane {
    /* Written by the parent: for each call, and seldom. */
    alignas(64) _Atomic uint64_t tail; /* slots filled so far, as far as the worker need know before it sleeps */
    alignas(64) uint64_t start;        /* where a new worker begins */
    _Atomic uint32_t hold;             /* do not claim: you may be about to be killed */

    /* Written by the worker, all of it seldom. */
    alignas(64) _Atomic uint32_t asleep; /* 1: the worker is, or is about to be, in futex_wait() on this */
    _Atomic pid_t pid;                   /* its own, before anything else */
    _Atomic uint32_t opened;             /* .open_worker has succeeded, */
    _Atomic uint32_t open_failed;        /* or not, and failure has the error as its outcome */
    _Atomic uint32_t retired;            /* the call that it has claimed is its last, after which it exits */
    _Atomic uint64_t passed;             /* it has done with the withdrawn slots before this one */

    /* Written by the nursery, and cleared by the parent before it wants the next worker. */
    _Atomic uint32_t gone; /* enum lane_gone */
    int fate;

    struct place places[LANE_PLACES];
    struct slot slots[LANE_SLOTS + 1]; /* the ring, and what is used for the failure of .open_worker */
    alignas(max_align_t) unsigned char bytes[LANE_SLOTS + 1][SLOT_BYTES];
};
#define LANE_FAILURE LANE_SLOTS /* the number of that slot */

/* Where the slot has an argument or an outcome of so many bytes, if it has it at all. */
static inline unsigned char *
cf_slot_bytes(struct lane *lane, struct slot *slot, size_t len)
{
    return len <= SLOT_SMALL ? slot->small : lane->bytes[slot - lane->slots];
}

struct segment {
    _Atomic pid_t nursery;
    _Atomic uint32_t reported;             /* the nursery has news of some lane */
    alignas(64) _Atomic uint32_t stopping; /* cf_interrupt() has been called */
    _Atomic uint32_t quit;                 /* workers shall exit when their lanes are empty */
    alignas(64) _Atomic uint32_t asleep;   /* the collector is, or is about to be, in poll() */
    _Atomic uint32_t timed; /* the collector looks every millisecond, so that short calls need not be told of singly */
    alignas(64) _Atomic uint32_t watchers; /* threads that look for outcomes themselves, and once more at the end */
    _Atomic uint32_t seat;                 /* enum seat; a thread that does so sleeps on it */
    alignas(64) struct lane lanes[];
};

/* What a worker and the nursery need to know; as it was when the pool was made. */
struct nursery {
    struct segment *segment;
    unsigned char *buffers;
    struct cf_executor *executor;
    unsigned lanes;
    unsigned max_calls; /* 0: no bound */
    bool tell_claims;   /* ring the bell when a call is started, too */
    int bell;           /* an eventfd that wakes the collector */
    int memory;         /* the memfd */
    sigset_t mask;      /* the signals that the program had blocked */

    /* The nursery's own: */
    int parent;                /* a pidfd, or -1 */
    int orders;                /* the end of a socket; at its end the pool is closed */
    int deaths;                /* a signalfd for SIGCHLD */
    pid_t *pids;               /* by lane; 0: none */
    struct sigaction on_death; /* what the program wants done at SIGCHLD */
};

struct order {
    unsigned lane;
    int signal; /* for its worker; 0: start one */
};

_Noreturn void cf_nursery_main(struct nursery *);
_Noreturn void cf_lane_serve(const struct nursery *, unsigned lane);
bool cf_lane_serves(const struct cf_executor *); /* whether this process is a worker of that pool */

/*
 * fork() a process that is not the program's child (orphan.c).  Return 0 in that process, where all signals are
 * blocked; its pid in the caller; or -1 with errno.  *pid is in shared memory, and for the function's own use.
 */
pid_t cf_orphan_fork(_Atomic pid_t *pid);

/* What is mapped of an area in this process. */
struct cf_view {
    unsigned char *at;
    size_t size;
};

enum { VIEW_WRITE = 1, VIEW_INHERIT = 2 /* what this process forks has it, too */ };

/* Areas (area.c): 0, or an errno. */
int cf_area_extend(int memory, uint64_t area, size_t len, size_t *ready);
int cf_area_write(int memory, uint64_t area, const void *data, size_t len);
int cf_area_read(int memory, uint64_t area, void *data, size_t len);
void cf_area_drop(int memory, uint64_t area, size_t len);
int cf_area_view(int memory, uint64_t area, size_t len, unsigned how, struct cf_view *);
void cf_area_unview(struct cf_view *);
bool cf_area_holds(int memory, uint64_t area, size_t len); /* whether so much has its memory */

static inline uint64_t
cf_area_of_result(unsigned lane, uint64_t slot)
{
    return 1 + (uint64_t)lane * LANE_SLOTS + slot % LANE_SLOTS;
}

/* Above those: of the lanes' places for results, of the places for arguments, and of other arguments. */
static inline uint64_t
cf_area_of_place(unsigned lane, unsigned place)
{
    return 1 + (uint64_t)LANES_MAX * LANE_SLOTS + (uint64_t)lane * LANE_PLACES + place;
}
#define AREA_PLACES (1 + (uint64_t)LANES_MAX * (LANE_SLOTS + LANE_PLACES))
#define AREA_ARGUMENTS (AREA_PLACES + PLACES)

/* What a worker takes out of slots and puts into them (parcel.c). */
void cf_parcel_serve(const struct nursery *, unsigned lane);
const void *cf_parcel_argument(struct slot *, struct cf_call *, unsigned char *small, void **copy);
void cf_parcel_result(struct slot *, struct cf_call *);
void cf_parcel_error(struct slot *, const struct cf_error *);
void *cf_parcel_place(size_t len); /* for a large result; or NULL */
void cf_parcel_free_place(void *);

static inline unsigned char *
cf_buffer(unsigned char *buffers, uint64_t number)
{
    return buffers + (number - 1) * BUFFER_BYTES;
}

#endif
