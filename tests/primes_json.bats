#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# The programs that check numbers, with --json.

load helpers

ALL=(primes_sequential primes_threads primes_procs)

setup() {
    cd "$BATS_TEST_TMPDIR" || return
}

# masked - print the last output with W for the worker and T for the seconds.
masked() {
    sed -E 's/"(main|thread [0-9]+|pid [0-9]+)"/W/; s/("seconds": )[0-9]+(\.[0-9]+)?(e-[0-9]+)?/\1T/' <<<"$output"
}

@test "--json prints an object for each number, then one for all of them, and nothing else" {
    for program in "${ALL[@]}"; do
        run -0 --separate-stderr "$program" --json -w 2 0x11 0018 18446744073709551629 18446744073709551630
        workers=2
        [ "$program" != primes_sequential ] || workers=1
        [ "$(masked)" = '{"number": "0x11", "prime": true, "proven": true, "seconds": T, "worker": W}
{"number": "0018", "prime": false, "proven": true, "seconds": T, "worker": W}
{"number": "18446744073709551629", "prime": true, "proven": false, "seconds": T, "worker": W}
{"number": "18446744073709551630", "prime": false, "proven": true, "seconds": T, "worker": W}
{"source": null, "method": "auto", "workers": '$workers', "numbers": 4, "primes": 2, "probable": 1, "bad": 0, "lost": 0, "seconds": T, "interrupted": false}' ]
        [ -z "$stderr" ]
    done
}

@test "the worker is named in each object" {
    run -0 primes_sequential --json 7
    [[ $output == *'"worker": "main"'* ]]
    run -0 primes_threads --json 7
    [[ $output == *'"worker": "thread 1"'* ]]
    run -0 primes_procs --json 7
    [[ $output =~ \"worker\":\ \"pid\ [0-9]+\" ]]
}

@test "bad lines are counted in the last object and reported on stderr" {
    printf '%s\n' 7 x 9 y >numbers
    for program in "${ALL[@]}"; do
        run -1 --separate-stderr "$program" --json -i numbers
        [ "${#lines[@]}" -eq 3 ]
        [ "${#stderr_lines[@]}" -eq 3 ]
        [[ ${lines[2]} == '{"source": "numbers", "method": "auto", '*'"numbers": 2, "primes": 1, "probable": 0, "bad": 2, "lost": 0, '* ]]
    done
}

@test "--primes-only leaves out the other objects, and --count all but the last" {
    for program in "${ALL[@]}"; do
        run -0 "$program" --json --primes-only --method=auto
        [ "${#lines[@]}" -eq 10 ]
        run -0 "$program" --json --count --method=auto
        [ "${#lines[@]}" -eq 1 ]
        [[ $output == *'"numbers": 20, "primes": 9, '* ]]
    done
}

@test "a number that was not checked has an object that says why" {
    run -1 --separate-stderr primes_procs --json --call-timeout 0.$((SLACK * 2)) --method=trial 18446744073709551557
    [ "$(masked | head -n 1)" = '{"number": "18446744073709551557", "prime": null, "error": "timed out: it took longer than it may", "worker": W}' ]
    [[ ${lines[1]} == *'"lost": 1, '* ]]
}

@test "an interrupted program says so in the last object" {
    [[ $SANITIZER != *thread* ]] || skip "ThreadSanitizer delays signals"
    for program in "${ALL[@]}"; do
        : >out
        env --default-signal=INT "$program" --json --method=trial 7 18446744073709551557 > >(cat >out 3>&-) 2>err 3>&- &
        pid=$!
        wait_for 5 grep -q '"7"' out
        kill -s INT $pid
        wait $pid || [ $? -eq 130 ]
        wait_for 1 grep -q '"numbers": 1, .*"interrupted": true' out
    done
}

@test "every line of JSON is valid, whatever is in the input and in its name" {
    command -v jq >/dev/null || skip "jq is missing"
    file=$'caf\xe9 "1"\\'
    { seq 1000; head -c 3000 /bin/sh; echo; echo 0x1f; printf '1%.0s' {1..5000}; } >"$file"
    for program in "${ALL[@]}"; do
        "$program" --json -i "$file" >out 2>err || [ $? -eq 1 ]
        [ "$(jq -s length out)" -eq "$(wc -l <out)" ]
        [ "$(jq -r 'select(.prime == true).number' out | wc -l)" -ge 169 ]
        [ "$(jq -s '.[-1].numbers' out)" -eq $(($(wc -l <out) - 1)) ]
        "$program" --json -i "$file" --unordered 2>err | jq -s length | grep -qx "$(wc -l <out)"
    done
}
