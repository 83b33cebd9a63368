/* SPDX-License-Identifier: MIT */
/*
 * compile.c - bound expressions to steps
 *
 * A walk over the tree, arguments first. What was computed before is found again (equal node, and
 * computed under a mask that covers the present one) and not computed twice. Then registers get
 * buffers by a linear scan over the steps (Poletto and Sarkar 1999): jumps only go forward, so a
 * register's life is the interval from its first step to its last.
 *
 * (1) A register is written by one step, BLEND's target excepted, which NULLS opens. (2) What was
 * computed under a mask is forgotten when that mask ends. (3) A mask stays alive until its UNMASK.
 */
#include <string.h>

#include "../lib/core/error.h"
#include "../lib/core/type.h"
#include "func.h"
#include "prog.h"

#define STEPS_MAX 60000
#define CSE_LOOKBACK 256 /* how far back equal nodes are looked for: keeps long lists linear */

struct known {
	const struct stoa__bound *node;
	uint16_t reg;
};

struct compiler {
	struct stoa__arena *arena;
	struct stoa_error *err;
	int rc;
	bool inside_dict;	/* a child program: no further ones within */
	struct stoa__step *steps;
	size_t n_steps, cap_steps;
	struct stoa__reg_info *regs;
	size_t n_regs, cap_regs;
	struct known *known;
	size_t n_known, cap_known;
	size_t n_dicts;
	uint16_t mask;		/* the mask at this place */
};

static uint16_t compile(struct compiler *cc, const struct stoa__bound *b);

/* ---- growing -------------------------------------------------------------------------------- */

/* Room for one more element of an array in the arena. */
static bool grow(struct compiler *cc, void **array, size_t n, size_t *cap, size_t size)
{
	if (cc->rc < 0)
		return false;
	if (n < *cap)
		return true;
	size_t more = *cap ? *cap * 2 : 16;
	void *p = stoa__arena_array(cc->arena, more, size);
	if (!p) {
		cc->rc = stoa__fail_memory(cc->err);
		return false;
	}
	if (n)
		memcpy(p, *array, n * size);
	*array = p;
	*cap = more;
	return true;
}

static uint16_t new_reg(struct compiler *cc, struct stoa__type type, unsigned phys)
{
	void *regs = cc->regs;

	if (!grow(cc, &regs, cc->n_regs, &cc->cap_regs, sizeof *cc->regs))
		return STOA__NO_REG;
	cc->regs = regs;
	if (cc->n_regs >= STEPS_MAX) {
		cc->rc = stoa__fail(cc->err, STOA_EFULL,
				    "the expression has more than %d steps: split the query",
				    STEPS_MAX);
		return STOA__NO_REG;
	}
	cc->regs[cc->n_regs] = (struct stoa__reg_info){ type, (uint8_t)phys, 0 };
	return (uint16_t)cc->n_regs++;
}

/* A step with a register of its own for @node's value. */
static struct stoa__step *emit(struct compiler *cc, int kind, const struct stoa__bound *node,
			       struct stoa__type type, unsigned phys)
{
	uint16_t dst = kind == STOA__STEP_UNMASK || kind == STOA__STEP_BLEND ?
			       STOA__NO_REG :
			       new_reg(cc, type, phys);
	void *steps = cc->steps;

	if (!grow(cc, &steps, cc->n_steps, &cc->cap_steps, sizeof *cc->steps))
		return NULL;
	cc->steps = steps;
	struct stoa__step *s = &cc->steps[cc->n_steps++];
	memset(s, 0, sizeof *s);
	s->kind = (uint8_t)kind;
	s->dst = dst;
	s->a = s->b = s->c = STOA__NO_REG;
	s->node = node;
	return s;
}

static struct stoa__step *emit_node(struct compiler *cc, int kind, const struct stoa__bound *b)
{
	return emit(cc, kind, b, b->type, stoa__prog_phys(b->type.type));
}

/* ---- common subexpressions ------------------------------------------------------------------ */

static uint16_t find_known(const struct compiler *cc, const struct stoa__bound *b)
{
	size_t stop = cc->n_known > CSE_LOOKBACK ? cc->n_known - CSE_LOOKBACK : 0;

	for (size_t i = cc->n_known; i-- > stop;)
		if (stoa__bound_equal(cc->known[i].node, b))
			return cc->known[i].reg;
	return STOA__NO_REG;
}

static void remember(struct compiler *cc, const struct stoa__bound *b, uint16_t reg)
{
	void *known = cc->known;

	if (!grow(cc, &known, cc->n_known, &cc->cap_known, sizeof *cc->known))
		return;
	cc->known = known;
	cc->known[cc->n_known++] = (struct known){ b, reg };
}

/* ---- masks ---------------------------------------------------------------------------------- */

/* Narrows the mask to rows where @cond is @how; gives the index of the step, for its jump. */
static size_t open_mask(struct compiler *cc, enum stoa__mask_how how, uint16_t cond)
{
	struct stoa__step *s = emit(cc, STOA__STEP_MASK, NULL, stoa__type_plain(STOA_BOOL),
				    STOA__PHYS_BOOL);

	if (!s)
		return 0;
	s->how = (uint8_t)how;
	s->a = cond;
	s->b = cc->mask;
	cc->mask = s->dst;
	return cc->n_steps - 1;
}

static void close_mask(struct compiler *cc, uint16_t outer)
{
	struct stoa__step *s = emit(cc, STOA__STEP_UNMASK, NULL, stoa__type_plain(STOA_NULL), 0);

	if (!s)
		return;
	s->a = outer;
	s->b = cc->mask;
	cc->mask = outer;
}

static void jump_here(struct compiler *cc, size_t step)
{
	if (cc->rc >= 0)
		cc->steps[step].jump = (uint32_t)cc->n_steps;
}

static void blend(struct compiler *cc, uint16_t dst, uint16_t value)
{
	struct stoa__step *s = emit(cc, STOA__STEP_BLEND, NULL, stoa__type_plain(STOA_NULL), 0);

	if (!s)
		return;
	s->dst = dst;
	s->a = value;
}

/* ---- kinds of nodes ------------------------------------------------------------------------- */

static uint16_t compile_op(struct compiler *cc, const struct stoa__bound *b)
{
	uint16_t x = compile(cc, b->args[0]);
	uint16_t y = b->n_args > 1 ? compile(cc, b->args[1]) : STOA__NO_REG;
	struct stoa__step *s = emit_node(cc, STOA__STEP_OP, b);

	if (!s)
		return STOA__NO_REG;
	s->a = x;
	s->b = y;
	return s->dst;
}

/* AND and OR: what may fail runs only where the terms before it leave the answer open. */
static uint16_t compile_logic(struct compiler *cc, const struct stoa__bound *b)
{
	bool is_and = b->kind == STOA__BOUND_AND;
	uint16_t r = compile(cc, b->args[0]);

	for (uint32_t i = 1; i < b->n_args; i++) {
		size_t n_known = cc->n_known;
		uint16_t outer = cc->mask, x;
		if (b->args[i]->may_fail) {
			open_mask(cc, is_and ? STOA__MASK_NOT_FALSE : STOA__MASK_NOT_TRUE, r);
			x = compile(cc, b->args[i]);
			close_mask(cc, outer);
			cc->n_known = n_known;
		} else {
			x = compile(cc, b->args[i]);
		}
		struct stoa__step *s = emit_node(cc, is_and ? STOA__STEP_AND : STOA__STEP_OR, b);
		if (!s)
			return STOA__NO_REG;
		s->a = r;
		s->b = x;
		r = s->dst;
	}
	return r;
}

/* CASE and COALESCE: of several values the first that is chosen is blended into one register. */
struct choice {
	uint16_t dst, outer;
	size_t n_known;
	size_t *jumps;	/* for each argument, where the rest is skipped if no row is left */
};

static bool begin_choice(struct compiler *cc, const struct stoa__bound *b, struct choice *c)
{
	struct stoa__step *s = emit_node(cc, STOA__STEP_NULLS, b);

	*c = (struct choice){ .dst = s ? s->dst : STOA__NO_REG, .outer = cc->mask,
			      .n_known = cc->n_known };
	c->jumps = stoa__arena_array(cc->arena, b->n_args, sizeof *c->jumps);
	if (!c->jumps)
		cc->rc = stoa__fail_memory(cc->err);
	return c->jumps;
}

static uint16_t end_choice(struct compiler *cc, const struct choice *c)
{
	close_mask(cc, c->outer);
	cc->n_known = c->n_known;
	return c->dst;
}

static uint16_t compile_case(struct compiler *cc, const struct stoa__bound *b)
{
	struct choice c;

	if (!begin_choice(cc, b, &c))
		return STOA__NO_REG;
	for (uint32_t i = 0; i + 1 < b->n_args; i += 2) {
		uint16_t cond = compile(cc, b->args[i]);
		size_t n_known_here = cc->n_known;
		uint16_t before = cc->mask;
		size_t skip = open_mask(cc, STOA__MASK_TRUE, cond);
		blend(cc, c.dst, compile(cc, b->args[i + 1]));
		jump_here(cc, skip);
		close_mask(cc, before);
		cc->n_known = n_known_here;
		c.jumps[i] = open_mask(cc, STOA__MASK_NOT_TRUE, cond);
	}
	blend(cc, c.dst, compile(cc, b->args[b->n_args - 1]));
	for (uint32_t i = 0; i + 1 < b->n_args; i += 2)
		jump_here(cc, c.jumps[i]);
	return end_choice(cc, &c);
}

static uint16_t compile_coalesce(struct compiler *cc, const struct stoa__bound *b)
{
	struct choice c;

	if (!begin_choice(cc, b, &c))
		return STOA__NO_REG;
	for (uint32_t i = 0; i < b->n_args; i++) {
		uint16_t value = compile(cc, b->args[i]);
		blend(cc, c.dst, value);
		if (i + 1 < b->n_args)
			c.jumps[i] = open_mask(cc, STOA__MASK_NULL, value);
	}
	for (uint32_t i = 0; i + 1 < b->n_args; i++)
		jump_here(cc, c.jumps[i]);
	return end_choice(cc, &c);
}

/* The constants of an IN list side by side. */
static void *make_set(struct compiler *cc, const struct stoa__bound *b)
{
	size_t width = stoa__phys_width(stoa__prog_phys(b->args[0]->type.type));
	char *set = stoa__arena_array(cc->arena, b->n_args, width);

	if (!set) {
		cc->rc = stoa__fail_memory(cc->err);
		return NULL;
	}
	for (uint32_t i = 1; i < b->n_args; i++) {
		union stoa__datum d = stoa__value_datum(&b->args[i]->value);
		memcpy(set + (i - 1) * width, &d, width);
	}
	return set;
}

static uint16_t compile_in(struct compiler *cc, const struct stoa__bound *b)
{
	uint16_t x = compile(cc, b->args[0]);
	struct stoa__step *s = emit_node(cc, STOA__STEP_IN, b);

	if (!s)
		return STOA__NO_REG;
	s->a = x;
	s->set = make_set(cc, b);
	return s->dst;
}

static uint16_t compile_like(struct compiler *cc, const struct stoa__bound *b)
{
	uint16_t x = compile(cc, b->args[0]);
	uint16_t y = compile(cc, b->args[1]);
	uint16_t z = b->n_args > 2 ? compile(cc, b->args[2]) : STOA__NO_REG;
	struct stoa__step *s = emit_node(cc, STOA__STEP_LIKE, b);

	if (!s)
		return STOA__NO_REG;
	s->a = x;
	s->b = y;
	s->c = z;
	return s->dst;
}

static uint16_t compile_call(struct compiler *cc, const struct stoa__bound *b)
{
	uint16_t *args = stoa__arena_array(cc->arena, b->n_args, sizeof *args);

	if (!args) {
		cc->rc = stoa__fail_memory(cc->err);
		return STOA__NO_REG;
	}
	for (uint32_t i = 0; i < b->n_args; i++)
		args[i] = compile(cc, b->args[i]);
	struct stoa__step *s = emit_node(cc, STOA__STEP_CALL, b);
	if (!s)
		return STOA__NO_REG;
	s->args = args;
	return s->dst;
}

static uint16_t compile_leaf(struct compiler *cc, const struct stoa__bound *b)
{
	struct stoa__step *s = emit_node(
		cc, b->kind == STOA__BOUND_CONST ? STOA__STEP_CONST : STOA__STEP_LOAD, b);

	if (!s)
		return STOA__NO_REG;
	s->index = b->index;
	return s->dst;
}

/* ---- string columns ------------------------------------------------------------------------- */

/* Adds @b's columns to *@column: false when there are two, or one that is no string. */
static bool single_string(const struct stoa__bound *b, const struct stoa__bound **column)
{
	if (b->kind == STOA__BOUND_AGGREGATE)
		return false;
	if (b->kind == STOA__BOUND_COLUMN) {
		if (b->type.type != STOA_STRING || (*column && (*column)->index != b->index))
			return false;
		*column = b;
	}
	for (uint32_t i = 0; i < b->n_args; i++)
		if (!single_string(b->args[i], column))
			return false;
	return true;
}

/* Would running it once per distinct string save anything? */
static const struct stoa__bound *dict_column(const struct compiler *cc, const struct stoa__bound *b)
{
	const struct stoa__bound *column = NULL;

	if (cc->inside_dict || b->kind == STOA__BOUND_COLUMN || b->kind == STOA__BOUND_CONST)
		return NULL;
	if (b->kind == STOA__BOUND_OP && b->code == STOA__CODE_IS_NULL &&
	    b->args[0]->kind == STOA__BOUND_COLUMN)
		return NULL;
	return single_string(b, &column) ? column : NULL;
}

static int finish(struct compiler *cc, struct stoa__prog **out, uint16_t *outputs, size_t n);

static uint16_t compile_dict(struct compiler *cc, const struct stoa__bound *b,
			     const struct stoa__bound *column)
{
	struct compiler child = { .arena = cc->arena, .err = cc->err, .inside_dict = true,
				  .mask = STOA__NO_REG };
	struct stoa__prog *prog;
	uint16_t *output = stoa__arena_alloc(cc->arena, sizeof *output);

	if (!output) {
		cc->rc = stoa__fail_memory(cc->err);
		return STOA__NO_REG;
	}
	*output = compile(&child, b);
	int rc = finish(&child, &prog, output, 1);
	if (rc < 0) {
		cc->rc = rc;
		return STOA__NO_REG;
	}
	struct stoa__step *s = emit_node(cc, STOA__STEP_DICT, b);
	if (!s)
		return STOA__NO_REG;
	s->index = column->index;
	s->slot = (uint32_t)cc->n_dicts++;
	s->child = prog;
	return s->dst;
}

/* ---- the walk ------------------------------------------------------------------------------- */

static uint16_t compile_kind(struct compiler *cc, const struct stoa__bound *b)
{
	switch ((enum stoa__bound_kind)b->kind) {
	case STOA__BOUND_CONST:
	case STOA__BOUND_COLUMN: return compile_leaf(cc, b);
	case STOA__BOUND_OP: return compile_op(cc, b);
	case STOA__BOUND_AND:
	case STOA__BOUND_OR: return compile_logic(cc, b);
	case STOA__BOUND_CASE: return compile_case(cc, b);
	case STOA__BOUND_COALESCE: return compile_coalesce(cc, b);
	case STOA__BOUND_IN: return compile_in(cc, b);
	case STOA__BOUND_LIKE: return compile_like(cc, b);
	case STOA__BOUND_CALL: return compile_call(cc, b);
	case STOA__BOUND_AGGREGATE:
	case STOA__BOUND_WINDOW:
	case STOA__BOUND_SUBQUERY: break;
	}
	cc->rc = stoa__fail_at(cc->err, STOA_EINVAL, b->line, b->column,
			       "an aggregate does not belong here");
	return STOA__NO_REG;
}

static uint16_t compile(struct compiler *cc, const struct stoa__bound *b)
{
	const struct stoa__bound *column;

	if (cc->rc < 0)
		return STOA__NO_REG;
	uint16_t reg = find_known(cc, b);
	if (reg != STOA__NO_REG)
		return reg;
	column = dict_column(cc, b);
	reg = column ? compile_dict(cc, b, column) : compile_kind(cc, b);
	if (cc->rc < 0)
		return STOA__NO_REG;
	remember(cc, b, reg);
	return reg;
}

/* ---- buffers -------------------------------------------------------------------------------- */

static void use(size_t *last, uint16_t reg, size_t step)
{
	if (reg != STOA__NO_REG)
		last[reg] = step;
}

static void find_last_uses(const struct compiler *cc, size_t *last, const uint16_t *outputs,
			   size_t n_outputs)
{
	for (size_t i = 0; i < cc->n_steps; i++) {
		const struct stoa__step *s = &cc->steps[i];
		use(last, s->dst, i);
		use(last, s->a, i);
		use(last, s->b, i);
		use(last, s->c, i);
		for (uint32_t k = 0; s->kind == STOA__STEP_CALL && k < s->node->n_args; k++)
			use(last, s->args[k], i);
	}
	for (size_t i = 0; i < n_outputs; i++)
		use(last, outputs[i], SIZE_MAX);
}

/*
 * Gives each register a buffer: one that is free and holds elements of the same width, or a new
 * one. @ends[r] lists, by next[], the registers that end at step r.
 */
static int assign_buffers(struct compiler *cc, struct stoa__prog *prog)
{
	size_t *last = stoa__arena_array(cc->arena, cc->n_regs + 1, sizeof *last);
	uint16_t *free_by_width[3], n_free[3] = { 0, 0, 0 };
	uint32_t *next = stoa__arena_array(cc->arena, cc->n_regs + 1, sizeof *next);
	uint32_t *ends = stoa__arena_array(cc->arena, cc->n_steps + 1, sizeof *ends);

	for (size_t w = 0; w < 3; w++) {
		free_by_width[w] = stoa__arena_array(cc->arena, cc->n_regs + 1, sizeof(uint16_t));
		if (!free_by_width[w])
			return stoa__fail_memory(cc->err);
	}
	if (!last || !next || !ends)
		return stoa__fail_memory(cc->err);
	find_last_uses(cc, last, prog->outputs, prog->n_outputs);
	for (size_t r = 0; r < cc->n_regs; r++)
		if (last[r] < cc->n_steps) {
			next[r] = ends[last[r]];
			ends[last[r]] = (uint32_t)r + 1;
		}
	for (size_t i = 0, fresh = 0; i < cc->n_steps; i++) {
		uint16_t dst = cc->steps[i].dst;
		if (dst == fresh && dst != STOA__NO_REG) {	/* (1): registers appear in order */
			size_t width = stoa__phys_width(cc->regs[dst].phys);
			size_t w = width == 1 ? 0 : width == 8 ? 1 : 2;
			cc->regs[dst].buffer = n_free[w] ? free_by_width[w][--n_free[w]] :
							   (uint16_t)prog->n_buffers++;
			fresh++;
		}
		for (uint32_t r = ends[i]; r; r = next[r - 1]) {
			size_t width = stoa__phys_width(cc->regs[r - 1].phys);
			size_t w = width == 1 ? 0 : width == 8 ? 1 : 2;
			free_by_width[w][n_free[w]++] = cc->regs[r - 1].buffer;
		}
	}
	return STOA_OK;
}

static int finish(struct compiler *cc, struct stoa__prog **out, uint16_t *outputs, size_t n)
{
	STOA_TRY(cc->rc);
	struct stoa__prog *prog = stoa__arena_zalloc(cc->arena, sizeof *prog);
	if (!prog)
		return stoa__fail_memory(cc->err);
	prog->outputs = outputs;
	prog->n_outputs = n;
	STOA_TRY(assign_buffers(cc, prog));
	prog->steps = cc->steps;
	prog->n_steps = cc->n_steps;
	prog->regs = cc->regs;
	prog->n_regs = cc->n_regs;
	prog->n_dicts = cc->n_dicts;
	*out = prog;
	return STOA_OK;
}

int stoa__prog_compile(struct stoa__arena *arena, struct stoa__bound *const *exprs, size_t n,
		       struct stoa__prog **out, struct stoa_error *err)
{
	struct compiler cc = { .arena = arena, .err = err, .mask = STOA__NO_REG };
	uint16_t *outputs = stoa__arena_array(arena, n, sizeof *outputs);

	if (!outputs)
		return stoa__fail_memory(err);
	for (size_t i = 0; i < n; i++)
		outputs[i] = compile(&cc, exprs[i]);
	return finish(&cc, out, outputs, n);
}
