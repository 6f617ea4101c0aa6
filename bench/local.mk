# SPDX-License-Identifier: MIT
# Measurements; `make bench/executors' builds what ordinary builds leave out.
EXTRA_PROGRAMS += %D%/executors
%C%_executors_SOURCES = %D%/executors.c
%C%_executors_LDADD = lib/libcf.la
%C%_executors_LDFLAGS = $(SANITIZER_CFLAGS) -static
