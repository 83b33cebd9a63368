/* SPDX-License-Identifier: MIT */
/*
 * chunk_encode_string.c - encodes columns of strings, as codes over a list
 *
 * However the column is given, entries of the list are numbered in the order in which rows first
 * use them, and there are no others: equal columns have equal images, and a list that was made for
 * many row groups, or for a table, leaves in this one what this one needs.
 */
#include "chunk_encode.h"

#include "alloc.h"
#include "bitmap.h"
#include "dict.h"
#include "image.h"
#include "packed.h"

/* A column as codes over a list. Codes of NULL rows are 0. */
struct coded {
	uint32_t *codes;
	const uint64_t *validity;
	size_t n;
	size_t n_null;
	uint32_t n_dict;
};

static struct stoa__image_header header_of(const struct coded *c, unsigned encoding)
{
	struct stoa__image_header h =
		stoa__image_header_of(STOA_STRING, encoding, c->n, c->n_null);

	h.n_dict = c->n_dict;
	h.width = (uint8_t)stoa__packed_width(c->n_dict ? c->n_dict - 1 : 0);
	return h;
}

static void pack_codes(const struct coded *c, unsigned width, uint8_t *out)
{
	stoa__pack(out, width, c->codes, 2, c->n, 0);
}

/* Writes offsets and bytes of a list of strings. */
static void write_list(const struct stoa_bytes *list, uint32_t n, uint8_t *offsets, uint8_t *bytes)
{
	uint32_t at = 0;

	for (uint32_t i = 0; i < n; i++) {
		memcpy(offsets + 4 * (size_t)i, &at, 4);
		if (list[i].len)
			memcpy(bytes + at, list[i].p, list[i].len);
		at += list[i].len;
	}
	memcpy(offsets + 4 * (size_t)n, &at, 4);
}

/* Bytes of all strings, or STOA_EFULL when offsets of 32 bits do not reach. */
static int sum_list(const struct stoa_bytes *list, uint32_t n, uint64_t *sum)
{
	*sum = 0;
	for (uint32_t i = 0; i < n; i++)
		*sum += list[i].len;
	return *sum <= UINT32_MAX ? STOA_OK : STOA_EFULL;
}

static int write_strings(const struct coded *c, const struct stoa_bytes *list,
			 struct stoa__buf *out)
{
	struct stoa__image_header h = header_of(c, STOA__ENC_DICT);
	struct stoa__image_layout l;
	uint8_t *image;
	int rc = sum_list(list, c->n_dict, &h.bytes_len);

	if (rc < 0)
		return rc;
	rc = stoa__image_begin(out, &h, c->validity, &l, &image);
	if (rc < 0)
		return rc;
	pack_codes(c, h.width, image + l.values);
	write_list(list, c->n_dict, image + l.list, image + l.bytes);
	stoa__image_commit(out, &l);
	return STOA_OK;
}

static int write_ids(const struct coded *c, const uint32_t *ids, struct stoa__buf *out)
{
	struct stoa__image_header h = header_of(c, STOA__ENC_DICT_ID);
	struct stoa__image_layout l;
	uint8_t *image;
	int rc;

	rc = stoa__image_begin(out, &h, c->validity, &l, &image);
	if (rc < 0)
		return rc;
	pack_codes(c, h.width, image + l.values);
	if (c->n_dict)
		memcpy(image + l.list, ids, 4 * (size_t)c->n_dict);
	stoa__image_commit(out, &l);
	return STOA_OK;
}

static bool same(const struct stoa_bytes *a, const struct stoa_bytes *b)
{
	return a->len == b->len && (a->p == b->p || memcmp(a->p, b->p, a->len) == 0);
}

/*
 * Numbers the strings of a column. Runs of one string, which sorted columns have, are not hashed.
 */
static int code_strings(struct coded *c, const struct stoa_bytes *values, struct stoa__dict *d)
{
	const struct stoa_bytes *last = NULL;
	uint32_t last_code = 0;

	for (size_t i = 0; i < c->n; i++) {
		c->codes[i] = 0;
		if (!stoa__bit_get(c->validity, i))
			continue;
		if (!last || !same(last, &values[i])) {
			int rc = stoa__dict_add_string(d, values[i].p, values[i].len, &last_code);

			if (rc < 0)
				return rc;
			last = &values[i];
		}
		c->codes[i] = last_code;
	}
	c->n_dict = d->n;
	return STOA_OK;
}

int stoa__encode_string(const struct stoa_array *a, size_t n, size_t n_null, struct stoa__buf *out)
{
	struct coded c = { NULL, a->validity, n, n_null, 0 };
	struct stoa__dict dict = STOA__DICT_INIT;
	int rc = STOA_ENOMEM;

	c.codes = stoa__alloc(n * sizeof *c.codes);
	if (!c.codes)
		goto out;
	rc = code_strings(&c, a->values, &dict);
	if (rc < 0)
		goto out;
	rc = write_strings(&c, dict.strings, out);
out:
	stoa__dict_release(&dict);
	stoa__free(c.codes);
	return rc;
}

/*
 * Renumbers codes over @list by first use; the strings that are used go to @used. @renumber has a
 * zero for each entry: later its new code + 1.
 */
static void renumber_codes(struct coded *c, const uint32_t *codes, const struct stoa_bytes *list,
			   uint32_t *renumber, struct stoa_bytes *used)
{
	for (size_t i = 0; i < c->n; i++) {
		uint32_t *known;

		c->codes[i] = 0;
		if (!stoa__bit_get(c->validity, i))
			continue;
		known = &renumber[codes[i]];
		if (*known == 0) {
			used[c->n_dict] = list[codes[i]];
			*known = ++c->n_dict;
		}
		c->codes[i] = *known - 1;
	}
}

int stoa__chunk_encode_codes(const uint32_t *codes, const uint64_t *validity, size_t n,
			     const struct stoa_bytes *list, size_t n_list, struct stoa__buf *out)
{
	size_t n_null = n - stoa__bitmap_count(validity, 0, n), n_used = n_list < n ? n_list : n;
	struct coded c = { NULL, n_null ? validity : NULL, n, n_null, 0 };
	uint32_t *renumber = stoa__calloc(n_list, sizeof *renumber);
	struct stoa_bytes *used = stoa__alloc(n_used * sizeof *used);
	int rc = STOA_ENOMEM;

	c.codes = stoa__alloc(n * sizeof *c.codes);
	if (renumber && used && c.codes) {
		renumber_codes(&c, codes, list, renumber, used);
		rc = write_strings(&c, used, out);
	}
	stoa__free(c.codes);
	stoa__free(used);
	stoa__free(renumber);
	return rc;
}

static int code_ids(struct coded *c, const uint32_t *ids, struct stoa__dict *d)
{
	uint32_t last_code = 0;
	bool any = false;

	for (size_t i = 0; i < c->n; i++) {
		c->codes[i] = 0;
		if (!stoa__bit_get(c->validity, i))
			continue;
		if (!any || d->ids[last_code] != ids[i]) {
			int rc = stoa__dict_add_id(d, ids[i], &last_code);

			if (rc < 0)
				return rc;
			any = true;
		}
		c->codes[i] = last_code;
	}
	c->n_dict = d->n;
	return STOA_OK;
}

int stoa__chunk_encode_ids(const uint32_t *ids, const uint64_t *validity, size_t n,
			   struct stoa__buf *out)
{
	size_t n_null = n - stoa__bitmap_count(validity, 0, n);
	struct coded c = { NULL, n_null ? validity : NULL, n, n_null, 0 };
	struct stoa__dict dict = STOA__DICT_INIT;
	int rc = STOA_ENOMEM;

	c.codes = stoa__alloc(n * sizeof *c.codes);
	if (!c.codes)
		goto out;
	rc = code_ids(&c, ids, &dict);
	if (rc < 0)
		goto out;
	rc = write_ids(&c, dict.ids, out);
out:
	stoa__dict_release(&dict);
	stoa__free(c.codes);
	return rc;
}

int stoa__chunk_inline_ids(const struct stoa__chunk *c,
			   struct stoa_bytes (*bytes_of)(void *ctx, uint32_t id), void *ctx,
			   struct stoa__buf *out)
{
	struct coded coded = { NULL, c->validity, c->n_rows, c->n_null, c->n_dict };
	struct stoa_bytes *list = stoa__alloc(c->n_dict * sizeof *list);
	int rc = STOA_ENOMEM;

	coded.codes = stoa__alloc(coded.n * sizeof *coded.codes);
	if (list && coded.codes) {
		stoa__chunk_codes(c, 0, coded.n, coded.codes);
		for (uint32_t i = 0; i < c->n_dict; i++)
			list[i] = bytes_of(ctx, stoa__chunk_entry_id(c, i));
		rc = write_strings(&coded, list, out);
	}
	stoa__free(coded.codes);
	stoa__free(list);
	return rc;
}
