/* SPDX-License-Identifier: MIT */
/*
 * answer.c - see answer.h
 */
#include "answer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "duck.h"
#include "testing.h"

void answer_add(struct answer *l, char *text)
{
	if (l->n == l->cap) {
		l->cap = l->cap ? l->cap * 2 : 64;
		l->items = realloc(l->items, l->cap * sizeof *l->items);
	}
	l->items[l->n++] = text;
}

static int compare_lines(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

void answer_release(struct answer *l)
{
	for (size_t i = 0; i < l->n; i++)
		free(l->items[i]);
	free(l->items);
}

void answer_put_real(FILE *f, double x)
{
	fprintf(f, "%.10g", x == 0 ? 0.0 : x);
}

void answer_put_digits(FILE *f, const char *text)
{
	long long cents = 0;

	for (const char *p = text; *p; p++)
		if (*p >= '0' && *p <= '9')
			cents = cents * 10 + (*p - '0');
	fprintf(f, "%lld", *text == '-' ? -cents : cents);
}

/* As SQLite would show it: decimals in cents. */
static void print_ours(FILE *f, const struct stoa_value *v)
{
	char text[256];

	switch (v->type) {
	case STOA_NULL:
		fputs("~", f);
		break;
	case STOA_F32:
	case STOA_F64:
		answer_put_real(f, v->f);
		break;
	case STOA_BOOL:
	case STOA_DECIMAL:
		fprintf(f, "%lld", (long long)v->i);
		break;
	default:
		stoa_value_print(v, text, sizeof text);
		fputs(text, f);
		break;
	}
}

int ask_stoa(stoa_txn *txn, const char *sql, struct answer *out, struct stoa_error *err)
{
	const struct stoa_value *row;
	stoa_cursor *cur;
	size_t n;
	int rc = stoa_query(txn, sql, &cur, err);

	if (rc < 0)
		return rc;
	(void)stoa_columns(cur, &n);
	while ((rc = stoa_next(cur, &row, err)) == STOA_ROW) {
		char *text;
		size_t len;
		FILE *f = open_memstream(&text, &len);
		for (size_t i = 0; i < n; i++) {
			print_ours(f, &row[i]);
			fputc('|', f);
		}
		fclose(f);
		answer_add(out, text);
	}
	stoa_cursor_close(cur);
	return rc;
}

static void print_theirs(FILE *f, sqlite3_stmt *stmt, int i)
{
	switch (sqlite3_column_type(stmt, i)) {
	case SQLITE_NULL:
		fputs("~", f);
		break;
	case SQLITE_FLOAT:
		answer_put_real(f, sqlite3_column_double(stmt, i));
		break;
	case SQLITE_INTEGER:
		fprintf(f, "%lld", (long long)sqlite3_column_int64(stmt, i));
		break;
	default:
		fputs((const char *)sqlite3_column_text(stmt, i), f);
		break;
	}
}

/* A million steps of SQLite's machine, 30 times: some query of chance would take it hours. */
#define PATIENCE 30
static int lose_patience(void *left)
{
	return --*(int *)left < 0;
}

bool ask_lite(sqlite3 *lite, const char *sql, struct answer *out)
{
	sqlite3_stmt *stmt;
	int left = PATIENCE, rc;

	if (sqlite3_prepare_v2(lite, sql, -1, &stmt, NULL) != SQLITE_OK)
		fail_msg("SQLite: %s\n%s", sql, sqlite3_errmsg(lite));
	sqlite3_progress_handler(lite, 1000000, lose_patience, &left);
	while ((rc = sqlite3_step(stmt)) == SQLITE_ROW) {
		char *text;
		size_t len;
		FILE *f = open_memstream(&text, &len);
		for (int i = 0; i < sqlite3_column_count(stmt); i++) {
			print_theirs(f, stmt, i);
			fputc('|', f);
		}
		fclose(f);
		answer_add(out, text);
	}
	sqlite3_finalize(stmt);
	sqlite3_progress_handler(lite, 0, NULL, NULL);
	return rc != SQLITE_INTERRUPT;
}

void same_answers(const char *ours, struct answer *a, const char *whom, const char *theirs,
		  struct answer *b, bool ordered)
{
	if (!ordered && a->n && b->n) {
		qsort(a->items, a->n, sizeof *a->items, compare_lines);
		qsort(b->items, b->n, sizeof *b->items, compare_lines);
	}
	for (size_t i = 0; i < a->n && i < b->n; i++)
		if (strcmp(a->items[i], b->items[i]) != 0)
			fail_msg("%s\n%s\nrow %zu: stoa %s %s %s", ours, theirs, i, a->items[i],
				 whom, b->items[i]);
	if (a->n != b->n) {
		size_t n = a->n < b->n ? a->n : b->n;
		fail_msg("%s\n%s\nstoa has %zu rows, %s %zu; then comes %s", ours, theirs, a->n,
			 whom, b->n, (a->n > n ? a : b)->items[n]);
	}
}

void compare_answers(stoa_txn *txn, sqlite3 *lite, struct duck *duck, const char *ours,
		     const char *sql_lite, const char *sql_duck, bool ordered)
{
	struct answer a = { 0 }, b = { 0 }, c = { 0 };
	struct stoa_error err;

	if (ask_lite(lite, sql_lite, &b)) {
		if (ask_stoa(txn, ours, &a, &err) < 0)
			fail_msg("%s\n%s at column %u: %s", ours, stoa_result_name(err.code),
				 (unsigned)err.column, err.text);
		same_answers(ours, &a, "SQLite", sql_lite, &b, ordered);
		if (duck && duck_ask(duck, sql_duck, &c))
			same_answers(ours, &a, "DuckDB", sql_duck, &c, ordered);
	}
	answer_release(&a);
	answer_release(&b);
	answer_release(&c);
}
