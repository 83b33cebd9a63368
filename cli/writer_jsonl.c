/* SPDX-License-Identifier: MIT */
/*
 * writer_jsonl.c - JSON Lines: an object per row, RFC 8259
 *
 * Integers, decimals and floats are JSON numbers with all their digits, bool is true or false, NULL
 * is null, the rest are strings as stoa_value_print() writes them. JSON has no infinities and no
 * NaN: they are the strings "Infinity", "-Infinity" and "NaN", as PostgreSQL has them.
 */
#include "writer.h"

#include <math.h>
#include <string.h>

static void put_escape(struct text *t, unsigned char c)
{
	switch (c) {
	case '"':
		text_put(t, "\\\"", 2);
		break;
	case '\\':
		text_put(t, "\\\\", 2);
		break;
	case '\n':
		text_put(t, "\\n", 2);
		break;
	case '\r':
		text_put(t, "\\r", 2);
		break;
	case '\t':
		text_put(t, "\\t", 2);
		break;
	default:
		text_printf(t, "\\u%04x", c);
	}
}

void text_put_json(struct text *t, const char *s, size_t len)
{
	const unsigned char *p = (const unsigned char *)s;
	size_t plain = 0, at = 0;	/* bytes before @plain are in @t */

	text_put(t, "\"", 1);
	while (at < len) {
		uint32_t c;
		size_t n = utf8_decode(s + at, len - at, &c);

		if (n && p[at] >= 0x20 && p[at] != '"' && p[at] != '\\') {
			at += n;
			continue;
		}
		text_put(t, s + plain, at - plain);
		/* Stored strings are UTF-8; what is not, from wherever, becomes U+FFFD. */
		if (n)
			put_escape(t, p[at]);
		else
			text_puts(t, "\\ufffd");
		plain = ++at;
	}
	text_put(t, s + plain, len - plain);
	text_put(t, "\"", 1);
}

static void put_value(struct text *t, const struct stoa_value *v)
{
	struct text plain = { 0 };
	bool is_float = v->type == STOA_F32 || v->type == STOA_F64;

	if (v->type == STOA_NULL) {
		text_puts(t, "null");
	} else if (v->type == STOA_STRING || v->type == STOA_TEXT) {
		text_put_json(t, v->p, v->len);
	} else if (v->type == STOA_BOOL || (is_number(v->type) && !(is_float && !isfinite(v->f)))) {
		text_put_value(t, v);
	} else {
		text_put_value(&plain, v);
		text_put_json(t, plain.p, plain.len);
		text_release(&plain);
	}
}

static void begin(struct writer *w)
{
	(void)w;
}

static void row(struct writer *w, const struct stoa_value *values)
{
	struct text *t = &w->line;

	t->len = 0;
	text_put(t, "{", 1);
	for (size_t i = 0; i < w->n_columns; i++) {
		if (i)
			text_put(t, ",", 1);
		text_put_json(t, w->columns[i].name, strlen(w->columns[i].name));
		text_put(t, ":", 1);
		put_value(t, &values[i]);
	}
	text_put(t, "}\n", 2);
	fwrite(t->p, 1, t->len, w->out);
}

static void end(struct writer *w)
{
	(void)w;
}

const struct writer_ops writer_jsonl = { begin, row, end, NULL };
