/* SPDX-License-Identifier: MIT */
/* interleave.c - the search through all interleavings, and the report of what it finds. */

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "interleave_parts.h"

enum { CHOICES = 1 << 16, NOTES = 1 << 14, NAMES = 64 };

struct interleave_search interleave_search;

/*
 * The choices of this run.  Those up to `replayed` are made as in the run before, but for the last of them.
 */
static struct choice {
    unsigned short taken, count;
} choices[CHOICES];
static unsigned made, replayed;

/* How this run has ended, if not by its threads' ends. */
static enum { GOES_ON, KNOWN, LEARNED, FAILED } outcome;
static const char *failure;

/* The states from which everything has been tried: a hash table of their hashes, none of which is 0. */
static uint64_t *states;
static size_t states_count, states_size;

static unsigned long runs;

/*
 * What has happened in this run, to be told if it fails.
 */

static struct note {
    unsigned thread;
    const char *what;
    const void *address;
    uint64_t value;
} notes[NOTES];
static unsigned noted;

static struct {
    const void *at;
    size_t size;
    const char *name;
} names[NAMES];
static unsigned named;

void
interleave_name(const void *at, size_t size, const char *name)
{
    if (named < NAMES) {
        names[named].at = at;
        names[named].size = size;
        names[named++].name = name;
    }
}

void
interleave_note(const char *what, const void *address, uint64_t value)
{
    if (noted == NOTES)
        interleave_fail("it does not end");
    notes[noted++] = (struct note){ interleave_current, what, address, value };
}

/* The smallest of the named objects that it is in, and how far behind its beginning. */
static const char *
name_of(const void *address, size_t *offset)
{
    const char *name = NULL;
    size_t size = SIZE_MAX;

    *offset = (size_t)address;
    for (unsigned i = 0; i < named; i++) {
        size_t distance = (size_t)((uintptr_t)address - (uintptr_t)names[i].at);
        if (distance < names[i].size && names[i].size < size) {
            name = names[i].name;
            size = names[i].size;
            *offset = distance;
        }
    }
    return name;
}

static void
print_schedule(void)
{
    for (unsigned i = 0; i < noted; i++) {
        size_t offset;
        const char *name = name_of(notes[i].address, &offset);
        printf("  %*sthread %u: %s %s+%#zx: %#" PRIx64 "\n", (int)notes[i].thread * 4, "", notes[i].thread,
               notes[i].what, name == NULL ? "" : name, offset, notes[i].value);
    }
}

/*
 * States.
 */

static bool
insert(uint64_t *table, size_t size, uint64_t state)
{
    size_t i = state & (size - 1);

    while (table[i] != 0 && table[i] != state)
        i = (i + 1) & (size - 1);
    bool fresh = table[i] == 0;
    table[i] = state;
    return fresh;
}

static void
grow_states(void)
{
    const size_t size = states_size == 0 ? 1 << 16 : 2 * states_size;
    uint64_t *table = calloc(size, sizeof *table);

    if (table == NULL)
        ck_abort_msg("no memory for the states of the search");
    for (size_t i = 0; i < states_size; i++)
        if (states[i] != 0)
            insert(table, size, states[i]);
    free(states);
    states = table;
    states_size = size;
}

/* Whether the state has not been seen. */
static bool
is_new(uint64_t state)
{
    if (2 * states_count >= states_size)
        grow_states();
    if (!insert(states, states_size, state | 1))
        return false;
    states_count++;
    return true;
}

static void
forget_states(void)
{
    free(states);
    states = NULL;
    states_count = states_size = 0;
}

static uint64_t
state_at(unsigned about)
{
    const struct interleave_search *s = &interleave_search;
    uint64_t hash = interleave_threads_hash();

    hash = interleave_mix(hash, s->preemptions << 16 | s->delays << 8 | s->spurious);
    return interleave_mix(hash, about << 8 | interleave_current);
}

/*
 * Choices.
 */

unsigned
interleave_choose(unsigned n, unsigned about)
{
    if (n == 1)
        return 0;
    if (made < replayed && choices[made].count != n)
        interleave_fail("a run does not repeat the one before: something was not set by setup");
    if (made < replayed)
        return choices[made++].taken;
    if (!is_new(state_at(about))) {
        outcome = KNOWN;
        interleave_leave();
    }
    if (made == CHOICES)
        interleave_fail("it does not end");
    choices[made++] = (struct choice){ 0, (unsigned short)n };
    return 0;
}

/* Whether there is a choice to be made in another way. */
static bool
advance(void)
{
    while (made > 0 && choices[made - 1].taken + 1 == choices[made - 1].count)
        made--;
    replayed = made;
    if (made == 0)
        return false;
    choices[made - 1].taken++;
    return true;
}

void
interleave_learn(void)
{
    outcome = LEARNED;
    interleave_leave();
}

void
interleave_fail(const char *why)
{
    outcome = FAILED;
    failure = why;
    interleave_leave();
}

/*
 * Runs.
 */

static void
reset_run(void)
{
    struct interleave_search *s = &interleave_search;

    s->run++;
    s->preemptions = s->spec.preemptions;
    s->delays = s->spec.delays;
    s->spurious = s->spec.spurious;
    made = noted = named = 0;
    outcome = GOES_ON;
    interleave_threads_reset();
    interleave_races_reset();
}

/* What teardown finds has been done by the threads together. */
static void
run_once(void)
{
    struct interleave_search *s = &interleave_search;

    reset_run();
    runs++;
    s->spec.setup();
    s->running = true;
    interleave_threads_run();
    s->running = false;
    if (outcome == GOES_ON && s->spec.teardown != NULL)
        interleave_threads_after(s->spec.teardown);
}

static void
begin_search(void)
{
    forget_states();
    made = replayed = 0;
    runs = 0;
}

/* Return whether a run has failed. */
static bool
search(const struct interleave *spec)
{
    const char *deeper = getenv("INTERLEAVE_DEEPER");
    const unsigned more = deeper == NULL ? 0 : (unsigned)strtoul(deeper, NULL, 10);
    struct interleave_search *s = &interleave_search;

    s->spec = *spec;
    s->spec.preemptions += more;
    s->spec.delays += more;
    s->search++;
    begin_search();
    do {
        run_once();
        if (outcome == LEARNED)
            begin_search();
        else if (outcome == FAILED)
            return true;
    } while (outcome == LEARNED || advance());
    return false;
}

/* Of the processor's time: others may be busy, too. */
static double
seconds(void)
{
    struct timespec now;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

void
interleave(const struct interleave *spec)
{
    const double start = seconds();
    const bool failed = search(spec);
    const struct interleave *s = &interleave_search.spec;

    printf("%lu schedules, %zu states, %.1f s; at most ", runs, states_count, seconds() - start);
    if (s->preemptions < INTERLEAVE_UNBOUNDED)
        printf("%u preemptions, ", s->preemptions);
    printf("%u late stores, %u failures for no reason in each\n", s->delays, s->spurious);
    if (failed)
        print_schedule();
    fflush(stdout);
    if (failed)
        ck_abort_msg("%s", failure);
}

void
interleave_finds(const struct interleave *spec, struct interleave_weak weak)
{
    struct interleave wrong = *spec;

    wrong.weak = weak;
    const double start = seconds();
    const bool failed = search(&wrong);
    printf("with the mistake: %lu schedules, %.1f s, %s\n", runs, seconds() - start, failed ? failure : "not found");
    fflush(stdout);
    if (!failed)
        ck_abort_msg("the mistake was not found");
}

/*
 * The program.
 */

static const char *suite_name;
static const TTest **const *suite_tests;

static Suite *
suite(void)
{
    Suite *s = suite_create(suite_name);
    TCase *group = tap_case(s, suite_name, NULL, NULL);

    for (const TTest **const *test = suite_tests; *test != NULL; test++)
        tcase_add_test(group, **test);
    return s;
}

int
interleave_main(const char *name, const TTest **const *tests)
{
    suite_name = name;
    suite_tests = tests;
    return tap_main(suite);
}
