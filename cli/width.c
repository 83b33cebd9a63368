/* SPDX-License-Identifier: MIT */
/*
 * width.c - how wide text is on a terminal
 *
 * A table lines up when widths are counted in columns, not in bytes or characters: "é" may be two
 * characters and one column, "東" is one character and two columns. Text is decoded here, since
 * stored text is UTF-8 whatever the user's locale; the widths are the C library's (wcwidth), which
 * knows them in a UTF-8 locale only, hence C.UTF-8 where the user's is another.
 */
#include "cli.h"

#include <langinfo.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <wchar.h>

static bool is_utf8;

void width_init(void)
{
	is_utf8 = setlocale(LC_CTYPE, "") && strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
	if (!is_utf8)
		setlocale(LC_CTYPE, "C.UTF-8");
}

bool width_is_utf8(void)
{
	return is_utf8;
}

/* Length of the character that begins with this byte; 0 for none. */
static size_t lead_len(unsigned char lead)
{
	if (lead < 0x80)
		return 1;
	if (lead >> 5 == 6)
		return 2;
	if (lead >> 4 == 14)
		return 3;
	return lead >> 3 == 30 ? 4 : 0;
}

size_t utf8_decode(const char *s, size_t len, uint32_t *out)
{
	static const uint32_t smallest[5] = { 0, 0, 0x80, 0x800, 0x10000 };
	const unsigned char *p = (const unsigned char *)s;
	size_t n = lead_len(p[0]);
	uint32_t c;

	if (n == 0 || n > len)
		return 0;
	c = n == 1 ? p[0] : p[0] & (0x7fu >> n);
	for (size_t i = 1; i < n; i++) {
		if (p[i] >> 6 != 2)
			return 0;
		c = c << 6 | (p[i] & 0x3fu);
	}
	if (c < smallest[n] || c > 0x10ffff || (c >= 0xd800 && c < 0xe000))
		return 0;
	*out = c;
	return n;
}

/* Columns of a character; what cannot be shown takes none. */
static size_t width_of(uint32_t c)
{
	int w = c >= 0x20 && c < 0x7f ? 1 : wcwidth((wchar_t)c);

	return w > 0 ? (size_t)w : 0;
}

size_t display_prefix(const char *s, size_t len, size_t width)
{
	size_t at = 0, used = 0;

	while (at < len) {
		uint32_t c = '?';
		size_t n = utf8_decode(s + at, len - at, &c);
		size_t w = width_of(c);

		if (used + w > width)
			break;
		used += w;
		at += n ? n : 1;
	}
	return at;
}

size_t display_width(const char *s, size_t len)
{
	size_t used = 0;

	for (size_t at = 0; at < len;) {
		uint32_t c = '?';
		size_t n = utf8_decode(s + at, len - at, &c);

		used += width_of(c);
		at += n ? n : 1;
	}
	return used;
}

static void put_escape(struct text *t, const char *s, size_t n, uint32_t c)
{
	switch (c) {
	case '\n':
		text_puts(t, "\\n");
		return;
	case '\r':
		text_puts(t, "\\r");
		return;
	case '\t':
		text_puts(t, "\\t");
		return;
	}
	for (size_t i = 0; i < n; i++)
		text_printf(t, "\\x%02x", (unsigned char)s[i]);
}

void text_put_visible(struct text *t, const char *s, size_t len)
{
	size_t plain = 0;	/* bytes before here are in @t */

	for (size_t at = 0; at < len;) {
		uint32_t c = 0;
		size_t n = utf8_decode(s + at, len - at, &c);

		/* Controls could move the cursor; other marks could turn text around. */
		if (n && c >= 0x20 && (c < 0x7f || c >= 0xa0) && (c < 0x202a || c > 0x202e) &&
		    (c < 0x2066 || c > 0x2069) && c != 0x2028 && c != 0x2029) {
			at += n;
			continue;
		}
		text_put(t, s + plain, at - plain);
		put_escape(t, s + at, n ? n : 1, c);
		at += n ? n : 1;
		plain = at;
	}
	text_put(t, s + plain, len - plain);
}

size_t terminal_width(FILE *f)
{
	struct winsize size;

	if (!isatty(fileno(f)))
		return 0;
	if (ioctl(fileno(f), TIOCGWINSZ, &size) != 0 || size.ws_col == 0)
		return 80;
	return size.ws_col;
}

bool color_on(FILE *f)
{
	const char *no = getenv("NO_COLOR"), *term = getenv("TERM");

	return isatty(fileno(f)) && !(no && *no) && term && *term && strcmp(term, "dumb") != 0;
}
