/* SPDX-License-Identifier: MIT */
#include "server_plan.h"

#include "server_path.h"

/* The things that chance decides, each independently of the others. */
enum toss { TOSS_DELAY, TOSS_FAULT, TOSS_ERROR, TOSS_ERROR_CODE };

/* The finalizer of SplitMix64 (Steele, Lea and Flood, 2014) over one step of its sequence. */
uint64_t
server_plan_mix(uint64_t number)
{
    number += 0x9e3779b97f4a7c15;
    number = (number ^ (number >> 30)) * 0xbf58476d1ce4e5b9;
    number = (number ^ (number >> 27)) * 0x94d049bb133111eb;
    return number ^ (number >> 31);
}

/* Return a number from 0 up to but not including 1. */
static double
toss(enum toss what, const struct server_odds *odds, const struct server_plan *plan)
{
    uint64_t bits = server_plan_mix(odds->seed);

    bits = server_plan_mix(bits ^ (uint64_t)plan->place);
    bits = server_plan_mix(bits ^ plan->attempt);
    bits = server_plan_mix(bits ^ (uint64_t)what);
    return (double)(bits >> 11) * 0x1p-53;
}

static int64_t
draw_delay(const struct server_odds *odds, const struct server_plan *plan)
{
    double span = odds->delay_max - odds->delay_min;

    return (int64_t)((odds->delay_min + span * toss(TOSS_DELAY, odds, plan)) * 1e9);
}

static unsigned
draw_error(const struct server_odds *odds, const struct server_plan *plan)
{
    if (odds->error_codes_count == 0 || toss(TOSS_ERROR, odds, plan) >= odds->error_rate)
        return 0;
    return odds->error_codes[(size_t)(toss(TOSS_ERROR_CODE, odds, plan) * (double)odds->error_codes_count)];
}

struct server_plan
server_plan_make(const struct server_odds *odds, int place, unsigned long attempt)
{
    struct server_plan plan = { .place = place, .attempt = attempt };
    const struct server_fault_rule *rule;

    plan.delay = draw_delay(odds, &plan);
    if (place == SERVER_PATH_OTHER)
        return plan;
    rule = server_faults_find(&odds->faults, place, attempt, toss(TOSS_FAULT, odds, &plan));
    if (rule != NULL) {
        plan.fault = rule->kind;
        plan.status = rule->status;
    } else {
        plan.status = draw_error(odds, &plan);
    }
    return plan;
}
