/* SPDX-License-Identifier: MIT */
/* Files for a demonstration to work on. */

#ifndef CHOOSE_FILES_H
#define CHOOSE_FILES_H 1

#include <stdbool.h>
#include <stddef.h>

/* Files, by their names, of which NULL is the last. */
struct choose_files {
    char **paths;
    size_t count;
    unsigned long long bytes; /* of all of them */
    bool made;                /* the names are ours to free */
};

/*
 * Make so many files of that many bytes, for as long as the program runs.  They are in no folder, so that nothing is
 * left however the program ends; their names, /proc/self/fd/N, hold in its forked children as well.  Exit if that
 * fails.
 */
void choose_files_make(struct choose_files *, size_t count, size_t size);

/* Take those that have these names instead.  Exit if one of them is not there. */
void choose_files_take(struct choose_files *, char **paths);

/* Have what the system keeps of them in memory dropped, as far as it does that, so that they are read from the disk. */
void choose_files_drop(const struct choose_files *);

/* Free the names. */
void choose_files_free(struct choose_files *);

#endif
