/* SPDX-License-Identifier: MIT */
/*
 * progress.c - one line that says how far a long job is
 *
 *     lineitem.csv [############>.......]  63%  3.8 M rows  412 MB/s  ETA 0:01
 *
 * Only where stderr is a terminal, only after half a second, redrawn ten times a second at most,
 * and wiped at the end, so that a quick job and a log file never see it.
 */
#include "cli.h"

#include <signal.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define FIRST_AFTER 0.5	/* seconds */
#define REDRAW_AFTER 0.1

static volatile sig_atomic_t interrupts;

static void on_interrupt(int signal_number)
{
	(void)signal_number;
	interrupts = 1;
}

void interrupt_init(void)
{
	struct sigaction action;

	memset(&action, 0, sizeof(action));
	action.sa_handler = on_interrupt;
	action.sa_flags = (int)SA_RESETHAND;
	sigaction(SIGINT, &action, NULL);
}

void interrupt_note(void)
{
	interrupts = 1;
}

void interrupt_reset(void)
{
	interrupts = 0;
}

bool interrupted(void)
{
	return interrupts != 0;
}

double seconds_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

void progress_init(struct progress *p, const char *label)
{
	memset(p, 0, sizeof(*p));
	p->label = label;
	p->began = seconds_now();
	p->on = isatty(STDERR_FILENO);
}

/* 1,234 as "1234", 3,812,345 as "3.8 M". */
static void put_count(struct text *t, uint64_t n)
{
	if (n < 100000)
		text_printf(t, "%llu", (unsigned long long)n);
	else if (n < 1000000000)
		text_printf(t, "%.1f M", (double)n / 1e6);
	else
		text_printf(t, "%.2f G", (double)n / 1e9);
}

static void put_time(struct text *t, double seconds)
{
	unsigned long s = seconds > 0 ? (unsigned long)(seconds + 0.5) : 0;

	if (s >= 3600)
		text_printf(t, "%lu:%02lu:%02lu", s / 3600, s / 60 % 60, s % 60);
	else
		text_printf(t, "%lu:%02lu", s / 60, s % 60);
}

static void put_bar(struct text *t, double part, size_t width)
{
	size_t full = (size_t)(part * (double)width);

	text_puts(t, " [");
	for (size_t i = 0; i < width; i++)
		text_puts(t, i < full ? "#" : i == full ? ">" : ".");
	text_puts(t, "]");
}

void progress_show(struct progress *p, double part, uint64_t rows, uint64_t bytes, double seconds)
{
	struct text line = { 0 }, facts = { 0 };
	size_t width, used;

	if (!p->on || seconds < FIRST_AFTER || (p->shown && seconds < p->last + REDRAW_AFTER))
		return;
	p->last = seconds;
	p->shown = true;
	if (part > 1)
		part = 1;
	if (part >= 0)
		text_printf(&facts, " %3.0f%%", part * 100);
	text_puts(&facts, "  ");
	put_count(&facts, rows);
	text_puts(&facts, " rows");
	if (bytes)
		text_printf(&facts, "  %.0f MB/s", (double)bytes / 1e6 / seconds);
	if (part > 0.01) {
		text_puts(&facts, "  ETA ");
		put_time(&facts, seconds / part - seconds);
	}
	width = terminal_width(stderr);
	text_put_visible(&line, p->label, strlen(p->label));
	used = display_width(line.p, line.len) + facts.len + 4;
	if (part >= 0 && used + 10 <= width)
		put_bar(&line, part, width - used < 40 ? width - used : 40);
	text_put(&line, facts.p, facts.len);
	/* \033[K wipes what an earlier, longer line left. */
	used = display_prefix(line.p, line.len, width ? width - 1 : 0);
	fprintf(stderr, "\r%.*s\033[K", (int)used, line.p);
	fflush(stderr);
	text_release(&line);
	text_release(&facts);
}

void progress_end(struct progress *p)
{
	if (p->shown)
		fputs("\r\033[K", stderr);
	p->shown = false;
}
