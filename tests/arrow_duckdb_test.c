/* SPDX-License-Identifier: MIT */
/*
 * arrow_duckdb_test.c - Arrow arrays from stoa to DuckDB and back, in one process
 *
 * Without DuckDB (duckdb.h) the tests are skipped.
 */
#include "testing.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../lib/stoa.h"
#include "duckdb.h"
#include "every_type.h"

/* ---- a result as a stream ---- */

struct result {
	struct duckdb_result r;
	void *options;
};

static void ask(void *connection, const char *sql, struct duckdb_result *r)
{
	if (duckdb.query(connection, sql, r))
		fail_msg("DuckDB: %s", duckdb.result_error(r));
}

static void run(void *connection, const char *sql)
{
	struct duckdb_result r;

	ask(connection, sql, &r);
	duckdb.destroy_result(&r);
}

static int get_schema(struct ArrowArrayStream *s, struct ArrowSchema *out)
{
	struct result *r = s->private_data;
	uint64_t n = duckdb.column_count(&r->r);
	const char *names[64];
	void *types[64], *bad;

	for (uint64_t i = 0; i < n; i++) {
		names[i] = duckdb.column_name(&r->r, i);
		types[i] = duckdb.column_logical_type(&r->r, i);
	}
	bad = duckdb.to_arrow_schema(r->options, types, names, n, out);
	for (uint64_t i = 0; i < n; i++)
		duckdb.destroy_logical_type(&types[i]);
	return bad ? EIO : 0;
}

static int get_next(struct ArrowArrayStream *s, struct ArrowArray *out)
{
	struct result *r = s->private_data;
	void *chunk = duckdb.fetch_chunk(r->r), *bad;

	memset(out, 0, sizeof *out);
	if (!chunk)
		return 0;
	bad = duckdb.data_chunk_to_arrow(r->options, chunk, out);
	duckdb.destroy_data_chunk(&chunk);
	return bad ? EIO : 0;
}

static const char *get_last_error(struct ArrowArrayStream *s)
{
	(void)s;
	return "DuckDB gives no words";
}

static void release(struct ArrowArrayStream *s)
{
	struct result *r = s->private_data;

	duckdb.destroy_arrow_options(&r->options);
	duckdb.destroy_result(&r->r);
	s->release = NULL;
}

/* ---- both ways ---- */

static stoa_cursor *answer(void *connection, const char *sql, struct result *r)
{
	struct ArrowArrayStream s = { get_schema, get_next, get_last_error, release, r };
	struct stoa_error err;
	stoa_cursor *cur;

	ask(connection, sql, &r->r);
	r->options = duckdb.result_get_arrow_options(&r->r);
	assert_ok(stoa_arrow_import(&s, &cur, &err), &err);
	return cur;
}

static void every_type_goes_to_duckdb_and_comes_back(void **state)
{
	uint64_t seed = testing_seed(), rows = 100000;
	struct ArrowArrayStream s;
	struct every_type a, b;
	struct stoa_error err;
	struct result r;
	void *db, *connection;

	(void)state;
	if (!duckdb_load())
		skip();
	assert_int_equal(duckdb.open(NULL, &db), 0);
	assert_int_equal(duckdb.connect(db, &connection), 0);
	run(connection, "SET threads = 1");
	assert_ok(stoa_arrow_export(every_type_cursor(&a, seed, rows), NULL, &s, &err), &err);
	assert_int_equal(duckdb.arrow_scan(connection, "from_stoa", &s), 0);
	run(connection, "CREATE TABLE t AS SELECT * FROM from_stoa");
	if (s.release)
		s.release(&s);
	/*
	 * DuckDB's own words for what it holds: the values themselves, not just bytes that came
	 * back.
	 */
	ask(connection,
	    "SELECT 1 / (count(*) = 100000 AND max(typeof(price)) = 'DECIMAL(18,4)' AND "
	    "max(typeof(moment)) = 'TIMESTAMP' AND max(typeof(id)) = 'UUID' AND "
	    "count(DISTINCT word) = 300 AND count(nothing) = 0 AND count(always) = 100000)::int "
	    "FROM t", &r.r);
	duckdb.destroy_result(&r.r);
	assert_int_equal(assert_same_rows(every_type_cursor(&b, seed, rows),
					  answer(connection, "SELECT * FROM t", &r)), rows);
	duckdb.disconnect(&connection);
	duckdb.close(&db);
}

static void types_of_duckdb_that_stoa_lacks_come_as_their_nearest(void **state)
{
	static const char sql[] =
		"SELECT 12345678901234567::hugeint AS h, 'a'::enum_t AS e, "
		"TIMESTAMPTZ '2024-02-29 12:00:00+00' AS z, TIMESTAMP_S '2024-02-29 12:00:00' AS s";
	const struct stoa_value *row;
	struct stoa_error err;
	struct result r;
	stoa_cursor *cur;
	void *db, *connection;
	char text[64];

	(void)state;
	if (!duckdb_load())
		skip();
	assert_int_equal(duckdb.open(NULL, &db), 0);
	assert_int_equal(duckdb.connect(db, &connection), 0);
	run(connection, "CREATE TYPE enum_t AS ENUM ('a', 'b')");
	cur = answer(connection, sql, &r);
	assert_int_equal(stoa_next(cur, &row, &err), STOA_ROW);
	stoa_value_print(&row[0], text, sizeof text);
	assert_string_equal(text, "12345678901234567");
	assert_int_equal(row[1].type, STOA_STRING);
	for (int i = 2; i < 4; i++) {
		stoa_value_print(&row[i], text, sizeof text);
		assert_string_equal(text, "2024-02-29 12:00:00");
	}
	stoa_cursor_close(cur);
	duckdb.disconnect(&connection);
	duckdb.close(&db);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_type_goes_to_duckdb_and_comes_back),
		cmocka_unit_test(types_of_duckdb_that_stoa_lacks_come_as_their_nearest),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
