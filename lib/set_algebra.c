/* SPDX-License-Identifier: MIT */
/*
 * set_algebra.c - union, intersection and differences of two set indexes, as cursors
 *
 *     sift (a, b, in)         the keys of a that are in b
 *     sift (a, b, not in)     those that are not
 *     sift (a, nobody)        all of them
 *
 *     intersection            sift (the smaller, the larger, in)
 *     difference              sift (a, b, not in)
 *     union                   sift (a, nobody), then sift (b, a, not in)
 *     symmetric difference    sift (a, b, not in), then sift (b, a, not in)
 *
 * A sift scans the slots of one index and looks the keys of a batch up in the other, all at once;
 * what stays is moved together. So it needs no memory but that of a batch, whatever the sizes, and
 * has its first row at once.
 *
 * A key that several rows have is told once, at the row with the smallest rowid: only rows decide,
 * so that it does not matter in which order hints are met, or that a writer adds some meanwhile. A
 * key with a NULL is in no set.
 */
#include <string.h>

#include "core/alloc.h"
#include "core/bitmap.h"
#include "core/type.h"
#include "cursor.h"
#include "scan.h"
#include "set_view.h"

struct sift {
	struct stoa_cursor cursor;	/* first */
	stoa_cursor *in;		/* a scan of the slots of the first set */
	bool distinct;			/* its keys are those of one row each */
	bool wanted;			/* keys that the second has, or has not */
	struct stoa__set_view first;
	struct stoa__set_view second;	/* version NULL: there is none */
	struct stoa_column *columns;
	struct stoa_array *arrays;
	void **values;			/* by column, a batch of elements */
	stoa_rowid *rowids;
	size_t n_columns;
	uint64_t stays[STOA__WORDS(STOA__BATCH_ROWS)];
};

static struct sift *of_cursor(const stoa_cursor *cur)
{
	return (struct sift *)(void *)(uintptr_t)cur;
}

static const struct stoa_column *columns(const stoa_cursor *cur, size_t *n)
{
	*n = of_cursor(cur)->n_columns;
	return of_cursor(cur)->columns;
}

/* ---- which rows stay ---- */

/* Takes rows out that have a NULL. */
static void sift_nulls(struct sift *s, const struct stoa_batch *b)
{
	size_t n_words = STOA__WORDS(b->n_rows);

	memset(s->stays, 0xff, n_words * sizeof *s->stays);
	if (b->n_rows % 64)
		s->stays[n_words - 1] = ((uint64_t)1 << b->n_rows % 64) - 1;
	for (size_t i = 0; i < b->n_columns; i++)
		for (size_t w = 0; b->columns[i].validity && w < n_words; w++)
			s->stays[w] &= b->columns[i].validity[w];
}

static int sift_second(struct sift *s, const struct stoa_batch *b, struct stoa_error *err)
{
	uint64_t found[STOA__WORDS(STOA__BATCH_ROWS)];

	if (!s->second.version)
		return STOA_OK;
	STOA_TRY(stoa__set_view_find_many(&s->second, b->columns, b->n_rows, found, NULL, err));
	for (size_t w = 0; w < STOA__WORDS(b->n_rows); w++)
		s->stays[w] &= s->wanted ? found[w] : ~found[w];
	return STOA_OK;
}

/* Takes rows out whose key a row before them has. */
static int sift_repeated(struct sift *s, const struct stoa_batch *b, struct stoa_error *err)
{
	for (size_t r = 0; !s->distinct && r < b->n_rows; r++) {
		struct stoa_value key[STOA_INDEX_SLOTS_MAX];
		int rc;

		if (!stoa__bit_get(s->stays, r))
			continue;
		for (size_t i = 0; i < b->n_columns; i++)
			key[i] = stoa__array_value(&b->columns[i], r);
		rc = stoa__set_view_precedes(&s->first, key, b->rowids[r], err);
		if (rc < 0)
			return rc;
		if (rc)
			stoa__bit_clear(s->stays, r);
	}
	return STOA_OK;
}

/* ---- batches ---- */

/* Moves the rows that stay together; their number. */
static size_t gather(struct sift *s, const struct stoa_batch *b)
{
	size_t n = 0;

	for (size_t r = 0; r < b->n_rows; r++)
		if (stoa__bit_get(s->stays, r))
			s->rowids[n++] = b->rowids[r];
	for (size_t i = 0; i < b->n_columns; i++) {
		size_t width = stoa__type_width(b->columns[i].type);
		const char *from = b->columns[i].values;
		char *to = s->values[i];

		for (size_t r = 0; r < b->n_rows; r++)
			if (stoa__bit_get(s->stays, r)) {
				memcpy(to, from + r * width, width);
				to += width;
			}
	}
	return n;
}

static int next_batch(stoa_cursor *cur, struct stoa_batch *out, struct stoa_error *err)
{
	struct sift *s = of_cursor(cur);
	struct stoa_batch b;
	size_t n = 0;

	while (!n) {
		int rc = stoa_next_batch(s->in, &b, err);

		if (rc != STOA_ROW)
			return rc;
		sift_nulls(s, &b);
		STOA_TRY(sift_second(s, &b, err));
		STOA_TRY(sift_repeated(s, &b, err));
		n = gather(s, &b);
	}
	*out = (struct stoa_batch){ n, s->n_columns, s->arrays, s->rowids };
	return STOA_ROW;
}

static void view_drop(struct stoa__set_view *view)
{
	if (!view->version)
		return;
	stoa__version_drop(view->version);
	stoa__set_view_release(view);
}

static void close(stoa_cursor *cur)
{
	struct sift *s = of_cursor(cur);

	stoa_cursor_close(s->in);
	view_drop(&s->first);
	view_drop(&s->second);
	for (size_t i = 0; s->values && i < s->n_columns; i++)
		stoa__free(s->values[i]);
	stoa__free(s->values);
	stoa__free(s->columns);
	stoa__free(s->arrays);
	stoa__free(s->rowids);
	stoa__free(s);
}

static void cancel(stoa_cursor *cur)
{
	stoa_cursor_cancel(of_cursor(cur)->in);
}

static const struct stoa__cursor_ops ops = {
	.columns = columns,
	.next_batch = next_batch,
	.close = close,
	.cancel = cancel,
};

/* ---- opening ---- */

/* A view of the same set, with a hold of its own on the version. */
static int view_again(const struct stoa__set_view *set, struct stoa__set_view *out,
		      struct stoa_error *err)
{
	STOA_TRY(stoa__set_view_init(out, set->version, set->t, set->i, err));
	stoa__version_hold(set->version);
	return STOA_OK;
}

static int init_columns(struct sift *s, const struct stoa__set_view *names)
{
	const struct stoa__index_def *def = names->def;

	s->n_columns = def->n_slots;
	s->columns = stoa__calloc(s->n_columns, sizeof *s->columns);
	s->arrays = stoa__calloc(s->n_columns, sizeof *s->arrays);
	s->values = stoa__calloc(s->n_columns, sizeof(*s->values));
	s->rowids = stoa__realloc_array(NULL, STOA__BATCH_ROWS, sizeof *s->rowids);
	if (!s->columns || !s->arrays || !s->values || !s->rowids)
		return STOA_ENOMEM;
	for (uint32_t i = 0; i < def->n_slots; i++) {
		const struct stoa_slot *slot = &s->first.t->schema->slots[s->first.def->slots[i]].def;

		s->values[i] = stoa__alloc_aligned(STOA__BATCH_ROWS * stoa__type_width(slot->type));
		if (!s->values[i])
			return STOA_ENOMEM;
		s->columns[i] = (struct stoa_column){
			names->t->schema->slots[def->slots[i]].def.name, slot->type, slot->precision,
			slot->scale
		};
		s->arrays[i] = (struct stoa_array){ slot->type, slot->scale, s->values[i], NULL };
	}
	return STOA_OK;
}

/*
 * The keys of @first that @second has, or has not, or with NULL all; columns are called as those of
 * @names.
 */
static int sift(const struct stoa__set_view *first, const struct stoa__set_view *second, bool wanted,
		const struct stoa__set_view *names, stoa_cursor **out, struct stoa_error *err)
{
	struct sift *s = stoa__calloc(1, sizeof *s);
	int rc;

	if (!s)
		return stoa__fail_memory(err);
	s->wanted = wanted;
	s->distinct = first->def->flags & STOA_INDEX_UNIQUE;
	rc = view_again(first, &s->first, err);
	if (rc == STOA_OK && second)
		rc = view_again(second, &s->second, err);
	if (rc == STOA_OK && init_columns(s, names) < 0)
		rc = stoa__fail_memory(err);
	if (rc == STOA_OK)
		rc = stoa__scan_cursor_at(first->version, first->t->id, first->def->slots,
					  first->def->n_slots, &s->in, err);
	if (rc < 0) {
		close(&s->cursor);
		return rc;
	}
	stoa__cursor_init(&s->cursor, &ops);
	s->cursor.gone = second ? &second->version->gone : &first->version->gone;
	*out = &s->cursor;
	return STOA_OK;
}

/* One after the other. */
static int chain(const struct stoa__set_view *a, const struct stoa__set_view *not_a,
		 const struct stoa__set_view *b, stoa_cursor **out, struct stoa_error *err)
{
	stoa_cursor *in[2];

	STOA_TRY(sift(a, not_a, false, a, &in[0], err));
	int rc = sift(b, a, false, a, &in[1], err);

	if (rc < 0) {
		stoa_cursor_close(in[0]);
		return rc;
	}
	return stoa_cursor_chain(in, 2, out, err);
}

static int check_alike(const struct stoa__set_view *a, const struct stoa__set_view *b,
		       struct stoa_error *err)
{
	if (a->def->n_slots != b->def->n_slots)
		return stoa__fail(err, STOA_ETYPE, "index \"%s\" is on %u slots, index \"%s\" on %u",
				  a->def->name, a->def->n_slots, b->def->name, b->def->n_slots);
	for (uint32_t i = 0; i < a->def->n_slots; i++) {
		const struct stoa_slot *x = &a->t->schema->slots[a->def->slots[i]].def;
		const struct stoa_slot *y = &b->t->schema->slots[b->def->slots[i]].def;

		if (x->type != y->type || (x->type == STOA_DECIMAL && x->scale != y->scale))
			return stoa__fail(err, STOA_ETYPE,
					  "slot \"%s\" is %s, but slot \"%s\" is %s: keys of both sets "
					  "must be of the same types",
					  x->name, stoa_type_name((enum stoa_type)x->type), y->name,
					  stoa_type_name((enum stoa_type)y->type));
	}
	return STOA_OK;
}

int stoa__set_combine(const struct stoa__set_view *a, const struct stoa__set_view *b,
		      int operation, stoa_cursor **out, struct stoa_error *err)
{
	STOA_TRY(check_alike(a, b, err));
	switch (operation) {
	case STOA_SET_UNION:
		return chain(a, NULL, b, out, err);
	case STOA_SET_INTERSECTION:
		if (b->t->n_rows < a->t->n_rows)
			return sift(b, a, true, a, out, err);
		return sift(a, b, true, a, out, err);
	case STOA_SET_DIFFERENCE:
		return sift(a, b, false, a, out, err);
	case STOA_SET_SYMMETRIC_DIFFERENCE:
		return chain(a, b, b, out, err);
	}
	return stoa__fail(err, STOA_EINVAL, "there is no operation number %d on sets", operation);
}
