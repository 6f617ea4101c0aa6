/* SPDX-License-Identifier: MIT */
#include "header.h"

#include <string.h>
#include <strings.h>

#include "reason.h"

/* Cut off the white space at both ends. */
static const char *
trim(const char *text, size_t *len)
{
    static const char blanks[] = " \t\r\n";

    while (*len > 0 && memchr(blanks, text[*len - 1], sizeof blanks) != NULL)
        --*len;
    while (*len > 0 && memchr(blanks, *text, sizeof blanks) != NULL) {
        text++;
        --*len;
    }
    return text;
}

/* Note a length, or that it is another one than before. */
static void
take_length(struct header *header, const char *text, size_t len)
{
    text = trim(text, &len);
    if (header->length[0] == '\0' && len < sizeof header->length)
        memcpy(header->length, text, len);
    else if (strlen(header->length) != len || memcmp(header->length, text, len) != 0)
        header->conflict = true;
}

/* There may be one length, or a list of them. */
static void
take_lengths(struct header *header, const char *text, size_t len)
{
    const char *end = text + len;
    const char *comma;

    while ((comma = memchr(text, ',', (size_t)(end - text))) != NULL) {
        take_length(header, text, (size_t)(comma - text));
        text = comma + 1;
    }
    take_length(header, text, (size_t)(end - text));
}

bool
header_take(struct header *header, const char *line, size_t len)
{
    static const char name[] = "Content-Length:";
    const size_t name_len = sizeof name - 1;

    header->bytes += len;
    if (len >= 5 && memcmp(line, "HTTP/", 5) == 0) {
        *header = (struct header){ .bytes = header->bytes };
        reason_read(line, len, header->reason, sizeof header->reason);
    } else if (len > 0 && (line[0] == '\r' || line[0] == '\n')) {
        header->ended = true;
    } else if (len >= name_len && strncasecmp(line, name, name_len) == 0) {
        take_lengths(header, line + name_len, len - name_len);
    }
    return header->bytes <= HEADER_MAX && !header->conflict;
}
