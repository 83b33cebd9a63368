/* SPDX-License-Identifier: MIT */
/*
 * cut_test.c - the power goes between any two system calls, LMDB's included
 *
 * A run of mixed work (medley.h) is recorded call by call (syscalls.h): creates, writes,
 * truncations, syncs, renames and unlinks of every file, catalog.mdb among them. Then, for each
 * prefix of the record, directories are rebuilt that a machine may find when it comes back. Of what
 * was not synced by then
 *
 *     nothing is left; everything is; each write is there or not, for itself; or in part, by
 *     sectors of 512 bytes, or pages of 4096; and names are as they were or as they are, each for
 *     itself
 *
 * and each must open, and show one commit whole, none older than the newest that was acknowledged
 * as durable, which is compared by a hash of every row with what the run itself showed. Some are
 * checked byte by byte, opened for writing, and looked at again.
 *
 * Can it fail? With the fdatasync() of the log left out, or the fsync() of a segment file, it does
 * at once.
 */
#include "testing.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "medley.h"
#include "syscalls.h"
#include "tree.h"

#define FILES_MAX 512
#define ACKNOWLEDGED (UINT64_C(1) << 32)	/* in marks: beside the number of the commit; else it begins */

/* ---- the run ---- */

static uint64_t hashes[MEDLEY_MAX + 1];

/* The calls of @commits commits, and what was there before. */
static struct call_record *run(const char *path, uint64_t commits, struct tree **start, size_t *n)
{
	struct stoa_options options = STOA_OPTIONS_INIT;
	static const int durabilities[] = { STOA_FULL, STOA_FULL, STOA_LAZY, STOA_NONE };
	char csv[300];
	struct stoa_error err;
	stoa_db *db;
	uint64_t shown;

	snprintf(csv, sizeof csv, "%s.csv", path);
	options.lazy_ms = 600000;
	must(stoa_open(path, &options, &db, &err), &err);
	must(medley_create(db, &err), &err);
	must(stoa_checkpoint(db, &err), &err);
	must(stoa_close(db, &err), &err);
	*start = tree_read(path);
	syscalls_watch(path);
	syscalls_record();
	must(stoa_open(path, &options, &db, &err), &err);
	must(medley_look(db, &shown, &hashes[0], &err), &err);
	for (uint64_t i = 1; i <= commits; i++) {
		int durability = durabilities[i % 4];

		syscalls_mark(i);
		must(medley_commit(db, i, durability, csv, &err), &err);
		if (durability == STOA_FULL)
			syscalls_mark(i | ACKNOWLEDGED);
		must(medley_look(db, &shown, &hashes[i], &err), &err);
		assert_int_equal(shown, i);
		if (medley_after(i) == 1)
			must(stoa_checkpoint(db, &err), &err);
		if (medley_after(i) == 2)
			must(stoa_gc_collect(db, 2, NULL, &err), &err);
		if (medley_after(i) == 1)
			syscalls_mark(i | ACKNOWLEDGED);
	}
	must(stoa_close(db, &err), &err);
	syscalls_watch(NULL);
	return syscalls_record_end(n);
}

/* ---- the disk ---- */

struct bytes {
	uint8_t *p;
	size_t len, cap;
};

struct file {
	char name[48], synced_name[48];
	struct bytes synced;
	const struct call_record **pending;	/* writes and truncations since */
	size_t n_pending, cap_pending;
};

struct disk {
	struct file files[FILES_MAX];
	size_t n;
	uint64_t acknowledged, begun;
};

static void grow(struct bytes *b, size_t len)
{
	if (len > b->cap) {
		b->cap = len * 2;
		b->p = realloc(b->p, b->cap);
		assert_non_null(b->p);
	}
	if (len > b->len)
		memset(b->p + b->len, 0, len - b->len);
	b->len = len;
}

static struct file *find(struct disk *d, const char *name)
{
	for (size_t i = 0; i < d->n; i++)
		if (strcmp(d->files[i].name, name) == 0)
			return &d->files[i];
	return NULL;
}

static struct file *add(struct disk *d, const char *name)
{
	struct file *f = NULL;

	/* One that has no name any more, and lost the one it had, is nowhere. */
	for (size_t i = 0; i < d->n && !f; i++)
		if (!*d->files[i].name && !*d->files[i].synced_name)
			f = &d->files[i];
	if (!f) {
		assert_true(d->n < FILES_MAX);
		f = &d->files[d->n++];
	}
	f->synced.len = 0;
	f->n_pending = 0;
	snprintf(f->name, sizeof f->name, "%s", name);
	f->synced_name[0] = '\0';
	return f;
}

/* Sectors of @size bytes of a write are there or not; 0: all. */
static void apply(struct bytes *b, const struct call_record *c, size_t size, uint64_t *random)
{
	if (c->call == CALL_TRUNCATE) {
		grow(b, c->offset);
		return;
	}
	if (c->offset + c->len > b->len)
		grow(b, c->offset + c->len);
	for (size_t at = 0, n; at < c->len; at += n) {
		n = size ? size - (c->offset + at) % size : c->len;
		if (n > c->len - at)
			n = c->len - at;
		if (!size || testing_below(random, 2))
			memcpy(b->p + c->offset + at, c->p + at, n);
	}
}

static bool is_in(const char *name, const char *dir)
{
	const char *slash = strrchr(name, '/');
	size_t len = slash ? (size_t)(slash - name) : 0;

	return *name && strlen(dir) == len && strncmp(name, dir, len) == 0;
}

static void sync_names(struct disk *d, const char *dir)
{
	for (size_t i = 0; i < d->n; i++) {
		struct file *f = &d->files[i];

		if (is_in(f->name, dir) || (is_in(f->synced_name, dir) && !*f->name))
			memcpy(f->synced_name, f->name, sizeof f->name);
	}
}

static void hold(struct file *f, const struct call_record *c)
{
	if (f->n_pending == f->cap_pending) {
		f->cap_pending = f->cap_pending ? f->cap_pending * 2 : 16;
		f->pending = realloc(f->pending, f->cap_pending * sizeof *f->pending);
		assert_non_null(f->pending);
	}
	f->pending[f->n_pending++] = c;
}

static void sync_file(struct file *f)
{
	for (size_t i = 0; i < f->n_pending; i++)
		apply(&f->synced, f->pending[i], 0, NULL);
	f->n_pending = 0;
}

static void rename_file(struct disk *d, const struct call_record *c)
{
	struct file *f = find(d, c->name), *old = find(d, c->to);

	if (old)
		old->name[0] = '\0';
	if (f)
		snprintf(f->name, sizeof f->name, "%s", c->to);
}

/* What call @c does to the disk. */
static void take(struct disk *d, const struct call_record *c)
{
	struct file *f = c->call == CALL_MARK ? NULL : find(d, c->name);

	switch (c->call) {
	case CALL_CREATE:
		add(d, c->name);
		break;
	case CALL_WRITE:
		/* A write that waits for the disk is there, and nothing else for it. */
		if (f && c->sync)
			apply(&f->synced, c, 0, NULL);
		else if (f)
			hold(f, c);
		break;
	case CALL_TRUNCATE:
		if (f)
			hold(f, c);
		break;
	case CALL_SYNC:
		if (f)
			sync_file(f);
		else
			sync_names(d, c->name);
		break;
	case CALL_UNLINK:
		if (f)
			f->name[0] = '\0';
		break;
	case CALL_RENAME:
		rename_file(d, c);
		break;
	case CALL_MKDIR:
		break;
	case CALL_MARK:
		if (c->offset & ACKNOWLEDGED)
			d->acknowledged = c->offset & ~ACKNOWLEDGED;
		else
			d->begun = c->offset;
		break;
	}
}

/* ---- what a cut leaves ---- */

enum kind { LOST, KEPT, REORDERED, TORN_512, TORN_4096, KINDS };
static const char *const kind_names[KINDS] = { "lost", "kept", "reordered", "torn at 512", "torn at 4096" };

static void remains(const struct file *f, enum kind kind, struct bytes *out, uint64_t *random)
{
	out->len = 0;
	grow(out, f->synced.len);
	if (f->synced.len)
		memcpy(out->p, f->synced.p, f->synced.len);
	for (size_t i = 0; i < f->n_pending && kind != LOST; i++) {
		if (kind != KEPT && !testing_below(random, 2))
			continue;
		apply(out, f->pending[i], kind == TORN_512 ? 512 : kind == TORN_4096 ? 4096 : 0, random);
	}
}

static void write_file(const char *path, const char *name, const struct bytes *b)
{
	char full[512];
	int fd;

	snprintf(full, sizeof full, "%s/%s", path, name);
	fd = open(full, O_WRONLY | O_CREAT | O_TRUNC, 0666);
	assert_true(fd >= 0);
	assert_int_equal(pwrite(fd, b->p, b->len, 0), b->len);
	close(fd);
}

static void make_folders(const char *path)
{
	assert_true(mkdir(path, 0777) == 0 || errno == EEXIST);
	assert_true(mkdir(testing_path(path, "log"), 0777) == 0 || errno == EEXIST);
	assert_true(mkdir(testing_path(path, "segments"), 0777) == 0 || errno == EEXIST);
}

/* Removes the files of a folder. */
static void empty(const char *path)
{
	DIR *dir = opendir(path);
	struct dirent *entry;

	assert_non_null(dir);
	while ((entry = readdir(dir)))
		if (entry->d_type == DT_REG)
			assert_int_equal(unlinkat(dirfd(dir), entry->d_name, 0), 0);
	closedir(dir);
}

static void rebuild(const struct disk *d, enum kind kind, const char *path, struct bytes *scratch,
		    uint64_t *random)
{
	empty(path);
	empty(testing_path(path, "log"));
	empty(testing_path(path, "segments"));
	for (size_t i = 0; i < d->n; i++) {
		const struct file *f = &d->files[i];
		bool now = kind == KEPT || (kind != LOST && testing_below(random, 2));
		const char *name = now ? f->name : f->synced_name;

		if (!*name)
			continue;
		remains(f, kind, scratch, random);
		write_file(path, name, scratch);
	}
}

static void fail_at(const struct disk *d, size_t call, enum kind kind, const char *what)
{
	fail_msg("cut before call %zu, what was not synced %s: %s (commit %" PRIu64
		 " was acknowledged, %" PRIu64 " begun)",
		 call, kind_names[kind], what, d->acknowledged, d->begun);
}

static void look(const struct disk *d, size_t call, enum kind kind, const char *path, uint32_t flags)
{
	struct stoa_options options = STOA_OPTIONS_INIT;
	struct stoa_error err;
	uint64_t n = 0, hash = 0;
	stoa_db *db;

	options.flags = flags;
	options.n_threads = 1;
	if (stoa_open(path, &options, &db, &err) < 0 || medley_look(db, &n, &hash, &err) < 0)
		fail_at(d, call, kind, err.text);
	if (n < d->acknowledged || n > d->begun)
		fail_at(d, call, kind, "another commit is there");
	if (hash != hashes[n])
		fail_at(d, call, kind, "a commit is there in part");
	must(stoa_close(db, &err), &err);
}

static void look_hard(const struct disk *d, size_t call, enum kind kind, const char *path)
{
	struct stoa_error err;

	for (int i = 0; i < 2; i++) {
		if (stoa_check(path, NULL, NULL, &err) < 0)
			fail_at(d, call, kind, err.text);
		look(d, call, kind, path, 0);
	}
}

/* ---- the test ---- */

static struct disk *load_disk(const struct tree *tree)
{
	struct disk *d = calloc(1, sizeof *d);

	assert_non_null(d);
	for (size_t i = 0; i < tree->n; i++) {
		struct file *f = add(d, tree->files[i].name);

		memcpy(f->synced_name, f->name, sizeof f->name);
		grow(&f->synced, tree->files[i].len);
		if (tree->files[i].len)
			memcpy(f->synced.p, tree->files[i].bytes, tree->files[i].len);
	}
	return d;
}

static void free_disk(struct disk *d)
{
	for (size_t i = 0; i < FILES_MAX; i++) {
		free(d->files[i].synced.p);
		free(d->files[i].pending);
	}
	free(d);
}

static void a_cut_before_any_call_leaves_one_commit_whole(void **state)
{
	char *dir = testing_tempdir();
	char path[256], copy[256];
	uint64_t random = testing_seed(), n_states = 0, n_hard = 0, n_calls = 0;
	uint64_t commits = testing_long() ? MEDLEY_MAX : 50;
	/* States of each kind at each call; in a short run of one call in so many. */
	unsigned rounds = testing_long() ? 16 : 2, every = testing_long() ? 1 : 6;
	struct bytes scratch = { 0 };
	struct call_record *calls;
	struct tree *start;
	struct disk *d;
	size_t n;

	(void)state;
	snprintf(path, sizeof path, "%s/a.stoa", dir);
	snprintf(copy, sizeof copy, "%s/b.stoa", dir);
	make_folders(copy);
	calls = run(path, commits, &start, &n);
	d = load_disk(start);
	for (size_t i = 0; i <= n; i++) {
		if (i == n || calls[i].call != CALL_MARK) {
			for (unsigned k = 0; k < rounds * KINDS; k++) {
				enum kind kind = (enum kind)(k % KINDS);

				/* What is lost and what is kept is the same each time. */
				if ((k >= KINDS && kind <= KEPT) || testing_below(&random, every))
					continue;
				rebuild(d, kind, copy, &scratch, &random);
				look(d, i, kind, copy, STOA_OPEN_READ_ONLY);
				n_states++;
				if (testing_below(&random, 16) == 0) {
					look_hard(d, i, kind, copy);
					n_hard++;
				}
			}
			n_calls++;
		}
		if (i < n)
			take(d, &calls[i]);
	}
	printf("%" PRIu64 " commits, %" PRIu64 " calls, %" PRIu64 " states, %" PRIu64
	       " of them checked and written to: 0 losses\n", commits, n_calls, n_states, n_hard);
	free(scratch.p);
	free_disk(d);
	tree_free(start);
	syscalls_free(calls, n);
	testing_rmtree(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_cut_before_any_call_leaves_one_commit_whole),
	};

	testing_in_memory();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
