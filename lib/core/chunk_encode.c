/* SPDX-License-Identifier: MIT */
/*
 * chunk_encode.c - encodes columns of numbers and uuids
 *
 * Two passes: one finds the range, from which base, width and size follow, so that the image is
 * made in one piece at its final size; the other packs. Each is a kernel over the caller's array
 * or, where there are NULLs, over blocks of it with a harmless value in their place: a value of
 * the column in the first pass, the base in the second.
 *
 * Base. Zero, where that takes no wider values than the minimum would, since such values can be
 * read in place; else the minimum. Either way packed differences are ordered as unsigned numbers,
 * which is what a predicate on them relies on.
 */
#include "chunk_encode.h"

#include "alloc.h"
#include "bitmap.h"
#include "image.h"
#include "kernels.h"
#include "packed.h"
#include "scaled.h"
#include "stepped.h"
#include "type.h"

/* ---- runs ------------------------------------------------------------------------------- */

static void put(uint8_t *p, unsigned log2, size_t i, uint64_t value)
{
	memcpy(p + (i << log2), &value, (size_t)1 << log2);
}

const void *stoa__run_block(const struct stoa__run *r, size_t at, size_t n, uint64_t fill,
			    void *room)
{
	const uint8_t *from = r->values + (at << r->log2);

	if (!r->validity)
		return from;
	memcpy(room, from, n << r->log2);
	for (size_t i = 0; i < n; i += 64) {
		uint64_t nulls = ~r->validity[(at + i) / 64];

		if (n - i < 64)
			nulls &= ((uint64_t)1 << (n - i)) - 1;
		for (; nulls; nulls &= nulls - 1)
			put(room, r->log2, i + (size_t)__builtin_ctzll(nulls), fill);
	}
	return room;
}

static size_t block_len(const struct stoa__run *r, size_t at)
{
	return r->n - at < STOA__RUN_BLOCK ? r->n - at : STOA__RUN_BLOCK;
}

uint64_t stoa__run_first(const struct stoa__run *r)
{
	uint64_t value = 0;
	size_t i = 0;

	while (!stoa__bit_get(r->validity, i))
		i++;
	memcpy(&value, r->values + (i << r->log2), (size_t)1 << r->log2);
	return value;
}

void stoa__run_pack(const struct stoa__run *r, unsigned width, uint64_t base, uint8_t *out)
{
	uint64_t room[STOA__RUN_BLOCK];

	if (!r->validity) {
		stoa__pack(out, width, r->values, r->log2, r->n, base);
		return;
	}
	for (size_t at = 0; width && at < r->n; at += STOA__RUN_BLOCK) {
		size_t n = block_len(r, at);

		stoa__pack(out + at * width / 8, width, stoa__run_block(r, at, n, base, room),
			   r->log2, n, base);
	}
}

static void join(struct stoa__range *all, const struct stoa__range *one, bool is_first)
{
	if (is_first) {
		*all = *one;
		return;
	}
	all->min = one->min < all->min ? one->min : all->min;
	all->max = one->max > all->max ? one->max : all->max;
	all->has_nan |= one->has_nan;
}

/* @kind: how kernels see the elements; @flip as in kernels.h. */
enum run_kind { RUN_INTEGERS, RUN_FLOATS };
static struct stoa__range block_range(const void *p, size_t n, unsigned log2, enum run_kind kind,
				      uint64_t flip)
{
	const struct stoa__kernels *k = stoa__kernels();

	if (kind == RUN_INTEGERS)
		return k->range[log2](p, n, flip);
	return log2 == 2 ? k->range_f32(p, n) : k->range_f64(p, n);
}

static struct stoa__range run_range(const struct stoa__run *r, enum run_kind kind, uint64_t flip)
{
	uint64_t room[STOA__RUN_BLOCK], fill;
	struct stoa__range all = { 0, 0, false };

	if (!r->validity)
		return block_range(r->values, r->n, r->log2, kind, flip);
	fill = stoa__run_first(r);
	for (size_t at = 0; at < r->n; at += STOA__RUN_BLOCK) {
		size_t n = block_len(r, at);
		const void *p = stoa__run_block(r, at, n, fill, room);
		struct stoa__range one = block_range(p, n, r->log2, kind, flip);

		join(&all, &one, at == 0);
	}
	return all;
}

static struct stoa__run run_of(const struct stoa_array *a, size_t n, size_t n_null, size_t size)
{
	struct stoa__run r = { a->values, n_null ? a->validity : NULL, n,
			       (unsigned)__builtin_ctzl(size) };

	return r;
}

/* ---- integers --------------------------------------------------------------------------- */

/* Bytes are read in place as they are: a step must save at least one. */
static void find_step(const struct stoa__run *r, uint64_t min, uint64_t span,
		      struct stoa__image_header *h)
{
	uint64_t step = h->width > 8 ? stoa__step_find(r, min, span, h->width) : 1;

	if (step == 1)
		return;
	h->encoding = STOA__ENC_STEPPED;
	h->step = step;
	h->base = min;
	h->width = (uint8_t)stoa__packed_width(span / step);
}

/*
 * Sets min, max, base and width of a column of integers, and its encoding and step where it has
 * one.
 */
static void measure_integers(const struct stoa__run *r, bool is_signed,
			     struct stoa__image_header *h)
{
	uint64_t top = (uint64_t)1 << ((8u << r->log2) - 1);
	struct stoa__range range = run_range(r, RUN_INTEGERS, is_signed ? 0 : top);
	uint64_t min = (uint64_t)range.min, max = (uint64_t)range.max;

	if (!is_signed) {
		/* Sign-extended by the kernel: what is above the element goes. */
		min = (min ^ top) & (top | (top - 1));
		max = (max ^ top) & (top | (top - 1));
	}
	h->flags |= STOA__IMAGE_RANGE;
	h->min = min;
	h->max = max;
	h->width = (uint8_t)stoa__packed_width(max - min);
	if (is_signed && range.min < 0)
		h->base = min;
	else
		h->base = stoa__packed_width(max) == h->width ? 0 : min;
	find_step(r, min, max - min, h);
}

int stoa__encode_number(const struct stoa_array *a, size_t n, size_t n_null, struct stoa__buf *out)
{
	struct stoa__image_header h = stoa__image_header_of(a->type, STOA__ENC_PACKED, n, n_null);
	struct stoa__run r = run_of(a, n, n_null, stoa__type_width(a->type));
	struct stoa__image_layout l;
	uint8_t *image;
	int rc;

	h.scale = a->type == STOA_DECIMAL ? a->scale : 0;
	if (n_null < n)
		measure_integers(&r, stoa__type_family(a->type) == STOA__INT, &h);
	rc = stoa__image_begin(out, &h, a->validity, &l, &image);
	if (rc < 0)
		return rc;
	if (h.encoding == STOA__ENC_STEPPED)
		stoa__step_pack(&r, h.width, h.base, h.step, image + l.values);
	else
		stoa__run_pack(&r, h.width, h.base, image + l.values);
	stoa__image_commit(out, &l);
	return STOA_OK;
}

/* ---- floats ----------------------------------------------------------------------------- */

static double value_of_order(int64_t order, unsigned log2)
{
	uint64_t bits64 = (uint64_t)stoa__order_bits64((uint64_t)order);
	uint32_t bits32 = (uint32_t)stoa__order_bits32((uint32_t)order);
	double d;
	float f;

	if (log2 == 2) {
		memcpy(&f, &bits32, sizeof f);
		return (double)f;
	}
	memcpy(&d, &bits64, sizeof d);
	return d;
}

static double element(const struct stoa__run *r, size_t i)
{
	double d;
	float f;

	if (r->log2 == 2) {
		memcpy(&f, r->values + 4 * i, sizeof f);
		return (double)f;
	}
	memcpy(&d, r->values + 8 * i, sizeof d);
	return d;
}

/* The range without NaN, the slow way; false when there is nothing else. */
static bool range_beside_nan(const struct stoa__run *r, double *min, double *max)
{
	bool found = false;

	for (size_t i = 0; i < r->n; i++) {
		double v = element(r, i);

		if (!stoa__bit_get(r->validity, i) || v != v)
			continue;
		*min = !found || v < *min ? v : *min;
		*max = !found || v > *max ? v : *max;
		found = true;
	}
	return found;
}

/* Sets min, max and flags; true when all values have the same bits. */
static bool measure_floats(const struct stoa__run *r, struct stoa__image_header *h)
{
	struct stoa__range range = run_range(r, RUN_FLOATS, 0);
	double min = value_of_order(range.min, r->log2), max = value_of_order(range.max, r->log2);
	bool has_range = true;

	if (range.has_nan) {
		h->flags |= STOA__IMAGE_NAN;
		has_range = range_beside_nan(r, &min, &max);
	}
	if (has_range) {
		h->flags |= STOA__IMAGE_RANGE;
		memcpy(&h->min, &min, sizeof min);
		memcpy(&h->max, &max, sizeof max);
	}
	return range.min == range.max;
}

static void copy_run(const struct stoa__run *r, uint8_t *out)
{
	uint64_t room[STOA__RUN_BLOCK];

	for (size_t at = 0; at < r->n; at += STOA__RUN_BLOCK) {
		size_t n = block_len(r, at);

		memcpy(out + (at << r->log2), stoa__run_block(r, at, n, 0, room), n << r->log2);
	}
}

static int write_raw(struct stoa__image_header *h, const struct stoa__run *r, bool all_equal,
		     const uint64_t *validity, struct stoa__buf *out)
{
	struct stoa__image_layout l;
	uint64_t first;
	uint8_t *image;
	int rc;

	h->width = (uint8_t)(all_equal ? 0 : 8u << r->log2);
	rc = stoa__image_begin(out, h, validity, &l, &image);
	if (rc < 0)
		return rc;
	if (!all_equal) {
		copy_run(r, image + l.values);
	} else if (h->n_null < h->n_rows) {
		first = stoa__run_first(r);
		memcpy(image + l.values, &first, (size_t)1 << r->log2);
	}
	stoa__image_commit(out, &l);
	return STOA_OK;
}

/* As SCALED, with the integers in @scaled: STOA_END when that would be no smaller than RAW. */
static int write_scaled(const struct stoa__image_header *raw, const struct stoa__run *r, int k,
			const int64_t *scaled, struct stoa__buf *out)
{
	struct stoa__run ints = { (const uint8_t *)scaled, r->validity, r->n, 3 };
	struct stoa__range range = run_range(&ints, RUN_INTEGERS, 0);
	struct stoa__image_header h = *raw;
	struct stoa__image_layout l;
	uint8_t *image;
	int rc;

	h.encoding = STOA__ENC_SCALED;
	h.scale = (uint8_t)k;
	h.base = (uint64_t)range.min;
	h.width = (uint8_t)stoa__packed_width((uint64_t)range.max - (uint64_t)range.min);
	if (h.width > 32)
		return STOA_END;
	rc = stoa__image_begin(out, &h, r->validity, &l, &image);
	if (rc < 0)
		return rc;
	stoa__run_pack(&ints, h.width, h.base, image + l.values);
	stoa__image_commit(out, &l);
	return STOA_OK;
}

/* SCALED if the doubles are decimals: STOA_END when they are not. */
static int try_scaled(const struct stoa__image_header *h, const struct stoa__run *r,
		      struct stoa__buf *out)
{
	struct stoa__run dense = *r;
	double *copy = NULL;
	int64_t *scaled;
	int rc = STOA_ENOMEM, k;

	scaled = stoa__alloc(r->n * sizeof *scaled);
	if (!scaled)
		goto out;
	if (r->validity) {
		copy = stoa__alloc(r->n * sizeof *copy);
		if (!copy)
			goto out;
		copy_run(r, (uint8_t *)copy);
		dense.values = (const uint8_t *)copy;
	}
	k = stoa__scaled_encode((const double *)(const void *)dense.values, r->n, scaled);
	rc = k < 0 ? STOA_END : write_scaled(h, r, k, scaled, out);
out:
	stoa__free(copy);
	stoa__free(scaled);
	return rc;
}

int stoa__encode_float(const struct stoa_array *a, size_t n, size_t n_null, struct stoa__buf *out)
{
	struct stoa__image_header h = stoa__image_header_of(a->type, STOA__ENC_RAW, n, n_null);
	struct stoa__run r = run_of(a, n, n_null, stoa__raw_size(a->type));
	bool all_equal = true;
	int rc;

	if (n_null < n)
		all_equal = measure_floats(&r, &h);
	if (a->type == STOA_F64 && !all_equal && !(h.flags & STOA__IMAGE_NAN)) {
		rc = try_scaled(&h, &r, out);
		if (rc != STOA_END)
			return rc;
	}
	return write_raw(&h, &r, all_equal, a->validity, out);
}

/* ---- uuids ------------------------------------------------------------------------------ */

#define UUID_SIZE 16

/* Do all rows that are not NULL have one value? *@first is the first of them, or n. */
static bool uuids_equal(const struct stoa_array *a, size_t n, size_t *first)
{
	const uint8_t *p = a->values;
	size_t i = 0;

	while (i < n && !stoa__bit_get(a->validity, i))
		i++;
	*first = i;
	for (; i < n; i++)
		if (stoa__bit_get(a->validity, i) &&
		    memcmp(p + i * UUID_SIZE, p + *first * UUID_SIZE, UUID_SIZE) != 0)
			return false;
	return true;
}

int stoa__encode_uuid(const struct stoa_array *a, size_t n, size_t n_null, struct stoa__buf *out)
{
	struct stoa__image_header h = stoa__image_header_of(a->type, STOA__ENC_RAW, n, n_null);
	const uint8_t *p = a->values;
	struct stoa__image_layout l;
	uint8_t *image;
	size_t first;
	int rc;

	h.width = uuids_equal(a, n, &first) ? 0 : 8 * UUID_SIZE;
	rc = stoa__image_begin(out, &h, a->validity, &l, &image);
	if (rc < 0)
		return rc;
	image += l.values;
	if (h.width)
		memcpy(image, p, n * UUID_SIZE);
	else if (first < n)
		memcpy(image, p + first * UUID_SIZE, UUID_SIZE);
	for (size_t i = 0; h.width && n_null && i < n; i++)
		if (!stoa__bit_get(a->validity, i))
			memset(image + i * UUID_SIZE, 0, UUID_SIZE);
	stoa__image_commit(out, &l);
	return STOA_OK;
}

/* ---- all types -------------------------------------------------------------------------- */

int stoa__chunk_encode(const struct stoa_array *a, size_t n, struct stoa__buf *out)
{
	size_t n_null = n - stoa__bitmap_count(a->validity, 0, n);

	switch (stoa__type_family(a->type)) {
	case STOA__INT:
	case STOA__UINT:
		return stoa__encode_number(a, n, n_null, out);
	case STOA__FLOAT:
		return stoa__encode_float(a, n, n_null, out);
	case STOA__UUID:
		return stoa__encode_uuid(a, n, n_null, out);
	case STOA__BYTES:
		break;
	}
	if (a->type == STOA_STRING)
		return stoa__encode_string(a, n, n_null, out);
	return stoa__encode_text(a, n, n_null, out);
}
