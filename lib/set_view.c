/* SPDX-License-Identifier: MIT */
/* set_view.c - see set_view.h */
#include "set_view.h"

#include <string.h>

#include "core/alloc.h"
#include "core/hash.h"
#include "core/type.h"
#include "cursor.h"
#include "db.h"
#include "set_run.h"

/* Has no row of a base in heap a NULL, as far as can be seen without reading it? */
static bool is_full(struct stoa__base *base, const struct stoa__set_view *view)
{
	const struct stoa__chunk *c = NULL;

	if (stoa__base_column(base, view->slot->id, view->word_type, &c, NULL) < 0 || !c)
		return false;
	return !c->validity &&
	       (c->encoding == STOA__ENC_PACKED || c->encoding == STOA__ENC_STEPPED);
}

/* The number of the table that owns a spot, from 1, or 0: set_view.h. */
static uint16_t owner_of(const struct stoa__set_view *view, const struct stoa__spot *s)
{
	const struct stoa__set_tables *tables = &view->tables;
	struct stoa__base *base = s->group->base;

	if (!base || s->group->n_dead || !stoa__base_is_dense(base) ||
	    stoa__group_pages(s->group, view->slot->id))
		return 0;
	for (uint16_t j = 0; j < tables->n; j++) {
		const struct stoa__set_run *run = tables->run[j];

		if (!tables->hints[j]->exact)
			continue;
		if (run && base->segment &&
		    stoa__set_run_covers(run, stoa__segment_file(base->segment), base->index))
			return j + 1;
		if (!run && !base->segment && is_full(base, view))
			return j + 1;
	}
	return 0;
}

/* The rows from the first on that need not be asked after one by one. */
static void find_owned(struct stoa__set_view *view)
{
	const struct stoa__places *p = &view->places;

	view->owned_first = p->n_spots ? p->spot[0].first : 0;
	for (size_t k = 0; k < p->n_spots; k++) {
		if (!p->spot[k].owner || p->spot[k].first != view->owned_first + view->n_owned)
			return;
		view->n_owned += p->spot[k].last - p->spot[k].first + 1;
	}
	view->owns_all = p->n_spots != 0;
}

int stoa__set_view_init(struct stoa__set_view *view, struct stoa__version *v,
			const struct stoa__table *t, uint32_t i, struct stoa_error *err)
{
	const struct stoa__index_def *def = &t->schema->indexes[i];

	*view = (struct stoa__set_view){ .t = t, .def = def, .i = i, .version = v };
	for (uint32_t k = 0; k < def->n_slots; k++)
		view->fades |= t->schema->slots[def->slots[k]].def.type == STOA_WEAK_REF;
	if (def->n_slots == 1) {
		view->slot = &t->schema->slots[def->slots[0]];
		if (stoa__type_family(view->slot->def.type) <= STOA__UINT)
			view->word_type = view->slot->def.type;
	}
	stoa__set_tables(stoa__set_of(t, i), &view->tables);
	if (stoa__places_init(&view->places, t) < 0) {
		stoa__set_view_release(view);
		return stoa__fail_memory(err);
	}
	for (size_t k = 0; view->word_type && k < view->places.n_spots; k++)
		view->places.spot[k].owner = owner_of(view, &view->places.spot[k]);
	if (view->tables.n == 1)
		find_owned(view);
	return STOA_OK;
}

void stoa__set_view_release(struct stoa__set_view *view)
{
	stoa__places_release(&view->places);
	view->version = NULL;
}

/* ---- one key ---- */

/* Is row @rowid, which may be anywhere in the group, a member with this key? */
static int matches_other(const struct stoa__set_view *view, const struct stoa__spot *s, uint64_t rowid,
			 const struct stoa_value *values, struct stoa_error *err)
{
	struct stoa__place at = { s->group, (uint32_t)(rowid - s->first) };

	if (s->group->base) {
		int rc = stoa__base_row(s->group->base, rowid, &at.row, err);

		if (rc < 0)
			return rc == STOA_ENOTFOUND ? 0 : rc;
	}
	if (!stoa__group_alive(at.group, at.row))
		return 0;
	return stoa__set_matches_at(view->t, view->def, at, values, err);
}

/* Does a row, in its spot, have this key? */
static inline int matches(const struct stoa__set_view *view, const struct stoa__spot *s,
			  uint64_t rowid, const struct stoa_value *values, struct stoa_error *err)
{
	if (s->state != STOA__SPOT_PLAIN)
		return matches_other(view, s, rowid, values, err);
	if (view->word_type)
		return stoa__spot_packed(s, rowid) == values->u;
	return stoa__spot_is(s, rowid, values->p, values->len);
}

struct search {
	const struct stoa__set_view *view;
	const struct stoa_value *values;
	uint64_t below;		/* rows from this one on do not count */
	uint64_t rowid;
};

static inline int candidate(void *ctx, uint64_t rowid, struct stoa_error *err)
{
	struct search *search = ctx;
	struct stoa__spot *s;

	if (rowid >= search->below)
		return 0;
	STOA_TRY(stoa__set_view_spot(search->view, rowid, &s, err));
	search->rowid = rowid;
	return s ? matches(search->view, s, rowid, search->values, err) : 0;
}

static int look(struct search *search, uint64_t hash, struct stoa_error *err)
{
	const struct stoa__set_view *view = search->view;
	struct stoa__set_reach reach = { .last = search->below - 1 };
	int rc = 1;

	if (view->fades)
		rc = stoa__set_key_lives(view->version, view->t, view->def, search->values, err);
	if (rc <= 0)
		return rc;
	rc = 0;
	for (uint32_t j = 0; j < view->tables.n && !rc; j++)
		rc = stoa__set_probe(view->tables.hints[j], view->tables.run[j], hash, candidate,
				     &reach, search, err);
	return rc;
}

int stoa__set_view_find(const struct stoa__set_view *view, uint64_t hash,
			const struct stoa_value *values, uint64_t *rowid, struct stoa_error *err)
{
	struct search search = { view, values, UINT64_MAX, 0 };
	int rc = look(&search, hash, err);

	*rowid = search.rowid;
	return rc;
}

int stoa__set_view_precedes(const struct stoa__set_view *view, const struct stoa_value *values,
			    uint64_t rowid, struct stoa_error *err)
{
	struct search search = { view, values, rowid, 0 };

	return look(&search, stoa__set_hash(view->def, values), err);
}

/* As stoa__set_view_word(), in table @j alone. */
static int find_word(const struct stoa__set_view *view, uint32_t j, uint64_t hash, uint64_t word,
		     uint64_t *rowid)
{
	const struct stoa__hints *h = view->tables.hints[j];
	uint64_t g = stoa__hints_home(h, hash);
	unsigned tag = stoa__hints_tag(hash), n = 0;

	for (uint64_t step = 0; step < stoa__hints_steps(h); step++) {
		const struct stoa__hints_group *group = stoa__hints_group(h, g);

		if (!group)
			return -1;
		for (unsigned m = stoa__hints_match(group, tag); m; m &= m - 1) {
			uint64_t w = stoa__hints_word(group, (unsigned)__builtin_ctz(m));
			uint64_t mark = stoa__hints_mark(h, w, hash);
			const struct stoa__spot *s;

			if (!stoa__hints_is_of(mark, false))
				continue;
			*rowid = stoa__hints_rowid(h, w);
			n++;
			s = stoa__places_find(&view->places, *rowid);
			if (!s)
				continue;
			if (s->owner == j + 1 && stoa__hints_is_sure(h, mark, step))
				return 1;
			if (s->state != STOA__SPOT_PLAIN)
				return -1;
			if (stoa__spot_packed(s, *rowid) == word)
				return 1;
		}
		if (!stoa__hints_went_on(group, hash))
			break;
		g = stoa__hints_next(h, hash, g, step);
	}
	return n < STOA__HINTS_BUCKET ? 0 : -1;
}

int stoa__set_view_word(const struct stoa__set_view *view, uint64_t hash, uint64_t word,
			uint64_t *rowid)
{
	int rc = 0;

	for (uint32_t j = 0; j < view->tables.n && !rc; j++)
		rc = find_word(view, j, hash, word, rowid);
	return rc;
}

/* ---- open sets ---- */

#define NO_TYPE 254	/* no value has it: neither STOA_NULL nor STOA_TYPE_DEFAULT */

struct stoa_set {
	struct stoa__set_view view;
	struct stoa__version *version;	/* held */
	uint64_t fork_generation;
	uint64_t seed;
	const struct stoa__hints *only;	/* the only table, if there is one and it is in heap; else NULL */
	bool is_string;			/* the key is one string */
	uint8_t fast_type;		/* keys of it are words that need no conversion; NO_TYPE: none are */
};

int stoa_set_open(stoa_txn *txn, stoa_table table, stoa_index index, stoa_set **out,
		  struct stoa_error *err)
{
	struct stoa__version *v;
	struct stoa__table *t;
	stoa_set *set;
	uint32_t i = 0;
	int rc;

	if (!out)
		return stoa__fail(err, STOA_EINVAL, "there is no room for the set");
	*out = NULL;
	STOA_TRY(stoa__txn_enter(txn, err));
	STOA_TRY(stoa__index_find(txn, table, index, STOA_INDEX_SET, &t, &i, err));
	set = stoa__calloc(1, sizeof *set);
	if (!set)
		return stoa__fail_memory(err);
	rc = stoa__txn_freeze(txn, &v, err);
	if (rc == STOA_OK) {
		rc = stoa__set_view_init(&set->view, v, stoa__table_find(v, table), i, err);
		if (rc < 0)
			stoa__version_drop(v);
	}
	if (rc < 0) {
		stoa__free(set);
		return rc;
	}
	set->version = v;
	set->fast_type = set->view.word_type && set->view.word_type != STOA_DECIMAL &&
					 !set->view.fades ?
				 set->view.word_type :
				 NO_TYPE;
	set->is_string = set->view.slot && set->view.slot->def.type == STOA_STRING;
	set->seed = set->view.def->number[0];
	if (set->view.tables.n == 1 && set->view.tables.hints[0]->groups)
		set->only = set->view.tables.hints[0];
	set->fork_generation = stoa__fork_generation;
	*out = set;
	return STOA_OK;
}

void stoa_set_close(stoa_set *set)
{
	if (!set || set->fork_generation != stoa__fork_generation)
		return;
	stoa__set_view_release(&set->view);
	stoa__version_drop(set->version);
	stoa__free(set);
}

/* Why an open set cannot be used. */
static int refuse(const stoa_set *set, struct stoa_error *err)
{
	if (!set)
		return stoa__fail(err, STOA_EINVAL, "the set is NULL");
	if (set->fork_generation != stoa__fork_generation)
		return stoa__fail(err, STOA_EFORKED,
				  "the set was opened by the parent process: open it again here");
	return stoa__fail(err, STOA_ESTATE,
			  "the transaction went back to before the set was opened");
}

static inline bool is_usable(const stoa_set *set)
{
	return set && set->fork_generation == stoa__fork_generation && !set->version->gone;
}

/* The long way, which is right for all keys. */
static int convert_and_find(stoa_set *set, const struct stoa_value *key, size_t n,
			    uint64_t *rowid, struct stoa_error *err)
{
	struct stoa_value room[STOA_INDEX_SLOTS_MAX];
	const struct stoa_value *values;
	int rc;

	STOA_TRY(stoa__set_check_count(set->view.def, key, n, err));
	rc = stoa__set_convert(set->view.t, set->view.def, key, room, &values, err);
	if (rc <= 0)
		return rc;
	return stoa__set_view_find(&set->view, stoa__set_hash(set->view.def, values), values, rowid,
				   err);
}

static int has_slowly(stoa_set *set, const struct stoa_value *key, size_t n, stoa_rowid *row,
		      struct stoa_error *err)
{
	uint64_t rowid = 0;
	int rc;

	if (!is_usable(set))
		return refuse(set, err);
	rc = convert_and_find(set, key, n, &rowid, err);
	if (rc > 0 && row)
		*row = rowid;
	return rc < 0 ? rc : rc ? STOA_ROW : STOA_END;
}

/* A key of one number that is not where it would be first, or may be elsewhere too. */
static __attribute__((noinline)) int has_word(stoa_set *set, const struct stoa_value *key,
					      stoa_rowid *row, struct stoa_error *err)
{
	uint64_t rowid = 0;
	int rc = stoa__set_view_word(&set->view, stoa__set_hash_word(set->seed, key->u), key->u,
				     &rowid);

	if (rc < 0)
		return has_slowly(set, key, 1, row, err);
	if (rc && row)
		*row = rowid;
	return rc ? STOA_ROW : STOA_END;
}

/* A set of strings, and a key that is one: no conversion is needed. */
static int has_string(stoa_set *set, const struct stoa_value *key, stoa_rowid *row,
		      struct stoa_error *err)
{
	uint64_t hash = stoa__set_mix(set->seed, stoa__hash(key->p, key->len)), rowid = 0;
	int rc;

	if (set->only) {
		const struct stoa__hints_group *group =
			set->only->groups + stoa__hints_home(set->only, hash);

		if (!stoa__hints_match(group, stoa__hints_tag(hash)) &&
		    !stoa__hints_went_on(group, hash))
			return STOA_END;
	}
	rc = stoa__set_view_find(&set->view, hash, key, &rowid, err);
	if (rc > 0 && row)
		*row = rowid;
	return rc < 0 ? rc : rc ? STOA_ROW : STOA_END;
}

/* A key that is no number of the slot's own type, or a set that cannot be used. */
static __attribute__((noinline)) int has_other(stoa_set *set, const struct stoa_value *key,
					       size_t n, stoa_rowid *row, struct stoa_error *err)
{
	if (is_usable(set) && set->is_string && n == 1 && key && key->type == STOA_STRING &&
	    (key->p || !key->len))
		return has_string(set, key, row, err);
	return has_slowly(set, key, n, row, err);
}

/*
 * The shortest way is for a number, a set of one table, and its home there: nothing, or a hint that
 * is surely right of a row that is surely there. It calls nothing but in its last step, so that no
 * register is saved. All else is left to others. What this is made of is counted in instructions: a
 * processor that waits for the memory of one look-up goes on to the next only as far as some three
 * hundred of them.
 */
int stoa_set_has(stoa_set *set, const struct stoa_value *key, size_t n, stoa_rowid *row,
		 struct stoa_error *err)
{
	const struct stoa__hints_group *group;
	const struct stoa__hints *h;
	uint64_t hash, word, rowid;
	unsigned found;

	if (!is_usable(set) || n != 1 || !key || key->type != set->fast_type)
		return has_other(set, key, n, row, err);
	hash = stoa__set_hash_word(set->seed, key->u);
	h = set->only;
	if (!h)
		return has_word(set, key, row, err);
	group = h->groups + stoa__hints_home(h, hash);
	found = stoa__hints_match(group, stoa__hints_tag(hash));
	if (!found)
		return stoa__hints_went_on(group, hash) ? has_word(set, key, row, err) : STOA_END;
	word = stoa__hints_word(group, (unsigned)__builtin_ctz(found));
	rowid = stoa__hints_rowid(h, word);
	if (stoa__hints_mark(h, word, hash) || rowid - set->view.owned_first >= set->view.n_owned ||
	    stoa__hints_is_stale(h))
		return has_word(set, key, row, err);
	if (row)
		*row = rowid;
	return STOA_ROW;
}

int stoa_set_has_many(stoa_set *set, const struct stoa_array *columns, size_t n_columns, size_t n,
		      uint64_t *found, stoa_rowid *rows, struct stoa_error *err)
{
	if (!is_usable(set))
		return refuse(set, err);
	STOA_TRY(stoa__set_check_count(set->view.def, columns, n_columns, err));
	if (n)
		STOA_TRY(stoa__set_check_columns(set->view.t, set->view.def, columns, err));
	return stoa__set_view_find_many(&set->view, columns, n, found, rows, err);
}

int stoa_set_combine(stoa_set *a, stoa_set *b, int operation, stoa_cursor **out,
		     struct stoa_error *err)
{
	if (!out)
		return stoa__fail(err, STOA_EINVAL, "there is no room for the cursor");
	*out = NULL;
	if (!is_usable(a))
		return refuse(a, err);
	if (!is_usable(b))
		return refuse(b, err);
	return stoa__set_combine(&a->view, &b->view, operation, out, err);
}
