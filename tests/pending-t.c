/* SPDX-License-Identifier: MIT */
/* pending-t.c - .max_pending: who waits for room, who need not, and what ends the wait. */

#include <errno.h>
#include <pthread.h>

#include "asserts.h"
#include "tasks.h"

/* A pool of one worker, which is held up, and room for so many calls that have not started. */
struct bounded {
    struct cf_executor *pool;
    struct stage *stage;
    struct cf_future *running;
};

static struct bounded
open_bounded(unsigned max_pending)
{
    struct bounded bounded = {
        .pool = cf_thread_pool(&(struct cf_options){ .max_workers = 1, .max_pending = max_pending }),
        .stage = stage_new(),
    };

    ck_assert_ptr_nonnull(bounded.pool);
    bounded.running = tasks_start_holding(bounded.pool, bounded.stage, 0);
    return bounded;
}

static void
close_bounded(struct bounded *bounded)
{
    latch_raise(&bounded->stage->go);
    cf_release(bounded->running);
    ck_assert_int_eq(cf_close(bounded->pool), 0);
}

static struct cf_future *
try_submit(struct bounded *bounded, int number)
{
    struct cue cue = tasks_cue(bounded->stage, number, 0);

    return cf_try_submit(bounded->pool, &task_cue, &cue, sizeof cue);
}

TEST(the_try_form_is_refused_where_there_is_no_room)
{
    struct bounded bounded = open_bounded(2);
    struct cf_future *futures[3];

    for (int i = 0; i < 3; i++)
        futures[i] = try_submit(&bounded, i + 1);
    ck_assert(!cf_done(futures[0]) && !cf_done(futures[1]));
    asserts_refused(futures[2], EAGAIN);
    latch_raise(&bounded.stage->go);
    for (int i = 0; i < 2; i++)
        ck_assert_int_eq(asserts_take_int(futures[i]), i + 1);
    cf_release(futures[2]);
    ck_assert_int_eq(asserts_take_int(try_submit(&bounded, 9)), 9);
    close_bounded(&bounded);
}

TEST(a_cancelled_call_makes_room)
{
    struct bounded bounded = open_bounded(1);
    struct cf_future *first = try_submit(&bounded, 1);
    struct cf_future *full = try_submit(&bounded, 2);

    asserts_refused(full, EAGAIN);
    cf_release(full);
    ck_assert(cf_cancel(first));
    struct cf_future *second = try_submit(&bounded, 3);
    ck_assert(!cf_done(second));
    latch_raise(&bounded.stage->go);
    ck_assert_int_eq(asserts_take_int(second), 3);
    cf_release(first);
    close_bounded(&bounded);
}

/* A thread that submits one call, and says in of[0] that it is about to and in of[1] that it has. */
struct submitter {
    pthread_t thread;
    struct bounded *bounded;
    struct cf_future *future;
};

static void *
submit(void *data)
{
    struct submitter *submitter = data;
    struct stage *stage = submitter->bounded->stage;

    latch_raise(&stage->of[0]);
    submitter->future = tasks_submit_cue(submitter->bounded->pool, stage, 5, 0);
    latch_raise(&stage->of[1]);
    return NULL;
}

/* Fill the room of one and start n threads that cannot submit, as there is none. */
static struct cf_future *
block_submitters(struct bounded *bounded, struct submitter *submitters, int n)
{
    struct cf_future *filler = tasks_submit_cue(bounded->pool, bounded->stage, 1, 0);

    for (int i = 0; i < n; i++) {
        submitters[i] = (struct submitter){ .bounded = bounded };
        ck_assert_int_eq(pthread_create(&submitters[i].thread, NULL, submit, &submitters[i]), 0);
    }
    latch_await(&bounded->stage->of[0], (uint32_t)n);
    asserts_sleep(0.05);
    ck_assert_uint_eq(latch_count(&bounded->stage->of[1]), 0);
    return filler;
}

TEST(submit_waits_for_room_which_a_start_makes)
{
    struct bounded bounded = open_bounded(1);
    struct submitter submitters[3];
    struct cf_future *filler = block_submitters(&bounded, submitters, 3);

    latch_raise(&bounded.stage->go);
    for (int i = 0; i < 3; i++) {
        pthread_join(submitters[i].thread, NULL);
        ck_assert_int_eq(asserts_take_int(submitters[i].future), 5);
    }
    ck_assert_int_eq(asserts_take_int(filler), 1);
    close_bounded(&bounded);
}

TEST(submit_waits_for_room_which_a_cancel_makes)
{
    struct bounded bounded = open_bounded(1);
    struct submitter submitter;
    struct cf_future *filler = block_submitters(&bounded, &submitter, 1);

    ck_assert(cf_cancel(filler));
    pthread_join(submitter.thread, NULL);
    ck_assert(!cf_done(submitter.future));
    latch_raise(&bounded.stage->go);
    ck_assert_int_eq(asserts_take_int(submitter.future), 5);
    cf_release(filler);
    close_bounded(&bounded);
}

TEST(a_shutdown_refuses_those_who_wait_for_room)
{
    struct bounded bounded = open_bounded(1);
    struct submitter submitters[3];
    struct cf_future *filler = block_submitters(&bounded, submitters, 3);

    ck_assert_int_eq(cf_shutdown(bounded.pool, 0), 0);
    for (int i = 0; i < 3; i++) {
        pthread_join(submitters[i].thread, NULL);
        asserts_refused(submitters[i].future, ESHUTDOWN);
        cf_release(submitters[i].future);
    }
    latch_raise(&bounded.stage->go);
    ck_assert_int_eq(asserts_take_int(filler), 1);
    close_bounded(&bounded);
}

TEST(an_interrupt_refuses_those_who_wait_for_room)
{
    struct bounded bounded = open_bounded(1);
    struct submitter submitters[3];
    struct cf_future *filler = block_submitters(&bounded, submitters, 3);

    cf_interrupt(bounded.pool);
    for (int i = 0; i < 3; i++) {
        pthread_join(submitters[i].thread, NULL);
        asserts_refused(submitters[i].future, ECANCELED);
        cf_release(submitters[i].future);
    }
    asserts_error(filler, CF_CANCELLED);
    cf_release(filler);
    close_bounded(&bounded);
}

static int
open_when_told(struct cf_call *call, void **local, const void *worker_arg)
{
    struct stage *stage = *(struct stage *const *)worker_arg;

    *local = NULL;
    latch_raise(&stage->started);
    latch_await(&stage->go, 1);
    return cf_raise(call, "open", 3, "failed");
}

TEST(a_broken_executor_refuses_those_who_wait_for_room)
{
    struct bounded bounded = { .stage = stage_new() };
    struct submitter submitter;

    bounded.pool = cf_thread_pool(&(struct cf_options){
        .max_workers = 1, .max_pending = 1, .open_worker = open_when_told, .worker_arg = &bounded.stage });
    struct cf_future *filler = block_submitters(&bounded, &submitter, 1);
    latch_raise(&bounded.stage->go);
    pthread_join(submitter.thread, NULL);
    ck_assert_int_eq(asserts_error(submitter.future, CF_BROKEN)->code, 3);
    ck_assert_int_eq(asserts_error(filler, CF_BROKEN)->code, 3);
    cf_release(submitter.future);
    cf_release(filler);
    ck_assert_int_eq(cf_close(bounded.pool), -1);
}

/* Submits three calls to the pool that it runs in. */
struct inner {
    struct cf_executor *pool;
    struct stage *stage;
    struct cf_future **futures;
};

static void
submit_three(const struct inner *inner)
{
    for (int i = 0; i < 3; i++)
        inner->futures[i] = tasks_submit_cue(inner->pool, inner->stage, i, 0);
}

static int
submit_inside(struct cf_call *call)
{
    submit_three(cf_arg(call, NULL));
    return cf_return(call, NULL, 0);
}
static const struct cf_task task_submit_inside = { "submit_inside", submit_inside };

TEST(the_bound_does_not_bind_tasks_of_the_own_pool)
{
    struct stage *stage = stage_new();
    struct cf_executor *pool = cf_thread_pool(&(struct cf_options){ .max_workers = 1, .max_pending = 1 });
    struct cf_future *futures[3];
    const struct inner inner = { pool, stage, futures };
    struct cf_future *outer = cf_submit(pool, &task_submit_inside, &inner, sizeof inner);

    ck_assert_ptr_nonnull(cf_result(outer, NULL));
    for (int i = 0; i < 3; i++)
        ck_assert_int_eq(asserts_take_int(futures[i]), i);
    cf_release(outer);
    cf_close(pool);
}

static void
submit_in_callback(struct cf_future *future, void *data)
{
    const struct inner *inner = data;

    ck_assert(cf_done(future));
    submit_three(inner);
    latch_raise(&inner->stage->of[2]);
}

TEST(the_bound_does_not_bind_callbacks)
{
    struct bounded bounded = open_bounded(1);
    struct cf_future *futures[3];
    struct inner inner = { bounded.pool, bounded.stage, futures };
    struct cf_future *pending = tasks_submit_cue(bounded.pool, bounded.stage, 1, 0);

    cf_on_done(pending, submit_in_callback, &inner);
    ck_assert(cf_cancel(pending));
    ck_assert_uint_eq(latch_count(&bounded.stage->of[2]), 1);
    latch_raise(&bounded.stage->go);
    for (int i = 0; i < 3; i++)
        ck_assert_int_eq(asserts_take_int(futures[i]), i);
    cf_release(pending);
    close_bounded(&bounded);
}

static int
generate(void *data, const void **item, size_t *len)
{
    const struct inner *inner = data;

    (void)item;
    (void)len;
    submit_three(inner);
    return 0;
}

TEST(the_bound_does_not_bind_generators)
{
    struct bounded bounded = open_bounded(1);
    struct cf_future *futures[3];
    struct inner inner = { bounded.pool, bounded.stage, futures };
    struct cf_future *pending = tasks_submit_cue(bounded.pool, bounded.stage, 1, 0);
    struct cf_iter *iter = cf_map_from(bounded.pool, &task_echo, generate, &inner, NULL);

    asserts_ends(iter, CF_END);
    cf_iter_free(iter);
    latch_raise(&bounded.stage->go);
    for (int i = 0; i < 3; i++)
        ck_assert_int_eq(asserts_take_int(futures[i]), i);
    cf_release(pending);
    close_bounded(&bounded);
}

TEST(a_map_of_more_items_than_may_be_pending_completes)
{
    struct cf_executor *pool = cf_thread_pool(&(struct cf_options){ .max_workers = 2, .max_pending = 3 });
    int numbers[500];

    for (int i = 0; i < 500; i++)
        numbers[i] = i;
    for (int unordered = 0; unordered < 2; unordered++) {
        const struct cf_map_options options = { .unordered = unordered == 1 };
        struct cf_iter *iter = cf_map(pool, &task_twice, numbers, 500, sizeof *numbers, &options);
        int sum = 0;
        for (struct cf_future *future; (future = cf_next(iter)) != NULL;)
            sum += asserts_int(future);
        ck_assert_int_eq(cf_status(iter), CF_END);
        ck_assert_int_eq(sum, 500 * 499);
        cf_iter_free(iter);
    }
    cf_close(pool);
}

/* The reader lets the calls run ahead of it, more and more each time. */
TEST(a_bounded_map_keeps_its_order_while_it_runs_further_ahead)
{
    enum { ITEMS = 600, BOUND = 40 };
    struct cf_executor *pool = cf_thread_pool(&(struct cf_options){ .max_workers = 2, .max_pending = BOUND });
    struct stage *stage = stage_new();
    static struct cue cues[ITEMS];

    for (int i = 0; i < ITEMS; i++)
        cues[i] = tasks_cue(stage, i, 0);
    struct cf_iter *iter = cf_map(pool, &task_cue, cues, ITEMS, sizeof *cues, NULL);
    for (int i = 0; i < ITEMS; i++) {
        size_t total;
        cf_remaining(iter, &total);
        latch_await(&stage->ended, (uint32_t)total);
        ck_assert_int_eq(asserts_int(cf_next(iter)), i);
    }
    asserts_ends(iter, CF_END);
    cf_iter_free(iter);
    cf_close(pool);
}

/* There is no room, and as long as others keep it there will be none. */
TEST(a_map_keeps_its_deadline_while_it_waits_for_room)
{
    const int numbers[5] = { 0 };

    for (unsigned way = 0; way < 4; way++) {
        struct bounded bounded = open_bounded(1);
        struct cf_future *filler = try_submit(&bounded, 1);
        const struct cf_map_options options = { .deadline = cf_after(0.1),
                                                .chunksize = way % 2 == 0 ? 1 : 2,
                                                .unordered = way / 2 == 1 };
        struct cf_iter *iter = cf_map(bounded.pool, &task_twice, numbers, 5, sizeof *numbers, &options);

        asserts_ends(iter, CF_TIMEOUT);
        asserts_ends(iter, CF_END);
        ck_assert_int_ge(cf_after(0), options.deadline);
        ck_assert(!cf_done(filler));
        cf_iter_free(iter);
        latch_raise(&bounded.stage->go);
        ck_assert_int_eq(asserts_take_int(filler), 1);
        close_bounded(&bounded);
    }
}

TEST(never_more_are_pending_than_allowed)
{
    enum { BOUND = 5 };
    struct bounded bounded = open_bounded(BOUND);
    struct cf_future *futures[BOUND + 1];

    for (int round = 0; round < 50; round++) {
        for (int i = 0; i <= BOUND; i++)
            futures[i] = try_submit(&bounded, i);
        asserts_refused(futures[BOUND], EAGAIN);
        for (int i = 0; i < BOUND; i++) {
            ck_assert(!cf_done(futures[i]));
            ck_assert(cf_cancel(futures[i]));
        }
        for (int i = 0; i <= BOUND; i++)
            cf_release(futures[i]);
    }
    close_bounded(&bounded);
}

static const TTest **const tests[] = {
    &the_try_form_is_refused_where_there_is_no_room,
    &a_cancelled_call_makes_room,
    &submit_waits_for_room_which_a_start_makes,
    &submit_waits_for_room_which_a_cancel_makes,
    &a_shutdown_refuses_those_who_wait_for_room,
    &an_interrupt_refuses_those_who_wait_for_room,
    &a_broken_executor_refuses_those_who_wait_for_room,
    &the_bound_does_not_bind_tasks_of_the_own_pool,
    &the_bound_does_not_bind_callbacks,
    &the_bound_does_not_bind_generators,
    &a_map_of_more_items_than_may_be_pending_completes,
    &a_bounded_map_keeps_its_order_while_it_runs_further_ahead,
    &a_map_keeps_its_deadline_while_it_waits_for_room,
    &never_more_are_pending_than_allowed,
    NULL,
};

int
main(void)
{
    return asserts_main("pending", tests);
}
