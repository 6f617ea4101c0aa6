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

/* Read up to two numbers from a file of a control group; return how many there were. */
static int
read_numbers(const char *root, const char *group, const char *name, double numbers[2])
{
    char path[PATH_MAX];

    if (snprintf(path, sizeof path, "%s%s/%s", root, group, name) >= (int)sizeof path)
        return 0;
    FILE *file = fopen(path, "re");
    if (file == NULL)
        return 0;
    /* NOLINTNEXTLINE(cert-err34-c): what is not a number is not counted */
    int count = fscanf(file, "%lf %lf", &numbers[0], &numbers[1]);
    fclose(file);
    return count;
}

/* The quota of one control group, rounded up; UINT_MAX: none, for which one version says "max" and the other -1. */
static unsigned
quota_of(const char *root, const char *group, bool version_2)
{
    double numbers[2], period[2];
    bool read;

    if (version_2) {
        read = read_numbers(root, group, "cpu.max", numbers) == 2;
    } else {
        read = read_numbers(root, group, "cpu.cfs_quota_us", numbers) >= 1 &&
               read_numbers(root, group, "cpu.cfs_period_us", period) >= 1;
        numbers[1] = read ? period[0] : 0;
    }
    if (!read || numbers[0] <= 0 || numbers[1] <= 0 || numbers[0] / numbers[1] > INT_MAX)
        return UINT_MAX;
    unsigned whole = (unsigned)(numbers[0] / numbers[1]);
    return whole < numbers[0] / numbers[1] ? whole + 1 : whole;
}

/* The least quota of a control group and of those around it; group is cut short on the way. */
static unsigned
least_quota(const char *root, char *group, bool version_2)
{
    unsigned least = quota_of(root, "", version_2);

    for (char *slash; (slash = strrchr(group, '/')) != NULL; *slash = '\0') {
        unsigned quota = quota_of(root, group, version_2);
        least = quota < least ? quota : least;
    }
    return least;
}

static bool
is_cpu_controller(const char *controllers)
{
    return strcmp(controllers, "cpu") == 0 || strncmp(controllers, "cpu,", 4) == 0 ||
           strstr(controllers, ",cpu,") != NULL ||
           (strlen(controllers) > 4 && strcmp(controllers + strlen(controllers) - 4, ",cpu") == 0);
}

/* The lines of this file are "number:controllers:group", and of version 2 "0::group". */
static unsigned
from_cgroup(void)
{
    char line[PATH_MAX], controllers[256], group[PATH_MAX];
    unsigned least = UINT_MAX;
    FILE *file = fopen("/proc/self/cgroup", "re");

    if (file == NULL)
        return least;
    while (fgets(line, sizeof line, file) != NULL) {
        unsigned quota = UINT_MAX;
        if (sscanf(line, "0::%4095[^\n]", group) == 1)
            quota = least_quota("/sys/fs/cgroup", group, true);
        else if (sscanf(line, "%*d:%255[^:]:%4095[^\n]", controllers, group) == 2 && is_cpu_controller(controllers))
            quota = least_quota("/sys/fs/cgroup/cpu", group, false);
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
