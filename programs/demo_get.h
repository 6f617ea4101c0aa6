/* SPDX-License-Identifier: MIT */
/* Getting what is at a URL into memory, as the memo's examples do: what the demonstrations that download share. */

#ifndef DEMO_GET_H
#define DEMO_GET_H 1

#include <cf.h>
#include <stddef.h>

#include "buffer.h"
#include "site.h"

/* The option --server, but for the text that it goes to: { DEMO_GET_SERVER, .text = &server }. */
#define DEMO_GET_SERVER "server", "SITE", SITE_LABELS " or a base URL"

/* Find the site that --server named and prepare to download.  If that cannot be, say why and exit. */
void demo_get_prepare(struct site *, const char *server);

/* The country code that an operand is, in capitals; anything else is a usage error. */
void demo_get_code(const char *operand, char code[3]);

/* The URLs that the operands are, or those of their flags if they are country codes; without any, of the usual 20. */
#define DEMO_GET_URLS 1000
size_t demo_get_urls(char urls[DEMO_GET_URLS][SITE_URL_SIZE], const struct site *, char **operands);

/*
 * What is at a URL, for a call whose worker has its connection from the two functions below.  Return 0, and the body is
 * the caller's; or -1, and the call has failed.
 */
int demo_get(struct cf_call *, const char *url, struct buffer *body);
int demo_get_open_worker(struct cf_call *, void **local, const void *unused);
void demo_get_close_worker(void *local);

#endif
