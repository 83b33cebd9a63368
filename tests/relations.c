/* SPDX-License-Identifier: MIT */
/*
 * relations.c - see relations.h
 */
#include "relations.h"

#include <stdlib.h>
#include <string.h>

#include "testing.h"

#define TABLES 4
#define TOP 2 /* depth of the query as a whole */

unsigned relations_below(struct relations *w, unsigned n)
{
	return (unsigned)testing_below(&w->rng, n);
}
bool relations_chance(struct relations *w, unsigned percent)
{
	return relations_below(w, 100) < percent;
}
static const char *pick(struct relations *w, const char *const *list, unsigned n)
{
	return list[relations_below(w, n)];
}
#define PICK(w, list) pick(w, list, sizeof(list) / sizeof *(list))

/* ---- tables ---------------------------------------------------------------------------------- */

static const char *const words[] = { "tea", "coffee", "milk", "", "oats", "rye" };

static void run_lite(struct relations *w, const char *sql)
{
	char *message = NULL;

	if (sqlite3_exec(w->lite, sql, NULL, NULL, &message) != SQLITE_OK)
		fail_msg("%s: %s", sql, message);
}

static void add_row(struct relations *w, stoa_table t, sqlite3_stmt *stmt, unsigned spread)
{
	struct stoa_error err;
	struct stoa_value row[4] = {
		relations_chance(w, 15) ? stoa_null() :
					  stoa_i64((int64_t)relations_below(w, spread) - 3),
		relations_chance(w, 15) ? stoa_null() : stoa_i64(relations_below(w, 2 * spread)),
		stoa_i64(relations_below(w, 100)),
		relations_chance(w, 20) ? stoa_null() : stoa_text(PICK(w, words)),
	};

	for (int i = 0; i < 4; i++)
		if (row[i].type == STOA_NULL)
			sqlite3_bind_null(stmt, i + 1);
		else if (i < 3)
			sqlite3_bind_int64(stmt, i + 1, row[i].i);
		else
			sqlite3_bind_text(stmt, i + 1, row[i].p, (int)row[i].len, SQLITE_TRANSIENT);
	assert_int_equal(stoa_insert(w->txn, t, row, 4, NULL, &err), STOA_OK);
	assert_int_equal(sqlite3_step(stmt), SQLITE_DONE);
	sqlite3_reset(stmt);
}

/* @text: s is no interned string, whose vectors come without a dictionary. */
static void make_table(struct relations *w, const char *name, size_t n_rows, unsigned spread,
		       bool text)
{
	struct stoa_slot slots[] = {
		{ .name = "i", .type = STOA_I16 },
		{ .name = "j", .type = STOA_I64 },
		{ .name = "n", .type = STOA_I32, .flags = STOA_NOT_NULL },
		{ .name = "s", .type = text ? STOA_TEXT : STOA_STRING },
	};
	sqlite3_stmt *stmt;
	struct stoa_error err;
	stoa_table t;
	char sql[100];

	assert_int_equal(stoa_table_create(w->txn, name, slots, 4, &t, &err), STOA_OK);
	snprintf(sql, sizeof sql, "CREATE TABLE %s (i INT, j INT, n INT, s TEXT)", name);
	run_lite(w, sql);
	snprintf(sql, sizeof sql, "INSERT INTO %s VALUES (?, ?, ?, ?)", name);
	assert_int_equal(sqlite3_prepare_v2(w->lite, sql, -1, &stmt, NULL), SQLITE_OK);
	for (size_t i = 0; i < n_rows; i++)
		add_row(w, t, stmt, spread);
	sqlite3_finalize(stmt);
}

void relations_open(struct relations *w, size_t n_rows, unsigned spread)
{
	static const char *const names[TABLES] = { "ta", "tb", "tc", "td" };
	struct stoa_error err;

	assert_int_equal(stoa_open(NULL, NULL, &w->db, &err), STOA_OK);
	assert_int_equal(stoa_begin(w->db, STOA_WRITE, &w->txn, &err), STOA_OK);
	assert_int_equal(sqlite3_open(":memory:", &w->lite), SQLITE_OK);
	for (int i = 0; i < TABLES; i++)
		make_table(w, names[i], i == 3 ? n_rows / 4 : n_rows, spread, i == 1);
	/* SQLite joins in loops: it needs help, where stoa does not. */
	run_lite(w,
		 "CREATE INDEX ai ON ta (i); CREATE INDEX bi ON tb (i); CREATE INDEX ci ON tc (i);"
		 "CREATE INDEX aj ON ta (j); CREATE INDEX bj ON tb (j); CREATE INDEX cj ON tc (j);"
		 "ANALYZE");
	w->duck = w->wants_duck ? duck_open() : NULL;
	for (int i = 0; w->duck && i < TABLES; i++)
		duck_fill(w->duck, w->txn, names[i]);
}

void relations_close(struct relations *w)
{
	struct stoa_error err;

	stoa_abort(w->txn);
	assert_int_equal(stoa_close(w->db, &err), STOA_OK);
	sqlite3_close(w->lite);
	duck_close(w->duck);
}

/* ---- expressions ----------------------------------------------------------------------------- */

static void query(struct relations *w, int depth);

/* A relation that may be named here: mostly this query's own. */
static unsigned relation(struct relations *w)
{
	if (w->own == 0 || relations_chance(w, 75))
		return w->visible[w->own + relations_below(w, w->n_visible - w->own)];
	return w->visible[relations_below(w, w->n_visible)];
}

static void integer(struct relations *w, int depth)
{
	static const char *const columns[] = { "i", "j", "n" };

	if (depth > 0 && relations_chance(w, 15)) {
		fputs("(", w->f);
		integer(w, depth - 1);
		fputs(PICK(w, ((const char *const[]){ " + ", " - " })), w->f);
		integer(w, depth - 1);
		fputs(")", w->f);
	} else if (depth > 0 && relations_chance(w, 10)) {
		fputs("coalesce(", w->f);
		integer(w, depth - 1);
		fprintf(w->f, ", %u)", relations_below(w, 9));
	} else if (depth > 0 && relations_chance(w, 10)) {
		fputs("CASE WHEN ", w->f);
		relations_condition(w, depth - 1);
		fputs(" THEN ", w->f);
		integer(w, depth - 1);
		fputs(" ELSE ", w->f);
		integer(w, depth - 1);
		fputs(" END", w->f);
	} else if (relations_chance(w, 12)) {
		fprintf(w->f, "%u", relations_below(w, 12));
	} else {
		fprintf(w->f, "r%u.%s", relation(w), PICK(w, columns));
	}
}

static void text(struct relations *w)
{
	if (relations_chance(w, 15))
		fprintf(w->f, "'%s'", PICK(w, words));
	else
		fprintf(w->f, "r%u.s", relation(w));
}

/* An equality that two relations of this query can be joined by. */
static void equality(struct relations *w, unsigned a, unsigned b)
{
	static const char *const columns[] = { "i", "i", "j", "j", "n" };

	if (relations_chance(w, 15))
		fprintf(w->f, "r%u.s = r%u.s", a, b);
	else
		fprintf(w->f, "r%u.%s = r%u.%s", a, PICK(w, columns), b, PICK(w, columns));
}

static void compare(struct relations *w, int depth)
{
	static const char *const ops[] = { " = ", " <> ", " < ", " <= ", " > ", " >= " };

	if (relations_chance(w, 20)) {
		text(w);
		fputs(PICK(w, ops), w->f);
		text(w);
		return;
	}
	if (relations_chance(w, 8)) { /* of rows: NULLs among their values are values to DuckDB */
		w->not_duck = true;
		for (unsigned i = 0; i < 2; i++) {
			fputs(i ? PICK(w, ops) : "", w->f);
			fputs("(", w->f);
			integer(w, 0);
			fputs(", ", w->f);
			integer(w, 0);
			fputs(")", w->f);
		}
		return;
	}
	integer(w, depth - 1);
	if (relations_chance(w, 12)) {
		fputs(relations_chance(w, 50) ? " IS NULL" : " IS NOT NULL", w->f);
	} else if (relations_chance(w, 12)) {
		fprintf(w->f, "%s IN (%u, %u, %u)", relations_chance(w, 30) ? " NOT" : "",
			relations_below(w, 9), relations_below(w, 9), relations_below(w, 9));
	} else {
		fputs(PICK(w, ops), w->f);
		integer(w, depth - 1);
	}
}

/* ---- FROM ------------------------------------------------------------------------------------ */

static void see(struct relations *w, unsigned name)
{
	if (w->n_visible < VISIBLE_MAX)
		w->visible[w->n_visible++] = name;
}

/* A table, or a query; its name is visible from then on. */
static unsigned source(struct relations *w, int depth)
{
	static const char *const tables[] = { "ta", "tb", "tc", "td", "td", "td" };
	unsigned own = w->own, n = w->n_visible, name = ++w->n_names, visible[VISIBLE_MAX];

	memcpy(visible, w->visible, sizeof visible);
	w->budget -= w->budget > 0;
	if (depth <= 0 || !w->budget || !relations_chance(w, 25)) {
		fputs(PICK(w, tables), w->f);
	} else {
		w->n_visible = w->own; /* what stands beside it is not seen inside */
		fputs("(", w->f);
		query(w, depth - 1);
		fputs(")", w->f);
		w->own = own;
		w->n_visible = n;
		memcpy(w->visible, visible, sizeof visible);
	}
	fprintf(w->f, " r%u", name);
	return name;
}

static void join(struct relations *w, int depth)
{
	static const char *const kinds[] = { " JOIN ", " JOIN ", " LEFT JOIN ", " RIGHT JOIN ",
					     " FULL JOIN " };
	unsigned left = w->visible[w->own + relations_below(w, w->n_visible - w->own)], right;

	/*
	 * SQLite 3.40 gives rows whose WHERE is NULL when it flattens a RIGHT JOIN into what is
	 * around it, so those stay at the top.
	 */
	fputs(pick(w, kinds, depth == TOP ? 5 : 3), w->f);
	right = source(w, depth);
	see(w, right);
	fputs(" ON ", w->f);
	equality(w, left, right);
	if (relations_chance(w, 25)) {
		fputs(" AND ", w->f);
		equality(w, left, right);
	}
	if (relations_chance(w,
			     30)) { /* no constants alone: SQLite makes a WHERE of those in an ON */
		fprintf(w->f, " AND r%u.n > ", relations_chance(w, 50) ? left : right);
		integer(w, 1);
	}
}

static void from(struct relations *w, int depth)
{
	unsigned n = 1 + relations_below(w, depth > 0 ? 3 : 2);
	/* SQLite's RIGHT and FULL joins are not for parentheses. */
	bool inside = n > 1 && w->budget > 2 && depth != TOP && relations_chance(w, 25);

	fputs(inside ? " FROM (" : " FROM ", w->f);
	see(w, source(w, depth));
	if (inside)
		w->budget += !w->budget; /* there must be a join */
	for (unsigned i = 1; i < n && w->budget; i++) {
		join(w, depth);
		fputs(inside ? ")" : "", w->f);
		inside = false;
	}
}

/* ---- conditions ------------------------------------------------------------------------------ */

enum what { ROWS, COLUMN, VALUE };

/* What a subquery of a condition selects: for EXISTS, for IN, as a value. */
static void select_what(struct relations *w, enum what what, unsigned name)
{
	static const char *const columns[] = { "i", "j", "n" };
	static const char *const values[] = { "min", "max", "count", "sum" };

	if (what == ROWS)
		fputs("1", w->f);
	else if (what == COLUMN)
		fprintf(w->f, "r%u.%s", name, PICK(w, columns));
	else if (relations_chance(w, 25))
		fprintf(w->f, "count(*)");
	else
		fprintf(w->f, "%s(r%u.%s)", PICK(w, values), name, PICK(w, columns));
}

/* A subquery of a condition, correlated more often than not. */
static void subquery(struct relations *w, int depth, enum what what)
{
	unsigned own = w->own, n = w->n_visible, name = w->n_names + 1;

	w->own = n;
	fputs("(SELECT ", w->f);
	select_what(w, what, name);
	fputs(" FROM ", w->f);
	see(w, source(w, 0));
	if (relations_chance(w, 30)) {
		fputs(" JOIN ", w->f);
		unsigned second = source(w, 0);
		see(w, second);
		fputs(" ON ", w->f);
		equality(w, name, second);
	}
	fputs(" WHERE ", w->f);
	if (n && relations_chance(w, 75)) {
		equality(w, name, w->visible[relations_below(w, n)]);
		fputs(" AND ", w->f);
	}
	if (what == VALUE || relations_chance(w, 50)) /* aggregates pull up equalities only */
		fprintf(w->f, "r%u.n < %u", name, relations_below(w, 100));
	else
		relations_condition(w, depth - 1);
	fputs(")", w->f);
	w->own = own;
	w->n_visible = n;
}

void relations_condition(struct relations *w, int depth)
{
	unsigned kind = relations_below(w, 12);

	if (depth <= 0 || (kind < 6 && !w->budget) || kind >= 8) {
		compare(w, depth);
	} else if (kind < 2) {
		fputs("(", w->f);
		relations_condition(w, depth - 1);
		fputs(kind ? " OR " : " AND ", w->f);
		relations_condition(w, depth - 1);
		fputs(")", w->f);
	} else if (kind == 2) {
		fputs("NOT (", w->f);
		relations_condition(w, depth - 1);
		fputs(")", w->f);
	} else if (kind == 3) {
		fputs(relations_chance(w, 40) ? "NOT EXISTS " : "EXISTS ", w->f);
		subquery(w, depth, ROWS);
	} else if (kind < 6) {
		integer(w, 0);
		fputs(relations_chance(w, 45) ? " NOT IN " : " IN ", w->f);
		subquery(w, depth, COLUMN);
	} else {
		integer(w, 0);
		fputs(relations_chance(w, 50) ? " < " : " = ", w->f);
		subquery(w, depth, VALUE);
	}
}

/* ---- queries --------------------------------------------------------------------------------- */

static void grouped(struct relations *w, int depth)
{
	static const char *const columns[] = { "i", "j", "n" };
	unsigned key = w->n_names + 1;
	const char *i = PICK(w, columns);

	fprintf(w->f, "SELECT r%u.%s AS i, max(r%u.j) AS j, count(*) AS n, min(r%u.s) AS s", key, i,
		key, key);
	from(w, depth);
	if (relations_chance(w, 60)) {
		fputs(" WHERE ", w->f);
		relations_condition(w, depth);
	}
	fprintf(w->f, " GROUP BY r%u.%s", key, i);
	if (relations_chance(w, 30))
		fprintf(w->f, " HAVING count(*) > %u", relations_below(w, 4));
}

static void plain(struct relations *w, int depth)
{
	/* What is selected comes first in the text: of relations that will be named next. */
	unsigned first = w->n_names + 1;

	fprintf(w->f, "SELECT %sr%u.i AS i, r%u.j AS j, r%u.n AS n, r%u.s AS s",
		relations_chance(w, 20) ? "DISTINCT " : "", first, first, first, first);
	from(w, depth);
	if (relations_chance(w, 75)) {
		fputs(" WHERE ", w->f);
		relations_condition(w, depth);
		if (relations_chance(w, 40)) {
			fputs(" AND ", w->f);
			relations_condition(w, depth);
		}
	}
}

/* A relation: columns i, j, n, s. */
static void query(struct relations *w, int depth)
{
	static const char *const ops[] = { " UNION ", " UNION ALL ", " INTERSECT ", " EXCEPT " };
	unsigned own = w->own, n = w->n_visible;

	w->own = n;
	if (relations_chance(w, 25))
		grouped(w, depth);
	else
		plain(w, depth);
	w->n_visible = n;
	if (depth > 0 && w->budget && relations_chance(w, 20)) {
		fputs(PICK(w, ops), w->f);
		plain(w, depth - 1);
		w->n_visible = n;
	}
	w->own = own;
}

/* A relation that is used twice. */
static void with(struct relations *w, int depth)
{
	w->budget = 6;
	w->n_names = w->n_visible = w->own = 0;
	fputs("WITH w1 AS (", w->f);
	query(w, depth - 1);
	fputs(") SELECT a.i, b.j, a.n, b.s FROM w1 a JOIN w1 b ON a.n = b.n AND a.j = b.j", w->f);
}

void relations_statement(struct relations *w)
{
	w->not_duck = false;
	if (relations_chance(w, 8)) {
		with(w, TOP);
		return;
	}
	w->budget = 7;
	w->n_names = w->n_visible = w->own = 0;
	query(w, TOP);
}

void relations_from(struct relations *w)
{
	w->budget = 4;
	w->n_names = w->n_visible = w->own = 0;
	from(w, TOP);
	w->budget = 2;
}
