/* SPDX-License-Identifier: MIT */
#include "primes_json.h"

#include <jansson.h>
#include <stdio.h>

#include "interrupt.h"
#include "lines.h"
#include "utf8.h"

/* Times are measured in nanoseconds, and six digits of one say enough. */
#define FLAGS JSON_REAL_PRECISION(6)

static int
append(const char *text, size_t len, void *buffer)
{
    buffer_add(buffer, text, len);
    return 0;
}

/* Add an object, which may be NULL for want of memory, and let go of it. */
static int
add(struct buffer *buffer, json_t *object)
{
    int result = object != NULL ? json_dump_callback(object, append, buffer, FLAGS) : -1;

    json_decref(object);
    buffer_add(buffer, "\n", 1);
    return buffer->incomplete ? -1 : result;
}

int
primes_json_number(struct buffer *buffer, const struct number *number, enum primes_verdict verdict, double seconds,
                   const char *worker)
{
    return add(buffer, json_pack("{s:s%, s:b, s:b, s:f, s:s}", "number", number->text, number->len, "prime",
                                 (int)(verdict != PRIMES_COMPOSITE), "proven", (int)(verdict != PRIMES_PROBABLE),
                                 "seconds", seconds, "worker", worker));
}

int
primes_json_loss(struct buffer *buffer, const struct number *number, const char *why, const char *worker)
{
    return add(buffer, json_pack("{s:o, s:n, s:s, s:s}", "number", utf8_json(number->text, number->len), "prime",
                                 "error", why, "worker", worker));
}

/* JSON is UTF-8, the name of a file may be anything. */
static json_t *
source(const char *input)
{
    json_t *name = input != NULL ? json_string(lines_name(input)) : json_null();

    return name != NULL ? name : json_string("?");
}

int
primes_json_summary(const struct primes_options *options, const struct checks_counts *counts, uint64_t lost,
                    double seconds)
{
    json_t *object = json_pack("{s:o, s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:f, s:b}", "source", source(options->input),
                               "method", primes_options_method(options), "workers", (json_int_t)options->workers,
                               "numbers", (json_int_t)counts->numbers, "primes", (json_int_t)counts->primes, "probable",
                               (json_int_t)counts->probable, "bad", (json_int_t)counts->bad, "lost", (json_int_t)lost,
                               "seconds", seconds, "interrupted", (int)interrupt_came());
    int result = object != NULL ? json_dumpf(object, stdout, FLAGS) : -1;

    json_decref(object);
    putchar('\n');
    return result;
}
