# SPDX-License-Identifier: MIT
# The demonstrations do what the memo says of its examples; demos_patterns.bats has those of its common patterns.

load helpers

DEMOS=(demo_bytes demo_map demo_lifecycle demo_workers demo_errors)
DOWNLOADING=(demo_bytes demo_lifecycle)

# since_first - print the lines of stdin, their clock replaced by the milliseconds since that of the first one.
since_first() {
    awk -F '[][.:]' '{
        at = (($2 * 60 + $3) * 60 + $4) * 1000 + $5
        if (NR == 1)
            first = at
        sub(/^\[[^]]*\] /, "")
        print (at < first ? at + 86400000 : at) - first, $0
    }'
}

# at TEXT - print the milliseconds of the line of "$output", as since_first made it, that has this text.
at() {
    sed -n "s/^\([0-9]*\) $1\$/\1/p" <<<"$output"
}

# summed URL - print the line that demo_bytes has for it.
summed() {
    curl -sf "$1" >body
    printf '%05d %7d bytes  %s\n' "$(sum body | awk '{ print $1 + 0 }')" "$(stat -c %s body)" "$1"
}

setup() {
    cd "$BATS_TEST_TMPDIR" || return
    unset CF_CPU_COUNT
}

# Command lines.

@test "each demonstration has --help, which tells of its options, and --version, on stdout" {
    for program in "${DEMOS[@]}"; do
        run -0 --separate-stderr "$program" --help
        [ -z "$stderr" ]
        [[ ${lines[0]} == "Usage: $program [OPTION]..."* ]]
        [[ $output == *--help*--version* ]]
        run -0 --separate-stderr "$program" --version
        [ -z "$stderr" ]
        [[ ${lines[0]} == "$program (libcf) "* ]]
    done
    run -0 demo_map --help
    [[ $output == *"--unit SECONDS "*"(default 1)"* ]]
    run -0 demo_lifecycle --help
    [[ $output == *"--server SITE "*"(default LOCAL)"*"--workers N "*"(default 3)"* ]]
}

@test "what a demonstration does not take is an error, with status 2 and a word on --help" {
    for program in "${DEMOS[@]}"; do
        run -2 --separate-stderr "$program" --nonsense
        [ -z "$output" ]
        [[ $stderr == "$program: "*"--nonsense"*"Try '$program --help' for more information." ]]
    done
    for command in "demo_map x" "demo_map --unit=0" "demo_map --unit" "demo_workers --unit=soon" "demo_errors 3" \
        "demo_lifecycle --workers=0" "demo_lifecycle --server=nowhere" "demo_bytes --server=" "demo_bytes BRA" \
        "demo_bytes b7"; do
        read -ra words <<<"$command"
        run -2 --separate-stderr "${words[@]}"
        [ -z "$output" ]
        [[ $stderr == "${words[0]}: "*"Try '"* ]]
    done
}

@test "a demonstration whose output cannot be written says so and fails" {
    start_server
    for program in "demo_errors" "demo_map --unit=0.01" "demo_workers --unit=0.01" "demo_bytes -s" "demo_lifecycle -s"; do
        run -1 --separate-stderr bash -c "${program/-s/--server=$SERVER_URL} >/dev/full"
        [[ $stderr == "${program%% *}: standard output: "* ]]
    done
}

@test "without a server the demonstrations that download say which URL failed and why, and fail" {
    start_server
    stop_server
    for program in "${DOWNLOADING[@]}"; do
        run -1 --separate-stderr "$program" --server="$SERVER_URL"
        [[ ${stderr_lines[0]} =~ ^$program:\ $SERVER_URL/[a-z]{2}/[a-z]{2}.png:\ .*[Cc]onnect ]]
    done
}

@test "what is wrong with a site or a URL is said without its password" {
    for program in "${DOWNLOADING[@]}"; do
        run -2 --separate-stderr "$program" --server="ftp://me:secret@127.0.0.1/flags"
        [[ $stderr == "$program: --server: ftp://me@127.0.0.1/flags: "* ]]
    done
    run -2 --separate-stderr demo_bytes "http://me:secret@127.0.0.1/$(printf '%03000d' 0)"
    [[ $stderr == "demo_bytes: 'http://me@127.0.0.1/"* ]]
}

# Using executor.map.

@test "demo_bytes has the very bytes of each download, in the order of the URLs" {
    start_server --fault=drip=BR --drip-rate=60000
    expected=$(for cc in us br in de cn; do summed "$SERVER_URL/$cc/$cc.png"; done)
    run -0 --separate-stderr demo_bytes --server="$SERVER_URL" us BR in de Cn
    [ -z "$stderr" ]
    [ "$output" = "$expected" ]
    run -0 demo_bytes "$SERVER_URL/us/us.png" --server=ERROR "$SERVER_URL/br/br.png"
    [ "$output" = "$(sed 2q <<<"$expected")" ]
}

@test "demo_bytes downloads twenty flags when told of none, several at a time" {
    start_server --delay=0.2
    CF_CPU_COUNT=6 timed demo_bytes --server="$SERVER_URL" >printed
    [ "$(wc -l <printed)" -eq 20 ]
    [ "$(logged '"status":200')" -eq 20 ]
    [ "$(connections)" -le 10 ]
    # Ten at a time are two rounds; one at a time would be 4 s.
    [ "$MILLISECONDS" -ge 400 ]
    [ "$MILLISECONDS" -lt 2000 ] || [ "$SANITIZER" != no ]
}

@test "demo_bytes stops, as list(executor.map()) does, at the first download that fails" {
    start_server
    run -1 --separate-stderr demo_bytes --server="$SERVER_URL" br zz us
    [ "$output" = "$(summed "$SERVER_URL/br/br.png")" ]
    [ "$stderr" = "demo_bytes: $SERVER_URL/zz/zz.png: HTTP error 404 - Not Found" ]
}

@test "demo_bytes prints no password" {
    start_server
    secret=${SERVER_URL/\/\//\/\/me:secret@}
    run -1 demo_bytes --server="$secret" br zz
    [[ $output == *"//me@127.0.0.1:$SERVER_PORT/flags/br/br.png"* ]]
    [[ $output == *"//me@127.0.0.1:$SERVER_PORT/flags/zz/zz.png: HTTP error 404"* ]]
    [[ $output != *secret* ]]
}

# Executor.map behavior deep dive.

@test "demo_map: 10 is ready first and waits for 30, as results come in the order of submission" {
    run -0 --separate-stderr demo_map --unit=0.2
    [ -z "$stderr" ]
    output=$(since_first <<<"$output")
    results=$(sed -n 's/^[0-9]* \([0-9]*\)$/\1/p' <<<"$output" | xargs)
    [ "$results" = "30 20 10 40 50" ]
    ready=$(sed -n 's/^[0-9]* thread [123]: \([0-9]*\) is ready$/\1/p' <<<"$output" | xargs)
    [ "$ready" = "10 20 30 40 50" ]
    # At least so long after the beginning, at 0.2 s for one of the memo's.
    [ "$(at 'thread [123]: 10 is ready')" -ge 199 ]
    [ "$(at 'thread [123]: 20 is ready')" -ge 399 ]
    [ "$(at 30)" -ge 599 ]
    [ "$(at 10)" -ge "$(at 30)" ]
    [ "$(at 40)" -ge 999 ]
    [ "$(at 50)" -ge 1399 ]
}

@test "demo_map: five calls on three workers take as long as the longest chain of two" {
    timed demo_map --unit=0.2 >printed
    [ "$MILLISECONDS" -ge 1400 ]
    # One after another they would sleep for 3 s.
    [ "$MILLISECONDS" -lt 2800 ] || [ "$SANITIZER" != no ]
}

@test "demo_map: a struct for each item stands for several iterables" {
    run -0 demo_map --unit=0.01
    [ "$(sed -n 's/^[^]]*\] \([0-9] to the power.*\)/\1/p' <<<"$output")" = "2 to the power of 10 is 1024
3 to the power of 5 is 243
4 to the power of 3 is 64" ]
}

@test "the clock shows seconds, and milliseconds too where the memo's second is shorter than one" {
    start_server
    run -0 demo_lifecycle --server="$SERVER_URL"
    [[ ${lines[0]} =~ ^\[[0-2][0-9]:[0-5][0-9]:[0-6][0-9]\]\ Scheduled ]]
    run -0 demo_map --unit=0.01
    [[ ${lines[0]} =~ ^\[[0-2][0-9]:[0-5][0-9]:[0-6][0-9]\.[0-9]{3}\]\ executor ]]
}

# The life of a future.

# without_clock - print the lines of stdin without their clock.
without_clock() {
    sed 's/^\[[^]]*\] //'
}

@test "demo_lifecycle: futures are pending or running when scheduled, then running, then finished" {
    start_server --delay=0.3
    run -0 --separate-stderr demo_lifecycle --server="$SERVER_URL"
    [ -z "$stderr" ]
    output=$(without_clock <<<"$output")
    [ "$(sed -n 's/^Scheduled: \(..\) .*/\1/p' <<<"$output" | xargs)" = "BR CN ID IN US DE" ]
    [ "$(grep -cE '^Scheduled: .. <future download_one (pending|running)>$' <<<"$output")" -eq 6 ]
    # Three workers: whoever comes after three others waits.
    [ "$(grep -cE '^Scheduled: (IN|US|DE) <future download_one pending>$' <<<"$output")" -eq 3 ]
    [ "$(sed -n 's/^Completed: \(..\) <future download_one finished returned 3 bytes>$/\1/p' <<<"$output" |
        sort | xargs)" = "BR CN ID IN US" ]
    states=$(grep '^  BR' <<<"$output")
    [ "$(wc -l <<<"$states")" -eq 5 ]
    # Nobody can have ended while the first two rounds' others have not begun; in the end all have.
    head -n 1 <<<"$states" | grep -q 'running'
    [ "$(tail -n 1 <<<"$states")" = "  BR finished, CN finished, ID finished, IN finished, US finished" ]
}

@test "demo_lifecycle: a pending future can be cancelled, which runs its callback, and a finished one cannot" {
    start_server --delay=0.3
    run -0 demo_lifecycle --server="$SERVER_URL"
    output=$(without_clock <<<"$output")
    grep -A 1 '^Callback: DE' <<<"$output" >printed
    [ "$(cat printed)" = "Callback: DE <future download_one cancelled>
Cancelled: DE <future download_one cancelled>" ]
    [ "$(logged /de/de.png)" -eq 0 ]
    grep -qx 'Callback: BR <future download_one finished returned 3 bytes>' <<<"$output"
    [ "$(tail -n 1 <<<"$output")" = "Too late to cancel: BR <future download_one finished returned 3 bytes>" ]
}

@test "demo_lifecycle: what was scheduled first and takes longest completes last" {
    start_server --fault=drip=BR --drip-rate=30000
    run -0 demo_lifecycle --server="$SERVER_URL"
    [ "$(sed -n 's/.*Completed: \(..\) .*/\1/p' <<<"$output" | tail -n 1)" = BR ]
    run -0 demo_lifecycle --server="$SERVER_URL" --workers=1
    [ "$(sed -n 's/.*Completed: \(..\) .*/\1/p' <<<"$output" | xargs)" = "BR CN ID IN US" ]
}

@test "demo_lifecycle: a download that fails completes too, with its status" {
    start_server --fault=418=ID
    run -1 --separate-stderr demo_lifecycle --server="$SERVER_URL"
    [[ $output == *"Completed: ID <future download_one finished raised http:418>"* ]]
    [ "$(grep -c 'Completed: .*returned 3 bytes' <<<"$output")" -eq 4 ]
    [ "$stderr" = "demo_lifecycle: $SERVER_URL/id/id.png: HTTP error 418 - I'm a Teapot" ]
}

# Default max_workers.

@test "demo_workers: min(32, n + 4) threads and n processes by default, and no more than are needed" {
    CF_CPU_COUNT=3 run -0 demo_workers
    [[ $output == *"cf_cpu_count():             3: CF_CPU_COUNT says so"* ]]
    [ "$(sed 1,4d <<<"$output" | head -n 9)" = "Threads by default: min(32, 3 + 4) = 7.  So many are started for
    3 calls one after another: 1
    3 calls at once:           3
   16 calls at once:           7

Processes by default: 3.  So many are started for
    3 calls one after another: 1
    3 calls at once:           3
    8 calls at once:           3" ]
}

@test "demo_workers: no more than 32 threads by default, however many processors" {
    CF_CPU_COUNT=29 run -0 demo_workers --unit=0.5
    [[ $output == *"Threads by default: min(32, 29 + 4) = 32. "* ]]
    [[ $output == *"66 calls at once:           32"* ]]
}

@test "demo_workers: the defaults heed affinity, which the processors online do not" {
    first=$(taskset -cp $$ | sed 's/.*: \([0-9]*\).*/\1/')
    run -0 taskset -c "$first" demo_workers --unit=0.1
    [[ ${lines[0]} == "Processors online: "*" $(getconf _NPROCESSORS_ONLN): os.cpu_count(),"* ]]
    [[ ${lines[1]} == "That this process may use:  1: os.process_cpu_count(),"* ]]
    [[ ${lines[2]} == "cf_cpu_count():             1: it heeds "* ]]
    [[ $output == *"min(32, 1 + 4) = 5."* ]]
}

# Error handling.

@test "demo_errors: the memo's loop ends at item 3, ours goes on, and as-completed tells which item failed" {
    run -0 --separate-stderr demo_errors
    [ -z "$stderr" ]
    [ "$(head -n 11 <<<"$output")" = "A map, as in Python, up to the first error:
  2
  4
  raised: Bad value
The same map, to its end:
  2
  4
  failed: Bad value
  8
  10
Submitted, and as they complete:" ]
    [ "$(tail -n +12 <<<"$output" | sort)" = "  1 returned 2
  2 returned 4
  3 generated exception: Bad value
  4 returned 8
  5 returned 10" ]
}

# Ctrl-C.

# screen COMMAND... - run the command on a terminal, whose keys come from the descriptor 8, in a session of its own,
# whose number is in the file session.  Its status and the terminal's settings before and after it are left in files.
# A shell lets what it starts in the background ignore SIGINT; this does not.  Whatever shell script takes, none stays
# beside play to be interrupted too.
screen() {
    # shellcheck disable=SC2016
    printf '%s\n' 'trap : INT' 'ps -o sess= $$ | tr -d " " >session-' 'stty -g >before' 'mv session- session' "$*" \
        'echo $? >status' 'stty -g >after' >play
    rm -f keys session
    mkfifo keys
    env --default-signal=INT script -qec 'exec sh play' /dev/null <keys >shown 2>&1 3>&- &
    SCREEN=$!
    exec 8>keys
    wait_for 10 test -e session
}

# runs COUNT NAME - tell whether so many processes of that name, or more, are in the session.
runs() {
    [ "$(pgrep -c -s "$(cat session)" -x "$2")" -ge "$1" ]
}

@test "Ctrl-C on a terminal ends each demonstration at once, and leaves no process, file or setting behind" {
    script -qec true /dev/null </dev/null >/dev/null 2>&1 3>&- || skip "no pseudo-terminal can be made here"
    [[ $SANITIZER != *thread* ]] || skip "ThreadSanitizer delays signals"
    start_server --fault=hang=1
    # demo_errors is through before one can press a key.  Where there are three processes, two are the pool's.
    while read -r processes program arguments; do
        screen "$program $arguments"
        wait_for 20 runs "$processes" "$program"
        sleep 0.3
        printf '\003' >&8
        timed wait_for 10 test -s after
        [ "$MILLISECONDS" -lt $((1000 * SLACK)) ]
        exec 8>&-
        wait "$SCREEN"
        [ "$(cat status)" -eq 130 ]
        diff before after
        wait_for 5 eval '! pgrep -s "$(cat session)" >left'
        rm before after play session shown status keys left
        [ "$(find . ! -name 'server*' ! -name .)" = "" ]
    done <<END
1 demo_bytes --server $SERVER_URL br us
1 demo_map --unit 100
1 demo_lifecycle --server $SERVER_URL
1 demo_workers --unit 100
1 demo_choose --rounds 10000
3 demo_choose --files 3 --size 2 --rounds 40
1 demo_first --unit 100
1 demo_switch --items 10000
3 demo_switch --items 10 --workers 10
1 demo_timeout --unit 100
1 demo_batches --items 10000 --batch-size 1
END
}
