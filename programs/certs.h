/* SPDX-License-Identifier: MIT */
/* The certificates by which servers are verified. */

#ifndef CERTS_H
#define CERTS_H 1

/*
 * The folder of this system in which OpenSSL can look a certificate up by the hash of its name; NULL if there is none.
 *
 * Debian has its certificates in one bundle and, one by one, under their hashes.  From the bundle every connection
 * would parse all of them; by its hash the one that matters is found at once.
 */
const char *certs_folder(void);

#endif
