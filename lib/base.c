/* SPDX-License-Identifier: MIT */
/* base.c - see base.h */
#include "base.h"

#include <string.h>

#include "core/alloc.h"
#include "core/source.h"

/* Stands for a column that the base does not have. */
static struct stoa__chunk no_column;

int stoa__images_init(struct stoa__images *im, uint32_t n_columns)
{
	memset(im, 0, sizeof *im);
	im->image = stoa__calloc((size_t)n_columns + 1, sizeof *im->image);
	return im->image ? STOA_OK : STOA_ENOMEM;
}

int stoa__images_add_rowids(struct stoa__images *im, const uint64_t *rowids, size_t n)
{
	struct stoa__image *image = &im->image[im->n];

	if (rowids[n - 1] - rowids[0] + 1 == n)
		return STOA_OK;
	/* Images begin at multiples of 64. */
	image->slot = STOA__SLOT_ROWIDS;
	image->offset = im->bytes.len;
	STOA_TRY(stoa__rowids_encode(rowids, n, &im->bytes));
	image->len = im->bytes.len - image->offset;
	im->n++;
	return STOA_OK;
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
	stoa__free(base->rowids);
	if (base->segment)
		stoa__segment_drop_group(base->segment, base->index);
}

static struct stoa__base *base_new(struct stoa__version *w, const struct stoa__base_info *info)
{
	struct stoa__base *base =
		stoa__block_new(w, STOA__KIND_BASE,
				sizeof *base + info->n_columns * sizeof base->column[0]);

	if (!base)
		return NULL;
	base->block.release = release;
	base->symbols = w->history->symbols;
	base->id = stoa__dict_ids_new();
	base->first = info->first;
	base->last = info->last;
	base->n_rows = info->n_rows;
	base->n_columns = info->n_columns;
	base->generation = info->generation;
	base->cold = info->cold;
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

/* Opens an image as the map of @base: a new struct, or NULL with the reason in @rc and @why. */
static struct stoa__rowids *open_rowids(const struct stoa__base *base, const uint8_t *image,
					size_t len, int *rc, const char **why)
{
	struct stoa__rowids *r = stoa__alloc(sizeof *r);

	if (!r) {
		*rc = STOA_ENOMEM;
		return NULL;
	}
	*rc = stoa__rowids_open(image, len, r, why);
	if (*rc == STOA_OK &&
	    (r->n_rows != base->n_rows || r->span != base->last - base->first + 1)) {
		*rc = STOA_ECORRUPT;
		*why = "a map of rowids is that of another row group";
	}
	if (*rc < 0) {
		stoa__free(r);
		return NULL;
	}
	return r;
}

/* Opens an image in heap; false with the reason in @rc and @why. */
static bool open_image(struct stoa__base *base, const struct stoa__images *im,
		       const struct stoa__image *image, int *rc, const char **why)
{
	const uint8_t *p = im->bytes.p + image->offset;

	if (image->slot == STOA__SLOT_ROWIDS) {
		base->rowids = open_rowids(base, p, image->len, rc, why);
		return base->rowids;
	}
	base->column[image->slot] = open_column(base, p, image->len, rc, why);
	return base->column[image->slot];
}

int stoa__base_new_heap(struct stoa__version *w, const struct stoa__base_info *info,
			struct stoa__images *im, struct stoa__base **out, struct stoa_error *err)
{
	struct stoa__base *base = base_new(w, info);
	const char *why = "";
	int rc;

	if (!base)
		return stoa__fail_memory(err);
	for (uint32_t i = 0; i < im->n; i++)
		if (!open_image(base, im, &im->image[i], &rc, &why))
			goto fail;
	for_ids(base, stoa__symbol_hold_all);
	base->heap = *im;
	memset(im, 0, sizeof *im);
	stoa__block_grow(w, &base->block,
			 stoa__alloc_size(base->heap.bytes.p) + stoa__alloc_size(base->heap.image));
	*out = base;
	return STOA_OK;
fail:
	/* no symbols are held yet: keep release from giving them up */
	for (uint32_t i = 0; i < base->n_columns; i++) {
		stoa__free(base->column[i]);
		base->column[i] = NULL;
	}
	stoa__block_retire(w, &base->block);
	return rc == STOA_ENOMEM ? stoa__fail_memory(err) :
				   stoa__fail(err, rc, "an encoded row group is wrong: %s", why);
}

int stoa__base_new_mapped(struct stoa__version *w, const struct stoa__base_info *info,
			  struct stoa__segment *segment, uint32_t index, struct stoa__base **out,
			  struct stoa_error *err)
{
	struct stoa__base *base = base_new(w, info);

	if (!base)
		return stoa__fail_memory(err);
	if (stoa__segment_hold_group(segment, index) < 0) {
		stoa__block_retire(w, &base->block);
		return stoa__fail_memory(err);
	}
	base->segment = segment;
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

/* First use of a mapped base's map. */
static int map_rowids(struct stoa__base *base, struct stoa__rowids **out, struct stoa_error *err)
{
	struct stoa__rowids *r, *other = NULL;
	const uint8_t *image;
	const char *why = "";
	size_t len;
	int rc = stoa__segment_chunk(base->segment, base->index, STOA__SLOT_ROWIDS, &image, &len,
				     err);

	if (rc == STOA_ENOTFOUND)
		return corrupt(base, "it has no map of its rowids", err);
	STOA_TRY(rc);
	r = open_rowids(base, image, len, &rc, &why);
	if (!r)
		return rc == STOA_ENOMEM ? stoa__fail_memory(err) : corrupt(base, why, err);
	if (!atomic_compare_exchange_strong_explicit(&base->rowids, &other, r, memory_order_acq_rel,
						     memory_order_acquire)) {
		stoa__free(r);
		r = other;
	}
	*out = r;
	return STOA_OK;
}

static int need_rowids(struct stoa__base *base, struct stoa__rowids **out, struct stoa_error *err)
{
	*out = atomic_load_explicit(&base->rowids, memory_order_acquire);
	return *out ? STOA_OK : map_rowids(base, out, err);
}

int stoa__base_find_row(struct stoa__base *base, uint64_t rowid, uint32_t *row,
			struct stoa_error *err)
{
	struct stoa__rowids *r;
	int64_t found;

	STOA_TRY(need_rowids(base, &r, err));
	found = stoa__rowids_find(r, rowid - base->first);
	if (found < 0)
		return STOA_ENOTFOUND;
	*row = (uint32_t)found;
	return STOA_OK;
}

int stoa__base_rowids(struct stoa__base *base, uint32_t from, size_t n, uint64_t *out,
		      struct stoa_error *err)
{
	struct stoa__rowids *r;

	if (stoa__base_is_dense(base)) {
		for (size_t i = 0; i < n; i++)
			out[i] = base->first + from + i;
		return STOA_OK;
	}
	STOA_TRY(need_rowids(base, &r, err));
	stoa__rowids_read(r, from, n, out);
	for (size_t i = 0; i < n; i++)
		out[i] += base->first;
	return STOA_OK;
}

int stoa__base_each_image(struct stoa__base *base,
			  void (*each)(void *ctx, uint32_t slot, uint64_t len), void *ctx,
			  struct stoa_error *err)
{
	if (base->segment)
		return stoa__segment_each_chunk(base->segment, base->index, each, ctx, err);
	for (uint32_t i = 0; i < base->heap.n; i++)
		each(ctx, base->heap.image[i].slot, base->heap.image[i].len);
	return STOA_OK;
}

int stoa__base_value_error(const struct stoa__base *base, int rc, struct stoa_error *err)
{
	if (rc == STOA_ECORRUPT)
		return corrupt(base, "a value does not decode", err);
	return stoa__fail_memory(err);
}
