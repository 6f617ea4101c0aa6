# SPDX-License-Identifier: MIT
# --help of each program is for a screen; what does not fit is on its manual page.

load helpers

@test "--help of each program fits a screen of 24 lines and 80 columns" {
    count=0
    for program in $(programs); do
        run -0 "$program" --help
        awk -v program="$program" 'length > 80 { print program ": too wide: " $0; bad = 1 }
            END { if (NR > 24) { print program ": " NR " lines"; bad = 1 } exit bad }' <<<"$output" >&2
        ((++count))
    done
    [ "$count" -ge 7 ]
}

@test "--help says where the details are" {
    for program in $(programs | grep -v '^demo_'); do
        run -0 "$program" --help
        [[ $output == *"man $program"* ]] || { echo "$program does not" >&2; return 1; }
    done
}
