/* SPDX-License-Identifier: MIT */
/* asserts.h - what the tests assert again and again, and how a list of tests becomes a program. */

#ifndef ASSERTS_H
#define ASSERTS_H 1

#include <stdbool.h>
#include <stddef.h>

#include "../lib/cf.h"
#include "tap.h"

/* What main() returns of a program that runs the tests made by TEST(), given as { &one, &two, NULL }. */
int asserts_main(const char *name, const TTest **const *tests);

/* Wait for the future, and fail unless it returned the bytes of an int.  Return that. */
int asserts_int(struct cf_future *);

/* The same, and release the future. */
int asserts_take_int(struct cf_future *);

/* Wait for the future, and fail unless it has failed for that reason.  Return its error. */
const struct cf_error *asserts_error(struct cf_future *, enum cf_why);

/* Fail unless the future is done already and says that the call was refused with that errno. */
void asserts_refused(struct cf_future *, int number);

/* Fail unless the future says that it was cancelled, without waiting. */
void asserts_cancelled(struct cf_future *);

/* Fail unless cf_next() ends with that status. */
void asserts_ends(struct cf_iter *, enum cf_status);

/* The threads, and the descriptors, of this process. */
size_t asserts_threads(void);
size_t asserts_fds(void);

/* Wait until there are no more than so many threads: the kernel lists one for a moment after it has been joined. */
void asserts_threads_back_to(size_t threads);

/* Skip the running test, for that reason, if this build is ThreadSanitizer's. */
void asserts_no_thread_sanitizer(const char *reason);

/* Seconds of the monotonic clock. */
double asserts_now(void);

/* Sleep so many seconds, for what has no event to wait for. */
void asserts_sleep(double seconds);

#endif
