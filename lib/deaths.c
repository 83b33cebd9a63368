/* SPDX-License-Identifier: MIT */
/*
 * deaths.c - kept rows that die at a commit
 *
 * The suspects of a transaction, and the orphans that holds left behind since the last one, are
 * worked off from the end of one list, to which each death adds the rows that it leaves without a
 * reference. However long a chain, the list holds its front, and the log names runs of rowids:
 *
 *     17, table, first, count, up or down
 *
 * (1) A row dies here only if it is kept, has no count and no hold, as things are when it is looked
 * at. (2) What the log names has died by then in that order: replay does the same without looking.
 */
#include "core/alloc.h"
#include "db.h"

/* Deaths not yet in the log. */
static int flush(struct stoa_txn *txn, struct stoa__deaths *d, struct stoa_error *err)
{
	int rc = d->n && txn->db->path ? stoa__redo_deaths(txn, d) : STOA_OK;

	d->n = 0;
	return rc < 0 ? stoa__fail_memory(err) : STOA_OK;
}

static bool extends(struct stoa__deaths *d, uint32_t table, uint64_t row)
{
	if (!d->n || d->table != table)
		return false;
	if (d->n == 1 && row + 1 == d->first)
		d->up = false;
	return row == (d->up ? d->first + d->n : d->first - d->n);
}

static int note_death(struct stoa_txn *txn, struct stoa__deaths *d, uint32_t table, uint64_t row,
		      struct stoa_error *err)
{
	if (!extends(d, table, row)) {
		STOA_TRY(flush(txn, d, err));
		*d = (struct stoa__deaths){ .first = row, .table = table, .up = true };
	}
	d->n++;
	return STOA_OK;
}

int stoa__txn_kill(struct stoa_txn *txn, struct stoa__deaths *d, struct stoa__table *t,
		   uint64_t row, struct stoa__place at, struct stoa_error *err)
{
	if (stoa__table_own(txn->version, t->id, &t) < 0)
		return stoa__fail_memory(err);
	STOA_TRY(note_death(txn, d, t->id, row, err));
	txn->dirty = true;
	return stoa__refs_die(txn->version, &txn->loose, t, row, at, err);
}

/* Has the row a reason to exist? If not, it dies. */
static int look_at(struct stoa_txn *txn, struct stoa__deaths *d, struct stoa__row_id id,
		   struct stoa_error *err)
{
	struct stoa__table *t = stoa__table_find(txn->version, id.table);
	struct stoa__place at;
	uint32_t n;
	int rc;

	if (!t || !t->n_kept)
		return STOA_OK;
	rc = stoa__table_locate_existing(t, id.row, &at, err);
	if (rc == STOA_ENOTFOUND)
		return STOA_OK;
	STOA_TRY(rc);
	if (stoa__group_alive(at.group, at.row) || stoa__row_is_held(&txn->db->lives, id.table, id.row))
		return STOA_OK;
	n = stoa__counts_get(t, id.row);
	if (n)
		return stoa__loose_note(&txn->loose, t, id.row, n, err);
	return stoa__txn_kill(txn, d, t, id.row, at, err);
}

int stoa__txn_work_off(struct stoa_txn *txn, struct stoa__deaths *d, size_t n_max,
		       struct stoa_error *err)
{
	struct stoa__id_list *l = &txn->loose.suspects;

	for (size_t n = 0; l->n && n < n_max; n++)
		STOA_TRY(look_at(txn, d, l->p[--l->n], err));
	return flush(txn, d, err);
}

/* Orphans become suspects; the transaction remembers them, in case it does not take place. */
static int take_orphans(struct stoa_txn *txn)
{
	struct stoa__id_list *from = &txn->db->lives.orphans, *to = &txn->loose.suspects;

	if (stoa__id_list_reserve(to, from->n) < 0)
		return STOA_ENOMEM;
	for (size_t i = 0; i < from->n; i++)
		to->p[to->n++] = from->p[i];
	txn->orphans = *from;
	*from = (struct stoa__id_list){ NULL, 0, 0 };
	stoa__orphans_changed(&txn->db->lives);
	return STOA_OK;
}

int stoa__txn_reap(struct stoa_txn *txn, struct stoa_error *err)
{
	struct stoa__lives *l = &txn->db->lives;
	struct stoa__deaths d = { 0 };
	int rc = STOA_OK;

	if (txn->in_steps)
		return STOA_OK;
	if (stoa__orphans_wait(l)) {
		pthread_mutex_lock(&l->mutex);
		rc = take_orphans(txn);
		pthread_mutex_unlock(&l->mutex);
	}
	return rc < 0 ? stoa__fail_memory(err) : stoa__txn_work_off(txn, &d, SIZE_MAX, err);
}

#define LIST_MAX ((size_t)1 << 22)	/* beyond that, looking everywhere is as good */

/* Adds all of @from to @to, and forgets @from; whether there was room. The mutex is held. */
static bool hand_over(struct stoa__id_list *from, struct stoa__id_list *to)
{
	bool room = to->n + from->n <= LIST_MAX && stoa__id_list_reserve(to, from->n) == STOA_OK;

	for (size_t i = 0; i < from->n && room; i++)
		to->p[to->n++] = from->p[i];
	stoa__id_list_release(from);
	return room;
}

void stoa__txn_let_loose(struct stoa_txn *txn, bool committed)
{
	struct stoa__lives *l = &txn->db->lives;

	pthread_mutex_lock(&l->mutex);
	if (!hand_over(&txn->loose.candidates, &l->candidates))
		l->all_candidates = true;
	/* What finds no room is found when the database is opened again. */
	if (!committed)
		(void)hand_over(&txn->orphans, &l->orphans);
	else if (txn->in_steps)
		(void)hand_over(&txn->loose.suspects, &l->orphans);
	stoa__orphans_changed(l);
	pthread_mutex_unlock(&l->mutex);
	stoa__id_list_release(&txn->orphans);
	stoa__loose_release(&txn->loose);
}

/* ---- looking everywhere ---- */

struct walk {
	const struct stoa__table *table;
	stoa__kept_each *each;
	void *ctx;
};

static int walk_group(void *ctx, uint64_t first, void *value)
{
	const struct walk *k = ctx;
	const struct stoa__group *g = value;
	uint64_t row;

	(void)first;
	for (uint32_t i = 0; i < stoa__group_rows(k->table, g) && g->n_kept; i++) {
		if (!stoa__group_kept(g, i))
			continue;
		STOA_TRY(stoa__group_rowids(g, i, 1, &row, NULL));
		STOA_TRY(k->each(k->ctx, k->table, row));
	}
	return STOA_OK;
}

static int walk_table(void *ctx, uint64_t id, void *value)
{
	struct walk *k = ctx;

	(void)id;
	k->table = value;
	if (!k->table->n_kept)
		return STOA_OK;
	STOA_TRY(stoa__tree_walk(k->table->groups, 0, walk_group, k));
	return k->table->tail ? walk_group(k, 0, k->table->tail) : STOA_OK;
}

int stoa__kept_walk(const struct stoa__version *v, stoa__kept_each *each, void *ctx)
{
	struct walk k = { NULL, each, ctx };

	return stoa__tree_walk(v->tables, 0, walk_table, &k);
}

static int add_orphan(void *ctx, const struct stoa__table *t, uint64_t row)
{
	struct stoa__lives *l = ctx;

	l->all_candidates = true;
	if (stoa__counts_get(t, row))
		return STOA_OK;
	STOA_TRY(stoa__id_list_reserve(&l->orphans, 1));
	l->orphans.p[l->orphans.n++] = (struct stoa__row_id){ row, t->id };
	return STOA_OK;
}

void stoa__orphans_find(struct stoa_db *db)
{
	/* Those that are not found, since a file cannot be read, wait for an opening that can. */
	(void)stoa__kept_walk(db->history.head, add_orphan, &db->lives);
	stoa__orphans_changed(&db->lives);
}

void stoa__candidates_return(struct stoa_db *db, struct stoa__id_list *list, bool all)
{
	struct stoa__lives *l = &db->lives;

	pthread_mutex_lock(&l->mutex);
	l->all_candidates |= all || !hand_over(list, &l->candidates);
	pthread_mutex_unlock(&l->mutex);
}
