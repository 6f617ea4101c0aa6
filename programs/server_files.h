/* SPDX-License-Identifier: MIT */
/* The flags that the server serves, in memory. */

#ifndef SERVER_FILES_H
#define SERVER_FILES_H 1

#include <stdbool.h>
#include <stddef.h>

#include "server_path.h"

/* Where the flags are by default. */
#ifndef FLAGS_PNG_DIR
#define FLAGS_PNG_DIR "/usr/share/iso-flags-png-320x240"
#endif

struct server_file {
    char *data; /* NULL: there is none */
    size_t size;
};

struct server_files {
    struct server_file at[CODES_PLACES]; /* by place */
};

/*
 * Read the flags of all known codes from a folder that holds them as cc.png.  Those it lacks stay without.  Return
 * false, after a message on stderr, if the folder or a file in it cannot be read, or if it has no flag at all.
 */
bool server_files_read(struct server_files *files, const char *folder);

/* Make up a body of a few kilobytes for each known code: always the same for the same code.  Return as above. */
bool server_files_make_up(struct server_files *files);

void server_files_free(struct server_files *files);

#endif
