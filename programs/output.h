/* SPDX-License-Identifier: MIT */
/*
 * Standard output and standard error that do not keep a program from ending.
 *
 * What is printed to a pipe that nobody reads, such as that of a pager, waits until somebody does.  With these streams,
 * that ends soon after the program is told to stop: from then on, what would have to wait is dropped.
 */

#ifndef OUTPUT_H
#define OUTPUT_H 1

/*
 * Make stdout and stderr such streams; the program is told to stop by stop_fd, which becomes readable and stays so.  To
 * be called before anything is printed and any thread started.  Return 0, or -1 with errno.
 */
int output_open(int stop_fd);

#endif
