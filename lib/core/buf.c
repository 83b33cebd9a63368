/* SPDX-License-Identifier: MIT */
/*
 * buf.c - a growable run of bytes, and a reader that cannot overread
 *
 * (1) len <= cap; p is NULL exactly when cap is 0.
 * (2) The memory at least doubles when it grows, so that n bytes put one by one cost O(n).
 * (3) A reader gone bad stays where it is with nothing left, so every later read gives zero too.
 */
#include "buf.h"

#include "../stoa.h"
#include "alloc.h"

#define CAP_MIN 64

void stoa__buf_release(struct stoa__buf *b)
{
	stoa__free(b->p);
	b->p = NULL;
	b->len = 0;
	b->cap = 0;
}

int stoa__buf_reserve(struct stoa__buf *b, size_t n)
{
	size_t cap = b->cap > CAP_MIN / 2 ? b->cap : CAP_MIN / 2;
	size_t need;
	uint8_t *p;

	if (n <= b->cap - b->len)
		return STOA_OK;
	if (__builtin_add_overflow(b->len, n, &need) || __builtin_add_overflow(cap, cap, &cap))
		return STOA_ENOMEM;
	if (cap < need)
		cap = need;
	p = stoa__realloc(b->p, cap);
	if (!p)
		return STOA_ENOMEM;
	b->p = p;
	b->cap = cap;
	return STOA_OK;
}

int stoa__buf_put(struct stoa__buf *b, const void *p, size_t n)
{
	int rc = stoa__buf_reserve(b, n);

	if (rc < 0)
		return rc;
	if (n)
		memcpy(b->p + b->len, p, n);
	b->len += n;
	return STOA_OK;
}

int stoa__buf_put_zeros(struct stoa__buf *b, size_t n)
{
	int rc = stoa__buf_reserve(b, n);

	if (rc < 0)
		return rc;
	if (n)
		memset(b->p + b->len, 0, n);
	b->len += n;
	return STOA_OK;
}

int stoa__buf_pad(struct stoa__buf *b, size_t align)
{
	return stoa__buf_put_zeros(b, -b->len & (align - 1));
}

int stoa__buf_put_u8(struct stoa__buf *b, uint8_t x)
{
	if (b->len == b->cap)
		return stoa__buf_put(b, &x, sizeof x);
	b->p[b->len++] = x;
	return STOA_OK;
}

int stoa__buf_put_u16(struct stoa__buf *b, uint16_t x)
{
	return stoa__buf_put(b, &x, sizeof x);
}

int stoa__buf_put_u32(struct stoa__buf *b, uint32_t x)
{
	return stoa__buf_put(b, &x, sizeof x);
}

int stoa__buf_put_u64(struct stoa__buf *b, uint64_t x)
{
	return stoa__buf_put(b, &x, sizeof x);
}

#define VARINT_MAX 10

static size_t varint_write(uint8_t out[VARINT_MAX], uint64_t x)
{
	size_t n = 0;

	while (x >= 0x80) {
		out[n++] = (uint8_t)(x | 0x80);
		x >>= 7;
	}
	out[n++] = (uint8_t)x;
	return n;
}

int stoa__buf_put_varint(struct stoa__buf *b, uint64_t x)
{
	uint8_t bytes[VARINT_MAX];

	/* Each row that is logged has some of them. */
	if (b->cap - b->len < VARINT_MAX)
		return stoa__buf_put(b, bytes, varint_write(bytes, x));
	b->len += varint_write(b->p + b->len, x);
	return STOA_OK;
}

int stoa__buf_put_bytes(struct stoa__buf *b, const void *p, size_t n)
{
	int rc;

	/* Room for both first: half of a failed call must not stay behind. */
	if (n > SIZE_MAX - VARINT_MAX)
		return STOA_ENOMEM;
	rc = stoa__buf_reserve(b, n + VARINT_MAX);
	if (rc < 0)
		return rc;
	b->len += varint_write(b->p + b->len, n);
	if (n)
		memcpy(b->p + b->len, p, n);
	b->len += n;
	return STOA_OK;
}

static void go_bad(struct stoa__reader *r)
{
	r->bad = 1;
	r->p = r->end;
}

const uint8_t *stoa__read_run(struct stoa__reader *r, size_t n)
{
	const uint8_t *p = r->p;

	if (r->bad || stoa__reader_left(r) < n) {
		go_bad(r);
		return NULL;
	}
	r->p += n;
	return p;
}

uint8_t stoa__read_u8(struct stoa__reader *r)
{
	const uint8_t *p = stoa__read_run(r, 1);

	return p ? *p : 0;
}

uint16_t stoa__read_u16(struct stoa__reader *r)
{
	const uint8_t *p = stoa__read_run(r, sizeof(uint16_t));
	uint16_t x = 0;

	if (p)
		memcpy(&x, p, sizeof x);
	return x;
}

uint32_t stoa__read_u32(struct stoa__reader *r)
{
	const uint8_t *p = stoa__read_run(r, sizeof(uint32_t));

	return p ? stoa__load_u32(p) : 0;
}

uint64_t stoa__read_u64(struct stoa__reader *r)
{
	const uint8_t *p = stoa__read_run(r, sizeof(uint64_t));

	return p ? stoa__load_u64(p) : 0;
}

uint64_t stoa__read_varint(struct stoa__reader *r)
{
	uint64_t x = 0;

	for (unsigned shift = 0; shift < 64; shift += 7) {
		uint8_t byte = stoa__read_u8(r);

		if (r->bad)
			return 0;
		x |= (uint64_t)(byte & 0x7f) << shift;
		if (byte < 0x80) {
			/* One number, one form: no bits past the 64th, no zeros at the top. */
			if ((shift == 63 && byte > 1) || (shift > 0 && byte == 0))
				break;
			return x;
		}
	}
	go_bad(r);
	return 0;
}

const uint8_t *stoa__read_bytes(struct stoa__reader *r, size_t *len)
{
	uint64_t n = stoa__read_varint(r);
	const uint8_t *p = NULL;

	if (n > stoa__reader_left(r))
		go_bad(r);
	else
		p = stoa__read_run(r, (size_t)n);
	*len = p ? (size_t)n : 0;
	return p;
}
