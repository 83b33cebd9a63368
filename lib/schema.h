/* SPDX-License-Identifier: MIT */
/*
 * schema.h - a table's name and slots, as an immutable block
 *
 * A change of schema makes a new block. Every slot has an id for life: positions shift when a slot
 * is dropped, ids do not, and row groups know their columns by id. A slot that was added later
 * reads as its @absent value in row groups from before.
 */
#ifndef STOA__SCHEMA_H
#define STOA__SCHEMA_H

#include "block.h"
#include "core/buf.h"

struct stoa__slot {
	struct stoa_slot def;		/* name and default borrow from the schema */
	uint32_t id;
	struct stoa_value absent;	/* in groups without a chunk of it */
};

/*
 * Fills @n elements of the slot's C type with the value that rows from before the slot was added
 * have; validity bits too where that is NULL, which *@any_null says.
 */
void stoa__slot_fill_absent(const struct stoa__slot *slot, size_t n, void *values,
			    uint64_t *validity, bool *any_null);

#define STOA__INDEX_NUMBERS 8

/* An index of the table; what it holds hangs on the table (index.h). */
struct stoa__index_def {
	uint32_t id;
	uint8_t kind;		/* enum stoa_index_kind */
	uint32_t flags;
	uint32_t n_slots;
	uint32_t ids[STOA_INDEX_SLOTS_MAX];	/* slot ids */
	uint32_t slots[STOA_INDEX_SLOTS_MAX];	/* their positions in this schema */
	uint64_t number[STOA__INDEX_NUMBERS];	/* the kind's own */
	char name[STOA_NAME_MAX + 1];
};

struct stoa__schema {
	struct stoa__block block;
	uint64_t serial;	/* no other schema of this process has it, at whatever address */
	char *name;
	struct stoa__slot *slots;
	struct stoa_slot *defs;		/* the same definitions in a row, for stoa_table_info() */
	uint32_t n_slots;
	uint32_t next_slot;		/* id for the next slot added */
	uint32_t n_refs, n_weak;	/* slots that are strong and weak references */
	char *bytes;			/* what names and values borrow */
	struct stoa__index_def *indexes;
	uint32_t n_indexes;
	uint32_t next_index;		/* id for the next index; 0 means 1 */
	uint32_t deaths;		/* table that its dead rows are put in, or 0 */
};

/*
 * A schema of these slots, everything copied. @ids and @absents may be NULL: ids 0, 1, ..., absent
 * NULL. Checks every rule of struct stoa_slot, converting defaults: STOA_EINVAL, STOA_ETYPE,
 * STOA_ERANGE, STOA_EEXIST.
 */
int stoa__schema_new(struct stoa__version *w, const char *name, const struct stoa_slot *slots,
		     const uint32_t *ids, const struct stoa_value *absents, size_t n_slots,
		     uint32_t next_slot, struct stoa__schema **out, struct stoa_error *err);
/*
 * Gives a schema just made its indexes, copied; slots are found by id. STOA_EINVAL if a slot is not
 * there or a rule of struct stoa_index_options is broken, STOA_EEXIST for a name used twice.
 */
int stoa__schema_set_indexes(struct stoa__schema *s, const struct stoa__index_def *defs, uint32_t n,
			     uint32_t next_index, struct stoa_error *err);
/* Position of an index by id, or -1. */
static inline int stoa__schema_find_index(const struct stoa__schema *s, uint32_t id)
{
	for (uint32_t i = 0; i < s->n_indexes; i++)
		if (s->indexes[i].id == id)
			return (int)i;
	return -1;
}
/* The position of the slot with this id, -1 if there is none. */
int stoa__schema_position_of(const struct stoa__schema *s, uint32_t slot_id);
/*
 * References without a target are to rows of @table itself. Of a schema that nobody else has seen.
 */
void stoa__schema_resolve_self(struct stoa__schema *s, uint32_t table);
/* Position of a slot by name, or -1. */
int stoa__schema_find(const struct stoa__schema *s, const char *name);
/* For the log and the catalog. */
int stoa__schema_put(const struct stoa__schema *s, struct stoa__buf *out);
int stoa__schema_read(struct stoa__version *w, struct stoa__reader *r, struct stoa__schema **out,
		      struct stoa_error *err);
/*
 * A value of any type, self-describing: for the log, the catalog and schemas. Bytes read borrow
 * from the reader.
 */
int stoa__value_put(const struct stoa_value *v, struct stoa__buf *out);
void stoa__value_read(struct stoa__reader *r, struct stoa_value *out);
/* STOA_EINVAL unless @name is 1 .. STOA_NAME_MAX bytes of UTF-8 without NUL. */
int stoa__name_check(const char *what, const char *name, struct stoa_error *err);

#endif
