/* SPDX-License-Identifier: MIT */
/*
 * prog.h - a set of expressions as a flat array of steps, and the machine that runs them over
 * batches
 *
 *     l_extendedprice * (1 - l_discount)          r0 = load 5
 *                                                 r1 = load 6
 *                                                 r2 = const 1.00
 *                                                 r3 = r2 - r1
 *                                                 r4 = r0 * r3     -> output 0
 *
 * A program is read-only and may be shared by machines; a machine holds the registers: a vector of
 * up to 2,048 rows each. Equal subexpressions are computed once. A step that may raise an error,
 * and one whose cost per row is high, heeds the *mask*: the rows on which the expression's value
 * is wanted. CASE, COALESCE, AND and OR narrow it for what must not run everywhere, so that `CASE
 * WHEN x <> 0 THEN 1 / x END` never divides by zero.
 *
 * A subexpression of one string column alone becomes a program of its own (STOA__STEP_DICT): on a
 * column in dictionary form it runs once per distinct string, and the answers are kept for as
 * long as the dictionary (dict_id) stays the same.
 */
#ifndef STOA__PROG_H
#define STOA__PROG_H

#include "../lib/core/limits.h"
#include "../lib/core/source.h"
#include "arena.h"
#include "ast.h"
#include "bound.h"
#include "func.h"

/* A physical kind beyond enum stoa__phys: uint8_t, 0 or 1; a NULL row's byte is 0. */
#define STOA__PHYS_BOOL 4
/* Physical kind of a type within the engine. */
unsigned stoa__prog_phys(unsigned type);

/* Element @i of a vector, whose validity is not looked at. */
static inline union stoa__datum stoa__vec_datum(const struct stoa__vec *v, size_t i)
{
	union stoa__datum d = { .s = { NULL, 0 } };
	size_t at = v->kind == STOA__VEC_CONST ? 0 : i;

	if (v->kind == STOA__VEC_DICT)
		d.s = v->dict[v->codes[i]];
	else if (v->phys == STOA__PHYS_BYTES)
		d.s = v->bytes[at];
	else if (v->phys == STOA__PHYS_BOOL)
		d.i = ((const uint8_t *)v->values)[at];
	else
		d.u = v->u64[at];
	return d;
}

enum stoa__step_kind {
	STOA__STEP_LOAD,  /* dst = column index */
	STOA__STEP_CONST, /* dst = node's value */
	STOA__STEP_OP,    /* dst = node's code on a, b */
	STOA__STEP_AND,   /* dst = a and b */
	STOA__STEP_OR,
	STOA__STEP_IN,   /* dst = a in node's constants */
	STOA__STEP_LIKE, /* dst = a like b escape c */
	STOA__STEP_CALL, /* dst = node's function of args */
	STOA__STEP_DICT, /* dst = child program of column index */
	STOA__STEP_MASK,	/* dst = mask b and [how] a, is the mask; if empty, go to jump */
	STOA__STEP_UNMASK, /* mask a is the mask again; b was until here */
	STOA__STEP_NULLS,  /* dst = all NULL, in memory of its own, for BLEND */
	STOA__STEP_BLEND,  /* dst = a on the rows of the mask */
};
enum stoa__mask_how { STOA__MASK_TRUE, STOA__MASK_NOT_TRUE, STOA__MASK_NOT_FALSE, STOA__MASK_NULL };

#define STOA__NO_REG 0xffff

struct stoa__prog;
struct stoa__step {
	uint8_t kind;		/* enum stoa__step_kind */
	uint8_t how;		/* enum stoa__mask_how */
	uint16_t dst, a, b, c;	/* registers; STOA__NO_REG for none */
	uint32_t jump;
	uint32_t index;		/* of the column; of a STEP_DICT's cache in @slot */
	uint32_t slot;
	const struct stoa__bound *node;
	const uint16_t *args;
	const void *set; /* of STEP_IN: node's constants as an array of their physical kind */
	const struct stoa__prog *child;
};

/*
 * A register: what it holds, and the buffer it uses. Registers whose lives do not overlap share a
 * buffer, so that a list of a thousand comparisons needs no thousand vectors.
 */
struct stoa__reg_info {
	struct stoa__type type;
	uint8_t phys;
	uint16_t buffer;
};

struct stoa__prog {
	struct stoa__step *steps;
	size_t n_steps;
	struct stoa__reg_info *regs;
	size_t n_regs;
	size_t n_buffers;
	size_t n_dicts;
	uint16_t *outputs;	/* register of each expression */
	size_t n_outputs;
};

/* Compiles @n expressions; the program lives in @arena. STOA_OK, STOA_ENOMEM or STOA_EFULL. */
int stoa__prog_compile(struct stoa__arena *arena, struct stoa__bound *const *exprs, size_t n,
		       struct stoa__prog **out, struct stoa_error *err);

/* Where a machine's columns come from; an operator is one. */
struct stoa__input {
	int (*column)(struct stoa__input *in, size_t i, struct stoa__vec *out,
		      struct stoa_error *err);
};

struct stoa__machine;
/* A machine for batches of up to @cap rows; @prog must outlive it. */
int stoa__machine_new(const struct stoa__prog *prog, size_t cap, struct stoa__machine **out,
		      struct stoa_error *err);
void stoa__machine_free(struct stoa__machine *m);
/*
 * Runs all steps over @n rows of @in. @mask (NULL: all) are the rows that count, a byte each.
 * Results are good until the next run, or until @in moves on.
 */
int stoa__machine_run(struct stoa__machine *m, struct stoa__input *in, size_t n,
		      const uint8_t *mask, struct stoa_error *err);
/* Expression @i of the newest run. */
const struct stoa__vec *stoa__machine_output(const struct stoa__machine *m, size_t i);

/* ---- what operators do with vectors (vec.c) -------------------------------------------------- */

/* Element @i of a vector as a value; bytes borrow. */
struct stoa_value stoa__vec_value(const struct stoa__vec *v, size_t i);
/* The elements of a vector as an array of its physical kind: @v's own, or spread into @room. */
const void *stoa__vec_flat(const struct stoa__vec *v, void *room);
/* Bytes of an element of a physical kind. */
size_t stoa__phys_width(unsigned phys);
/* Puts @d, or @v (of NULL a zero, or no bytes), at element @i of an array of that kind. */
void stoa__vec_put_datum(void *values, size_t i, unsigned phys, union stoa__datum d);
void stoa__vec_put_value(void *values, size_t i, unsigned phys, const struct stoa_value *v);
/*
 * A source's vector as the engine has it: integers up to u32 are int64_t, booleans bytes, which are
 * put in @bools.
 */
void stoa__vec_from_source(struct stoa__vec *v, uint8_t *bools);
/* Is a row valid and, for booleans, true? As bytes into @out. */
void stoa__vec_true(const struct stoa__vec *v, size_t n, uint8_t *out);
/* Rows @sel of @v: values into @room, validity into @bits. */
void stoa__vec_gather(const struct stoa__vec *v, const uint32_t *sel, size_t n, void *room,
		      uint64_t *bits, struct stoa__vec *out);

#endif
