/* SPDX-License-Identifier: MIT */
/*
 * csv_suite_test.c - CSV as others understand it: the cases of csv-spectrum and of papaparse
 *
 * tests/csv/README says where they come from. Each case either gives the rows that it should, or is
 * named below with the reason why stoa differs; a difference that is none any more fails, too.
 */
#include "testing.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yajl/yajl_tree.h>

#include "../lib/stoa.h"

static const char *const lengths = "a record of another length is an error, or filled up if asked for";
static const char *const blank = "blank lines are no records, whatever the number of columns";
static const char *const stray = "a quote within an unquoted field is an error: who means it, quotes it";
static const char *const behind = "text behind a closing quote is an error, blanks too";
static const char *const closed = "a quoted field that is never closed is an error";
static const char *const cr = "records end with LF or CRLF, not with CR alone";
static const char *const one = "a delimiter is one character, and no newline";

static const struct {
	const char *name;
	const char *const *why;
} differences[] = {
	{ "Bad delimiter (\\n)", &one },
	{ "Blank line at beginning", &blank },
	{ "Blank line in middle", &blank },
	{ "Blank line in middle with whitespace", &lengths },
	{ "Blank lines at end", &blank },
	{ "Empty lines", &blank },
	{ "Input is just empty fields", &lengths },
	{ "Misplaced quotes in data twice, not as opening quotes", &stray },
	{ "Misplaced quotes in data, not as opening quotes", &stray },
	{ "Mixed slash n and slash r should choose first as precident", &cr },
	{ "Multi-character delimiter", &one },
	{ "Multi-character delimiter (length 2) with quoted field", &one },
	{ "One column input with empty fields", &blank },
	{ "Quoted field has invalid trailing quote after delimiter", &stray },
	{ "Quoted field has invalid trailing quote after delimiter with a valid closer", &stray },
	{ "Quoted field has invalid trailing quote after new line", &behind },
	{ "Quoted field has invalid trailing quote before delimiter", &behind },
	{ "Quoted field has no closing quote", &closed },
	{ "Quoted field with whitespace around quotes", &stray },
	{ "Quoted fields with spaces after closing quote", &behind },
	{ "Quoted fields with spaces between closing quote and newline and contains newline", &behind },
	{ "Quoted fields with spaces between closing quote and next delimiter", &behind },
	{ "Quoted fields with spaces between closing quote and next delimiter and contains delimiter",
	  &behind },
	{ "Quoted fields with spaces between closing quote and next new line", &behind },
	{ "Two rows, just \\r", &cr },
	{ "Unquoted field with quotes at end of field", &stray },
	{ "location_coordinates", &stray },
};

static const char *difference(const char *name)
{
	for (size_t i = 0; i < sizeof differences / sizeof differences[0]; i++)
		if (strcmp(differences[i].name, name) == 0)
			return *differences[i].why;
	return NULL;
}

static const char *string_at(yajl_val object, const char *key)
{
	const char *path[] = { key, NULL };

	return YAJL_GET_STRING(yajl_tree_get(object, path, yajl_t_string));
}

static yajl_val array_at(yajl_val object, const char *key)
{
	const char *path[] = { key, NULL };
	yajl_val array = yajl_tree_get(object, path, yajl_t_array);

	assert_true(YAJL_IS_ARRAY(array));
	return array;
}

static stoa_table make_table(stoa_txn *txn, size_t n)
{
	struct stoa_slot *slots = calloc(n, sizeof *slots);
	char (*names)[24] = calloc(n, sizeof *names);
	struct stoa_error err;
	stoa_table table;

	for (size_t i = 0; i < n; i++) {
		snprintf(names[i], sizeof names[i], "c%zu", i + 1);
		slots[i] = (struct stoa_slot){ .name = names[i], .type = STOA_STRING };
	}
	if (stoa_table_create(txn, "t", slots, n, &table, &err) < 0)
		fail_msg("%s", err.text);
	free(slots);
	free(names);
	return table;
}

static bool same_row(const struct stoa_value *got, yajl_val want, size_t n)
{
	if (!YAJL_IS_ARRAY(want) || want->u.array.len != n)
		return false;
	for (size_t i = 0; i < n; i++) {
		const char *s = YAJL_GET_STRING(want->u.array.values[i]);

		if (!s || got[i].type != STOA_STRING || got[i].len != strlen(s) ||
		    memcmp(got[i].p, s, got[i].len) != 0)
			return false;
	}
	return true;
}

static bool same_rows(stoa_txn *txn, stoa_table table, yajl_val want, size_t n)
{
	const struct stoa_value *row;
	struct stoa_error err;
	stoa_cursor *cur;
	bool same = true;
	size_t i = 0;

	assert_int_equal(stoa_scan(txn, table, NULL, 0, &cur, &err), STOA_OK);
	for (; stoa_next(cur, &row, &err) == STOA_ROW; i++)
		same = same && i < want->u.array.len &&
		       same_row(row, want->u.array.values[i], n);
	stoa_cursor_close(cur);
	return same && i == want->u.array.len;
}

/* Reads the case's input into columns of strings, where an empty field is the empty string. */
static bool gives_rows(const char *path, yajl_val c, char *why, size_t size)
{
	struct stoa_csv_options o = STOA_CSV_OPTIONS_INIT;
	const char *delimiter = string_at(c, "delimiter"), *quote = string_at(c, "quote");
	yajl_val rows = array_at(c, "rows");
	size_t n = rows->u.array.len ? array_at(c, "rows")->u.array.values[0]->u.array.len : 1;
	struct stoa_error err = { 0 };
	stoa_db *db;
	stoa_txn *txn;
	bool same;

	snprintf(why, size, "other rows");
	if (delimiter && strlen(delimiter) > 1) {
		snprintf(why, size, "no delimiter");
		return false;
	}
	o.header = 0;
	o.null_text = "\1";
	o.delimiter = delimiter ? *delimiter : 0;
	o.quote = quote ? *quote : 0;
	assert_int_equal(stoa_open(NULL, NULL, &db, &err), STOA_OK);
	assert_int_equal(stoa_begin(db, STOA_WRITE, &txn, &err), STOA_OK);
	stoa_table table = make_table(txn, n);
	int rc = stoa_import_csv(txn, "t", path, &o, NULL, &err);
	same = rc == STOA_OK && same_rows(txn, table, rows, n);
	if (rc < 0)
		snprintf(why, size, "%s", err.text);
	stoa_abort(txn);
	assert_int_equal(stoa_close(db, &err), STOA_OK);
	return same;
}

static void run_case(const char *path, const char *line)
{
	char error[200], why[STOA_ERROR_TEXT_MAX];
	yajl_val c = yajl_tree_parse(line, error, sizeof error);
	FILE *f = fopen(path, "w");

	if (!c)
		fail_msg("%s", error);
	const char *name = string_at(c, "name"), *input = string_at(c, "input");
	assert_non_null(f);
	assert_int_equal(fwrite(input, 1, strlen(input), f), strlen(input));
	assert_int_equal(fclose(f), 0);
	bool same = gives_rows(path, c, why, sizeof why);
	if (!same && !difference(name))
		fail_msg("%s: %s", name, why);
	if (same && difference(name))
		fail_msg("%s: no difference any more", name);
	yajl_tree_free(c);
}

static void run_suite(const char *file, size_t n_want)
{
	const char *top = getenv("top_srcdir");
	char path[4096], *line = NULL, *dir = testing_tempdir();
	size_t cap = 0, n = 0;

	snprintf(path, sizeof path, "%s/tests/csv/%s", top ? top : ".", file);
	FILE *f = fopen(path, "r");
	if (!f)
		fail_msg("no %s: run with top_srcdir", path);
	snprintf(path, sizeof path, "%s", testing_path(dir, "case.csv"));
	for (; getline(&line, &cap, f) > 0; n++)
		run_case(path, line);
	assert_int_equal(n, n_want);
	free(line);
	fclose(f);
	testing_rmtree(dir);
}

static void csv_spectrum_is_understood(void **state)
{
	(void)state;
	run_suite("spectrum.jsonl", 12);
}

static void papaparse_is_agreed_with_or_differed_from_for_a_reason(void **state)
{
	(void)state;
	run_suite("papaparse.jsonl", 90);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(csv_spectrum_is_understood),
		cmocka_unit_test(papaparse_is_agreed_with_or_differed_from_for_a_reason),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
