# SPDX-License-Identifier: MIT
# The demonstrations print what README.md shows of them.

load helpers

setup() {
    cd "$BATS_TEST_TMPDIR" || return
    start_server --delay=0.1
    export SERVER_URL
    export -f demo_bytes demo_lifecycle
}

# What is shown asks the server of port 8000; here it listens on another.
demo_bytes() {
    command demo_bytes --server="$SERVER_URL" "$@"
}

demo_lifecycle() {
    command demo_lifecycle --server="$SERVER_URL" "$@"
}

# Of the figures, times, states and conclusions that are others each time, only where they stand is compared.
mask() {
    sed -E -e 's/^\[[0-9:.]+\]/[T]/' -e 's/thread [0-9]/thread N/' -e 's|http://[^/]*/|http://HOST/|' \
        -e 's/ +[0-9]+\.[0-9]+ (s|ms|MiB|times)/ X \1/g' -e 's/[0-9]+ processors/N processors/' \
        -e 's/^(\[T\] Scheduled: .. <future download_one) (pending|running)>/\1 STATE>/' \
        -e 's/(BR|CN|ID|IN|US) (pending|running|finished)/\1 STATE/g' \
        -e 's/mirror 4: (interrupted|cancelled before it started)/mirror 4: STATE/' \
        -e 's/^(reading|hashing|computing): .*; the memo/\1: ANSWER; the memo/'
}

# in_order COMMAND - what is told as it completes may come in any order; demos.bats has the rules.
in_order() {
    case $1 in
    demo_lifecycle* | demo_errors*) sort ;;
    *) cat ;;
    esac
}

# compare CONSOLE - run its commands, and compare what each prints with what the console shows.
compare() {
    local command

    grep '^\$ ' "$1" | cut -c 3- >commands
    while read -r command; do
        CF_CPU_COUNT=2 bash -c "$command" </dev/null | mask | in_order "$command" >printed
        awk -v head="\$ $command" '/^\$ / { on = $0 == head; next } on' "$1" | mask | in_order "$command" >shown
        [ -s shown ] || { echo "nothing is shown of $command"; return 1; }
        diff shown printed || { echo "$1: $command prints something else"; return 1; }
    done <commands
}

# all_shown - whether each demonstration is among the commands.
all_shown() {
    diff <(programs | grep '^demo_' | sort) <(grep -o 'demo_[a-z]*' commands | sort -u)
}

@test "what README shows of each demonstration is what it prints" {
    awk '/^## / { on = /^## The memo, / } on && $0 == "```" { inside = 0 } on && inside
         on && $0 == "```console" { inside = 1 }' "$SRCDIR/README.md" >console
    compare console
    all_shown
}
