/* SPDX-License-Identifier: MIT */
/*
 * loan.h - memory that is lent to futures.
 *
 * A future may have its argument or its result where somebody else has mapped them, and outlive him.  And a forked
 * child may read it, which must not see what others write there later.  So what is lent is known here: it goes back to
 * its lender, or, if he is gone before, ends with its future; and before a fork it is copied to memory of the
 * program's own, at the same address, and the lender has his back.
 */

#ifndef CF_LOAN_H
#define CF_LOAN_H 1

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct cf_lender {
    /* That of this number is his again; if it was moved, what he had mapped is not there any more.  No loans here. */
    void (*take_back)(struct cf_lender *, uint64_t number, bool moved);
};

/* What was mapped, shared and of that size, of which len bytes are lent.  False: too much is lent already. */
bool cf_loan_make(struct cf_lender *, uint64_t number, void *at, size_t size, size_t len);
void cf_loan_end(void *at); /* by the future */
/* The lender is about to go; what he has lent, and has mapped, is his no more. */
void cf_loan_bequeath(struct cf_lender *);

void cf_loan_before_fork(void);
void cf_loan_after_fork(void);

#endif
