/* SPDX-License-Identifier: MIT */
/*
 * set_key.c - the keys of rows: hashed one by one or by pages, and compared
 *
 * The hash of a key goes over its slots, each brought to words of 64 bits: integers as they are,
 * floats with one zero and one NaN, strings as the XXH3 of their bytes, so that it does not depend
 * on symbol ids and holds in files. A word is mixed in by one 64 by 64 bit multiplication, folded.
 * The seed is random for each index: keys chosen to meet in one bucket would have to be chosen
 * knowing it.
 */
#include <math.h>
#include <string.h>

#include "core/alloc.h"
#include "core/bitmap.h"
#include "core/hash.h"
#include "core/type.h"
#include "refs.h"
#include "set.h"

/* ---- hashing ---- */

static uint64_t float_word(double x)
{
	uint64_t bits;

	if (isnan(x))
		return UINT64_C(0x7ff8000000000000);
	x += 0.0;	/* -0.0 becomes 0.0 */
	memcpy(&bits, &x, sizeof bits);
	return bits;
}

/* Both halves of a uuid as one word. */
static uint64_t uuid_word(const uint8_t *p)
{
	return stoa__set_mix(stoa__load_u64(p), UINT64_C(0xd6e8feb86659fd93)) ^ stoa__load_u64(p + 8);
}

uint64_t stoa__set_hash(const struct stoa__index_def *def, const struct stoa_value *values)
{
	uint64_t h = def->number[0];

	if (def->n_slots == 1 && stoa__type_family(values->type) <= STOA__UINT)
		return stoa__set_hash_word(h, values->u);
	for (uint32_t k = 0; k < def->n_slots; k++) {
		const struct stoa_value *v = &values[k];

		switch (stoa__type_family(v->type)) {
		case STOA__INT:
		case STOA__UINT: h = stoa__set_mix(h, v->u); break;
		case STOA__FLOAT: h = stoa__set_mix(h, float_word(v->f)); break;
		case STOA__UUID: h = stoa__set_mix(h, uuid_word(v->uuid)); break;
		case STOA__BYTES: h = stoa__set_mix(h, stoa__hash(v->p, v->len)); break;
		}
	}
	return h;
}

#define MIX_ALL(word)                                                 \
	do {                                                          \
		for (uint32_t i = 0; i < n; i++)                      \
			h[i] = stoa__set_mix(h[i], (uint64_t)(word)); \
	} while (0)

/* Mixes @n elements of @type into the hashes. */
static void hash_array(unsigned type, const void *values, uint32_t n, uint64_t *h)
{
	const struct stoa_bytes *b = values;

	switch (type) {
	case STOA_BOOL:
	case STOA_U8: MIX_ALL(((const uint8_t *)values)[i]); break;
	case STOA_I8: MIX_ALL((int64_t)((const int8_t *)values)[i]); break;
	case STOA_I16: MIX_ALL((int64_t)((const int16_t *)values)[i]); break;
	case STOA_U16: MIX_ALL(((const uint16_t *)values)[i]); break;
	case STOA_DATE:
	case STOA_I32: MIX_ALL((int64_t)((const int32_t *)values)[i]); break;
	case STOA_U32: MIX_ALL(((const uint32_t *)values)[i]); break;
	case STOA_F32: MIX_ALL(float_word((double)((const float *)values)[i])); break;
	case STOA_F64: MIX_ALL(float_word(((const double *)values)[i])); break;
	case STOA_UUID: MIX_ALL(uuid_word((const uint8_t *)values + i * 16)); break;
	case STOA_STRING:
	case STOA_TEXT:
	case STOA_BLOB: MIX_ALL(stoa__hash(b[i].p, b[i].len)); break;
	default: MIX_ALL(((const uint64_t *)values)[i]); break;
	}
}

/* The hashes of keys that are one number. */
static void hash_words(const struct stoa__index_def *def, unsigned type, const void *values, size_t n,
		       uint64_t *h)
{
	stoa__widen(type, n, values, h);
	for (size_t i = 0; i < n; i++)
		h[i] = stoa__set_hash_word(def->number[0], h[i]);
}

void stoa__set_hash_arrays(const struct stoa__index_def *def, const struct stoa_array *columns,
			   size_t from, size_t n, uint64_t *hash)
{
	if (def->n_slots == 1 && stoa__type_family(columns->type) <= STOA__UINT) {
		hash_words(def, columns->type,
			   (const uint8_t *)columns->values + from * stoa__type_width(columns->type),
			   n, hash);
		return;
	}
	for (size_t i = 0; i < n; i++)
		hash[i] = def->number[0];
	for (uint32_t k = 0; k < def->n_slots; k++) {
		const struct stoa_array *a = &columns[k];
		size_t width = stoa__type_width(a->type);

		/* The strings of NULLs may point anywhere. */
		if (stoa__type_family(a->type) != STOA__BYTES || !a->validity) {
			hash_array(a->type, (const uint8_t *)a->values + from * width, (uint32_t)n,
				   hash);
			continue;
		}
		for (size_t i = 0; i < n; i++)
			if (stoa__bit_get(a->validity, from + i))
				hash_array(a->type, (const uint8_t *)a->values + (from + i) * width,
					   1, &hash[i]);
	}
}

/* ---- one row ---- */

void stoa__set_prefetch(const struct stoa__table *t, const struct stoa__index_def *def,
			uint64_t rowid)
{
	struct stoa__place at;

	if (stoa__table_locate(t, rowid, &at, NULL) < 0)
		return;
	for (uint32_t k = 0; k < def->n_slots; k++) {
		const struct stoa__slot *slot = &t->schema->slots[def->slots[k]];
		const struct stoa__chunk *c =
			at.group->base ? stoa__base_opened(at.group->base, slot->id) : NULL;

		if (c && c->values)
			stoa__chunk_prefetch(c, at.row);
	}
}

static bool same(const struct stoa_value *a, const struct stoa_value *b)
{
	switch (stoa__type_family(a->type)) {
	case STOA__INT:
	case STOA__UINT: return a->u == b->u;
	case STOA__BYTES: return a->len == b->len && memcmp(a->p, b->p, a->len) == 0;
	default: return stoa__value_compare(a, b) == 0;
	}
}

static int slots_match(const struct stoa__table *t, const struct stoa__index_def *def,
		       struct stoa__place at, const struct stoa_value *values,
		       struct stoa__buf *scratch, struct stoa_error *err)
{
	for (uint32_t k = 0; k < def->n_slots; k++) {
		struct stoa_value v;

		STOA_TRY(stoa__group_value(at.group, &t->schema->slots[def->slots[k]],
					   def->slots[k], at.row, scratch, &v, err));
		if (v.type == STOA_NULL || !same(&v, &values[k]))
			return 0;
	}
	return 1;
}

int stoa__set_matches_at(const struct stoa__table *t, const struct stoa__index_def *def,
			 struct stoa__place at, const struct stoa_value *values,
			 struct stoa_error *err)
{
	struct stoa__buf scratch = STOA__BUF_INIT;
	int rc = slots_match(t, def, at, values, &scratch, err);

	stoa__buf_release(&scratch);
	return rc;
}

int stoa__set_matches(const struct stoa__table *t, const struct stoa__index_def *def,
		      uint64_t rowid, const struct stoa_value *values, struct stoa_error *err)
{
	struct stoa__place at;
	int rc = stoa__table_locate(t, rowid, &at, err);

	if (rc < 0)
		return rc == STOA_ENOTFOUND ? 0 : rc;
	return stoa__set_matches_at(t, def, at, values, err);
}

int stoa__set_key_lives(const struct stoa__version *v, const struct stoa__table *t,
			const struct stoa__index_def *def, const struct stoa_value *values,
			struct stoa_error *err)
{
	for (uint32_t k = 0; k < def->n_slots; k++) {
		const struct stoa_slot *slot = &t->schema->slots[def->slots[k]].def;
		int rc = STOA_OK;

		if (slot->type == STOA_WEAK_REF)
			rc = stoa__row_exists(stoa__table_find(v, slot->target), values[k].u, err);
		if (rc < 0)
			return rc == STOA_ENOTFOUND ? 0 : rc;
	}
	return 1;
}

int stoa__set_key_of(const struct stoa__table *t, const struct stoa__index_def *def,
		     struct stoa__place at, struct stoa__buf *scratch, struct stoa_value *out,
		     struct stoa_error *err)
{
	size_t room;

	/* As in stoa_get(): where room had to be made, bytes may have moved. */
	do {
		room = scratch->cap;
		stoa__buf_reset(scratch);
		for (uint32_t k = 0; k < def->n_slots; k++)
			STOA_TRY(stoa__group_value(at.group, &t->schema->slots[def->slots[k]],
						   def->slots[k], at.row, scratch, &out[k], err));
	} while (scratch->cap != room);
	return STOA_OK;
}

/* ---- pages of rows ---- */

struct reader {
	const struct stoa__set_walk *walk;
	const struct stoa__group *g;
	uint32_t from, n;	/* rows of a page */
	struct stoa__buf scratch;
	uint64_t valid[STOA__WORDS(STOA__PAGE_ROWS)];
	uint64_t hash[STOA__PAGE_ROWS];
	uint64_t rowid[STOA__PAGE_ROWS];
	struct stoa__set_batch batch;
	_Alignas(64) uint8_t values[STOA__PAGE_ROWS * sizeof(struct stoa_bytes)];
};

/* Marks the rows that are NULL as not to be had, bit @at on. */
static void forget_nulls(struct reader *r, const struct stoa__chunk *c, uint32_t from, uint32_t at)
{
	for (uint32_t i = at; c->validity && i < r->n; i++)
		if (stoa__chunk_is_null(c, from + i - at))
			stoa__bit_clear(r->valid, i);
}

/* What the base has for rows [at, n) of the page. */
static int read_base(struct reader *r, const struct stoa__slot *slot, uint32_t at,
		     struct stoa_error *err)
{
	size_t width = stoa__type_width(slot->def.type);
	uint32_t from = r->from + at;
	const struct stoa__chunk *c;
	int rc;

	STOA_TRY(stoa__base_column(r->g->base, slot->id, slot->def.type, &c, err));
	for (uint32_t i = at; !c && i < r->n; i++) {
		if (slot->absent.type == STOA_NULL)
			stoa__bit_clear(r->valid, i);
		else
			stoa__element_put(slot->def.type, r->values, i, &slot->absent);
	}
	if (!c)
		return STOA_OK;
	forget_nulls(r, c, from, at);
	if (c->encoding == STOA__ENC_DICT_ID) {
		for (uint32_t i = at; i < r->n; i++)
			((struct stoa_bytes *)(void *)r->values)[i] = stoa__base_string(
				r->g->base, c, (uint32_t)stoa__chunk_packed(c, from + i - at));
		return STOA_OK;
	}
	rc = stoa__chunk_read(c, from, r->n - at, r->values + at * width, &r->scratch);
	return rc < 0 ? stoa__base_value_error(r->g->base, rc, err) : STOA_OK;
}

/* The values of a slot for the rows of a page. */
static int read_slot(struct reader *r, uint32_t at, struct stoa_error *err)
{
	const struct stoa__slot *slot = &r->walk->t->schema->slots[at];
	const struct stoa__page *page = stoa__group_overlay(r->g, slot->id, r->from);
	size_t width = stoa__type_width(slot->def.type);
	uint32_t n = page ? page->n_rows : 0;

	stoa__buf_reset(&r->scratch);
	if (n > r->n)
		n = r->n;
	if (n)
		(void)stoa__page_read(page, 0, n, r->values, r->valid, 0);
	if (n == r->n)
		return STOA_OK;
	if (!r->g->tail)
		return read_base(r, slot, n, err);
	page = r->g->tail->rows[r->from / STOA__PAGE_ROWS][at];
	(void)stoa__page_read(page, n, r->n - n, r->values + n * width, r->valid, n);
	return STOA_OK;
}

static bool any_dead(const struct reader *r)
{
	return r->g->live[r->from / STOA__LIVE_ROWS] != NULL;
}

/* Hands on what members the page has. */
static int give_page(struct reader *r, struct stoa_error *err)
{
	const struct stoa__index_def *def = r->walk->def;
	bool dead = any_dead(r);
	uint32_t n = 0;

	memset(r->valid, 0xff, sizeof r->valid);
	for (uint32_t i = 0; i < r->n; i++)
		r->hash[i] = def->number[0];
	for (uint32_t k = 0; k < def->n_slots; k++) {
		STOA_TRY(read_slot(r, def->slots[k], err));
		for (uint32_t i = 0; i < r->n; i++)
			if (!stoa__bit_get(r->valid, i))
				stoa__element_put(r->walk->t->schema->slots[def->slots[k]].def.type,
						  r->values, i, &(struct stoa_value){ .p = "" });
		if (stoa__set_is_word(r->walk->t, def))
			hash_words(def, r->walk->t->schema->slots[def->slots[k]].def.type,
				   r->values, r->n, r->hash);
		else
			hash_array(r->walk->t->schema->slots[def->slots[k]].def.type, r->values,
				   r->n, r->hash);
	}
	STOA_TRY(stoa__group_rowids(r->g, r->from, r->n, r->rowid, err));
	for (uint32_t i = 0; i < r->n; i++) {
		if (!stoa__bit_get(r->valid, i) ||
		    (dead && !stoa__group_alive(r->g, r->from + i)))
			continue;
		r->batch.hash[n] = r->hash[i];
		r->batch.rowid[n++] = r->rowid[i];
	}
	r->batch.n = n;
	return n ? r->walk->each(r->walk->ctx, &r->batch, err) : STOA_OK;
}

/* Does an overlay speak for a slot of the key in page @p? */
static bool page_changed(const struct stoa__set_walk *walk, const struct stoa__group *g, uint32_t p)
{
	for (uint32_t k = 0; g->overlay && k < walk->def->n_slots; k++) {
		uint32_t id = walk->t->schema->slots[walk->def->slots[k]].id;
		const struct stoa__pages *pages = stoa__group_pages(g, id);

		if (pages && pages->page[p])
			return true;
	}
	return false;
}

/* The first row of @g, at position @n at most, whose rowid is @rowid or above. */
static int row_from(const struct stoa__group *g, uint64_t rowid, uint32_t n, uint32_t *row,
		    struct stoa_error *err)
{
	uint64_t first = g->tail ? g->first : g->base->first;
	uint32_t lo = 0;

	if (g->tail || stoa__base_is_dense(g->base)) {
		*row = rowid <= first ? 0 : rowid - first < n ? (uint32_t)(rowid - first) : n;
		return STOA_OK;
	}
	while (lo < n) {
		uint32_t half = lo + (n - lo) / 2;
		uint64_t there;

		STOA_TRY(stoa__group_rowids(g, half, 1, &there, err));
		if (there < rowid)
			lo = half + 1;
		else
			n = half;
	}
	*row = lo;
	return STOA_OK;
}

/* The rows [*from, *to) of @g that the walk is to give, widened to pages. */
static int rows_within(const struct stoa__set_walk *walk, const struct stoa__group *g,
		       uint32_t *from, uint32_t *to, struct stoa_error *err)
{
	uint32_t n = stoa__group_rows(walk->t, g);

	*from = 0;
	*to = n;
	if (!walk->last)
		return STOA_OK;
	STOA_TRY(row_from(g, walk->first, n, from, err));
	STOA_TRY(row_from(g, walk->last + 1, n, to, err));
	*from -= *from % STOA__PAGE_ROWS;
	*to += (STOA__PAGE_ROWS - *to % STOA__PAGE_ROWS) % STOA__PAGE_ROWS;
	*to = *to < n ? *to : n;
	return STOA_OK;
}

/*
 * Calls @each with the first row and the number of rows of every page of @g that the walk is to
 * give.
 */
static int for_pages(const struct stoa__set_walk *walk, const struct stoa__group *g,
		     int (*each)(void *ctx, uint32_t from, uint32_t n, struct stoa_error *err),
		     void *ctx, struct stoa_error *err)
{
	enum stoa__set_extent extent = walk->extent ? walk->extent(walk->ctx, g) : STOA__ROWS_ALL;
	uint32_t from, to;

	if (extent == STOA__ROWS_NONE || (extent == STOA__ROWS_CHANGED && !g->overlay))
		return STOA_OK;
	STOA_TRY(rows_within(walk, g, &from, &to, err));
	for (; from < to; from += STOA__PAGE_ROWS) {
		uint32_t n = to - from < STOA__PAGE_ROWS ? to - from : STOA__PAGE_ROWS;
		int rc = STOA_OK;

		if (extent == STOA__ROWS_ALL || page_changed(walk, g, from / STOA__PAGE_ROWS))
			rc = each(ctx, from, n, err);
		if (rc)
			return rc;
	}
	return STOA_OK;
}

/* What is done to each group of a walk. */
struct groups {
	const struct stoa__set_walk *walk;
	int (*page)(void *ctx, uint32_t from, uint32_t n, struct stoa_error *err);
	struct reader *reader;
	struct stoa__hints_shape shape;
	struct stoa_error *err;
};

/* The rowids of a group, added to a shape. */
static void stretch(struct stoa__hints_shape *shape, const struct stoa__table *t,
		    const struct stoa__group *g)
{
	uint64_t first = g->tail ? g->first : g->base->first;
	uint64_t last = g->tail ? t->next_rowid - 1 : g->base->last;

	if (!shape->first || first < shape->first)
		shape->first = first;
	if (last > shape->last)
		shape->last = last;
}

static int each_group(void *ctx, uint64_t first, void *value)
{
	struct groups *gs = ctx;
	uint64_t n = gs->shape.n;
	int rc;

	(void)first;
	if (gs->reader)
		gs->reader->g = value;
	rc = for_pages(gs->walk, value, gs->page, gs, gs->err);
	if (gs->shape.n > n)
		stretch(&gs->shape, gs->walk->t, value);
	return rc;
}

/* The groups that may have rows of the walk's range. */
static int for_groups_within(struct groups *gs)
{
	const struct stoa__table *t = gs->walk->t;
	uint64_t at = gs->walk->first;
	struct stoa__group *g = stoa__tree_floor(t->groups, at);
	int rc = STOA_OK;

	if (!g)
		g = stoa__tree_next(t->groups, at, true, &at);
	for (; g && g->first <= gs->walk->last && !rc; g = stoa__tree_next(t->groups, at, false, &at)) {
		at = g->first;
		rc = each_group(gs, at, g);
	}
	if (!rc && t->tail && t->tail->first <= gs->walk->last)
		rc = each_group(gs, 0, t->tail);
	return rc;
}

static int for_groups(struct groups *gs)
{
	const struct stoa__table *t = gs->walk->t;

	if (gs->walk->last)
		return for_groups_within(gs);
	STOA_TRY(stoa__tree_walk(t->groups, 0, each_group, gs));
	return t->tail ? each_group(gs, 0, t->tail) : STOA_OK;
}

static int read_page(void *ctx, uint32_t from, uint32_t n, struct stoa_error *err)
{
	struct groups *gs = ctx;

	gs->reader->from = from;
	gs->reader->n = n;
	return give_page(gs->reader, err);
}

static int count_page(void *ctx, uint32_t from, uint32_t n, struct stoa_error *err)
{
	struct groups *gs = ctx;

	(void)from;
	(void)err;
	gs->shape.n += n;
	return STOA_OK;
}

/* Walks through what @through takes @gs to. */
static int read_groups(const struct stoa__set_walk *walk, int (*through)(struct groups *gs, void *ctx),
		       void *ctx, struct stoa_error *err)
{
	struct reader *r = stoa__alloc_aligned(sizeof *r);
	struct groups gs = { .walk = walk, .page = read_page, .reader = r, .err = err };
	int rc;

	if (!r)
		return stoa__fail_memory(err);
	r->walk = walk;
	r->scratch = (struct stoa__buf)STOA__BUF_INIT;
	rc = through(&gs, ctx);
	stoa__buf_release(&r->scratch);
	stoa__free(r);
	return rc;
}

static int through_all(struct groups *gs, void *ctx)
{
	(void)ctx;
	return for_groups(gs);
}

int stoa__set_walk(const struct stoa__set_walk *walk, struct stoa_error *err)
{
	return read_groups(walk, through_all, NULL, err);
}

static int through_shared(struct groups *gs, void *ctx)
{
	struct stoa__set_groups *all = ctx;
	size_t k;

	while ((k = atomic_fetch_add(&all->next, 1)) < all->n)
		STOA_TRY(each_group(gs, 0, all->group[k]));
	return STOA_OK;
}

int stoa__set_walk_shared(const struct stoa__set_walk *walk, struct stoa__set_groups *groups,
			  struct stoa_error *err)
{
	return read_groups(walk, through_shared, groups, err);
}

static int list_group(void *ctx, uint64_t first, void *value)
{
	struct stoa__set_groups *all = ctx;

	(void)first;
	all->group[all->n++] = value;
	return STOA_OK;
}

int stoa__set_groups_init(struct stoa__set_groups *all, const struct stoa__table *t)
{
	all->group = stoa__calloc(t->n_groups + 1, sizeof(struct stoa__group *));
	all->n = 0;
	atomic_init(&all->next, 0);
	if (!all->group)
		return STOA_ENOMEM;
	(void)stoa__tree_walk(t->groups, 0, list_group, all);
	if (t->tail)
		all->group[all->n++] = t->tail;
	return STOA_OK;
}

struct stoa__hints_shape stoa__set_shape(const struct stoa__set_walk *walk)
{
	struct groups gs = { .walk = walk, .page = count_page };

	gs.shape.one_to_one = stoa__set_is_word(walk->t, walk->def);
	(void)for_groups(&gs);
	return gs.shape;
}
