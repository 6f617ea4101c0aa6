# SPDX-License-Identifier: MIT
EXTRA_DIST += %D%/programs.bash.in

# bash-completion finds what completes a program by its name, so each has a file of its own, all the same.
completions = \
    %D%/flags_sequential \
    %D%/flags_threadpool \
    %D%/flags_asCompleted \
    %D%/flags_server \
    %D%/primes_sequential \
    %D%/primes_threads \
    %D%/primes_procs \
    %D%/demo_batches \
    %D%/demo_bytes \
    %D%/demo_choose \
    %D%/demo_errors \
    %D%/demo_first \
    %D%/demo_lifecycle \
    %D%/demo_map \
    %D%/demo_switch \
    %D%/demo_timeout \
    %D%/demo_workers
nodist_bashcomp_DATA = $(completions)
CLEANFILES += $(completions)

$(completions): $(srcdir)/%D%/programs.bash.in $(top_srcdir)/data/country_codes.txt $(srcdir)/%D%/local.mk
	$(AM_V_GEN)$(MKDIR_P) %D% && codes=`cat $(top_srcdir)/data/country_codes.txt` && codes=`echo $$codes` && \
	programs=`for file in $(completions); do echo $${file##*/}; done` && programs=`echo $$programs` && \
	sed -e "s/@CODES@/$$codes/" -e "s/@PROGRAMS@/$$programs/" $(srcdir)/%D%/programs.bash.in > $@-t && mv -f $@-t $@
