/* SPDX-License-Identifier: MIT */
/* words.c - see words.h */
#include "words.h"

#include "../core/alloc.h"
#include "../core/error.h"
#include "array.h"

/* Keys point into the bytes: when these have moved, they are told. */
static void rebase(struct stoa__arrow_words *w)
{
	const char *at = (const char *)w->bytes.p;

	for (uint32_t i = 0; i < w->dict.n; at += w->dict.strings[i++].len)
		w->dict.strings[i].p = at;
}

int stoa__arrow_words_add(struct stoa__arrow_words *w, const struct stoa_bytes *s, uint32_t *code)
{
	const uint8_t *before = w->bytes.p;
	const char *p = s->len ? s->p : "";
	uint32_t n = w->dict.n;

	if (stoa__buf_reserve(&w->bytes, s->len) < 0)
		return STOA_ENOMEM;
	if (w->bytes.p != before)
		rebase(w);
	STOA_TRY(stoa__dict_add_string(&w->dict, p, s->len, code));
	if (w->dict.n == n)
		return STOA_OK;
	w->dict.strings[n].p = (const char *)w->bytes.p + w->bytes.len;
	return stoa__buf_put(&w->bytes, p, s->len);
}

void stoa__arrow_words_release(struct stoa__arrow_words *w)
{
	stoa__dict_release(&w->dict);
	stoa__buf_release(&w->bytes);
	*w = (struct stoa__arrow_words){ STOA__DICT_INIT, STOA__BUF_INIT };
}

int stoa__arrow_words_array(struct stoa__arrow_words *w, struct ArrowArray *out)
{
	uint32_t n = w->dict.n;
	int32_t *offsets;

	STOA_TRY(stoa__arrow_array_new(3, 0, false, out));
	offsets = stoa__alloc_aligned(((size_t)n + 1) * sizeof *offsets);
	if (!offsets)
		return STOA_ENOMEM;
	stoa__arrow_array_set(out, 1, offsets, true);
	offsets[0] = 0;
	for (uint32_t i = 0; i < n; i++)
		offsets[i + 1] = offsets[i] + (int32_t)w->dict.strings[i].len;
	out->length = n;
	STOA_TRY(stoa__arrow_array_give(out, 2, &w->bytes));
	stoa__arrow_words_release(w);
	return STOA_OK;
}
