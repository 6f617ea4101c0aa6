/* SPDX-License-Identifier: MIT */
/* bytes.h - copies of data, and where they stand. */

#ifndef CF_BYTES_H
#define CF_BYTES_H 1

#include <stdalign.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define CF_ALIGN alignof(max_align_t)

/* As memcpy(), but without a call of it where a number or two are copied, as is usual. */
static inline void
cf_copy(void *to, const void *from, size_t len)
{
    uint64_t first, last;

    if (len - sizeof first <= sizeof last) {
        memcpy(&first, from, sizeof first);
        memcpy(&last, (const char *)from + len - sizeof last, sizeof last);
        memcpy(to, &first, sizeof first);
        memcpy((char *)to + len - sizeof last, &last, sizeof last);
    } else if (len > 0) {
        memcpy(to, from, len);
    }
}

static inline size_t
cf_round_up(size_t size)
{
    return (size + CF_ALIGN - 1) & ~(CF_ALIGN - 1);
}

/* What stands for 0 bytes of data. */
extern const max_align_t cf_nothing;

#endif
