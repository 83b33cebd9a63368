/* SPDX-License-Identifier: MIT */
/*
 * buf.h - a growable run of bytes, and numbers in bytes that nobody aligned
 *
 * All stored integers are little-endian. A failed call leaves the buffer as it was.
 */
#ifndef STOA__BUF_H
#define STOA__BUF_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct stoa__buf {
	uint8_t *p;
	size_t len;
	size_t cap;
};
#define STOA__BUF_INIT { NULL, 0, 0 }

void stoa__buf_release(struct stoa__buf *b);
/* Empties it, keeps its memory. */
static inline void stoa__buf_reset(struct stoa__buf *b)
{
	b->len = 0;
}
/* Makes room for @n more bytes: STOA_OK or STOA_ENOMEM. */
int stoa__buf_reserve(struct stoa__buf *b, size_t n);
int stoa__buf_put(struct stoa__buf *b, const void *p, size_t n);
int stoa__buf_put_zeros(struct stoa__buf *b, size_t n);
/* Zeros up to the next multiple of @align, a power of two. */
int stoa__buf_pad(struct stoa__buf *b, size_t align);
int stoa__buf_put_u8(struct stoa__buf *b, uint8_t x);
int stoa__buf_put_u16(struct stoa__buf *b, uint16_t x);
int stoa__buf_put_u32(struct stoa__buf *b, uint32_t x);
int stoa__buf_put_u64(struct stoa__buf *b, uint64_t x);
/* LEB128, 1 to 10 bytes. */
int stoa__buf_put_varint(struct stoa__buf *b, uint64_t x);
/* A varint length, then the bytes. */
int stoa__buf_put_bytes(struct stoa__buf *b, const void *p, size_t n);

/*
 * A reader that cannot overread: past the end, or on malformed input, it returns zeros and @bad
 * turns true, so that a decoder reads a whole record and asks once.
 */
struct stoa__reader {
	const uint8_t *p;
	const uint8_t *end;
	int bad;
};
static inline struct stoa__reader stoa__reader_of(const void *p, size_t len)
{
	struct stoa__reader r = { (const uint8_t *)p, (const uint8_t *)p + len, 0 };
	return r;
}
static inline size_t stoa__reader_left(const struct stoa__reader *r)
{
	return (size_t)(r->end - r->p);
}
uint8_t stoa__read_u8(struct stoa__reader *r);
uint16_t stoa__read_u16(struct stoa__reader *r);
uint32_t stoa__read_u32(struct stoa__reader *r);
uint64_t stoa__read_u64(struct stoa__reader *r);
uint64_t stoa__read_varint(struct stoa__reader *r);
/* @n bytes in place; NULL and bad when there are fewer. */
const uint8_t *stoa__read_run(struct stoa__reader *r, size_t n);
/* A varint length and that many bytes in place. */
const uint8_t *stoa__read_bytes(struct stoa__reader *r, size_t *len);

static inline uint32_t stoa__load_u32(const void *p)
{
	uint32_t x;
	memcpy(&x, p, sizeof x);
	return x;
}
static inline uint64_t stoa__load_u64(const void *p)
{
	uint64_t x;
	memcpy(&x, p, sizeof x);
	return x;
}

#endif
