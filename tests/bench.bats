#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# make bench: what is measured, and the table, the pictures and the page that are made of it.

load helpers

bench=$SRCDIR/bench

need() {
    local tool

    for tool in "$@"; do
        command -v "$tool" >/dev/null || skip "$tool is missing"
    done
}

# shellcheck disable=SC2120 # tests do pass some
# measure [PATTERN...] - time a little of everything, or what the patterns name, in the build directory $build.
measure() {
    RUNS=1 PYTHON_RUNS=1 ONLY="$*" DELAY=0.002 FLAGS=10 NUMBERS="97 1000003 1000001" CC=cc CFLAGS=-O2 \
        "$bench/timings" "$build"
}

# What all of the tests look at is measured once.
setup_file() {
    export build=$BATS_FILE_TMPDIR/build
    export results=$build/bench/results
    mkdir "$build"
    ln -s "$PROGRAMS" "$build/programs"
    if command -v hyperfine >/dev/null && command -v jq >/dev/null; then
        measure >"$BATS_FILE_TMPDIR/log" 2>&1 && DELAY=0.02 "$bench/traces" "$build" >>"$BATS_FILE_TMPDIR/log" 2>&1 || {
            cat "$BATS_FILE_TMPDIR/log"
            return 1
        }
        if command -v gnuplot >/dev/null; then
            "$bench/draw" "$results" && "$bench/report" "$results" >"$results/report.html"
        fi
    fi
}

setup() {
    need hyperfine jq
    cd "$BATS_TEST_TMPDIR" || return
}

# replace PROGRAM SCRIPT - in a build directory of our own, let the shell script stand for the program.
replace() {
    build=$BATS_TEST_TMPDIR/build
    mkdir -p "$build/programs"
    ln -s "$PROGRAMS"/{flags,primes}_* "$build/programs"
    rm "$build/programs/$1"
    printf '#!/bin/sh\n%s\n' "$2" >"$build/programs/$1"
    chmod +x "$build/programs/$1"
}

# Two programs as they might have been timed: ten seconds and a half one, in Python 12 and one.
made_up_timings() {
    cat <<'END'
{ "machine": { "processors": 2, "flags": 194, "delay": 0.05 }, "results": [
  { "name": "libcf-flags_threadpool-30", "by": "libcf", "program": "flags_threadpool", "workers": 30,
    "median": 0.5, "min": 0.375, "max": 0.625 },
  { "name": "libcf-flags_sequential-1", "by": "libcf", "program": "flags_sequential", "workers": 1,
    "median": 10, "min": 9.5, "max": 10.5 },
  { "name": "Python-flags_threadpool-30", "by": "Python", "program": "flags_threadpool", "workers": 30,
    "median": 1, "min": 0.75, "max": 1.25 },
  { "name": "Python-flags_sequential-1", "by": "Python", "program": "flags_sequential", "workers": 1,
    "median": 12, "min": 11.5, "max": 12.5 },
  { "name": "libcf-primes_procs-4", "by": "libcf", "program": "primes_procs", "workers": 4,
    "median": 2, "min": 1.5, "max": 2.5 } ] }
END
}

# A trace of a pool of two: A takes 4 s, B and C beside it one each.
made_up_trace() {
    cat <<'END'
{ "traceEvents": [
  { "ph": "M", "name": "thread_name", "tid": 7, "args": { "name": "thread 2" } },
  { "ph": "M", "name": "thread_sort_index", "tid": 7, "args": { "sort_index": 2 } },
  { "ph": "M", "name": "thread_name", "tid": 8, "args": { "name": "thread 1" } },
  { "ph": "M", "name": "thread_sort_index", "tid": 8, "args": { "sort_index": 1 } },
  { "ph": "b", "cat": "waiting", "id": 1, "name": "A", "ts": 1000000 },
  { "ph": "b", "cat": "waiting", "id": 2, "name": "B", "ts": 1100000 },
  { "ph": "b", "cat": "waiting", "id": 3, "name": "C", "ts": 1200000 },
  { "ph": "X", "cat": "call", "tid": 7, "name": "B", "ts": 1500000, "dur": 1000000 },
  { "ph": "X", "cat": "call", "tid": 7, "name": "C", "ts": 2500000, "dur": 1000000 },
  { "ph": "X", "cat": "call", "tid": 8, "name": "A", "ts": 1500000, "dur": 4000000 } ] }
END
}

# browser OPTION... - run chromium without a screen.  In TMPDIR it makes a socket, whose path must not be long.
browser() {
    TMPDIR=/tmp timeout 50 chromium --headless --no-sandbox --disable-gpu --user-data-dir="$PWD/profile" \
        --hide-scrollbars "$@" 3>&-
}

# browse WIDTH - have a browser load the report in a frame of that width; leave in shown what the page was found to be
# and in complaints what the browser says.
browse() {
    need chromium
    jq -R -r -s --arg width "$1" '"<iframe width=\($width) height=800 srcdoc=\"\(@html)\"></iframe><p>
        <script>onload = () => {
            const page = document.querySelector(`iframe`).contentDocument, images = [...page.images];
            document.querySelector(`p`).textContent = `shown: ${page.title}, ` +
                `${images.filter(image => image.naturalWidth > 0).length} of ${images.length} images, ` +
                `${page.documentElement.scrollWidth} of ${page.documentElement.clientWidth} wide`;
        }</script>"' "$results/report.html" >page.html
    browser --enable-logging=stderr --window-size=1400,900 --dump-dom "file://$PWD/page.html" >dom 2>complaints
    grep -o 'shown: .* wide' dom | tee shown
}

@test "timings.json has the seconds of each program, ours and Python's, and what they depend on" {
    local by=libcf

    command -v python3 >/dev/null && by="Python libcf"
    jq -e --arg by "$by" '.machine as $machine
        | ([.results[].by] | unique | join(" ") == $by)
          and ([.results[] | select(.by == "libcf") | .program] | unique | length == 6)
          and ([.results[].workers] | unique | contains([1, 5, 10, 30, 100]))
          and all(.results[]; .median > 0 and .min <= .median and .median <= .max and (.times | length == 1)
              and (.date | test("^20..-..-..T..:..:..Z$")) and has("commit"))
          and all("processor", "kernel", "system", "compiler", "cflags", "python"; in($machine))
          and $machine.processors >= 1 and $machine.memory > 1000000' "$results/timings.json"
}

@test "ONLY measures what it names, and leaves the rest as it was" {
    mkdir -p build/bench
    ln -s "$PROGRAMS" build/programs
    cp -r "$results" build/bench
    build=build
    run -0 measure 'libcf-primes_threads-[12]' libcf-primes_sequential-1
    [ "$output" = "$(printf '==> libcf-primes_%s\n' sequential-1 threads-1 threads-2)" ]
    jq -e --slurpfile before "$results/timings.json" '($before[0].results | length) == (.results | length) and
        ((.results - $before[0].results) | map(.program) | unique == ["primes_sequential", "primes_threads"])' \
        build/bench/results/timings.json
}

@test "an ONLY that names nothing is an error, and says so" {
    mkdir build
    ln -s "$PROGRAMS" build/programs
    build=build
    run -1 measure none 'primes_*'
    [ "$output" = "timings: ONLY=none primes_*: there is nothing of that name" ]
    [ ! -e build/bench/results/timings.json ]
}

@test "a program that fails is named, and the measuring ends" {
    replace primes_threads 'exit 1'
    run -1 measure 'libcf-primes_*'
    [[ ${lines[-1]} == "timings: primes_threads "* ]]
}

@test "when it is ended, the server ends and its folder is gone" {
    replace flags_server "echo \$\$ >$PWD/pid; pwd >$PWD/folder; exec $PROGRAMS/flags_server \"\$@\""
    ONLY=libcf-flags_sequential-1 DELAY=20 setsid "$bench/timings" build >log 2>&1 3>&- &
    timings=$!
    wait_for 10 grep -q sequential log
    kill -s TERM -- "-$timings"
    wait "$timings" || status=$?
    [ "$status" -eq 143 ]
    run ! kill -0 "$(cat pid)"
    [ ! -e "$(cat folder)" ]
}

@test "the table's figures are those of timings.json" {
    "$bench/table" text "$results/timings.json" >table
    jq -r '.results[] | select(.by == "libcf") | [.program, .workers, .median, .min, .max] | @tsv' \
        "$results/timings.json" >rows
    [ "$(grep -c '^[fp][lr][^ ]*_' table)" -eq "$(wc -l <rows)" ]
    while read -r program workers median min max; do
        printf -v row '%s +%d +%.2f +%.2f to %.2f ' "$program" "$workers" "$median" "$min" "$max"
        grep -qE "^$row" table || { echo "not in the table: $row"; cat table; return 1; }
    done <rows
}

@test "a speed-up is over the sequential program of the language, and beside it stands the ideal one" {
    made_up_timings >timings.json
    run -0 "$bench/table" text timings.json
    diff - <(tr -s ' ' <<<"$output" | sed -n 's/^[fp][lr][^ ]*_/_/p') <<'END'
_sequential 1 10.00 9.50 to 10.50 1.0x 1.0x 12.00 11.50 to 12.50 1.0x 1.2x
_threadpool 30 0.50 0.38 to 0.62 20.0x 27.7x 1.00 0.75 to 1.25 12.0x 2.0x
_procs 4 2.00 1.50 to 2.50 - 2.0x - - - -
END
}

@test "the table is also to be had as Markdown and as HTML" {
    made_up_timings >timings.json
    run -0 "$bench/table" markdown timings.json
    [[ ${lines[3]} == "| flags_threadpool | 30 | 0.50 | 0.38 to 0.62 | 20.0x | 27.7x |"*"| 2.0x |" ]]
    run -0 "$bench/table" html timings.json
    [[ ${lines[2]} == "<tr><td>flags_threadpool</td><td>30</td><td>0.50</td>"*"<td>2.0x</td></tr>" ]]
}

@test "in the timeline of a map the reader gets what is done when all before it is" {
    made_up_trace >trace.json
    run -0 jq -n -r -f "$bench/timeline.jq" trace.json --args items "a map"
    [ "$(grep -E '^(title|row|call|got)' <<<"$output" | tr '\t' ' ')" = "$(cat <<'END'
title 0 0 0 a map
row 1 0 0 waiting
row 2 0 0 thread 1
row 3 0 0 thread 2
call 2 0.5 4.5 A
call 3 0.5 1.5 B
call 3 1.5 2.5 C
row 4 0 0 reader
got 4 4.5 4.5 A B C
END
    )" ]
    [ "$(sed -n 's/^waiting\t[0-9.]*\t//p' <<<"$output" | tr '\t' ' ')" = $'0 0.5 A\n0.1 0.5 B\n0.2 1.5 C' ]
    [ "$(sed -n 's/^held\t[0-9.]*\t//p' <<<"$output" | tr '\t' ' ')" = $'4.5 4.5 A\n1.5 4.5 B\n2.5 4.5 C' ]
}

@test "in the timeline of what is taken as completed the reader gets each when it is done" {
    made_up_trace >trace.json
    run -0 jq -n -r -f "$bench/timeline.jq" trace.json --args completion "as completed"
    [ "$(sed -n 's/^got\t//p' <<<"$output" | tr '\t' ' ')" = $'4 1.5 1.5 B\n4 2.5 2.5 C\n4 4.5 4.5 A' ]
}

@test "the traces that the timeline is made of have nine calls each, and in two of them the first is slow" {
    for name in sequential map map-slow completed-slow; do
        jq -e '[.traceEvents[] | select(.ph == "X" and .cat == "call")] | length == 9' "$results/traces/$name.json"
    done
    for name in map-slow completed-slow; do
        jq -e '[.traceEvents[] | select(.ph == "X")] | max_by(.dur).name == "BD"' "$results/traces/$name.json"
    done
}

@test "each picture is there as SVG, which adapts itself to the dark, and as PNG" {
    need gnuplot
    for name in speed-up seconds timeline; do
        [ "$(head -c 8 "$results/$name.png" | od -An -tx1 | tr -d ' ')" = 89504e470d0a1a0a ]
        grep -q 'prefers-color-scheme: dark' "$results/$name.svg"
        if command -v xmllint >/dev/null; then
            xmllint --noout "$results/$name.svg"
        else
            [ "$(tail -n 1 "$results/$name.svg")" = "</svg>" ]
        fi
    done
}

@test "the pictures in README.md are small and there" {
    for name in speed-up timeline; do
        grep -qF "(bench/pictures/$name.svg)" "$SRCDIR/README.md"
        [ "$(stat -c %s "$bench/pictures/$name.svg")" -lt 61440 ]
    done
}

@test "the report has the table and each picture in it, and needs no other file" {
    need gnuplot
    "$bench/table" html "$results/timings.json" | while read -r row; do
        grep -qxF "$row" "$results/report.html"
    done
    for name in speed-up seconds timeline; do
        grep -qF "data:image/svg+xml;base64,$(base64 -w 0 "$results/$name.svg")\"" "$results/report.html"
    done
    run ! grep -E 'https?:|src="[^d]|<link|@import' "$results/report.html"
}

@test "a browser shows the report with all its images, and has nothing to complain of" {
    need gnuplot
    browse 1200
    grep -q 'shown: libcf and Python, side by side, 3 of 3 images, ' shown
    run ! grep CONSOLE complaints
}

@test "a browser takes a picture of the report, which is kept as tests/report.png of the build" {
    need gnuplot chromium
    picture=$(cd "$PROGRAMS/../tests" && pwd)/report.png
    rm -f "$picture"
    browser --window-size=1200,3000 --screenshot="$picture" "file://$results/report.html"
    # An empty page of that size has less than 20 kB.
    [ "$(stat -c %s "$picture")" -gt 50000 ]
}

@test "on a phone the page is no wider than the screen" {
    need gnuplot
    browse 360
    grep -q ', 360 of 360 wide$' shown
}
