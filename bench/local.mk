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

# What calls cost here and in the pools of others, by turns: make bench-executors ROUNDS=1 ONLY=A1,A3,glib.  What of the
# peers can be built is built now, in bench/bin.  TRIES=3 runs again what others have disturbed.
ROUNDS = 5
ONLY =
TRIES = 1
bench-executors: %D%/executors
	@CC='$(CC)' WARNINGS='$(WERROR_CFLAGS)' $(srcdir)/%D%/peers/build %D%/bin
	@$(srcdir)/%D%/compare --build . --rounds '$(ROUNDS)' --only '$(ONLY)' --tries '$(TRIES)'
.PHONY: bench-executors

# The programs and Python's, side by side; timings tells what can be chosen, as in: make bench RUNS=1 ONLY='*-flags_*'.
bench: all
	@CC='$(CC)' CFLAGS='$(CFLAGS)' $(srcdir)/%D%/timings .
	@$(srcdir)/%D%/traces .
	@$(MAKE) --no-print-directory bench-report

# The pictures, the page and the table of what was measured before.
bench-report:
	@$(srcdir)/%D%/draw %D%/results
	@$(srcdir)/%D%/report %D%/results >%D%/results/report.html
	@$(srcdir)/%D%/table text %D%/results/timings.json
	@echo "The report is $(abs_builddir)/%D%/results/report.html."

# The pictures in README.md, from what was measured before.
pictures: bench-report
	cp %D%/results/speed-up.svg %D%/results/timeline.svg $(srcdir)/%D%/pictures
.PHONY: bench bench-report pictures

clean-local:
	-rm -rf %D%/bin %D%/results

CLEANFILES += %D%/executors %D%/primes
EXTRA_DIST += \
    %D%/compare \
    %D%/draw \
    %D%/peers/Pools.java \
    %D%/peers/apr.c \
    %D%/peers/async.cpp \
    %D%/peers/build \
    %D%/peers/cpython_threads.py \
    %D%/peers/drive.c \
    %D%/peers/drive.h \
    %D%/peers/fork.c \
    %D%/peers/glib.c \
    %D%/peers/libuv.c \
    %D%/peers/mpi.c \
    %D%/peers/openmp.c \
    %D%/peers/physics.c \
    %D%/peers/pthread.c \
    %D%/peers/python_flags.py \
    %D%/peers/python_primes.py \
    %D%/peers/python_processes.py \
    %D%/peers/tbb.cpp \
    %D%/peers/xargs.sh \
    %D%/pictures/speed-up.svg \
    %D%/pictures/timeline.svg \
    %D%/plan.py \
    %D%/report \
    %D%/rows.jq \
    %D%/seconds.gp \
    %D%/serve.sh \
    %D%/speed-up.gp \
    %D%/style.gp \
    %D%/table \
    %D%/timeline.gp \
    %D%/timeline.jq \
    %D%/timings \
    %D%/traces
