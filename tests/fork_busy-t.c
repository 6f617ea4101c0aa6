/* SPDX-License-Identifier: MIT */
/* fork_busy-t.c - forks while other threads are anywhere in the library, and forks in tasks. */

#include <pthread.h>

#include "asserts.h"
#include "child.h"
#include "tap.h"
#include "tasks.h"

/* Run act(NULL) in one child after another: in many of them, unless the machine is slow or busy. */
static void
in_children_for_a_while(void (*act)(void *))
{
    const double end = asserts_now() + 1.5;
    int children = 0;

    do
        child_assert(act, NULL);
    while (++children < 200 && asserts_now() < end);
}

/* Makes and uses futures without end, so that a fork finds the library at any instruction. */
struct busybody {
    pthread_t thread;
    struct cf_executor *pool;
    struct stage *stage;
};

static void *
be_busy(void *data)
{
    struct busybody *busybody = data;

    while (latch_count(&busybody->stage->of[0]) == 0) {
        struct cf_future *futures[4];
        for (int i = 0; i < 4; i++)
            futures[i] = tasks_submit_int(busybody->pool, &task_twice, i);
        cf_cancel(futures[3]);
        cf_wait(futures, 4, CF_ALL_COMPLETED, CF_NEVER, NULL);
        for (int i = 0; i < 4; i++)
            cf_release(futures[i]);
    }
    return NULL;
}

TEST(a_fork_at_any_moment_leaves_the_child_able_to_use_pools)
{
    child_needs_memory();
    struct stage *stage = stage_new();
    struct busybody busybodies[2];

    for (int i = 0; i < 2; i++) {
        busybodies[i] = (struct busybody){ .pool = tasks_pool(2), .stage = stage };
        ck_assert_int_eq(pthread_create(&busybodies[i].thread, NULL, be_busy, &busybodies[i]), 0);
    }
    in_children_for_a_while(child_use_pool);
    latch_raise(&stage->of[0]);
    for (int i = 0; i < 2; i++) {
        pthread_join(busybodies[i].thread, NULL);
        ck_assert_int_eq(cf_close(busybodies[i].pool), 0);
    }
}

static const struct cf_task task_fork_or_nest;

static void
ignore(struct cf_future *future, void *unused)
{
    (void)future;
    (void)unused;
}

/* More promises with callbacks than a thread keeps memory for: they go through every lock that there is for them. */
static void
make_promises(void *unused)
{
    struct cf_future *promises[300];

    for (int i = 0; i < 300; i++) {
        promises[i] = cf_promise();
        cf_on_done(promises[i], ignore, unused);
    }
    for (int i = 0; i < 300; i++) {
        cf_cancel(promises[i]);
        cf_release(promises[i]);
    }
}

static void *
make_promises_busily(void *data)
{
    struct stage *stage = data;

    while (latch_count(&stage->of[0]) == 0)
        make_promises(NULL);
    return NULL;
}

TEST(a_fork_at_any_moment_leaves_the_child_able_to_use_promises)
{
    child_needs_memory();
    struct stage *stage = stage_new();
    pthread_t threads[3];

    for (int i = 0; i < 3; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, make_promises_busily, stage), 0);
    in_children_for_a_while(make_promises);
    latch_raise(&stage->of[0]);
    for (int i = 0; i < 3; i++)
        pthread_join(threads[i], NULL);
}

static int
fork_in_task(struct cf_call *call)
{
    int status = child_run(child_use_pool, NULL);

    return cf_return(call, &status, sizeof status);
}
static const struct cf_task task_fork = { "fork", fork_in_task };

TEST(a_task_may_fork)
{
    child_needs_threads();
    struct cf_executor *pool = tasks_pool(1);

    ck_assert_int_eq(asserts_take_int(cf_submit(pool, &task_fork, NULL, 0)), 0);
    cf_close(pool);
}

static struct cf_executor *forking_pool;

/* Has another task of the same pool wait for it, which has the library look for circles, and forks meanwhile. */
static int
fork_or_nest(struct cf_call *call)
{
    int n = *(const int *)cf_arg(call, NULL);

    if (n == 0)
        return fork_in_task(call);
    struct cf_future *inner = tasks_submit_int(forking_pool, &task_fork_or_nest, n % 20 == 1 ? 0 : n - 1);
    cf_result(inner, NULL);
    cf_release(inner);
    return cf_return(call, &(int){ 0 }, sizeof(int));
}
static const struct cf_task task_fork_or_nest = { "fork_or_nest", fork_or_nest };

TEST(tasks_may_fork_while_others_wait_for_each_other)
{
    child_needs_memory();
    struct cf_future *futures[40];

    forking_pool = tasks_pool(4);
    for (int i = 0; i < 40; i++)
        futures[i] = tasks_submit_int(forking_pool, &task_fork_or_nest, 20);
    for (int i = 0; i < 40; i++)
        ck_assert_int_eq(asserts_take_int(futures[i]), 0);
    cf_close(forking_pool);
}

static const TTest **const tests[] = {
    &a_fork_at_any_moment_leaves_the_child_able_to_use_pools,
    &a_fork_at_any_moment_leaves_the_child_able_to_use_promises,
    &a_task_may_fork,
    &tasks_may_fork_while_others_wait_for_each_other,
    NULL,
};

int
main(void)
{
    return asserts_main("fork_busy", tests);
}
