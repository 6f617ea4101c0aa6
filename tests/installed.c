/* SPDX-License-Identifier: MIT */
/*
 * installed.c - the first program of the manual, as somebody would build it who has only what `make install' put there.
 */

#include <cf.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

static int
square(struct cf_call *call)
{
    const uint32_t *n = cf_arg(call, NULL);
    uint64_t result = (uint64_t)*n * *n;
    return cf_return(call, &result, sizeof result);
}
static const struct cf_task square_task = { "square", square };

int
main(int argc, char **argv)
{
    uint32_t numbers[100];
    for (uint32_t i = 0; i < 100; i++)
        numbers[i] = i;

    uint64_t sum = 0;
    struct cf_executor *pool = cf_thread_pool(&(struct cf_options){ .max_workers = 4 });
    struct cf_iter *squares = cf_map(pool, &square_task, numbers, 100, sizeof *numbers, NULL);
    for (struct cf_future *f; (f = cf_next(squares)) != NULL;) {
        const uint64_t *result = cf_result(f, NULL);
        sum += result == NULL ? 0 : *result;
    }
    cf_iter_free(squares);
    if (cf_close(pool) != 0 || sum != 328350) {
        fprintf(stderr, "%s: the sum is %llu, not 328350\n", argv[0], (unsigned long long)sum);
        return 1;
    }
    if (argc > 1 && strncmp(argv[1], cf_version(), strlen(cf_version())) != 0) {
        fprintf(stderr, "%s: the library says version %s, not %s\n", argv[0], cf_version(), argv[1]);
        return 1;
    }
    return 0;
}
