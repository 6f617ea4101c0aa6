/* SPDX-License-Identifier: MIT */
/*
 * What the programs that check numbers say: before, about each number, and in the end.
 *
 * Text or JSON on stdout; on stderr what was wrong with lines, which numbers were lost, and perhaps a progress bar.
 */

#ifndef PRIMES_REPORT_H
#define PRIMES_REPORT_H 1

#include "checks.h"
#include "primes_options.h"

/*
 * Say what is going to be done, and start the clock.  From now on, a twentieth of a second after Ctrl-C, the program
 * says what it has done and dies, whatever holds it up.
 */
struct primes_report *primes_report_begin(const struct primes_options *);

/* Say what became of the numbers of a batch of so many bytes. */
void primes_report_outcome(struct primes_report *, const struct checks_outcome *, size_t batch_size);

/* Say why the number of a batch of one line, which that worker was to check, was not checked. */
void primes_report_loss(struct primes_report *, const struct batch *, size_t batch_size, const char *worker,
                        const char *why);

/* Say that nothing more can be checked, and why, and end the program. */
_Noreturn void primes_report_give_up(struct primes_report *, const char *why);

/*
 * Say what became of all of them.  Return the exit status, after stdout and a trace are closed; but if a signal came,
 * die by it.
 */
int primes_report_end(struct primes_report *);

#endif
