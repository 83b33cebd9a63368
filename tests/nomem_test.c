/* SPDX-License-Identifier: MIT */
/*
 * nomem_test.c - memory runs out at each allocation of a scripted session in turn
 *
 * The script is run once as it is, and a digest of the database is kept for each step. Then it is
 * run again and again with another allocation failing each time: the step that meets it must return
 * STOA_ENOMEM and leave what the digest says, and must succeed when it is tried again.
 */
#include "testing.h"

#include <stdio.h>
#include <string.h>

#include "../lib/core/alloc.h"
#include "../lib/core/hash.h"
#include "../lib/core/type.h"
#include "../lib/db.h"
#include "../lib/stoa.h"

#define ROWS 300

struct script {
	const char *path;	/* NULL: in memory */
	stoa_db *db;
	stoa_txn *txn;
	stoa_table table;
	uint32_t mark;
	size_t i;		/* rows inserted so far, for steps that are many calls */
	struct stoa_error err;
};

/* ---- the digest ---- */

static uint64_t mix(uint64_t sum, const void *p, size_t len)
{
	return (sum ^ stoa__hash(p, len)) * 0x9e3779b97f4a7c15u + len;
}

static uint64_t mix_batch(uint64_t sum, const struct stoa_batch *b)
{
	for (size_t c = 0; c < b->n_columns; c++) {
		for (size_t i = 0; i < b->n_rows; i++) {
			struct stoa_value v = stoa__array_value(&b->columns[c], i);
			bool bytes = v.type >= STOA_STRING && v.type <= STOA_BLOB;
			size_t len = v.type == STOA_UUID ? 16 : v.type == STOA_NULL ? 0 : 8;

			sum = mix(sum, &v.type, 1);
			sum = bytes ? mix(sum, v.p, v.len) : mix(sum, v.uuid, len);
		}
	}
	return mix(sum, b->rowids, b->n_rows * sizeof *b->rowids);
}

static uint64_t digest_table(stoa_txn *txn, stoa_table table, uint64_t sum)
{
	struct stoa_table_info info;
	struct stoa_batch b;
	stoa_cursor *cur;

	assert_int_equal(stoa_table_info(txn, table, &info, NULL), STOA_OK);
	sum = mix(sum, info.name, strlen(info.name));
	for (size_t i = 0; i < info.n_slots; i++)
		sum = mix(sum, info.slots[i].name, strlen(info.slots[i].name));
	sum = mix(sum, &info.n_rows, sizeof info.n_rows);
	sum = mix(sum, &info.next_rowid, sizeof info.next_rowid);
	sum = mix(sum, &info.frozen, sizeof info.frozen);
	assert_int_equal(stoa_scan(txn, table, NULL, 0, &cur, NULL), STOA_OK);
	while (stoa_next_batch(cur, &b, NULL) == STOA_ROW)
		sum = mix_batch(sum, &b);
	stoa_cursor_close(cur);
	return sum;
}

/* All that is to be seen, in the open transaction or outside. */
static uint64_t digest(struct script *s)
{
	stoa_txn *txn = s->txn;
	stoa_table table = 0;
	uint64_t sum = 1;

	if (!txn)
		assert_int_equal(stoa_begin(s->db, STOA_READ, &txn, NULL), STOA_OK);
	while (stoa_table_next(txn, table, &table, NULL) == STOA_ROW)
		sum = digest_table(txn, table, sum);
	if (!s->txn)
		stoa_abort(txn);
	return sum;
}

/* ---- steps ---- */

static int step_begin(struct script *s)
{
	return stoa_begin(s->db, STOA_WRITE, &s->txn, &s->err);
}

static int step_create(struct script *s)
{
	const struct stoa_slot slots[] = {
		{ .name = "name", .type = STOA_STRING, .value = stoa_text("nobody") },
		{ .name = "price", .type = STOA_F64 },
		{ .name = "quantity", .type = STOA_I32, .flags = STOA_NOT_NULL },
		{ .name = "note", .type = STOA_TEXT },
	};

	return stoa_table_create(s->txn, "item", slots, 4, &s->table, &s->err);
}

static int step_insert(struct script *s)
{
	while (s->i < ROWS) {
		char name[32], note[64];
		struct stoa_value v[4];
		int rc;

		snprintf(name, sizeof name, "name %zu", s->i % 20);
		snprintf(note, sizeof note, "the note of row number %zu", s->i);
		v[0] = stoa_text(name);
		v[1] = s->i % 7 ? stoa_f64((double)s->i / 4) : stoa_null();
		v[2] = stoa_i64((int64_t)s->i);
		v[3] = s->i % 5 ? stoa_null() : stoa_text(note);
		rc = stoa_insert(s->txn, s->table, v, 4, NULL, &s->err);
		if (rc < 0)
			return rc;
		s->i++;
	}
	return STOA_OK;
}

static int update(struct script *s, stoa_rowid row)
{
	static const uint32_t slots[] = { 3, 0, 1 };
	const struct stoa_value v[] = { stoa_text("changed"), stoa_text("someone else"),
					stoa_null() };

	return stoa_update(s->txn, s->table, row, slots, v, 3, &s->err);
}

static int step_update_tail(struct script *s)
{
	return update(s, 7);
}

static int step_update_group(struct script *s)
{
	return update(s, 270);
}

static int step_delete(struct script *s)
{
	return stoa_delete(s->txn, s->table, 9, &s->err);
}

static int step_delete_group(struct script *s)
{
	return stoa_delete(s->txn, s->table, 20, &s->err);
}

static int step_savepoint(struct script *s)
{
	return stoa_savepoint(s->txn, &s->mark, &s->err);
}

static int step_rollback(struct script *s)
{
	return stoa_rollback_to(s->txn, s->mark, &s->err);
}

static int step_slot_add(struct script *s)
{
	const struct stoa_slot slot = { .name = "colour", .type = STOA_STRING,
					.flags = STOA_NOT_NULL, .value = stoa_text("blue") };

	return stoa_slot_add(s->txn, s->table, &slot, &s->err);
}

static int step_slot_drop(struct script *s)
{
	return stoa_slot_drop(s->txn, s->table, "colour", &s->err);
}

static int step_rename(struct script *s)
{
	return stoa_table_rename(s->txn, s->table, "Thing", &s->err);
}

static int append(struct script *s, size_t n, size_t times)
{
	static const struct stoa_bytes names[] = { { "x", 1 }, { "yy", 2 }, { "", 0 }, { "x", 1 } };
	static double prices[STOA_GROUP_MAX];
	static int32_t quantities[STOA_GROUP_MAX];
	static struct stoa_bytes strings[STOA_GROUP_MAX];
	const struct stoa_array arrays[] = {
		{ STOA_STRING, 0, strings, NULL },
		{ STOA_F64, 0, prices, NULL },
		{ STOA_I32, 0, quantities, NULL },
		{ STOA_TEXT, 0, strings, NULL },
	};
	stoa_appender *app;
	int rc = stoa_appender_open(s->txn, s->table, &app, &s->err);

	for (size_t i = 0; i < n; i++)
		strings[i] = names[i % 4];
	for (size_t i = 0; i < times && rc == STOA_OK; i++) {
		rc = stoa_append(app, arrays, 4, n, &s->err);
		if (rc < 0)
			stoa_appender_abort(app);
	}
	return rc < 0 ? rc : stoa_appender_close(app, &s->err);
}

static int step_append(struct script *s)
{
	return append(s, 300, 2);
}

static int step_append_group(struct script *s)
{
	return append(s, STOA_GROUP_MAX, 1);
}

static int step_scan(struct script *s)
{
	const struct stoa_value *row;
	const stoa_rowid rows[] = { 5, 1, 5 };
	struct stoa_value values[3 * 4];
	stoa_cursor *cur;
	int rc = stoa_scan(s->txn, s->table, NULL, 0, &cur, &s->err);

	if (rc < 0)
		return rc;
	do
		rc = stoa_next(cur, &row, &s->err);
	while (rc == STOA_ROW);
	stoa_cursor_close(cur);
	if (rc >= 0)
		rc = stoa_get(s->txn, s->table, 5, values, 4, &s->err);
	return rc < 0 ? rc : stoa_get_many(s->txn, s->table, rows, 3, values, 4, NULL, &s->err);
}

static int step_commit(struct script *s)
{
	stoa_txn *txn = s->txn;

	s->txn = NULL;
	return stoa_commit(txn, &s->err);
}

static int step_freeze(struct script *s)
{
	return stoa_table_freeze(s->txn, s->table, &s->err);
}

static int step_drop(struct script *s)
{
	return stoa_table_drop(s->txn, s->table, &s->err);
}

static int step_checkpoint(struct script *s)
{
	return stoa_checkpoint(s->db, &s->err);
}

typedef int step_fn(struct script *s);

static step_fn *const script[] = {
	step_begin,	   step_create,	    step_insert,      step_update_tail, step_delete,
	step_commit,	   step_checkpoint, step_begin,	      step_update_tail, step_savepoint,
	step_slot_add,	   step_slot_drop,  step_update_group, step_delete_group, step_rollback,
	step_update_tail,  step_slot_add,   step_slot_drop,   step_update_group, step_scan,
	step_append,	   step_rename,	    step_scan,	      step_commit,	step_checkpoint,
	step_begin,	   step_append_group, step_update_group, step_scan,	step_freeze,
	step_commit,	   step_checkpoint, step_begin,	      step_drop,	step_commit,
	step_checkpoint,
};
#define STEPS (sizeof script / sizeof *script)

/* ---- runs ---- */

static void open_db(struct script *s)
{
	struct stoa_options options = STOA_OPTIONS_INIT;

	options.durability = STOA_NONE;
	assert_int_equal(stoa_open(s->path, &options, &s->db, &s->err), STOA_OK);
}

static void close_db(struct script *s)
{
	if (!s->path) {
		assert_int_equal(stoa__history_bytes(&s->db->history), 0);
		assert_int_equal(s->db->symbols.n_live, 0);
	}
	assert_int_equal(stoa_close(s->db, &s->err), STOA_OK);
}

/* Step @i has failed in want of memory: it has changed nothing, and goes well now. */
static void try_again(struct script *s, size_t i, uint64_t before)
{
	/* It is many calls, and goes on where it was. */
	if (script[i] != step_insert && digest(s) != before)
		fail_msg("step %zu left something behind", i);
	assert_int_equal(script[i](s), STOA_OK);
}

/* Goes through the script, while allocation @nth fails, and compares. Did one fail? */
static bool run(const char *path, const uint64_t digests[STEPS + 1], long nth)
{
	struct script s = { .path = path };
	bool fired = false;

	open_db(&s);
	stoa__fault_arm(nth, false);
	for (size_t i = 0; i < STEPS; i++) {
		int rc = script[i](&s);

		if (rc >= 0)
			continue;
		fired = stoa__fault_disarm();
		if (!fired || rc != STOA_ENOMEM || s.err.code != STOA_ENOMEM)
			fail_msg("allocation %ld, step %zu: %s", nth, i, s.err.text);
		if (script[i] == step_commit) {
			assert_int_equal(stoa_close(s.db, &s.err), STOA_OK);
			return true;	/* it was aborted, and the script ends here */
		}
		try_again(&s, i, digests[i]);
	}
	fired |= stoa__fault_disarm();
	assert_true(digest(&s) == digests[STEPS]);
	close_db(&s);
	return fired;
}

/* Goes through the script and keeps a digest for each step. */
static void rehearse(const char *path, uint64_t digests[STEPS + 1])
{
	struct script s = { .path = path };

	open_db(&s);
	for (size_t i = 0; i < STEPS; i++) {
		digests[i] = digest(&s);
		if (script[i](&s) < 0)
			fail_msg("step %zu: %s", i, s.err.text);
	}
	digests[STEPS] = digest(&s);
	close_db(&s);
}

static void run_all(const char *dir)
{
	uint64_t digests[STEPS + 1], rng = testing_seed();
	bool fired = true;

	rehearse(dir ? testing_path(dir, "reference") : NULL, digests);
	for (long nth = 0; fired; nth++) {
		char name[32];

		snprintf(name, sizeof name, "%ld", nth);
		fired = run(dir ? testing_path(dir, name) : NULL, digests, nth);
		/* Many are of one kind: the insert's strings, the pages of a tail. */
		if (!testing_long())
			nth += (long)testing_below(&rng, dir ? 120 : 8);
	}
}

static void a_call_without_memory_changes_nothing(void **state)
{
	(void)state;
	run_all(NULL);
}

static void a_call_without_memory_changes_nothing_on_disk(void **state)
{
	char *dir = testing_tempdir();

	(void)state;
	run_all(dir);
	testing_rmtree(dir);
}

/* The insert that finds the tail full seals it. */
static void a_seal_without_memory_changes_nothing(void **state)
{
	static const struct stoa_slot slots[] = {
		{ .name = "n", .type = STOA_I64 },
		{ .name = "s", .type = STOA_STRING },
	};
	struct script s = { 0 };
	struct stoa_value v[2];
	uint64_t before;
	bool fired = true;

	(void)state;
	open_db(&s);
	assert_int_equal(step_begin(&s), STOA_OK);
	assert_int_equal(stoa_table_create(s.txn, "t", slots, 2, &s.table, &s.err), STOA_OK);
	for (int i = 0; i < STOA_GROUP_MAX; i++) {
		v[0] = stoa_i64(i % 1000);
		v[1] = stoa_text(i % 2 ? "odd" : "even");
		assert_int_equal(stoa_insert(s.txn, s.table, v, 2, NULL, &s.err), STOA_OK);
	}
	assert_int_equal(step_commit(&s), STOA_OK);
	before = digest(&s);
	for (long nth = 0; fired; nth++) {
		int rc;

		assert_int_equal(step_begin(&s), STOA_OK);
		stoa__fault_arm(nth, false);
		rc = stoa_insert(s.txn, s.table, v, 2, NULL, &s.err);
		fired = stoa__fault_disarm();
		if (rc < 0) {
			assert_int_equal(rc, STOA_ENOMEM);
			assert_int_equal(digest(&s), before);
			assert_int_equal(stoa_insert(s.txn, s.table, v, 2, NULL, &s.err), STOA_OK);
		}
		assert_int_not_equal(digest(&s), before);
		stoa_abort(s.txn);
		s.txn = NULL;
		assert_int_equal(digest(&s), before);
	}
	assert_int_equal(stoa_close(s.db, &s.err), STOA_OK);
}

/* A table with a row group, committed. */
static void make_group(struct script *s)
{
	s->i = 0;
	assert_int_equal(step_begin(s), STOA_OK);
	assert_int_equal(step_create(s), STOA_OK);
	assert_int_equal(step_insert(s), STOA_OK);
	assert_int_equal(step_slot_add(s), STOA_OK);
	assert_int_equal(step_slot_drop(s), STOA_OK);
	assert_int_equal(step_commit(s), STOA_OK);
}

/* The pages of a change that failed half way are committed and stored, and say nothing. */
static void a_failed_update_does_no_harm_to_the_checkpoint(void **state)
{
	char *dir = testing_tempdir();
	struct script s = { .path = testing_path(dir, "db") };
	bool fired = true;

	(void)state;
	open_db(&s);
	for (long nth = 0; fired; nth++) {
		uint64_t before;
		int rc;

		make_group(&s);
		assert_int_equal(step_begin(&s), STOA_OK);
		assert_int_equal(step_rename(&s), STOA_OK);
		before = digest(&s);
		stoa__fault_arm(nth, false);
		rc = update(&s, 7);
		fired = stoa__fault_disarm();
		assert_int_equal(rc, fired ? STOA_ENOMEM : STOA_OK);
		assert_int_equal(digest(&s) == before, fired);
		before = digest(&s);
		assert_int_equal(step_commit(&s), STOA_OK);
		assert_int_equal(step_checkpoint(&s), STOA_OK);
		assert_int_equal(stoa_close(s.db, &s.err), STOA_OK);
		open_db(&s);
		assert_int_equal(digest(&s), before);
		assert_int_equal(step_begin(&s), STOA_OK);
		assert_int_equal(step_drop(&s), STOA_OK);
		assert_int_equal(step_commit(&s), STOA_OK);
		if (nth > 20 && !testing_long())
			nth += 10;
	}
	assert_int_equal(stoa_close(s.db, &s.err), STOA_OK);
	testing_rmtree(dir);
}

static void a_database_opens_whole_or_not_at_all(void **state)
{
	char *dir = testing_tempdir();
	struct script s = { .path = testing_path(dir, "db") };
	uint64_t before;
	bool fired = true;

	(void)state;
	open_db(&s);
	assert_int_equal(step_begin(&s), STOA_OK);
	assert_int_equal(step_create(&s), STOA_OK);
	assert_int_equal(step_insert(&s), STOA_OK);
	assert_int_equal(step_slot_add(&s), STOA_OK);
	assert_int_equal(step_slot_drop(&s), STOA_OK);
	assert_int_equal(step_append(&s), STOA_OK);
	assert_int_equal(step_update_group(&s), STOA_OK);
	assert_int_equal(step_delete(&s), STOA_OK);
	assert_int_equal(step_commit(&s), STOA_OK);
	before = digest(&s);
	assert_int_equal(stoa_close(s.db, &s.err), STOA_OK);
	for (long nth = 0; fired; nth++) {
		int rc;

		stoa__fault_arm(nth, false);
		rc = stoa_open(s.path, NULL, &s.db, &s.err);
		fired = stoa__fault_disarm();
		assert_int_equal(rc, rc == STOA_OK ? STOA_OK : STOA_ENOMEM);
		if (nth > 60 && !testing_long())
			nth += 6;
		if (rc < 0) {
			assert_null(s.db);
			continue;
		}
		assert_int_equal(digest(&s), before);
		assert_int_equal(stoa_close(s.db, &s.err), STOA_OK);
	}
	testing_rmtree(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_call_without_memory_changes_nothing),
		cmocka_unit_test(a_seal_without_memory_changes_nothing),
		cmocka_unit_test(a_call_without_memory_changes_nothing_on_disk),
		cmocka_unit_test(a_failed_update_does_no_harm_to_the_checkpoint),
		cmocka_unit_test(a_database_opens_whole_or_not_at_all),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
