#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# What a newcomer meets first: quickstart's usage, and the demonstration it runs.

bats_require_minimum_version 1.5.0

setup() {
    top_srcdir=${top_srcdir:-$BATS_TEST_DIRNAME/..}
    top_builddir=${top_builddir:-$top_srcdir/build}
    demo=$top_srcdir/bench/demo
}

# replace PROGRAM SCRIPT - in the folder $programs, which has the programs just built, let the shell script stand for one.
replace() {
    programs=$BATS_TEST_TMPDIR/programs
    if [ ! -e "$programs" ]; then
        mkdir "$programs"
        ln -s "$top_builddir"/programs/{flags_{sequential,threadpool,asCompleted,server},primes_{sequential,threads,procs}} \
            "$programs"
    fi
    rm "$programs/$1"
    printf '#!/bin/sh\n%s\n' "$2" >"$programs/$1"
    chmod +x "$programs/$1"
}

@test "quickstart --help prints its usage" {
    run -0 "$top_srcdir/quickstart" --help
    [[ $output == "Usage: ./quickstart demo "* ]]
}

@test "quickstart without a command, or with an unknown one, prints its usage and exits with 2" {
    run -2 "$top_srcdir/quickstart"
    [[ $output == "Usage: ./quickstart demo "* ]]
    run -2 "$top_srcdir/quickstart" demolish
    [[ $output == "Usage: ./quickstart demo "* ]]
}

@test "the demo saves 194 flags with each program, finds them identical and prints a table" {
    run -0 "$demo" "$top_builddir/programs" 0.002
    [[ $output == *"the three folders hold identical files"* ]]
    [[ $output =~ flags_sequential\ +1\ +194\ +[0-9.]+\ +1\.0x\ +0\.39 ]]
    [[ $output =~ flags_threadpool\ +30\ +194\ +[0-9.]+\ +[0-9.]+x\ +0\.01 ]]
    [[ $output =~ flags_asCompleted\ +30\ +194\ +[0-9.]+\ +[0-9.]+x\ +0\.01 ]]
}

@test "the demo ends with a table of the programs that check numbers" {
    run -0 "$demo" "$top_builddir/programs" 0.002
    [[ ${lines[-3]} =~ ^primes_sequential\ +1\ +20\ +9\ +[0-9.]+\ +1\.0x$ ]]
    [[ ${lines[-2]} =~ ^primes_threads\ +[0-9]+\ +20\ +9\ +[0-9.]+\ +[0-9.]+x$ ]]
    [[ ${lines[-1]} =~ ^primes_procs\ +[0-9]+\ +20\ +9\ +[0-9.]+\ +[0-9.]+x$ ]]
}

@test "the demo fails if programs do not agree on which numbers are prime" {
    replace primes_threads '
        "'"$top_builddir"'/programs/primes_sequential" | sed "s/^               2 P/               2  /"'
    run -1 "$demo" "$programs" 0.001
    [[ $output == *"primes_sequential and primes_threads do not agree"* ]]
}

@test "the demo fails if a program fails, and shows its report" {
    replace flags_threadpool 'echo "I am broken."; exit 1'
    run -1 "$demo" "$programs" 0.001
    [[ $output == *"demo: flags_threadpool failed; it reported:"*"I am broken."* ]]
    [[ $output != *"identical"* ]]
}

@test "the demo fails if two programs have saved different files" {
    # shellcheck disable=SC2016 # the script expands them
    replace flags_asCompleted '
        "'"$top_builddir"'/programs/flags_threadpool" "$@" && echo changed >"$5/FR.png"'
    run -1 "$demo" "$programs" 0.001
    [[ $output == *"flags_sequential and flags_asCompleted have saved different files"* ]]
}

@test "the demo fails if the server does not start" {
    replace flags_server 'exit 1'
    run -1 "$demo" "$programs" 0.001
    [[ $output == *"demo: flags_server has not started"* ]]
}

@test "the demo, when interrupted, ends its server and removes its folders" {
    replace flags_sequential "echo \"\$5\" >'$BATS_TEST_TMPDIR/folder'; kill -s TERM \$PPID; sleep 0.2"
    replace flags_server "echo \$\$ >'$BATS_TEST_TMPDIR/pid'; exec '$top_builddir/programs/flags_server' \"\$@\""
    run -143 "$demo" "$programs" 0.001
    [ ! -e "$(dirname "$(cat "$BATS_TEST_TMPDIR/folder")")" ]
    run ! kill -0 "$(cat "$BATS_TEST_TMPDIR/pid")"
}
