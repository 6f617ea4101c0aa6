#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# The programs that download flags, given bad arguments, bad servers and bad folders.

load helpers

CONCURRENT=(flags_threadpool flags_asCompleted)
ALL=(flags_sequential "${CONCURRENT[@]}")

setup() {
    cd "$BATS_TEST_TMPDIR" || return
}

teardown() {
    stop_servers
    [ -z "$public" ] || rm -rf "$public"
    [ -z "$disk" ] || umount "$disk"
}

# refused MESSAGE ARGUMENT... - check that each program, or those in PROGRAMS_MEANT, calls these arguments wrong usage.
refused() {
    local message=$1 program

    shift
    for program in "${PROGRAMS_MEANT[@]:-${ALL[@]}}"; do
        run -2 --separate-stderr "$program" "$@"
        [ -z "$output" ]
        [ "$stderr" = "$program: $message
Try '$program --help' for more information." ] || { echo "$stderr" >&2 && return 1; }
        [ ! -e downloaded ]
    done
}

@test "what is neither a letter nor two is no country code" {
    for code in usa b1 1 é "b r" ""; do
        refused "'$code' is not a country code: it must be two letters, or one for all that begin with it" "$code"
    done
    refused "'b1' is not a country code: it must be two letters, or one for all that begin with it" --all us b1
}

@test "a letter that begins no country code is wrong usage" {
    refused "'x': no country code begins with this letter" x
}

@test "a code that no country has is not found" {
    start_server
    for program in "${ALL[@]}"; do
        run -1 --separate-stderr "$program" -s "$SERVER_URL" xq
        [[ $output == *$'\n  0 flags downloaded.\n  1 not found.\n'* ]]
        [ -z "$stderr" ]
    done
}

@test "a limit that is empty, below 1, too large or no number is wrong usage" {
    for limit in "" 0 -1 +1 " 1" 1.5 1e3 0x10 ten 1000000000 99999999999999999999999999; do
        refused "--limit: '$limit' is not a whole number from 1 to 999999999" "--limit=$limit"
    done
}

@test "fewer than 1 and more than 1000 connections are wrong usage" {
    PROGRAMS_MEANT=("${CONCURRENT[@]}")
    for number in "" 0 -5 1001 99999999999999999999999999 many; do
        refused "--max-req: '$number' is not a whole number from 1 to 1000" "--max-req=$number"
    done
}

@test "a site that is neither a label nor a base URL is wrong usage" {
    local labels="LOCAL, DELAY, ERROR, REMOTE"

    for site in "" LOKAL localhost:8000 ftp://localhost/flags file:///etc; do
        refused "--server: $site: neither a label ($labels) nor a URL that begins with http:// or https://" -s "$site"
    done
    refused "--server: http://: No host part in the URL" -s http://
    refused "--server: http:///flags: it names no host" -s http:///flags
    refused "--server: http://h:99999/: Port number was not a decimal number between 0 and 65535" -s http://h:99999/
    refused "--server: http://h/a b: it has a character that a URL cannot have" -s "http://h/a b"
    refused "--server: http://h/?a: it has a query or a fragment, so no path can be added to it" -s "http://h/?a"
    site=http://h/$(printf '%03000d' 0)
    refused "--server: $site: too long" -s "$site"
}

@test "an ending that is not one to eight letters and digits is wrong usage" {
    for ending in "" .png p/g ../../x 123456789; do
        refused "--extension: '$ending' is not one to 8 letters and digits" "--extension=$ending"
    done
}

@test "a folder without a name is wrong usage" {
    refused "--output: the name of the folder is empty" -o ""
}

@test "a progress bar at another time than auto, always and never is wrong usage" {
    refused "--progress: 'sometimes' is none of auto, always, never" --progress=sometimes
}

@test "an unknown option, and one without its value, is wrong usage" {
    refused "unrecognized option '--fast'" --fast
    refused "invalid option -- 'x'" -x
    refused "option '--limit' requires an argument" --limit
}

@test "a server that is not there is an error for each flag" {
    for program in "${ALL[@]}"; do
        run -1 --separate-stderr "$program" -s http://127.0.0.1:1/flags br us
        [[ $output == *$'\n  0 flags downloaded.\n  2 errors.\n'* ]]
        [ "$(grep -c "^$program: http://127.0.0.1:1/flags/../..\.png: Failed to connect" <<<"$stderr")" -eq 2 ]
        [ -z "$(ls -A downloaded)" ]
    done
}

@test "a host that has no address is an error for each flag" {
    for program in "${ALL[@]}"; do
        run -1 --separate-stderr "$program" -s http://nowhere.invalid/flags br us
        [[ $output == *$'\n  0 flags downloaded.\n  2 errors.\n'* ]]
        [ "$(grep -c "^$program: http://nowhere.invalid/flags/../..\.png: Could not resolve" <<<"$stderr")" -eq 2 ]
    done
}

@test "each fault of a server is an error that saves nothing, and harms no other flag" {
    start_server --fault=cut=AD --fault=chunked-cut=AE --fault=reset=AF --fault=reset-midway=AG --fault=garbage=AL \
        --fault=418=AM --fault=500=AO --fault=429=AR
    for program in "${ALL[@]}"; do
        rm -rf downloaded
        run -1 --separate-stderr "$program" -s "$SERVER_URL" ad ae af ag al am ao ar br us
        [[ $output == *$'\n  2 flags downloaded.\n  8 errors.\n'* ]]
        [ "$(ls -A downloaded)" = $'BR.png\nUS.png' ]
        while read -r code words; do
            grep -qE "^$program: $SERVER_URL/$code/$code.png: $words" <<<"$stderr" || { echo "$stderr" >&2 && return 1; }
        done <<'END'
ad transfer closed with [0-9]+ bytes remaining to read$
ae transfer closed with outstanding read data remaining$
af (Recv failure: Connection reset by peer|Empty reply from server)$
ag Recv failure: Connection reset by peer$
al The server's answer is not HTTP$
am HTTP error 418 - I'm a Teapot$
ao HTTP error 500 - Internal Server Error$
ar HTTP error 429 - Too Many Requests$
END
    done
}

@test "errors at random are counted like those of codes, and the rest is whole" {
    start_server --error-rate=0.2 --error-codes=418,503 --fault=cut=0.1 --fault=reset=0.1 --seed=3
    for program in "${ALL[@]}"; do
        rm -rf downloaded
        run -1 --separate-stderr "$program" -a -s "$SERVER_URL"
        good=$(sed -n 's/^ *\([0-9]*\) flags downloaded\.$/\1/p' <<<"$output")
        bad=$(sed -n 's/^ *\([0-9]*\) errors\.$/\1/p' <<<"$output")
        [ $((good + bad)) -eq 194 ]
        [ "$bad" -ge 20 ]
        [ "$(wc -l <<<"$stderr")" -eq "$bad" ]
        [ "$(ls -A downloaded | wc -l)" -eq "$good" ]
    done
}

@test "a folder that is a file, and one below a file, ends the program before any request, with 3" {
    start_server
    echo >file
    for program in "${ALL[@]}"; do
        run -3 --separate-stderr "$program" -s "$SERVER_URL" -o file br
        [ -z "$output" ]
        [ "$stderr" = "$program: file: cannot save flags in this folder: Not a directory" ]
        run -3 --separate-stderr "$program" -s "$SERVER_URL" -o file/below br
        [ "$stderr" = "$program: file/below: cannot save flags in this folder: Not a directory" ]
    done
    [ "$(logged code)" -eq 0 ]
}

@test "a folder that is a link to nowhere, or to itself, ends the program with 3" {
    ln -s nowhere lost
    ln -s round round
    for program in "${ALL[@]}"; do
        run -3 --separate-stderr "$program" -s http://127.0.0.1:1/flags -o lost br
        [ "$stderr" = "$program: lost: cannot save flags in this folder: No such file or directory" ]
        run -3 --separate-stderr "$program" -s http://127.0.0.1:1/flags -o round/new br
        [ "$stderr" = "$program: round/new: cannot save flags in this folder: Too many levels of symbolic links" ]
    done
}

# as_nobody PROGRAM ARGUMENT... - run a program without the rights of root, which nothing is refused to.
as_nobody() {
    local program=$1

    shift
    if [ "$(id -u)" -ne 0 ]; then
        "$program" "$@"
        return
    fi
    cp "$PROGRAMS/$program" "$public"
    (cd / && setpriv --reuid=65534 --regid=65534 --clear-groups "$public/$program" "$@")
}

# A folder that anybody can look into; that of the test is root's alone.
make_public() {
    public=$(mktemp -d /tmp/flags.XXXXXX)
    chmod 755 "$public"
}

@test "a folder that is not to be written to, or not to be made, ends the program with 3" {
    start_server
    make_public
    mkdir "$public/closed"
    chmod 555 "$public/closed"
    for program in "${ALL[@]}"; do
        run -3 --separate-stderr as_nobody "$program" -s "$SERVER_URL" -o "$public/closed" br
        [ "$stderr" = "$program: $public/closed: cannot save flags in this folder: Permission denied" ]
        run -3 --separate-stderr as_nobody "$program" -s "$SERVER_URL" -o "$public/closed/new" br
        [ "$stderr" = "$program: $public/closed/new: cannot save flags in this folder: Permission denied" ]
    done
    [ "$(logged code)" -eq 0 ]
}

@test "a full disk is an error for each flag that does not fit, and leaves no part of it" {
    [ "$(id -u)" -eq 0 ] || skip "only root can mount a small disk"
    mkdir "$BATS_TEST_TMPDIR/disk"
    mount -t tmpfs -o size=64k small "$BATS_TEST_TMPDIR/disk" || skip "mounting is not allowed here"
    disk=$BATS_TEST_TMPDIR/disk
    start_server --made-up
    for program in "${ALL[@]}"; do
        rm -rf disk/*
        run -1 --separate-stderr "$program" -a -s "$SERVER_URL" -o disk
        saved=$(codes | sed 's,.*,disk/&.png,' | xargs ls 2>/dev/null | wc -l)
        [ "$saved" -gt 0 ]
        [ "$(find disk -type f | wc -l)" -eq "$saved" ]
        [[ $output =~ "$saved flags downloaded."$'\n'"$((194 - saved)) errors." ]]
        [ "$(grep -c 'cannot save disk/[A-Z]*.png: No space left on device$' <<<"$stderr")" -eq $((194 - saved)) ]
    done
}

@test "a disk without room for a single flag makes the status 3" {
    start_server --made-up
    for program in "${ALL[@]}"; do
        run -3 --separate-stderr bash -c "ulimit -f 1; exec $program -s $SERVER_URL -o new br us zz"
        [[ $output == *$'\n  0 flags downloaded.\n  1 not found.\n  2 errors.\n'* ]]
        diff <(sort <<<"$stderr") - <<END
$program: $SERVER_URL/br/br.png: cannot save new/BR.png: File too large
$program: $SERVER_URL/us/us.png: cannot save new/US.png: File too large
END
        [ -z "$(ls -A new)" ]
    done
}

@test "a folder in the place of a file is an error for that flag" {
    start_server
    for program in "${ALL[@]}"; do
        mkdir -p downloaded/BR.png
        run -1 --separate-stderr "$program" -s "$SERVER_URL" br us
        [ "$stderr" = "$program: $SERVER_URL/br/br.png: cannot save downloaded/BR.png: Is a directory" ]
        [ "$(ls -A downloaded)" = $'BR.png\nUS.png' ]
    done
}

@test "too low a limit of open files is an error that says what to do" {
    start_server
    for program in "${CONCURRENT[@]}"; do
        run -1 --separate-stderr bash -c "ulimit -n 64; exec $program -a -s $SERVER_URL"
        [ -z "$output" ]
        [ "$stderr" = "$program: 30 connections at a time need 200 open files, but only 64 are allowed: \
raise \`ulimit -n', or use --max-req=7" ]
        run -0 bash -c "ulimit -n 64; exec $program -a -s $SERVER_URL --max-req=7"
    done
    [ "$(logged '"status":200')" -eq $((2 * 194)) ]
}

@test "the soft limit of open files is raised for as many connections as are asked for" {
    # The server, too, needs a descriptor for each connection.
    [ "$(ulimit -Hn)" = unlimited ] || [ "$(ulimit -Hn)" -ge 4096 ] || skip "the hard limit is too low"
    ulimit -Sn 4096
    start_server --delay=0.1
    for program in "${CONCURRENT[@]}"; do
        run -1 --separate-stderr bash -c "ulimit -Sn 1024; exec $program -e -m 1000 -s $SERVER_URL"
        [[ $output == *$'\n676 concurrent connections will be used.\n'* ]]
        [[ $output == *$'\n194 flags downloaded.\n482 not found.\n'* ]]
        [ -z "$stderr" ]
    done
}

@test "a full or closed stdout is an error, but the flags are saved" {
    start_server
    for program in "${ALL[@]}"; do
        for sink in '>/dev/full' '>&-'; do
            rm -rf downloaded
            run -1 --separate-stderr bash -c "$program -s $SERVER_URL br us $sink"
            [[ $stderr == "$program: standard output: "* ]]
            [ "$(ls -A downloaded)" = $'BR.png\nUS.png' ]
            cmp downloaded/BR.png <(cat downloaded/BR.png)
        done
    done
    run -1 bash -c "flags_sequential --help >/dev/full"
}

@test "a reader who goes away does not end the downloads" {
    start_server --delay=0.02
    for program in "${ALL[@]}"; do
        rm -rf downloaded
        run --separate-stderr bash -c "set -o pipefail; $program -v -l 10 -s $SERVER_URL | head -n 1"
        [ "$status" -eq 1 ]
        [[ $stderr == "$program: standard output: "* ]]
        [ "$(ls -A downloaded | wc -l)" -eq 10 ]
    done
}

@test "without a stderr the report is the same" {
    start_server --fault=418=BR
    for program in "${ALL[@]}"; do
        run -1 --separate-stderr bash -c "$program -s $SERVER_URL br us 2>&-"
        [[ $output == *$'\n  1 flag downloaded.\n  1 error.\n'* ]]
        [ "$(ls -A downloaded)" = US.png ]
    done
}

# with_short_memory N PROGRAM ARGUMENT... - run a program in which the Nth allocation and the two after it fail.
with_short_memory() {
    SHORT_MEMORY=$1 LD_PRELOAD=$top_builddir/tests/short-memory.so "${@:2}"
}

@test "where memory is short every flag is accounted for, and a message says why" {
    [ "$SANITIZER" = no ] || skip "a sanitizer has a malloc() of its own"
    [ -e "$top_builddir/tests/short-memory.so" ] || skip "tests/short-memory.so is not built"
    start_server
    for program in "${ALL[@]}"; do
        SHORT_MEMORY_COUNT=$PWD/count with_short_memory 999999999 "$program" --json -s "$SERVER_URL" ad br us
        count=$(cat count)
        complained=0
        # The last of them are those of the downloads; the first ones are libcurl's, for its global state.
        for ((n = count - 600; n < count; n += 11)); do
            run --separate-stderr with_short_memory "$n" "$program" --json -s "$SERVER_URL" ad br us
            [ "$status" -eq 0 ] && continue
            # It is 3 where the memory is missed in looking at the folder.
            [ "$status" -eq 1 ] || [ "$status" -eq 3 ] || { echo "$program $n: status $status" >&2 && return 1; }
            [ -n "$stderr" ]
            complained=$((complained + 1))
            [[ $output == *'"flags": 3,'* ]] || continue
            [ "$(grep -c '^{"code"' <<<"$output")" -eq 3 ] || [[ $stderr == *"for want of memory"* ]] ||
                { echo "$program $n: $output $stderr" >&2 && return 1; }
        done
        [ "$complained" -gt 0 ]
    done
}
