/* SPDX-License-Identifier: MIT */
/*
 * Downloading one flag: the task that all the programs have in common.
 */

#ifndef DOWNLOAD_H
#define DOWNLOAD_H 1

#include <cf.h>
#include <limits.h>
#include <stddef.h>

#include "fetch.h"
#include "flags.h"
#include "trace.h"

/* Room for what a fetch has to say, and for the name of a file. */
#define DOWNLOAD_ERROR_SIZE (FETCH_MESSAGE_SIZE + PATH_MAX)

/* What became of one flag. */
enum download_outcome {
    DOWNLOAD_OK,
    DOWNLOAD_NOT_FOUND, /* the server says so, with 404 */
    DOWNLOAD_UNSAVED,   /* it came, but could not be written */
    DOWNLOAD_CANCELLED, /* not begun, or not ended, because of a signal */
    DOWNLOAD_ERROR,     /* anything else */
    DOWNLOAD_OUTCOMES   /* how many there are */
};
struct download {
    char code[3];
    enum download_outcome outcome;
    int status;                      /* of the server's answer; 0 if there was no whole one, or it could not be saved */
    size_t bytes;                    /* saved */
    double seconds;                  /* spent on it */
    char worker[32];                 /* who did it; "" if nobody did */
    char error[DOWNLOAD_ERROR_SIZE]; /* in words; "" if it was downloaded */
};

/*
 * Prepare what downloads need of the process: the folder, descriptors, libcurl, the handling of signals.  If something
 * is wrong say so and exit, with FLAGS_UNWRITABLE if it is the folder.
 */
void download_prepare(struct flags *);

/* A worker's connection and memory.  NULL with ENOMEM if there is too little for that. */
struct downloader;
struct downloader *download_open(const struct flags *);
void download_close(struct downloader *);

/* Download the flag of this code and save it, unless stop_fd is readable first. */
struct download download_flag(struct downloader *, const char *code, int stop_fd);

/*
 * The same for executors: the task, whose argument is the code with its '\0', and what its workers keep, to be used as
 * `.open_worker = download_open_worker, .close_worker = download_close_worker, .worker_arg = flags'.
 */
extern const struct cf_task download_one;
int download_open_worker(struct cf_call *, void **local, const void *flags);
void download_close_worker(void *local);

/* What became of the flag of a call that is done.  Its code is "" if there was not even memory for that. */
struct download download_of(struct cf_future *);

/* What a trace says of a flag, and of a call. */
struct trace_label download_label(const struct download *);
void download_label_call(struct cf_future *, struct trace_label *);

#endif
