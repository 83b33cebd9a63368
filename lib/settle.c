/* SPDX-License-Identifier: MIT */
/*
 * settle.c - references of loaded rows, which are counted when somebody has to know; see refs.h
 *
 *     rowids of a table   1 ......... [from ........ end) ......... next_rowid
 *                         counted     uncounted        counted
 *
 * A count is asked for when a row of the *target* is to go: is it needed still? Until the first of
 * them goes, counts are worth nothing, and so are those a bulk load would have to make, of rows in
 * no order: a third of a load's time. So a load leaves its rows *uncounted*, one range of rowids for
 * each table, durable as the table is. Rows that are inserted are counted at once, as ever: counts
 * add up. Whoever is about to take a row out of a table first has all references to the table counted
 * (stoa__refs_settle()); the collector does it beside writers, before it comes to that.
 *
 * (1) A count is that of the strong references in rows outside of uncounted ranges.
 * (2) What an uncounted row may refer to by its slots are tables of which every row that ever was is
 *     a member: so each rowid below next_rowid is that of a row, and nothing can die of a reference
 *     that such a row gives up.
 *
 * By (2) a load's references are checked by looking at the greatest of each row group, which its zone map
 * knows; and while a row is uncounted its references are neither counted up nor down when it is
 * changed or dies. Ranges are of rowids, as counts are: sealing and compaction do not know of them.
 *
 * Deferred counting is as old as counting (Deutsch and Bobrow, "An efficient, incremental, automatic
 * garbage collector", CACM 1976); theirs are references from the stack, which change too often to be
 * counted, ours those which come too many at a time.
 */
#include "db.h"

#include "core/alloc.h"
#include "core/clock.h"
#include "core/type.h"

/* ---- a load ---- */

/* Are the references in slot position @slot of groups from @first on below the target's next rowid? */
static bool are_in_range(const struct stoa__table *t, uint32_t slot, uint64_t first,
			 const struct stoa__table *target)
{
	const struct stoa__slot *s = &t->schema->slots[slot];
	const struct stoa__group *g;
	const struct stoa__chunk *c;

	while ((g = stoa__tree_next(t->groups, first, true, &first))) {
		if (!g->base || stoa__base_column(g->base, s->id, s->def.type, &c, NULL) < 0 || !c)
			return false;
		if (c->has_range ? c->max.u >= target->next_rowid : c->n_null != c->n_rows)
			return false;
		first++;
	}
	return true;
}

/* May counting the rows from @first on be left for later? Where in doubt, not: who counts says why. */
static bool may_wait(const struct stoa__version *w, const struct stoa__table *t, uint64_t first)
{
	if (t->uncounted_from && t->uncounted_end != first)
		return false;
	for (uint32_t i = 0; i < t->schema->n_slots; i++) {
		const struct stoa_slot *def = &t->schema->slots[i].def;
		const struct stoa__table *target;

		if (!stoa__type_is_ref(def->type))
			continue;
		target = stoa__table_find(w, def->target);
		if (!target || !stoa__table_is_all_members(target) || !are_in_range(t, i, first, target))
			return false;
	}
	return true;
}

int stoa__refs_loaded(struct stoa__version *w, struct stoa__table *t, uint64_t first,
		      struct stoa_error *err)
{
	if (!t->schema->n_refs && !t->schema->n_weak)
		return STOA_OK;
	if (may_wait(w, t, first)) {
		if (!t->schema->n_refs)
			return STOA_OK;
		if (!t->uncounted_from)
			t->uncounted_from = first;
		t->uncounted_end = t->next_rowid;
		return STOA_OK;
	}
	for (uint32_t i = 0; i < t->schema->n_slots; i++)
		if (stoa__type_is_ref(t->schema->slots[i].def.type))
			STOA_TRY(stoa__refs_count_up(w, t, i, first, UINT64_MAX, err));
	return STOA_OK;
}

/* ---- counting what waits ---- */

/* The first rows of @t that wait, up to @end, have been counted. */
static void rows_are_counted(struct stoa__table *t, uint64_t end)
{
	t->uncounted_from = end;
	if (end == t->uncounted_end)
		t->uncounted_from = t->uncounted_end = 0;
}

/* The end of the first @n rows of those of @t that wait. */
static uint64_t end_of(const struct stoa__table *t, uint64_t n)
{
	return t->uncounted_end - t->uncounted_from > n ? t->uncounted_from + n : t->uncounted_end;
}

/* Counts the first @n rows of those of @t that wait. */
static int count_rows(struct stoa__version *w, struct stoa__table *t, uint64_t n,
		      struct stoa_error *err)
{
	uint64_t end = end_of(t, n);
	struct stoa__refs_met *met;
	int rc;

	STOA_TRY(stoa__refs_meet(w, t, t->uncounted_from, end, &met, err));
	rc = stoa__refs_tell(met, w, err);
	stoa__refs_met_free(met);
	if (rc == STOA_OK)
		rows_are_counted(t, end);
	return rc;
}

int stoa__refs_settle_of(struct stoa__version *w, struct stoa__table *t, struct stoa_error *err)
{
	return t->uncounted_from ? count_rows(w, t, UINT64_MAX, err) : STOA_OK;
}

static bool refers_to(const struct stoa__schema *s, uint32_t target)
{
	for (uint32_t i = 0; i < s->n_slots && s->n_refs; i++)
		if (s->slots[i].def.type == STOA_REF && s->slots[i].def.target == target)
			return true;
	return false;
}

int stoa__refs_settle_to(struct stoa__version *w, struct stoa__table *t, struct stoa_error *err)
{
	struct stoa__table *from;
	uint64_t id = 0;

	while ((from = stoa__tree_next(w->tables, id, false, &id))) {
		if (!from->uncounted_from || !refers_to(from->schema, t->id))
			continue;
		if (stoa__table_own(w, (uint32_t)id, &from) < 0)
			return stoa__fail_memory(err);
		STOA_TRY(stoa__refs_settle_of(w, from, err));
	}
	return STOA_OK;
}

/* ---- in the background ---- */

/*
 * References are met in a snapshot, beside writers, and counted in the head if the row groups that
 * they are in are still the same blocks. For a writer who keeps changing them the portion becomes
 * smaller, and in the end so small that it is counted under the lock, a thousandth of a second at a
 * time: there each portion may copy as many blocks of counts as it has rows, 300 ns a row, while
 * six million at once take 3.
 */
#define PORTION ((uint64_t)1 << 24)	/* rows at most, a tenth of a second: who closes waits for it */
#define STEP 4096			/* rows under the lock */

static struct stoa__table *find_uncounted(const struct stoa__version *v)
{
	struct stoa__table *t;
	uint64_t id = 0;

	while ((t = stoa__tree_next(v->tables, id, false, &id)))
		if (t->uncounted_from)
			return t;
	return NULL;
}

int stoa__settling_begin(struct stoa_db *db, uint64_t n, struct stoa__settling *s,
			 struct stoa_error *err)
{
	*s = (struct stoa__settling){ .v = stoa__history_snapshot_quietly(&db->history) };
	s->table = find_uncounted(s->v);
	if (!s->table)
		return STOA_OK;
	s->from = s->table->uncounted_from;
	s->end = end_of(s->table, n);
	return stoa__refs_meet(s->v, s->table, s->from, s->end, &s->met, err);
}

void stoa__settling_release(struct stoa__settling *s)
{
	stoa__refs_met_free(s->met);
	stoa__version_drop_quietly(s->v);
}

/* Do the rows that were met wait in @t, a later version of the table, as they were? */
static bool are_unchanged(const struct stoa__settling *s, const struct stoa__table *t)
{
	const struct stoa__group *a, *b;
	uint64_t at = s->from, at_b = at;

	if (!t || t->schema != s->table->schema || t->uncounted_from != s->from ||
	    t->uncounted_end < s->end)
		return false;
	a = stoa__tree_floor(s->table->groups, at);
	b = stoa__tree_floor(t->groups, at);
	while (a == b && (a = stoa__tree_next(s->table->groups, at, false, &at)) && at < s->end)
		b = stoa__tree_next(t->groups, at_b, false, &at_b);
	return !a || at >= s->end;
}

/* Changes @table in a version on the head that shows what that does. The writer's lock is held. */
static int change_quietly(struct stoa_db *db, uint32_t table,
			  int (*change)(void *ctx, struct stoa__version *w, struct stoa__table *t,
					struct stoa_error *err),
			  void *ctx, struct stoa_error *err)
{
	struct stoa__version *base = db->history.head, *w = stoa__history_begin(&db->history);
	uint64_t commit = base->commit;
	struct stoa__table *t;
	int rc;

	if (!w)
		return stoa__fail_memory(err);
	rc = stoa__table_own(w, table, &t) < 0 ? stoa__fail_memory(err) : change(ctx, w, t, err);
	if (rc < 0) {
		stoa__history_rollback(w, base, base);
		stoa__history_end(w, base);
		return rc;
	}
	stoa__history_commit(w, base, commit, stoa__history_is_published(&db->history, commit));
	return STOA_OK;
}

static int tell_met(void *ctx, struct stoa__version *w, struct stoa__table *t,
		    struct stoa_error *err)
{
	const struct stoa__settling *s = ctx;

	STOA_TRY(stoa__refs_tell(s->met, w, err));
	rows_are_counted(t, s->end);
	return STOA_OK;
}

int stoa__settling_end(struct stoa_db *db, struct stoa__settling *s, bool *done,
		       struct stoa_error *err)
{
	*done = are_unchanged(s, stoa__table_find(db->history.head, s->table->id));
	return *done ? change_quietly(db, s->table->id, tell_met, s, err) : STOA_OK;
}

static int count_some(void *ctx, struct stoa__version *w, struct stoa__table *t,
		      struct stoa_error *err)
{
	return count_rows(w, t, *(const uint64_t *)ctx, err);
}

int stoa__refs_settle_some(struct stoa_db *db, uint64_t n, bool *more, struct stoa_error *err)
{
	const struct stoa__table *t = find_uncounted(db->history.head);

	*more = t;
	return t ? change_quietly(db, t->id, count_some, &n, err) : STOA_OK;
}

/* Up to @n rows, beside writers: *@done unless they were changed, *@more if there were any. */
static int settle_beside(struct stoa_db *db, uint64_t n, bool *done, bool *more,
			 uint64_t *longest_ns, struct stoa_error *err)
{
	struct stoa__settling s;
	int rc = stoa__settling_begin(db, n, &s, err);
	uint64_t took;

	*more = s.table;
	*done = true;
	if (rc == STOA_OK && s.table) {
		stoa__writer_lock(db);
		took = stoa__now_ns();
		rc = stoa__settling_end(db, &s, done, err);
		took = stoa__now_ns() - took;
		stoa__writer_unlock(db);
		*longest_ns = took > *longest_ns ? took : *longest_ns;
	}
	stoa__settling_release(&s);
	return rc;
}

static int settle_step(struct stoa_db *db, bool *more, uint64_t *longest_ns, struct stoa_error *err)
{
	uint64_t took;
	int rc;

	stoa__writer_lock(db);
	took = stoa__now_ns();
	rc = stoa__refs_settle_some(db, STEP, more, err);
	took = stoa__now_ns() - took;
	stoa__writer_unlock(db);
	*longest_ns = took > *longest_ns ? took : *longest_ns;
	return rc;
}

int stoa__refs_settle_all(struct stoa_db *db, uint64_t *longest_ns, struct stoa_error *err)
{
	bool more = true, done = true;
	uint64_t n = PORTION;
	int rc = STOA_OK;

	while (more && rc == STOA_OK && !atomic_load(&db->gc.cancel)) {
		rc = n > STOA__GROUP_ROWS ? settle_beside(db, n, &done, &more, longest_ns, err) :
					    settle_step(db, &more, longest_ns, err);
		if (!done && n > STOA__GROUP_ROWS)
			n /= 4;
		stoa__writer_let_others(db);
	}
	return rc;
}

/* ---- for who asks about one row ---- */

struct search {
	uint64_t row, n;
};

static int count_equal(void *ctx, const uint64_t *refs, uint32_t n, struct stoa_error *err)
{
	struct search *s = ctx;

	(void)err;
	for (uint32_t i = 0; i < n; i++)
		s->n += refs[i] == s->row;
	return STOA_OK;
}

int stoa__refs_count_of(const struct stoa__version *v, const struct stoa__table *t, uint64_t row,
			uint64_t *out, struct stoa_error *err)
{
	struct search s = { row, stoa__counts_get(t, row) };
	const struct stoa__table *from;
	uint64_t id = 0;

	while (stoa__table_is_all_members(t) && (from = stoa__tree_next(v->tables, id, false, &id)))
		for (uint32_t i = 0; i < from->schema->n_slots && from->uncounted_from; i++) {
			const struct stoa_slot *def = &from->schema->slots[i].def;

			if (def->type == STOA_REF && def->target == t->id)
				STOA_TRY(stoa__refs_walk(from, i, from->uncounted_from,
							 from->uncounted_end, count_equal, &s, err));
		}
	*out = s.n;
	return STOA_OK;
}
