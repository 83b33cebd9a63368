/* SPDX-License-Identifier: MIT */
/*
 * writer_json.c - JSON, RFC 8259: an object per line (jsonl), or an array of them (json)
 *
 *     {"origin":"ATL","delay":365}              [
 *     {"origin":"MCI","delay":509}              {"origin":"ATL","delay":365},
 *                                               {"origin":"MCI","delay":509}
 *                                               ]
 *
 * Integers, decimals and floats are JSON numbers with all their digits, bool is true or false, NULL
 * is null, the rest are strings as stoa_value_print() writes them. JSON has no infinities and no
 * NaN: they are the strings "Infinity", "-Infinity" and "NaN", as PostgreSQL has them. yajl knows
 * how things are written.
 */
#include "writer.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <yajl/yajl_gen.h>

struct json {
	yajl_gen gen;
	struct text plain;	/* a value as text */
};

static void print(void *ctx, const char *s, size_t len)
{
	text_put(ctx, s, len);
}

static yajl_gen gen_new(struct text *out)
{
	yajl_gen g = yajl_gen_alloc(NULL);

	if (!g)
		xrealloc(NULL, SIZE_MAX);	/* which ends the command, saying why */
	yajl_gen_config(g, yajl_gen_print_callback, print, out);
	yajl_gen_config(g, yajl_gen_validate_utf8, 1);
	return g;
}

/* Stored strings are UTF-8; what is not, from wherever, becomes U+FFFD. */
static void repair(struct text *t, const char *s, size_t len)
{
	size_t n;

	for (size_t at = 0; at < len; at += n ? n : 1) {
		uint32_t c;

		n = utf8_decode(s + at, len - at, &c);
		text_put(t, n ? s + at : "\xef\xbf\xbd", n ? n : 3);
	}
}

static void put_string(yajl_gen g, const char *s, size_t len)
{
	struct text good = { 0 };

	if (yajl_gen_string(g, (const unsigned char *)s, len) != yajl_gen_invalid_string)
		return;
	repair(&good, s, len);
	yajl_gen_string(g, (const unsigned char *)good.p, good.len);
	text_release(&good);
}

void text_put_json(struct text *t, const char *s, size_t len)
{
	yajl_gen g = gen_new(t);

	put_string(g, s, len);
	yajl_gen_free(g);
}

static bool is_plain_number(const struct stoa_value *v)
{
	bool is_float = v->type == STOA_F32 || v->type == STOA_F64;

	return is_number(v->type) && !(is_float && !isfinite(v->f));
}

static void put_value(struct json *j, const struct stoa_value *v)
{
	if (v->type == STOA_NULL) {
		yajl_gen_null(j->gen);
	} else if (v->type == STOA_BOOL) {
		yajl_gen_bool(j->gen, v->i != 0);
	} else if (v->type == STOA_STRING || v->type == STOA_TEXT) {
		put_string(j->gen, v->p, v->len);
	} else {
		j->plain.len = 0;
		text_put_value(&j->plain, v);
		if (is_plain_number(v))
			yajl_gen_number(j->gen, j->plain.p, j->plain.len);
		else
			put_string(j->gen, j->plain.p, j->plain.len);
	}
}

static void begin(struct writer *w)
{
	struct json *j = xrealloc(NULL, sizeof(*j));

	memset(j, 0, sizeof(*j));
	j->gen = gen_new(&w->line);
	w->state = j;
	if (w->options.format == FORMAT_JSON)
		fputs("[", w->out);
}

static void put_object(struct writer *w, const struct stoa_value *values)
{
	struct json *j = w->state;

	yajl_gen_reset(j->gen, NULL);
	yajl_gen_map_open(j->gen);
	for (size_t i = 0; i < w->n_columns; i++) {
		put_string(j->gen, w->columns[i].name, strlen(w->columns[i].name));
		put_value(j, &values[i]);
	}
	yajl_gen_map_close(j->gen);
}

static void row(struct writer *w, const struct stoa_value *values)
{
	put_object(w, values);
	put_line(w);
}

static void row_of_array(struct writer *w, const struct stoa_value *values)
{
	fputs(w->n_rows ? ",\n" : "\n", w->out);
	put_object(w, values);
	fwrite(w->line.p, 1, w->line.len, w->out);
	w->line.len = 0;
}

static void end_of_array(struct writer *w)
{
	fputs("\n]\n", w->out);
}

static void free_json(struct writer *w)
{
	struct json *j = w->state;

	yajl_gen_free(j->gen);
	text_release(&j->plain);
	free(j);
}

const struct writer_ops writer_jsonl = { begin, row, nothing, free_json, NULL };
const struct writer_ops writer_json = { begin, row_of_array, end_of_array, free_json, NULL };
