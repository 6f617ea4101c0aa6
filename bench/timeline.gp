# SPDX-License-Identifier: MIT
# The timeline of calls, from the lines of timeline.jq: gnuplot -e "lines='FILE'; rows=N; out='FILE'" timeline.gp
# gnuplot counts rows upwards, so they are negative here.

width = 960
height = 75 + 25 * rows
load "style.gp"
of(kind) = "< grep '^" . kind . "' '" . lines . "'"
half = 0.38
gap = 0.0015

set lmargin at screen 0.1
set rmargin at screen 0.96
set tmargin at screen 1.0
set bmargin at screen 60.0 / height
set yrange [-rows - 0.4 : 0.8]
set xrange [0 : *]
unset ytics
set xtics 0.1 format "%.1f"
set xlabel "seconds since the first call was submitted" offset 0, 0.4
set grid xtics linetype 1 linecolor rgb faint linewidth 0.3

plot of("waiting") using 3:(-$2):($4 - $3):(0) with vectors nohead linewidth 1.5 linecolor rgb faint, \
    of("held") using 3:(-$2):($4 - $3):(0) with vectors nohead linewidth 1.5 linecolor rgb others, \
    of("call") using (($3 + $4) / 2):(-$2):3:($4 - gap):(-$2 - half):(-$2 + half) with boxxyerror \
        fillstyle solid 1 noborder linecolor rgb ours, \
    of("call") using (($3 + $4) / 2):(-$2):5 with labels textcolor rgb "#FFFFFE", \
    of("got") using 3:(-$2) with points pointtype 7 pointsize 0.8 linecolor rgb others, \
    of("got") using 3:(-$2):5 with labels left offset character 0.7, 0 font small, \
    of("note") using 4:(-$2):5 with labels right offset character -0.7, 0 font small, \
    of("title") using 3:(-$2):5 with labels left noenhanced font bold, \
    of("row") using (0):(-$2):5 with labels right offset character -1, 0
