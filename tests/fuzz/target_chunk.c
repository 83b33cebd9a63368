/* SPDX-License-Identifier: MIT */
/* target_chunk.c - any bytes as the image of a chunk, read in every way */
#include "fuzz.h"

#include <stdlib.h>
#include <string.h>

#include "../../lib/core/bitmap.h"
#include "../../lib/core/chunk_cold.h"
#include "../../lib/core/type.h"

static volatile unsigned sum;

static void read_bytes(const struct stoa_bytes *s, size_t n)
{
	for (size_t i = 0; i < n; i++)
		for (size_t j = 0; j < s[i].len; j++)
			sum = sum + (unsigned char)s[i].p[j];
}

static void read_values(const struct stoa__chunk *c, struct stoa__buf *scratch)
{
	size_t step = c->n_rows < 100 ? 1 : c->n_rows / 50;

	for (size_t i = 0; i < c->n_rows; i += stoa__chunk_is_cold(c) ? step + 500 : step) {
		struct stoa_value v;

		stoa__buf_reset(scratch);
		stoa__chunk_prefetch(c, i);
		if (stoa__chunk_value(c, i, scratch, &v) == STOA_OK && v.type &&
		    stoa__type_family(c->type) == STOA__BYTES)
			read_bytes(&(struct stoa_bytes){ v.p, v.len }, 1);
		if (v.type == STOA_BOOL && v.u > 1)
			fuzz_die("a bool is neither 0 nor 1");
	}
}

static void read_codes(const struct stoa__chunk *c, uint32_t *codes)
{
	stoa__chunk_codes(c, 0, c->n_rows, codes);
	for (size_t i = 0; i < c->n_rows; i++)
		if (codes[i] && codes[i] >= c->n_dict)
			fuzz_die("a code is beyond the list");
}

static void read_all(const struct stoa__chunk *c)
{
	void *values = malloc(c->n_rows * sizeof(struct stoa_bytes));
	struct stoa__buf scratch = STOA__BUF_INIT;
	const char *why;

	if (!values)
		return;
	(void)!stoa__chunk_check(c, &why);
	if (c->type == STOA_STRING)
		read_codes(c, values);
	if (c->encoding != STOA__ENC_DICT_ID) {
		read_values(c, &scratch);
		stoa__buf_reset(&scratch);
		if (stoa__chunk_read(c, 0, c->n_rows, values, &scratch) == STOA_OK &&
		    stoa__type_family(c->type) == STOA__BYTES)
			read_bytes(values, c->n_rows);
	}
	stoa__buf_release(&scratch);
	free(values);
}

static void run(const uint8_t *p, size_t len)
{
	uint8_t *image = aligned_alloc(64, (len + 63) / 64 * 64 + 64);
	struct stoa__chunk c;
	const char *why;

	if (!image)
		return;
	/*
	 * At the end of the block, as far as alignment goes, so that a sanitizer sees an overrun.
	 */
	memcpy(image, p, len);
	if (stoa__chunk_open(image, len, &c, &why) == STOA_OK)
		read_all(&c);
	free(image);
}

/* Columns of each family, plain and with NULLs, warm and cold. */
static void seed_of(unsigned type, bool nulls, fuzz_seed *each, void *ctx)
{
	enum { N = 300 };
	static const char words[] = "carefully final deposits sleep";
	static uint8_t values[N * sizeof(struct stoa_bytes)];
	uint64_t validity[STOA__WORDS(N)];
	struct stoa_array a = { (uint8_t)type, 0, values, nulls ? validity : NULL };
	struct stoa__buf out = STOA__BUF_INIT, cold = STOA__BUF_INIT;
	struct stoa__chunk c;
	const char *why;

	memset(validity, 0x5b, sizeof validity);
	memset(values, 0, sizeof values);
	for (uint32_t i = 0; i < N; i++) {
		struct stoa_bytes s = { &words[i % 7], i % 23 };
		uint64_t x = type == STOA_BOOL ? i % 2 : i * 3;
		double d = i / 100.0;

		if (stoa__type_family(type) == STOA__BYTES)
			memcpy(values + i * sizeof s, &s, sizeof s);
		else
			memcpy(values + i * stoa__type_width(type), type == STOA_F64 ? (void *)&d : &x,
			       stoa__type_width(type) < 8 ? stoa__type_width(type) : 8);
	}
	if (stoa__chunk_encode(&a, N, &out) == STOA_OK) {
		each(ctx, out.p, out.len);
		if (stoa__chunk_open(out.p, out.len, &c, &why) == STOA_OK &&
		    stoa__chunk_encode_cold(&c, &cold) == STOA_OK)
			each(ctx, cold.p, cold.len);
	}
	stoa__buf_release(&out);
	stoa__buf_release(&cold);
}

static void seeds(fuzz_seed *each, void *ctx)
{
	for (unsigned type = STOA_BOOL; type <= STOA_BLOB; type++)
		for (int nulls = 0; nulls < 2; nulls++)
			seed_of(type, nulls, each, ctx);
}

const struct fuzz_target fuzz_chunk = { "chunk", run, seeds, 8192 };
