/* SPDX-License-Identifier: MIT */
/* demo_workers - how many workers a pool has by default, on this machine and why, and that they start on demand. */

#include <cf.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli.h"
#include "demo.h"

static const struct demo demo = {
    .purpose = "Tell how many workers pools of threads and of processes have by default, what\n"
               "that is counted from, and how many are started for few and for many calls.",
    .options = (const struct demo_option[]){ { DEMO_UNIT }, { 0 } },
};

/* The processors that the scheduler may run us on; 0 if these are more than we know how to count. */
static int
count_by_affinity(void)
{
    cpu_set_t set;

    return sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 0;
}

/* The memo's os.cpu_count() is what Python went by before 3.13: where only some may be used, that is too many. */
static void
print_processors(void)
{
    unsigned count = cf_cpu_count();
    const char *told = getenv("CF_CPU_COUNT");

    printf("Processors online:          %ld: os.cpu_count(), which Python's defaults were made from before 3.13\n"
           "That this process may use:  %d: os.process_cpu_count(), which they are made from since then\n"
           "cf_cpu_count():             %u: %s\n",
           sysconf(_SC_NPROCESSORS_ONLN), count_by_affinity(), count,
           told != NULL && strtoul(told, NULL, 10) == count ? "CF_CPU_COUNT says so"
                                                            : "it heeds the quota of the control group, too");
}

/* It takes a while, so that calls that are there at once need a worker each; its result is who ran it. */
static int
tell_worker(struct cf_call *call)
{
    demo_sleep(0.1);
    return cf_return(call, cf_worker(call), strlen(cf_worker(call)) + 1);
}
static const struct cf_task tell_worker_task = { "tell_worker", tell_worker };

/* How many different workers the calls have told of. */
static unsigned
count_workers(struct cf_future *const *futures, unsigned calls)
{
    unsigned workers = 0;

    for (unsigned i = 0, j; i < calls; i++) {
        for (j = 0; j < i; j++)
            if (strcmp(demo_result(futures[i]), demo_result(futures[j])) == 0)
                break;
        workers += j == i;
    }
    return workers;
}

typedef struct cf_executor *make_pool(const struct cf_options *);

/* A worker that has nothing to do any more takes the next call; where there is none, another is started. */
static void
try_calls(make_pool *make, unsigned calls, bool at_once)
{
    struct cf_future **futures = calloc(calls, sizeof *futures);
    struct cf_executor *pool = make(&(struct cf_options){ .observe = demo_observe });

    if (futures == NULL)
        cli_no_memory();
    for (unsigned i = 0; i < calls; i++) {
        futures[i] = cf_submit(pool, &tell_worker_task, NULL, 0);
        if (!at_once) {
            demo_result(futures[i]);
            demo_sleep(0.1);
        }
    }
    printf("  %3u calls %-18s %u\n", calls, at_once ? "at once:" : "one after another:", count_workers(futures, calls));
    for (unsigned i = 0; i < calls; i++)
        cf_release(futures[i]);
    free(futures);
    cf_close(pool);
}

static void
try_pool(make_pool *make, unsigned most)
{
    try_calls(make, 3, false);
    try_calls(make, 3, true);
    try_calls(make, 2 * most + 2, true);
}

int
main(int argc, char **argv)
{
    unsigned count = cf_cpu_count();
    unsigned threads = count < 28 ? count + 4 : 32;
    unsigned processes = count < 4096 ? count : 4096;

    demo_parse(&demo, argc, argv);
    print_processors();
    printf("\nThreads by default: min(32, %u + 4) = %u.  So many are started for\n", count, threads);
    try_pool(cf_thread_pool, threads);
    printf("\nProcesses by default: %u.  So many are started for\n", processes);
    try_pool(cf_process_pool, processes);
    printf("\nIn the memo threads are for waiting, as Python lets one of them compute at a time; here they all may.\n");
    return demo_end(CLI_OK);
}
