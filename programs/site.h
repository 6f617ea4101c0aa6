/* SPDX-License-Identifier: MIT */
/* Where flags are served. */

#ifndef SITE_H
#define SITE_H 1

#include <stdbool.h>
#include <stddef.h>

/* Room for a base URL, an extension, and the name and URL of a flag, all with their final '\0'. */
#define SITE_BASE_SIZE 2048
#define SITE_EXTENSION_SIZE 9
#define SITE_FILE_SIZE (SITE_EXTENSION_SIZE + 3)
#define SITE_URL_SIZE (SITE_BASE_SIZE + SITE_EXTENSION_SIZE + 8)

/* The labels, as a message would list them. */
#define SITE_LABELS "LOCAL, DELAY, ERROR, REMOTE"

struct site {
    const char *label;          /* "CUSTOM" for a base URL that has none */
    char base[SITE_BASE_SIZE];  /* without a final slash */
    char shown[SITE_BASE_SIZE]; /* the same without a password */
    char extension[SITE_EXTENSION_SIZE];
};

/*
 * The site that text names, by label in any case or by base URL.  Return NULL, or what is wrong with text.
 */
const char *site_find(struct site *, const char *text);

/* Serve flags of another kind.  Return false if text cannot be the extension of a file. */
bool site_set_extension(struct site *, const char *text);

/* Take the password out of a URL such as http://user:password@host. */
void site_hide_password(char *url);

/*
 * The URL of a flag, {base}/{cc}/{cc}.{extension} in small letters; the same to be shown, without a password; and the
 * name of its file, CC.{extension}.
 */
void site_url(const struct site *, const char *code, char url[SITE_URL_SIZE]);
void site_shown_url(const struct site *, const char *code, char url[SITE_URL_SIZE]);
void site_file(const struct site *, const char *code, char name[SITE_FILE_SIZE]);

#endif
