# SPDX-License-Identifier: MIT
# README's table of calls: each line on its right is compiled and run, in the place that quick.c.in gives it.

load helpers

setup() {
    cd "$BATS_TEST_TMPDIR" || return
    sed -n '/^| Python | libcf |/,/^$/p' "$SRCDIR/README.md" | sed -n '3,$s/^| \(.*\) | `\(.*\)` |$/\1\t\2/p' |
        tr -d '`' | sed 's/\\|/|/g' >rows
    grep -o '{{[^}]*}}' "$SRCDIR/tests/quick.c.in" | tr -d '{}' | sort -u >asked
}

# fill - print the program with README's lines in it.
fill() {
    awk -F '\t' '
        NR == FNR { ours[$1] = $2; next }
        {
            while (match($0, /\{\{[^}]*\}\}/))
                $0 = substr($0, 1, RSTART - 1) ours[substr($0, RSTART + 2, RLENGTH - 4)] substr($0, RSTART + RLENGTH)
            print
        }' rows "$SRCDIR/tests/quick.c.in"
}

@test "every call in README's table is in the program that tries them, and the other way round" {
    [ "$(wc -l <rows)" -ge 20 ]
    diff <(cut -f 1 rows | sort) asked
}

@test "every call in README's table compiles without a warning and does what stands beside it" {
    [ -e "$PROGRAMS/../lib/.libs/libcf.a" ] || skip "no static library"
    fill >quick.c
    sanitizer=()
    [ "${SANITIZER:-no}" = no ] || sanitizer=("-fsanitize=$SANITIZER")
    "${CC:-cc}" "${sanitizer[@]}" -D_GNU_SOURCE -Wall -Wextra -Werror -I"$SRCDIR/lib" -o quick quick.c \
        "$PROGRAMS/../lib/.libs/libcf.a" -pthread
    run -0 timeout 30 ./quick
    [ "$output" = "all lines did what they say" ]
}
