/* SPDX-License-Identifier: MIT */
/*
 * Fetching URLs over HTTP, one after another on a connection that stays open in between.
 *
 * A fetcher belongs to one thread at a time; several threads, each with its own, fetch at the same time.
 */

#ifndef FETCH_H
#define FETCH_H 1

#include <stddef.h>

/* Once in a program, before its first fetcher and before its threads.  Return 0, or -1 if libcurl cannot be used. */
int fetch_init(void);

/* How to fetch.  A member left zero means its default. */
struct fetch_options {
    const char *user_agent; /* "libcf/" and its version */
    long connect_seconds;   /* how long a connection may take to be made: 10 */
    long stall_seconds;     /* how long a transfer may stand still: 30 */
    size_t max_body;        /* in bytes; a larger one is an error: 16 MiB */
};

/* Make a fetcher, or return NULL with ENOMEM.  The options are copied, but not the text of the user agent. */
struct fetcher;
struct fetcher *fetch_open(const struct fetch_options *);
void fetch_close(struct fetcher *);

/* Where the body of a good answer goes, piece by piece: write() returns 0, or an errno and the transfer ends. */
struct fetch_sink {
    int (*write)(void *arg, const void *data, size_t size);
    void *arg;
};

enum fetch_outcome {
    FETCH_OK,          /* a status of 2xx but 204 to 206, and its whole body went to the sink */
    FETCH_BAD_STATUS,  /* a whole answer with another status; the sink has got nothing */
    FETCH_FAILED,      /* no whole answer; code is a CURLcode */
    FETCH_SINK_FAILED, /* code is the errno that the sink returned */
    FETCH_STOPPED      /* stop_fd became readable */
};

/* Large enough for what libcurl has to say, and for a status with its reason. */
#define FETCH_MESSAGE_SIZE 256

struct fetch_result {
    enum fetch_outcome outcome;
    int code;
    int status;                       /* of the last answer, after redirects; 0 if there was none */
    size_t bytes;                     /* of its body that arrived */
    double seconds;                   /* that all of it took */
    char message[FETCH_MESSAGE_SIZE]; /* what went wrong, in one line of printable ASCII; "" after FETCH_OK */
};

/*
 * Get url, following up to 10 redirects, and say in *result what came of it.  The transfer ends at once when stop_fd,
 * unless it is -1, is or becomes readable.  After an outcome other than FETCH_OK the sink may have got a part.
 */
void fetch_get(struct fetcher *, const char *url, const struct fetch_sink *, int stop_fd, struct fetch_result *);

/* Why text cannot be the URL of a fetch, or NULL if it can. */
const char *fetch_bad_url(const char *text);

#endif
