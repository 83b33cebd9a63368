/* SPDX-License-Identifier: MIT */
/* arrow_test.c - cursors as Arrow streams, Arrow streams as cursors: the C interfaces both ways */
#include "testing.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../lib/core/alloc.h"
#include "../lib/stoa.h"
#include "every_type.h"

static struct ArrowArrayStream exported(stoa_cursor *cur, const struct stoa_arrow_options *options)
{
	struct ArrowArrayStream s;
	struct stoa_error err;

	assert_ok(stoa_arrow_export(cur, options, &s, &err), &err);
	return s;
}

static stoa_cursor *imported(struct ArrowArrayStream *s)
{
	struct stoa_error err;
	stoa_cursor *cur;

	assert_ok(stoa_arrow_import(s, &cur, &err), &err);
	assert_null(s->release);
	return cur;
}

static stoa_cursor *there_and_back(stoa_cursor *cur, const struct stoa_arrow_options *options)
{
	struct ArrowArrayStream s = exported(cur, options);

	return imported(&s);
}

/* ---- what others make ------------------------------------------------------------------------ */

/* A stream of one array of one column, borrowed; fails on the call number @fail_at. */
struct made {
	struct ArrowSchema schema, column, values;
	struct ArrowArray array, child, dictionary;
	struct ArrowSchema *columns[1];
	struct ArrowArray *children[1];
	const void *none[1], *buffers[8], *dictionary_buffers[8];
	bool given;
	int released;
	int fail_at;
};

static void released_schema(struct ArrowSchema *s) { s->release = NULL; }
static void released_array(struct ArrowArray *a)
{
	((struct made *)a->private_data)->released++;
	a->release = NULL;
}
static void released_stream(struct ArrowArrayStream *s) { s->release = NULL; }

static int made_schema(struct ArrowArrayStream *s, struct ArrowSchema *out)
{
	struct made *m = s->private_data;

	if (m->fail_at == 1)
		return EIO;
	*out = m->schema;
	return 0;
}

static int made_next(struct ArrowArrayStream *s, struct ArrowArray *out)
{
	struct made *m = s->private_data;

	if (m->fail_at == 2)
		return EIO;
	memset(out, 0, sizeof *out);
	if (!m->given)
		*out = m->array;
	m->given = true;
	return 0;
}

static const char *made_error(struct ArrowArrayStream *s)
{
	(void)s;
	return "the cable is cut";
}

/* A column of @n rows; the caller puts what is special into @m before it is read. */
static struct ArrowArrayStream made(struct made *m, const char *format, int64_t n,
				    const void *validity, const void *values, const void *more)
{
	*m = (struct made){ .columns = { &m->column }, .children = { &m->child },
			    .buffers = { validity, values, more } };
	m->schema = (struct ArrowSchema){ .format = "+s", .n_children = 1, .children = m->columns,
					  .release = released_schema };
	m->column = (struct ArrowSchema){ .format = format, .name = "x",
					  .release = released_schema };
	m->array = (struct ArrowArray){ .length = n, .n_buffers = 1, .n_children = 1,
					.buffers = m->none, .children = m->children,
					.release = released_array, .private_data = m };
	m->child = (struct ArrowArray){ .length = n, .null_count = validity ? -1 : 0,
					.n_buffers = more ? 3 : 2, .buffers = m->buffers };
	return (struct ArrowArrayStream){ made_schema, made_next, made_error, released_stream, m };
}

/* The values of all rows of the only column, with commas between them. */
static const char *values_of(struct ArrowArrayStream *s)
{
	static char text[1024];
	const struct stoa_value *row;
	struct stoa_error err;
	stoa_cursor *cur = imported(s);
	size_t len = 0;
	int rc;

	text[0] = '\0';
	while ((rc = stoa_next(cur, &row, &err)) == STOA_ROW) {
		char value[200];
		stoa_value_print(row, value, sizeof value);
		len += (size_t)snprintf(text + len, sizeof text - len, "%s%s", len ? "," : "",
					row->type == STOA_NULL ? "NULL" : value);
	}
	if (rc < 0)
		snprintf(text, sizeof text, "%s: %s", stoa_result_name(rc), err.text);
	stoa_cursor_close(cur);
	return text;
}

static unsigned type_of(struct ArrowArrayStream *s)
{
	stoa_cursor *cur = imported(s);
	size_t n;
	unsigned type = stoa_columns(cur, &n)->type;

	stoa_cursor_close(cur);
	return type;
}

/* ---- there and back -------------------------------------------------------------------------- */

static void every_type_comes_back_as_it_went(void **state)
{
	static const uint64_t sizes[] = { 0, 1, 2047, 2048, 2049, 9000 };
	struct stoa_arrow_options odd = STOA_ARROW_OPTIONS_INIT;
	uint64_t seed = testing_seed();

	(void)state;
	odd.batch_rows = 777;
	odd.plain_strings = true;
	for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
		struct every_type a, b;

		for (int k = 0; k < 2; k++)
			assert_int_equal(assert_same_rows(every_type_cursor(&a, seed, sizes[i]),
							  there_and_back(every_type_cursor(&b, seed, sizes[i]),
									 k ? &odd : NULL)),
					 sizes[i]);
	}
}

/* Runs @sql in a transaction of its own. */
static void run(stoa_db *db, const char *sql)
{
	struct stoa_error err;
	stoa_txn *txn;

	assert_ok(stoa_begin(db, STOA_WRITE, &txn, &err), &err);
	assert_ok(stoa_query(txn, sql, NULL, &err), &err);
	assert_ok(stoa_commit(txn, &err), &err);
}

static stoa_table fill_table(stoa_db *db, uint64_t seed, uint64_t rows)
{
	struct stoa_slot slots[64];
	struct every_type e;
	struct stoa_error err;
	stoa_appender *app;
	stoa_txn *txn;
	stoa_table t;

	every_type_slots(slots);
	assert_ok(stoa_begin(db, STOA_WRITE, &txn, &err), &err);
	assert_ok(stoa_table_create(txn, "t", slots, every_type_n_columns, &t, &err), &err);
	assert_ok(stoa_appender_open(txn, t, &app, &err), &err);
	assert_ok(stoa_append_cursor(app, every_type_cursor(&e, seed, rows), NULL, &err), &err);
	assert_ok(stoa_appender_close(app, &err), &err);
	assert_ok(stoa_commit(txn, &err), &err);
	return t;
}

static stoa_cursor *scan(stoa_txn *txn, stoa_table t)
{
	struct stoa_error err;
	stoa_cursor *cur;

	assert_ok(stoa_scan(txn, t, NULL, 0, &cur, &err), &err);
	return cur;
}

static stoa_cursor *query(stoa_txn *txn, const char *sql)
{
	struct stoa_error err;
	stoa_cursor *cur;

	assert_ok(stoa_query(txn, sql, &cur, &err), &err);
	return cur;
}

/* Row groups, overlays, deleted rows and a tail; strings over lists and not. */
static void scans_and_queries_come_back_as_they_went(void **state)
{
	static const char sql[] = "SELECT *, i32 + 1 AS next, upper(word) AS up FROM t WHERE i8 > -100";
	struct stoa_error err;
	stoa_txn *txn;
	stoa_db *db;

	(void)state;
	assert_ok(stoa_open(NULL, NULL, &db, &err), &err);
	stoa_table t = fill_table(db, testing_seed(), 70000);
	for (int step = 0; step < 2; step++) {
		assert_ok(stoa_begin(db, STOA_READ, &txn, &err), &err);
		assert_true(assert_same_rows(scan(txn, t), there_and_back(scan(txn, t), NULL)) > 60000);
		assert_true(assert_same_rows(query(txn, sql), there_and_back(query(txn, sql), NULL)) > 0);
		stoa_abort(txn);
		run(db, "UPDATE t SET word = 'changed', i16 = 7, id = NULL WHERE u8 = 3");
		run(db, "DELETE FROM t WHERE u8 = 9 OR u8 = 200");
	}
	assert_ok(stoa_close(db, &err), &err);
}

static void an_import_is_a_cursor_like_any_other(void **state)
{
	struct every_type a, b;
	struct stoa_error err;
	struct stoa_slot slots[64];
	stoa_cursor *parts[2], *cur;
	stoa_appender *app;
	stoa_txn *txn;
	stoa_table t;
	uint64_t rows;
	stoa_db *db;

	(void)state;
	parts[0] = there_and_back(every_type_cursor(&a, 1, 5000), NULL);
	parts[1] = there_and_back(every_type_cursor(&b, 2, 5000), NULL);
	assert_ok(stoa_cursor_chain(parts, 2, &cur, &err), &err);
	assert_ok(stoa_cursor_take(cur, 7001, &cur, &err), &err);
	assert_ok(stoa_open(NULL, NULL, &db, &err), &err);
	assert_ok(stoa_begin(db, STOA_WRITE, &txn, &err), &err);
	every_type_slots(slots);
	assert_ok(stoa_table_create(txn, "t", slots, every_type_n_columns, &t, &err), &err);
	assert_ok(stoa_appender_open(txn, t, &app, &err), &err);
	assert_ok(stoa_append_cursor(app, cur, &rows, &err), &err);
	assert_int_equal(rows, 7001);
	assert_ok(stoa_appender_close(app, &err), &err);
	assert_ok(stoa_cursor_take(scan(txn, t), 5000, &cur, &err), &err);
	assert_int_equal(assert_same_rows(every_type_cursor(&a, 1, 5000), cur), 5000);
	stoa_abort(txn);
	assert_ok(stoa_close(db, &err), &err);
}

/* A stream over a table of so many rows, in a database of its own. */
static struct ArrowArrayStream table_stream(uint64_t rows, stoa_db **db, stoa_txn **txn)
{
	struct stoa_error err;

	assert_ok(stoa_open(NULL, NULL, db, &err), &err);
	stoa_table t = fill_table(*db, 1, rows);
	assert_ok(stoa_begin(*db, STOA_READ, txn, &err), &err);
	return exported(scan(*txn, t), NULL);
}

/* ---- who owns what --------------------------------------------------------------------------- */

static void arrays_outlive_stream_transaction_and_database(void **state)
{
	struct ArrowArray first, second, child;
	struct ArrowSchema schema, named;
	struct ArrowArrayStream s;
	struct stoa_error err;
	stoa_txn *txn;
	stoa_db *db;

	(void)state;
	s = table_stream(70000, &db, &txn);
	assert_int_equal(s.get_schema(&s, &schema), 0);
	assert_int_equal(s.get_next(&s, &first), 0);
	assert_int_equal(s.get_next(&s, &second), 0);
	stoa_abort(txn);
	s.release(&s);
	assert_null(s.release);
	assert_ok(stoa_close(db, &err), &err);

	assert_int_equal(first.length, 2048);	/* the first rows come soon */
	assert_int_equal(second.length, 4096);
	child = *first.children[20];		/* moved out, as Arrow allows */
	first.children[20]->release = NULL;
	named = *schema.children[20];
	schema.children[20]->release = NULL;
	first.release(&first);
	second.release(&second);
	schema.release(&schema);
	assert_string_equal(named.name, "always");
	assert_string_equal(named.format, "l");
	assert_int_equal(child.null_count, 0);
	int64_t sum = 0;
	for (int64_t i = 0; i < child.length; i++)
		sum ^= ((const int64_t *)child.buffers[1])[i];
	assert_int_not_equal(sum, 0);
	child.release(&child);
	named.release(&named);
}

static void values_are_decoded_into_what_the_consumer_gets(void **state)
{
	struct ArrowArrayStream s;
	struct ArrowArray a;
	struct stoa_error err;
	stoa_txn *txn;
	stoa_db *db;

	(void)state;
	s = table_stream(66000, &db, &txn);
	assert_int_equal(s.get_next(&s, &a), 0);
	assert_int_equal((uintptr_t)a.children[20]->buffers[1] % 64, 0);
	assert_true(a.children[17]->dictionary->length <= 300);	/* each word once */
	assert_string_equal(s.get_last_error(&s) ? "words" : "none", "none");
	a.release(&a);
	s.release(&s);
	stoa_abort(txn);
	assert_ok(stoa_close(db, &err), &err);
}

static void the_cursor_is_closed_with_the_stream(void **state)
{
	struct ArrowArrayStream s;
	struct stoa_error err;
	stoa_txn *txn;
	stoa_db *db;

	(void)state;
	s = table_stream(10, &db, &txn);
	stoa_abort(txn);
	assert_int_equal(stoa_close(db, &err), STOA_ESTATE);
	s.release(&s);
	assert_ok(stoa_close(db, &err), &err);
}

static void every_array_of_a_producer_is_released(void **state)
{
	static const int32_t values[] = { 1, 2, 3 };
	struct made m;
	struct ArrowArrayStream s = made(&m, "i", 3, NULL, values, NULL);
	const struct stoa_value *row;
	struct stoa_error err;
	stoa_cursor *cur = imported(&s);

	(void)state;
	assert_int_equal(stoa_next(cur, &row, &err), STOA_ROW);
	assert_int_equal(m.released, 0);
	stoa_cursor_close(cur);
	assert_int_equal(m.released, 1);
}

/* ---- layouts of others ----------------------------------------------------------------------- */

static void offsets_and_bits_begin_anywhere(void **state)
{
	static const uint8_t validity[] = { 0xb5, 0x02 };	/* rows 0 2 4 5 7 9 */
	static const int32_t values[] = { 0, 1, 2, 3, 4, 5, 6, 7, 8, 9 };
	static const uint8_t bits[] = { 0xff, 0x00 };
	struct made m;
	struct ArrowArrayStream s = made(&m, "i", 6, validity, values, NULL);

	(void)state;
	m.child.offset = 3;
	assert_string_equal(values_of(&s), "NULL,4,5,NULL,7,NULL");
	s = made(&m, "i", 4, validity, values, NULL);
	m.array.offset = 2;
	m.child.offset = 3;
	m.child.length = 7;
	assert_string_equal(values_of(&s), "5,NULL,7,NULL");
	s = made(&m, "b", 4, NULL, bits, NULL);
	m.child.offset = 6;
	assert_string_equal(values_of(&s), "true,true,false,false");
	s = made(&m, "i", 2, NULL, (const char *)values + 1, NULL);	/* not aligned */
	assert_string_equal(values_of(&s), "16777216,33554432");
}

static void numbers_of_other_widths_are_converted(void **state)
{
	static const uint16_t halves[] = { 0x3c00, 0xc100, 0x0001, 0x7c00, 0x0000, 0x8000 };
	static const int64_t wide[] = { 12345, 0, -1, -1, INT64_MAX, 0 };
	static const int32_t narrow[] = { -15, 999 };
	static const int64_t nanos[] = { 1000, -2000 }, lost[] = { 1 };
	static const int32_t seconds[] = { 86399, 0 }, bad_time[] = { 86400 };
	static const int64_t millis[] = { 86400000, -1 };
	struct made m;
	struct ArrowArrayStream s = made(&m, "e", 6, NULL, halves, NULL);

	(void)state;
	assert_string_equal(values_of(&s), "1,-2.5,5.9604645e-08,Infinity,0,-0");
	s = made(&m, "d:20,2", 2, NULL, wide, NULL);
	assert_string_equal(values_of(&s), "123.45,-0.01");
	s = made(&m, "d:20,2", 3, NULL, wide, NULL);
	assert_non_null(strstr(values_of(&s), "STOA_ERANGE"));
	s = made(&m, "d:5,1,32", 2, NULL, narrow, NULL);
	assert_string_equal(values_of(&s), "-1.5,99.9");
	s = made(&m, "tsn:Europe/Berlin", 2, NULL, nanos, NULL);
	assert_string_equal(values_of(&s), "1970-01-01 00:00:00.000001,1969-12-31 23:59:59.999998");
	s = made(&m, "tsn:", 1, NULL, lost, NULL);
	assert_non_null(strstr(values_of(&s), "cast nanoseconds first"));
	s = made(&m, "tts", 2, NULL, seconds, NULL);
	assert_string_equal(values_of(&s), "23:59:59,00:00:00");
	s = made(&m, "tts", 1, NULL, bad_time, NULL);
	assert_non_null(strstr(values_of(&s), "STOA_ERANGE"));
	s = made(&m, "tdm", 2, NULL, millis, NULL);
	assert_string_equal(values_of(&s), "1970-01-02 00:00:00,1969-12-31 23:59:59.999");
}

static void strings_come_in_every_layout(void **state)
{
	static const int64_t large[] = { 0, 2, 2, 5 };
	static const char text[] = "abcde-and-more-than-twelve";
	static const uint8_t bad[] = { 'a', 0xff };
	static const int32_t offsets[] = { 0, 2 }, unordered[] = { 0, 2, 1 };
	static const struct { int32_t len; char bytes[4]; int32_t buffer, offset; } views[] = {
		{ 3, "xyz", 0, 0 }, { 20, "and-", 0, 6 }, { 0, "", 0, 0 }, { 20, "and-", 0, 7 },
	};
	static const int64_t sizes[] = { 26 };
	struct made m;
	struct ArrowArrayStream s = made(&m, "U", 3, NULL, large, text);

	(void)state;
	assert_string_equal(values_of(&s), "ab,,cde");
	s = made(&m, "vu", 3, NULL, views, text);
	m.buffers[3] = sizes;
	m.child.n_buffers = 4;
	assert_string_equal(values_of(&s), "xyz,and-more-than-twelve,");
	s = made(&m, "vu", 4, NULL, views, text);
	m.buffers[3] = sizes;
	m.child.n_buffers = 4;
	assert_non_null(strstr(values_of(&s), "STOA_ECORRUPT"));
	s = made(&m, "w:3", 2, NULL, "abcdef", NULL);
	assert_string_equal(values_of(&s), "\\x616263,\\x646566");
	s = made(&m, "u", 1, NULL, offsets, bad);
	assert_non_null(strstr(values_of(&s), "not UTF-8"));
	s = made(&m, "z", 1, NULL, offsets, bad);
	assert_string_equal(values_of(&s), "\\x61ff");
	s = made(&m, "u", 2, NULL, unordered, text);
	assert_non_null(strstr(values_of(&s), "STOA_ECORRUPT"));
	s = made(&m, "n", 2, NULL, NULL, NULL);
	m.child.n_buffers = 0;
	assert_string_equal(values_of(&s), "NULL,NULL");
}

static void dictionaries_have_codes_and_values_of_any_kind(void **state)
{
	static const uint8_t codes[] = { 1, 0, 1, 2 }, wrong[] = { 0, 3 };
	static const int8_t negative[] = { 0, -1 };
	static const uint8_t validity[] = { 0x05 }, some[] = { 0x03 };
	static const int32_t offsets[] = { 0, 1, 3, 3 }, days[] = { 0, 1, 2 };
	struct made m;
	struct ArrowArrayStream s = made(&m, "C", 4, NULL, codes, NULL);
	struct ArrowArray values = { .length = 3, .n_buffers = 3, .buffers = m.dictionary_buffers,
				     .release = released_array, .private_data = &m };

	(void)state;
#define WITH_DICTIONARY(f, b0, b1, b2)                                                       \
	(m.column.dictionary = &m.values, m.values = (struct ArrowSchema){ .format = f },     \
	 m.child.dictionary = &m.dictionary, m.dictionary = values,                           \
	 m.dictionary.null_count = -1, m.dictionary_buffers[0] = b0,                 \
	 m.dictionary_buffers[1] = b1, m.dictionary_buffers[2] = b2)
	WITH_DICTIONARY("u", NULL, offsets, "abc");
	assert_string_equal(values_of(&s), "bc,a,bc,");
	s = made(&m, "C", 4, NULL, codes, NULL);
	WITH_DICTIONARY("u", NULL, offsets, "abc");
	assert_int_equal(type_of(&s), STOA_STRING);
	s = made(&m, "C", 4, validity, codes, NULL);	/* NULLs among the codes */
	WITH_DICTIONARY("u", NULL, offsets, "abc");
	assert_string_equal(values_of(&s), "bc,NULL,bc,NULL");
	s = made(&m, "C", 4, NULL, codes, NULL);	/* and among the values */
	WITH_DICTIONARY("u", some, offsets, "abc");
	assert_string_equal(values_of(&s), "bc,a,bc,NULL");
	s = made(&m, "C", 4, NULL, codes, NULL);
	WITH_DICTIONARY("tdD", NULL, days, NULL);
	assert_string_equal(values_of(&s), "1970-01-02,1970-01-01,1970-01-02,1970-01-03");
	s = made(&m, "C", 2, NULL, wrong, NULL);
	WITH_DICTIONARY("u", NULL, offsets, "abc");
	assert_non_null(strstr(values_of(&s), "a code is not in its dictionary"));
	s = made(&m, "c", 2, NULL, negative, NULL);
	WITH_DICTIONARY("u", NULL, offsets, "abc");
	assert_non_null(strstr(values_of(&s), "a code is not in its dictionary"));
}

/* ---- refusals -------------------------------------------------------------------------------- */

static void what_no_slot_can_hold_is_refused_by_name(void **state)
{
	static const char *const formats[][2] = {
		{ "+l", "a list" }, { "+s", "a struct" }, { "+m", "a map" }, { "tDs", "a duration" },
		{ "tin", "an interval" }, { "+r", "run-end" }, { "?", "does not know" },
		{ "d:9,-2", "scale -2" },
	};
	struct stoa_error err;
	stoa_cursor *cur;
	struct made m;

	(void)state;
	for (size_t i = 0; i < sizeof formats / sizeof *formats; i++) {
		struct ArrowArrayStream s = made(&m, formats[i][0], 0, NULL, NULL, NULL);

		assert_int_equal(stoa_arrow_import(&s, &cur, &err), STOA_EUNSUPPORTED);
		assert_null(s.release);
		assert_null(cur);
		assert_non_null(strstr(err.text, formats[i][1]));
		assert_non_null(strstr(err.text, "\"x\""));
	}
}

static void a_producer_that_fails_has_its_words_passed_on(void **state)
{
	static const int32_t values[] = { 1 };
	const struct stoa_value *row;
	struct stoa_error err;
	stoa_cursor *cur;
	struct made m;
	struct ArrowArrayStream s = made(&m, "i", 1, NULL, values, NULL);

	(void)state;
	m.fail_at = 1;
	assert_int_equal(stoa_arrow_import(&s, &cur, &err), STOA_EIO);
	assert_non_null(strstr(err.text, "the cable is cut"));
	s = made(&m, "i", 1, NULL, values, NULL);
	m.fail_at = 2;
	cur = imported(&s);
	assert_int_equal(stoa_next(cur, &row, &err), STOA_EIO);
	assert_non_null(strstr(err.text, "the cable is cut"));
	stoa_cursor_close(cur);
	assert_int_equal(stoa_arrow_import(&s, &cur, &err), STOA_EINVAL);	/* released */
	assert_int_equal(stoa_arrow_import(NULL, &cur, &err), STOA_EINVAL);
}

static int fail_at_3000(void *ctx, struct stoa_value *out, struct stoa_error *err)
{
	int *n = ctx;

	(void)err;
	out[0] = stoa_i64(*n);
	return (*n)++ < 3000 ? STOA_ROW : STOA_EIO;
}

static void rows_before_an_error_are_given_first(void **state)
{
	static const struct stoa_column column = { "n", STOA_I64, 0, 0 };
	struct ArrowArrayStream s;
	struct ArrowArray a;
	struct stoa_error err;
	stoa_cursor *cur;
	int64_t rows = 0;
	int n = 0, rc;

	(void)state;
	assert_ok(stoa_cursor_generate(&column, 1, fail_at_3000, NULL, &n, &cur, &err), &err);
	s = exported(cur, NULL);
	while ((rc = s.get_next(&s, &a)) == 0) {
		assert_non_null(a.release);
		rows += a.length;
		a.release(&a);
	}
	assert_int_equal(rc, EIO);
	assert_int_equal(rows, 3000);
	assert_non_null(strstr(s.get_last_error(&s), "generator"));
	s.release(&s);
}

/* ---- memory ---------------------------------------------------------------------------------- */

/* Reads rows through Arrow with memory that runs out at allocation @nth. */
static int read_through(long nth, bool *fired)
{
	struct ArrowArrayStream s;
	struct stoa_error err;
	struct every_type e;
	struct stoa_batch b;
	stoa_cursor *cur = every_type_cursor(&e, 1, 3000);
	int rc;

	stoa__fault_arm(nth, false);
	rc = stoa_arrow_export(cur, NULL, &s, &err);
	if (rc == STOA_OK)
		rc = stoa_arrow_import(&s, &cur, &err);
	if (rc == STOA_OK) {
		while ((rc = stoa_next_batch(cur, &b, &err)) == STOA_ROW)
			;
		stoa_cursor_close(cur);
	}
	*fired = stoa__fault_disarm();
	return rc;
}

static void running_out_of_memory_loses_nothing_but_the_call(void **state)
{
	bool fired = true;

	(void)state;
	for (long nth = 0; fired; nth++) {
		int rc = read_through(nth, &fired);

		if (fired)
			assert_true(rc == STOA_ENOMEM || rc == STOA_EIO);
		else
			assert_int_equal(rc, STOA_END);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_type_comes_back_as_it_went),
		cmocka_unit_test(scans_and_queries_come_back_as_they_went),
		cmocka_unit_test(an_import_is_a_cursor_like_any_other),
		cmocka_unit_test(arrays_outlive_stream_transaction_and_database),
		cmocka_unit_test(values_are_decoded_into_what_the_consumer_gets),
		cmocka_unit_test(the_cursor_is_closed_with_the_stream),
		cmocka_unit_test(every_array_of_a_producer_is_released),
		cmocka_unit_test(offsets_and_bits_begin_anywhere),
		cmocka_unit_test(numbers_of_other_widths_are_converted),
		cmocka_unit_test(strings_come_in_every_layout),
		cmocka_unit_test(dictionaries_have_codes_and_values_of_any_kind),
		cmocka_unit_test(what_no_slot_can_hold_is_refused_by_name),
		cmocka_unit_test(a_producer_that_fails_has_its_words_passed_on),
		cmocka_unit_test(rows_before_an_error_are_given_first),
		cmocka_unit_test(running_out_of_memory_loses_nothing_but_the_call),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
