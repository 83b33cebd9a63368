/* SPDX-License-Identifier: MIT */
/*
 * join_table.h - the rows of a join's build side, to be found by key
 *
 * Filled batch by batch, finished once, read-only from then on but for the marks of rows that
 * found a partner: so many probes may share one.
 */
#ifndef STOA__JOIN_TABLE_H
#define STOA__JOIN_TABLE_H

#include "bound.h"
#include "keys.h"

#define STOA__JOIN_NO_ROW UINT32_MAX

struct stoa__join_key {
	struct stoa__keyer keyer;
	uint64_t *words;	/* of a batch */
};

/* What is kept of a row beside its keys. */
struct stoa__join_column {
	struct stoa__type type;
	uint8_t phys;
	bool coded;		/* a string as its id in @keyer, not as the string */
	uint32_t offset;	/* in a row */
	struct stoa__keyer keyer;
	struct stoa__arena bytes;
	uint64_t dict_id;
};

struct stoa__join_table {
	struct stoa__join_key *keys;
	size_t n_keys;
	struct stoa__join_column *columns;
	size_t n_columns;
	bool keep_all;		/* rows with a NULL key too, though they match nothing */
	bool null_key;		/* there was one */
	char *rows;
	uint32_t n_rows, cap;
	size_t stride;		/* bytes of a row; 0 until the first has come */
	size_t null_offset;	/* of the bits that say which columns are NULL */
	/* When finished: row + 1 by slot. */
	bool direct;		/* slot: key - base */
	uint64_t base, range;
	uint32_t *heads;
	uint64_t *tagged;	/* slot by hash: head below, above a bit for each tag in the chain */
	uint64_t mask;
	uint8_t *matched;	/* by row */
};

/* Keys and columns have these types. */
int stoa__join_table_init(struct stoa__join_table *t, struct stoa__bound *const *keys,
			  size_t n_keys, const struct stoa__type *types, size_t n_columns,
			  bool keep_all, struct stoa_error *err);
void stoa__join_table_release(struct stoa__join_table *t);
/* Adds @n rows: their keys and columns. */
int stoa__join_table_add(struct stoa__join_table *t, const struct stoa__vec *keys,
			 const struct stoa__vec *columns, size_t n, struct stoa_error *err);
/* Key @k of @rows, of type @type, as it came; of rows with a NULL key all keys are NULL. */
void stoa__join_table_gather_key(const struct stoa__join_table *t, size_t k, struct stoa__type type,
				 const uint32_t *rows, size_t n, void *room, uint64_t *bits,
				 struct stoa__vec *out);
/* Heap that it holds, and will hold when it is finished. */
uint64_t stoa__join_table_bytes(const struct stoa__join_table *t);
/* No row is added after this. @marks: rows can be marked as matched. */
int stoa__join_table_finish(struct stoa__join_table *t, bool marks, struct stoa_error *err);

/*
 * The least and the greatest value of key @k; *@lo > *@hi if there is no row. False: it is no
 * integer. Cost: O(rows).
 */
bool stoa__join_table_range(const struct stoa__join_table *t, size_t k, int64_t *lo, int64_t *hi);

/*
 * The rows that @n keys may be those of: probe i's are at @words[k * STOA__BATCH_ROWS + i], and
 * only those with @known[i] count. Into @probe and @row, how many.
 */
size_t stoa__join_table_start(const struct stoa__join_table *t, const uint64_t *words,
			      const uint8_t *known, size_t n, uint32_t *probe, uint32_t *row);
/*
 * A round: of the @n candidates, those with the same keys go to @hit_probe and @hit_row, *@n_hits;
 * in their place come the next ones of their chains. How many candidates are left.
 */
size_t stoa__join_table_round(const struct stoa__join_table *t, const uint64_t *words,
			      uint32_t *probe, uint32_t *row, size_t n, uint32_t *hit_probe,
			      uint32_t *hit_row, size_t *n_hits);
/* Column @c of @rows, NULL for STOA__JOIN_NO_ROW; into @room, validity into @bits. */
void stoa__join_table_gather(const struct stoa__join_table *t, size_t c, const uint32_t *rows,
			     size_t n, void *room, uint64_t *bits, struct stoa__vec *out);

#endif
