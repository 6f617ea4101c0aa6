# SPDX-License-Identifier: MIT

# Tests of the library, in C.  A new one needs its line here and nothing else: tests/x-t is made from tests/x-t.c.
unit_tests = \
    %D%/threads-t \
    %D%/inline-t \
    %D%/processes-t \
    %D%/process_callbacks-t \
    %D%/process_close-t \
    %D%/process_data-t \
    %D%/process_deaths-t \
    %D%/process_kills-t \
    %D%/process_lines-t \
    %D%/process_loans-t \
    %D%/process_parent-t \
    %D%/process_threads-t \
    %D%/process_timeouts-t \
    %D%/future-t \
    %D%/submit-t \
    %D%/map-t \
    %D%/map_chunk-t \
    %D%/map_generator-t \
    %D%/map_pace-t \
    %D%/wait-t \
    %D%/completed-t \
    %D%/latency-t \
    %D%/callback-t \
    %D%/callback_remove-t \
    %D%/callback_wait-t \
    %D%/shutdown-t \
    %D%/interrupt-t \
    %D%/errors-t \
    %D%/worker-t \
    %D%/worker_name-t \
    %D%/worker_open-t \
    %D%/observer-t \
    %D%/promise-t \
    %D%/fork-t \
    %D%/fork_busy-t \
    %D%/defaults-t \
    %D%/pending-t \
    %D%/practice-t \
    %D%/room-t \
    %D%/nested-t \
    %D%/nested_wait-t \
    %D%/circle-t \
    %D%/fairness-t \
    %D%/idle-t \
    %D%/leapfrog-t \
    %D%/unload-t \
    %D%/stress-t \
    %D%/stress_end-t

# They wrap functions that the library calls, which only an archive allows.
if HAVE_ARCHIVE
unit_tests += %D%/faults-t %D%/faults_map-t %D%/refused-t %D%/held-t %D%/fork_locks-t %D%/process_limits-t \
    %D%/process_moments-t
endif

# The library's code in all interleavings; tests/interleave.h says how.  They include the sources that they are about.
model_tests = \
    %D%/interleave-t \
    %D%/model_future-t \
    %D%/model_park-t \
    %D%/model_queue-t \
    %D%/model_room-t \
    %D%/model_scheduler-t \
    %D%/model_wait-t

# Tests in C of what the programs are made of.
program_tests = \
    %D%/fetch-t \
    %D%/lines-t \
    %D%/numbers-t \
    %D%/primes-t \
    %D%/primes_big-t

# Tests of the programs.
bats_tests = \
    %D%/bench.bats \
    %D%/completion.bats \
    %D%/demos.bats \
    %D%/demos_patterns.bats \
    %D%/demos_shown.bats \
    %D%/flags.bats \
    %D%/flags_errors.bats \
    %D%/flags_json.bats \
    %D%/flags_signals.bats \
    %D%/help.bats \
    %D%/man.bats \
    %D%/primes.bats \
    %D%/primes_input.bats \
    %D%/primes_json.bats \
    %D%/primes_signals.bats \
    %D%/progress.bats \
    %D%/quickstart.bats \
    %D%/readme.bats \
    %D%/reference.bats \
    %D%/server.bats \
    %D%/trace.bats

dist_noinst_DATA = $(bats_tests) %D%/helpers.bash %D%/quick.c.in
dist_noinst_SCRIPTS = %D%/run-tap %D%/no-libcheck %D%/no-interleave %D%/installcheck

# All tests report in TAP.  Those in C have no extension, so their variables are LOG_DRIVER and LOG_COMPILER.
TEST_EXTENSIONS = .bats
LOG_DRIVER = env AM_TAP_AWK='$(AWK)' $(SHELL) $(top_srcdir)/build-aux/tap-driver.sh
BATS_LOG_DRIVER = $(LOG_DRIVER)
LOG_COMPILER = $(SHELL) $(top_srcdir)/tests/run-tap
BATS_LOG_COMPILER = $(LOG_COMPILER)
AM_BATS_LOG_FLAGS = "$(BATS)"

# Seconds for one file of tests and, of the programs, for one test; tests/tap.h has the limit for one in C.
TEST_FILE_TIMEOUT = 300
TEST_TIMEOUT = 60
AM_TESTS_ENVIRONMENT = \
    PATH='$(abs_top_builddir)/programs':"$$PATH"; export PATH; \
    top_srcdir='$(abs_top_srcdir)'; export top_srcdir; \
    top_builddir='$(abs_top_builddir)'; export top_builddir; \
    SANITIZER='$(SANITIZER)'; export SANITIZER; \
    TSAN_OPTIONS="die_after_fork=0 $$TSAN_OPTIONS"; export TSAN_OPTIONS; \
    TEST_FILE_TIMEOUT='$(TEST_FILE_TIMEOUT)'; export TEST_FILE_TIMEOUT; \
    BATS_TEST_TIMEOUT='$(TEST_TIMEOUT)'; export BATS_TEST_TIMEOUT;

if HAVE_CHECK
check_PROGRAMS += $(unit_tests)
check_LIBRARIES += %D%/libtap.a
TESTS += $(unit_tests)
if INTERLEAVE
check_PROGRAMS += $(model_tests)
check_LIBRARIES += %D%/libinterleave.a
TESTS += $(model_tests)
else
TESTS += %D%/no-interleave
endif
if PROGRAMS
check_PROGRAMS += $(program_tests)
TESTS += $(program_tests)
endif
else
TESTS += %D%/no-libcheck
endif
if PROGRAMS
TESTS += $(bats_tests)
endif

# What tests of the programs preload.
check_DATA = %D%/short-memory.so
EXTRA_DIST += %D%/short-memory.c
CLEANFILES += %D%/short-memory.so %D%/report.png
%D%/short-memory.so: $(srcdir)/%D%/short-memory.c
	$(AM_V_CC)$(MKDIR_P) %D% && $(CC) $(CPPFLAGS) -std=gnu17 $(CFLAGS) -fPIC -shared -o $@ $(srcdir)/%D%/short-memory.c

LDADD = %D%/libtap.a lib/libcf.la $(CHECK_LIBS)
# It loads the shared library itself.
%C%_unload_t_LDADD = %D%/libtap.a $(CHECK_LIBS)
if HAVE_SHARED
%C%_unload_t_CPPFLAGS = $(AM_CPPFLAGS) -DSHARED_LIBRARY='"$(abs_top_builddir)/lib/.libs/libcf.so"'
endif
%C%_fetch_t_LDADD = %D%/libtap.a programs/libshared.a $(CHECK_LIBS) $(CURL_LIBS)
%C%_lines_t_CFLAGS = $(AM_CFLAGS) $(GMP_CFLAGS)
%C%_lines_t_LDADD = %D%/libtap.a $(primes_libs) $(CHECK_LIBS)
%C%_numbers_t_CFLAGS = $(AM_CFLAGS) $(GMP_CFLAGS)
%C%_numbers_t_LDADD = %D%/libtap.a $(primes_libs) $(CHECK_LIBS)
%C%_primes_t_SOURCES = %D%/primes-t.c $(reference)
%C%_primes_t_CFLAGS = $(AM_CFLAGS) $(GMP_CFLAGS) $(PRIMESIEVE_CFLAGS)
%C%_primes_t_LDADD = $(primes_test_libs)
%C%_primes_big_t_SOURCES = %D%/primes_big-t.c $(reference)
%C%_primes_big_t_CFLAGS = $(AM_CFLAGS) $(GMP_CFLAGS) $(PRIMESIEVE_CFLAGS)
%C%_primes_big_t_LDADD = $(primes_test_libs)
reference = %D%/reference.c %D%/reference.h
primes_test_libs = \
    %D%/libtap.a programs/libprimes.a $(CHECK_LIBS) $(PRIMESIEVE_LIBS) $(PARI_LIBS) $(GMP_LIBS)
# Their calls of these, and those of the library in them, go through faults.c, which has some of them fail.
faults_ldflags = $(AM_LDFLAGS) -static \
    -Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc,--wrap=aligned_alloc,--wrap=pthread_create,--wrap=eventfd
faults_sources = %D%/faults.c %D%/faults.h
%C%_faults_t_SOURCES = %D%/faults-t.c $(faults_sources)
%C%_faults_t_LDFLAGS = $(faults_ldflags)
%C%_faults_map_t_SOURCES = %D%/faults_map-t.c $(faults_sources)
%C%_faults_map_t_LDFLAGS = $(faults_ldflags)
%C%_refused_t_SOURCES = %D%/refused-t.c $(faults_sources)
%C%_refused_t_LDFLAGS = $(faults_ldflags)
%C%_held_t_LDFLAGS = $(AM_LDFLAGS) -static -Wl,--wrap=pthread_mutex_lock
%C%_fork_locks_t_LDFLAGS = $(AM_LDFLAGS) -static -Wl,--wrap=pthread_mutex_unlock
%C%_process_moments_t_LDFLAGS = $(AM_LDFLAGS) -static -Wl,--wrap=syscall,--wrap=munmap,--wrap=madvise
%C%_process_limits_t_LDFLAGS = $(AM_LDFLAGS) -static \
    -Wl,--wrap=fork,--wrap=mmap,--wrap=memfd_create,--wrap=eventfd,--wrap=socketpair,--wrap=signalfd \
    -Wl,--wrap=pthread_create,--wrap=calloc,--wrap=malloc,--wrap=aligned_alloc,--wrap=reallocarray \
    -Wl,--wrap=madvise,--wrap=__clone,--wrap=send,--wrap=fallocate
%C%_libtap_a_SOURCES = %D%/tap.c %D%/tap.h \
    %D%/asserts.c %D%/asserts.h \
    %D%/callbacks.c %D%/callbacks.h \
    %D%/child.c %D%/child.h \
    %D%/common_calls.c \
    %D%/common_cancel.c \
    %D%/common_chunk.c \
    %D%/common_close.c \
    %D%/common_completed.c \
    %D%/common_done.c \
    %D%/common_map.c \
    %D%/common_pace.c \
    %D%/common_wait.c \
    %D%/common_worker.c \
    %D%/family.c %D%/family.h \
    %D%/crew.c %D%/crew.h \
    %D%/kinds.c %D%/kinds.h \
    %D%/latch.h \
    %D%/sources.c %D%/sources.h \
    %D%/stage.c %D%/stage.h \
    %D%/tasks.c %D%/tasks.h
%C%_libtap_a_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)

# Not among the flags of the compiler, because the linker must not have it: what is called then is in the harness.
model_cppflags = $(AM_CPPFLAGS) -fsanitize=thread
# Of what -flto puts off until it links, gcc instruments nothing.
%D%/interleave_t-interleave-t.$(OBJEXT) \
%D%/model_future_t-model_future-t.$(OBJEXT) \
%D%/model_park_t-model_park-t.$(OBJEXT) \
%D%/model_queue_t-model_queue-t.$(OBJEXT) \
%D%/model_room_t-model_room-t.$(OBJEXT) \
%D%/model_scheduler_t-model_scheduler-t.$(OBJEXT) \
%D%/model_wait_t-model_wait-t.$(OBJEXT): CFLAGS += -fno-lto
model_libs = %D%/libinterleave.a %D%/libtap.a $(CHECK_LIBS)
%C%_libinterleave_a_SOURCES = \
    %D%/interleave.c %D%/interleave.h %D%/interleave_parts.h %D%/interleaved.h \
    %D%/interleave_memory.c \
    %D%/interleave_races.c \
    %D%/interleave_threads.c \
    %D%/interleave_tsan.c
%C%_libinterleave_a_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
%C%_interleave_t_CPPFLAGS = $(model_cppflags)
%C%_interleave_t_LDADD = $(model_libs)
%C%_model_future_t_SOURCES = %D%/model_future-t.c %D%/model_core.h
%C%_model_future_t_CPPFLAGS = $(model_cppflags)
%C%_model_future_t_LDADD = $(model_libs)
%C%_model_park_t_CPPFLAGS = $(model_cppflags)
%C%_model_park_t_LDADD = $(model_libs)
%C%_model_queue_t_CPPFLAGS = $(model_cppflags)
%C%_model_queue_t_LDADD = $(model_libs)
%C%_model_room_t_SOURCES = %D%/model_room-t.c %D%/model_core.h
%C%_model_room_t_CPPFLAGS = $(model_cppflags)
%C%_model_room_t_LDADD = $(model_libs)
%C%_model_scheduler_t_CPPFLAGS = $(model_cppflags)
%C%_model_scheduler_t_LDADD = $(model_libs)
%C%_model_wait_t_SOURCES = %D%/model_wait-t.c %D%/model_core.h
%C%_model_wait_t_CPPFLAGS = $(model_cppflags)
%C%_model_wait_t_LDADD = $(model_libs)

# A program built against what `make install' has put in place, shared and static.
installcheck-local:
	CC='$(CC)' CFLAGS='$(CFLAGS) $(SANITIZER_CFLAGS)' PKG_CONFIG='$(PKG_CONFIG)' DESTDIR='$(DESTDIR)' \
	    libdir='$(libdir)' includedir='$(includedir)' bindir='$(bindir)' programs='$(bin_PROGRAMS)' \
	    version='$(PACKAGE_VERSION)' \
	    $(SHELL) $(top_srcdir)/tests/installcheck $(top_srcdir)/tests/installed.c
EXTRA_DIST += %D%/installed.c

# The library's tests alone, which is what ThreadSanitizer is for.
check-unit:
	$(MAKE) $(AM_MAKEFLAGS) check TESTS='$(unit_tests)'

# Those that send memory from thread to thread.  Built with CPPFLAGS=-DCF_SLAB=1, ThreadSanitizer sees it come from slab.c
# and not from malloc().
check-slab:
	$(MAKE) $(AM_MAKEFLAGS) check-TESTS \
	    TESTS='%D%/stress-t %D%/stress_end-t %D%/completed-t %D%/callback-t %D%/future-t %D%/submit-t'
.PHONY: check-unit check-slab
