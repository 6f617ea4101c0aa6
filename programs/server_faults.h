/* SPDX-License-Identifier: MIT */
/*
 * Faults: the ways in which the server can be told to fail.
 *
 * A rule says what goes wrong for which requests: KIND=RATE for a part of them, or KIND=CODE[:TIMES][,CODE[:TIMES]]...
 * for those about certain codes, all of them or only the first TIMES.  The kind is one of those below or the number of
 * a status.  For each request the rules about its code come first, in the order in which they were given.
 */

#ifndef SERVER_FAULTS_H
#define SERVER_FAULTS_H 1

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

/* One row per kind: its name in C, and its name in options and in the log. */
#define SERVER_FAULTS_TABLE(ROW)                                                                                       \
    ROW(CUT, "cut")                   /* the body ends halfway, short of its Content-Length */                         \
    ROW(CHUNKED_CUT, "chunked-cut")   /* a chunked body ends halfway, without its last chunk */                        \
    ROW(RESET, "reset")               /* the connection is reset in place of an answer */                              \
    ROW(RESET_MIDWAY, "reset-midway") /* the connection is reset halfway through the body */                           \
    ROW(HANG, "hang")                 /* no answer ever comes, the connection stays open */                            \
    ROW(STALL, "stall")               /* the answer stops for good halfway through the body */                         \
    ROW(DRIP, "drip")                 /* the body comes in drips, at --drip-rate */                                    \
    ROW(GARBAGE, "garbage")           /* the answer is not HTTP at all */

enum server_fault {
    SERVER_FAULT_NONE,
#define SERVER_FAULTS_NAME(id, name) SERVER_FAULT_##id,
    SERVER_FAULTS_TABLE(SERVER_FAULTS_NAME)
#undef SERVER_FAULTS_NAME
};

struct server_fault_rule {
    enum server_fault kind; /* SERVER_FAULT_NONE: the answer is a status */
    unsigned status;        /* 0: the answer's own */
    double rate;            /* what part of all requests, where place is SERVER_PATH_OTHER */
    int place;              /* whose requests (server_path.h) */
    unsigned long times;    /* how many of them, from the first; 0 means all */
};

/* All-zero is a server without faults. */
struct server_faults {
    struct server_fault_rule *rules;
    size_t count;
};

/*
 * Add the rules of one option.  Return NULL, or in words what is wrong with the text; some of its rules may have been
 * added then.
 */
const char *server_faults_add(struct server_faults *faults, const char *text);

void server_faults_free(struct server_faults *faults);

/*
 * Return the rule for a request, or NULL if nothing goes wrong: the attempt counts the requests for its place from 1,
 * and the dice are evenly spread from 0 up to but not including 1.
 */
const struct server_fault_rule *server_faults_find(const struct server_faults *faults, int place, unsigned long attempt,
                                                   double dice);

/* Return the name of a kind; NULL for SERVER_FAULT_NONE. */
const char *server_faults_name(enum server_fault kind);

/* Return whether the fault is in the body of an answer that otherwise looks well. */
bool server_faults_in_body(enum server_fault kind);

/* Print the names of the kinds, with a comma after each, as a part of a help text. */
void server_faults_help(FILE *stream);

#endif
