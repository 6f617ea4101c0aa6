/* SPDX-License-Identifier: MIT */
/*
 * cf.h - concurrent futures: one call, many places to run it.
 *
 * The model.  A task is a named function from bytes to bytes.  An executor runs calls of tasks; where it does so is
 * its kind: inline, in the caller, in a pool of threads, or in one of processes.  The program that submits the calls
 * reads the same in each case.  A future is the outcome of one call: a result, an error, or neither yet.
 *
 * Ownership.  Arguments are copied in.  A future belongs to whoever got it from cf_submit(), cf_take() or
 * cf_promise(), who gives it back with cf_release(); its argument, result and error live as long as it does, also
 * after its executor is closed.  A future that an iterator yields is lent until the next cf_next() or cf_iter_free().
 * The array of a cf_map() is read until its iterator is freed.  Data handed to a task or out of a future is aligned
 * for any type and is never NULL, also when it is 0 bytes long; a result handed over by cf_return_owned() is as its
 * task made it.
 *
 * Failure.  Constructors return NULL and set errno.  After that a call fails in one place only: in its future, where
 * cf_error_of() tells.  So cf_submit() and cf_map() never return NULL: a call that could not start is a future that
 * has failed already.  A NULL executor fails every call with the errno of the constructor that last failed in this
 * thread.  What went wrong with waiting, as opposed to with a call, is a cf_status.
 *
 * Threads.  Every function may be called from any thread at any time, except that an iterator belongs to one thread
 * at a time and cf_close() is called once, by the owner, when no thread is in another function that takes the executor
 * itself; its tasks, callbacks and observers may be.  That a call has run does not mean that its cf_submit() is over.
 * Task code, callbacks, observers and generators run under no lock of the library's.  The library prints nothing,
 * installs no signal handler and never exits.
 *
 * Signals and forks.  Only cf_interrupt() may be called from a signal handler.  Workers that are threads have all
 * signals blocked but those that their own instructions cause, such as SIGSEGV.  In a forked child the parent's
 * executors are frozen: futures can be asked, those that were done can be read, calls are refused with ECHILD,
 * waiting ends at once in CF_FORKED, and cf_close() merely closes descriptors.
 *
 * The interface is unstable before 1.0.
 */

#ifndef CF_H
#define CF_H 1

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#pragma GCC visibility push(default)

struct cf_call;     /* a task's view of the call that it is serving */
struct cf_executor; /* a pool of workers */
struct cf_future;   /* the outcome of one call */
struct cf_iter;     /* futures, one after another */

/* The version of the library that is running, as "0.1". */
const char *cf_version(void);

/*
 * Tasks.
 *
 * A task is described once, in static storage.  Its run() takes its argument with cf_arg() and ends in `return
 * cf_return(...)` or `return cf_raise(...)`.  A run() that returns 0 without cf_return() has returned 0 bytes; one
 * that returns anything else without cf_raise() has failed with that code in the domain "task".
 */
struct cf_task {
    const char *name; /* how reports, other processes and other hosts know it */
    int (*run)(struct cf_call *);
};

/* The argument and, where len is not NULL, its length in bytes.  It stays valid until run() returns. */
const void *cf_arg(const struct cf_call *, size_t *len);

/* What .open_worker left in *local for the worker that serves this call, or NULL. */
void *cf_local(const struct cf_call *);

/* The name of that worker: "thread 3", "pid 4711", "inline". */
const char *cf_worker(const struct cf_call *);

/*
 * Whether the call had better end soon, because its executor was interrupted or killed.  A task that waits in poll()
 * or curl_multi_poll() adds cf_stop_fd() to what it waits for, which is readable from that moment on; it must not
 * read it.
 */
bool cf_stopping(const struct cf_call *);
int cf_stop_fd(const struct cf_call *);

/*
 * Set the call's result to a copy of the len bytes at result.  Return 0; or -1 if memory was short, and the call has
 * failed with ENOMEM.  Of several cf_return() and cf_raise() in one call the last one counts.
 */
int cf_return(struct cf_call *, const void *result, size_t len);

/*
 * The same without a copy: result is the library's from now on, which calls free_result(result) after the last
 * release.  A free_result of NULL is for what needs no freeing.  Where workers are processes there is a copy all the
 * same.
 */
int cf_return_owned(struct cf_call *, void *result, size_t len, void (*free_result)(void *));

/*
 * Fail the call.  domain says what code means ("errno", "http", the program's own); it is copied, as is the message,
 * of which only the first line counts.  Return -1.
 */
int cf_raise(struct cf_call *, const char *domain, int code, const char *format, ...)
    __attribute__((__format__(__printf__, 4, 5)));

/* Points in time, in nanoseconds of CLOCK_MONOTONIC. */
typedef int64_t cf_time;
#define CF_NEVER INT64_MAX

/* The point so many seconds from now, or before now, but at least 1; CF_NEVER where that cannot be said. */
cf_time cf_after(double seconds);

/* Why a call has no result, and the words for it. */
#define CF_WHY_TABLE(X)                                                                                                \
    X(CF_RAISED, 1, "raised")           /* its task said so */                                                         \
    X(CF_CANCELLED, 2, "cancelled")     /* before it started */                                                        \
    X(CF_WORKER_LOST, 3, "worker lost") /* its worker died: code is the signal, or 256 + the exit status */            \
    X(CF_TIMED_OUT, 4, "timed out")     /* it ran longer than its executor allows */                                   \
    X(CF_KILLED, 5, "killed")           /* its executor was killed while it ran */                                     \
    X(CF_BROKEN, 6, "executor broken")  /* domain, code and message tell by what */                                    \
    X(CF_REFUSED, 7, "refused")         /* it, or waiting for it here, was not possible: code is an errno */
enum cf_why {
#define CF_WHY_CODE(name, number, words) name = number,
    CF_WHY_TABLE(CF_WHY_CODE)
#undef CF_WHY_CODE
};
const char *cf_why_text(enum cf_why);

/*
 * What Python would carry in an exception.  No member is NULL; strings that do not apply are empty.
 *
 * The errno of a CF_REFUSED is ESHUTDOWN (the executor is shut down), ECANCELED (an interrupt came first), EINVAL (a
 * bad argument), E2BIG, EAGAIN (cf_try_submit() found no room), ENOMEM, ECHILD (in a forked child), EDEADLK (to wait
 * here would be to wait for ever), or what the failed constructor left.
 */
struct cf_error {
    enum cf_why why;
    const char *domain;  /* what code means: "errno", "http", "signal", ... */
    int code;            /* 0 is a failure as well */
    const char *task;    /* the task's name */
    const char *worker;  /* who ran it: "thread 3" */
    const char *message; /* one line, no newline */
};

/*
 * Executors.
 */

/*
 * What an observer is told.  Every call that is not refused is submitted once and ends once; so is one that is
 * refused only because the executor was shut down at that very moment, or had no memory for it.
 */
enum cf_event_type { CF_EVENT_SUBMITTED, CF_EVENT_STARTED, CF_EVENT_ENDED };
struct cf_event {
    enum cf_event_type type;
    cf_time when;
    /*
     * Lent for the duration of the observer; the same pointer from SUBMITTED to ENDED.  In ENDED it tells its outcome.
     */
    struct cf_future *call;
    const char *task;
    const char *worker; /* "" in SUBMITTED, and in the ENDED of a call that never started */
};

/* How to make an executor.  A member left zero means its default. */
struct cf_options {
    /*
     * By default min(32, cf_cpu_count() + 4) threads, or min(4,096, cf_cpu_count()) processes.  At most 65,535,
     * or 4,096.  An inline executor has one.
     */
    unsigned max_workers;
    /*
     * Unstarted calls before cf_submit() waits, but not in its own tasks, callbacks, generators and observer; 0: any.
     */
    unsigned max_pending;
    const char *name; /* of the workers for the system, as ps shows threads: "cf-1" and a number by default; copied */

    /*
     * What a worker keeps between calls, such as a connection: open_worker() runs in each worker before its first
     * call and leaves it in *local; close_worker() runs in the same worker after its last, if open_worker() returned
     * 0.  Its call has no argument.  An open_worker() that fails (like a task: cf_raise()) breaks the executor.
     */
    int (*open_worker)(struct cf_call *, void **local, const void *worker_arg);
    void (*close_worker)(void *local);
    const void *worker_arg;

    /* Of executors whose workers are processes: */
    unsigned max_calls_per_worker; /* then it is closed and replaced; a chunk of a map is one call; 0: no bound */
    double call_timeout; /* seconds that a call may run, from its start, before its worker is killed; 0: any */
    enum cf_on_death { CF_REPLACE_WORKER, CF_BREAK_POOL } on_worker_death; /* or the first death breaks the pool */
    unsigned max_deaths; /* in a row, with no result between them, are borne; one more breaks it; 0: three a worker */

    /*
     * Of threads: a task that waits for a call which another worker runs may run meanwhile what that has submitted.
     * This is for tasks that divide their work, and wait for nothing but calls that they have submitted: others might
     * wait, in the middle of a task, for what only that task's going on would bring.
     */
    bool leapfrog;
    /*
     * Seconds by which an iterator in the order of completion may be late, lest workers have to wake its thread for
     * each call: for so long it does not look if others were waiting for them.  0: 0.0005; negative: it is woken at
     * once.
     */
    double latency;

    /*
     * Told of each call as it is submitted, starts and ends, in the thread where that happens.  As in a callback, calls
     * of this executor cannot be waited for there, but for when one is submitted.
     */
    void (*observe)(const struct cf_event *, void *observe_arg);
    void *observe_arg;
};

/* Runs each call inside cf_submit(), one at a time: in another thread, cf_submit() waits for its turn. */
struct cf_executor *cf_inline_pool(const struct cf_options *);

/*
 * Runs calls in up to max_workers threads, started on demand.  The options are copied; NULL means all defaults.  Where
 * the system refuses another thread, those there are go on, and the next cf_submit() asks again; where there is none,
 * the executor breaks.
 */
struct cf_executor *cf_thread_pool(const struct cf_options *);

/*
 * Runs calls in up to max_workers processes, started on demand: as many as there are processors, by default.
 *
 * Data.  Arguments, results and errors are copied through memory that the processes share, so they can hold no pointers
 * but to what the program had when the pool was made.  Up to 384 bytes travel beside the call, and what is larger
 * through buffers and a file in memory, up to 64 GiB.  An argument that finds no memory is a call refused with ENOMEM,
 * a result that finds none is a call that has failed with it.  From 128 KiB on futures have them in that file, as far
 * as there are places: a worker that writes to such an argument dies of SIGSEGV, but a result is in its memory, too,
 * until the last release.
 *
 * Costs.  One of many empty calls costs a tenth or two of a microsecond, one there and back half of one, or eight
 * where its worker has to be woken.  Data is copied twice each way, but once from 128 KiB on, as long as no more than
 * 48 such arguments of the pool, 3 such results of each worker, and 256 of either kind in the program are kept at a
 * time; and a fork() copies what is kept so.  A pool costs about a millisecond, and of large programs two copies of
 * their page tables, as a fork() makes one, and one more for each worker after the first.
 *
 * Workers.  They are forked from a copy of the program that is made here.  So all of them, also those that replace
 * others later, see its memory and its descriptors as they are now, and their tasks are those that it has now, not
 * those of a library that it loads later.  Of the locks that other threads hold at this moment a task can take only
 * those of the C library; make process pools before threads where you can.  Signals are as in the calling thread,
 * except that workers ignore SIGINT, which is the program's to deal with, and die of SIGTERM.  What the program has
 * written to stdout or stderr and not flushed is not written again; what tasks write is flushed when their worker ends.
 *
 * Tasks.  A task may do to its process what it likes: have threads, children and pools of its own, and end it; but it
 * must not close descriptors that it does not know and open others in their place, as the pool has some there.  A
 * process that it forks ends when it returns from the task, with status 0 and without flushing anything.  exit() fails
 * that call alone, in the domain "exit" with the status as the code, without what the program has asked for by
 * atexit().  The program's executors, this one too, refuse a task's calls with ECHILD.
 *
 * Death.  Of a worker that dies, be it by a signal or by _exit(), the call that it had started is CF_WORKER_LOST, and
 * is not started again.  Those that it had not started go to others, it is replaced, and the pool lives on; unless
 * .on_worker_death or .max_deaths says otherwise, it died in .open_worker, or it was the last and no other can be
 * forked.  Then the executor breaks: calls that have not started are CF_BROKEN with the cause, and cf_close() says
 * EPIPE.  A call that runs longer than .call_timeout is CF_TIMED_OUT, one that CF_KILL meets is CF_KILLED; their
 * workers get SIGTERM, and a second later SIGKILL.
 *
 * Manners.  The program gets no child by this that SIGCHLD or waitpid() would tell of, and may ignore the one and use
 * the other as it likes; but if it adopts orphans, as process 1 does, cf_close() makes it the parent of a process that
 * has ended, and reaps it.  If the program dies, even of SIGKILL, so do the workers.  Callbacks of calls that were not
 * cancelled run one after another in a thread that the pool has for them.  Observers run in one that collects outcomes,
 * or in one that waits for a call of the pool: slow ones hold the pool up.
 *
 * NULL with EINVAL for more than 4,096 workers; with EMFILE, ENFILE, ENOMEM, EAGAIN or what else the kernel says: a
 * pool needs five descriptors, and three more for a moment.
 */
struct cf_executor *cf_process_pool(const struct cf_options *);

/* The processors this process may use: by its affinity and its cgroup's quota, or $CF_CPU_COUNT if that is set. */
unsigned cf_cpu_count(void);

/*
 * Refuse new calls; as asked, cancel those not started, kill those running, wait until all have ended.
 *
 * Without CF_CANCEL what is pending still runs.  CF_KILL includes CF_CANCEL; a thread cannot be killed, so its call
 * is told to stop as by cf_interrupt().  With CF_WAIT, return when every future is settled, every callback has
 * returned and every worker and descriptor is gone.  May be repeated, by several threads, each call adding to the
 * earlier ones.
 *
 * Return 0; or -1 with EDEADLK, nothing done, for CF_WAIT inside a task or callback of this executor; or -1 with
 * ECHILD in a forked child, the descriptors closed; or, with CF_WAIT, -1 with EPIPE if the executor broke on the way.
 * NULL needs no shutting down: 0.  Tasks of two executors that shut down each other's with CF_WAIT wait for ever.
 */
enum { CF_CANCEL = 1, CF_KILL = 2, CF_WAIT = 4 };
int cf_shutdown(struct cf_executor *, int how);

/*
 * Shut down, wait, and free the executor.  Others may be waiting for its futures, but no cf_submit(), cf_map() or
 * cf_shutdown() of it may be under way outside its own tasks, callbacks and observers, not even a cf_submit() whose
 * call is known to have run.  Return as cf_shutdown() does; after EDEADLK the executor is still there.
 */
int cf_close(struct cf_executor *);

/*
 * Ask everybody to stop: calls not started are cancelled (by the next worker, or thread that waits, to come across
 * them, since a signal handler cannot run callbacks), cf_next() and cf_wait() return CF_INTERRUPTED, running
 * calls see cf_stopping() and a readable cf_stop_fd(), further cf_submit() are refused with ECANCELED.  For good.
 * Async-signal-safe; a handler that calls it must have let go of the executor before cf_close() is called.
 */
void cf_interrupt(struct cf_executor *);

/*
 * Call task with a copy of the len bytes at arg.  Never NULL: what cannot be started is a future that has failed,
 * with CF_REFUSED or CF_BROKEN.  Calls that one thread outside the pool submits start in that order, give or take one
 * batch a worker.  With .max_pending, wait for room; the try form fails with EAGAIN instead.
 */
struct cf_future *cf_submit(struct cf_executor *, const struct cf_task *, const void *arg, size_t len);
struct cf_future *cf_try_submit(struct cf_executor *, const struct cf_task *, const void *arg, size_t len);

/*
 * Futures.
 */

/* Ask, without waiting.  A done future has finished or was cancelled; a running one has been started by a worker. */
bool cf_done(const struct cf_future *);
bool cf_running(const struct cf_future *);
bool cf_cancelled(const struct cf_future *);

/* Cancel the call if it has not started.  Return whether it is cancelled, now or before. */
bool cf_cancel(struct cf_future *);

/*
 * Wait until the call is done; then one of the two is not NULL.  cf_result() returns the result, its length in *len
 * where len is not NULL, or NULL if the call has none; cf_error_of() returns the reason, or NULL if it has a result.
 *
 * In a thread pool's own task, a call of the same pool that is still pending is run at once by the waiting worker,
 * nested at most CF_MAX_DEPTH deep and while a quarter of its stack is left; beyond that, such waiting is refused.
 * Where waiting would never end, or the call is a parent's, both return at once: cf_result() NULL, and cf_error_of()
 * an error CF_REFUSED of the wait, with EDEADLK or ECHILD, that the future does not keep.  So it is in a callback for
 * an unfinished call of the same executor, and where running tasks wait for each other's results in a circle.  Not
 * seen is a circle through a call that no worker has time to start, because all those of its executor wait for
 * another executor's calls, or for room in it.
 *
 * cf_wait() for one future has a deadline.
 */
#define CF_MAX_DEPTH 1000
const void *cf_result(struct cf_future *, size_t *len);
const struct cf_error *cf_error_of(struct cf_future *);

/* The argument that the call was submitted with; this is what tells one future of a hundred from another. */
const void *cf_input(const struct cf_future *, size_t *len);

/*
 * Describe the future in words, as snprintf() does: "<future check pending>", "... running>", "... cancelled>",
 * "... finished returned 8 bytes>", "... finished raised http:404>".
 */
int cf_describe(const struct cf_future *, char *text, size_t size);

/*
 * Run callback(future, data) once when the future is done, in the thread that finishes or cancels it, or, of a process
 * pool's call that was not cancelled, in the pool's thread for callbacks; or at once, here and like any function called
 * here, if it is done already.  Callbacks of one future run in the order in which they were added, after those who wait
 * for it were woken. The library holds a reference until the callback returns.  Return 0, or -1 with ENOMEM.
 */
int cf_on_done(struct cf_future *, void (*callback)(struct cf_future *, void *), void *data);

/*
 * Take back the first such callback that has not ended.  Return true if it will never run; false if it has run.  If
 * it is running in another thread, wait until it returns; two that take back each other wait for ever.
 */
bool cf_remove_on_done(struct cf_future *, void (*callback)(struct cf_future *, void *), void *data);

/* Add a reference; give one back.  cf_release(NULL) does nothing. */
struct cf_future *cf_retain(struct cf_future *);
void cf_release(struct cf_future *);

/*
 * A future that the program settles itself, once; NULL with ENOMEM.  The settling functions return false if it was
 * settled or cancelled before, and that outcome stays (INVALID_STATE, others call it); or if memory is short, and it
 * is still pending; or in a forked child, for one made before the fork.
 */
struct cf_future *cf_promise(void);
bool cf_settle(struct cf_future *, const void *result, size_t len);
bool cf_settle_error(struct cf_future *, const char *domain, int code, const char *message);

/*
 * Waiting for many.
 */

/* How waiting ended, and the words for it. */
#define CF_STATUS_TABLE(X)                                                                                             \
    X(CF_OK, 0, "ok")                                                                                                  \
    X(CF_END, 1, "no more futures")                                                                                    \
    X(CF_TIMEOUT, 2, "deadline passed")                                                                                \
    X(CF_INTERRUPTED, 3, "interrupted")                                                                                \
    X(CF_DEADLOCK, 4, "waiting here would never end")                                                                  \
    X(CF_FORKED, 5, "not possible in a forked child")                                                                  \
    X(CF_FAILED, 6, "failed")
enum cf_status {
#define CF_STATUS_CODE(name, number, words) name = number,
    CF_STATUS_TABLE(CF_STATUS_CODE)
#undef CF_STATUS_CODE
};
const char *cf_status_text(enum cf_status);

/*
 * Wait until all of the n futures are done, or one, or one has failed (cancelled is not failed) or all are done.
 *
 * Whatever the outcome, the array is then partitioned: those done stand first, each part in its former order, and
 * *done, where done is not NULL, says how many entries they are.  A future named twice is two entries.
 *
 * A task that waits for calls of its own thread pool may run some of them itself meanwhile, here as in cf_next();
 * none after the deadline, but it returns only when the one that it is running ends.
 *
 * Return CF_OK; CF_TIMEOUT when the deadline passes first; CF_INTERRUPTED when the executor of an unfinished one is
 * interrupted; CF_DEADLOCK in a callback or observer of an unfinished one's executor, or where tasks would wait for
 * each other in a circle of CF_ALL_COMPLETED; CF_FORKED; CF_FAILED when there is no memory.
 */
enum cf_until { CF_ALL_COMPLETED, CF_FIRST_COMPLETED, CF_FIRST_ERROR };
enum cf_status cf_wait(struct cf_future **, size_t n, enum cf_until, cf_time deadline, size_t *done);

/*
 * Yield the n futures in the order in which they finish, each once, those that are done already first.  The iterator
 * holds a reference to each until it has yielded it.  When the deadline passes cf_next() says CF_TIMEOUT, and
 * cf_remaining() how many were left; a later cf_next() goes on with those done by then, of which it hears a moment
 * after cf_done() can tell.
 */
struct cf_iter *cf_as_completed(struct cf_future *const *, size_t n, cf_time deadline);

/*
 * As  for (i = 0; i < n; i++) yield(task(items + i * size));  but the calls overlap.
 *
 * The futures come in the order of the items.  A failing item is a failed future at its turn; the next one follows.
 * cf_map_from() calls next(source, &item, &len), only ever inside cf_map_from() and cf_next(), until it returns 0 (no
 * more) or -1 (an error: after the items before it cf_next() says CF_FAILED, then CF_END); 1 means an item, which is
 * copied before next() is called again.
 *
 * Items may travel together, in a chunk: that is one call, which runs one after another.  Each has an outcome of its
 * own all the same, and fails alone.  Without .chunksize, items for processes travel alone, and for threads the map
 * chooses.  It sends single items, until 32 in a row are known to have been short, under 10 microseconds each; then so
 * many together as should take 50 microseconds, and after one long item single ones again.  Such a chunk has no more
 * items than were short in a row before it, no more than a quarter of each worker's share of the .buffersize or of what
 * is left of the array, and no more than 127 KiB and an item.  To learn that, a map waits 4 milliseconds altogether at
 * most, and only while it has not heard of the last many calls that it has sent.  Where a few items take a thousand
 * times as long as others, better say 1.
 *
 * What ends a call from outside ends its whole chunk: a worker that dies, exit(), CF_KILL, .call_timeout.  What is
 * cancelled are calls, so a chunk that has started may run to its end.  Observers, .max_pending and
 * .max_calls_per_worker count a chunk as the one call that it is.
 */
struct cf_map_options {
    /*
     * Unread items at a time; 0: of an array all, of a generator four chunks a worker, which if chosen are of 16 at
     * most.
     */
    size_t buffersize;
    size_t chunksize; /* items that travel together; 0: chosen, and 1 in processes */
    cf_time deadline; /* then what has not started is cancelled, cf_next() says CF_TIMEOUT once, then CF_END; 0: none */
    bool unordered;   /* in the order of completion instead */
};
struct cf_iter *cf_map(struct cf_executor *, const struct cf_task *, const void *items, size_t n, size_t size,
                       const struct cf_map_options *);
struct cf_iter *cf_map_from(struct cf_executor *, const struct cf_task *,
                            int (*next)(void *source, const void **item, size_t *len), void *source,
                            const struct cf_map_options *);

/*
 * Wait for the next future and return it, lent until the next call; or NULL, and cf_status() says why.  When the
 * executor of an unfinished one, or of a map, is interrupted, CF_INTERRUPTED is said, once: to go on is to collect
 * what was finished or cancelled by then, each as it comes.
 */
struct cf_future *cf_next(struct cf_iter *);

/* As cf_next(), but the future is the caller's, who releases it. */
struct cf_future *cf_take(struct cf_iter *);

/* What the last cf_next() ran into: CF_OK if it returned a future. */
enum cf_status cf_status(const struct cf_iter *);

/* How many futures it has that it has not yielded; *total, where not NULL, is how many it has had so far. */
size_t cf_remaining(const struct cf_iter *, size_t *total);

/* Free the iterator.  A map's calls that have not started are cancelled.  NULL is fine. */
void cf_iter_free(struct cf_iter *);

#pragma GCC visibility pop

#ifdef __cplusplus
}
#endif

#endif
