/* SPDX-License-Identifier: MIT */
/* budget.c - see budget.h */
#include "budget.h"

bool stoa__share_hold(struct stoa__share *s, uint64_t bytes)
{
	struct stoa__budget *b = s->budget;
	uint64_t more = bytes - s->bytes;	/* modulo 2^64: less, too */
	uint64_t used;

	if (!b)
		return true;
	s->bytes = bytes;
	used = atomic_fetch_add_explicit(&b->used, more, memory_order_relaxed) + more;
	if (b->limit == 0 || bytes <= (b->share_min ? b->share_min : STOA__SHARE_MIN))
		return true;
	return used + (b->held ? b->held(b->ctx) : 0) <= b->limit;
}

void stoa__share_release(struct stoa__share *s)
{
	(void)stoa__share_hold(s, 0);
}
