/* SPDX-License-Identifier: MIT */
/*
 * json_guess.c - the types of JSON's values; see json_guess.h
 *
 * A value is a set of bits, the types that give it back unchanged; a key's candidates are the
 * intersection, and no candidate left means text. As with CSV (lib/csv/infer.c), but that JSON has
 * said already what is a number: "12" is text.
 */
#include "json_guess.h"

#include <stdlib.h>
#include <string.h>

#include "cli.h"

#define STRING_LEN_MAX 255	/* longer values make a text */
#define SAMPLE 8192		/* values of a column of which the distinct ones are counted */

enum {
	BOOL = 1,
	INT = 2,
	UINT = 4,
	DECIMAL = 8,
	F64 = 16,
	DATE = 32,
	TIME = 64,
	TIMESTAMP = 128,
	UUID = 256,
	ANY = 511,
};

void json_guess_init(struct json_guess *g)
{
	*g = (struct json_guess){ .kinds = ANY, .fraction = -1 };
}

void json_guess_release(struct json_guess *g)
{
	free(g->hashes);
}

/* Does it parse, and print as it was written? */
static bool is_exactly(enum stoa_type type, uint8_t scale, const char *s, size_t len)
{
	struct stoa_value v;
	char buf[64];

	return stoa_value_parse(type, scale, s, len, &v, NULL) == STOA_OK &&
	       stoa_value_print(&v, buf, sizeof(buf)) == len && memcmp(buf, s, len) == 0;
}

static unsigned number_kinds(struct json_guess *g, const char *s, size_t len)
{
	const char *point = memchr(s, '.', len);
	unsigned kinds = F64;

	if (!point && !memchr(s, 'e', len) && !memchr(s, 'E', len)) {
		struct stoa_value v;

		if (is_exactly(STOA_I64, 0, s, len)) {
			kinds |= INT;
			stoa_value_parse(STOA_I64, 0, s, len, &v, NULL);
			g->big |= v.i < INT32_MIN || v.i > INT32_MAX;
			if (v.i < -((int64_t)1 << 53) || v.i > (int64_t)1 << 53)
				kinds &= ~(unsigned)F64;
		} else if (is_exactly(STOA_U64, 0, s, len)) {
			kinds = 0;
		}
		return is_exactly(STOA_U64, 0, s, len) ? kinds | UINT : kinds;
	}
	int fraction = point ? (int)(s + len - point) - 1 : 0;
	if (fraction >= 1 && fraction <= 4 && (g->fraction < 0 || g->fraction == fraction) &&
	    is_exactly(STOA_DECIMAL, (uint8_t)fraction, s, len)) {
		g->fraction = fraction;
		kinds |= DECIMAL;
	}
	return kinds;
}

static bool equals(const char *s, size_t len, const char *word)
{
	return len == strlen(word) && memcmp(s, word, len) == 0;
}

static unsigned string_kinds(const char *s, size_t len)
{
	static const struct {
		enum stoa_type type;
		unsigned kind;
	} types[] = {
		{ STOA_DATE, DATE },
		{ STOA_TIME, TIME },
		{ STOA_TIMESTAMP, TIMESTAMP },
		{ STOA_UUID, UUID },
	};
	unsigned kinds = 0;

	if (equals(s, len, "NaN") || equals(s, len, "Infinity") || equals(s, len, "-Infinity"))
		return F64;
	if (len < 8 || len > 36)
		return 0;	/* 13:45:00 and a uuid */
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		if (is_exactly(types[i].type, 0, s, len))
			kinds |= types[i].kind;
	return kinds;
}

/* Counts distinct values, by FNV-1a: whether a column is a string or a text. */
static void sample(struct json_guess *g, const char *s, size_t len)
{
	uint64_t h = 14695981039346656037u;
	size_t at;

	if (g->n_sampled == SAMPLE)
		return;
	if (!g->hashes) {
		g->hashes = xrealloc(NULL, 2 * SAMPLE * sizeof(*g->hashes));
		memset(g->hashes, 0, 2 * SAMPLE * sizeof(*g->hashes));
	}
	for (size_t i = 0; i < len; i++)
		h = (h ^ (unsigned char)s[i]) * 1099511628211u;
	h += !h;
	g->n_sampled++;
	for (at = h % (2 * SAMPLE); g->hashes[at]; at = (at + 1) % (2 * SAMPLE))
		if (g->hashes[at] == h)
			return;
	g->hashes[at] = h;
	g->n_distinct++;
}

void json_guess_look(struct json_guess *g, enum json_token token, const char *s, size_t len)
{
	if (token == JSON_NULL)
		return;
	sample(g, s, len);
	g->len_max = len > g->len_max ? len : g->len_max;
	if (token == JSON_BOOL)
		g->kinds &= BOOL;
	else if (token == JSON_NUMBER)
		g->kinds &= number_kinds(g, s, len);
	else if (token == JSON_STRING)
		g->kinds &= string_kinds(s, len);
	else
		g->kinds = 0;
}

void json_guess_slot(const struct json_guess *g, struct stoa_slot *slot)
{
	static const struct {
		unsigned kind;
		enum stoa_type type;
	} order[] = {
		{ BOOL, STOA_BOOL }, { INT, STOA_I64 },   { UINT, STOA_U64 },
		{ DECIMAL, STOA_DECIMAL }, { F64, STOA_F64 }, { DATE, STOA_DATE },
		{ TIME, STOA_TIME }, { TIMESTAMP, STOA_TIMESTAMP }, { UUID, STOA_UUID },
	};
	bool distinct = g->n_distinct > 300 && g->n_distinct > g->n_sampled / 2;

	slot->type = g->len_max > STRING_LEN_MAX || distinct ? STOA_TEXT : STOA_STRING;
	for (size_t i = 0; g->n_sampled && i < sizeof(order) / sizeof(order[0]); i++) {
		if (!(g->kinds & order[i].kind))
			continue;
		slot->type = (uint8_t)order[i].type;
		break;
	}
	if (slot->type == STOA_I64 && !g->big)
		slot->type = STOA_I32;
	if (slot->type == STOA_DECIMAL) {
		slot->precision = STOA_DECIMAL_PRECISION_MAX;
		slot->scale = (uint8_t)g->fraction;
	}
}
