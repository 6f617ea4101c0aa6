/* SPDX-License-Identifier: MIT */
#include "primes_report.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "cli.h"
#include "clock.h"
#include "interrupt.h"
#include "numbers.h"
#include "output.h"
#include "primes_json.h"
#include "progress.h"
#include "trace.h"

/* After a signal the program may take so long to end by itself. */
#define MILLISECONDS_TO_END 50

struct primes_report {
    const struct primes_options *options;
    int64_t started;           /* of clock_now() */
    uint64_t file_size;        /* of the input, or 0 */
    bool live;                 /* somebody may be waiting for what is printed */
    bool one_screen;           /* stdout and stderr are terminals, most likely the same */
    struct progress *progress; /* or NULL */
    pthread_t watcher;
    pthread_barrier_t begun; /* the watcher has */
    int over_fd;             /* an eventfd: the program has come to its end by itself */

    pthread_mutex_t lock; /* guards stdout and what follows */
    struct checks_counts counts;
    uint64_t lost;  /* numbers that could not be checked */
    uint64_t bytes; /* of the input, checked so far */
    bool failed;    /* something else went wrong, and was said */
};

static const char *
plural(uint64_t count)
{
    return count == 1 ? "" : "s";
}

static bool
is_text(const struct primes_options *options)
{
    return !options->json && !options->primes_only && !options->count_only;
}

static void
print_heading(const struct primes_options *options)
{
    const struct primes_program *program = options->program;

    if (options->input != NULL)
        printf("Checking %s ", lines_name(options->input));
    else
        printf("Checking %zu number%s ", options->count, plural(options->count));
    if (program->worker == NULL)
        printf("sequentially:\n");
    else
        printf("with %u %s:\n", options->workers, options->workers == 1 ? program->worker : program->workers);
}

/*
 * The end.
 */

/*
 * Say what became of all numbers.  Return the exit status.  Whoever calls this holds the lock, and keeps it until the
 * program ends, so that it happens once.
 */
static int
conclude(struct primes_report *report)
{
    const struct primes_options *options = report->options;
    double seconds = clock_since(report->started);

    progress_stop(report->progress);
    if (options->json && primes_json_summary(options, &report->counts, report->lost, seconds) != 0)
        report->failed = true;
    else if (!options->json && options->count_only)
        printf("%llu\n", (unsigned long long)report->counts.primes);
    else if (is_text(options))
        printf("Total time: %.2fs\n", seconds);
    if (report->counts.bad > 0)
        cli_error("%s: %llu bad line%s", lines_name(options->input), (unsigned long long)report->counts.bad,
                  plural(report->counts.bad));
    return trace_close(
        cli_close_stdout(report->counts.bad > 0 || report->lost > 0 || report->failed ? CLI_FAILED : CLI_OK));
}

/*
 * Wait for a signal, and then for the program to end by itself.  It may be in the midst of a long multiplication, which
 * nothing can interrupt, so that it is ended from here.
 */
static void *
watch(void *data)
{
    struct primes_report *report = data;
    struct pollfd fds[] = { { .fd = interrupt_fd(), .events = POLLIN }, { .fd = report->over_fd, .events = POLLIN } };

    pthread_barrier_wait(&report->begun);
    while (poll(fds, 2, -1) < 0)
        ;
    if (fds[1].revents != 0 || poll(&fds[1], 1, MILLISECONDS_TO_END) > 0)
        return NULL;
    /* Whoever holds the lock now is stuck in writing. */
    if (pthread_mutex_trylock(&report->lock) == 0)
        conclude(report);
    else
        trace_close(CLI_FAILED);
    interrupt_die();
    return NULL;
}

int
primes_report_end(struct primes_report *report)
{
    static const uint64_t one = 1;
    const struct primes_options *options = report->options;
    int status;

    pthread_mutex_lock(&report->lock);
    if (options->lines != NULL && options->lines->error != 0) {
        cli_error("%s: %s", lines_name(options->input), strerror(options->lines->error));
        report->failed = true;
    }
    status = conclude(report);
    if (write(report->over_fd, &one, sizeof one) != (ssize_t)sizeof one)
        abort();
    pthread_join(report->watcher, NULL);
    interrupt_die();
    pthread_mutex_unlock(&report->lock);
    close(report->over_fd);
    pthread_mutex_destroy(&report->lock);
    pthread_barrier_destroy(&report->begun);
    free(report);
    return status;
}

/*
 * The beginning.
 */

/*
 * With all signals blocked: they are for the main thread.  It has begun when this returns: a pool of processes that is
 * made next must not inherit a lock that a thread takes while it begins.
 */
static int
start_watcher(struct primes_report *report)
{
    sigset_t all;
    sigset_t before;
    int error;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    pthread_barrier_init(&report->begun, NULL, 2);
    error = pthread_create(&report->watcher, NULL, watch, report);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (error == 0)
        pthread_barrier_wait(&report->begun);
    return error;
}

/* A filter whose reader has gone dies of it in silence, as filters do, unless it was started otherwise. */
static int
catch_signals(void)
{
    struct sigaction pipe;

    sigaction(SIGPIPE, NULL, &pipe);
    if (interrupt_catch() != 0)
        return -1;
    return sigaction(SIGPIPE, &pipe, NULL);
}

static int
prepare(struct primes_report *report)
{
    if (catch_signals() != 0 || output_open(interrupt_fd()) != 0)
        return -1;
    report->over_fd = eventfd(0, EFD_CLOEXEC);
    if (report->over_fd == -1)
        return -1;
    pthread_mutex_init(&report->lock, NULL);
    errno = start_watcher(report);
    return errno != 0 ? -1 : 0;
}

struct primes_report *
primes_report_begin(const struct primes_options *options)
{
    struct primes_report *report = calloc(1, sizeof *report);

    if (report == NULL || prepare(report) != 0) {
        cli_error("cannot start: %s", strerror(errno));
        exit(CLI_FAILED);
    }
    report->options = options;
    report->file_size = options->lines != NULL ? options->lines->file_size : 0;
    report->live = cli_stdout_is_live();
    report->one_screen = isatty(STDOUT_FILENO) && isatty(STDERR_FILENO);
    if (is_text(options)) {
        print_heading(options);
        fflush(stdout);
    }
    if (options->progress)
        report->progress = progress_start("primes", options->input == NULL ? options->count : 0);
    report->started = clock_now();
    return report;
}

/*
 * What became of numbers.
 */

static _Noreturn void
die_of_stdout(void)
{
    cli_error("standard output: %s", strerror(errno));
    exit(CLI_FAILED);
}

/* Nobody knows how many numbers there are in a file, but how many there were in the part that is done. */
static void
advance(struct primes_report *report, size_t numbers, size_t bytes)
{
    uint64_t done = report->counts.numbers + report->lost;

    report->bytes += bytes;
    if (report->file_size > 0 && report->bytes > 0)
        progress_expect(report->progress,
                        (size_t)((double)done * (double)report->file_size / (double)report->bytes + 0.5));
    progress_advance(report->progress, numbers);
}

static void
print(struct primes_report *report, const char *output, size_t output_len, const char *errors, size_t errors_len)
{
    bool disturbs = errors_len > 0 || (output_len > 0 && report->one_screen);

    if (disturbs)
        progress_hide(report->progress);
    if (output_len > 0 && fwrite(output, 1, output_len, stdout) < output_len)
        die_of_stdout();
    if (output_len > 0 && report->live && fflush(stdout) != 0)
        die_of_stdout();
    if (errors_len > 0)
        fwrite(errors, 1, errors_len, stderr);
    if (disturbs)
        progress_show(report->progress);
}

void
primes_report_outcome(struct primes_report *report, const struct checks_outcome *outcome, size_t batch_size)
{
    const struct checks_counts *counts = &outcome->counts;

    pthread_mutex_lock(&report->lock);
    report->counts.numbers += counts->numbers;
    report->counts.primes += counts->primes;
    report->counts.probable += counts->probable;
    report->counts.bad += counts->bad;
    print(report, outcome->text, outcome->output_len, outcome->text + outcome->output_len, outcome->errors_len);
    advance(report, counts->numbers, batch_size - sizeof(struct batch));
    pthread_mutex_unlock(&report->lock);
}

void
primes_report_loss(struct primes_report *report, const struct batch *batch, size_t size, const char *worker,
                   const char *why)
{
    struct number number = numbers_parse(batch->text, size - sizeof *batch - 1);
    struct buffer object = { 0 };
    struct buffer message = { 0 };
    struct buffer errors = { 0 };

    if (number.kind == NUMBERS_NONE)
        return;
    buffer_format(&message, "was not checked: %s%c", why, 0);
    checks_complain(&errors, report->options, batch->first_line, number.text, number.len, message.text);
    if (report->options->json && !report->options->count_only)
        primes_json_loss(&object, &number, why, worker);
    pthread_mutex_lock(&report->lock);
    report->lost++;
    print(report, object.text, object.used, errors.text, errors.used);
    advance(report, 1, size - sizeof *batch);
    pthread_mutex_unlock(&report->lock);
    buffer_free(&object);
    buffer_free(&message);
    buffer_free(&errors);
}

void
primes_report_give_up(struct primes_report *report, const char *why)
{
    cli_error("the rest was not checked: %s", why);
    pthread_mutex_lock(&report->lock);
    report->failed = true;
    pthread_mutex_unlock(&report->lock);
    exit(primes_report_end(report));
}
