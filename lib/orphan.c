/* SPDX-License-Identifier: MIT */
/*
 * orphan.c - fork() a process that is no child of the program's.
 *
 * A program may wait for whatever child it has, and SIGCHLD tells it of their ends; it must never meet ours.  So not
 * the program forks, but a helper does that shares its memory while the calling thread stands still, as in
 * posix_spawn().  The helper has no exit signal, hence nobody's waitpid() finds it but ours, with 0, and when it ends,
 * the new process has lost its parent and goes to init.  As the memory is shared, fork() takes the locks of the C
 * library and runs the handlers of pthread_atfork() as it would in the calling thread, and the memory is copied only
 * once.
 */

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>
#if HAVE_SYS_RSEQ_H
#include <sys/rseq.h>
#endif

#include "lanes.h"

enum { HELPER_STACK = 256 * 1024 };

struct birth {
    ucontext_t caller;
    bool born; /* only ever set in the memory of the new process */
    _Atomic pid_t *pid;
};

/* The helper.  The new process leaves its stack at once and goes on where cf_orphan_fork() was called. */
static int
fork_for_caller(void *arg)
{
    struct birth *birth = arg;
    const pid_t pid = fork();

    if (pid == 0) {
        birth->born = true;
        setcontext(&birth->caller);
        _exit(1);
    }
    atomic_store(birth->pid, pid < 0 ? -errno : pid);
    return 0;
}

/* clone() by its other name, because ThreadSanitizer takes that one for a fork() that copies the memory. */
extern int __clone(int (*)(void *), void *stack, int flags, void *arg, ...); /* NOLINT(bugprone-reserved-identifier) */

/* Have the helper run.  0 or an errno. */
static int
run_helper(struct birth *birth)
{
    char *stack = mmap(NULL, HELPER_STACK, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK | MAP_NORESERVE, -1, 0);
    if (stack == MAP_FAILED)
        return errno;

    const pid_t helper = __clone(fork_for_caller, stack + HELPER_STACK, CLONE_VM | CLONE_VFORK, birth);
    int error = helper < 0 ? errno : 0;
    while (helper > 0 && waitpid(helper, NULL, __WCLONE) < 0 && errno == EINTR)
        ;
    munmap(stack, HELPER_STACK);
    return error;
}

/*
 * The kernel tells a registered thread in its memory which processor it is on, for sched_getcpu() and restartable
 * sequences.  A process that shares its parent's memory is not registered, nor is what it forks, whose memory says
 * otherwise and would for ever tell of the processor of that moment.  So do what the C library does for a new thread.
 */
static void
register_rseq(void)
{
#if defined RSEQ_SIG && defined __has_builtin
#if __has_builtin(__builtin_thread_pointer)
    enum { LEAST = 32 }; /* what the kernel takes; __rseq_size is of what is in use, or 0 */
    struct rseq *mine = (struct rseq *)(void *)((char *)__builtin_thread_pointer() + __rseq_offset);

    if (__rseq_size == 0 || (int)mine->cpu_id < 0)
        return;
    mine->rseq_cs = 0;
    mine->cpu_id = (uint32_t)RSEQ_CPU_ID_UNINITIALIZED;
    if (syscall(SYS_rseq, mine, __rseq_size < LEAST ? LEAST : __rseq_size, 0, RSEQ_SIG) != 0)
        mine->cpu_id = (uint32_t)RSEQ_CPU_ID_REGISTRATION_FAILED;
#endif
#endif
}

pid_t
cf_orphan_fork(_Atomic pid_t *pid)
{
    struct birth birth = { .pid = pid };
    sigset_t all, old;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    getcontext(&birth.caller);
    if (birth.born) {
        register_rseq();
        return 0;
    }
    atomic_store(pid, -EAGAIN);
    const int error = run_helper(&birth);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    const pid_t born = error != 0 ? -error : atomic_load(pid);
    if (born < 0)
        errno = -born;
    return born < 0 ? -1 : born;
}
