# SPDX-License-Identifier: MIT
# Measurements; `make bench/executors bench/primes' builds what ordinary builds leave out.
EXTRA_PROGRAMS += %D%/executors
%C%_executors_SOURCES = \
    %D%/calls.c \
    %D%/executors.c \
    %D%/executors.h \
    %D%/measure.c \
    %D%/measure.h \
    %D%/pools.c
%C%_executors_LDADD = lib/libcf.la
%C%_executors_LDFLAGS = $(SANITIZER_CFLAGS) -static

EXTRA_PROGRAMS += %D%/primes
%C%_primes_SOURCES = %D%/primes.c
%C%_primes_CFLAGS = $(AM_CFLAGS) $(GMP_CFLAGS)
%C%_primes_LDADD = programs/libprimes.a $(GMP_LIBS)
