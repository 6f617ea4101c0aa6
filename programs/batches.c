/* SPDX-License-Identifier: MIT */
#include "batches.h"

#include <stdlib.h>
#include <string.h>

#include "cli.h"

/* What a batch may cost, in nanoseconds, unless it is a single line. */
#define BATCH_COST 1e6

/* Nothing that is as long is below 2^64, but for leading zeros. */
#define SMALL_DIGITS 20

void
batches_start(struct batches *batches, const struct primes_options *options)
{
    *batches = (struct batches){ .method = options->method, .most = BATCH_COST, .lines = options->lines, .line = 1 };
    if (options->lines == NULL)
        batches_feed(batches, options->list.text, options->list.used);
}

void
batches_split(struct batches *batches, const struct batch *batch, size_t size)
{
    *batches = (struct batches){ .line = batch->first_line };
    batches_feed(batches, batch->text, size - sizeof *batch);
}

void
batches_feed(struct batches *batches, const char *text, size_t len)
{
    batches->text = text;
    batches->end = text + len;
}

/* About what it costs at most to divide by the odd numbers up to the square root of a number of so many digits. */
static double
cost_of_trial(size_t digits)
{
    double cost = 1.5;

    for (; digits >= 2; digits -= 2)
        cost *= 10;
    return 200 + (digits == 1 ? cost * 3 : cost);
}

/* About what a number of so many digits costs, in nanoseconds. */
static double
cost_of(enum primes_method method, size_t digits)
{
    double thousands = (double)digits / 1000;

    if (digits > SMALL_DIGITS)
        return 5000 + thousands * thousands * thousands * 4e7;
    if (method == PRIMES_METHOD_TRIAL)
        return cost_of_trial(digits);
    return method == PRIMES_METHOD_GMP ? 2000 : 200;
}

/* How many of the eight characters at text are newlines. */
static unsigned
newlines_of_eight(const char *text)
{
    uint64_t low_bits = 0x7f7f7f7f7f7f7f7f;
    uint64_t ones = 0x0101010101010101;
    uint64_t word;
    uint64_t others;

    memcpy(&word, text, sizeof word);
    word ^= '\n' * ones;
    others = ((word & low_bits) + low_bits) | word;
    return (unsigned)((~others >> 7 & ones) * ones >> 56);
}

/*
 * How many lines there are, if there is a newline in each stretch of STRETCH characters, as in all usual ones; else 0.
 */
#define STRETCH 24
static size_t
count_short_lines(const char *at, const char *end)
{
    size_t count = 0;

    for (; end - at >= STRETCH; at += STRETCH) {
        unsigned newlines = newlines_of_eight(at) + newlines_of_eight(at + 8) + newlines_of_eight(at + 16);

        if (newlines == 0)
            return 0;
        count += newlines;
    }
    for (; at < end; at++)
        count += *at == '\n';
    return count;
}

/* Find out where the next batch ends, line by line, and count its lines. */
static const char *
find_end(struct batches *batches)
{
    const char *start = batches->text;
    const char *at = start;
    double cost = 0;

    while (at < batches->end) {
        const char *next = (const char *)memchr(at, '\n', (size_t)(batches->end - at)) + 1;

        cost += cost_of(batches->method, (size_t)(next - at) - 1);
        if (at > start && (cost > batches->most || next - start > BATCHES_SIZE))
            break;
        batches->line++;
        at = next;
    }
    return at;
}

/* Add the lines of the next batch to the buffer, and count them. */
static void
cut(struct batches *batches)
{
    const char *start = batches->text;
    size_t count = 0;

    if (batches->method == PRIMES_METHOD_AUTO && batches->most > 0 && batches->end - start <= BATCHES_SIZE)
        count = count_short_lines(start, batches->end);
    /* Most are too long to be cheap. */
    if (count * (SMALL_DIGITS + 2) < (size_t)(batches->end - start))
        count = 0;
    batches->line += count;
    batches->text = count > 0 ? batches->end : find_end(batches);
    buffer_add(&batches->batch, start, (size_t)(batches->text - start));
}

const struct batch *
batches_cut(struct batches *batches, size_t *size)
{
    struct batch head = { .first_line = batches->line };

    if (batches->text == batches->end)
        return NULL;
    buffer_clear(&batches->batch);
    buffer_add(&batches->batch, &head, sizeof head);
    cut(batches);
    if (batches->batch.incomplete)
        cli_no_memory();
    *size = batches->batch.used;
    return (const struct batch *)(const void *)batches->batch.text;
}

/* Get more lines.  Return whether there are. */
static bool
read_more(struct batches *batches)
{
    size_t len = 0;

    if (batches->lines == NULL)
        return false;
    free(batches->block);
    batches->block = lines_read(batches->lines, -1, &len);
    batches_feed(batches, batches->block, len);
    return len > 0;
}

int
batches_next(void *data, const void **batch, size_t *size)
{
    struct batches *batches = data;

    if (batches->text == batches->end && !read_more(batches))
        return 0;
    *batch = batches_cut(batches, size);
    return 1;
}

void
batches_free(struct batches *batches)
{
    free(batches->block);
    buffer_free(&batches->batch);
}
