/* SPDX-License-Identifier: MIT */
/* cpus.c - how many processors this process may use. */

#include <errno.h>
#include <limits.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core.h"

static unsigned
from_environment(void)
{
    const char *text = getenv("CF_CPU_COUNT");
    char *end;

    if (text == NULL || *text < '0' || *text > '9')
        return 0;
    errno = 0;
    unsigned long count = strtoul(text, &end, 10);
    return errno == 0 && *end == '\0' && count <= INT_MAX ? (unsigned)count : 0;
}

/* A set made for few processors is refused with EINVAL on a machine with more. */
static unsigned
from_affinity(void)
{
    for (int cpus = 1024; cpus <= 1 << 20; cpus *= 2) {
        cpu_set_t *set = CPU_ALLOC(cpus);
        if (set == NULL)
            break;
        size_t size = CPU_ALLOC_SIZE(cpus);
        int rc = sched_getaffinity(0, size, set);
        int count = rc == 0 ? CPU_COUNT_S(size, set) : 0;
        CPU_FREE(set);
        if (count > 0)
            return (unsigned)count;
        if (errno != EINVAL)
            break;
    }
    long online = sysconf(_SC_NPROCESSORS_ONLN);
    return online > 0 ? (unsigned)online : 1;
}

/* The quota in cpu.max of one control group, rounded up; UINT_MAX: none. */
static unsigned
quota_of(const char *group)
{
    char path[PATH_MAX];
    double quota, period;
    int fields = 0;

    if (snprintf(path, sizeof path, "/sys/fs/cgroup%s/cpu.max", group) >= (int)sizeof path)
        return UINT_MAX;
    FILE *file = fopen(path, "re");
    if (file == NULL)
        return UINT_MAX;
    /* "max 100000" has no number first. */
    fields = fscanf(file, "%lf %lf", &quota, &period);
    fclose(file);
    if (fields != 2 || quota <= 0 || period <= 0 || quota / period > INT_MAX)
        return UINT_MAX;
    unsigned whole = (unsigned)(quota / period);
    return whole < quota / period ? whole + 1 : whole;
}

/* The smallest quota of this process's control group (version 2) and of those around it. */
static unsigned
from_cgroup(void)
{
    char line[PATH_MAX];
    unsigned least = UINT_MAX;
    FILE *file = fopen("/proc/self/cgroup", "re");

    if (file == NULL)
        return least;
    while (fgets(line, sizeof line, file) != NULL) {
        if (strncmp(line, "0::/", 4) != 0)
            continue;
        char *group = line + 3;
        group[strcspn(group, "\n")] = '\0';
        for (char *slash; (slash = strrchr(group, '/')) != NULL; *slash = '\0') {
            unsigned quota = quota_of(group);
            least = quota < least ? quota : least;
        }
        unsigned quota = quota_of("");
        least = quota < least ? quota : least;
    }
    fclose(file);
    return least;
}

unsigned
cf_cpu_count(void)
{
    unsigned count = from_environment();

    if (count > 0)
        return count;
    unsigned affinity = from_affinity();
    unsigned quota = from_cgroup();
    return affinity < quota ? affinity : quota;
}
