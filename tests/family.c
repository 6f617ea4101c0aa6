/* SPDX-License-Identifier: MIT */
/* family.c - what process pools leave behind, and the ways in which a task can end its worker. */

#include <check.h>
#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "asserts.h"
#include "family.h"

static pid_t
group_of(const char *pid)
{
    char path[64], state, text[512];
    pid_t parent, group = 0;

    snprintf(path, sizeof path, "/proc/%.20s/stat", pid);
    FILE *file = fopen(path, "re");
    if (file == NULL)
        return 0;
    size_t n = fread(text, 1, sizeof text - 1, file);
    fclose(file);
    text[n] = '\0';
    const char *rest = strrchr(text, ')');
    if (rest == NULL || sscanf(rest, ") %c %d %d", &state, &parent, &group) != 3) /* NOLINT(cert-err34-c) */
        return 0;
    return group;
}

size_t
family_processes(void)
{
    DIR *directory = opendir("/proc");
    const pid_t self = getpid(), group = getpgrp();
    size_t count = 0;

    ck_assert_ptr_nonnull(directory);
    for (struct dirent *entry; (entry = readdir(directory)) != NULL;) {
        const pid_t pid = (pid_t)strtol(entry->d_name, NULL, 10);
        count += pid > 0 && pid != self && group_of(entry->d_name) == group;
    }
    closedir(directory);
    return count;
}

/* Shared memory that has no name. */
static size_t
count_mappings(void)
{
    FILE *maps = fopen("/proc/self/maps", "re");
    char line[512];
    size_t count = 0;

    ck_assert_ptr_nonnull(maps);
    while (fgets(line, sizeof line, maps) != NULL)
        count += strstr(line, "/dev/zero") != NULL || strstr(line, "memfd:libcf") != NULL;
    fclose(maps);
    return count;
}

struct family
family_take_stock(void)
{
    ck_assert_int_eq(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
    /* Whoever dies on purpose shall not leave a core. */
    ck_assert_int_eq(setrlimit(RLIMIT_CORE, &(struct rlimit){ 0 }), 0);
    return (struct family){
        .processes = family_processes(),
        .fds = asserts_fds(),
        .threads = asserts_threads(),
        .mappings = count_mappings(),
    };
}

void
family_check(const struct family *before)
{
    ck_assert_uint_eq(family_processes(), before->processes);
    ck_assert_uint_eq(asserts_fds(), before->fds);
    ck_assert_uint_eq(count_mappings(), before->mappings);
    asserts_threads_back_to(before->threads);
}

void
family_await_end(void)
{
    while (family_processes() > 0)
        if (waitpid(-1, NULL, WNOHANG) <= 0)
            asserts_sleep(0.002);
}

off_t
family_held(void)
{
    char path[64], target[64];
    struct stat status;

    for (int fd = 0; fd < 64; fd++) {
        snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
        ssize_t n = readlink(path, target, sizeof target - 1);
        if (n < 0)
            continue;
        target[n] = '\0';
        if (strstr(target, "memfd:libcf") != NULL && fstat(fd, &status) == 0)
            return (off_t)status.st_blocks * 512;
    }
    ck_abort_msg("no such memory");
}

void
family_await_given_back(void)
{
    for (int i = 0; i < 1000 && family_held() > 0; i++)
        asserts_sleep(0.002);
    ck_assert_int_eq(family_held(), 0);
}

void
family_end(enum family_end how)
{
    switch (how) {
    case END_NOT:
        break;
    case END_SEGV:
        signal(SIGSEGV, SIG_DFL);
        raise(SIGSEGV);
        break;
    case END_KILL:
        raise(SIGKILL);
        break;
    case END_EXIT_NOW:
        _exit(3);
    case END_EXIT_ZERO:
        _exit(0);
    case END_EXIT:
        exit(5);
    case END_ABORT:
        signal(SIGABRT, SIG_DFL);
        abort();
    }
}

static int
end(struct cf_call *call)
{
    enum family_end how;

    memcpy(&how, cf_arg(call, NULL), sizeof how);
    family_end(how);
    return cf_return(call, &how, sizeof how);
}
const struct cf_task task_end = { "end", end };

static int
tell_pid(struct cf_call *call)
{
    const int pid = (int)getpid();

    return cf_return(call, &pid, sizeof pid);
}
const struct cf_task task_pid = { "pid", tell_pid };

static int
spin(struct cf_call *call)
{
    struct stage *stage = stage_find(cf_arg(call, NULL));

    if (stage == NULL)
        return cf_raise(call, "spin", -1, "no stage");
    const uint32_t before = latch_count(&stage->go);
    latch_raise(&stage->started);
    while (latch_count(&stage->go) == before)
        ;
    return cf_return(call, NULL, 0);
}
const struct cf_task task_spin = { "spin", spin };

void
family_let_go(struct stage *stage)
{
    atomic_fetch_add(&stage->go.count, 1);
}

static int
hang(struct cf_call *call)
{
    struct stage *stage = stage_find(cf_arg(call, NULL));

    if (stage == NULL)
        return cf_raise(call, "hang", -1, "no stage");
    latch_raise(&stage->started);
    for (;;)
        pause();
}
const struct cf_task task_hang = { "hang", hang };

static int
hang_obstinately(struct cf_call *call)
{
    signal(SIGTERM, SIG_IGN);
    return hang(call);
}
const struct cf_task task_obstinate = { "obstinate", hang_obstinately };

struct cf_future *
family_submit_end(struct cf_executor *pool, enum family_end how)
{
    return cf_submit(pool, &task_end, &how, sizeof how);
}

struct cf_future *
family_start(struct cf_executor *pool, const struct cf_task *task, struct stage *stage)
{
    const uint32_t before = latch_count(&stage->started);
    struct cf_future *future = cf_submit(pool, task, stage->name, sizeof stage->name);

    latch_await(&stage->started, before + 1);
    return future;
}

pid_t
family_pid_of(const char *worker)
{
    ck_assert_msg(strncmp(worker, "pid ", 4) == 0, "the worker is called \"%s\"", worker);
    return (pid_t)strtol(worker + 4, NULL, 10);
}

struct cf_executor *
family_pool(const struct cf_options *options)
{
    struct cf_executor *pool = cf_process_pool(options);

    ck_assert_ptr_nonnull(pool);
    return pool;
}
