# SPDX-License-Identifier: MIT
# Seconds of each program, ours and Python's: gnuplot -e "lines='FILE'; rows=N; out='FILE'" seconds.gp
# A line has the number of its row, from 1, program, workers, our seconds, and Python's or NaN.

width = 960
height = 75 + 24 * rows
load "style.gp"
# Where Python's is missing, the least is ours, and there is no most.
least(a, b) = b < a ? b : a
most(a, b) = b >= a ? b : b < a ? a : NaN
name(program, workers) = sprintf("%s, %d worker%s", program, workers, workers == 1 ? "" : "s")
figure(by, x) = $1 == 1 ? sprintf("%s %.2f", by, x) : sprintf("%.2f", x)

set lmargin at screen 0.29
set rmargin at screen 0.95
set tmargin at screen 1.0
set bmargin at screen 60.0 / height
set logscale x
set xrange [0.03 : 30]
set yrange [-rows - 0.6 : -0.3]
unset ytics
set xtics (0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20)
set xlabel "seconds, the median of the runs" offset 0, 0.4
set grid xtics linetype 1 linecolor rgb faint linewidth 0.3

plot lines using 4:(-$1):($5 - $4):(0) with vectors nohead linewidth 1.5 linecolor rgb faint, \
    lines using 4:(-$1) with points pointtype 7 pointsize 0.9 linecolor rgb ours, \
    lines using 5:(-$1) with points pointtype 5 pointsize 0.8 linecolor rgb others, \
    lines using (least($4, $5)):(-$1):(figure($5 < $4 ? "Python" : "libcf", least($4, $5))) with labels right \
        offset character -0.8, 0 font small, \
    lines using (most($4, $5)):(-$1):(figure($5 < $4 ? "libcf" : "Python", most($4, $5))) with labels left \
        offset character 0.8, 0 font small, \
    lines using (0.03):(-$1):(name(strcol(2), $3)) with labels right offset character -1, 0 noenhanced
