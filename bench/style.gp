# SPDX-License-Identifier: MIT
# What all pictures share.  Before it is loaded, out is the picture's file, svg or png, and width and height its size.
# Black is the colour of text, white that of the paper; bench/draw sees to it that an SVG can exchange them in the dark.
# The other colours are told apart by the colour-blind, and on light and on dark.

ours = "#0A7DC4"
others = "#CC5500"
faint = "#999999"

if (out[strlen(out) - 2 : *] eq "svg") {
    set terminal svg size width, height dynamic enhanced font "Helvetica,Arial,sans-serif,14"
    small = ",12"
} else {
    set terminal pngcairo size width, height enhanced font "Helvetica,Arial,sans-serif,10.5"
    small = ",9"
}
bold = ":Bold"
set output out
set datafile separator "\t"
set border 0
set tics nomirror scale 0
unset key
