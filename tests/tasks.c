/* SPDX-License-Identifier: MIT */
/* tasks.c - the tasks that tests call. */

#include <check.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "tasks.h"

static int
echo(struct cf_call *call)
{
    size_t len;
    const void *arg = cf_arg(call, &len);

    return cf_return(call, arg, len);
}

static int
twice(struct cf_call *call)
{
    int number;

    memcpy(&number, cf_arg(call, NULL), sizeof number);
    if (number < 0)
        return cf_raise(call, "negative", number, "%d is below zero", number);
    number *= 2;
    return cf_return(call, &number, sizeof number);
}

static int
blame(struct cf_call *call)
{
    const struct blame *what = cf_arg(call, NULL);

    return cf_raise(call, what->domain, what->code, "%s", what->message);
}

static int
code(struct cf_call *call)
{
    int number;

    memcpy(&number, cf_arg(call, NULL), sizeof number);
    return number;
}

static int
cue(struct cf_call *call)
{
    struct cue mine;

    memcpy(&mine, cf_arg(call, NULL), sizeof mine);
    struct stage *stage = stage_find(mine.stage);
    if (stage == NULL)
        return cf_raise(call, "cue", -1, "no stage %s", mine.stage);
    stage_log(stage, mine.number);
    latch_raise(&stage->started);
    latch_await(&stage->go, mine.until);
    latch_raise(&stage->ended);
    if (mine.fail != 0)
        return cf_raise(call, "cue", mine.fail, "number %d fails", mine.number);
    return cf_return(call, &mine.number, sizeof mine.number);
}

static int
patient(struct cf_call *call)
{
    struct stage *stage = stage_find(cf_arg(call, NULL));
    struct pollfd stop = { .fd = cf_stop_fd(call), .events = POLLIN };

    if (stage == NULL)
        return cf_raise(call, "patient", -1, "no stage");
    latch_raise(&stage->started);
    if (poll(&stop, 1, -1) != 1)
        return cf_raise(call, "patient", -2, "poll failed");
    bool stopping = cf_stopping(call);
    return cf_return(call, &stopping, sizeof stopping);
}

static int
worker(struct cf_call *call)
{
    const char *name = cf_worker(call);

    return cf_return(call, name, strlen(name) + 1);
}

static int
local(struct cf_call *call)
{
    uintptr_t value = (uintptr_t)cf_local(call);

    return cf_return(call, &value, sizeof value);
}

const struct cf_task task_echo = { "echo", echo };
const struct cf_task task_twice = { "twice", twice };
const struct cf_task task_blame = { "blame", blame };
const struct cf_task task_code = { "code", code };
const struct cf_task task_cue = { "cue", cue };
const struct cf_task task_patient = { "patient", patient };
const struct cf_task task_worker = { "worker", worker };
const struct cf_task task_local = { "local", local };

const struct cf_task *const tasks_all[] = { &task_echo, &task_twice,   &task_blame,  &task_code,
                                            &task_cue,  &task_patient, &task_worker, &task_local };
const size_t tasks_count = sizeof tasks_all / sizeof *tasks_all;

struct cf_executor *
tasks_pool(unsigned max_workers)
{
    struct cf_executor *pool = cf_thread_pool(&(struct cf_options){ .max_workers = max_workers });

    ck_assert_ptr_nonnull(pool);
    return pool;
}

struct cue
tasks_cue(const struct stage *stage, int number, uint32_t until)
{
    struct cue cue = { .number = number, .until = until };

    memcpy(cue.stage, stage->name, sizeof cue.stage);
    return cue;
}

struct cf_future *
tasks_submit_cue(struct cf_executor *pool, const struct stage *stage, int number, uint32_t until)
{
    struct cue cue = tasks_cue(stage, number, until);

    return cf_submit(pool, &task_cue, &cue, sizeof cue);
}

struct cf_future *
tasks_submit_int(struct cf_executor *pool, const struct cf_task *task, int number)
{
    return cf_submit(pool, task, &number, sizeof number);
}

struct cf_future *
tasks_start_holding(struct cf_executor *pool, struct stage *stage, int number)
{
    uint32_t before = latch_count(&stage->started);
    struct cf_future *future = tasks_submit_cue(pool, stage, number, latch_count(&stage->go) + 1);

    latch_await(&stage->started, before + 1);
    return future;
}

int
tasks_open_worker(struct cf_call *call, void **local_of_worker, const void *worker_arg)
{
    struct stage *stage = stage_find(worker_arg);

    if (stage == NULL)
        return cf_raise(call, "open", -1, "no stage");
    *local_of_worker = (void *)(uintptr_t)(latch_raise(&stage->opened) + 1);
    return 0;
}

void
tasks_start_several(struct cf_executor *pool, struct stage *stage, struct cf_future **futures, int n)
{
    for (int i = 0; i < n; i++)
        futures[i] = tasks_submit_cue(pool, stage, i, (uint32_t)i + 1);
    latch_await(&stage->started, (uint32_t)n);
}

void
tasks_release_all(struct cf_future **futures, int n)
{
    for (int i = 0; i < n; i++)
        cf_release(futures[i]);
}
