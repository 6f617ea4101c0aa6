#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# What --trace writes.

load helpers

FLAGS=(flags_sequential flags_threadpool flags_asCompleted)
PRIMES=(primes_sequential primes_threads primes_procs)

setup() {
    cd "$BATS_TEST_TMPDIR" || return
}

teardown() {
    if [ -n "${public-}" ]; then rm -rf "$public"; fi
    if mountpoint -q disk; then umount disk; fi
    stop_servers
}

# A number that takes trial division some seconds.
SLOW=18446744073709551557

# events FILTER - what the filter of jq makes of the array of events in the file trace, as text.
events() {
    jq -r ".traceEvents | $1" trace
}

# holds FILTER - check that it is true of the array of events.
holds() {
    jq -e ".traceEvents | $1" trace >verdict || { echo "not so: $1" >&2 && cat trace >&2 && return 1; }
}

# check_form - check what is so of every trace: its frame, the process's name, names and places of all rows, no row in
# which spans overlap, and for each call that was not traced by the program itself a time of waiting that ends where the
# call begins.  All is rounded to nanoseconds.
check_form() {
    [ "$(jq -c 'del(.traceEvents)' trace)" = '{"displayTimeUnit":"ms"}' ]
    holds "map(select(.name == \"process_name\")) | length == 1 and .[0].args.name == \"$1\""
    holds '(map(.pid) | unique | length) == 1'
    holds '([.[] | select(.ph == "X").tid] | unique) as $rows |
        ([.[] | select(.name == "thread_name").tid] | sort) == $rows and
        ([.[] | select(.name == "thread_sort_index").tid] | sort) == $rows'
    holds '[.[] | select(.ph == "X")] | all(.cat == "call" and .ts >= 0 and .dur >= 0)'
    holds '[.[] | select(.ph == "X")] | group_by(.tid) | all(sort_by(.ts) |
        [.[:-1], .[1:]] | transpose | all(.[0].ts + .[0].dur <= .[1].ts + 0.0005))'
    holds '([.[] | select(.ph == "b")] | map(.id) | unique | length) == ([.[] | select(.ph == "b")] | length)'
    holds '[.[] | select(.cat == "waiting")] | group_by(.id) | all(length == 2 and .[0].ph == "b" and .[1].ph == "e" and
        .[0].name == .[1].name and .[0].ts <= .[1].ts)'
}

# check_waiting - check that each span of a call begins where a time of waiting with its name ends.
check_waiting() {
    holds '([.[] | select(.ph == "e" and .args == null) | [.name, .ts]] | sort) ==
        ([.[] | select(.ph == "X") | [.name, .ts]] | sort)'
    holds '([.[] | select(.cat == "waiting")] | group_by(.id) | map(select(.[1].args == null) |
        [.[0].name, .[1].ts, ((.[1].ts - .[0].ts) * 1000 | round)]) | sort) ==
        ([.[] | select(.ph == "X") | [.name, .ts, (.args.wait * 1000 | round)]] | sort)'
}

# begin PROGRAM ARGUMENT... - start the program in the background, its output in the files out and err, and its pid in
# PID.  A shell lets what it starts there ignore SIGINT; this does not.
begin() {
    env --default-signal=INT "$@" >out 2>err 3>&- &
    PID=$!
}

# interrupt - send it SIGINT, and check that it dies of that.
interrupt() {
    local status=0

    kill -s INT "$PID"
    wait "$PID" || status=$?
    [ "$status" -eq 130 ] || { echo "status $status" >&2 && cat err >&2 && return 1; }
}

# as_nobody COMMAND... - run it without the rights of root, to whom nothing is refused.
as_nobody() {
    if [ "$(id -u)" -eq 0 ]; then
        (cd / && setpriv --reuid=65534 --regid=65534 --clear-groups "$@")
    else
        "$@"
    fi
}

needs_signals() {
    [[ $SANITIZER != *thread* ]] || skip "ThreadSanitizer delays signals"
}

@test "each download is a span with the name of its country, and is ok" {
    start_server --made-up
    for program in "${FLAGS[@]}"; do
        "$program" -a -s "$SERVER_URL" --trace trace >out
        check_form "$program"
        diff <(codes | sort) <(events '.[] | select(.ph == "X").name' | sort)
        [ "$(events '.[] | select(.ph == "X").args.outcome' | sort -u)" = ok ]
    done
}

@test "each number that takes long is a span with its name, and is ok" {
    for program in "${PRIMES[@]}"; do
        "$program" --method=trial --trace trace 3333333333333333 7777777777777777 99990000001 2>err >out
        check_form "$program"
        [ "$(events '.[] | select(.ph == "X").name' | sort | tr '\n' ' ')" = \
            "3333333333333333 7777777777777777 99990000001 " ]
        [ "$(events '.[] | select(.ph == "X").args.outcome' | sort -u)" = ok ]
    done
}

@test "numbers that are checked together are one span, named by the first and the last" {
    (echo ' 7 # seven' && seq 100000 100998 && echo '   0x3e7') >numbers
    for program in "${PRIMES[@]}"; do
        "$program" -i numbers --trace trace >out
        check_form "$program"
        [ "$(events '.[] | select(.ph == "X").name')" = "7 to 0x3e7" ]
        # The calls are as many as the batches, and together have all lines.
        seq 300000 | "$program" --count -i - --trace trace >out
        check_form "$program"
        events '[.[] | select(.ph == "X")] | sort_by(.name | tonumber? // (split(" ")[0] | tonumber)) | .[].name' >names
        [ "$(wc -l <names)" -gt 1 ]
        [ "$(head -n 1 names | cut -d ' ' -f 1)" = 1 ]
        [ "$(tail -n 1 names | cut -d ' ' -f 3)" = 300000 ]
        paste <(sed 1d names | cut -d ' ' -f 1) <(sed \$d names | cut -d ' ' -f 3) | awk '$1 != $2 + 1 { exit 1 }'
    done
}

# traces CALLS NAMES ROWS COMMAND... - check that the command traces so many calls, under names and in rows that match.
traces() {
    "${@:4}" --trace trace >out
    check_form "$4"
    check_waiting
    holds "[.[] | select(.ph == \"b\")] | length == $1"
    events '.[] | select(.ph == "b").name' | LC_ALL=C sort -u >names
    events '.[] | select(.name == "thread_name").args.name' >rows
    run ! grep -vxE "$2" names
    run ! grep -vxE "$3" rows
}

# not_ok - what the outcomes are that are not ok, one a line.
not_ok() {
    events '.[].args.outcome // "ok" | select(. != "ok")' | sort
}

@test "each demonstration traces all of its calls, in the rows of those who ran them" {
    start_server --delay 0.2
    export CF_CPU_COUNT=2
    threads='thread [1-9]'
    everywhere='inline|thread [12]|pid [0-9]+'
    traces 3 "$SERVER_URL/(br|us|in)/(br|us|in).png" "$threads" demo_bytes --server "$SERVER_URL" br us in
    [ "$(wc -l <names)" -eq 3 ]
    traces 8 'task\([1-5]\)|power\([2-4], [0-9]+\)' "$threads" demo_map --unit 0.01
    [ "$(wc -l <names)" -eq 8 ]
    traces 6 'BR|CN|ID|IN|US|DE' "$threads" demo_lifecycle --server "$SERVER_URL"
    [ "$(not_ok)" = "errno:125 cancelled before it started" ]
    traces 32 tell_worker "$threads|pid [0-9]+" demo_workers --unit 0.1
    grep -q pid rows
    # Where the first map is left, 4 and 5 may be cancelled.
    traces 15 'might_fail\([1-5]\)' "$threads" demo_errors
    [ "$(not_ok | grep -cx 'errno:22 Bad value')" -eq 3 ]
    traces 40 'process\(1?[0-9]\)' "$threads" demo_batches --items 20 --workers 9
    [ "$(wc -l <names)" -eq 20 ]
    traces 36 'nothing|read|hash|compute' "$everywhere" demo_choose --files 3 --size 1 --rounds 1
    [ "$(sed 's/ .*//' rows | sort -u | xargs)" = "inline pid thread" ]
    traces 12 'wait_for_data|check_prime' "$everywhere" demo_switch --items 2 --workers 2
    [ "$(sed 's/ .*//' rows | sort -u | xargs)" = "inline pid thread" ]
    traces 8 'fetch\([1245]\)' "$threads" demo_timeout --unit "0.$SLACK"
    [[ $(tail -n 1 out) == *"3 came in time, 3 ran on in vain, 2 were cancelled" ]]
    [ "$(not_ok | wc -l)" -eq 2 ]
    traces 5 'mirror [1-5]' "$threads" demo_first --unit "0.$SLACK"
    [ "$(not_ok | wc -l)" -eq 4 ]
}

@test "a demonstration shows no password in its trace, and says what it could not write there" {
    start_server
    demo_bytes --server "${SERVER_URL/\/\//\/\/me:secret@}" br --trace trace >out
    [ "$(events '.[] | select(.ph == "X").name')" = "${SERVER_URL/\/\//\/\/me@}/br/br.png" ]
    run ! grep -q secret trace
    for file in nowhere/trace /dev/full; do
        run -1 --separate-stderr demo_map --trace $file
        [[ $stderr == "demo_map: $file: No "* ]]
        [ -z "$output" ]
    done
    run -1 --separate-stderr bash -c "ulimit -f 1; trap '' XFSZ; exec demo_batches --trace trace"
    [ "$stderr" = "demo_batches: trace: File too large" ]
    [[ $output == *"the same results" ]]
}

@test "there is a row for each worker that did something, named after it and in their order" {
    start_server --made-up --delay 0.02
    for program in flags_threadpool flags_asCompleted; do
        "$program" -a -m 11 -s "$SERVER_URL" --trace trace >out
        check_form "$program"
        # 194 downloads of a fiftieth of a second each leave none of eleven idle.
        [ "$(events '[.[] | select(.name == "thread_sort_index")] | sort_by(.args.sort_index) | .[].tid' | wc -l)" -eq 11 ]
        events '. as $all | [.[] | select(.name == "thread_sort_index")] | sort_by(.args.sort_index) | .[].tid as $row |
            $all[] | select(.name == "thread_name" and .tid == $row).args.name' >names
        diff names <(printf 'thread %d\n' {1..11})
    done
    primes_threads -w 2 --trace trace >out
    check_form primes_threads
    [ "$(events '.[] | select(.name == "thread_name").args.name' | sort | tr '\n' ,)" = "thread 1,thread 2," ]
}

@test "the rows of processes are named by their pids" {
    primes_procs -w 2 --json --trace trace >out
    check_form primes_procs
    diff <(events '.[] | select(.name == "thread_name").args.name' | sort) \
        <(jq -r 'select(.prime != null).worker' out | sort -u)
    grep -q '^pid [0-9]*$' <(events '.[] | select(.name == "thread_name").args.name')
    [ "$(events '[.[] | select(.ph == "X").tid] | unique | length')" -eq 2 ]
}

@test "a program without workers has one row, main, and nothing waits there" {
    start_server
    flags_sequential -s "$SERVER_URL" --trace trace >out
    [ "$(events '.[] | select(.name == "thread_name").args.name')" = main ]
    holds 'all(.cat != "waiting") and ([.[] | select(.ph == "X")] | length == 20 and all(.args.wait == 0))'
    primes_sequential --trace trace >out
    [ "$(events '.[] | select(.name == "thread_name").args.name')" = main ]
    holds 'all(.cat != "waiting") and ([.[] | select(.ph == "X")] | length == 20 and all(.args.wait == 0))'
}

@test "a call waits from when it was submitted until its span begins" {
    start_server --made-up --delay 0.05
    for program in flags_threadpool flags_asCompleted; do
        "$program" br us de -m 1 -s "$SERVER_URL" --trace trace >out
        check_waiting
        # The first, second and third wait for none, one and two others.
        for n in 0 1 2; do
            holds "[.[] | select(.ph == \"X\")] | sort_by(.ts)[$n].args.wait |
                . >= $n * 50000 and . < $((n + 1)) * 50000 * $SLACK"
        done
    done
    for program in primes_threads primes_procs; do
        "$program" --trace trace >out
        check_waiting
        holds '[.[] | select(.ph == "X")] | length == 20'
    done
}

@test "times are microseconds from the start of the trace" {
    start_server --made-up --delay 0.2
    for program in "${FLAGS[@]}"; do
        "$program" br -s "$SERVER_URL" --trace trace >out
        holds "[.[] | select(.ph == \"X\")] | .[0].dur >= 200000 and .[0].dur < 400000 * $SLACK and
            .[0].ts < 1000000 * $SLACK"
        # Nanoseconds are told, too.
        holds '[.[] | select(.ph == "X") | .ts, .dur] | any(. != floor)'
    done
}

@test "a span tells of an error" {
    start_server --fault=cut=US
    for program in "${FLAGS[@]}"; do
        run -1 "$program" br us zz -s "$SERVER_URL" --trace trace
        check_form "$program"
        holds '[.[] | select(.ph == "X") | { (.name): .args.outcome }] | add |
            .BR == "ok" and (.US | test("^[A-Za-z]")) and .ZZ == "http:404 HTTP error 404 - Not Found"'
    done
    run -1 primes_procs --method=trial --call-timeout=0.2 7 $SLOW 11 --trace trace
    check_form primes_procs
    check_waiting
    holds "[.[] | select(.ph == \"X\") | { (.name): .args.outcome }] | add |
        .[\"11\"] == \"ok\" and (.[\"$SLOW\"] | test(\"^signal:[0-9]+ it took longer than it may\"))"
}

@test "after Ctrl-C, calls that were cancelled have waited and did not run, and those that ran were interrupted" {
    needs_signals
    start_server --fault=hang=1
    for program in flags_threadpool flags_asCompleted; do
        : >"$SERVER_LOG"
        begin "$program" ad af br de us -m 2 -s "$SERVER_URL" --trace trace
        wait_for 5 test -s out
        sleep $((SLACK / 2 + 1))
        interrupt
        check_form "$program"
        check_waiting
        diff <(events '.[] | select(.ph == "X") | .name + " " + .args.outcome' | sort) - <<<$'AD interrupted\nAF interrupted'
        diff <(events '.[] | select(.ph == "e" and .args != null) | .name + " " + .args.outcome' | sort) - <<END
BR errno:125 cancelled before it started
DE errno:125 cancelled before it started
US errno:125 cancelled before it started
END
    done
}

@test "a division that was interrupted is no success" {
    needs_signals
    for program in "${PRIMES[@]}"; do
        begin "$program" --method=trial --json 7 $SLOW --trace trace
        sleep $((SLACK / 2 + 1))
        interrupt
        check_form "$program"
        # On a busy machine the program may give up before its worker has noticed.
        holds "[.[] | select(.ph == \"X\") | { (.name): .args.outcome }] | add |
            .[\"7\"] == \"ok\" and (.[\"$SLOW\"] | IN(\"interrupted\", \"has not ended\"))"
    done
}

@test "a number that nothing can interrupt is in the trace up to Ctrl-C" {
    needs_signals
    echo 7 >numbers
    # 2^216091 - 1 is prime, so there is no end to it.
    printf '0x7%s\n' "$(printf 'f%.0s' {1..54022})" >>numbers
    for program in primes_threads primes_procs; do
        begin "$program" -i numbers --trace trace
        sleep $((SLACK / 2 + 1))
        interrupt
        check_form "$program"
        check_waiting
        holds '[.[] | select(.ph == "X" and (.name | test("^0x7f+\\.\\.\\.f+$")))] |
            length == 1 and .[0].args.outcome == "has not ended" and .[0].dur > 500000'
    done
    begin primes_sequential -i numbers --trace trace
    sleep $((SLACK / 2 + 1))
    interrupt
    check_form primes_sequential
    [ "$(events '.[] | select(.ph == "X").name')" = 7 ]
}

@test "a program that gives up its output leaves a whole trace" {
    for program in "${PRIMES[@]}"; do
        run -1 --separate-stderr bash -c "yes $SLOW 2>yes.err | $program --primes-only -i - --trace trace >/dev/full"
        [ "$stderr" = "$program: standard output: No space left on device" ]
        check_form "$program"
        holds 'any(.ph == "X")'
    done
}

@test "what is there of a program that was killed is not JSON" {
    start_server --fault=hang=1
    for program in "${FLAGS[@]}"; do
        begin "$program" -s "$SERVER_URL" --trace trace
        wait_for 5 test -s trace
        kill -s KILL "$PID"
        wait "$PID" || :
        run ! jq . trace
        rm trace
    done
}

@test "a trace takes the place of what was in its file, and may go to a pipe" {
    mkfifo pipe
    seq 10000 20000 >trace
    for program in "${PRIMES[@]}"; do
        "$program" --trace trace 7 >out
        check_form "$program"
        jq -c '.traceEvents | map(select(.ph == "X").name)' pipe >names 3>&- &
        "$program" --trace pipe 7 >out
        wait $!
        [ "$(cat names)" = '["7"]' ]
    done
}

@test "a trace that cannot be begun is an error, and nothing else is begun" {
    start_server
    # as_nobody: root may write anywhere.
    public=$(mktemp -d /tmp/trace.XXXXXX)
    chmod 755 "$public"
    mkdir "$public/closed"
    chmod 555 "$public/closed"
    for program in "${FLAGS[@]}" "${PRIMES[@]}"; do
        arguments=(7)
        if [[ $program == flags* ]]; then arguments=(br -s "$SERVER_URL" -o downloaded); fi
        run -1 --separate-stderr "$program" "${arguments[@]}" --trace nowhere/trace
        [ "$stderr" = "$program: nowhere/trace: No such file or directory" ]
        [ -z "$output" ]
        run -1 --separate-stderr "$program" "${arguments[@]}" --trace /dev/full
        [ "$stderr" = "$program: /dev/full: No space left on device" ]
        [ -z "$output" ]
        cp "$PROGRAMS/$program" "$public"
        run -1 --separate-stderr as_nobody "$public/$program" "${arguments[@]}" --trace "$public/closed/trace"
        [ "$stderr" = "$program: $public/closed/trace: Permission denied" ]
        [ -z "$output" ]
    done
    [ ! -e downloaded ]
    [ ! -s "$SERVER_LOG" ]
}

@test "a trace does not overwrite the numbers that it is about" {
    seq 9 >numbers
    ln numbers same
    run -2 primes_threads --input numbers --trace same
    [[ $output == *"same: the trace would overwrite the input"* ]]
    [ "$(cat numbers)" = "$(seq 9)" ]
}

@test "a trace that finds no room is an error that names it, after everything else was done" {
    start_server --made-up
    for program in "${FLAGS[@]}"; do
        rm -rf downloaded
        run -1 --separate-stderr bash -c "ulimit -f 8; exec $program -a -s $SERVER_URL --trace trace"
        [ "$stderr" = "$program: trace: File too large" ]
        [[ $output == *"194 flags downloaded."* ]]
        run ! jq . trace
    done
    # This is so short that it is written when the file is closed, and not before.
    seq -f %.0f 1000000000000002 2 1000000000000016 >numbers
    run -1 --separate-stderr bash -c "ulimit -f 1; exec primes_sequential --count --method=trial -i numbers --trace trace"
    [ "$stderr" = "primes_sequential: trace: File too large" ]
    [ "$output" = 0 ]
    [ "$(id -u)" -eq 0 ] || skip "only root can mount a small disk"
    mkdir disk
    mount -t tmpfs -o size=64k small disk || skip "mounting is not allowed here"
    # Numbers that travel alone, so that there are many calls.
    seq -f %.0f 1000000000000001 2 1000000000000601 >numbers
    for program in primes_threads primes_procs; do
        run -1 --separate-stderr "$program" --method=trial --count -i numbers --trace disk/trace
        [ "$stderr" = "$program: disk/trace: No space left on device" ]
        [ "$output" -gt 0 ]
        run ! jq . disk/trace
    done
}
