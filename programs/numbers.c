/* SPDX-License-Identifier: MIT */
#include "numbers.h"

#include <endian.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define STRING(text) #text
#define VALUE(macro) STRING(macro)

/* So many decimal digits are always a number below 2^64. */
#define SMALL_DECIMALS 19

static bool
is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\v' || c == '\f';
}

static bool
is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* The value of a digit of either kind, or 16. */
static unsigned
digit_value(char c)
{
    if (is_digit(c))
        return (unsigned)(c - '0');
    if (c >= 'a' && c <= 'f')
        return (unsigned)(c - 'a') + 10;
    if (c >= 'A' && c <= 'F')
        return (unsigned)(c - 'A') + 10;
    return 16;
}

/*
 * Eight digits at a time: the characters are the bytes of a word, the first one the lowest.
 */

static uint64_t
load_eight(const char *text)
{
    uint64_t word;

    memcpy(&word, text, sizeof word);
    return le64toh(word);
}

/* Each byte is 0x30 to 0x39: its upper half is 3, and still is when 6 is added. */
static bool
are_digits(uint64_t word)
{
    uint64_t upper = 0xf0f0f0f0f0f0f0f0;
    uint64_t threes = 0x3030303030303030;

    return (word & upper) == threes && ((word + 0x0606060606060606) & upper) == threes;
}

/* Join neighbours: digits to pairs, pairs to fours, and these to the eight. */
static uint64_t
value_of_eight(uint64_t word)
{
    uint64_t digits = word & 0x0f0f0f0f0f0f0f0f;
    uint64_t pairs = (digits * 10 + (digits >> 8)) & 0x00ff00ff00ff00ff;
    uint64_t fours = (pairs * 100 + (pairs >> 16)) & 0x0000ffff0000ffff;

    return (fours * 10000 + (fours >> 32)) & 0xffffffff;
}

/* Append a digit to value.  Return whether it is still below 2^64. */
static bool
append(uint64_t *value, unsigned base, unsigned digit)
{
    return !__builtin_mul_overflow(*value, base, value) && !__builtin_add_overflow(*value, digit, value);
}

size_t
numbers_quick(const char *line, const char *end, uint64_t *value)
{
    const char *at = line;
    uint64_t n = 0;

    while (at - line < 16 && end - at >= 8 && are_digits(load_eight(at))) {
        n = n * 100000000 + value_of_eight(load_eight(at));
        at += 8;
    }
    while (at < end && is_digit(*at) && at - line < SMALL_DECIMALS)
        n = n * 10 + digit_value(*at++);
    if (at < end && is_digit(*at) && !append(&n, 10, digit_value(*at++)))
        return 0;
    if (at >= end || *at != '\n')
        return 0;
    *value = n;
    return (size_t)(at - line);
}

/* The part of the line that is neither blank around it nor comment. */
static void
strip(struct number *number, const char *line, size_t len)
{
    const char *comment = memchr(line, '#', len);
    const char *end = comment != NULL ? comment : line + len;

    while (line < end && is_blank(*line))
        line++;
    while (end > line && is_blank(end[-1]))
        end--;
    number->text = line;
    number->len = (size_t)(end - line);
}

static bool
is_hexadecimal(const char *text, size_t len)
{
    return len >= 2 && text[0] == '0' && (text[1] == 'x' || text[1] == 'X');
}

/* Set *digits and *len to where they are, without leading zeros but for the only digit.  Return the base. */
static unsigned
find_digits(const struct number *number, const char **digits, size_t *len)
{
    unsigned base = is_hexadecimal(number->text, number->len) ? 16 : 10;
    size_t prefix = base == 16 ? 2 : 0;

    *digits = number->text + prefix;
    *len = number->len - prefix;
    while (*len > 1 && **digits == '0') {
        ++*digits;
        --*len;
    }
    return base;
}

static struct number
wrong(struct number number, const char *what)
{
    number.kind = NUMBERS_WRONG;
    number.wrong = what;
    return number;
}

struct number
numbers_parse(const char *line, size_t len)
{
    struct number number = { .kind = NUMBERS_SMALL };
    const char *digits;
    size_t count;
    unsigned base;
    bool too_long = len > NUMBERS_LINE_MAX && memchr(line, '#', len) == NULL;

    strip(&number, line, len);
    if (number.len == 0 && !too_long) {
        number.kind = NUMBERS_NONE;
        return number;
    }
    if (too_long)
        return wrong(number, "is in a line of more than " VALUE(NUMBERS_LINE_MAX) " characters");
    base = find_digits(&number, &digits, &count);
    if (count == 0)
        return wrong(number, "is not a number");
    for (size_t i = 0; i < count; i++) {
        unsigned digit = digit_value(digits[i]);

        if (digit >= base)
            return wrong(number, "is not a number");
        if (number.kind == NUMBERS_SMALL && !append(&number.value, base, digit))
            number.kind = NUMBERS_BIG;
    }
    return number;
}

int
numbers_get(const struct number *number, mpz_t value)
{
    const char *digits;
    size_t len;
    unsigned base = find_digits(number, &digits, &len);
    char *text = strndup(digits, len);

    if (text == NULL)
        return -1;
    mpz_set_str(value, text, (int)base);
    free(text);
    return 0;
}

char *
numbers_quote(const char *text, size_t len, char quote[NUMBERS_QUOTE_SIZE])
{
    size_t most = NUMBERS_QUOTE_SIZE - 1;
    size_t half = (most - 3) / 2;

    if (len > most) {
        memcpy(quote, text, half);
        memcpy(quote + half, "...", 3);
        memcpy(quote + half + 3, text + len - half, half);
        len = 2 * half + 3;
    } else {
        memcpy(quote, text, len);
    }
    quote[len] = '\0';
    for (size_t i = 0; i < len; i++)
        if (quote[i] < ' ' || quote[i] > '~')
            quote[i] = '?';
    return quote;
}
