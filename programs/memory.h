/* SPDX-License-Identifier: MIT */
/* How much memory a process has. */

#ifndef MEMORY_H
#define MEMORY_H 1

#include <stddef.h>
#include <sys/types.h>

/*
 * The bytes of memory that a process holds now; of what several processes share, its part, so that figures of several
 * can be added.  0 if the system does not tell.
 */
size_t memory_of(pid_t pid);

#endif
