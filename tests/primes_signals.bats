#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# The programs that check numbers, interrupted; and their workers, killed.

load helpers

POOLS=(primes_threads primes_procs)
ALL=(primes_sequential "${POOLS[@]}")

setup() {
    cd "$BATS_TEST_TMPDIR" || return
}

# begin PROGRAM ARGUMENT... - start the program in the background as the leader of a process group, its output in the files
# out and err, and its pid in PID.  A shell lets what it starts there ignore SIGINT; this does not.
begin() {
    : >out
    setsid env --default-signal=INT,TERM,HUP "$@" > >(cat >out 3>&-) 2>err 3>&- &
    PID=$!
}

# end SIGNAL - send it, wait for the end of the program, and check that it died by this signal in time, and all of its
# processes with it.
end() {
    local number status=0

    number=$(kill -l "$1")
    kill -s "$1" "$PID"
    timed wait "$PID" || status=$?
    [ "$status" -eq $((128 + number)) ] || { echo "status $status" >&2 && return 1; }
    [ "$MILLISECONDS" -lt $((200 * SLACK)) ] || { echo "it took $MILLISECONDS ms" >&2 && return 1; }
    wait_for $((2 * SLACK)) no_process "$PID"
}

# no_process PID - tell whether no process of the group is left but those that write its output.
no_process() {
    ! pgrep -g "$1" -f primes_ >processes
}

# needs_signals - skip the test under ThreadSanitizer, which holds a signal back while the main thread sleeps in a futex.
needs_signals() {
    [[ $SANITIZER != *thread* ]] || skip "ThreadSanitizer delays signals"
}

# workers - print the pids of the worker processes of the program: the group's members whose parent is the nursery, and
# that is a member whose parent is none.
workers() {
    local nursery

    nursery=$(pgrep -g "$PID" -f primes_ | grep -vx "$PID" | while read -r pid; do
        parent=$(ps -o ppid= -p "$pid") || continue
        pgrep -g "$PID" -f primes_ | grep -qx "${parent// /}" || echo "$pid"
    done | head -n 1)
    [ -n "$nursery" ] && pgrep -P "$nursery"
}

# kill_one - kill a worker, once there is one.
kill_one() {
    wait_for 5 workers >pids
    kill -s KILL "$(head -n 1 pids)"
}

# kill_busiest - kill the worker that has used the most processor time.
kill_busiest() {
    for pid in $(workers); do
        awk '{ print $14, $1 }' "/proc/$pid/stat"
    done | sort -n | tail -n 1 >busiest
    kill -s KILL "$(cut -d ' ' -f 2 busiest)"
}

# A number that takes trial division some seconds.
SLOW=18446744073709551557

@test "a signal ends a program within 0.2 s in the midst of a division, and it reports what is done" {
    needs_signals
    for program in "${ALL[@]}"; do
        for signal in INT TERM HUP; do
            begin "$program" --method=trial 7 11 $SLOW 13
            wait_for 5 grep -q ' 11 P ' out
            end $signal
            wait_for 1 grep -q '^Total time: ' out
            [ "$(sed 1d out | awk 'NF > 2 { print $1 }' | head -n 2 | tr '\n' ' ')" = "7 11 " ]
            ! grep -q $SLOW out || return
            [ ! -s err ]
        done
    done
}

@test "a signal ends a program within 0.2 s in the midst of a long computation of GMP's" {
    needs_signals
    echo 7 >numbers
    # 2^216091 - 1 is prime, so there is no end to it.
    printf '0x7%s\n' "$(printf 'f%.0s' {1..54022})" >>numbers
    for program in "${ALL[@]}"; do
        begin "$program" -i numbers
        sleep 0.5
        end INT
        wait_for 1 grep -q '^Total time: ' out
    done
}

@test "a signal ends a program within 0.2 s that waits for its input" {
    needs_signals
    mkfifo pipe
    for program in "${ALL[@]}"; do
        begin "$program" -i pipe
        exec {writer}>pipe
        echo 7 >&"$writer"
        wait_for 5 grep -q ' 7 P ' out
        end INT
        wait_for 1 grep -q '^Total time: ' out
        exec {writer}>&-
    done
}

@test "a signal ends a program within 0.2 s that is at work on an endless stream" {
    needs_signals
    for program in "${ALL[@]}"; do
        for mode in --primes-only --json --unordered; do
            begin "$program" $mode -i <(yes 18446744073709551557 2>yes.err)
            wait_for 10 test -s out
            sleep 0.2
            end TERM
        done
        grep -q '18446744073709551557' out
    done
}

@test "a signal ends a program within 0.2 s whose output is a pipe that is full and nobody reads" {
    needs_signals
    mkfifo pipe
    exec {reader}<>pipe
    dd if=/dev/zero of=pipe bs=4096 oflag=nonblock 2>dd.err || :
    for program in "${ALL[@]}"; do
        for mode in --count --json; do
            setsid env --default-signal=INT "$program" $mode --method=trial $SLOW >&"$reader" 2>err 3>&- &
            PID=$!
            sleep 0.3
            end INT
        done
        setsid env --default-signal=INT "$program" --primes-only -i <(yes 7 2>yes.err) >&"$reader" 2>err 3>&- &
        PID=$!
        sleep 0.3
        end INT
    done
    exec {reader}>&-
}

@test "a signal that comes twice at once, as from timeout, counts as one" {
    needs_signals
    for program in "${ALL[@]}"; do
        run -124 timeout -s TERM 1 "$program" --method=trial 7 $SLOW
        [[ $output == *" 7 P "*"Total time: "* ]]
    done
}

@test "a signal that is ignored from the start stays ignored" {
    for program in "${ALL[@]}"; do
        (trap '' INT HUP && exec "$program") >out 2>err 3>&- &
        PID=$!
        sleep 0.1
        kill -s INT "$PID"
        kill -s HUP "$PID"
        wait "$PID"
        [ "$(grep -c ' P ' out)" -eq 9 ]
    done
}

@test "a program that is killed leaves no process" {
    begin primes_procs -w 2 --method=trial $SLOW $SLOW
    wait_for 5 workers >pids
    kill -s KILL "$PID"
    wait "$PID" || [ $? -eq 137 ]
    wait_for 2 no_process "$PID"
}

@test "a program whose reader has gone leaves no process" {
    # shellcheck disable=SC2016 # the other shell expands it
    setsid env --default-signal=PIPE sh -c 'echo $$ >pid; exec primes_procs --primes-only -i -' \
        < <(yes 7 2>yes.err) 2>err | head -n 1 >first
    [ "$(cat first)" = 7 ]
    wait_for 2 no_process "$(cat pid)"
    [ ! -s err ]
}

@test "a killed worker costs the number that it was checking, which is named" {
    for _ in 1 2 3; do
        begin primes_procs -w 2 --method=trial $SLOW 7 11
        wait_for 5 workers >pids
        sleep 0.2
        kill_busiest
        wait "$PID" || [ $? -eq 1 ]
        [ "$(cat err)" = "primes_procs: '$SLOW' was not checked: worker lost: the worker died of SIGKILL: possibly out of memory" ]
        wait_for 1 grep -q '^Total time: ' out
        [ "$(awk '$2 == "P" { print $1 }' out | tr '\n' ' ')" = "7 11 " ]
        [ "$(wc -l <out)" -eq 4 ]
    done
}

@test "a killed worker costs none of the numbers that it was checking together" {
    seq 3000000 >numbers
    primes_sequential --primes-only -i numbers >expected
    [ "$(wc -l <expected)" -eq 216816 ]
    # Slowly enough for it to last.
    begin primes_procs --method=trial -w 3 --primes-only -i numbers
    for _ in 1 2 3 4 5 6 7 8; do
        sleep 0.1
        kill_one || break
    done
    wait "$PID"
    wait_for 1 cmp out expected
    [ ! -s err ]
}

@test "every worker killed, again and again, costs one number each, and the rest is right" {
    # The twenty alone are over before a busy machine has found the workers four times.
    seq 9999999999900001 2 9999999999901999 | primes_sequential --method=auto --primes-only -i - >primes
    [ "$(wc -l <primes)" -gt 40 ]
    { echo 2; sed '/^2$/d' "$SRCDIR/data/numbers.txt"; cat primes; } >numbers
    begin primes_procs -w 2 --method=trial --primes-only -i numbers
    kills=0
    for _ in 1 2 3 4; do
        sleep 0.15
        for pid in $(workers); do
            kill -s KILL "$pid" && kills=$((kills + 1))
        done
    done
    wait "$PID" || [ $? -eq 1 ]
    sleep 0.1
    lost=$(grep -c 'was not checked: worker lost' err || :)
    echo "$kills killed, $lost lost" >&2
    [ "$lost" -le "$kills" ]
    [ "$lost" -gt 0 ]
    # Each prime is printed or named.
    sed -n "s/^primes_procs: numbers:[0-9]*: '\([0-9]*\)' was .*/\1/p" err | cat - out | sort -u >seen
    primes_sequential --method=auto --primes-only -i numbers | sort | comm -23 - seen >missing
    [ ! -s missing ]
    grep -vxF -f <(primes_sequential --method=auto --primes-only -i numbers) out >wrong || :
    [ ! -s wrong ]
}

@test "--call-timeout gives up numbers that take too long, by name, and no others" {
    run -1 --separate-stderr primes_procs -w 2 --method=trial --call-timeout 0.$((SLACK * 2)) --primes-only 7 $SLOW 11 \
        18446744073709551533 13
    [ "$output" = "$(printf '%s\n' 7 11 13)" ]
    [ "$stderr" = "primes_procs: '$SLOW' was not checked: timed out: it took longer than it may
primes_procs: '18446744073709551533' was not checked: timed out: it took longer than it may" ]
}

@test "--call-timeout gives up a computation of GMP's as well" {
    run -1 --separate-stderr primes_procs --call-timeout 0.$((SLACK * 2)) --count -i - < <(
        seq 10
        printf '0x7%s\n' "$(printf 'f%.0s' {1..54022})"
        seq 11 20
    )
    [ "$output" = 8 ]
    [ "$stderr" = "primes_procs: standard input:11: '0x7fffffffffffffffffffffffff...ffffffffffffffffffffffffffff' was not checked: timed out: it took longer than it may" ]
}

@test "many numbers in a row that take too long do not end the program" {
    { echo 7; for _ in {1..20}; do echo $SLOW; done; echo 11; } >numbers
    run -1 --separate-stderr primes_procs --method=trial --call-timeout 0.$((SLACK * 2)) --primes-only -i numbers
    [ "$output" = "$(printf '%s\n' 7 11)" ]
    [ "${#stderr_lines[@]}" -eq 20 ]
}

@test "a pool that cannot be made is an error" {
    run -1 --separate-stderr sh -c 'ulimit -n 8; exec primes_procs --count 7'
    [[ $stderr == "primes_procs: "*"Too many open files"* ]]
}
