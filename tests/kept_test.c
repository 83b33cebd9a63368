/* SPDX-License-Identifier: MIT */
/*
 * kept_test.c - deleted rows whose values stay: through seals, checkpoints, reopening and rollback
 */
#include "testing.h"

#include "../lib/core/alloc.h"
#include "../lib/db.h"
#include "../lib/stoa.h"

#define ROWS 10000

struct fixture {
	char *dir;
	stoa_db *db;
	stoa_txn *txn;
	stoa_table table;
	struct stoa_error err;
};

static void ok(const struct fixture *f, int rc)
{
	must(rc, &f->err);
}

static void open_db(struct fixture *f)
{
	ok(f, stoa_open(testing_path(f->dir, "db.stoa"), NULL, &f->db, &f->err));
	f->db->lives.orphans.n = 0;	/* nothing refers to these rows, and here they stay */
	ok(f, stoa_begin(f->db, STOA_WRITE, &f->txn, &f->err));
}

/* ROWS rows in a tail, row r holding r. */
static int set_up(void **state)
{
	static const struct stoa_slot slot = { .name = "n", .type = STOA_I64 };
	static struct fixture f;

	f = (struct fixture){ .dir = testing_tempdir() };
	open_db(&f);
	ok(&f, stoa_table_create(f.txn, "t", &slot, 1, &f.table, &f.err));
	for (int64_t i = 1; i <= ROWS; i++) {
		struct stoa_value v = stoa_i64(i);

		ok(&f, stoa_insert(f.txn, f.table, &v, 1, NULL, &f.err));
	}
	*state = &f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	stoa_abort(f->txn);
	ok(f, stoa_close(f->db, &f->err));
	testing_rmtree(f->dir);
	return 0;
}

static struct stoa__table *table(struct fixture *f)
{
	struct stoa__table *t;

	assert_int_equal(stoa__table_own(f->txn->version, f->table, &t), STOA_OK);
	f->txn->dirty = true;
	return t;
}

static void take_out(struct fixture *f, stoa_rowid row, bool keep)
{
	struct stoa__table *t = table(f);
	struct stoa__place at;

	assert_int_equal(stoa__table_locate(t, row, &at, NULL), STOA_OK);
	ok(f, stoa__table_delete(f->txn->version, t, at, keep, &f->err));
}

static void let_go(struct fixture *f, stoa_rowid row)
{
	struct stoa__table *t = table(f);
	struct stoa__place at;

	assert_int_equal(stoa__table_locate(t, row, &at, NULL), STOA_ENOTFOUND);
	assert_int_equal(stoa__table_locate_existing(t, row, &at, NULL), STOA_OK);
	ok(f, stoa__table_delete(f->txn->version, t, at, false, &f->err));
}

/* Of each ten rows the first is kept and the second gone. */
static void thin(struct fixture *f)
{
	for (stoa_rowid r = 1; r <= ROWS; r += 10) {
		take_out(f, r, true);
		take_out(f, r + 1, false);
	}
}

static void check_thinned(struct fixture *f)
{
	struct stoa__table *t = table(f);
	struct stoa__buf scratch = STOA__BUF_INIT;
	struct stoa__place at;
	struct stoa_value v;
	uint64_t n = 0;

	assert_int_equal(t->n_rows, ROWS - 2 * (ROWS / 10));
	assert_int_equal(t->n_kept, ROWS / 10);
	for (stoa_rowid r = 1; r <= ROWS; r++) {
		assert_int_equal(stoa__table_locate(t, r, &at, NULL) == STOA_OK,
				 r % 10 != 1 && r % 10 != 2);
		assert_int_equal(stoa__table_locate_existing(t, r, &at, NULL) == STOA_OK,
				 r % 10 != 2);
		if (r % 10 == 2)
			continue;
		ok(f, stoa__group_row(at.group, t->schema, at.row, &scratch, &v, &f->err));
		assert_int_equal(v.i, r);
	}
	stoa_cursor *cur;
	const struct stoa_value *row;

	ok(f, stoa_scan(f->txn, f->table, NULL, 0, &cur, &f->err));
	while (stoa_next(cur, &row, &f->err) == STOA_ROW)
		n++;
	stoa_cursor_close(cur);
	assert_int_equal(n, t->n_rows);
}

static void kept_rows_are_in_no_scan_and_have_their_values(void **state)
{
	struct fixture *f = *state;

	thin(f);
	check_thinned(f);
}

static void kept_rows_survive_a_seal(void **state)
{
	struct fixture *f = *state;

	thin(f);
	ok(f, stoa__table_seal(f->txn->version, table(f), &f->err));
	check_thinned(f);
}

static void a_seal_without_memory_changes_nothing(void **state)
{
	struct fixture *f = *state;
	bool fired = true;
	uint32_t mark;

	thin(f);
	ok(f, stoa_savepoint(f->txn, &mark, &f->err));
	for (long n = 0; fired; n++) {
		int rc;

		(void)table(f);
		stoa__fault_arm(n, false);
		rc = stoa__table_seal(f->txn->version, table(f), &f->err);
		fired = stoa__fault_disarm();
		assert_true(rc == STOA_OK || (fired && rc == STOA_ENOMEM));
		check_thinned(f);
		ok(f, stoa_rollback_to(f->txn, mark, &f->err));
	}
}

/*
 * The log knows nothing of these rows yet: the checkpoint that closes the database is what stores
 * them.
 */
static void reopen(struct fixture *f)
{
	ok(f, stoa_commit(f->txn, &f->err));
	ok(f, stoa_close(f->db, &f->err));
	open_db(f);
}

static void kept_rows_are_stored_with_their_tail_or_group(void **state)
{
	struct fixture *f = *state;

	thin(f);
	reopen(f);
	check_thinned(f);
	ok(f, stoa__table_seal(f->txn->version, table(f), &f->err));
	reopen(f);
	check_thinned(f);
}

static void a_group_of_kept_rows_lives_until_the_last_is_let_go(void **state)
{
	struct fixture *f = *state;
	struct stoa_stat stat = STOA_STAT_INIT;

	ok(f, stoa__table_seal(f->txn->version, table(f), &f->err));
	for (stoa_rowid r = 1; r <= ROWS; r++)
		take_out(f, r, r > ROWS - 2);
	reopen(f);
	let_go(f, ROWS);
	assert_int_equal(table(f)->n_kept, 1);
	assert_int_equal(table(f)->n_groups, 1);
	reopen(f);
	let_go(f, ROWS - 1);
	assert_int_equal(table(f)->n_kept, 0);
	ok(f, stoa_stat(f->txn, f->table, &stat, &f->err));
	assert_int_equal(stat.n_groups, 0);
	assert_int_equal(stat.n_dead, 0);
}

static void a_rollback_brings_members_back(void **state)
{
	struct fixture *f = *state;
	uint32_t mark;

	thin(f);
	ok(f, stoa_savepoint(f->txn, &mark, &f->err));
	for (stoa_rowid r = 1; r <= ROWS; r += 10)
		let_go(f, r);
	for (stoa_rowid r = 3; r <= ROWS; r += 10)
		take_out(f, r, true);
	assert_int_equal(table(f)->n_kept, ROWS / 10);
	ok(f, stoa_rollback_to(f->txn, mark, &f->err));
	check_thinned(f);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(kept_rows_are_in_no_scan_and_have_their_values),
		TEST(kept_rows_survive_a_seal),
		TEST(a_seal_without_memory_changes_nothing),
		TEST(kept_rows_are_stored_with_their_tail_or_group),
		TEST(a_group_of_kept_rows_lives_until_the_last_is_let_go),
		TEST(a_rollback_brings_members_back),
	};

	testing_in_memory();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
