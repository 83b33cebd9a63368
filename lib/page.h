/* SPDX-License-Identifier: MIT */
/*
 * page.h - 256 rows of one column, plain and changeable: what tails and overlays are made of
 *
 * An element is what struct stoa_array has for the type, with two exceptions: a string is its
 * symbol id (uint32_t), a text or blob a pointer to a counted copy of its bytes. Both are held by
 * the page, element by element, and given up with it. A NULL has its flag set and element zero.
 * Flags are bytes, not bits, since a tail's page is appended to while readers look at the rows
 * before.
 */
#ifndef STOA__PAGE_H
#define STOA__PAGE_H

#include "block.h"
#include "core/limits.h"
#include "symbol.h"

struct stoa__page {
	struct stoa__block block;
	struct stoa__symbols *symbols;
	uint8_t type;
	uint8_t width;
	uint16_t n_rows;	/* of an overlay's page: rows it speaks for, from the first; a tail may have grown since */
	uint8_t null[STOA__PAGE_ROWS];
	_Alignas(16) uint8_t values[];
};

/* Bytes shared by pages. */
struct stoa__counted {
	_Atomic uint32_t count;
	uint32_t len;
	char bytes[];
};

/* A value on its way into a page, holding what the page will hold. */
struct stoa__element {
	bool null;
	union {
		uint8_t raw[16];
		uint32_t id;
		struct stoa__counted *counted;
	};
};

/* Bytes of an element of a page of @type. */
size_t stoa__page_width(unsigned type);

struct stoa__page *stoa__page_new(struct stoa__version *w, struct stoa__symbols *symbols,
				  unsigned type);
/* As stoa__block_own(): page *@slot, or a copy with holds of its own. */
int stoa__page_own(struct stoa__version *w, struct stoa__page **slot);

/* Makes an element of @v, which has the slot's type or is NULL. STOA_OK or STOA_ENOMEM. */
int stoa__element_make(struct stoa__symbols *symbols, unsigned type, const struct stoa_value *v,
		       struct stoa__element *out);
/* Gives up an element that did not go into a page. */
void stoa__element_drop(struct stoa__symbols *symbols, unsigned type, struct stoa__element *e);
/* Element @e becomes row @i; what was there is given up. */
void stoa__page_put(struct stoa__page *page, size_t i, const struct stoa__element *e);

/* Row @i as a value; bytes borrow from the page. */
void stoa__page_value(const struct stoa__page *page, size_t i, struct stoa_value *out);

/*
 * Rows [from, from + n) as elements of a struct stoa_array, and their validity as bits
 * [at, at + n) of @validity (all bits must be ones before). Returns whether a NULL was among them.
 */
bool stoa__page_read(const struct stoa__page *page, size_t from, size_t n, void *values,
		     uint64_t *validity, size_t at);

#endif
