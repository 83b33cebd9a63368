/* SPDX-License-Identifier: MIT */
/*
 * csv_repair_test.c - bad records of a CSV file are left out, filled up, and told with their place
 */
#include "testing.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../lib/core/alloc.h"
#include "../lib/stoa.h"

struct rejected {
	uint64_t line, column;
	int code;
	char reason[200];
	char record[200];
};

struct fixture {
	char *dir;
	stoa_db *db;
	stoa_txn *txn;
	struct stoa_error err;
	uint64_t rows;
	struct rejected *rejects;
	size_t n_rejects;
	size_t cancel_at;	/* this reject; 0 never */
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof *f);

	assert_non_null(f);
	f->dir = testing_tempdir();
	f->rejects = calloc(10000, sizeof *f->rejects);
	assert_int_equal(stoa_open(NULL, NULL, &f->db, &f->err), STOA_OK);
	assert_int_equal(stoa_begin(f->db, STOA_WRITE, &f->txn, &f->err), STOA_OK);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	stoa_abort(f->txn);
	assert_int_equal(stoa_close(f->db, &f->err), STOA_OK);
	testing_rmtree(f->dir);
	free(f->rejects);
	free(f);
	return 0;
}

static int on_reject(void *ctx, const struct stoa_csv_reject *r)
{
	struct fixture *f = ctx;
	struct rejected *to = &f->rejects[f->n_rejects++];

	assert_true(f->n_rejects <= 10000);
	to->line = r->line;
	to->column = r->column;
	to->code = r->code;
	snprintf(to->reason, sizeof to->reason, "%s", r->reason);
	snprintf(to->record, sizeof to->record, "%.*s", (int)r->record.len, r->record.p);
	return f->n_rejects == f->cancel_at;
}

static const char *write_file(struct fixture *f, const char *name, const char *text)
{
	const char *path = testing_path(f->dir, name);
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
	return path;
}

static struct stoa_csv_options options_of(struct fixture *f, int ragged, bool reject)
{
	struct stoa_csv_options o = STOA_CSV_OPTIONS_INIT;

	o.header = 1;
	o.ragged = ragged;
	o.reject = reject ? on_reject : NULL;
	o.ctx = f;
	return o;
}

static int import(struct fixture *f, const char *table, const char *text,
		  const struct stoa_csv_options *o)
{
	f->n_rejects = 0;
	memset(&f->err, 0, sizeof f->err);
	return stoa_import_csv(f->txn, table, write_file(f, "file.csv", text), o, &f->rows, &f->err);
}

static void assert_imports(struct fixture *f, const char *table, const char *text,
			   const struct stoa_csv_options *o, uint64_t rows, size_t rejects)
{
	if (import(f, table, text, o) != STOA_OK)
		fail_msg("%s", f->err.text);
	assert_int_equal(f->rows, rows);
	assert_int_equal(f->n_rejects, rejects);
}

/* All of a table as text: values with commas, rows with newlines. */
static char *contents(struct fixture *f, const char *table)
{
	static char text[1 << 16];
	const struct stoa_value *row;
	stoa_cursor *cur;
	stoa_table t;
	size_t n, len = 0;

	assert_int_equal(stoa_table_find(f->txn, table, &t, &f->err), STOA_OK);
	assert_int_equal(stoa_scan(f->txn, t, NULL, 0, &cur, &f->err), STOA_OK);
	stoa_columns(cur, &n);
	text[0] = '\0';
	while (stoa_next(cur, &row, &f->err) == STOA_ROW) {
		for (size_t i = 0; i < n; i++) {
			if (row[i].type == STOA_NULL)
				len += (size_t)sprintf(text + len, "NULL");
			else
				len += stoa_value_print(&row[i], text + len, 100);
			len += (size_t)sprintf(text + len, "%s", i + 1 < n ? "," : "\n");
		}
		assert_true(len < sizeof text - 1000);
	}
	stoa_cursor_close(cur);
	return text;
}

static void make_table(struct fixture *f)
{
	static const struct stoa_slot slots[] = {
		{ .name = "i", .type = STOA_I8, .flags = STOA_NOT_NULL },
		{ .name = "s", .type = STOA_STRING },
	};
	stoa_table t;

	assert_int_equal(stoa_table_create(f->txn, "t", slots, 2, &t, &f->err), STOA_OK);
}

static void bad_records_are_told_with_their_places_and_left_out(void **state)
{
	static const struct {
		uint64_t line, column;
		int code;
		const char *reason, *record;
	} want[] = {
		{ 3, 1, STOA_ERANGE, "300", "300,b" },
		{ 4, 1, STOA_ETYPE, "x", "x,c" },
		{ 5, 1, STOA_ENULL, "not null", ",d" },
		{ 6, 1, STOA_ESYNTAX, "3 fields and should have 2", "5,e,f" },
		{ 7, 1, STOA_ESYNTAX, "1 field and should have 2", "6" },
		{ 9, 4, STOA_ESYNTAX, "a quote inside a field", "8,h\"i\"" },
		{ 12, 6, STOA_ESYNTAX, "behind the closing quote", "10,\"k\nl\"m" },
		{ 13, 4, STOA_ESYNTAX, "never closed", "11,\"n\n12,o" },
	};
	struct fixture *f = *state;
	struct stoa_csv_options o = options_of(f, STOA_CSV_EXACT, true);

	make_table(f);
	assert_imports(f, "t",
		       "i,s\n1,a\n300,b\nx,c\n,d\n5,e,f\n6\n7,g\n8,h\"i\"\n9,j\n10,\"k\nl\"m\n"
		       "11,\"n\n12,o\n",
		       &o, 3, 8);
	for (size_t i = 0; i < sizeof want / sizeof want[0]; i++) {
		const struct rejected *got = &f->rejects[i];

		if (got->code != want[i].code || !strstr(got->reason, want[i].reason))
			fail_msg("%zu: %s", i, got->reason);
		assert_string_equal(got->record, want[i].record);
		if (i == 6 || i == 7)
			continue;	/* places within a record that spans lines: as the parser has them */
		assert_int_equal(got->line, want[i].line);
		assert_int_equal(got->column, want[i].column);
	}
	assert_string_equal(contents(f, "t"), "1,a\n7,g\n9,j\n");
}

static void without_rejects_the_first_bad_record_is_the_error(void **state)
{
	struct fixture *f = *state;
	struct stoa_csv_options o = options_of(f, STOA_CSV_EXACT, false);

	make_table(f);
	assert_int_equal(import(f, "t", "i,s\n1,a\n300,b\nx,c\n", &o), STOA_ERANGE);
	assert_int_equal(f->err.line, 3);
	assert_string_equal(contents(f, "t"), "");
}

/* Bad records have no say in the types, be they in the sample or behind it. */
static void types_come_from_the_records_that_are_taken(void **state)
{
	struct fixture *f = *state;
	struct stoa_csv_options o = options_of(f, STOA_CSV_EXACT, true);

	assert_imports(f, "t", "a,b\n1,2\nx,\"y\"z\n3,4,5\nnope\n5,6\n", &o, 2, 3);
	assert_string_equal(contents(f, "t"), "1,2\n5,6\n");
	assert_int_equal(f->rejects[0].line, 3);
	assert_int_equal(f->rejects[2].line, 5);
}

static void short_records_are_filled_and_empty_surplus_goes(void **state)
{
	struct fixture *f = *state;
	struct stoa_csv_options o = options_of(f, STOA_CSV_FILL, false);

	assert_imports(f, "t", "a,b,c\n1\n1,2\r\n1,2,3\n1,2,3,,\n\n\"1\n\",2,3,\r\n", &o, 5, 0);
	assert_string_equal(contents(f, "t"),
			    "1,NULL,NULL\n1,2,NULL\n1,2,3\n1,2,3\n1\n,2,3\n");
	o.null_text = "-";
	assert_imports(f, "u", "a,b\nx\n,y\n-,-\n", &o, 3, 0);
	assert_string_equal(contents(f, "u"), "x,NULL\n,y\nNULL,NULL\n");
}

static void a_fault_in_a_filled_block_has_its_place_in_the_file(void **state)
{
	struct fixture *f = *state;
	struct stoa_csv_options o = options_of(f, STOA_CSV_FILL, false);

	make_table(f);
	assert_int_equal(import(f, "t", "i,s\n1\n2\n3,a,,,\n4,b,c\n", &o), STOA_ESYNTAX);
	assert_int_equal(f->err.line, 5);
	assert_int_equal(f->err.column, 1);
	assert_int_equal(import(f, "t", "i,s\n1\n2\n3,a,,,\nx4,b\n", &o), STOA_ETYPE);
	assert_int_equal(f->err.line, 5);
	o.reject = on_reject;
	assert_imports(f, "t", "i,s\n1\n2\n3,a,,,\nx4,b\n5,c\n", &o, 4, 1);
	assert_int_equal(f->rejects[0].line, 5);
	assert_string_equal(f->rejects[0].record, "x4,b");
	assert_string_equal(contents(f, "t"), "1,NULL\n2,NULL\n3,a\n5,c\n");
}

static void too_many_rejects_are_an_error(void **state)
{
	struct fixture *f = *state;
	struct stoa_csv_options o = options_of(f, STOA_CSV_EXACT, true);

	make_table(f);
	o.reject_max = 2;
	assert_int_equal(import(f, "t", "i,s\n1,a\nx,b\ny,c\nz,d\n", &o), STOA_ETYPE);
	assert_int_equal(f->err.line, 5);
	assert_non_null(strstr(f->err.text, "over 2 records"));
	assert_int_equal(f->n_rejects, 0);
	assert_string_equal(contents(f, "t"), "");
}

static void a_callback_may_cancel(void **state)
{
	struct fixture *f = *state;
	struct stoa_csv_options o = options_of(f, STOA_CSV_EXACT, true);

	make_table(f);
	f->cancel_at = 2;
	assert_int_equal(import(f, "t", "i,s\n1,a\nx,b\ny,c\nz,d\n", &o), STOA_ECANCELED);
	assert_int_equal(f->n_rejects, 2);
	assert_string_equal(contents(f, "t"), "");
}

static void a_file_of_nothing_but_bad_records_is_no_rows(void **state)
{
	struct fixture *f = *state;
	struct stoa_csv_options o = options_of(f, STOA_CSV_EXACT, true);

	assert_imports(f, "t", "a,b\n1\n2\n3\n", &o, 0, 3);
}

static void apostrophes_are_quotes_where_they_alone_make_sense(void **state)
{
	struct fixture *f = *state;
	struct stoa_csv_options o = STOA_CSV_OPTIONS_INIT;

	assert_imports(f, "t", "a,b\n'x, y',1\n'it''s',2\n", &o, 2, 0);
	assert_string_equal(contents(f, "t"), "x, y,1\nit's,2\n");
	assert_imports(f, "u", "a,b\n'x',1\nO'Brien,2\n", &o, 2, 0);
	assert_string_equal(contents(f, "u"), "'x',1\nO'Brien,2\n");
}

/* ---- model: what is left of a file with bad records is the file without them -------------- */

#define ROWS 150000	/* more than two blocks */

static void add_good(FILE *f, uint64_t *random, size_t i)
{
	if (testing_below(random, 4) == 0)
		fprintf(f, "%zu,\"quoted, \"\"%zu\"\"\n and more\"\n", i, i);
	else
		fprintf(f, "%zu,plain %d\n", i, (int)testing_below(random, 100));
}

static void add_bad(FILE *f, uint64_t *random)
{
	static const char *const bad[] = { "x,y\n", "1\n", "1,2,3\n", "2,a\"b\"\n", "3,\"a\"b\n",
					   "99999999999999,z\n", "\"4\",\xff\n" };

	fputs(bad[testing_below(random, sizeof bad / sizeof bad[0])], f);
}

static void what_is_left_is_the_file_without_its_bad_records(void **state)
{
	static const struct stoa_slot slots[] = {
		{ .name = "i", .type = STOA_I32 },
		{ .name = "s", .type = STOA_TEXT },
	};
	struct fixture *f = *state;
	uint64_t random = testing_seed();
	struct stoa_csv_options o = options_of(f, STOA_CSV_EXACT, true);
	const struct stoa_value *a, *b;
	stoa_cursor *left, *good;
	size_t n_bad = 0;
	stoa_table t;
	int rc;

	char *all_path = strdup(testing_path(f->dir, "all.csv"));
	char *good_path = strdup(testing_path(f->dir, "good.csv"));
	FILE *all = fopen(all_path, "w"), *only = fopen(good_path, "w");
	fputs("i,s\n", all);
	fputs("i,s\n", only);
	for (size_t i = 0; i < ROWS; i++) {
		uint64_t twin = random;

		if (testing_below(&twin, 300) == 0) {
			add_bad(all, &twin);
			n_bad++;
		}
		random = twin;
		add_good(all, &twin, i);
		add_good(only, &random, i);
	}
	fclose(all);
	fclose(only);
	assert_int_equal(stoa_table_create(f->txn, "t", slots, 2, &t, &f->err), STOA_OK);
	assert_int_equal(stoa_table_create(f->txn, "u", slots, 2, &t, &f->err), STOA_OK);
	o.n_threads = 3;
	if (stoa_import_csv(f->txn, "t", all_path, &o, &f->rows, &f->err) < 0)
		fail_msg("%s", f->err.text);
	assert_int_equal(f->rows, ROWS);
	assert_int_equal(f->n_rejects, n_bad);
	for (size_t i = 1; i < n_bad; i++)
		assert_true(f->rejects[i].line > f->rejects[i - 1].line);
	f->n_rejects = 0;
	assert_int_equal(stoa_import_csv(f->txn, "u", good_path, &o, &f->rows, &f->err), STOA_OK);
	assert_int_equal(f->n_rejects, 0);
	assert_int_equal(stoa_query(f->txn, "SELECT * FROM t", &left, &f->err), STOA_OK);
	assert_int_equal(stoa_query(f->txn, "SELECT * FROM u", &good, &f->err), STOA_OK);
	while ((rc = stoa_next(left, &a, &f->err)) == STOA_ROW) {
		assert_int_equal(stoa_next(good, &b, &f->err), STOA_ROW);
		assert_int_equal(a[0].i, b[0].i);
		assert_int_equal(a[1].len, b[1].len);
		assert_memory_equal(a[1].p, b[1].p, a[1].len);
	}
	assert_int_equal(rc, STOA_END);
	stoa_cursor_close(left);
	stoa_cursor_close(good);
	free(all_path);
	free(good_path);
}

static void nothing_is_left_of_a_repair_that_memory_cut_short(void **state)
{
	struct fixture *f = *state;
	struct stoa_csv_options o = options_of(f, STOA_CSV_FILL, true);
	const char *text = "i,s\n1\nx,b\n2,\"c\"d\n3,e\n300,f\n4,g,,\n";

	make_table(f);
	o.n_threads = 1;
	for (long nth = 0;; nth++) {
		bool fired;
		int rc;

		stoa__fault_arm(nth, false);
		rc = import(f, "t", text, &o);
		fired = stoa__fault_disarm();
		if (rc == STOA_OK)
			assert_false(fired && f->rows != 3);
		else
			assert_int_equal(rc, STOA_ENOMEM);
		if (!fired)
			break;
	}
	assert_int_equal(f->rows, 3);
	assert_int_equal(f->n_rejects, 3);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(bad_records_are_told_with_their_places_and_left_out),
		TEST(without_rejects_the_first_bad_record_is_the_error),
		TEST(types_come_from_the_records_that_are_taken),
		TEST(short_records_are_filled_and_empty_surplus_goes),
		TEST(a_fault_in_a_filled_block_has_its_place_in_the_file),
		TEST(too_many_rejects_are_an_error),
		TEST(a_callback_may_cancel),
		TEST(a_file_of_nothing_but_bad_records_is_no_rows),
		TEST(apostrophes_are_quotes_where_they_alone_make_sense),
		TEST(what_is_left_is_the_file_without_its_bad_records),
		TEST(nothing_is_left_of_a_repair_that_memory_cut_short),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
