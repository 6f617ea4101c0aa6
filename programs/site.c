/* SPDX-License-Identifier: MIT */
#include "site.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "fetch.h"

static const struct {
    const char *label;
    const char *base;
    const char *extension;
} known[] = {
    { "LOCAL", "http://localhost:8000/flags", "png" },
    { "DELAY", "http://localhost:8001/flags", "png" },
    { "ERROR", "http://localhost:8002/flags", "png" },
    { "REMOTE", "https://www.fluentpython.com/data/flags", "gif" },
};

static const char *
set(struct site *site, const char *label, const char *base, const char *extension)
{
    size_t len = strlen(base);

    while (len > 0 && base[len - 1] == '/')
        len--;
    if (len >= sizeof site->base)
        return "too long";
    site->label = label;
    memcpy(site->base, base, len);
    site->base[len] = '\0';
    strcpy(site->shown, site->base);
    site_hide_password(site->shown);
    strcpy(site->extension, extension);
    return NULL;
}

void
site_hide_password(char *url)
{
    char *begin = strstr(url, "://");
    char *end;
    char *colon;

    if (begin == NULL)
        return;
    begin += 3;
    end = memrchr(begin, '@', strcspn(begin, "/?#"));
    colon = end == NULL ? NULL : memchr(begin, ':', (size_t)(end - begin));
    if (colon != NULL)
        memmove(colon, end, strlen(end) + 1);
}

/* A base URL is one that a path can be added to and that can be printed as it is. */
static const char *
check_base(const char *text)
{
    if (strncasecmp(text, "http://", 7) != 0 && strncasecmp(text, "https://", 8) != 0)
        return "neither a label (" SITE_LABELS ") nor a URL that begins with http:// or https://";
    if (strstr(text, ":///") != NULL)
        return "it names no host";
    for (const char *at = text; *at != '\0'; at++)
        if (*at <= ' ' || *at > '~')
            return "it has a character that a URL cannot have";
    if (strpbrk(text, "?#") != NULL)
        return "it has a query or a fragment, so no path can be added to it";
    return fetch_bad_url(text);
}

const char *
site_find(struct site *site, const char *text)
{
    const char *wrong;

    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (strcasecmp(text, known[i].label) == 0)
            return set(site, known[i].label, known[i].base, known[i].extension);
    wrong = check_base(text);
    return wrong != NULL ? wrong : set(site, "CUSTOM", text, "png");
}

bool
site_set_extension(struct site *site, const char *text)
{
    static const char allowed[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    size_t len = strlen(text);

    if (len == 0 || len >= sizeof site->extension || strspn(text, allowed) != len)
        return false;
    memcpy(site->extension, text, len + 1);
    return true;
}

static void
put_url(const struct site *site, const char *base, const char *code, char url[SITE_URL_SIZE])
{
    int a = code[0] - 'A' + 'a';
    int b = code[1] - 'A' + 'a';

    snprintf(url, SITE_URL_SIZE, "%s/%c%c/%c%c.%s", base, a, b, a, b, site->extension);
}

void
site_url(const struct site *site, const char *code, char url[SITE_URL_SIZE])
{
    put_url(site, site->base, code, url);
}

void
site_shown_url(const struct site *site, const char *code, char url[SITE_URL_SIZE])
{
    put_url(site, site->shown, code, url);
}

void
site_file(const struct site *site, const char *code, char name[SITE_FILE_SIZE])
{
    snprintf(name, SITE_FILE_SIZE, "%s.%s", code, site->extension);
}
