/* SPDX-License-Identifier: MIT */
/*
 * verify.h - are the buffers of an array as long as its rows need, and do offsets stay inside them?
 */
#ifndef STOA__ARROW_VERIFY_H
#define STOA__ARROW_VERIFY_H

#include "type.h"

/*
 * NULL, or what is wrong. @lens: bytes of each buffer of @a, whose rows and NULLs are set. O(rows)
 * for offsets, else O(1).
 */
const char *stoa__arrow_verify(const struct stoa__arrow_type *t, const struct ArrowArray *a,
			       const size_t *lens);

#endif
