/* SPDX-License-Identifier: MIT */
#include "server_options.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "number.h"
#include "server_answers.h"

enum option_number {
    OPTION_BIND = 256,
    OPTION_DELAY,
    OPTION_DRIP_RATE,
    OPTION_ERROR_CODES,
    OPTION_ERROR_RATE,
    OPTION_FAULT,
    OPTION_HELP,
    OPTION_LOG,
    OPTION_MADE_UP,
    OPTION_PORT,
    OPTION_RETRY_AFTER,
    OPTION_ROOT,
    OPTION_SEED,
    OPTION_VERSION
};

static const struct option long_options[] = {
    { "bind", required_argument, NULL, OPTION_BIND },
    { "delay", required_argument, NULL, OPTION_DELAY },
    { "drip-rate", required_argument, NULL, OPTION_DRIP_RATE },
    { "error-codes", required_argument, NULL, OPTION_ERROR_CODES },
    { "error-rate", required_argument, NULL, OPTION_ERROR_RATE },
    { "fault", required_argument, NULL, OPTION_FAULT },
    { "help", no_argument, NULL, OPTION_HELP },
    { "log", required_argument, NULL, OPTION_LOG },
    { "made-up", no_argument, NULL, OPTION_MADE_UP },
    { "port", required_argument, NULL, OPTION_PORT },
    { "retry-after", required_argument, NULL, OPTION_RETRY_AFTER },
    { "root", required_argument, NULL, OPTION_ROOT },
    { "seed", required_argument, NULL, OPTION_SEED },
    { "version", no_argument, NULL, OPTION_VERSION },
    { NULL, 0, NULL, 0 },
};

/* No delay or pause is longer than a day. */
static const double longest = 86400;

static void
print_help(void)
{
    printf("Usage: %s [OPTION]...\n", cli_program);
    fputs("Serve flags of countries over HTTP, as slowly and as badly as asked for:\n"
          "/flags/cc/cc.png for 194 codes; all else is 404.  SIGINT and SIGTERM end it.\n"
          "\n"
          "      --bind=ADDRESS      listen on this address (default 127.0.0.1)\n"
          "      --port=NUMBER       listen on this port (default 8000); 0 is any free one\n"
          "      --root=DIR          serve DIR/cc.png (" FLAGS_PNG_DIR ")\n"
          "      --made-up           serve bodies of 2 to 6 KB made up from the code\n"
          "      --log=FILE          write a line of JSON per request; - is stdout\n"
          "      --delay=S           wait S seconds, or MIN..MAX, before each answer\n"
          "      --error-rate=P      fail this part of the requests, 0 to 1, with a status\n"
          "      --error-codes=LIST  which ones: statuses from 400 to 599 (default 418)\n"
          "      --retry-after=S     send Retry-After: S with each 429 and 503\n"
          "      --fault=KIND=P      let a fault hit this part of the requests, 0 to 1;\n"
          "                          with CC[:N],... for P, the first N for these codes\n"
          "      --drip-rate=N       bytes per second of the fault drip (default 10)\n"
          "      --seed=N            draw other delays, errors and faults (default 0)\n"
          "      --help              print this help and exit\n"
          "      --version           print the version and exit\n"
          "\n"
          "Faults:",
          stdout);
    server_faults_help(stdout);
    printf("\n400 to 599.  `man %s' tells what they are.\n", cli_program);
}

static double
real(const char *option, const char *text, double max)
{
    double value;

    if (!number_real(text, 0, max, &value))
        cli_usage_error("%s: '%s' is not a number from 0 to %g", option, text, max);
    return value;
}

/* Read S or MIN..MAX. */
static void
parse_delay(struct server_odds *odds, const char *text)
{
    const char *dots = strstr(text, "..");
    char min[32];
    bool ok;

    if (dots == NULL) {
        odds->delay_min = odds->delay_max = real("--delay", text, longest);
        return;
    }
    snprintf(min, sizeof min, "%.*s", (int)(dots - text), text);
    ok = dots - text < (ptrdiff_t)sizeof min && number_real(min, 0, longest, &odds->delay_min) &&
         number_real(dots + 2, odds->delay_min, longest, &odds->delay_max);
    if (!ok)
        cli_usage_error("--delay: '%s' is not MIN..MAX, two rising numbers of seconds from 0 to %g", text, longest);
}

static void
parse_error_codes(struct server_odds *odds, char *list)
{
    const size_t room = sizeof odds->error_codes / sizeof odds->error_codes[0];
    char *code;

    odds->error_codes_count = 0;
    while ((code = strsep(&list, ",")) != NULL) {
        uint64_t status;

        if (!number_whole(code, SERVER_ANSWERS_LOWEST_ERROR, 599, &status))
            cli_usage_error("--error-codes: '%s' is not a status from 400 to 599", code);
        if (odds->error_codes_count == room)
            cli_usage_error("--error-codes: more than %zu statuses", room);
        odds->error_codes[odds->error_codes_count++] = (unsigned)status;
    }
}

static void
parse_fault(struct server_odds *odds, const char *text)
{
    const char *wrong = server_faults_add(&odds->faults, text);

    if (wrong != NULL)
        cli_usage_error("--fault: '%s': %s", text, wrong);
}

static void
parse_drip_rate(struct server_options *options, const char *text)
{
    if (!number_real(text, 1.0 / longest, 1e9, &options->drip_rate))
        cli_usage_error("--drip-rate: '%s' is not a number above 0 of bytes per second", text);
}

static void
parse_seed(struct server_odds *odds, const char *text)
{
    if (!number_whole(text, 0, UINT64_MAX, &odds->seed))
        cli_usage_error("--seed: '%s' is not a whole number below 2 to the power of 64", text);
}

/* Print something on stdout, and nothing else. */
static _Noreturn void
only_print(void (*print)(void))
{
    print();
    exit(cli_close_stdout(CLI_OK));
}

/* Apply one of the options that say how badly to serve. */
static void
apply_odds(struct server_options *options, int option)
{
    switch (option) {
    case OPTION_DELAY:
        parse_delay(&options->odds, optarg);
        break;
    case OPTION_DRIP_RATE:
        parse_drip_rate(options, optarg);
        break;
    case OPTION_ERROR_CODES:
        parse_error_codes(&options->odds, optarg);
        break;
    case OPTION_ERROR_RATE:
        options->odds.error_rate = real("--error-rate", optarg, 1);
        break;
    case OPTION_FAULT:
        parse_fault(&options->odds, optarg);
        break;
    case OPTION_RETRY_AFTER:
        snprintf(options->retry_after, sizeof options->retry_after, "%lu",
                 cli_number("--retry-after", optarg, 0, UINT32_MAX));
        break;
    case OPTION_SEED:
        parse_seed(&options->odds, optarg);
        break;
    default: /* '?' */
        cli_usage_hint();
    }
}

static void
apply(struct server_options *options, int option)
{
    switch (option) {
    case OPTION_BIND:
        options->address = optarg;
        break;
    case OPTION_HELP:
        only_print(print_help);
    case OPTION_LOG:
        options->log = optarg;
        break;
    case OPTION_MADE_UP:
        options->made_up = true;
        break;
    case OPTION_PORT:
        options->port = (unsigned)cli_number("--port", optarg, 0, 65535);
        break;
    case OPTION_ROOT:
        options->root = optarg;
        break;
    case OPTION_VERSION:
        only_print(cli_print_version);
    default:
        apply_odds(options, option);
    }
}

void
server_options_parse(struct server_options *options, int argc, char **argv)
{
    int option;

    *options = (struct server_options){
        .address = "127.0.0.1",
        .port = 8000,
        .drip_rate = 10,
        .odds = { .error_codes = { 418 }, .error_codes_count = 1 },
    };
    while ((option = getopt_long(argc, argv, "", long_options, NULL)) != -1)
        apply(options, option);
    if (options->made_up && options->root != NULL)
        cli_usage_error("--made-up and --root: choose one of them");
    if (optind < argc)
        cli_usage_error("'%s': this program takes options only", argv[optind]);
}

void
server_options_free(struct server_options *options)
{
    server_faults_free(&options->odds.faults);
}
