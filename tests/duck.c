/* SPDX-License-Identifier: MIT */
/*
 * duck.c - see duck.h
 */
#include "duck.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "duckdb.h"
#include "testing.h"

static unsigned n_asked, n_refused; /* queries */

/* ---- a database ------------------------------------------------------------------------------ */

static void run(struct duck *d, const char *sql)
{
	struct duckdb_result r;

	if (duckdb.query(d->connection, sql, &r))
		fail_msg("DuckDB: %.500s: %s", sql, duckdb.result_error(&r));
	duckdb.destroy_result(&r);
}

struct duck *duck_open(void)
{
	static int loaded = -1;
	struct duck *d;

	if (loaded < 0) {
		loaded = duckdb_load();
		if (!loaded)
			puts("without DuckDB: STOA_DUCKDB names no library of it");
	}
	if (!loaded)
		return NULL;
	d = calloc(1, sizeof *d);
	assert_non_null(d);
	assert_int_equal(duckdb.open(NULL, &d->db), 0);
	assert_int_equal(duckdb.connect(d->db, &d->connection), 0);
	run(d, "SET threads = 1; SET integer_division = true;"
	       "SET default_null_order = 'nulls_last_on_asc_first_on_desc'");
	return d;
}

void duck_close(struct duck *d)
{
	if (!d)
		return;
	duckdb.disconnect(&d->connection);
	duckdb.close(&d->db);
	free(d);
}

/* ---- a table --------------------------------------------------------------------------------- */

static void put_type(FILE *f, const struct stoa_column *c)
{
	switch (c->type) {
	case STOA_BOOL:
		fputs("BOOLEAN", f);
		break;
	case STOA_F32:
	case STOA_F64:
		fputs("DOUBLE", f);
		break;
	case STOA_DATE:
		fputs("DATE", f);
		break;
	case STOA_DECIMAL:
		fprintf(f, "DECIMAL(%u, %u)", c->precision, c->scale);
		break;
	case STOA_STRING:
	case STOA_TEXT:
		fputs("VARCHAR", f);
		break;
	default:
		fputs("BIGINT", f);
		break;
	}
}

static void put_row(FILE *f, const struct stoa_value *row, size_t n)
{
	char text[256];

	for (size_t i = 0; i < n; i++) {
		fputs(i ? ", " : "(", f);
		if (row[i].type == STOA_NULL) {
			fputs("NULL", f);
			continue;
		}
		stoa_value_print(&row[i], text, sizeof text);
		fprintf(f, "'%s'", text);
	}
	fputs(")", f);
}

/* The rest of @cur's rows, at most @most, as one INSERT; false: there was none. */
static bool put_rows(FILE *f, const char *name, stoa_cursor *cur, size_t n_columns, size_t most)
{
	const struct stoa_value *row;
	size_t n = 0;

	while (n < most && stoa_next(cur, &row, NULL) == STOA_ROW) {
		if (n)
			fputs(", ", f);
		else
			fprintf(f, "INSERT INTO %s VALUES ", name);
		put_row(f, row, n_columns);
		n++;
	}
	return n > 0;
}

void duck_fill(struct duck *d, stoa_txn *txn, const char *name)
{
	const struct stoa_column *columns;
	struct stoa_error err;
	stoa_cursor *cur;
	char sql[64], *text;
	bool more = true;
	size_t n, len;

	snprintf(sql, sizeof sql, "SELECT * FROM %s", name);
	if (stoa_query(txn, sql, &cur, &err) < 0)
		fail_msg("%s", err.text);
	columns = stoa_columns(cur, &n);
	FILE *f = open_memstream(&text, &len);
	fprintf(f, "CREATE TABLE %s", name);
	for (size_t i = 0; i < n; i++) {
		fprintf(f, "%s%s ", i ? ", " : " (", columns[i].name);
		put_type(f, &columns[i]);
	}
	fputs(")", f);
	while (more) {
		fclose(f);
		run(d, text);
		free(text);
		f = open_memstream(&text, &len);
		more = put_rows(f, name, cur, n, 500);
	}
	fclose(f);
	free(text);
	stoa_cursor_close(cur);
}

/* ---- answers --------------------------------------------------------------------------------- */

enum { BOOLEAN = 1, FLOAT = 10, DOUBLE = 11, DECIMAL = 19 };

static void put_value(FILE *f, int type, const char *text)
{
	switch (type) {
	case BOOLEAN:
		fputs(*text == 't' ? "1" : "0", f);
		break;
	case FLOAT:
	case DOUBLE:
		answer_put_real(f, strtod(text, NULL));
		break;
	case DECIMAL:
		answer_put_digits(f, text);
		break;
	default:
		fputs(text, f);
		break;
	}
}

bool duck_ask(struct duck *d, const char *sql, struct answer *out)
{
	struct duckdb_result r;
	bool taken;

	n_asked++;
	taken = duckdb.query(d->connection, sql, &r) == 0;
	n_refused += !taken;
	for (uint64_t row = 0; taken && row < duckdb.row_count(&r); row++) {
		char *line;
		size_t len;
		FILE *f = open_memstream(&line, &len);
		for (uint64_t i = 0; i < duckdb.column_count(&r); i++) {
			char *text = duckdb.value_is_null(&r, i, row) ?
					     NULL :
					     duckdb.value_varchar(&r, i, row);
			if (text)
				put_value(f, duckdb.column_type(&r, i), text);
			else
				fputc('~', f);
			fputc('|', f);
			duckdb.free(text);
		}
		fclose(f);
		answer_add(out, line);
	}
	duckdb.destroy_result(&r);
	return taken;
}

void duck_report(void)
{
	if (n_asked)
		printf("DuckDB refused %u of %u\n", n_refused, n_asked);
	assert_true(n_refused <= n_asked / 10);
}
