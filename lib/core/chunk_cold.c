/* SPDX-License-Identifier: MIT */
/*
 * chunk_cold.c - chunks cut into frames under zstd (chunk_cold.h)
 *
 *     header   encoding COLD; counts and range of all rows; value_max: the longest frame, thawed
 *     list     u32 offsets of the frames in the bytes, and their end
 *     bytes    frames: a byte of flags, then zstd of an ordinary image of 2,048 rows, changed so that
 *              zstd sees more in it:
 *
 *       offsets of texts   zero: they are the sums of the lengths
 *       DELTA              numbers as differences from the one before, modulo their width: rows that
 *                          came in some order have small ones
 *       planes             numbers of several bytes: all first bytes, then all second bytes, ...,
 *                          as high bytes are much alike, and low ones are not alike at all
 *
 * Whether DELTA helps is found out by compressing a frame both ways. (The planes are the shuffle
 * filter of HDF5 and Blosc.)
 *
 * A frame is input: it is opened, as any image, before a byte of it is trusted, and has to be one
 * that this file can have made. Validity is in the frames; c->validity is NULL.
 */
#include "chunk_cold.h"

#include <zstd.h>

#include "alloc.h"
#include "bitmap.h"
#include "chunk_encode.h"
#include "error.h"
#include "image.h"
#include "packed.h"
#include "type.h"
#include "unzstd.h"

#define LEVEL 9			/* 15 takes five times as long for 5% less */
#define WORTH_PERCENT 90	/* at most this much may be left */

enum { FLAG_DELTA = 1 };

/* May an ordinary chunk of this encoding be a frame? */
static bool fits_frame(unsigned encoding)
{
	return encoding == STOA__ENC_PACKED || encoding == STOA__ENC_STEPPED ||
	       encoding == STOA__ENC_RAW || encoding == STOA__ENC_SCALED || encoding == STOA__ENC_BYTES;
}

static size_t n_frames(const struct stoa__chunk *c)
{
	return (c->n_rows + STOA__FRAME_ROWS - 1) / STOA__FRAME_ROWS;
}

static size_t frame_rows(const struct stoa__chunk *c, size_t frame)
{
	size_t left = c->n_rows - frame * STOA__FRAME_ROWS;

	return left < STOA__FRAME_ROWS ? left : STOA__FRAME_ROWS;
}

/* ---- what is changed in an image ---------------------------------------------------------- */

/* Numbers of a whole number of bytes: their array in an image. */
struct numbers {
	uint8_t *p;
	size_t n, size;
};

/* Those of an opened image, whose bytes are ours; none where they are narrower than a byte. */
static struct numbers numbers_of(const struct stoa__chunk *c)
{
	size_t size = c->width % 8 == 0 ? c->width / 8u : 0;
	struct numbers x = { (uint8_t *)(uintptr_t)c->values, c->n_rows, size };

	if (size > 8)
		x.size = 0;	/* uuids have no high bytes */
	return x;
}

static uint64_t load(const struct numbers *x, size_t i)
{
	uint64_t v = 0;

	memcpy(&v, x->p + i * x->size, x->size);
	return v;
}

static void to_deltas(const struct numbers *x)
{
	uint64_t before = 0;

	for (size_t i = 0; i < x->n; i++) {
		uint64_t v = load(x, i), d = v - before;

		memcpy(x->p + i * x->size, &d, x->size);
		before = v;
	}
}

static void from_deltas(const struct numbers *x)
{
	uint64_t v = 0;

	for (size_t i = 0; i < x->n; i++) {
		v += load(x, i);
		memcpy(x->p + i * x->size, &v, x->size);
	}
}

static void to_planes(const struct numbers *x)
{
	uint8_t room[STOA__FRAME_ROWS * 8];

	if (x->size < 2)
		return;
	for (size_t b = 0; b < x->size; b++)
		for (size_t i = 0; i < x->n; i++)
			room[b * x->n + i] = x->p[i * x->size + b];
	memcpy(x->p, room, x->n * x->size);
}

static void from_planes(const struct numbers *x)
{
	uint8_t room[STOA__FRAME_ROWS * 8];

	if (x->size < 2)
		return;
	memcpy(room, x->p, x->n * x->size);
	for (size_t b = 0; b < x->size; b++)
		for (size_t i = 0; i < x->n; i++)
			x->p[i * x->size + b] = room[b * x->n + i];
}

static size_t n_offsets(const struct stoa__chunk *c)
{
	return (c->n_rows + STOA__IMAGE_STRIDE - 1) / STOA__IMAGE_STRIDE + 1;
}

static void clear_offsets(const struct stoa__chunk *c)
{
	if (c->offsets)
		memset((uint8_t *)(uintptr_t)c->offsets, 0, n_offsets(c) * sizeof(uint64_t));
}

static void restore_offsets(const struct stoa__chunk *c)
{
	uint8_t *to = (uint8_t *)(uintptr_t)c->offsets;
	uint64_t at = 0;

	for (size_t i = 0; to && i <= c->n_rows; i++) {
		if (i % STOA__IMAGE_STRIDE == 0 || i == c->n_rows) {
			memcpy(to, &at, sizeof at);
			to += sizeof at;
		}
		if (i < c->n_rows)
			at += c->base + stoa__packed_get(c->values, c->width, i);
	}
}

/* ---- encoding ----------------------------------------------------------------------------- */

struct cooler {
	const struct stoa__chunk *c;
	ZSTD_CCtx *zstd;
	void *values;			/* of a frame, as elements of a struct stoa_array */
	struct stoa__buf texts;		/* what they point at */
	struct stoa__buf image;		/* of the frame */
	struct stoa__buf frames;	/* so far */
	uint32_t offsets[STOA__GROUP_ROWS / STOA__FRAME_ROWS + 1];
	uint32_t longest;
};

static void cooler_release(struct cooler *k)
{
	ZSTD_freeCCtx(k->zstd);
	stoa__free(k->values);
	stoa__buf_release(&k->texts);
	stoa__buf_release(&k->image);
	stoa__buf_release(&k->frames);
}

static int cooler_init(struct cooler *k, const struct stoa__chunk *c)
{
	memset(k, 0, sizeof *k);
	k->c = c;
	k->zstd = ZSTD_createCCtx();
	k->values = stoa__alloc_aligned(STOA__FRAME_ROWS * sizeof(struct stoa_bytes));
	return k->zstd && k->values ? STOA_OK : STOA_ENOMEM;
}

/* Makes the ordinary image of a frame in k->image. */
static int make_image(struct cooler *k, size_t frame)
{
	uint64_t validity[STOA__WORDS(STOA__FRAME_ROWS)];
	const struct stoa__chunk *c = k->c;
	size_t from = frame * STOA__FRAME_ROWS, n = frame_rows(c, frame);
	struct stoa_array a = { c->type, c->type == STOA_DECIMAL ? c->scale : 0, k->values, NULL };

	stoa__buf_reset(&k->texts);
	stoa__buf_reset(&k->image);
	STOA_TRY(stoa__chunk_read(c, from, n, k->values, &k->texts));
	if (c->validity) {
		stoa__bitmap_copy(validity, 0, c->validity, from, n);
		a.validity = validity;
	}
	if (stoa__type_family(c->type) == STOA__BYTES)
		return stoa__encode_text_plain(&a, n, &k->image);
	return stoa__chunk_encode(&a, n, &k->image);
}

/* Appends what is in k->image to the frames. */
static int put_frame(struct cooler *k, uint8_t flags)
{
	size_t bound = ZSTD_compressBound(k->image.len), z;

	STOA_TRY(stoa__buf_reserve(&k->frames, 1 + bound));
	k->frames.p[k->frames.len] = flags;
	z = ZSTD_compressCCtx(k->zstd, k->frames.p + k->frames.len + 1, bound, k->image.p,
			      k->image.len, LEVEL);
	if (ZSTD_isError(z))
		return STOA_ENOMEM;	/* the only way for it to fail */
	k->frames.len += 1 + z;
	return STOA_OK;
}

/* The same with differences in place of numbers; whichever is shorter stays. */
static int put_deltas(struct cooler *k, const struct numbers *x, size_t start)
{
	size_t plain_end = k->frames.len, len;

	from_planes(x);
	to_deltas(x);
	to_planes(x);
	STOA_TRY(put_frame(k, FLAG_DELTA));
	len = k->frames.len - plain_end;
	if (len < plain_end - start) {
		memmove(k->frames.p + start, k->frames.p + plain_end, len);
		k->frames.len = start + len;
	} else {
		k->frames.len = plain_end;
	}
	return STOA_OK;
}

static int cool_frame(struct cooler *k, size_t frame)
{
	size_t start = k->frames.len;
	struct stoa__chunk image;
	struct numbers x;
	const char *why;

	STOA_TRY(make_image(k, frame));
	STOA_TRY(stoa__chunk_open(k->image.p, k->image.len, &image, &why));
	if (k->image.len > STOA__FRAME_BYTES_MAX)
		return STOA_END;
	if (k->image.len > k->longest)
		k->longest = (uint32_t)k->image.len;
	x = numbers_of(&image);
	to_planes(&x);
	clear_offsets(&image);
	STOA_TRY(put_frame(k, 0));
	if (x.size && stoa__encoding_is_packed(image.encoding))
		STOA_TRY(put_deltas(k, &x, start));
	return k->frames.len > k->c->len / 100 * WORTH_PERCENT ? STOA_END : STOA_OK;
}

static int write_image(const struct cooler *k, struct stoa__buf *out)
{
	const struct stoa__chunk *c = k->c;
	struct stoa__image_header h;
	struct stoa__image_layout l;
	uint8_t *image;

	memcpy(&h, c->image, sizeof h);
	h.encoding = STOA__ENC_COLD;
	h.width = 0;
	h.scale = c->type == STOA_DECIMAL ? c->scale : 0;
	h.base = 0;
	h.bytes_len = k->frames.len;
	h.step = 0;
	h.value_max = k->longest;
	stoa__image_layout(&h, &l);
	if (l.len > c->len / 100 * WORTH_PERCENT)
		return STOA_END;
	STOA_TRY(stoa__image_begin(out, &h, NULL, &l, &image));
	memcpy(image + l.list, k->offsets, (n_frames(c) + 1) * sizeof k->offsets[0]);
	memcpy(image + l.bytes, k->frames.p, k->frames.len);
	stoa__image_commit(out, &l);
	return STOA_OK;
}

int stoa__chunk_encode_cold(const struct stoa__chunk *c, struct stoa__buf *out)
{
	struct cooler k;
	int rc;

	if (c->type == STOA_STRING || stoa__chunk_is_cold(c) || c->n_null == c->n_rows)
		return STOA_END;
	rc = cooler_init(&k, c);
	for (size_t i = 0; i < n_frames(c) && rc == STOA_OK; i++) {
		k.offsets[i] = (uint32_t)k.frames.len;
		rc = cool_frame(&k, i);
		k.offsets[i + 1] = (uint32_t)k.frames.len;
	}
	if (rc == STOA_OK)
		rc = write_image(&k, out);
	cooler_release(&k);
	return rc;
}

/* ---- thawing ------------------------------------------------------------------------------ */

static int corrupt(const char **why, const char *what)
{
	*why = what;
	return STOA_ECORRUPT;
}

/* Decompresses a frame to the beginning of @room; its flags in *@flags. */
static int decompress(const struct stoa__chunk *c, size_t frame, struct stoa__buf *room,
		      uint8_t *flags, const char **why)
{
	uint32_t from = stoa__load_u32(c->list + 4 * frame);
	uint32_t to = stoa__load_u32(c->list + 4 * frame + 4);
	unsigned long long size;
	int rc;

	if (from >= to || to > c->bytes_len)
		return corrupt(why, "a cold chunk's frames are out of order");
	*flags = c->bytes[from++];
	size = ZSTD_getFrameContentSize(c->bytes + from, to - from);
	/* Also true of both its error codes. */
	if (size > c->value_max || *flags > FLAG_DELTA)
		return corrupt(why, "a frame of a cold chunk is not one");
	stoa__buf_reset(room);
	if (stoa__buf_reserve(room, (size_t)size) < 0) {
		*why = "out of memory";
		return STOA_ENOMEM;
	}
	rc = stoa__unzstd(room->p, (size_t)size, c->bytes + from, to - from);
	if (rc < 0) {
		*why = rc == STOA_ENOMEM ? "out of memory" : "a frame of a cold chunk does not decompress";
		return rc;
	}
	room->len = (size_t)size;
	return STOA_OK;
}

int stoa__chunk_thaw(const struct stoa__chunk *c, size_t frame, struct stoa__buf *room,
		     struct stoa__chunk *out, const char **why)
{
	struct numbers x;
	uint8_t flags = 0;

	STOA_TRY(decompress(c, frame, room, &flags, why));
	STOA_TRY(stoa__chunk_open(room->p, room->len, out, why));
	if (out->type != c->type || out->n_rows != frame_rows(c, frame) ||
	    !fits_frame(out->encoding) ||
	    (c->type == STOA_DECIMAL && out->scale != c->scale))
		return corrupt(why, "a frame of a cold chunk has other rows than its chunk");
	x = numbers_of(out);
	if (flags & FLAG_DELTA && !x.size)
		return corrupt(why, "a frame of a cold chunk has differences of nothing");
	from_planes(&x);
	if (flags & FLAG_DELTA)
		from_deltas(&x);
	restore_offsets(out);
	return STOA_OK;
}

/* ---- reading ------------------------------------------------------------------------------ */

/* Makes bytes that borrow from a frame borrow from @scratch. */
static int keep_bytes(struct stoa_value *v, struct stoa__buf *scratch)
{
	size_t at = scratch->len;

	STOA_TRY(stoa__buf_put(scratch, v->p, v->len));
	v->p = (const char *)scratch->p + at;
	return STOA_OK;
}

int stoa__thawed_reach(struct stoa__thawed *t, const struct stoa__chunk *c, size_t frame,
		       uint64_t id, const char **why)
{
	if (t->id == id)
		return STOA_OK;
	t->id = 0;
	STOA_TRY(stoa__chunk_thaw(c, frame, &t->frame, &t->chunk, why));
	t->id = id;
	return STOA_OK;
}

int stoa__thawed_value(struct stoa__thawed *t, const struct stoa__chunk *c, uint64_t id, size_t row,
		       struct stoa__buf *scratch, struct stoa_value *out)
{
	size_t frame = row / STOA__FRAME_ROWS;
	const char *why;

	STOA_TRY(stoa__thawed_reach(t, c, frame, id + frame, &why));
	STOA_TRY(stoa__chunk_value(&t->chunk, row % STOA__FRAME_ROWS, scratch, out));
	if (out->type != STOA_NULL && stoa__type_family(c->type) == STOA__BYTES)
		return keep_bytes(out, scratch);
	return STOA_OK;
}

int stoa__cold_value(const struct stoa__chunk *c, size_t row, struct stoa__buf *scratch,
		     struct stoa_value *out)
{
	struct stoa__thawed t = { .frame = STOA__BUF_INIT };
	int rc = stoa__thawed_value(&t, c, 1, row, scratch, out);

	stoa__buf_release(&t.frame);
	return rc;
}

/*
 * Copies @n texts' bytes behind what @scratch has; pointers stay offsets until the last is there.
 */
static int keep_texts(struct stoa_bytes *values, size_t n, struct stoa__buf *scratch)
{
	for (size_t i = 0; i < n; i++) {
		size_t at = scratch->len;

		STOA_TRY(stoa__buf_put(scratch, values[i].p, values[i].len));
		values[i].p = (const char *)(uintptr_t)at;
	}
	return STOA_OK;
}

static void point_texts(struct stoa_bytes *values, size_t n, const struct stoa__buf *scratch)
{
	for (size_t i = 0; i < n; i++)
		values[i].p = (const char *)scratch->p + (uintptr_t)values[i].p;
}

int stoa__cold_read(const struct stoa__chunk *c, size_t from, size_t n, void *values,
		    struct stoa__buf *scratch)
{
	bool is_bytes = stoa__type_family(c->type) == STOA__BYTES;
	size_t size = stoa__type_width(c->type), done = 0, mark = scratch ? scratch->len : 0;
	struct stoa__buf room = STOA__BUF_INIT;
	int rc = STOA_OK;

	while (done < n && rc == STOA_OK) {
		size_t row = from + done, at = row % STOA__FRAME_ROWS;
		size_t len = STOA__FRAME_ROWS - at < n - done ? STOA__FRAME_ROWS - at : n - done;
		uint8_t *to = (uint8_t *)values + done * size;
		struct stoa__chunk frame;
		const char *why;

		rc = stoa__chunk_thaw(c, row / STOA__FRAME_ROWS, &room, &frame, &why);
		if (rc == STOA_OK)
			rc = stoa__chunk_read(&frame, at, len, to, scratch);
		if (rc == STOA_OK && is_bytes)
			rc = keep_texts((struct stoa_bytes *)(void *)to, len, scratch);
		done += len;
	}
	if (rc == STOA_OK && is_bytes)
		point_texts(values, n, scratch);
	if (rc < 0 && scratch)
		scratch->len = mark;
	stoa__buf_release(&room);
	return rc;
}

/* ---- checking ----------------------------------------------------------------------------- */

/* What the frames add up to. */
struct sum {
	uint32_t n_null;
	bool has_range, has_nan;
	struct stoa__chunk ends;	/* min and max */
};

/* Is *@a below *@b? Both are fields that hold a minimum or maximum of @c's type. */
static bool less(const struct stoa__chunk *c, const void *a, const void *b)
{
	int64_t i, j;
	uint64_t u, v;
	double f, g;

	memcpy(&i, a, 8);
	memcpy(&j, b, 8);
	memcpy(&u, a, 8);
	memcpy(&v, b, 8);
	memcpy(&f, a, 8);
	memcpy(&g, b, 8);
	switch (stoa__type_family(c->type)) {
	case STOA__UINT:
		return u < v;
	case STOA__FLOAT:
		return f < g;
	default:
		return i < j;
	}
}

static void add_frame(struct sum *s, const struct stoa__chunk *frame)
{
	s->n_null += frame->n_null;
	s->has_nan |= frame->has_nan;
	if (!frame->has_range)
		return;
	if (!s->has_range || less(frame, &frame->min, &s->ends.min))
		s->ends.min = frame->min;
	if (!s->has_range || less(frame, &s->ends.max, &frame->max))
		s->ends.max = frame->max;
	s->has_range = true;
}

static bool agrees(const struct sum *s, const struct stoa__chunk *c)
{
	if (s->n_null != c->n_null || s->has_nan != c->has_nan || s->has_range != c->has_range)
		return false;
	return !c->has_range || !(less(c, &s->ends.min, &c->min) || less(c, &c->min, &s->ends.min) ||
				  less(c, &s->ends.max, &c->max) || less(c, &c->max, &s->ends.max));
}

/* Frames lie one after another and fill the bytes; what is behind list and bytes is zero. */
static bool frames_fill_bytes(const struct stoa__chunk *c)
{
	size_t n = n_frames(c);
	const uint8_t *p = c->list + 4 * (n + 1);

	if (stoa__load_u32(c->list) != 0 || stoa__load_u32(c->list + 4 * n) != c->bytes_len)
		return false;
	for (; p < c->bytes; p++)
		if (*p)
			return false;
	for (p = c->bytes + c->bytes_len; p < c->image + c->len; p++)
		if (*p)
			return false;
	return true;
}

int stoa__cold_check(const struct stoa__chunk *c, const char **why)
{
	struct stoa__buf room = STOA__BUF_INIT;
	struct sum s = { 0 };
	uint32_t longest = 0;
	int rc = STOA_OK;

	if (!frames_fill_bytes(c))
		return corrupt(why, "a cold chunk's frames do not fill it");
	for (size_t i = 0; i < n_frames(c) && rc == STOA_OK; i++) {
		struct stoa__chunk frame;

		rc = stoa__chunk_thaw(c, i, &room, &frame, why);
		if (rc == STOA_OK)
			rc = stoa__chunk_check(&frame, why);
		if (rc < 0)
			break;
		add_frame(&s, &frame);
		longest = frame.len > longest ? (uint32_t)frame.len : longest;
	}
	stoa__buf_release(&room);
	if (rc == STOA_OK && (!agrees(&s, c) || longest != c->value_max))
		return corrupt(why, "a cold chunk's header disagrees with its frames");
	return rc;
}
