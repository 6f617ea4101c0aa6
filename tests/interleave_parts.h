/* SPDX-License-Identifier: MIT */
/*
 * interleave_parts.h - what the files of the harness share: interleave.c searches and reports, interleave_threads.c has
 * the threads and what they block on, interleave_memory.c the atomic operations, interleave_races.c all other accesses,
 * and interleave_tsan.c is what the compiler's instrumentation calls.
 */

#ifndef INTERLEAVE_PARTS_H
#define INTERLEAVE_PARTS_H 1

#include <stdint.h>

#include "interleave.h"

enum { NOBODY = INTERLEAVE_THREADS, PENDING = 16, SEEN = 16, LOCAL = 256 };

/* How far into each thread's past something knows; by it happens-before is decided. */
struct interleave_clock {
    uint32_t at[INTERLEAVE_THREADS];
};

/*
 * Something that threads operate on: an atomic, or what stands for a lock or a queue in the kernel.  The hashes are of
 * the operations on it, each of which contains those that it depends on; so two runs that have the same hashes have
 * come to the same state.
 */
struct interleave_location {
    uintptr_t address;
    unsigned search, run;
    bool shared;      /* in this search: threads that do not only read it */
    bool written;     /* in this run, like all that follows */
    unsigned owner;   /* of a lock: 0 or the thread's number + 1 */
    uint64_t threads; /* a bit for each that has touched it */
    uint64_t last_write, reads;
    uint64_t changes; /* how often it got another value */
    struct interleave_clock released;
};

/* A store that others do not see yet. */
struct interleave_pending {
    void *address;
    unsigned size;
    uint64_t value, hash;
    memory_order order;
    struct interleave_clock clock; /* of its thread at that time */
};

struct interleave_thread {
    enum { DORMANT, READY, LOCKING, ASLEEP, PAUSING, ENDED } state;
    const void *awaited;     /* a lock, a futex or a condition */
    const void *awaited_too; /* another futex, or NULL */
    bool timed;              /* it sleeps with a deadline, */
    bool timed_out;          /* which has passed, */
    bool once_timed_out;     /* now or earlier */
    struct interleave_location *read_last;
    uint64_t changes;       /* of that, when it was read */
    unsigned rounds;        /* of a bounded loop, still to be done without looking up */
    const void *seen[SEEN]; /* in the first of these rounds */
    unsigned seen_count;
    uint64_t hash;
    struct interleave_clock clock;
    struct interleave_pending pending[PENDING];
    unsigned pending_count;
    uint64_t pending_hash; /* of those that came to be seen */
    char local[LOCAL];
};

/* Of the search; interleave.c. */
struct interleave_search {
    struct interleave spec;
    unsigned search, run;
    bool running;                           /* threads are, and not setup or teardown */
    unsigned preemptions, delays, spurious; /* left in this run */
};
extern struct interleave_search interleave_search;

/* A choice of 0 to n - 1; what it is about is part of the state. */
unsigned interleave_choose(unsigned n, unsigned about);
enum { ABOUT_THREADS = 1, ABOUT_DELAY, ABOUT_FAILURE };

/* Something is shared that was not known to be, so its operations are choices: begin anew. */
void interleave_learn(void) __attribute__((__noreturn__));
void interleave_note(const char *what, const void *address, uint64_t value);

/* Threads; interleave_threads.c. */
extern struct interleave_thread interleave_threads[INTERLEAVE_THREADS];
extern unsigned interleave_current; /* or NOBODY */
void interleave_threads_reset(void);
void interleave_threads_run(void);             /* return when they have ended or interleave_leave() was called */
void interleave_threads_after(void (*)(void)); /* run that on the stack of a thread that has ended */
void interleave_leave(void) __attribute__((__noreturn__)); /* from the middle of a thread */
void interleave_reschedule(bool voluntary);
uint64_t interleave_threads_hash(void);
bool interleave_is_local(const void *); /* see interleave_local() */

static inline struct interleave_thread *
interleave_me(void)
{
    return &interleave_threads[interleave_current];
}

/* Memory; interleave_memory.c. */
uint64_t interleave_mix(uint64_t, uint64_t);
/* The location, in the hands of the current thread; others may go on before it returns. */
struct interleave_location *interleave_touch(const void *, bool write);
struct interleave_location *interleave_touch_shared(const void *);
struct interleave_location *interleave_location(const void *);   /* without touching it */
void interleave_order(struct interleave_location *, bool write); /* an operation of the current thread has its place */
void interleave_acquire(struct interleave_location *);
void interleave_release(struct interleave_location *);
void interleave_commit(unsigned thread, unsigned i);
bool interleave_may_commit(const struct interleave_thread *, unsigned i);
void interleave_drain(struct interleave_thread *);

uint64_t interleave_atomic_load(const void *, unsigned size, memory_order);
void interleave_atomic_store(void *, unsigned size, uint64_t, memory_order);
/* Of the old value and the operand. */
uint64_t interleave_atomic_change(void *, unsigned size, uint64_t (*)(uint64_t, uint64_t), uint64_t operand,
                                  memory_order);
bool interleave_atomic_compare(void *, unsigned size, uint64_t *expected, uint64_t, memory_order, memory_order failed,
                               bool weak);

/* All accesses; interleave_races.c. */
void interleave_access(const void *, size_t, bool write, bool atomic);
void interleave_races_reset(void);

#endif
