/* SPDX-License-Identifier: MIT */
#include "primes_options.h"

#include <cf.h>
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cli.h"
#include "numbers.h"

#define MAX_WORKERS 1000
#define MAX_SECONDS 1000000.0
#define DEFAULT_ROUNDS 8
#define MAX_ROUNDS 1000

static const char *const memo[] = {
#include "numbers-table.h"
};
#define MEMO (sizeof memo / sizeof *memo)

static const char *const methods[] = { "auto", "trial", "gmp", NULL };

enum {
    OPTION_METHOD = 256,
    OPTION_ROUNDS,
    OPTION_PRIMES_ONLY,
    OPTION_COUNT,
    OPTION_UNORDERED,
    OPTION_JSON,
    OPTION_PROGRESS,
    OPTION_TRACE,
    OPTION_HELP,
    OPTION_VERSION,
    OPTION_CALL_TIMEOUT
};

/* The option of a program that can kill its workers comes first. */
#define KILLER_OPTIONS 1
static const struct option options[] = {
    { "call-timeout", required_argument, NULL, OPTION_CALL_TIMEOUT },
    { "input", required_argument, NULL, 'i' },
    { "workers", required_argument, NULL, 'w' },
    { "method", required_argument, NULL, OPTION_METHOD },
    { "rounds", required_argument, NULL, OPTION_ROUNDS },
    { "primes-only", no_argument, NULL, OPTION_PRIMES_ONLY },
    { "count", no_argument, NULL, OPTION_COUNT },
    { "unordered", no_argument, NULL, OPTION_UNORDERED },
    { "json", no_argument, NULL, OPTION_JSON },
    { "progress", no_argument, NULL, OPTION_PROGRESS },
    { "trace", required_argument, NULL, OPTION_TRACE },
    { "help", no_argument, NULL, OPTION_HELP },
    { "version", no_argument, NULL, OPTION_VERSION },
    { NULL, 0, NULL, 0 },
};

static void
print_help(const struct primes_program *program)
{
    printf("Usage: %s [OPTION]... [NUMBER]...\n"
           "  or:  %s [OPTION]... --input FILE\n"
           "%s\n"
           "A NUMBER is decimal or, after 0x, hexadecimal; a line of FILE, up to %d\n"
           "characters.  Without any, %zu are checked by trial division%s.\n"
           "\n"
           "  -i, --input FILE     numbers from FILE, or stdin if it is -; # is a comment\n",
           cli_program, cli_program, program->purpose, NUMBERS_LINE_MAX, MEMO,
           program->worker != NULL ? ", largest first" : "");
    if (program->worker != NULL)
        printf("  -w, --workers N      so many %s, up to %d; by default one for each\n"
               "                       processor, which it keeps busy\n",
               program->workers, MAX_WORKERS);
    else
        printf("  -w, --workers N      is accepted, like --unordered, and changes nothing here\n");
    printf("      --method METHOD  auto (default): proven below 2^64; beyond, probable\n"
           "                       trial: by trial division, below 2^64; gmp: all with GMP\n"
           "      --rounds N       N more of Miller and Rabin's beyond 2^64, up to %d (%d)\n"
           "      --primes-only    print those that are prime, as given, and nothing else\n"
           "      --count          print how many are prime, and nothing else\n"
           "      --unordered      print each as soon as it is known, in whatever order\n",
           MAX_ROUNDS, DEFAULT_ROUNDS);
    if (program->can_kill)
        printf("      --call-timeout S give up a number after S seconds\n");
    printf("      --json           JSON lines instead of text\n"
           "      --progress       show a progress bar on stderr\n"
           "      --trace FILE     a trace of each call, for Perfetto or chrome://tracing\n"
           "      --help           print this help and exit\n"
           "      --version        print the version and exit\n"
           "\n"
           "P is prime, p probably so.  `man %s' has the details.\n"
           "Exit status: 0 all was checked, 1 bad lines or lost numbers, 2 wrong usage.\n",
           cli_program);
}

static void
parse_option(int option, struct primes_options *primes, bool *has_method)
{
    switch (option) {
    case 'i':
        if (primes->input != NULL)
            cli_usage_error("%s: there is an --input already, %s", optarg, primes->input);
        primes->input = optarg;
        break;
    case 'w':
        primes->workers = (unsigned)cli_number("--workers", optarg, 1, MAX_WORKERS);
        break;
    case OPTION_METHOD:
        primes->method = (enum primes_method)cli_choice("--method", optarg, methods);
        *has_method = true;
        break;
    case OPTION_ROUNDS:
        primes->rounds = (int)cli_number("--rounds", optarg, 0, MAX_ROUNDS);
        break;
    case OPTION_PRIMES_ONLY:
        primes->primes_only = true;
        break;
    case OPTION_COUNT:
        primes->count_only = true;
        break;
    case OPTION_UNORDERED:
        primes->unordered = true;
        break;
    case OPTION_JSON:
        primes->json = true;
        break;
    case OPTION_PROGRESS:
        primes->progress = true;
        break;
    case OPTION_TRACE:
        primes->trace = optarg;
        break;
    case OPTION_CALL_TIMEOUT:
        primes->call_timeout = cli_seconds("--call-timeout", optarg, MAX_SECONDS);
        break;
    case OPTION_HELP:
        print_help(primes->program);
        exit(cli_close_stdout(CLI_OK));
    case OPTION_VERSION:
        cli_print_version();
        exit(cli_close_stdout(CLI_OK));
    default:
        cli_usage_hint();
    }
}

/* The numbers of the memo have no leading zeros, so that the longer is the larger. */
static int
compare_larger_first(const void *a, const void *b)
{
    const char *x = *(const char *const *)a;
    const char *y = *(const char *const *)b;

    if (strlen(x) != strlen(y))
        return strlen(x) < strlen(y) ? 1 : -1;
    return strcmp(y, x);
}

static void
list_number(struct primes_options *primes, const char *text, size_t len)
{
    buffer_add(&primes->list, text, len);
    buffer_add(&primes->list, "\n", 1);
    primes->count++;
}

/* Several workers begin with the numbers that take longest, lest one is still busy with such a one in the end. */
static void
list_memo(struct primes_options *primes)
{
    const char *numbers[MEMO];

    memcpy(numbers, memo, sizeof numbers);
    if (primes->program->worker != NULL)
        qsort(numbers, MEMO, sizeof *numbers, compare_larger_first);
    for (size_t i = 0; i < MEMO; i++)
        list_number(primes, numbers[i], strlen(numbers[i]));
}

static void
list_argument(struct primes_options *primes, const char *text)
{
    struct number number = numbers_parse(text, strlen(text));
    char quote[NUMBERS_QUOTE_SIZE];

    /* Comments are for files. */
    if (number.kind == NUMBERS_NONE || strchr(text, '#') != NULL)
        number.wrong = "is not a number";
    if (number.wrong != NULL)
        cli_usage_error("'%s' %s", numbers_quote(text, strlen(text), quote), number.wrong);
    if (number.kind == NUMBERS_BIG && primes->method == PRIMES_METHOD_TRIAL)
        cli_usage_error("'%s' is too large for trial division, which ends at 2^64",
                        numbers_quote(text, strlen(text), quote));
    list_number(primes, number.text, number.len);
}

static void
open_input(struct primes_options *primes)
{
    primes->lines = lines_open(primes->input);
    if (primes->lines != NULL)
        return;
    cli_error("%s: %s", lines_name(primes->input), strerror(errno));
    exit(CLI_FAILED);
}

static unsigned
default_workers(void)
{
    const unsigned cpus = cf_cpu_count();

    return cpus < MAX_WORKERS ? cpus : MAX_WORKERS;
}

static bool
are_one_file(const char *one, const char *other)
{
    struct stat a, b;

    return stat(one, &a) == 0 && stat(other, &b) == 0 && a.st_dev == b.st_dev && a.st_ino == b.st_ino &&
           S_ISREG(a.st_mode);
}

void
primes_options_parse(struct primes_options *primes, int argc, char **argv, const struct primes_program *program)
{
    const struct option *known = program->can_kill ? options : options + KILLER_OPTIONS;
    bool has_method = false;
    int option;

    cli_start(argv);
    *primes = (struct primes_options){ .program = program, .rounds = DEFAULT_ROUNDS, .workers = default_workers() };
    while ((option = getopt_long(argc, argv, "i:w:", known, NULL)) != -1)
        parse_option(option, primes, &has_method);
    if (program->worker == NULL)
        primes->workers = 1;
    if (primes->input != NULL && argv[optind] != NULL)
        cli_usage_error("%s: a number is given besides --input", argv[optind]);
    if (primes->input == NULL && argv[optind] == NULL && !has_method)
        primes->method = PRIMES_METHOD_TRIAL;
    if (primes->input == NULL && argv[optind] == NULL)
        list_memo(primes);
    for (char **argument = argv + optind; *argument != NULL; argument++)
        list_argument(primes, *argument);
    if (primes->list.incomplete)
        cli_no_memory();
    if (primes->input != NULL)
        open_input(primes);
    if (primes->input != NULL && primes->trace != NULL && are_one_file(primes->input, primes->trace))
        cli_usage_error("%s: the trace would overwrite the input", primes->trace);
}

const char *
primes_options_method(const struct primes_options *primes)
{
    return methods[primes->method];
}

bool
primes_options_timed(const struct primes_options *primes)
{
    return !primes->count_only && (primes->json || !primes->primes_only);
}

void
primes_options_free(struct primes_options *primes)
{
    buffer_free(&primes->list);
    lines_close(primes->lines);
}
