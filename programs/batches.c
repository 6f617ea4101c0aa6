/* SPDX-License-Identifier: MIT */
#include <config.h>

#include "batches.h"

#include <stdlib.h>
#include <string.h>

#include "cli.h"

/* What a batch may cost, in nanoseconds, and how long it may be, unless it is a single line. */
#define BATCH_COST 1e6
#define BATCH_SIZE LINES_BLOCK

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

/* Add the lines of a batch to the buffer, and count them. */
static void
cut(struct batches *batches)
{
    const char *start = batches->text;
    const char *at = start;
    double cost = 0;

    while (at < batches->end) {
        const char *next = (const char *)memchr(at, '\n', (size_t)(batches->end - at)) + 1;

        cost += cost_of(batches->method, (size_t)(next - at) - 1);
        if (at > start && (cost > batches->most || next - start > BATCH_SIZE))
            break;
        batches->line++;
        at = next;
    }
    batches->text = at;
    buffer_add(&batches->batch, start, (size_t)(at - start));
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
