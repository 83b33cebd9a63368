/* SPDX-License-Identifier: MIT */
/*
 * syscall_test.c - the nth system call on any file fails, LMDB's included, once or from then on
 *
 * Mixed work (medley.h) with a checkpoint, a collection, imports and a backup is done while call n
 * fails with EIO, ENOSPC, ENOMEM, EMFILE, ENOLCK or EINTR, or writes or reads half. Every call into
 * the library says so or succeeds, and calls nothing damaged that merely cannot be read; the
 * database shows one commit whole; opened again without faults it is sound, has each commit that
 * was acknowledged, and none that was refused (but where the answer was "unknown"). What is
 * interrupted, or written or read in halves, is no failure, and a caller never hears of it (LMDB
 * calls all of that one).
 *
 * The same on a disk that is really full: a small tmpfs, where it may be mounted; below a limit on
 * the size of files; and in STOA_FULL_DIR, a directory that has a quota.
 */
#include "testing.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../lib/core/limits.h"
#include "../storage/log_format.h"
#include "../storage/segment.h"
#include "medley.h"
#include "syscalls.h"
#include "tree.h"

#define FIRST 6
#define LAST 23

static uint64_t hashes[MEDLEY_MAX + 1];

struct run {
	char *dir;
	char path[256], csv[256], copy[256];
	struct tree *start;	/* commit FIRST */
	uint64_t acknowledged, possible;
	bool failed, read_only;
	bool full;	/* what fails is room, and an error says so */
};

/* What every commit shows, and the state that each attempt starts from. */
static struct run run_make(void)
{
	struct run r = { .dir = testing_tempdir() };
	struct stoa_error err;
	uint64_t n;
	stoa_db *db;

	snprintf(r.path, sizeof r.path, "%s/a.stoa", r.dir);
	snprintf(r.csv, sizeof r.csv, "%s/a.csv", r.dir);
	snprintf(r.copy, sizeof r.copy, "%s/a.stoa/copy.stoa", r.dir);
	must(stoa_open(r.path, NULL, &db, &err), &err);
	must(medley_create(db, &err), &err);
	for (uint64_t i = 1; i <= LAST; i++) {
		must(medley_commit(db, i, STOA_FULL, r.csv, &err), &err);
		must(medley_look(db, &n, &hashes[i], &err), &err);
		if (i != FIRST)
			continue;
		must(stoa_close(db, &err), &err);
		r.start = tree_read(r.path);
		must(stoa_open(r.path, NULL, &db, &err), &err);
	}
	must(stoa_close(db, &err), &err);
	return r;
}

static void run_end(struct run *r)
{
	tree_free(r->start);
	testing_rmtree(r->dir);
}

/* A call came back: what it says must be one of what may be said. */
static void hear(struct run *r, int rc, const struct stoa_error *err)
{
	if (rc >= 0)
		return;
	r->failed = true;
	assert_true(*err->text);
	if (rc != STOA_EIO && rc != STOA_EFULL && rc != STOA_ENOMEM && rc != STOA_EUNKNOWN &&
	    rc != STOA_EREADONLY)
		fail_msg("%s: %s", stoa_result_name(rc), err->text);
	if (r->full && (rc == STOA_EIO || (rc == STOA_EFULL && !strstr(err->text, "quota") &&
					   !strstr(err->text, "too large"))))
		fail_msg("%s, where there was no room: %s", stoa_result_name(rc), err->text);
	r->read_only = r->read_only || rc == STOA_EUNKNOWN || rc == STOA_EREADONLY;
}

static void assert_shows(struct run *r, stoa_db *db, uint64_t least)
{
	struct stoa_error err;
	uint64_t n, hash;

	must(medley_look(db, &n, &hash, &err), &err);
	assert_true(n >= least && n <= r->possible);
	assert_int_equal(hash, hashes[n]);
}

/* All the work there is; as far as it goes. */
static void work(struct run *r)
{
	struct stoa_options options = STOA_OPTIONS_INIT;
	struct stoa_error err;
	stoa_db *db;
	uint64_t n = FIRST;
	int rc;

	r->acknowledged = r->possible = FIRST;
	r->failed = r->read_only = false;
	options.lazy_ms = 600000;
	rc = stoa_open(r->path, &options, &db, &err);
	hear(r, rc, &err);
	if (rc < 0)
		return;
	while (n < LAST && !r->read_only) {
		rc = medley_commit(db, n + 1, STOA_FULL, r->csv, &err);
		hear(r, rc, &err);
		if (rc >= 0 || rc == STOA_EUNKNOWN)
			r->possible = n + 1;
		if (rc >= 0)
			r->acknowledged = ++n;
		/* Refused: it is as before the call, whatever was tried. */
		assert_shows(r, db, r->acknowledged);
		if (rc < 0)
			break;
		if (medley_after(n) == 1)
			hear(r, stoa_checkpoint(db, &err), &err);
		if (medley_after(n) == 2)
			hear(r, stoa_gc_collect(db, 2, NULL, &err), &err);
	}
	r->full = false;	/* what failed before is what it tells */
	rc = stoa_close(db, &err);
	if (rc < 0 && rc != STOA_EREADONLY)
		hear(r, rc, &err);
}

static void print_finding(void *ctx, const char *file, uint64_t offset, const char *what)
{
	printf("%s: %s:%" PRIu64 ": %s\n", (const char *)ctx, file, offset, what);
}

static void look_after(struct run *r, const char *what)
{
	struct stoa_error err;
	stoa_db *db;

	for (int i = 0; i < 2; i++) {
		must(stoa_check(r->path, print_finding, (void *)(uintptr_t)what, &err), &err);
		must(stoa_open(r->path, NULL, &db, &err), &err);
		assert_shows(r, db, r->acknowledged);
		must(stoa_close(db, &err), &err);
	}
}

struct way {
	const char *name;
	enum which which;
	int errno_value;
	bool forever, harmless;
};

static const struct way ways[] = {
	{ "EIO once", ALL_CALLS, EIO, false, false },
	{ "EIO from then on", ALL_CALLS, EIO, true, false },
	{ "ENOSPC once", ALL_CALLS, ENOSPC, false, false },
	{ "ENOSPC from then on", ALL_CALLS, ENOSPC, true, false },
	{ "ENOMEM once", ALL_CALLS, ENOMEM, false, false },
	{ "EDQUOT once", ALL_CALLS, EDQUOT, false, false },
	{ "EDQUOT from then on", ALL_CALLS, EDQUOT, true, false },
	{ "EFBIG from then on", OUR_WRITES, EFBIG, true, false },
	{ "EINTR once", OUR_WRITES, EINTR, false, true },
	{ "half a write", OUR_WRITES, 0, false, true },
	/*
	 * A failed write of a meta page leaves trees of its own in it, out of bounds for its
	 * transaction.
	 */
	{ "ENOSPC in LMDB once", LMDB_WRITES, ENOSPC, false, false },
	{ "half a write in LMDB", LMDB_WRITES, 0, false, false },
	{ "EIO reading once", ALL_LOOKS, EIO, false, false },
	{ "EIO reading from then on", ALL_LOOKS, EIO, true, false },
	{ "EMFILE", ALL_LOOKS, EMFILE, false, false },
	{ "EINTR reading", OUR_READS, EINTR, false, true },
	{ "half a read", OUR_READS, 0, false, true },
	{ "ENOLCK", ALL_LOCKS, ENOLCK, false, false },
	{ "EINTR locking", ALL_LOCKS, EINTR, false, true },
};

static void every_call_may_fail(void **state)
{
	struct run r = run_make();
	uint64_t random = testing_seed();
	long tried = 0, failed = 0;

	(void)state;
	for (size_t w = 0; w < sizeof ways / sizeof *ways; w++) {
		long stride = testing_long() || ways[w].which == LMDB_WRITES ? 1 : 11;

		for (long nth = (long)testing_below(&random, (uint64_t)stride);; nth += stride) {
			char what[64];
			bool fired;

			tree_write(r.start, r.path);
			r.full = ways[w].forever && (ways[w].errno_value == EDQUOT ||
						     ways[w].errno_value == EFBIG);
			syscalls_watch(r.path);
			syscalls_fail(ways[w].which, nth, ways[w].errno_value,
				      ways[w].forever);
			work(&r);
			fired = syscalls_fail_end();
			syscalls_watch(NULL);
			if (ways[w].harmless && r.failed)
				fail_msg("%s, call %ld: a caller heard of it", ways[w].name, nth);
			snprintf(what, sizeof what, "%s, call %ld", ways[w].name, nth);
			look_after(&r, what);
			tried++;
			failed += r.failed;
			if (!fired)
				break;
		}
	}
	assert_true(failed > 0);
	printf("%ld runs, in %ld a call into the library failed\n", tried, failed);
	run_end(&r);
}

/*
 * Where the log had no room, making it fails and nothing was promised; where it had, nobody knows.
 */
static void a_failed_sync_makes_the_database_read_only(void **state)
{
	(void)state;
	for (int has_room = 0; has_room < 2; has_room++) {
		struct run r = run_make();
		struct stoa_error err;
		int next = FIRST + 1;
		stoa_db *db;

		tree_write(r.start, r.path);
		must(stoa_open(r.path, NULL, &db, &err), &err);
		if (has_room)
			must(medley_commit(db, next++, STOA_FULL, r.csv, &err), &err);
		r.acknowledged = next - 1;
		r.possible = has_room ? next : next - 1;
		syscalls_watch(r.path);
		syscalls_fail(ALL_SYNCS, 0, EIO, false);
		assert_int_equal(medley_commit(db, next, STOA_FULL, r.csv, &err),
				 has_room ? STOA_EUNKNOWN : STOA_EIO);
		assert_true(syscalls_fail_end());
		/* The disk is well again; the database does not believe it. */
		assert_int_equal(medley_commit(db, next, STOA_FULL, r.csv, &err), STOA_EREADONLY);
		assert_int_equal(stoa_checkpoint(db, &err), STOA_EREADONLY);
		assert_shows(&r, db, r.acknowledged);
		assert_int_equal(stoa_close(db, &err), STOA_EIO);
		syscalls_watch(NULL);
		look_after(&r, "after a failed sync");
		run_end(&r);
	}
}

/* ---- a disk that is full ---- */

/*
 * Commits, checkpoints, imports and collections until there is no room; then with some given back.
 */
static void fill(const char *mounted)
{
	struct run r = { 0 };
	struct stoa_error err;
	uint64_t n = 0, shown, hash, n_full = 0;
	stoa_db *db;
	int rc;

	snprintf(r.path, sizeof r.path, "%s/a.stoa", mounted);
	snprintf(r.csv, sizeof r.csv, "/tmp/stoa-full-%ld.csv", (long)getpid());
	must(stoa_open(r.path, NULL, &db, &err), &err);
	must(medley_create(db, &err), &err);
	while (n < MEDLEY_MAX && n_full < 20) {
		rc = medley_commit(db, n + 1, STOA_FULL, r.csv, &err);
		n += rc >= 0;
		n_full += rc == STOA_EFULL || rc == STOA_EUNKNOWN || rc == STOA_EREADONLY;
		if (rc < 0 && rc != STOA_EFULL && rc != STOA_EUNKNOWN && rc != STOA_EREADONLY)
			fail_msg("%s: %s", stoa_result_name(rc), err.text);
		must(medley_look(db, &shown, &hash, &err), &err);
		assert_int_equal(shown, n);
		rc = n % 5 ? STOA_OK : n % 10 ? stoa_checkpoint(db, &err) : stoa_gc_collect(db, 2, NULL, &err);
		if (rc < 0 && rc != STOA_EFULL && rc != STOA_EREADONLY && rc != STOA_EUNKNOWN)
			fail_msg("%s: %s", stoa_result_name(rc), err.text);
	}
	(void)stoa_close(db, &err);
	unlink(r.csv);
	assert_true(n_full > 0);
	/* What was acknowledged is there, and a reader needs no room. */
	must(stoa_open(r.path, &(struct stoa_options){ .size = sizeof(struct stoa_options),
						       .flags = STOA_OPEN_READ_ONLY },
		       &db, &err), &err);
	must(medley_look(db, &shown, &hash, &err), &err);
	assert_true(shown == n || shown == n + 1);
	must(stoa_close(db, &err), &err);
	printf("full after %" PRIu64 " commits\n", n);
}

static void a_full_disk_loses_nothing(void **state)
{
	static const char *const sizes[] = { "size=400k", "size=500k", "size=620k" };
	char *dir = testing_tempdir();

	(void)state;
	for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
		if (mount("none", dir, "tmpfs", 0, sizes[i]) < 0) {
			printf("skipped: a tmpfs may not be mounted here (%s)\n", strerror(errno));
			testing_rmtree(dir);
			skip();
		}
		fill(dir);
		assert_int_equal(umount(dir), 0);
	}
	testing_rmtree(dir);
}

/* The soft limit on the size of files, of this process: what the kernel says when a file gets there. */
static void set_size_limit(rlim_t bytes)
{
	struct rlimit limit;

	assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
	limit.rlim_cur = bytes < limit.rlim_max ? bytes : limit.rlim_max;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

/* SIGXFSZ would end the process. */
static void a_limit_on_the_size_of_files_is_a_full_disk(void **state)
{
	static const rlim_t limits[] = { 260 << 10, 280 << 10, 300 << 10 };

	(void)state;
	for (size_t i = 0; i < sizeof limits / sizeof *limits; i++) {
		char *dir = testing_tempdir();

		set_size_limit(limits[i]);
		fill(dir);
		set_size_limit(RLIM_INFINITY);
		testing_rmtree(dir);
	}
}

/* A directory with a quota, or on a small disk of another kind, that somebody has made. */
static void a_full_directory_of_the_users_loses_nothing(void **state)
{
	const char *dir = getenv("STOA_FULL_DIR");

	(void)state;
	if (!dir) {
		printf("skipped: STOA_FULL_DIR names no directory with a quota\n");
		skip();
	}
	fill(dir);
}

static void write_ballast(const char *path, size_t bytes)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	for (size_t i = 0; i < bytes; i++)
		fputc('b', f);
	assert_int_equal(fclose(f), 0);
}

/* Commits until there is no room for the log; then somebody makes room, and the work goes on. */
static void fill_and_go_on(struct run *r, const char *ballast, bool checkpoints)
{
	struct stoa_error err;
	int rc = STOA_OK;
	stoa_db *db;

	must(stoa_open(r->path, NULL, &db, &err), &err);
	must(medley_create(db, &err), &err);
	while (rc == STOA_OK && r->possible < MEDLEY_MAX / 2) {
		if (checkpoints && r->possible % 5 == 0)
			(void)!stoa_checkpoint(db, &err);
		rc = medley_commit(db, r->possible + 1, STOA_FULL, r->csv, &err);
		r->possible += rc == STOA_OK;
	}
	assert_int_equal(rc, STOA_EFULL);
	assert_int_equal(medley_commit(db, r->possible + 1, STOA_FULL, r->csv, &err), STOA_EFULL);
	assert_int_equal(unlink(ballast), 0);
	for (int i = 0; i < 5; i++)
		must(medley_commit(db, ++r->possible, STOA_FULL, r->csv, &err), &err);
	must(stoa_checkpoint(db, &err), &err);
	must(stoa_close(db, &err), &err);
	must(stoa_check(r->path, print_finding, (void *)(uintptr_t)"after room was made", &err), &err);
}

static void work_goes_on_when_there_is_room_again(void **state)
{
	char *dir = testing_tempdir();

	(void)state;
	for (int checkpoints = 0; checkpoints < 2; checkpoints++) {
		struct run r = { .dir = dir };
		char ballast[256];

		if (mount("none", dir, "tmpfs", 0, "size=1500k") < 0) {
			printf("skipped: a tmpfs may not be mounted here (%s)\n", strerror(errno));
			testing_rmtree(dir);
			skip();
		}
		snprintf(r.path, sizeof r.path, "%s/a.stoa", dir);
		snprintf(r.csv, sizeof r.csv, "/tmp/stoa-full-%ld.csv", (long)getpid());
		snprintf(ballast, sizeof ballast, "%s/ballast", dir);
		write_ballast(ballast, 1100 << 10);
		fill_and_go_on(&r, ballast, checkpoints);
		unlink(r.csv);
		assert_int_equal(umount(dir), 0);
	}
	testing_rmtree(dir);
}

/* ---- new files ---- */

/* Of what @path is: a directory, and files in it and below. */
static void assert_modes(const char *path, mode_t mask)
{
	struct tree *tree = tree_read(path);
	struct stat st;

	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0777 & ~mask);
	if (stat(testing_path(path, "segments"), &st) == 0)
		assert_int_equal(st.st_mode & 0777, 0777 & ~mask);
	assert_true(tree->n > 2);
	for (size_t i = 0; i < tree->n; i++) {
		assert_int_equal(stat(testing_path(path, tree->files[i].name), &st), 0);
		assert_int_equal(st.st_mode & 0777, 0666 & ~mask);
	}
	tree_free(tree);
}

/* A query's temporary file: open, and without a name that anybody could open it by. */
static void assert_spill(stoa_db *db, mode_t mask)
{
	static const char sql[] = "SELECT n, 'a text of some bytes to sort by ' || n AS s "
				  "FROM generate_series(1, 300000) g(n) ORDER BY s";
	const struct stoa_value *row;
	struct stoa_error err;
	char path[40], name[512];
	int n_found = 0;
	stoa_cursor *cur;
	stoa_txn *txn;
	struct stat st;

	must(stoa_begin(db, STOA_READ, &txn, &err), &err);
	must(stoa_query(txn, sql, &cur, &err), &err);
	assert_int_equal(stoa_next(cur, &row, &err), STOA_ROW);
	for (int fd = 0; fd < 256; fd++) {
		snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
		ssize_t len = readlink(path, name, sizeof name - 1);

		name[len < 0 ? 0 : len] = '\0';
		if (!strstr(name, "/" STOA__SPILL_PREFIX) || fstat(fd, &st) < 0)
			continue;
		assert_int_equal(st.st_nlink, 0);
		assert_int_equal(st.st_mode & 0777, 0666 & ~mask);
		n_found++;
	}
	assert_int_equal(n_found, 1);
	stoa_cursor_close(cur);
	stoa_abort(txn);
}

static void new_directories_and_files_have_the_users_mask(void **state)
{
	static const mode_t masks[] = { 077, 022, 027 };

	(void)state;
	for (size_t i = 0; i < sizeof masks / sizeof *masks; i++) {
		struct stoa_options options = STOA_OPTIONS_INIT;
		char *dir = testing_tempdir(), path[256], to[256], saved[256];
		mode_t old = umask(masks[i]);
		struct stoa_error err;
		stoa_db *db;

		snprintf(path, sizeof path, "%s/a.stoa", dir);
		snprintf(to, sizeof to, "%s/b.stoa", dir);
		snprintf(saved, sizeof saved, "%s/c.stoa", dir);
		options.memory_limit = 4 << 20;
		must(stoa_open(path, &options, &db, &err), &err);
		must(medley_create(db, &err), &err);
		must(medley_commit(db, 1, STOA_FULL, NULL, &err), &err);
		must(stoa_checkpoint(db, &err), &err);
		must(medley_commit(db, 2, STOA_FULL, NULL, &err), &err);
		must(stoa_backup(db, to, NULL, NULL, &err), &err);
		assert_spill(db, masks[i]);
		assert_modes(path, masks[i]);
		assert_modes(to, masks[i]);
		must(stoa_close(db, &err), &err);
		must(stoa_recover(path, saved, NULL, NULL, NULL, &err), &err);
		assert_modes(saved, masks[i]);
		umask(old);
		testing_rmtree(dir);
	}
}

static void make_small(const char *path, struct run *r)
{
	struct stoa_error err;
	stoa_db *db;

	snprintf(r->path, sizeof r->path, "%s", path);
	snprintf(r->csv, sizeof r->csv, "%s.csv", path);
	must(stoa_open(path, NULL, &db, &err), &err);
	must(medley_create(db, &err), &err);
	for (uint64_t n = 1; n <= 12; n++)
		must(medley_commit(db, n, STOA_FULL, r->csv, &err), &err);
	must(stoa_close(db, &err), &err);
}

/* Work on a database, as far as it goes; what it says is looked at elsewhere. */
static void try_to_work(struct run *r, uint64_t n)
{
	struct stoa_error err;
	stoa_db *db;

	(void)!stoa_check(r->path, NULL, NULL, &err);
	if (stoa_open(r->path, NULL, &db, &err) < 0)
		return;
	for (uint64_t end = n + 24; n < end; n++) {
		(void)!medley_commit(db, n, STOA_FULL, r->csv, &err);
		if (n % 5 == 0)
			(void)!stoa_checkpoint(db, &err);
		if (n % 11 == 0)
			(void)!stoa_gc_collect(db, 2, NULL, &err);
	}
	(void)stoa_close(db, &err);
}

static void assert_holds(const char *path, const char *text)
{
	char found[64] = "";
	FILE *f = fopen(path, "r");

	assert_non_null(f);
	assert_non_null(fgets(found, sizeof found, f));
	fclose(f);
	assert_string_equal(found, text);
}

/* Links under the names that a database comes to use next, to a file of the user's. */
static void plant(const char *path, const char *victim)
{
	char name[64];

	for (uint64_t n = 0; n < 100; n++) {
		stoa__log_name(n, "new", name);
		(void)!symlink(victim, testing_path(path, name));
		stoa__log_name(n, "log", name);
		(void)!symlink(victim, testing_path(path, name));
		stoa__segment_name(n, name);
		(void)!symlink(victim, testing_path(path, name));
	}
	(void)!symlink(victim, testing_path(path, "catalog.new"));
}

static void a_database_leads_nobody_to_another_file(void **state)
{
	char *dir = testing_tempdir();
	char *victim = strdup(testing_path(dir, "victim"));
	char *path = strdup(testing_path(dir, "a.stoa"));
	struct run r = { 0 };
	struct stoa_error err;
	struct tree *tree;
	FILE *f = fopen(victim, "w");

	(void)state;
	assert_non_null(f);
	fputs("mine", f);
	fclose(f);
	make_small(path, &r);
	tree = tree_read(path);
	for (size_t i = 0; i < tree->n; i++) {
		const char *name = testing_path(path, tree->files[i].name);

		assert_int_equal(unlink(name), 0);
		assert_int_equal(symlink(victim, name), 0);
		if (strcmp(tree->files[i].name, "consumers") != 0) /* nothing in it lasts */
			assert_int_equal(stoa_check(path, NULL, NULL, &err), STOA_ECORRUPT);
		try_to_work(&r, 13);
		assert_holds(victim, "mine");
		testing_rmtree(strdup(path));
		assert_int_equal(mkdir(path, 0777), 0);
		tree_write(tree, path);
	}
	plant(path, victim);
	try_to_work(&r, 13);
	assert_holds(victim, "mine");
	tree_free(tree);
	free(victim);
	free(path);
	testing_rmtree(dir);
}

/* Who may only read can read, check and save. */
static void what_may_not_be_written_is_checked_and_read(void **state)
{
	char *dir = testing_tempdir();
	char *path = strdup(testing_path(dir, "a.stoa")), *to = strdup(testing_path(dir, "b.stoa"));
	struct run r = { 0 };
	struct stoa_error err;
	char command[600];
	int status;
	pid_t pid;

	(void)state;
	make_small(path, &r);
	snprintf(command, sizeof command, "chmod 777 '%s' && chmod -R a+rX,a-w '%s'", dir, path);
	assert_int_equal(system(command), 0);
	fflush(NULL);
	pid = fork();
	assert_true(pid >= 0);
	if (!pid) {
		stoa_db *db;

		/* Root may do anything. */
		if (geteuid() == 0 && setuid(65534) < 0)
			_exit(2);
		if (stoa_check(path, NULL, NULL, &err) < 0 ||
		    stoa_open(path, &(struct stoa_options){ .size = sizeof(struct stoa_options),
							    .flags = STOA_OPEN_READ_ONLY },
			      &db, &err) < 0 ||
		    stoa_close(db, &err) < 0 || stoa_recover(path, to, NULL, NULL, NULL, &err) < 0) {
			fprintf(stderr, "%s\n", err.text);
			_exit(1);
		}
		_exit(stoa_open(path, NULL, &db, &err) < 0 && *err.text ? 0 : 3);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	snprintf(command, sizeof command, "chmod -R u+w '%s'", path);
	assert_int_equal(system(command), 0);
	free(path);
	free(to);
	testing_rmtree(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_call_may_fail),
		cmocka_unit_test(a_failed_sync_makes_the_database_read_only),
		cmocka_unit_test(a_full_disk_loses_nothing),
		cmocka_unit_test(a_limit_on_the_size_of_files_is_a_full_disk),
		cmocka_unit_test(a_full_directory_of_the_users_loses_nothing),
		cmocka_unit_test(work_goes_on_when_there_is_room_again),
		cmocka_unit_test(new_directories_and_files_have_the_users_mask),
		cmocka_unit_test(a_database_leads_nobody_to_another_file),
		cmocka_unit_test(what_may_not_be_written_is_checked_and_read),
	};

	testing_in_memory();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
