/* SPDX-License-Identifier: MIT */
/*
 * pager.c - results on a terminal, a screen at a time
 *
 * $STOA_PAGER, else $PAGER, else less; none if that is empty or cat. less is told to end by itself
 * when all fits on the screen, and to leave it there, unless $LESS says otherwise; so it can be
 * used for every result, long or short, before anyone knows which it is. Lines may be longer than
 * the screen is wide: tables are cut to fit, and less scrolls sideways.
 */
#include "shell.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *command(void)
{
	const char *pager = getenv("STOA_PAGER");
	const char *term = getenv("TERM");

	if (!isatty(STDOUT_FILENO) || !term || strcmp(term, "dumb") == 0)
		return NULL;
	if (!pager)
		pager = getenv("PAGER");
	if (!pager)
		pager = "less";
	return *pager && strcmp(pager, "cat") != 0 ? pager : NULL;
}

FILE *pager_open(void)
{
	const char *pager = command();
	FILE *out;

	if (!pager)
		return stdout;
	setenv("LESS", "FRSX", 0);
	fflush(stdout);
	/* One that is quit early is no error. */
	signal(SIGPIPE, SIG_IGN);
	out = popen(pager, "w");
	return out ? out : stdout;
}

void pager_close(FILE *out)
{
	if (out == stdout) {
		fflush(stdout);
		return;
	}
	pclose(out);
	signal(SIGPIPE, SIG_DFL);
}
