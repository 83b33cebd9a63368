/* SPDX-License-Identifier: MIT */
/* flat.c - see flat.h */
#include "flat.h"

#include <string.h>

#include "../core/error.h"

/* ---- reading --------------------------------------------------------------------------------- */

static uint32_t spoil(struct stoa__flat *f)
{
	f->bad = true;
	return 0;
}

static bool inside(const struct stoa__flat *f, uint64_t at, uint64_t size)
{
	return at <= f->len && size <= f->len - at;
}

static uint16_t load_u16(const uint8_t *p)
{
	uint16_t x;

	memcpy(&x, p, sizeof x);
	return x;
}

/* Where the reference at @at leads: a place with four bytes at least. */
static uint32_t follow(struct stoa__flat *f, uint64_t at)
{
	uint64_t to;

	if (!inside(f, at, 4))
		return spoil(f);
	to = at + stoa__load_u32(f->p + at);
	return inside(f, to, 4) && to > at ? (uint32_t)to : spoil(f);
}

uint32_t stoa__flat_root(struct stoa__flat *f)
{
	return follow(f, 0);
}

uint32_t stoa__flat_field(struct stoa__flat *f, uint32_t table, unsigned id, uint32_t size)
{
	int64_t vtable;
	uint32_t vsize, offset;

	if (!table)
		return 0;
	vtable = (int64_t)table - (int32_t)stoa__load_u32(f->p + table);
	if (vtable < 0 || !inside(f, (uint64_t)vtable, 4))
		return spoil(f);
	vsize = load_u16(f->p + vtable);
	if (vsize < 4 || !inside(f, (uint64_t)vtable, vsize))
		return spoil(f);
	if (4 + 2 * id + 2 > vsize)
		return 0;
	offset = load_u16(f->p + vtable + 4 + 2 * id);
	if (!offset)
		return 0;
	return offset >= 4 && inside(f, (uint64_t)table + offset, size) ? table + offset : spoil(f);
}

int64_t stoa__flat_load(const struct stoa__flat *f, uint32_t at, uint32_t size)
{
	uint64_t x = 0;

	memcpy(&x, f->p + at, size);
	if (size < 8 && x >> (8 * size - 1) & 1)
		x |= ~(uint64_t)0 << (8 * size);
	return (int64_t)x;
}

int64_t stoa__flat_int(struct stoa__flat *f, uint32_t table, unsigned id, uint32_t size,
		       int64_t otherwise)
{
	uint32_t at = stoa__flat_field(f, table, id, size);

	return at ? stoa__flat_load(f, at, size) : otherwise;
}

uint32_t stoa__flat_table(struct stoa__flat *f, uint32_t table, unsigned id)
{
	uint32_t at = stoa__flat_field(f, table, id, 4);

	return at ? follow(f, at) : 0;
}

uint32_t stoa__flat_vector(struct stoa__flat *f, uint32_t table, unsigned id, uint32_t size,
			   uint32_t *n)
{
	uint32_t at = stoa__flat_table(f, table, id);

	*n = at ? stoa__load_u32(f->p + at) : 0;
	if (!at || inside(f, (uint64_t)at + 4, (uint64_t)*n * size))
		return at ? at + 4 : 0;
	*n = 0;
	return spoil(f);
}

uint32_t stoa__flat_element(struct stoa__flat *f, uint32_t vector, uint32_t i)
{
	return follow(f, (uint64_t)vector + 4 * (uint64_t)i);
}

struct stoa_bytes stoa__flat_string(struct stoa__flat *f, uint32_t table, unsigned id)
{
	uint32_t n, at = stoa__flat_vector(f, table, id, 1, &n);

	return (struct stoa_bytes){ at ? (const char *)f->p + at : NULL, n };
}

/* ---- writing --------------------------------------------------------------------------------- */

/* Zeros until what follows @before bytes from the end is aligned. */
static int pad_before(struct stoa__buf *b, size_t before, size_t align)
{
	size_t over = (b->len + before) % align;

	return over ? stoa__buf_put_zeros(b, align - over) : STOA_OK;
}

static void refer(struct stoa__buf *b, size_t ref, size_t to)
{
	uint32_t distance = (uint32_t)(to - ref);

	memcpy(b->p + ref, &distance, sizeof distance);
}

int stoa__flat_put_root(struct stoa__buf *b)
{
	return stoa__buf_put_u32(b, 0);
}

/* Each table has a vtable of its own before it: there are few. */
int stoa__flat_put_table(struct stoa__buf *b, size_t ref, struct stoa__flat_slot *slots, size_t n)
{
	size_t vsize = 4 + 2 * n, len = 4, table;
	uint16_t offsets[STOA__FLAT_SLOTS_MAX] = { 0 };

	for (size_t i = 0; i < n; i++) {
		if (!slots[i].size)
			continue;
		len = (len + slots[i].size - 1) / slots[i].size * slots[i].size;
		offsets[i] = (uint16_t)len;
		len += slots[i].size;
	}
	STOA_TRY(pad_before(b, vsize, 8));
	STOA_TRY(stoa__buf_put_u16(b, (uint16_t)vsize));
	STOA_TRY(stoa__buf_put_u16(b, (uint16_t)len));
	for (size_t i = 0; i < n; i++)
		STOA_TRY(stoa__buf_put_u16(b, offsets[i]));
	table = b->len;
	STOA_TRY(stoa__buf_put_u32(b, (uint32_t)vsize));
	STOA_TRY(stoa__buf_put_zeros(b, len - 4));
	for (size_t i = 0; i < n; i++) {
		slots[i].at = table + offsets[i];
		memcpy(b->p + slots[i].at, &slots[i].value, slots[i].size);
	}
	refer(b, ref, table);
	return STOA_OK;
}

int stoa__flat_put_vector(struct stoa__buf *b, size_t ref, size_t n, size_t align)
{
	STOA_TRY(pad_before(b, 4, align < 4 ? 4 : align));
	refer(b, ref, b->len);
	return stoa__buf_put_u32(b, (uint32_t)n);
}

int stoa__flat_put_string(struct stoa__buf *b, size_t ref, const char *s)
{
	size_t len = strlen(s);

	STOA_TRY(stoa__flat_put_vector(b, ref, len, 4));
	return stoa__buf_put(b, s, len + 1);
}
