#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# The programs that download flags, with --json.

load helpers

ALL=(flags_sequential flags_threadpool flags_asCompleted)

setup() {
    cd "$BATS_TEST_TMPDIR" || return
}

# object TEXT - print the object with this text in it, with URL for the server's, W for the worker and T for the seconds.
object() {
    grep -F "$1" <<<"$output" |
        sed -E "s,$SERVER_URL,URL,; s/\"(main|thread [0-9]+)\"/W/; s/(\"seconds\": )[0-9]+(\.[0-9]+)?(e-[0-9]+)?,/\1T,/"
}

# is TEXT TEXT - check that both are the same.
is() {
    [ "$1" = "$2" ] || { printf '%s\n' "is:        $1" "should be: $2" >&2 && return 1; }
}

@test "--json prints an object for each flag, then one for all of them, and nothing else" {
    mkdir root
    printf 123456 >root/br.png
    printf 123456 >root/af.png
    start_server --root=root --fault=418=AE --fault=cut=AF
    for program in "${ALL[@]}"; do
        run -1 --separate-stderr "$program" --json -s "$SERVER_URL" ae af br zz
        [ "${#lines[@]}" -eq 5 ]
        is "$(object '"AE"')" '{"code": "AE", "url": "URL/ae/ae.png", "status": 418, "bytes": 0, "seconds": T, "worker": W, "error": "HTTP error 418 - I'\''m a Teapot"}'
        is "$(object '"AF"')" '{"code": "AF", "url": "URL/af/af.png", "status": null, "bytes": 0, "seconds": T, "worker": W, "error": "transfer closed with 3 bytes remaining to read"}'
        is "$(object '"BR"')" '{"code": "BR", "url": "URL/br/br.png", "status": 200, "bytes": 6, "seconds": T, "worker": W, "error": null}'
        is "$(object '"ZZ"')" '{"code": "ZZ", "url": "URL/zz/zz.png", "status": 404, "bytes": 0, "seconds": T, "worker": W, "error": "HTTP error 404 - Not Found"}'
        workers=4
        [ "$program" != flags_sequential ] || workers=1
        is "$(object '"flags"')" '{"site": "CUSTOM", "url": "URL", "flags": 4, "workers": '$workers', "downloaded": 1, "not_found": 1, "errors": 2, "cancelled": 0, "bytes": 6, "seconds": T, "interrupted": false}'
        [[ ${lines[4]} == *'"flags"'* ]]
    done
}

@test "--json tells who downloaded what, and how long it took, of failures too" {
    start_server --delay=0.25 --fault=418=AE
    for program in "${ALL[@]}"; do
        run -1 --separate-stderr "$program" --json -s "$SERVER_URL" ae br zz
        [ "$(grep -cE '"seconds": 0\.(2[5-9]|[3-9])' <<<"$output")" -ge 3 ]
        if [ "$program" = flags_sequential ]; then
            [ "$(grep -c '"worker": "main"' <<<"$output")" -eq 3 ]
        else
            [ "$(grep -o '"worker": "thread [0-9]*"' <<<"$output" | sort -u | wc -l)" -eq 3 ]
        fi
    done
}

@test "--json prints each object as soon as it is known" {
    [ "$SANITIZER" != thread ] || skip "ThreadSanitizer withholds signals from a thread that waits in libcf"
    start_server --fault=hang=US
    for program in "${ALL[@]}"; do
        [ -p pipe ] || mkfifo pipe
        "$program" --json -s "$SERVER_URL" br us >pipe 2>/dev/null 3>&- &
        PID=$!
        exec {reader}<pipe
        read -r -t 10 -u "$reader" first
        kill -s TERM "$PID"
        rest=$(cat <&"$reader")
        exec {reader}<&-
        [[ $first == '{"code": "BR", '*'"error": null}' ]]
        [[ $rest == '{"code": "US", '*'"error": "interrupted"}'*'"cancelled": 1, '*'"interrupted": true}' ]]
    done
}

@test "--json accounts for every flag of an interrupted program" {
    [ "$SANITIZER" != thread ] || skip "ThreadSanitizer withholds signals from a thread that waits in libcf"
    start_server --fault=hang=1
    for program in "${ALL[@]}"; do
        "$program" --json -a -s "$SERVER_URL" >out 2>err 3>&- &
        PID=$!
        sleep 0.3
        kill -s TERM "$PID"
        status=0
        wait "$PID" || status=$?
        [ "$status" -eq 143 ]
        [ "$(wc -l <out)" -eq 195 ]
        [ "$(grep -c '^{"code"' out)" -eq 194 ]
        grep -q '"downloaded": 0, .*"cancelled": 194, ' out
        [ ! -s err ]
    done
}

@test "--json stays valid whatever the folder is called" {
    command -v jq >/dev/null || skip "jq is missing"
    start_server
    folder=$'caf\xe9 "1"'
    for program in "${ALL[@]}"; do
        run --separate-stderr bash -c 'ulimit -f 1; exec "$@"' - "$program" --json -o "$folder" -s "$SERVER_URL" br
        [ "$status" -eq 3 ]
        is "$(jq -r .error <<<"${lines[0]}")" 'cannot save caf? "1"/BR.png: File too large'
    done
}
