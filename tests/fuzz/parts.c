/* SPDX-License-Identifier: MIT */
/* parts.c - see parts.h */
#include "parts.h"

#include <stdlib.h>
#include <string.h>

#include "../../lib/db.h"
#include "../../lib/record.h"
#include "fuzz.h"

static void must_read(int rc, const struct stoa_error *err)
{
	if (rc < 0)
		fuzz_die(err->text);
}

static struct part *add(struct parts *parts, const void *p, size_t len)
{
	struct part *out = &parts->part[parts->n++];

	if (parts->n > PARTS_MAX)
		fuzz_die("a database of too many parts");
	memset(out, 0, sizeof *out);
	out->p = malloc(len + 1);
	memcpy(out->p, p, len);
	out->len = len;
	return out;
}

/* ---- apart ---- */

static int read_record(void *ctx, const uint8_t *key, size_t key_len, const uint8_t *value,
		       size_t value_len, struct stoa_error *err)
{
	struct parts *parts = ctx;
	struct part *part = add(parts, value, value_len);

	part->kind = PART_RECORD;
	memcpy(part->key, key, key_len);
	part->key_len = key_len;
	if (key[0] != STOA__REC_DATABASE)
		return STOA_OK;
	struct stoa__reader r = stoa__reader_of(value, value_len);
	struct stoa__database_record record;
	STOA_TRY(stoa__database_read(&r, &record, err));
	parts->log = record.log;
	return STOA_OK;
}

static int read_payload(void *ctx, uint64_t seq, const uint8_t *payload, size_t len,
			struct stoa_error *err)
{
	struct part *part = add(ctx, payload, len);

	(void)err;
	part->kind = PART_LOG;
	part->seq = seq;
	return STOA_OK;
}

/* What a chunk's callback knows: the group it is of. */
struct group {
	struct parts *parts;
	struct stoa__segment *segment;
	uint32_t group, n_rows;
};

static void read_chunk(void *ctx, uint32_t slot, uint64_t len)
{
	const struct group *g = ctx;
	const uint8_t *image = NULL;
	struct stoa_error err;
	size_t n = 0;

	must_read(stoa__segment_chunk(g->segment, g->group, slot, &image, &n, &err), &err);
	struct part *part = add(g->parts, image, n);
	(void)len;
	part->kind = PART_CHUNK;
	part->file = stoa__segment_file(g->segment);
	part->group = g->group;
	part->n_rows = g->n_rows;
	part->slot = slot;
}

static void read_segment(struct parts *parts, const struct stoa__dir *dir, uint64_t file)
{
	struct group g = { .parts = parts };
	struct stoa_error err;
	uint32_t n_groups;

	must_read(stoa__segment_open_stray(dir, file, &g.segment, &err), &err);
	must_read(stoa__segment_n_groups(g.segment, &n_groups, &err), &err);
	for (; g.group < n_groups; g.group++) {
		must_read(stoa__segment_group_rows(g.segment, g.group, &g.n_rows, &err), &err);
		must_read(stoa__segment_each_chunk(g.segment, g.group, read_chunk, &g, &err), &err);
	}
	stoa__segment_unref(g.segment);
}

static bool is_file(const struct part *p, uint64_t *file)
{
	if (p->kind != PART_RECORD || p->key_len != 9 || p->key[0] != STOA__REC_FILE)
		return false;
	*file = stoa__key_number(p->key + 1, 8);
	return true;
}

struct parts *parts_read(const char *path)
{
	struct stoa__catalog_options options = { .read_only = true };
	struct parts *parts = calloc(1, sizeof *parts);
	struct stoa__catalog *catalog;
	struct stoa__log *log;
	struct stoa__dir dir;
	struct stoa_error err;
	uint64_t file;

	must_read(stoa__dir_open(path, &dir, &err), &err);
	must_read(stoa__catalog_open(&dir, &options, &catalog, &err), &err);
	memcpy(parts->uuid, stoa__catalog_uuid(catalog), sizeof parts->uuid);
	must_read(stoa__catalog_load(catalog, read_record, parts, &err), &err);
	stoa__catalog_close(catalog);
	for (size_t i = 0, n = parts->n; i < n; i++)
		if (is_file(&parts->part[i], &file))
			read_segment(parts, &dir, file);
	must_read(stoa__log_open(&dir, true, parts->log, read_payload, parts, &log, &err), &err);
	stoa__log_close(log, false);
	stoa__dir_close(&dir);
	parts->files = tree_read(path);
	return parts;
}

void parts_free(struct parts *parts)
{
	for (size_t i = 0; i < parts->n; i++)
		free(parts->part[i].p);
	tree_free(parts->files);
	free(parts);
}

/* ---- together ---- */

/* Where chunks of a file begin and end in the list. */
static size_t first_chunk(const struct parts *parts, uint64_t file)
{
	size_t i = 0;

	while (i < parts->n && (parts->part[i].kind != PART_CHUNK || parts->part[i].file != file))
		i++;
	return i;
}

static size_t end_of_chunks(const struct parts *parts, size_t i, bool *changed)
{
	uint64_t file = parts->part[i].file;

	for (*changed = false; i < parts->n && parts->part[i].kind == PART_CHUNK &&
			       parts->part[i].file == file;
	     i++)
		*changed |= parts->part[i].changed;
	return i;
}

static int write_chunks(struct stoa__segment_writer *w, const struct part *part, size_t n)
{
	int rc = STOA_OK;
	uint32_t group;

	for (size_t i = 0; i < n && rc == STOA_OK; i++) {
		if (!i || part[i].group != part[i - 1].group)
			rc = stoa__segment_add_group(w, part[i].n_rows, &group, NULL);
		if (rc == STOA_OK)
			rc = stoa__segment_add_chunk(w, part[i].slot, part[i].p, part[i].len, NULL);
	}
	return rc;
}

/* Writes a file anew, and what the catalog is to say of it into @value. */
static int write_segment(const struct parts *parts, const struct stoa__dir *dir, size_t from, size_t to,
			 uint8_t value[16])
{
	struct stoa__segment_writer *w;
	uint64_t len, root;

	STOA_TRY(stoa__segment_create(dir, parts->part[from].file, parts->uuid, &w, NULL));
	int rc = write_chunks(w, &parts->part[from], to - from);
	if (rc < 0) {
		stoa__segment_discard(w);
		return rc;
	}
	STOA_TRY(stoa__segment_finish(w, &len, &root, NULL));
	memcpy(value, &len, 8);
	memcpy(value + 8, &root, 8);
	return STOA_OK;
}

static int write_record(const struct parts *parts, const struct stoa__dir *dir,
			struct stoa__catalog *catalog, const struct part *part)
{
	uint8_t value[16];
	bool changed;
	uint64_t file;

	if (is_file(part, &file)) {
		size_t from = first_chunk(parts, file);
		size_t to = from < parts->n ? end_of_chunks(parts, from, &changed) : from;

		if (from < to && changed) {
			STOA_TRY(write_segment(parts, dir, from, to, value));
			return stoa__catalog_put(catalog, part->key, part->key_len, value,
						 sizeof value, NULL);
		}
	}
	return stoa__catalog_put(catalog, part->key, part->key_len, part->p, part->len, NULL);
}

static int write_catalog(const struct parts *parts, const struct stoa__dir *dir)
{
	struct stoa__catalog_options options = { .create = true };
	struct stoa__catalog *catalog;
	int rc;

	memcpy(options.uuid, parts->uuid, sizeof options.uuid);
	STOA_TRY(stoa__catalog_open(dir, &options, &catalog, NULL));
	rc = stoa__catalog_begin(catalog, NULL);
	for (size_t i = 0; i < parts->n && rc == STOA_OK; i++)
		if (parts->part[i].kind == PART_RECORD)
			rc = write_record(parts, dir, catalog, &parts->part[i]);
	if (rc == STOA_OK)
		rc = stoa__catalog_commit(catalog, NULL);
	else
		stoa__catalog_abort(catalog);
	stoa__catalog_close(catalog);
	return rc;
}

static int write_log(const struct parts *parts, const struct stoa__dir *dir)
{
	uint64_t seq = parts->log.seq;
	struct stoa__log *log;
	int rc = STOA_OK;

	STOA_TRY(stoa__log_open(dir, false, parts->log, NULL, NULL, &log, NULL));
	for (size_t i = 0; i < parts->n && rc == STOA_OK; i++)
		if (parts->part[i].kind == PART_LOG)
			rc = stoa__log_append(log, seq = parts->part[i].seq, parts->part[i].p,
					      parts->part[i].len, NULL);
	if (rc == STOA_OK)
		rc = stoa__log_flush(log, seq, false, NULL);
	stoa__log_close(log, false);
	return rc;
}

/* Segment files and the lock as they were; the rest is made. */
static void write_files(const struct parts *parts, const char *path)
{
	static const struct tree none;

	tree_write(&none, path);
	for (size_t i = 0; i < parts->files->n; i++) {
		const struct tree_file *f = &parts->files->files[i];

		if (strncmp(f->name, "segments/", strlen("segments/")) == 0 ||
		    strcmp(f->name, "lock") == 0)
			tree_write_file(path, f->name, f->bytes, f->len);
	}
}

bool parts_write(const struct parts *parts, const char *path)
{
	struct stoa__dir dir;
	int rc;

	write_files(parts, path);
	if (stoa__dir_open(path, &dir, NULL) < 0)
		fuzz_die("a directory that was made cannot be opened");
	rc = write_catalog(parts, &dir);
	if (rc == STOA_OK)
		rc = write_log(parts, &dir);
	stoa__dir_close(&dir);
	return rc == STOA_OK;
}
