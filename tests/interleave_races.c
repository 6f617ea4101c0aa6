/* SPDX-License-Identifier: MIT */
/* interleave_races.c - all accesses to memory: races between them, and what is done to memory that was freed. */

#include <stdalign.h>
#include <stdint.h>
#include <string.h>

#include "interleave_parts.h"

enum { WORDS = 1 << 15, KEPT = 8, ARENA = 256 * 1024, ALIGNMENT = 64 }; /* WORDS is a power of two */

/* The latest accesses to eight bytes, which of them, by whom and at what time of his. */
static struct word {
    uintptr_t address;
    unsigned run;
    bool freed;
    unsigned char kept, oldest;
    struct access {
        unsigned char thread, bytes;
        bool write, atomic;
        uint32_t time;
    } last[KEPT];
} words[WORDS];

/* Blocks of a thread's own, so that their addresses do not depend on what other threads do; and setup's. */
static alignas(ALIGNMENT) unsigned char arenas[INTERLEAVE_THREADS + 1][ARENA];
static size_t used[INTERLEAVE_THREADS + 1];

void
interleave_races_reset(void)
{
    memset(used, 0, sizeof used);
}

static struct word *
word_at(uintptr_t address)
{
    size_t i = interleave_mix(address, 1) & (WORDS - 1);

    while (words[i].address != 0 && words[i].address != address)
        i = (i + 1) & (WORDS - 1);
    struct word *w = &words[i];
    w->address = address;
    if (w->run != interleave_search.run) {
        w->run = interleave_search.run;
        w->freed = false;
        w->kept = w->oldest = 0;
    }
    return w;
}

static bool
race(const struct access *a, const struct access *b)
{
    return a->thread != b->thread && (a->bytes & b->bytes) != 0 && (a->write || b->write) &&
           !(a->atomic && b->atomic) && a->time > interleave_me()->clock.at[a->thread];
}

static void
keep(struct word *w, const struct access *access)
{
    for (unsigned i = 0; i < w->kept; i++)
        if (w->last[i].thread == access->thread && w->last[i].bytes == access->bytes &&
            w->last[i].write == access->write && w->last[i].atomic == access->atomic) {
            w->last[i] = *access;
            return;
        }
    if (w->kept < KEPT) {
        w->last[w->kept++] = *access;
    } else {
        w->last[w->oldest] = *access;
        w->oldest = (unsigned char)((w->oldest + 1) % KEPT);
    }
}

static void
access_word(uintptr_t address, unsigned char bytes, bool write, bool atomic)
{
    struct word *w = word_at(address);
    const struct access access = { (unsigned char)interleave_current, bytes, write, atomic,
                                   interleave_me()->clock.at[interleave_current] };

    if (w->freed) {
        interleave_note("touches freed memory", (const void *)address, bytes);
        interleave_fail("an access to memory that was freed");
    }
    for (unsigned i = 0; i < w->kept; i++)
        if (race(&w->last[i], &access)) {
            interleave_note(write ? "writes in a race with another" : "reads in a race with another",
                            (const void *)address, w->last[i].thread);
            interleave_fail("a data race");
        }
    keep(w, &access);
}

void
interleave_access(const void *at, size_t size, bool write, bool atomic)
{
    uintptr_t address = (uintptr_t)at;
    const uintptr_t end = address + size;

    if (!interleave_search.running || interleave_is_local(at))
        return;
    while (address < end) {
        const uintptr_t word = address & ~(uintptr_t)7;
        const uintptr_t until = end < word + 8 ? end : word + 8;
        const unsigned char bytes = (unsigned char)(((1U << (until - address)) - 1) << (address - word));
        access_word(word, bytes, write, atomic);
        address = until;
    }
}

/*
 * Memory.
 */

void *
interleave_malloc(size_t size)
{
    const unsigned arena = interleave_search.running ? interleave_current : INTERLEAVE_THREADS;
    unsigned char *block = arenas[arena] + used[arena];
    const size_t whole = (size + 2 * ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;

    if (used[arena] + whole > ARENA)
        interleave_fail("no memory in the harness");
    used[arena] += whole;
    memcpy(block, &size, sizeof size);
    return block + ALIGNMENT;
}

void *
interleave_calloc(size_t count, size_t size)
{
    return memset(interleave_malloc(count * size), 0, count * size);
}

/* It counts as writing all of it. */
void
interleave_free(void *block)
{
    size_t size;

    if (block == NULL || !interleave_search.running)
        return;
    memcpy(&size, (unsigned char *)block - ALIGNMENT, sizeof size);
    interleave_access(block, size, true, false);
    for (uintptr_t word = (uintptr_t)block; word < (uintptr_t)block + size; word += 8)
        word_at(word)->freed = true;
}
