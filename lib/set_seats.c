/* SPDX-License-Identifier: MIT */
/* set_seats.c - see set_seats.h */
#include "set_seats.h"

#include <string.h>

#include "core/alloc.h"
#include "core/error.h"

int stoa__seats_init(struct stoa__seats *s, size_t n)
{
	*s = (struct stoa__seats){ .seat = stoa__calloc(n, sizeof *s->seat), .n = n, .turn = 1 };
	return s->seat ? STOA_OK : STOA_ENOMEM;
}

void stoa__seats_release(struct stoa__seats *s)
{
	stoa__free(s->seat);
	*s = (struct stoa__seats){ 0 };
}

void stoa__seats_clear(struct stoa__seats *s)
{
	s->used = 0;
	if (++s->turn)
		return;
	memset(s->seat, 0, s->n * sizeof *s->seat);
	s->turn = 1;
}

int stoa__seats_grow(struct stoa__seats *s)
{
	struct stoa__seats larger;

	if (stoa__seats_init(&larger, s->n * 2) < 0)
		return STOA_ENOMEM;
	for (size_t i = 0; i < s->n; i++)
		if (s->seat[i].turn == s->turn)
			*stoa__seats_count(&larger, s->seat[i].hash) = s->seat[i].n;
	stoa__seats_release(s);
	*s = larger;
	return STOA_OK;
}
