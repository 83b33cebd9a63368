/* SPDX-License-Identifier: MIT */
/* rowids.c - see rowids.h */
#include "rowids.h"

#include <string.h>

#include "bitmap.h"
#include "error.h"
#include "limits.h"
#include "packed.h"

#define ALIGN 64
#define LINE_WORDS 8
#define LINE_BITS 512

struct header {
	uint32_t magic;
	uint32_t n_rows;
	uint64_t span;
	uint32_t width;
	uint32_t zeros[11];
};
_Static_assert(sizeof(struct header) == ALIGN, "a header is 64 bytes");

static uint64_t n_lines(uint64_t span)
{
	return span / LINE_BITS + (span % LINE_BITS > 0);
}

static uint64_t align(uint64_t x)
{
	return (x + ALIGN - 1) & ~(uint64_t)(ALIGN - 1);
}

/*
 * Bytes of an image; @span is at most what STOA__CHUNK_BYTES_MAX bytes have bits for where @width
 * is 0.
 */
static uint64_t image_size(uint64_t n_rows, uint64_t span, unsigned width)
{
	uint64_t body = width ? stoa__packed_size(n_rows, width) :
				n_lines(span) * (LINE_WORDS * sizeof(uint64_t) + sizeof(uint32_t));

	return sizeof(struct header) + align(body);
}

/* ---- making ---- */

static void fill_bitmap(const uint64_t *rowids, size_t n, uint64_t *words, uint64_t lines)
{
	uint32_t *ranks = (uint32_t *)(void *)(words + lines * LINE_WORDS), sum = 0;

	for (size_t i = 0; i < n; i++)
		stoa__bit_set(words, rowids[i] - rowids[0]);
	for (uint64_t line = 0; line < lines; line++) {
		ranks[line] = sum;
		sum += (uint32_t)stoa__bitmap_count(words, line * LINE_BITS, LINE_BITS);
	}
}

int stoa__rowids_encode(const uint64_t *rowids, size_t n, struct stoa__buf *out)
{
	struct header h = { .magic = STOA__ROWIDS_MAGIC, .n_rows = (uint32_t)n };
	size_t pad = -out->len & (ALIGN - 1);
	uint64_t size;
	uint8_t *p;

	h.span = rowids[n - 1] - rowids[0] + 1;
	h.width = stoa__packed_width(h.span - 1);
	if (h.width < 16)
		h.width = 16;
	size = image_size(n, h.span, h.width);
	if (h.span / 8 < size && image_size(n, h.span, 0) <= size) {
		h.width = 0;
		size = image_size(n, h.span, 0);
	}
	if (size > STOA__CHUNK_BYTES_MAX)
		return STOA_EFULL;
	/* The packer may write some bytes behind its run. */
	STOA_TRY(stoa__buf_reserve(out, pad + size + ALIGN));
	p = out->p + out->len + pad;
	memset(out->p + out->len, 0, pad + size);
	memcpy(p, &h, sizeof h);
	if (h.width) {
		uint64_t used = sizeof h + (n * h.width + 7) / 8;

		stoa__pack(p + sizeof h, h.width, rowids, 3, n, rowids[0]);
		memset(p + used, 0, size - used);
	} else {
		fill_bitmap(rowids, n, (uint64_t *)(void *)(p + sizeof h), n_lines(h.span));
	}
	out->len += pad + size;
	return STOA_OK;
}

/* ---- opening ---- */

static int corrupt(const char **why, const char *what)
{
	*why = what;
	return STOA_ECORRUPT;
}

bool stoa__rowids_is(const void *image, size_t len)
{
	return len >= sizeof(struct header) && stoa__load_u32(image) == STOA__ROWIDS_MAGIC;
}

int stoa__rowids_open(const void *image, size_t len, struct stoa__rowids *out, const char **why)
{
	struct header h;

	memset(out, 0, sizeof *out);
	if ((uintptr_t)image % 8 != 0 || !stoa__rowids_is(image, len))
		return corrupt(why, "this is not a map of rowids");
	memcpy(&h, image, sizeof h);
	if (h.n_rows < 1 || h.n_rows > STOA__GROUP_ROWS || h.span < h.n_rows)
		return corrupt(why, "a map of rowids has counts that are out of range");
	if (h.width ? h.width < 16 || !stoa__packed_width_valid(h.width) : h.span / 8 > len)
		return corrupt(why, "a map of rowids has a width that is out of range");
	if (image_size(h.n_rows, h.span, h.width) != len)
		return corrupt(why, "a map of rowids is not as long as its header adds up to");
	out->n_rows = h.n_rows;
	out->span = h.span;
	out->width = h.width;
	if (h.width) {
		out->packed = (const uint8_t *)image + sizeof h;
	} else {
		out->words = (const uint64_t *)(const void *)((const uint8_t *)image + sizeof h);
		out->ranks = (const uint32_t *)(const void *)(out->words +
							      n_lines(h.span) * LINE_WORDS);
	}
	return STOA_OK;
}

/* ---- finding ---- */

static int64_t find_packed(const struct stoa__rowids *r, uint64_t distance)
{
	uint32_t lo = 0;

	/* The last row at or before it: steps are added, not branched to. */
	for (uint32_t n = r->n_rows; n > 1; n -= n / 2) {
		uint64_t at = stoa__packed_get(r->packed, r->width, lo + n / 2);

		lo += n / 2 & -(uint32_t)(at <= distance);
	}
	return stoa__packed_get(r->packed, r->width, lo) == distance ? (int64_t)lo : -1;
}

int64_t stoa__rowids_find(const struct stoa__rowids *r, uint64_t distance)
{
	uint64_t line = distance / LINE_BITS, row;

	if (distance >= r->span)
		return -1;
	if (!r->words)
		return find_packed(r, distance);
	if (!stoa__bit_get(r->words, distance))
		return -1;
	row = r->ranks[line];
	if (distance % LINE_BITS)
		row += stoa__bitmap_count(r->words, line * LINE_BITS, distance % LINE_BITS);
	return row < r->n_rows ? (int64_t)row : -1;
}

/* The line that has row @row. */
static uint64_t line_of(const struct stoa__rowids *r, uint32_t row)
{
	uint64_t lo = 0;

	for (uint64_t n = n_lines(r->span); n > 1; n -= n / 2)
		lo += n / 2 & -(uint64_t)(r->ranks[lo + n / 2] <= row);
	return lo;
}

/*
 * Ones from number @skip of the line on. If ones are missing, which no image does that passed its
 * checksum, the last distance stands for them.
 */
static void read_bits(const struct stoa__rowids *r, uint64_t line, uint32_t skip, size_t n,
		      uint64_t *out)
{
	uint64_t n_words = n_lines(r->span) * LINE_WORDS;

	for (uint64_t i = line * LINE_WORDS; n && i < n_words; i++) {
		uint64_t word = r->words[i];

		for (; word && n; word &= word - 1) {
			if (skip) {
				skip--;
				continue;
			}
			*out++ = i * 64 + (uint64_t)__builtin_ctzll(word);
			n--;
		}
	}
	while (n--)
		*out++ = r->span - 1;
}

void stoa__rowids_read(const struct stoa__rowids *r, uint32_t from, size_t n, uint64_t *out)
{
	if (r->words) {
		uint64_t line = line_of(r, from);

		read_bits(r, line, from - r->ranks[line], n, out);
		return;
	}
	for (size_t i = 0; i < n; i++)
		out[i] = stoa__packed_get(r->packed, r->width, from + i);
}

/* ---- checking ---- */

static int check_bitmap(const struct stoa__rowids *r, const char **why)
{
	uint64_t lines = n_lines(r->span), sum = 0;

	for (uint64_t line = 0; line < lines; line++) {
		if (r->ranks[line] != sum)
			return corrupt(why, "a map of rowids has a count that is wrong");
		sum += stoa__bitmap_count(r->words, line * LINE_BITS, LINE_BITS);
	}
	if (sum != r->n_rows || !stoa__bit_get(r->words, 0) ||
	    !stoa__bit_get(r->words, r->span - 1) ||
	    stoa__bitmap_count(r->words, 0, r->span) != r->n_rows)
		return corrupt(why, "a map of rowids has another number of rows than it says");
	return STOA_OK;
}

static int check_packed(const struct stoa__rowids *r, const char **why)
{
	uint64_t last = stoa__packed_get(r->packed, r->width, 0);

	if (last != 0)
		return corrupt(why, "a map of rowids does not begin with the first");
	for (uint32_t i = 1; i < r->n_rows; i++) {
		uint64_t next = stoa__packed_get(r->packed, r->width, i);

		if (next <= last)
			return corrupt(why, "a map of rowids does not ascend");
		last = next;
	}
	return last + 1 == r->span ? STOA_OK :
				     corrupt(why, "a map of rowids does not end with the last");
}

int stoa__rowids_check(const struct stoa__rowids *r, const char **why)
{
	return r->words ? check_bitmap(r, why) : check_packed(r, why);
}
