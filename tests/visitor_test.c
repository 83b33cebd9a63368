/* SPDX-License-Identifier: MIT */
/*
 * visitor_test.c - cursors that stay open while their program writes: what they show, and what they
 * pin
 *
 * The model is a hash of a query's rows, taken when a cursor of that query is opened by running it
 * once more at once: whatever is written, deleted, compacted and unlinked before the cursor is at
 * its end, it shows the same rows. What it must not borrow any more, AddressSanitizer sees.
 */
#include "testing.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../lib/core/hash.h"
#include "../lib/db.h"

#define GROUP_ROWS 5000

struct fixture {
	char *dir;
	stoa_db *db;
	stoa_table table, other;
	struct stoa_error err;
};

static void ok(const struct fixture *f, int rc)
{
	must(rc, &f->err);
}

static stoa_txn *begin(struct fixture *f, unsigned flags)
{
	stoa_txn *txn;

	ok(f, stoa_begin(f->db, flags, &txn, &f->err));
	return txn;
}

static void run(struct fixture *f, stoa_txn *txn, const char *sql)
{
	ok(f, stoa_query(txn, sql, NULL, &f->err));
}

static void run_alone(struct fixture *f, const char *sql)
{
	stoa_txn *txn = begin(f, STOA_WRITE);

	run(f, txn, sql);
	ok(f, stoa_commit(txn, &f->err));
}

/* Rows of one row group, at once. */
static void append_group(struct fixture *f, stoa_txn *txn, const char *u)
{
	char sql[400];

	snprintf(sql, sizeof sql,
		 "INSERT INTO t SELECT x, 'name ' || x %% 23, 'the text of row ' || x * 77, x * 7919 %% 10007, "
		 "%s FROM (SELECT generate_series AS x FROM generate_series(1, %d)) AS s",
		 u, GROUP_ROWS);
	run(f, txn, sql);
}

/* What is in the tail becomes a row group, small as it is. */
static void seal(struct fixture *f, stoa_txn *txn)
{
	struct stoa__table *t;

	ok(f, stoa__txn_own_table(txn, f->table, &t, &f->err));
	if (t->tail)
		ok(f, stoa__table_seal(txn->version, t, &f->err));
}

static stoa_table find(struct fixture *f, const char *name)
{
	stoa_txn *txn = begin(f, STOA_READ);
	stoa_table t;

	ok(f, stoa_table_find(txn, name, &t, &f->err));
	stoa_abort(txn);
	return t;
}

static int set_up(void **state)
{
	static struct fixture f;

	f = (struct fixture){ .dir = testing_tempdir() };
	ok(&f, stoa_open(testing_path(f.dir, "db.stoa"), NULL, &f.db, &f.err));
	ok(&f, stoa_gc_enable(f.db, false, &f.err));
	run_alone(&f, "CREATE TABLE u (v i64)");
	run_alone(&f, "INSERT INTO u SELECT generate_series FROM generate_series(1, 60)");
	run_alone(&f, "CREATE TABLE t (id i64, name string, body text, n i64, u WEAK REF(u))");
	f.table = find(&f, "t");
	f.other = find(&f, "u");
	*state = &f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	ok(f, stoa_close(f->db, &f->err));
	testing_rmtree(f->dir);
	return 0;
}

/* ---- what a cursor shows --------------------------------------------------------------------- */

static uint64_t hash_value(uint64_t h, const struct stoa_value *v)
{
	uint64_t x = v->type;

	if (v->type == STOA_STRING || v->type == STOA_TEXT)
		x += stoa__hash(v->p, v->len);
	else if (v->type != STOA_NULL)
		x += v->u;
	return (h ^ x) * UINT64_C(0x9e3779b97f4a7c15) + (h >> 29);
}

struct view {
	stoa_cursor *cur;	/* NULL: free */
	uint64_t hash, n;
	uint64_t want, n_want;
	const char *sql;	/* NULL: a scan */
	uint32_t mark;		/* savepoints of its transaction when it was opened */
	bool of_txn;
};

/* Reads up to @n rows: false at the end. */
static bool read_some(struct fixture *f, struct view *v, uint64_t n)
{
	const struct stoa_value *row;
	size_t n_columns;

	(void)stoa_columns(v->cur, &n_columns);
	for (; n; n--) {
		int rc = stoa_next(v->cur, &row, &f->err);
		if (rc == STOA_END)
			return false;
		ok(f, rc);
		for (size_t i = 0; i < n_columns; i++)
			v->hash = hash_value(v->hash, &row[i]);
		v->n++;
	}
	return true;
}

static stoa_cursor *open_cursor(struct fixture *f, stoa_txn *txn, const char *sql)
{
	stoa_cursor *cur;

	ok(f, sql ? stoa_query(txn, sql, &cur, &f->err) :
		    stoa_scan(txn, f->table, NULL, 0, &cur, &f->err));
	return cur;
}

static const char *const queries[] = {
	NULL,
	"SELECT id, body, name FROM t",
	"SELECT id, name, body, u FROM t WHERE n % 3 = 1",
	"SELECT id, name, body FROM t WHERE n < 300",
	"SELECT name, count(*), max(body), min(name), sum(n) FROM t GROUP BY name",
	"SELECT body, name, id FROM t ORDER BY body, id, rowid",
	"SELECT DISTINCT name FROM t WHERE id > 10",
	"SELECT a.id, b.body, b.name FROM t a JOIN t b ON b.rowid = a.id WHERE a.n < 5000",
	"SELECT count(*), count(DISTINCT name), max(body), min(body) FROM t",
	"SELECT id, name, body FROM t ORDER BY n DESC, rowid LIMIT 50",
	"SELECT name FROM t WHERE body LIKE '%7%' UNION ALL SELECT body FROM t WHERE id = 17",
	"SELECT t.id, u.v FROM t LEFT JOIN u ON u.rowid = t.id WHERE t.name = 'name 3'",
};

static void open_view(struct fixture *f, stoa_txn *txn, struct view *v, const char *sql)
{
	*v = (struct view){ .cur = open_cursor(f, txn, sql), .sql = sql };
	struct view all = { .cur = open_cursor(f, txn, sql) };
	while (read_some(f, &all, 1000))
		;
	stoa_cursor_close(all.cur);
	v->want = all.hash;
	v->n_want = all.n;
}

static void close_view(struct view *v, bool at_end)
{
	if (at_end && (v->n != v->n_want || v->hash != v->want))
		fail_msg("%s: %llu rows of hash %llx, where there were %llu of %llx",
			 v->sql ? v->sql : "a scan", (unsigned long long)v->n,
			 (unsigned long long)v->hash, (unsigned long long)v->n_want,
			 (unsigned long long)v->want);
	stoa_cursor_close(v->cur);
	v->cur = NULL;
}

/* ---- a program that goes on writing ---------------------------------------------------------- */

#define N_VIEWS 12
#define MARKS_MAX 4

struct program {
	struct fixture *f;
	uint64_t rng;
	stoa_txn *txn;		/* of writing; NULL: none */
	uint32_t marks[MARKS_MAX];
	uint32_t n_marks;
	struct view views[N_VIEWS];
};

static uint64_t below(struct program *p, uint64_t n)
{
	return testing_below(&p->rng, n);
}

static void open_one(struct program *p)
{
	struct view *v = &p->views[below(p, N_VIEWS)];
	const char *sql = queries[below(p, sizeof queries / sizeof *queries)];
	stoa_txn *txn = p->txn;

	if (v->cur)
		close_view(v, false);
	if (!txn)
		txn = begin(p->f, STOA_READ);
	open_view(p->f, txn, v, sql);
	v->of_txn = p->txn != NULL;
	v->mark = p->n_marks;
	if (!p->txn)
		stoa_abort(txn);
}

static void read_one(struct program *p)
{
	struct view *v = &p->views[below(p, N_VIEWS)];

	if (v->cur && !read_some(p->f, v, below(p, 8) ? below(p, 4000) : 1000000))
		close_view(v, true);
}

static void write_some(struct program *p)
{
	char sql[200];
	unsigned from = (unsigned)below(p, 20 * GROUP_ROWS);

	switch (below(p, 6)) {
	case 0:
		append_group(p->f, p->txn, "NULL");
		seal(p->f, p->txn);
		return;
	case 1:
		snprintf(sql, sizeof sql, "UPDATE t SET body = 'new ' || id, n = n + 1 WHERE rowid BETWEEN %u AND %u",
			 from, from + 300);
		break;
	case 2:
		snprintf(sql, sizeof sql, "DELETE FROM t WHERE rowid BETWEEN %u AND %u", from,
			 from + GROUP_ROWS);
		break;
	case 3: snprintf(sql, sizeof sql, "DELETE FROM t WHERE id %% 4 = %u", from % 4); break;
	case 4: snprintf(sql, sizeof sql, "UPDATE t SET name = 'other' WHERE id %% 500 = %u", from % 500); break;
	default: snprintf(sql, sizeof sql, "DELETE FROM u WHERE v = %u", 1 + from % 60);
	}
	run(p->f, p->txn, sql);
}

/* Cursors of what was undone end with an error, and may be closed. */
static void lose(struct program *p, uint32_t mark)
{
	const struct stoa_value *row;

	for (int i = 0; i < N_VIEWS; i++) {
		struct view *v = &p->views[i];

		if (!v->cur || !v->of_txn || v->mark <= mark)
			continue;
		int rc = stoa_next(v->cur, &row, &p->f->err);
		assert_true(rc == STOA_ESTATE || rc == STOA_END);
		close_view(v, false);
	}
}

static void end_txn(struct program *p)
{
	if (below(p, 4)) {
		ok(p->f, stoa_commit(p->txn, &p->f->err));
	} else {
		stoa_abort(p->txn);
		for (int i = 0; i < N_VIEWS; i++)
			p->views[i].mark += 1;	/* all of its */
		lose(p, 0);
	}
	p->txn = NULL;
	p->n_marks = 0;
	for (int i = 0; i < N_VIEWS; i++)
		p->views[i].of_txn = false;
}

static void step_inside(struct program *p)
{
	switch (below(p, 10)) {
	case 0: end_txn(p); break;
	case 1:
		if (p->n_marks < MARKS_MAX)
			ok(p->f, stoa_savepoint(p->txn, &p->marks[p->n_marks++], &p->f->err));
		break;
	case 2:
		if (!p->n_marks)
			break;
		p->n_marks = 1 + (uint32_t)below(p, p->n_marks);
		ok(p->f, stoa_rollback_to(p->txn, p->marks[p->n_marks - 1], &p->f->err));
		lose(p, p->n_marks - 1);
		break;
	default: write_some(p);
	}
}

static void step_outside(struct program *p)
{
	switch (below(p, 6)) {
	case 0: ok(p->f, stoa_gc_collect(p->f->db, (int)below(p, 3), NULL, &p->f->err)); break;
	case 1: ok(p->f, stoa_checkpoint(p->f->db, &p->f->err)); break;
	default: p->txn = begin(p->f, STOA_WRITE);
	}
}

static void a_cursor_shows_what_was_there_when_it_was_opened(void **state)
{
	struct program p = { .f = *state, .rng = testing_seed() };
	int n_steps = testing_long() ? 6000 : 300;

	p.txn = begin(p.f, STOA_WRITE);
	for (int i = 0; i < 6; i++)
		append_group(p.f, p.txn, "1 + x % 50");
	ok(p.f, stoa_commit(p.txn, &p.f->err));
	p.txn = NULL;
	for (int i = 0; i < n_steps; i++) {
		switch (below(&p, 4)) {
		case 0: open_one(&p); break;
		case 1: read_one(&p); break;
		default: p.txn ? step_inside(&p) : step_outside(&p);
		}
	}
	if (p.txn)
		end_txn(&p);
	for (int i = 0; i < N_VIEWS; i++) {
		struct view *v = &p.views[i];

		if (!v->cur)
			continue;
		while (read_some(p.f, v, 1000))
			;
		close_view(v, true);
	}
}

/* ---- what a cursor pins ---------------------------------------------------------------------- */

static struct stoa_stat stat_of(struct fixture *f)
{
	struct stoa_stat s = STOA_STAT_INIT;
	stoa_txn *txn = begin(f, STOA_READ);

	ok(f, stoa_stat(txn, 0, &s, &f->err));
	stoa_abort(txn);
	return s;
}

/* A table of @n row groups in files. */
static void make_groups(struct fixture *f, int n)
{
	for (int i = 0; i < n; i++) {
		stoa_txn *txn = begin(f, STOA_WRITE);

		append_group(f, txn, "1 + x % 50");
		seal(f, txn);
		ok(f, stoa_commit(txn, &f->err));
		ok(f, stoa_checkpoint(f->db, &f->err));	/* a file each */
	}
}

static void a_cursor_gives_up_what_it_has_passed(void **state)
{
	struct fixture *f = *state;
	static const uint32_t slots[] = { 0, 1, 2 };
	struct stoa_stat s, before;
	struct stoa_batch batch;
	stoa_cursor *cur;
	stoa_txn *txn;

	make_groups(f, 6);
	txn = begin(f, STOA_READ);
	ok(f, stoa_scan(txn, f->table, slots, 3, &cur, &f->err));
	stoa_abort(txn);
	run_alone(f, "DELETE FROM t WHERE id % 10 > 0");
	ok(f, stoa_gc_collect(f->db, 2, NULL, &f->err));
	ok(f, stoa_checkpoint(f->db, &f->err));
	before = stat_of(f);
	assert_int_equal(before.n_cursors, 1);
	assert_int_equal(before.n_snapshots, 1);
	assert_true(before.pinned_groups >= 6);
	assert_true(before.pinned_disk_bytes > 0);
	uint64_t n = 0, disk = before.pinned_disk_bytes;
	int rc;
	while ((rc = stoa_next_batch(cur, &batch, &f->err)) == STOA_ROW) {
		s = stat_of(f);
		assert_true(s.pinned_groups <= before.pinned_groups);
		assert_true(s.pinned_disk_bytes <= before.pinned_disk_bytes);
		before = s;
		n += batch.n_rows;
	}
	ok(f, rc);
	assert_int_equal(n, 6 * GROUP_ROWS);
	assert_true(before.pinned_groups <= 1);		/* the last */
	assert_true(before.pinned_disk_bytes < disk);
	s = stat_of(f);
	assert_int_equal(s.pinned_groups, 0);		/* though it is not closed */
	assert_int_equal(s.pinned_disk_bytes, 0);
	assert_true(s.pinned_bytes < 16384);		/* nodes of trees, and tables */
	stoa_cursor_close(cur);
	s = stat_of(f);
	assert_int_equal(s.pinned_bytes, 0);
	assert_int_equal(s.n_cursors, 0);
}

/*
 * The rows of a query that was read to its end are in the query; those that it waits for are not.
 */
static void a_query_gives_up_what_it_has_read(void **state)
{
	struct fixture *f = *state;
	const struct stoa_value *row;
	struct view v;
	stoa_txn *txn;

	make_groups(f, 4);
	txn = begin(f, STOA_READ);
	open_view(f, txn, &v, "SELECT body, name, id FROM t ORDER BY body, id, rowid");
	stoa_abort(txn);
	run_alone(f, "DELETE FROM t WHERE id % 10 > 0");
	run_alone(f, "UPDATE t SET body = 'gone'");
	ok(f, stoa_gc_collect(f->db, 2, NULL, &f->err));
	assert_true(stat_of(f).pinned_groups >= 4);
	assert_true(read_some(f, &v, 1));
	assert_int_equal(stat_of(f).pinned_groups, 0);
	assert_int_equal(stat_of(f).n_cursors, 1);
	assert_false(read_some(f, &v, 1000000));
	close_view(&v, true);
	(void)row;
}

/* Others may be behind: what the last of them needs is there. */
static void any_number_of_cursors_are_open_at_once(void **state)
{
	enum { N = 1000 };
	struct fixture *f = *state;
	stoa_cursor **cur = calloc(N, sizeof *cur);
	const struct stoa_value *row;
	stoa_txn *txn;

	make_groups(f, 3);
	txn = begin(f, STOA_READ);
	for (int i = 0; i < N; i++) {
		const char *sql = i % 2 ? "SELECT id, name FROM t" : NULL;
		cur[i] = open_cursor(f, txn, sql);
	}
	stoa_abort(txn);
	assert_int_equal(stat_of(f).n_cursors, N);
	run_alone(f, "DELETE FROM t WHERE id % 3 = 0");
	ok(f, stoa_gc_collect(f->db, 2, NULL, &f->err));
	for (int i = 0; i < N; i++) {
		for (int k = 0; k < (i % 100 ? 3 : 3 * GROUP_ROWS); k++) {
			int rc = stoa_next(cur[i], &row, &f->err);
			assert_int_equal(rc, STOA_ROW);
			assert_int_equal(row[0].i, 1 + k % GROUP_ROWS);
		}
	}
	assert_true(stat_of(f).pinned_groups >= 3);
	for (int i = 0; i < N; i++)
		stoa_cursor_close(cur[i]);
	assert_int_equal(stat_of(f).pinned_bytes, 0);
	assert_int_equal(stat_of(f).n_cursors, 0);
	free(cur);
}

/* A statement that changes rows reads the version before it, and gives that up as it goes. */
static void rows_may_be_changed_as_a_cursor_goes_over_them(void **state)
{
	struct fixture *f = *state;
	const struct stoa_value *row;
	stoa_cursor *cur;
	stoa_txn *txn;
	uint64_t n = 0;
	int rc;

	make_groups(f, 3);
	txn = begin(f, STOA_WRITE);
	ok(f, stoa_scan(txn, f->table, NULL, 0, &cur, &f->err));
	while ((rc = stoa_next(cur, &row, &f->err)) == STOA_ROW) {
		stoa_rowid at = stoa_cursor_rowid(cur);

		if (n++ % 3 == 0)
			ok(f, stoa_delete(txn, f->table, at, &f->err));
		else if (n % 7 == 0)
			ok(f, stoa_update(txn, f->table, at, &(uint32_t){ 0 }, &(struct stoa_value){ 0 }, 1,
					  &f->err));
	}
	ok(f, rc);
	assert_int_equal(n, 3 * GROUP_ROWS);
	stoa_cursor_close(cur);
	ok(f, stoa_commit(txn, &f->err));
	assert_int_equal(stat_of(f).n_rows, 60 + n - (n + 2) / 3);
	assert_int_equal(stat_of(f).pinned_bytes, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_cursor_gives_up_what_it_has_passed, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_query_gives_up_what_it_has_read, set_up, tear_down),
		cmocka_unit_test_setup_teardown(any_number_of_cursors_are_open_at_once, set_up, tear_down),
		cmocka_unit_test_setup_teardown(rows_may_be_changed_as_a_cursor_goes_over_them, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(a_cursor_shows_what_was_there_when_it_was_opened, set_up,
						tear_down),
	};

	testing_in_memory();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
