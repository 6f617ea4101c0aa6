/* SPDX-License-Identifier: MIT */
/* interleave-t.c - that the harness finds what is wrong, and only that, by programs of which one knows it. */

#include "interleaved.h"

static _Atomic int x, y;
static int plain, seen[2];

static void
reset(void)
{
    x = y = 0;
    plain = seen[0] = seen[1] = 0;
    interleave_name(&x, sizeof x, "x");
    interleave_name(&y, sizeof y, "y");
    interleave_name(&plain, sizeof plain, "plain");
}

/*
 * Store buffering: each writes its own and reads the other's.
 */

static void
write_x_read_y(void)
{
    atomic_store(&x, 1);
    seen[0] = atomic_load(&y);
}

static void
write_y_read_x(void)
{
    atomic_store(&y, 1);
    seen[1] = atomic_load(&x);
}

static void
one_saw_the_other(void)
{
    interleave_assert(seen[0] == 1 || seen[1] == 1);
}

static const struct interleave buffering = {
    .setup = reset,
    .threads = { write_x_read_y, write_y_read_x },
    .teardown = one_saw_the_other,
    .preemptions = INTERLEAVE_UNBOUNDED,
    .delays = 2,
};

TEST(of_two_that_write_and_then_look_one_sees_the_other)
{
    interleave(&buffering);
}

TEST(a_release_does_not_do_where_one_writes_and_then_looks)
{
    interleave_finds(&buffering, (struct interleave_weak){ &x, INTERLEAVE_STORE, memory_order_release });
}

/*
 * Message passing: one writes and says so.
 */

static void
publish(void)
{
    plain = 1;
    atomic_store_explicit(&x, 1, memory_order_relaxed);
    atomic_store_explicit(&y, 1, memory_order_release);
}

static void
read_published(void)
{
    if (atomic_load_explicit(&y, memory_order_acquire) != 1)
        return;
    interleave_assert(plain == 1);
    interleave_assert(atomic_load_explicit(&x, memory_order_relaxed) == 1);
}

static const struct interleave passing = {
    .setup = reset,
    .threads = { publish, read_published },
    .preemptions = INTERLEAVE_UNBOUNDED,
    .delays = 2,
};

TEST(what_was_written_before_a_release_is_seen_after_the_acquire)
{
    interleave(&passing);
}

TEST(a_relaxed_store_does_not_publish)
{
    interleave_finds(&passing, (struct interleave_weak){ &y, INTERLEAVE_STORE, memory_order_relaxed });
}

TEST(a_relaxed_load_does_not_acquire)
{
    interleave_finds(&passing, (struct interleave_weak){ &y, INTERLEAVE_LOAD, memory_order_relaxed });
}

static void
read_x_for_long(void)
{
    while (atomic_load_explicit(&x, memory_order_relaxed) == 0)
        interleave_pause();
}

TEST(who_spins_goes_on_when_what_it_waits_for_has_come)
{
    interleave(&(struct interleave){
        .setup = reset, .threads = { publish, read_x_for_long, read_x_for_long }, .preemptions = 3, .delays = 1 });
}

/*
 * Increments by several.
 */

static void
increment(void)
{
    atomic_fetch_add_explicit(&x, 1, memory_order_relaxed);
}

static void
increment_in_two_steps(void)
{
    atomic_store(&x, atomic_load(&x) + 1);
}

static void
x_is_three(void)
{
    interleave_assert(x == 3);
}

TEST(increments_of_three_threads_are_all_there)
{
    interleave(&(struct interleave){ .setup = reset,
                                     .threads = { increment, increment, increment },
                                     .teardown = x_is_three,
                                     .preemptions = INTERLEAVE_UNBOUNDED });
}

TEST(an_increment_in_two_steps_is_found_to_get_lost)
{
    interleave_finds(&(struct interleave){ .setup = reset,
                                           .threads = { increment, increment_in_two_steps, increment },
                                           .teardown = x_is_three,
                                           .preemptions = 1 },
                     (struct interleave_weak){ 0 });
}

/*
 * Locks.
 */

static pthread_mutex_t first = PTHREAD_MUTEX_INITIALIZER, second = PTHREAD_MUTEX_INITIALIZER;

static void
add_under_both(pthread_mutex_t *outer, pthread_mutex_t *inner)
{
    pthread_mutex_lock(outer);
    pthread_mutex_lock(inner);
    plain++;
    pthread_mutex_unlock(inner);
    pthread_mutex_unlock(outer);
}

static void
lock_first_and_second(void)
{
    add_under_both(&first, &second);
}

static void
lock_second_and_first(void)
{
    add_under_both(&second, &first);
}

TEST(what_a_lock_guards_is_in_no_race)
{
    interleave(&(struct interleave){ .setup = reset,
                                     .threads = { lock_first_and_second, lock_first_and_second },
                                     .preemptions = INTERLEAVE_UNBOUNDED });
}

TEST(two_locks_in_both_orders_are_a_deadlock)
{
    interleave_finds(&(struct interleave){ .setup = reset,
                                           .threads = { lock_first_and_second, lock_second_and_first },
                                           .preemptions = 1 },
                     (struct interleave_weak){ 0 });
}

static void
write_plainly(void)
{
    plain = 2;
}

TEST(what_is_written_without_the_lock_is_in_a_race)
{
    interleave_finds(&(struct interleave){ .setup = reset, .threads = { lock_first_and_second, write_plainly } },
                     (struct interleave_weak){ 0 });
}

/*
 * Memory.
 */

static _Atomic(int *) shared;

static void
allocate(void)
{
    reset();
    shared = malloc(sizeof(int));
}

static void
free_shared(void)
{
    free(atomic_exchange(&shared, NULL));
}

static void
use_shared(void)
{
    int *mine = atomic_load(&shared);

    if (mine != NULL)
        *mine = 1;
}

TEST(memory_that_another_thread_frees_is_not_to_be_used)
{
    interleave_finds(
        &(struct interleave){ .setup = allocate, .threads = { use_shared, free_shared }, .preemptions = 1 },
        (struct interleave_weak){ 0 });
}

static const TTest **const tests[] = {
    &of_two_that_write_and_then_look_one_sees_the_other,
    &a_release_does_not_do_where_one_writes_and_then_looks,
    &what_was_written_before_a_release_is_seen_after_the_acquire,
    &a_relaxed_store_does_not_publish,
    &a_relaxed_load_does_not_acquire,
    &who_spins_goes_on_when_what_it_waits_for_has_come,
    &increments_of_three_threads_are_all_there,
    &an_increment_in_two_steps_is_found_to_get_lost,
    &what_a_lock_guards_is_in_no_race,
    &two_locks_in_both_orders_are_a_deadlock,
    &what_is_written_without_the_lock_is_in_a_race,
    &memory_that_another_thread_frees_is_not_to_be_used,
    NULL,
};

int
main(void)
{
    return interleave_main("interleave", tests);
}
