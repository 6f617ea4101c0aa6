/* SPDX-License-Identifier: MIT */
/*
 * held-t.c - what must hold while a thread stands just before, or inside of, a lock of the library's.
 *
 * This program is linked with the static library so that its calls of pthread_mutex_lock() and pthread_mutex_unlock()
 * come here first, where a test can have one of them wait.
 */

#include <pthread.h>

#include "asserts.h"
#include "child.h"
#include "latch.h"
#include "tap.h"
#include "tasks.h"

/* A thread that comes to it waits until it is opened. */
struct gate {
    struct latch reached, open;
};

/* The next lock, or unlock, of this thread's is at that gate; or NULL. */
static __thread struct gate *before_lock, *before_unlock;

int __real_pthread_mutex_lock(pthread_mutex_t *);
int __real_pthread_mutex_unlock(pthread_mutex_t *);
int __wrap_pthread_mutex_lock(pthread_mutex_t *);
int __wrap_pthread_mutex_unlock(pthread_mutex_t *);

static void
pass(struct gate **gate)
{
    struct gate *passed = *gate;

    if (passed == NULL)
        return;
    *gate = NULL;
    latch_raise(&passed->reached);
    latch_await(&passed->open, 1);
}

int
__wrap_pthread_mutex_lock(pthread_mutex_t *mutex)
{
    pass(&before_lock);
    return __real_pthread_mutex_lock(mutex);
}

int
__wrap_pthread_mutex_unlock(pthread_mutex_t *mutex)
{
    pass(&before_unlock);
    return __real_pthread_mutex_unlock(mutex);
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

/* A task that waits in vain, and on the way looks whether that closes a circle, which takes a lock. */
static int
wait_in_vain(struct cf_call *call)
{
    struct cf_future *promise = cf_promise();

    before_unlock = *(struct gate *const *)cf_arg(call, NULL);
    enum cf_status status = cf_wait(&promise, 1, CF_ALL_COMPLETED, cf_after(0.001), NULL);
    cf_release(promise);
    return cf_return(call, &status, sizeof status);
}
static const struct cf_task task_wait_in_vain = { "wait_in_vain", wait_in_vain };

static enum cf_status
wait_in_task(struct gate *gate)
{
    struct cf_executor *pool = cf_inline_pool(NULL);
    struct cf_future *future = cf_submit(pool, &task_wait_in_vain, &gate, sizeof gate);
    const enum cf_status *result = cf_result(future, NULL);
    enum cf_status status = result == NULL ? CF_FAILED : *result;

    cf_release(future);
    cf_close(pool);
    return status;
}

static void *
wait_at_gate(void *data)
{
    struct scene *scene = data;

    ck_assert_int_eq(wait_in_task(&scene->gate), CF_TIMEOUT);
    return NULL;
}

static void
wait_in_child(void *unused)
{
    (void)unused;
    CHILD_ASSERT(wait_in_task(NULL) == CF_TIMEOUT);
}

TEST(after_a_fork_while_another_thread_looks_for_circles_the_childs_tasks_can_wait)
{
    struct scene scene = { 0 };
    pthread_t waiter;

    ck_assert_int_eq(pthread_create(&waiter, NULL, wait_at_gate, &scene), 0);
    latch_await(&scene.gate.reached, 1);
    child_assert(wait_in_child, NULL);
    latch_raise(&scene.gate.open);
    pthread_join(waiter, NULL);
}

static const TTest **const tests[] = {
    &shutdown_waits_for_a_worker_whose_start_is_under_way,
    &after_a_fork_while_another_thread_looks_for_circles_the_childs_tasks_can_wait,
    NULL,
};

int
main(void)
{
    return asserts_main("held", tests);
}
