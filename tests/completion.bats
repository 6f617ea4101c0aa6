# SPDX-License-Identifier: MIT
# What bash completes after the names of the programs.

load helpers

setup() {
    cd "$BATS_TEST_TMPDIR" || return
    COMPLETIONS=$(cd "$PROGRAMS/../completions" && pwd)
}

# completed WORD... - print what completes the last word, one a line, as bash would be told after splitting the line.
completed() {
    # shellcheck disable=SC2034
    bash -c '
        source "$1/$2" || exit
        shift
        COMP_WORDS=("$@")
        COMP_CWORD=$(($# - 1))
        _libcf "$1" "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}"
        [ ${#COMPREPLY[@]} -eq 0 ] || printf "%s\n" "${COMPREPLY[@]}"
    ' bash "$COMPLETIONS" "$@"
}

# completes EXPECTED WORD... - assert that the last word becomes one of those expected, in whatever order.
completes() {
    local expected=$1

    shift
    [ "$(completed "$@" | LC_ALL=C sort | xargs)" = "$expected" ] || {
        echo "$*: $(completed "$@" | xargs)" >&2
        return 1
    }
}

@test "every program has a completion, registered under its name" {
    for program in $(programs); do
        [ -e "$COMPLETIONS/$program" ] || { echo "$program has none" >&2; return 1; }
        run -0 bash -c 'source "$1" && complete -p "$2"' bash "$COMPLETIONS/$program" "$program"
    done
}

@test "options are those of the program's own --help" {
    for program in flags_threadpool flags_server primes_procs; do
        completed "$program" -- | LC_ALL=C sort >offered
        "$program" --help | grep -oE -- '(^|[ ,])--[a-z][a-z_-]*' | tr -d ' ,' | LC_ALL=C sort -u >told
        diff told offered
        grep -qx -- --version offered
    done
    completes --max-req flags_threadpool --max-r
    completes "" flags_sequential --max-r
    completes --call-timeout primes_procs --ca
}

@test "options with fixed values offer these, after a blank and after =" {
    completes "always auto" flags_asCompleted --progress a
    completes "always auto never" flags_asCompleted --progress ""
    completes never flags_asCompleted --progress = n
    completes "always auto never" flags_asCompleted --progress =
    completes "LOCAL" flags_threadpool -s L
    completes "auto gmp trial" primes_threads --method ""
    completes "reset-midway= reset=" flags_server --fault = reset
}

@test "files are offered where a file is expected, and folders where a folder is" {
    mkdir folder
    touch file
    completes "file folder" primes_procs --input f
    completes "file folder" primes_procs -i f
    completes folder flags_threadpool --output f
    completes folder flags_server --root = f
}

@test "where a number is expected nothing is offered" {
    completes "" flags_threadpool --max-req ""
    completes "" flags_server --port = 8
    completes "" primes_threads ""
}

@test "the downloaders are offered all country codes, in letters of the case begun with" {
    completes "$(codes | LC_ALL=C sort | xargs)" flags_sequential ""
    completes "$(codes | grep ^B | LC_ALL=C sort | xargs)" flags_threadpool --all B
    completes "$(codes | grep ^B | tr A-Z a-z | LC_ALL=C sort | xargs)" flags_asCompleted BR b
    completes "" flags_server b
}

@test "the demonstrations are offered what they take: codes, sites, files, and the words that options have" {
    touch file
    completes "$(codes | grep ^B | LC_ALL=C sort | xargs)" demo_bytes us B
    completes "DELAY ERROR LOCAL REMOTE" demo_first ""
    completes DELAY demo_lifecycle --server D
    completes file demo_choose f
    completes "run stop" demo_first --losers ""
    for option in --items --batch-size --workers; do
        completes "" demo_batches $option f
    done
    for option in --files --size --rounds; do
        completes "" demo_choose $option f
    done
    completes "" demo_timeout --timeout ""
    completes "" demo_map f
    completes --unit demo_map --u
}

@test "a program with a path before its name is completed as well" {
    run -0 bash -c 'source "$1/primes_procs"; COMP_WORDS=("$2/primes_procs" --coun); COMP_CWORD=1; _libcf "$2/primes_procs"
        echo "${COMPREPLY[@]}"' bash "$COMPLETIONS" "$PROGRAMS"
    [ "$output" = --count ]
}
