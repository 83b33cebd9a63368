/* SPDX-License-Identifier: MIT */
/*
 * model.h - a database as a naive program would keep it, for stoa to be compared with
 *
 * A state is an array of tables; a table is an array of pointers to rows, sorted by rowid; a row is
 * an array of pointers to values. Rows and values never change once they are made, and all of them
 * live as long as the model: so a snapshot is a counted share of tables, and a table that is shared
 * is copied before it changes.
 *
 * Values come from *shapes*: a slot keeps one for a while, so that row groups meet every encoding
 * of chunk.h.
 */
#ifndef STOA__TESTS_MODEL_H
#define STOA__TESTS_MODEL_H

#include "testing.h"

#include "../lib/stoa.h"

#define MODEL_TABLES_MAX 6
#define MODEL_SLOTS_MAX 40

/* What the values of a slot look like at the moment. */
struct model_shape {
	unsigned kind;
	unsigned null_percent;
	unsigned bits;
	uint64_t base;
	uint64_t counter;
};

struct model_slot {
	char name[32];
	struct stoa_slot def;	/* name and default point into the model */
	struct model_shape *shape;
};

struct model_row {
	uint64_t rowid;
	const struct stoa_value *cell[];
};

struct model_table {
	uint32_t n_refs;
	stoa_table id;
	char name[32];
	bool frozen;
	uint64_t next_rowid;
	const struct model_slot *slots[MODEL_SLOTS_MAX];
	size_t n_slots;
	struct model_row **rows;
	size_t n_rows, cap;
};

struct model_state {
	struct model_table *tables[MODEL_TABLES_MAX];
	size_t n;
};

struct model {
	uint64_t rng;
	struct model_block *blocks;	/* memory of rows and values */
	size_t used;
};

void model_init(struct model *m, uint64_t seed);
void model_release(struct model *m);
static inline uint64_t model_below(struct model *m, uint64_t n)
{
	return testing_below(&m->rng, n);
}
static inline bool model_chance(struct model *m, unsigned percent)
{
	return model_below(m, 100) < percent;
}

/* ---- states ---- */

void model_copy(struct model_state *to, const struct model_state *from);
void model_clear(struct model_state *s);
void model_table_release(struct model_table *t);
struct model_table *model_create(struct model_state *s, stoa_table id, const char *name);
void model_drop(struct model_state *s, size_t at);
/* Table number @at, not shared with another state. */
struct model_table *model_own(struct model_state *s, size_t at);
/* The table with that name, or NULL; @at may be NULL. */
struct model_table *model_find(const struct model_state *s, const char *name, size_t *at);
/* Position of a slot by name, or -1. */
int model_find_slot(const struct model_table *t, const char *name);

/* ---- rows ---- */

struct model_row *model_row(struct model *m, const struct model_table *t);
/* Appends a row under the next rowid. */
void model_add(struct model_table *t, struct model_row *row);
/* Index of the first row with this rowid or a later one. */
size_t model_seek(const struct model_table *t, uint64_t rowid);
void model_remove(struct model_table *t, size_t at);
/* Row @at becomes a new row, of which @cells are copied. */
struct model_row *model_change(struct model *m, struct model_table *t, size_t at);
void model_add_slot(struct model *m, struct model_table *t, const struct model_slot *slot);
void model_drop_slot(struct model *m, struct model_table *t, size_t at);

/* ---- slots and values ---- */

/* A slot of a random type; one that is not null, or has a default, as chance has it. */
struct model_slot *model_slot(struct model *m, const char *name);
/* The slot under another name. */
struct model_slot *model_slot_renamed(struct model *m, const struct model_slot *slot,
				      const char *name);
void model_reshape(struct model *m, const struct model_slot *slot);
/* A value as the slot stores it, or NULL where the slot allows it. */
const struct stoa_value *model_value(struct model *m, const struct model_slot *slot);
/* The same value as another type that loses nothing by becoming the slot's. */
struct stoa_value model_disguise(struct model *m, const struct stoa_value *v);
bool model_equal(const struct stoa_value *a, const struct stoa_value *b);

#endif
