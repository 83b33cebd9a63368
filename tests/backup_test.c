/* SPDX-License-Identifier: MIT */
/*
 * backup_test.c - backups beside a writer, from older ones, and cut off
 *
 * The database is a ledger (ledger.h), so that a backup that shows anything but one whole commit is
 * found out.
 */
#include "testing.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../lib/core/alloc.h"
#include "../storage/file.h"
#include "ledger.h"
#include "tree.h"

static const struct ledger ledger = { .bulk_every = 20, .schema_every = 7, .rows_max = 10 };

struct world {
	char *dir;
	char path[256], copy[256];
	stoa_db *db;
	uint64_t n;	/* commits of the ledger */
};

static void commits(struct world *w, uint64_t n, int durability)
{
	struct stoa_error err;

	while (n--) {
		must(ledger_commit(&ledger, w->db, w->n + 1, durability, &err), &err);
		w->n++;
	}
}

static struct world world_make(uint64_t n_commits)
{
	struct world w = { .dir = testing_tempdir() };
	struct stoa_error err;

	snprintf(w.path, sizeof w.path, "%s/a.stoa", w.dir);
	snprintf(w.copy, sizeof w.copy, "%s/copy.stoa", w.dir);
	must(stoa_open(w.path, NULL, &w.db, &err), &err);
	must(ledger_create(w.db, &err), &err);
	commits(&w, n_commits, STOA_FULL);
	return w;
}

static void world_end(struct world *w)
{
	struct stoa_error err;

	must(stoa_close(w->db, &err), &err);
	testing_rmtree(w->dir);
}

static struct stoa_backup_stat backup(struct world *w, uint32_t flags)
{
	struct stoa_backup_options options = STOA_BACKUP_OPTIONS_INIT;
	struct stoa_backup_stat stat = STOA_BACKUP_STAT_INIT;
	struct stoa_error err;

	options.flags = flags;
	must(stoa_backup(w->db, w->copy, &options, &stat, &err), &err);
	return stat;
}

/* The copy is a sound database; the number of its commit. */
static uint64_t look(const char *path)
{
	struct stoa_options options = STOA_OPTIONS_INIT;
	struct stoa_error err;
	stoa_db *db;
	uint64_t n;

	must(stoa_check(path, NULL, NULL, &err), &err);
	options.flags = STOA_OPEN_READ_ONLY;
	must(stoa_open(path, &options, &db, &err), &err);
	must(ledger_verify_db(&ledger, db, &n, &err), &err);
	must(stoa_close(db, &err), &err);
	return n;
}

static bool is_there(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0;
}

static void assert_no_partial(const struct world *w)
{
	assert_false(is_there(testing_path(w->dir, "copy.stoa.partial")));
}

/* ---- whole backups ---- */

static void a_backup_is_a_database_with_all_that_was_committed(void **state)
{
	struct world w = world_make(25);
	struct stoa_error err;
	struct stoa_backup_stat stat;
	stoa_txn *txn;

	(void)state;
	commits(&w, 3, STOA_NONE);
	/* What a transaction has not committed is not in it. */
	must(stoa_begin(w.db, STOA_WRITE, &txn, &err), &err);
	must(ledger_step(&ledger, txn, w.n + 1, &err), &err);
	stat = backup(&w, 0);
	stoa_abort(txn);
	assert_int_equal(look(w.copy), w.n);
	assert_true(stat.n_files > 0 && stat.n_copied == stat.n_files &&
		    stat.bytes == stat.bytes_copied);
	assert_no_partial(&w);
	world_end(&w);
}

static void a_backup_can_be_written_to_and_goes_its_own_way(void **state)
{
	struct world w = world_make(25), copy;
	struct stoa_error err;

	(void)state;
	backup(&w, STOA_BACKUP_VERIFY);
	copy = w;
	must(stoa_open(w.copy, NULL, &copy.db, &err), &err);
	commits(&copy, 30, STOA_FULL);
	/* Somebody works on it: it is not replaced. */
	commits(&w, 1, STOA_FULL);
	assert_int_equal(stoa_backup(w.db, w.copy, NULL, NULL, &err), STOA_EBUSY);
	must(stoa_close(copy.db, &err), &err);
	assert_int_equal(look(w.copy), copy.n);
	/* It is ahead of the database, and so none of its older states. */
	assert_int_equal(stoa_backup(w.db, w.copy, NULL, NULL, &err), STOA_EEXIST);
	assert_int_equal(look(w.copy), copy.n);
	world_end(&w);
}

static void a_second_backup_copies_only_files_that_are_new(void **state)
{
	struct world w = world_make(21);	/* a bulk table, and a file of it */
	struct stoa_backup_stat first = backup(&w, 0), second;
	struct stoa_error err;

	(void)state;
	commits(&w, 3, STOA_FULL);
	second = backup(&w, 0);
	assert_int_equal(second.n_copied, 0);
	assert_int_equal(second.n_files, first.n_files);
	assert_int_equal(look(w.copy), w.n);
	/* A checkpoint stores what was sealed in between, in one file. */
	commits(&w, 6, STOA_FULL);
	must(stoa_checkpoint(w.db, &err), &err);
	second = backup(&w, STOA_BACKUP_VERIFY);
	assert_int_equal(second.n_copied, 1);
	assert_true(second.bytes_copied < second.bytes);
	assert_int_equal(look(w.copy), w.n);
	/* Files that the database gave up are given up in the backup. */
	commits(&w, 15, STOA_FULL);
	must(stoa_gc_collect(w.db, 2, NULL, &err), &err);
	must(stoa_checkpoint(w.db, &err), &err);
	second = backup(&w, 0);
	{
		struct tree *tree = tree_read(w.copy);
		uint64_t n = 0;

		for (size_t i = 0; i < tree->n; i++)
			n += strncmp(tree->files[i].name, "segments/", 9) == 0;
		assert_int_equal(n, second.n_files);
		tree_free(tree);
	}
	assert_no_partial(&w);
	world_end(&w);
}

static void a_reading_process_backs_up_as_well(void **state)
{
	struct world w = world_make(22), reader;
	struct stoa_options options = STOA_OPTIONS_INIT;
	struct stoa_error err;

	(void)state;
	reader = w;
	options.flags = STOA_OPEN_READ_ONLY;
	must(stoa_open(w.path, &options, &reader.db, &err), &err);
	/* It shows what is on the disk, not what this handle saw when it was opened. */
	commits(&w, 4, STOA_FULL);
	backup(&reader, 0);
	assert_int_equal(look(w.copy), w.n);
	must(stoa_close(reader.db, &err), &err);
	world_end(&w);
}

/* ---- beside a writer ---- */

struct writing {
	struct world *w;
	_Atomic uint64_t acknowledged;
	atomic_bool stop;
};

static void *write_on(void *arg)
{
	struct writing *writing = arg;
	struct stoa_error err;

	while (!writing->stop) {
		uint64_t n = writing->acknowledged + 1;

		if (ledger_commit(&ledger, writing->w->db, n, STOA_FULL, &err) < 0 ||
		    (n % 13 == 0 && stoa_checkpoint(writing->w->db, &err) < 0) ||
		    (n % 17 == 0 && stoa_gc_collect(writing->w->db, 2, NULL, &err) < 0)) {
			fprintf(stderr, "the writer: %s\n", err.text);
			return (void *)1;
		}
		writing->acknowledged = n;
	}
	return NULL;
}

static void backups_beside_a_writer_show_one_commit_each(void **state)
{
	struct world w = world_make(30);
	struct writing writing = { .w = &w, .acknowledged = w.n };
	int rounds = testing_long() ? 500 : 12;
	pthread_t writer;
	void *failed;

	(void)state;
	assert_int_equal(pthread_create(&writer, NULL, write_on, &writing), 0);
	for (int i = 0; i < rounds; i++) {
		uint64_t before = writing.acknowledged, n;

		backup(&w, i % 4 ? 0 : STOA_BACKUP_VERIFY);
		n = look(w.copy);
		if (n < before || n > writing.acknowledged + 1)
			fail_msg("the backup shows %" PRIu64 "; %" PRIu64 " had returned, %" PRIu64
				 " by now", n, before, writing.acknowledged);
	}
	writing.stop = true;
	assert_int_equal(pthread_join(writer, &failed), 0);
	assert_null(failed);
	printf("%d backups beside %" PRIu64 " commits\n", rounds, writing.acknowledged - w.n);
	world_end(&w);
}

/* ---- cut off ---- */

static long ops_left;

static void die(void *ctx, enum stoa__file_op op, const char *name, uint64_t offset, const void *p,
		size_t len)
{
	(void)ctx, (void)op, (void)name, (void)offset, (void)p, (void)len;
	if (ops_left-- == 0)
		_exit(9);
}

/* A process that backs up and dies at file operation @nth; did it get that far? */
static bool backup_and_die(const struct world *w, long nth)
{
	struct stoa_options options = STOA_OPTIONS_INIT;
	struct stoa_error err;
	int status;
	pid_t pid;

	fflush(NULL);
	pid = fork();
	assert_true(pid >= 0);
	if (!pid) {
		stoa_db *db;

		options.flags = STOA_OPEN_READ_ONLY;
		if (stoa_open(w->path, &options, &db, &err) < 0)
			_exit(1);
		ops_left = nth;
		stoa__file_watch_with(die, NULL);
		_exit(stoa_backup(db, w->copy, NULL, NULL, &err) < 0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_true(WEXITSTATUS(status) == 9 || WEXITSTATUS(status) == 0);
	return WEXITSTATUS(status) == 9;
}

static void a_backup_that_is_cut_off_leaves_the_older_one(void **state)
{
	struct world w = world_make(41);
	uint64_t old, n, n_died = 0;
	struct stoa_error err;

	(void)state;
	must(stoa_checkpoint(w.db, &err), &err);
	backup(&w, 0);
	old = w.n;
	for (long nth = 0;; nth++) {
		commits(&w, 1, STOA_FULL);
		if (nth % 5 == 0)
			must(stoa_checkpoint(w.db, &err), &err);
		if (!backup_and_die(&w, nth))
			break;
		n_died++;
		n = look(w.copy);
		assert_true(n == old || n == w.n);
		old = n;
		/* The next goes on from what is left of it. */
		if (nth % 3 == 0) {
			backup(&w, 0);
			old = w.n;
			assert_int_equal(look(w.copy), old);
			assert_no_partial(&w);
		}
	}
	assert_int_equal(look(w.copy), w.n);
	assert_true(n_died > 10);
	printf("died at %" PRIu64 " file operations\n", n_died);
	world_end(&w);
}

static int cancel(void *ctx, const struct stoa_backup_stat *now)
{
	(void)now;
	return ++*(int *)ctx == 1;
}

static void what_a_canceled_backup_copied_is_not_copied_again(void **state)
{
	struct world w = world_make(23);
	struct stoa_backup_options options = STOA_BACKUP_OPTIONS_INIT;
	struct stoa_backup_stat stat;
	struct stoa_error err;
	int calls = 0;

	(void)state;
	must(stoa_checkpoint(w.db, &err), &err);
	options.progress = cancel;
	options.ctx = &calls;
	assert_int_equal(stoa_backup(w.db, w.copy, &options, NULL, &err), STOA_ECANCELED);
	assert_false(is_there(w.copy));
	stat = backup(&w, 0);
	assert_int_equal(stat.n_copied, stat.n_files - 1);
	assert_int_equal(look(w.copy), w.n);
	world_end(&w);
}

/* ---- faults and damage ---- */

/*
 * Each attempt at the copy must fail cleanly, or do all of it; @arm lets something fail from the
 * @nth time on.
 */
static void fail_everything(void (*arm)(long nth, bool forever), bool (*disarm)(void))
{
	struct world w = world_make(23);
	struct stoa_error err;
	long n_failed = 0;

	for (int forever = 0; forever < 2; forever++) {
		for (long nth = 0;; nth += testing_long() ? 1 : 1 + nth / 20) {
			bool fired;
			int rc;

			arm(nth, forever);
			rc = stoa_backup(w.db, w.copy, NULL, NULL, &err);
			fired = disarm();
			if (rc == STOA_OK)
				assert_int_equal(look(w.copy), w.n);
			else
				assert_true(*err.text && fired);
			n_failed += rc < 0;
			if (!fired)
				break;
			if (is_there(w.copy))
				assert_true(look(w.copy) <= w.n);
			commits(&w, nth % 7 == 0, STOA_FULL);
		}
	}
	assert_true(n_failed > 20);
	assert_int_equal(backup(&w, 0).commit, backup(&w, STOA_BACKUP_VERIFY).commit);
	assert_int_equal(look(w.copy), w.n);
	world_end(&w);
}

static void arm_file(long nth, bool forever)
{
	stoa__file_fault_arm(nth, ENOSPC, forever);
}

static void a_file_operation_that_fails_leaves_the_older_backup(void **state)
{
	(void)state;
	fail_everything(arm_file, stoa__file_fault_disarm);
}

static void memory_that_runs_out_leaves_the_older_backup(void **state)
{
	(void)state;
	fail_everything(stoa__fault_arm, stoa__fault_disarm);
}

/* Changes a byte of the newest segment file. */
static void flip(const char *dir)
{
	struct tree *tree = tree_read(dir);
	struct tree_file *last = NULL;

	for (size_t i = 0; i < tree->n; i++)
		if (strncmp(tree->files[i].name, "segments/", 9) == 0)
			last = &tree->files[i];
	assert_non_null(last);
	last->bytes[last->len / 3] ^= 0x10;
	tree_write_file(dir, last->name, last->bytes, last->len);
	tree_free(tree);
}

static void to_verify_finds_a_flipped_byte_and_mends_it(void **state)
{
	struct world w = world_make(22);
	struct stoa_backup_stat stat;
	struct stoa_error err;

	(void)state;
	must(stoa_checkpoint(w.db, &err), &err);
	backup(&w, 0);
	flip(w.copy);
	assert_int_equal(stoa_check(w.copy, NULL, NULL, &err), STOA_ECORRUPT);
	/* Without it the file is taken for what it was. */
	stat = backup(&w, 0);
	assert_int_equal(stat.n_copied, 0);
	assert_int_equal(stoa_check(w.copy, NULL, NULL, &err), STOA_ECORRUPT);
	stat = backup(&w, STOA_BACKUP_VERIFY);
	assert_int_equal(stat.n_copied, 1);
	assert_int_equal(look(w.copy), w.n);
	world_end(&w);
}

static void a_damaged_database_does_not_replace_its_backup(void **state)
{
	struct world w = world_make(22);
	struct stoa_error err;
	uint64_t old = w.n;

	(void)state;
	backup(&w, 0);
	commits(&w, 19, STOA_FULL);	/* a new bulk table */
	must(stoa_checkpoint(w.db, &err), &err);
	flip(w.path);
	assert_int_equal(stoa_backup(w.db, w.copy, NULL, NULL, &err), STOA_ECORRUPT);
	assert_non_null(strstr(err.text, "segments/"));
	assert_int_equal(look(w.copy), old);
	world_end(&w);
}

/* ---- refused ---- */

static void what_is_no_backup_of_the_database_is_not_replaced(void **state)
{
	struct world w = world_make(2), other = world_make(3);
	struct stoa_error err;
	stoa_db *memory;
	FILE *f;

	(void)state;
	assert_int_equal(stoa_backup(w.db, w.path, NULL, NULL, &err), STOA_EINVAL);
	assert_int_equal(stoa_backup(w.db, testing_path(w.path, "in"), NULL, NULL, &err), STOA_EINVAL);
	assert_int_equal(stoa_backup(w.db, testing_path(w.path, "log/in"), NULL, NULL, &err), STOA_EINVAL);
	assert_int_equal(stoa_backup(w.db, testing_path(w.dir, "."), NULL, NULL, &err), STOA_EEXIST);
	assert_int_equal(stoa_backup(w.db, "", NULL, NULL, &err), STOA_EINVAL);
	backup(&other, 0);
	assert_int_equal(stoa_backup(w.db, other.copy, NULL, NULL, &err), STOA_EEXIST);
	assert_int_equal(look(other.copy), 3);
	f = fopen(w.copy, "w");
	fclose(f);
	assert_true(stoa_backup(w.db, w.copy, NULL, NULL, &err) < 0);
	remove(w.copy);
	/* An empty directory is nobody's. */
	assert_int_equal(mkdir(w.copy, 0777), 0);
	backup(&w, 0);
	assert_int_equal(look(w.copy), 2);
	must(stoa_open(NULL, NULL, &memory, &err), &err);
	assert_int_equal(stoa_backup(memory, w.copy, NULL, NULL, &err), STOA_EUNSUPPORTED);
	must(stoa_close(memory, &err), &err);
	world_end(&w);
	world_end(&other);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_backup_is_a_database_with_all_that_was_committed),
		cmocka_unit_test(a_backup_can_be_written_to_and_goes_its_own_way),
		cmocka_unit_test(a_second_backup_copies_only_files_that_are_new),
		cmocka_unit_test(a_reading_process_backs_up_as_well),
		cmocka_unit_test(backups_beside_a_writer_show_one_commit_each),
		cmocka_unit_test(a_backup_that_is_cut_off_leaves_the_older_one),
		cmocka_unit_test(what_a_canceled_backup_copied_is_not_copied_again),
		cmocka_unit_test(a_file_operation_that_fails_leaves_the_older_backup),
		cmocka_unit_test(memory_that_runs_out_leaves_the_older_backup),
		cmocka_unit_test(to_verify_finds_a_flipped_byte_and_mends_it),
		cmocka_unit_test(a_damaged_database_does_not_replace_its_backup),
		cmocka_unit_test(what_is_no_backup_of_the_database_is_not_replaced),
	};

	testing_in_memory();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
