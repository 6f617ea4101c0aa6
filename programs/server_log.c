/* SPDX-License-Identifier: MIT */
#include "server_log.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli.h"
#include "clock.h"
#include "server_path.h"
#include "write.h"

static void
fail(struct server_log *log, const char *reason)
{
    cli_error("%s: %s; the log ends here", log->name, reason);
    log->failed = true;
}

bool
server_log_open(struct server_log *log, const char *name)
{
    *log = (struct server_log){ .name = name, .fd = STDOUT_FILENO };
    if (strcmp(name, "-") == 0)
        return true;
    log->fd = open(name, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0666);
    if (log->fd < 0)
        cli_error("%s: cannot open the log: %s", name, strerror(errno));
    return log->fd >= 0;
}

/* JSON is UTF-8, but a request may hold any bytes: return a string in which all but plain ASCII is %-escaped. */
static json_t *
plain_string(const char *text)
{
    static const char digits[] = "0123456789ABCDEF";
    char *escaped = malloc(3 * strlen(text) + 1);
    char *end = escaped;
    json_t *string;

    if (escaped == NULL)
        return NULL;
    for (; *text != '\0'; text++) {
        unsigned char c = (unsigned char)*text;

        if (c > ' ' && c < 0x7f) {
            *end++ = (char)c;
        } else {
            *end++ = '%';
            *end++ = digits[c >> 4];
            *end++ = digits[c & 15];
        }
    }
    *end = '\0';
    string = json_string(escaped);
    free(escaped);
    return string;
}

static json_t *
to_json(const struct server_log_entry *entry)
{
    const struct server_plan *plan = entry->plan;
    char code[3];

    server_path_code(plan->place, code);
    return json_pack(
        "{s:f s:f s:I s:I s:o s:o s:s? s:I s:o s:s? s:I s:f}", "time", clock_rounded(entry->time), "seconds",
        clock_rounded(entry->seconds), "connection", (json_int_t)entry->connection, "request",
        (json_int_t)entry->request, "method", plain_string(entry->method), "path", plain_string(entry->path), "code",
        code[0] == '\0' ? NULL : code, "attempt", (json_int_t)plan->attempt, "status",
        entry->status == 0 ? json_null() : json_integer(entry->status), "fault", server_faults_name(plan->fault),
        "bytes", (json_int_t)entry->bytes, "delay", clock_rounded((double)plan->delay / 1e9));
}

void
server_log_write(struct server_log *log, const struct server_log_entry *entry)
{
    json_t *object;
    char *line;

    if (log->fd < 0 || log->failed)
        return;
    object = to_json(entry);
    line = object == NULL ? NULL : json_dumps(object, JSON_COMPACT | JSON_REAL_PRECISION(16));
    json_decref(object);
    if (line == NULL) {
        fail(log, strerror(ENOMEM));
        return;
    }
    /* The newline takes the place of the final NUL, so that a line of the usual length is one write. */
    size_t len = strlen(line);
    line[len] = '\n';
    if (write_unless(log->fd, line, len + 1, log->signals, 0) != 0)
        fail(log, errno == ECANCELED ? "nobody reads it" : strerror(errno));
    free(line);
}

bool
server_log_close(struct server_log *log)
{
    if (log->fd >= 0 && log->fd != STDOUT_FILENO && close(log->fd) != 0 && !log->failed)
        fail(log, strerror(errno));
    log->fd = -1;
    return !log->failed;
}
