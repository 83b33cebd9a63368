/* SPDX-License-Identifier: MIT */
/*
 * survivors.c - the rows of a new group, gathered from old ones and encoded
 *
 * Slot by slot, and in each slot run by run of 2,048 stored rows of an old group: the run is
 * decoded, what overlays say is put over it, and the rows that go on are moved to their places in
 * an array of the slot's type, which is encoded as bulk load encodes it. Runs of which all rows go
 * on are decoded in place.
 *
 * Strings go by their codes: a code of an old group's list is looked up in the new list once,
 * however many rows have it. The new list has the strings themselves, in heap too, as those of bulk
 * loads: the table of symbols is not touched.
 */
#include <string.h>

#include "compact.h"
#include "core/alloc.h"
#include "core/bitmap.h"
#include "core/chunk_cold.h"
#include "core/dict.h"
#include "core/type.h"

#define RUN STOA__BATCH_ROWS
#define NO_CODE UINT32_MAX

/* Copies of texts that were decompressed: they stay where they are until the slot is encoded. */
struct stash {
	struct stash *next;
	size_t used, cap;
	char bytes[];
};
#define STASH_BYTES ((size_t)1 << 20)

struct stoa__gatherer {
	/* of the new group's column: room for STOA__GROUP_ROWS */
	void *values;
	uint64_t *validity;
	uint32_t *codes;
	bool any_null;
	struct stoa__dict dict;
	struct stash *stash;
	/* of a run of an old group */
	void *run;
	uint64_t run_validity[STOA__WORDS(RUN)];
	uint32_t run_codes[RUN];
	struct stoa__buf scratch, frame, cold_image;
	uint32_t *known;	/* new code of each of the old list, or NO_CODE */
	size_t cap_known;
};

int stoa__gatherer_new(struct stoa__gatherer **out)
{
	struct stoa__gatherer *g = stoa__calloc(1, sizeof *g);

	*out = NULL;
	if (!g)
		return STOA_ENOMEM;
	g->values = stoa__alloc_aligned((size_t)STOA__GROUP_ROWS * 16);
	g->validity = stoa__alloc(STOA__GROUP_ROWS / 8);
	g->codes = stoa__alloc_aligned(STOA__GROUP_ROWS * sizeof *g->codes);
	g->run = stoa__alloc_aligned((size_t)RUN * 16);
	if (!g->values || !g->validity || !g->codes || !g->run) {
		stoa__gatherer_free(g);
		return STOA_ENOMEM;
	}
	*out = g;
	return STOA_OK;
}

static void stash_release(struct stoa__gatherer *g)
{
	while (g->stash) {
		struct stash *next = g->stash->next;

		stoa__free(g->stash);
		g->stash = next;
	}
}

void stoa__gatherer_free(struct stoa__gatherer *g)
{
	if (!g)
		return;
	stash_release(g);
	stoa__dict_release(&g->dict);
	stoa__buf_release(&g->scratch);
	stoa__buf_release(&g->frame);
	stoa__buf_release(&g->cold_image);
	stoa__free(g->known);
	stoa__free(g->values);
	stoa__free(g->validity);
	stoa__free(g->codes);
	stoa__free(g->run);
	stoa__free(g);
}

/* A column of an old group: at most one of the two is there. */
struct old_column {
	const struct stoa__group *group;
	const struct stoa__slot *slot;
	const struct stoa__chunk *chunk;
	const struct stoa__pages *pages;
};

/*
 * Stored rows [from, from + n) of it, of which rows[0 .. n_rows) go on, to row @at of the new
 * group.
 */
struct stretch {
	uint32_t from, n;
	const uint16_t *rows;
	uint32_t n_rows;
	uint32_t at;
};

/* Does a page speak for a row of the stretch? */
static bool has_pages(const struct old_column *c, const struct stretch *s)
{
	for (uint32_t p = s->from / STOA__PAGE_ROWS;
	     c->pages && p * STOA__PAGE_ROWS < s->from + s->n; p++)
		if (c->pages->page[p])
			return true;
	return false;
}

/* ---- values of fixed width, and texts ---- */

/* Copies bytes to where they stay. */
static int stash(struct stoa__gatherer *g, struct stoa_bytes *b)
{
	struct stash *s = g->stash;

	if (!s || s->cap - s->used < b->len) {
		size_t cap = b->len > STASH_BYTES ? b->len : STASH_BYTES;

		s = stoa__alloc(sizeof *s + cap);
		if (!s)
			return STOA_ENOMEM;
		*s = (struct stash){ g->stash, 0, cap };
		g->stash = s;
	}
	memcpy(s->bytes + s->used, b->p, b->len);
	b->p = s->bytes + s->used;
	s->used += b->len;
	return STOA_OK;
}

static bool lies_in(const struct stoa__buf *b, const char *p)
{
	return (uintptr_t)p - (uintptr_t)b->p < b->cap;
}

/* What of @values borrows from memory that the next stretch needs gets bytes of its own. */
static int stash_all(struct stoa__gatherer *g, struct stoa_bytes *values, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (values[i].len && (lies_in(&g->scratch, values[i].p) ||
				      lies_in(&g->frame, values[i].p)))
			STOA_TRY(stash(g, &values[i]));
	return STOA_OK;
}

/* What the base says of a stretch, into @values; validity into g->run_validity. */
static int read_base(struct stoa__gatherer *g, const struct old_column *col,
		     const struct stretch *s, void *values, bool *any_null)
{
	const struct stoa__chunk *c = col->chunk;
	struct stoa__chunk thawed;
	uint32_t from = s->from;
	const char *why;

	memset(g->run_validity, 0xff, STOA__WORDS(s->n) * sizeof *g->run_validity);
	*any_null = false;
	if (!c) {
		stoa__slot_fill_absent(col->slot, s->n, values, g->run_validity, any_null);
		return STOA_OK;
	}
	if (stoa__chunk_is_cold(c)) {
		STOA_TRY(stoa__chunk_thaw(c, from / STOA__FRAME_ROWS, &g->frame, &thawed, &why));
		c = &thawed;
		from %= STOA__FRAME_ROWS;
	}
	stoa__buf_reset(&g->scratch);
	STOA_TRY(stoa__chunk_read(c, from, s->n, values, &g->scratch));
	if (c->validity) {
		stoa__bitmap_copy(g->run_validity, 0, c->validity, from, s->n);
		*any_null = true;
	}
	return STOA_OK;
}

_Static_assert(STOA__FRAME_ROWS % RUN == 0, "a run lies in one frame");

/* Puts what pages say over a stretch. */
static void read_pages(struct stoa__gatherer *g, const struct old_column *col,
		       const struct stretch *s, void *values, bool *any_null)
{
	size_t width = stoa__type_width(col->slot->def.type);

	for (uint32_t at = 0; at < s->n; at += STOA__PAGE_ROWS) {
		const struct stoa__page *page = col->pages->page[(s->from + at) / STOA__PAGE_ROWS];
		uint32_t n = s->n - at;

		if (!page)
			continue;
		if (n > page->n_rows)
			n = page->n_rows;
		for (uint32_t i = 0; i < n; i++)
			stoa__bit_set(g->run_validity, at + i);
		*any_null |= stoa__page_read(page, 0, n, (uint8_t *)values + at * width,
					     g->run_validity, at);
	}
}

_Static_assert(RUN % STOA__PAGE_ROWS == 0, "a run begins with a page");

#define MOVE(type)                                                                \
	do {                                                                      \
		const type *in = from;                                            \
		type *out = to;                                                   \
		for (uint32_t i = 0; i < s->n_rows; i++)                          \
			out[i] = in[s->rows[i] - s->from];                        \
	} while (0)

struct wide {
	uint64_t half[2];
};

static void move_rows(const struct stretch *s, size_t width, const void *from, void *to)
{
	switch (width) {
	case 1: MOVE(uint8_t); break;
	case 2: MOVE(uint16_t); break;
	case 4: MOVE(uint32_t); break;
	case 8: MOVE(uint64_t); break;
	default: MOVE(struct wide);
	}
}

/* Validity bits of the rows that go on; the new group's are ones so far. */
static void move_validity(struct stoa__gatherer *g, const struct stretch *s)
{
	for (uint32_t i = 0; i < s->n_rows; i++)
		if (!stoa__bit_get(g->run_validity, s->rows[i] - s->from))
			stoa__bit_clear(g->validity, s->at + i);
	g->any_null = true;
}

static int gather_values(struct stoa__gatherer *g, const struct old_column *col,
			 const struct stretch *s)
{
	unsigned type = col->slot->def.type;
	size_t width = stoa__type_width(type);
	void *to = (uint8_t *)g->values + s->at * width;
	void *values = s->n_rows == s->n ? to : g->run;
	bool any_null;

	STOA_TRY(read_base(g, col, s, values, &any_null));
	if (has_pages(col, s))
		read_pages(g, col, s, values, &any_null);
	if (values != to)
		move_rows(s, width, values, to);
	if (stoa__type_family(type) == STOA__BYTES)
		STOA_TRY(stash_all(g, to, s->n_rows));
	if (any_null)
		move_validity(g, s);
	return STOA_OK;
}

/* ---- strings ---- */

static int new_code(struct stoa__gatherer *g, struct stoa_bytes b, uint32_t *code)
{
	return stoa__dict_add_string(&g->dict, b.p, b.len, code);
}

static void set_null(struct stoa__gatherer *g, uint32_t at)
{
	stoa__bit_clear(g->validity, at);
	g->any_null = true;
	g->codes[at] = 0;
}

/* A row of which the old list has the string. */
static int code_of_chunk(struct stoa__gatherer *g, const struct old_column *col, uint32_t row,
			 uint32_t old, uint32_t at)
{
	if (stoa__chunk_is_null(col->chunk, row)) {
		set_null(g, at);
		return STOA_OK;
	}
	if (old >= col->chunk->n_dict)
		return STOA_ECORRUPT;
	if (g->known[old] == NO_CODE)
		STOA_TRY(new_code(g, stoa__base_string(col->group->base, col->chunk, old),
				  &g->known[old]));
	g->codes[at] = g->known[old];
	return STOA_OK;
}

/* A row of which a page, or the schema, has the string. */
static int code_of_value(struct stoa__gatherer *g, const struct stoa_value *v, uint32_t at)
{
	if (v->type != STOA_NULL)
		return new_code(g, (struct stoa_bytes){ v->p, v->len }, &g->codes[at]);
	set_null(g, at);
	return STOA_OK;
}

static int gather_codes(struct stoa__gatherer *g, const struct old_column *col,
			const struct stretch *s)
{
	if (col->chunk)
		stoa__chunk_codes(col->chunk, s->from, s->n, g->run_codes);
	for (uint32_t i = 0; i < s->n_rows; i++) {
		uint32_t row = s->rows[i], at = s->at + i;
		const struct stoa__page *page =
			col->pages ? col->pages->page[row / STOA__PAGE_ROWS] : NULL;
		struct stoa_value v;

		if (page && row % STOA__PAGE_ROWS < page->n_rows) {
			stoa__page_value(page, row % STOA__PAGE_ROWS, &v);
			STOA_TRY(code_of_value(g, &v, at));
		} else if (col->chunk) {
			STOA_TRY(code_of_chunk(g, col, row, g->run_codes[row - s->from], at));
		} else {
			STOA_TRY(code_of_value(g, &col->slot->absent, at));
		}
	}
	return STOA_OK;
}

/* Nothing of the old group's list is known yet. */
static int forget_known(struct stoa__gatherer *g, const struct stoa__chunk *c)
{
	size_t n = c ? c->n_dict : 0;

	if (n > g->cap_known) {
		uint32_t *known = stoa__realloc_array(g->known, n, sizeof *known);

		if (!known)
			return STOA_ENOMEM;
		g->known = known;
		g->cap_known = n;
	}
	if (n)
		memset(g->known, 0xff, n * sizeof *g->known);
	return STOA_OK;
}

/* ---- a slot ---- */

/* Goes through the runs of a part that have rows which go on. */
static int gather_part(struct stoa__gatherer *g, const struct stoa__slot *slot,
		       const struct stoa__part *part, struct stoa_error *err)
{
	const struct stoa__group *group = part->group;
	struct old_column col = { group, slot, NULL, stoa__group_pages(group, slot->id) };
	bool is_string = slot->def.type == STOA_STRING;
	int rc = STOA_OK;

	STOA_TRY(stoa__base_column(group->base, slot->id, slot->def.type, &col.chunk, err));
	if (is_string)
		rc = forget_known(g, col.chunk);
	for (uint32_t i = 0, n; i < part->n && rc == STOA_OK; i += n) {
		struct stretch s = { .from = part->rows[i] / RUN * RUN, .n = RUN,
				     .rows = part->rows + i, .at = part->at + i };

		if (s.n > group->n_rows - s.from)
			s.n = group->n_rows - s.from;
		for (n = 1; i + n < part->n && part->rows[i + n] < s.from + s.n; n++)
			;
		s.n_rows = n;
		rc = is_string ? gather_codes(g, &col, &s) : gather_values(g, &col, &s);
	}
	return rc < 0 ? stoa__base_value_error(group->base, rc, err) : STOA_OK;
}

static int encode(struct stoa__gatherer *g, const struct stoa__slot *slot, uint32_t n_rows,
		  struct stoa__buf *out)
{
	const uint64_t *validity = g->any_null ? g->validity : NULL;
	struct stoa_array a = { slot->def.type, slot->def.scale, g->values, validity };

	if (slot->def.type == STOA_STRING)
		return stoa__chunk_encode_codes(g->codes, validity, n_rows, g->dict.strings,
						g->dict.n, out);
	return stoa__chunk_encode(&a, n_rows, out);
}

/*
 * Puts a cold image in the place of the last one of @out, which begins at @at, if that is smaller.
 */
static int make_cold(struct stoa__gatherer *g, struct stoa__buf *out, size_t at)
{
	struct stoa__chunk c;
	const char *why;
	int rc;

	STOA_TRY(stoa__chunk_open(out->p + at, out->len - at, &c, &why));
	stoa__buf_reset(&g->cold_image);
	rc = stoa__chunk_encode_cold(&c, &g->cold_image);
	if (rc != STOA_OK)
		return rc < 0 ? rc : STOA_OK;
	out->len = at;
	return stoa__buf_put(out, g->cold_image.p, g->cold_image.len);
}

static int gather_slot(struct stoa__gatherer *g, const struct stoa__slot *slot,
		       const struct stoa__part *parts, size_t n_parts, uint32_t n_rows, bool cold,
		       struct stoa__images *im, struct stoa_error *err)
{
	struct stoa__image *image = &im->image[im->n];
	int rc = STOA_OK;

	g->any_null = false;
	memset(g->validity, 0xff, STOA__WORDS(n_rows) * sizeof *g->validity);
	for (size_t i = 0; i < n_parts && rc == STOA_OK; i++)
		rc = gather_part(g, slot, &parts[i], err);
	if (rc == STOA_OK) {
		image->slot = slot->id;
		image->offset = im->bytes.len;
		rc = encode(g, slot, n_rows, &im->bytes);
		if (rc == STOA_OK && cold)
			rc = make_cold(g, &im->bytes, image->offset);
		if (rc == STOA_EFULL)
			stoa__fail(err, rc, "slot \"%s\": a row group of it passes 4 GiB",
				   slot->def.name);
		else if (rc < 0)
			stoa__fail_memory(err);
		image->len = im->bytes.len - image->offset;
		im->n++;
	}
	stash_release(g);
	stoa__dict_release(&g->dict);
	return rc;
}

int stoa__gather(struct stoa__gatherer *g, const struct stoa__schema *schema,
		 const struct stoa__part *parts, size_t n_parts, uint32_t n_rows,
		 const uint64_t *rowids, bool cold, struct stoa__images *im,
		 struct stoa_error *err)
{
	for (uint32_t i = 0; i < schema->n_slots; i++)
		STOA_TRY(gather_slot(g, &schema->slots[i], parts, n_parts, n_rows, cold, im, err));
	return stoa__images_add_rowids(im, rowids, n_rows) < 0 ? stoa__fail_memory(err) : STOA_OK;
}
