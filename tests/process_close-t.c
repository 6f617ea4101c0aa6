/* SPDX-License-Identifier: MIT */
/* process_close-t.c - closing a process pool: while others wait, and where it is not the closer's. */

#include <pthread.h>
#include <unistd.h>

#include "asserts.h"
#include "family.h"
#include "tap.h"

/* Ends at the very moment when `go` is raised, while who raised it still looks for the outcome before it sleeps. */
static int
spin(struct cf_call *call)
{
    struct stage *stage = stage_find(cf_arg(call, NULL));

    if (stage == NULL)
        return cf_raise(call, "spin", -1, "no stage");
    const uint32_t before = latch_count(&stage->go);
    latch_raise(&stage->started);
    while (latch_count(&stage->go) == before)
        ;
    return cf_return(call, NULL, 0);
}
static const struct cf_task task_spin = { "spin", spin };

static void *
close_pool(void *pool)
{
    ck_assert_int_eq(cf_close(pool), 0);
    return pool;
}

/* The closer and the collector sleep when it is the waiting thread that finds the last call to be over. */
TEST(a_pool_ends_when_another_thread_takes_its_last_outcome)
{
    struct stage *stage = stage_new();
    const struct family before = family_take_stock();

    for (int i = 0; i < 20; i++) {
        struct cf_executor *pool = family_pool(&(struct cf_options){ .max_workers = 1 });
        struct cf_future *last = family_start(pool, &task_spin, stage);
        pthread_t closer;
        ck_assert_int_eq(pthread_create(&closer, NULL, close_pool, pool), 0);
        asserts_sleep(0.02);
        /* Without the system call of latch_raise(), in which the call might end. */
        atomic_fetch_add(&stage->go.count, 1);
        ck_assert_ptr_nonnull(cf_result(last, NULL));
        pthread_join(closer, NULL);
        cf_release(last);
    }
    family_check(&before);
}

static const TTest **const tests[] = {
    &a_pool_ends_when_another_thread_takes_its_last_outcome,
    NULL,
};

int
main(void)
{
    return asserts_main("process_close", tests);
}
