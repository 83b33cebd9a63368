/* SPDX-License-Identifier: MIT */
/* memory.c - allocation that ends the command when there is no memory, and a growable text */
#include "cli.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

void *xrealloc(void *p, size_t size)
{
	p = realloc(p, size ? size : 1);
	if (!p) {
		report("out of memory");
		exit(CLI_FAILURE);
	}
	return p;
}

char *xstrdup(const char *s)
{
	size_t size = strlen(s) + 1;

	return memcpy(xrealloc(NULL, size), s, size);
}

/* Room for @n more bytes and a NUL. */
static void text_reserve(struct text *t, size_t n)
{
	size_t cap = t->cap ? t->cap : 64;

	while (cap - t->len <= n)
		cap *= 2;
	if (cap != t->cap)
		t->p = xrealloc(t->p, cap);
	t->cap = cap;
}

void text_put(struct text *t, const char *s, size_t len)
{
	text_reserve(t, len);
	if (len)
		memcpy(t->p + t->len, s, len);
	t->len += len;
	t->p[t->len] = '\0';
}

void text_puts(struct text *t, const char *s)
{
	text_put(t, s, strlen(s));
}

void text_printf(struct text *t, const char *format, ...)
{
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(NULL, 0, format, args);
	va_end(args);
	if (n < 0)
		return;
	text_reserve(t, (size_t)n);
	va_start(args, format);
	vsnprintf(t->p + t->len, (size_t)n + 1, format, args);
	va_end(args);
	t->len += (size_t)n;
}

void text_release(struct text *t)
{
	free(t->p);
	memset(t, 0, sizeof(*t));
}

void text_put_bytes(struct text *t, int64_t bytes)
{
	static const char units[] = "kMGTPE";
	double x = bytes < 0 ? -(double)bytes : (double)bytes;
	int u = -1;

	/* What would be printed as 1000.0 is one of the next unit. */
	while (x >= (u < 0 ? 1000 : 999.95) && units[u + 1]) {
		x /= 1000;
		u++;
	}
	text_puts(t, bytes < 0 ? "-" : "");
	if (u < 0)
		text_printf(t, "%.0f B", x);
	else
		text_printf(t, "%.1f %cB", x, units[u]);
}
