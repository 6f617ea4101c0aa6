/* SPDX-License-Identifier: MIT */
#include "settle.h"

#include <stdio.h>
#include <string.h>

#include "batches.h"
#include "checks.h"
#include "interrupt.h"
#include "stream.h"

static void
send_one_by_one(struct primes_report *report, struct cf_executor *pool, const struct batch *batch, size_t size)
{
    struct batches lines;
    struct cf_iter *calls;

    batches_split(&lines, batch, size);
    calls = cf_map_from(pool, &checks_task, batches_next, &lines, NULL);
    for (struct cf_future *call; (call = interrupt_next(calls)) != NULL;)
        settle_call(report, pool, call);
    cf_iter_free(calls);
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

void
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

void
settle_stream(struct primes_report *report, struct cf_executor *pool, const struct primes_options *options)
{
    struct stream *stream = stream_open(pool, options);

    for (struct cf_future *call; (call = stream_next(stream)) != NULL; cf_release(call))
        settle_call(report, pool, call);
    stream_close(stream);
}
