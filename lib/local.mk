# SPDX-License-Identifier: MIT
lib_LTLIBRARIES = %D%/libcf.la
include_HEADERS = %D%/cf.h
pkgconfigdir = $(libdir)/pkgconfig
nodist_pkgconfig_DATA = %D%/libcf.pc

%C%_libcf_la_SOURCES = \
    %D%/ahead.c \
    %D%/area.c \
    %D%/argument.c \
    %D%/ask.c \
    %D%/balance.c \
    %D%/bytes.h \
    %D%/call.c \
    %D%/callbacks.c \
    %D%/chunk.c \
    %D%/chunk.h \
    %D%/circle.c \
    %D%/collector.c \
    %D%/completed.c \
    %D%/core.h \
    %D%/cpus.c \
    %D%/death.c \
    %D%/deque.h \
    %D%/dispatch.c \
    %D%/error.c \
    %D%/error.h \
    %D%/executor.c \
    %D%/executor.h \
    %D%/future.c \
    %D%/future.h \
    %D%/gather.c \
    %D%/hook.c \
    %D%/hook.h \
    %D%/inline.c \
    %D%/iter.c \
    %D%/lane.c \
    %D%/lanes.h \
    %D%/lease.c \
    %D%/loan.c \
    %D%/loan.h \
    %D%/many.c \
    %D%/map.c \
    %D%/map.h \
    %D%/news.c \
    %D%/nursery.c \
    %D%/orphan.c \
    %D%/outcome.c \
    %D%/pace.c \
    %D%/pack.c \
    %D%/parcel.c \
    %D%/park.c \
    %D%/park.h \
    %D%/place.c \
    %D%/process_pool.c \
    %D%/processes.c \
    %D%/processes.h \
    %D%/promise.c \
    %D%/queue.h \
    %D%/ring.h \
    %D%/room.c \
    %D%/rouse.c \
    %D%/rouse.h \
    %D%/run.h \
    %D%/scheduler.c \
    %D%/scheduler.h \
    %D%/search.c \
    %D%/self.h \
    %D%/send.c \
    %D%/set.h \
    %D%/slab.c \
    %D%/slab.h \
    %D%/stop.c \
    %D%/submit.c \
    %D%/thread.c \
    %D%/threads.c \
    %D%/time.c \
    %D%/unpack.c \
    %D%/wait.c \
    %D%/wait.h
%C%_libcf_la_CFLAGS = $(AM_CFLAGS) -fvisibility=hidden

# current:revision:age, as libtool counts the interface; see "How a release is made" in HACKING.md.  A thread that has
# used the library runs code of it at its exit, so the code stays, whoever calls dlclose().
%C%_libcf_la_LDFLAGS = $(SANITIZER_CFLAGS) -pthread -version-info 0:0:0 -Wl,-z,nodelete
