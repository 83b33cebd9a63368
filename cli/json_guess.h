/* SPDX-License-Identifier: MIT */
/*
 * json_guess.h - which type of slot the values of a key of JSON objects ask for
 */
#ifndef STOA_CLI_JSON_GUESS_H
#define STOA_CLI_JSON_GUESS_H

#include "../lib/stoa.h"

enum json_token { JSON_NULL, JSON_BOOL, JSON_NUMBER, JSON_STRING, JSON_NESTED };

/* What one key's values have in common. */
struct json_guess {
	unsigned kinds;		/* candidates left: bits of json_guess.c */
	int fraction;		/* digits after the point of all decimals; -1: none seen */
	bool big;		/* integers beyond 32 bits */
	size_t len_max;
	uint64_t *hashes;	/* of a sample of values; open addressing, 0 is free */
	uint32_t n_sampled, n_distinct;
};

void json_guess_init(struct json_guess *g);
void json_guess_release(struct json_guess *g);
void json_guess_look(struct json_guess *g, enum json_token token, const char *s, size_t len);
/* Type, precision and scale that hold all values seen; the rest of @slot is left alone. */
void json_guess_slot(const struct json_guess *g, struct stoa_slot *slot);

#endif
