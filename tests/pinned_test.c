/* SPDX-License-Identifier: MIT */
/*
 * pinned_test.c - what is left of files that have no name any more, while a cursor goes over them
 *
 * A file has several row groups here, and the kernel is asked what it takes. What the cursor shows is
 * compared value by value: a hole where it has still to read would be zeroes.
 */
#include "testing.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../lib/core/hash.h"
#include "../lib/db.h"
#include "../storage/file.h"

#define GROUPS 20
#define ROWS ((uint64_t)GROUPS * STOA_GROUP_MAX)
#define GROUP_BYTES (STOA_GROUP_MAX * sizeof(int64_t))
#define AROUND (4 * 4096)	/* of a file: its header, its directory, and pages that lie across */
#define FILES_MAX 16

struct fixture {
	char *dir;
	stoa_db *db;
	stoa_table table;
	struct stoa_error err;
	/* The files of row groups, kept open for what the kernel says of them. */
	int fd[FILES_MAX];
	size_t n_files;
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

/* A number of no order, so that a row group of them takes 512 KiB. */
static int64_t number(uint64_t row)
{
	return (int64_t)(row * UINT64_C(0x9e3779b97f4a7c15));
}

static void load(struct fixture *f)
{
	static const struct stoa_slot slot = { .name = "n", .type = STOA_I64 };
	static int64_t n[STOA_GROUP_MAX];
	const struct stoa_array a = { .type = STOA_I64, .values = n };
	stoa_txn *txn = begin(f, STOA_WRITE);
	stoa_appender *app;

	ok(f, stoa_table_create(txn, "numbers", &slot, 1, &f->table, &f->err));
	ok(f, stoa_appender_open(txn, f->table, &app, &f->err));
	for (uint64_t row = 1; row <= ROWS;) {
		for (size_t i = 0; i < STOA_GROUP_MAX; i++)
			n[i] = number(row++);
		ok(f, stoa_append(app, &a, 1, STOA_GROUP_MAX, &f->err));
	}
	ok(f, stoa_appender_close(app, &f->err));
	ok(f, stoa_commit(txn, &f->err));
}

/* Opens the files; with @link each of them has a name in the directory above, too. */
static void open_files(struct fixture *f, bool link_them)
{
	char folder[512], path[800], other[1100];
	struct dirent *entry;
	DIR *dir;

	snprintf(folder, sizeof folder, "%s/segments", testing_path(f->dir, "db.stoa"));
	dir = opendir(folder);
	assert_non_null(dir);
	while ((entry = readdir(dir))) {
		if (entry->d_name[0] == '.')
			continue;
		assert_true(f->n_files < FILES_MAX);
		snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
		snprintf(other, sizeof other, "%s/%s", f->dir, entry->d_name);
		f->fd[f->n_files] = open(path, O_RDONLY | O_CLOEXEC);
		assert_true(f->fd[f->n_files++] >= 0);
		assert_int_equal(link_them ? link(path, other) : 0, 0);
	}
	closedir(dir);
	assert_true(f->n_files > 1 && f->n_files < GROUPS);
}

static int set_up(void **state)
{
	static struct fixture f;

	f = (struct fixture){ .dir = testing_tempdir() };
	ok(&f, stoa_open(testing_path(f.dir, "db.stoa"), NULL, &f.db, &f.err));
	ok(&f, stoa_gc_enable(f.db, false, &f.err));
	load(&f);
	*state = &f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	while (f->n_files)
		close(f->fd[--f->n_files]);
	ok(f, stoa_close(f->db, &f->err));
	testing_rmtree(f->dir);
	return 0;
}

/* Bytes on the disk of all files. */
static uint64_t disk_bytes(const struct fixture *f)
{
	uint64_t n = 0;
	struct stat st;

	for (size_t i = 0; i < f->n_files; i++) {
		assert_int_equal(fstat(f->fd[i], &st), 0);
		n += (uint64_t)st.st_blocks * 512;
	}
	return n;
}

static uint64_t pinned_bytes(struct fixture *f)
{
	struct stoa_stat s = STOA_STAT_INIT;
	stoa_txn *txn = begin(f, STOA_READ);

	ok(f, stoa_stat(txn, 0, &s, &f->err));
	stoa_abort(txn);
	return s.pinned_disk_bytes;
}

static stoa_cursor *scan(struct fixture *f, stoa_db *db)
{
	stoa_cursor *cur;
	stoa_txn *txn;

	ok(f, stoa_begin(db, STOA_READ, &txn, &f->err));
	ok(f, stoa_scan(txn, f->table, NULL, 0, &cur, &f->err));
	stoa_abort(txn);
	return cur;
}

static void remove_table(struct fixture *f)
{
	stoa_txn *txn = begin(f, STOA_WRITE);

	ok(f, stoa_table_drop(txn, f->table, &f->err));
	ok(f, stoa_commit(txn, &f->err));
	ok(f, stoa_checkpoint(f->db, &f->err));
}

/* Reads rows @from to @to. */
static void read_rows(struct fixture *f, stoa_cursor *cur, uint64_t from, uint64_t to)
{
	struct stoa_batch batch;

	while (from <= to) {
		ok(f, stoa_next_batch(cur, &batch, &f->err));
		for (size_t i = 0; i < batch.n_rows; i++)
			assert_int_equal(((const int64_t *)batch.columns[0].values)[i], number(from++));
	}
}

static void a_cursor_pins_the_row_groups_that_it_has_to_visit(void **state)
{
	struct fixture *f = *state;
	stoa_cursor *cur = scan(f, f->db);

	open_files(f, false);
	remove_table(f);
	assert_true(pinned_bytes(f) >= GROUPS * GROUP_BYTES);
	for (uint64_t g = 0; g < GROUPS; g++) {
		/* That of the row which was read last is there until the next one is asked for. */
		uint64_t most = (GROUPS - g) * GROUP_BYTES + f->n_files * AROUND;

		read_rows(f, cur, g * STOA_GROUP_MAX + 1, (g + 1) * STOA_GROUP_MAX);
		assert_true(pinned_bytes(f) <= most);
		assert_true(disk_bytes(f) <= most);
	}
	stoa_cursor_close(cur);
	assert_int_equal(pinned_bytes(f), 0);
}

/* A collection or a checkpoint at work holds a version, too, and will let go of it soon. */
static void what_works_in_the_background_pins_nothing(void **state)
{
	static const struct stoa_slot slot = { .name = "n", .type = STOA_I64 };
	struct fixture *f = *state;
	stoa_cursor *cur = scan(f, f->db);
	struct stoa__version *v;
	stoa_txn *txn = begin(f, STOA_WRITE);
	stoa_table other;

	ok(f, stoa_table_create(txn, "other", &slot, 1, &other, &f->err));
	ok(f, stoa_commit(txn, &f->err));
	v = stoa__history_snapshot_quietly(&f->db->history);
	remove_table(f);
	assert_true(pinned_bytes(f) >= GROUPS * GROUP_BYTES);
	stoa_cursor_close(cur);
	assert_int_equal(pinned_bytes(f), 0);
	stoa__version_drop_quietly(v);
}

/* Of two the one that is behind. */
static void every_cursor_reads_what_it_has_to_visit(void **state)
{
	struct fixture *f = *state;
	stoa_cursor *first = scan(f, f->db), *second = scan(f, f->db);

	open_files(f, false);
	read_rows(f, first, 1, 7 * STOA_GROUP_MAX);
	remove_table(f);
	read_rows(f, first, 7 * STOA_GROUP_MAX + 1, ROWS);
	stoa_cursor_close(first);
	read_rows(f, second, 1, 10 * STOA_GROUP_MAX);
	assert_true(disk_bytes(f) <= 11 * GROUP_BYTES + f->n_files * AROUND);
	read_rows(f, second, 10 * STOA_GROUP_MAX + 1, ROWS);
	stoa_cursor_close(second);
}

/* What a whole snapshot sees stays, wherever a cursor is. */
static void a_snapshot_keeps_all(void **state)
{
	struct fixture *f = *state;
	stoa_txn *txn = begin(f, STOA_READ);
	stoa_cursor *cur = scan(f, f->db), *late;

	remove_table(f);
	read_rows(f, cur, 1, ROWS);
	stoa_cursor_close(cur);
	ok(f, stoa_scan(txn, f->table, NULL, 0, &late, &f->err));
	read_rows(f, late, 1, ROWS);
	stoa_cursor_close(late);
	stoa_abort(txn);
	assert_int_equal(pinned_bytes(f), 0);
}

/* A reader's own locks are not its process's: this one is as good as another process. */
static void what_others_may_read_stays(void **state)
{
	struct fixture *f = *state;
	struct stoa_options options = STOA_OPTIONS_INIT;
	stoa_cursor *cur = scan(f, f->db), *other;
	stoa_db *reader;

	options.flags = STOA_OPEN_READ_ONLY;
	ok(f, stoa_open(testing_path(f->dir, "db.stoa"), &options, &reader, &f->err));
	open_files(f, false);
	remove_table(f);
	read_rows(f, cur, 1, ROWS);
	assert_true(disk_bytes(f) >= GROUPS * GROUP_BYTES);
	other = scan(f, reader);
	read_rows(f, other, 1, ROWS);
	stoa_cursor_close(other);
	ok(f, stoa_close(reader, &f->err));
	stoa_cursor_close(cur);
}

static uint64_t hash_of_file(int fd)
{
	static uint8_t bytes[16 << 20];
	ssize_t n = pread(fd, bytes, sizeof bytes, 0);

	assert_true(n > 0 && n < (ssize_t)sizeof bytes);
	return stoa__hash(bytes, (size_t)n);
}

/* A copy of the directory may be made of links. */
static void a_file_with_another_name_stays_whole(void **state)
{
	struct fixture *f = *state;
	stoa_cursor *cur = scan(f, f->db);
	uint64_t hash[FILES_MAX];

	open_files(f, true);
	for (size_t i = 0; i < f->n_files; i++)
		hash[i] = hash_of_file(f->fd[i]);
	remove_table(f);
	read_rows(f, cur, 1, ROWS);
	stoa_cursor_close(cur);
	for (size_t i = 0; i < f->n_files; i++)
		assert_int_equal(hash_of_file(f->fd[i]), hash[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_cursor_pins_the_row_groups_that_it_has_to_visit, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(what_works_in_the_background_pins_nothing, set_up, tear_down),
		cmocka_unit_test_setup_teardown(every_cursor_reads_what_it_has_to_visit, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_snapshot_keeps_all, set_up, tear_down),
		cmocka_unit_test_setup_teardown(what_others_may_read_stays, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_file_with_another_name_stays_whole, set_up, tear_down),
	};

	testing_in_memory();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
