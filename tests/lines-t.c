/* SPDX-License-Identifier: MIT */
/* lines-t.c - lines of an input, in blocks as they come, and the batches that they are cut into. */

#include "lines.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "batches.h"
#include "interrupt.h"
#include "numbers.h"
#include "tap.h"

/* The two ends of a pipe whose other end is read as lines. */
static struct lines *lines;
static int writer;

static void
open_pipe(void)
{
    int ends[2];

    ck_assert_int_eq(interrupt_catch(), 0);
    ck_assert_int_eq(pipe2(ends, O_CLOEXEC), 0);
    ck_assert_int_eq(dup2(ends[0], STDIN_FILENO), STDIN_FILENO);
    close(ends[0]);
    writer = ends[1];
    lines = lines_open("-");
    ck_assert_ptr_nonnull(lines);
}

static void
close_pipe(void)
{
    lines_close(lines);
}

static void
put(const char *text)
{
    ck_assert_int_eq(write(writer, text, strlen(text)), (ssize_t)strlen(text));
}

/* Check that the next block is this text; NULL: that there is none. */
static void
assert_block(const char *text)
{
    size_t len = 0;
    char *block = lines_read(lines, -1, &len);

    ck_assert_int_eq(lines->error, 0);
    ck_assert((block == NULL) == (text == NULL));
    if (text != NULL)
        ck_assert_msg(len == strlen(text) && memcmp(block, text, len) == 0, "'%.*s'", (int)len, block);
    free(block);
}

TEST(a_block_is_what_is_there_up_to_the_last_newline)
{
    put("1\n22\n3");
    assert_block("1\n22\n");
    put("33\n");
    assert_block("333\n");
    put("4\n");
    put("5\n");
    assert_block("4\n5\n");
    put("6\n7");
    close(writer);
    assert_block("6\n");
    assert_block("7\n");
    assert_block(NULL);
    assert_block(NULL);
}

TEST(there_is_no_block_in_an_empty_input)
{
    close(writer);
    assert_block(NULL);
}

/* Write so many nines, and what follows them, from a thread of its own, as a pipe is too small for them. */
static struct {
    size_t nines;
    const char *rest;
} flood;

static void *
write_flood(void *unused)
{
    static char block[100000];

    memset(block, '9', sizeof block);
    for (size_t left = flood.nines; left > 0;) {
        ssize_t n = write(writer, block, left < sizeof block ? left : sizeof block);

        ck_assert_int_gt(n, 0);
        left -= (size_t)n;
    }
    put(flood.rest);
    close(writer);
    return unused;
}

/* The first line of so many nines; its length is returned. */
static size_t
first_line_of(size_t nines)
{
    pthread_t thread;
    size_t len = 0;
    size_t all = 0;
    size_t first = 0;
    char *block;

    flood.nines = nines;
    flood.rest = "\n7\n";
    ck_assert_int_eq(pthread_create(&thread, NULL, write_flood, NULL), 0);
    while ((block = lines_read(lines, -1, &len)) != NULL) {
        ck_assert_int_eq(block[len - 1], '\n');
        if (all == 0)
            first = (size_t)((char *)memchr(block, '\n', len) - block);
        all += len;
        ck_assert_uint_lt(lines->size, 4 * NUMBERS_LINE_MAX);
        free(block);
    }
    pthread_join(thread, NULL);
    ck_assert_uint_eq(all, first + 3);
    return first;
}

TEST(a_line_of_NUMBERS_LINE_MAX_characters_is_read_whole)
{
    ck_assert_uint_eq(first_line_of(NUMBERS_LINE_MAX), NUMBERS_LINE_MAX);
}

TEST(of_a_longer_line_the_beginning_is_kept_too_long_and_the_next_line_follows)
{
    size_t len = first_line_of(50 * NUMBERS_LINE_MAX);

    ck_assert_uint_gt(len, NUMBERS_LINE_MAX);
    ck_assert_uint_lt(len, 2 * NUMBERS_LINE_MAX);
}

TEST(reading_ends_when_a_descriptor_says_so_and_half_a_line_is_not_handed_out_then)
{
    int ends[2];
    size_t len;

    ck_assert_int_eq(pipe2(ends, O_CLOEXEC), 0);
    put("1\n2");
    assert_block("1\n");
    ck_assert_int_eq(write(ends[1], "", 1), 1);
    ck_assert_ptr_null(lines_read(lines, ends[0], &len));
    ck_assert_int_eq(lines->error, 0);
}

TEST(an_input_that_cannot_be_read_is_an_error)
{
    struct lines *folder = lines_open("/");
    size_t len;

    ck_assert_ptr_nonnull(folder);
    ck_assert_ptr_null(lines_read(folder, -1, &len));
    ck_assert_int_eq(folder->error, EISDIR);
    lines_close(folder);
    ck_assert_ptr_null(lines_open("/no such file"));
    ck_assert_int_eq(errno, ENOENT);
}

/*
 * Batches.
 */

/* Cut the text and check that the batches have so many lines each, a digit for each batch. */
static void
assert_cut(enum primes_method method, const char *text, const char *counts)
{
    struct primes_options options = { .method = method, .list = { .text = strdup(text), .used = strlen(text) } };
    const struct batch *batch;
    struct batches batches;
    const char *at = text;
    uint64_t line = 1;
    size_t size = 0;

    batches_start(&batches, &options);
    while ((batch = batches_cut(&batches, &size)) != NULL) {
        size_t len = size - sizeof *batch;
        size_t count = 0;

        for (size_t i = 0; i < len; i++)
            count += batch->text[i] == '\n';
        ck_assert_uint_eq(batch->first_line, line);
        ck_assert_uint_eq(count, (size_t)(*counts - '0'));
        ck_assert_int_eq(memcmp(batch->text, at, len), 0);
        at += len;
        line += count;
        counts++;
    }
    ck_assert_int_eq(*counts, '\0');
    ck_assert_int_eq(*at, '\0');
    batches_free(&batches);
    free(options.list.text);
}

TEST(cheap_numbers_travel_together_and_those_that_cost_much_alone)
{
    char *text = malloc(10000);
    char *at = text;

    ck_assert_ptr_nonnull(text);
    assert_cut(PRIMES_METHOD_AUTO, "", "");
    assert_cut(PRIMES_METHOD_AUTO, "7\n\n11\n18446744073709551557\n", "4");
    assert_cut(PRIMES_METHOD_TRIAL, "7\n11\n9999999999999917\n13\n17\n", "212");
    for (int i = 0; i < 3; i++) {
        at += sprintf(at, "7\n11\n");
        memset(at, '9', 2000);
        at += 2000;
        at += sprintf(at, "\n");
    }
    assert_cut(PRIMES_METHOD_AUTO, text, "212121");
    free(text);
}

/* Such a number is tested in some microseconds, and a batch shall take a millisecond. */
TEST(numbers_of_some_more_digits_than_a_cheap_one_do_not_travel_by_the_thousand)
{
    struct primes_options options = { .method = PRIMES_METHOD_AUTO };
    struct batches batches;
    size_t size;

    for (int i = 0; i < 2000; i++)
        buffer_add(&options.list, "1000000000000000000000057\n", 26);
    batches_start(&batches, &options);
    while (batches_cut(&batches, &size) != NULL)
        ck_assert_uint_le(size, sizeof(struct batch) + 300 * 26);
    batches_free(&batches);
    buffer_free(&options.list);
}

TEST(a_batch_of_cheap_numbers_is_bounded_as_well)
{
    struct primes_options options = { .method = PRIMES_METHOD_AUTO };
    struct batches batches;
    size_t lines_left = 100000;
    size_t size;

    for (size_t i = 0; i < lines_left; i++)
        buffer_add(&options.list, "18446744073709551557\n", 21);
    batches_start(&batches, &options);
    while (batches_cut(&batches, &size) != NULL) {
        ck_assert_uint_le(size, sizeof(struct batch) + BATCHES_SIZE);
        ck_assert_uint_eq((size - sizeof(struct batch)) % 21, 0);
        lines_left -= (size - sizeof(struct batch)) / 21;
    }
    ck_assert_uint_eq(lines_left, 0);
    batches_free(&batches);
    buffer_free(&options.list);
}

TEST(a_batch_is_split_into_its_lines_which_keep_their_numbers)
{
    static const char text[] = "7\n\n11\n";
    struct batch *batch = malloc(sizeof *batch + sizeof text);
    const struct batch *line;
    struct batches batches;
    size_t size;

    ck_assert_ptr_nonnull(batch);
    batch->first_line = 42;
    memcpy(batch->text, text, sizeof text);
    batches_split(&batches, batch, sizeof *batch + strlen(text));
    for (uint64_t number = 42; number <= 44; number++) {
        line = batches_cut(&batches, &size);
        ck_assert_ptr_nonnull(line);
        ck_assert_uint_eq(line->first_line, number);
        ck_assert_ptr_eq(memchr(line->text, '\n', size - sizeof *line), (const char *)line + size - 1);
    }
    ck_assert_ptr_null(batches_cut(&batches, &size));
    batches_free(&batches);
    free(batch);
}

static Suite *
suite(void)
{
    Suite *s = suite_create("lines");
    TCase *input = tap_case(s, "lines", open_pipe, close_pipe);
    TCase *cut = tap_case(s, "batches", NULL, NULL);

    tcase_add_test(input, a_block_is_what_is_there_up_to_the_last_newline);
    tcase_add_test(input, there_is_no_block_in_an_empty_input);
    tcase_add_test(input, a_line_of_NUMBERS_LINE_MAX_characters_is_read_whole);
    tcase_add_test(input, of_a_longer_line_the_beginning_is_kept_too_long_and_the_next_line_follows);
    tcase_add_test(input, reading_ends_when_a_descriptor_says_so_and_half_a_line_is_not_handed_out_then);
    tcase_add_test(input, an_input_that_cannot_be_read_is_an_error);
    tcase_add_test(cut, cheap_numbers_travel_together_and_those_that_cost_much_alone);
    tcase_add_test(cut, numbers_of_some_more_digits_than_a_cheap_one_do_not_travel_by_the_thousand);
    tcase_add_test(cut, a_batch_of_cheap_numbers_is_bounded_as_well);
    tcase_add_test(cut, a_batch_is_split_into_its_lines_which_keep_their_numbers);
    return s;
}

int
main(void)
{
    return tap_main(suite);
}
