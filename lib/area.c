/* SPDX-License-Identifier: MIT */
/* area.c - large arguments and results, in areas of a sparse file in memory. */

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <time.h>
#include <unistd.h>

#include "lanes.h"

static off_t
offset_of(uint64_t area)
{
    return (off_t)(area << AREA_BITS);
}

enum { RESERVED_AT_ONCE = 4 * 1024 * 1024 };

/*
 * Reserve the memory, so that a lack of it is an error here and not a SIGBUS later.  Where the process has a limit on
 * the size of files the kernel also sends SIGXFSZ, which is meant for others and is taken back.  A signal makes older
 * kernels give back all that was asked for at once, so if that took longer than a timer's interval it would never end.
 */
static int
reserve(int memory, uint64_t area, size_t len)
{
    const struct timespec none = { 0 };
    sigset_t limit, old;
    int error = 0;

    sigemptyset(&limit);
    sigaddset(&limit, SIGXFSZ);
    pthread_sigmask(SIG_BLOCK, &limit, &old);
    for (size_t done = 0; error == 0 && done < len;) {
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

int
cf_area_write(int memory, uint64_t area, const void *data, size_t len)
{
    if (len > AREA_SIZE)
        return E2BIG;
    int error = reserve(memory, area, len);
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
    int saved = errno;

    fallocate(memory, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, offset_of(area), (off_t)len);
    errno = saved;
}
