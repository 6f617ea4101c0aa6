#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# The demonstrations of the memo's patterns: choosing and switching executors, timeouts, the first of several, batches.

load helpers

PATTERNS=(demo_batches demo_choose demo_first demo_switch demo_timeout)

setup() {
    cd "$BATS_TEST_TMPDIR" || return
}

# A second of the memo, long enough for a sanitizer build.
UNIT=0.2
[ "$SLACK" -eq 1 ] || UNIT=0.5

# said - print the output without the clock.
said() {
    sed 's/^\[[0-9:.]*\] //' <<<"$output"
}

# lasted PERCENT - print so much of a second of the memo in milliseconds.
lasted() {
    awk -v unit="$UNIT" -v percent="$1" 'BEGIN { printf "%d\n", 10 * unit * percent }'
}

# cell ROW COLUMN - print what stands there in the output.
cell() {
    awk -v name="$1" -v column="$2" '$0 ~ "^" name { print $column; exit }' <<<"$output"
}

# less A B - tell whether one decimal number is less than the other.
less() {
    awk -v a="$1" -v b="$2" 'BEGIN { exit !(a + 0 < b + 0) }'
}

@test "each has --help and --version, and takes no option that it does not know and no number out of bounds" {
    for demo in "${PATTERNS[@]}"; do
        run -0 "$demo" --help
        [[ ${lines[0]} == "Usage: $demo [OPTION]..."* ]]
        run -0 "$demo" --version
        [[ ${lines[0]} == "$demo (libcf) "* ]]
        run -2 --separate-stderr "$demo" --nonsense
        [ -z "$output" ]
        run -2 --separate-stderr "$demo" --workers 0
        [ "${stderr_lines[0]}" = "$demo: --workers: '0' is not a whole number from 1 to 10000" ]
    done
    for demo in demo_batches demo_switch demo_timeout; do
        run -2 --separate-stderr "$demo" something
        [ "${stderr_lines[0]}" = "$demo: 'something': this program takes no arguments but options" ]
    done
}

@test "each says so when its output cannot be written" {
    for demo in demo_batches "demo_choose --rounds 1 --files 1" "demo_first --unit 0.02" demo_switch \
        "demo_timeout --unit 0.02"; do
        run -1 --separate-stderr bash -c "$demo >/dev/full"
        [[ $stderr == "${demo%% *}: standard output: "* ]]
    done
}

@test "demo_timeout prints what comes in time, in order, then gives up: pending calls are cancelled, others run on" {
    timed run -0 demo_timeout --unit "$UNIT"
    [ "$(said)" = "8 calls in 3 threads, with a timeout of 2.5 s
a result that took 1 s
a result that took 2 s
a result that took 1 s
Timed out waiting for results
3 came in time, 3 ran on in vain, 2 were cancelled" ]
    # The last to be running took 5 seconds and began after 1.
    [ "$MILLISECONDS" -ge "$(lasted 600)" ]
    [ "$MILLISECONDS" -lt "$(lasted 700)" ]
}

@test "demo_timeout says when it gave up, which is at --timeout" {
    run -0 demo_timeout --unit "$UNIT" --timeout 0.5
    [ "$(said | sed -n 2p)" = "Timed out waiting for results" ]
    [ "$(said | tail -n 1)" = "0 came in time, 3 ran on in vain, 5 were cancelled" ]
    begun=$(sed -n '1s/^\[.*:0*\([0-9.]*\)\].*/\1/p' <<<"$output")
    given_up=$(sed -n '2s/^\[.*:0*\([0-9.]*\)\].*/\1/p' <<<"$output")
    waited=$(awk -v a="$begun" -v b="$given_up" 'BEGIN { printf "%d\n", 1000 * (b - a + (b < a ? 60 : 0)) + 0.5 }')
    [ "$waited" -ge $(($(lasted 50) - 2)) ]
    [ "$waited" -lt "$(lasted 90)" ]
}

@test "demo_timeout that has time enough prints all results in the order of the calls" {
    run -0 demo_timeout --unit 0.02 --timeout 3600
    [ "$(said | sed -n 's/^a result that took //p' | tr '\n' ' ')" = "1 s 2 s 1 s 2 s 5 s 1 s 4 s 1 s " ]
    [ "$(said | tail -n 1)" = "8 came in time, 0 ran on in vain, 0 were cancelled" ]
}

@test "demo_first takes the fastest mirror, cancels those not asked yet, and stops those that are being asked" {
    timed run -0 demo_first --unit "$UNIT"
    # Whoever was first may or may not have begun with mirror 4 when it was cancelled.
    [ "$(said | sed 's/within .* ms/within T/; s/^\(mirror 4\): .*/\1: not needed/')" = "mirror 2 was first
all others ended within T:
mirror 1: interrupted
mirror 3: interrupted
mirror 4: not needed
mirror 5: cancelled before it started" ]
    [ "$MILLISECONDS" -ge "$(lasted 100)" ]
    [ "$MILLISECONDS" -lt "$(lasted 200)" ]
}

@test "demo_first that only cancels, as the memo does, has to wait for those that run" {
    timed run -0 demo_first --unit "$UNIT" --losers run
    [[ "$(said)" == *"mirror 1: ran to its end, in vain
mirror 3: ran to its end, in vain"* ]]
    [ "$(said | tail -n 1)" = "mirror 5: cancelled before it started" ]
    # The slowest takes 5 seconds.
    [ "$MILLISECONDS" -ge "$(lasted 500)" ]
    run -2 --separate-stderr demo_first --losers walk
    [ "${stderr_lines[0]}" = "demo_first: --losers: 'walk' is none of stop, run" ]
}

@test "demo_first takes the fastest of real servers, and ends the transfers from the others at once" {
    start_server --delay 20
    slow=$SERVER_URL
    start_server --delay 0.2
    timed run -0 demo_first "$slow" "$SERVER_URL" "$slow"
    [ "$(said | head -n 1)" = "$SERVER_URL was first" ]
    [ "$(said | grep -cFx "$slow/br/br.png: interrupted")" -eq 2 ]
    [ "$(said | wc -l)" -eq 4 ]
    [ "$MILLISECONDS" -lt 5000 ]
}

@test "demo_first goes on to the next when a mirror fails, shows no password, and fails if all do" {
    start_server --delay 0.3
    run -0 demo_first http://user:secret@127.0.0.1:1/flags "$SERVER_URL"
    [[ "$(said | head -n 1)" == "failed: http://user@127.0.0.1:1/flags/br/br.png: Failed to connect"* ]]
    [ "$(said | sed -n 2p)" = "$SERVER_URL was first" ]
    run -1 demo_first http://127.0.0.1:1/a http://127.0.0.1:1/b
    [ "$(said | grep -c '^failed: http://127.0.0.1:1/[ab]/br/br.png: ')" -eq 2 ]
    [ "$(said | wc -l)" -eq 2 ]
}

@test "demo_first refuses what is no site, and more mirrors than it has room for" {
    run -2 --separate-stderr demo_first nowhere
    [[ ${stderr_lines[0]} == "demo_first: nowhere: neither a label"* ]]
    # shellcheck disable=SC2046
    run -2 --separate-stderr demo_first $(yes http://127.0.0.1:1 | head -n 33)
    [ "${stderr_lines[0]}" = "demo_first: http://127.0.0.1:1: too many mirrors" ]
}

@test "demo_batches: the bounded map has the same results as batches, sooner, and as few items in flight" {
    run -0 demo_batches
    [ "${lines[0]}" = "200 items, in batches of 20, by 10 threads" ]
    [[ ${lines[1]} == batches*" 20 in flight at most" ]]
    [[ ${lines[2]} == "bounded map"*" 20 in flight at most" ]]
    [ "${lines[3]}" = "the same results" ]
    # All items together wait for 2.1 seconds.
    less 0.2 "$(cell batches 2)"
    less 0.2 "$(cell 'bounded map' 3)"
    [ "$SLACK" -gt 1 ] || less "$(cell 'bounded map' 3)" "$(cell batches 2)"
}

@test "demo_batches has no more in flight than a batch has, whatever does not divide the items, or than there are" {
    for sizes in "7 3 3" "10 4 4" "5 100 5" "1 1 1" "20 1 1"; do
        read -r items size most <<<"$sizes"
        run -0 demo_batches --items "$items" --batch-size "$size" --workers 3
        [ "$(grep -c " $most in flight at most$" <<<"$output")" -eq 2 ]
        [ "${lines[3]}" = "the same results" ]
    done
}

@test "demo_switch: waiting is shared among threads as among processes, and results are the same everywhere" {
    export CF_CPU_COUNT=2
    run -0 --separate-stderr demo_switch
    [ "${lines[0]}" = "8 calls, 4 workers, 2 processors" ]
    [ -z "$stderr" ]
    [ "$(sed -n '3,$s/ .*//p' <<<"$output" | tr '\n' ' ')" = "inline threads processes " ]
    # 8 times 0.1 seconds, by one or by four at a time.
    less 0.79 "$(cell inline 2)"
    for executor in threads processes; do
        less 0.19 "$(cell $executor 2)"
        less "$(cell $executor 2)" 0.6
    done
}

@test "demo_switch: computing is shared among threads as among processes, where there are two processors" {
    [ "$(nproc)" -ge 2 ] || skip "one processor"
    [ "$SLACK" -eq 1 ] || skip "a sanitizer's threads get in each other's way"
    shared() {
        run -0 demo_switch --workers 2
        for executor in threads processes; do
            less "$(cell $executor 4)" "$(awk -v inline="$(cell inline 4)" 'BEGIN { print 0.8 * inline }')" || return
        done
    }
    # Other programs may keep a processor busy, but not all the time.
    wait_for 30 shared
}

@test "demo_choose has a row for each work and each executor, and its conclusions follow from them" {
    run -0 demo_choose --files 4 --size 1 --workers 2 --rounds 1
    [ "${lines[0]}" = "4 files, 4.0 MiB, 2 workers" ]
    awk 'NR > 2 && NR <= 11 { print $1, $2 }' <<<"$output" >rows
    for work in reading hashing computing; do
        printf "$work %s\n" inline threads processes
    done | diff - rows
    for work in reading hashing computing; do
        # The cheapest of those that are at least nine tenths as fast as the fastest.  Seconds are rounded.
        chosen=$(awk -v work=$work '
            $1 == work ":" { print $2 == "nothing" ? "inline" : substr($2, 1, length($2) - 1) }' <<<"$output")
        awk -v work=$work -v chosen="$chosen" '
            $1 == work { took[$2] = $3; if (least == 0 || $3 < least) least = $3 }
            END { exit !(chosen in took && took[chosen] - 0.001 <= least / 0.9) }' <<<"$output"
    done
}

@test "demo_choose: processes cost more to start than threads, and more memory" {
    [ "$SLACK" -eq 1 ] || skip "a sanitizer's own memory is more than all other"
    # figure EXECUTOR COLUMN - print what stands in a row of the third work.
    figure() {
        awk -v executor="$1" -v column="$2" '$1 == "computing" && $2 == executor { print $column }' <<<"$output"
    }
    dearer() {
        run -0 demo_choose --files 4 --size 1 --workers 2
        less "$(figure threads 5)" "$(figure processes 5)" && less "$(figure threads 7)" "$(figure processes 7)"
    }
    # Other programs may delay the start of a thread, but not each time.
    wait_for 30 dearer
}

@test "demo_choose hashes the files that it is given, as FNV-1a does" {
    printf foobar >foobar
    : >empty
    run -0 demo_choose --rounds 1 foobar
    [[ ${lines[0]} == "1 files, 0.0 MiB, "*" workers" ]]
    [ "${lines[-1]}" = "All hashes in one: 85944171f73967e8, whoever computed them" ]
    run -0 demo_choose --rounds 1 empty
    [ "${lines[-1]}" = "All hashes in one: cbf29ce484222325, whoever computed them" ]
    run -0 demo_choose --rounds 1 foobar empty foobar
    [ "${lines[-1]}" = "All hashes in one: cbf29ce484222325, whoever computed them" ]
}

@test "demo_choose says which file is not there or cannot be read" {
    : >there
    run -1 --separate-stderr demo_choose there missing
    [ "$stderr" = "demo_choose: missing: No such file or directory" ]
    run -1 --separate-stderr demo_choose --rounds 1 .
    [ "$stderr" = "demo_choose: read: .: Is a directory" ]
}

@test "demo_choose leaves no file and no process behind when it is interrupted, or killed" {
    [[ $SANITIZER != *thread* ]] || skip "ThreadSanitizer delays signals"
    for signal in INT KILL; do
        setsid env --default-signal=INT demo_choose --files 3 --size 2 --rounds 40 >out 2>err 3>&- &
        pid=$!
        wait_for 10 eval "[ \$(pgrep -c -g $pid) -gt 1 ]"
        # Its files have no names, so there is nothing to remove.
        ls -l "/proc/$pid/fd" >descriptors
        [ "$(grep -c ' -> .* (deleted)$' descriptors)" -ge 3 ]
        ! grep -v ' -> .* (deleted)$' descriptors | grep -q ' -> /tmp/[^/]*$' || return
        kill -s $signal $pid
        status=0
        wait $pid || status=$?
        [ "$status" -eq $((128 + $(kill -l $signal))) ]
        wait_for 5 eval "! pgrep -g $pid >left"
    done
}
