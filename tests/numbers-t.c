/* SPDX-License-Identifier: MIT */
/* numbers-t.c - numbers as people write them. */

#include "numbers.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "primes_json.h"
#include "tap.h"

#define LENGTH(array) (sizeof(array) / sizeof *(array))

static struct number
parse(const char *line)
{
    return numbers_parse(line, strlen(line));
}

static void
assert_small(const char *line, const char *text, uint64_t value)
{
    struct number number = parse(line);

    ck_assert_msg(number.kind == NUMBERS_SMALL, "'%s' is of kind %d", line, (int)number.kind);
    ck_assert_msg(number.value == value, "'%s' is %" PRIu64, line, number.value);
    ck_assert_msg(number.len == strlen(text) && memcmp(number.text, text, number.len) == 0, "'%s' is given as '%.*s'",
                  line, (int)number.len, number.text);
}

static void
assert_kind(const char *line, enum numbers_kind kind)
{
    struct number number = parse(line);

    ck_assert_msg(number.kind == kind, "'%s' is of kind %d", line, (int)number.kind);
    ck_assert_msg((number.wrong != NULL) == (kind == NUMBERS_WRONG), "'%s' %s", line, number.wrong);
}

TEST(decimal_and_hexadecimal_numbers_below_2_64_are_parsed_and_their_text_is_as_given)
{
    assert_small("0", "0", 0);
    assert_small("7", "7", 7);
    assert_small("  7\t", "7", 7);
    assert_small("007", "007", 7);
    assert_small("0000000000000000000000000000000000000000", "0000000000000000000000000000000000000000", 0);
    assert_small("7 # seven", "7", 7);
    assert_small("7\r", "7", 7);
    assert_small("0x1f", "0x1f", 31);
    assert_small("0X1F#", "0X1F", 31);
    assert_small("0x000000000000000000001f", "0x000000000000000000001f", 31);
    assert_small("18446744073709551615", "18446744073709551615", UINT64_MAX);
    assert_small("000018446744073709551615", "000018446744073709551615", UINT64_MAX);
    assert_small("0xffffffffffffffff", "0xffffffffffffffff", UINT64_MAX);
}

TEST(nothing_larger_numbers_and_what_is_wrong_are_told_apart)
{
    static const char *const nothing[] = { "", " \t\r\v\f", "#", "  # 7", "#7" };
    static const char *const big[] = { "18446744073709551616", "0x10000000000000000", "99999999999999999999",
                                       "000000000000000000018446744073709551616" };
    static const char *const wrong[] = { "-1", "+1",  "1_000", "1,000", "1.0", "1e3",  "0x", "0xg", "x1",   "1 2", "a",
                                         "1a", "0b1", "0o7",   "١",     "1\n", "0x 1", "--", "1-",  "\x7f", "nan" };

    for (size_t i = 0; i < LENGTH(nothing); i++)
        assert_kind(nothing[i], NUMBERS_NONE);
    for (size_t i = 0; i < LENGTH(big); i++)
        assert_kind(big[i], NUMBERS_BIG);
    for (size_t i = 0; i < LENGTH(wrong); i++)
        assert_kind(wrong[i], NUMBERS_WRONG);
    ck_assert_int_eq(numbers_parse("7\0", 2).kind, NUMBERS_WRONG);
}

TEST(a_line_may_have_NUMBERS_LINE_MAX_characters_and_a_comment_any_number)
{
    size_t len = NUMBERS_LINE_MAX + 10;
    char *line = malloc(len);

    ck_assert_ptr_nonnull(line);
    memset(line, '9', len);
    ck_assert_int_eq(numbers_parse(line, NUMBERS_LINE_MAX).kind, NUMBERS_BIG);
    ck_assert_int_eq(numbers_parse(line, NUMBERS_LINE_MAX + 1).kind, NUMBERS_WRONG);
    line[0] = '#';
    ck_assert_int_eq(numbers_parse(line, len).kind, NUMBERS_NONE);
    line[0] = '7';
    line[1] = '#';
    ck_assert_int_eq(numbers_parse(line, len).kind, NUMBERS_SMALL);
    memset(line, ' ', len);
    ck_assert_int_eq(numbers_parse(line, len).kind, NUMBERS_WRONG);
    ck_assert_int_eq(numbers_parse(line, NUMBERS_LINE_MAX).kind, NUMBERS_NONE);
    free(line);
}

/* A place for text that ends where memory does, so that reading beyond it is a crash. */
static char *
edge(void)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    char *memory = mmap(NULL, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    ck_assert(memory != MAP_FAILED);
    ck_assert_int_eq(mprotect(memory + page, page, PROT_NONE), 0);
    return memory + page;
}

/* What numbers_quick() says of a line that ends where memory does. */
static size_t
quick(const char *line, uint64_t *value)
{
    static char *end;
    size_t len = strnlen(line, 64);

    if (end == NULL)
        end = edge();
    return numbers_quick(memcpy(end - len, line, len), end, value);
}

static void
assert_quick(const char *digits)
{
    struct number number = parse(digits);
    uint64_t value = 0;
    char line[64];
    size_t len;

    snprintf(line, sizeof line, "%s\n", digits);
    len = quick(line, &value);
    ck_assert_msg(len == strlen(digits), "'%s' has %zu digits", digits, len);
    ck_assert_msg(value == number.value, "'%s' is %" PRIu64, digits, value);
}

TEST(numbers_quick_sees_in_decimal_digits_what_numbers_parse_does_and_reads_no_further_than_the_end)
{
    static const char *const given[] = { "0",
                                         "00000000",
                                         "12345678",
                                         "123456789",
                                         "00000000000000000000",
                                         "9999999999999999999",
                                         "10000000000000000000",
                                         "18446744073709551615" };
    char digits[32];

    for (size_t i = 0; i < LENGTH(given); i++)
        assert_quick(given[i]);
    srandom(1);
    for (int i = 0; i < 200000; i++) {
        int len = 1 + (int)(random() % 19);

        for (int k = 0; k < len; k++)
            digits[k] = (char)('0' + random() % 10);
        digits[len] = '\0';
        assert_quick(digits);
    }
}

TEST(numbers_quick_leaves_what_is_not_plain_and_what_is_not_below_2_64_to_numbers_parse)
{
    static const char *const lines[] = { "",
                                         "\n",
                                         "7",
                                         "18446744073709551616\n",
                                         "99999999999999999999\n",
                                         "000000000000000000007\n",
                                         "7 \n",
                                         " 7\n",
                                         "7\r\n",
                                         "0x7\n",
                                         "1234567a\n",
                                         "1234567:\n",
                                         "1234567/\n",
                                         "12345678 \n",
                                         "123456789012345\t\n",
                                         "12345678123456781234",
                                         "-1234567\n",
                                         "1234_567\n",
                                         "7#\n" };
    uint64_t value;

    for (size_t i = 0; i < LENGTH(lines); i++)
        ck_assert_msg(quick(lines[i], &value) == 0, "'%s'", lines[i]);
    for (int c = 0; c < 256; c++) {
        for (size_t at = 0; at < 8; at++) {
            char line[] = "12345678\n";

            line[at] = (char)c;
            if ((c < '0' || c > '9') && !(c == '\n' && at > 0))
                ck_assert_msg(quick(line, &value) == 0, "character %d at %zu", c, at);
        }
    }
}

TEST(numbers_get_gives_GMP_the_number)
{
    static const char *const texts[] = { "0",
                                         "7",
                                         "0x0",
                                         "0X1f",
                                         "340282366920938463463374607431768211455",
                                         "000340282366920938463463374607431768211455",
                                         "0x0ffffffffffffffffffffffffffffffff" };
    static const char *const values[] = { "0",
                                          "7",
                                          "0",
                                          "31",
                                          "340282366920938463463374607431768211455",
                                          "340282366920938463463374607431768211455",
                                          "340282366920938463463374607431768211455" };
    mpz_t value;
    mpz_t expected;

    mpz_inits(value, expected, NULL);
    for (size_t i = 0; i < LENGTH(texts); i++) {
        struct number number = parse(texts[i]);

        ck_assert_int_eq(numbers_get(&number, value), 0);
        mpz_set_str(expected, values[i], 10);
        ck_assert_msg(mpz_cmp(value, expected) == 0, "%s", texts[i]);
    }
    mpz_clears(value, expected, NULL);
}

TEST(a_quote_is_printable_and_short)
{
    char quote[NUMBERS_QUOTE_SIZE];
    char text[200];

    ck_assert_str_eq(numbers_quote("", 0, quote), "");
    ck_assert_str_eq(numbers_quote("12a", 3, quote), "12a");
    ck_assert_str_eq(numbers_quote("1\n\t\x80~", 5, quote), "1???~");
    memset(text, '1', sizeof text);
    memset(text + 100, '2', 100);
    ck_assert_uint_eq(strlen(numbers_quote(text, NUMBERS_QUOTE_SIZE - 1, quote)), NUMBERS_QUOTE_SIZE - 1);
    ck_assert_str_eq(numbers_quote(text, sizeof text, quote),
                     "1111111111111111111111111111...2222222222222222222222222222");
}

/* The JSON of a line that was not checked. */
static void
assert_loss(const char *line, const char *expected)
{
    struct number number = parse(line);
    struct buffer buffer = { 0 };

    ck_assert_int_eq(primes_json_loss(&buffer, &number, "why", "who"), 0);
    ck_assert_msg(buffer.used == strlen(expected) && memcmp(buffer.text, expected, buffer.used) == 0, "%.*s",
                  (int)buffer.used, buffer.text);
    buffer_free(&buffer);
}

TEST(what_was_not_checked_is_named_in_JSON_whatever_its_bytes)
{
    assert_loss("17", "{\"number\": \"17\", \"prime\": null, \"error\": \"why\", \"worker\": \"who\"}\n");
    assert_loss("1\303\251", "{\"number\": \"1\303\251\", \"prime\": null, \"error\": \"why\", \"worker\": \"who\"}\n");
    assert_loss("1\351\177", "{\"number\": \"1??\", \"prime\": null, \"error\": \"why\", \"worker\": \"who\"}\n");
}

static Suite *
suite(void)
{
    Suite *s = suite_create("numbers");
    TCase *all = tap_case(s, "numbers", NULL, NULL);

    tcase_add_test(all, decimal_and_hexadecimal_numbers_below_2_64_are_parsed_and_their_text_is_as_given);
    tcase_add_test(all, nothing_larger_numbers_and_what_is_wrong_are_told_apart);
    tcase_add_test(all, a_line_may_have_NUMBERS_LINE_MAX_characters_and_a_comment_any_number);
    tcase_add_test(all, numbers_quick_sees_in_decimal_digits_what_numbers_parse_does_and_reads_no_further_than_the_end);
    tcase_add_test(all, numbers_quick_leaves_what_is_not_plain_and_what_is_not_below_2_64_to_numbers_parse);
    tcase_add_test(all, numbers_get_gives_GMP_the_number);
    tcase_add_test(all, a_quote_is_printable_and_short);
    tcase_add_test(all, what_was_not_checked_is_named_in_JSON_whatever_its_bytes);
    return s;
}

int
main(void)
{
    return tap_main(suite);
}
