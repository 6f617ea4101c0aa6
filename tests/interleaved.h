/* SPDX-License-Identifier: MIT */
/*
 * interleaved.h - to be included before the library's sources: what they ask of the system, they ask of interleave.h.
 *
 * The headers of the system come first, because they declare the functions whose names are changed here.
 */

#ifndef INTERLEAVED_H
#define INTERLEAVED_H 1

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "interleave.h"

/* A macro of libcheck's, and a function in the library. */
#undef fail

#define malloc interleave_malloc
#define calloc interleave_calloc
#define free interleave_free
#define syscall(number, ...) interleave_##number(__VA_ARGS__)
#define interleave_SYS_clock_nanosleep(clock, how, time, left) ((void)(time), interleave_pause())
#define pthread_mutex_lock interleave_lock
#define pthread_mutex_unlock interleave_unlock
#define pthread_cond_wait interleave_wait
#define pthread_cond_broadcast interleave_broadcast
#define pthread_self interleave_pthread

/* A call is cf_pause(); the declaration and the definition, cf_pause(void), get another name. */
#define cf_pause(argument) interleave_pause##argument(argument)

#endif
