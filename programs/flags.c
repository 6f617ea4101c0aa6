/* SPDX-License-Identifier: MIT */
#include "flags.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli.h"

#define DEFAULT_WORKERS 30
#define MAX_WORKERS 1000

enum when { WHEN_AUTO, WHEN_ALWAYS, WHEN_NEVER };
static const char *const whens[] = { "auto", "always", "never", NULL };

/* The arguments, before they are put together. */
struct request {
    bool every;
    bool all;
    unsigned long limit;
    unsigned long workers;
    char *server;
    const char *extension;
    enum when bar;
};

/* Which codes are wanted, by their places. */
struct choice {
    bool wanted[CODES_PLACES];
};

enum { OPTION_PROGRESS = 256, OPTION_JSON, OPTION_EXTENSION, OPTION_TRACE, OPTION_HELP, OPTION_VERSION };

static const struct option options[] = {
    { "max-req", required_argument, NULL, 'm' },
    { "max_req", required_argument, NULL, 'm' },
    { "workers", required_argument, NULL, 'm' },
    { "all", no_argument, NULL, 'a' },
    { "every", no_argument, NULL, 'e' },
    { "limit", required_argument, NULL, 'l' },
    { "server", required_argument, NULL, 's' },
    { "extension", required_argument, NULL, OPTION_EXTENSION },
    { "output", required_argument, NULL, 'o' },
    { "verbose", no_argument, NULL, 'v' },
    { "progress", required_argument, NULL, OPTION_PROGRESS },
    { "json", no_argument, NULL, OPTION_JSON },
    { "trace", required_argument, NULL, OPTION_TRACE },
    { "help", no_argument, NULL, OPTION_HELP },
    { "version", no_argument, NULL, OPTION_VERSION },
    { NULL, 0, NULL, 0 },
};

static void
print_help(const struct flags_program *program)
{
    printf("Usage: %s [OPTION]... [CC]...\n"
           "%s\n"
           "Each CC is a country code, or one letter for all that begin with it; without\n"
           "any, they are those of the 20 countries with the most people.\n"
           "\n"
           "  -a, --all            all %zu country codes\n"
           "  -e, --every          every pair of letters, from AA to ZZ\n"
           "  -l, --limit N        only the first N of the codes\n",
           cli_program, program->purpose, codes_count);
    if (program->concurrent)
        printf("  -m, --max-req N      at most N downloads at a time, up to %d (default %d);\n"
               "                       also --max_req, -w, --workers; many, as they wait\n",
               MAX_WORKERS, DEFAULT_WORKERS);
    printf("  -s, --server SITE    LOCAL (port 8000 here; the default), DELAY (8001), ERROR\n"
           "                       (8002), REMOTE, or the URL that /{cc}/{cc}.png follows\n"
           "      --extension EXT  the ending of the flags' names there and here\n"
           "  -o, --output DIR     where to, as DIR/CC.png (default: downloaded)\n"
           "  -v, --verbose        a line for each flag\n"
           "      --progress WHEN  show a bar on stderr: always, never or auto (default):\n"
           "                       %s\n"
           "      --json           JSON lines on stdout instead of text\n"
           "      --trace FILE     a trace of each call, for Perfetto or chrome://tracing\n"
           "      --help           print this help and exit\n"
           "      --version        print the version and exit\n"
           "\n"
           "With -e, -a and CC the first counts.  `man %s' has the details.\n"
           "Exit status: 0 all downloaded, 1 some not, 2 wrong usage, 3 nothing written.\n",
           program->has_bar ? "on a terminal, without -v" : "never in this program", cli_program);
}

/* Want all known codes that begin with this letter, or all for '\0'.  Return whether there are any. */
static bool
want_known(struct choice *choice, char first)
{
    bool found = false;

    for (size_t i = 0; i < codes_count; i++) {
        if (first == '\0' || codes_letter(codes_all[i][0]) == codes_letter(first)) {
            choice->wanted[codes_place(codes_all[i])] = true;
            found = true;
        }
    }
    return found;
}

static void
want_argument(struct choice *choice, const char *text)
{
    size_t len = strlen(text);

    if (len == 2 && codes_place(text) >= 0)
        choice->wanted[codes_place(text)] = true;
    else if (len != 1 || codes_letter(text[0]) < 0)
        cli_usage_error("'%s' is not a country code: it must be two letters, or one for all that begin with it", text);
    else if (!want_known(choice, text[0]))
        cli_usage_error("'%s': no country code begins with this letter", text);
}

/* Turn the wish into a sorted list, of which the first codes up to limit count. */
static void
list_codes(struct flags *flags, const struct choice *choice, unsigned long limit)
{
    flags->count = 0;
    for (int place = 0; place < CODES_PLACES; place++)
        if (choice->wanted[place] && flags->count < limit)
            codes_at(place, flags->codes[flags->count++]);
}

/* All arguments are checked, also those that --every and --all leave without effect. */
static void
choose_codes(struct flags *flags, const struct request *request, char **args)
{
    struct choice choice = { 0 };

    for (size_t i = 0; args[i] != NULL; i++)
        want_argument(&choice, args[i]);
    if (request->every) {
        memset(&choice, true, sizeof choice);
    } else if (request->all) {
        choice = (struct choice){ 0 };
        want_known(&choice, '\0');
    } else if (args[0] == NULL) {
        for (size_t i = 0; i < CODES_POPULOUS; i++)
            choice.wanted[codes_place(codes_populous[i])] = true;
    }
    list_codes(flags, &choice, request->limit);
}

static void
parse_option(int option, struct flags *flags, struct request *request, const struct flags_program *program)
{
    switch (option) {
    case 'a':
        request->all = true;
        break;
    case 'e':
        request->every = true;
        break;
    case 'l':
        request->limit = cli_number("--limit", optarg, 1, 999999999);
        break;
    case 'm':
    case 'w':
        if (!program->concurrent)
            cli_usage_error("--max-req: this program downloads one flag at a time");
        request->workers = cli_number("--max-req", optarg, 1, MAX_WORKERS);
        break;
    case 's':
        request->server = optarg;
        break;
    case OPTION_EXTENSION:
        request->extension = optarg;
        break;
    case 'o':
        flags->folder.path = optarg;
        break;
    case 'v':
        flags->verbose = true;
        break;
    case OPTION_PROGRESS:
        request->bar = (enum when)cli_choice("--progress", optarg, whens);
        break;
    case OPTION_JSON:
        flags->json = true;
        break;
    case OPTION_TRACE:
        flags->trace = optarg;
        break;
    case OPTION_HELP:
        print_help(program);
        exit(cli_close_stdout(CLI_OK));
    case OPTION_VERSION:
        cli_print_version();
        exit(cli_close_stdout(CLI_OK));
    default:
        cli_usage_hint();
    }
}

/* A bar appears by itself where it disturbs nothing: on a terminal, and not among lines on the same one. */
static bool
wants_bar(const struct flags *flags, enum when when, const struct flags_program *program)
{
    if (when != WHEN_AUTO)
        return when == WHEN_ALWAYS;
    return program->has_bar && !flags->verbose && isatty(STDERR_FILENO) && !(flags->json && isatty(STDOUT_FILENO));
}

void
flags_parse(struct flags *flags, int argc, char **argv, const struct flags_program *program)
{
    static char default_site[] = "LOCAL";
    struct request request = {
        .limit = CODES_PLACES,
        .workers = program->concurrent ? DEFAULT_WORKERS : 1,
        .server = default_site,
    };
    const char *wrong;
    int option;

    cli_start(argv);
    *flags = (struct flags){ .folder = { .path = "downloaded", .fd = -1 } };
    while ((option = getopt_long(argc, argv, "ael:m:w:s:o:v", options, NULL)) != -1)
        parse_option(option, flags, &request, program);
    choose_codes(flags, &request, argv + optind);
    wrong = site_find(&flags->site, request.server);
    if (wrong != NULL) {
        site_hide_password(request.server);
        cli_usage_error("--server: %s: %s", request.server, wrong);
    }
    if (request.extension != NULL && !site_set_extension(&flags->site, request.extension))
        cli_usage_error("--extension: '%s' is not one to %d letters and digits", request.extension,
                        SITE_EXTENSION_SIZE - 1);
    if (flags->folder.path[0] == '\0')
        cli_usage_error("--output: the name of the folder is empty");
    flags->workers = (unsigned)(request.workers < flags->count ? request.workers : flags->count);
    flags->bar = wants_bar(flags, request.bar, program);
    flags->dots = !flags->bar && !flags->verbose && !flags->json && !program->has_bar;
}
