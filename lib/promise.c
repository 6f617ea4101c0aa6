/* SPDX-License-Identifier: MIT */
/* promise.c - futures that anyone may settle. */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core.h"

struct cf_future *
cf_promise(void)
{
    static const struct cf_task promise = { .name = "promise" };
    struct cf_future *future = cf_future_new(NULL, &promise, false, 1, NULL, 0);

    if (future == NULL)
        errno = ENOMEM;
    return future;
}

static bool
can_be_settled(const struct cf_future *future)
{
    return future->executor == NULL && !cf_future_frozen(future);
}

/* Whoever waits for the promise may release the only reference as soon as it is settled. */
static void
finish_promise(struct cf_future *future)
{
    cf_retain(future);
    cf_future_finish(future, NULL, 0);
    cf_release(future);
}

bool
cf_settle(struct cf_future *future, const void *result, size_t len)
{
    void *copy = malloc(len > 0 ? len : 1);

    if (copy == NULL)
        return false;
    if (len > 0)
        memcpy(copy, result, len);
    if (!can_be_settled(future) || !cf_future_claim(future)) {
        free(copy);
        return false;
    }
    cf_future_set_result(future, copy, len, free);
    finish_promise(future);
    return true;
}

bool
cf_settle_error(struct cf_future *future, const char *domain, int code, const char *message)
{
    struct cf_error *error = cf_error_new(CF_RAISED, domain, code, future->task->name, "", "%s", message);

    if (!can_be_settled(future) || cf_error_is_spare(error) || !cf_future_claim(future)) {
        cf_error_free(error);
        return false;
    }
    cf_future_set_error(future, error);
    finish_promise(future);
    return true;
}
