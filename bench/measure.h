/* SPDX-License-Identifier: MIT */
/* measure.h - the clock, the median and the work that all programs of the benchmark share. */

#ifndef MEASURE_H
#define MEASURE_H 1

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* How long a pool is left alone before a trip of which it is asked what it costs to wake somebody. */
#define MEASURE_PAUSE_US 200

/* How much memory a parent has touched of which it is asked what it costs to fork it. */
#define MEASURE_LARGE ((size_t)1 << 30)

/* Nanoseconds of CLOCK_MONOTONIC. */
uint64_t measure_now(void);

/* Say why on stderr, after the program's name, and exit. */
void measure_fail(const char *why) __attribute__((__noreturn__));

/* As malloc() and memset(), which leaves no page untouched; never NULL. */
void *measure_bytes(size_t size, int value);

/* The median of the n times, which are sorted in place. */
double measure_median(uint64_t *times, size_t n);

/* Print "peer, workload, workers, value, unit", separated by tabs; this is what compare reads. */
void measure_print(const char *peer, const char *workload, unsigned workers, double value, const char *unit);

/* Work that takes as many steps as it is told, whatever the clock says, so that being preempted is not counted. */
uint64_t measure_busy(uint32_t steps);

/* The steps of n pieces of work of 5 to 15 microseconds; *serial is how many nanoseconds they take one by one. */
uint32_t *measure_works(size_t n, double *serial);

/* How many times longer than so many workers need at least, given the processors there are, was the elapsed time. */
double measure_over_ideal(uint64_t elapsed, double serial, unsigned workers);

/* Parse a number that is at least 1; fail otherwise. */
size_t measure_number(const char *text);

#ifdef __cplusplus
}
#endif

#endif
