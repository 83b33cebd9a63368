/* SPDX-License-Identifier: MIT */
/*
 * chunk_encode_text.c - encodes columns of texts and blobs
 *
 * Three ways, of which the smallest is taken, though one that must be decompressed has to save at
 * least 15% to be worth the time of all later readers:
 *
 *   FSST      texts: symbols of up to 8 bytes; short values, each found and decompressed alone
 *   ZVALUES   columns of mostly long values: zstd on each, as FSST would not see far enough
 *   BYTES     as they are
 *
 * Whether compression helps is known early in most cases: FSST's sample tells before the column is
 * looked at, and zstd gives up once the first values did not shrink.
 */
#include "chunk_encode.h"

#include <zstd.h>

#include "alloc.h"
#include "bitmap.h"
#include "error.h"
#include "fsst.h"
#include "image.h"
#include "kernels.h"
#include "lengths.h"
#include "limits.h"
#include "packed.h"

#define LONG_BYTES 512		/* values beyond this are for zstd */
#define SHORT_TOTAL 4096	/* columns below this are not worth a table */
#define WORTH_PERCENT 85	/* at most this much may be left */
#define TRIAL_BYTES (256 << 10)	/* what zstd gets to show that it helps */
#define ZSTD_LEVEL 3

struct text {
	const struct stoa_array *a;
	size_t n;
	size_t n_null;
	uint32_t *lens;		/* of the values, 0 where NULL */
	uint64_t total;		/* bytes of all values */
	uint64_t total_long;	/* bytes of long ones */
	uint32_t longest;
	uint32_t *stored;	/* lengths in the image */
};

static const struct stoa_bytes *value_of(const struct text *t, size_t i)
{
	return (const struct stoa_bytes *)t->a->values + i;
}

static void measure(struct text *t)
{
	const uint64_t *validity = t->n_null ? t->a->validity : NULL;

	for (size_t i = 0; i < t->n; i++) {
		uint32_t len = stoa__bit_get(validity, i) ? value_of(t, i)->len : 0;

		t->lens[i] = len;
		t->total += len;
		t->total_long += len > LONG_BYTES ? len : 0;
		t->longest = len > t->longest ? len : t->longest;
	}
}

/* ---- writing ---------------------------------------------------------------------------- */

static struct stoa__image_header header_of(const struct text *t, unsigned encoding,
					   const uint32_t *lens, uint64_t bytes_len)
{
	struct stoa__image_header h =
		stoa__image_header_of(t->a->type, encoding, t->n, t->n_null);
	struct stoa__range range = stoa__kernels()->range[2](lens, t->n, 0x80000000u);
	uint32_t min = (uint32_t)range.min ^ 0x80000000u, max = (uint32_t)range.max ^ 0x80000000u;

	h.base = min;
	h.width = (uint8_t)stoa__packed_width(max - min);
	h.bytes_len = bytes_len;
	h.value_max = encoding == STOA__ENC_BYTES ? 0 : t->longest;
	return h;
}

static void write_lengths(const struct stoa__image_header *h, const uint32_t *lens, size_t n,
			  uint8_t *values, uint8_t *offsets)
{
	uint64_t at = 0;

	stoa__pack(values, h->width, lens, 2, n, h->base);
	for (size_t i = 0; i < n; i++) {
		if (i % STOA__IMAGE_STRIDE == 0) {
			memcpy(offsets, &at, sizeof at);
			offsets += sizeof at;
		}
		at += lens[i];
	}
	memcpy(offsets, &at, sizeof at);
}

/*
 * @n bytes, and none beside them. Most values are short: those are copied as two words that may
 * overlap, as memcpy() takes longer to be called than to copy them.
 */
static inline void copy(uint8_t *out, const char *p, size_t n)
{
	struct half { uint64_t low, high; } first, last;

	if (n > 32 || n < 8) {
		memcpy(out, p, n);
	} else if (n >= 16) {
		memcpy(&first, p, 16);
		memcpy(&last, p + n - 16, 16);
		memcpy(out, &first, 16);
		memcpy(out + n - 16, &last, 16);
	} else {
		memcpy(&first.low, p, 8);
		memcpy(&last.low, p + n - 8, 8);
		memcpy(out, &first.low, 8);
		memcpy(out + n - 8, &last.low, 8);
	}
}

/* All values, one after the other; with @marked, a mark behind each. */
static inline __attribute__((always_inline)) void gather(const struct text *t, bool marked,
							 uint8_t *out)
{
	for (size_t i = 0; i < t->n; i++) {
		if (t->lens[i])
			copy(out, value_of(t, i)->p, t->lens[i]);
		out += t->lens[i];
		if (marked)
			*out++ = STOA__FSST_END;
	}
}

static int write_plain(const struct text *t, struct stoa__buf *out)
{
	struct stoa__image_header h = header_of(t, STOA__ENC_BYTES, t->lens, t->total);
	struct stoa__image_layout l;
	uint8_t *image;
	int rc;

	rc = stoa__image_begin(out, &h, t->a->validity, &l, &image);
	if (rc < 0)
		return rc;
	write_lengths(&h, t->lens, t->n, image + l.values, image + l.offsets);
	gather(t, false, image + l.bytes);
	stoa__image_commit(out, &l);
	return STOA_OK;
}

/* STOA_END when the compressed image would not be worth it. */
static int write_compressed(const struct text *t, unsigned encoding, const uint8_t *bytes,
			    uint64_t bytes_len, const struct stoa__fsst_table *table,
			    struct stoa__buf *out)
{
	struct stoa__image_header h = header_of(t, encoding, t->stored, bytes_len);
	struct stoa__image_header plain = header_of(t, STOA__ENC_BYTES, t->lens, t->total);
	struct stoa__image_layout l, plain_l;
	uint8_t *image;
	int rc;

	stoa__image_layout(&h, &l);
	stoa__image_layout(&plain, &plain_l);
	if (l.len > plain_l.len / 100 * WORTH_PERCENT)
		return STOA_END;
	rc = stoa__image_begin(out, &h, t->a->validity, &l, &image);
	if (rc < 0)
		return rc;
	write_lengths(&h, t->stored, t->n, image + l.values, image + l.offsets);
	if (table)
		memcpy(image + l.fsst, table, sizeof *table);
	memcpy(image + l.bytes, bytes, bytes_len);
	stoa__image_commit(out, &l);
	return STOA_OK;
}

/* ---- FSST ------------------------------------------------------------------------------- */

/*
 * @n bytes of room behind whatever image is to come: compressing takes several times the column's
 * size, and who encodes one row group after the other into a buffer has those pages already. (From
 * the heap they were half of all page faults of a load of texts.)
 */
static int room_behind(const struct text *t, uint64_t n, struct stoa__buf *out, uint8_t **room)
{
	struct stoa__image_header plain = header_of(t, STOA__ENC_BYTES, t->lens, t->total);
	struct stoa__image_layout l;

	stoa__image_layout(&plain, &l);
	STOA_TRY(stoa__buf_reserve(out, STOA__IMAGE_ALIGN + l.len + n));
	*room = out->p + out->len + STOA__IMAGE_ALIGN + l.len;
	return STOA_OK;
}

static int try_fsst(const struct text *t, struct stoa__buf *out)
{
	uint64_t len = t->total + t->n;		/* with a mark behind each value */
	struct stoa__fsst_encoder *e;
	uint8_t *raw, *small;
	uint64_t small_len;
	int rc = STOA_END;

	/* The encoder looks 8 bytes ahead; of its output's room, what is used is touched. */
	STOA_TRY(room_behind(t, 3 * len + 8, out, &raw));
	small = raw + len + 8;
	gather(t, true, raw);
	memset(raw + len, 0, 8);
	e = stoa__fsst_encoder_new(raw, t->lens, t->n);
	if (!e)
		return STOA_ENOMEM;
	if (stoa__fsst_encoder_ratio(e) * 100 <= WORTH_PERCENT + 5) {
		small_len = stoa__fsst_encode_all(e, raw, t->lens, t->n, small, t->stored);
		rc = write_compressed(t, STOA__ENC_FSST, small, small_len,
				      stoa__fsst_encoder_table(e), out);
	}
	stoa__fsst_encoder_free(e);
	return rc;
}

/* ---- zstd ------------------------------------------------------------------------------- */

/* Appends one value, with its tag: compressed if it is long and that saves something. */
static int put_zvalue(ZSTD_CCtx *zstd, const char *p, size_t len, struct stoa__buf *b)
{
	size_t bound = len > LONG_BYTES ? ZSTD_compressBound(len) : len, z = len;
	int rc = stoa__buf_reserve(b, 1 + bound);

	if (rc < 0)
		return rc;
	if (len > LONG_BYTES)
		z = ZSTD_compressCCtx(zstd, b->p + b->len + 1, bound, p, len, ZSTD_LEVEL);
	if (z < len) {
		b->p[b->len] = STOA__TAG_ZSTD;
		b->len += 1 + z;
		return STOA_OK;
	}
	b->p[b->len] = STOA__TAG_PLAIN;
	memcpy(b->p + b->len + 1, p, len);
	b->len += 1 + len;
	return STOA_OK;
}

static int zstd_values(const struct text *t, ZSTD_CCtx *zstd, struct stoa__buf *b)
{
	uint64_t done = 0;

	for (size_t i = 0; i < t->n; i++) {
		size_t before = b->len;

		t->stored[i] = 0;
		if (t->lens[i] == 0)
			continue;
		int rc = put_zvalue(zstd, value_of(t, i)->p, t->lens[i], b);

		if (rc < 0)
			return rc;
		t->stored[i] = (uint32_t)(b->len - before);
		done += t->lens[i];
		if (done > TRIAL_BYTES && b->len > done / 100 * (WORTH_PERCENT + 5))
			return STOA_END;
	}
	return STOA_OK;
}

static int try_zstd(const struct text *t, struct stoa__buf *out)
{
	struct stoa__buf b = STOA__BUF_INIT;
	ZSTD_CCtx *zstd = ZSTD_createCCtx();
	int rc = STOA_ENOMEM;

	if (!zstd)
		return rc;
	rc = zstd_values(t, zstd, &b);
	if (rc == STOA_OK)
		rc = write_compressed(t, STOA__ENC_ZVALUES, b.p, b.len, NULL, out);
	ZSTD_freeCCtx(zstd);
	stoa__buf_release(&b);
	return rc;
}

/* ---- choosing --------------------------------------------------------------------------- */

static int encode(const struct text *t, struct stoa__buf *out)
{
	int rc = STOA_END;

	if (t->total > STOA__CHUNK_BYTES_MAX)
		return STOA_EFULL;
	if (t->total_long > t->total / 2)
		rc = try_zstd(t, out);
	if (rc == STOA_END && t->a->type == STOA_TEXT && t->total >= SHORT_TOTAL &&
	    t->total < STOA__FSST_TOTAL_MAX)
		rc = try_fsst(t, out);
	return rc == STOA_END ? write_plain(t, out) : rc;
}

/* Measures the column, then has it encoded by @how. */
static int with_lengths(const struct stoa_array *a, size_t n, size_t n_null,
			int (*how)(const struct text *t, struct stoa__buf *out),
			struct stoa__buf *out)
{
	struct text t = { a, n, n_null, NULL, 0, 0, 0, NULL };
	int rc = STOA_ENOMEM;

	t.lens = stoa__alloc(n * sizeof *t.lens);
	t.stored = stoa__alloc(n * sizeof *t.stored);
	if (t.lens && t.stored) {
		measure(&t);
		rc = how(&t, out);
	}
	stoa__free(t.stored);
	stoa__free(t.lens);
	return rc;
}

int stoa__encode_text(const struct stoa_array *a, size_t n, size_t n_null, struct stoa__buf *out)
{
	return with_lengths(a, n, n_null, encode, out);
}

int stoa__encode_text_plain(const struct stoa_array *a, size_t n, struct stoa__buf *out)
{
	size_t n_null = n - stoa__bitmap_count(a->validity, 0, n);

	return with_lengths(a, n, n_null, write_plain, out);
}
