/* SPDX-License-Identifier: MIT */
/*
 * tap.c - run a libcheck suite and make its report readable TAP.
 *
 * The suite runs in a child process whose stdout is a pipe.  libcheck writes there lines like
 * "ok 1 - ../tests/future-t.c:threads:the sentence: Passed", and the tests whatever they like; the parent passes on the
 * former in better words and the latter as comments, each as it comes.
 */

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tap.h"

#define SKIP_MARK "SKIP "

TCase *
tap_case(Suite *s, const char *name, void (*setup)(void), void (*teardown)(void))
{
    TCase *tc = tcase_create(name);
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_set_timeout(tc, tap_sanitized() ? TAP_TIMEOUT * 3 : TAP_TIMEOUT);
    suite_add_tcase(s, tc);
    return tc;
}

void
tap_skip(const char *reason)
{
    ck_abort_msg(SKIP_MARK "%s", reason);
}

bool
tap_sanitized(void)
{
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    return true;
#elif defined(__has_feature)
    return __has_feature(address_sanitizer) || __has_feature(thread_sanitizer);
#else
    return false;
#endif
}

/* Cut text at the first mark and return what follows the mark; or NULL, and the text is unchanged. */
static char *
cut(char *text, const char *mark)
{
    char *end = strstr(text, mark);
    if (end == NULL)
        return NULL;
    *end = '\0';
    return end + strlen(mark);
}

static void
underscores_to_blanks(char *sentence)
{
    for (char *c = sentence; (c = strchr(c, '_')) != NULL;)
        *c = ' ';
}

/* Print one result, "- FILE:GROUP:SENTENCE: MESSAGE".  Return whether the test has failed. */
static bool
print_result(bool ok, long number, char *file)
{
    char *group = cut(file, ":");
    char *sentence = group == NULL ? NULL : cut(group, ":");
    char *message = sentence == NULL ? NULL : cut(sentence, ": ");
    if (message == NULL) {
        printf("not ok %ld - %s # this is no line of libcheck's\n", number, file);
        return true;
    }
    underscores_to_blanks(sentence);
    bool skipped = !ok && strncmp(message, SKIP_MARK, strlen(SKIP_MARK)) == 0;
    printf("%s %ld - %s: %s%s%s\n", ok || skipped ? "ok" : "not ok", number, group, sentence, skipped ? " # " : "",
           skipped ? message : "");
    if (!ok && !skipped)
        printf("# %s\n", message);
    return !ok && !skipped;
}

/* If text is the prefix, a number and the suffix, return what follows and set *number; or else NULL. */
static char *
scan(char *text, const char *prefix, const char *suffix, long *number)
{
    char *end = text;
    if (strncmp(text, prefix, strlen(prefix)) != 0)
        return NULL;
    text += strlen(prefix);
    *number = strtol(text, &end, 10);
    return end != text && strncmp(end, suffix, strlen(suffix)) == 0 ? end + strlen(suffix) : NULL;
}

/* Pass on a line of the child's.  Return whether it says that a test has failed. */
static bool
print_line(char *line)
{
    long number;
    char *rest;
    line[strcspn(line, "\n")] = '\0';
    if ((rest = scan(line, "ok ", " - ", &number)) != NULL)
        return print_result(true, number, rest);
    if ((rest = scan(line, "not ok ", " - ", &number)) != NULL)
        return print_result(false, number, rest);
    if ((rest = scan(line, "1..", "", &number)) != NULL && *rest == '\0')
        printf("%s\n", line);
    else if (strstr(line, ": " SKIP_MARK) == NULL)
        printf("# %s\n", line);
    return false;
}

/* The child: run the suite, its report going to out.  At its end libcheck tells the line of each failure. */
static void
run_suite(Suite *(*suite)(void), int out)
{
    if (dup2(out, STDOUT_FILENO) < 0) {
        perror("tap: dup2");
        _exit(2);
    }
    close(out);
    SRunner *runner = srunner_create(suite());
    srunner_set_tap(runner, "-");
    srunner_run_all(runner, CK_NORMAL);
    srunner_free(runner);
    exit(EXIT_SUCCESS);
}

/* The parent: pass on the report until its end.  Return how many tests have failed. */
static int
read_report(int in)
{
    int failed = 0;
    char *line = NULL;
    size_t size = 0;
    FILE *report = fdopen(in, "r");
    if (report == NULL) {
        perror("tap: fdopen");
        return 1;
    }
    while (getline(&line, &size, report) >= 0) {
        failed += print_line(line);
        fflush(stdout);
    }
    free(line);
    fclose(report);
    return failed;
}

int
tap_main(Suite *(*suite)(void))
{
    int ends[2];
    int status = 0;
    if (pipe(ends) < 0) {
        perror("tap: pipe");
        return 2;
    }
    pid_t child = fork();
    if (child < 0) {
        perror("tap: fork");
        return 2;
    }
    if (child == 0) {
        close(ends[0]);
        run_suite(suite, ends[1]);
    }
    close(ends[1]);
    int failed = read_report(ends[0]);
    if (waitpid(child, &status, 0) < 0 || !WIFEXITED(status) || WEXITSTATUS(status) != 0) {
        printf("Bail out! the process that runs the tests ended with wait status %#x\n", (unsigned)status);
        return 2;
    }
    return failed == 0 && fflush(stdout) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
