/* SPDX-License-Identifier: MIT */
/* crew.c - threads that do the same at the same time. */

#include "crew.h"
#include "asserts.h"

void
crew_run(void *(*job)(void *), struct cf_executor *pool, struct cf_future **futures, int n)
{
    struct hand crew[CREW];
    pthread_barrier_t start;

    pthread_barrier_init(&start, NULL, CREW);
    for (int i = 0; i < CREW; i++) {
        crew[i] = (struct hand){
            .pool = pool, .futures = futures, .n = n, .number = i, .state = (uint32_t)i + 1, .start = &start
        };
        ck_assert_int_eq(pthread_create(&crew[i].thread, NULL, job, &crew[i]), 0);
    }
    for (int i = 0; i < CREW; i++)
        pthread_join(crew[i].thread, NULL);
    pthread_barrier_destroy(&start);
}

void
crew_start(struct hand *hand)
{
    pthread_barrier_wait(hand->start);
}

uint32_t
crew_random(struct hand *hand)
{
    hand->state = hand->state * 1664525 + 1013904223;
    return hand->state >> 8;
}

int
crew_rounds(int plain)
{
    return tap_sanitized() ? plain / 10 : plain;
}

bool
crew_again(int done, int plain)
{
    static double end;

    if (done == 0)
        end = asserts_now() + (tap_sanitized() ? 3 : 1.5);
    return done == 0 || (done < crew_rounds(plain) && asserts_now() < end);
}

void
crew_assert_settled(struct cf_future *future)
{
    ck_assert(cf_done(future));
    if (cf_cancelled(future)) {
        asserts_error(future, CF_CANCELLED);
        return;
    }
    const struct cf_error *error = cf_error_of(future);
    if (error == NULL)
        ck_assert_ptr_nonnull(cf_result(future, NULL));
    else
        ck_assert(error->why == CF_REFUSED || error->why == CF_RAISED);
}

static int
nothing(struct cf_call *call)
{
    return cf_return(call, NULL, 0);
}
const struct cf_task crew_nothing = { "nothing", nothing };

void
crew_submit(struct cf_executor *pool, struct cf_future **futures, int n)
{
    for (int i = 0; i < n; i++)
        futures[i] = cf_submit(pool, &crew_nothing, NULL, 0);
}
