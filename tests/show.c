/* SPDX-License-Identifier: MIT */
/* show.c - see show.h */
#include "testing.h"

#include "show.h"

#include <stdlib.h>
#include <string.h>

#include "../lib/core/bitmap.h"
#include "../lib/core/type.h"

static void print_value(FILE *f, const struct stoa_value *v)
{
	char *text;
	size_t len;

	if (v->type == STOA_NULL) {
		fputc('~', f);
		return;
	}
	len = stoa_value_print(v, NULL, 0);
	text = malloc(len + 1);
	stoa_value_print(v, text, len + 1);
	fwrite(text, 1, len, f);
	free(text);
}

int show_rows(stoa_cursor *cur, FILE *f, struct stoa_error *err)
{
	const struct stoa_value *row;
	size_t n;
	int rc;

	(void)stoa_columns(cur, &n);
	while ((rc = stoa_next(cur, &row, err)) == STOA_ROW) {
		for (size_t i = 0; i < n; i++) {
			if (i)
				fputc('|', f);
			print_value(f, &row[i]);
		}
		fputc('\n', f);
	}
	return rc;
}

static int print_batches(stoa_cursor *cur, FILE *f, struct stoa_error *err)
{
	struct stoa_batch b;
	int rc;

	while ((rc = stoa_next_batch(cur, &b, err)) == STOA_ROW)
		for (size_t r = 0; r < b.n_rows; r++) {
			for (size_t i = 0; i < b.n_columns; i++) {
				struct stoa_value v = stoa_null();
				if (stoa__bit_get(b.columns[i].validity, r))
					v = stoa__array_value(&b.columns[i], r);
				if (i)
					fputc('|', f);
				print_value(f, &v);
			}
			fputc('\n', f);
		}
	return rc;
}

char *show_cursor(stoa_cursor *cur, bool by_batch, int *rc, struct stoa_error *err)
{
	char *text = NULL;
	size_t len = 0;
	FILE *f = open_memstream(&text, &len);

	*rc = by_batch ? print_batches(cur, f, err) : show_rows(cur, f, err);
	stoa_cursor_close(cur);
	fclose(f);
	if (*rc == STOA_END)
		return text;
	free(text);
	return NULL;
}

char *show_query(stoa_txn *txn, const char *sql, struct stoa_error *err)
{
	stoa_cursor *cur;
	int rc = stoa_query(txn, sql, &cur, err);

	return rc < 0 ? NULL : show_cursor(cur, false, &rc, err);
}

void show_expect(stoa_txn *txn, const char *sql, const char *rows)
{
	struct stoa_error err;
	char *got = show_query(txn, sql, &err);

	if (!got)
		fail_msg("%s\n-> %s", sql, err.text);
	if (strcmp(got, rows) != 0)
		fail_msg("%s\n-> %s\nnot %s", sql, got, rows);
	free(got);
}

static int compare_lines(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

void show_sort(char *text)
{
	char *copy = strdup(text), *at = copy, **lines;
	size_t n = 0;

	for (const char *p = text; (p = strchr(p, '\n')); p++)
		n++;
	lines = malloc((n + 1) * sizeof *lines);
	for (size_t i = 0; i < n; i++)
		lines[i] = strsep(&at, "\n");
	qsort(lines, n, sizeof *lines, compare_lines);
	for (size_t i = 0; i < n; i++) {
		text = stpcpy(text, lines[i]);
		*text++ = '\n';
	}
	free(lines);
	free(copy);
}

void show_open(struct show_db *s, const char *const *sqls, size_t n)
{
	struct stoa_error err;

	must(stoa_open(NULL, NULL, &s->db, &err), &err);
	must(stoa_begin(s->db, STOA_WRITE, &s->txn, &err), &err);
	for (size_t i = 0; i < n; i++)
		show_expect(s->txn, sqls[i], "");
}

void show_close(struct show_db *s)
{
	struct stoa_error err;

	stoa_abort(s->txn);
	must(stoa_close(s->db, &err), &err);
}
