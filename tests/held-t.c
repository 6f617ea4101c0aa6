/* SPDX-License-Identifier: MIT */
/*
 * held-t.c - what must hold while a thread stands before a lock of the library's.
 *
 * This program is linked with the static library so that its calls of pthread_mutex_lock() come here first, where a
 * test can have one of them wait.
 */

#include <pthread.h>

#include "asserts.h"
#include "latch.h"
#include "tap.h"
#include "tasks.h"

/* A thread that comes to it waits until it is opened. */
struct gate {
    struct latch reached, open;
};

/* The next lock of this thread's is at that gate; or NULL. */
static __thread struct gate *before_lock;

int __real_pthread_mutex_lock(pthread_mutex_t *);
int __wrap_pthread_mutex_lock(pthread_mutex_t *);

int
__wrap_pthread_mutex_lock(pthread_mutex_t *mutex)
{
    struct gate *gate = before_lock;

    before_lock = NULL;
    if (gate != NULL) {
        latch_raise(&gate->reached);
        latch_await(&gate->open, 1);
    }
    return __real_pthread_mutex_lock(mutex);
}

/* What the threads of a test share. */
struct scene {
    struct cf_executor *pool;
    struct gate gate;
    struct cf_future *future;
    bool ran; /* the call, when shutdown returned */
};

static _Atomic bool has_run;

static int
run(struct cf_call *call)
{
    has_run = true;
    return cf_return(call, NULL, 0);
}
static const struct cf_task task_run = { "run", run };

/* Submits the first call; once that is queued, the gate is where a worker would be started for it. */
static void *
submit_at_gate(void *data)
{
    struct scene *scene = data;

    cf_release(cf_promise()); /* so that there is memory for as large a future, without a lock */
    before_lock = &scene->gate;
    scene->future = cf_submit(scene->pool, &task_run, NULL, 0);
    return NULL;
}

static void *
shut_down(void *data)
{
    struct scene *scene = data;

    ck_assert_int_eq(cf_shutdown(scene->pool, CF_WAIT), 0);
    scene->ran = has_run;
    return NULL;
}

TEST(shutdown_waits_for_a_worker_whose_start_is_under_way)
{
    struct scene scene = { .pool = tasks_pool(1) };
    pthread_t submitter, closer;

    ck_assert_int_eq(pthread_create(&submitter, NULL, submit_at_gate, &scene), 0);
    latch_await(&scene.gate.reached, 1);
    ck_assert_int_eq(pthread_create(&closer, NULL, shut_down, &scene), 0);
    asserts_sleep(0.1);
    latch_raise(&scene.gate.open);
    pthread_join(closer, NULL);
    pthread_join(submitter, NULL);
    ck_assert(scene.ran);
    ck_assert_ptr_nonnull(cf_result(scene.future, NULL));
    cf_release(scene.future);
    ck_assert_int_eq(cf_close(scene.pool), 0);
}

static const TTest **const tests[] = {
    &shutdown_waits_for_a_worker_whose_start_is_under_way,
    NULL,
};

int
main(void)
{
    return asserts_main("held", tests);
}
