/* SPDX-License-Identifier: MIT */
#include "server_path.h"

#include <string.h>

int
server_path_place(const char *code)
{
    int place = codes_place(code);

    return place < 0 ? SERVER_PATH_OTHER : place;
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
    if (place == SERVER_PATH_OTHER)
        code[0] = '\0';
    else
        codes_at(place, code);
}
