/* SPDX-License-Identifier: MIT */
/*
 * recover_test.c - what survives when bytes change, files are cut short, or go
 *
 * A small database with row groups in several files, overlays, deleted rows, kept rows, references,
 * indexes, a tail and a log is remembered row by row. Then each of its files is damaged in turn,
 * and what stoa_recover() makes of it is compared: every row is there as it was, or was said to be
 * lost.
 */
#include "testing.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "../lib/core/alloc.h"
#include "../lib/stoa.h"
#include "tree.h"

#define ITEMS 300	/* in each of their groups */
#define GROUPS 3
#define ROWS_MAX 4096

/* ---- the database ---- */

enum { ITEM, NOTE, JOB, TABLES };
static const char *const table_names[TABLES] = { "item", "note", "job" };

/* Every row as text; NULL where there is none. */
struct rows {
	char *text[TABLES][ROWS_MAX];
};

static void insert_item(stoa_txn *txn, stoa_table t, uint64_t i)
{
	char name[32], text[64];
	struct stoa_value v[] = { stoa_i64((int64_t)(i * i)), stoa_null(), stoa_null(), stoa_default() };
	struct stoa_table_info info;
	struct stoa_error err;

	snprintf(name, sizeof name, "name %" PRIu64, i % 17);
	snprintf(text, sizeof text, "a text about item %" PRIu64, i);
	v[1] = stoa_text(name);
	v[2] = stoa_text(text);
	must(stoa_table_info(txn, t, &info, &err), &err);
	must(stoa_insert(txn, t, v, info.n_slots, NULL, &err), &err);
}

static stoa_txn *begin(stoa_db *db)
{
	struct stoa_error err;
	stoa_txn *txn;

	must(stoa_begin(db, STOA_WRITE, &txn, &err), &err);
	return txn;
}

static void commit(stoa_txn *txn)
{
	struct stoa_error err;

	must(stoa_commit(txn, &err), &err);
}

static void run_sql(stoa_db *db, const char *sql)
{
	struct stoa_error err;
	stoa_txn *txn = begin(db);
	int rc = stoa_query(txn, sql, NULL, &err);

	if (rc < 0)
		fail_msg("%s: %s", sql, err.text);
	commit(txn);
}

/* Rows of item in a group, and a file, of their own: a change of slots seals them. */
static void make_group(stoa_db *db, stoa_table item, uint64_t g)
{
	static const char *const changes[] = { "ALTER TABLE item ADD COLUMN extra i64",
					       "ALTER TABLE item DROP COLUMN extra" };
	struct stoa_error err;
	stoa_txn *txn = begin(db);

	for (uint64_t i = 1; i <= ITEMS; i++)
		insert_item(txn, item, g * ITEMS + i);
	commit(txn);
	run_sql(db, changes[g % 2]);
	must(stoa_checkpoint(db, &err), &err);
}

static void make_notes(stoa_db *db, stoa_table note)
{
	struct stoa_error err;
	stoa_txn *txn = begin(db);

	for (uint64_t i = 1; i <= 200; i++) {
		struct stoa_value v[] = { stoa_ref(i * 4), stoa_ref(1 + i), stoa_i64((int64_t)i) };

		must(stoa_insert(txn, note, v, 3, NULL, &err), &err);
	}
	commit(txn);
}

static stoa_table find_jobs(stoa_txn *txn, stoa_index *turn)
{
	struct stoa_error err;
	stoa_table job;

	must(stoa_table_find(txn, "job", &job, &err), &err);
	must(stoa_index_find(txn, job, "turn", turn, &err), &err);
	return job;
}

/*
 * Jobs at both ends of the queues of two people; some are done, one is being worked on, one has
 * been given back, one comes back much later.
 */
static void work_on_jobs(stoa_txn *txn, int64_t first)
{
	static const char *const names[] = { "ann", "bob" };
	struct stoa_lease leases[4];
	struct stoa_value bob = stoa_text("bob");
	struct stoa_error err;
	stoa_index turn;
	stoa_table job = find_jobs(txn, &turn);
	size_t n;

	for (int64_t i = first; i < first + 20; i++) {
		struct stoa_value v[] = { stoa_text(names[i % 2]), stoa_i64(i), stoa_default() };
		struct stoa_table_info info;

		must(stoa_table_info(txn, job, &info, &err), &err);
		must(stoa_deque_push(txn, job, turn, i % 3 ? STOA_BACK : STOA_FRONT, v, info.n_slots, NULL,
				     &err), &err);
	}
	must(stoa_deque_claim(txn, job, turn, &bob, NULL, 36000000, leases, 4, &n, &err), &err);
	assert_int_equal(n, 4);
	must(stoa_deque_ack(txn, job, turn, &leases[0], &err), &err);
	must(stoa_deque_nack(txn, job, turn, &leases[1], STOA_BACK, 0, &err), &err);
	must(stoa_deque_nack(txn, job, turn, &leases[2], STOA_FRONT, 36000000, &err), &err);
	must(stoa_deque_rotate(txn, job, turn, &bob, 3, &err), &err);
}

static void make_jobs(stoa_db *db)
{
	stoa_txn *txn;

	run_sql(db, "CREATE TABLE job (who string, n i64)");
	run_sql(db, "CREATE DEQUE turn ON job (who)");
	txn = begin(db);
	work_on_jobs(txn, 0);
	commit(txn);
	run_sql(db, "ALTER TABLE job ADD COLUMN more i64");
}

static void make(const char *path)
{
	struct stoa_error err;
	stoa_table item, note;
	stoa_txn *txn;
	stoa_db *db;

	must(stoa_open(path, NULL, &db, &err), &err);
	run_sql(db, "CREATE TABLE item (n i64 NOT NULL, name string, body text)");
	run_sql(db, "CREATE UNIQUE INDEX by_body ON item (body)");
	run_sql(db, "CREATE INDEX by_name ON item (name)");
	run_sql(db, "CREATE TABLE note (about REF(item), of REF(item) NOT NULL, n i64)");
	txn = begin(db);
	must(stoa_table_find(txn, "item", &item, &err), &err);
	must(stoa_table_find(txn, "note", &note, &err), &err);
	stoa_abort(txn);
	for (uint64_t g = 0; g < GROUPS; g++)
		make_group(db, item, g);
	make_notes(db, note);
	make_jobs(db);
	run_sql(db, "ALTER TABLE note ADD COLUMN more i64");
	run_sql(db, "UPDATE item SET n = -n WHERE n % 7 = 0");
	run_sql(db, "DELETE FROM item WHERE n % 5 = 0");
	must(stoa_checkpoint(db, &err), &err);
	/* A tail in the catalog, and one in the log. */
	txn = begin(db);
	for (uint64_t i = 1; i <= 20; i++)
		insert_item(txn, item, 5000 + i);
	work_on_jobs(txn, 100);
	commit(txn);
	must(stoa_checkpoint(db, &err), &err);
	must(stoa_close(db, &err), &err);
}

/* Commits that stay in the log, as the process ends without a word. */
static void add_log(const char *path, const char *copy)
{
	struct stoa_error err;
	struct tree *tree;
	stoa_table item;
	stoa_txn *txn;
	stoa_db *db;

	must(stoa_open(path, NULL, &db, &err), &err);
	for (uint64_t i = 1; i <= 5; i++) {
		txn = begin(db);
		must(stoa_table_find(txn, "item", &item, &err), &err);
		insert_item(txn, item, 6000 + i);
		must(stoa_query(txn, "DELETE FROM item WHERE rowid = (SELECT min(rowid) FROM item WHERE "
				     "rowid > 300)", NULL, &err), &err);
		commit(txn);
	}
	txn = begin(db);
	work_on_jobs(txn, 200);
	commit(txn);
	tree = tree_read(path);
	tree_write(tree, copy);
	tree_free(tree);
	must(stoa_close(db, &err), &err);
}

static void print_row(const struct stoa_value *row, size_t n, char *out, size_t size)
{
	size_t len = 0;

	for (size_t i = 0; i < n; i++) {
		if (row[i].type == STOA_NULL)
			len += (size_t)snprintf(out + len, size - len, "NULL");
		else
			len += stoa_value_print(&row[i], out + len, size - len);
		len += (size_t)snprintf(out + len, size - len, "|");
	}
}

static void remember_table(stoa_txn *txn, int which, struct rows *rows)
{
	const struct stoa_value *row;
	struct stoa_error err;
	char text[512];
	stoa_cursor *cur;
	stoa_table t;
	size_t n;
	int rc;

	if (stoa_table_find(txn, table_names[which], &t, &err) < 0)
		return;
	must(stoa_scan(txn, t, NULL, 0, &cur, &err), &err);
	(void)stoa_columns(cur, &n);
	while ((rc = stoa_next(cur, &row, &err)) == STOA_ROW) {
		print_row(row, n, text, sizeof text);
		rows->text[which][stoa_cursor_rowid(cur)] = strdup(text);
	}
	must(rc, &err);
	stoa_cursor_close(cur);
}

static struct rows *remember(const char *path)
{
	struct stoa_options options = STOA_OPTIONS_INIT;
	struct rows *rows = calloc(1, sizeof *rows);
	struct stoa_error err;
	stoa_txn *txn;
	stoa_db *db;

	options.flags = STOA_OPEN_READ_ONLY;
	must(stoa_open(path, &options, &db, &err), &err);
	must(stoa_begin(db, STOA_READ, &txn, &err), &err);
	for (int i = 0; i < TABLES; i++)
		remember_table(txn, i, rows);
	stoa_abort(txn);
	must(stoa_close(db, &err), &err);
	return rows;
}

static void forget(struct rows *rows)
{
	for (int t = 0; t < TABLES; t++)
		for (int i = 0; i < ROWS_MAX; i++)
			free(rows->text[t][i]);
	free(rows);
}

/* ---- what was said ---- */

struct losses {
	bool lost[TABLES][ROWS_MAX];
	bool nulled[TABLES];
	bool general;	/* of something else: then rows may differ without another word */
	uint64_t n;
};

static void on_loss(void *ctx, const char *table, stoa_rowid first, stoa_rowid last, const char *what)
{
	struct losses *l = ctx;

	l->n++;
	assert_true(*what);
	if (!table)
		/*
		 * A file is named, and then the rows; anything else is of the catalog or the log.
		 */
		l->general = l->general || strncmp(what, "segments/", 9) != 0;
	for (int t = 0; t < TABLES && table; t++) {
		if (strcmp(table, table_names[t]) != 0)
			continue;
		if (!first)
			l->nulled[t] = true;
		for (uint64_t row = first; first && row <= last && row < ROWS_MAX; row++)
			l->lost[t][row] = true;
	}
}

/* @now is a row that was @then, but for references that became NULL. */
static bool same_but_nulls(const char *then, const char *now)
{
	const char *a = strchr(then, '|'), *b = strchr(now, '|');

	return strncmp(now, "NULL|", 5) == 0 && strcmp(a, b) == 0;
}

static void compare_row(const struct losses *l, int t, int row, const char *then, const char *now,
			const char *what)
{
	if (!now && !l->lost[t][row])
		fail_msg("%s: row %d of %s is lost without a word", what, row, table_names[t]);
	if (now && strcmp(then, now) != 0 && !(l->nulled[t] && same_but_nulls(then, now)))
		fail_msg("%s: row %d of %s was %s and is %s", what, row, table_names[t], then, now);
}

static void compare(const struct rows *then, const struct rows *now, const struct losses *l,
		    const char *what)
{
	for (int t = 0; t < TABLES; t++)
		for (int row = 0; row < ROWS_MAX; row++) {
			const char *was = then->text[t][row], *is = now->text[t][row];

			if (was)
				compare_row(l, t, row, was, is, what);
			else if (is)
				fail_msg("%s: row %d of %s came from nowhere", what, row,
					 table_names[t]);
		}
}

/* ---- damage ---- */

struct world {
	char *dir;
	char good[256], bad[256], made[256];
	struct tree *tree;
	struct rows *rows;
};

static struct world world_make(void)
{
	struct world w = { .dir = testing_tempdir() };
	char path[256];

	snprintf(path, sizeof path, "%s/a.stoa", w.dir);
	snprintf(w.good, sizeof w.good, "%s/good.stoa", w.dir);
	snprintf(w.bad, sizeof w.bad, "%s/bad.stoa", w.dir);
	snprintf(w.made, sizeof w.made, "%s/made.stoa", w.dir);
	make(path);
	add_log(path, w.good);
	w.tree = tree_read(w.good);
	w.rows = remember(w.good);
	return w;
}

static void world_end(struct world *w)
{
	tree_free(w->tree);
	forget(w->rows);
	testing_rmtree(w->dir);
}

/* What becomes of the damaged one. */
static void recover(const struct world *w, struct losses *l, struct rows **rows, const char *what)
{
	struct stoa_recover_stat stat = STOA_RECOVER_STAT_INIT;
	struct stoa_error err;
	char command[600];

	memset(l, 0, sizeof *l);
	snprintf(command, sizeof command, "rm -rf '%s'", w->made);
	assert_int_equal(system(command), 0);
	if (stoa_recover(w->bad, w->made, on_loss, l, &stat, &err) < 0)
		fail_msg("%s: %s", what, err.text);
	assert_int_equal(stat.n_losses, l->n);
	if (stoa_check(w->made, NULL, NULL, &err) < 0)
		fail_msg("%s: what was made is damaged: %s", what, err.text);
	*rows = remember(w->made);
}

static void try_damage(const struct world *w, size_t file, const uint8_t *bytes, size_t len,
		       const char *what)
{
	struct losses *l = calloc(1, sizeof *l);
	struct rows *rows;

	tree_write(w->tree, w->bad);
	if (bytes)
		tree_write_file(w->bad, w->tree->files[file].name, bytes, len);
	else
		remove(testing_path(w->bad, w->tree->files[file].name));
	recover(w, l, &rows, what);
	/* Without catalog or log nobody can say row by row what is missing. */
	if (!l->general)
		compare(w->rows, rows, l, what);
	forget(rows);
	free(l);
}

static void an_undamaged_database_is_recovered_whole(void **state)
{
	struct world w = world_make();
	struct losses *l = calloc(1, sizeof *l);
	struct stoa_error err;
	struct rows *rows;
	stoa_txn *txn;
	stoa_db *db;

	(void)state;
	tree_write(w.tree, w.bad);
	recover(&w, l, &rows, "nothing damaged");
	assert_int_equal(l->n, 0);
	compare(w.rows, rows, l, "nothing damaged");
	/* Rows that come get rowids that nobody had, and keys are unique still. */
	must(stoa_open(w.made, NULL, &db, &err), &err);
	txn = begin(db);
	assert_int_equal(stoa_query(txn, "INSERT INTO item (n, body) VALUES (1, 'a text about item 2')",
				    NULL, &err),
			 STOA_EEXIST);
	stoa_abort(txn);
	must(stoa_close(db, &err), &err);
	/* Nothing in the damaged one has changed. */
	{
		struct tree *after = tree_read(w.bad);

		assert_int_equal(after->n, w.tree->n);
		for (size_t i = 0; i < after->n; i++) {
			assert_int_equal(after->files[i].len, w.tree->files[i].len);
			assert_memory_equal(after->files[i].bytes, w.tree->files[i].bytes,
					    after->files[i].len);
		}
		tree_free(after);
	}
	forget(rows);
	free(l);
	world_end(&w);
}

static void rows_are_as_they_were_or_said_to_be_lost(void **state)
{
	struct world w = world_make();
	uint64_t random = testing_seed();
	int flips = testing_long() ? 300 : 5, n = 0;
	char what[128];

	(void)state;
	for (size_t i = 0; i < w.tree->n; i++) {
		struct tree_file *f = &w.tree->files[i];

		for (int k = 0; k < flips && f->len; k++, n++) {
			size_t at = testing_below(&random, f->len);
			uint8_t bit = (uint8_t)(1u << testing_below(&random, 8));

			f->bytes[at] ^= bit;
			snprintf(what, sizeof what, "%s, bit %u of byte %zu", f->name, bit, at);
			try_damage(&w, i, f->bytes, f->len, what);
			f->bytes[at] ^= bit;
		}
		snprintf(what, sizeof what, "%s cut short", f->name);
		if (f->len)
			try_damage(&w, i, f->bytes, testing_below(&random, f->len), what);
		snprintf(what, sizeof what, "%s missing", f->name);
		try_damage(&w, i, NULL, 0, what);
		n += 2;
	}
	printf("%d damaged databases\n", n);
	world_end(&w);
}

/* ---- queues ---- */

struct queues {
	stoa_rowid row[2][ROWS_MAX];	/* front first */
	size_t n[2];
	struct stoa_deque_stat stat;
};

static void remember_queues(const char *path, struct queues *out)
{
	struct stoa_value names[] = { stoa_text("ann"), stoa_text("bob") };
	struct stoa_options options = STOA_OPTIONS_INIT;
	struct stoa_error err;
	const struct stoa_value *row;
	stoa_cursor *cur;
	stoa_index turn;
	stoa_table job;
	stoa_txn *txn;
	stoa_db *db;

	options.flags = STOA_OPEN_READ_ONLY;
	*out = (struct queues){ .stat = STOA_DEQUE_STAT_INIT };
	must(stoa_open(path, &options, &db, &err), &err);
	must(stoa_begin(db, STOA_READ, &txn, &err), &err);
	job = find_jobs(txn, &turn);
	must(stoa_deque_stat(txn, job, turn, &out->stat, &err), &err);
	for (int i = 0; i < 2; i++) {
		must(stoa_deque_scan(txn, job, turn, &names[i], STOA_FRONT, NULL, 0, &cur, &err), &err);
		while (stoa_next(cur, &row, &err) == STOA_ROW)
			out->row[i][out->n[i]++] = stoa_cursor_rowid(cur);
		stoa_cursor_close(cur);
	}
	stoa_abort(txn);
	must(stoa_close(db, &err), &err);
}

/* Those of @then that are there now, in the order they had. */
static void assert_order(const struct queues *then, const struct queues *now, const struct losses *l)
{
	for (int i = 0; i < 2; i++) {
		size_t n = 0;

		for (size_t k = 0; k < then->n[i]; k++)
			if (!l->lost[JOB][then->row[i][k]])
				assert_int_equal(now->row[i][n++], then->row[i][k]);
		assert_int_equal(n, now->n[i]);
	}
}

static void queues_keep_their_order_leases_and_delays(void **state)
{
	struct world w = world_make();
	struct losses *l = calloc(1, sizeof *l);
	struct queues then, now;
	struct rows *rows;

	(void)state;
	remember_queues(w.good, &then);
	assert_int_equal(then.stat.n_claimed, 3);
	assert_int_equal(then.stat.n_delayed, 3);
	tree_write(w.tree, w.bad);
	recover(&w, l, &rows, "queues");
	assert_int_equal(l->n, 0);
	remember_queues(w.made, &now);
	assert_order(&then, &now, l);
	assert_memory_equal(&then.stat, &now.stat, sizeof then.stat);
	forget(rows);
	free(l);
	world_end(&w);
}

static void rows_that_are_lost_leave_the_others_in_order(void **state)
{
	struct world w = world_make();
	struct losses *l = calloc(1, sizeof *l);
	struct queues then, now;
	struct rows *rows;
	size_t n_lost = 0;

	(void)state;
	remember_queues(w.good, &then);
	tree_write(w.tree, w.bad);
	for (size_t i = 0; i < w.tree->n; i++)
		if (!strncmp(w.tree->files[i].name, "segments/", 9))
			remove(testing_path(w.bad, w.tree->files[i].name));
	recover(&w, l, &rows, "queues without segment files");
	remember_queues(w.made, &now);
	for (int i = 0; i < 2; i++)
		n_lost += then.n[i] - now.n[i];
	assert_true(n_lost > 0 && now.n[0] > 0 && now.n[1] > 0);
	assert_order(&then, &now, l);
	forget(rows);
	free(l);
	world_end(&w);
}

/* The record of each table in turn: its bytes are found by the table's name. */
static void a_lost_table_leaves_the_others_fit_for_use(void **state)
{
	static const char *const names[] = { "by_body", "about", "turn" };
	struct world w = world_make();
	size_t n = 0;

	(void)state;
	for (size_t i = 0; i < w.tree->n; i++) {
		struct tree_file *f = &w.tree->files[i];

		for (size_t k = 0; k < 3 && !strcmp(f->name, "catalog.mdb"); k++)
			for (size_t at = 0; at + 8 < f->len; at++) {
				if (memcmp(f->bytes + at, names[k], strlen(names[k])) != 0)
					continue;
				f->bytes[at] ^= 1;
				try_damage(&w, i, f->bytes, f->len, names[k]);
				f->bytes[at] ^= 1;
				n++;
			}
	}
	assert_true(n >= 3);
	world_end(&w);
}

static void without_the_catalog_rows_come_from_the_segment_files(void **state)
{
	struct world w = world_make();
	struct losses *l = calloc(1, sizeof *l);
	struct stoa_error err;
	struct rows *rows;
	const struct stoa_value *row;
	stoa_cursor *cur;
	stoa_txn *txn;
	stoa_db *db;

	(void)state;
	tree_write(w.tree, w.bad);
	remove(testing_path(w.bad, "catalog.mdb"));
	recover(&w, l, &rows, "no catalog");
	assert_true(l->general);
	must(stoa_open(w.made, NULL, &db, &err), &err);
	must(stoa_begin(db, STOA_READ, &txn, &err), &err);
	must(stoa_query(txn, "SELECT count(*), sum(slot_0) FROM recovered_1", &cur, &err), &err);
	assert_int_equal(stoa_next(cur, &row, &err), STOA_ROW);
	assert_true(row[0].i >= ITEMS);
	stoa_cursor_close(cur);
	stoa_abort(txn);
	must(stoa_close(db, &err), &err);
	forget(rows);
	free(l);
	world_end(&w);
}

static void a_recovery_that_fails_leaves_nothing(void **state)
{
	struct world w = world_make();
	struct stoa_error err;
	struct stat st;
	stoa_db *db;
	long n_failed = 0;

	(void)state;
	tree_write(w.tree, w.bad);
	for (long nth = 0;; nth += testing_long() ? 1 : 1 + nth / 15) {
		bool fired;
		int rc;

		stoa__fault_arm(nth, false);
		rc = stoa_recover(w.bad, w.made, NULL, NULL, NULL, &err);
		fired = stoa__fault_disarm();
		if (rc < 0)
			assert_true(stat(w.made, &st) < 0);
		n_failed += rc < 0;
		if (rc == STOA_OK) {
			char command[600];

			snprintf(command, sizeof command, "rm -rf '%s'", w.made);
			assert_int_equal(system(command), 0);
		}
		if (!fired)
			break;
	}
	assert_true(n_failed > 10);
	/* Nor does one into what is there, of what is not there, or of what somebody writes to. */
	assert_int_equal(stoa_recover(w.bad, w.good, NULL, NULL, NULL, &err), STOA_EEXIST);
	assert_int_equal(stoa_recover(testing_path(w.dir, "none"), w.made, NULL, NULL, NULL, &err), STOA_ENOTFOUND);
	assert_int_equal(stoa_recover(w.dir, w.made, NULL, NULL, NULL, &err), STOA_ENOTFOUND);
	must(stoa_open(w.bad, NULL, &db, &err), &err);
	assert_int_equal(stoa_recover(w.bad, w.made, NULL, NULL, NULL, &err), STOA_EBUSY);
	must(stoa_close(db, &err), &err);
	world_end(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_undamaged_database_is_recovered_whole),
		cmocka_unit_test(rows_are_as_they_were_or_said_to_be_lost),
		cmocka_unit_test(queues_keep_their_order_leases_and_delays),
		cmocka_unit_test(rows_that_are_lost_leave_the_others_in_order),
		cmocka_unit_test(a_lost_table_leaves_the_others_fit_for_use),
		cmocka_unit_test(without_the_catalog_rows_come_from_the_segment_files),
		cmocka_unit_test(a_recovery_that_fails_leaves_nothing),
	};

	testing_in_memory();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
