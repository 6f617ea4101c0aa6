/* SPDX-License-Identifier: MIT */
#include "number.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

bool
number_whole(const char *text, uint64_t min, uint64_t max, uint64_t *value)
{
    char *end;
    unsigned long long number;

    if (text[0] == '\0' || strspn(text, "0123456789") != strlen(text))
        return false;
    errno = 0;
    number = strtoull(text, &end, 10);
    if (errno != 0 || number < min || number > max)
        return false;
    *value = number;
    return true;
}

bool
number_real(const char *text, double min, double max, double *value)
{
    char *end;
    double number;

    /* The characters allowed leave out signs, spaces, hexadecimal, "inf" and "nan", all of which strtod() takes. */
    if (text[0] == '\0' || strspn(text, "0123456789.e") != strlen(text))
        return false;
    number = strtod(text, &end);
    if (*end != '\0' || end == text || !(number >= min && number <= max))
        return false;
    *value = number;
    return true;
}
