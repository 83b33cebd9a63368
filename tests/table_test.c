/* SPDX-License-Identifier: MIT */
/* table_test.c - rows, tails and groups: what random operations seldom meet */
#include "testing.h"

#include <stdio.h>
#include <string.h>

#include "../lib/db.h"
#include "../lib/stoa.h"

struct fixture {
	stoa_db *db;
	stoa_txn *txn;
	stoa_table table;
	struct stoa_error err;
};

static void ok(const struct fixture *f, int rc)
{
	must(rc, &f->err);
}

/* A table of a string and a text, in a transaction. */
static int set_up(void **state)
{
	static const struct stoa_slot slots[] = {
		{ .name = "name", .type = STOA_STRING },
		{ .name = "note", .type = STOA_TEXT },
		{ .name = "n", .type = STOA_I64 },
	};
	static struct fixture f;

	memset(&f, 0, sizeof f);
	ok(&f, stoa_open(NULL, NULL, &f.db, &f.err));
	ok(&f, stoa_begin(f.db, STOA_WRITE, &f.txn, &f.err));
	ok(&f, stoa_table_create(f.txn, "t", slots, 3, &f.table, &f.err));
	*state = &f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	stoa_abort(f->txn);
	ok(f, stoa_close(f->db, &f->err));
	return 0;
}

static void insert(struct fixture *f, int n)
{
	for (int i = 0; i < n; i++) {
		char name[32], note[64];

		snprintf(name, sizeof name, "name %d", i % 100);
		snprintf(note, sizeof note, "a note that no other row has: %d", i);
		struct stoa_value v[] = { stoa_text(name), stoa_text(note), stoa_i64(i) };

		ok(f, stoa_insert(f->txn, f->table, v, 3, NULL, &f->err));
	}
}

/* What stoa_get() lends may be handed to the call that ends the loan. */
static void a_row_is_copied_from_a_tail_that_its_insert_seals(void **state)
{
	struct fixture *f = *state;
	struct stoa_value row[3], copy[3];
	stoa_rowid rowid;

	insert(f, STOA_GROUP_MAX);
	ok(f, stoa_get(f->txn, f->table, 777, row, 3, &f->err));
	ok(f, stoa_insert(f->txn, f->table, row, 3, &rowid, &f->err));
	assert_int_equal(rowid, STOA_GROUP_MAX + 1);
	ok(f, stoa_get(f->txn, f->table, rowid, copy, 3, &f->err));
	assert_int_equal(copy[0].len, 7);
	assert_memory_equal(copy[0].p, "name 76", 7);
	assert_int_equal(copy[1].len, 33);
	assert_memory_equal(copy[1].p, "a note that no other row has: 776", 33);
	assert_int_equal(copy[2].i, 776);
}

static void a_row_is_changed_to_what_another_of_its_page_is(void **state)
{
	static const uint32_t slots[] = { 0, 1, 2 };
	struct fixture *f = *state;
	struct stoa_value row[3], copy[3];
	stoa_cursor *cur;

	insert(f, 300);
	for (stoa_rowid i = 1; i < 20; i++) {
		/* with and without a version that shares the page */
		ok(f, stoa_scan(f->txn, f->table, NULL, 0, &cur, &f->err));
		if (i % 2)
			stoa_cursor_close(cur);
		ok(f, stoa_get(f->txn, f->table, i, row, 3, &f->err));
		ok(f, stoa_update(f->txn, f->table, i + 1, slots, row, 3, &f->err));
		ok(f, stoa_get(f->txn, f->table, i + 1, copy, 3, &f->err));
		assert_int_equal(copy[1].len, 31);
		assert_memory_equal(copy[1].p, "a note that no other row has: 0", 31);
		if (i % 2 == 0)
			stoa_cursor_close(cur);
	}
}

/* Slots swap their values in one call. */
static void a_row_is_changed_to_what_it_is_itself(void **state)
{
	static const uint32_t slots[] = { 1, 0 };
	struct fixture *f = *state;
	struct stoa_value row[3], copy[3];

	insert(f, 10);
	ok(f, stoa_get(f->txn, f->table, 4, row, 3, &f->err));
	ok(f, stoa_update(f->txn, f->table, 4, slots, row, 2, &f->err));
	ok(f, stoa_get(f->txn, f->table, 4, copy, 3, &f->err));
	assert_memory_equal(copy[0].p, "a note that no other row has: 3", 31);
	assert_int_equal(copy[1].len, 6);
	assert_memory_equal(copy[1].p, "name 3", 6);
}

/* What blocks take, those included that the transaction has not told of yet. */
static int64_t bytes_of(const struct fixture *f)
{
	return atomic_load(&f->db->history.bytes) + f->txn->version->bytes;
}

/* Each scan freezes what the transaction has; what only it saw goes with it. */
static void a_transaction_that_reads_as_it_writes_keeps_nothing_of_it(void **state)
{
	static const uint32_t slot = 2;
	struct fixture *f = *state;
	int64_t bytes = 0;

	insert(f, 2000);
	for (int i = 0; i < 500; i++) {
		struct stoa_value v = stoa_i64(i);
		struct stoa_batch b;
		stoa_cursor *cur;

		ok(f, stoa_scan(f->txn, f->table, NULL, 0, &cur, &f->err));
		assert_int_equal(stoa_next_batch(cur, &b, &f->err), STOA_ROW);
		if (i % 2)
			stoa_cursor_close(cur);
		for (stoa_rowid row = 1; row < 2000; row += 100)
			ok(f, stoa_update(f->txn, f->table, row, &slot, &v, 1, &f->err));
		if (i % 2 == 0)
			stoa_cursor_close(cur);
		if (i == 10)
			bytes = bytes_of(f);
	}
	assert_int_equal(bytes_of(f), bytes);
}

/* A full tail of which all rows are dead leaves no group behind. */
static void a_tail_of_dead_rows_is_sealed_to_nothing(void **state)
{
	struct fixture *f = *state;
	struct stoa_stat stat = STOA_STAT_INIT;
	struct stoa_value v[] = { stoa_null(), stoa_null(), stoa_i64(1) };
	stoa_rowid row = 0;

	insert(f, STOA_GROUP_MAX);
	for (row = 1; row <= STOA_GROUP_MAX; row++)
		ok(f, stoa_delete(f->txn, f->table, row, &f->err));
	ok(f, stoa_insert(f->txn, f->table, v, 3, &row, &f->err));
	assert_int_equal(row, STOA_GROUP_MAX + 1);
	ok(f, stoa_stat(f->txn, f->table, &stat, &f->err));
	assert_int_equal(stat.n_rows, 1);
	assert_int_equal(stat.n_groups, 0);
	assert_int_equal(stat.n_dead, 0);
	assert_int_equal(stat.n_symbols, 0);
}

/* With the last live row of a group goes the group. */
static void a_group_goes_with_its_last_row(void **state)
{
	struct fixture *f = *state;
	struct stoa_stat stat = STOA_STAT_INIT;

	insert(f, 2 * STOA_GROUP_MAX + 1);
	for (stoa_rowid row = STOA_GROUP_MAX; row > 0; row--)
		ok(f, stoa_delete(f->txn, f->table, row, &f->err));
	ok(f, stoa_stat(f->txn, f->table, &stat, &f->err));
	assert_int_equal(stat.n_groups, 1);
	assert_int_equal(stat.n_dead, 0);
	assert_int_equal(stat.n_rows, STOA_GROUP_MAX + 1);
}

/* Rows that were undone lie beyond what versions count, and must not hold strings there. */
static void what_is_undone_holds_no_strings(void **state)
{
	struct fixture *f = *state;
	struct stoa_value v[] = { stoa_text("only here"), stoa_text("and here"), stoa_null() };
	struct stoa__table *t;
	uint32_t outer, inner;

	insert(f, 300);
	ok(f, stoa_commit(f->txn, &f->err));
	ok(f, stoa_begin(f->db, STOA_WRITE, &f->txn, &f->err));
	t = stoa__table_find(f->txn->version, f->table);
	assert_int_equal(f->db->symbols.n_live, 100);
	ok(f, stoa_savepoint(f->txn, &outer, &f->err));
	for (int i = 0; i < 1000; i++)
		ok(f, stoa_insert(f->txn, f->table, v, 3, NULL, &f->err));
	ok(f, stoa_savepoint(f->txn, &inner, &f->err));
	v[0] = stoa_text("nor here");
	ok(f, stoa_insert(f->txn, f->table, v, 3, NULL, &f->err));
	assert_int_equal(f->db->symbols.n_live, 102);
	ok(f, stoa_rollback_to(f->txn, inner, &f->err));
	assert_int_equal(f->db->symbols.n_live, 101);
	ok(f, stoa_rollback_to(f->txn, outer, &f->err));
	assert_int_equal(f->db->symbols.n_live, 100);
	ok(f, stoa_insert(f->txn, f->table, v, 3, NULL, &f->err));
	stoa_abort(f->txn);
	assert_int_equal(f->db->symbols.n_live, 100);
	/* the notes end in 1 to 3 digits */
	assert_int_equal(t->tail->tail->text_bytes, 300 * 30 + 10 + 90 * 2 + 200 * 3);
	ok(f, stoa_begin(f->db, STOA_READ, &f->txn, &f->err));
}

/* What a query gives out, now or later, may borrow what a rollback frees. */
static void a_query_ends_when_its_rows_are_undone(void **state)
{
	static const char *const queries[] = {
		"SELECT name, note, n FROM t",
		"SELECT note, name FROM t ORDER BY note DESC",
		"SELECT name, count(*), max(note) FROM t GROUP BY name",
		"SELECT DISTINCT note FROM t",
		"SELECT note FROM t WHERE n > 10 LIMIT 2000",
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < 2 * sizeof queries / sizeof *queries; i++) {
		const struct stoa_value *row;
		struct stoa_batch b;
		stoa_cursor *cur;
		uint32_t mark;
		int rc;

		ok(f, stoa_savepoint(f->txn, &mark, &f->err));
		insert(f, 5000);
		ok(f, stoa_query(f->txn, queries[i / 2], &cur, &f->err));
		rc = i % 2 ? stoa_next(cur, &row, &f->err) : stoa_next_batch(cur, &b, &f->err);
		assert_int_equal(rc, STOA_ROW);
		ok(f, stoa_rollback_to(f->txn, mark, &f->err));
		rc = i % 2 ? stoa_next(cur, &row, &f->err) : stoa_next_batch(cur, &b, &f->err);
		assert_int_equal(rc, STOA_ESTATE);
		stoa_cursor_close(cur);
	}
}

/* ---- ends in the wrong order ---- */

static void append_rows(struct fixture *f, stoa_appender *app, size_t n)
{
	static struct stoa_bytes strings[STOA_GROUP_MAX];
	static int64_t numbers[STOA_GROUP_MAX];
	const struct stoa_array arrays[] = {
		{ STOA_STRING, 0, strings, NULL },
		{ STOA_TEXT, 0, strings, NULL },
		{ STOA_I64, 0, numbers, NULL },
	};

	ok(f, stoa_append(app, arrays, 3, n, &f->err));
}

static void an_appender_outlives_its_transaction_and_adds_nothing(void **state)
{
	struct fixture *f = *state;
	stoa_appender *app[3];
	struct stoa_table_info info;

	ok(f, stoa_commit(f->txn, &f->err));
	ok(f, stoa_begin(f->db, STOA_WRITE, &f->txn, &f->err));
	for (int i = 0; i < 3; i++) {
		ok(f, stoa_appender_open(f->txn, f->table, &app[i], &f->err));
		append_rows(f, app[i], i ? STOA_GROUP_MAX : 10);
	}
	stoa_appender_abort(app[1]);
	assert_int_equal(stoa_commit(f->txn, &f->err), STOA_ESTATE);
	assert_int_equal(stoa_append(app[0], NULL, 3, 0, &f->err), STOA_ESTATE);
	stoa_appender_abort(app[0]);
	assert_int_equal(stoa_appender_close(app[2], &f->err), STOA_ESTATE);
	ok(f, stoa_begin(f->db, STOA_READ, &f->txn, &f->err));
	ok(f, stoa_table_info(f->txn, f->table, &info, &f->err));
	assert_int_equal(info.n_rows, 0);
}

/* ---- the memory limit ---- */

static void memory_is_limited_and_deleting_still_works(void **state)
{
	static int64_t numbers[STOA_GROUP_MAX];
	static const struct stoa_slot slots[] = { { .name = "n", .type = STOA_I64 } };
	const struct stoa_array array = { STOA_I64, 0, numbers, NULL };
	struct stoa_options options = STOA_OPTIONS_INIT;
	struct stoa_value v = stoa_i64(0);
	struct fixture f = { 0 };
	struct stoa_stat stat = STOA_STAT_INIT;
	stoa_appender *app;
	stoa_rowid row;
	int rc;

	(void)state;
	for (int i = 0; i < STOA_GROUP_MAX; i++)
		numbers[i] = (int64_t)i * i * i;
	options.memory_limit = 1000000;
	ok(&f, stoa_open(NULL, &options, &f.db, &f.err));
	ok(&f, stoa_begin(f.db, STOA_WRITE, &f.txn, &f.err));
	ok(&f, stoa_table_create(f.txn, "t", slots, 1, &f.table, &f.err));
	ok(&f, stoa_appender_open(f.txn, f.table, &app, &f.err));
	for (int n = 0; (rc = stoa_append(app, &array, 1, STOA_GROUP_MAX, &f.err)) == STOA_OK; n++)
		assert_true(n < 4);
	assert_int_equal(rc, STOA_ENOMEM);
	stoa_appender_abort(app);
	while ((rc = stoa_insert(f.txn, f.table, &v, 1, &row, &f.err)) == STOA_OK) {
		assert_true(row < 4 * STOA_GROUP_MAX);
		v.i = numbers[row % STOA_GROUP_MAX];
	}
	assert_int_equal(rc, STOA_ENOMEM);
	ok(&f, stoa_stat(f.txn, 0, &stat, &f.err));
	assert_in_range(stat.memory_bytes, 900000, 1100000);
	ok(&f, stoa_delete(f.txn, f.table, 1, &f.err));
	ok(&f, stoa_commit(f.txn, &f.err));
	ok(&f, stoa_close(f.db, &f.err));
}

/* ---- arguments ---- */

static void empty_values_need_no_bytes(void **state)
{
	struct fixture *f = *state;
	struct stoa_value v[] = { stoa_bytes_value(STOA_STRING, NULL, 0),
				  stoa_bytes_value(STOA_TEXT, NULL, 0), stoa_null() };
	const struct stoa_slot slot = { .name = "e", .type = STOA_BLOB,
					.value = stoa_bytes_value(STOA_BLOB, NULL, 0) };
	static const struct stoa_bytes nothing[2];
	static const int64_t numbers[2];
	const struct stoa_array arrays[] = {
		{ STOA_STRING, 0, nothing, NULL },
		{ STOA_TEXT, 0, nothing, NULL },
		{ STOA_I64, 0, numbers, NULL },
		{ STOA_BLOB, 0, nothing, NULL },
	};
	struct stoa_value out[4];
	stoa_appender *app;
	stoa_rowid row;

	ok(f, stoa_insert(f->txn, f->table, v, 3, &row, &f->err));
	ok(f, stoa_slot_add(f->txn, f->table, &slot, &f->err));
	ok(f, stoa_appender_open(f->txn, f->table, &app, &f->err));
	ok(f, stoa_append(app, arrays, 4, 2, &f->err));
	ok(f, stoa_appender_close(app, &f->err));
	for (; row <= 3; row++) {
		ok(f, stoa_get(f->txn, f->table, row, out, 4, &f->err));
		assert_int_equal(out[0].type, STOA_STRING);
		assert_int_equal(out[0].len, 0);
		assert_int_equal(out[1].type, STOA_TEXT);
		assert_int_equal(out[3].type, STOA_BLOB);
		assert_int_equal(out[3].len, 0);
	}
}

/* A default that is "the default" says nothing. */
static void a_slot_that_is_not_one_is_refused(void **state)
{
	struct fixture *f = *state;
	struct stoa_slot slot = { .name = "x", .type = STOA_I8, .value = stoa_i64(1000) };

	assert_int_equal(stoa_slot_add(f->txn, f->table, &slot, &f->err), STOA_ERANGE);
	slot.value = stoa_text("1");
	assert_int_equal(stoa_slot_add(f->txn, f->table, &slot, &f->err), STOA_ETYPE);
	slot.value = stoa_default();
	assert_int_equal(stoa_slot_add(f->txn, f->table, &slot, &f->err), STOA_ETYPE);
	slot.value = stoa_null();
	slot.type = 22;
	assert_int_equal(stoa_slot_add(f->txn, f->table, &slot, &f->err), STOA_EINVAL);
	slot.type = STOA_DECIMAL;
	assert_int_equal(stoa_slot_add(f->txn, f->table, &slot, &f->err), STOA_EINVAL);
	slot.type = STOA_I8;
	slot.flags = 8;
	assert_int_equal(stoa_slot_add(f->txn, f->table, &slot, &f->err), STOA_EINVAL);
	slot.flags = 0;
	slot.name = "";
	assert_int_equal(stoa_slot_add(f->txn, f->table, &slot, &f->err), STOA_EINVAL);
	slot.name = "NOTE";
	assert_int_equal(stoa_slot_add(f->txn, f->table, &slot, &f->err), STOA_EEXIST);
	assert_int_equal(stoa_slot_add(f->txn, f->table, NULL, &f->err), STOA_EINVAL);
}

static void an_answer_needs_room(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(stoa_savepoint(f->txn, NULL, &f->err), STOA_EINVAL);
	assert_int_equal(stoa_table_find(f->txn, "t", NULL, &f->err), STOA_EINVAL);
	assert_int_equal(stoa_table_next(f->txn, 0, NULL, &f->err), STOA_EINVAL);
	assert_int_equal(stoa_table_info(f->txn, f->table, NULL, &f->err), STOA_EINVAL);
	assert_int_equal(stoa_table_rename(f->txn, f->table, NULL, &f->err), STOA_EINVAL);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

static uint64_t memory_bytes(struct fixture *f)
{
	struct stoa_stat stat = STOA_STAT_INIT;

	ok(f, stoa_stat(f->txn, 0, &stat, &f->err));
	return stat.memory_bytes;
}

static void texts_count_as_memory_and_towards_its_limit(void **state)
{
	enum { LEN = 1 << 20 };
	struct fixture *f = *state;
	char *text = test_calloc(1, LEN);
	struct stoa_value v[] = { stoa_null(), stoa_bytes_value(STOA_TEXT, text, LEN), stoa_i64(1) };
	uint64_t before;
	uint32_t mark;
	int n = 0;

	memset(text, 'x', LEN);
	insert(f, 1);
	before = memory_bytes(f);
	ok(f, stoa_savepoint(f->txn, &mark, &f->err));
	f->db->options.memory_limit = before + 10 * LEN;
	while (n < 20 && stoa_insert(f->txn, f->table, v, 3, NULL, &f->err) == STOA_OK)
		n++;
	assert_in_range(n, 9, 10);
	assert_non_null(strstr(f->err.text, "memory limit"));
	assert_true(memory_bytes(f) > before + 9 * (uint64_t)LEN);
	ok(f, stoa_rollback_to(f->txn, mark, &f->err));
	f->db->options.memory_limit = 0;
	assert_true(memory_bytes(f) < before + LEN);
	test_free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_row_is_copied_from_a_tail_that_its_insert_seals),
		TEST(texts_count_as_memory_and_towards_its_limit),
		TEST(a_row_is_changed_to_what_another_of_its_page_is),
		TEST(a_row_is_changed_to_what_it_is_itself),
		TEST(a_transaction_that_reads_as_it_writes_keeps_nothing_of_it),
		TEST(a_tail_of_dead_rows_is_sealed_to_nothing),
		TEST(a_group_goes_with_its_last_row),
		TEST(what_is_undone_holds_no_strings),
		TEST(a_query_ends_when_its_rows_are_undone),
		TEST(an_appender_outlives_its_transaction_and_adds_nothing),
		cmocka_unit_test(memory_is_limited_and_deleting_still_works),
		TEST(empty_values_need_no_bytes),
		TEST(a_slot_that_is_not_one_is_refused),
		TEST(an_answer_needs_room),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
