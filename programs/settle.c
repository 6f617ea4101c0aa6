/* SPDX-License-Identifier: MIT */
#include "settle.h"

#include <stdio.h>
#include <string.h>

#include "batches.h"
#include "checks.h"
#include "interrupt.h"
#include "stream.h"

/* Send them all and settle each call; one whose worker was lost comes back here with its lines as batches. */
static void settle_batches(struct primes_report *, struct cf_executor *, struct batches *,
                           const struct cf_map_options *);

static void
send_one_by_one(struct primes_report *report, struct cf_executor *pool, const struct batch *batch, size_t size)
{
    struct batches lines;

    batches_split(&lines, batch, size);
    settle_batches(report, pool, &lines, &(struct cf_map_options){ .chunksize = 1 });
    batches_free(&lines);
}

static void
report_loss(struct primes_report *report, const struct batch *batch, size_t size, const struct cf_error *error)
{
    char why[200];

    snprintf(why, sizeof why, "%s: %s", cf_why_text(error->why), error->message);
    primes_report_loss(report, batch, size, error->worker, why);
}

static bool
has_several_lines(const struct batch *batch, size_t size)
{
    size_t len = size - sizeof *batch;

    return (const char *)memchr(batch->text, '\n', len) < batch->text + len - 1;
}

/*
 * Report on a call that is done.  If it was lost with its worker, or took too long, its numbers are sent to the pool
 * again, one by one, so that only the one that is to blame is lost, and named.
 */
static void
settle_call(struct primes_report *report, struct cf_executor *pool, struct cf_future *call)
{
    const struct checks_outcome *outcome = cf_result(call, NULL);
    const struct cf_error *error = cf_error_of(call);
    size_t size;
    const struct batch *batch = cf_input(call, &size);

    if (outcome != NULL)
        primes_report_outcome(report, outcome, size);
    else if (error->why == CF_CANCELLED || interrupt_came())
        return;
    else if (error->why == CF_BROKEN || error->why == CF_REFUSED)
        primes_report_give_up(report, error->message);
    else if (has_several_lines(batch, size))
        send_one_by_one(report, pool, batch, size);
    else
        report_loss(report, batch, size, error);
}

/* Numbers that are all there: a map over the batches of them, each a call of its own, as it may be lost. */
static void
settle_batches(struct primes_report *report, struct cf_executor *pool, struct batches *batches,
               const struct cf_map_options *how)
{
    struct cf_iter *calls = cf_map_from(pool, &checks_task, batches_next, batches, how);

    for (struct cf_future *call; (call = interrupt_next(calls)) != NULL;)
        settle_call(report, pool, call);
    cf_iter_free(calls);
}

static void
settle_list(struct primes_report *report, struct cf_executor *pool, const struct primes_options *options)
{
    struct batches batches;

    batches_start(&batches, options);
    settle_batches(report, pool, &batches,
                   &(struct cf_map_options){ .buffersize = 1000, .chunksize = 1, .unordered = options->unordered });
    batches_free(&batches);
}

/* Numbers that come when they like. */
static void
settle_stream(struct primes_report *report, struct cf_executor *pool, const struct primes_options *options)
{
    struct stream *stream = stream_open(pool, options);

    for (struct cf_future *call; (call = stream_next(stream)) != NULL; cf_release(call))
        settle_call(report, pool, call);
    stream_close(stream);
}

void
settle_all(struct primes_report *report, struct cf_executor *pool, const struct primes_options *options)
{
    if (options->lines == NULL)
        settle_list(report, pool, options);
    else
        settle_stream(report, pool, options);
}
