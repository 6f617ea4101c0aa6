/* SPDX-License-Identifier: MIT */
/* kinds.c - the common table as a program for one kind of executor. */

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "kinds.h"
#include "tap.h"

static const struct {
    const char *name;
    const TTest **const *tests;
} parts[] = {
    { "calls", common_calls },         { "cancel", common_cancel }, { "map", common_map },
    { "chunk", common_chunk },         { "pace", common_pace },     { "wait", common_wait },
    { "completed", common_completed }, { "done", common_done },     { "worker", common_worker },
    { "close", common_close },
};
#define PARTS (sizeof parts / sizeof *parts)

const struct kind *kind;

struct cf_executor *
kinds_open(unsigned max_workers)
{
    struct cf_executor *pool = kind->open(&(struct cf_options){ .max_workers = max_workers });

    ck_assert_ptr_nonnull(pool);
    return pool;
}

static bool
exempt(const char *test)
{
    for (const struct exemption *e = kind->exempt; e != NULL && e->test != NULL; e++)
        if (strcmp(e->test, test) == 0)
            return true;
    return false;
}

static bool
exists(const char *test)
{
    for (size_t i = 0; i < PARTS; i++)
        for (const TTest **const *t = parts[i].tests; *t != NULL; t++)
            if (strcmp((**t)->name, test) == 0)
                return true;
    return false;
}

/* One that names no test would hide that the test it means was renamed. */
TEST(every_exemption_is_from_a_test_that_exists)
{
    for (const struct exemption *e = kind->exempt; e != NULL && e->test != NULL; e++)
        ck_assert_msg(exists(e->test), "no test is called %s", e->test);
}

static void
tell_exemptions(void)
{
    for (const struct exemption *e = kind->exempt; e != NULL && e->test != NULL; e++)
        printf("%s is exempt from %s: %s\n", kind->name, e->test, e->reason);
    fflush(stdout);
}

static Suite *
suite(void)
{
    Suite *table = suite_create(kind->name);

    tell_exemptions();
    tcase_add_test(tap_case(table, "exemptions", NULL, NULL), every_exemption_is_from_a_test_that_exists);
    for (size_t i = 0; i < PARTS; i++) {
        TCase *part = tap_case(table, parts[i].name, NULL, NULL);

        for (const TTest **const *t = parts[i].tests; *t != NULL; t++)
            if (!exempt((**t)->name))
                tcase_add_test(part, **t);
    }
    if (kind->own != NULL) {
        TCase *own = tap_case(table, kind->name, NULL, NULL);

        for (const TTest **const *t = kind->own; *t != NULL; t++)
            tcase_add_test(own, **t);
    }
    return table;
}

int
kinds_main(const struct kind *of)
{
    kind = of;
    return tap_main(suite);
}
