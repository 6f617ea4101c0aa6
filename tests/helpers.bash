# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# What all tests of programs share: `load helpers' at the head of a .bats file.
#
# `make check' says where things are; by hand, a build directory named build in the top directory is assumed:
#     PROGRAMS=/some/where/programs bats tests/server.bats
# A test file that needs a teardown of its own calls stop_servers in it.

bats_require_minimum_version 1.5.0

# cd prints where it goes when it has looked elsewhere, and ls may be told to quote every name.
unset CDPATH QUOTING_STYLE

SRCDIR=$(cd "${top_srcdir:-$BATS_TEST_DIRNAME/..}" && pwd)
PROGRAMS=${PROGRAMS:-${top_builddir:-$SRCDIR/build}/programs}
PROGRAMS=$(cd "$PROGRAMS" && pwd) || echo "helpers.bash: no programs; set PROGRAMS to where they were built" >&2
export SRCDIR PROGRAMS PATH="$PROGRAMS:$PATH"

# Tests compare with what tools print, sort and take for a number, which the locale changes.
export LC_ALL=C

# What a test is allowed to take in time, as a factor of what it may take in a plain build.
case ${SANITIZER:-no} in
no) SLACK=1 ;;
*) SLACK=4 ;;
esac
export SLACK

# Requests to our own servers must not go astray.
unset http_proxy https_proxy all_proxy HTTP_PROXY HTTPS_PROXY ALL_PROXY
export no_proxy='*'

SERVER_PIDS=()

# start_server [OPTION...] - start a flags_server on a free port and wait until it listens.  Sets SERVER_URL (up to
# /flags), SERVER_PORT, SERVER_PID, SERVER_LOG (the requests), SERVER_OUT and SERVER_ERR (what it prints).  Several may
# run at once; each call starts another.
start_server() {
    local base=$BATS_TEST_TMPDIR/server${#SERVER_PIDS[@]}

    SERVER_LOG=$base.log
    SERVER_OUT=$base.out
    SERVER_ERR=$base.err
    # bats waits for whoever holds its descriptor 3.
    "$PROGRAMS/flags_server" --port 0 --log "$SERVER_LOG" "$@" >"$SERVER_OUT" 2>"$SERVER_ERR" 3>&- &
    SERVER_PID=$!
    SERVER_PIDS+=("$SERVER_PID")
    wait_for 10 grep -q '^Serving flags on ' "$SERVER_OUT" || {
        echo "flags_server $*: it does not start:" >&2
        cat "$SERVER_OUT" "$SERVER_ERR" >&2
        return 1
    }
    SERVER_URL=$(sed -n '1s/^Serving flags on //p' "$SERVER_OUT")
    SERVER_PORT=${SERVER_URL%/flags}
    SERVER_PORT=${SERVER_PORT##*:}
}

# stop_server [PID [SIGNAL]] - stop the server that was started last, or the one given, and return its exit status, which
# is 0 unless something is wrong with it; what it has said on stderr is shown then.
stop_server() {
    local pid=${1:-$SERVER_PID} left=() other status=0

    for other in "${SERVER_PIDS[@]}"; do
        [ "$other" = "$pid" ] || left+=("$other")
    done
    SERVER_PIDS=("${left[@]}")
    kill -s "${2:-TERM}" "$pid" || return
    wait "$pid" || status=$?
    if [ "$status" -ne 0 ]; then
        echo "flags_server ended with status $status:" >&2
        cat "$BATS_TEST_TMPDIR"/server*.err >&2
    fi
    return "$status"
}

# stop_servers - stop all that still run.
stop_servers() {
    local pid status=0

    for pid in "${SERVER_PIDS[@]}"; do
        stop_server "$pid" || status=1
    done
    return "$status"
}

teardown() {
    stop_servers
}

# wait_for SECONDS COMMAND... - run the command every hundredth of a second until it succeeds, or fail.
wait_for() {
    local deadline=$((EPOCHSECONDS + $1 + 1))

    shift
    until "$@"; do
        [ "$EPOCHSECONDS" -le "$deadline" ] || return 1
        sleep 0.01
    done
}

# timed COMMAND... - run the command, return its status, and set MILLISECONDS to how long it took.
timed() {
    local start=${EPOCHREALTIME//[!0-9]/} status=0

    "$@" || status=$?
    export MILLISECONDS=$(((${EPOCHREALTIME//[!0-9]/} - start) / 1000))
    return "$status"
}

# logged TEXT - print how many requests in SERVER_LOG have the text in their line, as in: logged '"status":404'.
logged() {
    grep -c -F -e "$1" "$SERVER_LOG"
}

# connections - print over how many connections the requests in SERVER_LOG came.
connections() {
    sed -n 's/.*"connection":\([0-9]*\).*/\1/p' "$SERVER_LOG" | sort -u | wc -l
}

# codes - print the 194 codes, one per line, in capitals.
codes() {
    xargs -n 1 <"$SRCDIR/data/country_codes.txt"
}

# programs - the names of those that were built, one per line.
programs() {
    find "$PROGRAMS" -maxdepth 1 -type f -perm -u+x -printf '%f\n' | LC_ALL=C sort
}
