/* SPDX-License-Identifier: MIT */
/*
 * What is going to happen to a request: how long it waits, and what goes wrong.
 *
 * Chance is a function of the seed, the code asked for, and how many times that code has been asked for.  So it does
 * not matter in which order concurrent requests arrive: the same codes fail in every run with the same seed.
 */

#ifndef SERVER_PLAN_H
#define SERVER_PLAN_H 1

#include <stdint.h>

#include "server_faults.h"

/* The settings.  All-zero lets nothing happen. */
struct server_odds {
    uint64_t seed;
    double delay_min; /* seconds */
    double delay_max;
    double error_rate;
    unsigned error_codes[200]; /* one of them, where an answer turns into an error by its rate */
    size_t error_codes_count;
    struct server_faults faults;
};

/* The plan for one request. */
struct server_plan {
    int place;             /* server_path.h */
    unsigned long attempt; /* counts the requests for this place from 1 */
    int64_t delay;         /* nanoseconds from its arrival to its answer or fault */
    enum server_fault fault;
    unsigned status; /* 0: what the answer would be by itself */
};

/* Return the plan for a request.  Faults and errors do not befall requests for SERVER_PATH_OTHER, delays do. */
struct server_plan server_plan_make(const struct server_odds *odds, int place, unsigned long attempt);

/* Return well mixed bits that are a function of a number: nearby numbers give unrelated bits. */
uint64_t server_plan_mix(uint64_t number);

#endif
