/* SPDX-License-Identifier: MIT */
#include "server_path.h"

#include <string.h>

/* The number of an ASCII letter, from 0, or -1. */
static int
letter(char c)
{
    if (c >= 'a' && c <= 'z')
        return c - 'a';
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    return -1;
}

int
server_path_place(const char *code)
{
    int first = letter(code[0]);
    int second = first < 0 ? -1 : letter(code[1]);

    return second < 0 ? SERVER_PATH_OTHER : first * 26 + second;
}

int
server_path_of_url(const char *url)
{
    static const char shape[] = "/flags/cc/cc.png";
    static const size_t length = sizeof shape - 1;
    const size_t len = strlen(url);

    if (len < length)
        return SERVER_PATH_OTHER;
    const char *tail = url + len - length;
    if (strncmp(tail, "/flags/", 7) != 0 || tail[9] != '/' || strcmp(tail + 12, ".png") != 0)
        return SERVER_PATH_OTHER;
    if (strncmp(tail + 7, tail + 10, 2) != 0 || tail[7] < 'a' || tail[8] < 'a')
        return SERVER_PATH_OTHER;
    return server_path_place(tail + 7);
}

void
server_path_code(int place, char code[3])
{
    memset(code, 0, 3);
    if (place < SERVER_PATH_PAIRS) {
        code[0] = (char)('A' + place / 26);
        code[1] = (char)('A' + place % 26);
    }
}
