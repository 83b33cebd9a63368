/* SPDX-License-Identifier: MIT */
/* bulk.c - see bulk.h */
#include "bulk.h"

#include <stdatomic.h>
#include <string.h>

#include "core/alloc.h"
#include "core/sites.h"
#include "core/type.h"
#include "../storage/stream.h"
#include "db.h"
#include "index.h"

#define SPARES 16		/* threads beyond that take memory for each group */

struct stoa__bulk_group {
	struct stoa__images images;
	uint32_t n_rows;
};

/* A group that was added: in memory, or in a file. */
struct added {
	struct stoa__bulk_group *group;
	uint32_t n_rows;
	uint32_t index;
	size_t file;	/* of bulk->files */
};

struct file {
	uint64_t number, len, root;
	bool stays;	/* in the page cache, if it is there */
	struct stoa__segment_writer *ended;	/* to be synced; NULL: it is, or is being written */
};

#define ENDED_MAX 64	/* files that are open until they are synced */

struct stoa__bulk {
	struct stoa_txn *txn;	/* NULL when it is over */
	struct stoa__bulk *next;	/* of those that are open in the transaction */
	stoa_table table;
	const struct stoa__schema *schema;	/* does not change while the bulk is open */
	struct stoa__stream *stream;	/* all files go by it; NULL: there is none yet */
	struct stoa__segment_writer *writer;	/* of the newest file */
	struct file *files;
	size_t n_files;
	struct added *added;
	size_t n_added, cap_added;
	uint64_t bytes;		/* of groups in memory */
	uint64_t written;	/* to files that have ended */
	size_t first_ended;	/* of these, the first that is not synced yet */
	uint64_t unsynced;	/* bytes of it and those behind it */
	uint64_t unsynced_max;
	stoa_index conflict_index;
	int conflict_policy;	/* enum stoa_conflict */
	/*
	 * Written groups, for their memory: at most one for each thread that had one in hand.
	 * Megabytes that are given back and taken again for every group cost a tenth of a load,
	 * nearly all of it page faults.
	 */
	struct stoa__bulk_group *_Atomic spares[SPARES];
};

int stoa__bulk_open(stoa_txn *txn, stoa_table table, struct stoa__bulk **out,
		    struct stoa_error *err)
{
	struct stoa__table *t;
	struct stoa__bulk *b;

	*out = NULL;
	STOA_TRY(stoa__txn_enter_write(txn, err));
	STOA_TRY(stoa__txn_own_table(txn, table, &t, err));
	b = stoa__calloc(1, sizeof *b);
	if (!b)
		return stoa__fail_memory(err);
	b->txn = txn;
	b->table = table;
	b->unsynced_max = STOA__BULK_CACHED;
	b->schema = t->schema;
	b->next = txn->bulks;
	txn->bulks = b;
	txn->n_appenders++;
	*out = b;
	return STOA_OK;
}

bool stoa__bulk_is_open(const stoa_txn *txn, stoa_table table)
{
	const struct stoa__bulk *b = txn->bulks;

	while (b && b->table != table)
		b = b->next;
	return b;
}

void stoa__bulk_on_conflict(struct stoa__bulk *b, stoa_index index, int policy)
{
	b->conflict_index = index;
	b->conflict_policy = policy;
}

void stoa__bulk_cache(struct stoa__bulk *b, uint64_t bytes)
{
	b->unsynced_max = bytes;
}

/* Conflicts of a bulk being settled. */
struct settling {
	struct stoa__conflicts conflicts;	/* first */
	struct stoa__bulk *bulk;
};

/* ---- encoding ---- */

static int encode_column(const struct stoa__bulk_column *c, size_t n_rows, struct stoa__buf *out)
{
	if (c->codes)
		return stoa__chunk_encode_codes(c->codes, c->array.validity, n_rows, c->list,
						c->n_list, out);
	return stoa__chunk_encode(&c->array, n_rows, out);
}

static struct stoa__bulk_group *take_spare(struct stoa__bulk *b)
{
	struct stoa__bulk_group *g = NULL;

	for (size_t i = 0; i < SPARES && !g; i++)
		g = atomic_exchange(&b->spares[i], NULL);
	return g;
}

/* Takes over a group that is of no other use any more. */
static void keep_spare(struct stoa__bulk *b, struct stoa__bulk_group *g)
{
	for (size_t i = 0; i < SPARES; i++) {
		struct stoa__bulk_group *none = NULL;

		if (atomic_compare_exchange_strong(&b->spares[i], &none, g))
			return;
	}
	stoa__bulk_group_free(g);
}

/* An empty group, a spare one if there is one; NULL when memory is out. */
static struct stoa__bulk_group *new_group(struct stoa__bulk *b, uint32_t n_columns)
{
	struct stoa__bulk_group *g = take_spare(b);

	if (g) {
		stoa__buf_reset(&g->images.bytes);
		g->images.n = 0;
		return g;
	}
	g = stoa__calloc(1, sizeof *g);
	if (g && stoa__images_init(&g->images, n_columns) < 0) {
		stoa__free(g);
		g = NULL;
	}
	return g;
}

int stoa__bulk_encode(struct stoa__bulk *b, const struct stoa__bulk_column *columns,
		      size_t n_columns, size_t n_rows, struct stoa__bulk_group **out,
		      struct stoa_error *err)
{
	struct stoa__bulk_group *g;

	*out = NULL;
	STOA_ASSERT(n_columns == b->schema->n_slots && n_rows && n_rows <= STOA__GROUP_ROWS);
	g = new_group(b, (uint32_t)n_columns);
	if (!g)
		return stoa__fail_memory(err);
	g->n_rows = (uint32_t)n_rows;
	for (size_t i = 0; i < n_columns; i++) {
		struct stoa__image *image = &g->images.image[i];
		int rc;

		image->slot = b->schema->slots[i].id;
		image->offset = g->images.bytes.len;
		rc = encode_column(&columns[i], n_rows, &g->images.bytes);
		if (rc < 0) {
			stoa__bulk_group_free(g);
			return rc == STOA_ENOMEM ?
				       stoa__fail_memory(err) :
				       stoa__fail(err, rc, "slot \"%s\": a row group of it passes 4 GiB",
						  b->schema->slots[i].def.name);
		}
		image->len = g->images.bytes.len - image->offset;
		g->images.n++;
	}
	if (!b->txn->db->path)
		stoa__images_fit(&g->images);
	*out = g;
	return STOA_OK;
}

void stoa__bulk_group_free(struct stoa__bulk_group *group)
{
	if (!group)
		return;
	stoa__images_release(&group->images);
	stoa__free(group);
}

/* ---- files ---- */

/* Syncs files that have ended until @left bytes of them are not. */
static int sync_files(struct stoa__bulk *b, uint64_t left, struct stoa_error *err)
{
	while (b->unsynced > left) {
		struct file *f = &b->files[b->first_ended++];
		struct stoa__segment_writer *ended = f->ended;

		f->ended = NULL;
		b->unsynced -= f->len;
		STOA_TRY(stoa__segment_sync(ended, !f->stays, err));
	}
	return STOA_OK;
}

static int end_file(struct stoa__bulk *b, struct stoa_error *err)
{
	struct stoa__segment_writer *writer = b->writer;
	struct file *f;

	if (!writer)
		return STOA_OK;
	b->writer = NULL;
	f = &b->files[b->n_files - 1];
	STOA_TRY(stoa__segment_end(writer, &f->len, &f->root, err));
	f->ended = writer;
	b->written += f->len;
	f->stays = b->written <= b->unsynced_max;
	b->unsynced += f->len;
	if (b->unsynced <= b->unsynced_max && b->n_files - b->first_ended < ENDED_MAX)
		return STOA_OK;
	/* The older half, which is on the disk by now, as likely as not. */
	return sync_files(b, b->unsynced / 2, err);
}

/* The transaction remembers the file, to remove it if it is aborted. */
static int begin_file(struct stoa__bulk *b, struct stoa_error *err)
{
	struct stoa_txn *txn = b->txn;
	struct stoa_db *db = txn->db;
	uint64_t number = atomic_fetch_add(&db->next_file, 1);
	struct file *files;

	files = stoa__realloc_array(b->files, b->n_files + 1, sizeof *files);
	if (!files)
		return stoa__fail_memory(err);
	b->files = files;
	if (stoa__txn_note_file(txn, number) < 0)
		return stoa__fail_memory(err);
	if (!b->stream)
		b->stream = stoa__stream_new(b->unsynced_max);
	if (!b->stream)
		return stoa__fail_memory(err);
	STOA_TRY(stoa__segment_create_streamed(&db->dir, number, stoa__catalog_uuid(db->catalog),
					       b->stream, &b->writer, err));
	files[b->n_files++] = (struct file){ .number = number };
	return STOA_OK;
}

static int write_group(struct stoa__bulk *b, const struct stoa__bulk_group *group,
		       struct added *added, struct stoa_error *err)
{
	if (b->writer && stoa__segment_size(b->writer) > stoa__segment_enough(b->written))
		STOA_TRY(end_file(b, err));
	if (!b->writer)
		STOA_TRY(begin_file(b, err));
	STOA_TRY(stoa__segment_add_group(b->writer, group->n_rows, &added->index, err));
	for (uint32_t i = 0; i < group->images.n; i++) {
		const struct stoa__image *image = &group->images.image[i];

		STOA_TRY(stoa__segment_add_chunk(b->writer, image->slot,
						 group->images.bytes.p + image->offset, image->len,
						 err));
	}
	added->file = b->n_files - 1;
	return STOA_OK;
}

int stoa__bulk_add(struct stoa__bulk *b, struct stoa__bulk_group *group, struct stoa_error *err)
{
	struct added *added;
	int rc;

	if (b->n_added == b->cap_added) {
		size_t cap = b->cap_added ? b->cap_added * 2 : 16;

		added = stoa__realloc_array(b->added, cap, sizeof *added);
		if (!added) {
			stoa__bulk_group_free(group);
			return stoa__fail_memory(err);
		}
		b->added = added;
		b->cap_added = cap;
	}
	added = &b->added[b->n_added];
	*added = (struct added){ .n_rows = group->n_rows };
	if (!b->txn->db->path) {
		rc = stoa__db_within_memory(b->txn->db, b->bytes + group->images.bytes.len, err);
		if (rc < 0) {
			stoa__bulk_group_free(group);
			return rc;
		}
		b->bytes += group->images.bytes.len;
		added->group = group;
		b->n_added++;
		return STOA_OK;
	}
	rc = write_group(b, group, added, err);
	keep_spare(b, group);
	if (rc == STOA_OK)
		b->n_added++;
	return rc;
}

/* ---- into the table ---- */

static int put_group(struct stoa__bulk *b, struct stoa__table *t, struct added *a,
		     struct stoa__segment *segment, struct stoa_error *err)
{
	struct stoa__version *w = b->txn->version;
	struct stoa__base_info info = { .first = t->next_rowid,
					.last = t->next_rowid + a->n_rows - 1,
					.n_rows = a->n_rows,
					.n_columns = t->schema->next_slot };
	struct stoa__base *base;
	struct stoa__group *g;
	int rc;

	if (a->group)
		rc = stoa__base_new_heap(w, &info, &a->group->images, &base, err);
	else
		rc = stoa__base_new_mapped(w, &info, segment, a->index, &base, err);
	if (rc < 0)
		return rc;
	rc = stoa__table_add_group(w, t, base, &g, err);
	if (rc < 0)
		stoa__block_retire(w, &base->block);
	return rc;
}

/* A row whose key another has goes as if it had been deleted. */
static int drop_loser(struct stoa__conflicts *c, uint64_t rowid, struct stoa_error *err)
{
	struct stoa__bulk *b = ((struct settling *)(void *)c)->bulk;
	struct stoa_txn *txn = b->txn;
	struct stoa__table *t;
	struct stoa__place at;

	STOA_TRY(stoa__txn_own_table(txn, b->table, &t, err));
	STOA_TRY(stoa__table_locate(t, rowid, &at, err));
	STOA_TRY(stoa__refs_settle(txn->version, t, err));
	return stoa__refs_delete(txn->version, &txn->loose, t, rowid, at,
				 stoa__counts_get(t, rowid) ||
					 stoa__row_is_held(&txn->db->lives, b->table, rowid),
				 err);
}

/* Tells the indexes of the groups from rowid @first on. */
static int index_rows(struct stoa__bulk *b, struct stoa__table *t, uint64_t first,
		      uint64_t *n_lost, struct stoa_error *err)
{
	struct settling s = { { .index = b->conflict_index, .policy = b->conflict_policy,
				.drop = drop_loser }, b };
	int rc = stoa__indexes_appended(b->txn->version, b->txn, t, first,
					b->conflict_policy ? &s.conflicts : NULL, err);

	for (size_t i = 0; n_lost && i < s.conflicts.losers.n; i++)
		*n_lost += s.conflicts.losers.rows[i] >= first;
	stoa__free(s.conflicts.losers.rows);
	return rc;
}

static int put_groups(struct stoa__bulk *b, uint64_t *n_lost, struct stoa_error *err)
{
	struct stoa_db *db = b->txn->db;
	struct stoa__segment *segment = NULL;
	struct stoa__table *t;
	size_t open = SIZE_MAX;
	uint64_t first;
	int rc;

	STOA_TRY(stoa__txn_own_table(b->txn, b->table, &t, err));
	first = t->next_rowid;
	rc = stoa__table_seal(b->txn->version, t, err);
	for (size_t i = 0; i < b->n_added && rc == STOA_OK; i++) {
		struct added *a = &b->added[i];

		if (!a->group && a->file != open) {
			const struct file *f = &b->files[a->file];

			stoa__segment_unref(segment);
			segment = NULL;
			rc = stoa__segment_open(&db->dir, f->number,
						stoa__catalog_uuid(db->catalog), f->len, f->root,
						&segment, err);
			open = a->file;
		}
		if (rc == STOA_OK)
			rc = put_group(b, t, a, segment, err);
	}
	stoa__segment_unref(segment);
	if (rc == STOA_OK)
		rc = stoa__refs_loaded(b->txn->version, t, first, err);
	b->txn->uncounted |= t->uncounted_from != 0;
	if (rc == STOA_OK && stoa__sites_are_on())
		stoa__site_rows(t->next_rowid - first);
	return rc < 0 ? rc : index_rows(b, t, first, n_lost, err);
}

/* Takes @b out of its transaction. */
static void leave(struct stoa__bulk *b)
{
	struct stoa__bulk **at = &b->txn->bulks;

	while (*at != b)
		at = &(*at)->next;
	*at = b->next;
	b->txn->n_appenders--;
	b->txn = NULL;
}

void stoa__bulk_end_all(stoa_txn *txn)
{
	while (txn->bulks) {
		struct stoa__bulk *b = txn->bulks;

		/* Its files are among the transaction's, which removes them. */
		stoa__segment_discard(b->writer);
		b->writer = NULL;
		leave(b);
	}
}

bool stoa__bulk_is_over(const struct stoa__bulk *b)
{
	return !b->txn;
}

static void bulk_free(struct stoa__bulk *b)
{
	if (b->txn)
		leave(b);
	stoa__segment_discard(b->writer);
	for (size_t i = 0; i < b->n_files; i++)
		stoa__segment_discard(b->files[i].ended);
	stoa__stream_free(b->stream);
	for (size_t i = 0; i < b->n_added; i++)
		stoa__bulk_group_free(b->added[i].group);
	for (size_t i = 0; i < SPARES; i++)
		stoa__bulk_group_free(b->spares[i]);
	stoa__free(b->added);
	stoa__free(b->files);
	stoa__free(b);
}

void stoa__bulk_abort(struct stoa__bulk *b)
{
	if (!b)
		return;
	for (size_t i = 0; b->txn && i < b->n_files; i++)
		(void)stoa__segment_unlink(&b->txn->db->dir, b->files[i].number, NULL);
	bulk_free(b);
}

int stoa__bulk_finish(struct stoa__bulk *b, uint64_t *n_lost, struct stoa_error *err)
{
	struct stoa_txn *txn = b->txn;
	struct stoa__version *before;
	uint32_t table;
	int rc = end_file(b, err);

	if (n_lost)
		*n_lost = 0;
	if (rc == STOA_OK && b->stream)
		stoa__stream_settle(b->stream);
	if (rc == STOA_OK)
		rc = sync_files(b, 0, err);
	if (rc == STOA_OK && b->n_added)
		rc = stoa__txn_freeze(txn, &before, err);
	if (rc == STOA_OK && b->n_added) {
		rc = put_groups(b, n_lost, err);
		if (rc < 0)
			stoa__txn_rollback(txn, before);
		stoa__version_drop(before);
	}
	if (rc < 0) {
		stoa__bulk_abort(b);
		return rc;
	}
	txn->dirty |= b->n_added > 0;
	txn->bulk |= b->n_files > 0;
	table = b->table;
	bulk_free(b);
	stoa__deques_cut_all(txn, table);
	return STOA_OK;
}
