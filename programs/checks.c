/* SPDX-License-Identifier: MIT */
#include "checks.h"

#include <errno.h>
#include <gmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "clock.h"
#include "interrupt.h"
#include "lines.h"
#include "numbers.h"
#include "primes.h"
#include "primes_json.h"

/* So many numbers are checked in step. */
#define GROUP 1024

/* A further round of Miller and Rabin's test is done for each by which primes_test_big()'s rounds exceed this. */
#define ROUNDS_BEFORE 24

struct checks {
    const struct primes_options *options;
    bool in_step;
    mpz_t big;

    /* Of the present batch: */
    const char *worker;
    bool (*stop)(void *);
    void *context;
    bool failed;
    struct checks_counts counts;
    struct buffer outcome; /* the head, and the output */
    struct buffer errors;

    /* The present group: numbers whose lines follow one another, up to where the next one starts. */
    size_t count;
    uint64_t values[GROUP];
    const char *starts[GROUP + 1];
    bool are_prime[GROUP];
};

struct checks *
checks_open(const struct primes_options *options)
{
    struct checks *checks = calloc(1, sizeof *checks);

    if (checks == NULL)
        return NULL;
    checks->options = options;
    checks->in_step = options->method == PRIMES_METHOD_AUTO && !primes_options_timed(options);
    mpz_init(checks->big);
    return checks;
}

void
checks_close(struct checks *checks)
{
    if (checks == NULL)
        return;
    mpz_clear(checks->big);
    buffer_free(&checks->outcome);
    buffer_free(&checks->errors);
    free(checks);
}

void
checks_complain(struct buffer *errors, const struct primes_options *options, uint64_t line, const char *text,
                size_t len, const char *what)
{
    char quote[NUMBERS_QUOTE_SIZE];

    numbers_quote(text, len, quote);
    if (options->input == NULL)
        buffer_format(errors, "%s: '%s' %s\n", cli_program, quote, what);
    else
        buffer_format(errors, "%s: %s:%llu: '%s' %s\n", cli_program, lines_name(options->input),
                      (unsigned long long)line, quote, what);
}

/*
 * One number.
 */

/* What GMP calls "definitely prime" (2) is proven; how far it goes with that depends on its version. */
static enum primes_verdict
ask_gmp(struct checks *checks, const struct number *number)
{
    int rounds = ROUNDS_BEFORE + checks->options->rounds;

    if (numbers_get(number, checks->big) != 0) {
        checks->failed = true;
        return PRIMES_UNKNOWN;
    }
    if (number->kind == NUMBERS_BIG)
        return primes_test_big(checks->big, rounds);
    switch (mpz_probab_prime_p(checks->big, rounds)) {
    case 0:
        return PRIMES_COMPOSITE;
    case 1:
        return PRIMES_PROBABLE;
    default:
        return PRIMES_PROVEN;
    }
}

static enum primes_verdict
verdict_of(struct checks *checks, const struct number *number)
{
    if (checks->options->method == PRIMES_METHOD_TRIAL)
        return primes_trial_until(number->value, checks->stop, checks->context);
    if (checks->options->method == PRIMES_METHOD_GMP || number->kind == NUMBERS_BIG)
        return ask_gmp(checks, number);
    return primes_is_prime(number->value) ? PRIMES_PROVEN : PRIMES_COMPOSITE;
}

static void
print(struct checks *checks, const struct number *number, enum primes_verdict verdict, double seconds)
{
    static const char labels[] = { [PRIMES_COMPOSITE] = ' ', [PRIMES_PROVEN] = 'P', [PRIMES_PROBABLE] = 'p' };
    const struct primes_options *options = checks->options;

    if (options->count_only || (options->primes_only && verdict == PRIMES_COMPOSITE))
        return;
    if (options->json)
        checks->failed |= primes_json_number(&checks->outcome, number, verdict, seconds, checks->worker) != 0;
    else if (options->primes_only)
        buffer_format(&checks->outcome, "%.*s\n", (int)number->len, number->text);
    else
        buffer_format(&checks->outcome, "%16.*s %c %9.6fs\n", (int)number->len, number->text, labels[verdict], seconds);
}

static void
check_number(struct checks *checks, const struct number *number)
{
    const int64_t start = clock_now();
    enum primes_verdict verdict = verdict_of(checks, number);
    double seconds = clock_since(start);

    if (verdict == PRIMES_UNKNOWN)
        return;
    checks->counts.numbers++;
    checks->counts.primes += verdict != PRIMES_COMPOSITE;
    checks->counts.probable += verdict == PRIMES_PROBABLE;
    print(checks, number, verdict, seconds);
}

/* A line of any kind. */
static void
check_line(struct checks *checks, const char *line, size_t len, uint64_t place)
{
    struct number number = numbers_parse(line, len);

    if (number.kind == NUMBERS_BIG && checks->options->method == PRIMES_METHOD_TRIAL)
        number.wrong = "is too large for trial division, which ends at 2^64";
    if (number.wrong != NULL) {
        checks->counts.bad++;
        checks_complain(&checks->errors, checks->options, place, number.text, number.len, number.wrong);
    } else if (number.kind != NUMBERS_NONE) {
        check_number(checks, &number);
    }
}

/*
 * Many numbers in step.
 */

static void
check_group(struct checks *checks)
{
    primes_test(checks->values, checks->count, checks->are_prime);
    for (size_t i = 0; i < checks->count; i++) {
        if (!checks->are_prime[i])
            continue;
        checks->counts.primes++;
        if (!checks->options->count_only)
            buffer_add(&checks->outcome, checks->starts[i], (size_t)(checks->starts[i + 1] - checks->starts[i]));
    }
    checks->counts.numbers += checks->count;
    checks->count = 0;
}

/* Move *at over lines that are short and plain, and take their numbers into the group.  Return how many. */
static size_t
fill_group(struct checks *checks, const char **at, const char *end)
{
    size_t len;

    while (checks->count < GROUP && (len = numbers_quick(*at, end, &checks->values[checks->count])) > 0) {
        checks->starts[checks->count++] = *at;
        *at += len + 1;
    }
    checks->starts[checks->count] = *at;
    return checks->count;
}

static void
check_text(struct checks *checks, const char *at, const char *end, uint64_t line)
{
    size_t count;

    while (at < end && !checks->failed && !checks->stop(checks->context)) {
        if (checks->in_step && (count = fill_group(checks, &at, end)) > 0) {
            check_group(checks);
            line += count;
        } else {
            const char *newline = memchr(at, '\n', (size_t)(end - at));

            check_line(checks, at, (size_t)(newline - at), line);
            at = newline + 1;
            line++;
        }
    }
}

/* Join the parts of the outcome; NULL if there was no memory for one. */
static const struct checks_outcome *
join(struct checks *checks)
{
    size_t output_len = checks->outcome.used - sizeof(struct checks_outcome);
    struct checks_outcome *outcome;

    buffer_add(&checks->outcome, checks->errors.text, checks->errors.used);
    if (checks->failed || checks->outcome.incomplete || checks->errors.incomplete)
        return NULL;
    outcome = (struct checks_outcome *)(void *)checks->outcome.text;
    outcome->counts = checks->counts;
    outcome->output_len = output_len;
    outcome->errors_len = checks->errors.used;
    return outcome;
}

const struct checks_outcome *
checks_run(struct checks *checks, const struct batch *batch, size_t size, const char *worker, bool (*stop)(void *),
           void *context)
{
    const struct checks_outcome empty = { .output_len = 0 };

    if (checks == NULL)
        return NULL;
    checks->worker = worker;
    checks->stop = stop;
    checks->context = context;
    checks->failed = false;
    checks->counts = (struct checks_counts){ 0 };
    buffer_clear(&checks->errors);
    buffer_clear(&checks->outcome);
    buffer_add(&checks->outcome, &empty, sizeof empty);
    if (!checks->outcome.incomplete)
        check_text(checks, batch->text, (const char *)batch + size, batch->first_line);
    return checks->outcome.incomplete ? NULL : join(checks);
}

/*
 * The task.
 */

static bool
is_stopping(void *call)
{
    return cf_stopping(call);
}

static int
run(struct cf_call *call)
{
    size_t size;
    const struct batch *batch = cf_arg(call, &size);
    const struct checks_outcome *outcome = checks_run(cf_local(call), batch, size, cf_worker(call), is_stopping, call);

    if (outcome == NULL)
        return cf_raise(call, "errno", ENOMEM, "%s", strerror(ENOMEM));
    return cf_return(call, outcome, sizeof *outcome + outcome->output_len + outcome->errors_len);
}

const struct cf_task checks_task = { "check", run };

int
checks_open_worker(struct cf_call *call, void **checks, const void *options)
{
    *checks = checks_open(options);
    return *checks != NULL ? 0 : cf_raise(call, "errno", ENOMEM, "%s", strerror(ENOMEM));
}

void
checks_close_worker(void *checks)
{
    checks_close(checks);
}

/*
 * What a trace says: the number, or the first and the last of several.
 */

/* The number in that line, or what else there is. */
static void
quote_line(const char *line, size_t len, char quote[NUMBERS_QUOTE_SIZE])
{
    const struct number number = numbers_parse(line, len);

    numbers_quote(number.kind == NUMBERS_NONE ? line : number.text, number.kind == NUMBERS_NONE ? len : number.len,
                  quote);
}

struct trace_label
checks_label(const struct batch *batch, size_t size, const struct checks_outcome *outcome)
{
    const bool interrupted = outcome->counts.numbers == 0 && interrupt_came();
    const char *end = (const char *)batch + size - 1;
    const char *first_end = memchr(batch->text, '\n', (size_t)(end + 1 - batch->text));
    const char *before_last = memrchr(batch->text, '\n', (size_t)(end - batch->text));
    char first[NUMBERS_QUOTE_SIZE];
    char last[NUMBERS_QUOTE_SIZE] = "";
    struct trace_label label;

    quote_line(batch->text, (size_t)(first_end - batch->text), first);
    if (before_last != NULL)
        quote_line(before_last + 1, (size_t)(end - before_last - 1), last);
    snprintf(label.name, sizeof label.name, "%s%s%s", first, before_last != NULL ? " to " : "", last);
    snprintf(label.outcome, sizeof label.outcome, "%s", interrupted ? "interrupted" : "ok");
    return label;
}

/* A call without a result keeps its outcome. */
void
checks_label_call(struct cf_future *call, struct trace_label *label)
{
    static const struct checks_outcome none;
    size_t size;
    const struct batch *batch = cf_input(call, &size);
    const struct checks_outcome *outcome = cf_done(call) ? cf_result(call, NULL) : NULL;
    const struct trace_label with_result = checks_label(batch, size, outcome != NULL ? outcome : &none);

    memcpy(label->name, with_result.name, sizeof label->name);
    if (outcome != NULL)
        memcpy(label->outcome, with_result.outcome, sizeof label->outcome);
}
