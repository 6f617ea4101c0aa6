# SPDX-License-Identifier: MIT
# Speed-up against workers, a panel for each program: gnuplot -e "lines='FILE'; out='FILE'" speed-up.gp
# A line has program, libcf or Python, workers, speed-up, ideal.  Those of FILE-below say where to write Python's figure:
# program, workers, the lower of both speed-ups, Python's.

width = 960
height = 640
load "style.gp"
of(by, program) = "< grep -P '^" . program . "\t" . by . "\t' '" . lines . "'"

set multiplot layout 2, 2 margins screen 0.08, 0.89, 0.1, 0.94 spacing screen 0.15, 0.19
set grid linetype 1 linecolor rgb faint linewidth 0.3
set xlabel "workers" offset 0, 0.4

at_end(by) = of(by, program) . " | tail -n 1"
below = "< grep -P '^" . "%s" . "\t' '" . lines . "-below' | tail -n 1"
text(name, value) = sprintf("%s %.1f", name, value)
panel = "\
set title program noenhanced font bold offset 0, -0.5; \
plot of('libcf', program) using 3:5 with lines linewidth 2 dashtype 2 linecolor rgb faint, \
    of('Python', program) using 3:4 with linespoints linewidth 2 pointtype 5 pointsize 0.8 linecolor rgb others, \
    of('libcf', program) using 3:4 with linespoints linewidth 2 pointtype 7 pointsize 0.9 linecolor rgb ours, \
    at_end('libcf') using 3:5:(text('ideal', $5)) with labels left offset character 1, 0.7, \
    at_end('libcf') using 3:4:(text('libcf', $4)) with labels left offset character 1, 0 textcolor rgb ours, \
    sprintf(below, program) using 2:3:(text('Python', $4)) with labels left offset character 1, -0.8 \
        textcolor rgb others"

set logscale xy
set xrange [0.9 : 110]
set yrange [0.8 : 250]
set xtics (1, 5, 10, 30, 100)
set ytics (1, 5, 10, 30, 100)
set ylabel "times as fast as one after another"
program = "flags_threadpool"
eval panel
unset ylabel
program = "flags_asCompleted"
eval panel

unset logscale
set xrange [1 : processors * 2]
set yrange [0 : processors + 0.5]
set xtics 1
set ytics 0.5 format "%.1f"
set ylabel "times as fast as one after another"
program = "primes_threads"
eval panel
unset ylabel
program = "primes_procs"
eval panel
unset multiplot
