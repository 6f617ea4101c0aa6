#!/bin/sh
# SPDX-License-Identifier: MIT
# xargs - a program for each line: xargs.sh B2|B4 WORKERS N, where B4 is one line, N times.

set -u
workload=$1
workers=$2
n=$3

lines() {
    seq "$1" | xargs -P "$workers" -n 1 true || exit 1
}

start=$(date +%s%N)
if [ "$workload" = B2 ]; then
    lines "$n"
    unit=ns/task divisor=$n
else
    for _ in $(seq "$n"); do
        lines 1
    done
    unit=ms divisor=$((n * 1000000))
fi
end=$(date +%s%N)
LC_ALL=C awk -v workload="$workload" -v workers="$workers" -v unit=$unit -v total=$((end - start)) \
    -v divisor="$divisor" 'BEGIN { printf "xargs\t%s\t%d\t%.3f\t%s\n", workload, workers, total / divisor, unit }'
