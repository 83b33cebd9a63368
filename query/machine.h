/* SPDX-License-Identifier: MIT */
/* machine.h - the inside of the expression machine: shared by machine.c, steps.c and dict.c only */
#ifndef STOA__MACHINE_H
#define STOA__MACHINE_H

#include "../lib/core/bitmap.h"
#include "func.h"
#include "loops.h"
#include "prog.h"

struct stoa__reg {
	struct stoa__vec v;
	uint8_t bits; /* of integers: -2^bits <= each < 2^bits; 0 when nobody has looked */
};

/* Room for one vector: its elements, then its validity. */
struct stoa__reg_buffer {
	void *values;
	uint64_t *validity;
};

struct stoa__dict_cache;
struct stoa__machine {
	const struct stoa__prog *prog;
	const struct stoa__loops *loops;
	size_t cap;
	struct stoa__reg *regs;
	struct stoa__reg_buffer *buffers;
	struct stoa__dict_cache *dicts;
	struct stoa__arena arena;	/* bytes made in this run */
	uint8_t *scratch;		/* cap bytes */
	uint64_t *no_bits;		/* validity of a vector of NULLs */
	/* This run: */
	struct stoa__input *in;
	size_t n;
	const uint8_t *mask;		/* NULL: all rows */
	struct stoa_error *err;
};

/* The buffer of @reg, allocated on first use; NULL when out of memory. */
struct stoa__reg_buffer *stoa__machine_buffer(struct stoa__machine *m, uint16_t reg);
/*
 * Starts the result of @s: a FLAT vector in its buffer, valid where @a and @b (NO_REG: none) are.
 * NULL when out of memory, with the error set.
 */
struct stoa__reg *stoa__machine_result(struct stoa__machine *m, const struct stoa__step *s,
				       uint16_t a, uint16_t b);
/* Spreads a register's vector in its own buffer, so that it is FLAT. */
int stoa__machine_flatten(struct stoa__machine *m, uint16_t reg);
static inline bool stoa__machine_active(const struct stoa__machine *m, size_t row)
{
	return !m->mask || m->mask[row];
}
int stoa__machine_fail(struct stoa__machine *m, const struct stoa__bound *node, int code,
		       const char *words);
/* Clears the bytes of NULL rows of a vector of booleans. */
void stoa__machine_clear_nulls(struct stoa__machine *m, struct stoa__vec *v);

/* steps.c */
int stoa__step_op(struct stoa__machine *m, const struct stoa__step *s);
int stoa__compare_bytes(struct stoa_bytes a, struct stoa_bytes b);

/* dict.c */
int stoa__dict_new(const struct stoa__prog *prog, size_t cap, struct stoa__dict_cache **out,
		   struct stoa_error *err);
void stoa__dict_free(struct stoa__dict_cache *caches, size_t n);
int stoa__step_dict(struct stoa__machine *m, const struct stoa__step *s);

#endif
