/* SPDX-License-Identifier: MIT */
/*
 * seal.c - from a tail's pages to an encoded row group
 *
 * Rows that died in the tail are left out: the first collection that a row can meet. What remains,
 * kept rows included, is gathered slot by slot into a C array and encoded; the group is in heap
 * until a checkpoint moves it to a segment.
 */
#include <string.h>

#include "core/alloc.h"
#include "core/bitmap.h"
#include "core/type.h"
#include "table.h"

/* The rows that go on. */
struct survivors {
	uint32_t n;
	uint16_t *rows;		/* of the tail, ascending */
	uint64_t *rowids;
	uint64_t *validity;	/* room for a bit each */
	void *values;		/* room for the widest element each */
};

static void survivors_release(struct survivors *s)
{
	stoa__free(s->rows);
	stoa__free(s->rowids);
	stoa__free(s->validity);
	stoa__free(s->values);
}

static int survivors_init(struct survivors *s, const struct stoa__table *t)
{
	size_t n = t->tail_rows;

	memset(s, 0, sizeof *s);
	s->rows = stoa__alloc(n * sizeof *s->rows);
	s->validity = stoa__alloc(STOA__WORDS(n) * sizeof *s->validity);
	s->values = stoa__alloc_aligned(n * 16);
	s->rowids = stoa__alloc(n * sizeof *s->rowids);
	if (!s->rows || !s->rowids || !s->validity || !s->values) {
		survivors_release(s);
		return STOA_ENOMEM;
	}
	for (uint32_t row = 0; row < n; row++)
		if (stoa__group_exists(t->tail, row)) {
			s->rowids[s->n] = t->tail->first + row;
			s->rows[s->n++] = (uint16_t)row;
		}
	return STOA_OK;
}

/* The page that holds a tail's row. */
static const struct stoa__page *page_of(const struct stoa__table *t, uint32_t slot, uint32_t row)
{
	const struct stoa__page *page =
		stoa__group_overlay(t->tail, t->schema->slots[slot].id, row);

	return page ? page : t->tail->tail->rows[row / STOA__PAGE_ROWS][slot];
}

/*
 * Gathers a slot of the survivors: symbol ids of strings, elements of a struct stoa_array of the
 * rest.
 */
static bool gather(const struct stoa__table *t, uint32_t slot, struct survivors *s)
{
	unsigned type = t->schema->slots[slot].def.type;
	bool is_string = type == STOA_STRING;
	size_t width = is_string ? sizeof(uint32_t) : stoa__type_width(type);
	bool any_null = false;

	memset(s->validity, 0xff, STOA__WORDS(s->n) * sizeof *s->validity);
	for (uint32_t i = 0; i < s->n; i++) {
		const struct stoa__page *page = page_of(t, slot, s->rows[i]);
		size_t at = s->rows[i] % STOA__PAGE_ROWS;
		uint8_t *to = (uint8_t *)s->values + i * width;

		if (page->null[at]) {
			stoa__bit_clear(s->validity, i);
			any_null = true;
			memset(to, 0, width);
		} else if (page->type == STOA_TEXT || page->type == STOA_BLOB) {
			struct stoa_value v;

			stoa__page_value(page, at, &v);
			((struct stoa_bytes *)s->values)[i] = (struct stoa_bytes){ v.p, v.len };
		} else {
			memcpy(to, page->values + at * width, width);
		}
	}
	return any_null;
}

static int encode_slot(const struct stoa__table *t, uint32_t slot, struct survivors *s,
		       struct stoa__images *im)
{
	const struct stoa__slot *def = &t->schema->slots[slot];
	const uint64_t *validity = gather(t, slot, s) ? s->validity : NULL;
	struct stoa__image *image = &im->image[im->n];
	struct stoa_array a = { def->def.type, def->def.scale, s->values, validity };

	image->slot = def->id;
	image->offset = im->bytes.len;
	if (def->def.type == STOA_STRING)
		STOA_TRY(stoa__chunk_encode_ids(s->values, validity, s->n, &im->bytes));
	else
		STOA_TRY(stoa__chunk_encode(&a, s->n, &im->bytes));
	image->len = im->bytes.len - image->offset;
	im->n++;
	return STOA_OK;
}

static int encode(const struct stoa__table *t, struct survivors *s, struct stoa__images *im,
		  struct stoa_error *err)
{
	for (uint32_t i = 0; i < t->schema->n_slots; i++) {
		int rc = encode_slot(t, i, s, im);

		if (rc == STOA_EFULL)
			return stoa__fail(err, rc, "slot \"%s\": a row group of it passes 4 GiB",
					  t->schema->slots[i].def.name);
		if (rc < 0)
			return stoa__fail_memory(err);
	}
	if (stoa__images_add_rowids(im, s->rowids, s->n) < 0)
		return stoa__fail_memory(err);
	stoa__images_fit(im);
	return STOA_OK;
}

/* Rows that are kept in the tail are kept in @g, the group of the survivors. */
static int carry_kept(struct stoa__version *w, const struct stoa__table *t,
		      const struct survivors *s, struct stoa__group *g)
{
	for (uint32_t i = 0; i < s->n && g->n_kept < t->tail->n_kept; i++) {
		uint64_t bit = (uint64_t)1 << (i % 64);
		struct stoa__live *live, *kept;

		if (!stoa__group_kept(t->tail, s->rows[i]))
			continue;
		STOA_TRY(stoa__group_own_live(w, g, i / STOA__LIVE_ROWS, &live));
		STOA_TRY(stoa__group_own_kept(w, g, i / STOA__LIVE_ROWS, &kept));
		live->words[i % STOA__LIVE_ROWS / 64] &= ~bit;
		kept->words[i % STOA__LIVE_ROWS / 64] |= bit;
		g->n_dead++;
		g->n_kept++;
	}
	return STOA_OK;
}

int stoa__table_seal(struct stoa__version *w, struct stoa__table *t, struct stoa_error *err)
{
	struct stoa__images im = { 0 };
	struct stoa__base_info info = { .n_columns = t->schema->next_slot };
	struct survivors s;
	struct stoa__base *base;
	struct stoa__group *g;
	int rc;

	if (!t->tail)
		return STOA_OK;
	if (!stoa__group_n_existing(t, t->tail)) {
		stoa__table_drop_tail(w, t);
		return STOA_OK;
	}
	if (survivors_init(&s, t) < 0)
		return stoa__fail_memory(err);
	rc = stoa__images_init(&im, t->schema->n_slots);
	if (rc < 0) {
		rc = stoa__fail_memory(err);
		goto out;
	}
	rc = encode(t, &s, &im, err);
	if (rc < 0)
		goto out;
	info.first = s.rowids[0];
	info.last = s.rowids[s.n - 1];
	info.n_rows = s.n;
	rc = stoa__base_new_heap(w, &info, &im, &base, err);
	if (rc < 0)
		goto out;
	rc = stoa__table_add_group(w, t, base, &g, err);
	if (rc < 0) {
		stoa__block_retire(w, &base->block);
		goto out;
	}
	t->n_rows -= g->n_rows;	/* they were counted in the tail, and so were those that are kept */
	if (carry_kept(w, t, &s, g) < 0) {
		t->n_rows += g->n_rows;
		g->n_dead = g->n_kept = 0;
		(void)stoa__table_remove_group(w, t, g);	/* just put there: nothing has to be copied */
		rc = stoa__fail_memory(err);
		goto out;
	}
	stoa__table_drop_tail(w, t);
out:
	stoa__images_release(&im);
	survivors_release(&s);
	return rc;
}
