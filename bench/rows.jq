# SPDX-License-Identifier: MIT
# What the table and the pictures show of timings.json: jq -L bench 'include "rows"; rows' timings.json

# flags or primes
def family: .program | split("_")[0];

# How many times as fast so many workers are if nothing but the server's delay takes time, or the processors' work.
def ideal($machine):
    if family == "flags" then $machine.flags / ($machine.flags / .workers | ceil)
    else [.workers, $machine.processors] | min end;

def place($program):
    ["sequential", "threadpool", "asCompleted", "threads", "procs"] | index($program | split("_")[1]);

# All that was timed, each with its speed-up over the sequential program in the same language, or null.
def timed:
    .machine as $machine
    | .results
    | (map(select(.program | endswith("_sequential")) | { key: (.by + family), value: .median }) | from_entries)
        as $first
    | map($first[.by + family] as $sequential
          | . + { family: family, ideal: ideal($machine),
                  speed_up: (if $sequential then $sequential / .median else null end) })
    | sort_by(.family, place(.program), .workers);

# A row for each of our programs and number of workers; .python is the same of Python's, or null.
def rows:
    timed as $timed
    | ($timed | map({ key: .name, value: . }) | from_entries) as $named
    | $timed[] | select(.by == "libcf") | .python = $named["Python-\(.program)-\(.workers)"];
