/* SPDX-License-Identifier: MIT */
/*
 * handle.c - see handle.h; deletions from the table of holds are Knuth's algorithm R (TAOCP 3, 6.4)
 */
#include "handle.h"

#include <string.h>

#include "core/alloc.h"
#include "db.h"

struct stoa_handle {
	struct stoa_db *db;
	stoa_rowid row;
	stoa_table table;
	bool strong;
	bool is_void;
	struct stoa_handle **list;		/* that of a transaction, or NULL */
	struct stoa_handle *next, *prev;	/* in it */
};

void stoa__lives_init(struct stoa__lives *l)
{
	memset(l, 0, sizeof *l);
	pthread_mutex_init(&l->mutex, NULL);
	pthread_mutex_init(&l->collecting, NULL);
}

void stoa__lives_release(struct stoa__lives *l)
{
	stoa__free(l->holds);
	stoa__id_list_release(&l->orphans);
	stoa__id_list_release(&l->candidates);
	pthread_mutex_destroy(&l->mutex);
	pthread_mutex_destroy(&l->collecting);
}

/* ---- holds; the mutex is held ---- */

static size_t home_of(const struct stoa__lives *l, uint32_t table, uint64_t row)
{
	uint64_t x = (row ^ ((uint64_t)table << 40)) * UINT64_C(0x9e3779b97f4a7c15);

	return (size_t)(x >> 32) & (l->cap_holds - 1);
}

/* The place of a row: where it is, or where it would be put. */
static struct stoa__hold *find_hold(const struct stoa__lives *l, uint32_t table, uint64_t row)
{
	size_t i = home_of(l, table, row);

	while (l->holds[i].n && (l->holds[i].row != row || l->holds[i].table != table))
		i = (i + 1) & (l->cap_holds - 1);
	return &l->holds[i];
}

/* Makes room for one more row. */
static int grow_holds(struct stoa__lives *l)
{
	struct stoa__hold *old = l->holds;
	size_t cap = l->cap_holds;

	if (2 * (l->n_holds + 1) <= cap)
		return STOA_OK;
	l->holds = stoa__calloc(cap ? 2 * cap : 64, sizeof *l->holds);
	if (!l->holds) {
		l->holds = old;
		return STOA_ENOMEM;
	}
	l->cap_holds = cap ? 2 * cap : 64;
	for (size_t i = 0; i < cap; i++)
		if (old[i].n)
			*find_hold(l, old[i].table, old[i].row) = old[i];
	stoa__free(old);
	return STOA_OK;
}

static int add_hold(struct stoa__lives *l, uint32_t table, uint64_t row)
{
	struct stoa__hold *h;

	STOA_TRY(grow_holds(l));
	h = find_hold(l, table, row);
	l->n_holds += !h->n;
	*h = (struct stoa__hold){ row, table, h->n + 1 };
	return STOA_OK;
}

/* Closes the gap at place @i. */
static void close_gap(struct stoa__lives *l, size_t i)
{
	size_t mask = l->cap_holds - 1;

	for (size_t j = (i + 1) & mask; l->holds[j].n; j = (j + 1) & mask) {
		size_t home = home_of(l, l->holds[j].table, l->holds[j].row);

		if (((j - home) & mask) < ((j - i) & mask))
			continue;
		l->holds[i] = l->holds[j];
		i = j;
	}
	l->holds[i].n = 0;
}

/* Gives up a hold; was it the last one of its row? */
static bool drop_hold(struct stoa__lives *l, uint32_t table, uint64_t row)
{
	struct stoa__hold *h = find_hold(l, table, row);

	if (--h->n)
		return false;
	l->n_holds--;
	close_gap(l, (size_t)(h - l->holds));
	return true;
}

bool stoa__hold_find(struct stoa__lives *l, uint32_t table, uint64_t row)
{
	bool held;

	pthread_mutex_lock(&l->mutex);
	held = l->n_holds && find_hold(l, table, row)->n;
	pthread_mutex_unlock(&l->mutex);
	return held;
}

/* ---- lists of transactions; the mutex is held ---- */

static void join(struct stoa_handle *h, struct stoa_handle **list)
{
	h->list = list;
	h->next = *list;
	if (h->next)
		h->next->prev = h;
	*list = h;
}

static void leave(struct stoa_handle *h)
{
	if (!h->list)
		return;
	if (h->prev)
		h->prev->next = h->next;
	else
		*h->list = h->next;
	if (h->next)
		h->next->prev = h->prev;
	h->list = NULL;
	h->next = h->prev = NULL;
}

static bool has_rowid(const struct stoa__version *v, const struct stoa_handle *h)
{
	const struct stoa__table *t = stoa__table_find(v, h->table);

	return t && h->row < t->next_rowid;
}

void stoa__handles_forget_undone(struct stoa_txn *txn)
{
	struct stoa__lives *l = &txn->db->lives;
	struct stoa_handle *h, *next;

	if (!txn->handles)
		return;
	pthread_mutex_lock(&l->mutex);
	for (h = txn->handles; h; h = next) {
		next = h->next;
		if (has_rowid(txn->version, h))
			continue;
		leave(h);
		h->is_void = true;
		if (h->strong)
			(void)drop_hold(l, h->table, h->row);
	}
	pthread_mutex_unlock(&l->mutex);
}

void stoa__handles_settle(struct stoa_txn *txn)
{
	struct stoa__lives *l = &txn->db->lives;

	pthread_mutex_lock(&l->mutex);
	while (txn->handles)
		leave(txn->handles);
	pthread_mutex_unlock(&l->mutex);
}

/* ---- handles ---- */

/* A handle of a row that exists in @v, the newest that there is if it is strong. */
static int make(struct stoa_txn *txn, const struct stoa__version *v, stoa_table table,
		stoa_rowid row, bool strong, struct stoa_handle **out, struct stoa_error *err)
{
	struct stoa__lives *l = &txn->db->lives;
	struct stoa__table *t = stoa__table_find(v, table);
	struct stoa_handle *h;
	int rc;

	if (!t)
		return stoa__fail(err, STOA_ENOTFOUND, "there is no table number %u", table);
	rc = stoa__row_exists(t, row, err);
	if (rc == STOA_ENOTFOUND)
		return stoa__row_not_found(t, row, err);
	STOA_TRY(rc);
	h = stoa__calloc(1, sizeof *h);
	if (!h)
		return stoa__fail_memory(err);
	*h = (struct stoa_handle){ .db = txn->db, .row = row, .table = table, .strong = strong };
	pthread_mutex_lock(&l->mutex);
	rc = strong ? add_hold(l, table, row) : STOA_OK;
	if (rc == STOA_OK) {
		l->n_touched += strong;
		l->n_handles++;
		if (txn->write && !has_rowid(txn->base, h))
			join(h, &txn->handles);
	}
	pthread_mutex_unlock(&l->mutex);
	if (rc < 0) {
		stoa__free(h);
		return stoa__fail_memory(err);
	}
	*out = h;
	return STOA_OK;
}

int stoa_row_hold(stoa_txn *txn, stoa_table table, stoa_rowid row, stoa_handle **out,
		  struct stoa_error *err)
{
	struct stoa_db *db;
	int rc;

	if (!out)
		return stoa__fail(err, STOA_EINVAL, "there is no room for the handle");
	*out = NULL;
	STOA_TRY(stoa__txn_enter(txn, err));
	db = txn->db;
	if (db->read_only)
		return stoa__fail(err, STOA_EREADONLY,
				  "the database was opened read-only: the process that writes knows "
				  "nothing of holds in this one");
	if (txn->write)
		return make(txn, txn->version, table, row, true, out, err);
	if (stoa__writer_is_me(db))
		return stoa__fail(err, STOA_ESTATE,
				  "this thread has a write transaction open: hold the row in that one");
	stoa__writer_lock(db);
	rc = make(txn, db->history.head, table, row, true, out, err);
	stoa__writer_unlock(db);
	return rc;
}

int stoa_row_weak(stoa_txn *txn, stoa_table table, stoa_rowid row, stoa_handle **out,
		  struct stoa_error *err)
{
	if (!out)
		return stoa__fail(err, STOA_EINVAL, "there is no room for the handle");
	*out = NULL;
	STOA_TRY(stoa__txn_enter(txn, err));
	return make(txn, txn->version, table, row, false, out, err);
}

int stoa_row_resolve(stoa_txn *txn, const stoa_handle *handle, stoa_table *table, stoa_rowid *row,
		     struct stoa_error *err)
{
	bool is_void;
	int rc;

	STOA_TRY(stoa__txn_enter(txn, err));
	if (!handle || handle->db != txn->db)
		return stoa__fail(err, STOA_EINVAL, "the handle is not one of this database");
	pthread_mutex_lock(&txn->db->lives.mutex);
	is_void = handle->is_void;
	pthread_mutex_unlock(&txn->db->lives.mutex);
	if (is_void)
		return STOA_END;
	rc = stoa__row_exists(stoa__table_find(txn->version, handle->table), handle->row, err);
	if (rc == STOA_ENOTFOUND)
		return STOA_END;
	STOA_TRY(rc);
	if (table)
		*table = handle->table;
	if (row)
		*row = handle->row;
	return STOA_ROW;
}

void stoa_row_release(stoa_handle *h)
{
	struct stoa__lives *l;

	if (!h || stoa__db_enter(h->db, NULL) < 0)
		return;	/* after a fork the mutex may be in any state */
	l = &h->db->lives;
	pthread_mutex_lock(&l->mutex);
	leave(h);
	if (h->strong && !h->is_void && drop_hold(l, h->table, h->row)) {
		/* One that finds no room is found when the database is opened again. */
		if (stoa__id_list_reserve(&l->orphans, 1) == STOA_OK)
			l->orphans.p[l->orphans.n++] =
				(struct stoa__row_id){ h->row, h->table };
		stoa__orphans_changed(l);
	}
	l->n_handles--;
	pthread_mutex_unlock(&l->mutex);
	stoa__free(h);
}

int stoa_row_refcount(stoa_txn *txn, stoa_table table, stoa_rowid row, uint64_t *out,
		      struct stoa_error *err)
{
	struct stoa__table *t;
	int rc;

	STOA_TRY(stoa__txn_enter(txn, err));
	STOA_TRY(stoa__txn_table(txn, table, &t, err));
	if (!out)
		return stoa__fail(err, STOA_EINVAL, "there is no room for the count");
	rc = stoa__row_exists(t, row, err);
	if (rc == STOA_ENOTFOUND)
		return stoa__row_not_found(t, row, err);
	STOA_TRY(rc);
	return stoa__refs_count_of(txn->version, t, row, out, err);
}
