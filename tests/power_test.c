/* SPDX-License-Identifier: MIT */
/*
 * power_test.c - the power goes: what was not synced is there, or not, or in part
 *
 * A killed process leaves its writes with the kernel; a power cut does not. A child works on a
 * ledger while every file operation is noted in a model of the disk:
 *
 *     content   as of the last sync of the file, and as of now
 *     names     as of the last sync of the directory, and as of now
 *
 * At some operation the power goes: the child writes the directory that a machine may find when it
 * comes back. Of what was not synced nothing is left, or everything, or some sectors, each file and
 * name for itself. The parent opens that: it is sound, and shows some commit whole, none older than
 * those acknowledged as being on the disk. The next child goes on from there.
 *
 * LMDB syncs for itself and does not pass the seam: catalog.mdb is taken as it is; cut_test has the
 * cuts in LMDB. Nothing runs in the background, so that it is not read in the middle of a commit.
 *
 * Can it fail? It does within 60 cuts when any one of these syncs is left out: of a segment file,
 * of a log file, of the folder of either.
 */
#include "testing.h"

#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../storage/file.h"
#include "ledger.h"
#include "tree.h"

static const struct ledger ledger = { .bulk_every = 9, .schema_every = 5, .rows_max = 6 };

#define SECTOR 512
#define FILES_MAX 256
#define COMMITS_MAX 30 /* of one child */
#define OPS_MAX 260    /* of one child, about */

/* ---- the disk ---- */

struct content {
	uint8_t *p;
	size_t len;
};

struct file {
	char name[64], synced_name[64]; /* empty: none */
	struct content now, synced;
};

static struct {
	struct file files[FILES_MAX];
	size_t n;
	long ops_left;
	uint64_t random;
	const char *path;  /* of the database */
	const char *image; /* of what a power cut leaves */
} disk;

/* In memory shared with the parent. */
static struct shared {
	_Atomic uint64_t acknowledged;
	_Atomic uint64_t possible; /* the newest that was begun */
} * shared;

static void resize(struct content *c, size_t len)
{
	c->p = realloc(c->p, len + 1);
	if (!c->p)
		_exit(4);
	if (len > c->len)
		memset(c->p + c->len, 0, len - c->len);
	c->len = len;
}

static void copy(struct content *to, const struct content *from)
{
	resize(to, from->len);
	memcpy(to->p, from->p, from->len);
}

static struct file *find(const char *name)
{
	for (size_t i = 0; i < disk.n; i++)
		if (!strcmp(disk.files[i].name, name))
			return &disk.files[i];
	return NULL;
}

static struct file *add(const char *name)
{
	struct file *f = &disk.files[disk.n++];

	if (disk.n > FILES_MAX)
		_exit(5);
	memset(f, 0, sizeof *f);
	snprintf(f->name, sizeof f->name, "%s", name);
	resize(&f->now, 0);
	resize(&f->synced, 0);
	return f;
}

static void write_to(struct file *f, uint64_t offset, const void *p, size_t len)
{
	if (offset + len > f->now.len)
		resize(&f->now, offset + len);
	memcpy(f->now.p + offset, p, len);
}

static void rename_to(struct file *f, const char *name, size_t len)
{
	char to[64];
	struct file *old;

	snprintf(to, sizeof to, "%.*s", (int)len, name);
	old = find(to);
	if (old)
		*old->name = '\0';
	snprintf(f->name, sizeof f->name, "%s", to);
}

/* Is @name in folder @dir, "." being the database's own? */
static bool is_in(const char *name, const char *dir)
{
	const char *slash = strchr(name, '/');
	size_t len = strlen(dir);

	if (!strcmp(dir, "."))
		return *name && !slash;
	return slash && (size_t)(slash - name) == len && !strncmp(name, dir, len);
}

static void sync_names(const char *dir)
{
	for (size_t i = 0; i < disk.n; i++) {
		struct file *f = &disk.files[i];

		if (is_in(f->name, dir) || is_in(f->synced_name, dir))
			memcpy(f->synced_name, f->name, sizeof f->name);
	}
}

/* ---- the power goes ---- */

enum fate { LOST, KEPT, TORN };

/* What is left of @f's content. */
static struct content remains(const struct file *f, enum fate fate)
{
	struct content c = { NULL, 0 };
	size_t max = f->now.len > f->synced.len ? f->now.len : f->synced.len;

	copy(&c, fate == KEPT ? &f->now : &f->synced);
	if (fate != TORN)
		return c;
	if (f->now.len > c.len && testing_below(&disk.random, 2))
		resize(&c, f->now.len);
	for (size_t at = 0; at < max; at += SECTOR) {
		size_t end = at + SECTOR < f->now.len ? at + SECTOR : f->now.len;

		if (at < c.len && at < end && testing_below(&disk.random, 2))
			memcpy(c.p + at, f->now.p + at, (end < c.len ? end : c.len) - at);
	}
	return c;
}

static void copy_catalog(void)
{
	struct tree *tree = tree_read(disk.path);

	for (size_t i = 0; i < tree->n; i++)
		if (!strcmp(tree->files[i].name, "catalog.mdb"))
			tree_write_file(disk.image, tree->files[i].name, tree->files[i].bytes,
					tree->files[i].len);
	tree_free(tree);
}

static void lose_power(void)
{
	static const struct tree nothing;

	tree_write(&nothing, disk.image);
	copy_catalog();
	for (size_t i = 0; i < disk.n; i++) {
		struct file *f = &disk.files[i];
		bool renamed = testing_below(&disk.random, 2);
		const char *name = renamed ? f->name : f->synced_name;
		struct content c;

		if (!*name || !strcmp(name, "catalog.mdb"))
			continue;
		c = remains(f, (enum fate)testing_below(&disk.random, 3));
		tree_write_file(disk.image, name, c.p, c.len);
		free(c.p);
	}
	/*
	 * Nothing runs any more, not even what looks, at an exit, for threads that have ended and were
	 * not joined: the power may go while the main thread is about to.
	 */
	kill(getpid(), SIGKILL);
	for (;;)
		pause();
}

/* The collector and the checkpointer work on files of their own while the main thread commits. */
static pthread_mutex_t disk_mutex = PTHREAD_MUTEX_INITIALIZER;

static void note(void *ctx, enum stoa__file_op op, const char *name, uint64_t offset, const void *p,
		 size_t len)
{
	struct file *f;

	(void)ctx;
	pthread_mutex_lock(&disk_mutex);
	f = find(name);
	switch (op) {
	case STOA__FILE_CREATE:
		if (!f)
			add(name);
		break;
	case STOA__FILE_WRITE:
		write_to(f, offset, p, len);
		break;
	case STOA__FILE_SYNC:
		copy(&f->synced, &f->now);
		break;
	case STOA__FILE_TRUNCATE:
		resize(&f->now, offset);
		break;
	case STOA__FILE_UNLINK:
		if (f)
			*f->name = '\0';
		break;
	case STOA__FILE_RENAME:
		rename_to(f, p, len);
		break;
	case STOA__FILE_SYNC_DIR:
		sync_names(name);
		break;
	}
	if (disk.ops_left-- == 0)
		lose_power();
	pthread_mutex_unlock(&disk_mutex);
}

/* ---- the child ---- */

static void need(int rc, const struct stoa_error *err)
{
	if (rc >= 0)
		return;
	fprintf(stderr, "%s: %s\n", stoa_result_name(rc), err->text);
	_exit(1);
}

static void load_disk(void)
{
	struct tree *tree = tree_read(disk.path);

	for (size_t i = 0; i < tree->n; i++) {
		struct file *f = add(tree->files[i].name);

		memcpy(f->synced_name, f->name, sizeof f->name);
		write_to(f, 0, tree->files[i].bytes, tree->files[i].len);
		copy(&f->synced, &f->now);
	}
	tree_free(tree);
}

static void work(stoa_db *db, uint64_t random)
{
	static const int durabilities[] = { STOA_FULL, STOA_FULL, STOA_LAZY, STOA_NONE };
	struct stoa_error err;
	uint64_t n;

	need(ledger_verify_db(&ledger, db, &n, &err), &err);
	for (int i = 0; i < COMMITS_MAX; i++) {
		int durability = durabilities[testing_below(&random, 4)];

		shared->possible = ++n;
		need(ledger_commit(&ledger, db, n, durability, &err), &err);
		if (durability == STOA_FULL)
			shared->acknowledged = n;
		if (testing_below(&random, 6))
			continue;
		need(testing_below(&random, 2) ? stoa_checkpoint(db, &err) :
						 stoa_gc_collect(db, 2, NULL, &err),
		     &err);
		shared->acknowledged = n;
	}
}

static void child(const char *path, const char *image, uint64_t random)
{
	struct stoa_options options = STOA_OPTIONS_INIT;
	struct stoa_error err;
	stoa_db *db;

	disk.path = path;
	disk.image = image;
	disk.random = testing_random(&random);
	disk.ops_left = (long)testing_below(&random, OPS_MAX);
	load_disk();
	stoa__file_watch_with(note, NULL);
	options.lazy_ms = 600000;
	need(stoa_open(path, &options, &db, &err), &err);
	work(db, random);
	need(stoa_close(db, &err), &err);
	lose_power();
}

/* ---- the parent ---- */

static void print_finding(void *ctx, const char *file, uint64_t offset, const char *what)
{
	(void)ctx;
	printf("%s, offset %" PRIu64 ": %s\n", file, offset, what);
}

/* What the power left is sound and whole; the number of its newest commit. */
static uint64_t look(const char *path)
{
	struct stoa_options options = STOA_OPTIONS_INIT;
	struct stoa_error err;
	uint64_t n;
	stoa_db *db;

	must(stoa_check(path, print_finding, NULL, &err), &err);
	options.flags = STOA_OPEN_READ_ONLY;
	must(stoa_open(path, &options, &db, &err), &err);
	must(ledger_verify_db(&ledger, db, &n, &err), &err);
	must(stoa_close(db, &err), &err);
	return n;
}

static void make_ledger(const char *path)
{
	struct stoa_error err;
	stoa_db *db;

	must(stoa_open(path, NULL, &db, &err), &err);
	must(ledger_create(db, &err), &err);
	must(stoa_close(db, &err), &err);
}

/* Works on @path until the power goes, which leaves @image. */
static void run_child(const char *path, const char *image, uint64_t random)
{
	int status;
	pid_t pid;

	fflush(NULL);
	pid = fork();
	assert_true(pid >= 0);
	if (!pid)
		child(path, image, random);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGKILL)
		fail_msg("the child ended with status 0x%x", (unsigned)status);
}

static void a_power_cut_takes_nothing_that_was_acknowledged(void **state)
{
	char *dir = testing_tempdir();
	char *path = strdup(testing_path(dir, "a.stoa")),
	     *image = strdup(testing_path(dir, "b.stoa"));
	uint64_t random = testing_seed(), n = 0, n_commits = 0;
	int cuts = testing_long() ? 3000 : 60;

	(void)state;
	make_ledger(path);
	for (int i = 0; i < cuts; i++) {
		char *swap = path;

		shared->acknowledged = shared->possible = n;
		run_child(path, image, testing_random(&random));
		n_commits += shared->possible - n;
		n = look(image);
		if (n < shared->acknowledged || n > shared->possible)
			fail_msg("cut %d: commit %" PRIu64 " is there, %" PRIu64
				 " was acknowledged, %" PRIu64 " is possible",
				 i, n, shared->acknowledged, shared->possible);
		path = image;
		image = swap;
	}
	printf("%d cuts, %" PRIu64 " commits\n", cuts, n_commits);
	free(path);
	free(image);
	testing_rmtree(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_power_cut_takes_nothing_that_was_acknowledged),
	};

	shared = testing_shared(sizeof *shared);
	testing_in_memory();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
