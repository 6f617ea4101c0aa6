# SPDX-License-Identifier: MIT
# README.md is true.

load helpers

setup() {
    cd "$BATS_TEST_TMPDIR" || return
}

# block LANGUAGE - print the first block of that language in README.md.
block() {
    awk -v fence="\`\`\`$1" '$0 == "```" { if (inside) exit } inside; $0 == fence { inside = 1 }' "$SRCDIR/README.md"
}

@test "README's ten-line program compiles without a warning and prints what README says" {
    [ -e "$PROGRAMS/../lib/.libs/libcf.a" ] || skip "no static library"
    block c >"$BATS_TEST_TMPDIR/squares.c"
    cd "$BATS_TEST_TMPDIR"
    sanitizer=()
    [ "${SANITIZER:-no}" = no ] || sanitizer=("-fsanitize=$SANITIZER")
    "${CC:-cc}" "${sanitizer[@]}" -Wall -Wextra -Werror -I"$SRCDIR/lib" -o squares squares.c \
        "$PROGRAMS/../lib/.libs/libcf.a" -pthread
    run -0 ./squares
    [ "$output" = "$(printf '%s\n' 1 4 9 16 25)" ]
    grep -A 6 -Fx '$ ./squares' "$SRCDIR/README.md" | sed 1d | head -n 5 >expected
    [ "$output" = "$(cat expected)" ]
}

@test "every program that README names is there and has --help" {
    grep -oE '\[[A-Za-z_]+\]\(programs/[A-Za-z_]+\.c\)' "$SRCDIR/README.md" | sort -u >named
    [ "$(wc -l <named)" -ge 12 ]
    while IFS='[]()' read -r _ program _ file _; do
        [ "$file" = "programs/$program.c" ]
        run -0 "$program" --help
    done <named
}

@test "what README shows of the prime checkers is what they print" {
    awk '/^##/ { on = 0 } /^### Which numbers are prime/ { on = 1 } on' "$SRCDIR/README.md" >section
    awk '$0 == "```console" { inside = 1; next } $0 == "```" { inside = 0 } inside' section >shown
    awk '/^\$ / { print "{ " substr($0, 3) "; } 2>stderr || :; cat stderr" }' shown >commands
    [ "$(wc -l <commands)" -eq 4 ]
    masked='s/[0-9]+\.[0-9]+s$/T/'
    CF_CPU_COUNT=2 bash commands | sed -E "$masked" >printed
    diff <(sed '/^\$ /d' shown | sed -E "$masked") printed
}

@test "README's question to a trace is answered" {
    primes_threads --trace flags.json >out
    bash <(sed -n 's/^\$ \(jq .*\)/\1/p' "$SRCDIR/README.md") >answers
    [ "$(grep -c -x '[0-9.]* [0-9]* ok' answers)" -eq 3 ]
    sort -c -n -r answers
}

# section TITLE - print the section of README.md that has this heading.
section() {
    awk -v title="$1" '/^##? / || /^### / { on = $0 == title } on' "$SRCDIR/README.md"
}

@test "the line that README quotes of each of the memo's programs is in that program" {
    section "## The memo, section by section" | grep -E '^\|[^|]*\| \[[A-Za-z_]+\]\([^|,]*\) \| `' >rows
    [ "$(wc -l <rows)" -ge 9 ]
    while read -r row; do
        file=$(grep -oE 'programs/[A-Za-z_]+\.c' <<<"$row")
        line=$(cut -d '`' -f 2 <<<"$row")
        grep -qF -e "$line" "$SRCDIR/$file" || { echo "$file has no line: $line"; return 1; }
    done <rows
}

@test "every file that README links to is there" {
    grep -oE '\]\([^)#]+\)' "$SRCDIR/README.md" | tr -d '])(' | while read -r file; do
        [ -e "$SRCDIR/$file" ] || { echo "no such file: $file"; return 1; }
    done
}
