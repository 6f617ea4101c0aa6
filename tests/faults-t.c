/* SPDX-License-Identifier: MIT */
/* faults-t.c - calls, callbacks and pools while every allocation, thread and descriptor is refused in turn. */

#include <errno.h>

#include "asserts.h"
#include "faults.h"

static void
submit_and_wait(void)
{
    struct cf_executor *pool = faults_open_pool(2);
    struct cf_future *futures[FAULTS_TASKS * 2];
    const char argument[3000] = "";

    for (size_t i = 0; i < FAULTS_TASKS * 2; i++)
        futures[i] = cf_submit(pool, &faults_tasks[i % FAULTS_TASKS], argument, i % 2 == 0 ? 3 : sizeof argument);
    for (size_t i = 0; i < FAULTS_TASKS * 2; i++)
        faults_check_settled(futures[i]);
    for (size_t i = 0; i < FAULTS_TASKS * 2; i++)
        cf_release(futures[i]);
    faults_close_pool(pool);
}

/* So many futures at once that the library's own store of memory for them has to grow several times. */
static void
submit_many(void)
{
    static struct cf_future *futures[1500];
    const int n = tap_sanitized() ? 50 : 1500;
    struct cf_executor *pool = faults_open_pool(2);

    for (int i = 0; i < n; i++)
        futures[i] = cf_submit(pool, &faults_tasks[i % 2], "argument", 9);
    for (int i = 0; i < n; i++)
        faults_check_settled(futures[i]);
    for (int i = 0; i < n; i++)
        cf_release(futures[i]);
    faults_close_pool(pool);
}

static void
submit_inline(void)
{
    struct cf_executor *pool = cf_inline_pool(NULL);

    HOLDS(pool != NULL || errno == ENOMEM || errno == EMFILE);
    for (size_t i = 0; i < FAULTS_TASKS; i++) {
        struct cf_future *future = cf_submit(pool, &faults_tasks[i], "argument", 9);
        faults_check_settled(future);
        cf_release(future);
    }
    faults_close_pool(pool);
}

static void
submit_and_close(void)
{
    struct cf_executor *pool = faults_open_pool(3);
    struct cf_future *futures[6];
    int before = atomic_load(&faults_freed), results = 0;

    for (int i = 0; i < 6; i++)
        futures[i] = cf_submit(pool, &faults_tasks[FAULTS_OWNING], NULL, 0);
    faults_close_pool(pool);
    for (int i = 0; i < 6; i++) {
        HOLDS(cf_done(futures[i]));
        faults_check_settled(futures[i]);
        results += cf_result(futures[i], NULL) != NULL;
        cf_release(futures[i]);
    }
    HOLDS(atomic_load(&faults_freed) >= before + results);
}

static _Atomic int called;

static void
count_called(struct cf_future *future, void *unused)
{
    (void)unused;
    HOLDS(cf_done(future));
    atomic_fetch_add(&called, 1);
}

static void
call_back(void)
{
    struct cf_executor *pool = faults_open_pool(2);
    int before = atomic_load(&called), added = 0;

    for (size_t i = 0; i < FAULTS_TASKS; i++) {
        struct cf_future *future = cf_submit(pool, &faults_tasks[i], NULL, 0);
        int rc = cf_on_done(future, count_called, NULL);
        HOLDS(rc == 0 || errno == ENOMEM);
        added += rc == 0;
        if (i == 2)
            cf_cancel(future);
        cf_release(future);
    }
    faults_close_pool(pool);
    HOLDS(atomic_load(&called) == before + added);
}

static void
promise(void)
{
    struct cf_future *good = cf_promise(), *bad = cf_promise();

    HOLDS((good != NULL && bad != NULL) || errno == ENOMEM);
    if (good != NULL) {
        bool settled = cf_settle(good, "result", 7);
        HOLDS(settled == cf_done(good));
        HOLDS(settled || cf_cancel(good));
        faults_check_settled(good);
    }
    if (bad != NULL) {
        bool settled = cf_settle_error(bad, "domain", 3, "message");
        HOLDS(settled == cf_done(bad));
        HOLDS(settled || cf_cancel(bad));
        HOLDS(!settled || cf_error_of(bad)->code == 3);
        faults_check_settled(bad);
    }
    cf_release(good);
    cf_release(bad);
}

static void
bounded(void)
{
    struct cf_executor *pool = cf_thread_pool(&(struct cf_options){ .max_workers = 1, .max_pending = 2 });
    struct cf_future *futures[10];

    for (int i = 0; i < 10; i++)
        futures[i] = cf_submit(pool, &faults_tasks[i % 4], "argument", 9);
    for (int i = 0; i < 10; i++) {
        faults_check_settled(futures[i]);
        cf_release(futures[i]);
    }
    faults_close_pool(pool);
}

static struct cf_executor *own_pool;

static int
nest(struct cf_call *call)
{
    struct cf_future *inner[3];

    for (int i = 0; i < 3; i++)
        inner[i] = cf_submit(own_pool, &faults_tasks[i], NULL, 0);
    for (int i = 0; i < 3; i++) {
        faults_check_settled(inner[i]);
        cf_release(inner[i]);
    }
    return cf_return(call, NULL, 0);
}
static const struct cf_task task_nest = { "nest", nest };

static void
nested(void)
{
    own_pool = faults_open_pool(1);
    struct cf_future *future = cf_submit(own_pool, &task_nest, NULL, 0);

    faults_check_settled(future);
    cf_release(future);
    faults_close_pool(own_pool);
}

static int
open_worker(struct cf_call *call, void **local, const void *fail)
{
    *local = NULL;
    return *(const bool *)fail ? cf_raise(call, "open", 1, "on purpose") : cf_return(call, NULL, 0);
}

static void
opening_workers(void)
{
    for (int i = 0; i < 2; i++) {
        const bool fail = i == 1;
        struct cf_executor *pool =
            cf_thread_pool(&(struct cf_options){ .max_workers = 2, .open_worker = open_worker, .worker_arg = &fail });
        struct cf_future *futures[4];

        for (int k = 0; k < 4; k++)
            futures[k] = cf_submit(pool, &faults_tasks[k], NULL, 0);
        for (int k = 0; k < 4; k++) {
            faults_check_settled(futures[k]);
            cf_release(futures[k]);
        }
        faults_close_pool(pool);
    }
}

static void
stopping(void)
{
    for (int how = 0; how < 3; how++) {
        struct cf_executor *pool = faults_open_pool(2);
        struct cf_future *futures[10];

        for (int i = 0; i < 10; i++)
            futures[i] = cf_submit(pool, &faults_tasks[i % 4], NULL, 0);
        if (how == 0)
            cf_interrupt(pool);
        else
            HOLDS(cf_shutdown(pool, how == 1 ? CF_CANCEL : CF_KILL) == 0);
        faults_close_pool(pool);
        for (int i = 0; i < 10; i++) {
            HOLDS(cf_done(futures[i]));
            faults_check_settled(futures[i]);
            cf_release(futures[i]);
        }
    }
}

static const struct scenario scenarios[] = {
    { "submit and wait", submit_and_wait, false },
    { "submit many", submit_many, false },
    { "submit inline", submit_inline, false },
    { "submit and close", submit_and_close, false },
    { "call back", call_back, false },
    { "promise", promise, true },
    { "bounded", bounded, false },
    { "nested", nested, false },
    { "stopping", stopping, false },
    { "opening workers", opening_workers, false },
};

int
main(void)
{
    return faults_main("faults", scenarios, sizeof scenarios / sizeof *scenarios);
}
