/* SPDX-License-Identifier: MIT */
#include "cli.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "number.h"

const char *cli_program = "?";

/*
 * Were a standard stream closed, the next file or socket to be opened would take its place and receive what is printed.
 * So put something there that refuses, as a closed stream does.
 */
static void
keep_standard_streams(void)
{
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
        if (fcntl(fd, F_GETFD) == -1 && open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY) != fd)
            exit(CLI_FAILED);
}

void
cli_start(char **argv)
{
    char *slash;

    keep_standard_streams();
    if (argv[0] == NULL)
        return;
    slash = strrchr(argv[0], '/');
    if (slash != NULL)
        argv[0] = slash + 1;
    cli_program = argv[0];
}

/* Print `program: message' in one piece as far as stderr allows, so that threads do not mix their lines. */
__attribute__((__format__(__printf__, 1, 0))) static void
print_error(const char *format, va_list args)
{
    flockfile(stderr);
    fprintf(stderr, "%s: ", cli_program);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    funlockfile(stderr);
}

void
cli_error(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    print_error(format, args);
    va_end(args);
}

void
cli_usage_error(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    print_error(format, args);
    va_end(args);
    cli_usage_hint();
}

void
cli_no_memory(void)
{
    cli_error("%s", strerror(ENOMEM));
    exit(CLI_FAILED);
}

void
cli_usage_hint(void)
{
    fprintf(stderr, "Try '%s --help' for more information.\n", cli_program);
    exit(CLI_USAGE);
}

void
cli_print_version(void)
{
    printf("%s (%s) %s\n"
           "License MIT: <https://opensource.org/license/mit>.\n"
           "This is free software: you are free to change and redistribute it.\n"
           "There is NO WARRANTY, to the extent permitted by law.\n",
           cli_program, PACKAGE_NAME, PACKAGE_VERSION);
}

unsigned long
cli_number(const char *option, const char *text, unsigned long min, unsigned long max)
{
    uint64_t number;

    if (number_whole(text, min, max, &number))
        return (unsigned long)number;
    cli_usage_error("%s: '%s' is not a whole number from %lu to %lu", option, text, min, max);
}

double
cli_seconds(const char *option, const char *text, double max)
{
    char *end = NULL;
    double seconds = 0;

    /* strtod() itself would also take blanks, a sign, an exponent, infinity and hexadecimal digits. */
    if (text[0] != '\0' && text[strspn(text, "0123456789.")] == '\0')
        seconds = strtod(text, &end);
    if (end != NULL && *end == '\0' && seconds > 0 && seconds <= max)
        return seconds;
    cli_usage_error("%s: '%s' is not a number of seconds from above 0 to %.0f", option, text, max);
}

int
cli_choice(const char *option, const char *text, const char *const *names)
{
    char list[200] = "";
    size_t used = 0;

    for (int i = 0; names[i] != NULL; i++) {
        if (strcmp(text, names[i]) == 0)
            return i;
        used += (size_t)snprintf(list + used, sizeof list - used, "%s%s", i == 0 ? "" : ", ", names[i]);
        if (used >= sizeof list)
            used = sizeof list - 1;
    }
    cli_usage_error("%s: '%s' is none of %s", option, text, list);
}

int
cli_need_descriptors(unsigned long count, unsigned long *limit)
{
    struct rlimit files;

    if (getrlimit(RLIMIT_NOFILE, &files) != 0)
        return -1;
    *limit = files.rlim_max;
    if (files.rlim_cur >= count)
        return 0;
    if (files.rlim_max < count) {
        errno = EMFILE;
        return -1;
    }
    files.rlim_cur = count;
    return setrlimit(RLIMIT_NOFILE, &files);
}

int
cli_close_stdout(int status)
{
    bool failed_before = ferror(stdout) != 0;

    errno = 0;
    if (fclose(stdout) == 0 && !failed_before)
        return status;
    if (errno == 0)
        cli_error("standard output: some of it could not be written");
    else
        cli_error("standard output: %s", strerror(errno));
    return status == CLI_OK ? CLI_FAILED : status;
}

bool
cli_stdout_is_live(void)
{
    struct stat file;

    return fstat(STDOUT_FILENO, &file) != 0 || !S_ISREG(file.st_mode);
}
