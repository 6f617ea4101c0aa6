# SPDX-License-Identifier: MIT
# shellcheck shell=sh
# What demo, timings and traces share: a folder in memory and a server of flags, both gone when the script ends, however
# it ends.  The script has set programs, the folder with the programs just built.

# Where the locale has a comma in decimal numbers, awk and sort would not take ours.
LC_ALL=C
export LC_ALL

# Requests to our own server must not go astray.
no_proxy='*'
export no_proxy
: "${programs:?}"
server=
work=

stop_server() {
    if [ -n "$server" ]; then
        kill "$server" 2>/dev/null
        wait "$server" 2>/dev/null
        server=
    fi
}

clean_up() {
    stop_server
    [ -z "$work" ] || rm -rf "$work"
}

# Clean up, then end as the signal would have ended us.
die_by() {
    clean_up
    trap - EXIT "$1"
    kill -s "$1" $$
}

# Make the folder work, in memory where that can be, so that no disk is timed.
make_work_folder() {
    parent=${TMPDIR:-/tmp}
    if [ "$(stat -f -c %T /dev/shm 2>/dev/null)" = tmpfs ] && [ -w /dev/shm ]; then
        parent=/dev/shm
    fi
    work=$(mktemp -d "$parent/flags-demo.XXXXXX")
}

# start_server OPTION... - start the server on a free port and set url to what its first line says.
start_server() {
    "$programs/flags_server" --port 0 "$@" >"$work/server.out" &
    server=$!
    for _ in $(seq 100); do
        url=$(sed -n '1s/^Serving flags on //p' "$work/server.out")
        [ -z "$url" ] || return 0
        kill -0 "$server" 2>/dev/null || break
        sleep 0.1
    done
    return 1
}

trap clean_up EXIT
trap 'die_by INT' INT
trap 'die_by TERM' TERM
