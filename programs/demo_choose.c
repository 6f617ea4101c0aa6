/* SPDX-License-Identifier: MIT */
/* demo_choose - the same files worked on inline, in threads and in processes: which executor for which work? */

#include <cf.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "choose_files.h"
#include "choose_work.h"
#include "cli.h"
#include "clock.h"
#include "demo.h"
#include "memory.h"

static unsigned workers, made = 12, mebibytes = 4, rounds = 3;
static const struct demo demo = {
    .purpose = "Read files, hash them and compute, inline, in threads and in processes.\n"
               "Without a FILE, temporary ones are made.",
    .operands = "[FILE]...",
    .options = (const struct demo_option[]){ { "workers", "N", "threads, and processes", .number = &workers },
                                             { "files", "N", "how many files to make", .number = &made },
                                             { "size", "MIB", "of each of them", .number = &mebibytes },
                                             { "rounds", "N", "runs, of which the quickest counts", .number = &rounds },
                                             { 0 } },
};

/* The kinds of work, and what the memo advises for each. */
enum { READING, HASHING, COMPUTING, WORKS };
static const struct work {
    const char *name;
    const struct cf_task *task;
    const char *advice;
} works[WORKS] = {
    { "reading", &choose_work_read, "threads" },
    { "hashing", &choose_work_hash, "profile first" },
    { "computing", &choose_work_compute, "processes" },
};
#define MEBIBYTE 1048576.0

/* The executors, those that cost least first. */
enum { INLINE, THREADS, PROCESSES, EXECUTORS };
static const struct {
    const char *name;
    struct cf_executor *(*make)(const struct cf_options *);
} executors[EXECUTORS] = {
    { "inline", cf_inline_pool },
    { "threads", cf_thread_pool },
    { "processes", cf_process_pool },
};

/* What a run has cost, and what it has found. */
struct run {
    double seconds; /* until the last answer was there */
    double start;   /* of these, until the pool had answered an empty call */
    size_t memory;  /* bytes that the program and its workers held then */
    uint64_t found; /* all answers in one */
};

static int
nothing(struct cf_call *call)
{
    (void)call;
    return 0;
}
static const struct cf_task nothing_task = { "nothing", nothing };

/* The memory of the program and of the processes that answered, each counted once. */
static size_t
memory_held(const struct choose_answer *answers, size_t count)
{
    size_t bytes = memory_of(getpid());

    for (size_t i = 0; i < count; i++) {
        bool counted = answers[i].pid == getpid();

        for (size_t j = 0; j < i; j++)
            counted = counted || answers[j].pid == answers[i].pid;
        bytes += counted ? 0 : memory_of(answers[i].pid);
    }
    return bytes;
}

/* Note the answers as they come.  Exit if one could not be found. */
static void
collect(struct run *run, struct choose_answer *answers, struct cf_iter *calls)
{
    for (struct cf_future *call; (call = cf_next(calls)) != NULL; answers++) {
        *answers = *(const struct choose_answer *)demo_result(call);
        run->found ^= answers->value;
    }
    cf_iter_free(calls);
}

/* Do the work on each file.  The answers have room for that. */
static struct run
work_on(const struct choose_files *files, const struct work *work, int executor, struct choose_answer *answers)
{
    const int64_t start = clock_now();
    struct run run = { 0 };

    struct cf_executor *pool =
        executors[executor].make(&(struct cf_options){ .max_workers = workers, .observe = demo_observe });
    struct cf_future *first = cf_submit(pool, &nothing_task, NULL, 0);
    demo_result(first);
    run.start = clock_since(start);
    cf_release(first);
    collect(&run, answers, cf_map(pool, work->task, files->paths, files->count, sizeof *files->paths, NULL));
    run.seconds = clock_since(start);
    run.memory = memory_held(answers, files->count);
    cf_close(pool);
    return run;
}

/* Of several runs the quickest, as others were disturbed more.  Each begins with files that are not in memory yet. */
static struct run
best_of(const struct choose_files *files, const struct work *work, int executor, struct choose_answer *answers)
{
    struct run best = { 0 };

    for (unsigned i = 0; i < rounds; i++) {
        choose_files_drop(files);
        const struct run run = work_on(files, work, executor, answers);
        if (i == 0 || run.seconds < best.seconds)
            best = run;
    }
    return best;
}

static void
compare(const struct choose_files *files, const struct work *work, struct run runs[EXECUTORS])
{
    struct choose_answer *answers = calloc(files->count, sizeof *answers);

    if (answers == NULL)
        cli_no_memory();
    for (int i = 0; i < EXECUTORS; i++) {
        runs[i] = best_of(files, work, i, answers);
        printf("%-10s %-10s %8.3f s %8.2f ms %7.1f MiB\n", work->name, executors[i].name, runs[i].seconds,
               1e3 * runs[i].start, (double)runs[i].memory / MEBIBYTE);
    }
    free(answers);
}

static double
speed_up(const struct run runs[EXECUTORS], int executor)
{
    return runs[INLINE].seconds / runs[executor].seconds;
}

/* The executor to choose: that which costs least of those that are about as fast as the fastest. */
static int
choose(const struct run runs[EXECUTORS])
{
    double best = 0;
    int choice = 0;

    for (int i = 0; i < EXECUTORS; i++)
        best = speed_up(runs, i) > best ? speed_up(runs, i) : best;
    while (speed_up(runs, choice) < 0.9 * best)
        choice++;
    return choice;
}

static void
conclude(const struct work *work, const struct run runs[EXECUTORS])
{
    const int choice = choose(runs);

    if (choice == INLINE)
        printf("%s: nothing was much faster than inline; the memo: %s\n", work->name, work->advice);
    else
        printf("%s: %s, %.1f times as fast as inline; the memo: %s\n", work->name, executors[choice].name,
               speed_up(runs, choice), work->advice);
}

/* Whether all executors have found the same; what the files hash to is told. */
static bool
agree(struct run runs[WORKS][EXECUTORS])
{
    bool same = true;

    for (int i = 0; i < WORKS; i++)
        for (int j = 0; j < EXECUTORS; j++)
            same = same && runs[i][j].found == runs[i][INLINE].found;
    printf("All hashes in one: %016" PRIx64 ", %s\n", runs[HASHING][INLINE].found,
           same ? "whoever computed them" : "but not for each executor");
    return same;
}

/* Where the memo does not carry over, in figures. */
static void
conclude_on_threads(const struct run runs[EXECUTORS])
{
    printf("C has no GIL: computing was %.1f times as fast in threads, %.1f times in\n"
           "processes, which took %.1f times as long to start and %.1f times the memory.\n",
           speed_up(runs, THREADS), speed_up(runs, PROCESSES), runs[PROCESSES].start / runs[THREADS].start,
           (double)runs[PROCESSES].memory / (double)runs[THREADS].memory);
}

int
main(int argc, char **argv)
{
    struct choose_files files;
    struct run runs[WORKS][EXECUTORS];

    workers = cf_cpu_count();
    char **names = demo_parse(&demo, argc, argv);
    if (names[0] != NULL)
        choose_files_take(&files, names);
    else
        choose_files_make(&files, made, (size_t)mebibytes << 20);
    printf("%zu files, %.1f MiB, %u workers\n", files.count, (double)files.bytes / MEBIBYTE, workers);
    printf("%-10s %-10s %10s %11s %11s\n", "work", "executor", "seconds", "start-up", "memory");
    for (int i = 0; i < WORKS; i++)
        compare(&files, &works[i], runs[i]);
    for (int i = 0; i < WORKS; i++)
        conclude(&works[i], runs[i]);
    conclude_on_threads(runs[COMPUTING]);
    choose_files_free(&files);
    return demo_end(agree(runs) ? CLI_OK : CLI_FAILED);
}
