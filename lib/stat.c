/* SPDX-License-Identifier: MIT */
/*
 * stat.c - stoa_stat(): rows, bytes and what snapshots pin, as numbers
 *
 * Heap is summed up from what a trace of memory has (census.h), so that both say the same.
 */
#include <stdio.h>
#include <string.h>

#include "census.h"
#include "core/alloc.h"
#include "db.h"

static int count_group(void *ctx, uint64_t first, void *value)
{
	struct stoa_stat *s = ctx;
	const struct stoa__group *g = value;

	(void)first;
	s->n_groups++;
	s->n_dead += g->n_dead - g->n_kept;
	return STOA_OK;
}

static int count_table(void *ctx, uint64_t id, void *value)
{
	struct stoa_stat *s = ctx;
	const struct stoa__table *t = value;

	(void)id;
	s->n_tables++;
	s->n_rows += t->n_rows;
	if (t->tail)
		s->n_dead += t->tail->n_dead - t->tail->n_kept;
	return stoa__tree_walk(t->groups, 0, count_group, s);
}

static int add_size(void *ctx, const char *name)
{
	struct {
		struct stoa_db *db;
		uint64_t bytes;
	} *c = ctx;
	char path[300];
	uint64_t size = 0;

	snprintf(path, sizeof path, "segments/%s", name);
	if (stoa__file_size(&c->db->dir, path, &size, NULL) == STOA_OK)
		c->bytes += size;
	return 0;
}

uint64_t stoa__db_segment_bytes(struct stoa_db *db)
{
	struct {
		struct stoa_db *db;
		uint64_t bytes;
	} segments = { db, 0 };

	(void)stoa__dir_list(&db->dir, "segments", add_size, &segments, NULL);
	return segments.bytes;
}

static void measure_disk(struct stoa_db *db, struct stoa_stat *s)
{
	s->segment_bytes = stoa__db_segment_bytes(db);
	(void)stoa__file_size(&db->dir, "catalog.mdb", &s->catalog_bytes, NULL);
	if (db->log)
		s->log_bytes = stoa__log_disk_bytes(db->log);
	s->disk_bytes = s->segment_bytes + s->catalog_bytes + s->log_bytes;
}

/* What snapshots pin: bytes of blocks, and the segment files that some of them map. */
struct pins {
	uint64_t bytes, n_groups;
	struct pinned_file {
		uint64_t number, len;
	} file[64];
	size_t n_files;
};

/*
 * A base's files come one after the other, mostly; beyond so many of them the newest are not
 * counted.
 */
static void pin(void *ctx, const struct stoa__version *v, const struct stoa__block *b)
{
	const struct stoa__base *base = (const struct stoa__base *)b;
	struct pins *p = ctx;
	uint64_t number;
	size_t i = p->n_files;

	if (!stoa__snapshots_need(v, b))
		return;
	p->bytes += stoa__block_bytes(b);
	p->n_groups += b->kind == STOA__KIND_BASE || b->kind == STOA__KIND_TAIL;
	if (b->kind != STOA__KIND_BASE || !base->segment)
		return;
	number = stoa__segment_file(base->segment);
	while (i && p->file[i - 1].number != number)
		i--;
	if (!i && p->n_files < sizeof p->file / sizeof *p->file)
		p->file[p->n_files++] =
			(struct pinned_file){ number, stoa__segment_left(base->segment) };
}

static void measure_pins(struct stoa_db *db, struct stoa_stat *s)
{
	struct pins p = { 0 };
	char name[32];
	uint64_t size;

	s->oldest_commit = stoa__history_pinned(&db->history, pin, &p);
	s->pinned_bytes = p.bytes;
	s->pinned_groups = p.n_groups;
	s->n_cursors = stoa__history_n_cursors(&db->history);
	for (size_t i = 0; i < p.n_files; i++) {
		stoa__segment_name(p.file[i].number, name);
		if (stoa__file_size(&db->dir, name, &size, NULL) == STOA_ENOTFOUND)
			s->pinned_disk_bytes += p.file[i].len;
	}
}

static int weigh_table(void *ctx, uint64_t id, void *value)
{
	(void)id;
	return stoa__census_table(ctx, value);
}

/* Sums up what a trace has of table @t, or of all if that is NULL. */
static int measure_heap(stoa_txn *txn, const struct stoa__table *t, struct stoa_stat *s,
			struct stoa_error *err)
{
	struct stoa__census c = { .db = txn->db, .err = err, .memory_only = true };
	int rc;

	c.trace = stoa__trace_new();
	if (!c.trace)
		return stoa__fail_memory(err);
	rc = t ? stoa__census_table(&c, t) :
		 stoa__tree_walk(txn->version->tables, 0, weigh_table, &c);
	if (rc == STOA_OK && (c.failed || c.trace->failed))
		rc = stoa__fail_memory(err);
	for (uint32_t i = 0; rc == STOA_OK && i < c.trace->n; i++) {
		const struct stoa_trace_node *node = &c.trace->nodes[i];
		uint64_t bytes = (uint64_t)node->memory;
		bool is_live = node->kind == STOA_TRACE_ROWS && !strcmp(node->name, "live bitmaps");

		s->memory_bytes += bytes;
		s->tail_bytes += node->kind == STOA_TRACE_TAIL ? bytes : 0;
		s->overlay_bytes += is_live || node->kind == STOA_TRACE_OVERLAY ? bytes : 0;
	}
	stoa_trace_free(c.trace);
	stoa__free(c.files);
	if (!t)
		s->memory_bytes = stoa__db_bytes(txn->db);
	return rc;
}

int stoa_stat(stoa_txn *txn, stoa_table table, struct stoa_stat *out, struct stoa_error *err)
{
	struct stoa_stat s = STOA_STAT_INIT;
	struct stoa__history *h;
	struct stoa__table *t = NULL;
	size_t size;

	STOA_TRY(stoa__txn_enter(txn, err));
	if (!out || out->size < sizeof(size_t))
		return stoa__fail(err, STOA_EINVAL, "the size is wrong: start from STOA_STAT_INIT");
	if (table) {
		STOA_TRY(stoa__txn_table(txn, table, &t, err));
		(void)count_table(&s, table, t);
	} else {
		(void)stoa__tree_walk(txn->version->tables, 0, count_table, &s);
	}
	STOA_TRY(measure_heap(txn, t, &s, err));
	h = &txn->db->history;
	pthread_mutex_lock(&txn->db->symbols.mutex);
	s.n_symbols = txn->db->symbols.n_live;
	s.symbol_bytes = txn->db->symbols.bytes;
	pthread_mutex_unlock(&txn->db->symbols.mutex);
	s.n_snapshots = stoa__history_n_snapshots(h);
	s.commit = txn->version->commit;
	measure_pins(txn->db, &s);
	if (txn->db->path)
		measure_disk(txn->db, &s);
	size = out->size;
	s.size = size;
	memcpy(out, &s, size < sizeof s ? size : sizeof s);
	return STOA_OK;
}
