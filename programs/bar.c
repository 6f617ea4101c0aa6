/* SPDX-License-Identifier: MIT */
#include "bar.h"

#include <stdio.h>
#include <string.h>

/* The weight of the newest value in the averages, as tqdm has it. */
#define SMOOTHING 0.3

/* The states of one cell, from empty to full. */
static const char *const ascii_cells[] = { " ", "1", "2", "3", "4", "5", "6", "7", "8", "9", "#" };
static const char *const block_cells[] = { " ", "▏", "▎", "▍", "▌", "▋", "▊", "▉", "█" };
#define FULL(cells) (sizeof(cells) / sizeof *(cells)-1)

void
bar_feed(struct bar *bar, double elapsed)
{
    double done = (double)(bar->done - bar->fed_done);
    double seconds = elapsed - bar->fed_elapsed;

    if (done <= 0 || seconds <= 0)
        return;
    bar->average_done += SMOOTHING * (done - bar->average_done);
    bar->average_seconds += SMOOTHING * (seconds - bar->average_seconds);
    bar->fed_done = bar->done;
    bar->fed_elapsed = elapsed;
}

/* Things per second, or 0 if that is not known. */
static double
rate_of(const struct bar *bar, double elapsed, bool last)
{
    if (!last && bar->average_seconds > 0)
        return bar->average_done / bar->average_seconds;
    return elapsed > 0 ? (double)bar->done / elapsed : 0;
}

/* [H:]MM:SS */
static void
format_time(char *text, size_t size, double seconds)
{
    unsigned long all = seconds < 1e9 ? (unsigned long)seconds : 999999999;

    if (all >= 3600)
        snprintf(text, size, "%lu:%02lu:%02lu", all / 3600, all / 60 % 60, all % 60);
    else
        snprintf(text, size, "%02lu:%02lu", all / 60, all % 60);
}

/* What stands in brackets: the time that it took and will take, and the rate. */
static void
format_times(const struct bar *bar, double elapsed, bool last, char *text, size_t size)
{
    double rate = rate_of(bar, elapsed, last);
    char past[32];
    char rest[32];

    format_time(past, sizeof past, elapsed);
    if (rate <= 0) {
        snprintf(text, size, "%s<?, ?it/s", past);
        return;
    }
    format_time(rest, sizeof rest, (double)(bar->total - bar->done) / rate);
    if (rate < 1)
        snprintf(text, size, "%s<%s, %5.2fs/it", past, rest, 1 / rate);
    else
        snprintf(text, size, "%s<%s, %5.2fit/s", past, rest, rate);
}

/* Write the cells of the bar itself.  Return where they end. */
static char *
draw_cells(const struct bar *bar, unsigned columns, char *at)
{
    const char *const *cells = bar->utf8 ? block_cells : ascii_cells;
    size_t full = bar->utf8 ? FULL(block_cells) : FULL(ascii_cells);
    double part = bar->total > 0 ? (double)bar->done / (double)bar->total : 1;
    size_t steps = (size_t)(part * (double)(columns * full));

    for (unsigned i = 0; i < columns; i++) {
        size_t step = steps < full ? steps : full;

        at = stpcpy(at, cells[step]);
        steps -= step;
    }
    return at;
}

/* Where nobody knows how many there will be, there is no bar; tqdm does it so, too. */
static unsigned
frame_count(const struct bar *bar, double elapsed, bool last, unsigned columns, char *frame)
{
    double rate = rate_of(bar, elapsed, last);
    char past[32];
    int used;

    format_time(past, sizeof past, elapsed);
    if (rate <= 0)
        used = snprintf(frame, BAR_SIZE, "%s: %zuit [%s, ?it/s]", bar->description, bar->done, past);
    else if (rate < 1)
        used = snprintf(frame, BAR_SIZE, "%s: %zuit [%s, %5.2fs/it]", bar->description, bar->done, past, 1 / rate);
    else
        used = snprintf(frame, BAR_SIZE, "%s: %zuit [%s, %5.2fit/s]", bar->description, bar->done, past, rate);
    if (used > (int)columns)
        used = snprintf(frame, BAR_SIZE, "%s", "");
    return (unsigned)used;
}

/* Too narrow for a bar: the figures alone, the less important ones only where there is room for them. */
static unsigned
frame_figures(const struct bar *bar, double percent, const char *times, unsigned columns, char *frame)
{
    int used = snprintf(frame, BAR_SIZE, "%.0f%% %zu/%zu [%s]", percent, bar->done, bar->total, times);

    if (used > (int)columns)
        used = snprintf(frame, BAR_SIZE, "%.0f%% %zu/%zu", percent, bar->done, bar->total);
    if (used > (int)columns)
        used = snprintf(frame, BAR_SIZE, "%.0f%%", percent);
    if (used > (int)columns)
        used = snprintf(frame, BAR_SIZE, "%s", "");
    return (unsigned)used;
}

unsigned
bar_frame(const struct bar *bar, double elapsed, bool last, unsigned columns, char frame[BAR_SIZE])
{
    double percent = bar->total > 0 ? 100.0 * (double)bar->done / (double)bar->total : 100.0;
    char times[96];
    char head[128];
    char tail[192];
    unsigned used;

    if (columns > BAR_COLUMNS)
        columns = BAR_COLUMNS;
    if (bar->total == 0)
        return frame_count(bar, elapsed, last, columns, frame);
    format_times(bar, elapsed, last, times, sizeof times);
    snprintf(head, sizeof head, "%s: %3.0f%%|", bar->description, percent);
    snprintf(tail, sizeof tail, "| %zu/%zu [%s]", bar->done, bar->total, times);
    used = (unsigned)(strlen(head) + strlen(tail));
    if (used >= columns)
        return frame_figures(bar, percent, times, columns, frame);
    stpcpy(draw_cells(bar, columns - used, stpcpy(frame, head)), tail);
    return columns;
}
