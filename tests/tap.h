/* SPDX-License-Identifier: MIT */
/*
 * tap.h - what every test in C is made with: libcheck, whose outcome goes to stdout as TAP.
 *
 * A file of tests ends in
 *
 *     static Suite *
 *     suite(void)
 *     {
 *         Suite *s = suite_create("future");
 *         TCase *threads = tap_case(s, "threads", setup, teardown);
 *         tcase_add_test(threads, releasing_nothing_does_nothing);
 *         return s;
 *     }
 *
 *     int
 *     main(void)
 *     {
 *         return tap_main(suite);
 *     }
 *
 * and reports "ok 1 - threads: releasing nothing does nothing".  Each test runs in a process of its own, unless the
 * environment says CK_FORK=no, for a debugger; CK_RUN_CASE picks one group.  What tests print on stdout becomes
 * comments.
 */

#ifndef TAP_H
#define TAP_H 1

#include <check.h>
#include <stdbool.h>

/* Seconds until one test has failed; three times that under a sanitizer. */
#define TAP_TIMEOUT 20

/* Define a test.  Its name is the sentence that it proves, with underscores; a body in braces follows. */
#define TEST(sentence) START_TEST(sentence)

/* Add a group of tests to the suite; setup and teardown may be NULL, and run in the process of each test. */
TCase *tap_case(Suite *, const char *name, void (*setup)(void), void (*teardown)(void));

/* End the running test, saying that it could not be run here and why. */
void tap_skip(const char *reason) __attribute__((__noreturn__));

/* Whether this build is instrumented by a sanitizer, which needs more time and memory. */
bool tap_sanitized(void);

/* Run the suite and report on stdout.  Return main()'s exit status: 0, or 1 if a test has failed. */
int tap_main(Suite *(*suite)(void));

#endif
