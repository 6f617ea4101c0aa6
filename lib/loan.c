/* SPDX-License-Identifier: MIT */
/* loan.c - memory that is lent to futures, until they give it back, its lender goes, or the process forks. */

#include <pthread.h>
#include <string.h>
#include <sys/mman.h>

#include "loan.h"

enum { LOANS = 256 }; /* so few that they are found by looking through them; what is not lent is copied */

struct loan {
    void *at;
    size_t size, len;
    struct cf_lender *lender; /* NULL: the future's own */
    uint64_t number;
    bool inherited; /* a forked child may have it, too */
};

/* Guards what follows.  Who has it takes none but what a lender's take_back() does. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct loan loans[LOANS];
static unsigned count;

bool
cf_loan_make(struct cf_lender *lender, uint64_t number, void *at, size_t size, size_t len)
{
    pthread_mutex_lock(&lock);
    const bool made = count < LOANS;
    if (made)
        loans[count++] = (struct loan){ .at = at, .size = size, .len = len, .lender = lender, .number = number };
    pthread_mutex_unlock(&lock);
    return made;
}

static struct loan
take_out(const void *at)
{
    unsigned i = 0;

    while (loans[i].at != at)
        i++;
    const struct loan loan = loans[i];
    loans[i] = loans[--count];
    return loan;
}

/* The file that it is a part of may live on, so its memory is given back, too, where no child can need it. */
static void
unmap(const struct loan *loan)
{
    if (!loan->inherited)
        madvise(loan->at, loan->size, MADV_REMOVE);
    munmap(loan->at, loan->size);
}

void
cf_loan_end(void *at)
{
    pthread_mutex_lock(&lock);
    const struct loan loan = take_out(at);
    if (loan.lender != NULL)
        loan.lender->take_back(loan.lender, loan.number, false);
    pthread_mutex_unlock(&lock);
    if (loan.lender == NULL)
        unmap(&loan);
}

void
cf_loan_bequeath(struct cf_lender *lender)
{
    pthread_mutex_lock(&lock);
    for (unsigned i = 0; i < count; i++)
        if (loans[i].lender == lender)
            loans[i].lender = NULL;
    pthread_mutex_unlock(&lock);
}

/* Replace what is mapped by a copy, in one step for those who are just reading it. */
static bool
move(const struct loan *loan)
{
    void *copy = mmap(NULL, loan->size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (copy == MAP_FAILED)
        return false;
    memcpy(copy, loan->at, loan->len);
    const bool moved = mremap(copy, loan->size, loan->size, MREMAP_MAYMOVE | MREMAP_FIXED, loan->at) != MAP_FAILED;
    if (!moved)
        munmap(copy, loan->size);
    return moved;
}

/* What cannot be moved the child has in common with us, so nobody may ever use that memory again. */
static void
prepare_for_fork(struct loan *loan)
{
    const bool moved = move(loan);

    if (!moved)
        madvise(loan->at, loan->size, MADV_DOFORK);
    if (moved && loan->lender != NULL)
        loan->lender->take_back(loan->lender, loan->number, true);
    loan->lender = NULL;
    loan->inherited = true;
}

void
cf_loan_before_fork(void)
{
    pthread_mutex_lock(&lock);
    for (unsigned i = 0; i < count; i++)
        if (!loans[i].inherited)
            prepare_for_fork(&loans[i]);
}

void
cf_loan_after_fork(void)
{
    pthread_mutex_unlock(&lock);
}
