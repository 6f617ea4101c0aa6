/* SPDX-License-Identifier: MIT */
/*
 * interleave_memory.c - atomic operations: where they are chosen to happen, what they see, and what they order.
 *
 * A store is seen at once or stays behind in its thread's list of pending ones.  A release stays behind everything that
 * was stored before it; a sequentially consistent load or exchange waits until the sequentially consistent stores of
 * its thread are seen; an exchange waits for those to the same place, and for all if it is a release.
 */

#include <string.h>

#include "interleave_parts.h"

enum { LOCATIONS = 1 << 14 }; /* a power of two */

static struct interleave_location locations[LOCATIONS];

uint64_t
interleave_mix(uint64_t a, uint64_t b)
{
    uint64_t x = (a ^ (b * UINT64_C(0x9e3779b97f4a7c15))) + UINT64_C(0x632be59bd9b4e019);

    x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
    return x ^ (x >> 31);
}

/*
 * Places.
 */

static struct interleave_location *
find(uintptr_t address)
{
    size_t i = (address * UINT64_C(0x9e3779b97f4a7c15) >> 40) & (LOCATIONS - 1);

    while (locations[i].address != 0 && locations[i].address != address)
        i = (i + 1) & (LOCATIONS - 1);
    locations[i].address = address;
    return &locations[i];
}

struct interleave_location *
interleave_location(const void *at)
{
    struct interleave_location *l = find((uintptr_t)at);
    const struct interleave_search *s = &interleave_search;

    if (l->run != s->run) {
        const bool shared = l->shared && l->search == s->search;
        *l =
            (struct interleave_location){ .address = l->address, .run = s->run, .search = s->search, .shared = shared };
    }
    return l;
}

/* A place turns out to be shared when a second thread comes to it, and one of them writes. */
struct interleave_location *
interleave_touch(const void *at, bool write)
{
    struct interleave_location *l = interleave_location(at);
    struct interleave_thread *me = interleave_me();

    l->threads |= UINT64_C(1) << interleave_current;
    l->written = l->written || write;
    if (write)
        me->rounds = 0;
    if (!l->shared && l->written && (l->threads & (l->threads - 1)) != 0) {
        l->shared = true;
        interleave_learn();
    }
    if (l->shared && me->rounds == 0)
        interleave_reschedule(false);
    return l;
}

struct interleave_location *
interleave_touch_shared(const void *at)
{
    struct interleave_location *l = interleave_location(at);

    if (!l->shared) {
        l->shared = true;
        interleave_learn();
    }
    interleave_me()->rounds = 0;
    interleave_reschedule(false);
    return l;
}

/*
 * Order.
 */

/* Writes depend on all that was done there, reads on what was written. */
static uint64_t
place_after(struct interleave_location *l, uint64_t hash, bool write)
{
    hash = interleave_mix(interleave_mix(hash, l->address), l->last_write);
    if (write) {
        hash = interleave_mix(hash, l->reads);
        l->last_write = hash;
        l->reads = 0;
    } else {
        l->reads += hash;
    }
    return hash;
}

void
interleave_order(struct interleave_location *l, bool write)
{
    struct interleave_thread *me = interleave_me();

    me->hash = place_after(l, me->hash, write);
}

static void
join(struct interleave_clock *clock, const struct interleave_clock *other)
{
    for (unsigned i = 0; i < INTERLEAVE_THREADS; i++)
        if (clock->at[i] < other->at[i])
            clock->at[i] = other->at[i];
}

void
interleave_acquire(struct interleave_location *l)
{
    join(&interleave_me()->clock, &l->released);
}

/* What the thread does from now on is not released. */
void
interleave_release(struct interleave_location *l)
{
    join(&l->released, &interleave_me()->clock);
    interleave_me()->clock.at[interleave_current]++;
}

static bool
acquires(memory_order order)
{
    return order != memory_order_relaxed && order != memory_order_release;
}

static bool
releases(memory_order order)
{
    return order >= memory_order_release;
}

/* The order of an operation, where there is no mistake in it. */
static memory_order
order_of(const void *at, enum interleave_operation operation, memory_order order)
{
    const struct interleave_weak *weak = &interleave_search.spec.weak;

    return weak->at == at && weak->operation == operation && weak->order < order ? weak->order : order;
}

/*
 * Values.
 */

static uint64_t
read_value(const void *at, unsigned size)
{
    uint64_t value = 0;

    memcpy(&value, at, size); /* the machines that we know of are little-endian */
    return value;
}

static void
write_value(struct interleave_location *l, void *at, unsigned size, uint64_t value)
{
    uint64_t old = read_value(at, size);

    memcpy(at, &value, size);
    if (read_value(at, size) != old)
        l->changes++;
}

static void
note(const char *const words[static 3], const void *at, uint64_t value, memory_order order)
{
    interleave_note(words[order == memory_order_relaxed ? 0 : order == memory_order_seq_cst ? 2 : 1], at, value);
}

/*
 * Pending stores.
 */

bool
interleave_may_commit(const struct interleave_thread *t, unsigned i)
{
    for (unsigned j = 0; j < i; j++)
        if (releases(t->pending[i].order) || t->pending[j].address == t->pending[i].address)
            return false;
    return true;
}

void
interleave_commit(unsigned thread, unsigned i)
{
    struct interleave_thread *t = &interleave_threads[thread];
    const struct interleave_pending p = t->pending[i];
    struct interleave_location *l = interleave_location(p.address);

    t->pending_count--;
    memmove(&t->pending[i], &t->pending[i + 1], (t->pending_count - i) * sizeof p);
    t->pending_hash = place_after(l, interleave_mix(t->pending_hash, p.hash), true);
    write_value(l, p.address, p.size, p.value);
    l->released = (struct interleave_clock){ { 0 } };
    if (releases(p.order))
        l->released = p.clock;
    interleave_note("a late store is seen at", p.address, p.value);
}

void
interleave_drain(struct interleave_thread *t)
{
    while (t->pending_count > 0)
        interleave_commit((unsigned)(t - interleave_threads), 0);
}

/* All up to the last one that is sequentially consistent. */
static void
drain_consistent(struct interleave_thread *t)
{
    unsigned n = t->pending_count;

    while (n > 0 && t->pending[n - 1].order != memory_order_seq_cst)
        n--;
    while (n-- > 0)
        interleave_commit((unsigned)(t - interleave_threads), 0);
}

static struct interleave_pending *
pending_at(struct interleave_thread *t, const void *at)
{
    for (unsigned i = t->pending_count; i > 0; i--)
        if (t->pending[i - 1].address == at)
            return &t->pending[i - 1];
    return NULL;
}

/* A release there stays behind what was stored before it. */
static void
drain_place(struct interleave_thread *t, const void *at)
{
    while (pending_at(t, at) != NULL) {
        unsigned i = 0;
        while (t->pending[i].address != at)
            i++;
        interleave_commit((unsigned)(t - interleave_threads), interleave_may_commit(t, i) ? i : 0);
    }
}

static void
postpone(struct interleave_thread *t, void *at, unsigned size, uint64_t value, memory_order order)
{
    if (t->pending_count == PENDING)
        interleave_fail("too many late stores for the harness");
    t->hash = interleave_mix(t->hash, (uintptr_t)at);
    t->pending[t->pending_count++] = (struct interleave_pending){ at, size, value, t->hash, order, t->clock };
}

/*
 * The operations.
 */

/* Whether a loop that is done at once has looked there before.  Nobody has gone on since then. */
static bool
has_seen(struct interleave_thread *me, const void *at)
{
    for (unsigned i = 0; i < me->seen_count; i++)
        if (me->seen[i] == at)
            return true;
    if (me->seen_count < SEEN)
        me->seen[me->seen_count++] = at;
    return false;
}

uint64_t
interleave_atomic_load(const void *at, unsigned size, memory_order order)
{
    static const char *const words[] = { "reads", "reads (acquire)", "reads (seq_cst)" };

    if (!interleave_search.running)
        return read_value(at, size);
    struct interleave_thread *me = interleave_me();
    if (me->rounds > 0 && has_seen(me, at))
        return read_value(at, size);
    struct interleave_location *l = interleave_touch(at, false);
    order = order_of(at, INTERLEAVE_LOAD, order);
    if (order == memory_order_seq_cst)
        drain_consistent(me);
    interleave_access(at, size, false, true);
    const struct interleave_pending *own = pending_at(me, at);
    if (own != NULL) {
        note(words, at, own->value, order);
        return own->value;
    }
    interleave_order(l, false);
    if (acquires(order))
        interleave_acquire(l);
    me->read_last = l;
    me->changes = l->changes;
    note(words, at, read_value(at, size), order);
    return read_value(at, size);
}

/* Whether a store stays behind. */
static bool
is_late(const struct interleave_thread *t, const struct interleave_location *l, const void *at, memory_order order)
{
    if (t->pending_count > 0 && (releases(order) || pending_at(interleave_me(), at) != NULL))
        return true;
    if (!l->shared || interleave_search.delays == 0 || interleave_search.preemptions == 0 ||
        interleave_choose(2, ABOUT_DELAY) == 0)
        return false;
    interleave_search.delays--;
    interleave_search.preemptions--;
    return true;
}

void
interleave_atomic_store(void *at, unsigned size, uint64_t value, memory_order order)
{
    static const char *const words[] = { "writes", "writes (release)", "writes (seq_cst)" };
    static const char *const late[] = { "writes late", "writes late (release)", "writes late (seq_cst)" };

    if (!interleave_search.running) {
        memcpy(at, &value, size);
        return;
    }
    struct interleave_location *l = interleave_touch(at, true);
    struct interleave_thread *me = interleave_me();
    order = order_of(at, INTERLEAVE_STORE, order);
    interleave_access(at, size, true, true);
    if (is_late(me, l, at, order)) {
        note(late, at, value, order);
        postpone(me, at, size, value, order);
        if (releases(order))
            me->clock.at[interleave_current]++;
        return;
    }
    note(words, at, value, order);
    interleave_order(l, true);
    write_value(l, at, size, value);
    l->released = (struct interleave_clock){ { 0 } };
    if (releases(order))
        interleave_release(l);
}

/* The writing half of an exchange, which continues what an earlier release began. */
static void
exchange(struct interleave_location *l, void *at, unsigned size, uint64_t value, memory_order order)
{
    static const char *const words[] = { "exchanges for", "exchanges for (acq_rel)", "exchanges for (seq_cst)" };
    struct interleave_thread *me = interleave_me();

    if (releases(order))
        interleave_drain(me);
    interleave_access(at, size, true, true);
    note(words, at, value, order);
    interleave_order(l, true);
    if (acquires(order))
        interleave_acquire(l);
    if (releases(order))
        interleave_release(l);
    write_value(l, at, size, value);
    me->read_last = l;
    me->changes = l->changes;
}

uint64_t
interleave_atomic_change(void *at, unsigned size, uint64_t (*change)(uint64_t, uint64_t), uint64_t operand,
                         memory_order order)
{
    if (!interleave_search.running) {
        const uint64_t old = read_value(at, size);
        const uint64_t value = change(old, operand);
        memcpy(at, &value, size);
        return old;
    }
    struct interleave_location *l = interleave_touch(at, true);
    order = order_of(at, INTERLEAVE_EXCHANGE, order);
    drain_place(interleave_me(), at);
    const uint64_t old = read_value(at, size);
    exchange(l, at, size, change(old, operand), order);
    return old;
}

/* A compare-and-swap that fails is a load. */
static void
fail_to_swap(struct interleave_location *l, const void *at, unsigned size, memory_order order)
{
    static const char *const words[] = { "does not swap", "does not swap (acquire)", "does not swap (seq_cst)" };
    struct interleave_thread *me = interleave_me();

    if (order == memory_order_seq_cst)
        drain_consistent(me);
    interleave_access(at, size, false, true);
    interleave_order(l, false);
    if (acquires(order))
        interleave_acquire(l);
    me->read_last = l;
    me->changes = l->changes;
    note(words, at, read_value(at, size), order);
}

static bool
fails_for_no_reason(const struct interleave_location *l, bool weak)
{
    if (!weak || !l->shared || interleave_search.spurious == 0 || interleave_choose(2, ABOUT_FAILURE) == 0)
        return false;
    interleave_search.spurious--;
    interleave_me()->hash = interleave_mix(interleave_me()->hash, 3);
    return true;
}

bool
interleave_atomic_compare(void *at, unsigned size, uint64_t *expected, uint64_t value, memory_order order,
                          memory_order failed, bool weak)
{
    if (!interleave_search.running) {
        const uint64_t old = read_value(at, size);
        const bool equal = old == *expected;
        *expected = old;
        if (equal)
            memcpy(at, &value, size);
        return equal;
    }
    struct interleave_location *l = interleave_touch(at, true);
    drain_place(interleave_me(), at);
    const uint64_t old = read_value(at, size);
    if (old == *expected && !fails_for_no_reason(l, weak)) {
        exchange(l, at, size, value, order_of(at, INTERLEAVE_EXCHANGE, order));
        return true;
    }
    fail_to_swap(l, at, size, order_of(at, INTERLEAVE_EXCHANGE, failed));
    *expected = old;
    return false;
}
