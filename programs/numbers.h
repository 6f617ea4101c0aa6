/* SPDX-License-Identifier: MIT */
/*
 * Numbers as people write them, and the lines that hold one each.
 *
 * A number is decimal, or hexadecimal after 0x, with as many leading zeros as you like, but without a sign or anything
 * else between its digits.  In a line there may be blanks around it; from a # on, a line is a comment.
 */

#ifndef NUMBERS_H
#define NUMBERS_H 1

#include <gmp.h>
#include <stddef.h>
#include <stdint.h>

/* The most characters that a line may have.  A number of that many digits takes years to check. */
#define NUMBERS_LINE_MAX 1048576

/* What a line holds: nothing, a number below 2^64, a larger one, or something that is wrong. */
enum numbers_kind { NUMBERS_NONE, NUMBERS_SMALL, NUMBERS_BIG, NUMBERS_WRONG };

struct number {
    enum numbers_kind kind;
    const char *text; /* as given, without what is around it; not terminated */
    size_t len;
    uint64_t value;    /* of a small one */
    const char *wrong; /* what is to be said of a wrong one, after its text */
};

/* What the line of len characters, without its newline, holds.  The number's text is a part of the line. */
struct number numbers_parse(const char *line, size_t len);

/*
 * The same, quickly, for the usual case: nothing but decimal digits up to a newline, which must come before end, and a
 * value below 2^64.  Return how many digits they are and set *value; or return 0, which says nothing.
 */
size_t numbers_quick(const char *line, const char *end, uint64_t *value);

/* Set value to a small or big number.  Return 0, or -1 with ENOMEM. */
int numbers_get(const struct number *, mpz_t value);

/*
 * The text of a number, or of what is none, for a message: at most NUMBERS_QUOTE_SIZE - 1 characters, in which three
 * dots stand for the middle of a long one and question marks for what cannot be printed.  Return quote.
 */
#define NUMBERS_QUOTE_SIZE 60
char *numbers_quote(const char *text, size_t len, char quote[NUMBERS_QUOTE_SIZE]);

#endif
