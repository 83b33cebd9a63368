/* SPDX-License-Identifier: MIT */
/*
 * result.h - vectors of the engine as arrays of the public API
 */
#ifndef STOA__RESULT_H
#define STOA__RESULT_H

#include "../lib/core/source.h"

/* Room for one column of results, made when it is needed. */
struct stoa__result_column {
	void *room;
	void *lent;		/* by who reads the cursor, instead of @room; NULL: nothing */
	struct stoa__vec vec;	/* of the batch at hand */
};

/*
 * The first @n rows of @v as the array that a column of @type has: the vector's own elements where
 * these are right already, else narrowed or spread into @c's room, or what it was lent. STOA_OK or
 * STOA_ENOMEM.
 */
int stoa__result_array(struct stoa__result_column *c, const struct stoa__vec *v, size_t n,
		       unsigned type, struct stoa_array *out, struct stoa_error *err);
void stoa__result_release(struct stoa__result_column *c);

#endif
