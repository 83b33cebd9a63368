/* SPDX-License-Identifier: MIT */
/*
 * sql_differential_test.c - random queries, answered by stoa, by SQLite, and where there is one by
 * DuckDB, must agree
 *
 * A generator writes each query in two dialects at once: what it says to stoa on the left, to
 * SQLite on the right. It stays where the two mean the same, or can be made to: values have one
 * type each (SQLite compares across types in its own way), divisors are never zero (SQLite says
 * NULL), products stay small (SQLite turns to doubles), NULLs are placed explicitly in ORDER BY.
 * Dates are text in SQLite, booleans 0 and 1, decimals count cents.
 *
 * DuckDB reads what stoa reads; where types are left open (functions of a bare NULL) it refuses,
 * which is counted.
 *
 * Rows are compared as text, sorted unless the query orders all of its columns.
 */
#include "testing.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "answer.h"
#include "duck.h"

enum kind { INT, BIG, REAL, TEXT, DATE, BOOL, MONEY, N_KINDS };

#define COLUMNS 12
#define DUCK_ROWS 5000	/* more take too long to hand over as text */
struct column {
	char name[8];
	enum kind kind;
};

struct world {
	uint64_t rng;
	stoa_db *db;
	stoa_txn *txn;
	sqlite3 *lite;
	struct duck *duck;	/* NULL: there is none, or the table is too large for it */
	struct column columns[COLUMNS];
	FILE *a, *b;		/* the query, as stoa and as SQLite read it */
};

static unsigned below(struct world *w, unsigned n)
{
	return (unsigned)testing_below(&w->rng, n);
}
static bool chance(struct world *w, unsigned percent)
{
	return below(w, 100) < percent;
}

/* ---- values --------------------------------------------------------------------------------- */

static const char *const words[] = { "tea",  "Tea",   "coffee", "milk", "a_b",	 "100%", "",
				     "oats", "barley", "rye",	"x",	"wheat", "TEA",	 "mi lk" };
#define N_WORDS (sizeof words / sizeof *words)

static struct stoa_value random_value(struct world *w, enum kind kind)
{
	struct stoa_value v;

	if (chance(w, 12))
		return stoa_null();
	switch (kind) {
	case INT: return stoa_i64((int64_t)below(w, 41) - 20);
	case BIG: return stoa_i64((int64_t)(testing_random(&w->rng) >> 24) - (1ll << 39));
	case REAL: return stoa_f64(((double)below(w, 801) - 400) / 4);
	case TEXT: return stoa_text(words[below(w, N_WORDS)]);
	case BOOL: return stoa_bool(below(w, 2));
	case MONEY: return stoa_decimal((int64_t)below(w, 20001) - 10000, 2);
	default:
		v = stoa_i64(18000 + below(w, 3000));
		v.type = STOA_DATE;
		return v;
	}
}

static const struct stoa_slot *slot_of(enum kind kind)
{
	static const struct stoa_slot slots[N_KINDS] = {
		[INT] = { .type = STOA_I16 },	  [BIG] = { .type = STOA_I64 },
		[REAL] = { .type = STOA_F64 },	  [TEXT] = { .type = STOA_STRING },
		[DATE] = { .type = STOA_DATE },	  [BOOL] = { .type = STOA_BOOL },
		[MONEY] = { .type = STOA_DECIMAL, .precision = 12, .scale = 2 },
	};

	return &slots[kind];
}

/* A value as SQLite keeps it. */
static void bind_lite(sqlite3_stmt *stmt, int i, const struct stoa_value *v)
{
	char text[32];

	switch (v->type) {
	case STOA_NULL: sqlite3_bind_null(stmt, i); break;
	case STOA_F64: sqlite3_bind_double(stmt, i, v->f); break;
	case STOA_TEXT: sqlite3_bind_text(stmt, i, v->p, (int)v->len, SQLITE_TRANSIENT); break;
	case STOA_DATE:
		stoa_value_print(v, text, sizeof text);
		sqlite3_bind_text(stmt, i, text, -1, SQLITE_TRANSIENT);
		break;
	default: sqlite3_bind_int64(stmt, i, v->i); break;
	}
}

/* ---- tables --------------------------------------------------------------------------------- */

static void run_lite(struct world *w, const char *sql)
{
	char *message = NULL;

	if (sqlite3_exec(w->lite, sql, NULL, NULL, &message) != SQLITE_OK)
		fail_msg("%s: %s", sql, message);
}

static stoa_table make_table(struct world *w)
{
	static const char *const types[N_KINDS] = { "INTEGER", "INTEGER", "REAL",   "TEXT",
						    "TEXT",    "INTEGER", "INTEGER" };
	struct stoa_slot slots[COLUMNS];
	char sql[1000] = "CREATE TABLE t (", *p = sql + strlen(sql);
	struct stoa_error err;
	stoa_table t;

	for (size_t i = 0; i < COLUMNS; i++) {
		struct column *c = &w->columns[i];
		c->kind = i < N_KINDS ? (enum kind)i : (enum kind)below(w, N_KINDS);
		snprintf(c->name, sizeof c->name, "c%zu", i);
		slots[i] = *slot_of(c->kind);
		slots[i].name = c->name;
		p += sprintf(p, "%s%s %s", i ? ", " : "", c->name, types[c->kind]);
	}
	strcpy(p, ")");
	run_lite(w, sql);
	assert_int_equal(stoa_table_create(w->txn, "t", slots, COLUMNS, &t, &err), STOA_OK);
	return t;
}

static void insert_rows(struct world *w, stoa_table t, size_t n)
{
	sqlite3_stmt *stmt;
	struct stoa_error err;

	assert_int_equal(
		sqlite3_prepare_v2(w->lite,
				   "INSERT INTO t VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", -1,
				   &stmt, NULL),
		SQLITE_OK);
	for (size_t r = 0; r < n; r++) {
		struct stoa_value row[COLUMNS];
		for (int i = 0; i < COLUMNS; i++) {
			row[i] = random_value(w, w->columns[i].kind);
			bind_lite(stmt, i + 1, &row[i]);
		}
		if (stoa_insert(w->txn, t, row, COLUMNS, NULL, &err) < 0)
			fail_msg("insert: %s", err.text);
		assert_int_equal(sqlite3_step(stmt), SQLITE_DONE);
		sqlite3_reset(stmt);
	}
	sqlite3_finalize(stmt);
}

/* Some rows change, some go; rowids are the same on both sides. */
static void disturb_rows(struct world *w, stoa_table t, size_t n_rows, size_t n)
{
	char sql[100];
	struct stoa_error err;

	for (size_t k = 0; k < n; k++) {
		stoa_rowid row = 1 + testing_below(&w->rng, n_rows);
		uint32_t i = below(w, COLUMNS);
		sqlite3_stmt *stmt;
		if (chance(w, 40)) {
			(void)!stoa_delete(w->txn, t, row, &err);
			snprintf(sql, sizeof sql, "DELETE FROM t WHERE rowid = %llu",
				 (unsigned long long)row);
			run_lite(w, sql);
			continue;
		}
		struct stoa_value v = random_value(w, w->columns[i].kind);
		(void)!stoa_update(w->txn, t, row, &i, &v, 1, &err);
		snprintf(sql, sizeof sql, "UPDATE t SET c%u = ? WHERE rowid = %llu", i,
			 (unsigned long long)row);
		sqlite3_prepare_v2(w->lite, sql, -1, &stmt, NULL);
		bind_lite(stmt, 1, &v);
		sqlite3_step(stmt);
		sqlite3_finalize(stmt);
	}
}

static void open_world(struct world *w, size_t n_rows)
{
	struct stoa_error err;

	assert_int_equal(stoa_open(NULL, NULL, &w->db, &err), STOA_OK);
	assert_int_equal(stoa_begin(w->db, STOA_WRITE, &w->txn, &err), STOA_OK);
	assert_int_equal(sqlite3_open(":memory:", &w->lite), SQLITE_OK);
	run_lite(w, "PRAGMA case_sensitive_like = ON; BEGIN");
	stoa_table t = make_table(w);
	insert_rows(w, t, n_rows);
	if (n_rows)
		disturb_rows(w, t, n_rows, n_rows / 20);
	w->duck = n_rows <= DUCK_ROWS ? duck_open() : NULL;
	if (w->duck)
		duck_fill(w->duck, w->txn, "t");
}

static void close_world(struct world *w)
{
	struct stoa_error err;

	stoa_abort(w->txn);
	assert_int_equal(stoa_close(w->db, &err), STOA_OK);
	sqlite3_close(w->lite);
	duck_close(w->duck);
}

/* ---- expressions ---------------------------------------------------------------------------- */

static void both(struct world *w, const char *text)
{
	fputs(text, w->a);
	fputs(text, w->b);
}
static void each(struct world *w, const char *a, const char *b)
{
	fputs(a, w->a);
	fputs(b, w->b);
}

static const char *column_of(struct world *w, enum kind kind)
{
	for (;;) {
		const struct column *c = &w->columns[below(w, COLUMNS)];
		if (c->kind == kind)
			return c->name;
	}
}

static void literal(struct world *w, enum kind kind)
{
	char text[64], quoted[80];
	struct stoa_value v = random_value(w, kind);

	if (v.type == STOA_NULL) {
		both(w, "NULL");
		return;
	}
	stoa_value_print(&v, text, sizeof text);
	if (kind == TEXT) {
		snprintf(quoted, sizeof quoted, "'%s'", text);
		both(w, quoted);
	} else if (kind == DATE) {
		snprintf(quoted, sizeof quoted, "'%s'", text);
		fputs("DATE ", w->a);
		both(w, quoted);
	} else if (kind == MONEY) {
		fputs(text, w->a);
		fprintf(w->b, "%lld", (long long)v.i);
	} else if (kind == REAL) {
		fprintf(w->a, "%se0", text);
		fprintf(w->b, "%.6f", v.f);
	} else if (kind == BOOL) {
		each(w, text, v.i ? "1" : "0");
	} else {
		both(w, text);
	}
}

static void leaf(struct world *w, enum kind kind)
{
	if (chance(w, 75))
		both(w, column_of(w, kind));
	else
		literal(w, kind);
}

static void expr(struct world *w, enum kind kind, int depth);

static void two(struct world *w, enum kind kind, int depth, const char *op)
{
	both(w, "(");
	expr(w, kind, depth - 1);
	both(w, op);
	expr(w, kind, depth - 1);
	both(w, ")");
}

static void call(struct world *w, const char *a, const char *b, enum kind kind, int depth)
{
	each(w, a, b);
	both(w, "(");
	expr(w, kind, depth - 1);
}

static void case_expr(struct world *w, enum kind kind, int depth)
{
	both(w, "CASE WHEN ");
	expr(w, BOOL, depth - 1);
	both(w, " THEN ");
	expr(w, kind, depth - 1);
	if (chance(w, 30)) {
		both(w, " WHEN ");
		expr(w, BOOL, depth - 1);
		both(w, " THEN ");
		expr(w, kind, depth - 1);
	}
	if (chance(w, 70)) {
		both(w, " ELSE ");
		expr(w, kind, depth - 1);
	}
	both(w, " END");
}

/*
 * What every type has. A bare literal would leave the type open: SQLite then compares by its own
 * rules.
 */
static void any_expr(struct world *w, enum kind kind, int depth)
{
	switch (below(w, 3)) {
	case 0: case_expr(w, kind, depth); break;
	case 1:
		both(w, "coalesce(");
		expr(w, kind, depth - 1);
		both(w, ", ");
		expr(w, kind, depth - 1);
		both(w, ")");
		break;
	default:
		both(w, "nullif(");
		both(w, column_of(w, kind));
		both(w, ", ");
		expr(w, kind, depth - 1);
		both(w, ")");
		break;
	}
}

static void int_expr(struct world *w, int depth)
{
	char text[40];

	switch (below(w, 9)) {
	case 0: two(w, INT, depth, " + "); break;
	case 1: two(w, INT, depth, " - "); break;
	case 2:
		both(w, "(");
		expr(w, INT, depth - 1);
		snprintf(text, sizeof text, " * %d)", (int)below(w, 19) - 9);
		both(w, text);
		break;
	case 3:
		both(w, "(");
		expr(w, INT, depth - 1);
		snprintf(text, sizeof text, " %c %d)", chance(w, 50) ? '/' : '%',
			 chance(w, 50) ? 1 + (int)below(w, 9) : -1 - (int)below(w, 9));
		both(w, text);
		break;
	case 4:
		both(w, "(");
		expr(w, INT, depth - 1);
		both(w, chance(w, 50) ? " / " : " % ");
		both(w, "nullif(");
		both(w, column_of(w, INT));
		both(w, ", 0))");
		break;
	case 5:
		call(w, "abs", "abs", INT, depth);
		both(w, " + 0)");	/* of a bare NULL it would be a double */
		break;
	case 6:
		call(w, "length", "length", TEXT, depth);
		both(w, ")");
		break;
	case 7:
		each(w, "extract(month from ", "CAST(strftime('%m', ");
		both(w, column_of(w, DATE));
		each(w, ")", ") AS INTEGER)");
		break;
	default:
		call(w, "strpos", "instr", TEXT, depth);
		both(w, ", ");
		leaf(w, TEXT);
		both(w, ")");
		break;
	}
}

static void real_expr(struct world *w, int depth)
{
	static const char *const ops[] = { " + ", " - ", " * " };

	switch (below(w, 4)) {
	case 0: two(w, REAL, depth > 1 ? 1 : depth, ops[below(w, 3)]); break;
	case 1:
		both(w, "(");
		expr(w, REAL, depth - 1);
		both(w, " / nullif(");
		both(w, column_of(w, REAL));
		each(w, ", 0))", ", 0.0))");
		break;
	case 2:
		each(w, "CAST(", "CAST(");
		expr(w, INT, depth - 1);
		each(w, " AS double)", " AS REAL)");
		break;
	default:
		call(w, "abs", "abs", REAL, depth);
		both(w, ")");
		break;
	}
}

static void text_expr(struct world *w, int depth)
{
	static const char *const names[] = { "upper", "lower", "trim" };
	char text[40];

	switch (below(w, 5)) {
	case 0: two(w, TEXT, depth, " || "); break;
	case 1:
	case 2: {
		const char *name = names[below(w, 3)];
		call(w, name, name, TEXT, depth);
		both(w, ")");
		break;
	}
	case 3:
		call(w, "substr", "substr", TEXT, depth);
		snprintf(text, sizeof text, ", %u, %u)", 1 + below(w, 4), below(w, 4));
		both(w, text);
		break;
	default:
		call(w, "replace", "replace", TEXT, depth);
		snprintf(text, sizeof text, ", 'e', '%s')", chance(w, 50) ? "" : "EE");
		both(w, text);
		break;
	}
}

static void in_list(struct world *w, enum kind kind)
{
	unsigned n = 1 + below(w, chance(w, 20) ? 20 : 4);

	both(w, chance(w, 30) ? " NOT IN (" : " IN (");
	for (unsigned i = 0; i < n; i++) {
		both(w, i ? ", " : "");
		literal(w, kind);
	}
	both(w, "))");
}

static void compare_expr(struct world *w, int depth)
{
	static const char *const ops[] = { " = ", " <> ", " < ", " <= ", " > ", " >= " };
	enum kind kind = (enum kind)below(w, N_KINDS);
	bool plain = chance(w, 60);

	both(w, "(");
	if (plain)
		both(w, column_of(w, kind));
	else
		expr(w, kind, depth - 1);
	switch (below(w, 6)) {
	case 0:
		both(w, chance(w, 30) ? " NOT BETWEEN " : " BETWEEN ");
		leaf(w, kind);
		both(w, " AND ");
		leaf(w, kind);
		both(w, ")");
		break;
	case 1: in_list(w, kind); break;
	case 2:
		both(w, chance(w, 50) ? " IS NULL)" : " IS NOT NULL)");
		break;
	case 3:
		if (chance(w, 50))
			each(w, " IS DISTINCT FROM ", " IS NOT ");
		else
			each(w, " IS NOT DISTINCT FROM ", " IS ");
		leaf(w, kind);
		both(w, ")");
		break;
	default:
		both(w, ops[below(w, 6)]);
		if (plain)
			leaf(w, kind);
		else
			expr(w, kind, depth - 1);
		both(w, ")");
		break;
	}
}

static void like_expr(struct world *w, int depth)
{
	static const char *const patterns[] = {
		"%e%", "t%",    "%k",  "_e_",  "%ea",  "%",     "",
		"___", "%a%e%", "t_a", "%!%%", "a!_b", "%ff%e", "x"
	};
	char text[80];
	bool fold = chance(w, 30);

	both(w, "(");
	fputs(fold ? "lower(" : "", w->b);
	expr(w, TEXT, depth - 1);
	fputs(fold ? ")" : "", w->b);
	both(w, chance(w, 25) ? " NOT" : "");
	each(w, fold ? " ILIKE " : " LIKE ", " LIKE ");
	snprintf(text, sizeof text, "'%s' ESCAPE '!')",
		 patterns[below(w, sizeof patterns / sizeof *patterns)]);
	both(w, text);
}

static void bool_expr(struct world *w, int depth)
{
	switch (below(w, 7)) {
	case 0: two(w, BOOL, depth, " AND "); break;
	case 1: two(w, BOOL, depth, " OR "); break;
	case 2:
		both(w, "(NOT ");
		expr(w, BOOL, depth - 1);
		both(w, ")");
		break;
	case 3: like_expr(w, depth); break;
	default: compare_expr(w, depth); break;
	}
}

static void date_expr(struct world *w, int depth)
{
	unsigned days = below(w, 100);
	const char *column = column_of(w, DATE);

	(void)depth;
	fprintf(w->a, "(%s + %u)", column, days);
	fprintf(w->b, "date(%s, '+%u days')", column, days);
}

static void expr(struct world *w, enum kind kind, int depth)
{
	if (depth <= 0 || chance(w, 15)) {
		leaf(w, kind);
		return;
	}
	if (chance(w, 20)) {
		any_expr(w, kind, depth);
		return;
	}
	switch (kind) {
	case INT: int_expr(w, depth); break;
	case BIG: two(w, BIG, 1, chance(w, 50) ? " + " : " - "); break;
	case REAL: real_expr(w, depth); break;
	case TEXT: text_expr(w, depth); break;
	case BOOL: bool_expr(w, depth); break;
	case MONEY: two(w, MONEY, depth, chance(w, 50) ? " + " : " - "); break;
	default: date_expr(w, depth); break;
	}
}

/* ---- queries -------------------------------------------------------------------------------- */

static void aggregate(struct world *w)
{
	static const enum kind sums[] = { INT, BIG, REAL, MONEY };
	enum kind kind;
	bool distinct = chance(w, 20);

	switch (below(w, 5)) {
	case 0: both(w, "count(*)"); break;
	case 1:
		both(w, distinct ? "count(DISTINCT " : "count(");
		expr(w, (enum kind)below(w, N_KINDS), 1);
		both(w, ")");
		break;
	case 2:
		kind = sums[below(w, 4)];
		both(w, distinct ? "sum(DISTINCT " : "sum(");
		expr(w, kind, 2);
		both(w, ")");
		break;
	case 3:
		both(w, "avg(");
		expr(w, chance(w, 50) ? INT : REAL, 1);
		both(w, ")");
		break;
	default:
		do
			kind = (enum kind)below(w, N_KINDS);
		while (kind == BOOL);
		both(w, chance(w, 50) ? "min(" : "max(");
		expr(w, kind, 2);
		both(w, ")");
		break;
	}
	if (chance(w, 20)) {
		both(w, " FILTER (WHERE ");
		expr(w, BOOL, 2);
		both(w, ")");
	}
}

static void where(struct world *w)
{
	if (!chance(w, 65))
		return;
	both(w, " WHERE ");
	for (unsigned n = 1 + below(w, 3); n; n--) {
		expr(w, BOOL, 3);
		both(w, n > 1 ? " AND " : "");
	}
}

/* ORDER BY all columns, so that a LIMIT is of well-defined rows. Is there one? */
static bool order(struct world *w, unsigned n_columns)
{
	char text[80];

	if (!chance(w, 50))
		return false;
	both(w, " ORDER BY ");
	for (unsigned i = 1; i <= n_columns; i++) {
		bool desc = chance(w, 40);
		unsigned nulls = below(w, 3);
		bool first = nulls == 1 || (nulls == 0 && desc);
		snprintf(text, sizeof text, "%s%u%s", i > 1 ? ", " : "", i, desc ? " DESC" : "");
		both(w, text);
		each(w, nulls == 0 ? "" : first ? " NULLS FIRST" : " NULLS LAST",
		     first ? " NULLS FIRST" : " NULLS LAST");
	}
	if (chance(w, 50)) {
		snprintf(text, sizeof text, " LIMIT %u OFFSET %u", below(w, 30), below(w, 10));
		both(w, text);
	}
	return true;
}

static bool grouped_query(struct world *w)
{
	unsigned n_keys = below(w, 4), n_aggs = 1 + below(w, 4);

	both(w, "SELECT ");
	for (unsigned i = 0; i < n_keys; i++) {
		expr(w, (enum kind)below(w, N_KINDS), chance(w, 70) ? 0 : 2);
		both(w, ", ");
	}
	for (unsigned i = 0; i < n_aggs; i++) {
		both(w, i ? ", " : "");
		aggregate(w);
	}
	both(w, " FROM t");
	where(w);
	for (unsigned i = 0; i < n_keys; i++) {
		char text[40];
		snprintf(text, sizeof text, "%s%u", i ? ", " : " GROUP BY ", i + 1);
		both(w, text);
	}
	if (n_keys && chance(w, 30)) {
		both(w, " HAVING ");
		both(w, chance(w, 50) ? "count(*) > 2" : "count(*) % 2 = 1");
	}
	return order(w, n_keys + n_aggs);
}

static bool plain_query(struct world *w)
{
	unsigned n = 1 + below(w, 4);

	both(w, chance(w, 25) ? "SELECT DISTINCT " : "SELECT ");
	for (unsigned i = 0; i < n; i++) {
		both(w, i ? ", " : "");
		expr(w, (enum kind)below(w, N_KINDS), 3);
	}
	both(w, " FROM t");
	where(w);
	return order(w, n);
}

static void one_query(struct world *w)
{
	char *a, *b;
	size_t len_a, len_b;

	w->a = open_memstream(&a, &len_a);
	w->b = open_memstream(&b, &len_b);
	bool ordered = chance(w, 45) ? grouped_query(w) : plain_query(w);
	fclose(w->a);
	fclose(w->b);
	compare_answers(w->txn, w->lite, w->duck, a, b, a, ordered);
	free(a);
	free(b);
}

static void random_queries_agree_with_sqlite(void **state)
{
	static const struct {
		size_t n_rows, n_queries;
	} plan[] = { { 0, 30 }, { 1, 30 }, { 40, 600 }, { 500, 500 }, { 3000, 80 }, { 70000, 8 } };
	struct world w = { .rng = testing_seed() };
	size_t factor = testing_long() ? 50 : 1;

	(void)state;
	for (size_t i = 0; i < sizeof plan / sizeof *plan; i++) {
		open_world(&w, plan[i].n_rows);
		for (size_t k = 0; k < plan[i].n_queries * factor; k++)
			one_query(&w);
		close_world(&w);
	}
	duck_report();
}

/* That a difference would be noticed. */
static void a_difference_is_seen(void **state)
{
	struct answer a = { 0 }, b = { 0 };
	struct world w = { .rng = 1 };
	struct stoa_error err;

	(void)state;
	open_world(&w, 100);
	assert_int_equal(ask_stoa(w.txn, "SELECT c0 FROM t WHERE c0 > 0 ORDER BY rowid", &a, &err),
			 STOA_END);
	assert_true(ask_lite(w.lite, "SELECT c0 FROM t WHERE c0 >= 0 ORDER BY rowid", &b));
	assert_true(a.n < b.n);
	answer_release(&a);
	answer_release(&b);
	close_world(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(random_queries_agree_with_sqlite),
		cmocka_unit_test(a_difference_is_seen),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
