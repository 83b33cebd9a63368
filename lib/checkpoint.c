/* SPDX-License-Identifier: MIT */
/*
 * checkpoint.c - from a version to the catalog and segment files
 *
 *   1. Groups that are in heap go to new segment files, which are synced.
 *   2. One catalog transaction stores what was born since the last checkpoint, and where the log
 *      goes on. Its commit is the moment at which the new state takes the old one's place.
 *   3. Logs and files that nothing names are removed; the bases written in step 1 are swapped for
 *      mapped ones as soon as the writer's lock is free.
 *
 * A crash before the commit leaves files that nothing names: the next writer removes them. The
 * catalog itself is the memory of what was stored: groups in it that the version does not have any
 * more are deleted from it.
 *
 * What changed is known by stamps: blocks born up to checkpoint_stamp are stored, and a tree node
 * born up to it has nothing younger below it. A tail is appended to in place; it remembers how many
 * of its rows are stored.
 */
#include "checkpoint.h"

#include <string.h>
#include <time.h>

#include "core/alloc.h"
#include "core/clock.h"

/* ---- 1: segments ---- */

static int finish_file(struct stoa__saving *c)
{
	struct stoa__segment_writer *writer = c->writer;
	struct stoa__new_file *files, *f;

	if (!writer)
		return STOA_OK;
	c->writer = NULL;
	files = stoa__realloc_array(c->files, c->n_files + 1, sizeof *files);
	if (!files) {
		stoa__segment_discard(writer);
		return stoa__fail_memory(c->err);
	}
	c->files = files;
	f = &files[c->n_files];
	STOA_TRY(stoa__segment_finish(writer, &f->len, &f->root, c->err));
	f->number = c->file;
	c->n_files++;
	return STOA_OK;
}

static struct stoa_bytes symbol_bytes(void *ctx, uint32_t id)
{
	return stoa__symbol_bytes(ctx, id);
}

static int write_column(struct stoa__saving *c, const struct stoa__base *base,
			const struct stoa__image *image)
{
	const uint8_t *bytes = base->heap.bytes.p + image->offset;
	const struct stoa__chunk *chunk =
		image->slot == STOA__SLOT_ROWIDS ? NULL : base->column[image->slot];

	if (!chunk || chunk->encoding != STOA__ENC_DICT_ID)
		return stoa__segment_add_chunk(c->writer, image->slot, bytes, image->len, c->err);
	stoa__buf_reset(&c->buf);
	if (stoa__chunk_inline_ids(chunk, symbol_bytes, base->symbols, &c->buf) < 0)
		return stoa__fail_memory(c->err);
	return stoa__segment_add_chunk(c->writer, image->slot, c->buf.p, c->buf.len, c->err);
}

static int write_group(void *ctx, uint64_t first, void *value)
{
	struct stoa__saving *c = ctx;
	const struct stoa__group *g = value;
	struct stoa__swap *swap;
	size_t cap = c->cap_swaps;

	if (g->block.born <= c->since || g->base->segment)
		return STOA_OK;
	if (c->writer && stoa__segment_size(c->writer) > STOA__SEGMENT_BYTES_MAX)
		STOA_TRY(finish_file(c));
	if (!c->writer) {
		c->file = atomic_fetch_add(&c->db->next_file, 1);
		STOA_TRY(stoa__segment_create(&c->db->dir, c->file,
					      stoa__catalog_uuid(c->db->catalog), &c->writer,
					      c->err));
		if (!c->working)
			stoa__segment_unhurry(c->writer);
	}
	if (stoa__saving_grow(&c->swaps, c->n_swaps, &cap, sizeof *c->swaps) < 0 ||
	    stoa__saving_grow(&c->swap_files, c->n_swaps, &c->cap_swaps, sizeof *c->swap_files) < 0)
		return stoa__fail_memory(c->err);
	swap = &c->swaps[c->n_swaps];
	*swap = (struct stoa__swap){ c->table->id, first, g->base->id, NULL, 0 };
	STOA_TRY(stoa__segment_add_group(c->writer, g->n_rows, &swap->index, c->err));
	c->swap_files[c->n_swaps++] = c->file;
	for (uint32_t i = 0; i < g->base->heap.n; i++)
		STOA_TRY(write_column(c, g->base, &g->base->heap.image[i]));
	return STOA_OK;
}

static int write_table(void *ctx, uint64_t id, void *value)
{
	struct stoa__saving *c = ctx;

	(void)id;
	c->table = value;
	return stoa__tree_walk(c->table->groups, c->since, write_group, c);
}

/* Opens what was written, so that the bases can be swapped. */
static int open_files(struct stoa__saving *c)
{
	size_t s = 0;

	for (size_t i = 0; i < c->n_files; i++) {
		struct stoa__new_file *f = &c->files[i];
		struct stoa__segment *segment;

		STOA_TRY(stoa__segment_open(&c->db->dir, f->number,
					    stoa__catalog_uuid(c->db->catalog), f->len, f->root,
					    &segment, c->err));
		for (; s < c->n_swaps && c->swap_files[s] == f->number; s++)
			c->swaps[s].segment = stoa__segment_ref(segment);
		stoa__segment_unref(segment);
	}
	return STOA_OK;
}

static int write_segments(struct stoa__saving *c)
{
	STOA_TRY(stoa__tree_walk(c->v->tables, c->since, write_table, c));
	STOA_TRY(finish_file(c));
	STOA_TRY(open_files(c));
	STOA_TRY(stoa__set_runs_write(c->db, c->v, c->since, !c->working, c->swaps, c->swap_files,
				      c->n_swaps, &c->runs, c->err));
	return stoa__dir_sync(&c->db->dir, "segments", c->err);
}

/* ---- 2: the catalog, and the files it names ---- */

static size_t used_at(const struct stoa__saving *c, uint64_t number)
{
	size_t lo = 0, n = c->n_used;

	while (n) {
		size_t half = n / 2;

		if (c->used[lo + half] < number) {
			lo += half + 1;
			n -= half + 1;
		} else {
			n = half;
		}
	}
	return lo;
}

static bool is_used(const struct stoa__saving *c, uint64_t number)
{
	size_t at = used_at(c, number);

	return at < c->n_used && c->used[at] == number;
}

static int use(struct stoa__saving *c, uint64_t number)
{
	size_t at = used_at(c, number);

	if (is_used(c, number))
		return STOA_OK;
	if (stoa__saving_grow(&c->used, c->n_used, &c->cap_used, sizeof *c->used) < 0)
		return stoa__fail_memory(c->err);
	memmove(&c->used[at + 1], &c->used[at], (c->n_used - at) * sizeof *c->used);
	c->used[at] = number;
	c->n_used++;
	return STOA_OK;
}

static int use_group(void *ctx, uint64_t first, void *value)
{
	const struct stoa__group *g = value;

	(void)first;
	return g->base->segment ? use(ctx, stoa__segment_file(g->base->segment)) : STOA_OK;
}

static int use_run(void *ctx, const struct stoa__segment *s, uint64_t born)
{
	(void)born;
	return use(ctx, stoa__segment_file(s));
}

static int use_table(void *ctx, uint64_t id, void *value)
{
	const struct stoa__table *t = value;

	(void)id;
	STOA_TRY(stoa__tree_walk(t->groups, 0, use_group, ctx));
	return stoa__set_runs_files(t, &((struct stoa__saving *)ctx)->runs, use_run, ctx);
}

/*
 * A file that the catalog does not have yet, though a group or run of it came mapped: bulk load made
 * it.
 */
static int store_file(struct stoa__saving *c, uint64_t number, uint64_t len, uint64_t root)
{
	struct stoa__key k = stoa__key(STOA__REC_FILE);

	stoa__key_add(&k, number, 8);
	stoa__buf_reset(&c->buf);
	if (stoa__buf_put_u64(&c->buf, len) < 0 || stoa__buf_put_u64(&c->buf, root) < 0)
		return stoa__fail_memory(c->err);
	return stoa__saving_put(c, &k);
}

static int store_mapped(void *ctx, uint64_t first, void *value)
{
	struct stoa__saving *c = ctx;
	const struct stoa__group *g = value;
	struct stoa__segment *s = g->base->segment;

	(void)first;
	if (!s || g->base->block.born <= c->since)
		return STOA_OK;
	return store_file(c, stoa__segment_file(s), stoa__segment_len(s), stoa__segment_root(s));
}

static int store_run(void *ctx, const struct stoa__segment *s, uint64_t born)
{
	struct stoa__saving *c = ctx;

	if (born <= c->since)
		return STOA_OK;
	return store_file(c, stoa__segment_file(s), stoa__segment_len(s), stoa__segment_root(s));
}

static int store_mapped_of(void *ctx, uint64_t id, void *value)
{
	struct stoa__saving *c = ctx;
	const struct stoa__table *t = value;

	(void)id;
	STOA_TRY(stoa__tree_walk(t->groups, c->since, store_mapped, c));
	return stoa__set_runs_files(t, &c->runs, store_run, c);
}

static int store_files(struct stoa__saving *c)
{
	struct stoa__stale s;
	int rc;

	STOA_TRY(stoa__tree_walk(c->v->tables, 0, use_table, c));
	for (size_t i = 0; i < c->n_files; i++) {
		const struct stoa__new_file *f = &c->files[i];

		STOA_TRY(use(c, f->number));
		STOA_TRY(store_file(c, f->number, f->len, f->root));
	}
	STOA_TRY(stoa__tree_walk(c->v->tables, c->since, store_mapped_of, c));
	rc = stoa__saving_find_stale(c, stoa__key(STOA__REC_FILE), 8, is_used, &s);
	for (size_t i = 0; i < s.n && rc == STOA_OK; i++) {
		struct stoa__key k = stoa__key(STOA__REC_FILE);

		stoa__key_add(&k, s.numbers[i], 8);
		rc = stoa__saving_delete(c, k);
	}
	c->unused = s.numbers;
	c->n_unused = s.n;
	return rc;
}

static int put_database(struct stoa__buf *buf, uint64_t commit, struct stoa__log_position log,
			uint32_t next_table, uint64_t next_file)
{
	stoa__buf_reset(buf);
	STOA_TRY(stoa__buf_put_u32(buf, STOA__FORMAT));
	STOA_TRY(stoa__buf_put_u32(buf, 0));
	STOA_TRY(stoa__buf_put_u64(buf, commit));
	STOA_TRY(stoa__buf_put_u64(buf, log.file));
	STOA_TRY(stoa__buf_put_u64(buf, log.seq));
	STOA_TRY(stoa__buf_put_u32(buf, next_table));
	return stoa__buf_put_u64(buf, next_file);
}

static int store_all(struct stoa__saving *c, uint64_t commit, struct stoa__log_position log)
{
	struct stoa__key k = stoa__key(STOA__REC_DATABASE);

	if (put_database(&c->buf, commit, log, c->v->next_table,
			 atomic_load(&c->db->next_file)) < 0)
		return stoa__fail_memory(c->err);
	STOA_TRY(stoa__saving_put(c, &k));
	STOA_TRY(stoa__saving_tables(c));
	return store_files(c);
}

/* ---- the whole ---- */

static int mark_tail(void *ctx, uint64_t id, void *value)
{
	struct stoa__table *t = value;

	(void)ctx;
	(void)id;
	if (t->tail)
		t->tail->tail->persisted = t->tail_rows;
	return STOA_OK;
}

/* Hands the swaps over to the database; those it had are done. */
static void keep_swaps(struct stoa__saving *c)
{
	stoa__swaps_release(c->db);
	c->db->swaps = c->swaps;
	c->db->n_swaps = c->n_swaps;
	c->db->run_swaps = c->runs;
	memset(&c->runs, 0, sizeof c->runs);
	c->swaps = NULL;
	c->n_swaps = 0;
}

/* Has anybody committed since *@seen, the newest commit when this was last asked? */
static bool is_busy(struct stoa__saving *c, uint64_t *seen)
{
	uint64_t before = *seen;

	*seen = stoa__history_commit_of_head(&c->db->history);
	return !c->working && *seen != before;
}

/*
 * Where a file system tells its disk which blocks are free again, the disk has that to do before
 * anything else, and a flush waits for a millisecond or more. So between two files who commits has
 * the disk for REMOVE_SHARE times as long, if that does not come to more than REMOVE_NS in all.
 */
#define REMOVE_SHARE 8
#define REMOVE_NS 200000000

static void remove_files(struct stoa__saving *c)
{
	bool alone = stoa__lock_has_no_readers(&c->db->lock);
	uint64_t seen = c->v->commit;

	for (size_t i = 0; i < c->n_unused; i++) {
		uint64_t from = stoa__now_ns(), turn;

		if (stoa__gc_keeps_file(c->db, c->unused[i], c->v->stamp))
			continue;
		(void)stoa__segment_retire(&c->db->dir, c->unused[i], alone, NULL);
		turn = (stoa__now_ns() - from) * REMOVE_SHARE;
		if (turn > REMOVE_NS / c->n_unused)
			turn = REMOVE_NS / c->n_unused;
		if (i + 1 < c->n_unused && is_busy(c, &seen))
			nanosleep(&(struct timespec){ .tv_nsec = (long)turn }, NULL);
	}
}

/*
 * Commits the catalog and removes what it names no more: from here on the checkpoint is done, and
 * what stays is removed at the next open. Other processes open the segments of the catalog that
 * they read under its lock, so nobody looks for the old ones any more when it is given back.
 */
static int commit_catalog(struct stoa__saving *c, struct stoa__log_position log)
{
	struct stoa_db *db = c->db;
	int rc = stoa__lock_catalog(&db->lock, true, c->err);

	if (rc < 0) {
		stoa__catalog_abort(db->catalog);
		return rc;
	}
	rc = stoa__catalog_commit(db->catalog, c->err);
	if (rc == STOA_OK)
		(void)stoa__log_drop_before(db->log, log.file, NULL);
	stoa__unlock_catalog(&db->lock);
	if (rc == STOA_OK)
		remove_files(c);
	return rc;
}

static void cleanup(struct stoa__saving *c, bool done)
{
	stoa__segment_discard(c->writer);
	for (size_t i = 0; i < c->n_files && !done; i++)
		(void)stoa__segment_unlink(&c->db->dir, c->files[i].number, NULL);
	stoa__set_run_plans_release(&c->runs, done ? NULL : c->db);
	for (size_t i = 0; i < c->n_swaps; i++)
		stoa__segment_unref(c->swaps[i].segment);
	stoa__free(c->swaps);
	stoa__free(c->swap_files);
	stoa__free(c->files);
	stoa__free(c->used);
	stoa__free(c->unused);
	stoa__free(c->rows);
	stoa__buf_release(&c->buf);
}

static bool names_file(const void *ctx, uint64_t file)
{
	return is_used(ctx, file);
}

/*
 * Stores version @v as commit number @commit. The checkpoint mutex is held, and all swaps have been
 * applied to
 * @v: a base in heap is one that is not stored yet.
 */
static int run(struct stoa_db *db, struct stoa__version *v, uint64_t commit,
	       struct stoa__log_position log, struct stoa_error *err)
{
	struct stoa__saving c = { .db = db, .v = v, .since = db->checkpoint_stamp,
				  .working = !v->commit, .err = err };
	int rc = write_segments(&c);

	if (rc == STOA_OK)
		rc = stoa__catalog_begin(db->catalog, err);
	if (rc == STOA_OK) {
		rc = store_all(&c, commit, log);
		if (rc < 0)
			stoa__catalog_abort(db->catalog);
		else
			rc = commit_catalog(&c, log);
	}
	if (rc == STOA_OK) {
		(void)stoa__tree_walk(v->tables, c.since, mark_tail, NULL);
		db->checkpoint_stamp = v->stamp;
		stoa__gc_settle_files(db, v->stamp, names_file, &c);
		keep_swaps(&c);
	} else if (rc == STOA_EUNKNOWN) {
		atomic_store(&db->failed, true);
	}
	/* Where the outcome is unknown the catalog may name the files. */
	cleanup(&c, rc == STOA_OK || rc == STOA_EUNKNOWN);
	return rc;
}

/* Puts mapped bases in the place of those in heap, in working version @w. May be done again. */
static int apply_swaps(struct stoa_db *db, struct stoa__version *w, struct stoa_error *err)
{
	for (size_t i = 0; i < db->n_swaps; i++) {
		const struct stoa__swap *s = &db->swaps[i];
		struct stoa__table *t = stoa__table_find(w, s->table);
		struct stoa__group *g = t ? stoa__tree_find(t->groups, s->group) : NULL;
		struct stoa__base_info info;
		struct stoa__base *base;

		if (!g || g->base->id != s->base_id)
			continue;
		if (stoa__table_own(w, s->table, &t) < 0 || stoa__group_own(w, t, &g) < 0)
			return stoa__fail_memory(err);
		info = stoa__base_info_of(g->base);
		STOA_TRY(stoa__base_new_mapped(w, &info, s->segment, s->index, &base, err));
		stoa__block_place(&base->block, &g->block);
		stoa__block_retire(w, &g->base->block);
		g->base = base;
	}
	return stoa__set_runs_apply(&db->run_swaps, w, err);
}

void stoa__swaps_release(struct stoa_db *db)
{
	while (db->n_swaps)
		stoa__segment_unref(db->swaps[--db->n_swaps].segment);
	stoa__free(db->swaps);
	db->swaps = NULL;
	stoa__set_run_plans_release(&db->run_swaps, NULL);
}

/* A version of its own for the swaps, which shows the same rows. The writer's lock is held. */
static int swap_version(struct stoa_db *db, struct stoa_error *err)
{
	struct stoa__version *base = db->history.head, *w;
	uint64_t commit = base->commit;
	int rc;

	if (!db->n_swaps && !db->run_swaps.n)
		return STOA_OK;
	w = stoa__history_begin(&db->history);
	if (!w)
		return stoa__fail_memory(err);
	rc = apply_swaps(db, w, err);
	stoa__history_commit(w, base, commit, stoa__history_is_published(&db->history, commit));
	if (rc == STOA_OK)
		stoa__swaps_release(db);
	return rc;
}

int stoa__checkpoint_working(struct stoa_db *db, struct stoa__version *w, uint64_t commit,
			     struct stoa_error *err)
{
	struct stoa__log_position log;
	int rc;

	pthread_mutex_lock(&db->checkpoint);
	rc = apply_swaps(db, w, err);
	if (rc == STOA_OK)
		rc = stoa__log_flush(db->log, commit, true, err);
	if (rc == STOA_OK)
		rc = stoa__log_rotate(db->log, &log, err);
	if (rc == STOA_OK)
		rc = run(db, w, commit, log, err);
	pthread_mutex_unlock(&db->checkpoint);
	return rc;
}

/* The log's next file, so that no writer has to make it; before the last checkpoint none is wanted. */
static void make_log_file(struct stoa_db *db)
{
	if (db->n_background)
		stoa__log_make_file(db->log);
}

/* A checkpoint of the head, when it is its turn. */
static int checkpoint_head(struct stoa_db *db, struct stoa_error *err)
{
	struct stoa__log_position log;
	struct stoa__version *v = NULL;
	int rc;

	/* Who gets the writer's lock has little left to write; what fails here does so again there. */
	make_log_file(db);
	(void)stoa__log_flush(db->log, UINT64_MAX, true, NULL);
	stoa__writer_lock(db);
	pthread_mutex_lock(&db->checkpoint);
	rc = swap_version(db, err);
	if (rc == STOA_OK)
		rc = stoa__log_rotate(db->log, &log, err);
	if (rc == STOA_OK) {
		v = db->history.head;
		stoa__version_hold(v);
	}
	stoa__background_checkpoint_begins(db);
	stoa__writer_unlock(db);
	if (rc == STOA_OK) {
		rc = stoa__log_flush(db->log, v->commit, true, err);
		if (rc == STOA_OK)
			rc = run(db, v, v->commit, log, err);
		stoa__version_drop(v);
	}
	stoa__background_checkpoint_ends(db);
	if (rc == STOA_OK && stoa__writer_try(db)) {
		(void)swap_version(db, NULL);
		stoa__writer_unlock(db);
	}
	pthread_mutex_unlock(&db->checkpoint);
	make_log_file(db);
	return rc;
}

int stoa__checkpoint(struct stoa_db *db, struct stoa_error *err)
{
	int rc;

	pthread_mutex_lock(&db->checkpoint_turn);
	rc = checkpoint_head(db, err);
	pthread_mutex_unlock(&db->checkpoint_turn);
	return rc;
}

int stoa__checkpoint_init(struct stoa__catalog *cat, struct stoa_error *err)
{
	struct stoa__key k = stoa__key(STOA__REC_DATABASE);
	struct stoa__log_position log = { 1, 1 };
	struct stoa__buf buf = STOA__BUF_INIT;
	int rc;

	rc = stoa__catalog_begin(cat, err);
	if (rc < 0)
		return rc;
	if (put_database(&buf, 1, log, 1, 1) < 0)
		rc = stoa__fail_memory(err);
	else
		rc = stoa__catalog_put(cat, k.p, k.len, buf.p, buf.len, err);
	if (rc < 0)
		stoa__catalog_abort(cat);
	else
		rc = stoa__catalog_commit(cat, err);
	stoa__buf_release(&buf);
	return rc;
}
