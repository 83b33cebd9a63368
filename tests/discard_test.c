/* SPDX-License-Identifier: MIT */
/*
 * discard_test.c - a database is removed by who has it open for writing: all of it or nothing
 */
#include "testing.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../lib/core/alloc.h"
#include "../lib/stoa.h"

static stoa_db *open_db(const char *path, uint32_t flags)
{
	struct stoa_options options = STOA_OPTIONS_INIT;
	struct stoa_error err;
	stoa_db *db;

	options.flags = flags;
	if (stoa_open(path, &options, &db, &err) < 0)
		fail_msg("%s", err.text);
	return db;
}

/* A table of some rows: a log, or with @checkpoint a segment file too. */
static void fill(stoa_db *db, bool checkpoint)
{
	const struct stoa_slot slot = { .name = "n", .type = STOA_I64 };
	const struct stoa_value v = stoa_i64(7);
	struct stoa_error err;
	stoa_table table;
	stoa_rowid row;
	stoa_txn *txn;

	assert_int_equal(stoa_begin(db, STOA_WRITE, &txn, &err), STOA_OK);
	assert_int_equal(stoa_table_create(txn, "t", &slot, 1, &table, &err), STOA_OK);
	for (int i = 0; i < 100; i++)
		assert_int_equal(stoa_insert(txn, table, &v, 1, &row, &err), STOA_OK);
	assert_int_equal(stoa_commit(txn, &err), STOA_OK);
	if (checkpoint)
		assert_int_equal(stoa_checkpoint(db, &err), STOA_OK);
}

static void nothing_is_left_of_a_discarded_database(void **state)
{
	char *dir = testing_tempdir();

	(void)state;
	for (int round = 0; round < 3; round++) {
		struct stoa_error err;
		stoa_db *db = open_db(testing_path(dir, "d.stoa"), STOA_OPEN_EXCLUSIVE);

		if (round > 0)
			fill(db, round == 2);
		assert_int_equal(stoa_discard(db, &err), STOA_OK);
		assert_int_equal(testing_entries(dir), 0);
	}
	testing_rmtree(dir);
}

static void nothing_is_discarded_while_a_transaction_is_open(void **state)
{
	char *dir = testing_tempdir();
	stoa_db *db = open_db(testing_path(dir, "d.stoa"), 0);
	struct stoa_error err;
	stoa_txn *txn;

	(void)state;
	assert_int_equal(stoa_begin(db, STOA_READ, &txn, &err), STOA_OK);
	assert_int_equal(stoa_discard(db, &err), STOA_ESTATE);
	stoa_abort(txn);
	fill(db, true);
	assert_int_equal(stoa_close(db, &err), STOA_OK);
	assert_int_equal(stoa_check(testing_path(dir, "d.stoa"), NULL, NULL, &err), STOA_OK);
	testing_rmtree(dir);
}

static void who_only_reads_discards_nothing_and_reads_on_what_another_discards(void **state)
{
	char *dir = testing_tempdir();
	stoa_db *writer = open_db(testing_path(dir, "d.stoa"), 0), *reader;
	struct stoa_table_info info;
	struct stoa_error err;
	stoa_table table;
	stoa_txn *txn;

	(void)state;
	fill(writer, true);
	reader = open_db(testing_path(dir, "d.stoa"), STOA_OPEN_READ_ONLY);
	assert_int_equal(stoa_discard(reader, &err), STOA_EREADONLY);
	assert_int_equal(testing_entries(dir), 1);
	assert_int_equal(stoa_discard(writer, &err), STOA_OK);
	assert_int_equal(testing_entries(dir), 0);
	assert_int_equal(stoa_begin(reader, STOA_READ, &txn, &err), STOA_OK);
	assert_int_equal(stoa_table_find(txn, "t", &table, &err), STOA_OK);
	assert_int_equal(stoa_table_info(txn, table, &info, &err), STOA_OK);
	assert_int_equal(info.n_rows, 100);
	stoa_abort(txn);
	assert_int_equal(stoa_close(reader, &err), STOA_OK);
	testing_rmtree(dir);
}

static void files_that_are_no_databases_stay_under_another_name(void **state)
{
	char *dir = testing_tempdir(), *path;
	stoa_db *db = open_db(testing_path(dir, "d.stoa"), 0);
	struct stoa_error err;

	(void)state;
	assert_true(asprintf(&path, "%s/d.stoa/letter", dir) > 0);
	assert_int_equal(mkdir(path, 0777), 0);
	assert_int_equal(stoa_discard(db, &err), STOA_OK);
	assert_int_equal(access(testing_path(dir, "d.stoa"), F_OK), -1);
	assert_int_equal(testing_entries(dir), 1);
	free(path);
	testing_rmtree(dir);
}

static void what_has_no_directory_is_only_closed(void **state)
{
	struct stoa_error err;
	stoa_db *db = open_db(":memory:", 0);

	(void)state;
	fill(db, false);
	assert_int_equal(stoa_discard(db, &err), STOA_OK);
	assert_int_equal(stoa_discard(NULL, &err), STOA_OK);
}

/* Without memory it may fail, but then too it is all there or gone, and the handle is free. */
static void a_discarded_database_is_whole_or_gone_when_memory_runs_out(void **state)
{
	char *dir = testing_tempdir();
	bool fired = true;

	(void)state;
	for (long nth = 0; fired; nth++) {
		const char *path = testing_path(dir, "d.stoa");
		stoa_db *db = open_db(path, 0);
		struct stoa_error err;
		int rc;

		stoa__fault_arm(nth, true);
		rc = stoa_discard(db, &err);
		fired = stoa__fault_disarm();
		path = testing_path(dir, "d.stoa");
		if (access(path, F_OK) < 0)
			assert_int_equal(testing_entries(dir), 0);
		else
			assert_true(rc < 0 && stoa_check(path, NULL, NULL, &err) == STOA_OK);
	}
	testing_rmtree(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_is_left_of_a_discarded_database),
		cmocka_unit_test(nothing_is_discarded_while_a_transaction_is_open),
		cmocka_unit_test(who_only_reads_discards_nothing_and_reads_on_what_another_discards),
		cmocka_unit_test(files_that_are_no_databases_stay_under_another_name),
		cmocka_unit_test(what_has_no_directory_is_only_closed),
		cmocka_unit_test(a_discarded_database_is_whole_or_gone_when_memory_runs_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
