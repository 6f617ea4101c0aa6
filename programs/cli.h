/* SPDX-License-Identifier: MIT */
/*
 * What every program does with its command line and its standard output, in the manner of the GNU programs.
 *
 * Messages go to stderr as `program: thing: reason'.
 */

#ifndef CLI_H
#define CLI_H 1

#include <stdbool.h>
#include <stddef.h>

/* Exit statuses that all programs share.  What one of them adds stands in its own header. */
enum { CLI_OK = 0, CLI_FAILED = 1, CLI_USAGE = 2 };

/* The program's name, as its messages give it.  cli_start() sets it, and argv[0] for getopt_long()'s own messages. */
extern const char *cli_program;
void cli_start(char **argv);

/* Print a message, and a newline, to stderr. */
void cli_error(const char *format, ...) __attribute__((__format__(__printf__, 1, 2)));

/* The same, then point at --help and exit with CLI_USAGE. */
_Noreturn void cli_usage_error(const char *format, ...) __attribute__((__format__(__printf__, 1, 2)));

/* Say that memory is short, and exit with CLI_FAILED. */
void cli_no_memory(void) __attribute__((__noreturn__));

/* Only the second half of a usage error, after getopt_long() has printed its message. */
_Noreturn void cli_usage_hint(void);

/* Print what --version prints. */
void cli_print_version(void);

/* The number from min to max that text holds, in digits alone; anything else is a usage error that names the option. */
unsigned long cli_number(const char *option, const char *text, unsigned long min, unsigned long max);

/* The seconds, more than 0 and at most max, that text holds, such as 0.5; anything else is a usage error. */
double cli_seconds(const char *option, const char *text, double max);

/* Which of the names, which end in NULL, text is; anything else is a usage error that lists them. */
int cli_choice(const char *option, const char *text, const char *const *names);

/* See to it that so many descriptors can be open.  Return 0; or -1 with errno, and *limit is how many at most can. */
int cli_need_descriptors(unsigned long count, unsigned long *limit);

/*
 * Close stdout.  Return status; but CLI_FAILED, after a message, if what was written there did not all arrive and
 * status was CLI_OK.
 */
int cli_close_stdout(int status);

/* Whether lines to stdout are to be flushed one by one because somebody may be reading them: it is not a file. */
bool cli_stdout_is_live(void);

#endif
