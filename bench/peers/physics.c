/* SPDX-License-Identifier: MIT */
/*
 * physics - what the machine itself takes, with no executor in between.
 *
 * physics bare-spin  A3|B1 WORKERS N            a hand-off there and back between two that never sleep
 * physics bare-futex A3|A3p|B1|B1p WORKERS N    the same between two that sleep until they are woken
 * physics bare-copy  B5|B6 WORKERS N            1 or 64 MB copied into shared memory here and out of it there
 * physics bare-fork  B4|B4g WORKERS N           a child that ends at once, forked and waited for
 *
 * The A are between two threads, the B between two processes; a p says that there is a pause before each.  WORKERS is
 * merely printed.  What is counted is what executors counts: medians of N; bytes in and bytes out.
 */

#include "../measure.h"
#include <linux/futex.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* What the two ends share.  Each of the words counts its end's hand-offs and has a cache line of its own. */
struct court {
    _Alignas(64) atomic_uint ping;
    _Alignas(64) atomic_uint pong;
    _Alignas(64) bool sleeps; /* wait by futex instead of looking all the time */
    int private;              /* FUTEX_PRIVATE_FLAG between threads */
    size_t n;
    size_t size;    /* how much is copied on each hand-off */
    char *memory;   /* shared */
    char *payload;  /* of this end */
    char *received; /* of the other end */
};

static void
relax(void)
{
#if defined __x86_64__ || defined __i386__
    __builtin_ia32_pause();
#endif
}

static void
await(struct court *court, atomic_uint *word, unsigned value)
{
    unsigned seen;

    while ((seen = atomic_load(word)) != value) {
        if (court->sleeps)
            syscall(SYS_futex, word, FUTEX_WAIT | court->private, seen, NULL, NULL, 0);
        else
            relax();
    }
}

static void
post(struct court *court, atomic_uint *word, unsigned value)
{
    atomic_store(word, value);
    if (court->sleeps)
        syscall(SYS_futex, word, FUTEX_WAKE | court->private, 1, NULL, NULL, 0);
}

/* The other end: what is handed over it copies out and hands back. */
static void *
other_end(void *data)
{
    struct court *court = data;

    for (unsigned i = 1; i <= court->n; i++) {
        await(court, &court->ping, i);
        if (court->size > 0)
            memcpy(court->received, court->memory, court->size);
        post(court, &court->pong, i);
    }
    return NULL;
}

static void
hand_over(struct court *court, unsigned i)
{
    if (court->size > 0)
        memcpy(court->memory, court->payload, court->size);
    post(court, &court->ping, i);
    await(court, &court->pong, i);
}

static void *
shared(size_t size)
{
    void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    if (memory == MAP_FAILED)
        measure_fail("no shared memory");
    return memset(memory, 0, size);
}

static void
play_with_thread(struct court *court, void play(struct court *, void *), void *data)
{
    pthread_t thread;

    court->private = FUTEX_PRIVATE_FLAG;
    if (pthread_create(&thread, NULL, other_end, court) != 0)
        measure_fail("no thread can be made");
    play(court, data);
    pthread_join(thread, NULL);
}

static void
play_with_process(struct court *court, void play(struct court *, void *), void *data)
{
    pid_t child = fork();

    if (child == 0) {
        other_end(court);
        _exit(0);
    }
    if (child < 0)
        measure_fail("no process can be made");
    play(court, data);
    waitpid(child, NULL, 0);
}

struct trips {
    useconds_t pause;
    uint64_t *times;
};

static void
play_trips(struct court *court, void *data)
{
    struct trips *trips = data;

    for (unsigned i = 1; i <= court->n; i++) {
        if (trips->pause != 0)
            usleep(trips->pause);
        uint64_t start = measure_now();
        hand_over(court, i);
        trips->times[i - 1] = measure_now() - start;
    }
}

static double
round_trip(size_t n, bool sleeps, bool processes, useconds_t pause)
{
    struct court *court = shared(sizeof *court);
    struct trips trips = { .pause = pause, .times = measure_bytes(n * sizeof(uint64_t), 0) };

    court->sleeps = sleeps;
    court->n = n;
    if (processes)
        play_with_process(court, play_trips, &trips);
    else
        play_with_thread(court, play_trips, &trips);
    return measure_median(trips.times, n);
}

/* The first hand-over, which touches the other end's memory for the first time, is not counted. */
static void
play_copies(struct court *court, void *data)
{
    uint64_t *elapsed = data;

    hand_over(court, 1);
    uint64_t start = measure_now();
    for (unsigned i = 2; i <= court->n; i++)
        hand_over(court, i);
    *elapsed = measure_now() - start;
}

static double
copies(size_t n, size_t size)
{
    struct court *court = shared(sizeof *court);
    uint64_t elapsed = 0;

    court->n = n + 1;
    court->size = size;
    court->memory = shared(size);
    court->payload = measure_bytes(size, 1);
    court->received = measure_bytes(size, 2);
    play_with_process(court, play_copies, &elapsed);
    return 2.0 * (double)size * (double)n / (double)elapsed;
}

static double
forks(size_t n)
{
    uint64_t *times = measure_bytes(n * sizeof *times, 0);

    for (size_t i = 0; i < n; i++) {
        uint64_t start = measure_now();
        pid_t child = fork();
        if (child == 0)
            _exit(0);
        if (child < 0 || waitpid(child, NULL, 0) != child)
            measure_fail("no process can be made");
        times[i] = measure_now() - start;
    }
    return measure_median(times, n) / 1e6;
}

static double
spin(const char *workload, size_t n)
{
    return round_trip(n, false, workload[0] == 'B', 0);
}

static double
sleep_and_wake(const char *workload, size_t n)
{
    return round_trip(n, true, workload[0] == 'B', workload[2] == 'p' ? MEASURE_PAUSE_US : 0);
}

static double
copy(const char *workload, size_t n)
{
    return copies(n, (size_t)(workload[1] == '5' ? 1 : 64) << 20);
}

static double
fork_one(const char *workload, size_t n)
{
    char *ballast = workload[2] == 'g' ? measure_bytes(MEASURE_LARGE, 1) : NULL;
    double median = forks(n);

    free(ballast);
    return median;
}

static const struct limit {
    const char *name;
    const char *workloads;
    double (*run)(const char *workload, size_t n);
    const char *unit;
} limits[] = {
    { "bare-spin", " A3 B1 ", spin, "ns" },
    { "bare-futex", " A3 A3p B1 B1p ", sleep_and_wake, "ns" },
    { "bare-copy", " B5 B6 ", copy, "GB/s" },
    { "bare-fork", " B4 B4g ", fork_one, "ms" },
};

static const struct limit *
limit_of(const char *name, const char *workload)
{
    char word[8];

    snprintf(word, sizeof word, " %s ", workload);
    for (size_t i = 0; i < sizeof limits / sizeof *limits; i++)
        if (strcmp(name, limits[i].name) == 0 && strstr(limits[i].workloads, word) != NULL)
            return &limits[i];
    measure_fail("no such limit or workload");
}

int
main(int argc, char **argv)
{
    if (argc != 5)
        measure_fail("usage: physics bare-spin|bare-futex|bare-copy|bare-fork WORKLOAD WORKERS N");
    const struct limit *limit = limit_of(argv[1], argv[2]);
    unsigned workers = (unsigned)measure_number(argv[3]);
    measure_print(limit->name, argv[2], workers, limit->run(argv[2], measure_number(argv[4])), limit->unit);
    return 0;
}
