/* SPDX-License-Identifier: MIT */
#include "certs.h"

#include <dirent.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

/* As in 4a6481c9.0. */
static bool
is_hashed_link(const char *name)
{
    return strlen(name) == 10 && strspn(name, "0123456789abcdef") == 8 && strcmp(name + 8, ".0") == 0;
}

const char *
certs_folder(void)
{
    static const char debian[] = "/etc/ssl/certs";
    bool found = false;
    struct dirent *entry;
    DIR *folder = opendir(debian);

    if (folder == NULL)
        return NULL;
    while (!found && (entry = readdir(folder)) != NULL)
        found = is_hashed_link(entry->d_name);
    closedir(folder);
    return found ? debian : NULL;
}
