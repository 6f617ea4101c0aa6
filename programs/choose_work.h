/* SPDX-License-Identifier: MIT */
/* Three kinds of work on a file: waiting for the disk, some of both, and keeping a processor busy. */

#ifndef CHOOSE_WORK_H
#define CHOOSE_WORK_H 1

#include <cf.h>
#include <stdint.h>
#include <sys/types.h>

/*
 * The argument of each is a pointer to the file's name.  That is fit for processes too, where the name was there before
 * they were; but other pointers would be to nothing.
 */
extern const struct cf_task choose_work_read;    /* read the file; the answer is its size */
extern const struct cf_task choose_work_hash;    /* read it; the answer is its hash by FNV-1a with 64 bits */
extern const struct cf_task choose_work_compute; /* never mind the file: divide a number, which is prime; 1 */

/* What each returns: its answer, and which process has found it. */
struct choose_answer {
    uint64_t value;
    pid_t pid;
};

#endif
