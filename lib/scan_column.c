/* SPDX-License-Identifier: MIT */
/*
 * scan_column.c - the values of a batch of a scan, a column at a time
 *
 * Where all rows of the run live and no overlay speaks, a column is read as it lies; otherwise it
 * is put together page by page, and where some are dead, gathered:
 *
 *     base (chunk, or a frame of a cold one) -> pages of tail and overlay over it -> rows that live
 *                                                                  -> weak references that faded
 *
 * Two kinds come out: elements of the slot's C type for applications, and the engine's wide ones or
 * codes for queries.
 */
#include <string.h>

#include "core/alloc.h"
#include "core/bitmap.h"
#include "core/type.h"
#include "scan_column.h"

/* ---- values of a run, before gathering ---- */

static int decode_failed(int rc, const struct stoa__scan *s, uint32_t slot, struct stoa_error *err)
{
	if (rc == STOA_ENOMEM)
		return stoa__fail_memory(err);
	return stoa__fail(err, STOA_ECORRUPT, "table \"%s\", slot \"%s\": values do not decode",
			  s->table->schema->name, s->table->schema->slots[slot].def.name);
}

/* Strings of a run over a list of ids. */
static void read_ids(const struct stoa__base *base, const struct stoa__chunk *c, size_t from,
		     size_t n, struct stoa_bytes *out)
{
	uint32_t codes[STOA__BATCH_ROWS];

	stoa__chunk_codes(c, from, n, codes);
	for (size_t i = 0; i < n; i++)
		out[i] = stoa__chunk_is_null(c, from + i) ? (struct stoa_bytes){ "", 0 } :
							    stoa__base_string(base, c, codes[i]);
}

/* What a group's base has in a run, as elements of the slot's C type. */
static int read_base(struct stoa__scan *s, struct stoa__scan_column *col,
		     const struct stoa__slot *slot, const struct stoa__chunk *c, bool *any_null,
		     struct stoa_error *err)
{
	size_t n = s->n_stored;
	int rc = STOA_OK;

	memset(col->validity, 0xff, STOA__WORDS(n) * sizeof *col->validity);
	*any_null = false;
	if (!c) {
		stoa__slot_fill_absent(slot, n, col->narrow, col->validity, any_null);
		return STOA_OK;
	}
	if (c->encoding == STOA__ENC_DICT_ID)
		read_ids(s->group->base, c, col->at, n, col->narrow);
	else
		rc = stoa__chunk_read(c, col->at, n, col->narrow, &col->bytes);
	if (rc < 0)
		return decode_failed(rc, s, col->slot, err);
	if (c->validity) {
		stoa__bitmap_copy(col->validity, 0, c->validity, col->at, n);
		*any_null = true;
	}
	return STOA_OK;
}

/* Rows [at, at + n) of the run from a page, into place. */
static void read_page(const struct stoa__scan *s, struct stoa__scan_column *col,
		      const struct stoa__page *page, uint32_t at, uint32_t n, bool *any_null)
{
	size_t width = stoa__type_width(page->type);

	for (uint32_t i = 0; i < n; i++)
		stoa__bit_set(col->validity, at + i);
	*any_null |= stoa__page_read(page, (s->from + at) % STOA__PAGE_ROWS, n,
				     (uint8_t *)col->narrow + at * width, col->validity, at);
}

/* Puts what pages say over a run: the tail's own, then the overlay's. */
static void read_pages(struct stoa__scan *s, struct stoa__scan_column *col,
		       const struct stoa__slot *slot, const struct stoa__pages *overlay,
		       bool *any_null)
{
	for (uint32_t at = 0; at < s->n_stored; at += STOA__PAGE_ROWS) {
		uint32_t p = (s->from + at) / STOA__PAGE_ROWS, n = s->n_stored - at;
		const struct stoa__page *page = overlay ? overlay->page[p] : NULL;

		if (n > STOA__PAGE_ROWS)
			n = STOA__PAGE_ROWS;
		if (s->group->tail)
			read_page(s, col, s->group->tail->rows[p][col->slot], at, n, any_null);
		if (page)
			read_page(s, col, page, at, n < page->n_rows ? n : page->n_rows, any_null);
	}
	(void)slot;
}

_Static_assert(STOA__BATCH_ROWS % STOA__PAGE_ROWS == 0, "a run begins with a page");

/* Keeps the rows that live. */
static void gather(const struct stoa__scan *s, struct stoa__scan_column *col, size_t width,
		   bool any_null)
{
	uint64_t validity[STOA__WORDS(STOA__BATCH_ROWS)];
	uint8_t *values = col->narrow;

	for (size_t i = 0; i < s->n; i++)
		memmove(values + i * width, values + s->rows[i] * width, width);
	if (!any_null)
		return;
	memset(validity, 0xff, sizeof validity);
	for (size_t i = 0; i < s->n; i++)
		if (!stoa__bit_get(col->validity, s->rows[i]))
			stoa__bit_clear(validity, i);
	memcpy(col->validity, validity, sizeof validity);
}

/* Does an overlay speak for the run? */
static const struct stoa__pages *overlay_of(const struct stoa__scan *s, uint32_t slot_id)
{
	const struct stoa__pages *pages = stoa__group_pages(s->group, slot_id);

	for (uint32_t p = s->from / STOA__PAGE_ROWS;
	     pages && p * STOA__PAGE_ROWS < s->from + s->n_stored; p++)
		if (pages->page[p])
			return pages;
	return NULL;
}

/* Weak references of the batch to rows that do not exist become NULL. */
static int fade(const struct stoa__scan *s, struct stoa__scan_column *col, bool *any_null,
		struct stoa_error *err)
{
	uint64_t *rows = col->narrow;

	for (size_t i = 0; i < s->n; i++) {
		int rc = stoa__bit_get(col->validity, i) ?
				 stoa__row_exists(col->target, rows[i], err) :
				 STOA_OK;

		if (rc != STOA_ENOTFOUND) {
			STOA_TRY(rc);
			continue;
		}
		stoa__bit_clear(col->validity, i);
		rows[i] = 0;
		*any_null = true;
	}
	return STOA_OK;
}

/* The batch's values in the slot's C type, NULLs being zero. */
static int read_narrow(struct stoa__scan *s, struct stoa__scan_column *col,
		       const struct stoa__chunk *c, const struct stoa__pages *overlay,
		       struct stoa_array *out, struct stoa_error *err)
{
	const struct stoa__slot *slot = &s->table->schema->slots[col->slot];
	size_t width = stoa__type_width(slot->def.type);
	const uint8_t *plain =
		c && !overlay && !s->gathered && !col->fading ? stoa__chunk_plain(c) : NULL;
	bool any_null = false;

	stoa__buf_reset(&col->bytes);
	*out = (struct stoa_array){ slot->def.type, slot->def.scale, col->narrow, NULL };
	if (plain && !c->validity) {
		out->values = plain + col->at * width;
		return STOA_OK;
	}
	if (s->group->base)
		STOA_TRY(read_base(s, col, slot, c, &any_null, err));
	else
		memset(col->validity, 0xff, sizeof col->validity);
	if (overlay || s->group->tail)
		read_pages(s, col, slot, overlay, &any_null);
	if (s->gathered)
		gather(s, col, width, any_null);
	if (col->fading)
		STOA_TRY(fade(s, col, &any_null, err));
	if (any_null)
		out->validity = col->validity;
	return STOA_OK;
}

/* The whole chunk that a column's values of the group are in; NULL: it has none. */
int stoa__scan_group_chunk(const struct stoa__scan *s, const struct stoa__scan_column *col,
			   const struct stoa__chunk **c, struct stoa_error *err)
{
	const struct stoa__slot *slot = &s->table->schema->slots[col->slot];

	*c = NULL;
	if (!s->group->base)
		return STOA_OK;
	return stoa__base_column(s->group->base, slot->id, slot->def.type, c, err);
}

/* The frame of a cold chunk that the batch is in: a batch never goes beyond one. */
static int thaw(const struct stoa__scan *s, struct stoa__scan_column *col,
		const struct stoa__chunk **c, struct stoa_error *err)
{
	size_t frame = s->from / STOA__FRAME_ROWS;
	uint64_t id = s->group->base->id + frame;
	const char *why;
	int rc;

	rc = stoa__thawed_reach(&col->thawed, *c, frame, id, &why);
	if (rc < 0)
		return decode_failed(rc, s, col->slot, err);
	*c = &col->thawed.chunk;
	col->at = s->from % STOA__FRAME_ROWS;
	return STOA_OK;
}

_Static_assert(STOA__FRAME_ROWS % STOA__BATCH_ROWS == 0, "a batch lies in one frame");

/* The chunk that has the batch, from its row col->at on; NULL where the group has none. */
static int find_chunk(const struct stoa__scan *s, struct stoa__scan_column *col,
		      const struct stoa__chunk **c, struct stoa_error *err)
{
	STOA_TRY(stoa__scan_group_chunk(s, col, c, err));
	col->at = s->from;
	return *c && stoa__chunk_is_cold(*c) ? thaw(s, col, c, err) : STOA_OK;
}

/* ---- the engine's kinds ---- */

/* The strings of a chunk's list, once for each group. */
static int read_dict(struct stoa__scan *s, struct stoa__scan_column *col,
		     const struct stoa__chunk *c, struct stoa_error *err)
{
	uint64_t id = s->group->base->id + col->slot;

	if (col->dict_id == id)
		return STOA_OK;
	if (col->cap_dict < c->n_dict) {
		struct stoa_bytes *dict = stoa__realloc_array(col->dict, c->n_dict, sizeof *dict);

		if (!dict)
			return stoa__fail_memory(err);
		col->dict = dict;
		col->cap_dict = c->n_dict;
	}
	for (uint32_t i = 0; i < c->n_dict; i++)
		col->dict[i] = stoa__base_string(s->group->base, c, i);
	col->dict_id = id;
	return STOA_OK;
}

static void give_dict(const struct stoa__scan_column *col, const struct stoa__chunk *c,
		      const uint32_t *codes, struct stoa__vec *out)
{
	out->kind = STOA__VEC_DICT;
	out->codes = codes;
	out->dict = col->dict;
	out->n_dict = c->n_dict;
	out->dict_id = col->dict_id;
}

static int read_codes(struct stoa__scan *s, struct stoa__scan_column *col,
		      const struct stoa__chunk *c, struct stoa__vec *out, struct stoa_error *err)
{
	STOA_TRY(read_dict(s, col, c, err));
	stoa__chunk_codes(c, col->at, s->n_stored, col->codes);
	if (s->gathered)
		for (size_t i = 0; i < s->n; i++)
			col->codes[i] = col->codes[s->rows[i]];
	give_dict(col, c, col->codes, out);
	if (!c->validity)
		return STOA_OK;
	memset(col->validity, 0xff, sizeof col->validity);
	if (!s->gathered) {
		stoa__bitmap_copy(col->validity, 0, c->validity, col->at, s->n_stored);
	} else {
		for (size_t i = 0; i < s->n; i++)
			if (stoa__chunk_is_null(c, col->at + s->rows[i]))
				stoa__bit_clear(col->validity, i);
	}
	out->validity = col->validity;
	return STOA_OK;
}

/* A number column of a run in which all rows live and no page speaks: straight from the image. */
static void read_wide(const struct stoa__scan *s, struct stoa__scan_column *col,
		      const struct stoa__chunk *c, struct stoa__vec *out)
{
	stoa__chunk_read_wide(c, col->at, s->n, col->wide);
	out->values = col->wide;
	if (!c->validity)
		return;
	stoa__bitmap_copy(col->validity, 0, c->validity, col->at, s->n);
	out->validity = col->validity;
}

int stoa__scan_vec(struct stoa__scan *s, struct stoa__scan_column *col, struct stoa__vec *out,
		   struct stoa_error *err)
{
	const struct stoa__slot *slot = &s->table->schema->slots[col->slot];
	const struct stoa__pages *overlay = overlay_of(s, slot->id);
	const struct stoa__chunk *c;
	struct stoa_array a;

	memset(out, 0, sizeof *out);
	out->kind = STOA__VEC_FLAT;
	out->type = stoa__scan_type(slot->def.type);
	out->phys = (uint8_t)stoa__phys_of(out->type);
	out->scale = slot->def.scale;
	out->n = s->n;
	STOA_TRY(find_chunk(s, col, &c, err));
	if (c && !overlay && slot->def.type == STOA_STRING)
		return read_codes(s, col, c, out, err);
	if (c && !overlay && !s->gathered && !col->fading && out->phys != STOA__PHYS_BYTES) {
		read_wide(s, col, c, out);
		return STOA_OK;
	}
	STOA_TRY(read_narrow(s, col, c, overlay, &a, err));
	out->validity = a.validity;
	out->values = a.values;
	if (out->phys != STOA__PHYS_BYTES || slot->def.type == STOA_UUID) {
		stoa__widen(slot->def.type, s->n, a.values, col->wide);
		out->values = col->wide;
	}
	return STOA_OK;
}

/* The same of rows that were looked up. */
int stoa__scan_looked(struct stoa__scan *s, struct stoa__scan_column *col, struct stoa__vec *out,
		      struct stoa_error *err)
{
	bool any_null;

	STOA_TRY(stoa__look_column(s->look, col->slot, col->narrow, col->validity, &col->thawed,
				   &col->bytes, out, err));
	return col->fading ? fade(s, col, &any_null, err) : STOA_OK;
}

/* The same for an application, in the slot's C type. */
int stoa__scan_array(struct stoa__scan *s, size_t i, struct stoa_array *out, struct stoa_error *err)
{
	struct stoa__scan_column *col = &s->columns[i];
	const struct stoa__slot *slot = &s->table->schema->slots[col->slot];
	const struct stoa__chunk *c;

	STOA_TRY(find_chunk(s, col, &c, err));
	return read_narrow(s, col, c, overlay_of(s, slot->id), out, err);
}

bool stoa__scan_codes(struct stoa__scan *s, size_t i, struct stoa__vec *out)
{
	struct stoa__scan_column *col = &s->columns[i];
	const struct stoa__slot *slot = &s->table->schema->slots[col->slot];
	const struct stoa__chunk *c;

	return !overlay_of(s, slot->id) && find_chunk(s, col, &c, NULL) == STOA_OK && c &&
	       read_codes(s, col, c, out, NULL) == STOA_OK;
}

/* ---- of chosen rows, as they lie ---- */

/* The chunk in which a column's batch lies as it is; NULL: it does not. */
static const struct stoa__chunk *whole_batch(struct stoa__scan *s, struct stoa__scan_column *col)
{
	const struct stoa__slot *slot = &s->table->schema->slots[col->slot];
	const struct stoa__chunk *c;

	if (s->look || s->gathered || col->fading || overlay_of(s, slot->id) ||
	    find_chunk(s, col, &c, NULL) < 0)
		return NULL;
	return c;
}

/* Are its numbers packed as the engine's are? */
static bool is_packed(const struct stoa__chunk *c)
{
	return (c->encoding == STOA__ENC_PACKED || c->encoding == STOA__ENC_STEPPED) &&
	       c->type != STOA_BOOL && c->type != STOA_U64 && !stoa__type_is_ref(c->type);
}

bool stoa__scan_within(struct stoa__scan *s, size_t i, int64_t lo, int64_t hi, uint64_t *bits)
{
	const struct stoa__chunk *c = whole_batch(s, &s->columns[i]);

	if (!c || !is_packed(c))
		return false;
	stoa__chunk_within(c, s->columns[i].at, s->n, lo, hi, bits);
	return true;
}

/*
 * Values of the chosen rows into @room, or codes: false where there is no short cut, or it fails.
 */
static bool pick_values(struct stoa__scan *s, struct stoa__scan_column *col,
			const struct stoa__chunk *c, const uint32_t *sel, size_t n, void *room,
			struct stoa__vec *out)
{
	out->values = room;
	if (is_packed(c)) {
		stoa__chunk_pick(c, col->at, sel, n, room);
		return true;
	}
	if (stoa__chunk_picks_bytes(c)) {
		stoa__buf_reset(&col->bytes);
		return stoa__chunk_pick_bytes(c, col->at, sel, n, room, &col->bytes) == STOA_OK;
	}
	if (c->type != STOA_STRING || read_dict(s, col, c, NULL) < 0)
		return false;
	stoa__chunk_pick_codes(c, col->at, sel, n, room);
	give_dict(col, c, room, out);
	return true;
}

bool stoa__scan_pick(struct stoa__scan *s, size_t i, const uint32_t *sel, size_t n, void *room,
		     uint64_t *bits, struct stoa__vec *out)
{
	struct stoa__scan_column *col = &s->columns[i];
	const struct stoa__chunk *c = col->ready ? NULL : whole_batch(s, col);

	if (!c)
		return false;
	memset(out, 0, sizeof *out);
	out->kind = STOA__VEC_FLAT;
	out->phys = (uint8_t)stoa__phys_of(c->type);
	out->type = c->type;
	out->scale = s->table->schema->slots[col->slot].def.scale;
	out->n = n;
	if (!pick_values(s, col, c, sel, n, room, out))
		return false;
	if (!c->validity)
		return true;
	memset(bits, 0, STOA__WORDS(n) * sizeof *bits);
	for (size_t k = 0; k < n; k++)
		if (!stoa__chunk_is_null(c, col->at + sel[k]))
			stoa__bit_set(bits, k);
	out->validity = bits;
	return true;
}

/* ---- life ---- */

int stoa__scan_column_init(struct stoa__scan *s, size_t i, uint32_t slot)
{
	const struct stoa_slot *def = &s->table->schema->slots[slot].def;
	struct stoa__scan_column *col = &s->columns[i];

	col->slot = slot;
	if (def->type == STOA_WEAK_REF) {
		col->target = stoa__table_find(s->version, def->target);
		col->fading = !col->target || !stoa__table_is_whole(col->target);
	}
	col->wide = stoa__alloc_aligned(STOA__BATCH_ROWS * sizeof(struct stoa_bytes));
	col->own = stoa__alloc_aligned(STOA__BATCH_ROWS * sizeof(struct stoa_bytes));
	col->narrow = col->own;
	col->codes = stoa__alloc_aligned(STOA__BATCH_ROWS * sizeof *col->codes);
	s->names[i] = (struct stoa_column){ def->name, def->type, def->precision, def->scale };
	return col->wide && col->narrow && col->codes ? STOA_OK : STOA_ENOMEM;
}

void stoa__scan_column_release(struct stoa__scan_column *col)
{
	stoa__free(col->wide);
	stoa__free(col->own);
	stoa__free(col->codes);
	stoa__free(col->dict);
	stoa__buf_release(&col->bytes);
	stoa__buf_release(&col->thawed.frame);
}
