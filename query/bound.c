/* SPDX-License-Identifier: MIT */
/*
 * bound.c - nodes of bound expressions, and what constants come to
 *
 * A node whose arguments are all constants is run on the spot, by the machine that would run it
 * later, so that there is one arithmetic only; if that fails the node stays, and fails when, and
 * only if, a row gets there: CASE WHEN false THEN 1 / 0 END is no error.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "../lib/core/error.h"
#include "../lib/core/type.h"
#include "bind.h"
#include "func.h"
#include "prog.h"

/* ---- nodes ---------------------------------------------------------------------------------- */

struct stoa__bound *stoa__bind_fail(struct stoa__binder *bn, const struct stoa__token *at, int code,
				    const char *format, ...)
{
	char text[STOA_ERROR_TEXT_MAX];
	va_list ap;

	if (bn->rc < 0)
		return NULL;
	va_start(ap, format);
	vsnprintf(text, sizeof text, format, ap);
	va_end(ap);
	bn->rc = stoa__fail_at(bn->err, code, at->line, at->column, "%s", text);
	return NULL;
}

void *stoa__bind_array(struct stoa__binder *bn, size_t n, size_t size)
{
	void *p = bn->rc < 0 ? NULL : stoa__arena_array(bn->arena, n, size);

	if (!p && bn->rc >= 0)
		bn->rc = stoa__fail_memory(bn->err);
	return p;
}

void *stoa__bind_room(struct stoa__binder *bn, void *array, size_t n, size_t size)
{
	void *more;

	if (bn->rc < 0 || n & (n - 1))
		return bn->rc < 0 ? NULL : array;
	more = stoa__bind_array(bn, n ? 2 * n : 1, size);
	if (more && n)
		memcpy(more, array, n * size);
	return more;
}

static struct stoa__bound *out_of_memory(struct stoa__binder *bn)
{
	if (bn->rc >= 0)
		bn->rc = stoa__fail_memory(bn->err);
	return NULL;
}

struct stoa__token stoa__bound_place(const struct stoa__bound *b)
{
	return (struct stoa__token){ .line = b->line, .column = b->column };
}

struct stoa__bound *stoa__bound_new(struct stoa__binder *bn, int kind, const struct stoa__token *at,
				    struct stoa__type type, uint32_t n_args)
{
	if (bn->rc < 0)
		return NULL;
	struct stoa__bound *b = stoa__arena_zalloc(bn->arena, sizeof *b);
	if (!b)
		return out_of_memory(bn);
	b->args = stoa__arena_array(bn->arena, n_args, sizeof(*b->args));
	if (!b->args)
		return out_of_memory(bn);
	b->kind = (uint8_t)kind;
	b->type = type;
	b->n_args = n_args;
	b->line = at->line;
	b->column = at->column;
	return b;
}

struct stoa__bound *stoa__bound_const(struct stoa__binder *bn, const struct stoa__token *at,
				      struct stoa__type type, const struct stoa_value *v)
{
	struct stoa__bound *b = stoa__bound_new(bn, STOA__BOUND_CONST, at, type, 0);

	if (!b)
		return NULL;
	b->value = *v;
	b->not_null = v->type != STOA_NULL;
	return b;
}

struct stoa__bound *stoa__bound_null(struct stoa__binder *bn, const struct stoa__token *at,
				     struct stoa__type type)
{
	struct stoa_value v = stoa_null();

	return stoa__bound_const(bn, at, type, &v);
}

bool stoa__bound_equal(const struct stoa__bound *a, const struct stoa__bound *b)
{
	if (a == b)
		return true;
	if (a->kind != b->kind || a->code != b->code || a->op != b->op || a->n_args != b->n_args ||
	    a->negated != b->negated || a->fold_case != b->fold_case || a->fn != b->fn ||
	    a->index != b->index || a->sub != b->sub || a->lo != b->lo || a->hi != b->hi ||
	    a->type.type != b->type.type || a->type.scale != b->type.scale)
		return false;
	if (memcmp(&a->interval, &b->interval, sizeof a->interval) != 0)
		return false;
	if (a->kind == STOA__BOUND_CONST) {
		if (a->value.type != b->value.type)
			return false;
		return a->value.type == STOA_NULL || !stoa__value_compare(&a->value, &b->value);
	}
	for (uint32_t i = 0; i < a->n_args; i++)
		if (!stoa__bound_equal(a->args[i], b->args[i]))
			return false;
	return true;
}

/* ---- constants ------------------------------------------------------------------------------ */

static int no_column(struct stoa__input *in, size_t i, struct stoa__vec *out,
		     struct stoa_error *err)
{
	(void)in;
	(void)i;
	(void)out;
	return stoa__fail(err, STOA_EINVAL, "a constant has no columns");
}

/* Runs a constant expression: STOA_OK with *@v, whose bytes are in the binder's arena. */
static int evaluate(struct stoa__binder *bn, struct stoa__bound *b, struct stoa_value *v)
{
	struct stoa__arena arena = STOA__ARENA_INIT;
	struct stoa__input in = { no_column };
	struct stoa__machine *m = NULL;
	struct stoa__prog *prog;
	int rc;

	rc = stoa__prog_compile(&arena, &b, 1, &prog, NULL);
	if (rc == STOA_OK)
		rc = stoa__machine_new(prog, 1, &m, NULL);
	if (rc == STOA_OK)
		rc = stoa__machine_run(m, &in, 1, NULL, NULL);
	if (rc == STOA_OK) {
		*v = stoa__vec_value(stoa__machine_output(m, 0), 0);
		if (v->type != STOA_NULL && stoa__type_family(v->type) == STOA__BYTES) {
			v->p = stoa__arena_copy(bn->arena, v->p, v->len);
			rc = v->p ? STOA_OK : STOA_ENOMEM;
		}
	}
	stoa__machine_free(m);
	stoa__arena_release(&arena);
	return rc;
}

static struct stoa__bound *fold(struct stoa__binder *bn, struct stoa__bound *b)
{
	struct stoa_value v = stoa_null();
	struct stoa__token at = stoa__bound_place(b);
	int rc = evaluate(bn, b, &v);

	if (rc == STOA_ENOMEM)
		return out_of_memory(bn);
	if (rc < 0)
		return b;	/* fails when it runs, if it runs */
	if (v.type != STOA_NULL) {
		v.type = b->type.type;
		v.scale = b->type.scale;
	}
	return stoa__bound_const(bn, &at, b->type, &v);
}

struct stoa__bound *stoa__bound_done(struct stoa__binder *bn, struct stoa__bound *b)
{
	bool constant = true,
	     strict = b && (b->kind == STOA__BOUND_OP || b->kind == STOA__BOUND_LIKE);

	if (!b || bn->rc < 0)
		return NULL;
	if (b->kind == STOA__BOUND_CALL)
		strict = false;
	bool not_null = strict;
	for (uint32_t i = 0; i < b->n_args; i++) {
		if (!b->args[i])
			return NULL;
		constant &= b->args[i]->kind == STOA__BOUND_CONST;
		b->may_fail |= b->args[i]->may_fail;
		not_null &= b->args[i]->not_null;
	}
	b->not_null = not_null;
	constant &= b->kind != STOA__BOUND_AGGREGATE && b->kind != STOA__BOUND_SUBQUERY;
	return constant ? fold(bn, b) : b;
}

struct stoa__bound *stoa__bound_op(struct stoa__binder *bn, const struct stoa__token *at, int code,
				   unsigned op, struct stoa__type type, struct stoa__bound *a,
				   struct stoa__bound *b)
{
	struct stoa__bound *node = stoa__bound_new(bn, STOA__BOUND_OP, at, type, b ? 2 : 1);

	if (!node || !a)
		return NULL;
	node->code = (uint8_t)code;
	node->op = (uint8_t)op;
	node->args[0] = a;
	if (b)
		node->args[1] = b;
	node->may_fail = code == STOA__CODE_ARITH || code == STOA__CODE_NEG ||
			 code == STOA__CODE_ABS || code >= STOA__CODE_INT_TO_F64;
	return stoa__bound_done(bn, node);
}

struct stoa__bound *stoa__bound_call(struct stoa__binder *bn, const struct stoa__token *at,
				     const struct stoa__fn *fn, struct stoa__type type,
				     struct stoa__bound **args, uint32_t n_args)
{
	struct stoa__bound *b = stoa__bound_new(bn, STOA__BOUND_CALL, at, type, n_args);

	if (!b)
		return NULL;
	b->fn = fn;
	b->may_fail = (fn->flags & STOA__FN_MAY_FAIL) != 0;
	if (n_args)
		memcpy(b->args, args, n_args * sizeof(*args));
	return stoa__bound_done(bn, b);
}
