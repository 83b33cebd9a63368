/* SPDX-License-Identifier: MIT */
/*
 * chunk.c - opens an image and reads single values in it (image.h has the bytes)
 *
 * What is checked when. stoa__chunk_open() looks at the header alone: every size that the readers
 * trust follows from it. What lies within sections is checked where it is used, by a comparison
 * whose branch is never taken: a code against the dictionary's length, a string's offsets against
 * the bytes, a length against what is left. So a chunk of 65,536 rows opens as fast as one of 1,
 * and an image with any bytes at all leads to wrong values or STOA_ECORRUPT, but to no read
 * outside it. That the values are right is what the checksum of whoever stores the image is for,
 * and stoa__chunk_check().
 */
#include "chunk.h"

#include "chunk_cold.h"
#include "error.h"
#include "fsst.h"
#include "image.h"
#include "limits.h"
#include "lengths.h"
#include "packed.h"
#include "scaled.h"
#include "type.h"

/* What a column without values has in place of validity bits. */
static const uint64_t all_null[STOA__GROUP_ROWS / 64];

static int corrupt(const char **why, const char *what)
{
	*why = what;
	return STOA_ECORRUPT;
}

/* ---- opening ---------------------------------------------------------------------------- */

static bool encoding_fits_type(unsigned encoding, unsigned type)
{
	enum stoa__family family = stoa__type_family(type);

	switch (encoding) {
	case STOA__ENC_STEPPED:
		return (family == STOA__INT || family == STOA__UINT) && stoa__type_width(type) > 1;
	case STOA__ENC_PACKED:
		return family == STOA__INT || family == STOA__UINT;
	case STOA__ENC_RAW:
		return family == STOA__FLOAT || family == STOA__UUID;
	case STOA__ENC_SCALED:
		return type == STOA_F64;
	case STOA__ENC_DICT:
	case STOA__ENC_DICT_ID:
		return type == STOA_STRING;
	case STOA__ENC_BYTES:
	case STOA__ENC_ZVALUES:
		return type == STOA_TEXT || type == STOA_BLOB;
	case STOA__ENC_FSST:
		return type == STOA_TEXT;
	case STOA__ENC_COLD:
		return type != STOA_STRING;
	}
	return false;
}

static bool width_fits(const struct stoa__image_header *h)
{
	if (h->encoding == STOA__ENC_COLD)
		return h->width == 0;
	if (h->encoding == STOA__ENC_RAW)
		return h->width == 0 || h->width == 8 * stoa__raw_size(h->type);
	if (!stoa__packed_width_valid(h->width))
		return false;
	if (h->type == STOA_BOOL)
		return h->base + h->width <= 1;	/* no value but 0 and 1 can come out */
	if (h->encoding == STOA__ENC_PACKED || h->encoding == STOA__ENC_STEPPED)
		return h->width <= 8 * stoa__type_width(h->type);
	return h->width <= 32;
}

static bool base_fits(const struct stoa__image_header *h)
{
	switch (h->encoding) {
	case STOA__ENC_PACKED:
	case STOA__ENC_STEPPED:
	case STOA__ENC_SCALED:
		return h->type != STOA_BOOL || h->base <= 1;
	case STOA__ENC_BYTES:
	case STOA__ENC_FSST:
	case STOA__ENC_ZVALUES:
		return h->base <= UINT32_MAX;
	}
	return h->base == 0;
}

static bool scale_fits(const struct stoa__image_header *h)
{
	if (h->encoding == STOA__ENC_SCALED)
		return h->scale <= STOA__SCALED_K_MAX;
	return h->scale <= (h->type == STOA_DECIMAL ? STOA_DECIMAL_PRECISION_MAX : 0);
}

static bool step_fits(const struct stoa__image_header *h)
{
	return h->encoding == STOA__ENC_STEPPED ? h->step > 1 && h->n_null < h->n_rows : h->zero == 0;
}

static bool counts_fit(const struct stoa__image_header *h)
{
	bool is_dict = h->encoding == STOA__ENC_DICT || h->encoding == STOA__ENC_DICT_ID;
	bool has_bytes = h->encoding == STOA__ENC_DICT || h->encoding == STOA__ENC_COLD ||
			 stoa__encoding_has_lengths(h->encoding);

	if (h->n_rows < 1 || h->n_rows > STOA__GROUP_ROWS || h->n_null > h->n_rows)
		return false;
	if (h->n_dict > (is_dict ? h->n_rows - h->n_null : 0))
		return false;
	if (is_dict && h->n_dict == 0 && h->n_null < h->n_rows)
		return false;
	if (h->encoding == STOA__ENC_COLD && h->value_max > STOA__FRAME_BYTES_MAX)
		return false;
	return h->bytes_len <= (has_bytes ? STOA__CHUNK_BYTES_MAX : 0);
}

static int check_header(const struct stoa__image_header *h, const char **why)
{
	if (h->magic != STOA__IMAGE_MAGIC)
		return corrupt(why, "this is not a chunk");
	if (!stoa__type_valid(h->type) || !encoding_fits_type(h->encoding, h->type))
		return corrupt(why, "a chunk has an unknown type or encoding");
	if (!counts_fit(h))
		return corrupt(why, "a chunk's counts are out of range");
	if (!width_fits(h) || !base_fits(h) || !scale_fits(h) || !step_fits(h))
		return corrupt(why, "a chunk's width, base, scale or step is out of range");
	if ((h->flags & ~(STOA__IMAGE_RANGE | STOA__IMAGE_NAN)) != 0)
		return corrupt(why, "a chunk's header has bits that mean nothing");
	return STOA_OK;
}

static void point_into(struct stoa__chunk *c, const struct stoa__image_header *h,
		       const struct stoa__image_layout *l)
{
	const uint8_t *p = c->image;

	if (h->n_null == h->n_rows)
		c->validity = all_null;
	else if (h->n_null > 0 && h->encoding != STOA__ENC_COLD)
		c->validity = (const uint64_t *)(const void *)(p + l->validity);
	/* A run of width 0 has no bytes; the header's will do, as none of them counts. */
	c->values = h->width == 0 && h->encoding != STOA__ENC_RAW ? p : p + l->values;
	c->list = l->fsst > l->list ? p + l->list : NULL;
	c->fsst = l->offsets > l->fsst ? p + l->fsst : NULL;
	c->offsets = l->bytes > l->offsets ? p + l->offsets : NULL;
	c->bytes = p + l->bytes;
	c->bytes_len = h->bytes_len;
	if (h->encoding == STOA__ENC_PACKED)
		c->step = 1;
	else if (h->encoding == STOA__ENC_STEPPED)
		c->step = h->step;
}

int stoa__chunk_open(const void *image, size_t len, struct stoa__chunk *out, const char **why)
{
	struct stoa__image_header h;
	struct stoa__image_layout l;
	int rc;

	memset(out, 0, sizeof *out);
	if ((uintptr_t)image % 8 != 0)
		return corrupt(why, "a chunk does not lie at a multiple of 8 bytes");
	if (len < sizeof h)
		return corrupt(why, "a chunk is shorter than its header");
	memcpy(&h, image, sizeof h);
	rc = check_header(&h, why);
	if (rc < 0)
		return rc;
	stoa__image_layout(&h, &l);
	if (l.len != len)
		return corrupt(why, "a chunk's length is not what its header adds up to");
	out->image = image;
	out->len = len;
	out->type = h.type;
	out->encoding = h.encoding;
	out->scale = h.scale;
	out->width = h.width;
	out->n_rows = h.n_rows;
	out->n_null = h.n_null;
	out->n_dict = h.n_dict;
	out->has_range = (h.flags & STOA__IMAGE_RANGE) != 0;
	out->has_nan = (h.flags & STOA__IMAGE_NAN) != 0;
	out->min.u = h.min;
	out->max.u = h.max;
	out->value_max = h.encoding == STOA__ENC_STEPPED ? 0 : h.value_max;
	out->base = h.base;
	point_into(out, &h, &l);
	if (out->fsst && !stoa__fsst_table_valid(out->fsst))
		return corrupt(why, "a chunk's symbol table has a symbol that is too long");
	return STOA_OK;
}

/* ---- single values ---------------------------------------------------------------------- */

uint64_t stoa__chunk_packed(const struct stoa__chunk *c, size_t row)
{
	uint64_t v = c->base + stoa__packed_get(c->values, c->width, row);

	if (c->type == STOA_STRING && v >= c->n_dict)
		return 0;
	return v;
}

uint32_t stoa__chunk_entry_id(const struct stoa__chunk *c, uint32_t code)
{
	return code < c->n_dict ? stoa__load_u32(c->list + 4 * (size_t)code) : 0;
}

static void raw_value(const struct stoa__chunk *c, size_t row, struct stoa_value *out)
{
	size_t size = stoa__raw_size(c->type);
	const uint8_t *p = c->values + (c->width ? row * size : 0);
	float f;

	switch (c->type) {
	case STOA_F32:
		memcpy(&f, p, sizeof f);
		out->f = (double)f;
		break;
	case STOA_F64:
		memcpy(&out->f, p, sizeof out->f);
		break;
	default:
		memcpy(out->uuid, p, sizeof out->uuid);
	}
}

static void bytes_value(struct stoa_bytes s, struct stoa_value *out)
{
	out->p = s.p;
	out->len = s.len;
}

/*
 * A value that is bytes and found by its length; apart, so that what is more common needs no stack.
 */
static int length_coded_value(const struct stoa__chunk *c, size_t row, struct stoa__buf *scratch,
			      struct stoa_value *out)
{
	struct stoa_bytes s;

	STOA_TRY(stoa__lengths_value(c, row, scratch, &s));
	out->type = c->type;
	bytes_value(s, out);
	return STOA_OK;
}

/* A float, or a uuid. */
static int float_value(const struct stoa__chunk *c, size_t row, struct stoa_value *out)
{
	out->type = c->type;
	if (c->encoding == STOA__ENC_RAW)
		raw_value(c, row, out);
	else
		out->f = stoa__scaled_get((int64_t)stoa__chunk_packed(c, row), c->scale);
	return STOA_OK;
}

int stoa__chunk_value(const struct stoa__chunk *c, size_t row, struct stoa__buf *scratch,
		      struct stoa_value *out)
{
	*out = stoa_null();
	if (stoa__chunk_is_null(c, row))
		return STOA_OK;
	switch (c->encoding) {
	case STOA__ENC_PACKED:
		out->type = c->type;
		out->scale = c->scale;
		out->u = c->base + stoa__packed_get(c->values, c->width, row);
		return STOA_OK;
	case STOA__ENC_STEPPED:
		out->type = c->type;
		out->scale = c->scale;
		out->u = c->base + c->step * stoa__packed_get(c->values, c->width, row);
		return STOA_OK;
	case STOA__ENC_DICT:
		out->type = c->type;
		bytes_value(stoa__chunk_entry(c, (uint32_t)stoa__packed_get(c->values, c->width,
									    row)),
			    out);
		__builtin_prefetch(out->p);	/* whoever asks for one value will read it */
		return STOA_OK;
	case STOA__ENC_RAW:
	case STOA__ENC_SCALED:
		return float_value(c, row, out);
	case STOA__ENC_COLD:
		return stoa__cold_value(c, row, scratch, out);
	default:
		return length_coded_value(c, row, scratch, out);
	}
}

const void *stoa__chunk_plain(const struct stoa__chunk *c)
{
	if (c->encoding == STOA__ENC_RAW)
		return c->width ? c->values : NULL;
	if (c->encoding == STOA__ENC_PACKED && c->base == 0 &&
	    c->width == 8 * stoa__type_width(c->type))
		return c->values;
	return NULL;
}
