/* SPDX-License-Identifier: MIT */
/*
 * machine.c - runs a program's steps over a batch
 *
 * Each step runs over all rows of the batch before the next one starts (Boncz, Zukowski and Nes,
 * CIDR 2005), on vectors that stay in the second-level cache. Rows outside of the mask get some
 * value or other from cheap steps and none from dear ones; only errors are kept from them.
 *
 * (1) A result has a bit for a row where every operand has. (2) A boolean of a NULL row is 0, so
 * that "is it true" is the byte itself. (3) A vector borrows from the input, from its register's
 * buffer, or from constants, never from another register's buffer, which may be given on.
 */
#include "machine.h"

#include <string.h>

#include "../lib/core/alloc.h"
#include "../lib/core/error.h"

/* ---- registers ------------------------------------------------------------------------------ */

struct stoa__reg_buffer *stoa__machine_buffer(struct stoa__machine *m, uint16_t reg)
{
	const struct stoa__reg_info *info = &m->prog->regs[reg];
	struct stoa__reg_buffer *b = &m->buffers[info->buffer];
	size_t size = (m->cap * stoa__phys_width(info->phys) + 63) & ~(size_t)63;

	if (b->values)
		return b;
	b->values = stoa__alloc_aligned(size + STOA__WORDS(m->cap) * 8);
	if (!b->values)
		return NULL;
	memset(b->values, 0, size);
	b->validity = (uint64_t *)((char *)b->values + size);
	return b;
}

static void and_validity(struct stoa__machine *m, uint64_t *out, const uint64_t *a,
			 const uint64_t *b)
{
	for (size_t w = 0; w < STOA__WORDS(m->n); w++)
		out[w] = (a ? a[w] : UINT64_MAX) & (b ? b[w] : UINT64_MAX);
}

struct stoa__reg *stoa__machine_result(struct stoa__machine *m, const struct stoa__step *s,
				       uint16_t a, uint16_t b)
{
	const struct stoa__reg_info *info = &m->prog->regs[s->dst];
	struct stoa__reg_buffer *buf = stoa__machine_buffer(m, s->dst);
	struct stoa__reg *r = &m->regs[s->dst];
	const uint64_t *va = a == STOA__NO_REG ? NULL : m->regs[a].v.validity;
	const uint64_t *vb = b == STOA__NO_REG ? NULL : m->regs[b].v.validity;

	if (!buf) {
		stoa__fail_memory(m->err);
		return NULL;
	}
	memset(r, 0, sizeof *r);
	r->v.kind = STOA__VEC_FLAT;
	r->v.phys = info->phys;
	r->v.type = info->type.type;
	r->v.scale = info->type.scale;
	r->v.n = m->n;
	r->v.values = buf->values;
	if (va || vb) {
		and_validity(m, buf->validity, va, vb);
		r->v.validity = buf->validity;
	}
	return r;
}

int stoa__machine_flatten(struct stoa__machine *m, uint16_t reg)
{
	struct stoa__vec *v = &m->regs[reg].v;

	if (v->kind == STOA__VEC_FLAT)
		return STOA_OK;
	struct stoa__reg_buffer *b = stoa__machine_buffer(m, reg);
	if (!b)
		return stoa__fail_memory(m->err);
	/* Codes may lie in this very buffer: spread from the end, 4 bytes into 16. */
	if (v->kind == STOA__VEC_DICT && (const void *)v->codes == b->values) {
		struct stoa_bytes *out = b->values;
		for (size_t i = m->n; i-- > 0;)
			out[i] = v->dict[v->codes[i]];
	} else {
		(void)stoa__vec_flat(v, b->values);
	}
	v->kind = STOA__VEC_FLAT;
	v->values = b->values;
	return STOA_OK;
}

int stoa__machine_fail(struct stoa__machine *m, const struct stoa__bound *node, int code,
		       const char *words)
{
	return stoa__fail_at(m->err, code, node->line, node->column, "%s", words);
}

void stoa__machine_clear_nulls(struct stoa__machine *m, struct stoa__vec *v)
{
	uint8_t *bytes = (uint8_t *)v->values;	/* a buffer of ours */

	if (!v->validity)
		return;
	m->loops->unpack_bits(v->validity, m->n, m->scratch);
	m->loops->and_bytes(bytes, m->scratch, m->n, bytes);
}

/* ---- leaves --------------------------------------------------------------------------------- */

static int step_load(struct stoa__machine *m, const struct stoa__step *s)
{
	struct stoa__reg *r = &m->regs[s->dst];

	r->bits = 0;
	return m->in->column(m->in, s->index, &r->v, m->err);
}

static int step_const(struct stoa__machine *m, const struct stoa__step *s)
{
	const struct stoa__reg_info *info = &m->prog->regs[s->dst];
	struct stoa__reg_buffer *b = stoa__machine_buffer(m, s->dst);
	struct stoa__reg *r = &m->regs[s->dst];
	bool null = s->node->value.type == STOA_NULL;

	if (!b)
		return stoa__fail_memory(m->err);
	union stoa__datum d = stoa__value_datum(&s->node->value);
	if (info->phys == STOA__PHYS_BOOL)
		*(uint8_t *)b->values = (uint8_t)d.i;
	else
		memcpy(b->values, &d, stoa__phys_width(info->phys));
	memset(r, 0, sizeof *r);
	r->v.kind = STOA__VEC_CONST;
	r->v.phys = info->phys;
	r->v.type = info->type.type;
	r->v.scale = info->type.scale;
	r->v.n = m->n;
	r->v.values = b->values;
	r->v.validity = null ? m->no_bits : NULL;
	return STOA_OK;
}

/* ---- logic ---------------------------------------------------------------------------------- */

/* Bits of the rows where a register is true, or with @flip, where it is false and not NULL. */
static void bits_of(struct stoa__machine *m, uint16_t reg, bool flip, uint64_t *out)
{
	const struct stoa__vec *v = &m->regs[reg].v;

	m->loops->pack_bits(v->values, m->n, out);
	for (size_t w = 0; flip && w < STOA__WORDS(m->n); w++)
		out[w] = ~out[w] & (v->validity ? v->validity[w] : UINT64_MAX);
}

/*
 * a AND b is known where both are, or where one is false. As NULL bytes are 0, the value is a & b.
 * OR likewise, with true for false and a | b.
 */
static int step_logic(struct stoa__machine *m, const struct stoa__step *s)
{
	bool is_and = s->kind == STOA__STEP_AND;
	uint64_t da[STOA__WORDS(STOA__BATCH_ROWS)], db[STOA__WORDS(STOA__BATCH_ROWS)];

	STOA_TRY(stoa__machine_flatten(m, s->a));
	STOA_TRY(stoa__machine_flatten(m, s->b));
	struct stoa__reg *r = stoa__machine_result(m, s, s->a, s->b);
	if (!r)
		return STOA_ENOMEM;
	const struct stoa__vec *a = &m->regs[s->a].v, *b = &m->regs[s->b].v;
	(is_and ? m->loops->and_bytes : m->loops->or_bytes)(a->values, b->values, m->n,
							      (uint8_t *)r->v.values);
	if (!r->v.validity)
		return STOA_OK;
	uint64_t *valid = (uint64_t *)r->v.validity;
	bits_of(m, s->a, is_and, da);
	bits_of(m, s->b, is_and, db);
	for (size_t w = 0; w < STOA__WORDS(m->n); w++)
		valid[w] |= da[w] | db[w];
	return STOA_OK;
}

/* ---- masks ---------------------------------------------------------------------------------- */

static void mask_of(struct stoa__machine *m, const struct stoa__vec *v, unsigned how, uint8_t *out)
{
	const uint8_t *bytes = v->values;

	for (size_t i = 0; i < m->n; i++) {
		bool valid = stoa__bit_get(v->validity, i);
		switch ((enum stoa__mask_how)how) {
		case STOA__MASK_TRUE: out[i] = bytes[i]; break;
		case STOA__MASK_NOT_TRUE: out[i] = bytes[i] ^ 1; break;
		case STOA__MASK_NOT_FALSE: out[i] = bytes[i] || !valid; break;
		case STOA__MASK_NULL: out[i] = !valid; break;
		}
	}
}

/* The index of the step to go on with. */
static int step_mask(struct stoa__machine *m, const struct stoa__step *s, size_t *next)
{
	if (s->how != STOA__MASK_NULL)
		STOA_TRY(stoa__machine_flatten(m, s->a));
	struct stoa__reg *r = stoa__machine_result(m, s, STOA__NO_REG, STOA__NO_REG);
	if (!r)
		return STOA_ENOMEM;
	uint8_t *out = (uint8_t *)r->v.values;
	mask_of(m, &m->regs[s->a].v, s->how, out);
	if (m->mask)
		m->loops->and_bytes(out, m->mask, m->n, out);
	m->mask = out;
	if (s->jump && m->loops->count_bytes(out, m->n) == 0)
		*next = s->jump;
	return STOA_OK;
}

static int step_nulls(struct stoa__machine *m, const struct stoa__step *s)
{
	struct stoa__reg *r = stoa__machine_result(m, s, STOA__NO_REG, STOA__NO_REG);

	if (!r)
		return STOA_ENOMEM;
	struct stoa__reg_buffer *b = stoa__machine_buffer(m, s->dst);
	memset(b->values, 0, m->n * stoa__phys_width(r->v.phys));
	memset(b->validity, 0, STOA__WORDS(m->n) * 8);
	r->v.validity = b->validity;
	return STOA_OK;
}

static int step_blend(struct stoa__machine *m, const struct stoa__step *s)
{
	struct stoa__vec *dst = &m->regs[s->dst].v;
	size_t width = stoa__phys_width(dst->phys);

	STOA_TRY(stoa__machine_flatten(m, s->a));
	const struct stoa__vec *v = &m->regs[s->a].v;
	uint64_t *valid = (uint64_t *)dst->validity;	/* both in dst's own buffer */
	char *to = (char *)dst->values;
	const char *from = v->values;
	for (size_t i = 0; i < m->n; i++) {
		if (!stoa__machine_active(m, i) || !stoa__bit_get(v->validity, i))
			continue;
		memcpy(to + i * width, from + i * width, width);
		stoa__bit_set(valid, i);
	}
	return STOA_OK;
}

/* ---- row by row ----------------------------------------------------------------------------- */

static void put_datum(struct stoa__vec *v, size_t i, union stoa__datum d)
{
	stoa__vec_put_datum((void *)(uintptr_t)v->values, i, v->phys, d);	/* a buffer of ours */
}

/* Makes row @i of a result NULL; its validity may not be there yet. */
static void put_null(struct stoa__machine *m, uint16_t reg, size_t i)
{
	struct stoa__vec *v = &m->regs[reg].v;

	if (!v->validity) {
		struct stoa__reg_buffer *b = stoa__machine_buffer(m, reg);
		memset(b->validity, 0xff, STOA__WORDS(m->n) * 8);
		v->validity = b->validity;
	}
	stoa__bit_clear((uint64_t *)v->validity, i);
	put_datum(v, i, (union stoa__datum){ .s = { NULL, 0 } });
}

static int call_rows(struct stoa__machine *m, const struct stoa__step *s,
		     union stoa__datum *args, bool *nulls)
{
	struct stoa__call call = { s->node, &m->arena, m->err };
	struct stoa__vec *v = &m->regs[s->dst].v;
	bool loose = s->node->fn->flags & STOA__FN_LOOSE;

	for (size_t i = 0; i < m->n; i++) {
		union stoa__datum out = { .s = { NULL, 0 } };
		bool null = !stoa__machine_active(m, i), any_null = false;
		for (uint32_t k = 0; !null && k < s->node->n_args; k++) {
			const struct stoa__vec *a = &m->regs[s->args[k]].v;
			nulls[k] = !stoa__bit_get(a->validity, i);
			any_null |= nulls[k];
			args[k] = stoa__vec_datum(a, i);
		}
		null |= any_null && !loose;
		if (!null)
			STOA_TRY(s->node->fn->body(&call, args, nulls, &out, &null));
		if (null)
			put_null(m, s->dst, i);
		else
			put_datum(v, i, out);
	}
	return STOA_OK;
}

static int step_call(struct stoa__machine *m, const struct stoa__step *s)
{
	union stoa__datum *args = stoa__arena_array(&m->arena, s->node->n_args, sizeof *args);
	bool *nulls = stoa__arena_array(&m->arena, s->node->n_args, sizeof *nulls);

	if (!args || !nulls)
		return stoa__fail_memory(m->err);
	if (!stoa__machine_result(m, s, STOA__NO_REG, STOA__NO_REG))
		return STOA_ENOMEM;
	return call_rows(m, s, args, nulls);
}

/* The byte that escapes in row @i: 0 for none, -1 when it is not one. */
static int escape_at(const struct stoa__machine *m, uint16_t reg, size_t i)
{
	if (reg == STOA__NO_REG)
		return '\\';
	struct stoa_bytes e = stoa__vec_datum(&m->regs[reg].v, i).s;
	if (e.len == 0)
		return 0;
	return e.len == 1 && (unsigned char)e.p[0] < 0x80 ? e.p[0] : -1;
}

static int pattern_at(struct stoa__machine *m, const struct stoa__step *s, size_t i,
		      struct stoa__pattern *p)
{
	int escape = escape_at(m, s->c, i);

	if (escape < 0)
		return stoa__machine_fail(m, s->node, STOA_EINVAL,
					  "ESCAPE wants one ASCII character, or none");
	if (!stoa__pattern_init(p, stoa__vec_datum(&m->regs[s->b].v, i).s, escape, s->node->fold_case))
		return stoa__machine_fail(m, s->node, STOA_EINVAL,
					  "the pattern ends in its escape character");
	return STOA_OK;
}

/* Validity of @r and of the escape, if there is one. */
static void and_escape(struct stoa__machine *m, const struct stoa__step *s, struct stoa__reg *r)
{
	const uint64_t *valid = s->c == STOA__NO_REG ? NULL : m->regs[s->c].v.validity;

	if (!valid)
		return;
	uint64_t *out = stoa__machine_buffer(m, s->dst)->validity;
	and_validity(m, out, r->v.validity, valid);
	r->v.validity = out;
}

/* One pattern for all rows, of which those before @from are NULL or do not count. */
static int like_rest(struct stoa__machine *m, const struct stoa__step *s, size_t from,
		     const struct stoa__pattern *p)
{
	struct stoa__reg *r = &m->regs[s->dst];
	uint8_t *out = (uint8_t *)r->v.values;

	stoa__pattern_match_all(p, m->regs[s->a].v.bytes + from, m->n - from,
				m->mask ? m->mask + from : NULL, out + from);
	if (s->node->negated)
		m->loops->not_bytes(out + from, m->n - from, out + from);
	stoa__machine_clear_nulls(m, &r->v);
	return STOA_OK;
}

static int step_like(struct stoa__machine *m, const struct stoa__step *s)
{
	struct stoa__reg *r = stoa__machine_result(m, s, s->a, s->b);
	const struct stoa__vec *a = &m->regs[s->a].v;
	bool constant = m->regs[s->b].v.kind == STOA__VEC_CONST &&
			(s->c == STOA__NO_REG || m->regs[s->c].v.kind == STOA__VEC_CONST);
	struct stoa__pattern p;
	bool ready = false;

	if (!r)
		return STOA_ENOMEM;
	and_escape(m, s, r);
	uint8_t *out = (uint8_t *)r->v.values;
	for (size_t i = 0; i < m->n; i++) {
		out[i] = 0;
		if (!stoa__machine_active(m, i) || !stoa__bit_get(r->v.validity, i))
			continue;
		if (!ready)
			STOA_TRY(pattern_at(m, s, i, &p));
		if (constant && a->kind == STOA__VEC_FLAT)
			return like_rest(m, s, i, &p);
		ready = constant;
		out[i] = stoa__pattern_match(&p, stoa__vec_datum(a, i).s) != s->node->negated;
	}
	return STOA_OK;
}

/* ---- IN ------------------------------------------------------------------------------------- */

#define FIND_SORTED(T, set, n, x)                          \
	do {                                               \
		const T *set_ = (set);                      \
		size_t lo = 0, hi = (n);                   \
		while (lo < hi) {                          \
			size_t mid = (lo + hi) / 2;        \
			if (set_[mid] < (x))               \
				lo = mid + 1;              \
			else                               \
				hi = mid;                  \
		}                                          \
		return lo < (n) && set_[lo] == (x);        \
	} while (0)

static bool set_has_i64(const void *set, size_t n, int64_t x)
{
	FIND_SORTED(int64_t, set, n, x);
}
static bool set_has_u64(const void *set, size_t n, uint64_t x)
{
	FIND_SORTED(uint64_t, set, n, x);
}

/* NaN is above all numbers and equals itself. */
static bool set_has_f64(const void *set, size_t n, double x)
{
	const double *p = set;

	if (x != x)
		return n && p[n - 1] != p[n - 1];
	while (n && p[n - 1] != p[n - 1])
		n--;
	FIND_SORTED(double, set, n, x);
}

static bool set_has_bytes(const void *set, size_t n, struct stoa_bytes x)
{
	const struct stoa_bytes *p = set;
	size_t lo = 0, hi = n;

	while (lo < hi) {
		size_t mid = (lo + hi) / 2;
		int c = stoa__compare_bytes(p[mid], x);
		if (c == 0)
			return true;
		if (c < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return false;
}

static bool set_has(const struct stoa__vec *v, size_t i, const void *set, size_t n)
{
	union stoa__datum d = stoa__vec_datum(v, i);

	switch (v->phys) {
	case STOA__PHYS_U64: return set_has_u64(set, n, d.u);
	case STOA__PHYS_F64: return set_has_f64(set, n, d.f);
	case STOA__PHYS_BYTES: return set_has_bytes(set, n, d.s);
	default: return set_has_i64(set, n, d.i);
	}
}

#define SMALL_SET 8	/* so many comparisons by vector beat a search by row */

static int step_in(struct stoa__machine *m, const struct stoa__step *s)
{
	size_t n = s->node->n_args - 1;

	STOA_TRY(stoa__machine_flatten(m, s->a));
	struct stoa__reg *r = stoa__machine_result(m, s, s->a, STOA__NO_REG);
	if (!r)
		return STOA_ENOMEM;
	const struct stoa__vec *a = &m->regs[s->a].v;
	uint8_t *out = (uint8_t *)r->v.values;
	if (a->phys == STOA__PHYS_I64 && n <= SMALL_SET) {
		const int64_t *set = s->set;
		memset(out, 0, m->n);
		for (size_t k = 0; k < n; k++) {
			m->loops->compare_i64[0](a->i64, &set[k], 2, m->n, m->scratch);
			m->loops->or_bytes(out, m->scratch, m->n, out);
		}
	} else {
		for (size_t i = 0; i < m->n; i++)
			out[i] = stoa__bit_get(a->validity, i) && set_has(a, i, s->set, n);
	}
	if (s->node->negated)
		m->loops->not_bytes(out, m->n, out);
	stoa__machine_clear_nulls(m, &r->v);
	return STOA_OK;
}

/* ---- the loop ------------------------------------------------------------------------------- */

static int run_step(struct stoa__machine *m, const struct stoa__step *s, size_t *next)
{
	switch ((enum stoa__step_kind)s->kind) {
	case STOA__STEP_LOAD: return step_load(m, s);
	case STOA__STEP_CONST: return step_const(m, s);
	case STOA__STEP_OP: return stoa__step_op(m, s);
	case STOA__STEP_AND:
	case STOA__STEP_OR: return step_logic(m, s);
	case STOA__STEP_IN: return step_in(m, s);
	case STOA__STEP_LIKE: return step_like(m, s);
	case STOA__STEP_CALL: return step_call(m, s);
	case STOA__STEP_DICT: return stoa__step_dict(m, s);
	case STOA__STEP_MASK: return step_mask(m, s, next);
	case STOA__STEP_UNMASK:
		m->mask = s->a == STOA__NO_REG ? NULL : m->regs[s->a].v.values;
		return STOA_OK;
	case STOA__STEP_NULLS: return step_nulls(m, s);
	case STOA__STEP_BLEND: return step_blend(m, s);
	}
	return STOA_OK;
}

int stoa__machine_run(struct stoa__machine *m, struct stoa__input *in, size_t n,
		      const uint8_t *mask, struct stoa_error *err)
{
	const struct stoa__prog *prog = m->prog;

	stoa__arena_reset(&m->arena);
	m->in = in;
	m->n = n;
	m->mask = mask;
	m->err = err;
	for (size_t i = 0; i < prog->n_steps;) {
		const struct stoa__step *s = &prog->steps[i];
		size_t next = i + 1;
		STOA_TRY(run_step(m, s, &next));
		if (s->kind == STOA__STEP_UNMASK && s->a == STOA__NO_REG)
			m->mask = mask;		/* the outermost mask is the caller's */
		i = next;
	}
	return STOA_OK;
}

const struct stoa__vec *stoa__machine_output(const struct stoa__machine *m, size_t i)
{
	return &m->regs[m->prog->outputs[i]].v;
}

/* ---- life ----------------------------------------------------------------------------------- */

int stoa__machine_new(const struct stoa__prog *prog, size_t cap, struct stoa__machine **out,
		      struct stoa_error *err)
{
	struct stoa__machine *m = stoa__calloc(1, sizeof *m);

	*out = NULL;
	if (!m)
		return stoa__fail_memory(err);
	m->prog = prog;
	m->loops = stoa__loops();
	m->cap = cap;
	m->regs = stoa__calloc(prog->n_regs + 1, sizeof *m->regs);
	m->buffers = stoa__calloc(prog->n_buffers + 1, sizeof *m->buffers);
	m->scratch = stoa__calloc(cap + 8, 1);
	m->no_bits = stoa__calloc(STOA__WORDS(cap), 8);
	if (!m->regs || !m->buffers || !m->scratch || !m->no_bits ||
	    stoa__dict_new(prog, cap, &m->dicts, err) < 0) {
		stoa__machine_free(m);
		return stoa__fail_memory(err);
	}
	*out = m;
	return STOA_OK;
}

void stoa__machine_free(struct stoa__machine *m)
{
	if (!m)
		return;
	for (size_t i = 0; m->buffers && i < m->prog->n_buffers; i++)
		stoa__free(m->buffers[i].values);
	stoa__dict_free(m->dicts, m->prog->n_dicts);
	stoa__arena_release(&m->arena);
	stoa__free(m->no_bits);
	stoa__free(m->scratch);
	stoa__free(m->buffers);
	stoa__free(m->regs);
	stoa__free(m);
}
