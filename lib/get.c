/* SPDX-License-Identifier: MIT */
/*
 * get.c - reading rows by rowid, one or many
 *
 * A row lies in as many places as it has slots, and what reading it costs is to wait for them. One
 * row waits for its own places at once (row.c); of many rows, those of the next AHEAD are waited
 * for while one is decoded, so that as many misses are on the way as the processor can have:
 *
 *     row i + AHEAD    found; the memory of each of its slots is asked for
 *     row i            decoded, out of the cache by now
 *
 * (Group prefetching of Chen, Ailamaki, Gibbons and Mowry, Improving Hash Join Performance through
 * Prefetching, 2004, as a pipeline.)
 */
#include "core/bitmap.h"
#include "core/type.h"
#include "db.h"

#define AHEAD 8

static int no_room(const struct stoa__table *t, const struct stoa_value *out, size_t n_out,
		   struct stoa_error *err)
{
	return stoa__fail(err, STOA_EINVAL,
			  "table \"%s\" has %u slots, but there is room for %zu values",
			  t->schema->name, t->schema->n_slots, out ? n_out : 0);
}

static int check_room(const struct stoa__table *t, const struct stoa_value *out, size_t n_out,
		      struct stoa_error *err)
{
	return out && n_out == t->schema->n_slots ? STOA_OK : no_room(t, out, n_out, err);
}

/*
 * Reads a row whose bytes are appended to the transaction's scratch, which is good for it from
 * @mark on.
 */
static int get(struct stoa_txn *txn, const struct stoa__table *t, struct stoa__place at, size_t mark,
	       struct stoa_value *out, struct stoa_error *err)
{
	size_t room;

	/*
	 * Where room for its bytes had to be made, they may have moved: once again, there is room
	 * now.
	 */
	do {
		room = txn->scratch.cap;
		txn->scratch.len = mark;
		STOA_TRY(stoa__group_row(at.group, t->schema, at.row, &txn->scratch, out, err));
	} while (txn->scratch.cap != room);
	return t->schema->n_weak ? stoa__refs_resolve(txn->version, t->schema, out, err) : STOA_OK;
}

int stoa__row_get(struct stoa_txn *txn, const struct stoa__table *t, struct stoa__place at,
		  struct stoa_value *out, size_t n_out, struct stoa_error *err)
{
	STOA_TRY(check_room(t, out, n_out, err));
	return get(txn, t, at, 0, out, err);
}

int stoa_get(stoa_txn *txn, stoa_table table, stoa_rowid row, struct stoa_value *out, size_t n_out,
	     struct stoa_error *err)
{
	struct stoa__table *t;
	struct stoa__place at;

	STOA_TRY(stoa__txn_enter(txn, err));
	STOA_TRY(stoa__txn_table(txn, table, &t, err));
	STOA_TRY(stoa__row_found(stoa__table_locate_existing(t, row, &at, err), t, row, err));
	return stoa__row_get(txn, t, at, out, n_out, err);
}

/* ---- many ----------------------------------------------------------------------------------- */

struct fetch {
	struct stoa_txn *txn;
	const struct stoa__table *t;
	struct stoa_value *out;
	uint64_t *found;		/* NULL: all must be there */
	struct stoa__place ahead[AHEAD];	/* of row i at i % AHEAD; no group: it is not there */
};

static int find(struct fetch *f, size_t i, stoa_rowid row, struct stoa_error *err)
{
	struct stoa__place *at = &f->ahead[i % AHEAD];
	int rc = stoa__table_locate_existing(f->t, row, at, err);

	if (rc == STOA_ENOTFOUND && f->found) {
		at->group = NULL;
		return STOA_OK;
	}
	STOA_TRY(stoa__row_found(rc, f->t, row, err));
	stoa__group_hint(at->group, f->t->schema, at->row);
	return STOA_OK;
}

/* What the first @n values borrow from the scratch, of @len bytes at @old, has moved to @now. */
static void follow(struct stoa_value *values, size_t n, const uint8_t *old, size_t len, const uint8_t *now)
{
	for (size_t i = 0; i < n; i++) {
		struct stoa_value *v = &values[i];
		bool is_bytes = v->type != STOA_NULL && stoa__type_family(v->type) == STOA__BYTES;

		if (is_bytes && (uintptr_t)v->p - (uintptr_t)old < len)
			v->p = (const char *)now + ((uintptr_t)v->p - (uintptr_t)old);
	}
}

static int decode(struct fetch *f, size_t i, struct stoa_error *err)
{
	size_t n_slots = f->t->schema->n_slots;
	struct stoa_value *row = f->out + i * n_slots;
	struct stoa__buf *scratch = &f->txn->scratch;
	struct stoa__place at = f->ahead[i % AHEAD];
	const uint8_t *old = scratch->p;
	size_t mark = scratch->len;

	if (!at.group) {
		for (size_t s = 0; s < n_slots; s++)
			row[s] = stoa_null();
		return STOA_OK;
	}
	STOA_TRY(get(f->txn, f->t, at, mark, row, err));
	if (scratch->p != old)
		follow(f->out, i * n_slots, old, mark, scratch->p);
	if (f->found)
		stoa__bit_set(f->found, i);
	return STOA_OK;
}

int stoa_get_many(stoa_txn *txn, stoa_table table, const stoa_rowid *rows, size_t n,
		  struct stoa_value *out, size_t n_out, uint64_t *found, struct stoa_error *err)
{
	struct fetch f = { .txn = txn, .out = out, .found = found };
	struct stoa__table *t;

	STOA_TRY(stoa__txn_enter(txn, err));
	STOA_TRY(stoa__txn_table(txn, table, &t, err));
	if (n && !rows)
		return stoa__fail(err, STOA_EINVAL, "rowids are needed");
	STOA_TRY(check_room(t, out, n_out, err));
	f.t = t;
	stoa__buf_reset(&txn->scratch);
	if (found)
		memset(found, 0, STOA__WORDS(n) * sizeof *found);
	for (size_t i = 0; i < n && i < AHEAD; i++)
		STOA_TRY(find(&f, i, rows[i], err));
	for (size_t i = 0; i < n; i++) {
		STOA_TRY(decode(&f, i, err));
		if (n - i > AHEAD)
			STOA_TRY(find(&f, i + AHEAD, rows[i + AHEAD], err));
	}
	return STOA_OK;
}
