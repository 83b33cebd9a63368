/* SPDX-License-Identifier: MIT */
/*
 * dict.c - a program of one string column, run once per distinct string
 *
 *     codes      2 0 0 1 2 ...  (n_dict where the row is NULL)
 *     state   [ known unknown known ... ]     one for each string, and one for NULL
 *     values  [ answer   ?    answer ... ]
 *
 * A batch first asks which of its codes have no answer yet, runs the child program on those
 * strings in one go, then looks all rows up. So the cost is that of the distinct strings that
 * occur, never more than that of the rows. Answers are kept while the column's dict_id stays the
 * same.
 */
#include <string.h>

#include "../lib/core/alloc.h"
#include "../lib/core/error.h"
#include "machine.h"

enum { UNKNOWN, KNOWN, KNOWN_NULL, PENDING };

struct stoa__dict_cache {
	struct stoa__machine *child;
	uint64_t dict_id;
	size_t n;		/* strings, and one for NULL */
	size_t n_unknown;
	bool any_null;		/* some answer is NULL */
	uint8_t *state;
	void *values;		/* of the child's physical kind */
	struct stoa__arena arena;	/* bytes of the answers */
	uint32_t *codes;	/* of this batch */
	uint32_t *asked;	/* codes without an answer */
	struct stoa_bytes *strings;	/* theirs */
	uint64_t *strings_valid;
};

/* The child's only column. */
struct child_input {
	struct stoa__input base;
	struct stoa__vec vec;
};

static int child_column(struct stoa__input *in, size_t i, struct stoa__vec *out,
			struct stoa_error *err)
{
	(void)i;
	(void)err;
	*out = ((struct child_input *)in)->vec;
	return STOA_OK;
}

int stoa__dict_new(const struct stoa__prog *prog, size_t cap, struct stoa__dict_cache **out,
		   struct stoa_error *err)
{
	struct stoa__dict_cache *caches = stoa__calloc(prog->n_dicts + 1, sizeof *caches);

	*out = caches;
	if (!caches)
		return stoa__fail_memory(err);
	for (size_t i = 0; i < prog->n_steps; i++) {
		const struct stoa__step *s = &prog->steps[i];
		if (s->kind != STOA__STEP_DICT)
			continue;
		struct stoa__dict_cache *c = &caches[s->slot];
		STOA_TRY(stoa__machine_new(s->child, cap, &c->child, err));
		c->codes = stoa__realloc_array(NULL, cap, sizeof *c->codes);
		c->asked = stoa__realloc_array(NULL, cap, sizeof *c->asked);
		c->strings = stoa__realloc_array(NULL, cap, sizeof *c->strings);
		c->strings_valid = stoa__calloc(STOA__WORDS(cap), 8);
		if (!c->codes || !c->asked || !c->strings || !c->strings_valid)
			return stoa__fail_memory(err);
	}
	return STOA_OK;
}

void stoa__dict_free(struct stoa__dict_cache *caches, size_t n)
{
	for (size_t i = 0; caches && i < n; i++) {
		struct stoa__dict_cache *c = &caches[i];
		stoa__machine_free(c->child);
		stoa__arena_release(&c->arena);
		stoa__free(c->state);
		stoa__free(c->values);
		stoa__free(c->codes);
		stoa__free(c->asked);
		stoa__free(c->strings);
		stoa__free(c->strings_valid);
	}
	stoa__free(caches);
}

/* Forgets all answers: another dictionary has come. */
static int begin_dict(struct stoa__dict_cache *c, const struct stoa__vec *v, size_t width,
		      struct stoa_error *err)
{
	size_t n = (size_t)v->n_dict + 1;

	if (c->dict_id == v->dict_id && c->n == n)
		return STOA_OK;
	c->dict_id = 0;		/* stays so if memory runs out */
	uint8_t *state = stoa__realloc(c->state, n);
	if (!state)
		return stoa__fail_memory(err);
	c->state = state;
	void *values = stoa__realloc_array(c->values, n, width);
	if (!values)
		return stoa__fail_memory(err);
	c->values = values;
	memset(state, UNKNOWN, n);
	memset(values, 0, n * width);
	stoa__arena_reset(&c->arena);
	c->n = n;
	c->n_unknown = n;
	c->any_null = false;
	c->dict_id = v->dict_id;
	return STOA_OK;
}

static void find_codes(const struct stoa__machine *m, struct stoa__dict_cache *c,
		       const struct stoa__vec *v)
{
	if (!v->validity) {
		memcpy(c->codes, v->codes, m->n * sizeof *c->codes);
		return;
	}
	for (size_t i = 0; i < m->n; i++)
		c->codes[i] = stoa__bit_get(v->validity, i) ? v->codes[i] : v->n_dict;
}

/* Codes of rows that count and have no answer; how many. */
static size_t find_unknown(const struct stoa__machine *m, struct stoa__dict_cache *c)
{
	size_t k = 0;

	if (!c->n_unknown)
		return 0;
	for (size_t i = 0; i < m->n; i++) {
		uint32_t code = c->codes[i];
		if (c->state[code] != UNKNOWN || !stoa__machine_active(m, i))
			continue;
		c->state[code] = PENDING;
		c->asked[k++] = code;
	}
	return k;
}

static int keep_answer(struct stoa__dict_cache *c, uint32_t code, const struct stoa__vec *v,
		       size_t i, size_t width)
{
	size_t at = v->kind == STOA__VEC_CONST ? 0 : i;

	c->n_unknown--;
	if (!stoa__bit_get(v->validity, i)) {
		c->state[code] = KNOWN_NULL;
		c->any_null = true;
		return STOA_OK;
	}
	c->state[code] = KNOWN;
	memcpy((char *)c->values + code * width, (const char *)v->values + at * width, width);
	if (v->phys == STOA__PHYS_BYTES) {
		struct stoa_bytes *b = (struct stoa_bytes *)c->values + code;
		b->p = stoa__arena_copy(&c->arena, b->p, b->len);
		if (!b->p)
			return STOA_ENOMEM;
	}
	return STOA_OK;
}

/* Runs the child on @k strings that have no answer yet. */
static int ask(struct stoa__machine *m, struct stoa__dict_cache *c, const struct stoa__vec *v,
	       size_t k, size_t width)
{
	struct child_input in = { { child_column }, *v };
	bool null = false;

	memset(c->strings_valid, 0xff, STOA__WORDS(k) * 8);
	for (size_t i = 0; i < k; i++) {
		c->strings[i] = (struct stoa_bytes){ "", 0 };
		if (c->asked[i] < v->n_dict) {
			c->strings[i] = v->dict[c->asked[i]];
		} else {
			stoa__bit_clear(c->strings_valid, i);
			null = true;
		}
	}
	in.vec.kind = STOA__VEC_FLAT;
	in.vec.n = k;
	in.vec.bytes = c->strings;
	in.vec.validity = null ? c->strings_valid : NULL;
	STOA_TRY(stoa__machine_run(c->child, &in.base, k, NULL, m->err));
	const struct stoa__vec *answer = stoa__machine_output(c->child, 0);
	for (size_t i = 0; i < k; i++)
		if (keep_answer(c, c->asked[i], answer, i, width) < 0)
			return stoa__fail_memory(m->err);
	return STOA_OK;
}

static void answer_validity(struct stoa__machine *m, const struct stoa__dict_cache *c,
			    uint64_t *out)
{
	memset(out, 0, STOA__WORDS(m->n) * 8);
	for (size_t i = 0; i < m->n; i++)
		out[i / 64] |= (uint64_t)(c->state[c->codes[i]] != KNOWN_NULL) << (i % 64);
}

/* All rows' answers; strings stay in dictionary form. */
static int look_up(struct stoa__machine *m, const struct stoa__step *s,
		   struct stoa__dict_cache *c, size_t width)
{
	struct stoa__reg *r = stoa__machine_result(m, s, STOA__NO_REG, STOA__NO_REG);

	if (!r)
		return STOA_ENOMEM;
	if (c->any_null) {
		struct stoa__reg_buffer *b = stoa__machine_buffer(m, s->dst);
		answer_validity(m, c, b->validity);
		r->v.validity = b->validity;
	}
	if (width == 1) {
		m->loops->gather_8(c->values, c->codes, m->n, (uint8_t *)r->v.values);
	} else if (width == 8) {
		m->loops->gather_64(c->values, c->codes, m->n, (uint64_t *)r->v.values);
	} else {
		r->v.kind = STOA__VEC_DICT;
		r->v.codes = c->codes;
		r->v.dict = c->values;
		r->v.n_dict = (uint32_t)c->n;
		r->v.dict_id = c->dict_id;
	}
	return STOA_OK;
}

int stoa__step_dict(struct stoa__machine *m, const struct stoa__step *s)
{
	struct stoa__dict_cache *c = &m->dicts[s->slot];
	size_t width = stoa__phys_width(m->prog->regs[s->dst].phys);
	struct stoa__vec v;

	STOA_TRY(m->in->column(m->in, s->index, &v, m->err));
	if (v.kind != STOA__VEC_DICT) {		/* no dictionary: all rows as they are */
		struct child_input in = { { child_column }, v };
		STOA_TRY(stoa__machine_run(c->child, &in.base, m->n, m->mask, m->err));
		m->regs[s->dst].v = *stoa__machine_output(c->child, 0);
		m->regs[s->dst].bits = 0;
		return STOA_OK;
	}
	STOA_TRY(begin_dict(c, &v, width, m->err));
	find_codes(m, c, &v);
	size_t k = find_unknown(m, c);
	if (k)
		STOA_TRY(ask(m, c, &v, k, width));
	return look_up(m, s, c, width);
}
