/* SPDX-License-Identifier: MIT */
/*
 * core.h - what the files of the library share, and how they hang together.
 *
 * A call goes through them in this order: cf_submit() (submit.c) makes a future (future.c) in a block of a slab
 * (slab.c) and hands it to the kind of executor (inline.c, threads.c, processes.c); a worker claims it, runs its task
 * (call.c) and settles it; settling tells those who hooked themselves on (hook.c): waiters (wait.c, many.c, gather.c),
 * who sleep on their thread's parker (park.c), and callbacks, which may have a thread of their own (callbacks.c).
 * Iterators (iter.c, completed.c, map.c) are clients of all this.
 *
 * Names that are not in cf.h are not exported; they bear the prefix all the same, because a static library exports
 * everything to its program.
 */

#ifndef CF_CORE_H
#define CF_CORE_H 1

#include <limits.h>

#include "wait.h"

#endif
