/* SPDX-License-Identifier: MIT */
/*
 * recover_segments.c - tables made of segment files alone, where the catalog is lost
 *
 * A segment file says which groups it has, of how many rows, and of each column its slot id, its
 * type and its scale. It does not know names, nor which table a group is of, nor its first rowid.
 * So groups whose slots have the same ids and types are taken for those of one table, in the order
 * of files; rowids begin at 1 and keep their gaps within a group.
 *
 * (1) A group that has an image that cannot be verified or opened is left out and said; one without
 *     columns is no group of rows but hints of a set index, and is passed over.
 * (2) References are left out: to which table they were is nowhere to be found.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/alloc.h"
#include "index.h"
#include "recover.h"

/* The columns of a group, by slot. */
struct shape {
	uint32_t n;
	bool has_map;		/* of rowids */
	bool is_hints;
	struct column {
		uint32_t slot;
		uint8_t type, scale;
	} column[STOA_SLOTS_MAX];
};

struct gathering {
	struct stoa__recover *r;
	struct stoa__segment *segment;
	uint32_t group;
	struct shape shape;
	int rc;
	struct stoa_error why;
};

/* ---- shapes ---- */

static int look_at_chunk(struct gathering *g, uint32_t slot)
{
	struct stoa__chunk chunk;
	const uint8_t *image;
	const char *why;
	size_t len;

	STOA_TRY(stoa__segment_chunk(g->segment, g->group, slot, &image, &len, &g->why));
	if (slot == STOA__SLOT_ROWIDS) {
		g->shape.has_map = true;
		return STOA_OK;
	}
	if (g->shape.n == STOA_SLOTS_MAX || stoa__chunk_open(image, len, &chunk, &why) < 0) {
		g->shape.is_hints = true;
		return STOA_OK;
	}
	if (chunk.type != STOA_REF && chunk.type != STOA_WEAK_REF)
		g->shape.column[g->shape.n++] = (struct column){
			slot, chunk.type, chunk.type == STOA_DECIMAL ? chunk.scale : 0
		};
	return STOA_OK;
}

static void on_chunk(void *ctx, uint32_t slot, uint64_t len)
{
	struct gathering *g = ctx;

	(void)len;
	if (g->rc == STOA_OK)
		g->rc = look_at_chunk(g, slot);
}

static bool fits_table(const struct shape *s, const struct stoa__schema *schema)
{
	if (schema->n_slots != s->n)
		return false;
	for (uint32_t i = 0; i < s->n; i++)
		if (schema->slots[i].id != s->column[i].slot ||
		    schema->slots[i].def.type != s->column[i].type ||
		    schema->slots[i].def.scale != s->column[i].scale)
			return false;
	return true;
}

/* ---- tables ---- */

static int new_table(struct gathering *g, uint32_t id)
{
	const struct shape *s = &g->shape;
	struct stoa_slot *slots = stoa__calloc(s->n, sizeof *slots);
	uint32_t *ids = stoa__calloc(s->n, sizeof *ids), next = 0;
	char(*names)[24] = stoa__calloc(s->n, sizeof *names), name[32];
	struct stoa__version *w = g->r->from->version;
	struct stoa__schema *schema;
	int rc = slots && ids && names ? STOA_OK : stoa__fail_memory(g->r->err);

	for (uint32_t i = 0; i < s->n && rc == STOA_OK; i++) {
		snprintf(names[i], sizeof names[i], "slot_%u", s->column[i].slot);
		slots[i] = (struct stoa_slot){ .name = names[i], .type = s->column[i].type,
					       .scale = s->column[i].scale };
		if (slots[i].type == STOA_DECIMAL)
			slots[i].precision = STOA_DECIMAL_PRECISION_MAX;
		ids[i] = s->column[i].slot;
		if (ids[i] >= next)
			next = ids[i] + 1;
	}
	snprintf(name, sizeof name, "recovered_%u", id);
	if (rc == STOA_OK)
		rc = stoa__schema_new(w, name, slots, ids, NULL, s->n, next, &schema, g->r->err);
	if (rc == STOA_OK)
		rc = stoa__table_set_schema(w, NULL, id, schema, g->r->err);
	stoa__free(slots);
	stoa__free(ids);
	stoa__free(names);
	return rc;
}

/* The table that a group of this shape belongs to. */
static int find_table(struct gathering *g, struct stoa__table **out)
{
	struct stoa__version *w = g->r->from->version;
	uint32_t id = 1;

	for (; id < w->next_table; id++) {
		const struct stoa__table *t = stoa__table_find(w, id);

		if (t && fits_table(&g->shape, t->schema))
			break;
	}
	if (!stoa__table_find(w, id))
		STOA_TRY(new_table(g, id));
	if (stoa__table_own(w, id, out) < 0)
		return stoa__fail_memory(g->r->err);
	return STOA_OK;
}

/* How far the last row's rowid is from the first's. */
static int find_span(struct gathering *g, uint32_t n_rows, uint64_t *span)
{
	struct stoa__rowids rowids;
	const uint8_t *image;
	const char *why;
	size_t len;

	*span = n_rows - 1;
	if (!g->shape.has_map)
		return STOA_OK;
	STOA_TRY(stoa__segment_chunk(g->segment, g->group, STOA__SLOT_ROWIDS, &image, &len, &g->why));
	if (stoa__rowids_open(image, len, &rowids, &why) < 0 || rowids.n_rows != n_rows)
		return stoa__fail_corrupt(&g->why, "a segment file", 0, "its map of rowids is none");
	stoa__rowids_read(&rowids, n_rows - 1, 1, span);
	return STOA_OK;
}

static int add_group(struct gathering *g, uint32_t n_rows)
{
	struct stoa__version *w = g->r->from->version;
	struct stoa__base_info info = { .n_rows = n_rows };
	struct stoa__table *t;
	struct stoa__group *group;
	struct stoa__base *base;
	uint64_t span;

	STOA_TRY(find_span(g, n_rows, &span));
	STOA_TRY(find_table(g, &t));
	info.first = t->next_rowid;
	info.last = info.first + span;
	info.n_columns = t->schema->next_slot;
	STOA_TRY(stoa__base_new_mapped(w, &info, g->segment, g->group, &base, &g->why));
	if (stoa__table_add_group(w, t, base, &group, &g->why) < 0) {
		stoa__block_retire(w, &base->block);
		return stoa__fail_memory(g->r->err);
	}
	t->next_rowid = info.last + 1;
	return STOA_OK;
}

static int take_group(struct gathering *g)
{
	uint32_t n_rows;

	memset(&g->shape, 0, sizeof g->shape);
	g->rc = STOA_OK;
	STOA_TRY(stoa__segment_group_rows(g->segment, g->group, &n_rows, &g->why));
	STOA_TRY(stoa__segment_each_chunk(g->segment, g->group, on_chunk, g, &g->why));
	STOA_TRY(g->rc);
	return g->shape.n && !g->shape.is_hints ? add_group(g, n_rows) : STOA_OK;
}

/* ---- files ---- */

static int lose_or_fail(struct gathering *g, int rc)
{
	if (rc == STOA_ECORRUPT) {
		stoa__recover_lose(g->r, NULL, 0, 0, g->why.text);
		return STOA_OK;
	}
	if (rc < 0 && g->r->err && *g->why.text)
		*g->r->err = g->why;
	return rc;
}

static int take_file(struct stoa__recover *r, uint64_t number)
{
	struct gathering *g = stoa__calloc(1, sizeof *g);
	uint32_t n = 0;
	int rc;

	if (!g)
		return stoa__fail_memory(r->err);
	g->r = r;
	rc = stoa__segment_open_stray(&r->old->dir, number, &g->segment, &g->why);
	if (rc == STOA_OK)
		rc = stoa__segment_n_groups(g->segment, &n, &g->why);
	rc = lose_or_fail(g, rc);
	for (; g->group < n && rc == STOA_OK; g->group++)
		rc = lose_or_fail(g, take_group(g));
	stoa__segment_unref(g->segment);
	stoa__free(g);
	return rc;
}

static int note_file(void *ctx, const char *name)
{
	char *end;
	unsigned long long number = strtoull(name, &end, 10);

	if (end == name || strcmp(end, ".seg") != 0)
		return STOA_OK;
	return stoa__rowlist_add(ctx, number);
}

int stoa__recover_segments(struct stoa__recover *r)
{
	struct stoa__rowlist numbers = { 0 };
	int rc = stoa__dir_list(&r->old->dir, "segments", note_file, &numbers, r->err);

	if (rc == STOA_ENOMEM)
		rc = stoa__fail_memory(r->err);
	if (rc == STOA_ENOTFOUND)
		rc = STOA_OK;
	stoa__rowlist_sort(&numbers);
	stoa__recover_lose(r, NULL, 0, 0,
			   "without the catalog: names, newest rows, changes, deletes and references");
	for (size_t i = 0; i < numbers.n && rc == STOA_OK; i++)
		rc = take_file(r, numbers.rows[i]);
	stoa__free(numbers.rows);
	return rc;
}
