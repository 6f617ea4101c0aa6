#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# The progress bar of the programs that download flags, on terminals and elsewhere.

load helpers

ALL=(flags_sequential flags_threadpool flags_asCompleted)

setup() {
    command -v script >/dev/null || skip "script is missing (Debian package: bsdutils)"
    cd "$BATS_TEST_TMPDIR" || return
    export LC_ALL=C
}

# on_terminal COMMAND - run a shell command on a terminal of 80 columns.  What came there is in the file screen, each
# frame, which begins with a carriage return, as a line of its own.
on_terminal() {
    script -qec true /dev/null </dev/null >/dev/null 2>&1 3>&- || skip "no pseudo-terminal can be made here"
    script -qec "stty cols 80; $1" /dev/null </dev/null 3>&- | tr -d '\n' | tr '\r' '\n' >screen
}

# frames - print how many frames of a bar came to the screen.
frames() {
    grep -c '%|' screen
}

@test "flags_asCompleted shows a bar on a terminal, the others do not" {
    start_server --delay=0.1
    on_terminal "flags_asCompleted -s $SERVER_URL"
    [ "$(frames)" -ge 2 ]
    for program in flags_sequential flags_threadpool; do
        on_terminal "$program -s $SERVER_URL"
        [ "$(frames)" -eq 0 ]
        grep -q '^BD BR CD CN ' screen
    done
}

@test "a bar begins with nothing known and ends at 100% with the mean rate, in tqdm's form" {
    start_server --delay=0.25
    on_terminal "flags_asCompleted -m 1 -l 4 -s $SERVER_URL"
    grep '%|' screen | head -n 1 | grep -xE 'flags:   0%\| +\| 0/4 \[00:00<\?, \?it/s\]'
    grep '%|' screen | tail -n 1 | grep -xE 'flags: 100%\|#+\| 4/4 \[00:01<00:00,  [23]\.[0-9][0-9]it/s\]'
    grep -qE '^flags:  50%\|#+[1-9]? +\| 2/4 \[00:00<00:0[0-9], ' screen
}

@test "a bar is drawn in blocks where the locale has them" {
    locale -a | grep -qi '^C\.utf-\?8$' || skip "there is no locale C.UTF-8"
    start_server --delay=0.15
    LC_ALL=C.UTF-8
    on_terminal "flags_asCompleted -s $SERVER_URL"
    grep -q '100%|█*| 20/20 ' screen
}

@test "a bar is not shown with -v, with --progress=never, or off a terminal" {
    start_server --delay=0.1
    on_terminal "flags_asCompleted -v -s $SERVER_URL"
    [ "$(frames)" -eq 0 ]
    on_terminal "flags_asCompleted --progress=never -s $SERVER_URL"
    [ "$(frames)" -eq 0 ]
    run -0 --separate-stderr flags_asCompleted -s "$SERVER_URL"
    [ -z "$stderr" ]
}

@test "--json shows a bar on the terminal only if the objects go elsewhere" {
    start_server --delay=0.1
    on_terminal "flags_asCompleted --json -s $SERVER_URL"
    [ "$(frames)" -eq 0 ]
    on_terminal "flags_asCompleted --json -s $SERVER_URL >objects"
    [ "$(frames)" -ge 2 ]
    [ "$(wc -l <objects)" -eq 21 ]
}

@test "--progress=always shows a bar in every program, and no codes" {
    start_server --delay=0.05
    for program in "${ALL[@]}"; do
        on_terminal "$program --progress=always -s $SERVER_URL"
        [ "$(frames)" -ge 2 ]
        ! grep -q 'BD BR ' screen || return
    done
}

@test "a bar that goes to a file is a line a second at most, without control characters" {
    start_server --delay=0.12
    for program in "${ALL[@]}"; do
        run -0 --separate-stderr "$program" --progress=always -s "$SERVER_URL" -l 10
        [[ ${stderr_lines[0]} =~ ^flags:\ \ \ 0%.*\ 0/10\ \[ ]]
        [[ ${stderr_lines[-1]} =~ ^flags:\ 100%.*\ 10/10\ \[ ]]
        [ "${#stderr_lines[@]}" -le 3 ]
        [[ $stderr != *[$'\r\e']* ]]
    done
}

@test "a bar is drawn at most ten times a second" {
    start_server --delay=0.005
    on_terminal "flags_asCompleted -m 1 -a -s $SERVER_URL"
    seconds=$(sed -n 's/^Elapsed time: \([0-9]*\)\..*/\1/p' screen)
    [ "$(frames)" -ge 5 ]
    [ "$(frames)" -le $((10 * (seconds + 1) + 2)) ]
}

@test "the time of a bar goes on while nothing completes" {
    start_server --fault=hang=BR
    on_terminal "timeout -s INT 2.4 flags_asCompleted -s $SERVER_URL br us"
    grep -q ' 1/2 \[00:00<' screen
    grep -q ' 1/2 \[00:01<' screen
    grep -q ' 1/2 \[00:02<' screen
}

@test "errors are in lines of their own above the bar" {
    start_server --delay=0.15 --fault=418=CN
    on_terminal "flags_asCompleted -m 1 -l 6 -s $SERVER_URL"
    grep -qx "flags_asCompleted: $SERVER_URL/cn/cn.png: HTTP error 418 - I'm a Teapot" screen
    grep -q '100%|#*| 6/6 ' screen
}

@test "with -v on the same terminal the lines are whole as well" {
    start_server --delay=0.15
    on_terminal "flags_asCompleted --progress=always -v -m 1 -l 4 -s $SERVER_URL"
    for code in BD BR CD CN; do
        grep -qx "$code OK" screen
    done
    [ "$(frames)" -ge 2 ]
}

@test "no frame is wider than the terminal, and narrow ones have what fits" {
    start_server --delay=0.11
    for columns in 60 40 25 14 6; do
        on_terminal "stty cols $columns; flags_asCompleted -m 1 -l 4 -s $SERVER_URL"
        grep -qE '^(flags: +)?[0-9]+%' screen
        ! grep -E '^(flags: +)?[0-9]+%' screen | grep -E ".{$columns}" || return
    done
    on_terminal "stty cols 4; flags_asCompleted -m 1 -l 4 -s $SERVER_URL"
    grep -qx '  4 flags downloaded.' screen
    on_terminal "stty cols 40; flags_asCompleted -m 1 -l 4 -s $SERVER_URL"
    grep -qE '^50% 2/4 \[00:00<00:00, +[0-9.]+it/s\] *$' screen
    on_terminal "stty cols 14; flags_asCompleted -m 1 -l 4 -s $SERVER_URL"
    grep -qx '100% 4/4 *' screen
}

@test "a bar follows the width of its terminal" {
    start_server --delay=0.3
    on_terminal "flags_asCompleted -m 1 -l 6 -s $SERVER_URL & sleep 0.8; stty cols 60; sleep 0.5; stty cols 70; wait"
    for columns in 79 59 69; do
        grep -qE "^flags: .{$((columns - 7))}\$" screen
    done
}

@test "an interrupted program leaves the bar as it was and reports below it" {
    [ "$SANITIZER" != thread ] || skip "ThreadSanitizer withholds signals from a thread that waits in libcf"
    start_server --fault=hang=BR
    on_terminal "timeout -s INT 0.5 flags_asCompleted -s $SERVER_URL br us"
    grep -qE '^flags:  50%\|#+[1-9]? +\| 1/2 \[' screen
    grep -qx '  1 cancelled.' screen
}
