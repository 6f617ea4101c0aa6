#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# flags_server, seen through curl.  Every server listens on a free port of its own.
#
# Each test is a subshell, functions are called by name, and helpers.bash uses what seems to be unused:
# shellcheck disable=SC2030,SC2031,SC2034,SC2317

load helpers

# fetch CURL-OPTION... - curl without a progress bar, which gives up after 10 seconds.
fetch() {
    curl --silent --show-error --max-time 10 "$@"
}

# server OPTION... - a flags_server that should end by itself, and at once.
server() {
    timeout --kill-after=1 10 flags_server "$@"
}

# status CURL-OPTION... - print the status of the answer, 000 if there is none.
status() {
    fetch --output /dev/null --write-out '%{http_code}\n' "$@"
}

# Write a curl configuration that fetches the codes on stdin into the folder "$1", which is made.
wanted() {
    mkdir -p "$1"
    while read -r cc; do
        printf 'url = "%s/%s/%s.png"\noutput = "%s/%s"\n' "$SERVER_URL" "${cc,,}" "${cc,,}" "$1" "$cc"
    done
}

# at_once N CONFIG - fetch what the configuration says over N connections.
at_once() {
    curl --silent --parallel --parallel-immediate --parallel-max "$1" --config "$2" --max-time 30
}

# failed_codes - print the codes whose requests are in SERVER_LOG with an error, sorted.
failed_codes() {
    sed -n 's/.*"code":"\(..\)".*"status":[45].*/\1/p' "$SERVER_LOG" | sort
}

# descriptors PID - print how many descriptors a process has.
descriptors() {
    find "/proc/$1/fd" -mindepth 1 | wc -l
}

# Start a server, fetch BR with the given fault, and leave the rest to the test.
start_with_fault() {
    start_server --made-up --fault "$1=BR" "${@:2}"
    whole=$(fetch "$SERVER_URL/fr/fr.png" | wc -c)
    [ "$whole" -ge 2048 ]
}

# --- What it serves ---

@test "the first line on stdout tells where the flags are" {
    start_server
    [ "$(head -n 1 "$SERVER_OUT")" = "Serving flags on http://127.0.0.1:$SERVER_PORT/flags" ]
}

@test "the 194 codes are served from the folder, and 404 is the answer to all else, even if the folder has it" {
    mkdir "$BATS_TEST_TMPDIR/root"
    for cc in {a..z}{a..z}; do
        echo "the flag of $cc" >"$BATS_TEST_TMPDIR/root/$cc.png"
    done
    start_server --root "$BATS_TEST_TMPDIR/root"
    printf '%s\n' {A..Z}{A..Z} | wanted "$BATS_TEST_TMPDIR/got" >"$BATS_TEST_TMPDIR/config"
    at_once 4 "$BATS_TEST_TMPDIR/config"
    [ "$(logged '"status":200')" -eq 194 ]
    [ "$(logged '"status":404')" -eq $((676 - 194)) ]
    for cc in $(codes); do
        cmp "$BATS_TEST_TMPDIR/root/${cc,,}.png" "$BATS_TEST_TMPDIR/got/$cc"
    done
}

@test "a known code that the folder lacks is 404" {
    mkdir "$BATS_TEST_TMPDIR/root"
    echo flag >"$BATS_TEST_TMPDIR/root/br.png"
    start_server --root "$BATS_TEST_TMPDIR/root"
    [ "$(status "$SERVER_URL/br/br.png")" = 200 ]
    [ "$(status "$SERVER_URL/us/us.png")" = 404 ]
}

@test "made-up bodies have a few kilobytes, are the same in every run and differ between codes" {
    start_server --made-up --seed 1
    first=$SERVER_URL
    start_server --made-up --seed 2
    for cc in ad br zw; do
        fetch -o "$BATS_TEST_TMPDIR/$cc.1" "$first/$cc/$cc.png"
        fetch -o "$BATS_TEST_TMPDIR/$cc.2" "$SERVER_URL/$cc/$cc.png"
        cmp "$BATS_TEST_TMPDIR/$cc.1" "$BATS_TEST_TMPDIR/$cc.2"
        [ "$(wc -c <"$BATS_TEST_TMPDIR/$cc.1")" -ge 2048 ]
        [ "$(wc -c <"$BATS_TEST_TMPDIR/$cc.1")" -lt 6144 ]
    done
    run -1 cmp "$BATS_TEST_TMPDIR/ad.1" "$BATS_TEST_TMPDIR/br.1"
}

@test "the path may begin with anything, but must end in /flags/cc/cc.png in lower case with the same code twice" {
    start_server --made-up
    local base=${SERVER_URL%/flags}
    [ "$(status "$base/a/b/flags/br/br.png")" = 200 ]
    [ "$(status "$base/flags/br/br.png?query")" = 200 ]
    for path in /flags/BR/BR.png /flags/br/us.png /flags/br/br.gif /flags/br.png /xflags/br/br.png /br/br.png \
        /flags/br/br.png/ /flags/br/br.pngx /flags/b1/b1.png / /flags/Br/Br.png /flags/bR/bR.png /flags/bra/bra.png /flags/br/BR.png; do
        [ "$(status --path-as-is "$base$path")" = 404 ]
    done
}

@test "HEAD has the header of GET and no body" {
    start_server --made-up
    size=$(fetch "$SERVER_URL/br/br.png" | wc -c)
    run -0 fetch --head "$SERVER_URL/br/br.png"
    [[ $output == "HTTP/1.1 200 OK"* ]]
    [[ $output == *"Content-Length: $size"* ]]
    [[ $output == *"Content-Type: image/png"* ]]
    [ "$(logged '"method":"HEAD","path":"/flags/br/br.png","code":"BR","attempt":2,"status":200,"fault":null,"bytes":0,')" -eq 1 ]
}

@test "methods other than GET and HEAD are 405, and keep the connection" {
    start_server --made-up
    run -0 fetch --include --data sent "$SERVER_URL/br/br.png" --next --silent --request DELETE "$SERVER_URL/br/br.png"
    [[ $output == "HTTP/1.1 405 Method Not Allowed"*"Allow: GET, HEAD"*"405 Method Not Allowed"* ]]
    [ "$(logged '"status":405')" -eq 2 ]
    [ "$(connections)" -eq 1 ]
}

@test "requests that are too long or not HTTP do no harm" {
    start_server --made-up
    for request in 'nonsense\r\n\r\n' 'GET /flags/br/br.png HTTP/9.9\r\n\r\n' '\x16\x03\x01\x00\xff\x00\r\n\r\n' \
        'GET  \r\n\r\n' '\r\n\r\n\r\n' 'POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n'; do
        exec 5<>"/dev/tcp/127.0.0.1/$SERVER_PORT"
        # shellcheck disable=SC2059 # the requests are written as formats
        printf "$request" >&5
        exec 5>&-
    done
    printf -v long '%20000s' ''
    [ "$(status --header "X: ${long// /y}" "$SERVER_URL/br/br.png")" = 431 ]
    [ "$(status "$SERVER_URL/br/${long// /y}.png")" = 414 ]
    [ "$(status "$SERVER_URL/br/br.png")" = 200 ]
}

# --- Connections ---

@test "a connection is kept for all the requests of a client, errors and 404 included" {
    start_server --made-up --fault 503=CN
    fetch -o "$BATS_TEST_TMPDIR/#1" "$SERVER_URL/br/br.png?[1-5]" "$SERVER_URL/zz/zz.png?[1-5]" "$SERVER_URL/cn/cn.png?[1-5]"
    [ "$(wc -l <"$SERVER_LOG")" -eq 15 ]
    [ "$(logged '"connection":1,')" -eq 15 ]
}

@test "connections are numbered from 1 as they are accepted" {
    start_server --made-up
    for n in 1 2 3; do
        status "$SERVER_URL/br/br.png"
        [ "$(logged "\"connection\":$n,\"request\":$n,")" -eq 1 ]
    done
}

@test "small answers on a kept connection do not wait for each other's acknowledgement" {
    start_server --made-up
    timed fetch -o /dev/null "$SERVER_URL/br/br.png?[1-100]"
    [ "$(connections)" -eq 1 ]
    # A header and a body sent apart, without TCP_NODELAY, would take 40 ms for each answer.
    [ "$MILLISECONDS" -lt $((1500 * SLACK)) ]
}

@test "a thousand connections at once are all answered, and the soft limit of descriptors is raised for them" {
    ulimit -Sn "$(ulimit -Hn)"
    [ "$(ulimit -n)" = unlimited ] || [ "$(ulimit -n)" -ge 1100 ] || skip "the hard limit of descriptors is below 1100"
    (
        ulimit -Sn 256
        exec "$PROGRAMS/flags_server" --port 0 --made-up --delay 0.2 >"$BATS_TEST_TMPDIR/out" 3>&-
    ) &
    SERVER_PIDS=($!)
    wait_for 10 grep -q Serving "$BATS_TEST_TMPDIR/out"
    port=$(sed 's/.*:\([0-9]*\).*/\1/' "$BATS_TEST_TMPDIR/out")
    fds=()
    for _ in {1..1000}; do
        exec {fd}<>"/dev/tcp/127.0.0.1/$port"
        printf 'GET /flags/br/br.png HTTP/1.1\r\nHost: here\r\n\r\n' >&"$fd"
        fds+=("$fd")
    done
    answered=0
    for fd in "${fds[@]}"; do
        read -r -t 10 line <&"$fd"
        [[ $line == "HTTP/1.1 200 OK"* ]]
        answered=$((answered + 1))
    done
    [ "$answered" -eq 1000 ]
}

# --- Delays ---

@test "--delay S holds each answer back for S seconds, from its arrival" {
    start_server --made-up --delay 0.2
    timed status "$SERVER_URL/br/br.png"
    [ "$MILLISECONDS" -ge 200 ]
    [ "$MILLISECONDS" -lt $((200 + 300 * SLACK)) ]
    [ "$(logged '"delay":0.2}')" -eq 1 ]
    [[ $(cat "$SERVER_LOG") =~ \"seconds\":0\.2[0-9] ]]
}

@test "delays also hold back what is not found" {
    start_server --made-up --delay 0.2
    timed status "$SERVER_URL"
    [ "$MILLISECONDS" -ge 200 ]
}

@test "delayed answers wait side by side" {
    start_server --made-up --delay 0.3
    codes | wanted "$BATS_TEST_TMPDIR/got" >"$BATS_TEST_TMPDIR/config"
    # Each takes curl two descriptors, of which there may be but 256.
    timed at_once 100 "$BATS_TEST_TMPDIR/config"
    [ "$(logged '"status":200')" -eq 194 ]
    [ "$MILLISECONDS" -ge 600 ]
    # One after another they would take 58 seconds.
    [ "$MILLISECONDS" -lt $((1500 * SLACK)) ]
}

@test "--delay MIN..MAX draws delays between them, which differ between codes" {
    start_server --made-up --delay 0.02..0.5
    codes | wanted "$BATS_TEST_TMPDIR/got" >"$BATS_TEST_TMPDIR/config"
    at_once 100 "$BATS_TEST_TMPDIR/config"
    sed 's/.*"delay":\([0-9.]*\)}/\1/' "$SERVER_LOG" | sort -u >"$BATS_TEST_TMPDIR/delays"
    [ "$(wc -l <"$BATS_TEST_TMPDIR/delays")" -gt 150 ]
    awk '$1 < 0.02 || $1 > 0.5 { exit 1 } $1 < 0.1 { low = 1 } $1 > 0.42 { high = 1 } END { exit !(low && high) }' \
        "$BATS_TEST_TMPDIR/delays"
    # Nobody lay in wait behind others with a longer delay.
    sed 's/.*"seconds":\([0-9.]*\),.*"delay":\([0-9.]*\)}/\1 \2/' "$SERVER_LOG" |
        awk -v slack="$SLACK" '$1 < $2 || $1 > $2 + 0.1 * slack { exit 1 }'
}

# --- Errors ---

@test "--error-rate answers that part of all codes with 418 I'm a Teapot" {
    start_server --made-up --error-rate 0.25
    printf '%s\n' {A..Z}{A..Z} | wanted "$BATS_TEST_TMPDIR/got" >"$BATS_TEST_TMPDIR/config"
    at_once 8 "$BATS_TEST_TMPDIR/config"
    errors=$(logged '"status":418')
    [ "$errors" -gt $((676 * 20 / 100)) ]
    [ "$errors" -lt $((676 * 30 / 100)) ]
    cc=$(failed_codes | head -n 1)
    start_server --made-up --error-rate 0.25
    run -0 fetch --include "$SERVER_URL/${cc,,}/${cc,,}.png"
    [[ $output == "HTTP/1.1 418 "* ]]
    [[ $output == *"418 I'm a Teapot" ]]
}

@test "--error-rate 0 and 1 fail nothing and everything, but not what is not a flag's path" {
    start_server --made-up --error-rate 0
    [ "$(status "$SERVER_URL/br/br.png")" = 200 ]
    start_server --made-up --error-rate 1 --error-codes 500
    [ "$(status "$SERVER_URL/br/br.png")" = 500 ]
    [ "$(status "$SERVER_URL/zz/zz.png")" = 500 ]
    [ "$(status "$SERVER_URL")" = 404 ]
}

@test "--error-codes says which statuses, and each of them comes" {
    start_server --made-up --error-rate 0.5 --error-codes 418,429,503
    codes | wanted "$BATS_TEST_TMPDIR/got" >"$BATS_TEST_TMPDIR/config"
    at_once 8 "$BATS_TEST_TMPDIR/config"
    for status in 418 429 503; do
        [ "$(logged "\"status\":$status")" -gt 15 ]
    done
    errors=$(failed_codes | wc -l)
    [ "$errors" -gt 70 ]
    [ "$errors" -lt 125 ]
}

@test "--retry-after goes with 429 and 503 and with nothing else" {
    start_server --made-up --retry-after 7 --fault 429=CN --fault 503=FR --fault 500=US
    [[ $(fetch --head "$SERVER_URL/cn/cn.png") == *"Retry-After: 7"* ]]
    [[ $(fetch --head "$SERVER_URL/fr/fr.png") == *"Retry-After: 7"* ]]
    [[ $(fetch --head "$SERVER_URL/us/us.png") != *Retry-After* ]]
    [[ $(fetch --head "$SERVER_URL/br/br.png") != *Retry-After* ]]
    start_server --made-up --fault 429=CN
    [[ $(fetch --head "$SERVER_URL/cn/cn.png") != *Retry-After* ]]
}

@test "with the same seed the same codes fail, whatever the order of the requests; with another, others do" {
    start_server --made-up --error-rate 0.3 --seed 5
    codes | wanted "$BATS_TEST_TMPDIR/got" >"$BATS_TEST_TMPDIR/config"
    at_once 1 "$BATS_TEST_TMPDIR/config"
    failed_codes >"$BATS_TEST_TMPDIR/in_order"
    start_server --made-up --error-rate 0.3 --seed 5 --delay 0..0.05
    codes | shuf | wanted "$BATS_TEST_TMPDIR/got" >"$BATS_TEST_TMPDIR/config"
    at_once 30 "$BATS_TEST_TMPDIR/config"
    failed_codes >"$BATS_TEST_TMPDIR/shuffled"
    start_server --made-up --error-rate 0.3 --seed 6
    codes | wanted "$BATS_TEST_TMPDIR/got" >"$BATS_TEST_TMPDIR/config"
    at_once 1 "$BATS_TEST_TMPDIR/config"
    failed_codes >"$BATS_TEST_TMPDIR/other_seed"
    [ -s "$BATS_TEST_TMPDIR/in_order" ]
    cmp "$BATS_TEST_TMPDIR/in_order" "$BATS_TEST_TMPDIR/shuffled"
    run -1 cmp "$BATS_TEST_TMPDIR/in_order" "$BATS_TEST_TMPDIR/other_seed"
}

@test "each attempt for a code is drawn anew" {
    start_server --made-up --error-rate 0.5
    fetch -o /dev/null "$SERVER_URL/br/br.png?[1-40]"
    [ "$(logged '"status":418')" -gt 5 ]
    [ "$(logged '"status":200')" -gt 5 ]
    [ "$(logged '"attempt":40,')" -eq 1 ]
}

# --- Faults ---

@test "the fault cut ends the body halfway, short of its Content-Length" {
    start_with_fault cut
    run -18 fetch -o "$BATS_TEST_TMPDIR/got" -D "$BATS_TEST_TMPDIR/header" "$SERVER_URL/br/br.png"
    announced=$(sed -n 's/^Content-Length: \([0-9]*\).*/\1/p' "$BATS_TEST_TMPDIR/header")
    [ "$(wc -c <"$BATS_TEST_TMPDIR/got")" -eq $((announced / 2)) ]
    [ "$(logged "\"fault\":\"cut\",\"bytes\":$((announced / 2)),")" -eq 1 ]
}

@test "the fault chunked-cut ends a chunked body without its last chunk" {
    start_with_fault chunked-cut
    run -18 fetch -o "$BATS_TEST_TMPDIR/got" -D "$BATS_TEST_TMPDIR/header" "$SERVER_URL/br/br.png"
    grep -q '^Transfer-Encoding: chunked' "$BATS_TEST_TMPDIR/header"
    [ "$(wc -c <"$BATS_TEST_TMPDIR/got")" -ge 1024 ]
    [ "$(logged '"fault":"chunked-cut"')" -eq 1 ]
}

@test "the fault reset resets the connection in place of an answer" {
    start_with_fault reset
    run -56 fetch "$SERVER_URL/br/br.png"
    [[ $output == *"reset by peer"* ]]
    [ "$(logged '"status":null,"fault":"reset","bytes":0,')" -eq 1 ]
}

@test "the fault reset-midway resets the connection after half of the body" {
    start_with_fault reset-midway
    run -56 fetch -o "$BATS_TEST_TMPDIR/got" "$SERVER_URL/br/br.png"
    [[ $output == *"reset by peer"* ]]
    [ "$(wc -c <"$BATS_TEST_TMPDIR/got")" -ge 1024 ]
    [ "$(logged '"status":200,"fault":"reset-midway"')" -eq 1 ]
}

@test "the fault hang never answers, and does not hold up others" {
    start_with_fault hang
    run -28 fetch --max-time 0.5 -o "$BATS_TEST_TMPDIR/got" "$SERVER_URL/br/br.png"
    [ ! -s "$BATS_TEST_TMPDIR/got" ]
    fetch --max-time 20 "$SERVER_URL/br/br.png" &
    wait_for 5 grep -q '"attempt":2.*"fault":"hang"' "$SERVER_LOG"
    [ "$(status "$SERVER_URL/us/us.png")" = 200 ]
    kill $!
}

@test "the fault stall stops for good halfway through the body" {
    start_with_fault stall
    run -28 fetch --max-time 0.5 -o "$BATS_TEST_TMPDIR/got" -D "$BATS_TEST_TMPDIR/header" "$SERVER_URL/br/br.png"
    announced=$(sed -n 's/^Content-Length: \([0-9]*\).*/\1/p' "$BATS_TEST_TMPDIR/header")
    [ "$(wc -c <"$BATS_TEST_TMPDIR/got")" -eq $((announced / 2)) ]
    [ "$(logged '"fault":"stall"')" -eq 1 ]
}

@test "the fault drip sends the whole body at --drip-rate, some bytes every tenth of a second" {
    start_server --made-up --fault drip=BR:1 --drip-rate 10000
    timed fetch -o "$BATS_TEST_TMPDIR/dripped" "$SERVER_URL/br/br.png"
    fetch -o "$BATS_TEST_TMPDIR/poured" "$SERVER_URL/br/br.png"
    cmp "$BATS_TEST_TMPDIR/dripped" "$BATS_TEST_TMPDIR/poured"
    size=$(wc -c <"$BATS_TEST_TMPDIR/poured")
    [ "$MILLISECONDS" -ge $((size / 10)) ]
    [ "$MILLISECONDS" -lt $((size / 10 + 150 + 500 * SLACK)) ]
}

@test "drips fall at 10 bytes per second unless told otherwise" {
    start_with_fault drip
    run -28 fetch --max-time 1 -o "$BATS_TEST_TMPDIR/got" "$SERVER_URL/br/br.png"
    [ "$(wc -c <"$BATS_TEST_TMPDIR/got")" -ge 5 ]
    [ "$(wc -c <"$BATS_TEST_TMPDIR/got")" -le 10 ]
}

@test "the fault garbage sends something that is not HTTP" {
    start_with_fault garbage
    run -1 fetch "$SERVER_URL/br/br.png"
    run -0 fetch --http0.9 -o "$BATS_TEST_TMPDIR/got" "$SERVER_URL/br/br.png"
    grep -q -a 'This is not an answer' "$BATS_TEST_TMPDIR/got"
}

@test "faults in the body spare the answer to HEAD" {
    start_server --made-up --fault cut=BR --fault stall=US --fault drip=FR
    for cc in br us fr; do
        [ "$(status --head "$SERVER_URL/$cc/$cc.png")" = 200 ]
    done
    [ "$(logged '"fault":null')" -eq 3 ]
}

@test "--fault KIND=CODE:N befalls only the first N requests for that code, in any case" {
    start_server --made-up --fault 503=br:2,US
    run -0 status "$SERVER_URL/br/br.png?[1-4]"
    [ "${lines[*]}" = "503 503 200 200" ]
    run -0 status "$SERVER_URL/us/us.png?[1-3]"
    [ "${lines[*]}" = "503 503 503" ]
    [ "$(status "$SERVER_URL/fr/fr.png")" = 200 ]
}

@test "--fault KIND=RATE befalls that part of the requests, and rates of several kinds add up" {
    start_server --made-up --fault cut=0.2 --fault reset=.3 --fault 500=0.5
    codes | wanted "$BATS_TEST_TMPDIR/got" >"$BATS_TEST_TMPDIR/config"
    # A second attempt after the reset of a kept connection, which is curl's own idea, would be drawn anew.
    echo 'header = "Connection: close"' >>"$BATS_TEST_TMPDIR/config"
    run at_once 8 "$BATS_TEST_TMPDIR/config"
    [ "$(wc -l <"$SERVER_LOG")" -eq 194 ]
    [ "$(logged '"fault":"cut"')" -gt 20 ]
    [ "$(logged '"fault":"reset"')" -gt 30 ]
    [ "$(logged '"status":500')" -gt 60 ]
    [ $(($(logged '"fault":"cut"') + $(logged '"fault":"reset"') + $(logged '"status":500'))) -eq 194 ]
}

@test "a fault for a code comes before faults and errors by rate" {
    start_server --made-up --fault 500=1 --error-rate 1 --fault 404=BR
    [ "$(status "$SERVER_URL/br/br.png")" = 404 ]
    [ "$(status "$SERVER_URL/us/us.png")" = 500 ]
}

@test "the connection of a client that gives up on a hung or stalled answer is closed" {
    start_server --made-up --fault hang=BR --fault stall=US
    before=$(descriptors "${SERVER_PID:?}")
    for _ in 1 2 3; do
        run -28 fetch --max-time 0.1 -o /dev/null "$SERVER_URL/br/br.png"
        run -28 fetch --max-time 0.1 -o /dev/null "$SERVER_URL/us/us.png"
    done
    [ "$(connections)" -eq 6 ]
    all_closed() { [ "$(descriptors "$SERVER_PID")" -eq "$before" ]; }
    wait_for 5 all_closed
}

# --- The log ---

@test "the log has one line of JSON per request, written before its answer" {
    start_server --made-up --delay 0.01
    size=$(fetch "$SERVER_URL/br/br.png" | wc -c)
    number='[0-9.e-]+'
    [[ $(cat "$SERVER_LOG") =~ ^\{\"time\":${number},\"seconds\":${number},\"connection\":1,\"request\":1,\"method\":\"GET\",\"path\":\"/flags/br/br.png\",\"code\":\"BR\",\"attempt\":1,\"status\":200,\"fault\":null,\"bytes\":$size,\"delay\":0.01\}$ ]]
}

@test "the log escapes what is not plain ASCII" {
    start_server --made-up
    [ "$(status --path-as-is "$SERVER_URL/%ff%22%5c%20")" = 404 ]
    [ "$(logged '"path":"/flags/%FF\"\\%20","code":null,')" -eq 1 ]
}

@test "clients that leave during the delay do no harm" {
    start_server --made-up --delay 0.3
    before=$(descriptors "$SERVER_PID")
    for _ in 1 2 3; do
        run -28 fetch --max-time 0.05 "$SERVER_URL/br/br.png"
    done
    all_closed() { [ "$(descriptors "$SERVER_PID")" -eq "$before" ]; }
    wait_for 5 all_closed
    [ "$(wc -l <"$SERVER_LOG")" -eq 3 ]
}

@test "requests that still wait when the server stops are logged without a status" {
    start_server --made-up --delay 60
    fetch --max-time 20 "$SERVER_URL/br/br.png" &
    sleep 0.3
    stop_server
    [ "$(logged '"status":null,"fault":null')" -eq 1 ]
}

@test "--log - writes the log to stdout, after the first line" {
    start_server --made-up --log -
    status "$SERVER_URL/br/br.png"
    [[ $(sed -n 1p "$SERVER_OUT") == "Serving flags on "* ]]
    [[ $(sed -n 2p "$SERVER_OUT") == '{"time":'*'"code":"BR"'* ]]
}

@test "a log that cannot be written is reported once, does not stop the service and fails in the end" {
    [ -c /dev/full ] || skip "no /dev/full"
    start_server --made-up --log /dev/full
    [ "$(status "$SERVER_URL/br/br.png")" = 200 ]
    [ "$(status "$SERVER_URL/br/br.png")" = 200 ]
    stop_server || ended=$?
    [ "$ended" -eq 1 ]
    [ "$(cat "$SERVER_ERR")" = "flags_server: /dev/full: No space left on device; the log ends here" ]
}

# --- Its end ---

@test "SIGTERM and SIGINT end it with status 0" {
    start_server --made-up
    timed stop_server "$SERVER_PID" TERM
    [ "$MILLISECONDS" -lt $((500 * SLACK)) ]
    start_server --made-up
    timed stop_server "$SERVER_PID" INT
    [ "$MILLISECONDS" -lt $((500 * SLACK)) ]
}

@test "it ends promptly with hung, stalled, dripping, delayed and idle connections" {
    start_server --made-up --fault hang=BR --fault stall=US --fault drip=FR
    clients=()
    exec 5<>"/dev/tcp/127.0.0.1/$SERVER_PORT"
    for cc in br us fr; do
        fetch --max-time 20 -o /dev/null "$SERVER_URL/$cc/$cc.png" 2>"$BATS_TEST_TMPDIR/$cc.err" &
        clients+=($!)
    done
    all_there() { [ "$(wc -l <"$SERVER_LOG")" -eq 3 ]; }
    wait_for 5 all_there
    timed stop_server
    exec 5>&-
    [ "$MILLISECONDS" -lt $((500 * SLACK)) ]
    # The clients see the end of their connections.
    wait "${clients[@]}" || true
    grep -q 'curl: (52)' "$BATS_TEST_TMPDIR/br.err"
    grep -q 'curl: (18)' "$BATS_TEST_TMPDIR/us.err"
    grep -q 'curl: (18)' "$BATS_TEST_TMPDIR/fr.err"
}

# --- Bad input ---

# refused MESSAGE OPTION... - the options are a usage error with this message.
refused() {
    run -2 server "${@:2}"
    [ "${lines[0]}" = "flags_server: $1" ]
    [ "${lines[1]}" = "Try 'flags_server --help' for more information." ]
    [ "${#lines[@]}" -eq 2 ]
}

@test "--help prints the options and the kinds of faults on stdout" {
    run -0 --separate-stderr server --help
    [[ ${lines[0]} == "Usage: flags_server [OPTION]..." ]]
    for option in bind port root made-up log delay error-rate error-codes retry-after fault drip-rate seed; do
        [[ $output == *"--$option"* ]]
    done
    for kind in cut chunked-cut reset reset-midway hang stall drip garbage; do
        [[ $output == *" $kind,"* ]]
    done
    [ -z "$stderr" ]
    [ "$(flags_server --help | awk 'length > 80' | wc -l)" -eq 0 ]
}

@test "--version prints the name and the version on stdout" {
    run -0 server --version
    [[ ${lines[0]} =~ ^flags_server\ \(libcf\)\ [0-9]+\.[0-9]+ ]]
}

@test "--help to a full disk fails" {
    [ -c /dev/full ] || skip "no /dev/full"
    run -1 bash -c 'flags_server --help >/dev/full'
    [[ $output == "flags_server: standard output: "* ]]
}

@test "bad numbers are usage errors that say what is allowed" {
    for port in 65536 -1 x '' 80x ' 80' 99999999999999999999; do
        refused "--port: '$port' is not a whole number from 0 to 65535" --port "$port"
    done
    for delay in -1 nan inf x '' 1e9 0x1 '1 '; do
        refused "--delay: '$delay' is not a number from 0 to 86400" --delay "$delay"
    done
    for delay in .. 1.. ..1 2..1 1..2..3 a..b; do
        refused "--delay: '$delay' is not MIN..MAX, two rising numbers of seconds from 0 to 86400" --delay "$delay"
    done
    refused "--error-rate: '1.5' is not a number from 0 to 1" --error-rate 1.5
    refused "--retry-after: 'soon' is not a whole number from 0 to 4294967295" --retry-after soon
    refused "--seed: '-1' is not a whole number below 2 to the power of 64" --seed -1
    refused "--drip-rate: '0' is not a number above 0 of bytes per second" --drip-rate 0
}

@test "error codes must be statuses from 400 to 599" {
    refused "--error-codes: '200' is not a status from 400 to 599" --error-codes 418,200
    refused "--error-codes: '' is not a status from 400 to 599" --error-codes 418,
    refused "--error-codes: '600' is not a status from 400 to 599" --error-codes 600
}

@test "a fault that is none is a usage error that says why" {
    refused "--fault: 'cut': not of the form KIND=RATE or KIND=CODE,..." --fault cut
    for fault in fire=BR =BR 399=BR 600=0.1 cutt=BR cu=BR; do
        refused "--fault: '$fault': no such kind of fault, nor a status from 400 to 599" --fault "$fault"
    done
    for fault in cut= cut=BRA cut=B 'cut=BR,' cut=BR,,US 'cut=BR US' cut=ß; do
        refused "--fault: '$fault': neither a rate nor two-letter codes follow the '='" --fault "$fault"
    done
    refused "--fault: 'cut=1.01': the rate is not a number from 0 to 1" --fault cut=1.01
    refused "--fault: 'cut=BR:0': no number of times follows the ':'" --fault cut=BR:0
    refused "--fault: 'hang=0.6': the rates of all faults add up to more than 1" --fault cut=0.6 --fault hang=0.6
}

@test "unknown options and arguments are usage errors" {
    refused "unrecognized option '--nonsense'" --nonsense
    refused "option '--port' requires an argument" --port
    refused "'BR': this program takes options only" BR
    refused "--made-up and --root: choose one of them" --made-up --root /
}

@test "a port in use is named, with a way out" {
    start_server --made-up
    run -1 server --made-up --port "$SERVER_PORT"
    [ "$output" = "flags_server: port $SERVER_PORT on 127.0.0.1 is in use: choose another with --port, or any free one with --port 0" ]
}

@test "--bind listens on that address; one that is not ours, or none at all, is refused" {
    start_server --made-up --bind 127.0.0.2
    [ "$SERVER_URL" = "http://127.0.0.2:$SERVER_PORT/flags" ]
    [ "$(status "$SERVER_URL/br/br.png")" = 200 ]
    run -7 fetch "http://127.0.0.1:$SERVER_PORT/flags/br/br.png"
    run -1 server --made-up --port 0 --bind 192.0.2.1
    [ "$output" = "flags_server: --bind: 192.0.2.1 is not an address of this machine" ]
    run -1 server --made-up --port 0 --bind ''
    [[ $output == "flags_server: --bind: '': "* ]]
}

@test "--bind ::1 prints a URL with brackets" {
    grep -q '^0\{31\}1 ' /proc/net/if_inet6 2>/dev/null || skip "no IPv6 here"
    start_server --made-up --bind ::1
    [ "$SERVER_URL" = "http://[::1]:$SERVER_PORT/flags" ]
    [ "$(status --globoff "$SERVER_URL/br/br.png")" = 200 ]
}

@test "a root that is missing, no folder, or without flags is refused" {
    run -1 server --port 0 --root "$BATS_TEST_TMPDIR/none"
    [ "$output" = "flags_server: $BATS_TEST_TMPDIR/none: No such file or directory" ]
    run -1 server --port 0 --root "$BATS_TEST_FILENAME"
    [ "$output" = "flags_server: $BATS_TEST_FILENAME: Not a directory" ]
    mkdir "$BATS_TEST_TMPDIR/empty"
    run -1 server --port 0 --root "$BATS_TEST_TMPDIR/empty"
    [ "$output" = "flags_server: $BATS_TEST_TMPDIR/empty: no flags here; they must have names such as br.png" ]
}

@test "flags that cannot be read, or are no files, are refused by name" {
    mkdir -p "$BATS_TEST_TMPDIR/root/br.png"
    run -1 server --port 0 --root "$BATS_TEST_TMPDIR/root"
    [ "$output" = "flags_server: $BATS_TEST_TMPDIR/root/br.png: not a regular file" ]
    rmdir "$BATS_TEST_TMPDIR/root/br.png"
    mkfifo "$BATS_TEST_TMPDIR/root/br.png"
    run -1 server --port 0 --root "$BATS_TEST_TMPDIR/root"
    [ "$output" = "flags_server: $BATS_TEST_TMPDIR/root/br.png: not a regular file" ]
    rm "$BATS_TEST_TMPDIR/root/br.png"
    ln -s br.png "$BATS_TEST_TMPDIR/root/br.png"
    run -1 server --port 0 --root "$BATS_TEST_TMPDIR/root"
    [ "$output" = "flags_server: $BATS_TEST_TMPDIR/root/br.png: Too many levels of symbolic links" ]
}

@test "a log that cannot be opened is refused" {
    run -1 server --made-up --port 0 --log "$BATS_TEST_TMPDIR/none/log"
    [ "$output" = "flags_server: $BATS_TEST_TMPDIR/none/log: cannot open the log: No such file or directory" ]
}

@test "a first line that cannot be written ends it" {
    [ -c /dev/full ] || skip "no /dev/full"
    run -1 bash -c 'timeout 10 flags_server --made-up --port 0 >/dev/full'
    [[ $output == "flags_server: standard output: "* ]]
}

# crowd N - connect to the server so often, and hang up all at once.
crowd() {
    (
        for ((i = 0; i < $1; i++)); do
            exec {fd}<>"/dev/tcp/127.0.0.1/$SERVER_PORT" || exit
        done
        echo all >"$BATS_TEST_TMPDIR/crowd"
        exec sleep 60
    ) 3>&- &
    wait_for 10 test -e "$BATS_TEST_TMPDIR/crowd"
    sleep 0.2
    kill "$!"
    rm "$BATS_TEST_TMPDIR/crowd"
    sleep 0.5
}

@test "a server that had as many connections as it may serves others once they have left" {
    ulimit -n 80
    start_server
    crowd 60
    run -0 curl -s -f --max-time 10 -o /dev/null "$SERVER_URL/br/br.png"
}

@test "a server that had run out of descriptors serves others once they have left" {
    start_server
    # Fewer than it counts on.
    for limit in 38 37 36 35 34 33; do
        prlimit --pid "$SERVER_PID" --nofile=$limit:$limit
        crowd 60
        run -0 curl -s -f --max-time 5 -o /dev/null "$SERVER_URL/br/br.png"
    done
}

@test "a log that nobody reads does not keep the server from ending" {
    mkfifo "$BATS_TEST_TMPDIR/fifo"
    exec {reader}<>"$BATS_TEST_TMPDIR/fifo"
    start_server --made-up --log "$BATS_TEST_TMPDIR/fifo"
    for i in {1..600}; do
        echo "url=$SERVER_URL/br/br.png"
    done >"$BATS_TEST_TMPDIR/urls"
    curl -s -K "$BATS_TEST_TMPDIR/urls" >/dev/null 2>&1 3>&- &
    client=$!
    sleep 1
    # A part of the log is missing, which its exit status says.
    status=0
    stop_server || status=$?
    [ "$status" -eq 1 ]
    grep -q 'fifo: nobody reads it; the log ends here' "$SERVER_ERR"
    kill "$client" 2>/dev/null || true
    exec {reader}<&-
}

@test "nor does it in the middle of a long line" {
    mkfifo "$BATS_TEST_TMPDIR/fifo"
    exec {reader}<>"$BATS_TEST_TMPDIR/fifo"
    start_server --made-up --log "$BATS_TEST_TMPDIR/fifo"
    # Lines of several pages, such that in the end there is room for a part of one.
    short=$(printf '%%01%.0s' {1..1300})
    long=$(printf '%%01%.0s' {1..2300})
    {
        echo "url=$SERVER_URL/$short"
        for i in {1..40}; do
            echo "url=$SERVER_URL/$long"
        done
    } >"$BATS_TEST_TMPDIR/urls"
    curl -s -K "$BATS_TEST_TMPDIR/urls" >/dev/null 2>&1 3>&- &
    client=$!
    sleep 1
    status=0
    stop_server || status=$?
    [ "$status" -eq 1 ]
    kill "$client" 2>/dev/null || true
    exec {reader}<&-
}

# half_a_header TEXT - send this beginning of a request and leave.
half_a_header() {
    local fd

    exec {fd}<>"/dev/tcp/127.0.0.1/$SERVER_PORT" || return
    printf "$1" >&"$fd"
    exec {fd}>&-
}

@test "clients that leave in the middle of a header, before the server sees them or after, leave nothing behind" {
    start_server --made-up
    [ "$(status "$SERVER_URL/br/br.png")" = 200 ]
    # It may have a connection yet from the request above.
    before=$(descriptors "$SERVER_PID")
    all_closed() { [ "$(descriptors "$SERVER_PID")" -le "$before" ]; }
    kill -s STOP "$SERVER_PID"
    for _ in {1..100}; do
        half_a_header G
        half_a_header 'GET /flags/br/br.png HTTP/1.1\r\n'
    done
    kill -s CONT "$SERVER_PID"
    for _ in {1..100}; do
        half_a_header 'GET /flags/br/br.png HTTP/1.1\r\n'
    done
    wait_for 5 all_closed
}

@test "a client that has sent its request and closed its end gets its answer when it is due" {
    command -v perl >/dev/null || skip "perl is missing"
    start_server --made-up --delay 0.2 --fault drip=US --drip-rate 20000
    for cc in br us; do
        run -0 perl -MIO::Socket::INET -e '
            my $s = IO::Socket::INET->new("127.0.0.1:$ARGV[0]") or die;
            print $s "GET /flags/$ARGV[1]/$ARGV[1].png HTTP/1.1\r\nHost: localhost\r\n\r\n";
            $s->shutdown(1);
            local $/;
            print length(<$s> =~ s/.*?\r\n\r\n//sr), "\n"' "$SERVER_PORT" "$cc"
        [ "$output" -eq "$(fetch "$SERVER_URL/$cc/$cc.png" | wc -c)" ]
    done
}
