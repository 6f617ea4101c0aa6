/* SPDX-License-Identifier: MIT */
/* sources.c - what tests map over. */

#include "sources.h"
#include "asserts.h"

int
sources_count(void *source, const void **item, size_t *len)
{
    struct counter *counter = source;

    ck_assert(pthread_equal(pthread_self(), counter->owner));
    counter->calls++;
    if (counter->value == counter->end)
        return counter->status;
    counter->value++;
    static int lent;
    lent = counter->value - 1;
    *item = &lent;
    *len = sizeof lent;
    return 1;
}

struct counter
sources_counter(int end, int status)
{
    return (struct counter){ .end = end, .status = status, .owner = pthread_self() };
}

int
sources_cue(void *source, const void **item, size_t *len)
{
    struct cues *cues = source;

    if (cues->left == 0)
        return 0;
    *item = cues->next++;
    *len = sizeof(struct cue);
    cues->left--;
    return 1;
}

void
sources_fill(int *numbers, int n)
{
    for (int i = 0; i < n; i++)
        numbers[i] = i;
}
