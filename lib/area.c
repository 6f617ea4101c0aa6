/* SPDX-License-Identifier: MIT */
/* area.c - large arguments and results, in areas of a sparse file in memory. */

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "lanes.h"

static off_t
offset_of(uint64_t area)
{
    return (off_t)(area << AREA_BITS);
}

enum { RESERVED_AT_ONCE = 4 * 1024 * 1024, LARGEST_PAGE = 65536 };

/*
 * Reserve the memory from there to len, so that a lack of it is an error here and not a SIGBUS later.  Where the
 * process has a limit on the size of files the kernel also sends SIGXFSZ, which is meant for others and is taken back.
 * A signal makes older kernels give back all that was asked for at once, so if that took longer than a timer's interval
 * it would never end.
 */
static int
reserve(int memory, uint64_t area, size_t from, size_t len)
{
    const struct timespec none = { 0 };
    sigset_t limit, old;
    int error = 0;

    sigemptyset(&limit);
    sigaddset(&limit, SIGXFSZ);
    pthread_sigmask(SIG_BLOCK, &limit, &old);
    for (size_t done = from; error == 0 && done < len;) {
        const size_t next = len - done < RESERVED_AT_ONCE ? len - done : RESERVED_AT_ONCE;
        if (fallocate(memory, 0, offset_of(area) + (off_t)done, (off_t)next) == 0)
            done += next;
        else if (errno != EINTR)
            error = errno == ENOSPC || errno == EFBIG ? ENOMEM : errno;
    }
    if (error != 0)
        sigtimedwait(&limit, NULL, &none);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    return error;
}

/* Of an area that has its memory up to *ready already.  On failure it has none. */
int
cf_area_extend(int memory, uint64_t area, size_t len, size_t *ready)
{
    if (len <= *ready)
        return 0;
    const int error = len > AREA_SIZE ? E2BIG : reserve(memory, area, *ready, len);
    if (error != 0)
        cf_area_drop(memory, area, len < AREA_SIZE ? len : AREA_SIZE);
    *ready = error == 0 ? len : 0;
    return error;
}

int
cf_area_write(int memory, uint64_t area, const void *data, size_t len)
{
    if (len > AREA_SIZE)
        return E2BIG;
    int error = reserve(memory, area, 0, len);
    for (size_t done = 0; error == 0 && done < len;) {
        ssize_t n = pwrite(memory, (const char *)data + done, len - done, offset_of(area) + (off_t)done);
        if (n >= 0)
            done += (size_t)n;
        else if (errno != EINTR)
            error = errno;
    }
    if (error != 0)
        cf_area_drop(memory, area, len);
    return error;
}

int
cf_area_read(int memory, uint64_t area, void *data, size_t len)
{
    for (size_t done = 0; done < len;) {
        ssize_t n = pread(memory, (char *)data + done, len - done, offset_of(area) + (off_t)done);
        if (n == 0)
            return EIO;
        if (n > 0)
            done += (size_t)n;
        else if (errno != EINTR)
            return errno;
    }
    return 0;
}

void
cf_area_drop(int memory, uint64_t area, size_t len)
{
    const size_t whole = (len + LARGEST_PAGE - 1) / LARGEST_PAGE * LARGEST_PAGE;
    int saved = errno;

    /* Of the last page, too, the memory is only given back if all of it is. */
    fallocate(memory, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, offset_of(area), (off_t)whole);
    errno = saved;
}

bool
cf_area_holds(int memory, uint64_t area, size_t len)
{
    const off_t begin = offset_of(area);

    return len <= AREA_SIZE && lseek(memory, begin, SEEK_HOLE) >= begin + (off_t)len;
}

/*
 * Have so much of the area mapped in this process, at a place that changes when it becomes more.  The memory has been
 * reserved.
 */
int
cf_area_view(int memory, uint64_t area, size_t len, unsigned how, struct cf_view *view)
{
    const bool writes = (how & VIEW_WRITE) != 0;

    if (len <= view->size)
        return 0;
    cf_area_unview(view);
    void *at = mmap(NULL, len, writes ? PROT_READ | PROT_WRITE : PROT_READ, MAP_SHARED, memory, offset_of(area));
    if (at == MAP_FAILED)
        return errno;
    if ((how & VIEW_INHERIT) == 0)
        madvise(at, len, MADV_DONTFORK);
    /* All at once; where it fails, each page is met when it is needed. */
    madvise(at, len, writes ? MADV_POPULATE_WRITE : MADV_POPULATE_READ);
    view->at = at;
    view->size = len;
    return 0;
}

void
cf_area_unview(struct cf_view *view)
{
    if (view->size > 0)
        munmap(view->at, view->size);
    view->at = NULL;
    view->size = 0;
}
