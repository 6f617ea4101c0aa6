#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# The programs that check numbers, reading them from files and pipes.

load helpers

POOLS=(primes_threads primes_procs)
ALL=(primes_sequential "${POOLS[@]}")

setup() {
    cd "$BATS_TEST_TMPDIR" || return
}

# random SEED COUNT BITS - print so many odd numbers of at most so many bits, always the same.
random() {
    awk -v seed="$1" -v count="$2" -v bits="$3" 'BEGIN {
        srand(seed)
        for (i = 0; i < count; i++) {
            number = ""
            for (b = 0; b < bits; b += 4)
                number = number substr("0123456789abcdef", int(rand() * 16) + 1, 1)
            print "0x" substr(number, 1, length(number) - 1) substr("13579bdf", int(rand() * 8) + 1, 1)
        }
    }'
}

@test "the heading names the file, or standard input, in place of the count" {
    echo 7 >seven
    for program in "${ALL[@]}"; do
        run -0 "$program" -i seven
        [[ ${lines[0]} == "Checking seven "*":" ]]
        [[ ${lines[1]} =~ ^"               7 P  "[0-9]\.[0-9]{6}s$ ]]
        [[ ${lines[2]} =~ ^"Total time: "[0-9]\.[0-9]{2}s$ ]]
        run -0 "$program" --input=- <seven
        [[ ${lines[0]} == "Checking standard input "*":" ]]
    done
}

@test "comments, empty lines and blanks around numbers do not matter, nor does how lines end" {
    printf '# one\n\n  7 # seven\n\t0x0B\t\n13\r\n \r\n#17\n019 #\n23' >numbers
    for program in "${ALL[@]}"; do
        run -0 --separate-stderr "$program" --primes-only -i numbers
        [ "$output" = "$(printf '%s\n' 7 0x0B 13 019 23)" ]
        [ -z "$stderr" ]
        run -0 --separate-stderr "$program" -i numbers
        [ "${#lines[@]}" -eq 7 ]
        [[ ${lines[4]} == "             019 P "* ]]
    done
}

@test "an empty input is no number, and no error" {
    : >empty
    printf '# nothing\n' >comment
    for program in "${ALL[@]}"; do
        for file in empty comment /dev/null; do
            run -0 "$program" --count -i $file
            [ "$output" = 0 ]
            run -0 "$program" -i $file
            [ "${#lines[@]}" -eq 2 ]
        done
    done
}

@test "a bad line is reported with its file and number, and counted, and the rest goes on" {
    printf '%s\n' 2 1_000 -3 3 +5 '5 7' 0x 11 1e3 12a 0xag $'1\0013' é 13 >numbers
    for program in "${ALL[@]}"; do
        run -1 --separate-stderr "$program" --primes-only -i numbers
        [ "$output" = "$(printf '%s\n' 2 3 11 13)" ]
        [ "$stderr" = "$program: numbers:2: '1_000' is not a number
$program: numbers:3: '-3' is not a number
$program: numbers:5: '+5' is not a number
$program: numbers:6: '5 7' is not a number
$program: numbers:7: '0x' is not a number
$program: numbers:9: '1e3' is not a number
$program: numbers:10: '12a' is not a number
$program: numbers:11: '0xag' is not a number
$program: numbers:12: '1?3' is not a number
$program: numbers:13: '??' is not a number
$program: numbers: 10 bad lines" ]
        run -1 --separate-stderr "$program" --count -i - < <(echo x)
        [ "$output" = 0 ]
        [ "$stderr" = "$program: standard input:1: 'x' is not a number
$program: standard input: 1 bad line" ]
    done
}

@test "a bad line far down a long input has the right number" {
    seq 1000000 | sed '123456s/$/_/; 999999s/^/-/' >numbers
    for program in "${ALL[@]}"; do
        for order in "" --unordered; do
            run -1 --separate-stderr "$program" --count $order -i numbers
            [ "$output" = 78498 ]
            sort -o errors - <<<"$stderr"
            [ "$(cat errors)" = "$program: numbers: 2 bad lines
$program: numbers:123456: '123456_' is not a number
$program: numbers:999999: '-999999' is not a number" ]
        done
    done
}

@test "a filter keeps the order, whatever the numbers cost" {
    { random 1 20000 64; random 2 300 512; random 3 20 2000; random 4 5000 60; random 5 3000 130; } |
        awk 'BEGIN { srand(7) } { print rand() "\t" $0 }' | sort | cut -f 2 >numbers
    primes_sequential --primes-only -i numbers >expected
    [ "$(wc -l <expected)" -gt 1000 ]
    for program in "${POOLS[@]}"; do
        "$program" -w 3 --primes-only -i numbers | cmp - expected
        "$program" -w 3 --primes-only --unordered -i numbers | sort | cmp - <(sort expected)
        "$program" -w 3 -i numbers | awk '/^ *0x/ { print $1 }' | cmp - numbers
    done
}

# has_reached NUMBER - tell whether the last line of the file out is a number at least as large.
has_reached() {
    local last

    last=$(tail -n 1 out)
    [ "${last:-0}" -ge "$1" ]
}

# has_lines COUNT - tell whether the file out has so many lines.
has_lines() {
    [ "$(wc -l <out)" -eq "$1" ]
}

# peak PID - print the largest of the peak memories, in KiB, of the processes of the group that this one leads.
peak() {
    pgrep -g "$1" | while read -r pid; do
        sed -n 's/^VmHWM:[[:space:]]*\([0-9]*\) kB/\1/p' "/proc/$pid/status"
    done | sort -n | tail -n 1
}

@test "ten million lines through a pipe take little memory" {
    limit=$((32768 * SLACK))
    [[ $SANITIZER != *thread* ]] || limit=1048576
    [[ $SANITIZER != *address* ]] || limit=1048576
    mkfifo pipe
    for program in "${ALL[@]}"; do
        setsid "$program" --primes-only -i pipe > >(cat >out 3>&-) 3>&- &
        pid=$!
        exec {writer}>pipe
        seq 9999999 >&"$writer"
        wait_for 60 has_reached 9990000
        memory=$(peak $pid)
        echo "$program: $memory KiB"
        [ "$memory" -lt $limit ]
        exec {writer}>&-
        wait $pid
        wait_for 5 has_lines 664579
    done
}

@test "a number that comes through a slow pipe is answered at once, though the pipe stays open" {
    mkfifo pipe
    for program in "${ALL[@]}"; do
        "$program" --primes-only -i pipe > >(cat >out 3>&-) 3>&- &
        pid=$!
        exec {writer}>pipe
        sleep 0.2
        for number in 7 11 13; do
            echo $number >&"$writer"
            timed wait_for 5 grep -qx $number out
            [ "$MILLISECONDS" -lt $((200 * SLACK)) ] || { echo "$MILLISECONDS ms" >&2 && return 1; }
        done
        # Half a line is no number yet.
        printf 1 >&"$writer"
        sleep 0.1
        [ "$(wc -l <out)" -eq 3 ]
        echo 7 >&"$writer"
        wait_for 5 grep -qx 17 out
        exec {writer}>&-
        wait $pid
    done
}

@test "while a long check goes on, what comes later is checked as well, and waits only for its turn" {
    mkfifo pipe
    for program in "${POOLS[@]}"; do
        "$program" -w 2 --method=trial --unordered -i pipe > >(cat >out 3>&-) 3>&- &
        pid=$!
        exec {writer}>pipe
        echo 18446744073709551557 >&"$writer"
        sleep 0.2
        echo 7 >&"$writer"
        wait_for 5 grep -q ' 7 P ' out
        kill -s 0 $pid
        ! grep -q 184467 out || return
        kill -s TERM $pid
        wait $pid || [ $? -eq 143 ]
        exec {writer}>&-
    done
}

@test "a line that is too long to be a number is bad, takes little memory and time, and the rest goes on" {
    for program in "${ALL[@]}"; do
        run -1 --separate-stderr "$program" --primes-only -i - < <(
            echo 7
            head -c 30000000 /dev/zero | tr '\0' 9
            printf '\n11\n'
            head -c 1048577 /dev/zero | tr '\0' 9
        )
        [ "$output" = "$(printf '%s\n' 7 11)" ]
        [ "$stderr" = "$program: standard input:2: '9999999999999999999999999999...9999999999999999999999999999' is in a line of more than 1048576 characters
$program: standard input:4: '9999999999999999999999999999...9999999999999999999999999999' is in a line of more than 1048576 characters
$program: standard input: 2 bad lines" ]
        run -0 "$program" --count -i - < <(
            printf '#'
            head -c 3000000 /dev/zero | tr '\0' 9
            printf '\n11\n'
            head -c 1048574 /dev/zero | tr '\0' 0
            printf '17\n'
        )
        [ "$output" = 2 ]
    done
}

@test "a gigabyte without a newline is one bad line, in constant memory" {
    [ "$SLACK" -eq 1 ] || skip "a sanitizer takes too long"
    mkfifo pipe
    setsid primes_procs --count -i pipe >out 2>err 3>&- &
    pid=$!
    exec {writer}>pipe
    head -c 1000000000 /dev/zero | tr '\0' 1 >&"$writer"
    [ "$(peak $pid)" -lt 32768 ]
    exec {writer}>&-
    wait $pid || [ $? -eq 1 ]
    [ "$(wc -l <err)" -eq 2 ]
}

@test "a number of some thousand digits is checked and printed as given" {
    prime=0x1$(printf '0%.0s' {1..549})7f # prime or not
    for program in "${ALL[@]}"; do
        run -0 "$program" "$prime" "0x$(printf "f%.0s" {1..1000})"
        [[ ${lines[1]} =~ ^"$prime"\ [p\ ]\ [\ 0-9]+\.[0-9]{6}s$ ]]
        [[ ${lines[2]} =~ ^0xf{1000}\ \ \ [\ 0-9]+\.[0-9]{6}s$ ]]
    done
}

@test "a number of a million digits is checked and printed whole" {
    { printf 1 && head -c 999998 /dev/zero | tr '\0' 0 && printf '1\n7\n'; } >numbers # a multiple of 11
    for program in "${ALL[@]}"; do
        "$program" -i numbers >out
        sed -n '2s/ .*//p' out | cmp - <(head -n 1 numbers)
        sed -n 3p out | grep -q '^               7 P '
        "$program" --json -i numbers | sed -n 1p | cut -c -1000013 | cmp - <(printf '{"number": "%s"\n' "$(head -n 1 numbers)")
        [ "$("$program" --primes-only -i numbers)" = 7 ]
    done
}

@test "a byte of zero, alone or in a number, makes a bad line" {
    printf '7\n\0\n1\0001\n11\n13\0' >numbers
    for program in "${ALL[@]}"; do
        run -1 --separate-stderr "$program" --primes-only -i numbers
        [ "$output" = "$(printf '%s\n' 7 11)" ]
        [ "$stderr" = "$program: numbers:2: '?' is not a number
$program: numbers:3: '1?1' is not a number
$program: numbers:5: '13?' is not a number
$program: numbers: 3 bad lines" ]
    done
}

@test "an input that cannot be read is named" {
    for program in "${ALL[@]}"; do
        run -1 --separate-stderr "$program" -i nothing
        [ -z "$output" ]
        [ "$stderr" = "$program: nothing: No such file or directory" ]
        run -1 --separate-stderr "$program" --count -i .
        [ "$stderr" = "$program: .: Is a directory" ]
        run -1 --separate-stderr sh -c "$program --count -i - <&-"
        [ "$stderr" = "$program: standard input: Bad file descriptor" ]
    done
}

@test "an output that cannot be written is an error, and ends the program at once" {
    for program in "${ALL[@]}"; do
        for mode in --primes-only --json --unordered; do
            status=0
            yes 18446744073709551557 2>err2 | timeout 20 "$program" $mode -i - 2>err >/dev/full || status=$?
            [ $status -eq 1 ]
            [ "$(cat err)" = "$program: standard output: No space left on device" ]
        done
        for output in /dev/full -; do
            status=0
            if [ $output = - ]; then
                "$program" --count 7 2>err >&- || status=$?
            else
                "$program" --count 7 2>err >$output || status=$?
            fi
            [ $status -eq 1 ]
            grep -q "^$program: standard output: " err
        done
    done
}

@test "a filter whose reader has gone dies of SIGPIPE in silence, or says so where that is ignored" {
    for program in "${ALL[@]}"; do
        { status=0; env --default-signal=PIPE timeout 20 "$program" --primes-only -i <(yes 7) 2>err || status=$?
            echo $status >status; } | head -n 1 >out
        [ "$(cat out)" = 7 ]
        [ "$(cat status)" -eq 141 ]
        [ ! -s err ]
        { status=0; (trap '' PIPE; timeout 20 "$program" --primes-only -i <(yes 7) 2>err) || status=$?; echo $status >status; } |
            head -n 1 >out
        [ "$(cat status)" -eq 1 ]
        [ "$(cat err)" = "$program: standard output: Broken pipe" ]
    done
}

# with_short_memory N PROGRAM ARGUMENT... - run a program in which the Nth allocation and the two after it fail.
with_short_memory() {
    SHORT_MEMORY=$1 LD_PRELOAD=$top_builddir/tests/short-memory.so "${@:2}"
}

@test "where memory is short for the lines of a file the program says so" {
    [ "$SANITIZER" = no ] || skip "a sanitizer has a malloc() of its own"
    [ -e "$top_builddir/tests/short-memory.so" ] || skip "tests/short-memory.so is not built"
    printf '7\n8\n9\n' >numbers
    for program in "${ALL[@]}"; do
        SHORT_MEMORY_COUNT=$PWD/count with_short_memory 999999999 "$program" -w 1 -i numbers
        count=$(cat count)
        complained=0
        for ((n = 1; n <= count; n++)); do
            run --separate-stderr with_short_memory "$n" "$program" -w 1 -i numbers
            [ "$status" -eq 0 ] && continue
            [ "$status" -eq 1 ] || { echo "$program $n: status $status" >&2 && return 1; }
            [ -n "$stderr" ]
            complained=$((complained + 1))
        done
        [ "$complained" -gt 0 ]
    done
}
