/* SPDX-License-Identifier: MIT */
/*
 * window_test.c - window functions: random ones against SQLite's and DuckDB's, and what they refuse
 *
 * A random table has few partitions and many peers. Where a function asks for the one row before
 * another (row_number, lag, frames of ROWS), its ORDER BY ends with the unique "id". Numbers with a
 * fraction are quarters, so that sums of them are the same in any order.
 */
#include "testing.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../lib/core/alloc.h"
#include "answer.h"
#include "duck.h"
#include "show.h"

struct world {
	uint64_t rng;
	stoa_db *db;
	stoa_txn *txn;
	sqlite3 *lite;
	struct duck *duck;
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
static const char *one_of(struct world *w, const char *const *list, size_t n)
{
	return list[below(w, (unsigned)n)];
}
#define ONE_OF(w, list) one_of(w, list, sizeof(list) / sizeof *(list))

/* ---- tables --------------------------------------------------------------------------------- */

static const struct stoa_slot slots[] = {
	{ .name = "id", .type = STOA_I64, .flags = STOA_NOT_NULL },
	{ .name = "p", .type = STOA_I32 },
	{ .name = "o", .type = STOA_I16 },
	{ .name = "x", .type = STOA_F64 },
	{ .name = "s", .type = STOA_STRING },
	{ .name = "u", .type = STOA_TEXT },
};
#define N_SLOTS (sizeof slots / sizeof *slots)

static void random_row(struct world *w, unsigned n_partitions, int64_t id, struct stoa_value *row)
{
	static const char *const words[] = { "", "tea", "rye", "oats", "barley", "Tea" };
	const char *s = ONE_OF(w, words), *u = ONE_OF(w, words);

	row[0] = stoa_i64(id);
	row[1] = stoa_i64(below(w, n_partitions));
	row[2] = stoa_i64((int64_t)below(w, 12) - 6);
	row[3] = stoa_f64(((double)below(w, 400) - 200) / 4);
	row[4] = stoa_text(s);
	row[5] = stoa_text(u);
	for (size_t i = 1; i < N_SLOTS; i++)
		if (chance(w, 12))
			row[i] = stoa_null();
}

static void insert_lite(sqlite3_stmt *stmt, const struct stoa_value *row)
{
	for (int i = 0; i < (int)N_SLOTS; i++) {
		if (row[i].type == STOA_NULL)
			sqlite3_bind_null(stmt, i + 1);
		else if (i == 3)
			sqlite3_bind_double(stmt, i + 1, row[i].f);
		else if (i > 3)
			sqlite3_bind_text(stmt, i + 1, row[i].p, (int)row[i].len, SQLITE_STATIC);
		else
			sqlite3_bind_int64(stmt, i + 1, row[i].i);
	}
	assert_int_equal(sqlite3_step(stmt), SQLITE_DONE);
	sqlite3_reset(stmt);
}

static void open_world(struct world *w, size_t n_rows, unsigned n_partitions)
{
	struct stoa_error err;
	sqlite3_stmt *stmt;
	stoa_table t;

	must(stoa_open(NULL, NULL, &w->db, &err), &err);
	must(stoa_begin(w->db, STOA_WRITE, &w->txn, &err), &err);
	must(stoa_table_create(w->txn, "t", slots, N_SLOTS, &t, &err), &err);
	assert_int_equal(sqlite3_open(":memory:", &w->lite), SQLITE_OK);
	assert_int_equal(sqlite3_exec(w->lite,
				      "CREATE TABLE t (id INTEGER, p INTEGER, o INTEGER, x REAL, "
				      "s TEXT, u TEXT)", NULL, NULL, NULL), SQLITE_OK);
	sqlite3_prepare_v2(w->lite, "INSERT INTO t VALUES (?, ?, ?, ?, ?, ?)", -1, &stmt, NULL);
	for (size_t i = 0; i < n_rows; i++) {
		struct stoa_value row[N_SLOTS];
		/* Not in the order of id. */
		random_row(w, n_partitions, (int64_t)(i * 7919 % 1000003), row);
		must(stoa_insert(w->txn, t, row, N_SLOTS, NULL, &err), &err);
		insert_lite(stmt, row);
	}
	sqlite3_finalize(stmt);
	w->duck = duck_open();
	if (w->duck)
		duck_fill(w->duck, w->txn, "t");
}

static void close_world(struct world *w)
{
	struct stoa_error err;

	stoa_abort(w->txn);
	must(stoa_close(w->db, &err), &err);
	sqlite3_close(w->lite);
	duck_close(w->duck);
}

/* ---- queries -------------------------------------------------------------------------------- */

static void say(struct world *w, const char *format, ...)
{
	va_list args, again;

	va_start(args, format);
	va_copy(again, args);
	vfprintf(w->a, format, args);
	vfprintf(w->b, format, again);
	va_end(again);
	va_end(args);
}

static void put_order(struct world *w, bool unique)
{
	static const char *const keys[] = { "o", "x", "s", "o + 1", "u", "x * 2" };
	static const char *const ways[] = { " NULLS FIRST", " NULLS LAST", " DESC NULLS FIRST",
					    " DESC NULLS LAST" };

	say(w, " ORDER BY ");
	for (unsigned n = 1 + below(w, 2); n; n--) {
		say(w, "%s", ONE_OF(w, keys));
		say(w, "%s", ONE_OF(w, ways));
		say(w, "%s", n > 1 ? ", " : "");
	}
	if (unique)
		say(w, ", id%s", chance(w, 30) ? " DESC" : "");
}

/* The edges of a frame of @unit, in an order that is allowed. */
static void put_frame(struct world *w, const char *unit)
{
	unsigned a = below(w, 4), b = a + below(w, 5 - a), n[2] = { below(w, 9), below(w, 9) };
	static const char *const names[] = { "UNBOUNDED PRECEDING", "PRECEDING", "CURRENT ROW",
					     "FOLLOWING", "UNBOUNDED FOLLOWING" };

	if (chance(w, 15))
		n[below(w, 2)] = 50 + below(w, 100);
	if (b == 0)
		b = 2;
	if (a == b && a == 1 && n[0] < n[1])
		n[0] = n[1];
	if (a == b && a == 3 && n[0] > n[1])
		n[1] = n[0];
	say(w, " %s BETWEEN ", unit);
	for (int i = 0; i < 2; i++) {
		unsigned place = i ? b : a;
		if (place == 1 || place == 3)
			say(w, "%u ", n[i]);
		say(w, "%s%s", names[place], i ? "" : " AND ");
	}
}

static void put_over(struct world *w, bool unique, bool framed)
{
	static const char *const partitions[] = { "p", "s", "p, s", "p % 3", "u || 'x'" };
	bool ordered = unique || chance(w, 75);

	say(w, " OVER (");
	if (chance(w, 70))
		say(w, "PARTITION BY %s", ONE_OF(w, partitions));
	if (ordered && framed && !unique && chance(w, 30)) {
		/* RANGE with offsets: of one number. */
		say(w, " ORDER BY %s", chance(w, 50) ? "o" : "x");
		say(w, "%s", chance(w, 40) ? " DESC" : "");
		say(w, "%s", chance(w, 50) ? " NULLS FIRST" : " NULLS LAST");
		put_frame(w, "RANGE");
	} else if (ordered) {
		bool groups = !unique && chance(w, 50);
		put_order(w, unique);
		if (framed && (unique || groups))
			put_frame(w, groups ? "GROUPS" : "ROWS");
	}
	say(w, ")");
}

static void put_filter(struct world *w)
{
	if (chance(w, 25))
		say(w, " FILTER (WHERE o > %d)", (int)below(w, 8) - 4);
}

/* SQLite does not heed the FILTER of a least or greatest value in a frame that moves. */
static void put_extreme(struct world *w, const char *arg)
{
	const char *name = chance(w, 50) ? "min" : "max";
	int above = (int)below(w, 8) - 4;

	if (chance(w, 75)) {
		say(w, "%s(%s)", name, arg);
		return;
	}
	fprintf(w->a, "%s(%s) FILTER (WHERE o > %d)", name, arg, above);
	fprintf(w->b, "%s(CASE WHEN o > %d THEN %s END)", name, above, arg);
}

static void put_function(struct world *w)
{
	static const char *const ranks[] = { "rank()", "dense_rank()", "percent_rank()",
					     "cume_dist()" };
	static const char *const args[] = { "x", "o", "s", "p + o", "id", "u" };
	static const char *const numbers[] = { "x", "o", "p + o", "id", "x / 2" };

	switch (below(w, 7)) {
	case 0:
		say(w, "%s", ONE_OF(w, ranks));
		put_over(w, false, false);
		break;
	case 1:
		if (chance(w, 50))
			say(w, "row_number()");
		else
			say(w, "ntile(%u)", 1 + below(w, 9));
		put_over(w, true, false);
		break;
	case 2:
		say(w, "%s(%s", chance(w, 50) ? "lag" : "lead", chance(w, 50) ? "s" : "o");
		if (chance(w, 60))
			say(w, ", %u", below(w, 7));
		say(w, ")");
		put_over(w, true, false);
		break;
	case 3:
		say(w, "%s(o, %u, %d)", chance(w, 50) ? "lag" : "lead", below(w, 4), 77);
		put_over(w, true, false);
		break;
	case 4:
		say(w, "%s(%s)", chance(w, 50) ? "first_value" : "last_value", ONE_OF(w, args));
		put_over(w, true, true);
		break;
	case 5:
		say(w, "nth_value(%s, %u)", ONE_OF(w, args), 1 + below(w, 5));
		put_over(w, true, true);
		break;
	default:
		switch (below(w, 5)) {
		case 0: say(w, "count(*)"), put_filter(w); break;
		case 1: say(w, "count(%s)", ONE_OF(w, args)), put_filter(w); break;
		case 2: put_extreme(w, ONE_OF(w, args)); break;
		case 3: say(w, "sum(%s)", ONE_OF(w, numbers)), put_filter(w); break;
		default: say(w, "avg(%s)", ONE_OF(w, numbers)), put_filter(w); break;
		}
		put_over(w, chance(w, 60), true);
		break;
	}
}

static void one_query(struct world *w)
{
	static const char *const froms[] = {
		"t", "t WHERE o <> 2", "(SELECT * FROM t WHERE p < 3) AS q", "t WHERE s <> 'tea'",
	};
	unsigned n = 1 + below(w, 4);
	char *a, *b;
	size_t len_a, len_b;

	w->a = open_memstream(&a, &len_a);
	w->b = open_memstream(&b, &len_b);
	say(w, "SELECT id");
	for (unsigned i = 0; i < n; i++) {
		say(w, ", ");
		put_function(w);
		say(w, " AS w%u", i);
	}
	say(w, " FROM %s", ONE_OF(w, froms));
	fclose(w->a);
	fclose(w->b);
	compare_answers(w->txn, w->lite, w->duck, a, b, a, false);
	free(a);
	free(b);
}

static void random_windows_agree_with_sqlite(void **state)
{
	static const struct {
		size_t n_rows, n_queries;
		unsigned n_partitions;
	} plan[] = { { 0, 15, 1 },   { 1, 15, 1 },    { 40, 200, 4 },
		     { 700, 120, 3 }, { 5000, 12, 1 }, { 5000, 12, 900 } };
	struct world w = { .rng = testing_seed() };
	size_t factor = testing_long() ? 40 : 1;

	(void)state;
	for (size_t i = 0; i < sizeof plan / sizeof *plan; i++) {
		open_world(&w, plan[i].n_rows, plan[i].n_partitions);
		for (size_t k = 0; k < plan[i].n_queries * factor; k++)
			one_query(&w);
		close_world(&w);
	}
	duck_report();
}

/* Where windows meet the other clauses. */
static void windows_stand_where_the_standard_has_them(void **state)
{
	static const char *const queries[] = {
		"SELECT p, count(*), rank() OVER (ORDER BY count(*) DESC, p NULLS FIRST) FROM t GROUP BY p",
		"SELECT p, sum(sum(o)) OVER (ORDER BY p NULLS FIRST) FROM t GROUP BY p HAVING count(*) > 2",
		"SELECT DISTINCT count(*) OVER (PARTITION BY p) FROM t",
		"SELECT id FROM t ORDER BY row_number() OVER (ORDER BY id DESC) LIMIT 5",
		"SELECT id, n FROM (SELECT id, row_number() OVER (PARTITION BY p ORDER BY id) AS n "
		"FROM t) AS q WHERE n <= 2",
		"SELECT id, (SELECT max(o) FROM t) - o, count(*) OVER (PARTITION BY p ORDER BY id) FROM t",
		"SELECT t.id, max(v.o) OVER (PARTITION BY t.p) FROM t JOIN t AS v ON t.id = v.id",
		"SELECT count(*) OVER (), sum(1) OVER () FROM t LIMIT 3",
		"WITH q AS (SELECT p, x, lag(x) OVER (PARTITION BY p ORDER BY id) AS y FROM t) "
		"SELECT p, sum(x - y) FROM q GROUP BY p",
		"SELECT id FROM t WHERE EXISTS (SELECT rank() OVER (ORDER BY o) FROM t AS v) "
		"AND id IN (SELECT max(id) OVER (PARTITION BY p) FROM t)",
		"SELECT 10 * row_number() OVER (ORDER BY id) + CASE WHEN o > lag(o) OVER (ORDER BY id) "
		"THEN 1 ELSE 0 END, id FROM t",
	};
	static const char made_from[] =
		"SELECT id, sum(o) OVER w, avg(o) OVER (w ROWS 3 PRECEDING) FROM t "
		"WINDOW v AS (PARTITION BY p), w AS (v ORDER BY id)";
	struct world w = { .rng = testing_seed() };

	(void)state;
	open_world(&w, 300, 5);
	for (size_t i = 0; i < sizeof queries / sizeof *queries; i++)
		compare_answers(w.txn, w.lite, w.duck, queries[i], queries[i], queries[i], false);
	/* DuckDB 1.5 forgets the order of a window that is made from one that was made from another. */
	compare_answers(w.txn, w.lite, NULL, made_from, made_from, made_from, false);
	close_world(&w);
}

/* ---- what only we are asked ----------------------------------------------------------------- */

static void an_interval_is_an_offset_of_dates(void **state)
{
	struct world w = { .rng = 1 };

	(void)state;
	open_world(&w, 0, 1);
	show_expect(w.txn,
		    "SELECT d, count(*) OVER (ORDER BY d RANGE INTERVAL '1 month' PRECEDING) FROM (VALUES "
		    "(DATE '2024-01-31'), (DATE '2024-02-29'), (DATE '2024-03-01'), (DATE '2024-03-30'), "
		    "(NULL)) AS t(d)",
		    "2024-01-31|1\n2024-02-29|2\n2024-03-01|2\n2024-03-30|3\n~|1\n");
	show_expect(w.txn,
		    "SELECT m, sum(m) OVER (ORDER BY m RANGE BETWEEN 0.5 PRECEDING AND 0.25 FOLLOWING) "
		    "FROM (VALUES (CAST(1.00 AS decimal(6, 2))), (1.20), (1.25), (1.70)) AS t(m)",
		    "1.00|3.45\n1.20|3.45\n1.25|3.45\n1.70|4.15\n");
	close_world(&w);
}

static void what_is_wrong_is_said_with_its_place(void **state)
{
	static const struct {
		const char *sql;
		int code;
		uint64_t column;
		const char *words;
	} cases[] = {
		{ "SELECT id FROM t WHERE rank() OVER (ORDER BY o) = 1", STOA_EINVAL, 24, "subquery" },
		{ "SELECT sum(rank() OVER ()) FROM t", STOA_EINVAL, 12, "select list" },
		{ "SELECT sum(sum(o) OVER ()) OVER () FROM t", STOA_EINVAL, 12, "select list" },
		{ "SELECT p, rank() OVER () FROM t GROUP BY 2", STOA_EINVAL, 42, "GROUP BY" },
		{ "SELECT rank() FROM t", STOA_EINVAL, 8, "wants OVER" },
		{ "SELECT upper(s) OVER () FROM t", STOA_EINVAL, 8, "neither" },
		{ "SELECT count(DISTINCT o) OVER () FROM t", STOA_EUNSUPPORTED, 8, "DISTINCT" },
		{ "SELECT median(o) OVER () FROM t", STOA_EUNSUPPORTED, 8, "median" },
		{ "SELECT rank(1) OVER () FROM t", STOA_EINVAL, 8, "no argument" },
		{ "SELECT lag() OVER () FROM t", STOA_EINVAL, 8, "default" },
		{ "SELECT sum(o) OVER w FROM t", STOA_ENOTFOUND, 20, "'w'" },
		{ "SELECT sum(o) OVER (w PARTITION BY p) FROM t WINDOW w AS (ORDER BY o)", STOA_EINVAL,
		  21, "PARTITION BY" },
		{ "SELECT sum(o) OVER (w ORDER BY p) FROM t WINDOW w AS (ORDER BY o)", STOA_EINVAL, 21,
		  "ORDER BY" },
		{ "SELECT sum(o) OVER (ORDER BY o ROWS -1 PRECEDING) FROM t", STOA_ERANGE, 37,
		  "negative" },
		{ "SELECT sum(o) OVER (ORDER BY o ROWS o PRECEDING) FROM t", STOA_ENOTFOUND, 37, "'o'" },
		{ "SELECT sum(o) OVER (ROWS UNBOUNDED FOLLOWING) FROM t", STOA_EINVAL, 26, "start" },
		{ "SELECT sum(o) OVER (ROWS BETWEEN CURRENT ROW AND 1 PRECEDING) FROM t", STOA_EINVAL,
		  34, "behind its end" },
		{ "SELECT sum(o) OVER (GROUPS 1 PRECEDING) FROM t", STOA_EINVAL, 28, "ORDER BY" },
		{ "SELECT sum(o) OVER (ORDER BY o, p RANGE 1 PRECEDING) FROM t", STOA_EINVAL, 41, "one" },
		{ "SELECT sum(o) OVER (ORDER BY o ROWS 1 PRECEDING EXCLUDE TIES) FROM t",
		  STOA_EUNSUPPORTED, 49, "EXCLUDE TIES" },
		{ "SELECT ntile(0) OVER (ORDER BY o) FROM t", STOA_ERANGE, 8, "above 0" },
		{ "SELECT nth_value(o, 0) OVER (ORDER BY o) FROM t", STOA_ERANGE, 8, "above 0" },
		{ "SELECT sum(id * 9000000000000) OVER (ORDER BY id) FROM t", STOA_ERANGE, 8, "64 bits" },
	};
	struct world w = { .rng = 2 };

	(void)state;
	open_world(&w, 50, 2);
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct answer a = { 0 };
		struct stoa_error err;
		int rc = ask_stoa(w.txn, cases[i].sql, &a, &err);
		if (rc != cases[i].code || err.column != cases[i].column ||
		    !strstr(err.text, cases[i].words))
			fail_msg("%s: %d at %llu, %s", cases[i].sql, rc,
				 (unsigned long long)err.column, rc < 0 ? err.text : "");
		answer_release(&a);
	}
	close_world(&w);
}

static int count_rows(stoa_txn *txn, const char *sql, size_t *n, struct stoa_error *err)
{
	const struct stoa_value *row;
	stoa_cursor *cur;
	int rc = stoa_query(txn, sql, &cur, err);

	*n = 0;
	if (rc < 0)
		return rc;
	while ((rc = stoa_next(cur, &row, err)) == STOA_ROW)
		++*n;
	stoa_cursor_close(cur);
	return rc;
}

static void running_values_hold_a_batch_and_partitions_heed_the_limit(void **state)
{
	static const char *const running[] = {
		"SELECT row_number() OVER (), sum(x) OVER (ROWS UNBOUNDED PRECEDING) FROM "
		"(SELECT generate_series AS x FROM generate_series(1, 400000)) AS t",
		"SELECT sum(x) OVER (PARTITION BY x / 9 ORDER BY x), rank() OVER (PARTITION BY x / 9 "
		"ORDER BY x), lag(x) OVER (PARTITION BY x / 9 ORDER BY x) FROM "
		"(SELECT generate_series AS x FROM generate_series(1, 400000)) AS t",
	};
	struct stoa_options options = STOA_OPTIONS_INIT;
	struct stoa_error err;
	stoa_txn *txn;
	stoa_db *db;
	size_t n;

	(void)state;
	options.memory_limit = 1000000;
	must(stoa_open(NULL, &options, &db, &err), &err);
	must(stoa_begin(db, STOA_READ, &txn, &err), &err);
	for (size_t i = 0; i < 2; i++) {
		must(count_rows(txn, running[i], &n, &err), &err);
		assert_int_equal(n, 400000);
	}
	assert_int_equal(count_rows(txn, "SELECT ntile(3) OVER () FROM generate_series(1, 400000)",
				    &n, &err), STOA_ENOMEM);
	assert_non_null(strstr(err.text, "memory_limit"));
	stoa_abort(txn);
	must(stoa_close(db, &err), &err);
}

static void every_allocation_may_fail(void **state)
{
	static const char sql[] =
		"SELECT id, lag(s, 2, 'none') OVER w, sum(x) OVER (PARTITION BY p ORDER BY o RANGE 2 "
		"PRECEDING), max(u) OVER (PARTITION BY s) FROM t WINDOW w AS (PARTITION BY p ORDER BY id)";
	struct world w = { .rng = 3 };

	(void)state;
	open_world(&w, 100, 3);
	for (long nth = 0;; nth++) {
		struct stoa_error err;
		size_t n;
		stoa__fault_arm(nth, false);
		int rc = count_rows(w.txn, sql, &n, &err);
		bool fired = stoa__fault_disarm();
		if (!fired) {
			assert_int_equal(rc, STOA_END);
			assert_int_equal(n, 100);
			break;
		}
		if (rc != STOA_END)
			assert_int_equal(rc, STOA_ENOMEM);
	}
	close_world(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(random_windows_agree_with_sqlite),
		cmocka_unit_test(windows_stand_where_the_standard_has_them),
		cmocka_unit_test(an_interval_is_an_offset_of_dates),
		cmocka_unit_test(what_is_wrong_is_said_with_its_place),
		cmocka_unit_test(running_values_hold_a_batch_and_partitions_heed_the_limit),
		cmocka_unit_test(every_allocation_may_fail),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
