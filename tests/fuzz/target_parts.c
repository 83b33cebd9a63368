/* SPDX-License-Identifier: MIT */
/*
 * target_parts.c - a database with parts that lie, and checksums that fit
 *
 *     u8 what to do (enum), then edits: u16 part, u8 edit, u16 place, u8 n, n bytes
 *
 * The database has a bit of everything (medley.h) and is put together anew for each input (parts.h):
 * catalog records, chunks of rows and of set indexes, records of the log. Nobody promises that it
 * opens, nor what it shows; whoever opens it, reads it, checks it, works on it or saves what can be
 * saved lives to tell.
 */
#include "fuzz.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../../lib/set_run.h"
#include "../../storage/file.h"
#include "../medley.h"
#include "parts.h"

enum { READ_ONLY = 1, COMMIT = 2, CHECKPOINT = 4, COLLECT = 8, RECOVER = 16, TRACE = 32 };

#define COMMITS 21	/* with an import, papers that went, a slot that came and one that went */
#define EDITS_MAX 16

static struct parts *base;
static char dir[64], path[80], csv[80], saved[80];

static void remove_all(void)
{
	tree_remove(dir);
	parts_free(base);
}

static void must(int rc, const struct stoa_error *err)
{
	if (rc < 0)
		fuzz_die(err->text);
}

static void make(void)
{
	const char *room = access("/dev/shm", W_OK) ? "/tmp" : "/dev/shm";
	uint64_t rows_min = stoa__set_run_rows_min;
	struct stoa_error err;
	stoa_db *db;

	snprintf(dir, sizeof dir, "%s/stoa-fuzz-XXXXXX", room);
	if (!mkdtemp(dir))
		fuzz_die("no directory can be made");
	snprintf(path, sizeof path, "%s/a.stoa", dir);
	snprintf(csv, sizeof csv, "%s/a.csv", dir);
	snprintf(saved, sizeof saved, "%s/saved.stoa", dir);
	stoa__file_skip_syncs(true);
	stoa__set_run_rows_min = 1;
	must(stoa_open(path, NULL, &db, &err), &err);
	must(medley_create(db, &err), &err);
	for (uint64_t n = 1; n <= COMMITS; n++) {
		must(medley_commit(db, n, STOA_FULL, csv, &err), &err);
		if (n == 7)
			must(stoa_gc_cool(db, NULL, &err), &err);
		if (n == 18)
			must(stoa_checkpoint(db, &err), &err);
	}
	stoa__set_run_rows_min = rows_min;
	/* Before it is closed, which would leave no log. */
	struct tree *files = tree_read(path);
	tree_write(files, saved);
	tree_free(files);
	must(stoa_close(db, &err), &err);
	base = parts_read(saved);
	atexit(remove_all);
}

/* ---- edits ---- */

struct edit {
	unsigned kind;
	size_t at;
	const uint8_t *p;
	size_t n;
};

static void put(uint8_t *to, size_t len, const struct edit *e)
{
	size_t at = len ? e->at % len : 0;

	memcpy(to + at, e->p, e->n < len - at ? e->n : len - at);
}

static void insert(struct part *part, const struct edit *e)
{
	size_t at = e->at % (part->len + 1);
	uint8_t *p = malloc(part->len + e->n + 1);

	memcpy(p, part->p, at);
	memcpy(p + at, e->p, e->n);
	memcpy(p + at + e->n, part->p + at, part->len - at);
	free(part->p);
	part->p = p;
	part->len += e->n;
}

static void cut(struct part *part, const struct edit *e)
{
	size_t at = part->len ? e->at % part->len : 0, n = e->at / (part->len + 1) + e->n;

	n = n < part->len - at ? n : part->len - at;
	memmove(part->p + at, part->p + at + n, part->len - at - n);
	part->len -= n;
}

/* What stands for it in its place: a key, or which slot of which rows. */
static void rename_part(struct part *part, const struct edit *e)
{
	if (part->kind == PART_RECORD) {
		put(part->key, part->key_len, e);
	} else if (part->kind == PART_CHUNK) {
		part->slot = e->n ? e->p[0] : part->slot;
		part->n_rows = e->n > 1 ? e->p[1] + (unsigned)e->at : part->n_rows;
	}
}

static void drop(struct parts *parts, size_t i)
{
	free(parts->part[i].p);
	memmove(&parts->part[i], &parts->part[i + 1], (--parts->n - i) * sizeof parts->part[i]);
}

static void repeat(struct parts *parts, size_t i, const struct edit *e)
{
	struct part copy = parts->part[i];

	if (parts->n == PARTS_MAX)
		return;
	copy.p = malloc(copy.len + 1);
	memcpy(copy.p, parts->part[i].p, copy.len);
	memmove(&parts->part[i + 1], &parts->part[i], (parts->n++ - i) * sizeof parts->part[i]);
	parts->part[i] = copy;
	rename_part(&parts->part[i], e);
}

static void apply(struct parts *parts, size_t i, const struct edit *e)
{
	struct part *part = &parts->part[i];

	part->changed = true;
	switch (e->kind % 8) {
	case 0:
	case 1:
	case 2:
		put(part->p, part->len, e);
		break;
	case 3:
		insert(part, e);
		break;
	case 4:
		cut(part, e);
		break;
	case 5:
		rename_part(part, e);
		break;
	case 6:
		repeat(parts, i, e);
		break;
	default:
		drop(parts, i);
	}
}

static struct parts *copy_parts(const struct parts *from)
{
	struct parts *parts = malloc(sizeof *parts);

	*parts = *from;
	parts->files = NULL;
	for (size_t i = 0; i < parts->n; i++) {
		parts->part[i].p = malloc(from->part[i].len + 1);
		memcpy(parts->part[i].p, from->part[i].p, from->part[i].len);
	}
	return parts;
}

static void edit(struct parts *parts, const uint8_t *p, size_t len)
{
	for (int i = 0; i < EDITS_MAX && len >= 6 && parts->n; i++) {
		struct edit e = { p[2], p[3] | (size_t)p[4] << 8, p + 6, p[5] };

		e.n = e.n < len - 6 ? e.n : len - 6;
		apply(parts, (p[0] | (size_t)p[1] << 8) % parts->n, &e);
		p += 6 + e.n;
		len -= 6 + e.n;
	}
}

/* ---- what is done with it ---- */

static void work(stoa_db *db, unsigned what)
{
	uint64_t n, hash;
	stoa_trace *trace;

	(void)!medley_look(db, &n, &hash, NULL);
	if (what & TRACE && stoa_trace_take(db, &trace, NULL) == STOA_OK)
		stoa_trace_free(trace);
	if (what & COMMIT)
		(void)!medley_commit(db, COMMITS + 1, STOA_FULL, csv, NULL);
	if (what & CHECKPOINT)
		(void)!stoa_checkpoint(db, NULL);
	if (what & COLLECT)
		(void)!stoa_gc_collect(db, 2, NULL, NULL);
	if (what & COMMIT)
		(void)!medley_look(db, &n, &hash, NULL);
}

static void run(const uint8_t *p, size_t len)
{
	struct stoa_options options = STOA_OPTIONS_INIT;
	unsigned what = len ? p[0] : 0;
	struct stoa_error err;
	struct parts *parts;
	stoa_db *db;

	if (!base)
		make();
	parts = copy_parts(base);
	edit(parts, p + 1, len ? len - 1 : 0);
	parts->files = base->files;
	bool written = parts_write(parts, path);
	parts->files = NULL;
	parts_free(parts);
	if (!written)
		return;
	options.flags = STOA_OPEN_NO_CREATE | (what & READ_ONLY ? STOA_OPEN_READ_ONLY : 0);
	int rc = stoa_check(path, NULL, NULL, &err);
	if (len <= 1)
		must(rc, &err);
	if (what & RECOVER) {
		tree_remove(saved);
		(void)!stoa_recover(path, saved, NULL, NULL, NULL, &err);
	}
	rc = stoa_open(path, &options, &db, &err);
	if (len <= 1)
		must(rc, &err);
	if (rc == STOA_OK) {
		work(db, what);
		(void)stoa_close(db, &err);
	}
}

/* For each part: as it is, with a byte turned, and with a number that is too large. */
static void seeds(fuzz_seed *each, void *ctx)
{
	if (!base)
		make();
	for (size_t i = 0; i < base->n; i++) {
		uint8_t input[15] = { (uint8_t)(2 + i * 2), (uint8_t)i, (uint8_t)(i >> 8), 0,
				      (uint8_t)(i * 5), 0, 8, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f };

		each(ctx, input, sizeof input);
		input[3] = 7;
		input[6] = 0;
		each(ctx, input, 7);
	}
	each(ctx, (const uint8_t[]){ COMMIT | CHECKPOINT | COLLECT | RECOVER | TRACE }, 1);
	each(ctx, (const uint8_t[]){ READ_ONLY }, 1);
}

const struct fuzz_target fuzz_parts = { "parts", run, seeds, 200 };
