/* SPDX-License-Identifier: MIT */
/* fetch-t.c - fetching URLs from servers of all kinds of behaviour. */

#include <errno.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "fetch.h"
#include "tap.h"

/*
 * The server: it answers each request with the next of a list of texts, the last one again and again, byte by byte as
 * they stand there.
 */
static struct {
    int listener;
    const char *const *answers;
    enum ending { KEEP, CLOSE } ending; /* what happens to the connection after an answer */
    atomic_int connections;
    char url[64];
} server;

/* Read a request.  Return false when the client has gone. */
static bool
read_request(int fd)
{
    char request[4096];
    size_t len = 0;

    do {
        ssize_t n = read(fd, request + len, sizeof request - 1 - len);

        if (n <= 0)
            return false;
        len += (size_t)n;
        request[len] = '\0';
    } while (strstr(request, "\r\n\r\n") == NULL);
    return true;
}

static void *
serve(void *unused)
{
    for (;;) {
        int fd = accept(server.listener, NULL, NULL);

        server.connections++;
        while (read_request(fd)) {
            const char *answer = server.answers[0];

            if (server.answers[1] != NULL)
                server.answers++;
            if (send(fd, answer, strlen(answer), MSG_NOSIGNAL) < 0 || server.ending == CLOSE)
                break;
        }
        close(fd);
    }
    return unused;
}

static void
start_server(const char *const *answers, enum ending ending)
{
    struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t len = sizeof address;
    pthread_t thread;

    server.answers = answers;
    server.ending = ending;
    server.listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ck_assert_int_eq(bind(server.listener, (struct sockaddr *)&address, sizeof address), 0);
    ck_assert_int_eq(listen(server.listener, 16), 0);
    ck_assert_int_eq(getsockname(server.listener, (struct sockaddr *)&address, &len), 0);
    snprintf(server.url, sizeof server.url, "http://127.0.0.1:%d/", ntohs(address.sin_port));
    ck_assert_int_eq(pthread_create(&thread, NULL, serve, NULL), 0);
}

#define SERVE(ending, ...) start_server((const char *const[]){ __VA_ARGS__, NULL }, ending)

/*
 * The client.
 */
static struct fetcher *fetcher;
static struct fetch_result result;
static char body[1000]; /* what the sink got */
static int sink_answer;

static int
keep(void *unused, const void *data, size_t size)
{
    (void)unused;
    ck_assert_uint_lt(strlen(body) + size, sizeof body);
    strncat(body, data, size);
    return sink_answer;
}

static void
get(int stop_fd)
{
    struct fetch_sink sink = { .write = keep };

    body[0] = '\0';
    fetch_get(fetcher, server.url, &sink, stop_fd, &result);
}

static void
open_fetcher(void)
{
    unsetenv("http_proxy");
    unsetenv("all_proxy");
    unsetenv("ALL_PROXY");
    ck_assert_int_eq(fetch_init(), 0);
    fetcher = fetch_open(&(struct fetch_options){ .connect_seconds = 1, .stall_seconds = 1, .max_body = 100 });
    ck_assert_ptr_nonnull(fetcher);
}

static void
close_fetcher(void)
{
    fetch_close(fetcher);
}

static void
asserts_failed(const char *words)
{
    ck_assert_int_eq(result.outcome, FETCH_FAILED);
    ck_assert_msg(strstr(result.message, words) != NULL, "'%s' is not in: %s", words, result.message);
}

TEST(a_whole_body_goes_to_the_sink_and_is_counted)
{
    SERVE(KEEP, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello");
    get(-1);
    ck_assert_int_eq(result.outcome, FETCH_OK);
    ck_assert_int_eq(result.status, 200);
    ck_assert_uint_eq(result.bytes, 5);
    ck_assert_str_eq(body, "hello");
    ck_assert_str_eq(result.message, "");
    ck_assert(result.seconds > 0 && result.seconds < 10);
}

TEST(fetches_one_after_another_use_one_connection_errors_included)
{
    SERVE(KEEP, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
          "HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\nno",
          "HTTP/1.1 503 \r\nTransfer-Encoding: chunked\r\n\r\n3\r\nnot\r\n0\r\n\r\n",
          "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi");
    for (int i = 0; i < 4; i++)
        get(-1);
    ck_assert_str_eq(body, "hi");
    ck_assert_int_eq(server.connections, 1);
}

TEST(the_body_of_an_error_does_not_go_to_the_sink)
{
    SERVE(KEEP, "HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\nno");
    get(-1);
    ck_assert_int_eq(result.outcome, FETCH_BAD_STATUS);
    ck_assert_int_eq(result.status, 404);
    ck_assert_str_eq(result.message, "HTTP error 404 - Not Found");
    ck_assert_str_eq(body, "");
}

TEST(the_words_of_the_server_for_its_status_are_told)
{
    SERVE(KEEP, "HTTP/1.1 418 Short and stout\r\nContent-Length: 0\r\n\r\n");
    get(-1);
    ck_assert_str_eq(result.message, "HTTP error 418 - Short and stout");
}

TEST(a_status_without_words_gets_the_usual_ones)
{
    SERVE(KEEP, "HTTP/1.1 418\r\nContent-Length: 0\r\n\r\n",
          "HTTP/1.1 418 Non-Standard Status\r\nContent-Length: 0\r\n\r\n",
          "HTTP/1.1 599 \r\nContent-Length: 0\r\n\r\n");
    get(-1);
    ck_assert_str_eq(result.message, "HTTP error 418 - I'm a Teapot");
    get(-1);
    ck_assert_str_eq(result.message, "HTTP error 418 - I'm a Teapot");
    get(-1);
    ck_assert_str_eq(result.message, "HTTP error 599 - Unknown");
}

TEST(control_characters_and_long_words_of_a_server_are_made_harmless)
{
    SERVE(KEEP, "HTTP/1.1 500 \033[2J\xff!boom\r\nContent-Length: 0\r\n\r\n",
          "HTTP/1.1 500 "
          "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
          "\r\nContent-Length: 0\r\n\r\n");
    get(-1);
    ck_assert_str_eq(result.message, "HTTP error 500 - ?[2J?!boom");
    get(-1);
    ck_assert_uint_eq(strlen(result.message), strlen("HTTP error 500 - ") + 63);
}

TEST(a_body_shorter_than_announced_is_an_error)
{
    SERVE(CLOSE, "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nhello");
    get(-1);
    asserts_failed("transfer closed with 1 bytes remaining");
}

TEST(a_chunked_body_without_its_last_chunk_is_an_error)
{
    SERVE(CLOSE, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n");
    get(-1);
    asserts_failed("transfer closed");
}

TEST(a_404_whose_body_is_cut_short_is_an_error_of_the_transfer)
{
    SERVE(CLOSE, "HTTP/1.1 404 Not Found\r\nContent-Length: 6\r\n\r\nhello");
    get(-1);
    asserts_failed("transfer closed with 1 bytes remaining");
}

TEST(a_connection_that_is_closed_without_an_answer_is_an_error)
{
    SERVE(CLOSE, "");
    get(-1);
    asserts_failed("Empty reply from server");
}

TEST(an_answer_that_is_not_HTTP_is_an_error)
{
    SERVE(CLOSE, "\001\002 220 mail.example.org ESMTP\r\n");
    get(-1);
    asserts_failed("The server's answer is not HTTP");
}

TEST(a_length_that_is_no_number_is_an_error)
{
    SERVE(CLOSE, "HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\nhello");
    get(-1);
    asserts_failed("Invalid Content-Length");
}

TEST(an_answer_with_two_lengths_that_differ_is_an_error_with_the_same_one_twice_it_is_not)
{
    SERVE(CLOSE, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 3\r\n\r\nhello",
          "HTTP/1.1 200 OK\r\ncontent-length:3\r\nContent-Length: 5\r\n\r\nhello",
          "HTTP/1.1 200 OK\r\nContent-Length: 3, 5\r\n\r\nhello",
          "HTTP/1.1 302 Found\r\nLocation: /there\r\nContent-Length: 4\r\n\r\nmove",
          "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 5 \r\n\r\nhello");
    for (int i = 0; i < 3; i++) {
        get(-1);
        asserts_failed("Content-Length cannot be relied on");
    }
    get(-1);
    ck_assert_int_eq(result.outcome, FETCH_OK);
    ck_assert_str_eq(body, "hello");
}

TEST(an_answer_that_breaks_off_in_its_header_is_an_error)
{
    SERVE(CLOSE, "HTTP/1.1 200 OK\r\nContent-Len");
    get(-1);
    asserts_failed("breaks off in the middle of its header");
}

TEST(trailers_without_end_are_an_error)
{
    static const char begin[] = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n";
    static const char trailer[] = "X-More: 0123456789012345678901234567890123456789\r\n";
    static char answer[2 << 20];
    char *end = stpcpy(answer, begin);

    while (end < answer + sizeof answer - sizeof trailer)
        end = stpcpy(end, trailer);
    SERVE(CLOSE, answer);
    get(-1);
    asserts_failed("The headers are larger than");
}

TEST(an_answer_that_holds_nothing_or_a_part_that_nobody_asked_for_is_an_error)
{
    SERVE(KEEP, "HTTP/1.1 204 No Content\r\n\r\n", "HTTP/1.1 206 Partial Content\r\nContent-Length: 2\r\n\r\nhi");
    get(-1);
    ck_assert_int_eq(result.outcome, FETCH_BAD_STATUS);
    get(-1);
    ck_assert_int_eq(result.outcome, FETCH_BAD_STATUS);
    ck_assert_str_eq(body, "");
}

TEST(after_a_failure_the_next_fetch_works)
{
    SERVE(CLOSE, "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nhello", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi");
    get(-1);
    ck_assert_int_eq(result.outcome, FETCH_FAILED);
    get(-1);
    ck_assert_int_eq(result.outcome, FETCH_OK);
    ck_assert_str_eq(result.message, "");
    ck_assert_str_eq(body, "hi");
}

TEST(a_body_above_the_bound_is_an_error_before_it_is_read)
{
    SERVE(KEEP, "HTTP/1.1 200 OK\r\nContent-Length: 101\r\n\r\n");
    get(-1);
    asserts_failed("The body is larger than 100 bytes");
}

TEST(a_body_that_grows_above_the_bound_is_an_error)
{
    SERVE(KEEP, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n32\r\n"
                "12345678901234567890123456789012345678901234567890\r\n33\r\n"
                "123456789012345678901234567890123456789012345678901\r\n0\r\n\r\n");
    get(-1);
    asserts_failed("The body is larger than 100 bytes");
    ck_assert_uint_le(result.bytes, 100);
}

TEST(a_redirect_is_followed_and_what_counts_is_the_answer_there)
{
    SERVE(KEEP, "HTTP/1.1 302 Found\r\nLocation: /there\r\nContent-Length: 4\r\n\r\nmove",
          "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi");
    get(-1);
    ck_assert_int_eq(result.outcome, FETCH_OK);
    ck_assert_int_eq(result.status, 200);
    ck_assert_uint_eq(result.bytes, 2);
    ck_assert_str_eq(body, "hi");
}

TEST(an_eleventh_redirect_is_an_error)
{
    SERVE(KEEP, "HTTP/1.1 302 Found\r\nLocation: /again\r\nContent-Length: 0\r\n\r\n");
    get(-1);
    asserts_failed("Maximum (10) redirects followed");
}

TEST(a_redirect_to_something_else_than_http_and_https_is_refused)
{
    SERVE(KEEP, "HTTP/1.1 302 Found\r\nLocation: file:///etc/passwd\r\nContent-Length: 0\r\n\r\n");
    get(-1);
    asserts_failed("file");
    ck_assert_str_eq(body, "");
}

TEST(the_errno_of_a_sink_that_fails_is_the_outcome)
{
    SERVE(KEEP, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello");
    sink_answer = ENOSPC;
    get(-1);
    ck_assert_int_eq(result.outcome, FETCH_SINK_FAILED);
    ck_assert_int_eq(result.code, ENOSPC);
    ck_assert_str_eq(result.message, "No space left on device");
}

TEST(a_transfer_that_stands_still_is_an_error_after_stall_seconds)
{
    SERVE(KEEP, "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nhello");
    get(-1);
    asserts_failed("Operation too slow");
    ck_assert(result.seconds > 0.9 && result.seconds < 10);
}

TEST(a_server_that_takes_the_request_and_never_answers_is_the_same)
{
    SERVE(KEEP, "");
    get(-1);
    asserts_failed("Operation too slow");
    ck_assert(result.seconds > 0.9 && result.seconds < 10);
}

static void *
raise_event(void *fd)
{
    nanosleep(&(struct timespec){ .tv_nsec = 100000000 }, NULL);
    ck_assert_int_eq(eventfd_write(*(int *)fd, 1), 0);
    return NULL;
}

TEST(a_stop_fd_that_becomes_readable_ends_a_hanging_fetch_at_once)
{
    int fd = eventfd(0, EFD_CLOEXEC);
    pthread_t thread;

    SERVE(KEEP, "");
    ck_assert_int_eq(pthread_create(&thread, NULL, raise_event, &fd), 0);
    get(fd);
    ck_assert_int_eq(result.outcome, FETCH_STOPPED);
    ck_assert_str_eq(result.message, "interrupted");
    ck_assert(result.seconds < 1);
    pthread_join(thread, NULL);
    close(fd);
}

/* Let connections to the server neither succeed nor fail, by filling the queue of those that it has not accepted. */
static void
stop_accepting(void)
{
    struct sockaddr_in address = { .sin_family = AF_INET };
    socklen_t len = sizeof address;

    server.listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ck_assert_int_eq(listen(server.listener, 0), 0);
    ck_assert_int_eq(getsockname(server.listener, (struct sockaddr *)&address, &len), 0);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    snprintf(server.url, sizeof server.url, "http://127.0.0.1:%d/", ntohs(address.sin_port));
    for (int i = 0; i < 4; i++) {
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

        if (connect(fd, (struct sockaddr *)&address, len) != 0)
            ck_assert_int_eq(errno, EINPROGRESS);
    }
}

TEST(a_stop_fd_that_becomes_readable_ends_the_waiting_for_a_connection)
{
    int fd = eventfd(0, EFD_CLOEXEC);
    pthread_t thread;

    stop_accepting();
    ck_assert_int_eq(pthread_create(&thread, NULL, raise_event, &fd), 0);
    get(fd);
    ck_assert_int_eq(result.outcome, FETCH_STOPPED);
    ck_assert(result.seconds < 1);
    pthread_join(thread, NULL);
    close(fd);
}

TEST(a_connection_that_is_not_made_within_connect_seconds_is_an_error)
{
    stop_accepting();
    get(-1);
    asserts_failed("Timeout was reached");
    ck_assert(result.seconds > 0.9 && result.seconds < 4);
}

TEST(a_stop_fd_that_is_readable_already_prevents_the_request)
{
    int fd = eventfd(1, EFD_CLOEXEC);

    SERVE(KEEP, "");
    get(fd);
    ck_assert_int_eq(result.outcome, FETCH_STOPPED);
    ck_assert_int_eq(server.connections, 0);
    close(fd);
}

TEST(a_server_that_is_not_there_is_an_error)
{
    SERVE(KEEP, "");
    snprintf(server.url, sizeof server.url, "http://127.0.0.1:1/");
    get(-1);
    asserts_failed("Failed to connect to 127.0.0.1 port 1");
}

TEST(a_URL_of_another_protocol_is_an_error)
{
    snprintf(server.url, sizeof server.url, "file:///etc/passwd");
    get(-1);
    asserts_failed("file");
    ck_assert_str_eq(body, "");
}

TEST(closing_no_fetch_does_nothing)
{
    fetch_close(NULL);
}

TEST(a_bad_url_is_told_what_is_wrong_with_it)
{
    ck_assert_ptr_null(fetch_bad_url("http://localhost:8000/flags"));
    ck_assert_ptr_nonnull(fetch_bad_url("http://localhost:80000/flags"));
    ck_assert_ptr_nonnull(fetch_bad_url("http://"));
}

static Suite *
suite(void)
{
    Suite *s = suite_create("fetch");

    TCase *bodies = tap_case(s, "bodies", open_fetcher, close_fetcher);
    tcase_add_test(bodies, a_whole_body_goes_to_the_sink_and_is_counted);
    tcase_add_test(bodies, fetches_one_after_another_use_one_connection_errors_included);
    tcase_add_test(bodies, the_body_of_an_error_does_not_go_to_the_sink);
    tcase_add_test(bodies, a_body_shorter_than_announced_is_an_error);
    tcase_add_test(bodies, a_chunked_body_without_its_last_chunk_is_an_error);
    tcase_add_test(bodies, a_404_whose_body_is_cut_short_is_an_error_of_the_transfer);
    tcase_add_test(bodies, a_body_above_the_bound_is_an_error_before_it_is_read);
    tcase_add_test(bodies, a_body_that_grows_above_the_bound_is_an_error);
    tcase_add_test(bodies, the_errno_of_a_sink_that_fails_is_the_outcome);

    TCase *answers = tap_case(s, "answers", open_fetcher, close_fetcher);
    tcase_add_test(answers, the_words_of_the_server_for_its_status_are_told);
    tcase_add_test(answers, a_status_without_words_gets_the_usual_ones);
    tcase_add_test(answers, control_characters_and_long_words_of_a_server_are_made_harmless);
    tcase_add_test(answers, a_connection_that_is_closed_without_an_answer_is_an_error);
    tcase_add_test(answers, an_answer_that_is_not_HTTP_is_an_error);
    tcase_add_test(answers, a_length_that_is_no_number_is_an_error);
    tcase_add_test(answers, an_answer_with_two_lengths_that_differ_is_an_error_with_the_same_one_twice_it_is_not);
    tcase_add_test(answers, an_answer_that_breaks_off_in_its_header_is_an_error);
    tcase_add_test(answers, trailers_without_end_are_an_error);
    tcase_add_test(answers, an_answer_that_holds_nothing_or_a_part_that_nobody_asked_for_is_an_error);
    tcase_add_test(answers, after_a_failure_the_next_fetch_works);
    tcase_add_test(answers, a_redirect_is_followed_and_what_counts_is_the_answer_there);
    tcase_add_test(answers, an_eleventh_redirect_is_an_error);
    tcase_add_test(answers, a_redirect_to_something_else_than_http_and_https_is_refused);

    TCase *waiting = tap_case(s, "waiting", open_fetcher, close_fetcher);
    tcase_add_test(waiting, a_transfer_that_stands_still_is_an_error_after_stall_seconds);
    tcase_add_test(waiting, a_server_that_takes_the_request_and_never_answers_is_the_same);
    tcase_add_test(waiting, a_stop_fd_that_becomes_readable_ends_a_hanging_fetch_at_once);
    tcase_add_test(waiting, a_stop_fd_that_becomes_readable_ends_the_waiting_for_a_connection);
    tcase_add_test(waiting, a_connection_that_is_not_made_within_connect_seconds_is_an_error);
    tcase_add_test(waiting, a_stop_fd_that_is_readable_already_prevents_the_request);
    tcase_add_test(waiting, a_server_that_is_not_there_is_an_error);

    TCase *addresses = tap_case(s, "addresses", open_fetcher, close_fetcher);
    tcase_add_test(addresses, a_URL_of_another_protocol_is_an_error);
    tcase_add_test(addresses, a_bad_url_is_told_what_is_wrong_with_it);
    tcase_add_test(addresses, closing_no_fetch_does_nothing);
    return s;
}

int
main(void)
{
    return tap_main(suite);
}
