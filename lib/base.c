/* SPDX-License-Identifier: MIT */
/* base.c - see base.h */
#include "base.h"

#include <string.h>

#include "core/alloc.h"

/* Stands for a column that the base does not have. */
static struct stoa__chunk no_column;

int stoa__images_init(struct stoa__images *im, uint32_t n_max)
{
	memset(im, 0, sizeof *im);
	im->image = stoa__calloc(n_max, sizeof *im->image);
	return im->image ? STOA_OK : STOA_ENOMEM;
}

void stoa__images_release(struct stoa__images *im)
{
	stoa__buf_release(&im->bytes);
	stoa__free(im->image);
	memset(im, 0, sizeof *im);
}

void stoa__images_fit(struct stoa__images *im)
{
	uint8_t *p = im->bytes.len ? stoa__realloc(im->bytes.p, im->bytes.len) : NULL;

	if (p) {
		im->bytes.p = p;
		im->bytes.cap = im->bytes.len;
	}
}

/* Calls @change for the ids in the lists of all columns in heap. */
static void for_ids(struct stoa__base *base,
		    void (*change)(struct stoa__symbols *s, const uint32_t *ids, size_t n))
{
	for (uint32_t i = 0; i < base->n_columns; i++) {
		const struct stoa__chunk *c = base->column[i];

		if (c && c->encoding == STOA__ENC_DICT_ID)
			change(base->symbols, (const uint32_t *)(const void *)c->list, c->n_dict);
	}
}

static void release(struct stoa__block *b)
{
	struct stoa__base *base = (struct stoa__base *)b;

	for_ids(base, stoa__symbol_drop);
	for (uint32_t i = 0; i < base->n_columns; i++)
		if (base->column[i] != &no_column)
			stoa__free(base->column[i]);
	stoa__images_release(&base->heap);
	stoa__free(base->offsets);
	stoa__segment_unref(base->segment);
}

static struct stoa__base *base_new(struct stoa__version *w, uint64_t first, uint32_t n_rows,
				   const uint16_t *offsets, uint32_t n_columns)
{
	static _Atomic uint64_t ids;
	struct stoa__base *base =
		stoa__block_new(w, STOA__KIND_BASE, sizeof *base + n_columns * sizeof base->column[0]);

	if (!base)
		return NULL;
	base->block.release = release;
	base->symbols = w->history->symbols;
	base->id = (atomic_fetch_add(&ids, 1) + 1) << 16;
	base->first = first;
	base->n_rows = n_rows;
	base->last = first + (offsets ? offsets[n_rows - 1] : n_rows - 1);
	base->n_columns = n_columns;
	if (offsets && base->last - first + 1 != n_rows) {
		base->offsets = stoa__alloc(n_rows * sizeof *offsets);
		if (!base->offsets) {
			stoa__block_retire(w, &base->block);
			return NULL;
		}
		memcpy(base->offsets, offsets, n_rows * sizeof *offsets);
		stoa__block_grow(w->history, &base->block, n_rows * sizeof *offsets);
	}
	return base;
}

/* Opens an image as a column of @base: a new struct, or NULL with the reason in @rc and @why. */
static struct stoa__chunk *open_column(const struct stoa__base *base, const uint8_t *image,
				       size_t len, int *rc, const char **why)
{
	struct stoa__chunk *c = stoa__alloc(sizeof *c);

	if (!c) {
		*rc = STOA_ENOMEM;
		return NULL;
	}
	*rc = stoa__chunk_open(image, len, c, why);
	if (*rc == STOA_OK && c->n_rows != base->n_rows) {
		*rc = STOA_ECORRUPT;
		*why = "a column has another number of rows than its row group";
	}
	if (*rc < 0) {
		stoa__free(c);
		return NULL;
	}
	return c;
}

int stoa__base_new_heap(struct stoa__version *w, uint64_t first, uint32_t n_rows,
			const uint16_t *offsets, uint32_t n_columns, struct stoa__images *im,
			struct stoa__base **out, struct stoa_error *err)
{
	struct stoa__base *base = base_new(w, first, n_rows, offsets, n_columns);
	const char *why = "";
	int rc;

	if (!base)
		return stoa__fail_memory(err);
	for (uint32_t i = 0; i < im->n; i++) {
		const struct stoa__image *image = &im->image[i];

		base->column[image->slot] = open_column(base, im->bytes.p + image->offset,
							image->len, &rc, &why);
		if (!base->column[image->slot])
			goto fail;
	}
	for_ids(base, stoa__symbol_hold_all);
	base->heap = *im;
	memset(im, 0, sizeof *im);
	stoa__block_grow(w->history, &base->block,
			 base->heap.bytes.cap + base->heap.n * sizeof(struct stoa__chunk));
	*out = base;
	return STOA_OK;
fail:
	/* no symbols are held yet: keep release from giving them up */
	for (uint32_t i = 0; i < n_columns; i++) {
		stoa__free(base->column[i]);
		base->column[i] = NULL;
	}
	stoa__block_retire(w, &base->block);
	return rc == STOA_ENOMEM ? stoa__fail_memory(err) :
				   stoa__fail(err, rc, "an encoded row group is wrong: %s", why);
}

int stoa__base_new_mapped(struct stoa__version *w, uint64_t first, uint32_t n_rows,
			  const uint16_t *offsets, uint32_t n_columns,
			  struct stoa__segment *segment, uint32_t index, struct stoa__base **out,
			  struct stoa_error *err)
{
	struct stoa__base *base = base_new(w, first, n_rows, offsets, n_columns);

	if (!base)
		return stoa__fail_memory(err);
	base->segment = stoa__segment_ref(segment);
	base->index = index;
	*out = base;
	return STOA_OK;
}

static int corrupt(const struct stoa__base *base, const char *why, struct stoa_error *err)
{
	char name[32] = "memory";

	if (base->segment)
		stoa__segment_name(stoa__segment_file(base->segment), name);
	return stoa__fail_corrupt(err, name, 0, "row group %u: %s", base->index, why);
}

/* First use of a mapped column. */
static int map_column(struct stoa__base *base, uint32_t slot, struct stoa__chunk **out,
		      struct stoa_error *err)
{
	struct stoa__chunk *c, *other = NULL;
	const uint8_t *image;
	const char *why = "";
	size_t len;
	int rc;

	rc = stoa__segment_chunk(base->segment, base->index, slot, &image, &len, err);
	if (rc == STOA_ENOTFOUND) {
		c = &no_column;
	} else {
		STOA_TRY(rc);
		c = open_column(base, image, len, &rc, &why);
		if (!c)
			return rc == STOA_ENOMEM ? stoa__fail_memory(err) : corrupt(base, why, err);
	}
	if (!atomic_compare_exchange_strong_explicit(&base->column[slot], &other, c,
						     memory_order_acq_rel, memory_order_acquire)) {
		if (c != &no_column)
			stoa__free(c);
		c = other;
	}
	*out = c;
	return STOA_OK;
}

int stoa__base_open_column(struct stoa__base *base, uint32_t slot, unsigned type,
			   const struct stoa__chunk **out, struct stoa_error *err)
{
	struct stoa__chunk *c;

	*out = NULL;
	if (slot >= base->n_columns)
		return STOA_OK;
	c = atomic_load_explicit(&base->column[slot], memory_order_acquire);
	if (!c && base->segment)
		STOA_TRY(map_column(base, slot, &c, err));
	if (!c || c == &no_column)
		return STOA_OK;
	if (c->type != type)
		return corrupt(base, "a column has another type than its slot", err);
	*out = c;
	return STOA_OK;
}

int64_t stoa__base_row(const struct stoa__base *base, uint64_t rowid)
{
	uint32_t lo = 0, n = base->n_rows;

	if (rowid < base->first || rowid > base->last)
		return -1;
	if (!base->offsets)
		return (int64_t)(rowid - base->first);
	while (n) {
		uint32_t half = n / 2;

		if (base->first + base->offsets[lo + half] < rowid) {
			lo += half + 1;
			n -= half + 1;
		} else {
			n = half;
		}
	}
	return base->first + base->offsets[lo] == rowid ? (int64_t)lo : -1;
}

int stoa__base_value_error(const struct stoa__base *base, int rc, struct stoa_error *err)
{
	if (rc == STOA_ECORRUPT)
		return corrupt(base, "a value does not decode", err);
	return stoa__fail_memory(err);
}
