/* SPDX-License-Identifier: MIT */
#include "progress.h"

#include <langinfo.h>
#include <locale.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "bar.h"
#include "clock.h"

#define NANOSECONDS_PER_FRAME 100000000L

/* Where there is no terminal: the width of a line, and how often there is one. */
#define LINE_COLUMNS 80
#define SECONDS_PER_LINE 1.0

struct progress {
    pthread_t thread;
    int64_t started; /* of clock_now() */
    bool on_terminal;

    pthread_mutex_t lock; /* guards what follows */
    pthread_cond_t ended; /* over is set */
    bool over;
    struct bar bar;
    double last_line;     /* when the last line was written, where there is no terminal */
    char frame[BAR_SIZE]; /* the last frame, and its columns if it stands on the terminal, else 0 */
    unsigned shown;
};

/* How wide a frame can be.  The last column of a terminal stays free, because some go to the next line after it. */
static unsigned
columns(const struct progress *progress)
{
    struct winsize window;

    if (!progress->on_terminal || ioctl(STDERR_FILENO, TIOCGWINSZ, &window) != 0 || window.ws_col == 0)
        return LINE_COLUMNS - 1;
    return window.ws_col > 1 ? window.ws_col - 1U : 1;
}

/* A progress bar that cannot be written is not worth a message. */
static void
write_text(const char *text, size_t len)
{
    fwrite(text, 1, len, stderr);
}

/* Write the frame over the one that stands on the terminal. */
static void
overwrite(struct progress *progress, unsigned used, unsigned width)
{
    char text[2 * BAR_SIZE + 2];
    char *at = text;

    /* If the terminal has become too narrow for the old frame, that stands in several lines: leave them. */
    *at++ = progress->shown > width ? '\n' : '\r';
    at = stpcpy(at, progress->frame);
    for (unsigned i = used; i < progress->shown && i < width; i++)
        *at++ = ' ';
    write_text(text, (size_t)(at - text));
    progress->shown = used;
}

/* Draw the frame for this moment unless it is already there. */
static void
draw(struct progress *progress, bool last)
{
    double now = clock_since(progress->started);
    unsigned width = columns(progress);
    char frame[BAR_SIZE];
    unsigned used;

    bar_feed(&progress->bar, now);
    if (!progress->on_terminal && !last && now - progress->last_line < SECONDS_PER_LINE && progress->last_line > 0)
        return;
    used = bar_frame(&progress->bar, now, last, width, frame);
    if (strcmp(frame, progress->frame) == 0 && (progress->shown > 0 || !progress->on_terminal))
        return;
    strcpy(progress->frame, frame);
    if (progress->on_terminal) {
        overwrite(progress, used, width);
    } else {
        strcat(frame, "\n");
        write_text(frame, strlen(frame));
        progress->last_line = now;
    }
}

static void
wait_for_next_frame(struct progress *progress)
{
    int64_t next = clock_now() + NANOSECONDS_PER_FRAME;
    struct timespec until = { .tv_sec = next / CLOCK_SECOND, .tv_nsec = next % CLOCK_SECOND };

    pthread_cond_timedwait(&progress->ended, &progress->lock, &until);
}

static void *
run(void *arg)
{
    struct progress *progress = arg;

    pthread_mutex_lock(&progress->lock);
    while (!progress->over) {
        draw(progress, false);
        wait_for_next_frame(progress);
    }
    pthread_mutex_unlock(&progress->lock);
    return NULL;
}

/* Start the thread, with all signals blocked: they are for the main thread. */
static int
start_thread(struct progress *progress)
{
    sigset_t all;
    sigset_t before;
    int error;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    error = pthread_create(&progress->thread, NULL, run, progress);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return error;
}

/* Whether the user's locale can show block characters. */
static bool
is_utf8(void)
{
    locale_t locale = newlocale(LC_CTYPE_MASK, "", (locale_t)0);
    bool utf8;

    if (locale == (locale_t)0)
        return false;
    utf8 = strcmp(nl_langinfo_l(CODESET, locale), "UTF-8") == 0;
    freelocale(locale);
    return utf8;
}

struct progress *
progress_start(const char *description, size_t total)
{
    struct progress *progress = calloc(1, sizeof *progress);
    pthread_condattr_t attributes;

    if (progress == NULL)
        return NULL;
    progress->started = clock_now();
    progress->on_terminal = isatty(STDERR_FILENO);
    progress->bar = (struct bar){ .description = description, .total = total, .utf8 = is_utf8() };
    pthread_mutex_init(&progress->lock, NULL);
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&progress->ended, &attributes);
    pthread_condattr_destroy(&attributes);
    if (start_thread(progress) == 0)
        return progress;
    free(progress);
    return NULL;
}

void
progress_add(struct progress *progress)
{
    progress_advance(progress, 1);
}

void
progress_advance(struct progress *progress, size_t count)
{
    if (progress == NULL)
        return;
    pthread_mutex_lock(&progress->lock);
    progress->bar.done += count;
    pthread_mutex_unlock(&progress->lock);
}

void
progress_expect(struct progress *progress, size_t total)
{
    if (progress == NULL)
        return;
    pthread_mutex_lock(&progress->lock);
    progress->bar.total = total;
    pthread_mutex_unlock(&progress->lock);
}

/* The lock is held from here to progress_show(), so that nothing is drawn meanwhile. */
void
progress_hide(struct progress *progress)
{
    if (progress == NULL)
        return;
    pthread_mutex_lock(&progress->lock);
    if (progress->shown > 0) {
        progress->frame[0] = '\0';
        overwrite(progress, 0, columns(progress));
        write_text("\r", 1);
    }
}

void
progress_show(struct progress *progress)
{
    if (progress != NULL)
        pthread_mutex_unlock(&progress->lock);
}

void
progress_stop(struct progress *progress)
{
    if (progress == NULL)
        return;
    pthread_mutex_lock(&progress->lock);
    progress->over = true;
    pthread_cond_signal(&progress->ended);
    pthread_mutex_unlock(&progress->lock);
    pthread_join(progress->thread, NULL);

    draw(progress, true);
    if (progress->on_terminal)
        write_text("\n", 1);
    pthread_cond_destroy(&progress->ended);
    pthread_mutex_destroy(&progress->lock);
    free(progress);
}
