/* SPDX-License-Identifier: MIT */
/*
 * backup.c - a database copied beside its writer, and brought up to date later
 *
 * A backup sees what a reading process sees: under the catalog's lock it reads the catalog, opens
 * every segment file that this names, and copies catalog and log, which are small; then the lock is
 * given back, and the segment files, which are large and never change, are copied in peace. What
 * the writer unlinks meanwhile lives as long as it is open here, and stays whole, as the lock says
 * that there is a reader. Nothing of the database in memory
 * takes part, so a backup can as well be made by a process that only reads.
 *
 *     PATH.partial     made, or left by an attempt that did not get to its end
 *       segments/N.seg   there already? in PATH? else copied
 *       catalog, log     copied
 *     then the two exchange names, and the older one, now PATH.partial, is removed
 *
 * (1) Whatever has the name PATH is a whole backup: the exchange is one rename.
 * (2) A segment file is known by number, length and root, as it is to the catalog. One that is
 *     there under a number and is not that file (a copy that was cut off, or of a history that went
 *     another way) is replaced.
 * (3) PATH's writer lock is held, so that it is no database that somebody works on, and
 *     PATH.partial's, so that two backups do not meet in it. All three locks are never waited for
 *     together: only the catalog's is waited for.
 *
 * Why not a checkpoint into another directory: it would have to number segment files for row groups
 * that are still in memory, and those numbers would mean other files in the database later.
 */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../storage/copy.h"
#include "core/alloc.h"
#include "db.h"

struct named_file {
	uint64_t number, len, root;
	struct stoa__segment *segment;	/* open where the files are to be copied from */
};

/* What a directory's catalog and log say. */
struct contents {
	uint8_t uuid[16];
	struct stoa__database_record database;
	struct named_file *files;	/* ascending */
	size_t n_files;
};

/* A directory with its writer's lock. */
struct place {
	struct stoa__dir dir;
	struct stoa__lock lock;
};

struct backup {
	struct stoa_backup_options options;
	struct stoa_backup_stat stat;
	const char *name;		/* the backup, as the caller names it */
	char path[PATH_MAX];
	char partial_path[PATH_MAX];
	const struct stoa__dir *from;
	struct stoa__lock from_lock;	/* for the catalog's byte */
	struct place partial, old;
	bool has_old;
	struct contents contents;
	struct stoa_error *err;
};

/* ---- places ---- */

static int place_lock(struct place *p, struct stoa_error *err)
{
	STOA_TRY(stoa__lock_open(&p->dir, true, &p->lock, err));
	return stoa__lock_writer(&p->lock, 0, err);
}

static void place_close(struct place *p, bool clean)
{
	if (p->lock.fd >= 0)
		stoa__lock_close(&p->lock, clean);
	if (p->dir.fd >= 0)
		stoa__dir_close(&p->dir);
}

static bool same_directory(const struct stoa__dir *a, const struct stoa__dir *b)
{
	struct stat x, y;

	return fstat(a->fd, &x) == 0 && fstat(b->fd, &y) == 0 && x.st_dev == y.st_dev &&
	       x.st_ino == y.st_ino;
}

/* ---- what a catalog names ---- */

static int add_file(struct contents *c, uint64_t number, struct stoa__reader *r,
		    struct stoa_error *err)
{
	struct named_file f = { .number = number }, *files;

	STOA_TRY(stoa__file_record_read(r, &f.len, &f.root, err));
	files = stoa__realloc_array(c->files, c->n_files + 1, sizeof *files);
	if (!files)
		return stoa__fail_memory(err);
	c->files = files;
	files[c->n_files++] = f;
	return STOA_OK;
}

static int take_record(void *ctx, const uint8_t *key, size_t len, const uint8_t *value,
		       size_t value_len, struct stoa_error *err)
{
	struct stoa__reader r = stoa__reader_of(value, value_len);

	if (len == 1 && key[0] == STOA__REC_DATABASE)
		return stoa__database_read(&r, &((struct contents *)ctx)->database, err);
	if (len == 9 && key[0] == STOA__REC_FILE)
		return add_file(ctx, stoa__key_number(key + 1, 8), &r, err);
	return STOA_OK;
}

/* The catalog's lock is held, or the writer's. */
static int contents_read(struct contents *c, const struct stoa__dir *dir, struct stoa_error *err)
{
	struct stoa__catalog_options options = { .read_only = true };
	struct stoa__catalog *cat;
	int rc;

	STOA_TRY(stoa__catalog_open(dir, &options, &cat, err));
	memcpy(c->uuid, stoa__catalog_uuid(cat), sizeof c->uuid);
	rc = stoa__catalog_load(cat, take_record, c, err);
	stoa__catalog_close(cat);
	return rc;
}

static void contents_release(struct contents *c)
{
	while (c->n_files)
		stoa__segment_unref(c->files[--c->n_files].segment);
	stoa__free(c->files);
	c->files = NULL;
}

static const struct named_file *find_file(const struct contents *c, uint64_t number)
{
	for (size_t i = 0; i < c->n_files; i++)
		if (c->files[i].number == number)
			return &c->files[i];
	return NULL;
}

/* ---- the older backup ---- */

/* Is the older backup an older state of this database? */
static int check_old(struct backup *b, struct stoa_error *err)
{
	struct contents old = { 0 };
	int rc = contents_read(&old, &b->old.dir, err);

	if (rc == STOA_OK && memcmp(old.uuid, b->contents.uuid, sizeof old.uuid) != 0)
		rc = stoa__fail(err, STOA_EEXIST,
				"%s: there is another database, not a backup of this one: choose "
				"another name", b->name);
	else if (rc == STOA_OK && old.database.commit > b->stat.commit)
		rc = stoa__fail(err, STOA_EEXIST,
				"%s: it is at commit %llu, the database at %llu: it is not an older "
				"state of it; choose another name", b->name,
				(unsigned long long)old.database.commit,
				(unsigned long long)b->stat.commit);
	contents_release(&old);
	return rc;
}

/* Would the backup lie in the database's own directory, or below it? */
static bool is_inside(const struct backup *b)
{
	char above[PATH_MAX], path[PATH_MAX];
	struct stat database, at;
	char *slash;

	snprintf(path, sizeof path, "%s", b->path);
	slash = strrchr(path, '/');
	if (slash)
		slash[slash == path] = '\0';
	/* Where that fails, making it says why. */
	if (!realpath(slash ? path : ".", above) || fstat(b->from->fd, &database) < 0)
		return false;
	while (*above) {
		if (stat(above, &at) == 0 && at.st_dev == database.st_dev &&
		    at.st_ino == database.st_ino)
			return true;
		*strrchr(above, '/') = '\0';
	}
	return false;
}

/* Opens what has the name of the backup, if anything has. */
static int find_old(struct backup *b)
{
	struct stat st;
	int rc;

	if (is_inside(b))
		return stoa__fail(b->err, STOA_EINVAL,
				  "%s: it would lie within the database: choose another directory",
				  b->name);
	if (lstat(b->path, &st) < 0 && errno == ENOENT)
		return STOA_OK;
	if (rmdir(b->path) == 0)
		return STOA_OK;	/* it was an empty directory */
	rc = stoa__dir_open(b->path, &b->old.dir, b->err);
	if (rc < 0)
		return rc;
	if (same_directory(b->from, &b->old.dir))
		return stoa__fail(b->err, STOA_EINVAL, "%s: this is the database itself", b->name);
	if (stoa__file_size(&b->old.dir, "catalog.mdb", &(uint64_t){ 0 }, NULL) < 0)
		return stoa__fail(b->err, STOA_EEXIST,
				  "%s: this is not a backup of a database: choose another name",
				  b->name);
	b->has_old = true;
	return place_lock(&b->old, b->err);
}

/* ---- making it ---- */

static int open_partial(struct backup *b)
{
	int rc = stoa__dir_create(b->partial_path, b->err);

	if (rc < 0 && rc != STOA_EEXIST)
		return rc;
	STOA_TRY(stoa__dir_open(b->partial_path, &b->partial.dir, b->err));
	STOA_TRY(place_lock(&b->partial, b->err));
	STOA_TRY(stoa__dir_check_filesystem(&b->partial.dir, b->err));
	STOA_TRY(stoa__dir_make(&b->partial.dir, "log", b->err));
	return stoa__dir_make(&b->partial.dir, "segments", b->err);
}

/*
 * Reads the catalog and opens all that it names; copies what changes. The catalog's lock is held.
 */
static int take_snapshot(struct backup *b)
{
	struct contents *c = &b->contents;

	STOA_TRY(contents_read(c, b->from, b->err));
	for (size_t i = 0; i < c->n_files; i++) {
		struct named_file *f = &c->files[i];

		STOA_TRY(stoa__segment_open(b->from, f->number, c->uuid, f->len, f->root,
					    &f->segment, b->err));
		b->stat.bytes += f->len;
	}
	b->stat.n_files = c->n_files;
	STOA_TRY(stoa__catalog_copy(b->from, &b->partial.dir, b->err));
	return stoa__log_copy(b->from, c->database.log, &b->partial.dir, &b->stat.commit,
			      b->err);
}

static int snapshot(struct backup *b)
{
	int rc;

	STOA_TRY(stoa__lock_catalog(&b->from_lock, false, b->err));
	rc = take_snapshot(b);
	stoa__unlock_catalog(&b->from_lock);
	return rc;
}

/*
 * Does @dir have this very file? To verify is to look at all of it, so that one that went bad is
 * copied anew.
 */
static bool has_file(const struct backup *b, const struct stoa__dir *dir, const struct named_file *f)
{
	struct stoa__segment *s;

	bool has;

	if (stoa__segment_open(dir, f->number, b->contents.uuid, f->len, f->root, &s, NULL) < 0)
		return false;
	has = !(b->options.flags & STOA_BACKUP_VERIFY) ||
	      stoa__segment_check(s, NULL, NULL, NULL, NULL) == STOA_OK;
	stoa__segment_unref(s);
	return has;
}

/* Shares the older backup's file, if it has it and the file system can. */
static bool take_from_old(struct backup *b, const struct named_file *f)
{
	char name[32];

	if (!b->has_old || !has_file(b, &b->old.dir, f))
		return false;
	stoa__segment_name(f->number, name);
	return stoa__file_unlink(&b->partial.dir, name, NULL) == STOA_OK &&
	       stoa__file_link(&b->old.dir, &b->partial.dir, name, NULL) == STOA_OK;
}

static int bring_file(struct backup *b, const struct named_file *f)
{
	if (has_file(b, &b->partial.dir, f) || take_from_old(b, f))
		return STOA_OK;
	STOA_TRY(stoa__segment_copy(f->segment, &b->partial.dir, b->err));
	b->stat.n_copied++;
	b->stat.bytes_copied += f->len;
	return STOA_OK;
}

static int bring_files(struct backup *b)
{
	for (size_t i = 0; i < b->contents.n_files; i++) {
		struct named_file *f = &b->contents.files[i];

		STOA_TRY(bring_file(b, f));
		stoa__segment_unref(f->segment);	/* its map need not stay */
		f->segment = NULL;
		if (b->options.progress && b->options.progress(b->options.ctx, &b->stat))
			return stoa__fail(b->err, STOA_ECANCELED, "the backup was canceled");
	}
	return STOA_OK;
}

/* Removes a segment file that the catalog does not name: an attempt at an older state left it. */
static int sweep_segment(void *ctx, const char *name)
{
	struct backup *b = ctx;
	char path[NAME_MAX + 16], *end;
	unsigned long long number = strtoull(name, &end, 10);

	if (end == name || strcmp(end, ".seg") != 0 || find_file(&b->contents, number))
		return 0;
	snprintf(path, sizeof path, "segments/%s", name);
	return stoa__file_unlink(&b->partial.dir, path, b->err);
}

static int settle(struct backup *b)
{
	STOA_TRY(stoa__dir_list(&b->partial.dir, "segments", sweep_segment, b, b->err));
	STOA_TRY(stoa__dir_sync(&b->partial.dir, "segments", b->err));
	STOA_TRY(stoa__dir_sync(&b->partial.dir, "log", b->err));
	return stoa__dir_sync(&b->partial.dir, NULL, b->err);
}

/* ---- taking the older one's place ---- */

static int put_in_place(struct backup *b)
{
	if (!b->has_old)
		return stoa__dir_rename(b->partial_path, b->path, b->err);
	STOA_TRY(stoa__dir_exchange(b->partial_path, b->path, b->err));
	stoa__database_remove(b->partial_path);
	return STOA_OK;
}

static int make(struct backup *b)
{
	struct stoa_error why = { 0 };

	STOA_TRY(stoa__lock_open(b->from, false, &b->from_lock, b->err));
	STOA_TRY(stoa__lock_as_reader(&b->from_lock, b->err));
	STOA_TRY(find_old(b));
	STOA_TRY(open_partial(b));
	STOA_TRY(snapshot(b));
	if (b->has_old)
		STOA_TRY(check_old(b, b->err));
	STOA_TRY(bring_files(b));
	STOA_TRY(settle(b));
	if (b->options.flags & STOA_BACKUP_VERIFY &&
	    stoa__check(b->partial_path, true, NULL, NULL, &why) < 0)
		return stoa__fail(b->err, why.code, "the backup is not what was written: %.400s",
				  why.text);
	return put_in_place(b);
}

static int take_path(struct backup *b, const char *path)
{
	size_t len = strlen(path);

	while (len > 1 && path[len - 1] == '/')
		len--;
	if (len + 32 > PATH_MAX)
		return stoa__fail(b->err, STOA_EINVAL, "the path is longer than %d bytes",
				  PATH_MAX - 32);
	b->name = path;
	/* What a symbolic link means is replaced, not the link. */
	if (!realpath(path, b->path))
		snprintf(b->path, sizeof b->path, "%.*s", (int)len, path);
	if (snprintf(b->partial_path, sizeof b->partial_path, "%s.partial", b->path) >= PATH_MAX)
		return stoa__fail(b->err, STOA_EINVAL, "the path is too long");
	return STOA_OK;
}

static int take_options(const struct stoa_backup_options *in, struct stoa_backup_options *out,
			struct stoa_error *err)
{
	*out = (struct stoa_backup_options)STOA_BACKUP_OPTIONS_INIT;
	if (!in)
		return STOA_OK;
	if (in->size < sizeof(size_t) || in->size > 4096)
		return stoa__fail(err, STOA_EINVAL,
				  "the options' size is %zu: start from STOA_BACKUP_OPTIONS_INIT",
				  in->size);
	memcpy(out, in, in->size < sizeof *out ? in->size : sizeof *out);
	if (out->flags & ~STOA_BACKUP_VERIFY)
		return stoa__fail(err, STOA_EINVAL, "unknown flags 0x%x", out->flags);
	return STOA_OK;
}

/* Lazy commits are to be in it, too. A database that failed is backed up as it is on the disk. */
static int flush(struct stoa_db *db, struct stoa_error *err)
{
	int rc;

	if (db->read_only || atomic_load(&db->failed))
		return STOA_OK;
	rc = stoa__log_flush(db->log, UINT64_MAX, true, err);
	if (rc < 0)
		atomic_store(&db->failed, true);
	return rc;
}

int stoa_backup(stoa_db *db, const char *path, const struct stoa_backup_options *options,
		struct stoa_backup_stat *out, struct stoa_error *err)
{
	struct backup *b;
	int rc;

	STOA_TRY(stoa__db_enter(db, err));
	if (!path || !*path)
		return stoa__fail(err, STOA_EINVAL, "the backup needs a directory to be made in");
	if (out && (out->size < sizeof(size_t) || out->size > 4096))
		return stoa__fail(err, STOA_EINVAL,
				  "the size is wrong: start from STOA_BACKUP_STAT_INIT");
	if (!db->path)
		return stoa__fail(err, STOA_EUNSUPPORTED,
				  "a database in memory has no files to be backed up");
	b = stoa__calloc(1, sizeof *b);
	if (!b)
		return stoa__fail_memory(err);
	b->err = err;
	b->from = &db->dir;
	b->stat.size = sizeof b->stat;
	b->from_lock.fd = b->partial.dir.fd = b->partial.lock.fd = b->old.dir.fd = b->old.lock.fd = -1;
	rc = take_options(options, &b->options, err);
	if (rc == STOA_OK)
		rc = take_path(b, path);
	if (rc == STOA_OK)
		rc = flush(db, err);
	if (rc == STOA_OK)
		rc = make(b);
	if (rc == STOA_OK && out) {
		size_t size = out->size < sizeof b->stat ? out->size : sizeof b->stat;

		b->stat.size = out->size;
		memcpy(out, &b->stat, size);
	}
	contents_release(&b->contents);
	place_close(&b->partial, rc == STOA_OK);
	place_close(&b->old, !b->old.lock.crashed);
	if (b->from_lock.fd >= 0)
		stoa__lock_close(&b->from_lock, false);
	stoa__free(b);
	return rc;
}
