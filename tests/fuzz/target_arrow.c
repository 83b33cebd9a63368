/* SPDX-License-Identifier: MIT */
/* target_arrow.c - any bytes as an Arrow IPC file or stream, read to the end */
#include "fuzz.h"

#include <string.h>

#include "../../lib/core/bitmap.h"
#include "../../lib/core/buf.h"
#include "../../lib/core/type.h"
#include "../../lib/stoa.h"

#define ROWS_MAX 20000	/* a column of NULLs has as many as it says, in no bytes */

static volatile unsigned sum;

/* Each byte is touched, so that a sanitizer sees what does not belong there. */
static void read_column(const struct stoa_array *a, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct stoa_value v = stoa__array_value(a, i);
		bool null = !stoa__bit_get(a->validity, i);
		unsigned type = a->type;

		if (stoa__type_family(type) != STOA__BYTES) {
			if (null && type != STOA_UUID && v.u)
				fuzz_die("a NULL has a value");
			sum = sum + (unsigned)v.u;
			continue;
		}
		if (null && v.len)
			fuzz_die("a NULL has bytes");
		if (type != STOA_BLOB && !stoa__utf8_valid(v.p, v.len))
			fuzz_die("a string is not UTF-8");
		for (uint32_t k = 0; k < v.len; k++)
			sum = sum + (unsigned char)v.p[k];
	}
}

static void run(const uint8_t *p, size_t len)
{
	struct stoa_error err;
	struct stoa_batch b;
	stoa_cursor *cur;
	uint64_t rows = 0;

	if (stoa_arrow_read_bytes(p, len, &cur, &err) == STOA_OK) {
		while (rows < ROWS_MAX && stoa_next_batch(cur, &b, &err) == STOA_ROW) {
			for (size_t i = 0; i < b.n_columns; i++)
				read_column(&b.columns[i], b.n_rows);
			rows += b.n_rows;
		}
		stoa_cursor_close(cur);
	}
}

/* ---- inputs ---- */

static const struct stoa_column columns[] = {
	{ "yes", STOA_BOOL, 0, 0 },	{ "n", STOA_I16, 0, 0 },    { "price", STOA_DECIMAL, 9, 2 },
	{ "day", STOA_DATE, 0, 0 },	{ "word", STOA_STRING, 0, 0 }, { "text", STOA_TEXT, 0, 0 },
	{ "id", STOA_UUID, 0, 0 },
};
#define N_COLUMNS (sizeof columns / sizeof *columns)

static int make_row(void *ctx, struct stoa_value *out, struct stoa_error *err)
{
	int *n = ctx;

	(void)err;
	if (*n == 12)
		return STOA_END;
	out[0] = stoa_bool(*n % 2);
	out[1] = stoa_i64(*n);
	out[2] = stoa_decimal(*n * 101, 2);
	if (*n % 3)
		out[3] = (struct stoa_value){ .type = STOA_DATE, .i = *n };
	out[4] = stoa_text(*n % 5 ? "red" : "blue");
	out[5] = stoa_text("a few words");
	(*n)++;
	return STOA_ROW;
}

static int to_buf(void *ctx, const void *p, size_t len, struct stoa_error *err)
{
	(void)err;
	return stoa__buf_put(ctx, p, len);
}

static void seeds(fuzz_seed *each, void *ctx)
{
	for (int k = 0; k < 6; k++) {
		struct stoa_arrow_options o = STOA_ARROW_OPTIONS_INIT;
		struct stoa__buf b = STOA__BUF_INIT;
		struct stoa_error err;
		stoa_cursor *cur;
		int n = 0;

		o.format = k % 2 ? STOA_ARROW_STREAM : STOA_ARROW_FILE;
		o.codec = k / 2 == 2 ? STOA_ARROW_ZSTD : STOA_ARROW_PLAIN;
		o.plain_strings = k / 2 == 1;
		o.batch_rows = 7;
		if (stoa_cursor_generate(columns, N_COLUMNS, make_row, NULL, &n, &cur, &err) < 0 ||
		    stoa_arrow_write(cur, &o, to_buf, &b, NULL, &err) < 0)
			fuzz_die("a seed cannot be made");
		each(ctx, b.p, b.len);
		stoa__buf_release(&b);
	}
}

const struct fuzz_target fuzz_arrow = { "arrow", run, seeds, 8192 };
