/* SPDX-License-Identifier: MIT */
/*
 * chunk_check.c - reads a whole chunk and says what is wrong with it
 *
 * Checks what image.h promises and what stoa__chunk_open() takes on trust: counts against bits,
 * values against the range, codes against the list, lengths against offsets, that bytes decompress
 * and texts are UTF-8, and that padding is zero, so that there is no byte in an image that may be
 * anything.
 */
#include "chunk.h"

#include "bitmap.h"
#include "chunk_cold.h"
#include "image.h"
#include "limits.h"
#include "packed.h"
#include "type.h"

#define BLOCK 256

static int corrupt(const char **why, const char *what)
{
	*why = what;
	return STOA_ECORRUPT;
}

/* ---- bits and padding ------------------------------------------------------------------- */

static bool all_zero(const uint8_t *p, uint64_t from, uint64_t to)
{
	uint8_t any = 0;

	for (uint64_t i = from; i < to; i++)
		any |= p[i];
	return any == 0;
}

static struct stoa__image_header header_of(const struct stoa__chunk *c)
{
	struct stoa__image_header h;

	memcpy(&h, c->image, sizeof h);
	return h;
}

static bool padding_is_zero(const struct stoa__chunk *c)
{
	struct stoa__image_header h = header_of(c);
	struct stoa__image_layout l;
	uint64_t values = (uint64_t)h.n_rows * h.width, list = 4 * (uint64_t)h.n_dict;
	uint64_t offsets = 0;

	stoa__image_layout(&h, &l);
	if (c->encoding == STOA__ENC_RAW && h.width == 0)
		values = 8 * stoa__raw_size(c->type);
	if (c->encoding == STOA__ENC_DICT)
		list += 4;
	if (c->offsets)
		offsets = 8 * ((h.n_rows + STOA__IMAGE_STRIDE - 1) / STOA__IMAGE_STRIDE + 1);
	if (l.values > l.validity &&
	    !all_zero(c->image, l.validity + 8 * STOA__WORDS(h.n_rows), l.values))
		return false;
	return all_zero(c->image, l.values + (values + 7) / 8, l.list) &&
	       all_zero(c->image, l.list + list, l.fsst) &&
	       all_zero(c->image, l.offsets + offsets, l.bytes) &&
	       all_zero(c->image, l.bytes + h.bytes_len, l.len);
}

/* Bits of the last byte of packed values that no value has, and of the last word of validity. */
static bool spare_bits_are_zero(const struct stoa__chunk *c)
{
	uint64_t n_bits = (uint64_t)c->n_rows * c->width;

	if (c->encoding != STOA__ENC_RAW && n_bits % 8 != 0 && c->values[n_bits / 8] >> n_bits % 8)
		return false;
	if (c->n_null > 0 && c->n_null < c->n_rows && c->n_rows % 64 != 0 &&
	    c->validity[c->n_rows / 64] >> c->n_rows % 64)
		return false;
	return true;
}

static int check_rows(const struct stoa__chunk *c, const char **why)
{
	size_t n_valid = stoa__bitmap_count(c->validity, 0, c->n_rows);

	if (c->n_rows - n_valid != c->n_null)
		return corrupt(why, "a chunk's count of NULLs disagrees with its validity bits");
	if (!padding_is_zero(c) || !spare_bits_are_zero(c))
		return corrupt(why, "a chunk has bytes that are not zero where nothing is stored");
	for (size_t i = 0; c->n_null && c->encoding != STOA__ENC_RAW && i < c->n_rows; i++)
		if (stoa__chunk_is_null(c, i) && stoa__packed_get(c->values, c->width, i) != 0)
			return corrupt(why, "a NULL row of a chunk has a value left in it");
	return STOA_OK;
}

/* ---- numbers ---------------------------------------------------------------------------- */

/* What a pass over all values has seen. */
struct seen {
	struct stoa_value min, max;
	bool any, nan;
};

static int compare(unsigned type, const struct stoa_value *a, const struct stoa_value *b)
{
	switch (stoa__type_family(type)) {
	case STOA__UINT:
		return (a->u > b->u) - (a->u < b->u);
	case STOA__FLOAT:
		return (a->f > b->f) - (a->f < b->f);
	default:
		return (a->i > b->i) - (a->i < b->i);
	}
}

static void see(struct seen *s, unsigned type, const struct stoa_value *v)
{
	if (stoa__type_family(type) == STOA__FLOAT && v->f != v->f) {
		s->nan = true;
		return;
	}
	if (!s->any || compare(type, v, &s->min) < 0)
		s->min = *v;
	if (!s->any || compare(type, v, &s->max) > 0)
		s->max = *v;
	s->any = true;
}

/* Reads back as the type holds it: a difference too large for it shows. */
static bool fits_type(unsigned type, const struct stoa_value *v)
{
	unsigned bits = 8 * (unsigned)stoa__type_width(type);

	if (stoa__type_family(type) == STOA__UINT)
		return bits == 64 || v->u >> bits == 0;
	if (stoa__type_family(type) == STOA__INT)
		return bits == 64 ||
		       v->i == (int64_t)((uint64_t)v->i << (64 - bits)) >> (64 - bits);
	return true;
}

static int check_numbers(const struct stoa__chunk *c, const char **why)
{
	struct stoa_value min = { 0 }, max = { 0 }, v;
	struct seen seen = { 0 };

	for (size_t i = 0; i < c->n_rows; i++) {
		if (stoa__chunk_is_null(c, i))
			continue;
		if (stoa__chunk_value(c, i, NULL, &v) < 0 || !fits_type(c->type, &v))
			return corrupt(why, "a chunk has a value that its type does not hold");
		if (c->type != STOA_UUID)
			see(&seen, c->type, &v);
	}
	min.u = c->min.u;
	max.u = c->max.u;
	if (seen.any != c->has_range || seen.nan != c->has_nan)
		return corrupt(why, "a chunk's header disagrees with its values");
	if (seen.any && (compare(c->type, &seen.min, &min) != 0 ||
			 compare(c->type, &seen.max, &max) != 0))
		return corrupt(why, "a chunk's minimum or maximum is not that of its values");
	return STOA_OK;
}

/* ---- strings ---------------------------------------------------------------------------- */

static int check_entries(const struct stoa__chunk *c, const char **why)
{
	uint32_t at = 0;

	if (c->encoding == STOA__ENC_DICT_ID)
		return STOA_OK;
	for (uint32_t i = 0; i <= c->n_dict; i++) {
		uint32_t offset = stoa__load_u32(c->list + 4 * (size_t)i);

		if ((i == 0 && offset != 0) || offset < at || offset > c->bytes_len)
			return corrupt(why, "a chunk's list of strings has offsets out of order");
		at = offset;
	}
	if (at != c->bytes_len)
		return corrupt(why, "a chunk's list of strings does not end where its bytes do");
	for (uint32_t i = 0; i < c->n_dict; i++) {
		struct stoa_bytes s = stoa__chunk_entry(c, i);

		if (!stoa__utf8_valid(s.p, s.len))
			return corrupt(why, "a string of a chunk is not UTF-8");
	}
	return STOA_OK;
}

static int check_codes(const struct stoa__chunk *c, const char **why)
{
	uint64_t n_used = 0;

	for (size_t i = 0; i < c->n_rows; i++) {
		uint64_t code = stoa__packed_get(c->values, c->width, i);

		if (stoa__chunk_is_null(c, i))
			continue;
		if (code >= c->n_dict)
			return corrupt(why, "a chunk has a code beyond its list of strings");
		if (code > n_used)
			return corrupt(why, "a chunk's codes are not numbered by first use");
		n_used += code == n_used;
	}
	if (n_used != c->n_dict)
		return corrupt(why, "a chunk's list has a string that no row uses");
	return STOA_OK;
}

static int check_strings(const struct stoa__chunk *c, const char **why)
{
	int rc = check_entries(c, why);

	return rc < 0 ? rc : check_codes(c, why);
}

/* ---- texts and blobs -------------------------------------------------------------------- */

static int check_offsets(const struct stoa__chunk *c, const char **why)
{
	uint64_t at = 0;

	for (size_t i = 0; i < c->n_rows; i++) {
		if (i % STOA__IMAGE_STRIDE == 0 &&
		    stoa__load_u64(c->offsets + i / STOA__IMAGE_STRIDE * 8) != at)
			return corrupt(why, "a chunk's offsets disagree with its lengths");
		at += c->base + stoa__packed_get(c->values, c->width, i);
		if (at > c->bytes_len)
			return corrupt(why, "a chunk's lengths add up to more than its bytes");
	}
	if (at != c->bytes_len ||
	    stoa__load_u64(c->offsets +
			   (c->n_rows + STOA__IMAGE_STRIDE - 1) / STOA__IMAGE_STRIDE * 8) != at)
		return corrupt(why, "a chunk's lengths do not add up to its bytes");
	return STOA_OK;
}

static int check_text(const struct stoa__chunk *c, struct stoa__buf *scratch, const char **why)
{
	uint32_t longest = 0;

	for (size_t i = 0; i < c->n_rows; i++) {
		struct stoa_value v;
		int rc;

		stoa__buf_reset(scratch);
		rc = stoa__chunk_value(c, i, scratch, &v);
		if (rc == STOA_ECORRUPT)
			*why = "a value of a chunk does not decompress";
		if (rc < 0)
			return rc;
		if (v.type == STOA_NULL)
			continue;
		longest = v.len > longest ? v.len : longest;
		if (c->type == STOA_TEXT && !stoa__utf8_valid(v.p, v.len))
			return corrupt(why, "a text of a chunk is not UTF-8");
	}
	if (c->encoding != STOA__ENC_BYTES && longest != c->value_max)
		return corrupt(why, "a chunk's longest value is not as long as its header says");
	return STOA_OK;
}

static int check_texts(const struct stoa__chunk *c, const char **why)
{
	struct stoa__buf scratch = STOA__BUF_INIT;
	int rc = check_offsets(c, why);

	if (rc == STOA_OK)
		rc = check_text(c, &scratch, why);
	if (rc == STOA_ENOMEM)
		*why = "out of memory";
	stoa__buf_release(&scratch);
	return rc;
}

int stoa__chunk_check(const struct stoa__chunk *c, const char **why)
{
	int rc;

	if (stoa__chunk_is_cold(c))
		return stoa__cold_check(c, why);
	rc = check_rows(c, why);
	if (rc < 0)
		return rc;
	if (stoa__encoding_has_lengths(c->encoding))
		return check_texts(c, why);
	if (c->type == STOA_STRING)
		return check_strings(c, why);
	return check_numbers(c, why);
}
