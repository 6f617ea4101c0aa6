/* SPDX-License-Identifier: MIT */
/*
 * Calls over what an input delivers.
 *
 * This is what cf_map_from() is, with one difference: it waits for the input and for the calls at the same time.  A
 * generator that waits for a pipe holds back the results that are there already, because the map cannot return while
 * the generator does not.  Here reading is a call as well, in a thread of its own unless a file is read, which makes
 * nobody wait: its result is a block of lines, and whichever is done first, that or the next check, is seen to first.
 */

#ifndef STREAM_H
#define STREAM_H 1

#include <cf.h>

#include "primes_options.h"

/* Begin to read lines and to check in the pool what comes. */
struct stream *stream_open(struct cf_executor *pool, const struct primes_options *);

/*
 * The next call of checks_task that is done, in the order of the input or, as the options may say, of completion.  It
 * is the caller's, who releases it.  NULL when there will be no more: then the error of the lines tells whether all was
 * read.
 */
struct cf_future *stream_next(struct stream *);

/* Cancel what has not started, and stop reading. */
void stream_close(struct stream *);

#endif
