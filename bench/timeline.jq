# SPDX-License-Identifier: MIT
# From the traces of runs to lines that gnuplot draws: jq -n -r -f timeline.jq FILE... --args [ORDER TITLE]..., where
# ORDER says in which order the reader of each run got its results, that of the "items" or that of "completion".
#
# A line says a kind, the row that it stands in (0 is the topmost, and rows go on through all runs), the seconds from
# which to which it goes, and a text.  The kinds are title, row, waiting, call, held, from the end of a call until the
# reader got its result, and got, which is one result or several at one time; note is a text that ends there.

# Results that the reader got within so many seconds are shown as one.
def moment: 0.015;

def seconds($from): (. - $from) / 1000000;

# The workers' rows, in the order of their numbers: {tid, name}.
def workers:
    .traceEvents
    | (map(select(.name == "thread_sort_index") | { key: "\(.tid)", value: .args.sort_index }) | from_entries) as $place
    | map(select(.name == "thread_name") | { tid, name: .args.name })
    | sort_by($place["\(.tid)"] // .tid);

# {name, row, start, end, submitted} of each call, in the order in which they were submitted.
def calls:
    (workers | map(.tid)) as $tids
    | .traceEvents
    | (map(select(.ph == "b" and .cat == "waiting") | { key: .name, value: .ts }) | from_entries) as $since
    | map(select(.ph == "X" and .cat == "call"))
    | ([.[].ts, $since[]] | min) as $from
    | map(.tid as $tid | {
        name, row: ($tids | index($tid)), start: (.ts | seconds($from)), end: (.ts + .dur | seconds($from)),
        submitted: ($since[.name] // .ts | seconds($from)) })
    | sort_by(.submitted, .start);

# When the reader got each: with a map, not before all that stand before it are done.
def with_got($order):
    if $order == "items" then [foreach .[] as $call (0; [., $call.end] | max; $call + { got: . })]
    else map(.got = .end) | sort_by(.got) end;

# What the reader got at one time, in one list.
def moments:
    reduce .[] as $call ([];
        if length > 0 and $call.got - .[-1][0].got < moment then .[-1] += [$call] else . + [[$call]] end);

def names: map(.name) | if length <= 3 then join(" ") else "\(.[0]) to \(.[-1])" end;

# Where one of n thin lines stands that share a row.
def stripe($i; $n): . - 0.35 + 0.7 * ($i + 0.5) / $n;

# The lines of one run, whose title is in the row $top.
def lines($top; $order; $title):
    workers as $workers
    | calls as $calls
    | ($calls | length) as $n
    | ($calls | map(select(.submitted < .start)) | length > 0) as $waited
    | ($top + if $waited then 2 else 1 end) as $first
    | ($first + ($workers | length)) as $reader
    | ["title", $top, 0, 0, $title],
      (if $waited then ["row", $top + 1, 0, 0, "waiting"] else empty end),
      (range($n) as $i | $calls[$i] | select($waited)
          | ["waiting", ($top + 1 | stripe($i; $n)), .submitted, .start, .name]),
      (range($workers | length) | ["row", $first + ., 0, 0, $workers[.].name]),
      ($calls[] | ["call", $first + .row, .start, .end, .name]),
      ["row", $reader, 0, 0, "reader"],
      ($calls | with_got($order)
          | (range($n) as $i | .[$i] | ["held", ($reader | stripe($i; $n)), .end, .got, .name]),
            (moments[] | ["got", $reader, .[0].got, .[-1].got, names]),
            (map(select(.got - .end > moment)) | select(length > 0)
                | ["note", $reader, 0, (map(.end) | min), "held back"]));

[inputs] as $traces
| reduce range($traces | length) as $i ({ top: 0, lines: [] };
    .top as $top
    | $ARGS.positional[2 * $i:2 * $i + 2] as [$order, $title]
    | [$traces[$i] | lines($top; $order; $title)] as $lines
    | .lines += $lines
    | .top = ($lines | map(.[1]) | max) + 1.4)
| .lines[]
| @tsv
