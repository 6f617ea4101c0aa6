/* SPDX-License-Identifier: MIT */
#include "server_faults.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "number.h"
#include "server_path.h"

static const char *const kinds[] = { [SERVER_FAULT_NONE] = NULL,
#define ROW(id, name) [SERVER_FAULT_##id] = (name),
                                     SERVER_FAULTS_TABLE(ROW)
#undef ROW
};
static const size_t kinds_count = sizeof kinds / sizeof kinds[0];

/*
 * Reading rules.
 */

static bool
append(struct server_faults *faults, const struct server_fault_rule *rule)
{
    struct server_fault_rule *rules = reallocarray(faults->rules, faults->count + 1, sizeof *rules);

    if (rules == NULL)
        return false;
    faults->rules = rules;
    faults->rules[faults->count++] = *rule;
    return true;
}

/* Read the kind of fault that the first len characters name. */
static bool
read_kind(const char *text, size_t len, struct server_fault_rule *rule)
{
    char number[4] = "";
    uint64_t status;

    for (size_t kind = 1; kind < kinds_count; kind++) {
        if (strlen(kinds[kind]) == len && memcmp(kinds[kind], text, len) == 0) {
            rule->kind = (enum server_fault)kind;
            return true;
        }
    }
    if (len != 3)
        return false;
    memcpy(number, text, len);
    if (!number_whole(number, 400, 599, &status))
        return false;
    rule->status = (unsigned)status;
    return true;
}

static double
total_rate(const struct server_faults *faults)
{
    double total = 0;

    for (size_t i = 0; i < faults->count; i++)
        total += faults->rules[i].rate;
    return total;
}

static const char *
add_rate(struct server_faults *faults, const char *text, struct server_fault_rule *rule)
{
    if (!number_real(text, 0, 1, &rule->rate))
        return "the rate is not a number from 0 to 1";
    /* Ten times 0.1 adds up to a little more than 1. */
    if (total_rate(faults) + rule->rate > 1 + 1e-9)
        return "the rates of all faults add up to more than 1";
    rule->place = SERVER_PATH_OTHER;
    return append(faults, rule) ? NULL : "out of memory";
}

/* Read CODE or CODE:TIMES. */
static const char *
add_code(struct server_faults *faults, const char *text, struct server_fault_rule *rule)
{
    uint64_t times = 0;

    rule->place = server_path_place(text);
    if (rule->place == SERVER_PATH_OTHER || (text[2] != '\0' && text[2] != ':'))
        return "neither a rate nor two-letter codes follow the '='";
    if (text[2] == ':' && !number_whole(text + 3, 1, UINT32_MAX, &times))
        return "no number of times follows the ':'";
    rule->times = (unsigned long)times;
    return append(faults, rule) ? NULL : "out of memory";
}

static const char *
add_codes(struct server_faults *faults, char *list, struct server_fault_rule *rule)
{
    const char *wrong = NULL;
    char *code;

    while (wrong == NULL && (code = strsep(&list, ",")) != NULL)
        wrong = add_code(faults, code, rule);
    return wrong;
}

const char *
server_faults_add(struct server_faults *faults, const char *text)
{
    struct server_fault_rule rule = { .kind = SERVER_FAULT_NONE };
    size_t len = strcspn(text, "=");
    const char *wrong;
    char *list;

    if (text[len] != '=')
        return "not of the form KIND=RATE or KIND=CODE,...";
    if (!read_kind(text, len, &rule))
        return "no such kind of fault, nor a status from 400 to 599";
    text += len + 1;
    if (strchr("0123456789.", text[0]) != NULL && text[0] != '\0')
        return add_rate(faults, text, &rule);
    list = strdup(text);
    if (list == NULL)
        return "out of memory";
    wrong = add_codes(faults, list, &rule);
    free(list);
    return wrong;
}

void
server_faults_free(struct server_faults *faults)
{
    free(faults->rules);
    *faults = (struct server_faults){ .count = 0 };
}

/*
 * Applying them.
 */

const struct server_fault_rule *
server_faults_find(const struct server_faults *faults, int place, unsigned long attempt, double dice)
{
    for (size_t i = 0; i < faults->count; i++) {
        const struct server_fault_rule *rule = &faults->rules[i];

        if (rule->place == place && (rule->times == 0 || attempt <= rule->times))
            return rule;
    }
    for (size_t i = 0; i < faults->count; i++) {
        const struct server_fault_rule *rule = &faults->rules[i];

        if (dice < rule->rate)
            return rule;
        dice -= rule->rate;
    }
    return NULL;
}

const char *
server_faults_name(enum server_fault kind)
{
    return kinds[kind];
}

bool
server_faults_in_body(enum server_fault kind)
{
    return kind == SERVER_FAULT_CUT || kind == SERVER_FAULT_CHUNKED_CUT || kind == SERVER_FAULT_RESET_MIDWAY ||
           kind == SERVER_FAULT_STALL || kind == SERVER_FAULT_DRIP;
}

void
server_faults_help(FILE *stream)
{
    for (size_t kind = 1; kind < kinds_count; kind++)
        fprintf(stream, " %s,", kinds[kind]);
}
