#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# The programs that download flags: what they take and what they print.

load helpers

CONCURRENT=(flags_threadpool flags_asCompleted)
ALL=(flags_sequential "${CONCURRENT[@]}")

setup() {
    cd "$BATS_TEST_TMPDIR" || return
}

# report TEXT - check that the output is this text, in which URL stands for the server's and TIME for any time.
report() {
    local shown

    shown=$(sed 's/^Elapsed time: [0-9]*\.[0-9][0-9]s$/Elapsed time: TIME/' <<<"$output")
    diff <(echo "${1//URL/$SERVER_URL}") <(echo "$shown") >&2
}

# searching ARGUMENT... - print which codes a program looks for, as its report says it.
searching() {
    flags_threadpool -s http://127.0.0.1:1/ --output=here "$@" 2>/dev/null | sed -n 's/^Searching for //p'
}

# codes_in FOLDER - print the codes of the flags in it, on one line.
codes_in() {
    (cd "$1" && echo *) | sed 's/\.png//g'
}

@test "without codes the flags of the 20 most populous countries go to the folder downloaded" {
    start_server
    for program in "${ALL[@]}"; do
        rm -rf downloaded
        run -0 "$program" -s "$SERVER_URL"
        [[ $output == *"Searching for 20 flags: from BD to VN"* ]]
        [[ $output == *$'\n 20 flags downloaded.\n'* ]]
        [ "$(codes_in downloaded)" = "BD BR CD CN DE EG ET FR ID IN IR JP MX NG PH PK RU TR US VN" ]
    done
}

@test "the report on flags that were all downloaded is this, word for word" {
    start_server
    run -0 flags_sequential -s "$SERVER_URL" us br
    report "CUSTOM site: URL
Searching for 2 flags: BR, US
1 connection will be used.
BR US 
--------------------
  2 flags downloaded.
Elapsed time: TIME"
    run -0 flags_threadpool -s "$SERVER_URL" us br ae
    report "CUSTOM site: URL
Searching for 3 flags: AE, BR, US
3 concurrent connections will be used.
AE BR US 
--------------------
  3 flags downloaded.
Elapsed time: TIME"
    run -0 flags_asCompleted -s "$SERVER_URL" us br ae
    report "CUSTOM site: URL
Searching for 3 flags: AE, BR, US
3 concurrent connections will be used.
--------------------
  3 flags downloaded.
Elapsed time: TIME"
}

@test "the report on one flag is in the singular" {
    start_server
    run -0 flags_threadpool -s "$SERVER_URL" br
    report "CUSTOM site: URL
Searching for 1 flag: BR
1 connection will be used.
BR 
--------------------
  1 flag downloaded.
Elapsed time: TIME"
}

@test "the report counts what was not found and what failed" {
    start_server --fault=418=AE,AF
    for program in "${ALL[@]}"; do
        run -1 --separate-stderr "$program" -s "$SERVER_URL" ae af br us zz
        output=$(sed '1,/^---/d' <<<"$output")
        report "  2 flags downloaded.
  1 not found.
  2 errors.
Elapsed time: TIME"
        run -1 --separate-stderr "$program" -s "$SERVER_URL" ae
        output=$(sed '1,/^---/d' <<<"$output")
        report "  0 flags downloaded.
  1 error.
Elapsed time: TIME"
    done
}

@test "-v prints a line for each flag instead of the codes" {
    start_server --fault=418=AE
    for program in "${ALL[@]}"; do
        for option in -v --verbose; do
            run -1 --separate-stderr "$program" "$option" -s "$SERVER_URL" us zz ae
            output=$(sed '1,3d; /^---/,$d' <<<"$output" | LC_ALL=C sort)
            report "AE error: HTTP error 418 - I'm a Teapot
US OK
ZZ not found: URL/zz/zz.png"
        done
    done
}

@test "flags_threadpool reports in the order of the codes, flags_asCompleted as they come" {
    start_server --fault=drip=AD --drip-rate=50000
    run -0 flags_threadpool -v -s "$SERVER_URL" ad us
    [[ $output == *$'\nAD OK\nUS OK\n'* ]]
    run -0 flags_asCompleted -v -s "$SERVER_URL" ad us
    [[ $output == *$'\nUS OK\nAD OK\n'* ]]
}

@test "errors are listed on stderr with their URL, with -v and without; what is not found is not" {
    start_server --fault=418=AE --fault=503=BR
    for program in "${ALL[@]}"; do
        for option in -v --progress=never --json; do
            run -1 --separate-stderr "$program" "$option" -s "$SERVER_URL" ae br us zz
            diff <(sort <<<"$stderr") - <<END
$program: $SERVER_URL/ae/ae.png: HTTP error 418 - I'm a Teapot
$program: $SERVER_URL/br/br.png: HTTP error 503 - Service Unavailable
END
        done
    done
}

@test "codes may be in small letters, come in any order and more than once" {
    [ "$(searching us BR Us bR)" = "2 flags: BR, US" ]
    start_server
    for program in "${ALL[@]}"; do
        run -0 "$program" -s "$SERVER_URL" us BR Us bR
        [[ $output == *$'\n  2 flags downloaded.\n'* ]]
    done
    [ "$(logged '/us/us.png')" -eq 3 ]
}

@test "a letter stands for all country codes that begin with it" {
    [ "$(searching y)" = "1 flag: YE" ]
    [ "$(searching Z y)" = "4 flags: YE, ZA, ZM, ZW" ]
    [ "$(searching b)" = "17 flags: from BA to BZ" ]
}

@test "up to 10 codes are listed, of more the first and the last" {
    [ "$(searching -a -l 10)" = "10 flags: AD, AE, AF, AG, AL, AM, AO, AR, AT, AU" ]
    [ "$(searching -a -l 11)" = "11 flags: from AD to AZ" ]
}

@test "-a takes all 194 codes, and every program saves the same files" {
    start_server
    for program in "${ALL[@]}"; do
        run -0 "$program" -a -s "$SERVER_URL" -o "$program"
        [[ $output == *"Searching for 194 flags: from AD to ZW"* ]]
        [[ $output == *$'\n194 flags downloaded.\n'* ]]
    done
    diff <(codes_in flags_sequential | tr ' ' '\n') <(codes)
    diff -r flags_sequential flags_threadpool
    diff -r flags_sequential flags_asCompleted
    [ "$(searching --all)" = "194 flags: from AD to ZW" ]
}

@test "-e tries every pair of letters" {
    start_server
    for program in "${ALL[@]}"; do
        run -1 "$program" -e -s "$SERVER_URL"
        [[ $output == *"Searching for 676 flags: from AA to ZZ"* ]]
        [[ $output == *$'\n194 flags downloaded.\n482 not found.\n'* ]]
    done
    [ "$(searching --every)" = "676 flags: from AA to ZZ" ]
}

@test "-e goes before -a, and -a before codes" {
    [ "$(searching -a -e br -l 2)" = "2 flags: AA, AB" ]
    [ "$(searching br -a -l 2)" = "2 flags: AD, AE" ]
}

@test "-l takes the first so many of the codes" {
    [ "$(searching -l 3)" = "3 flags: BD, BR, CD" ]
    [ "$(searching --limit=1 us br)" = "1 flag: BR" ]
    [ "$(searching -l 999999999 us br)" = "2 flags: BR, US" ]
}

@test "-m bounds the connections, under each of its names" {
    start_server
    for program in "${CONCURRENT[@]}"; do
        for option in "-m 2" "-m2" "--max-req 2" "--max-req=2" "--max_req 2" "--max_req=2" "-w 2" "--workers 2"; do
            # shellcheck disable=SC2086
            run -0 "$program" $option -l 6 -s "$SERVER_URL"
            [[ $output == *$'\n2 concurrent connections will be used.\n'* ]]
        done
        run -0 "$program" -m 1 -l 6 -s "$SERVER_URL"
        [[ $output == *$'\n1 connection will be used.\n'* ]]
    done
}

@test "there are 30 connections if nothing is said, and never more than flags" {
    start_server
    for program in "${CONCURRENT[@]}"; do
        run -0 "$program" -a -s "$SERVER_URL"
        [[ $output == *$'\n30 concurrent connections will be used.\n'* ]]
        run -0 "$program" -m 1000 us br -s "$SERVER_URL"
        [[ $output == *$'\n2 concurrent connections will be used.\n'* ]]
    done
}

@test "flags_sequential uses one connection and has no -m" {
    start_server
    run -0 flags_sequential -a -s "$SERVER_URL"
    [[ $output == *$'\n1 connection will be used.\n'* ]]
    [ "$(connections)" -eq 1 ]
    for option in -m2 -w2 --max-req=2 --workers=2; do
        run -2 flags_sequential "$option" -s "$SERVER_URL"
        [ "${lines[0]}" = "flags_sequential: --max-req: this program downloads one flag at a time" ]
    done
}

@test "194 flags come over as many connections as there are workers" {
    for program in "${CONCURRENT[@]}"; do
        start_server --delay=0.02
        run -0 "$program" -a -s "$SERVER_URL"
        [ "$(connections)" -eq 30 ]
        [ "$(logged '"status":200')" -eq 194 ]
    done
}

@test "what is not found costs no connection" {
    for program in "${CONCURRENT[@]}"; do
        start_server --delay=0.02
        run -1 "$program" -e -s "$SERVER_URL"
        [ "$(connections)" -eq 30 ]
        [ "$(logged '"status":404')" -eq 482 ]
    done
}

@test "downloads overlap, except in flags_sequential" {
    start_server --delay=0.2
    timed flags_sequential -l 5 -s "$SERVER_URL"
    [ "$MILLISECONDS" -ge 1000 ]
    for program in "${CONCURRENT[@]}"; do
        timed "$program" -l 5 -s "$SERVER_URL"
        [ "$MILLISECONDS" -lt $((500 * SLACK)) ]
    done
}

@test "-s takes the labels LOCAL, DELAY, ERROR and REMOTE, in any case" {
    # Whoever may really be there: the requests go to a proxy that is not.
    export http_proxy=http://127.0.0.1:1/ https_proxy=http://127.0.0.1:1/ no_proxy=
    for program in "${ALL[@]}"; do
        while read -r label head; do
            run -1 --separate-stderr "$program" -s "$label" br
            [ "${lines[0]}" = "$head" ]
            [[ $stderr == "$program: ${head#* site: }/br/br."* ]]
        done <<'END'
LOCAL LOCAL site: http://localhost:8000/flags
local LOCAL site: http://localhost:8000/flags
Delay DELAY site: http://localhost:8001/flags
ERROR ERROR site: http://localhost:8002/flags
remote REMOTE site: https://www.fluentpython.com/data/flags
END
        run -1 --separate-stderr "$program" br
        [ "${lines[0]}" = "LOCAL site: http://localhost:8000/flags" ]
    done
}

@test "REMOTE has flags of the kind gif, the other sites png, and --extension names another" {
    export http_proxy=http://127.0.0.1:1/ https_proxy=http://127.0.0.1:1/ no_proxy=
    run -1 --separate-stderr flags_threadpool -s REMOTE br
    [[ $stderr == *"/flags/br/br.gif: "* ]]
    run -1 --separate-stderr flags_threadpool -s REMOTE --extension png br
    [[ $stderr == *"/flags/br/br.png: "* ]]
    run -1 --separate-stderr flags_threadpool --extension=jpeg -s LOCAL br
    [[ $stderr == *"/flags/br/br.jpeg: "* ]]
}

@test "a base URL may end in slashes" {
    start_server
    for program in "${ALL[@]}"; do
        run -0 "$program" --server="$SERVER_URL//" br
        [ "${lines[0]}" = "CUSTOM site: $SERVER_URL" ]
    done
    [ "$(logged '"path":"/flags/br/br.png"')" -eq 3 ]
}

@test "a password in the base URL is sent, but not printed" {
    command -v perl >/dev/null || skip "perl is missing"
    start_server --fault=418=US
    secret=${SERVER_URL/\/\//\/\/me:se:cret@}
    shown=${SERVER_URL/\/\//\/\/me@}
    for program in "${ALL[@]}"; do
        for option in -v --json --progress=always; do
            run -1 --separate-stderr "$program" "$option" -s "$secret" br us zz
            [[ $output$stderr == *"$shown/us/us.png"* ]]
            [[ $output == *"$shown"* ]]
            [[ $output$stderr != *se:cret* ]]
        done
        run -2 "$program" -s "$secret?" br
        [[ $output == *"me@127.0.0.1"*"it has a query"* ]]
        [[ $output != *se:cret* ]]
    done
    SECRET=$secret run -0 perl -MIO::Socket::INET -e '
        my $listener = IO::Socket::INET->new(Listen => 1, LocalAddr => "127.0.0.1") or die;
        my $url = "http://me:secret\@127.0.0.1:" . $listener->sockport . "/flags";
        my $pid = fork;
        exec "flags_sequential", "-s", $url, "br" if $pid == 0;
        my $s = $listener->accept;
        while (<$s>) { print STDERR $_; last if /^\r/ }
        print $s "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n";
        waitpid $pid, 0;'
    [[ $output == *"Authorization: Basic bWU6c2VjcmV0"* ]]
}

@test "-o names the folder, which is made with its parents" {
    start_server
    for program in "${ALL[@]}"; do
        run -0 "$program" -o "$program/a b//c/" -s "$SERVER_URL" br
        [ -s "$program/a b/c/BR.png" ]
        run -0 "$program" --output="$BATS_TEST_TMPDIR/$program" -s "$SERVER_URL" us
        [ -s "$program/US.png" ]
        [ ! -e downloaded ]
    done
}

@test "a file is replaced when its flag has come, and only then" {
    start_server --fault=cut=US
    for program in "${ALL[@]}"; do
        mkdir -p downloaded
        echo old >downloaded/BR.png
        echo old >downloaded/US.png
        run -1 "$program" -s "$SERVER_URL" br us
        ! grep -q old downloaded/BR.png || return
        [ "$(cat downloaded/US.png)" = old ]
        [ "$(ls -A downloaded)" = $'BR.png\nUS.png' ]
    done
}

@test "flags_asCompleted never prints the line of codes" {
    start_server
    run -0 flags_asCompleted -s "$SERVER_URL" --progress=never br
    [[ $output != *"BR "* ]]
}

@test "--help tells of every option, on stdout" {
    for program in "${ALL[@]}"; do
        run -0 --separate-stderr "$program" --help
        [ -z "$stderr" ]
        [ "${lines[0]}" = "Usage: $program [OPTION]... [CC]..." ]
        for option in "-a, --all" "-e, --every" "-l, --limit" "-s, --server" LOCAL DELAY ERROR REMOTE --extension \
            "-o, --output" "-v, --verbose" --progress --json --trace --help --version "Exit status"; do
            [[ $output == *"$option"* ]] || { echo "$program --help is without $option" >&2 && return 1; }
        done
    done
}

@test "--help tells of -m where it is" {
    for program in "${CONCURRENT[@]}"; do
        run -0 "$program" --help
        [[ $output == *"-m, --max-req"*"--max_req, -w, --workers"* ]]
    done
    run -0 flags_sequential --help
    [[ $output != *"--max-req"* ]]
}

@test "--version tells name and version, on stdout" {
    for program in "${ALL[@]}"; do
        run -0 --separate-stderr "$program" --version
        [ -z "$stderr" ]
        [[ ${lines[0]} =~ ^$program\ \(libcf\)\ [0-9]+\.[0-9]+ ]]
    done
}
