#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# The programs that check numbers: what they print.

load helpers

POOLS=(primes_threads primes_procs)
ALL=(primes_sequential "${POOLS[@]}")

# The nine of data/numbers.txt that are prime.
PRIMES=(2 142702110479723 299593572317531 3333333333333301 4444444444444423 5555555555555503 6666666666666719
    7777777777777753 9999999999999917)

setup() {
    cd "$BATS_TEST_TMPDIR" || return
}

# how PROGRAM COUNT - print how the heading says that the program checks, with so many workers.
how() {
    case $1 in
    primes_sequential) echo "sequentially" ;;
    primes_threads) [ "$2" -eq 1 ] && echo "with 1 thread" || echo "with $2 threads" ;;
    primes_procs) [ "$2" -eq 1 ] && echo "with 1 process" || echo "with $2 processes" ;;
    esac
}

# formed NUMBER... - check that the last output has a heading, a line in the right form for each number in this order, and
# the total time.
formed() {
    local i=1 number

    [ "${#lines[@]}" -eq $(($# + 2)) ]
    [[ ${lines[0]} =~ ^Checking\ .*:$ ]]
    [[ ${lines[-1]} =~ ^Total\ time:\ [0-9]+\.[0-9][0-9]s$ ]]
    for number in "$@"; do
        printf -v number %16s "$number"
        [[ ${lines[i]} =~ ^"$number"\ [Pp\ ]\ [\ 0-9]+\.[0-9]{6}s$ ]] || { echo "${lines[i]}" >&2 && return 1; }
        i=$((i + 1))
    done
}

# labels - print the labels of the last output, P, p or -, in one word.
labels() {
    printf '%s\n' "${lines[@]}" | grep 's$' | grep -v ^Total | sed -E 's/^ *[^ ]+ (.) .*/\1/' | tr ' \n' '-\0' | tr -d '\0'
}

@test "primes_sequential checks the twenty numbers of the memo as listed" {
    run -0 --separate-stderr primes_sequential
    [ "${lines[0]}" = "Checking 20 numbers sequentially:" ]
    mapfile -t numbers <"$SRCDIR/data/numbers.txt"
    formed "${numbers[@]}"
    [ "$(labels)" = "PPPP--P---P--P--P-P-" ]
    [ -z "$stderr" ]
}

@test "the pools check the twenty numbers of the memo, the largest first" {
    mapfile -t numbers < <(sort -rn "$SRCDIR/data/numbers.txt")
    for program in "${POOLS[@]}"; do
        run -0 --separate-stderr "$program" -w 2
        [ "${lines[0]}" = "Checking 20 numbers $(how "$program" 2):" ]
        formed "${numbers[@]}"
        [ "$(labels)" = "-P-P--P--P---P--PPPP" ]
        [ -z "$stderr" ]
    done
}

@test "numbers are printed as they were given, in the order given" {
    given=(97 0000000091 0x0 0X1F 0 1 0xdeadBEEF 18446744073709551557 18446744073709551615 0xffffffffffffffc5 4)
    for program in "${ALL[@]}"; do
        run -0 "$program" -w 3 "${given[@]}"
        [ "${lines[0]}" = "Checking 11 numbers $(how "$program" 3):" ]
        formed "${given[@]}"
        [ "$(labels)" = "P--P---P-P-" ]
    done
}

@test "one number and one worker are named in the singular" {
    for program in "${ALL[@]}"; do
        run -0 "$program" --workers=1 7
        [ "${lines[0]}" = "Checking 1 number $(how "$program" 1):" ]
        formed 7
    done
}

@test "by default there are as many workers as processors, within the bound of --workers" {
    for program in "${POOLS[@]}"; do
        CF_CPU_COUNT=5 run -0 "$program" 7
        [ "${lines[0]}" = "Checking 1 number $(how "$program" 5):" ]
        CF_CPU_COUNT=5000 run -0 "$program" 7
        [ "${lines[0]}" = "Checking 1 number $(how "$program" 1000):" ]
    done
}

@test "a prime beyond 2^64 is labelled as probable, by GMP too" {
    mersenne=170141183460469231731687303715884105727 # 2^127 - 1
    for program in "${ALL[@]}"; do
        for method in auto gmp; do
            run -0 "$program" --method=$method 18446744073709551557 18446744073709551616 18446744073709551629 \
                "${mersenne}" "${mersenne}0" 0x7fffffffffffffffffffffffffffffff
            formed 18446744073709551557 18446744073709551616 18446744073709551629 "${mersenne}" "${mersenne}0" \
                0x7fffffffffffffffffffffffffffffff
            [[ $(labels) == "P-pp-p" || ($method == gmp && $(labels) == "p-pp-p") ]]
        done
    done
}

@test "a prime that GMP does not call definitely so is probable with --method=gmp, and proven otherwise" {
    for program in "${ALL[@]}"; do
        run -0 "$program" --method=gmp 1000003
        [ "$(labels)" = P ]
        run -0 "$program" --method=auto 18446744073709551557
        [ "$(labels)" = P ]
    done
}

@test "the methods agree" {
    for method in auto trial gmp; do
        for program in "${ALL[@]}"; do
            run -0 "$program" --method=$method --primes-only -i "$SRCDIR/data/numbers.txt"
            [ "$output" = "$(printf '%s\n' "${PRIMES[@]}")" ]
        done
    done
}

@test "--method holds for the numbers of the memo as well" {
    for program in "${ALL[@]}"; do
        timed run -0 "$program" --method=auto
        [ "$(labels | tr -d -- -)" = PPPPPPPPP ]
        [ "$MILLISECONDS" -lt $((300 * SLACK)) ]
    done
}

@test "--primes-only prints the primes as they were given, and nothing else" {
    for program in "${ALL[@]}"; do
        run -0 --separate-stderr "$program" --primes-only 0x11 9 007 170141183460469231731687303715884105727 8
        [ "$output" = "$(printf '%s\n' 0x11 007 170141183460469231731687303715884105727)" ]
        [ -z "$stderr" ]
        run -0 --separate-stderr "$program" --primes-only 9
        [ -z "$output$stderr" ]
    done
}

@test "--count prints how many are prime, and nothing else" {
    for program in "${ALL[@]}"; do
        run -0 --separate-stderr "$program" --count --method=auto
        [ "$output" = 9 ]
        run -0 --separate-stderr "$program" --count --primes-only 4 6 8
        [ "$output" = 0 ]
        [ -z "$stderr" ]
    done
}

@test "below ten million there are 664579 primes, whichever way they are counted" {
    seq 9999999 >numbers
    for program in "${ALL[@]}"; do
        run -0 "$program" --count -i numbers
        [ "$output" = 664579 ]
    done
    run -0 primes_procs --count --unordered -i - <numbers
    [ "$output" = 664579 ]
}

@test "trial division agrees below a hundred thousand" {
    seq 99999 >numbers
    primes_sequential --primes-only -i numbers >expected
    [ "$(wc -l <expected)" -eq 9592 ]
    for program in "${ALL[@]}"; do
        "$program" --method=trial --primes-only -i numbers | cmp - expected
    done
}

@test "--unordered prints the same, each as soon as it is known" {
    for program in "${POOLS[@]}"; do
        run -0 "$program" -w 2 --unordered --method=trial 9999999999999917 13 17
        [ "${#lines[@]}" -eq 5 ]
        [[ ${lines[1]} == *" 13 P "* ]]
        [[ ${lines[2]} == *" 17 P "* ]]
        [[ ${lines[3]} == "9999999999999917 P "* ]]
    done
    run -0 primes_sequential --unordered 13 17
    formed 13 17
}

@test "trial division beyond 2^64 is refused, and the number named" {
    for program in "${ALL[@]}"; do
        run -0 "$program" --method=trial 18446744073709551614
        run -2 --separate-stderr "$program" --method=trial 7 18446744073709551616
        [ -z "$output" ]
        [[ $stderr == "$program: '18446744073709551616' is too large for trial division, which ends at 2^64"* ]]
        run -1 --separate-stderr "$program" --method=trial --primes-only -i - < <(printf '%s\n' 7 18446744073709551616 11)
        [ "$output" = "$(printf '%s\n' 7 11)" ]
        [[ $stderr == "$program: standard input:2: '18446744073709551616' is too large for trial division"* ]]
    done
}

# refused MESSAGE ARGUMENT... - check that each program calls these arguments wrong usage.
refused() {
    local message=$1 program

    shift
    for program in "${MEANT[@]:-${ALL[@]}}"; do
        run -2 --separate-stderr "$program" "$@"
        [ -z "$output" ]
        [ "$stderr" = "$program: $message
Try '$program --help' for more information." ] || { echo "$stderr" >&2 && return 1; }
    done
}

@test "what is no number is wrong usage" {
    for number in "" " " 1_000 +7 7. 1e3 12a 0x 0xg "7 7" "#7" ４ $'7\n7'; do
        refused "'$(printf %s "$number" | LC_ALL=C tr -c ' -~' '?')' is not a number" 3 "$number"
    done
    refused "'-7' is not a number" -- -7
    refused "'7#x' is not a number" '7#x'
    refused "invalid option -- '7'" -7
}

@test "bad values of options are wrong usage" {
    for count in "" 0 -1 1001 two; do
        refused "--workers: '$count' is not a whole number from 1 to 1000" --workers="$count"
    done
    refused "--rounds: '1001' is not a whole number from 0 to 1000" --rounds=1001
    refused "--method: 'guess' is none of auto, trial, gmp" --method=guess
    refused "unrecognized option '--frobnicate'" --frobnicate
    refused "7: a number is given besides --input" -i - 7
    refused "more: there is an --input already, numbers" --input numbers -i more
    MEANT=(primes_procs)
    for seconds in "" 0 0.0 -1 . 1x inf 1000001; do
        refused "--call-timeout: '$seconds' is not a number of seconds from above 0 to 1000000" --call-timeout="$seconds"
    done
    MEANT=(primes_sequential primes_threads)
    refused "unrecognized option '--call-timeout=1'" --call-timeout=1
}

@test "--rounds is accepted and changes no verdict" {
    for rounds in 0 1 100; do
        run -0 primes_procs --rounds=$rounds --primes-only 170141183460469231731687303715884105727 \
            170141183460469231731687303715884105729
        [ "$output" = 170141183460469231731687303715884105727 ]
    done
}

@test "--help and --version go to stdout" {
    for program in "${ALL[@]}"; do
        run -0 --separate-stderr "$program" --help
        [[ $output == "Usage: $program "* ]]
        [[ $output == *"a line of FILE, up to 1048576"* ]]
        [ -z "$stderr" ]
        run -0 --separate-stderr "$program" --version
        [[ $output == "$program (libcf) "* ]]
        [ -z "$stderr" ]
    done
}

@test "--progress shows a bar on stderr that ends at 100%" {
    export LC_ALL=C
    for program in "${ALL[@]}"; do
        run -0 --separate-stderr "$program" --progress --method=auto --count
        [ "$output" = 9 ]
        [[ ${stderr_lines[-1]} =~ ^primes:\ 100%\|#+\|\ 20/20\ \[00:0 ]]
        run -0 --separate-stderr "$program" --progress --count -i "$SRCDIR/data/numbers.txt"
        [[ ${stderr_lines[-1]} =~ ^primes:\ 100%\|#+\|\ 20/20\ \[00:0 ]]
        run -0 --separate-stderr "$program" --progress --count -i - < <(seq 1000)
        [[ ${stderr_lines[-1]} =~ ^primes:\ 1000it\ \[00:0[0-9],\ [0-9.]+it/s\]$ ]]
    done
}
