/* SPDX-License-Identifier: MIT */
/*
 * interleave_tsan.c - what the compiler has the code call under -fsanitize=thread.  It is linked without that flag, so
 * the names are ours.
 */

#include "interleave_parts.h"

void __tsan_init(void);
void __tsan_func_entry(void *);
void __tsan_func_exit(void);

void
__tsan_init(void)
{
}

void
__tsan_func_entry(void *caller)
{
    (void)caller;
}

void
__tsan_func_exit(void)
{
}

/*
 * Plain accesses.
 */

#define ACCESS(name, size, write)                                                                                      \
    void __tsan_##name(void *);                                                                                        \
    void __tsan_##name(void *at)                                                                                       \
    {                                                                                                                  \
        interleave_access(at, size, write, false);                                                                     \
    }

#define ACCESSES(size)                                                                                                 \
    ACCESS(read##size, size, false)                                                                                    \
    ACCESS(write##size, size, true)                                                                                    \
    ACCESS(unaligned_read##size, size, false)                                                                          \
    ACCESS(unaligned_write##size, size, true)

ACCESSES(1)
ACCESSES(2)
ACCESSES(4)
ACCESSES(8)
ACCESSES(16)

void __tsan_read_range(void *, unsigned long);
void __tsan_write_range(void *, unsigned long);

void
__tsan_read_range(void *at, unsigned long size)
{
    interleave_access(at, size, false, false);
}

void
__tsan_write_range(void *at, unsigned long size)
{
    interleave_access(at, size, true, false);
}

/*
 * Atomic operations.  The compilers number the memory orders as <stdatomic.h> does.
 */

static uint64_t
exchange(uint64_t old, uint64_t operand)
{
    (void)old;
    return operand;
}

static uint64_t
fetch_add(uint64_t old, uint64_t operand)
{
    return old + operand;
}

static uint64_t
fetch_sub(uint64_t old, uint64_t operand)
{
    return old - operand;
}

static uint64_t
fetch_and(uint64_t old, uint64_t operand)
{
    return old & operand;
}

static uint64_t
fetch_or(uint64_t old, uint64_t operand)
{
    return old | operand;
}

static uint64_t
fetch_xor(uint64_t old, uint64_t operand)
{
    return old ^ operand;
}

#define LOAD_AND_STORE(bits)                                                                                           \
    uint##bits##_t __tsan_atomic##bits##_load(const void *, int);                                                      \
    uint##bits##_t __tsan_atomic##bits##_load(const void *at, int order)                                               \
    {                                                                                                                  \
        return (uint##bits##_t)interleave_atomic_load(at, bits / 8, (memory_order)order);                              \
    }                                                                                                                  \
    void __tsan_atomic##bits##_store(void *, uint##bits##_t, int);                                                     \
    void __tsan_atomic##bits##_store(void *at, uint##bits##_t value, int order)                                        \
    {                                                                                                                  \
        interleave_atomic_store(at, bits / 8, value, (memory_order)order);                                             \
    }

#define CHANGE(bits, name)                                                                                             \
    uint##bits##_t __tsan_atomic##bits##_##name(void *, uint##bits##_t, int);                                          \
    uint##bits##_t __tsan_atomic##bits##_##name(void *at, uint##bits##_t operand, int order)                           \
    {                                                                                                                  \
        return (uint##bits##_t)interleave_atomic_change(at, bits / 8, name, operand, (memory_order)order);             \
    }

#define COMPARE(bits, name, weak)                                                                                      \
    bool __tsan_atomic##bits##_compare_exchange_##name(void *, uint##bits##_t *, uint##bits##_t, int, int);            \
    bool __tsan_atomic##bits##_compare_exchange_##name(void *at, uint##bits##_t *expected, uint##bits##_t value,       \
                                                       int order, int failed)                                          \
    {                                                                                                                  \
        uint64_t old = *expected;                                                                                      \
        const bool swapped =                                                                                           \
            interleave_atomic_compare(at, bits / 8, &old, value, (memory_order)order, (memory_order)failed, weak);     \
        *expected = (uint##bits##_t)old;                                                                               \
        return swapped;                                                                                                \
    }

/* This one is clang's, for both kinds. */
#define COMPARE_VALUE(bits)                                                                                            \
    uint##bits##_t __tsan_atomic##bits##_compare_exchange_val(void *, uint##bits##_t, uint##bits##_t, int, int);       \
    uint##bits##_t __tsan_atomic##bits##_compare_exchange_val(void *at, uint##bits##_t expected, uint##bits##_t value, \
                                                              int order, int failed)                                   \
    {                                                                                                                  \
        uint64_t old = expected;                                                                                       \
        interleave_atomic_compare(at, bits / 8, &old, value, (memory_order)order, (memory_order)failed, false);        \
        return (uint##bits##_t)old;                                                                                    \
    }

#define ATOMICS(bits)                                                                                                  \
    LOAD_AND_STORE(bits)                                                                                               \
    CHANGE(bits, exchange)                                                                                             \
    CHANGE(bits, fetch_add)                                                                                            \
    CHANGE(bits, fetch_sub)                                                                                            \
    CHANGE(bits, fetch_and)                                                                                            \
    CHANGE(bits, fetch_or)                                                                                             \
    CHANGE(bits, fetch_xor)                                                                                            \
    COMPARE(bits, strong, false)                                                                                       \
    COMPARE(bits, weak, true)                                                                                          \
    COMPARE_VALUE(bits)

ATOMICS(8)
ATOMICS(16)
ATOMICS(32)
ATOMICS(64)
