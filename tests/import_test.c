/* SPDX-License-Identifier: MIT */
/* import_test.c - CSV files become tables: all of the file or nothing */
#include "testing.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../lib/core/alloc.h"
#include "../lib/core/type.h"

/* A database in memory, or in a directory of its own, with a write transaction open. */
struct fixture {
	char *dir;
	stoa_db *db;
	stoa_txn *txn;
	struct stoa_error err;
	uint64_t rows;
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof *f);

	assert_non_null(f);
	f->dir = testing_tempdir();
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
	free(f);
	return 0;
}

static const char *write_file(struct fixture *f, const char *text, size_t len)
{
	const char *path = testing_path(f->dir, "file.csv");
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	assert_int_equal(fwrite(text, 1, len, file), len);
	assert_int_equal(fclose(file), 0);
	return path;
}

/* Imports @text into table t. */
static int import_with(struct fixture *f, const char *text, size_t len,
		       const struct stoa_csv_options *options)
{
	memset(&f->err, 0, sizeof f->err);
	f->rows = 99;
	return stoa_import_csv(f->txn, "t", write_file(f, text, len), options, &f->rows, &f->err);
}

static int import(struct fixture *f, const char *text)
{
	return import_with(f, text, strlen(text), NULL);
}

static void assert_imports(struct fixture *f, const char *text, uint64_t rows)
{
	if (import(f, text) != STOA_OK)
		fail_msg("%s", f->err.text);
	assert_int_equal(f->rows, rows);
}

static void assert_fails(struct fixture *f, const char *text, int code, uint64_t line,
			 uint64_t column, const char *words)
{
	assert_int_equal(import(f, text), code);
	if (!strstr(f->err.text, words) || !strstr(f->err.text, "file.csv"))
		fail_msg("%s", f->err.text);
	assert_int_equal(f->err.code, code);
	assert_int_equal(f->err.line, line);
	assert_int_equal(f->err.column, column);
	assert_int_equal(f->rows, 99);
}

static bool table_exists(struct fixture *f)
{
	stoa_table table;

	return stoa_table_find(f->txn, "t", &table, NULL) == STOA_OK;
}

static uint64_t count_rows(struct fixture *f)
{
	struct stoa_table_info info;
	stoa_table table;

	assert_int_equal(stoa_table_find(f->txn, "t", &table, &f->err), STOA_OK);
	assert_int_equal(stoa_table_info(f->txn, table, &info, &f->err), STOA_OK);
	return info.n_rows;
}

/* The slots as "name:type name:type". */
static void assert_slots(struct fixture *f, const char *want)
{
	struct stoa_table_info info;
	char got[1000];
	size_t n = 0;
	stoa_table table;

	got[0] = 0;
	assert_int_equal(stoa_table_find(f->txn, "t", &table, &f->err), STOA_OK);
	assert_int_equal(stoa_table_info(f->txn, table, &info, &f->err), STOA_OK);
	for (size_t i = 0; i < info.n_slots; i++) {
		char type[32];

		stoa__type_print(&info.slots[i], type, sizeof type);
		n += (size_t)snprintf(got + n, sizeof got - n, "%s%s:%s", i ? " " : "",
				      info.slots[i].name, type);
	}
	assert_string_equal(got, want);
}

/* All rows as "value|value;value|value", NULL as ~. */
static void assert_rows(struct fixture *f, const char *want)
{
	const struct stoa_value *row;
	stoa_cursor *cur;
	stoa_table table;
	char got[4000];
	size_t n = 0, n_columns;
	int rc;

	got[0] = 0;
	assert_int_equal(stoa_table_find(f->txn, "t", &table, &f->err), STOA_OK);
	assert_int_equal(stoa_scan(f->txn, table, NULL, 0, &cur, &f->err), STOA_OK);
	stoa_columns(cur, &n_columns);
	while ((rc = stoa_next(cur, &row, &f->err)) == STOA_ROW) {
		n += (size_t)snprintf(got + n, sizeof got - n, "%s", n ? ";" : "");
		for (size_t i = 0; i < n_columns; i++) {
			n += (size_t)snprintf(got + n, sizeof got - n, "%s%s", i ? "|" : "",
					      row[i].type == STOA_NULL ? "~" : "");
			n += stoa_value_print(&row[i], got + n, sizeof got - n);
		}
	}
	assert_int_equal(rc, STOA_END);
	stoa_cursor_close(cur);
	assert_string_equal(got, want);
}

/* ---- new tables ------------------------------------------------------------------------- */

static void a_missing_table_is_made_with_the_types_of_the_file(void **state)
{
	struct fixture *f = *state;

	assert_imports(f,
		       "id,name,price,born,ok,note\n"
		       "1,tea,2.50,2024-02-29,true,\n"
		       "2,\"ol, \"\"x\"\"\",13.00,1970-01-01,false,\"two\nlines\"\n",
		       2);
	assert_slots(f, "id:i32 name:string price:decimal(18,2) born:date ok:bool note:string");
	assert_rows(f,
		    "1|tea|2.50|2024-02-29|true|~;2|ol, \"x\"|13.00|1970-01-01|false|two\nlines");
}

static void line_ends_marks_and_blank_lines_do_not_matter(void **state)
{
	struct fixture *f = *state;

	assert_imports(f, "\xef\xbb\xbf" "a,b\r\n\r\n1,x\r\n\n2,y\r\n3,\"z\"", 3);
	assert_slots(f, "a:i32 b:string");
	assert_rows(f, "1|x;2|y;3|z");
}

static void a_file_without_a_header_has_numbered_columns(void **state)
{
	struct fixture *f = *state;

	assert_imports(f, "1;2.5\n3;4.5\n", 2);
	assert_slots(f, "c1:i32 c2:decimal(18,1)");
}

static void a_header_alone_makes_an_empty_table(void **state)
{
	struct fixture *f = *state;

	assert_imports(f, "a,b\n", 0);
	assert_slots(f, "a:string b:string");
	assert_int_equal(count_rows(f), 0);
}

static void an_empty_file_makes_no_table(void **state)
{
	struct fixture *f = *state;

	assert_fails(f, "", STOA_ESYNTAX, 1, 1, "empty");
	assert_false(table_exists(f));
}

static void options_say_what_cannot_be_seen(void **state)
{
	struct stoa_csv_options o = STOA_CSV_OPTIONS_INIT;
	struct fixture *f = *state;
	static const char text[] = "a:'b:c'\n-:7\n";

	o.delimiter = ':';
	o.quote = '\'';
	o.header = 0;
	o.null_text = "-";
	assert_int_equal(import_with(f, text, sizeof text - 1, &o), STOA_OK);
	assert_rows(f, "a|b:c;~|7");
}

static void bad_options_are_refused(void **state)
{
	struct stoa_csv_options o = STOA_CSV_OPTIONS_INIT;
	struct fixture *f = *state;

	o.size = 1;
	assert_int_equal(import_with(f, "a\n1\n", 4, &o), STOA_EINVAL);
	o.size = sizeof o;
	o.delimiter = '"';
	assert_int_equal(import_with(f, "a\n1\n", 4, &o), STOA_EINVAL);
	o.delimiter = '\n';
	assert_int_equal(import_with(f, "a\n1\n", 4, &o), STOA_EINVAL);
	o.delimiter = '\xc3';
	assert_int_equal(import_with(f, "a\n1\n", 4, &o), STOA_EINVAL);
	o.delimiter = 0;
	o.header = 2;
	assert_int_equal(import_with(f, "a\n1\n", 4, &o), STOA_EINVAL);
	assert_int_equal(stoa_import_csv(f->txn, NULL, "x", NULL, NULL, &f->err), STOA_EINVAL);
	assert_int_equal(stoa_import_csv(f->txn, "t", "/no/such", NULL, NULL, &f->err),
			 STOA_ENOTFOUND);
	assert_false(table_exists(f));
}

/* ---- tables that are there -------------------------------------------------------------- */

static void make_table(struct fixture *f)
{
	static const struct stoa_slot slots[] = {
		{ "id", STOA_I16, 0, 0, STOA_NOT_NULL, { 0 }, 0 },
		{ "name", STOA_STRING, 0, 0, 0, { 0 }, 0 },
		{ "price", STOA_DECIMAL, 6, 2, 0, { 0 }, 0 },
		{ "kind", STOA_STRING, 0, 0, STOA_NOT_NULL,
		  { STOA_STRING, 0, 0, 4, { .p = "none" } }, 0 },
	};
	stoa_table table;

	assert_int_equal(stoa_table_create(f->txn, "T", slots, 4, &table, &f->err), STOA_OK);
}

static void columns_find_their_slots_by_name(void **state)
{
	struct fixture *f = *state;

	make_table(f);
	assert_imports(f, "Price,ID\n1.5,1\n,2\n", 2);
	assert_rows(f, "1|~|1.50|none;2|~|~|none");
	assert_imports(f, "id,name,price,kind\n3,x,9999.99,y\n", 1);
	assert_imports(f, "", 0);
	assert_imports(f, "4,z,1,k\n", 1);		/* no header: by position */
	assert_rows(f, "1|~|1.50|none;2|~|~|none;3|x|9999.99|y;4|z|1.00|k");
}

static void what_does_not_fit_the_table_is_told_with_its_place(void **state)
{
	struct fixture *f = *state;

	make_table(f);
	assert_fails(f, "id,colour\n1,red\n", STOA_ENOTFOUND, 1, 0, "\"colour\"");
	assert_fails(f, "name\nx\n", STOA_ENULL, 0, 0, "\"id\"");
	assert_fails(f, "1,2\n", STOA_EINVAL, 0, 0, "4 slots");
	assert_fails(f, "id,price\n1,2\n2,12345.67\n", STOA_ERANGE, 3, 3,
		     "\"12345.67\" does not fit decimal(6,2)");
	assert_fails(f, "id,name\n1,a\n\n,b\n", STOA_ENULL, 4, 1, "not null");
	assert_fails(f, "name,id\n\"a\nb\",1\nc,40000\n", STOA_ERANGE, 4, 3, "40000");
	assert_fails(f, "id,price\n1,2\n2,cheap\n", STOA_ETYPE, 3, 3,
		     "\"cheap\" is no decimal(6,2)");
	assert_fails(f, "id,name\n1,a\n2,\"b\"c\n", STOA_ESYNTAX, 3, 6, "closing quote");
	assert_fails(f, "id,name\n1,a\n2,b,c\n", STOA_ESYNTAX, 3, 1, "3 fields");
	assert_fails(f, "id,name\n1,a\n2,\xff\n", STOA_ESYNTAX, 3, 3, "UTF-8");
	assert_int_equal(count_rows(f), 0);
}

/* ---- large files ------------------------------------------------------------------------ */

struct text {
	char *p;
	size_t len, cap;
};

static void add_line(struct text *t, const char *line)
{
	size_t n = strlen(line);

	if (t->len + n > t->cap) {
		t->cap = 2 * t->cap + n + (1 << 20);
		t->p = realloc(t->p, t->cap);
		assert_non_null(t->p);
	}
	memcpy(t->p + t->len, line, n);
	t->len += n;
}

static void rows_keep_the_order_of_the_file(void **state)
{
	struct fixture *f = *state;
	struct text t = { NULL, 0, 0 };
	struct stoa_csv_options o = STOA_CSV_OPTIONS_INIT;
	struct stoa_batch batch;
	stoa_cursor *cur;
	stoa_table table;
	int64_t next = 0;
	int rc;

	add_line(&t, "n,s\n");
	for (int i = 0; i < 300000; i++) {
		char line[40];

		snprintf(line, sizeof line, i % 1000 ? "%d,v%d\n" : "%d,\"quoted\nv%d\"\n", i,
			 i % 50);
		add_line(&t, line);
	}
	o.n_threads = 3;
	assert_int_equal(import_with(f, t.p, t.len, &o), STOA_OK);
	assert_int_equal(f->rows, 300000);
	assert_int_equal(stoa_table_find(f->txn, "t", &table, &f->err), STOA_OK);
	assert_int_equal(stoa_scan(f->txn, table, NULL, 0, &cur, &f->err), STOA_OK);
	while ((rc = stoa_next_batch(cur, &batch, &f->err)) == STOA_ROW) {
		for (size_t i = 0; i < batch.n_rows; i++, next++) {
			struct stoa_value v = stoa__array_value(&batch.columns[0], i);
			struct stoa_value s = stoa__array_value(&batch.columns[1], i);
			char want[32];

			assert_int_equal(v.i, next);
			snprintf(want, sizeof want, next % 1000 ? "v%d" : "quoted\nv%d",
				 (int)(next % 50));
			assert_int_equal(s.len, strlen(want));
			assert_memory_equal(s.p, want, s.len);
		}
	}
	assert_int_equal(rc, STOA_END);
	assert_int_equal(next, 300000);
	stoa_cursor_close(cur);
	free(t.p);
}

/* A value that the sample does not show, in a file larger than the sample. */
static void a_late_misfit_widens_the_column_and_loses_nothing(void **state)
{
	struct fixture *f = *state;
	struct text t = { NULL, 0, 0 };
	struct stoa_value first, late;
	struct stoa_value row[3];
	stoa_table table;
	uint64_t n = 0, misfit = 0;

	add_line(&t, "a,b,c\n");
	for (; t.len < (6 << 20); n++) {
		bool now = !misfit && t.len > (4 << 20) + 100000;

		add_line(&t, now ? "x7,1.5,1\n" : "7000001,2.5,1\n");
		misfit = now ? n + 1 : misfit;
	}
	assert_int_equal(import_with(f, t.p, t.len, NULL), STOA_OK);
	assert_int_equal(f->rows, n);
	assert_slots(f, "a:string b:decimal(18,1) c:i32");
	assert_int_equal(stoa_table_find(f->txn, "t", &table, &f->err), STOA_OK);
	assert_int_equal(stoa_get(f->txn, table, misfit, row, 3, &f->err), STOA_OK);
	late = row[0];
	assert_memory_equal(late.p, "x7", 2);
	assert_int_equal(stoa_get(f->txn, table, 1, row, 3, &f->err), STOA_OK);
	first = row[0];
	assert_memory_equal(first.p, "7000001", 7);
	free(t.p);
}

static void a_late_error_leaves_nothing_behind(void **state)
{
	struct fixture *f = *state;
	struct text t = { NULL, 0, 0 };
	uint64_t line = 1, bad = 0;

	add_line(&t, "a,b\n");
	while (t.len < (6 << 20)) {
		bool now = !bad && t.len > (4 << 20) + 100000;

		add_line(&t, now ? "1,2,3\n" : "1000001,2.5\n");
		line++;
		bad = now ? line : bad;
	}
	assert_int_equal(import_with(f, t.p, t.len, NULL), STOA_ESYNTAX);
	assert_int_equal(f->err.line, bad);
	assert_int_equal(f->err.column, 1);
	assert_false(table_exists(f));
	assert_int_equal(f->rows, 99);
	assert_imports(f, "a,b\n1,2\n", 1);	/* and the transaction goes on */
	free(t.p);
}

static int cancel(void *ctx, const struct stoa_progress *now)
{
	(void)now;
	++*(int *)ctx;
	return 1;
}

static int watch(void *ctx, const struct stoa_progress *now)
{
	*(struct stoa_progress *)ctx = *now;
	return 0;
}

static void progress_is_reported_and_may_cancel(void **state)
{
	struct stoa_csv_options o = STOA_CSV_OPTIONS_INIT;
	struct fixture *f = *state;
	struct stoa_progress last = { 0 };
	int calls = 0;

	o.progress = cancel;
	o.ctx = &calls;
	assert_int_equal(import_with(f, "a,b\n1,2\n", 8, &o), STOA_ECANCELED);
	assert_int_equal(calls, 1);
	assert_false(table_exists(f));
	o.progress = watch;
	o.ctx = &last;
	assert_int_equal(import_with(f, "a,b\n1,2\n", 8, &o), STOA_OK);
	assert_int_equal(last.rows, 1);
	assert_int_equal(last.bytes, 8);
	assert_int_equal(last.total_bytes, 8);
}

static void an_aborted_transaction_forgets_the_import(void **state)
{
	struct fixture *f = *state;

	assert_imports(f, "a,b\n1,2\n", 1);
	stoa_abort(f->txn);
	assert_int_equal(stoa_begin(f->db, STOA_WRITE, &f->txn, &f->err), STOA_OK);
	assert_false(table_exists(f));
}

static void a_read_transaction_imports_nothing(void **state)
{
	struct fixture *f = *state;

	stoa_abort(f->txn);
	assert_int_equal(stoa_begin(f->db, STOA_READ, &f->txn, &f->err), STOA_OK);
	assert_true(import(f, "a,b\n1,2\n") < 0);
	assert_false(table_exists(f));
}

static void an_import_is_there_when_the_database_is_opened_again(void **state)
{
	struct fixture *f = *state;
	const char *path = testing_path(f->dir, "d.stoa");

	stoa_abort(f->txn);
	assert_int_equal(stoa_close(f->db, &f->err), STOA_OK);
	assert_int_equal(stoa_open(path, NULL, &f->db, &f->err), STOA_OK);
	assert_int_equal(stoa_begin(f->db, STOA_WRITE, &f->txn, &f->err), STOA_OK);
	assert_imports(f, "id,name\n1,a\n2,\n3,a\n", 3);
	assert_int_equal(stoa_commit(f->txn, &f->err), STOA_OK);
	assert_int_equal(stoa_close(f->db, &f->err), STOA_OK);
	assert_int_equal(stoa_open(testing_path(f->dir, "d.stoa"), NULL, &f->db, &f->err), STOA_OK);
	assert_int_equal(stoa_begin(f->db, STOA_WRITE, &f->txn, &f->err), STOA_OK);
	assert_rows(f, "1|a;2|~;3|a");
	assert_imports(f, "id,name\n4,b\n", 1);
	assert_rows(f, "1|a;2|~;3|a;4|b");
}

/* ---- every type, every allocation ------------------------------------------------------- */

#define N_TYPES 19

static struct stoa_value random_value(unsigned type, uint64_t *seed)
{
	static const char *const words[] = { "",    "a",    "two words",  "say \"hi\"",
					     "a,b", "x\ny", "caf\xc3\xa9" };
	const char *word = words[testing_below(seed, 7)];
	unsigned shift = (unsigned)testing_below(seed, 64);
	struct stoa_value v = stoa_null();
	int64_t min, max;

	if (testing_below(seed, 10) == 0)
		return v;
	v.type = (uint8_t)type;
	switch (stoa__type_family(type)) {
	case STOA__INT:
		stoa__type_range(type, 9, &min, &max);
		v.i = (int64_t)testing_random(seed) >> shift;
		v.i = v.i < min || v.i > max ? (v.i & 1 ? min : max) : v.i;
		v.scale = type == STOA_DECIMAL ? 3 : 0;
		break;
	case STOA__UINT: v.u = testing_random(seed) >> (64 - 8 * stoa__type_width(type)); break;
	case STOA__FLOAT:
		v.f = (double)(int64_t)testing_random(seed) / (double)(testing_random(seed) | 1);
		v.f = type == STOA_F32 ? (double)(float)v.f : v.f;
		break;
	case STOA__UUID: v.u = testing_random(seed); break;
	default: v.p = word; v.len = (uint32_t)strlen(word); break;
	}
	return v;
}

/* A value as a field: bytes in quotes, so that the empty string is not NULL. */
static void add_field(struct text *t, const struct stoa_value *v, bool last)
{
	bool bytes = v->type == STOA_STRING || v->type == STOA_TEXT;
	char printed[100], field[220] = "";
	size_t n = 0, len = stoa_value_print(v, printed, sizeof printed);

	if (bytes)
		field[n++] = '"';
	for (size_t i = 0; i < len; i++) {
		if (printed[i] == '"')
			field[n++] = '"';
		field[n++] = printed[i];
	}
	if (bytes)
		field[n++] = '"';
	field[n++] = last ? '\n' : ',';
	field[n] = 0;
	add_line(t, field);
}

static void random_rows_of_every_type_come_back(void **state)
{
	enum { N = 3000 };
	static struct stoa_value model[N][N_TYPES];
	struct stoa_slot slots[N_TYPES];
	char names[N_TYPES][4];
	struct fixture *f = *state;
	uint64_t seed = testing_seed();
	struct text t = { NULL, 0, 0 };
	const struct stoa_value *row;
	stoa_cursor *cur;
	stoa_table table;
	size_t at = 0;

	memset(slots, 0, sizeof slots);
	for (unsigned i = 0; i < N_TYPES; i++) {
		snprintf(names[i], sizeof names[i], "s%u", i);
		slots[i].name = names[i];
		slots[i].type = (uint8_t)(STOA_BOOL + i);
		slots[i].precision = slots[i].type == STOA_DECIMAL ? 9 : 0;
		slots[i].scale = slots[i].type == STOA_DECIMAL ? 3 : 0;
		add_line(&t, names[i]);
		add_line(&t, i == N_TYPES - 1 ? "\n" : ",");
	}
	for (size_t r = 0; r < N; r++) {
		for (unsigned i = 0; i < N_TYPES; i++) {
			model[r][i] = random_value(STOA_BOOL + i, &seed);
			add_field(&t, &model[r][i], i == N_TYPES - 1);
		}
	}
	assert_int_equal(stoa_table_create(f->txn, "t", slots, N_TYPES, &table, &f->err), STOA_OK);
	if (import_with(f, t.p, t.len, NULL) != STOA_OK)
		fail_msg("%s line %d", f->err.text, (int)f->err.line);
	assert_int_equal(f->rows, N);
	assert_int_equal(stoa_scan(f->txn, table, NULL, 0, &cur, &f->err), STOA_OK);
	for (; stoa_next(cur, &row, &f->err) == STOA_ROW; at++) {
		for (unsigned i = 0; i < N_TYPES; i++) {
			assert_int_equal(row[i].type, model[at][i].type);
			if (row[i].type != STOA_NULL &&
			    stoa__value_compare(&row[i], &model[at][i]) != 0)
				fail_msg("row %d, slot %u", (int)at, i);
		}
	}
	assert_int_equal(at, N);
	stoa_cursor_close(cur);
	free(t.p);
}

static void an_import_without_memory_fails_and_changes_nothing(void **state)
{
	static const char text[] = "id,name,price\n1,a,2.50\n2,b,3.50\n";
	struct fixture *f = *state;
	const char *path = write_file(f, text, sizeof text - 1);

	for (long nth = 0;; nth++) {
		uint64_t rows;
		bool fired;
		int rc;

		stoa__fault_arm(nth, false);
		rc = stoa_import_csv(f->txn, "t", path, NULL, &rows, &f->err);
		fired = stoa__fault_disarm();
		if (rc != STOA_OK && (rc != STOA_ENOMEM || !fired))
			fail_msg("allocation %ld: %d %s", nth, rc, f->err.text);
		assert_int_equal(table_exists(f), rc == STOA_OK);
		if (rc == STOA_OK) {	/* some can be done without, for a better encoding, say */
			stoa_table table;

			assert_rows(f, "1|a|2.50;2|b|3.50");
			assert_int_equal(stoa_table_find(f->txn, "t", &table, &f->err), STOA_OK);
			assert_int_equal(stoa_table_drop(f->txn, table, &f->err), STOA_OK);
		}
		if (!fired)
			return;
	}
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(a_missing_table_is_made_with_the_types_of_the_file),
		TEST(line_ends_marks_and_blank_lines_do_not_matter),
		TEST(a_file_without_a_header_has_numbered_columns),
		TEST(a_header_alone_makes_an_empty_table),
		TEST(an_empty_file_makes_no_table),
		TEST(options_say_what_cannot_be_seen),
		TEST(bad_options_are_refused),
		TEST(columns_find_their_slots_by_name),
		TEST(what_does_not_fit_the_table_is_told_with_its_place),
		TEST(rows_keep_the_order_of_the_file),
		TEST(a_late_misfit_widens_the_column_and_loses_nothing),
		TEST(a_late_error_leaves_nothing_behind),
		TEST(progress_is_reported_and_may_cancel),
		TEST(an_aborted_transaction_forgets_the_import),
		TEST(a_read_transaction_imports_nothing),
		TEST(an_import_is_there_when_the_database_is_opened_again),
		TEST(random_rows_of_every_type_come_back),
		TEST(an_import_without_memory_fails_and_changes_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
