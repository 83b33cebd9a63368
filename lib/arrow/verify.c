/* SPDX-License-Identifier: MIT */
/* verify.c - see verify.h */
#include "verify.h"

#include "array.h"

static bool offsets_in_order(const void *offsets, uint32_t width, int64_t n, size_t len)
{
	int64_t before = 0;

	for (int64_t i = 0; i <= n; i++) {
		int64_t at = stoa__arrow_offset(offsets, width, i);

		if (at < before)
			return false;
		before = at;
	}
	return (uint64_t)before <= len;
}

const char *stoa__arrow_verify(const struct stoa__arrow_type *t, const struct ArrowArray *a,
			       const size_t *lens)
{
	uint64_t n = (uint64_t)a->length, bits = (n + 7) / 8;

	if (a->null_count < 0 || (uint64_t)a->null_count > n)
		return "more values are NULL than there are";
	if (t->kind == STOA__ARROW_NULL)
		return NULL;
	if (a->null_count && lens[0] < bits)
		return "its validity is cut short";
	if (a->buffers[0] && lens[0] < bits)
		return "its validity is cut short";
	if (!n)
		return NULL;
	if (t->kind == STOA__ARROW_BOOL)
		return lens[1] < bits ? "its values are cut short" : NULL;
	if (t->kind != STOA__ARROW_BYTES)
		return t->width && lens[1] / t->width < n ? "its values are cut short" : NULL;
	if (lens[1] / t->width < n + 1)
		return "its offsets are cut short";
	return offsets_in_order(a->buffers[1], t->width, a->length, lens[2]) ?
		       NULL : "its offsets are out of order";
}
