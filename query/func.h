/* SPDX-License-Identifier: MIT */
/*
 * func.h - scalar functions: one row's arguments in, one value out
 *
 * What is worth a loop of its own is a step (bound.h); all other functions are called a row at a
 * time, on strings of a dictionary once per distinct string. Adding one is a row in a table and a
 * body.
 */
#ifndef STOA__FUNC_H
#define STOA__FUNC_H

#include "arena.h"
#include "bound.h"

/* A value without its type: the field is that of the type's physical kind. */
union stoa__datum {
	int64_t i;		/* bool too */
	uint64_t u;
	double f;
	struct stoa_bytes s;
};

struct stoa__call {
	const struct stoa__bound *node;	/* the call: types, constants, place */
	struct stoa__arena *arena;	/* for bytes of the result: lives as long as the batch */
	struct stoa_error *err;
};

/*
 * @nulls tells which arguments are NULL (none are, for a strict function). Sets *@out, or *@null.
 * STOA_OK, or an error made by stoa__call_fail().
 */
typedef int stoa__fn_body(struct stoa__call *call, const union stoa__datum *args, const bool *nulls,
			  union stoa__datum *out, bool *null);

#define STOA__FN_LOOSE 1u	/* called with NULLs too; others give NULL when an argument is */
#define STOA__FN_MAY_FAIL 2u

/*
 * @args: a letter each: t text, i integer, f f64, d date, s timestamp, m time, b blob, x anything
 * as
 *        text; + at the end: one or more of the last.
 */
struct stoa__fn {
	const char *name;
	const char *args;
	uint8_t out;		/* enum stoa_type */
	uint8_t flags;
	stoa__fn_body *body;
};

/* Tables, ended by a name of NULL; one name may have several rows. */
extern const struct stoa__fn stoa__text_functions[];
extern const struct stoa__fn stoa__number_functions[];
extern const struct stoa__fn stoa__time_functions[];
extern const struct stoa__fn stoa__regex_functions[];
extern const struct stoa__fn stoa__format_functions[];
extern const struct stoa__fn stoa__bit_functions[];

/* What the binder makes calls of by itself. */
extern const struct stoa__fn stoa__fn_concat;		/* a || b */
extern const struct stoa__fn stoa__fn_to_text;		/* any type */
extern const struct stoa__fn stoa__fn_from_text;	/* to node->type */
extern const struct stoa__fn stoa__fn_regexp_like;	/* text, pattern, flags: a ~ b */
extern const struct stoa__fn stoa__fn_greatest;
extern const struct stoa__fn stoa__fn_least;
extern const struct stoa__fn stoa__fn_power;
extern const struct stoa__fn stoa__fn_round_f64;	/* x, digits */
extern const struct stoa__fn stoa__fn_trunc_f64;
extern const struct stoa__fn stoa__fn_floor_f64;
extern const struct stoa__fn stoa__fn_ceil_f64;
extern const struct stoa__fn stoa__fn_floor_decimal;	/* to scale 0 */
extern const struct stoa__fn stoa__fn_ceil_decimal;
extern const struct stoa__fn stoa__fn_trunc_decimal;	/* node->lo: digits to keep; scale stays */
extern const struct stoa__fn stoa__fn_shift; /* timestamp + node->args[0]'s interval * lo */
extern const struct stoa__fn
	stoa__fn_extract; /* node->lo: enum stoa__field; args: date, time, timestamp */
extern const struct stoa__fn stoa__fn_truncate;		/* date_trunc; node->lo: enum stoa__field */

enum stoa__field {
	STOA__FIELD_YEAR, STOA__FIELD_QUARTER, STOA__FIELD_MONTH, STOA__FIELD_WEEK,
	STOA__FIELD_DAY, STOA__FIELD_HOUR, STOA__FIELD_MINUTE, STOA__FIELD_SECOND,
	STOA__FIELD_DOW, STOA__FIELD_ISODOW, STOA__FIELD_DOY, STOA__FIELD_EPOCH,
	STOA__FIELD_MILLISECOND, STOA__FIELD_MICROSECOND, STOA__FIELD_DECADE, STOA__FIELD_CENTURY,
};
/* "year", "years", in any case; -1 if there is no such field. */
int stoa__field_named(const char *p, size_t len);
/* INTERVAL 'text' [unit]; false if it cannot be read. */
bool stoa__interval_parse(const char *p, size_t len, int unit, struct stoa__interval *out);

/* Fails at the call's place. */
int stoa__call_fail(struct stoa__call *call, int code, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
/* Room for @len bytes of a result, or NULL with the error set. */
char *stoa__call_room(struct stoa__call *call, size_t len);
/* The value of argument or result @d of type @t, and back. */
struct stoa_value stoa__datum_value(struct stoa__type t, union stoa__datum d);
union stoa__datum stoa__value_datum(const struct stoa_value *v);

/* ---- like.c -------------------------------------------------------------------------------- */

/*
 * A LIKE pattern, looked at once: % any run, _ one character, @escape (0: none) takes the next as
 * it is.
 */
struct stoa__pattern {
	uint8_t kind;
	bool fold_case;
	int escape;
	struct stoa_bytes text;		/* the pattern */
	struct stoa_bytes part;		/* of it: what a simple one looks for */
};
/* False when the pattern ends in a bare escape. Borrows @pattern. */
bool stoa__pattern_init(struct stoa__pattern *p, struct stoa_bytes pattern, int escape,
			bool fold_case);
bool stoa__pattern_match(const struct stoa__pattern *p, struct stoa_bytes s);
/* Is it '%word%'? Then that is all that it asks for. */
bool stoa__pattern_contains(const struct stoa__pattern *p, struct stoa_bytes *word);
/*
 * The same for @n strings, a byte each into @out; where @mask, unless NULL, is 0, the answer may
 * be any.
 */
void stoa__pattern_match_all(const struct stoa__pattern *p, const struct stoa_bytes *v, size_t n,
			     const uint8_t *mask, uint8_t *out);

/* Where @part, one byte or more, first is in @s; NULL if it is not. */
const char *stoa__find(struct stoa_bytes s, struct stoa_bytes part);
const char *stoa__find_scalar(struct stoa_bytes s, struct stoa_bytes part);

/* Characters, not bytes, of valid UTF-8. */
static inline bool stoa__utf8_starts(char c)
{
	return (c & 0xc0) != 0x80;
}
static inline char stoa__ascii_lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
}

#endif
