/* SPDX-License-Identifier: MIT */
#include "demo.h"

#include <cf.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cli.h"
#include "clock.h"
#include "trace.h"

#define MAX_OPTIONS 10
#define MAX_NUMBER 10000
#define MAX_SECONDS 3600

double demo_unit = 1;
void (*demo_observe)(const struct cf_event *, void *unused);

static const char *trace; /* its file, or NULL */

/*
 * The command line.
 */

static size_t
count_options(const struct demo *demo)
{
    size_t count = 0;

    while (demo->options != NULL && demo->options[count].name != NULL)
        count++;
    return count;
}

static void
print_option(const struct demo_option *option)
{
    char left[30];

    snprintf(left, sizeof left, "--%s %s", option->name, option->value);
    printf("  %-20s %s (default ", left, option->help);
    if (option->number != NULL)
        printf("%u)\n", *option->number);
    else if (option->seconds != NULL)
        printf("%g)\n", *option->seconds);
    else
        printf("%s)\n", *option->text);
}

static void
print_help(const struct demo *demo)
{
    size_t count = count_options(demo);

    printf("Usage: %s [OPTION]...%s%s\n%s\n\n", cli_program, demo->operands != NULL ? " " : "",
           demo->operands != NULL ? demo->operands : "", demo->purpose);
    for (size_t i = 0; i < count; i++)
        print_option(&demo->options[i]);
    printf("  %-20s a trace of each call, for Perfetto or chrome://tracing\n"
           "  %-20s print this help and exit\n"
           "  %-20s print the version and exit\n",
           "--trace FILE", "--help", "--version");
}

static void
take_value(const struct demo_option *option, const char *value)
{
    char dashed[30];

    snprintf(dashed, sizeof dashed, "--%s", option->name);
    if (option->number != NULL)
        *option->number = (unsigned)cli_number(dashed, value, 1, MAX_NUMBER);
    else if (option->seconds != NULL)
        *option->seconds = cli_seconds(dashed, value, MAX_SECONDS);
    else
        *option->text = value;
}

/* What getopt_long() returns: for an option of the demonstration, its place in the list. */
enum { OPTION_TRACE = 256, OPTION_HELP, OPTION_VERSION };

static void
take_option(const struct demo *demo, int option)
{
    switch (option) {
    case OPTION_TRACE:
        trace = optarg;
        break;
    case OPTION_HELP:
        print_help(demo);
        exit(cli_close_stdout(CLI_OK));
    case OPTION_VERSION:
        cli_print_version();
        exit(cli_close_stdout(CLI_OK));
    case '?':
        cli_usage_hint();
    default:
        take_value(&demo->options[option], optarg);
    }
}

char **
demo_parse(const struct demo *demo, int argc, char **argv)
{
    struct option options[MAX_OPTIONS + 4] = { { "trace", required_argument, NULL, OPTION_TRACE },
                                               { "help", no_argument, NULL, OPTION_HELP },
                                               { "version", no_argument, NULL, OPTION_VERSION } };
    size_t count = count_options(demo);

    cli_start(argv);
    for (size_t i = 0; i < count && i < MAX_OPTIONS; i++)
        options[3 + i] = (struct option){ demo->options[i].name, required_argument, NULL, (int)i };
    for (int option; (option = getopt_long(argc, argv, "", options, NULL)) != -1;)
        take_option(demo, option);
    if (demo->operands == NULL && argv[optind] != NULL)
        cli_usage_error("'%s': this program takes no arguments but options", argv[optind]);
    trace_open(trace, demo->label);
    demo_observe = trace != NULL ? trace_observe : NULL;
    return argv + optind;
}

int
demo_end(int status)
{
    return trace_close(cli_close_stdout(status));
}

/*
 * The clock.
 */

void
demo_sleep(double seconds)
{
    int64_t nanoseconds = (int64_t)(seconds * demo_unit * (double)CLOCK_SECOND);
    struct timespec left = { .tv_sec = nanoseconds / CLOCK_SECOND, .tv_nsec = nanoseconds % CLOCK_SECOND };

    while (nanosleep(&left, &left) != 0)
        continue;
}

static void
print_clock(void)
{
    struct timespec now;
    struct tm local;
    char text[20];

    clock_gettime(CLOCK_REALTIME, &now);
    strftime(text, sizeof text, "%H:%M:%S", localtime_r(&now.tv_sec, &local));
    if (demo_unit < 1)
        printf("[%s.%03ld] ", text, now.tv_nsec / 1000000);
    else
        printf("[%s] ", text);
}

void
demo_say(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    flockfile(stdout);
    print_clock();
    vprintf(format, args);
    putchar('\n');
    fflush(stdout);
    funlockfile(stdout);
    va_end(args);
}

const void *
demo_result(struct cf_future *future)
{
    const void *result = cf_result(future, NULL);

    if (result == NULL) {
        cli_error("%s: %s", cf_error_of(future)->task, cf_error_of(future)->message);
        exit(CLI_FAILED);
    }
    return result;
}
