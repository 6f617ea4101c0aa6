# SPDX-License-Identifier: MIT
cf_pages = \
    %D%/cf.3 \
    %D%/cf_future.3 \
    %D%/cf_map.3 \
    %D%/cf_pool.3 \
    %D%/cf_submit.3 \
    %D%/cf_task.3 \
    %D%/cf_wait.3 \
    %D%/cf_tasks.7

# A page for each public function that has not its name already: what is in the NAME of another page leads there.
cf_links = \
    %D%/cf_after.3 \
    %D%/cf_arg.3 \
    %D%/cf_as_completed.3 \
    %D%/cf_cancel.3 \
    %D%/cf_cancelled.3 \
    %D%/cf_close.3 \
    %D%/cf_cpu_count.3 \
    %D%/cf_describe.3 \
    %D%/cf_done.3 \
    %D%/cf_error_of.3 \
    %D%/cf_inline_pool.3 \
    %D%/cf_input.3 \
    %D%/cf_interrupt.3 \
    %D%/cf_iter_free.3 \
    %D%/cf_local.3 \
    %D%/cf_map_from.3 \
    %D%/cf_next.3 \
    %D%/cf_on_done.3 \
    %D%/cf_process_pool.3 \
    %D%/cf_promise.3 \
    %D%/cf_raise.3 \
    %D%/cf_release.3 \
    %D%/cf_remaining.3 \
    %D%/cf_remove_on_done.3 \
    %D%/cf_result.3 \
    %D%/cf_retain.3 \
    %D%/cf_return.3 \
    %D%/cf_return_owned.3 \
    %D%/cf_running.3 \
    %D%/cf_settle.3 \
    %D%/cf_settle_error.3 \
    %D%/cf_shutdown.3 \
    %D%/cf_status.3 \
    %D%/cf_status_text.3 \
    %D%/cf_stop_fd.3 \
    %D%/cf_stopping.3 \
    %D%/cf_take.3 \
    %D%/cf_thread_pool.3 \
    %D%/cf_try_submit.3 \
    %D%/cf_version.3 \
    %D%/cf_why_text.3 \
    %D%/cf_worker.3

program_pages = \
    %D%/flags.1 \
    %D%/flags_server.1 \
    %D%/primes.1 \
    %D%/cf_demos.7

program_links = \
    %D%/flags_asCompleted.1 \
    %D%/flags_sequential.1 \
    %D%/flags_threadpool.1 \
    %D%/primes_procs.1 \
    %D%/primes_sequential.1 \
    %D%/primes_threads.1

dist_man_MANS = $(cf_pages)
nodist_man_MANS = $(cf_links)
if PROGRAMS
dist_man_MANS += $(program_pages)
nodist_man_MANS += $(program_links)
endif

CLEANFILES += $(cf_links) $(program_links)
$(cf_links) $(program_links): $(cf_pages) $(program_pages) $(srcdir)/%D%/local.mk
	$(AM_V_GEN)$(MKDIR_P) %D% && link=$@ && link=$${link##*/} && \
	$(AWK) -v name="$${link%.*}" -v section="$${link##*.}" \
	    '/^[.]Sh / { inside = $$2 == "NAME" } \
	     inside && $$1 == ".Nm" && $$2 == name { sub(".*/", "", FILENAME); found = FILENAME; exit } \
	     END { if (found == "") exit 1; print ".so man" section "/" found }' \
	    $(srcdir)/%D%/*."$${link##*.}" > $@-t && mv -f $@-t $@
