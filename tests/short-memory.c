/* SPDX-License-Identifier: MIT */
/*
 * short-memory - preloaded into a program, makes its allocation number $SHORT_MEMORY, and the two after that, fail.
 *
 * To the file $SHORT_MEMORY_COUNT, if that is set, it writes in the end how many allocations there were.
 */

#include <errno.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

/* glibc's own names of its allocator. */
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *old, size_t size);
void *__libc_memalign(size_t alignment, size_t size);

static atomic_long count;

static bool
fails(void)
{
    const char *text = getenv("SHORT_MEMORY");
    long number = ++count;
    long first = text == NULL ? 0 : strtol(text, NULL, 10);

    if (number < first || number > first + 2)
        return false;
    errno = ENOMEM;
    return true;
}

void *
malloc(size_t size)
{
    return fails() ? NULL : __libc_malloc(size);
}

void *
calloc(size_t n, size_t size)
{
    return fails() ? NULL : __libc_calloc(n, size);
}

void *
realloc(void *old, size_t size)
{
    return fails() ? NULL : __libc_realloc(old, size);
}

void *
aligned_alloc(size_t alignment, size_t size)
{
    return fails() ? NULL : __libc_memalign(alignment, size);
}

__attribute__((destructor)) static void
tell(void)
{
    const char *name = getenv("SHORT_MEMORY_COUNT");
    FILE *file = name == NULL ? NULL : fopen(name, "w");

    if (file == NULL)
        return;
    fprintf(file, "%ld\n", (long)count);
    fclose(file);
}
