/* SPDX-License-Identifier: MIT */
/* child.c - what a test does in a forked child. */

#include <string.h>
#include <sys/wait.h>

#include "asserts.h"
#include "child.h"
#include "tasks.h"

int
child_run(void (*act)(void *), void *data)
{
    int status;
    pid_t child = fork();

    if (child == 0) {
        alarm(tap_sanitized() ? 2 * TAP_TIMEOUT : TAP_TIMEOUT / 2);
        act(data);
        _exit(0);
    }
    return child > 0 && waitpid(child, &status, 0) == child ? status : -1;
}

void
child_assert(void (*act)(void *), void *data)
{
    int status = child_run(act, data);

    ck_assert_msg(status == 0, "the child ended with status %#x", (unsigned)status);
}

void
child_use_pool(void *unused)
{
    (void)unused;
    struct cf_executor *pool = cf_thread_pool(&(struct cf_options){ .max_workers = 2 });

    CHILD_ASSERT(pool != NULL);
    for (int i = 0; i < 20; i++) {
        struct cf_future *future = cf_submit(pool, &task_twice, &i, sizeof i);
        const int *result = cf_result(future, NULL);
        CHILD_ASSERT(result != NULL && *result == 2 * i);
        cf_release(future);
    }
    CHILD_ASSERT(cf_close(pool) == 0);
    struct cf_future *promise = cf_promise();
    CHILD_ASSERT(cf_settle(promise, "x", 2) && strcmp(cf_result(promise, NULL), "x") == 0);
    cf_release(promise);
}

void
child_needs_threads(void)
{
    asserts_no_thread_sanitizer("ThreadSanitizer knows no threads in the child of a process with threads");
}

void
child_needs_memory(void)
{
    if (tap_sanitized())
        tap_skip("the locks of a sanitizer's allocator do not survive a fork");
}
