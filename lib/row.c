/* SPDX-License-Identifier: MIT */
/*
 * row.c - the values of one row
 *
 * A row that was not read lately has its values in as many places as it has slots, and each is a
 * miss of the caches and of the TLB that takes longer than decoding all of the row. So there are
 * two passes: the first finds the chunks and hints at every line that will be read, the second
 * decodes. What is common, a packed number or a string of a dictionary in a group without overlay,
 * is decoded here, without a call.
 *
 * Measured over 1.5 million rows of nine slots, 48 MB and so more than the caches hold, on an AMD
 * EPYC: a random row takes 303 ns, one in the caches 110. Eleven lines that are asked for at once,
 * as here, take 250 ns to come and one alone 165 to 175. So what is left to win is some 50 ns in
 * this code, and about 80 in a layout that keeps rows together, for which each scan of a column
 * would pay. Large pages change little (5 to 10%): ext4 gives large folios by itself. Calls do not
 * overlap, as a processor looks some 300 instructions ahead and a row takes 1,500; who can name
 * many rows at once has stoa_get_many().
 */
#include "core/chunk_cold.h"
#include "core/packed.h"
#include "table.h"

#define SLOTS 64	/* that a pass goes over at a time */

/* The page that speaks for row @row of the slot at position @i, or NULL where the base does. */
static const struct stoa__page *page_of(const struct stoa__group *g, const struct stoa__slot *slot,
					uint32_t i, uint32_t row)
{
	const struct stoa__page *page = stoa__group_overlay(g, slot->id, row);

	return page || !g->tail ? page : g->tail->rows[row / STOA__PAGE_ROWS][i];
}

/*
 * The chunks of @n slots, NULL where one was not opened yet, and hints at what of them will be
 * read. The last slots come first, as that is where texts tend to stand, which have the most to
 * fetch.
 */
static void find_chunks(const struct stoa__base *base, const struct stoa__slot *slots, uint32_t n,
			uint32_t row, const struct stoa__chunk **out)
{
	for (uint32_t i = n; i-- > 0;) {
		const struct stoa__chunk *c = stoa__base_opened(base, slots[i].id);

		out[i] = c && c->type == slots[i].def.type ? c : NULL;
		if (out[i])
			stoa__chunk_prefetch(c, row);
	}
}

/* What goes before the value itself in a struct stoa_value. */
static inline void set_head(struct stoa_value *out, const struct stoa__slot *slot, uint32_t len)
{
	out->type = slot->def.type;
	out->scale = slot->def.scale;
	out->zero = 0;
	out->len = len;
}

/* Value @row of the chunk @c of @slot. */
static inline int chunk_value(const struct stoa__base *base, const struct stoa__chunk *c,
			      const struct stoa__slot *slot, uint32_t row,
			      struct stoa__buf *scratch, struct stoa_value *out,
			      struct stoa_error *err)
{
	if (stoa__chunk_is_null(c, row)) {
		*out = stoa_null();
		return STOA_OK;
	}
	if (c->encoding == STOA__ENC_PACKED || c->encoding == STOA__ENC_STEPPED) {
		set_head(out, slot, 0);
		out->u = c->base + c->step * stoa__packed_get(c->values, c->width, row);
		return STOA_OK;
	}
	if (c->encoding == STOA__ENC_DICT) {
		struct stoa_bytes s = stoa__chunk_entry(
			c, (uint32_t)stoa__packed_get(c->values, c->width, row));

		set_head(out, slot, s.len);
		out->p = s.p;
		__builtin_prefetch(s.p);	/* whoever asks for a row will read it */
		return STOA_OK;
	}
	STOA_TRY(stoa__base_value(base, c, row, scratch, out, err));
	out->scale = slot->def.scale;
	return STOA_OK;
}

/* The same of a cold chunk, whose frame stays thawed. */
static int thawed_value(const struct stoa__base *base, const struct stoa__chunk *c,
			const struct stoa__slot *slot, uint32_t row, struct stoa__thawed *thawed,
			struct stoa__buf *scratch, struct stoa_value *out, struct stoa_error *err)
{
	int rc = stoa__thawed_value(thawed, c, base->id, row, scratch, out);

	if (rc < 0)
		return stoa__base_value_error(base, rc, err);
	out->scale = slot->def.scale;
	return STOA_OK;
}

/*
 * The same where a page may speak for the row, and @c may not be opened yet. @thawed: NULL, or what
 * keeps the frame of a cold column.
 */
static int slot_value(const struct stoa__group *g, const struct stoa__slot *slot, uint32_t i,
		      const struct stoa__chunk *c, uint32_t row, struct stoa__thawed *thawed,
		      struct stoa__buf *scratch, struct stoa_value *out, struct stoa_error *err)
{
	const struct stoa__page *page = page_of(g, slot, i, row);

	if (page) {
		stoa__page_value(page, row % STOA__PAGE_ROWS, out);
		if (out->type == STOA_DECIMAL)
			out->scale = slot->def.scale;
		return STOA_OK;
	}
	if (!c)
		STOA_TRY(stoa__base_column(g->base, slot->id, slot->def.type, &c, err));
	if (c && thawed && stoa__chunk_is_cold(c))
		return thawed_value(g->base, c, slot, row, thawed, scratch, out, err);
	if (c)
		return chunk_value(g->base, c, slot, row, scratch, out, err);
	*out = slot->absent;
	return STOA_OK;
}

int stoa__group_value(const struct stoa__group *g, const struct stoa__slot *slot, uint32_t i,
		      uint32_t row, struct stoa__buf *scratch, struct stoa_value *out,
		      struct stoa_error *err)
{
	return slot_value(g, slot, i, NULL, row, NULL, scratch, out, err);
}

int stoa__group_value_kept(const struct stoa__group *g, const struct stoa__slot *slot, uint32_t i,
			   uint32_t row, struct stoa__thawed *thawed, struct stoa__buf *scratch,
			   struct stoa_value *out, struct stoa_error *err)
{
	return slot_value(g, slot, i, NULL, row, thawed, scratch, out, err);
}

void stoa__group_hint(const struct stoa__group *g, const struct stoa__schema *schema, uint32_t row)
{
	for (uint32_t i = 0; g->base && i < schema->n_slots; i++) {
		const struct stoa__chunk *c = stoa__base_opened(g->base, schema->slots[i].id);

		if (c)
			stoa__chunk_prefetch(c, row);
	}
}

/* A row of a tail that no overlay speaks for. */
static int tail_row(const struct stoa__group *g, const struct stoa__schema *schema, uint32_t row,
		    struct stoa_value *out)
{
	struct stoa__page *const *pages = g->tail->rows[row / STOA__PAGE_ROWS];

	for (uint32_t i = 0; i < schema->n_slots; i++) {
		stoa__page_value(pages[i], row % STOA__PAGE_ROWS, &out[i]);
		if (out[i].type == STOA_DECIMAL)
			out[i].scale = schema->slots[i].def.scale;
	}
	return STOA_OK;
}

int stoa__group_row(const struct stoa__group *g, const struct stoa__schema *schema, uint32_t row,
		    struct stoa__buf *scratch, struct stoa_value *out, struct stoa_error *err)
{
	if (g->tail && !g->overlay)
		return tail_row(g, schema, row, out);
	for (uint32_t i = 0; i < schema->n_slots; i += SLOTS) {
		const struct stoa__slot *slots = &schema->slots[i];
		const struct stoa__chunk *chunks[SLOTS];
		uint32_t n = schema->n_slots - i < SLOTS ? schema->n_slots - i : SLOTS;

		if (g->base)
			find_chunks(g->base, slots, n, row, chunks);
		for (uint32_t k = 0; k < n; k++, out++) {
			const struct stoa__chunk *c = g->base ? chunks[k] : NULL;

			if (c && !g->overlay)
				STOA_TRY(chunk_value(g->base, c, &slots[k], row, scratch, out, err));
			else
				STOA_TRY(slot_value(g, &slots[k], i + k, c, row, NULL, scratch, out,
						    err));
		}
	}
	return STOA_OK;
}
