/* SPDX-License-Identifier: MIT */
/*
 * gc_test.c - the collector as an application meets it: what comes back, when, and what it is told
 */
#include "testing.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "../lib/compact.h"
#include "../lib/core/alloc.h"
#include "../lib/db.h"
#include "../lib/stoa.h"

#define GROUP STOA_GROUP_MAX

struct fixture {
	char *dir;
	stoa_db *db;
	stoa_table table;
	struct stoa_error err;
};

static void ok(const struct fixture *f, int rc)
{
	must(rc, &f->err);
}

static void open_db(struct fixture *f)
{
	ok(f, stoa_open(f->dir ? testing_path(f->dir, "db.stoa") : NULL, NULL, &f->db, &f->err));
	ok(f, stoa_gc_enable(f->db, false, &f->err));
}

static stoa_txn *begin(struct fixture *f, unsigned flags)
{
	stoa_txn *txn;

	ok(f, stoa_begin(f->db, flags, &txn, &f->err));
	return txn;
}

static void commit(struct fixture *f, stoa_txn *txn)
{
	ok(f, stoa_commit(txn, &f->err));
}

static struct stoa_bytes name_of(int64_t i)
{
	static char names[100][16];
	char *name = names[i % 100];

	snprintf(name, sizeof names[0], "name %d", (int)(i % 100));
	return (struct stoa_bytes){ name, (uint32_t)strlen(name) };
}

/*
 * Appends @n rows: a number, which is that of the rowid, a name, and a number that takes eight
 * bytes.
 */
static void append(struct fixture *f, stoa_txn *txn, int64_t from, size_t n)
{
	int64_t *numbers = malloc(n * sizeof *numbers), *wide = malloc(n * sizeof *wide);
	struct stoa_bytes *strings = malloc(n * sizeof *strings);
	struct stoa_array columns[] = { { STOA_I64, 0, numbers, NULL },
					{ STOA_STRING, 0, strings, NULL },
					{ STOA_I64, 0, wide, NULL } };
	stoa_appender *app;

	for (size_t i = 0; i < n; i++) {
		numbers[i] = from + (int64_t)i;
		wide[i] = (int64_t)((uint64_t)numbers[i] * 0x9e3779b97f4a7c15u);
		strings[i] = name_of(numbers[i]);
	}
	ok(f, stoa_appender_open(txn, f->table, &app, &f->err));
	ok(f, stoa_append(app, columns, 3, n, &f->err));
	ok(f, stoa_appender_close(app, &f->err));
	free(numbers);
	free(wide);
	free(strings);
}

static void make_table(struct fixture *f, size_t n_rows)
{
	static const struct stoa_slot slots[] = { { .name = "n", .type = STOA_I64 },
						  { .name = "name", .type = STOA_STRING },
						  { .name = "m", .type = STOA_I64 } };
	stoa_txn *txn = begin(f, STOA_WRITE);

	ok(f, stoa_table_create(txn, "t", slots, 3, &f->table, &f->err));
	if (n_rows)
		append(f, txn, 1, n_rows);
	commit(f, txn);
}

static int set_up_in(void **state, bool durable)
{
	static struct fixture f;

	f = (struct fixture){ .dir = durable ? testing_tempdir() : NULL };
	open_db(&f);
	*state = &f;
	return 0;
}

static int set_up(void **state)
{
	return set_up_in(state, true);
}

static int set_up_in_memory(void **state)
{
	return set_up_in(state, false);
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	ok(f, stoa_close(f->db, &f->err));
	testing_rmtree(f->dir);
	return 0;
}

static struct stoa_stat stat_of(struct fixture *f)
{
	struct stoa_stat s = STOA_STAT_INIT;
	stoa_txn *txn = begin(f, STOA_READ);

	ok(f, stoa_stat(txn, 0, &s, &f->err));
	stoa_abort(txn);
	return s;
}

/* Deletes the rows whose number leaves no rest. */
static void thin(struct fixture *f, uint64_t from, uint64_t to, uint64_t every)
{
	stoa_txn *txn = begin(f, STOA_WRITE);

	for (uint64_t row = from; row <= to; row++)
		if (row % every == 0)
			ok(f, stoa_delete(txn, f->table, row, &f->err));
	commit(f, txn);
}

static struct stoa_gc_stats collect(struct fixture *f, int generation)
{
	struct stoa_gc_stats s = STOA_GC_STATS_INIT;

	ok(f, stoa_gc_collect(f->db, generation, &s, &f->err));
	return s;
}

/* Of rows 1 .. @n, are those there that are no multiples of @every, as they should be? */
static void compare(struct fixture *f, int64_t n, int64_t every)
{
	stoa_txn *txn = begin(f, STOA_READ);
	const struct stoa_value *row;
	stoa_cursor *cur;
	int64_t i = 1;
	int rc;

	ok(f, stoa_scan(txn, f->table, NULL, 0, &cur, &f->err));
	while ((rc = stoa_next(cur, &row, &f->err)) == STOA_ROW) {
		struct stoa_bytes name;

		i += i % every == 0;
		name = name_of(i);
		assert_int_equal(stoa_cursor_rowid(cur), i);
		assert_int_equal(row[0].i, i);
		assert_int_equal(row[1].len, name.len);
		assert_memory_equal(row[1].p, name.p, name.len);
		i++;
	}
	ok(f, rc);
	i += i % every == 0;
	assert_int_equal(i, n + 1 + ((n + 1) % every == 0));
	stoa_cursor_close(cur);
	stoa_abort(txn);
}

static void half_of_the_rows_take_half_of_the_space(void **state)
{
	struct fixture *f = *state;
	struct stoa_gc_stats s;
	uint64_t before, after;

	make_table(f, 4 * GROUP);
	before = f->dir ? stat_of(f).segment_bytes : stat_of(f).memory_bytes;
	thin(f, 1, 4 * GROUP, 2);
	s = collect(f, 2);
	assert_int_equal(s.rows_reclaimed, 2 * GROUP);
	assert_int_equal(s.rows_moved, 2 * GROUP);
	assert_int_equal(s.groups_read, 4);
	/* Not two: keys that ascend with rowids would take more bits. */
	assert_int_equal(s.groups_made, 4);
	assert_true(s.bytes_reclaimed > before * 4 / 10);
	after = f->dir ? stat_of(f).segment_bytes : stat_of(f).memory_bytes;
	if (after * 100 > before * 58)
		fail_msg("%llu bytes of %llu", (unsigned long long)after,
			 (unsigned long long)before);
	assert_int_equal(stat_of(f).n_dead, 0);
	compare(f, 4 * GROUP, 2);
}

static void what_was_collected_is_there_after_reopening(void **state)
{
	struct fixture *f = *state;

	make_table(f, 3 * GROUP);
	thin(f, 1, 3 * GROUP, 3);
	(void)collect(f, 2);
	ok(f, stoa_close(f->db, &f->err));
	ok(f, stoa_check(testing_path(f->dir, "db.stoa"), NULL, NULL, &f->err));
	open_db(f);
	compare(f, 3 * GROUP, 3);
	assert_int_equal(stat_of(f).n_groups, 3);
}

static void install(struct fixture *f, struct stoa__rewrite *rw, size_t i)
{
	ok(f, stoa__rewrite_rehearse(rw, i, &f->err));
	stoa__writer_lock(f->db);
	ok(f, stoa__rewrite_install(rw, i, &f->err));
	stoa__writer_unlock(f->db);
	ok(f, stoa_checkpoint(f->db, &f->err));
}

/*
 * What a rewrite installed first has gone again, and a checkpoint does not name its file any more:
 * the file is there for what is installed later.
 */
static void a_file_stays_while_more_of_it_is_to_come(void **state)
{
	struct fixture *f = *state;
	struct stoa__rewrite *rw;
	struct stoa__version *v;

	make_table(f, 2 * GROUP);
	ok(f, stoa_checkpoint(f->db, &f->err));
	v = stoa__history_snapshot(&f->db->history);
	const struct stoa__table *t = stoa__table_find(v, f->table);

	ok(f, stoa__rewrite_new(f->db, v, &rw, &f->err));
	for (uint64_t first = 1; first <= 2 * GROUP; first += GROUP) {
		struct stoa__group *g = stoa__tree_floor(t->groups, first);

		ok(f, stoa__rewrite_run(rw, t, &g, 1, false, &f->err));
	}
	ok(f, stoa__rewrite_finish(rw, &f->err));
	stoa__version_drop(v);
	install(f, rw, 0);
	thin(f, 1, GROUP, 1);
	ok(f, stoa_checkpoint(f->db, &f->err));
	install(f, rw, 1);
	stoa__rewrite_free(rw);
	ok(f, stoa_close(f->db, &f->err));
	ok(f, stoa_check(testing_path(f->dir, "db.stoa"), NULL, NULL, &f->err));
	open_db(f);
	assert_int_equal(stat_of(f).n_rows, GROUP);
}

/* Files of which no row is left, too. */
static void space_comes_back_when_the_last_who_sees_it_has_gone(void **state)
{
	struct fixture *f = *state;
	struct stoa_stat s;
	stoa_txn *reader;

	make_table(f, 2 * GROUP);
	reader = begin(f, STOA_READ);
	thin(f, 1, 2 * GROUP, 2);
	(void)collect(f, 2);
	s = stat_of(f);
	assert_int_equal(s.n_snapshots, 1);
	assert_true(s.pinned_disk_bytes > s.segment_bytes);
	assert_true(s.pinned_bytes > 0);
	assert_true(s.oldest_commit > 0 && s.oldest_commit < s.commit);
	stoa_abort(reader);
	s = stat_of(f);
	assert_int_equal(s.n_snapshots, 0);
	assert_int_equal(s.pinned_disk_bytes, 0);
	assert_int_equal(s.pinned_bytes, 0);
	assert_int_equal(s.oldest_commit, s.commit);
}

static void changed_values_go_back_into_their_groups(void **state)
{
	static const uint32_t slot = 2;
	struct fixture *f = *state;
	stoa_txn *txn;

	make_table(f, GROUP);
	txn = begin(f, STOA_WRITE);
	for (uint64_t row = 1; row <= GROUP; row += 100) {
		struct stoa_value v = stoa_i64(-(int64_t)row);

		ok(f, stoa_update(txn, f->table, row, &slot, &v, 1, &f->err));
	}
	commit(f, txn);
	assert_true(stat_of(f).overlay_bytes > 0);
	(void)collect(f, 2);
	assert_int_equal(stat_of(f).overlay_bytes, 0);
	compare(f, GROUP, GROUP + 1);
	txn = begin(f, STOA_READ);
	for (uint64_t row = 1; row <= GROUP; row += 100) {
		struct stoa_value v[3];

		ok(f, stoa_get(txn, f->table, row, v, 3, &f->err));
		assert_int_equal(v[2].i, -(int64_t)row);
	}
	stoa_abort(txn);
}

static void the_values_of_a_dropped_slot_go(void **state)
{
	struct fixture *f = *state;
	uint64_t before;
	stoa_txn *txn;

	make_table(f, 2 * GROUP);
	before = stat_of(f).segment_bytes;
	txn = begin(f, STOA_WRITE);
	ok(f, stoa_slot_drop(txn, f->table, "m", &f->err));
	commit(f, txn);
	(void)collect(f, 2);
	assert_true(stat_of(f).segment_bytes < before * 3 / 4);
	compare(f, 2 * GROUP, 2 * GROUP + 1);
}

static void small_groups_are_merged(void **state)
{
	struct fixture *f = *state;
	stoa_txn *txn;

	make_table(f, 0);
	for (int64_t i = 0; i < 30; i++) {
		txn = begin(f, STOA_WRITE);
		append(f, txn, 1 + i * 1000, 1000);
		commit(f, txn);
	}
	/* an appender's last rows are a group, or the tail, as it is */
	thin(f, 1, 30000, 100000);
	(void)collect(f, 2);
	assert_true(stat_of(f).n_groups <= 2);
	compare(f, 30000, 100000);
}

/* Rows move up with each collection, and a collection of the young leaves them alone then. */
static void groups_grow_old(void **state)
{
	struct fixture *f = *state;

	make_table(f, 2 * GROUP);
	thin(f, 1, 2 * GROUP, 4);
	assert_int_equal(collect(f, 0).groups_read, 2);
	thin(f, 1, 2 * GROUP, 0x7fffffff);
	assert_int_equal(collect(f, 2).groups_read, 0);
	for (int generation = 1; generation <= 2; generation++) {
		stoa_txn *txn = begin(f, STOA_WRITE);

		for (uint64_t row = (uint64_t)generation; row <= 2 * GROUP; row += 4)
			ok(f, stoa_delete(txn, f->table, row, &f->err));
		commit(f, txn);
		assert_int_equal(collect(f, generation - 1).groups_read, 0);
		assert_true(collect(f, generation).groups_read > 0);
	}
}

/* ---- cold ---- */

static void cool(struct fixture *f)
{
	ok(f, stoa_gc_cool(f->db, NULL, &f->err));
}

/* Values of one row, and what became of it. */
static void compare_row(struct fixture *f, int64_t i, int64_t m)
{
	stoa_txn *txn = begin(f, STOA_READ);
	struct stoa_value v[3];

	ok(f, stoa_get(txn, f->table, (uint64_t)i, v, 3, &f->err));
	assert_int_equal(v[0].i, i);
	assert_int_equal(v[1].len, name_of(i).len);
	assert_int_equal(v[2].i, m);
	stoa_abort(txn);
}

static int64_t wide_of(int64_t i)
{
	return (int64_t)((uint64_t)i * 0x9e3779b97f4a7c15u);
}

static void cold_rows_are_the_same_rows_in_less_space(void **state)
{
	struct fixture *f = *state;
	struct stoa_stat before, after;

	make_table(f, 2 * GROUP + 100);
	before = stat_of(f);
	cool(f);
	after = stat_of(f);
	assert_true(f->dir ? after.segment_bytes < before.segment_bytes * 9 / 10 :
			     after.memory_bytes < before.memory_bytes * 9 / 10);
	compare(f, 2 * GROUP + 100, 0x7fffffff);
	compare_row(f, 77777, wide_of(77777));
}

static void cold_rows_are_changed_deleted_and_stay_cold(void **state)
{
	static const uint32_t slots[] = { 2, 1 };
	struct stoa_value v[] = { stoa_i64(-5), stoa_text("name 1") };
	struct fixture *f = *state;
	uint64_t size;
	stoa_txn *txn;

	make_table(f, 2 * GROUP);
	cool(f);
	size = stat_of(f).segment_bytes;
	txn = begin(f, STOA_WRITE);
	ok(f, stoa_update(txn, f->table, 5001, slots, v, 2, &f->err));
	commit(f, txn);
	compare_row(f, 5001, -5);
	compare_row(f, 5002, wide_of(5002));
	thin(f, 1, 2 * GROUP, 2);
	ok(f, stoa_close(f->db, &f->err));
	open_db(f);
	compare_row(f, 5001, -5);
	assert_true(collect(f, 2).rows_reclaimed > 0);
	compare(f, 2 * GROUP, 2);
	compare_row(f, 5001, -5);
	assert_true(stat_of(f).segment_bytes < size * 7 / 10);
	assert_int_equal(collect(f, 2).groups_read, 0);
}

static void what_is_cold_is_not_cooled_again(void **state)
{
	struct stoa_gc_stats s = STOA_GC_STATS_INIT;
	struct fixture *f = *state;

	make_table(f, 2 * GROUP);
	cool(f);
	ok(f, stoa_close(f->db, &f->err));
	open_db(f);
	ok(f, stoa_gc_cool(f->db, &s, &f->err));
	assert_int_equal(s.groups_read, 0);
}

/* ---- by itself ---- */

static void wait_for_collections(struct fixture *f, uint64_t n)
{
	struct stoa_gc_stats s = STOA_GC_STATS_INIT;
	uint64_t sum;

	for (int i = 0; i < 1000; i++) {
		sum = 0;
		for (int g = 0; g < STOA_GC_GENERATIONS; g++) {
			ok(f, stoa_gc_stats(f->db, g, &s, &f->err));
			sum += s.rows_reclaimed;
		}
		if (sum >= n)
			return;
		usleep(10000);
	}
	fail_msg("%llu rows were collected, and not %llu", (unsigned long long)sum,
		 (unsigned long long)n);
}

static void rows_are_collected_without_being_asked_for(void **state)
{
	struct fixture *f = *state;

	ok(f, stoa_gc_enable(f->db, true, &f->err));
	assert_true(stoa_gc_is_enabled(f->db));
	make_table(f, 3 * GROUP);
	thin(f, 1, 3 * GROUP, 2);
	wait_for_collections(f, 3 * GROUP / 2);
	compare(f, 3 * GROUP, 2);
}

static void a_group_with_less_than_its_threshold_is_left_alone(void **state)
{
	struct fixture *f = *state;
	unsigned percent;

	for (int g = 0; g < STOA_GC_GENERATIONS; g++)
		ok(f, stoa_gc_set_threshold(f->db, g, 60, &f->err));
	ok(f, stoa_gc_threshold(f->db, 1, &percent, &f->err));
	assert_int_equal(percent, 60);
	make_table(f, 2 * GROUP);
	thin(f, 1, GROUP, 2);
	for (int i = 0; i < 4; i++)
		stoa__gc_pass(f->db);
	assert_int_equal(stat_of(f).n_dead, GROUP / 2);
	ok(f, stoa_gc_set_threshold(f->db, 0, 40, &f->err));
	for (int i = 0; i < 4; i++)
		stoa__gc_pass(f->db);
	assert_int_equal(stat_of(f).n_dead, 0);
	assert_int_equal(stat_of(f).n_rows, GROUP * 3 / 2);
}

static void what_is_frozen_is_left_alone(void **state)
{
	struct fixture *f = *state;

	make_table(f, GROUP);
	ok(f, stoa_gc_freeze(f->db, true, &f->err));
	thin(f, 1, GROUP, 2);
	assert_int_equal(collect(f, 2).groups_read, 0);
	ok(f, stoa_gc_freeze(f->db, false, &f->err));
	assert_int_equal(collect(f, 2).groups_read, 1);
}

/* ---- closing ---- */

struct publisher {
	stoa_db *db;
	_Atomic bool is_at_it;
};

/* What the collector does as it publishes, slowly. */
static void *publish(void *arg)
{
	struct publisher *p = arg;
	struct stoa__version *w, *base;

	stoa__writer_lock(p->db);
	base = p->db->history.head;
	w = stoa__history_begin(&p->db->history);
	assert_non_null(w);
	atomic_store(&p->is_at_it, true);
	usleep(20000);
	stoa__history_end(w, base);
	stoa__writer_unlock(p->db);
	return NULL;
}

static void closing_waits_for_what_the_collector_is_at(void **state)
{
	struct fixture *f = *state;
	struct publisher p = { .db = f->db };
	pthread_t thread;

	make_table(f, 100);
	assert_int_equal(pthread_create(&thread, NULL, publish, &p), 0);
	while (!atomic_load(&p.is_at_it))
		usleep(100);
	ok(f, stoa_close(f->db, &f->err));
	pthread_join(thread, NULL);
	open_db(f);
}

/* ---- being told, and refusing ---- */

struct told {
	int before, after;
	uint64_t rows;
};

static void note(void *ctx, int phase, int generation, const struct stoa_gc_stats *stats)
{
	struct told *t = ctx;

	assert_int_equal(generation, 1);
	t->before += phase == STOA_GC_BEFORE;
	t->after += phase == STOA_GC_AFTER;
	t->rows += stats->rows_reclaimed;
}

static void a_callback_is_told_before_and_after(void **state)
{
	struct fixture *f = *state;
	struct told told = { 0 };

	make_table(f, GROUP);
	thin(f, 1, GROUP, 2);
	ok(f, stoa_gc_set_callback(f->db, note, &told, &f->err));
	(void)collect(f, 1);
	assert_int_equal(told.before, 1);
	assert_int_equal(told.after, 1);
	assert_int_equal(told.rows, GROUP / 2);
}

static void what_makes_no_sense_is_refused(void **state)
{
	struct fixture *f = *state;
	struct stoa_gc_stats s = STOA_GC_STATS_INIT;
	stoa_txn *txn = begin(f, STOA_WRITE);

	assert_int_equal(stoa_gc_collect(f->db, 2, NULL, &f->err), STOA_ESTATE);
	stoa_abort(txn);
	assert_int_equal(stoa_gc_collect(f->db, 3, NULL, &f->err), STOA_EINVAL);
	assert_int_equal(stoa_gc_collect(f->db, -1, NULL, &f->err), STOA_EINVAL);
	assert_int_equal(stoa_gc_set_threshold(f->db, 0, 0, &f->err), STOA_EINVAL);
	assert_int_equal(stoa_gc_set_threshold(f->db, 0, 101, &f->err), STOA_EINVAL);
	assert_int_equal(stoa_gc_stats(f->db, 9, &s, &f->err), STOA_EINVAL);
	assert_int_equal(stoa_gc_stats(f->db, 0, NULL, &f->err), STOA_EINVAL);
	assert_int_equal(stoa_gc_enable(NULL, true, &f->err), STOA_EINVAL);
	ok(f, stoa_gc_collect(f->db, 2, NULL, &f->err));
}

/* ---- want of memory ---- */

/*
 * Whichever allocation fails, the rows are what they were, and the next collection makes up for it.
 */
static void a_collection_that_memory_cuts_short_changes_no_row(void **state)
{
	struct fixture *f = *state;
	long step = testing_long() ? 1 : 3;

	make_table(f, 3000);
	for (long nth = 0;; nth += step) {
		stoa_txn *txn = begin(f, STOA_WRITE);
		int rc;

		ok(f, stoa_delete(txn, f->table, 1 + (uint64_t)nth, &f->err));
		for (uint64_t row = 1000; row < 3000; row += 40) {
			static const uint32_t slot = 2;
			struct stoa_value v = stoa_i64(nth);

			ok(f, stoa_update(txn, f->table, row, &slot, &v, 1, &f->err));
		}
		commit(f, txn);
		stoa__fault_arm(nth, false);
		rc = stoa_gc_collect(f->db, 2, NULL, &f->err);
		if (!stoa__fault_disarm()) {
			ok(f, rc);
			break;
		}
		/*
		 * Some can be done without, the place in the new catalog of a file that can wait,
		 * say.
		 */
		if (rc < 0)
			assert_int_equal(rc, STOA_ENOMEM);
		txn = begin(f, STOA_READ);
		for (uint64_t row = 1000; row < 3000; row += 40) {
			struct stoa_value v[3];

			ok(f, stoa_get(txn, f->table, row, v, 3, &f->err));
			assert_int_equal(v[0].i, row);
			assert_int_equal(v[2].i, nth);
		}
		stoa_abort(txn);
		assert_int_equal(stat_of(f).n_rows, 3000 - (nth / step + 1));
	}
}

#define ON_DISK(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
#define IN_MEMORY(test) cmocka_unit_test_setup_teardown(test, set_up_in_memory, tear_down)

/* ---- writers that are too fast ---- */

struct background {
	stoa_db *db;
	void (*say)(stoa_db *db, bool busy);
	_Atomic bool over;
};

static void checkpoint_is_busy(stoa_db *db, bool busy)
{
	if (busy)
		stoa__background_checkpoint_begins(db);
	else
		stoa__background_checkpoint_ends(db);
}

static void collector_is_busy(stoa_db *db, bool busy)
{
	pthread_mutex_lock(&db->mutex);
	db->collecting = busy;
	pthread_cond_broadcast(&db->caught_up);
	pthread_mutex_unlock(&db->mutex);
}

/* What a thread in the background does when it has caught up. */
static void *catch_up(void *arg)
{
	const struct timespec moment = { .tv_nsec = 20000000 };
	struct background *b = arg;

	nanosleep(&moment, NULL);
	atomic_store(&b->over, true);
	b->say(b->db, false);
	return NULL;
}

static void insert_one(struct fixture *f)
{
	struct stoa_value v[] = { stoa_i64(1), stoa_text("name"), stoa_i64(2) };
	stoa_txn *txn = begin(f, STOA_WRITE);

	ok(f, stoa_set_durability(txn, STOA_LAZY, &f->err));
	ok(f, stoa_insert(txn, f->table, v, 3, NULL, &f->err));
	commit(f, txn);
}

/* A commit waits while @say has said that somebody is busy, and what is behind is too far behind. */
static void assert_waits(struct fixture *f, void (*say)(stoa_db *db, bool busy))
{
	struct background b = { .db = f->db, .say = say };
	pthread_t thread;

	say(f->db, true);
	assert_int_equal(pthread_create(&thread, NULL, catch_up, &b), 0);
	insert_one(f);
	assert_true(atomic_load(&b.over));
	pthread_join(thread, NULL);
}

/* The threads end, and commits go on as if they were there. */
static void stop_threads(struct fixture *f)
{
	stoa__background_stop(f->db);
	f->db->stop = false;
}

static void writers_wait_for_a_checkpoint_that_cannot_follow(void **state)
{
	struct fixture *f = *state;

	make_table(f, 1);
	stop_threads(f);
	f->db->options.log_max_bytes = 4096;
	while (stoa__log_bytes(f->db->log) <= 4096)
		insert_one(f);
	assert_waits(f, checkpoint_is_busy);
}

static void writers_wait_for_a_collection_that_cannot_follow(void **state)
{
	struct fixture *f = *state;

	make_table(f, 1);
	stop_threads(f);
	ok(f, stoa_gc_enable(f->db, true, &f->err));
	atomic_store(&f->db->gc.wake_at, 0);
	atomic_store(&f->db->gc.pace_at, 0);
	f->db->has_collector = f->db->want_collect = true;	/* so that none is started */
	assert_waits(f, collector_is_busy);
	f->db->has_collector = false;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ON_DISK(half_of_the_rows_take_half_of_the_space),
		IN_MEMORY(half_of_the_rows_take_half_of_the_space),
		ON_DISK(what_was_collected_is_there_after_reopening),
		ON_DISK(a_file_stays_while_more_of_it_is_to_come),
		ON_DISK(space_comes_back_when_the_last_who_sees_it_has_gone),
		ON_DISK(changed_values_go_back_into_their_groups),
		IN_MEMORY(changed_values_go_back_into_their_groups),
		ON_DISK(the_values_of_a_dropped_slot_go),
		ON_DISK(small_groups_are_merged),
		ON_DISK(groups_grow_old),
		ON_DISK(cold_rows_are_the_same_rows_in_less_space),
		IN_MEMORY(cold_rows_are_the_same_rows_in_less_space),
		ON_DISK(cold_rows_are_changed_deleted_and_stay_cold),
		ON_DISK(what_is_cold_is_not_cooled_again),
		ON_DISK(rows_are_collected_without_being_asked_for),
		IN_MEMORY(rows_are_collected_without_being_asked_for),
		ON_DISK(a_group_with_less_than_its_threshold_is_left_alone),
		ON_DISK(what_is_frozen_is_left_alone),
		ON_DISK(a_callback_is_told_before_and_after),
		ON_DISK(writers_wait_for_a_checkpoint_that_cannot_follow),
		ON_DISK(writers_wait_for_a_collection_that_cannot_follow),
		IN_MEMORY(writers_wait_for_a_collection_that_cannot_follow),
		ON_DISK(closing_waits_for_what_the_collector_is_at),
		IN_MEMORY(closing_waits_for_what_the_collector_is_at),
		ON_DISK(what_makes_no_sense_is_refused),
		ON_DISK(a_collection_that_memory_cuts_short_changes_no_row),
		IN_MEMORY(a_collection_that_memory_cuts_short_changes_no_row),
	};

	testing_in_memory();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
