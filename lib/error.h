/* SPDX-License-Identifier: MIT */
/* error.h - why a call has no result. */

#ifndef CF_ERROR_H
#define CF_ERROR_H 1

#include <stdarg.h>

#include "cf.h"

/*
 * Errors (error.c): in one block of memory each; a static one stands in where there is no memory for it.
 */
struct cf_error *cf_error_new(enum cf_why, const char *domain, int code, const char *task, const char *worker,
                              const char *format, ...) __attribute__((__format__(__printf__, 6, 7)));
struct cf_error *cf_error_vnew(enum cf_why, const char *domain, int code, const char *task, const char *worker,
                               const char *format, va_list) __attribute__((__format__(__printf__, 6, 0)));
struct cf_error *cf_error_errno(enum cf_why, int code, const char *task); /* message: strerror(code) */
const struct cf_error *cf_error_of_waiting(enum cf_status);               /* CF_DEADLOCK or CF_FORKED, static */
bool cf_error_is_spare(const struct cf_error *);                          /* the static one for want of memory */
void cf_error_free(struct cf_error *);

#endif
