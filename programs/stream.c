/* SPDX-License-Identifier: MIT */
#include "stream.h"

#include <stdlib.h>

#include "batches.h"
#include "checks.h"
#include "cli.h"
#include "interrupt.h"

/*
 * How many calls there can be at a time.  While one takes long, others go on after it as far as MOST_CALLS, and as
 * MOST_BYTES of arguments; without order none has to wait for another, so some for each worker are enough.
 */
#define MOST_CALLS 1024
#define MOST_BYTES ((size_t)2 << 20)
#define CALLS_A_WORKER 8

struct stream {
    struct cf_executor *pool;
    struct cf_executor *reader;
    bool unordered;
    size_t most;
    struct lines *lines;       /* the reader's, while reading is not done */
    struct cf_future *reading; /* the call that reads, or NULL when all has been read */
    struct cf_future *block;   /* the one whose lines are being cut, or NULL */
    struct batches batches;

    /* The calls that have not been handed out: a ring, in the order of the input. */
    struct cf_future *calls[MOST_CALLS];
    size_t first;
    size_t count;
    size_t bytes;
};

/*
 * Reading.
 */

static int
read_block(struct cf_call *call)
{
    struct lines *const *lines = cf_arg(call, NULL);
    size_t len = 0;
    char *block = lines_read(*lines, cf_stop_fd(call), &len);

    return cf_return_owned(call, block, len, free);
}

static const struct cf_task read_task = { "read", read_block };

static void
read_next(struct stream *stream)
{
    stream->reading = cf_submit(stream->reader, &read_task, &stream->lines, sizeof stream->lines);
}

/* Take on the lines that have been read, once those before are cut, and go on reading. */
static void
take_block(struct stream *stream)
{
    size_t len = 0;
    const char *text = cf_result(stream->reading, &len);

    cf_release(stream->block);
    stream->block = stream->reading;
    stream->reading = NULL;
    if (text == NULL)
        stream->lines->error = cf_error_of(stream->block)->code;
    batches_feed(&stream->batches, text, len);
    if (len > 0)
        read_next(stream);
}

/*
 * Calls.
 */

static struct cf_future **
call_at(struct stream *stream, size_t index)
{
    return &stream->calls[(stream->first + index) % MOST_CALLS];
}

static bool
has_room(const struct stream *stream)
{
    return stream->count == 0 || (stream->count < stream->most && stream->bytes < MOST_BYTES);
}

/* Submit what has been read and has room. */
static void
submit(struct stream *stream)
{
    const struct batch *batch;
    size_t size;

    while (has_room(stream) && !interrupt_came()) {
        if ((batch = batches_cut(&stream->batches, &size)) != NULL) {
            *call_at(stream, stream->count++) = cf_submit(stream->pool, &checks_task, batch, size);
            stream->bytes += size;
        } else if (stream->reading != NULL && cf_done(stream->reading)) {
            take_block(stream);
        } else {
            return;
        }
    }
}

/* The first call, or in no order any, that is done; NULL if none is. */
static struct cf_future *
take_done(struct stream *stream)
{
    size_t candidates = stream->unordered ? stream->count : 1;

    for (size_t i = 0; i < candidates && i < stream->count; i++) {
        struct cf_future *call = *call_at(stream, i);
        size_t size;

        if (!cf_done(call))
            continue;
        *call_at(stream, i) = *call_at(stream, 0);
        stream->first++;
        stream->count--;
        cf_input(call, &size);
        stream->bytes -= size;
        return call;
    }
    return NULL;
}

/* Wait until more lines are there, if there is room for them, or until a call is done that can be handed out. */
static void
wait_for_news(struct stream *stream)
{
    struct cf_future *awaited[MOST_CALLS + 1];
    size_t candidates = stream->unordered ? stream->count : 1;
    size_t n = 0;

    if (stream->reading != NULL && has_room(stream))
        awaited[n++] = stream->reading;
    for (size_t i = 0; i < candidates && i < stream->count; i++)
        awaited[n++] = *call_at(stream, i);
    /* After an interruption it is said at once and again that there was one; what is running then ends soon. */
    if (n > 1 && !interrupt_came() && cf_wait(awaited, n, CF_FIRST_COMPLETED, CF_NEVER, NULL) != CF_FAILED)
        return;
    if (n > 0)
        cf_error_of(awaited[n - 1]);
}

static bool
is_over(const struct stream *stream)
{
    if (stream->count > 0)
        return false;
    return interrupt_came() || (stream->reading == NULL && stream->batches.text == stream->batches.end);
}

struct cf_future *
stream_next(struct stream *stream)
{
    struct cf_future *call;

    for (;;) {
        submit(stream);
        call = take_done(stream);
        if (call != NULL || is_over(stream))
            return call;
        wait_for_news(stream);
    }
}

struct stream *
stream_open(struct cf_executor *pool, const struct primes_options *options)
{
    const struct cf_options how = { .max_workers = 1, .name = "reader" };
    struct stream *stream = calloc(1, sizeof *stream);

    if (stream == NULL)
        cli_no_memory();
    stream->pool = pool;
    stream->reader = options->lines->is_file ? cf_inline_pool(&how) : cf_thread_pool(&how);
    stream->unordered = options->unordered;
    stream->most = options->unordered ? CALLS_A_WORKER * options->workers : MOST_CALLS;
    if (stream->most > MOST_CALLS)
        stream->most = MOST_CALLS;
    stream->lines = options->lines;
    batches_start(&stream->batches, options);
    read_next(stream);
    return stream;
}

void
stream_close(struct stream *stream)
{
    for (size_t i = 0; i < stream->count; i++) {
        cf_cancel(*call_at(stream, i));
        cf_release(*call_at(stream, i));
    }
    if (stream->reader != NULL)
        cf_interrupt(stream->reader);
    cf_close(stream->reader);
    cf_release(stream->reading);
    cf_release(stream->block);
    batches_free(&stream->batches);
    free(stream);
}
