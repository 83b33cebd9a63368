/* SPDX-License-Identifier: MIT */
/*
 * file_table_test.c - files and series in FROM: read as a stream, with the types of a sample,
 * and the same answers as from a table that the file was imported into
 */
#include "testing.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../lib/core/alloc.h"
#include "../lib/stoa.h"
#include "show.h"

static stoa_db *db;
static stoa_txn *txn;
static char *dir;

static int begin(void **state)
{
	(void)state;
	dir = testing_tempdir();
	assert_int_equal(stoa_open(NULL, NULL, &db, NULL), STOA_OK);
	return stoa_begin(db, STOA_WRITE, &txn, NULL);
}

static int end(void **state)
{
	(void)state;
	stoa_abort(txn);
	testing_rmtree(dir);
	return stoa_close(db, NULL);
}

static void write_file(const char *name, const char *text)
{
	FILE *f = fopen(testing_path(dir, name), "w");

	assert_non_null(f);
	fputs(text, f);
	assert_int_equal(fclose(f), 0);
}

/* @sql with each % as the path of the directory; heap. */
static char *in_dir(const char *sql)
{
	char *text;
	size_t size;
	FILE *f = open_memstream(&text, &size);

	for (; *sql; sql++)
		if (*sql == '%')
			fputs(dir, f);
		else
			fputc(*sql, f);
	fclose(f);
	return text;
}

static char *run(const char *format, struct stoa_error *err)
{
	char *sql = in_dir(format), *rows = show_query(txn, sql, err);

	free(sql);
	return rows;
}

static void good(const char *format, const char *rows)
{
	char *sql = in_dir(format);

	show_expect(txn, sql, rows);
	free(sql);
}

static void bad(const char *sql, int code, const char *word)
{
	struct stoa_error err = { 0 };
	char *got = run(sql, &err);

	if (got)
		fail_msg("%s\n-> %s", sql, got);
	if (err.code != code || !strstr(err.text, word))
		fail_msg("%s\n-> %s %s", sql, stoa_result_name(err.code), err.text);
}

#define SHOP                                                                               \
	"name,price,made,n\ntea,2.50,2026-01-31,1\n\"milk, fresh\",0.99,,2\ncoffee,7.00,2025-12-31,\n"

static void a_file_is_a_table(void **state)
{
	(void)state;
	write_file("shop.csv", SHOP);
	good("SELECT * FROM '%/shop.csv'",
	     "tea|2.50|2026-01-31|1\nmilk, fresh|0.99|~|2\ncoffee|7.00|2025-12-31|~\n");
	good("SELECT s.name, price * 2 FROM '%/shop.csv' AS s WHERE made >= '2026-01-01' OR n = 2",
	     "tea|5.00\nmilk, fresh|1.98\n");
	good("SELECT count(*), sum(price), min(made) FROM read_csv('%/shop.csv')",
	     "3|10.49|2025-12-31\n");
	good("SELECT a.name, b.n FROM '%/shop.csv' a JOIN '%/shop.csv' b ON a.n = b.n ORDER BY 1",
	     "milk, fresh|2\ntea|1\n");
	good("SELECT name FROM '%/shop.csv' ORDER BY price DESC LIMIT 1", "coffee\n");
	good("SELECT name FROM '%/shop.csv' WHERE EXISTS (SELECT 1)", "tea\nmilk, fresh\ncoffee\n");
}

static void a_file_fills_tables(void **state)
{
	(void)state;
	write_file("shop.csv", SHOP);
	good("CREATE TABLE item (id i8, name string NOT NULL, price decimal(9,3))", "");
	good("INSERT INTO item SELECT n, name, price FROM '%/shop.csv' RETURNING *",
	     "1|tea|2.500\n2|milk, fresh|0.990\n~|coffee|7.000\n");
	good("CREATE TABLE copy AS SELECT * FROM '%/shop.csv'", "");
	good("SELECT * FROM copy EXCEPT SELECT * FROM '%/shop.csv'", "");
	good("UPDATE item SET price = 0 WHERE name IN (SELECT name FROM '%/shop.csv' WHERE n = 1)", "");
	good("SELECT price FROM item WHERE id = 1", "0.000\n");
}

static void options_say_how_it_is_written(void **state)
{
	(void)state;
	write_file("odd.txt", "1;'a;b';-\n2;'';x\n");
	good("SELECT * FROM read_csv('%/odd.txt', delim = ';', quote = '''', header = false, nullstr = '-')",
	     "1|a;b|~\n2||x\n");
	good("SELECT c1 || '!' FROM read_csv('%/odd.txt', delim = ';', quote = '''', header = FALSE, "
	     "all_text = true)", "1!\n2!\n");
	bad("SELECT * FROM read_csv('%/odd.txt', delim = 'ab')", STOA_EINVAL, "one ASCII");
	bad("SELECT * FROM read_csv('%/odd.txt', dellim = ';')", STOA_EINVAL, "no argument 'dellim'");
	bad("SELECT * FROM read_csv('%/odd.txt', header = 1)", STOA_EINVAL, "true or false");
	bad("SELECT * FROM read_csv('%/odd.txt', sample = 'none')", STOA_EINVAL, "'all'");
	bad("SELECT * FROM read_csv('%/odd.txt', delim = ';', quote = ';')", STOA_EINVAL, "two");
	bad("SELECT * FROM read_csv()", STOA_EINVAL, "at least 1");
	bad("SELECT * FROM read_csv('a', 'b')", STOA_EINVAL, "at most 1");
	bad("SELECT * FROM read_csv(5)", STOA_ETYPE, "text");
	bad("SELECT * FROM read_csv(nix)", STOA_ENOTFOUND, "nix");
	bad("SELECT * FROM read_nothing('a')", STOA_ENOTFOUND, "read_nothing");
	bad("SELECT rowid FROM '%/odd.txt'", STOA_ENOTFOUND, "rowid");
}

static void what_is_wrong_with_a_file_has_its_line(void **state)
{
	struct stoa_error err;
	char *got;

	(void)state;
	bad("SELECT * FROM '%/missing.csv'", STOA_ENOTFOUND, "missing.csv");
	write_file("empty.csv", "");
	bad("SELECT * FROM '%/empty.csv'", STOA_ESYNTAX, "empty");
	write_file("ragged.csv", "a,b\n1,2\n3\n");
	bad("SELECT * FROM '%/ragged.csv'", STOA_ESYNTAX, "line 3");
	write_file("rows.JSONL", "{\"a\": 1}\n");
	bad("SELECT * FROM '%/rows.JSONL'", STOA_EUNSUPPORTED, "import it first");
	good("SELECT * FROM read_csv('%/rows.JSONL', header = false, quote = '~')",
	     "{\"a\": 1}\n");
	got = run("SELECT 1,\n * FROM '%/missing.csv'", &err);
	assert_null(got);
	assert_int_equal(err.line, 2);
	assert_int_equal(err.column, 9);
}

/* 200,000 rows, the last but ten with a value that no sample has. */
static void write_long(const char *name, const char *odd)
{
	FILE *f = fopen(testing_path(dir, name), "w");

	fputs("id,kind,x,at\n", f);
	for (int i = 1; i <= 300000; i++)
		fprintf(f, "%d,%s,%d.%d,%s\n", i, i % 3 ? "even" : "odd", i % 1000, i % 10,
			i == 260001 ? odd : "2026-01-31 10:00:00");
	fclose(f);
}

static void a_value_that_the_sample_had_not_is_an_error_or_looked_for(void **state)
{
	(void)state;
	write_long("long.csv", "never");
	good("SELECT id FROM '%/long.csv' WHERE at IS NOT NULL LIMIT 1", "1\n");
	bad("SELECT count(at) FROM '%/long.csv'", STOA_ETYPE, "line 260002");
	good("SELECT count(kind) FROM '%/long.csv'", "300000\n");
	good("SELECT count(*), max(at) FROM read_csv('%/long.csv', sample = 'all')",
	     "300000|never\n");
}

static void a_long_file_is_read_in_blocks(void **state)
{
	struct stoa_error err;
	const struct stoa_value *row;
	stoa_cursor *cur;
	char *sql;

	(void)state;
	write_long("long.csv", "");
	good("SELECT kind, count(*), sum(id), min(x), max(x) FROM '%/long.csv' GROUP BY kind "
	     "ORDER BY kind",
	     "even|200000|30000000000|0.0|999.9\nodd|100000|15000150000|0.0|999.9\n");
	good("SELECT count(*) FROM '%/long.csv' WHERE kind = 'odd' AND id > 299990", "4\n");
	good("CREATE TABLE t AS SELECT * FROM '%/long.csv'", "");
	good("SELECT count(*), count(DISTINCT id), sum(id), count(at) FROM t",
	     "300000|300000|45000150000|299999\n");
	/* The first row comes without reading the file; a second cursor does not disturb it. */
	sql = in_dir("SELECT id FROM '%/long.csv'");
	assert_int_equal(stoa_query(txn, sql, &cur, &err), STOA_OK);
	assert_int_equal(stoa_next(cur, &row, &err), STOA_ROW);
	assert_int_equal(row[0].i, 1);
	good("SELECT max(id) FROM '%/long.csv'", "300000\n");
	for (int i = 2; i <= 300000; i++) {
		assert_int_equal(stoa_next(cur, &row, &err), STOA_ROW);
		assert_int_equal(row[0].i, i);
	}
	assert_int_equal(stoa_next(cur, &row, &err), STOA_END);
	stoa_cursor_close(cur);
	free(sql);
}

static void a_series_counts(void **state)
{
	(void)state;
	good("SELECT * FROM generate_series(3, 5)", "3\n4\n5\n");
	good("SELECT generate_series AS n FROM generate_series(5, -1, -3)", "5\n2\n-1\n");
	good("SELECT count(*), sum(n.n) FROM generate_series(1, 100000) n",
	     "100000|5000050000\n");
	good("SELECT count(*) FROM generate_series(5, 4)", "0\n");
	good("SELECT max(generate_series) FROM generate_series(9223372036854775800, "
	     "9223372036854775807, 5)", "9223372036854775805\n");
	good("SELECT generate_series FROM generate_series(-9223372036854775807, 9223372036854775807) "
	     "LIMIT 1", "-9223372036854775807\n");
	good("SELECT a.a * 10 + b.b FROM generate_series(1, 2) a, "
	     "generate_series(1, 2) b ORDER BY 1", "11\n12\n21\n22\n");
	bad("SELECT * FROM generate_series(1, 2, 0)", STOA_EINVAL, "step");
	bad("SELECT * FROM generate_series(1, 'x')", STOA_ETYPE, "integers");
	bad("SELECT * FROM generate_series(1)", STOA_EINVAL, "at least 2");
	good("SELECT a FROM (VALUES (1)) v (a)", "1\n");
}

static void it_survives_every_allocation_that_fails(void **state)
{
	static const char *const statements[] = {
		"SELECT name, price FROM read_csv('%/shop.csv', sample = 'all') WHERE n > 0",
		"SELECT sum(generate_series) FROM generate_series(1, 5)",
		"CREATE TABLE t AS SELECT * FROM '%/shop.csv'",
	};

	(void)state;
	write_file("shop.csv", SHOP);
	for (size_t i = 0; i < sizeof statements / sizeof *statements; i++) {
		char *sql = in_dir(statements[i]);
		for (long nth = 0;; nth++) {
			struct stoa_error err;
			struct stoa_batch b;
			stoa_cursor *cur = NULL;
			stoa__fault_arm(nth, false);
			int rc = stoa_query(txn, sql, &cur, &err);
			while (rc == STOA_OK || rc == STOA_ROW)
				rc = stoa_next_batch(cur, &b, &err);
			bool fired = stoa__fault_disarm();
			stoa_cursor_close(cur);
			if (rc != STOA_END && (!fired || rc != STOA_ENOMEM))
				fail_msg("%s, allocation %ld: %d %s", sql, nth, rc, err.text);
			if (!fired)
				break;
			if (rc == STOA_END && i == 2)
				good("DROP TABLE t", "");
		}
		free(sql);
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_file_is_a_table),
		TEST(a_file_fills_tables),
		TEST(options_say_how_it_is_written),
		TEST(what_is_wrong_with_a_file_has_its_line),
		TEST(a_value_that_the_sample_had_not_is_an_error_or_looked_for),
		TEST(a_long_file_is_read_in_blocks),
		TEST(a_series_counts),
		TEST(it_survives_every_allocation_that_fails),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
