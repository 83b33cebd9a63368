/* SPDX-License-Identifier: MIT */
/* settle_test.c - references that a load leaves uncounted, until somebody has to know */
#include "testing.h"

#include <stdio.h>
#include <stdlib.h>

#include "../lib/check_refs.h"
#include "../lib/core/alloc.h"
#include "../lib/db.h"
#include "../lib/stoa.h"

#define TARGETS 5
#define LOADED (2 * STOA_GROUP_MAX + 100)

/* Items that refer to TARGETS rows of "node" in turn. */
struct fixture {
	char *dir;
	stoa_db *db;
	stoa_txn *txn;
	stoa_table node, item;
	uint64_t refs[LOADED];
	struct stoa_error err;
};

static void ok(const struct fixture *f, int rc)
{
	must(rc, &f->err);
}

static void open_at(struct fixture *f, const char *name)
{
	ok(f, stoa_open(testing_path(f->dir, name), NULL, &f->db, &f->err));
	/* The tests say when the collector counts. */
	ok(f, stoa_gc_enable(f->db, false, &f->err));
	ok(f, stoa_begin(f->db, STOA_WRITE, &f->txn, &f->err));
}

static void commit(struct fixture *f)
{
	ok(f, stoa_commit(f->txn, &f->err));
	ok(f, stoa_begin(f->db, STOA_WRITE, &f->txn, &f->err));
}

static void add_nodes(struct fixture *f)
{
	struct stoa_value v = stoa_i64(0);

	for (int i = 0; i < TARGETS; i++)
		ok(f, stoa_insert(f->txn, f->node, &v, 1, NULL, &f->err));
}

static void load(struct fixture *f)
{
	const struct stoa_array a = { STOA_REF, 0, f->refs, NULL };
	stoa_appender *app;

	ok(f, stoa_appender_open(f->txn, f->item, &app, &f->err));
	ok(f, stoa_append(app, &a, 1, LOADED, &f->err));
	ok(f, stoa_appender_close(app, &f->err));
}

static int set_up(void **state)
{
	static const struct stoa_slot n = { .name = "n", .type = STOA_I64 };
	static struct fixture f;
	struct stoa_slot to = { .name = "to", .type = STOA_REF };

	f.dir = testing_tempdir();
	open_at(&f, "db.stoa");
	ok(&f, stoa_table_create(f.txn, "node", &n, 1, &f.node, &f.err));
	to.target = f.node;
	ok(&f, stoa_table_create(f.txn, "item", &to, 1, &f.item, &f.err));
	add_nodes(&f);
	for (uint64_t i = 0; i < LOADED; i++)
		f.refs[i] = 1 + i % TARGETS;
	load(&f);
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

static uint64_t n_waiting(struct fixture *f)
{
	const struct stoa__table *t = stoa__table_find(f->txn->version, f->item);

	return t->uncounted_end - t->uncounted_from;
}

static uint64_t n_kept(struct fixture *f)
{
	return stoa__table_find(f->txn->version, f->node)->n_kept;
}

static void fail_report(void *ctx, const char *what)
{
	(void)ctx;
	fail_msg("%s", what);
}

/* Each row of "node" has as many references as in @want; and a recount finds nothing wrong. */
static void assert_counts(struct fixture *f, const uint64_t want[TARGETS])
{
	for (uint64_t i = 0; i < TARGETS; i++) {
		uint64_t n;

		ok(f, stoa_row_refcount(f->txn, f->node, i + 1, &n, &f->err));
		assert_int_equal(n, want[i]);
	}
	ok(f, stoa__refs_check(f->txn->version, fail_report, NULL, &f->err));
}

static void settle_some(struct fixture *f, uint64_t n)
{
	bool more;

	ok(f, stoa_commit(f->txn, &f->err));
	stoa__writer_lock(f->db);
	ok(f, stoa__refs_settle_some(f->db, n, &more, &f->err));
	stoa__writer_unlock(f->db);
	assert_true(more);
	ok(f, stoa_begin(f->db, STOA_WRITE, &f->txn, &f->err));
}

#define EACH (LOADED / TARGETS)		/* and the first LOADED % TARGETS one more */
_Static_assert(LOADED % TARGETS == 2, "what the tests count");

/* What is done to rows while they wait is counted if they are, and once. */
static void a_load_is_counted_when_a_target_goes(void **state)
{
	struct fixture *f = *state;
	struct stoa_value to = stoa_ref(2), other = stoa_ref(1);
	uint64_t want[TARGETS] = { EACH, EACH + 2, EACH, EACH, EACH };
	uint32_t slot = 0;

	assert_int_equal(n_waiting(f), LOADED);
	assert_null(stoa__table_find(f->txn->version, f->node)->counts);
	commit(f);
	ok(f, stoa_insert(f->txn, f->item, &other, 1, NULL, &f->err));
	ok(f, stoa_update(f->txn, f->item, 1, &slot, &to, 1, &f->err));
	ok(f, stoa_delete(f->txn, f->item, 6, &f->err));
	assert_counts(f, want);
	settle_some(f, 70001);
	assert_int_equal(n_waiting(f), LOADED - 70001);
	assert_counts(f, want);
	ok(f, stoa_commit(f->txn, &f->err));
	ok(f, stoa_close(f->db, &f->err));
	open_at(f, "db.stoa");
	assert_int_equal(n_waiting(f), LOADED - 70001);
	assert_counts(f, want);
	ok(f, stoa_delete(f->txn, f->node, 3, &f->err));
	assert_int_equal(n_waiting(f), 0);
	assert_counts(f, want);
	assert_int_equal(n_kept(f), 1);
}

static void a_table_that_has_lost_a_row_is_counted_at_once(void **state)
{
	struct fixture *f = *state;
	uint64_t want[TARGETS] = { 2 * EACH + 2, 2 * EACH + 2, 2 * EACH, 2 * EACH, 2 * EACH };

	ok(f, stoa_delete(f->txn, f->node, 3, &f->err));
	commit(f);
	load(f);
	assert_int_equal(n_waiting(f), 0);
	assert_counts(f, want);
}

/* Replay counts, as the delete did that it does again. */
static void a_load_is_counted_by_replay(void **state)
{
	struct fixture *f = *state;
	const uint64_t want[TARGETS] = { EACH + 1, EACH + 1, EACH, EACH, EACH };
	char command[600];
	stoa_db *db = f->db;

	commit(f);
	ok(f, stoa_delete(f->txn, f->node, 3, &f->err));
	ok(f, stoa_commit(f->txn, &f->err));
	snprintf(command, sizeof command, "cp -r '%s/db.stoa' '%s/crash.stoa'", f->dir, f->dir);
	assert_int_equal(system(command), 0);
	open_at(f, "crash.stoa");
	assert_int_equal(n_kept(f), 1);
	assert_counts(f, want);
	stoa_abort(f->txn);
	ok(f, stoa_close(f->db, &f->err));
	ok(f, stoa_check(testing_path(f->dir, "crash.stoa"), NULL, NULL, &f->err));
	f->db = db;
	ok(f, stoa_begin(f->db, STOA_WRITE, &f->txn, &f->err));
}

static void a_collection_counts_what_waits(void **state)
{
	struct fixture *f = *state;
	uint64_t want[TARGETS] = { 0 };
	struct stoa__table *t;

	for (uint64_t i = 2; i <= LOADED; i += 2)
		ok(f, stoa_delete(f->txn, f->item, i, &f->err));
	for (uint64_t i = 1; i <= LOADED; i += 2)
		want[(i - 1) % TARGETS]++;
	/* As if all but some rows in the middle had been counted. */
	ok(f, stoa__table_own(f->txn->version, f->item, &t));
	ok(f, stoa__refs_count_up(f->txn->version, t, 0, 1, 1001, &f->err));
	t->uncounted_from = 1001;
	commit(f);
	ok(f, stoa_commit(f->txn, &f->err));
	t = stoa__table_find(f->db->history.head, f->item);
	assert_int_equal(t->uncounted_from, 1001);
	ok(f, stoa_gc_collect(f->db, 2, NULL, &f->err));
	ok(f, stoa_begin(f->db, STOA_WRITE, &f->txn, &f->err));
	assert_int_equal(n_waiting(f), 0);
	assert_counts(f, want);
}

static void a_table_gives_up_what_was_not_counted(void **state)
{
	struct fixture *f = *state;
	uint64_t want[TARGETS] = { 0 };

	ok(f, stoa_table_drop(f->txn, f->item, &f->err));
	assert_counts(f, want);
}

static void counting_may_run_out_of_memory(void **state)
{
	struct fixture *f = *state;
	const uint64_t want[TARGETS] = { EACH + 1, EACH + 1, EACH, EACH, EACH };
	bool fired = true;

	commit(f);
	for (long nth = 0; fired; nth++) {
		stoa__fault_arm(nth, false);
		int rc = stoa_delete(f->txn, f->node, 3, &f->err);

		fired = stoa__fault_disarm();
		assert_int_equal(rc, fired ? STOA_ENOMEM : STOA_OK);
		assert_counts(f, want);
	}
}

/* The collector reads @n rows; then @meanwhile happens; were they counted? */
static bool settle_beside(struct fixture *f, uint64_t n, void (*meanwhile)(struct fixture *f))
{
	struct stoa__settling s;
	bool done;

	ok(f, stoa_commit(f->txn, &f->err));
	ok(f, stoa__settling_begin(f->db, n, &s, &f->err));
	assert_non_null(s.table);
	ok(f, stoa_begin(f->db, STOA_WRITE, &f->txn, &f->err));
	meanwhile(f);
	ok(f, stoa_commit(f->txn, &f->err));
	stoa__writer_lock(f->db);
	ok(f, stoa__settling_end(f->db, &s, &done, &f->err));
	stoa__writer_unlock(f->db);
	stoa__settling_release(&s);
	ok(f, stoa_begin(f->db, STOA_WRITE, &f->txn, &f->err));
	return done;
}

static void insert_item(struct fixture *f)
{
	struct stoa_value to = stoa_ref(1);

	ok(f, stoa_insert(f->txn, f->item, &to, 1, NULL, &f->err));
}

static void change_item(struct fixture *f)
{
	struct stoa_value to = stoa_ref(2);
	uint32_t slot = 0;

	ok(f, stoa_update(f->txn, f->item, STOA_GROUP_MAX + 1, &slot, &to, 1, &f->err));
}

static void delete_node(struct fixture *f)
{
	ok(f, stoa_delete(f->txn, f->node, 4, &f->err));
}

static void load_more(struct fixture *f)
{
	load(f);
	commit(f);
}

static void rows_that_stay_as_they_are_are_counted_beside_writers(void **state)
{
	struct fixture *f = *state;
	const uint64_t want[TARGETS] = { 2 * EACH + 3, 2 * EACH + 2, 2 * EACH, 2 * EACH, 2 * EACH };

	assert_true(settle_beside(f, 1000, insert_item));
	assert_int_equal(n_waiting(f), LOADED - 1000);
	/* These lie in two row groups, of which the second was changed. */
	assert_false(settle_beside(f, STOA_GROUP_MAX, change_item));
	assert_true(settle_beside(f, STOA_GROUP_MAX - 1000, change_item));
	assert_int_equal(n_waiting(f), LOADED - STOA_GROUP_MAX);
	ok(f, stoa_update(f->txn, f->item, STOA_GROUP_MAX + 1, &(uint32_t){ 0 },
			  &(struct stoa_value){ .type = STOA_REF, .u = f->refs[STOA_GROUP_MAX] }, 1, &f->err));
	/* What would be counted twice is not. */
	assert_false(settle_beside(f, LOADED, delete_node));
	assert_int_equal(n_waiting(f), 0);
	load_more(f);
	assert_counts(f, want);
}

static void counting_beside_writers_may_run_out_of_memory(void **state)
{
	struct fixture *f = *state;
	const uint64_t want[TARGETS] = { EACH + 1, EACH + 1, EACH, EACH, EACH };
	bool fired = true;

	ok(f, stoa_commit(f->txn, &f->err));
	for (long nth = 0; fired; nth++) {
		uint64_t ns = 0;

		stoa__fault_arm(nth, false);
		int rc = stoa__refs_settle_all(f->db, &ns, &f->err);

		fired = stoa__fault_disarm();
		assert_int_equal(rc, fired ? STOA_ENOMEM : STOA_OK);
	}
	ok(f, stoa_begin(f->db, STOA_WRITE, &f->txn, &f->err));
	assert_int_equal(n_waiting(f), 0);
	assert_counts(f, want);
}

/* By the collector, which the commit of a load wakes. */
static void a_load_is_counted_in_the_background(void **state)
{
	struct fixture *f = *state;
	const uint64_t want[TARGETS] = { EACH + 1, EACH + 1, EACH, EACH, EACH };

	ok(f, stoa_gc_enable(f->db, true, &f->err));
	do
		commit(f);
	while (n_waiting(f));
	assert_counts(f, want);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_load_is_counted_when_a_target_goes, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_table_that_has_lost_a_row_is_counted_at_once, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(a_load_is_counted_by_replay, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_collection_counts_what_waits, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_table_gives_up_what_was_not_counted, set_up, tear_down),
		cmocka_unit_test_setup_teardown(counting_may_run_out_of_memory, set_up, tear_down),
		cmocka_unit_test_setup_teardown(rows_that_stay_as_they_are_are_counted_beside_writers, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(counting_beside_writers_may_run_out_of_memory, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(a_load_is_counted_in_the_background, set_up, tear_down),
	};

	testing_in_memory();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
