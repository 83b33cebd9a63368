/* SPDX-License-Identifier: MIT */
/* join.h - two arrays as one: a dictionary that grows on the way */
#ifndef STOA__ARROW_JOIN_H
#define STOA__ARROW_JOIN_H

#include "type.h"

/* Can arrays of this type be joined? Those of bits and of views cannot. */
bool stoa__arrow_joins(const struct stoa__arrow_type *t);
/*
 * The rows of @a, then those of @b: both sound, without an offset. STOA_OK, or STOA_ENOMEM and
 * nothing to release.
 */
int stoa__arrow_join(const struct stoa__arrow_type *t, const struct ArrowArray *a,
		     const struct ArrowArray *b, struct ArrowArray *out);

#endif
