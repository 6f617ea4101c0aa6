/* SPDX-License-Identifier: MIT */
/* thread.c - what the library knows about the calling thread, and what becomes of it at thread exit and at fork. */

#include <errno.h>
#include <signal.h>

#include "core.h"
#include "loan.h"

__thread struct cf_thread cf_self __attribute__((tls_model("initial-exec")));

static pthread_once_t once = PTHREAD_ONCE_INIT;
static int setup_error;
static pthread_key_t key;
unsigned cf_generation;

static void
at_thread_exit(void *unused)
{
    (void)unused;
    /* What runs at thread exit after this may need it all once more. */
    cf_self.kept = false;
    cf_park_thread_exit();
    cf_slab_thread_exit();
}

/* A thread may hold them in this order, and no other. */
static void
before_fork(void)
{
    cf_circle_before_fork();
    cf_hook_before_fork();
    cf_slab_before_fork();
    cf_loan_before_fork();
}

static void
after_fork(bool in_child)
{
    cf_loan_after_fork();
    cf_slab_after_fork();
    cf_hook_after_fork(in_child);
    cf_circle_after_fork();
}

static void
in_parent(void)
{
    after_fork(false);
}

static void
in_child(void)
{
    cf_generation++;
    after_fork(true);
}

static void
setup(void)
{
    setup_error = pthread_key_create(&key, at_thread_exit);
    if (setup_error == 0)
        setup_error = pthread_atfork(before_fork, in_parent, in_child);
}

int
cf_thread_setup(void)
{
    pthread_once(&once, setup);
    return setup_error;
}

void
cf_thread_set_key(void)
{
    /* Where this fails, the thread's caches are lost at its exit, and nothing else. */
    cf_self.kept = true;
    if (cf_thread_setup() == 0)
        pthread_setspecific(key, &key);
}

int
cf_thread_start(pthread_t *thread, void *(*main)(void *), void *arg, const char *name)
{
    static const int own[] = { SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS };
    sigset_t blocked, old;

    sigfillset(&blocked);
    for (size_t i = 0; i < sizeof own / sizeof own[0]; i++)
        sigdelset(&blocked, own[i]);
    pthread_sigmask(SIG_SETMASK, &blocked, &old);
    int error = pthread_create(thread, NULL, main, arg);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    if (error == 0)
        pthread_setname_np(*thread, name);
    return error;
}
