/* SPDX-License-Identifier: MIT */
/*
 * csv_parse_test.c - rows, fields, dictionaries and columns from blocks of CSV text
 *
 * The model: a table of random fields is written as CSV in a random manner (quoted where it must be
 * or at random, CRLF or LF, blank lines between) and must come back as it was.
 */
#include "testing.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../lib/core/alloc.h"
#include "../lib/core/bitmap.h"
#include "../lib/core/error.h"
#include "../lib/core/type.h"
#include "../lib/csv/dict.h"
#include "../lib/csv/fast.h"
#include "../lib/csv/infer.h"
#include "../lib/csv/parse.h"

static const struct stoa__csv_dialect plain = { ',', '"', "", 0 };

/* A block of @len bytes at @text, padded as blocks are. */
static struct stoa__csv_block block_of(const char *text, size_t len)
{
	struct stoa__csv_block b = { 0 };

	b.cap = len + 2 * STOA__CSV_PAD;
	b.room = stoa__calloc(1, b.cap);
	assert_non_null(b.room);
	b.text = b.room + STOA__CSV_PAD;
	memcpy(b.text, text, len);
	b.len = len;
	for (size_t i = 0; i < len; i++)
		b.n_records += text[i] == '\n';
	return b;
}

/* ---- the fast forms --------------------------------------------------------------------- */

/* A random text of what numbers and dates are made of, padded. */
static size_t random_number(uint64_t *seed, char text[64])
{
	size_t n = 1 + testing_below(seed, 18);

	memset(text, '7', 64);		/* what lies behind a field is no business of it */
	for (size_t i = 0; i < n; i++)
		text[i] = "0123456789"[testing_below(seed, 10)];
	if (testing_below(seed, 3) == 0)
		text[0] = '-';
	if (testing_below(seed, 2) && n > 2)
		text[n - 1 - testing_below(seed, 4) % n] = '.';
	if (testing_below(seed, 8) == 0)
		text[testing_below(seed, n)] = "/:+e \xff"[testing_below(seed, 6)];
	if (testing_below(seed, 4) == 0) {
		n = 10;
		snprintf(text, 64, "%04d-%02d-%02d777777777", (int)testing_below(seed, 10000),
			 (int)testing_below(seed, 14), (int)testing_below(seed, 33));
	}
	if (n == 10 && testing_below(seed, 2) == 0) {
		n = 19;
		snprintf(text + 10, 54, "%c%02d%c%02d:%02d          ", " TtZ"[testing_below(seed, 4)],
			 (int)testing_below(seed, 26), ":::;"[testing_below(seed, 4)],
			 (int)testing_below(seed, 62), (int)testing_below(seed, 62));
	}
	return n;
}

static void fast_forms_agree_with_the_exact_parsers(void **state)
{
	uint64_t seed = testing_seed();
	size_t taken = 0, n_timestamps = 0;

	(void)state;
	for (int round = 0; round < (testing_long() ? 5000000 : 300000); round++) {
		char text[64];
		size_t n = random_number(&seed, text), scale = 1 + testing_below(&seed, 8);
		int64_t fast, exact;
		int32_t day;
		double f, g;

		if (stoa__csv_fast_integer(text, n, &fast)) {
			taken++;
			assert_int_equal(stoa__parse_i64(text, n, &exact), STOA_OK);
			assert_int_equal(fast, exact);
		}
		if (stoa__csv_fast_decimal(text, n, scale, &fast)) {
			taken++;
			assert_int_equal(stoa__parse_decimal(text, n, (unsigned)scale, &exact),
					 STOA_OK);
			assert_int_equal(fast, exact);
		}
		if (stoa__csv_fast_date(text, n, &day)) {
			taken++;
			assert_int_equal(stoa__parse_date(text, n, &exact), STOA_OK);
			assert_int_equal(day, exact);
		}
		if (stoa__csv_fast_timestamp(text, n, &fast)) {
			taken++;
			n_timestamps++;
			assert_int_equal(stoa__parse_timestamp(text, n, &exact), STOA_OK);
			assert_true(fast == exact);
		}
		if (stoa__csv_fast_double(text, n, &f)) {
			taken++;
			assert_int_equal(stoa__parse_f64(text, n, &g), STOA_OK);
			assert_memory_equal(&f, &g, sizeof f);
		}
	}
	assert_true(taken > 100000);
	assert_true(n_timestamps > 1000);
}

static void common_forms_are_fast(void **state)
{
	int64_t x;
	int32_t day;
	double f;

	(void)state;
	assert_true(stoa__csv_fast_integer("1234567890123456        ", 16, &x));
	assert_true(x == 1234567890123456);
	assert_true(stoa__csv_fast_integer("-7        ", 2, &x) && x == -7);
	assert_true(stoa__csv_fast_integer("0         ", 1, &x) && x == 0);
	assert_false(stoa__csv_fast_integer("          ", 0, &x));
	assert_false(stoa__csv_fast_integer("-         ", 1, &x));
	assert_false(stoa__csv_fast_integer("-0        ", 2, &x));
	assert_false(stoa__csv_fast_integer("007       ", 3, &x));
	assert_true(stoa__csv_fast_decimal("0.04      ", 4, 2, &x) && x == 4);
	assert_true(stoa__csv_fast_decimal("-12345678.12345678     ", 18, 8, &x));
	assert_true(x == -INT64_C(1234567812345678));
	assert_false(stoa__csv_fast_decimal(".04       ", 3, 2, &x));
	assert_false(stoa__csv_fast_decimal("01.04     ", 5, 2, &x));
	assert_false(stoa__csv_fast_decimal("          ", 0, 2, &x));
	assert_true(stoa__csv_fast_timestamp("1970-01-02 01:02:03", 19, &x));
	assert_true(x == INT64_C(90123000000));
	assert_true(stoa__csv_fast_timestamp("0001-01-01T23:59:59", 19, &x) && x < 0);
	assert_false(stoa__csv_fast_timestamp("1970-01-02 24:00:00", 19, &x));
	assert_true(stoa__csv_fast_date("1970-01-31", 10, &day) && day == 30);
	assert_false(stoa__csv_fast_date("1970-02-29", 10, &day));
	assert_true(stoa__csv_fast_double("123.25    ", 6, &f) && f == 123.25);
	assert_true(stoa__csv_fast_double("-0        ", 2, &f) && f == 0 && signbit(f));
	assert_false(stoa__csv_fast_double("          ", 0, &f));
	assert_false(stoa__csv_fast_double("1234567890123456      ", 16, &f));
}

/* ---- dictionaries ----------------------------------------------------------------------- */

static void equal_strings_have_one_code_and_different_ones_two(void **state)
{
	uint64_t seed = testing_seed();
	struct stoa__csv_dict d = { 0 };
	static char room[5000][56];	/* 8 bytes before each text, 16 behind */
	static const char *texts[5000];

	(void)state;
	for (int round = 0; round < 3; round++) {
		uint32_t known[5000];

		memset(known, 0xff, sizeof known);
		for (int i = 0; i < 5000; i++) {
			texts[i] = room[i] + 8;
			snprintf(room[i] + 8, 32, "%.*s%u", (int)(i % 23),
				 "abcdefghijklmnopqrstuvwxyz", (unsigned)i % 5000u);
		}
		for (int i = 0; i < 20000; i++) {
			size_t at = testing_below(&seed, 5000);
			uint32_t code;

			assert_int_equal(stoa__csv_dict_code(&d, texts[at],
							     (uint32_t)strlen(texts[at]), &code),
					 STOA_OK);
			assert_true(known[at] == UINT32_MAX ? code == d.n - 1 : code == known[at]);
			known[at] = code;
			assert_ptr_equal(d.list[code].p, texts[at]);
		}
		stoa__csv_dict_reset(&d);
		assert_int_equal(d.n, 0);
	}
	stoa__csv_dict_release(&d);
}

static void strings_of_equal_beginning_differ_by_length(void **state)
{
	static const char room[64] = "        aaaaaaaaaaaaaaaaaaaaaaaaaaaaa", *text = room + 8;
	struct stoa__csv_dict d = { 0 };

	(void)state;
	for (uint32_t n = 0; n < 29; n++) {
		uint32_t code;

		assert_int_equal(stoa__csv_dict_code(&d, text, n, &code), STOA_OK);
		assert_int_equal(code, n);
	}
	stoa__csv_dict_release(&d);
}

static void a_dictionary_without_memory_stays_as_it_was(void **state)
{
	static char room[300][40];
	static const char *texts[300];

	(void)state;
	for (int i = 0; i < 300; i++) {
		texts[i] = room[i] + 8;
		snprintf(room[i] + 8, 16, "text%d", i);
	}
	for (long nth = 0;; nth++) {
		struct stoa__csv_dict d = { 0 };
		uint32_t n = 0, code;
		bool fired;

		stoa__fault_arm(nth, false);
		while (n < 300 && stoa__csv_dict_code(&d, texts[n], 7, &code) == STOA_OK)
			n++;
		fired = stoa__fault_disarm();
		assert_int_equal(n == 300, !fired);
		for (uint32_t i = 0; i < n; i++) {
			uint32_t had = d.n;

			assert_int_equal(stoa__csv_dict_code(&d, texts[i], 7, &code), STOA_OK);
			assert_int_equal(d.n, had);
		}
		stoa__csv_dict_release(&d);
		if (!fired)
			return;
	}
}

/* ---- rows ------------------------------------------------------------------------------- */

#define MODEL_ROWS 400

struct model {
	size_t n_rows, n_columns;
	char fields[MODEL_ROWS * 8][24];
	char text[MODEL_ROWS * 8 * 60];
	size_t len;
};

static void put_field(struct model *m, const char *field, bool quoted)
{
	if (quoted)
		m->text[m->len++] = '"';
	for (; *field; field++) {
		if (*field == '"')
			m->text[m->len++] = '"';
		m->text[m->len++] = *field;
	}
	if (quoted)
		m->text[m->len++] = '"';
}

static void put_blank_lines(struct model *m, uint64_t *seed)
{
	while (testing_below(seed, 8) == 0) {
		if (testing_below(seed, 2))
			m->text[m->len++] = '\r';
		m->text[m->len++] = '\n';
	}
}

/* Random fields, and CSV text for them. */
static void make_model(struct model *m, uint64_t *seed)
{
	bool crlf = testing_below(seed, 2), blank = testing_below(seed, 2);
	bool quotes = testing_below(seed, 4);

	m->n_rows = testing_below(seed, MODEL_ROWS + 1);
	m->n_columns = 1 + testing_below(seed, 8);
	m->len = 0;
	for (size_t i = 0; i < m->n_rows * m->n_columns; i++) {
		size_t n = testing_below(seed, 20);
		bool must = m->n_columns == 1;	/* lest it look like a blank line */

		for (size_t k = 0; k < n; k++) {
			char c = quotes ? "ab\",\n\r\xc3;"[testing_below(seed, 8)] : 'x';

			m->fields[i][k] = c;
			must |= c == '"' || c == ',' || c == '\n' || c == '\r';
		}
		m->fields[i][n] = 0;
		put_field(m, m->fields[i], must || (quotes && testing_below(seed, 3) == 0));
		if ((i + 1) % m->n_columns == 0) {
			if (crlf)
				m->text[m->len++] = '\r';
			m->text[m->len++] = '\n';
			if (blank)
				put_blank_lines(m, seed);
		} else {
			m->text[m->len++] = ',';
		}
	}
}

static void assert_field(struct stoa__csv_rows *r, size_t entry, bool last, const char *want)
{
	struct stoa__csv_field f = stoa__csv_field(r, entry, last);
	size_t at;

	if (f.n > 0 && *f.p == '"')
		assert_int_equal(stoa__csv_unquote(&f, '"', &at), STOA_OK);
	assert_int_equal(f.n, strlen(want));
	assert_memory_equal(f.p, want, f.n);
}

static void what_was_written_is_read(void **state)
{
	static struct model m;
	uint64_t seed = testing_seed();

	(void)state;
	for (int round = 0; round < (testing_long() ? 5000 : 300); round++) {
		struct stoa__csv_rows r;
		struct stoa__csv_fault fault;
		struct stoa__csv_block b;
		size_t first, n, row = 0;
		int rc;

		make_model(&m, &seed);
		b = block_of(m.text, m.len);
		assert_int_equal(stoa__csv_rows_init(&r, &plain, m.n_columns), STOA_OK);
		stoa__csv_rows_start(&r, b.text, b.len);
		while ((rc = stoa__csv_rows_next(&r, &first, &n, &fault)) == STOA_ROW) {
			assert_true(n > 0 && row + n <= m.n_rows);
			for (size_t i = 0; i < n * m.n_columns; i++)
				assert_field(&r, first + i, (i + 1) % m.n_columns == 0,
					     m.fields[row * m.n_columns + i]);
			row += n;
		}
		assert_int_equal(rc, STOA_END);
		assert_int_equal(row, m.n_rows);
		stoa__csv_rows_release(&r);
		stoa__csv_block_release(&b);
	}
}

static void rows_longer_than_the_window_of_other_rows_are_read(void **state)
{
	size_t n_rows = 0, first, n, len = 0;
	char *text = malloc(2000000);
	struct stoa__csv_fault fault;
	struct stoa__csv_rows r;
	struct stoa__csv_block b;

	(void)state;
	assert_non_null(text);
	for (int row = 0; row < 200; row++)
		for (int i = 0; i < STOA_SLOTS_MAX; i++)
			len += (size_t)sprintf(text + len, "%d%c", i,
					       i == STOA_SLOTS_MAX - 1 ? '\n' : ',');
	b = block_of(text, len);
	assert_int_equal(stoa__csv_rows_init(&r, &plain, STOA_SLOTS_MAX), STOA_OK);
	stoa__csv_rows_start(&r, b.text, b.len);
	while (stoa__csv_rows_next(&r, &first, &n, &fault) == STOA_ROW) {
		assert_field(&r, first + 999, true, "999");
		n_rows += n;
	}
	assert_int_equal(n_rows, 200);
	stoa__csv_rows_release(&r);
	stoa__csv_block_release(&b);
	free(text);
}

/* @text has records of @n_columns fields, then one that is wrong at @offset. */
static void assert_fault(const char *text, size_t n_columns, size_t good_rows, size_t offset,
			 const char *words)
{
	struct stoa__csv_block b = block_of(text, strlen(text));
	struct stoa__csv_fault fault = { 0 };
	struct stoa__csv_rows r;
	size_t first, n, rows = 0;
	int rc;

	assert_int_equal(stoa__csv_rows_init(&r, &plain, n_columns), STOA_OK);
	stoa__csv_rows_start(&r, b.text, b.len);
	while ((rc = stoa__csv_rows_next(&r, &first, &n, &fault)) == STOA_ROW)
		rows += n;
	assert_int_equal(rc, STOA_ESYNTAX);
	assert_int_equal(fault.code, rc);
	assert_int_equal(rows, good_rows);
	if (!strstr(fault.text, words))
		fail_msg("%s", fault.text);
	assert_int_equal(fault.offset, offset);
	stoa__csv_rows_release(&r);
	stoa__csv_block_release(&b);
}

static void irregular_records_are_faults_where_they_begin(void **state)
{
	(void)state;
	assert_fault("a,b\nc\n", 2, 1, 4, "has 1 field and should have 2");
	assert_fault("a,b\nc,d,e\nf,g\n", 2, 1, 4, "has 3 fields and should have 2");
	assert_fault("a\n\nb,c\n", 1, 1, 3, "has 2 fields and should have 1");
	assert_fault("a,b\nc,\"d\n", 2, 1, 6, "never closed");
	assert_fault("\"a\n", 1, 0, 0, "never closed");
	assert_fault("a,b\nc,d\"e\n", 2, 1, 7, "a quote inside a field");
	assert_fault("a,b\nc,\"d\"\"\"e\"\n", 2, 1, 12, "a quote inside a field");
	assert_fault("a\nb\nc\nd,e\nf\"g\n", 1, 3, 6, "has 2 fields");
}

static void a_record_of_far_too_many_fields_is_a_fault(void **state)
{
	char *text = malloc(100001);

	(void)state;
	assert_non_null(text);
	memset(text, ',', 100000);
	text[100000] = 0;
	memcpy(text, "a,b\n", 4);
	text[99999] = '\n';
	assert_fault(text, 2, 1, 4, "fields and should have 2");
	free(text);
}

static void text_behind_a_closing_quote_is_refused(void **state)
{
	static const struct {
		const char *text;
		size_t at;
	} bad[] = {
		{ "\"a\"b", 3 }, { "\"\"x", 2 }, { "\"a\"\"b\"c", 6 }, { "\"a", 2 }, { "\"", 1 }
	};

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		char room[16];
		struct stoa__csv_field f = { room, strlen(bad[i].text) };
		size_t at = 99;

		memcpy(room, bad[i].text, f.n);
		assert_int_equal(stoa__csv_unquote(&f, '"', &at), STOA_ESYNTAX);
		assert_int_equal(at, bad[i].at);
	}
}

/* ---- columns ---------------------------------------------------------------------------- */

static struct stoa__csv_column column(enum stoa_type type, int source)
{
	struct stoa__csv_column c;

	memset(&c, 0, sizeof c);
	c.slot.name = "col";
	c.slot.type = (uint8_t)type;
	c.slot.precision = type == STOA_DECIMAL ? 9 : 0;
	c.slot.scale = type == STOA_DECIMAL ? 2 : 0;
	c.source = source;
	return c;
}

/* Parses one column of one row; the value is copied to @printed as text, "NULL" for NULL. */
static int parse_one(const struct stoa__csv_column *c, const struct stoa__csv_dialect *d,
		     const char *field, char printed[64], struct stoa__csv_fault *fault)
{
	struct stoa__csv_column columns[2] = { *c, column(STOA_I32, 1) };
	struct stoa__csv_plan plan = { *d, 2, columns, 2 };
	struct stoa__csv_parser *p = stoa__csv_parser_new(&plan);
	const struct stoa__bulk_column *out;
	struct stoa__csv_block b;
	char text[256];
	size_t n_rows;
	int rc;

	assert_non_null(p);
	snprintf(text, sizeof text, "%s,1\n", field);
	b = block_of(text, strlen(text));
	memset(fault, 0, sizeof *fault);
	rc = stoa__csv_parse(p, &b, &out, &n_rows, fault);
	assert_int_equal(fault->code, rc);
	if (rc == STOA_OK) {
		struct stoa_array a = out[0].array;
		struct stoa_value v;

		assert_int_equal(n_rows, 1);
		assert_int_equal(((const int32_t *)out[1].array.values)[0], 1);
		if (out[0].codes && !out[0].array.validity)
			a.values = &out[0].list[out[0].codes[0]];
		v = stoa__array_value(&a, 0);
		stoa_value_print(&v, printed, 64);
		if (v.type == STOA_NULL)
			strcpy(printed, "NULL");
	}
	stoa__csv_parser_free(p);
	stoa__csv_block_release(&b);
	return rc;
}

static void assert_parses(enum stoa_type type, const char *field, const char *want)
{
	struct stoa__csv_column c = column(type, 0);
	struct stoa__csv_fault fault;
	char printed[64];

	if (parse_one(&c, &plain, field, printed, &fault) != STOA_OK)
		fail_msg("%s as %s: %s", field, stoa_type_name(type), fault.text);
	assert_string_equal(printed, want);
}

static void assert_refuses(enum stoa_type type, const char *field, int code)
{
	struct stoa__csv_column c = column(type, 0);
	struct stoa__csv_fault fault;
	char printed[64];

	if (parse_one(&c, &plain, field, printed, &fault) != code)
		fail_msg("%s as %s: expected %d", field, stoa_type_name(type), code);
	assert_non_null(strstr(fault.text, "column \"col\""));
	assert_false(fault.misfit);
	assert_int_equal(fault.column, 0);
}

static void fields_become_values_of_every_type(void **state)
{
	(void)state;
	assert_parses(STOA_BOOL, "True", "true");
	assert_parses(STOA_I8, "-128", "-128");
	assert_parses(STOA_I16, "32767", "32767");
	assert_parses(STOA_I32, "-2147483648", "-2147483648");
	assert_parses(STOA_I32, "007", "7");
	assert_parses(STOA_I64, "9223372036854775807", "9223372036854775807");
	assert_parses(STOA_I64, "\"-12\"", "-12");
	assert_parses(STOA_U8, "255", "255");
	assert_parses(STOA_U64, "18446744073709551615", "18446744073709551615");
	assert_parses(STOA_F32, "0.1", "0.1");
	assert_parses(STOA_F64, "-1e300", "-1e+300");
	assert_parses(STOA_F64, "0.1", "0.1");
	assert_parses(STOA_DECIMAL, "12.5", "12.50");
	assert_parses(STOA_DECIMAL, "-1234567.89", "-1234567.89");
	assert_parses(STOA_DATE, "2024-02-29", "2024-02-29");
	assert_parses(STOA_TIME, "12:30:00.25", "12:30:00.25");
	assert_parses(STOA_TIMESTAMP, "2024-02-29T12:30Z", "2024-02-29 12:30:00");
	assert_parses(STOA_UUID, "550e8400-e29b-41d4-a716-446655440000",
		      "550e8400-e29b-41d4-a716-446655440000");
	assert_parses(STOA_STRING, "hello", "hello");
	assert_parses(STOA_STRING, "\"say \"\"hi\"\", you\"", "say \"hi\", you");
	assert_parses(STOA_STRING, "\"\"", "");
	assert_parses(STOA_TEXT, "\"two\nlines\"", "two\nlines");
	assert_parses(STOA_BLOB, "\\x00fF", "\\x00ff");
	assert_parses(STOA_BLOB, "\\x", "\\x");
	for (unsigned t = STOA_BOOL; t <= STOA_BLOB; t++)
		assert_parses((enum stoa_type)t, "", "NULL");
}

static void a_quoted_empty_field_is_null_where_it_cannot_be_text(void **state)
{
	(void)state;
	for (unsigned t = STOA_BOOL; t <= STOA_UUID; t++)
		assert_parses((enum stoa_type)t, "\"\"", "NULL");
	assert_parses(STOA_TEXT, "\"\"", "");
}

static void fields_that_are_no_values_are_refused(void **state)
{
	(void)state;
	assert_refuses(STOA_I32, "2147483648", STOA_ERANGE);
	assert_refuses(STOA_I32, "x", STOA_ETYPE);
	assert_refuses(STOA_I32, "1.0", STOA_ETYPE);
	assert_refuses(STOA_I64, "-", STOA_ETYPE);
	assert_refuses(STOA_I64, " 1", STOA_ETYPE);
	assert_refuses(STOA_I8, "128", STOA_ERANGE);
	assert_refuses(STOA_U16, "-1", STOA_ERANGE);
	assert_refuses(STOA_DECIMAL, "12345678.90", STOA_ERANGE);
	assert_refuses(STOA_DECIMAL, "1.234", STOA_ERANGE);
	assert_refuses(STOA_DATE, "2023-02-29", STOA_ERANGE);
	assert_refuses(STOA_DATE, "yesterday", STOA_ETYPE);
	assert_refuses(STOA_F64, "1e999", STOA_ERANGE);
	assert_refuses(STOA_BLOB, "abc", STOA_ETYPE);
	assert_refuses(STOA_BLOB, "\\x0", STOA_ETYPE);
	assert_refuses(STOA_BLOB, "\\x0g", STOA_ETYPE);
	assert_refuses(STOA_STRING, "\xff", STOA_ESYNTAX);
	assert_refuses(STOA_TEXT, "\xc3", STOA_ESYNTAX);
	assert_refuses(STOA_STRING, "\"a\"b", STOA_ESYNTAX);
}

static void null_is_what_the_dialect_says(void **state)
{
	const struct stoa__csv_dialect na = { ',', '"', "NA", 2 };
	struct stoa__csv_column s = column(STOA_STRING, 0), i = column(STOA_I32, 0);
	struct stoa__csv_fault fault;
	char printed[64];

	(void)state;
	assert_int_equal(parse_one(&s, &na, "NA", printed, &fault), STOA_OK);
	assert_string_equal(printed, "NULL");
	assert_int_equal(parse_one(&s, &na, "\"NA\"", printed, &fault), STOA_OK);
	assert_string_equal(printed, "NA");
	assert_int_equal(parse_one(&s, &na, "", printed, &fault), STOA_OK);
	assert_string_equal(printed, "");
	assert_int_equal(parse_one(&i, &na, "NA", printed, &fault), STOA_OK);
	assert_int_equal(parse_one(&i, &na, "", printed, &fault), STOA_ETYPE);
	i.slot.flags = STOA_NOT_NULL;
	assert_int_equal(parse_one(&i, &na, "NA", printed, &fault), STOA_ENULL);
	assert_int_equal(fault.offset, 0);
}

static void values_that_a_guess_was_not_made_of_are_misfits(void **state)
{
	static const struct {
		enum stoa_type type;
		const char *good, *bad;
	} cases[] = {
		{ STOA_I32, "12", "012" },	    { STOA_I32, "-1", "-0" },
		{ STOA_I32, "0", "+1" },	    { STOA_I64, "1234567890123456789", "1.5" },
		{ STOA_DECIMAL, "0.25", "00.25" },  { STOA_DECIMAL, "1.25", "1.5" },
		{ STOA_F64, "1e5", "007.5" },	    { STOA_F64, "0.125", "+0.125" },
		{ STOA_F64, "nan", "12345678901234567" },
		{ STOA_BOOL, "true", "1" },	    { STOA_BOOL, "False", "t" },
		{ STOA_U64, "18446744073709551615", "0018446744073709551615" },
		{ STOA_DATE, "2024-01-01", "2024-01-01 00:00" },
		{ STOA_TIMESTAMP, "2024-01-01", "20240101" },
		{ STOA_TIME, "12:00", "12" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct stoa__csv_column c = column(cases[i].type, 0);
		struct stoa__csv_fault fault;
		char printed[64];

		c.inferred = true;
		if (parse_one(&c, &plain, cases[i].good, printed, &fault) != STOA_OK)
			fail_msg("%s: %s", cases[i].good, fault.text);
		if (parse_one(&c, &plain, cases[i].bad, printed, &fault) == STOA_OK)
			fail_msg("%s was read as %s", cases[i].bad, printed);
		assert_true(fault.misfit);
	}
}

/* ---- many rows -------------------------------------------------------------------------- */

enum { MANY = 300, AMOUNT_ROOM = 24 };

/* [-]digits[.digits] of at most @scale behind the point, or nothing, which is NULL. */
static size_t random_amount(uint64_t *seed, unsigned scale, char text[AMOUNT_ROOM])
{
	size_t whole = testing_below(seed, 10), part = testing_below(seed, scale + 1), n = 0;

	if (testing_below(seed, 20) == 0)
		return 0;
	if (testing_below(seed, 4) == 0)
		text[n++] = '-';
	for (size_t i = 0; i < whole + 1; i++)
		text[n++] = "0123456789"[testing_below(seed, 10)];
	part = testing_below(seed, 2) ? scale : part;
	if (part > 0)
		text[n++] = '.';
	for (size_t i = 0; i < part; i++)
		text[n++] = "0123456789"[testing_below(seed, 10)];
	return n;
}

/* In enough rows for lanes, and with neighbours on both sides to be mistaken for one's own digits. */
static void amounts_with_and_without_a_point_are_what_the_exact_parser_makes_of_them(void **state)
{
	static char text[MANY * 2 * AMOUNT_ROOM];
	uint64_t seed = testing_seed();

	(void)state;
	for (int round = 0; round < 200; round++) {
		struct stoa__csv_column columns[] = { column(STOA_DECIMAL, 0), column(STOA_DECIMAL, 1) };
		struct stoa__csv_plan plan = { plain, 2, columns, 2 };
		struct stoa__csv_parser *p;
		const struct stoa__bulk_column *out;
		struct stoa__csv_fault fault;
		struct stoa__csv_block b;
		int64_t want[2][MANY];
		bool null[2][MANY];
		size_t len = 0, n_rows;
		unsigned scale = 1 + (unsigned)testing_below(&seed, 7);

		columns[0].slot.scale = columns[1].slot.scale = (uint8_t)scale;
		columns[0].slot.precision = columns[1].slot.precision = 18;
		for (size_t i = 0; i < 2 * MANY; i++) {
			size_t n = random_amount(&seed, scale, text + len), row = i / 2;

			want[i % 2][row] = 0;
			null[i % 2][row] = n == 0;
			assert_true(!n || stoa__parse_decimal(text + len, n, scale,
							      &want[i % 2][row]) == STOA_OK);
			len += n;
			text[len++] = i % 2 ? '\n' : ',';
		}
		b = block_of(text, len);
		p = stoa__csv_parser_new(&plan);
		assert_non_null(p);
		if (stoa__csv_parse(p, &b, &out, &n_rows, &fault) != STOA_OK)
			fail_msg("%s", fault.text);
		assert_int_equal(n_rows, MANY);
		for (size_t c = 0; c < 2; c++) {
			assert_memory_equal(out[c].array.values, want[c], sizeof want[c]);
			for (size_t row = 0; row < MANY; row++)
				assert_int_equal(stoa__bit_get(out[c].array.validity, row),
						 !null[c][row]);
		}
		stoa__csv_parser_free(p);
		stoa__csv_block_release(&b);
	}
}

static void a_whole_number_among_guessed_amounts_is_a_misfit_wherever_it_stands(void **state)
{
	(void)state;
	for (size_t at = 0; at < MANY; at += 7) {
		struct stoa__csv_column c = column(STOA_DECIMAL, 0);
		struct stoa__csv_plan plan = { plain, 1, &c, 1 };
		struct stoa__csv_parser *p;
		const struct stoa__bulk_column *out;
		struct stoa__csv_fault fault = { 0 };
		char text[MANY * 6 + 1] = "";
		struct stoa__csv_block b;
		size_t n_rows;

		c.inferred = true;
		for (size_t row = 0; row < MANY; row++)
			strcat(text, row == at ? "17\n" : "17.25\n");
		b = block_of(text, strlen(text));
		p = stoa__csv_parser_new(&plan);
		assert_non_null(p);
		assert_int_equal(stoa__csv_parse(p, &b, &out, &n_rows, &fault), STOA_ETYPE);
		assert_true(fault.misfit);
		assert_int_equal(fault.offset, 6 * at);
		stoa__csv_parser_free(p);
		stoa__csv_block_release(&b);
	}
}

/* Whatever text a type is inferred from must parse as it, and not be changed by it. */
static void inferred_types_hold_what_they_were_inferred_from(void **state)
{
	uint64_t seed = testing_seed();

	(void)state;
	for (int round = 0; round < 20000; round++) {
		struct stoa__csv_column c = column(STOA_NULL, 0);
		struct stoa__csv_infer in;
		struct stoa__csv_fault fault;
		char field[64], printed[64];
		size_t n = random_number(&seed, field);
		struct stoa__csv_block b;
		struct stoa_value x, y;
		enum stoa_type type;

		field[n] = '\n';
		b = block_of(field, n + 1);
		field[n] = 0;
		assert_int_equal(stoa__csv_infer_init(&in, &plain, 1), STOA_OK);
		assert_int_equal(stoa__csv_infer_text(&in, b.text, b.len, &fault), STOA_OK);
		stoa__csv_infer_slot(&in, 0, &c.slot);
		stoa__csv_infer_release(&in);
		stoa__csv_block_release(&b);
		c.inferred = true;
		if (strchr(field, (char)0xff)) {
			assert_int_equal(c.slot.type, STOA_STRING);
			continue;
		}
		if (parse_one(&c, &plain, field, printed, &fault) != STOA_OK)
			fail_msg("%s: %s", field, fault.text);
		if (c.slot.type == STOA_STRING || stoa__type_family(c.slot.type) == STOA__UINT ||
		    c.slot.type == STOA_I32 || c.slot.type == STOA_I64) {
			assert_string_equal(printed, field);
			continue;
		}
		type = (enum stoa_type)c.slot.type; /* 12:30 prints as 12:30:00, -0.00 as 0.00 */
		assert_int_equal(stoa_value_parse(type, c.slot.scale, field, n, &x, NULL), STOA_OK);
		assert_int_equal(stoa_value_parse(type, c.slot.scale, printed, strlen(printed), &y,
						  NULL), STOA_OK);
		if (stoa__value_compare(&x, &y) != 0)
			fail_msg("%s was read as %s", field, printed);
	}
}

/* The short cut for floats decides as the rules do that types are guessed by. */
static void floats_fit_a_guess_when_the_rules_say_so(void **state)
{
	static const char *const texts[] = { "+1.5",  "1e5",	"-nan", "nan",	"-Infinity", "01",
					     "-01.5", "0",	"-0",	"00",	"0.5",	     "5.",
					     ".5",    "-.5",	"1e400", "1e15", "9007199254740992",
					     "9007199254740993", "-9007199254740993",
					     "9007199254740993.0", "12345678901234567890123", "x" };
	struct stoa__csv_column c = column(STOA_F64, 0);
	uint64_t seed = testing_seed();

	(void)state;
	c.inferred = true;
	for (size_t i = 0; i < 20000; i++) {
		struct stoa__csv_fault fault;
		char field[64], printed[64];
		bool want;

		field[random_number(&seed, field)] = 0;
		if (i < sizeof texts / sizeof texts[0])
			strcpy(field, texts[i]);
		want = stoa__csv_fits(&c.slot, field, strlen(field));
		if ((parse_one(&c, &plain, field, printed, &fault) == STOA_OK) != want)
			fail_msg("%s: %d", field, want);
	}
}

static void missing_columns_have_their_default_in_every_row(void **state)
{
	struct stoa__csv_column columns[4] = { column(STOA_I32, 0), column(STOA_STRING, -1),
					       column(STOA_I64, -1), column(STOA_TEXT, -1) };
	struct stoa__csv_plan plan = { plain, 1, columns, 4 };
	struct stoa__csv_parser *p;

	(void)state;
	columns[1].slot.value = stoa_bytes_value(STOA_STRING, "none", 4);
	columns[2].slot.value = stoa_i64(-5);
	p = stoa__csv_parser_new(&plan);
	assert_non_null(p);
	for (int round = 1; round < 300; round += 97) {
		const struct stoa__bulk_column *out;
		struct stoa__csv_fault fault;
		struct stoa__csv_block b;
		char text[4096];
		size_t len = 0, n_rows;

		for (int i = 0; i < round; i++)
			len += (size_t)sprintf(text + len, "%d\n", i);
		b = block_of(text, len);
		assert_int_equal(stoa__csv_parse(p, &b, &out, &n_rows, &fault), STOA_OK);
		assert_int_equal(n_rows, round);
		assert_int_equal(out[1].n_list, 1);
		assert_memory_equal(out[1].list[0].p, "none", 4);
		for (size_t i = 0; i < n_rows; i++) {
			assert_int_equal(((const int32_t *)out[0].array.values)[i], i);
			assert_int_equal(out[1].codes[i], 0);
			assert_int_equal(((const int64_t *)out[2].array.values)[i], -5);
			assert_false(stoa__bit_get(out[3].array.validity, i));
		}
		assert_null(out[0].array.validity);
		stoa__csv_block_release(&b);
	}
	stoa__csv_parser_free(p);
}

static void nulls_of_one_block_are_forgotten_in_the_next(void **state)
{
	struct stoa__csv_column columns[2] = { column(STOA_I32, 0), column(STOA_STRING, 1) };
	struct stoa__csv_plan plan = { plain, 2, columns, 2 };
	struct stoa__csv_parser *p = stoa__csv_parser_new(&plan);
	const struct stoa__bulk_column *out;
	struct stoa__csv_fault fault;
	struct stoa__csv_block b;
	size_t n_rows;

	(void)state;
	assert_non_null(p);
	b = block_of("1,a\n,\n3,a\n", 10);
	assert_int_equal(stoa__csv_parse(p, &b, &out, &n_rows, &fault), STOA_OK);
	assert_int_equal(out[0].array.validity[0] & 7, 5);
	assert_int_equal(out[1].array.validity[0] & 7, 5);
	assert_int_equal(((const int32_t *)out[0].array.values)[1], 0);
	assert_int_equal(out[1].n_list, 1);
	stoa__csv_block_release(&b);
	b = block_of("1,b\n2,c\n", 8);
	assert_int_equal(stoa__csv_parse(p, &b, &out, &n_rows, &fault), STOA_OK);
	assert_null(out[0].array.validity);
	assert_null(out[1].array.validity);
	assert_int_equal(out[1].n_list, 2);
	assert_memory_equal(out[1].list[0].p, "b", 1);
	stoa__csv_block_release(&b);
	stoa__csv_parser_free(p);
}

static void the_first_fault_of_a_block_is_told_with_its_offset(void **state)
{
	struct stoa__csv_column columns[2] = { column(STOA_I32, 0), column(STOA_I32, 1) };
	struct stoa__csv_plan plan = { plain, 2, columns, 2 };
	struct stoa__csv_parser *p = stoa__csv_parser_new(&plan);
	const struct stoa__bulk_column *out;
	struct stoa__csv_fault fault;
	struct stoa__csv_block b = block_of("1,2\n3,abc\n4\n", 12);
	size_t n_rows;

	(void)state;
	assert_non_null(p);
	assert_int_equal(stoa__csv_parse(p, &b, &out, &n_rows, &fault), STOA_ETYPE);
	assert_int_equal(fault.offset, 6);
	assert_int_equal(fault.column, 1);
	assert_string_equal(fault.text, "column \"col\": \"abc\" is no i32");
	stoa__csv_block_release(&b);
	stoa__csv_parser_free(p);
}

static void parsing_reports_when_memory_runs_out(void **state)
{
	(void)state;
	for (long nth = 0;; nth++) {
		struct stoa__csv_column columns[3] = { column(STOA_I32, 0), column(STOA_STRING, 1),
						       column(STOA_I64, -1) };
		struct stoa__csv_plan plan = { plain, 2, columns, 3 };
		struct stoa__csv_block b = block_of("1,a\n2,b\n", 8);
		const struct stoa__bulk_column *out;
		struct stoa__csv_parser *p;
		struct stoa__csv_fault fault;
		size_t n_rows;
		int rc = STOA_ENOMEM;
		bool fired;

		stoa__fault_arm(nth, false);
		p = stoa__csv_parser_new(&plan);
		if (p)
			rc = stoa__csv_parse(p, &b, &out, &n_rows, &fault);
		fired = stoa__fault_disarm();
		assert_int_equal(rc, fired ? STOA_ENOMEM : STOA_OK);
		if (p && fired) {	/* and the parser can go on */
			stoa__csv_block_release(&b);
			b = block_of("1,a\n2,b\n", 8);
			assert_int_equal(stoa__csv_parse(p, &b, &out, &n_rows, &fault), STOA_OK);
			assert_int_equal(n_rows, 2);
		}
		stoa__csv_parser_free(p);
		stoa__csv_block_release(&b);
		if (!fired)
			return;
	}
}

/* Any bytes at all: rows, a fault, never a crash. */
static void random_bytes_do_no_harm(void **state)
{
	uint64_t seed = testing_seed();

	(void)state;
	for (int round = 0; round < 20000; round++) {
		struct stoa__csv_column columns[3];
		struct stoa__csv_plan plan = { plain, 2, columns, 3 };
		const struct stoa__bulk_column *out;
		struct stoa__csv_parser *p;
		struct stoa__csv_fault fault;
		struct stoa__csv_block b;
		char text[200];
		size_t len = testing_below(&seed, sizeof text), n_rows;

		for (size_t i = 0; i < 3; i++) {
			columns[i] =
				column((enum stoa_type)(1 + testing_below(&seed, 19)), (int)i - 1);
			columns[i].inferred = testing_below(&seed, 2);
		}
		for (size_t i = 0; i < len; i++)
			text[i] = testing_below(&seed, 20) ?
					  ",\n\"1.\\x-:T\r20"[testing_below(&seed, 14)] :
					  (char)testing_random(&seed);
		if (len > 0)
			text[len - 1] = '\n';
		b = block_of(text, len);
		p = stoa__csv_parser_new(&plan);
		assert_non_null(p);
		(void)stoa__csv_parse(p, &b, &out, &n_rows, &fault);
		stoa__csv_parser_free(p);
		stoa__csv_block_release(&b);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fast_forms_agree_with_the_exact_parsers),
		cmocka_unit_test(common_forms_are_fast),
		cmocka_unit_test(equal_strings_have_one_code_and_different_ones_two),
		cmocka_unit_test(strings_of_equal_beginning_differ_by_length),
		cmocka_unit_test(a_dictionary_without_memory_stays_as_it_was),
		cmocka_unit_test(what_was_written_is_read),
		cmocka_unit_test(rows_longer_than_the_window_of_other_rows_are_read),
		cmocka_unit_test(irregular_records_are_faults_where_they_begin),
		cmocka_unit_test(a_record_of_far_too_many_fields_is_a_fault),
		cmocka_unit_test(text_behind_a_closing_quote_is_refused),
		cmocka_unit_test(fields_become_values_of_every_type),
		cmocka_unit_test(a_quoted_empty_field_is_null_where_it_cannot_be_text),
		cmocka_unit_test(fields_that_are_no_values_are_refused),
		cmocka_unit_test(null_is_what_the_dialect_says),
		cmocka_unit_test(values_that_a_guess_was_not_made_of_are_misfits),
		cmocka_unit_test(amounts_with_and_without_a_point_are_what_the_exact_parser_makes_of_them),
		cmocka_unit_test(a_whole_number_among_guessed_amounts_is_a_misfit_wherever_it_stands),
		cmocka_unit_test(inferred_types_hold_what_they_were_inferred_from),
		cmocka_unit_test(floats_fit_a_guess_when_the_rules_say_so),
		cmocka_unit_test(missing_columns_have_their_default_in_every_row),
		cmocka_unit_test(nulls_of_one_block_are_forgotten_in_the_next),
		cmocka_unit_test(the_first_fault_of_a_block_is_told_with_its_offset),
		cmocka_unit_test(parsing_reports_when_memory_runs_out),
		cmocka_unit_test(random_bytes_do_no_harm),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
