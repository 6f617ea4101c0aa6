/* SPDX-License-Identifier: MIT */
/*
 * model_future-t.c - the word of a future, lib/future.c, and the hooks of lib/hook.c in all interleavings.
 *
 * Everything is freed as soon as it may be, so that a late look at a future, a hook or an executor is found.
 *
 * These mistakes have been found, when each was made by hand: settling by a load and a store, or by an exchange that
 * does not release; a claim that forgets HOOKED; a canceller that looks for DEQUEUED after it has set TOLD, or that
 * holds no reference, and a queue that does not count it or does not tell of it; a release that does not acquire; a
 * hook that is added without the lock, or to a future that has been settled since it was asked, or removed without the
 * lock; a removal of a callback that does not wait for its end, or is not told of it.
 */

#include "model_core.h"

static struct cf_future *future;
static const char result = 'r';
static bool ran, said_cancelled[2];

static void
await(_Atomic unsigned *count)
{
    while (atomic_load(count) == 0)
        interleave_pause();
}

/*
 * Claiming and cancelling.
 */

static _Atomic unsigned told[2];

static struct cf_parker *
tell_first(struct cf_hook *hook)
{
    (void)hook;
    atomic_fetch_add(&told[0], 1);
    return NULL;
}

static struct cf_hook first_hook;

static void
three_have_it(void)
{
    model_reset(0);
    future = model_future(3);
    told[0] = told[1] = 0;
    ran = said_cancelled[0] = said_cancelled[1] = false;
    first_hook = (struct cf_hook){ .notify = tell_first };
    cf_hook_add(&first_hook, future);
}

/* The last worker: the executor goes when nobody who cancels needs it. */
static void
run_and_end(void)
{
    ran = model_serve(future, &result);
    cf_executor_await_cancellers(model_executor);
    cf_executor_release(model_executor);
}

static void
cancel(void)
{
    said_cancelled[interleave_self() - 1] = cf_cancel(future);
    cf_release(future);
}

static void
one_has_won(void)
{
    interleave_assert(said_cancelled[0] == said_cancelled[1] || ran);
    interleave_assert(ran != said_cancelled[0] && ran != said_cancelled[1]);
    interleave_assert(told[0] == 1);
}

TEST(either_the_worker_claims_a_call_or_it_is_cancelled_and_it_is_told_once)
{
    interleave(&(struct interleave){ .setup = three_have_it,
                                     .threads = { run_and_end, cancel, cancel },
                                     .teardown = one_has_won,
                                     .preemptions = 4,
                                     .delays = 2,
                                     .spurious = 1 });
}

/*
 * Hooks.
 */

/* A hook that its owner frees as soon as it has been removed. */
struct owned {
    struct cf_hook hook;
    unsigned times; /* told; under the lock of the hooks */
    _Atomic unsigned *told;
};

static struct cf_parker *
tell_owner(struct cf_hook *hook)
{
    struct owned *owned = (struct owned *)(void *)hook;

    owned->times++;
    atomic_fetch_add(owned->told, 1);
    return NULL;
}

static void
nobody_is_told_yet(void)
{
    model_reset(0);
    future = model_future(3);
    told[0] = told[1] = 0;
}

static void
run(void)
{
    ran = model_serve(future, &result);
}

static void
hook_on(bool wait)
{
    struct owned *owned = malloc(sizeof *owned);

    *owned = (struct owned){ .hook.notify = tell_owner, .told = &told[interleave_self() - 1] };
    if (cf_hook_add(&owned->hook, future)) {
        if (wait)
            await(owned->told);
        cf_hook_remove(&owned->hook);
        interleave_assert(owned->times == 1 || !wait);
    } else {
        interleave_assert(cf_done(future));
        interleave_assert(*(const char *)future->result == 'r');
        interleave_assert(owned->times == 0);
    }
    free(owned);
    cf_release(future);
}

static void
hook_on_until_told(void)
{
    hook_on(true);
}

static void
hook_on_and_off(void)
{
    hook_on(false);
}

static const struct interleave hooking = {
    .setup = nobody_is_told_yet,
    .threads = { run, hook_on_until_told, hook_on_and_off },
    .preemptions = 4,
    .delays = 2,
    .spurious = 1,
};

TEST(who_has_hooked_on_is_told_once_or_hears_that_it_is_done)
{
    interleave(&hooking);
}

TEST(two_who_hook_on_are_both_told)
{
    interleave(&(struct interleave){ .setup = nobody_is_told_yet,
                                     .threads = { run, hook_on_until_told, hook_on_until_told },
                                     .preemptions = 4,
                                     .delays = 2 });
}

/*
 * Callbacks.
 */

struct heard {
    unsigned times;
};

static void
hear(struct cf_future *f, void *data)
{
    struct heard *heard = data;

    interleave_assert(cf_done(f));
    heard->times++;
}

/* What the callback is about may go when it has been removed, or has returned. */
static void
listen_and_cease(void)
{
    struct heard *heard = calloc(1, sizeof *heard);

    cf_on_done(future, hear, heard);
    const bool removed = cf_remove_on_done(future, hear, heard);
    interleave_assert(heard->times == (removed ? 0 : 1));
    free(heard);
    cf_release(future);
}

TEST(a_callback_is_removed_or_has_returned_and_then_its_data_may_go)
{
    interleave(&(struct interleave){ .setup = nobody_is_told_yet,
                                     .threads = { run, listen_and_cease, listen_and_cease },
                                     .preemptions = 4,
                                     .delays = 2 });
}

/*
 * Reading the result.
 */

static char plain_result;

static void
run_with_result(void)
{
    plain_result = 'r';
    model_serve(future, &plain_result);
}

static void
read_when_done(void)
{
    if (cf_done(future))
        interleave_assert(*(const char *)future->result == 'r');
    cf_release(future);
}

static const struct interleave reading = {
    .setup = nobody_is_told_yet,
    .threads = { run_with_result, read_when_done, read_when_done },
    .preemptions = 4,
    .delays = 2,
};

TEST(who_sees_that_it_is_done_sees_its_result_until_the_last_reference_is_gone)
{
    interleave(&reading);
}

/*
 * References.
 */

static _Atomic unsigned cancel_returned;

static void
queue_and_caller_have_it(void)
{
    nobody_is_told_yet();
    cf_release(future);
    cancel_returned = 0;
}

/* With the caller's reference. */
static void
cancel_for_the_caller(void)
{
    cf_cancel(future);
    atomic_fetch_add(&cancel_returned, 1);
}

/* The caller may let go of it as soon as it knows that it was cancelled; if not, others may need it to ask. */
static void
wait_and_let_go(void)
{
    struct owned *owned = calloc(1, sizeof *owned);

    owned->hook.notify = tell_owner;
    owned->told = &told[1];
    if (cf_hook_add(&owned->hook, future))
        await(owned->told);
    cf_hook_remove(&owned->hook);
    free(owned);
    if (!cf_cancelled(future))
        await(&cancel_returned);
    cf_release(future);
}

TEST(who_waits_may_let_go_of_the_reference_that_the_canceller_was_given)
{
    interleave(&(struct interleave){ .setup = queue_and_caller_have_it,
                                     .threads = { run, cancel_for_the_caller, wait_and_let_go },
                                     .preemptions = 3,
                                     .delays = 1 });
}

static void
only_the_caller_has_the_promise(void)
{
    nobody_is_told_yet();
    future = cf_promise();
    cancel_returned = 1;
}

static void
settle_the_promise(void)
{
    interleave_assert(cf_settle(future, &result, sizeof result));
}

TEST(who_waits_may_let_go_of_the_only_reference_to_a_promise)
{
    interleave(&(struct interleave){ .setup = only_the_caller_has_the_promise,
                                     .threads = { settle_the_promise, wait_and_let_go },
                                     .preemptions = INTERLEAVE_UNBOUNDED,
                                     .delays = 2 });
}

static const TTest **const tests[] = {
    &either_the_worker_claims_a_call_or_it_is_cancelled_and_it_is_told_once,
    &who_has_hooked_on_is_told_once_or_hears_that_it_is_done,
    &two_who_hook_on_are_both_told,
    &a_callback_is_removed_or_has_returned_and_then_its_data_may_go,
    &who_sees_that_it_is_done_sees_its_result_until_the_last_reference_is_gone,
    &who_waits_may_let_go_of_the_reference_that_the_canceller_was_given,
    &who_waits_may_let_go_of_the_only_reference_to_a_promise,
    NULL,
};

int
main(void)
{
    return interleave_main("future", tests);
}
