/* SPDX-License-Identifier: MIT */
/* writer_csv.c - values with commas or tabs between them: stoa_csv_print() knows how */
#include "writer.h"

#include <stdlib.h>
#include <string.h>

static void put_field(struct writer *w, const struct stoa_value *v)
{
	const struct stoa_csv_options *o = w->state;
	struct text *t = &w->line;
	size_t n = stoa_csv_print(v, o, t->p ? t->p + t->len : NULL, t->cap - t->len);

	if (n >= t->cap - t->len) {
		t->cap = t->cap * 2 + n + 1;
		t->p = xrealloc(t->p, t->cap);
		stoa_csv_print(v, o, t->p + t->len, t->cap - t->len);
	}
	t->len += n;
}

static void put_record(struct writer *w, const struct stoa_value *values)
{
	const struct stoa_csv_options *o = w->state;

	for (size_t i = 0; i < w->n_columns; i++) {
		if (i)
			text_put(&w->line, &o->delimiter, 1);
		put_field(w, &values[i]);
	}
	put_line(w);
}

static void begin(struct writer *w)
{
	struct stoa_csv_options *o = xrealloc(NULL, sizeof(*o));
	struct stoa_value *names;

	*o = (struct stoa_csv_options)STOA_CSV_OPTIONS_INIT;
	o->delimiter = w->options.format == FORMAT_TSV ? '\t' :
		       w->options.delimiter		? w->options.delimiter : ',';
	o->null_text = w->options.null_text;
	o->blobs = w->options.base64 ? STOA_BLOBS_BASE64 : STOA_BLOBS_HEX;
	w->state = o;
	if (w->options.no_header)
		return;
	names = xrealloc(NULL, w->n_columns * sizeof(*names));
	for (size_t i = 0; i < w->n_columns; i++)
		names[i] = stoa_text(w->columns[i].name);
	put_record(w, names);
	free(names);
}

static void free_options(struct writer *w)
{
	free(w->state);
}

const struct writer_ops writer_csv = { begin, put_record, nothing, free_options, NULL };
