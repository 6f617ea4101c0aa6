/* SPDX-License-Identifier: MIT */
#include "fetch.h"

#include <curl/curl.h>
#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "certs.h"
#include "clock.h"
#include "header.h"
#include "reason.h"

#define MAX_REDIRECTS 10L
#define CONNECT_SECONDS 10L
#define STALL_SECONDS 30L
#define MAX_BODY ((size_t)16 << 20)

/*
 * One easy handle in a multi handle of its own: the easy one has the settings, the multi one the connection, and
 * curl_multi_poll() is the way to wait for a transfer and for something else at the same time.
 */
struct fetcher {
    CURL *easy;
    CURLM *multi;
    size_t max_body;
    char error[CURL_ERROR_SIZE]; /* libcurl's message about the present transfer */
    struct header header;        /* of its last answer */
    const struct fetch_sink *sink;
    size_t bytes;
    int sink_error;
    bool too_large;
};

/* Where certificates can be looked up, or NULL to verify in libcurl's default way. */
static const char *ca_path;

int
fetch_init(void)
{
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
        return -1;
    ca_path = certs_folder();
    return 0;
}

static size_t
receive_header(char *line, size_t one, size_t len, void *arg)
{
    struct fetcher *fetcher = arg;

    (void)one;
    return header_take(&fetcher->header, line, len) ? len : 0;
}

static int
status_of(const struct fetcher *fetcher)
{
    long status = 0;

    curl_easy_getinfo(fetcher->easy, CURLINFO_RESPONSE_CODE, &status);
    return (int)status;
}

/* No content, or a part of it that nobody has asked for, is not what was asked for. */
static bool
is_good(int status)
{
    return status >= 200 && status <= 299 && status != 204 && status != 205 && status != 206;
}

/*
 * Count the body, and pass it on if it is what was asked for.  That of an error is read to its end and dropped, because
 * the connection can be used again only then; but no further than max_body.
 */
static size_t
receive_body(char *data, size_t one, size_t len, void *arg)
{
    struct fetcher *fetcher = arg;

    (void)one;
    if (len > fetcher->max_body - fetcher->bytes) {
        fetcher->too_large = true;
        return CURL_WRITEFUNC_ERROR;
    }
    fetcher->bytes += len;
    if (is_good(status_of(fetcher)))
        fetcher->sink_error = fetcher->sink->write(fetcher->sink->arg, data, len);
    return fetcher->sink_error == 0 ? len : CURL_WRITEFUNC_ERROR;
}

/* Apply the settings that all transfers share. */
static CURLcode
set_up(struct fetcher *fetcher, const struct fetch_options *options)
{
    const char *agent = options->user_agent != NULL ? options->user_agent : PACKAGE_NAME "/" PACKAGE_VERSION;
    long connect_seconds = options->connect_seconds > 0 ? options->connect_seconds : CONNECT_SECONDS;
    long stall_seconds = options->stall_seconds > 0 ? options->stall_seconds : STALL_SECONDS;
    CURLcode code = CURLE_OK;

#define SET(option, value)                                                                                             \
    if (code == CURLE_OK)                                                                                              \
    code = curl_easy_setopt(fetcher->easy, option, value)
    SET(CURLOPT_ERRORBUFFER, fetcher->error);
    SET(CURLOPT_HEADERFUNCTION, receive_header);
    SET(CURLOPT_HEADERDATA, fetcher);
    SET(CURLOPT_WRITEFUNCTION, receive_body);
    SET(CURLOPT_WRITEDATA, fetcher);
    SET(CURLOPT_USERAGENT, agent);
    SET(CURLOPT_NOSIGNAL, 1L);
    SET(CURLOPT_PROTOCOLS_STR, "http,https");
    SET(CURLOPT_REDIR_PROTOCOLS_STR, "http,https");
    SET(CURLOPT_FOLLOWLOCATION, 1L);
    SET(CURLOPT_MAXREDIRS, MAX_REDIRECTS);
    SET(CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
    SET(CURLOPT_CONNECTTIMEOUT, connect_seconds);
    SET(CURLOPT_LOW_SPEED_LIMIT, 1L);
    SET(CURLOPT_LOW_SPEED_TIME, stall_seconds);
    SET(CURLOPT_MAXFILESIZE_LARGE, (curl_off_t)fetcher->max_body);
    /* To stop must not mean to wait for a name server that does not answer. */
    SET(CURLOPT_QUICK_EXIT, 1L);
    if (ca_path != NULL) {
        SET(CURLOPT_CAINFO, NULL);
        SET(CURLOPT_CAPATH, ca_path);
    }
#undef SET
    return code;
}

struct fetcher *
fetch_open(const struct fetch_options *options)
{
    static const struct fetch_options defaults;
    struct fetcher *fetcher = calloc(1, sizeof *fetcher);

    if (fetcher == NULL)
        return NULL;
    if (options == NULL)
        options = &defaults;
    fetcher->max_body = options->max_body > 0 ? options->max_body : MAX_BODY;
    fetcher->easy = curl_easy_init();
    fetcher->multi = curl_multi_init();
    if (fetcher->easy == NULL || fetcher->multi == NULL || set_up(fetcher, options) != CURLE_OK) {
        fetch_close(fetcher);
        errno = ENOMEM;
        return NULL;
    }
    /* One connection for the answers and one for where they redirect to; this bounds the descriptors. */
    curl_multi_setopt(fetcher->multi, CURLMOPT_MAXCONNECTS, 2L);
    return fetcher;
}

void
fetch_close(struct fetcher *fetcher)
{
    if (fetcher == NULL)
        return;
    curl_easy_cleanup(fetcher->easy);
    curl_multi_cleanup(fetcher->multi);
    free(fetcher);
}

static bool
is_readable(int fd)
{
    struct pollfd asked = { .fd = fd, .events = POLLIN };

    return poll(&asked, 1, 0) > 0;
}

/* Drive the transfer that has been added to the multi handle until it ends or stop_fd is readable. */
static CURLMcode
drive(CURLM *multi, int stop_fd, bool *stopped)
{
    struct curl_waitfd stop = { .fd = stop_fd, .events = CURL_WAIT_POLLIN };
    int running;
    CURLMcode code = curl_multi_perform(multi, &running);

    while (code == CURLM_OK && running > 0) {
        code = curl_multi_poll(multi, &stop, stop_fd != -1, 1000, NULL);
        *stopped = stop.revents != 0;
        if (code != CURLM_OK || *stopped)
            break;
        code = curl_multi_perform(multi, &running);
    }
    return code;
}

/* What became of the only transfer that the multi handle has had. */
static CURLcode
code_of(CURLM *multi)
{
    int left;
    CURLMsg *message = curl_multi_info_read(multi, &left);

    return message != NULL && message->msg == CURLMSG_DONE ? message->data.result : CURLE_FAILED_INIT;
}

/* Make the transfer of the URL that is set.  Return what libcurl says about it. */
static CURLcode
transfer(struct fetcher *fetcher, int stop_fd, bool *stopped)
{
    CURLcode code = CURLE_FAILED_INIT;
    CURLMcode problem = curl_multi_add_handle(fetcher->multi, fetcher->easy);

    if (problem == CURLM_OK) {
        problem = drive(fetcher->multi, stop_fd, stopped);
        if (problem == CURLM_OK && !*stopped)
            code = code_of(fetcher->multi);
        curl_multi_remove_handle(fetcher->multi, fetcher->easy);
    }
    if (problem != CURLM_OK)
        snprintf(fetcher->error, sizeof fetcher->error, "%s", curl_multi_strerror(problem));
    return code;
}

static enum fetch_outcome
outcome_of(const struct fetcher *fetcher, CURLcode code, int status)
{
    if (fetcher->sink_error != 0)
        return FETCH_SINK_FAILED;
    if (code != CURLE_OK || !fetcher->header.ended)
        return FETCH_FAILED;
    return is_good(status) ? FETCH_OK : FETCH_BAD_STATUS;
}

/* Say what went wrong. */
static void
describe(const struct fetcher *fetcher, CURLcode code, struct fetch_result *result)
{
    const char *text = fetcher->error[0] != '\0' ? fetcher->error : curl_easy_strerror(code);
    size_t size = sizeof result->message;

    if (result->outcome == FETCH_STOPPED)
        snprintf(result->message, size, "interrupted");
    else if (result->outcome == FETCH_SINK_FAILED)
        snprintf(result->message, size, "%s", strerror(result->code));
    else if (result->outcome == FETCH_BAD_STATUS)
        snprintf(result->message, size, "HTTP error %d - %s", result->status,
                 reason_told(result->status, fetcher->header.reason));
    else if (fetcher->header.bytes > HEADER_MAX)
        snprintf(result->message, size, "The headers are larger than %zu bytes", HEADER_MAX);
    else if (fetcher->header.conflict)
        snprintf(result->message, size, "The answer's Content-Length cannot be relied on");
    else if (code == CURLE_OK)
        snprintf(result->message, size, "The answer breaks off in the middle of its header");
    else if (fetcher->too_large || code == CURLE_FILESIZE_EXCEEDED)
        snprintf(result->message, size, "The body is larger than %zu bytes", fetcher->max_body);
    else if (strncmp(text, "Received HTTP/0.9", 17) == 0)
        snprintf(result->message, size, "The server's answer is not HTTP");
    else
        reason_copy(result->message, size, text, strlen(text));
}

/* Fetch as fetch_get() does, which adds how long it took. */
static void
get(struct fetcher *fetcher, int stop_fd, struct fetch_result *result)
{
    bool stopped = stop_fd != -1 && is_readable(stop_fd);
    CURLcode code = CURLE_OK;

    if (!stopped)
        code = transfer(fetcher, stop_fd, &stopped);
    result->bytes = fetcher->bytes;
    if (stopped) {
        result->outcome = FETCH_STOPPED;
    } else {
        result->status = status_of(fetcher);
        result->outcome = outcome_of(fetcher, code, result->status);
        result->code = result->outcome == FETCH_SINK_FAILED ? fetcher->sink_error : (int)code;
    }
    if (result->outcome != FETCH_OK)
        describe(fetcher, code, result);
}

void
fetch_get(struct fetcher *fetcher, const char *url, const struct fetch_sink *sink, int stop_fd,
          struct fetch_result *result)
{
    int64_t start = clock_now();
    CURLcode code;

    *result = (struct fetch_result){ .outcome = FETCH_FAILED };
    fetcher->sink = sink;
    fetcher->bytes = 0;
    fetcher->header = (struct header){ .bytes = 0 };
    fetcher->sink_error = 0;
    fetcher->too_large = false;
    fetcher->error[0] = '\0';
    code = curl_easy_setopt(fetcher->easy, CURLOPT_URL, url);
    if (code == CURLE_OK) {
        get(fetcher, stop_fd, result);
    } else {
        result->code = (int)code;
        describe(fetcher, code, result);
    }
    result->seconds = clock_since(start);
}

const char *
fetch_bad_url(const char *text)
{
    CURLU *url = curl_url();
    CURLUcode code = url != NULL ? curl_url_set(url, CURLUPART_URL, text, 0) : CURLUE_OUT_OF_MEMORY;

    curl_url_cleanup(url);
    return code == CURLUE_OK ? NULL : curl_url_strerror(code);
}
