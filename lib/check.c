/* SPDX-License-Identifier: MIT */
/*
 * check.c - is every byte of a database what was stored?
 *
 * From the bottom up: the catalog's file, byte by byte; then the catalog's records, by loading
 * them; the log; each segment file; each chunk in it against its group and slot; counts of
 * references against the references. What cannot be trusted is reported and not looked into
 * further.
 */
#include <string.h>

#include "check_refs.h"
#include "core/alloc.h"
#include "core/type.h"
#include "db.h"

struct checked {
	const struct stoa__segment *segment;
	bool bad;		/* something was found in it */
};

struct check {
	stoa_check_report *report;
	void *ctx;
	uint64_t n_found;
	bool torn_ok;		/* the last writer did not close: what it was writing may be half there */
	struct stoa_db *db;
	const struct stoa__table *table;
	struct checked *segments;
	size_t n_segments;
	struct stoa_error *err;
};

static void found(void *ctx, const char *file, uint64_t offset, const char *what)
{
	struct check *c = ctx;

	c->n_found++;
	if (c->report)
		c->report(c->ctx, file, offset, what);
}

/* Turns damage that a call met into a finding; other errors are passed on. */
static int note(struct check *c, int rc, const char *file, const struct stoa_error *why)
{
	if (rc >= 0)
		return STOA_OK;
	if (rc != STOA_ECORRUPT) {
		if (c->err)
			*c->err = *why;
		return rc;
	}
	found(c, file, why->offset, why->text);
	return STOA_OK;
}

static int check_image(void *ctx, const uint8_t *image, size_t len, const char **why)
{
	struct stoa__rowids rowids;
	struct stoa__chunk chunk;

	(void)ctx;
	if (stoa__rowids_is(image, len)) {
		if (stoa__rowids_open(image, len, &rowids, why) < 0)
			return STOA_ECORRUPT;
		return stoa__rowids_check(&rowids, why);
	}
	if (stoa__chunk_open(image, len, &chunk, why) < 0)
		return STOA_ECORRUPT;
	return stoa__chunk_check(&chunk, why);
}

/* Whether the segment was checked, and what was found; NULL: not yet. */
static const struct checked *checked_of(const struct check *c, const struct stoa__segment *s)
{
	for (size_t i = 0; i < c->n_segments; i++)
		if (c->segments[i].segment == s)
			return &c->segments[i];
	return NULL;
}

/* @is_run: it has no columns, but hints of a set index. */
static int check_segment(struct check *c, struct stoa__segment *s, bool is_run)
{
	struct stoa_error why = { 0 };
	uint64_t before = c->n_found;
	struct checked *segments;
	char name[32];
	int rc;

	if (checked_of(c, s))
		return STOA_OK;
	segments = stoa__realloc_array(c->segments, c->n_segments + 1, sizeof *segments);
	if (!segments)
		return stoa__fail_memory(c->err);
	c->segments = segments;
	stoa__segment_name(stoa__segment_file(s), name);
	rc = stoa__segment_check(s, is_run ? NULL : check_image, found, c, &why);
	rc = rc == STOA_ECORRUPT && c->n_found > before ? STOA_OK : note(c, rc, name, &why);
	segments[c->n_segments++] = (struct checked){ s, c->n_found > before };
	return rc;
}

int stoa__group_verify(const struct stoa__group *g, const struct stoa__schema *schema,
		       struct stoa_error *err)
{
	uint64_t rowid;

	STOA_TRY(stoa__base_rowids(g->base, 0, 1, &rowid, err));
	for (uint32_t i = 0; i < schema->n_slots; i++) {
		const struct stoa__slot *slot = &schema->slots[i];
		const struct stoa__chunk *chunk;

		STOA_TRY(stoa__base_column(g->base, slot->id, slot->def.type, &chunk, err));
	}
	return STOA_OK;
}

/* Do the columns of a group fit its table? */
static int check_group(void *ctx, uint64_t first, void *value)
{
	struct check *c = ctx;
	const struct stoa__group *g = value;
	struct stoa_error why = { 0 };
	char name[32] = "memory";

	(void)first;
	if (g->base->segment) {
		STOA_TRY(check_segment(c, g->base->segment, false));
		stoa__segment_name(stoa__segment_file(g->base->segment), name);
		if (checked_of(c, g->base->segment)->bad)
			return STOA_OK;	/* it would be found again */
	}
	return note(c, stoa__group_verify(g, c->table->schema, &why), name, &why);
}

static int check_run(void *ctx, const struct stoa__segment *s, uint64_t born)
{
	(void)born;
	return check_segment(ctx, (struct stoa__segment *)(uintptr_t)s, true);
}

static int check_table(void *ctx, uint64_t id, void *value)
{
	struct check *c = ctx;
	struct stoa_error why = { 0 };
	uint64_t before = c->n_found;

	(void)id;
	c->table = value;
	STOA_TRY(stoa__tree_walk(c->table->groups, 0, check_group, c));
	STOA_TRY(stoa__set_runs_files(c->table, &(struct stoa__set_run_plans){ 0 }, check_run, c));
	/* What was found above would be found again. */
	for (uint32_t i = 0; c->n_found == before && i < c->table->schema->n_indexes; i++)
		if (c->table->schema->indexes[i].kind == STOA_INDEX_SET)
			STOA_TRY(note(c, stoa__set_check(c->table, i, &why), "segments", &why));
	return STOA_OK;
}

static void found_count(void *ctx, const char *what)
{
	found(ctx, "catalog.mdb", 0, what);
}

static int check_open(struct check *c)
{
	struct stoa__version *v = stoa__history_snapshot(&c->db->history);
	struct stoa_error why = { 0 };
	uint64_t before;
	int rc = stoa__log_check(&c->db->dir, c->db->log_from, c->torn_ok, found, c, &why);

	if (rc == STOA_ECORRUPT && c->n_found)
		rc = STOA_OK;
	else
		rc = note(c, rc, "log", &why);
	before = c->n_found;
	if (rc == STOA_OK)
		rc = stoa__tree_walk(v->tables, 0, check_table, c);
	/* Of a row that cannot be read nobody knows what it refers to. */
	if (rc == STOA_OK && c->n_found == before)
		rc = note(c, stoa__refs_check(v, found_count, c, &why), "segments", &why);
	stoa__version_drop(v);
	return rc;
}

/* One that lost its catalog is still one, and damaged. Nothing is written into what is not. */
bool stoa__dir_is_database(const struct stoa__dir *dir)
{
	static const char *const names[] = { "catalog.mdb", "catalog.sum", "log", "segments" };
	uint64_t size;

	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (stoa__file_size(dir, names[i], &size, NULL) != STOA_ENOTFOUND)
			return true;
	return false;
}

/* The catalog's file as bytes, before anything in it is believed. */
static int check_catalog(struct check *c, const struct stoa__dir *dir)
{
	struct stoa_error why = { 0 };
	int rc = stoa__catalog_check(dir, c->torn_ok, found, c, &why);

	return rc == STOA_ECORRUPT && c->n_found ? STOA_OK : note(c, rc, "catalog.mdb", &why);
}

static int check_catalog_locked(struct check *c, const struct stoa__dir *dir)
{
	struct stoa__lock lock;
	uint64_t owner = 0;
	int rc;

	/* A clean close leaves the lock file empty. */
	c->torn_ok = stoa__file_size(dir, "lock", &owner, NULL) == STOA_OK && owner > 0;
	/*
	 * Writers are kept out by a reader's lock: nothing is written, and no permission to is
	 * needed.
	 */
	rc = stoa__lock_open(dir, false, &lock, c->err);
	if (rc == STOA_ENOTFOUND)
		rc = stoa__lock_open(dir, true, &lock, c->err);	/* it was lost */
	STOA_TRY(rc);
	rc = stoa__lock_keep_writers_out(&lock, c->err);
	if (rc == STOA_OK)
		rc = check_catalog(c, dir);
	stoa__lock_close(&lock, false);
	return rc;
}

static int check_files(struct check *c, const char *path, bool locked)
{
	struct stoa__dir dir;
	int rc;

	STOA_TRY(stoa__dir_open(path, &dir, c->err));
	if (!stoa__dir_is_database(&dir))
		rc = stoa__fail(c->err, STOA_ENOTFOUND, "%s: there is no database", path);
	else
		rc = locked ? check_catalog(c, &dir) : check_catalog_locked(c, &dir);
	stoa__dir_close(&dir);
	return rc;
}

int stoa_check(const char *path, stoa_check_report *report, void *ctx, struct stoa_error *err)
{
	return stoa__check(path, false, report, ctx, err);
}

int stoa__check(const char *path, bool locked, stoa_check_report *report, void *ctx,
		struct stoa_error *err)
{
	struct stoa_options options = STOA_OPTIONS_INIT;
	struct check c = { .report = report, .ctx = ctx, .err = err };
	struct stoa_error why = { 0 };
	int rc;

	if (!path || !*path)
		return stoa__fail(err, STOA_EINVAL, "a directory to check is needed");
	STOA_TRY(check_files(&c, path, locked));
	if (!c.n_found) {
		options.flags = STOA_OPEN_READ_ONLY;
		rc = stoa_open(path, &options, &c.db, &why);
		STOA_TRY(note(&c, rc, path, &why));
	}
	if (c.db) {
		rc = check_open(&c);
		stoa__free(c.segments);
		(void)stoa_close(c.db, NULL);
		STOA_TRY(rc);
	}
	if (!c.n_found)
		return STOA_OK;
	return stoa__fail(err, STOA_ECORRUPT, "%s: %llu %s wrong", path, (unsigned long long)c.n_found,
			  c.n_found == 1 ? "thing is" : "things are");
}
