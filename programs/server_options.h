/* SPDX-License-Identifier: MIT */
/* The command line of flags_server. */

#ifndef SERVER_OPTIONS_H
#define SERVER_OPTIONS_H 1

#include <stdbool.h>

#include "server_plan.h"

struct server_options {
    const char *address;
    unsigned port;
    const char *root;     /* NULL: the flags that the system has, or else made-up ones */
    bool made_up;         /* made-up ones in any case */
    const char *log;      /* NULL: none */
    char retry_after[24]; /* empty: none */
    double drip_rate;     /* bytes per second */
    struct server_odds odds;
};

/* Read the command line.  A usage error, --help and --version end the program. */
void server_options_parse(struct server_options *options, int argc, char **argv);

void server_options_free(struct server_options *options);

#endif
