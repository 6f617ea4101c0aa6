/* SPDX-License-Identifier: MIT */
#include "choose_work.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "primes.h"

#define PIECE 65536
#define FNV_START UINT64_C(0xcbf29ce484222325)
#define FNV_PRIME UINT64_C(0x100000001b3)
#define A_PRIME UINT64_C(142702110479723)

static int
answer(struct cf_call *call, uint64_t value)
{
    const struct choose_answer result = { value, getpid() };

    return cf_return(call, &result, sizeof result);
}

/* Read the file and have digest() make of each piece, and of the value so far, a new value. */
static int
read_through(struct cf_call *call, uint64_t value, uint64_t (*digest)(uint64_t, const unsigned char *, size_t))
{
    const char *path = *(const char *const *)cf_arg(call, NULL);
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    unsigned char piece[PIECE];
    ssize_t len = -1;

    while (fd != -1 && (len = read(fd, piece, sizeof piece)) > 0)
        value = digest(value, piece, (size_t)len);
    const int error = errno;
    if (fd != -1)
        close(fd);
    return len == 0 ? answer(call, value) : cf_raise(call, "errno", error, "%s: %s", path, strerror(error));
}

static uint64_t
count(uint64_t value, const unsigned char *piece, size_t len)
{
    (void)piece;
    return value + len;
}

static uint64_t
fnv(uint64_t value, const unsigned char *piece, size_t len)
{
    for (size_t i = 0; i < len; i++)
        value = (value ^ piece[i]) * FNV_PRIME;
    return value;
}

static int
read_file(struct cf_call *call)
{
    return read_through(call, 0, count);
}
const struct cf_task choose_work_read = { "read", read_file };

static int
hash_file(struct cf_call *call)
{
    return read_through(call, FNV_START, fnv);
}
const struct cf_task choose_work_hash = { "hash", hash_file };

static int
compute(struct cf_call *call)
{
    return answer(call, primes_trial(A_PRIME));
}
const struct cf_task choose_work_compute = { "compute", compute };
