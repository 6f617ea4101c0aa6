#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# The programs that download flags, interrupted.

load helpers

ALL=(flags_sequential flags_threadpool flags_asCompleted)

setup() {
    [ "$SANITIZER" != thread ] || skip "ThreadSanitizer withholds signals from a thread that waits in libcf"
    cd "$BATS_TEST_TMPDIR" || return
}

# begin PROGRAM ARGUMENT... - start the program in the background, its output in the files out and err, and its pid in
# PID.  A shell lets what it starts there ignore SIGINT; this does not.
begin() {
    : >out
    rm -rf downloaded
    env --default-signal=INT,TERM,HUP "$@" -s "$SERVER_URL" >out 2>err 3>&- &
    PID=$!
}

# end SIGNAL - send it, wait for the end of the program, and check that it died by this signal.  Sets MILLISECONDS.
end() {
    local number status=0

    number=$(kill -l "$1")
    kill -s "$1" "$PID"
    timed wait "$PID" || status=$?
    [ "$status" -eq $((128 + number)) ] || { echo "status $status" >&2 && return 1; }
}

# promptly COMMAND... - run the command, in which a program is ended, and check that this took less than 0.2 s; in one
# of three times, because a busy machine may hold up any one of them.
promptly() {
    local try

    for try in 1 2 3; do
        "$@" || return
        [ "$MILLISECONDS" -ge $((200 * SLACK)) ] || return 0
        echo "try $try took $MILLISECONDS ms" >&2
    done
    return 1
}

end_hanging() {
    begin "$1" ad af us
    wait_for 5 test -e downloaded/AD.png
    sleep 0.1
    end "$2" && [ "$(ls -A downloaded)" = AD.png ]
}

@test "a signal ends a program within 0.2 s although transfers hang, and it dies by the signal" {
    start_server --fault=hang=AF,US
    for program in "${ALL[@]}"; do
        for signal in INT TERM HUP; do
            promptly end_hanging "$program" "$signal"
        done
    done
}

@test "an interrupted program reports what it did, and what it did not" {
    start_server --fault=hang=AF,US
    for program in "${ALL[@]}"; do
        begin "$program" ad af us zz
        wait_for 5 test -e downloaded/AD.png
        sleep 0.2
        end INT
        [ "$(grep -c -x -e '--------------------' -e '  1 flag downloaded.' out)" -eq 2 ]
        grep -q '^Elapsed time: [0-9.]*s$' out
        if [ "$program" = flags_sequential ]; then
            grep -qx '  3 cancelled.' out
        else
            grep -qx '  1 not found.' out
            grep -qx '  2 cancelled.' out
        fi
        ! grep -q error out || return
        [ ! -s err ]
    done
}

end_stalled() {
    begin "$1" -a
    wait_for 5 test -e downloaded
    sleep 0.3
    end INT && [ -z "$(ls -A downloaded)" ] && grep -qx '194 cancelled.' out
}

@test "a signal ends a program whose transfers stand still midway, and leaves no part of them" {
    start_server --fault=stall=1
    for program in "${ALL[@]}"; do
        promptly end_stalled "$program"
    done
}

@test "a signal that comes twice at once, as from timeout, counts as one" {
    start_server --fault=hang=AF
    for program in "${ALL[@]}"; do
        rm -rf downloaded
        run -124 timeout -s TERM $((SLACK / 2 + 1)) "$program" -s "$SERVER_URL" ad af
        [[ $output == *$'\n  1 flag downloaded.\n  1 cancelled.\n'* ]]
    done
}

# end_unread DESCRIPTOR PROGRAM ARGUMENT... - end a program that waits for room in a pipe that nobody reads.
end_unread() {
    local reader

    exec {reader}<>pipe
    rm -rf downloaded
    env --default-signal=INT bash -c "exec \"\$@\" $1>pipe" - "${@:2}" >out 2>err 3>&- &
    PID=$!
    sleep "$SLACK"
    end INT || return
    exec {reader}<&-
    [ "$(find downloaded -name '.*.png.*' | wc -l)" -eq 0 ]
}

@test "a signal ends within 0.2 s a program whose output nobody reads" {
    start_server --fault=418=1
    mkfifo pipe
    # So many objects, or errors with such long URLs, are more than a pipe can hold.
    long=${SERVER_URL%/flags}/$(printf '%0200d' 0)/flags
    for program in "${ALL[@]}"; do
        promptly end_unread 1 "$program" -e --json -s "$long"
        promptly end_unread 2 "$program" -e -s "$long"
    done
    promptly end_unread 2 flags_asCompleted -e --progress=always -s "$long"
}

# end_reporting PROGRAM - end, by a second signal, a program that still has much to print after the first one.
end_reporting() {
    local status=0 reader

    env --default-signal=INT "$1" -e --json -s "$long" >pipe 2>err 3>&- &
    PID=$!
    (while [ "$(head -c 4096 | wc -c)" -gt 0 ]; do sleep 0.02; done) <pipe 3>&- &
    reader=$!
    sleep "$SLACK"
    kill -s INT "$PID"
    sleep 0.3
    # The reader may have been so slow that the program has ended without it.
    kill -s 0 "$PID" 2>/dev/null || status=1
    [ "$status" -ne 0 ] || end INT || status=1
    wait "$reader"
    return "$status"
}

@test "a second signal ends on the spot a program that is still reporting" {
    start_server
    stop_server
    long=${SERVER_URL%/flags}/$(printf '%01900d' 0)/flags
    mkfifo pipe
    for program in "${ALL[@]}"; do
        promptly end_reporting "$program" || promptly end_reporting "$program"
    done
}

@test "a second signal leaves no file half written" {
    mkdir root
    for cc in ad ae af ag ai al am ao ar at au aw; do
        truncate -s 15M "root/$cc.png"
    done
    start_server --root=root
    for program in "${ALL[@]}"; do
        for _ in 1 2 3 4; do
            begin "$program" -a
            wait_for 10 eval '[ -n "$(find downloaded -name "*.png*" 2>/dev/null)" ]'
            # It may have ended by itself before the one or the other.
            kill -s INT "$PID" 2>/dev/null || true
            sleep 0.11
            kill -s INT "$PID" 2>/dev/null || true
            wait "$PID" || true
            [ "$(find downloaded -name '.*.png.*' | wc -l)" -eq 0 ]
        done
    done
}

@test "a signal that is ignored from the start stays ignored" {
    start_server --delay=0.5
    for program in "${ALL[@]}"; do
        rm -rf downloaded
        (trap '' INT HUP && exec "$program" -s "$SERVER_URL" br) >out 2>err 3>&- &
        PID=$!
        sleep 0.2
        kill -s INT "$PID"
        kill -s HUP "$PID"
        wait "$PID"
        grep -qx '  1 flag downloaded.' out
    done
}
