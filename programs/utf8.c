/* SPDX-License-Identifier: MIT */
#include "utf8.h"

#include <stdlib.h>
#include <string.h>

json_t *
utf8_json(const char *text, size_t len)
{
    json_t *string = json_stringn(text, len);
    char *copy;

    if (string != NULL)
        return string;
    copy = malloc(len);
    if (copy == NULL)
        return NULL;
    memcpy(copy, text, len);
    for (char *at = copy; at < copy + len; at++)
        if ((unsigned char)*at > '~')
            *at = '?';
    string = json_stringn(copy, len);
    free(copy);
    return string;
}
