/* SPDX-License-Identifier: MIT */
/*
 * set_seats.h - hashes counted, and all forgotten at once
 *
 * An open table of hash and number. Each seat has the number of the turn in which it was taken; a
 * new turn makes all of them free. Grows when half are taken.
 */
#ifndef STOA__SET_SEATS_H
#define STOA__SET_SEATS_H

#include <stddef.h>
#include <stdint.h>

struct stoa__seat {
	uint64_t hash;
	uint32_t turn; /* of an earlier one: it is free */
	uint32_t n;
};

struct stoa__seats {
	struct stoa__seat *seat;
	size_t n, used; /* n is a power of two */
	uint32_t turn;
};

/* STOA_OK or STOA_ENOMEM. All zeroes may be released, too. */
int stoa__seats_init(struct stoa__seats *s, size_t n);
void stoa__seats_release(struct stoa__seats *s);
/* Forgets all. */
void stoa__seats_clear(struct stoa__seats *s);
/* What stoa__seats_count() does when half are taken. STOA_OK or STOA_ENOMEM. */
int stoa__seats_grow(struct stoa__seats *s);

/* The count of a hash, 0 at first; good until the next call. NULL: no memory. */
static inline uint32_t *stoa__seats_count(struct stoa__seats *s, uint64_t hash)
{
	size_t at;

	if (s->used * 2 >= s->n && stoa__seats_grow(s) < 0)
		return NULL;
	for (at = hash & (s->n - 1); s->seat[at].turn == s->turn; at = (at + 1) & (s->n - 1))
		if (s->seat[at].hash == hash)
			return &s->seat[at].n;
	s->seat[at] = (struct stoa__seat){ hash, s->turn, 0 };
	s->used++;
	return &s->seat[at].n;
}

#endif
