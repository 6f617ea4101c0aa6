/* SPDX-License-Identifier: MIT */
#include "reason.h"

#include <stdbool.h>
#include <string.h>

static const struct {
    int status;
    const char *phrase;
} reasons[] = {
    { 200, "OK" },
    { 201, "Created" },
    { 202, "Accepted" },
    { 203, "Non-Authoritative Information" },
    { 204, "No Content" },
    { 205, "Reset Content" },
    { 206, "Partial Content" },
    { 300, "Multiple Choices" },
    { 301, "Moved Permanently" },
    { 302, "Found" },
    { 303, "See Other" },
    { 304, "Not Modified" },
    { 305, "Use Proxy" },
    { 307, "Temporary Redirect" },
    { 308, "Permanent Redirect" },
    { 400, "Bad Request" },
    { 401, "Unauthorized" },
    { 402, "Payment Required" },
    { 403, "Forbidden" },
    { 404, "Not Found" },
    { 405, "Method Not Allowed" },
    { 406, "Not Acceptable" },
    { 407, "Proxy Authentication Required" },
    { 408, "Request Timeout" },
    { 409, "Conflict" },
    { 410, "Gone" },
    { 411, "Length Required" },
    { 412, "Precondition Failed" },
    { 413, "Content Too Large" },
    { 414, "URI Too Long" },
    { 415, "Unsupported Media Type" },
    { 416, "Range Not Satisfiable" },
    { 417, "Expectation Failed" },
    { 418, "I'm a Teapot" },
    { 421, "Misdirected Request" },
    { 422, "Unprocessable Content" },
    { 423, "Locked" },
    { 424, "Failed Dependency" },
    { 425, "Too Early" },
    { 426, "Upgrade Required" },
    { 428, "Precondition Required" },
    { 429, "Too Many Requests" },
    { 431, "Request Header Fields Too Large" },
    { 451, "Unavailable For Legal Reasons" },
    { 500, "Internal Server Error" },
    { 501, "Not Implemented" },
    { 502, "Bad Gateway" },
    { 503, "Service Unavailable" },
    { 504, "Gateway Timeout" },
    { 505, "HTTP Version Not Supported" },
    { 506, "Variant Also Negotiates" },
    { 507, "Insufficient Storage" },
    { 508, "Loop Detected" },
    { 510, "Not Extended" },
    { 511, "Network Authentication Required" },
};

void
reason_copy(char *to, size_t size, const char *from, size_t len)
{
    size_t n = 0;

    while (n < len && n + 1 < size && from[n] != '\0') {
        to[n] = (char)(from[n] >= ' ' && from[n] <= '~' ? from[n] : '?');
        n++;
    }
    to[n] = '\0';
}

void
reason_read(const char *line, size_t len, char *reason, size_t size)
{
    const char *end = line + len;

    for (int words = 0; words < 2; words++) {
        while (line < end && *line != ' ')
            line++;
        while (line < end && *line == ' ')
            line++;
    }
    while (end > line && (end[-1] == '\r' || end[-1] == '\n' || end[-1] == ' '))
        end--;
    reason_copy(reason, size, line, (size_t)(end - line));
}

const char *
reason_phrase(int status)
{
    for (size_t i = 0; i < sizeof reasons / sizeof *reasons; i++)
        if (reasons[i].status == status)
            return reasons[i].phrase;
    return "Unknown";
}

/* What libmicrohttpd, with which flags_server is made, says where it knows no words, as for 418. */
#define NO_WORDS "Non-Standard Status"

const char *
reason_told(int status, const char *given)
{
    bool none = given[0] == '\0' || strcmp(given, NO_WORDS) == 0;

    return none ? reason_phrase(status) : given;
}
