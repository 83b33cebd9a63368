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

/* Bytes shared by pages. In a slab, or in memory of their own. */
struct stoa__counted {
	_Atomic uint32_t count;	/* of its holders; the highest bit: it lies in a slab */
	uint32_t len;
	char bytes[];
};

/*
 * Small texts that were inserted one after the other lie side by side, and go together: an allocation for
 * each was a fifth of a push to a queue. A slab goes with the last of them, and so that it has not to wait
 * for one that lives much longer there is one for each tail, whose rows mostly leave it together; what
 * an update puts in is in memory of its own.
 */
struct stoa__slab {
	_Atomic uint32_t refs;	/* texts in it that are held; more by far while it is filled */
	uint32_t n;		/* texts in it; who fills it counts them, and tells refs at the end */
	uint32_t used, cap;	/* who fills it; bytes */
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

/*
 * Makes an element of @v, which has the slot's type or is NULL. @slab: NULL, or where small texts may
 * go; a full one is replaced. STOA_OK or STOA_ENOMEM.
 */
int stoa__element_make(struct stoa__symbols *symbols, unsigned type, const struct stoa_value *v,
		       struct stoa__slab **slab, struct stoa__element *out);
/* It is not filled any more. NULL is fine. */
void stoa__slab_leave(struct stoa__symbols *symbols, struct stoa__slab *slab);
/* Bytes of memory that a text takes; NULL is 0. */
size_t stoa__counted_size(const struct stoa__counted *c);
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
