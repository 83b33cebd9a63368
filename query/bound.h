/* SPDX-License-Identifier: MIT */
/*
 * bound.h - expressions with names looked up and types worked out
 *
 * The binder turns the syntax tree into these; compile.c turns these into steps. Types of values
 * on the way are few (stoa__type_normal()): an i8 column counts like any integer, and only a bare
 * column, or a cast, keeps a narrow type to the end, for the arrays of the result. A node is
 * read-only once made and may be shared.
 */
#ifndef STOA__BOUND_H
#define STOA__BOUND_H

#include "../lib/stoa.h"

/* A type beyond enum stoa_type: only constants have it, and only date arithmetic takes it. */
#define STOA__TYPE_INTERVAL 200

struct stoa__type {
	uint8_t type;		/* enum stoa_type or STOA__TYPE_INTERVAL; STOA_NULL: not known */
	uint8_t precision;	/* of decimals */
	uint8_t scale;
	stoa_table target;	/* of a reference: the table of its rows; 0: it is none */
};

struct stoa__interval {
	int64_t months;
	int64_t days;
	int64_t micros;
};

enum stoa__bound_kind {
	STOA__BOUND_CONST,  /* value; interval */
	STOA__BOUND_COLUMN, /* column @index: a variable of the plan, then a place in the input */
	STOA__BOUND_OP,     /* one step: @code, @op, on args[0] and args[1] */
	STOA__BOUND_AND,    /* args */
	STOA__BOUND_OR,
	STOA__BOUND_CASE,     /* args: condition, value, ..., and a last value for else */
	STOA__BOUND_COALESCE, /* args */
	STOA__BOUND_IN, /* args[0] IN args[1..], all constants of its type, sorted, without NULL */
	STOA__BOUND_LIKE,      /* args[0] LIKE args[1] [ESCAPE args[2]] */
	STOA__BOUND_CALL,      /* @fn of args */
	STOA__BOUND_AGGREGATE, /* aggregate @index of the query */
	STOA__BOUND_WINDOW, /* window function @index of the query; gone when the plan is made */
	STOA__BOUND_SUBQUERY, /* @sub; of IN, args[0] compares; gone when the plan is made */
};

/* What a step does; op says which, where there are several. */
enum stoa__code {
	STOA__CODE_ARITH,	/* op: + - * / %; on integers and decimals, or doubles */
	STOA__CODE_NEG,
	STOA__CODE_ABS,
	STOA__CODE_COMPARE,	/* op: = <> < <= > >=, IS [NOT] DISTINCT FROM */
	STOA__CODE_RANGE,	/* lo <= args[0] <= hi, on integers */
	STOA__CODE_NOT,
	STOA__CODE_IS_NULL,	/* op: 1 for IS NOT NULL */
	STOA__CODE_IS_TRUE,	/* op: 1 for IS FALSE */
	STOA__CODE_INT_TO_F64,	/* lo: scale of the integer */
	STOA__CODE_U64_TO_F64,
	STOA__CODE_U64_TO_INT,
	STOA__CODE_INT_TO_U64,
	STOA__CODE_F64_TO_INT,	/* lo: scale to have; rounds half to even, as PostgreSQL */
	STOA__CODE_BOOL_TO_INT,
	STOA__CODE_INT_TO_BOOL,
	STOA__CODE_SCALE_UP,	/* lo: digits */
	STOA__CODE_SCALE_DOWN,	/* lo: digits; rounds half away from zero */
	STOA__CODE_CHECK_RANGE,	/* an integer between lo and hi, else an error */
	STOA__CODE_DATE_TO_TIMESTAMP,
	STOA__CODE_TIMESTAMP_TO_DATE,
	STOA__CODE_F64_TO_F32,	/* rounds to a float */
};

struct stoa__fn;
struct stoa__subquery;
struct stoa__bound {
	uint8_t kind;		/* enum stoa__bound_kind */
	uint8_t code;		/* enum stoa__code */
	uint8_t op;		/* enum stoa__ast_op */
	bool literal; /* a quoted constant or parameter that may still take another type */
	bool not_null;		/* never NULL */
	bool may_fail;		/* can raise an error: runs only on the rows that need it */
	bool negated;		/* NOT IN, NOT LIKE */
	bool fold_case;		/* ILIKE */
	uint8_t depth;		/* of a column: queries out from the one that it was written in */
	struct stoa__type type;
	uint32_t index;
	uint32_t line;
	uint32_t column;
	uint32_t n_args;
	struct stoa__bound **args;
	int64_t lo, hi;
	struct stoa_value value;
	struct stoa__interval interval;
	const struct stoa__fn *fn;
	struct stoa__subquery *sub;
};

/* Same computation? Constants compare by value; places in the text do not count. */
bool stoa__bound_equal(const struct stoa__bound *a, const struct stoa__bound *b);
/* The same of what may be NULL. */
static inline bool stoa__bound_same(const struct stoa__bound *a, const struct stoa__bound *b)
{
	return a && b ? stoa__bound_equal(a, b) : a == b;
}
static inline bool stoa__bound_is_null(const struct stoa__bound *b)
{
	return b->kind == STOA__BOUND_CONST && b->value.type == STOA_NULL &&
	       b->type.type != STOA__TYPE_INTERVAL;
}
static inline bool stoa__bound_is(const struct stoa__bound *b, unsigned type)
{
	return b->type.type == type;
}

/* ---- types.c ------------------------------------------------------------------------------- */

/* The type that a value has inside expressions: I64, U64, F64, TEXT, or itself. */
struct stoa__type stoa__type_normal(struct stoa__type t);
bool stoa__type_is_int(unsigned type);		/* i8 .. i64, u8 .. u32 */
bool stoa__type_is_number(unsigned type);	/* those, u64, decimal, f32, f64 */
bool stoa__type_is_text(unsigned type);		/* string, text */
const char *stoa__type_text(unsigned type);	/* for messages: "integer", "interval", ... */
static inline struct stoa__type stoa__type_plain(unsigned type)
{
	return (struct stoa__type){ .type = (uint8_t)type };
}
static inline struct stoa__type stoa__type_decimal(unsigned scale)
{
	return (struct stoa__type){ STOA_DECIMAL, STOA_DECIMAL_PRECISION_MAX, (uint8_t)scale, 0 };
}
/* The type that values of both can take without losing anything; false when there is none. */
bool stoa__type_common(struct stoa__type a, struct stoa__type b, struct stoa__type *out);
/*
 * What the values of a slot are in expressions: references are rowids, numbers that know their
 * table.
 */
struct stoa__type stoa__type_of_slot(const struct stoa_slot *slot);
/* What a parameter, or a slot's default, is in expressions. */
struct stoa__type stoa__type_of_value(const struct stoa_value *v);
/* A type's name in SQL ("bigint", "double", our own too), with its arguments; false if unknown. */
bool stoa__type_named(const char *p, size_t len, int n_args, const uint32_t *args,
		      struct stoa__type *out);
/* What goes behind "there is no type 'varchar'", of one that is unknown. */
const char *stoa__type_hint(const char *p, size_t len, int n_args);

#endif
