# SPDX-License-Identifier: MIT
bin_PROGRAMS += \
    %D%/flags_sequential \
    %D%/flags_threadpool \
    %D%/flags_asCompleted \
    %D%/flags_server \
    %D%/primes_sequential \
    %D%/primes_threads \
    %D%/primes_procs

# What the programs share.
noinst_LIBRARIES += %D%/libshared.a
%C%_libshared_a_SOURCES = \
    %D%/bar.c \
    %D%/bar.h \
    %D%/buffer.c \
    %D%/buffer.h \
    %D%/certs.c \
    %D%/certs.h \
    %D%/cli.c \
    %D%/cli.h \
    %D%/clock.c \
    %D%/clock.h \
    %D%/codes.c \
    %D%/codes.h \
    %D%/demo.c \
    %D%/demo.h \
    %D%/demo_get.c \
    %D%/demo_get.h \
    %D%/download.c \
    %D%/download.h \
    %D%/fetch.c \
    %D%/fetch.h \
    %D%/flags.c \
    %D%/flags.h \
    %D%/header.c \
    %D%/header.h \
    %D%/interrupt.c \
    %D%/interrupt.h \
    %D%/number.c \
    %D%/number.h \
    %D%/output.c \
    %D%/output.h \
    %D%/progress.c \
    %D%/progress.h \
    %D%/reason.c \
    %D%/reason.h \
    %D%/report.c \
    %D%/report.h \
    %D%/report_json.c \
    %D%/report_json.h \
    %D%/save.c \
    %D%/save.h \
    %D%/site.c \
    %D%/site.h \
    %D%/trace.c \
    %D%/trace.h \
    %D%/utf8.c \
    %D%/utf8.h \
    %D%/write.c \
    %D%/write.h
%C%_libshared_a_CFLAGS = $(AM_CFLAGS) $(CURL_CFLAGS) $(JANSSON_CFLAGS)

# Primes, which the tests take alone.
noinst_LIBRARIES += %D%/libprimes.a
%C%_libprimes_a_SOURCES = \
    %D%/lucas.h \
    %D%/montgomery.h \
    %D%/primes.c \
    %D%/primes.h \
    %D%/primes_trial.c \
    %D%/root.h \
    %D%/step.h \
    %D%/strong.h
%C%_libprimes_a_CFLAGS = $(AM_CFLAGS) $(GMP_CFLAGS)

# What the programs that check numbers share.
noinst_LIBRARIES += %D%/libchecks.a
%C%_libchecks_a_SOURCES = \
    %D%/batches.c \
    %D%/batches.h \
    %D%/checks.c \
    %D%/checks.h \
    %D%/lines.c \
    %D%/lines.h \
    %D%/numbers.c \
    %D%/numbers.h \
    %D%/primes_json.c \
    %D%/primes_json.h \
    %D%/primes_options.c \
    %D%/primes_options.h \
    %D%/primes_report.c \
    %D%/primes_report.h \
    %D%/settle.c \
    %D%/settle.h \
    %D%/stream.c \
    %D%/stream.h
%C%_libchecks_a_CFLAGS = $(AM_CFLAGS) $(GMP_CFLAGS) $(JANSSON_CFLAGS)

# -static takes libcf from its archive, so that the programs run, and are timed and debugged, without libtool's wrapper.
download_libs = %D%/libshared.a lib/libcf.la $(CURL_LIBS) $(JANSSON_LIBS) -lm
program_ldflags = $(SANITIZER_CFLAGS) -static

%C%_flags_sequential_SOURCES = %D%/flags_sequential.c
%C%_flags_sequential_LDADD = $(download_libs)
%C%_flags_sequential_LDFLAGS = $(program_ldflags)

%C%_flags_threadpool_SOURCES = %D%/flags_threadpool.c
%C%_flags_threadpool_LDADD = $(download_libs)
%C%_flags_threadpool_LDFLAGS = $(program_ldflags)

%C%_flags_asCompleted_SOURCES = %D%/flags_asCompleted.c
%C%_flags_asCompleted_LDADD = $(download_libs)
%C%_flags_asCompleted_LDFLAGS = $(program_ldflags)

primes_libs = %D%/libchecks.a %D%/libprimes.a %D%/libshared.a lib/libcf.la $(GMP_LIBS) $(JANSSON_LIBS)

%C%_primes_sequential_SOURCES = %D%/primes_sequential.c
%C%_primes_sequential_CFLAGS = $(AM_CFLAGS) $(GMP_CFLAGS)
%C%_primes_sequential_LDADD = $(primes_libs)
%C%_primes_sequential_LDFLAGS = $(program_ldflags)

%C%_primes_threads_SOURCES = %D%/primes_threads.c
%C%_primes_threads_CFLAGS = $(AM_CFLAGS) $(GMP_CFLAGS)
%C%_primes_threads_LDADD = $(primes_libs)
%C%_primes_threads_LDFLAGS = $(program_ldflags)

%C%_primes_procs_SOURCES = %D%/primes_procs.c
%C%_primes_procs_CFLAGS = $(AM_CFLAGS) $(GMP_CFLAGS)
%C%_primes_procs_LDADD = $(primes_libs)
%C%_primes_procs_LDFLAGS = $(program_ldflags)

%C%_flags_server_SOURCES = \
    %D%/flags_server.c \
    %D%/server_answers.c \
    %D%/server_answers.h \
    %D%/server_body.c \
    %D%/server_body.h \
    %D%/server_faults.c \
    %D%/server_faults.h \
    %D%/server_files.c \
    %D%/server_files.h \
    %D%/server_log.c \
    %D%/server_log.h \
    %D%/server_loop.c \
    %D%/server_loop.h \
    %D%/server_options.c \
    %D%/server_options.h \
    %D%/server_path.c \
    %D%/server_path.h \
    %D%/server_plan.c \
    %D%/server_plan.h \
    %D%/server_requests.c \
    %D%/server_requests.h \
    %D%/server_sleep.c \
    %D%/server_sleep.h \
    %D%/server_socket.c \
    %D%/server_socket.h
%C%_flags_server_CFLAGS = $(AM_CFLAGS) $(MICROHTTPD_CFLAGS) $(JANSSON_CFLAGS)
%C%_flags_server_LDADD = %D%/libshared.a $(MICROHTTPD_LIBS) $(JANSSON_LIBS)
%C%_flags_server_LDFLAGS = $(program_ldflags)

# The memo's examples, section by section.
demo_libs = %D%/libshared.a lib/libcf.la $(JANSSON_LIBS)
demo_get_libs = $(demo_libs) $(CURL_LIBS)

bin_PROGRAMS += %D%/demo_bytes
%C%_demo_bytes_SOURCES = %D%/demo_bytes.c
%C%_demo_bytes_LDADD = $(demo_get_libs)
%C%_demo_bytes_LDFLAGS = $(program_ldflags)

bin_PROGRAMS += %D%/demo_map
%C%_demo_map_SOURCES = %D%/demo_map.c
%C%_demo_map_LDADD = $(demo_libs)
%C%_demo_map_LDFLAGS = $(program_ldflags)

bin_PROGRAMS += %D%/demo_lifecycle
%C%_demo_lifecycle_SOURCES = %D%/demo_lifecycle.c
%C%_demo_lifecycle_LDADD = $(demo_get_libs)
%C%_demo_lifecycle_LDFLAGS = $(program_ldflags)

bin_PROGRAMS += %D%/demo_workers
%C%_demo_workers_SOURCES = %D%/demo_workers.c
%C%_demo_workers_LDADD = $(demo_libs)
%C%_demo_workers_LDFLAGS = $(program_ldflags)

bin_PROGRAMS += %D%/demo_errors
%C%_demo_errors_SOURCES = %D%/demo_errors.c
%C%_demo_errors_LDADD = $(demo_libs)
%C%_demo_errors_LDFLAGS = $(program_ldflags)

# Its common patterns.

bin_PROGRAMS += %D%/demo_batches
%C%_demo_batches_SOURCES = %D%/demo_batches.c
%C%_demo_batches_LDADD = $(demo_libs)
%C%_demo_batches_LDFLAGS = $(program_ldflags)

bin_PROGRAMS += %D%/demo_choose
%C%_demo_choose_SOURCES = \
    %D%/demo_choose.c \
    %D%/choose_files.c \
    %D%/choose_files.h \
    %D%/choose_work.c \
    %D%/choose_work.h \
    %D%/memory.c \
    %D%/memory.h
%C%_demo_choose_CFLAGS = $(AM_CFLAGS) $(GMP_CFLAGS)
%C%_demo_choose_LDADD = %D%/libprimes.a $(demo_libs)
%C%_demo_choose_LDFLAGS = $(program_ldflags)

bin_PROGRAMS += %D%/demo_first
%C%_demo_first_SOURCES = %D%/demo_first.c
%C%_demo_first_LDADD = $(demo_get_libs)
%C%_demo_first_LDFLAGS = $(program_ldflags)

bin_PROGRAMS += %D%/demo_switch
%C%_demo_switch_SOURCES = %D%/demo_switch.c
%C%_demo_switch_CFLAGS = $(AM_CFLAGS) $(GMP_CFLAGS)
%C%_demo_switch_LDADD = %D%/libprimes.a $(demo_libs)
%C%_demo_switch_LDFLAGS = $(program_ldflags)

bin_PROGRAMS += %D%/demo_timeout
%C%_demo_timeout_SOURCES = %D%/demo_timeout.c
%C%_demo_timeout_LDADD = $(demo_libs)
%C%_demo_timeout_LDFLAGS = $(program_ldflags)

# The country codes as the lines of a C initializer, upper case and sorted: "AD", "AE", ...
BUILT_SOURCES += %D%/codes-table.h
CLEANFILES += %D%/codes-table.h
%D%/codes-table.h: $(top_srcdir)/data/country_codes.txt
	$(AM_V_GEN)$(MKDIR_P) %D% && LC_ALL=C && export LC_ALL && \
	$(AWK) '{ for (i = 1; i <= NF; i++) print toupper($$i) }' $(top_srcdir)/data/country_codes.txt | sort -u | \
	$(AWK) '!/^[A-Z][A-Z]$$/ { print "country_codes.txt: " $$0 ": not a code" > "/dev/stderr"; exit 1 } \
	        { print "\"" $$0 "\"," } END { exit NR == 0 }' > $@-t && mv -f $@-t $@
%D%/codes.$(OBJEXT) %D%/libshared_a-codes.$(OBJEXT): %D%/codes-table.h

# The numbers of the memo, likewise.
BUILT_SOURCES += %D%/numbers-table.h
CLEANFILES += %D%/numbers-table.h
%D%/numbers-table.h: $(top_srcdir)/data/numbers.txt
	$(AM_V_GEN)$(MKDIR_P) %D% && \
	$(AWK) '!/^[1-9][0-9]*$$/ { print "numbers.txt: " $$0 ": not a number" > "/dev/stderr"; bad = 1 } \
	        { print "\"" $$0 "\"," } END { exit bad || NR == 0 }' $(top_srcdir)/data/numbers.txt > $@-t && mv -f $@-t $@
%D%/libchecks_a-primes_options.$(OBJEXT): %D%/numbers-table.h
