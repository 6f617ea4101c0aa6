/* SPDX-License-Identifier: MIT */
/*
 * fork_locks-t.c - a fork waits for those who are changing what the child will look at.
 *
 * This program is linked with the static library so that its calls of pthread_mutex_unlock() come here first: a thread
 * that is slow lingers in each of its locks, while another forks.  The child must find nobody lingering.
 */

#include <pthread.h>

#include "asserts.h"
#include "child.h"
#include "tap.h"
#include "tasks.h"

static __thread bool slow;
static struct latch lingered;
static _Atomic bool lingering;

/*
 * Threads stay until it is raised: of one that ended before the fork, ThreadSanitizer says in the child that it leaks.
 */
static struct latch forked;

int __real_pthread_mutex_unlock(pthread_mutex_t *);
int __wrap_pthread_mutex_unlock(pthread_mutex_t *);

int
__wrap_pthread_mutex_unlock(pthread_mutex_t *mutex)
{
    if (slow) {
        atomic_store(&lingering, true);
        latch_raise(&lingered);
        asserts_sleep(0.02);
        atomic_store(&lingering, false);
    }
    return __real_pthread_mutex_unlock(mutex);
}

static void
find_nobody(void *unused)
{
    (void)unused;
    CHILD_ASSERT(!atomic_load(&lingering));
}

/* Fork when somebody lingers for the n-th time. */
static void
fork_meanwhile(uint32_t n)
{
    latch_await(&lingered, n);
    ck_assert(atomic_load(&lingering));
    child_assert(find_nobody, NULL);
    latch_raise(&forked);
}

static void
ignore(struct cf_future *future, void *unused)
{
    (void)future;
    (void)unused;
}

static void *
add_callback_slowly(void *promise)
{
    slow = true;
    int rc = cf_on_done(promise, ignore, NULL);
    slow = false;
    latch_await(&forked, 1);
    ck_assert_int_eq(rc, 0);
    return NULL;
}

TEST(a_fork_waits_for_a_callback_to_be_added)
{
    struct cf_future *promise = cf_promise();
    pthread_t thread;

    ck_assert_int_eq(pthread_create(&thread, NULL, add_callback_slowly, promise), 0);
    fork_meanwhile(1);
    pthread_join(thread, NULL);
    ck_assert(cf_remove_on_done(promise, ignore, NULL));
    cf_release(promise);
}

static void *
make_promise_slowly(void *unused)
{
    slow = true;
    cf_release(cf_promise());
    slow = false;
    latch_await(&forked, 1);
    return unused;
}

TEST(a_fork_waits_for_a_thread_to_get_memory)
{
    pthread_t thread;

    if (tap_sanitized())
        tap_skip("under a sanitizer each future has memory from malloc()");
    ck_assert_int_eq(pthread_create(&thread, NULL, make_promise_slowly, NULL), 0);
    fork_meanwhile(1);
    pthread_join(thread, NULL);
}

static int
wait_slowly(struct cf_call *call)
{
    struct cf_future *promise = *(struct cf_future *const *)cf_arg(call, NULL);

    slow = true;
    enum cf_status status = cf_wait(&promise, 1, CF_ALL_COMPLETED, cf_after(0.05), NULL);
    slow = false;
    return cf_return(call, &status, sizeof status);
}
static const struct cf_task task_wait_slowly = { "wait_slowly", wait_slowly };

/* First it says for whom it waits, for the sake of circles; then it adds itself to those who wait for the promise. */
TEST(a_fork_waits_for_a_task_to_say_for_whom_it_waits)
{
    for (uint32_t n = 1; n <= 2; n++) {
        struct cf_executor *pool = tasks_pool(1);
        struct cf_future *promise = cf_promise();

        lingered = (struct latch){ 0 };
        struct cf_future *waiter = cf_submit(pool, &task_wait_slowly, &promise, sizeof promise);
        fork_meanwhile(n);
        ck_assert_int_eq(asserts_take_int(waiter), CF_TIMEOUT);
        cf_release(promise);
        ck_assert_int_eq(cf_close(pool), 0);
    }
}

static const TTest **const tests[] = {
    &a_fork_waits_for_a_callback_to_be_added,
    &a_fork_waits_for_a_thread_to_get_memory,
    &a_fork_waits_for_a_task_to_say_for_whom_it_waits,
    NULL,
};

int
main(void)
{
    return asserts_main("fork_locks", tests);
}
