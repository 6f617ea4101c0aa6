/* SPDX-License-Identifier: MIT */
#include "trace.h"

#include <errno.h>
#include <jansson.h>
#include <pthread.h>
#include <search.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "buffer.h"
#include "cli.h"
#include "clock.h"
#include "utf8.h"

/* As many digits as a double keeps: nanoseconds are told apart for eleven days. */
#define FLAGS JSON_REAL_PRECISION(15)

/* A call that has been submitted and has not ended.  While it is in the tree, its future exists. */
struct call {
    struct cf_future *future; /* by which it is found */
    const char *task;
    json_int_t id;
    int64_t submitted;
    int64_t started; /* or 0 */
    int row;         /* of the worker that started it */
};

static void (*improve_label)(struct cf_future *, struct trace_label *);
static int64_t origin; /* of clock_now() */

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* guards what follows */
static FILE *file;                                       /* NULL: there is no trace, or it has been closed */
static const char *file_name;
static int error;                                         /* an errno: what was first wrong with the trace, or 0 */
static void *calls;                                       /* a tree of struct call, as tsearch() has them */
static json_int_t last;                                   /* the id of the last call */
static json_t *rows;                                      /* the numbers of the workers' rows, by their names */
static unsigned ending;                                   /* calls that have ended and are just being written */
static bool closing;                                      /* no more of them begin to be */
static pthread_cond_t written = PTHREAD_COND_INITIALIZER; /* there are fewer of them */

/*
 * Writing.  Events are put together without the lock, as that takes most of the time.
 */

static int
append(const char *text, size_t len, void *buffer)
{
    buffer_add(buffer, text, len);
    return 0;
}

/* Add an event, which may be NULL for want of memory, and let go of it. */
static void
add(struct buffer *events, json_t *event)
{
    buffer_add(events, ",\n", 2);
    if (event == NULL || json_dump_callback(event, append, events, FLAGS) != 0)
        events->incomplete = true;
    json_decref(event);
}

/* With the lock held: note what is wrong, unless something was before. */
static void
fail(int reason)
{
    if (error == 0)
        error = reason;
}

/* With the lock held: write the events, and forget them. */
static void
put(struct buffer *events)
{
    if (events->incomplete)
        fail(ENOMEM);
    if (file != NULL && error == 0 && fwrite(events->text, 1, events->used, file) < events->used)
        fail(errno);
    buffer_free(events);
}

static json_t *
text(const char *bytes)
{
    return utf8_json(bytes, strlen(bytes));
}

static double
microseconds(int64_t nanoseconds)
{
    return (double)nanoseconds / 1000;
}

/*
 * Rows.
 */

/* The number at the end of a worker's name, by which rows are sorted; 0: there is none. */
static json_int_t
number_of(const char *worker)
{
    const char *digits = worker + strlen(worker);

    while (digits > worker && digits[-1] >= '0' && digits[-1] <= '9')
        digits--;
    return strtoll(digits, NULL, 10);
}

/* With the lock held: the row of that worker, which is named when it is new. */
static int
row_of(const char *worker)
{
    const json_t *known = json_object_get(rows, worker);
    const int row = known != NULL ? (int)json_integer_value(known) : (int)json_object_size(rows) + 1;
    const int pid = getpid();
    struct buffer events = { 0 };

    if (known != NULL || file == NULL)
        return row;
    if (json_object_set_new(rows, worker, json_integer(row)) != 0)
        fail(ENOMEM);
    add(&events, json_pack("{s:s, s:s, s:i, s:i, s:{s:s}}", "name", "thread_name", "ph", "M", "pid", pid, "tid", row,
                           "args", "name", worker));
    add(&events, json_pack("{s:s, s:s, s:i, s:i, s:{s:I}}", "name", "thread_sort_index", "ph", "M", "pid", pid, "tid",
                           row, "args", "sort_index", number_of(worker)));
    put(&events);
    return row;
}

/*
 * Calls.
 */

static int
compare(const void *a, const void *b)
{
    const struct call *x = a;
    const struct call *y = b;

    return (x->future > y->future) - (x->future < y->future);
}

/* With the lock held: the call of that future, or NULL if there was no memory for it or the trace has ended. */
static struct call *
find(struct cf_future *future)
{
    struct call key = { .future = future };
    struct call **found = tfind(&key, &calls, compare);

    return found != NULL ? *found : NULL;
}

static void
make_label(struct call *call, struct trace_label *label)
{
    const struct cf_error *failure = cf_done(call->future) ? cf_error_of(call->future) : NULL;

    snprintf(label->name, sizeof label->name, "%s", call->task);
    if (failure != NULL)
        snprintf(label->outcome, sizeof label->outcome, "%s:%d %s", failure->domain, failure->code, failure->message);
    else
        snprintf(label->outcome, sizeof label->outcome, "%s", cf_done(call->future) ? "ok" : "has not ended");
    if (improve_label != NULL)
        improve_label(call->future, label);
}

/* The span in a row. */
static json_t *
span(const struct trace_label *label, int row, int64_t submitted, int64_t started, int64_t ended)
{
    return json_pack("{s:o, s:s, s:s, s:f, s:f, s:i, s:i, s:{s:o, s:f}}", "name", text(label->name), "cat", "call",
                     "ph", "X", "ts", microseconds(started - origin), "dur", microseconds(ended - started), "pid",
                     (int)getpid(), "tid", row, "args", "outcome", text(label->outcome), "wait",
                     microseconds(started - submitted));
}

/* One end of the span in which the call waits.  It is the process's; the main thread stands for that. */
static json_t *
waiting(const struct trace_label *label, const char *phase, json_int_t id, int64_t when)
{
    return json_pack("{s:o, s:s, s:s, s:I, s:f, s:i, s:i}", "name", text(label->name), "cat", "waiting", "ph", phase,
                     "id", id, "ts", microseconds(when - origin), "pid", (int)getpid(), "tid", (int)getpid());
}

/* Add what there is to tell of a call up to now. */
static void
add_call(struct buffer *events, struct call *call, int64_t now)
{
    const bool has_started = call->started != 0;
    struct trace_label label;
    json_t *waited;

    make_label(call, &label);
    add(events, waiting(&label, "b", call->id, call->submitted));
    waited = waiting(&label, "e", call->id, has_started ? call->started : now);
    if (!has_started && json_object_set_new(waited, "args", json_pack("{s:o}", "outcome", text(label.outcome))) != 0)
        events->incomplete = true;
    add(events, waited);
    if (has_started)
        add(events, span(&label, call->row, call->submitted, call->started, now));
}

static void
note_submitted(const struct cf_event *event)
{
    struct call *call = calloc(1, sizeof *call);

    if (call != NULL)
        *call = (struct call){ .future = event->call, .task = event->task, .submitted = event->when };
    pthread_mutex_lock(&lock);
    if (call != NULL)
        call->id = ++last;
    if (call == NULL || tsearch(call, &calls, compare) == NULL) {
        fail(ENOMEM);
        free(call);
    }
    pthread_mutex_unlock(&lock);
}

static void
note_started(const struct cf_event *event)
{
    struct call *call;

    pthread_mutex_lock(&lock);
    call = find(event->call);
    if (call != NULL) {
        call->started = event->when;
        call->row = row_of(event->worker);
    }
    pthread_mutex_unlock(&lock);
}

static void
note_ended(const struct cf_event *event)
{
    struct buffer events = { 0 };
    struct call *call;

    pthread_mutex_lock(&lock);
    call = closing ? NULL : find(event->call);
    if (call != NULL) {
        tdelete(call, &calls, compare);
        ending++;
    }
    pthread_mutex_unlock(&lock);
    if (call == NULL)
        return;
    add_call(&events, call, event->when);
    free(call);
    pthread_mutex_lock(&lock);
    put(&events);
    ending--;
    pthread_cond_broadcast(&written);
    pthread_mutex_unlock(&lock);
}

void
trace_observe(const struct cf_event *event, void *unused)
{
    (void)unused;
    switch (event->type) {
    case CF_EVENT_SUBMITTED:
        note_submitted(event);
        break;
    case CF_EVENT_STARTED:
        note_started(event);
        break;
    case CF_EVENT_ENDED:
        note_ended(event);
        break;
    }
}

void
trace_span(const struct trace_label *label, int64_t since)
{
    const int64_t now = clock_now();
    struct buffer events = { 0 };

    pthread_mutex_lock(&lock);
    if (file != NULL) {
        add(&events, span(label, row_of("main"), since, since, now));
        put(&events);
    }
    pthread_mutex_unlock(&lock);
}

/*
 * The beginning and the end.
 */

static void
close_at_exit(void)
{
    trace_close(CLI_OK);
}

/* It is flushed, so that a file that cannot be written is known before anything else is begun. */
static void
begin(void)
{
    json_t *name = json_pack("{s:s, s:s, s:i, s:{s:o}}", "name", "process_name", "ph", "M", "pid", (int)getpid(),
                             "args", "name", text(cli_program));

    fputs("{\"displayTimeUnit\":\"ms\",\"traceEvents\":[\n", file);
    if (name == NULL || rows == NULL)
        fail(ENOMEM);
    else if (json_dumpf(name, file, FLAGS) != 0 || fflush(file) != 0)
        fail(errno);
    json_decref(name);
}

void
trace_open(const char *path, void (*label)(struct cf_future *, struct trace_label *))
{
    if (path == NULL)
        return;
    file_name = path;
    improve_label = label;
    rows = json_object();
    file = fopen(path, "we");
    if (file == NULL)
        fail(errno);
    else
        begin();
    if (error != 0) {
        cli_error("%s: %s", path, strerror(error));
        exit(CLI_FAILED);
    }
    atexit(close_at_exit);
    origin = clock_now();
}

static void
put_unended(const void *node, VISIT visit, int depth)
{
    struct buffer events = { 0 };

    (void)depth;
    if (visit != preorder && visit != leaf)
        return;
    add_call(&events, *(struct call *const *)node, clock_now());
    put(&events);
}

/* With the lock held.  What ends later is not found in the tree, and not written. */
static void
end(void)
{
    twalk(calls, put_unended);
    tdestroy(calls, free);
    calls = NULL;
    if (error == 0 && fputs("\n]}\n", file) == EOF)
        fail(errno);
    if (fclose(file) != 0)
        fail(errno);
    file = NULL;
    json_decref(rows);
    rows = NULL;
}

int
trace_close(int status)
{
    bool said = true;
    int reason;

    pthread_mutex_lock(&lock);
    closing = true;
    while (ending > 0)
        pthread_cond_wait(&written, &lock);
    if (file != NULL) {
        end();
        said = error == 0;
    }
    reason = error;
    pthread_mutex_unlock(&lock);
    if (!said)
        cli_error("%s: %s", file_name, strerror(reason));
    return reason != 0 && status == CLI_OK ? CLI_FAILED : status;
}
