/* SPDX-License-Identifier: MIT */
/*
 * flat.h - FlatBuffers, read with bounds and written front to back: as much as Arrow's metadata
 * takes
 *
 *     0        u32 where the root table is
 *     table    i32 back to its vtable; then its fields, inline: numbers, structs, or u32 forward to
 *              a table, string or vector
 *     vtable   u16 its own bytes, u16 the table's, then for each field u16 where in the table; 0: absent
 *     vector   u32 how many, then the elements; a string is one of bytes, with a NUL behind it
 *
 * All little-endian. The reader takes any bytes: whatever points out of the buffer turns @bad on
 * and reads as absent, so that one reads a whole message and asks once. Numbers are loaded byte by
 * byte, so nothing need be aligned. Nothing recurses. (The library for C++ comes with a verifier
 * that is generated for each schema, and C++; for the ten tables that Arrow has this is less.)
 */
#ifndef STOA__FLAT_H
#define STOA__FLAT_H

#include "../core/buf.h"
#include "../stoa.h"

/* ---- reading ---- */

struct stoa__flat {
	const uint8_t *p;
	uint32_t len;
	bool bad;
};
/* Positions are in bytes from the start; 0 is none: there the root's own position lies. */
uint32_t stoa__flat_root(struct stoa__flat *f);
/* Where field @id of a table lies, @size bytes of it; 0: absent. */
uint32_t stoa__flat_field(struct stoa__flat *f, uint32_t table, unsigned id, uint32_t size);
/* A number of @size bytes, sign extended; @otherwise if it is absent. */
int64_t stoa__flat_int(struct stoa__flat *f, uint32_t table, unsigned id, uint32_t size,
		       int64_t otherwise);
/* A number at a position that is known to be good. */
int64_t stoa__flat_load(const struct stoa__flat *f, uint32_t at, uint32_t size);
/* What a field refers to; 0: absent. */
uint32_t stoa__flat_table(struct stoa__flat *f, uint32_t table, unsigned id);
/* The first of *@n elements of @size bytes; 0 and *@n 0: absent. */
uint32_t stoa__flat_vector(struct stoa__flat *f, uint32_t table, unsigned id, uint32_t size,
			   uint32_t *n);
/* The table that an element of a vector of references is. */
uint32_t stoa__flat_element(struct stoa__flat *f, uint32_t vector, uint32_t i);
/* p is NULL where it is absent. */
struct stoa_bytes stoa__flat_string(struct stoa__flat *f, uint32_t table, unsigned id);

/* ---- writing ---- */

/*
 * The buffer begins with the reference to the root. Whatever is put there takes the reference at
 * @ref to itself, and is put at the end: so a table is put before what its own references lead to.
 * STOA_OK or STOA_ENOMEM; after that, the buffer is worth nothing.
 */
struct stoa__flat_slot {
	uint8_t size;		/* 0: absent */
	int64_t value;		/* of a reference: 0 */
	size_t at;		/* where it was put */
};
#define STOA__FLAT_REF { 4, 0, 0 }
#define STOA__FLAT_SLOTS_MAX 8
int stoa__flat_put_root(struct stoa__buf *b);
int stoa__flat_put_table(struct stoa__buf *b, size_t ref, struct stoa__flat_slot *slots, size_t n);
int stoa__flat_put_string(struct stoa__buf *b, size_t ref, const char *s);
/* The head of a vector; the caller puts @n elements, aligned as @align wants, behind it. */
int stoa__flat_put_vector(struct stoa__buf *b, size_t ref, size_t n, size_t align);

#endif
