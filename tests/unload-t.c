/* SPDX-License-Identifier: MIT */
/*
 * unload-t.c - the library in a plugin: loaded, used and given up by a program that was not linked with it.
 *
 * Each thread that has used it runs some of its code when it ends, and that may be later.
 */

#include <dlfcn.h>
#include <pthread.h>

#include "../lib/cf.h"
#include "latch.h"
#include "tap.h"

/* What of the library is used here, from the library as it was loaded. */
struct library {
    void *handle;
    struct cf_future *(*promise)(void);
    bool (*settle)(struct cf_future *, const void *, size_t);
    const void *(*result)(struct cf_future *, size_t *);
    void (*release)(struct cf_future *);
    struct latch used, closed;
};

static void
load(struct library *library)
{
#ifdef SHARED_LIBRARY
    library->handle = dlopen(SHARED_LIBRARY, RTLD_NOW);
    ck_assert_msg(library->handle != NULL, "%s", dlerror());
#else
    tap_skip("no shared library was built");
#endif
    *(void **)&library->promise = dlsym(library->handle, "cf_promise");
    *(void **)&library->settle = dlsym(library->handle, "cf_settle");
    *(void **)&library->result = dlsym(library->handle, "cf_result");
    *(void **)&library->release = dlsym(library->handle, "cf_release");
}

static void *
use_until_closed(void *data)
{
    struct library *library = data;
    struct cf_future *promise = library->promise();

    ck_assert(library->settle(promise, "x", 2));
    ck_assert_str_eq(library->result(promise, NULL), "x");
    library->release(promise);
    latch_raise(&library->used);
    latch_await(&library->closed, 1);
    return NULL;
}

TEST(a_thread_that_used_the_library_may_end_after_dlclose)
{
    struct library library = { 0 };
    pthread_t thread;

    load(&library);
    ck_assert_int_eq(pthread_create(&thread, NULL, use_until_closed, &library), 0);
    latch_await(&library.used, 1);
    ck_assert_int_eq(dlclose(library.handle), 0);
    latch_raise(&library.closed);
    ck_assert_int_eq(pthread_join(thread, NULL), 0);
}

static Suite *
suite(void)
{
    Suite *all = suite_create("unload");
    TCase *group = tap_case(all, "unload", NULL, NULL);

    tcase_add_test(group, a_thread_that_used_the_library_may_end_after_dlclose);
    return all;
}

int
main(void)
{
    return tap_main(suite);
}
