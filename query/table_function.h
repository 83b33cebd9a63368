/* SPDX-License-Identifier: MIT */
/*
 * table_function.h - tables that functions in FROM make: FROM read_csv('a.csv', header = false)
 *
 * A function looks at its arguments, which are constants, and makes a *relation*: columns, and
 * sources of their rows. To the rest of the engine it is a table without rowids. To add a function
 * is to write a stoa__table_maker, and to name it in table_function.c.
 *
 * A relation lives for one statement, with its cursor; sources hold it.
 */
#ifndef STOA__TABLE_FUNCTION_H
#define STOA__TABLE_FUNCTION_H

#include "../lib/core/source.h"
#include "ast.h"

/* An argument: name = value, or the value alone. */
struct stoa__table_arg {
	struct stoa_bytes name;		/* p is NULL where there is none */
	struct stoa_value value;	/* borrowed; integers are STOA_I64, strings STOA_TEXT */
	struct stoa__token at;
};
struct stoa__table_call {
	struct stoa_bytes name;		/* of the function */
	struct stoa__token at;
	const struct stoa__table_arg *args;
	size_t n_args;
	stoa_txn *txn;			/* that the statement runs in */
	struct stoa__relation *made;	/* what the call makes, if that is there already; else NULL */
};

struct stoa__relation;
struct stoa__relation_ops {
	/*
	 * A source of the columns at @slots. It calls stoa__relation_hold(), and drops that when it
	 * is closed.
	 */
	int (*open)(struct stoa__relation *r, const uint32_t *slots, size_t n_slots,
		    struct stoa__source **out, struct stoa_error *err);
	void (*free)(struct stoa__relation *r);
};

/* Of a relation's slot: it is not the table's, but of a lease of the row. */
#define STOA__SLOT_OF_LEASE 0x80000000u

struct stoa__relation {
	const struct stoa__relation_ops *ops;
	uint32_t n_users;		/* 1 when it is made */
	const struct stoa_slot *slots;	/* its own */
	size_t n_slots;
	uint64_t n_rows;		/* about how many there are */
};
void stoa__relation_hold(struct stoa__relation *r);
void stoa__relation_drop(struct stoa__relation *r);	/* NULL is fine */

/* Makes the relation of a call. Errors get the call's place if they have none. */
typedef int stoa__table_maker(const struct stoa__table_call *call, struct stoa__relation **out,
			      struct stoa_error *err);
/* Finds the function and calls it, unless the relation is made; also STOA_ENOTFOUND. */
int stoa__relation_make(const struct stoa__table_call *call, struct stoa__relation **out,
			struct stoa_error *err);

/* ---- for makers ------------------------------------------------------------------------------ */

/* Sets the error at @arg, or at the call. */
int stoa__table_fail(const struct stoa__table_call *call, const struct stoa__table_arg *arg,
		     struct stoa_error *err, int code, const char *format, ...)
	__attribute__((format(printf, 5, 6)));
/*
 * Argument number @i without a name, from 0, or the one called @name; NULL: not given. So that no
 * argument is passed over in silence, makers call stoa__table_args_known() with all names they
 * take.
 */
const struct stoa__table_arg *stoa__table_arg(const struct stoa__table_call *call, size_t i,
					      const char *name);
/*
 * Are there between @min and @max arguments without a name, and no other names than @names (ended
 * by NULL)?
 */
int stoa__table_args_known(const struct stoa__table_call *call, size_t min, size_t max,
			   const char *const *names, struct stoa_error *err);

bool stoa__table_arg_is_text(const struct stoa__table_arg *a);
/* An argument as a heap copy with a NUL; NULL where it is not given. */
int stoa__table_arg_text(const struct stoa__table_call *call, size_t i, const char *name, char **out,
			 struct stoa_error *err);

/* The function that reads a file, by the file's first bytes. */
struct stoa_bytes stoa__table_function_of(struct stoa_bytes path);

/* ---- the functions --------------------------------------------------------------------------- */

stoa__table_maker stoa__table_read_arrow;	/* arrow_table.c */
stoa__table_maker stoa__table_read_csv;		/* file_table.c */
stoa__table_maker stoa__table_deque, stoa__table_deques;	/* deque_table.c */
stoa__table_maker stoa__table_leases;		/* lease_table.c */
stoa__table_maker stoa__table_series;		/* series.c */

#endif
