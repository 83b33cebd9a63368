/* SPDX-License-Identifier: MIT */
/*
 * cycles.c - see cycles.h
 *
 * Trial deletion (Bacon and Rajan, "Concurrent cycle collection in reference counted systems",
 * ECOOP 2001) over the kept rows that can be reached from the candidates: graph.h says which of
 * them are dead.
 *
 * Where we differ: the graph is that of a snapshot, so nothing is locked and nothing changes while
 * it is looked at. What is dead in a snapshot is dead for ever, unless somebody who remembers the
 * rowid of a kept row makes a reference to it, changes it, or holds it: the tables and the database
 * count these *touches*, and as long as none was made the verdict stands. Otherwise it is thrown
 * away, and the rows stay candidates.
 *
 * Invariant: the rows of a connected component die in one commit, so that no reference in a row
 * that exists ever dangles.
 */
#include "cycles.h"

#include <stdlib.h>

#include "core/alloc.h"
#include "core/clock.h"
#include "graph.h"

#define STEP_ROWS 512		/* that die in a commit, or one component if it has more */
#define CASCADE_ROWS 1024	/* that die of their deaths; the rest waits for the next commit */

/* ---- touches ---- */

static int add_touches(void *ctx, uint64_t id, void *value)
{
	const struct stoa__table *t = value;

	*(uint64_t *)ctx += t->touches * (2 * id + 1);
	return STOA_OK;
}

/* A number that is another one once a kept row was touched. */
static uint64_t touches_of(struct stoa_db *db, const struct stoa__version *v)
{
	uint64_t sum;

	pthread_mutex_lock(&db->lives.mutex);
	sum = db->lives.n_touched;
	pthread_mutex_unlock(&db->lives.mutex);
	(void)stoa__tree_walk(v->tables, 0, add_touches, &sum);
	return sum;
}

/* ---- candidates ---- */

static int compare_rows(const void *a, const void *b)
{
	const struct stoa__row_id *x = a, *y = b;

	if (x->table != y->table)
		return x->table < y->table ? -1 : 1;
	return (x->row > y->row) - (x->row < y->row);
}

/*
 * In the order of rowids neighbours are read one after the other; rows tend to lose references in
 * that order, too.
 */
static void sort(struct stoa__id_list *l)
{
	size_t i = 1;

	while (i < l->n && compare_rows(&l->p[i - 1], &l->p[i]) <= 0)
		i++;
	if (i < l->n)
		qsort(l->p, l->n, sizeof *l->p, compare_rows);
}

static int add_candidates(struct stoa__graph *g, struct stoa__id_list *l, struct stoa_error *err)
{
	sort(l);
	for (size_t i = 0; i < l->n; i++)
		STOA_TRY(stoa__graph_add(g, l->p[i].table, l->p[i].row, err));
	return STOA_OK;
}

static int add_kept(void *ctx, const struct stoa__table *t, uint64_t row)
{
	return stoa__graph_add(ctx, t->id, row, NULL);
}

static int find_dead(struct stoa__graph *g, struct stoa__id_list *l, bool all,
		     struct stoa_error *err)
{
	if (stoa__graph_find_tables(g) < 0)
		return stoa__fail_memory(err);
	STOA_TRY(add_candidates(g, l, err));
	if (all && stoa__kept_walk(g->v, add_kept, g) < 0)
		return stoa__fail(err, STOA_ENOMEM, "rows that live on cannot be listed");
	STOA_TRY(stoa__graph_follow(g, err));
	return stoa__graph_mark(g) < 0 ? stoa__fail_memory(err) : STOA_OK;
}

/* ---- deaths ---- */

/* What is to die, unless something of it is touched. */
struct verdict {
	struct stoa__graph *graph;
	uint64_t touches;	/* when the snapshot was taken */
	uint32_t *dead;		/* component by component */
	size_t n, at;		/* nodes; the first that has not died yet */
	bool over;		/* by a touch: the rest has to be looked at again */
};

static int kill_node(const struct stoa__graph_node *node, struct stoa_txn *txn,
		     struct stoa__deaths *d, struct stoa_error *err)
{
	struct stoa__table *t = stoa__table_find(txn->version, node->table);
	struct stoa__place at;
	int rc = t ? stoa__table_locate_existing(t, node->row, &at, err) : STOA_ENOTFOUND;

	/* Gone with its table. */
	if (rc == STOA_ENOTFOUND)
		return STOA_OK;
	STOA_TRY(rc);
	return stoa__txn_kill(txn, d, t, node->row, at, err);
}

/* Some components die in @txn; *@end receives where the next one begins. */
static int kill_some(const struct verdict *v, struct stoa_txn *txn, size_t *end,
		     struct stoa_error *err)
{
	struct stoa__graph *g = v->graph;
	struct stoa__deaths d = { 0 };
	size_t i = v->at;

	while (i < v->n && i - v->at < STEP_ROWS) {
		uint32_t name = stoa__graph_root(g, v->dead[i]);

		for (; i < v->n && stoa__graph_root(g, v->dead[i]) == name; i++)
			STOA_TRY(kill_node(&g->nodes[v->dead[i]], txn, &d, err));
	}
	*end = i;
	return stoa__txn_work_off(txn, &d, CASCADE_ROWS, err);
}

/* One commit of deaths. */
static int step(struct verdict *v, struct stoa__cycles *out, struct stoa_error *err)
{
	struct stoa_db *db = v->graph->db;
	uint64_t before, took;
	struct stoa_txn *txn;
	size_t end = v->at;
	int rc;

	STOA_TRY(stoa_begin(db, STOA_WRITE, &txn, err));
	before = stoa__now_ns();
	txn->in_steps = txn->unhurried = true;
	v->over = touches_of(db, txn->version) != v->touches;
	rc = v->over ? STOA_OK : kill_some(v, txn, &end, err);
	if (rc == STOA_OK && !v->over) {
		txn->durability = STOA_LAZY;	/* nobody waits for it: what is lost is found again */
		rc = stoa_commit(txn, err);
	} else {
		stoa_abort(txn);
	}
	took = stoa__now_ns() - before;
	if (out->longest_ns < took)
		out->longest_ns = took;
	if (rc == STOA_OK) {
		out->n_dead += end - v->at;
		v->at = end;
	}
	stoa__writer_let_others(db);
	return rc;
}

/* All that was found dead dies; what did not is a candidate again. */
static int kill_all(struct stoa__graph *g, uint64_t touches, struct stoa__cycles *out,
		    struct stoa_error *err)
{
	uint32_t *first = stoa__alloc((g->n + 1) * sizeof *first);
	struct verdict v = { .graph = g, .touches = touches };
	int rc = STOA_OK;

	v.dead = stoa__alloc((g->n + 1) * sizeof *v.dead);
	if (first && v.dead)
		v.n = stoa__graph_list_dead(g, first, v.dead);
	else
		rc = stoa__fail_memory(err);
	while (v.at < v.n && !v.over && rc == STOA_OK && !atomic_load(&g->db->gc.cancel))
		rc = step(&v, out, err);
	if (v.at < v.n || rc < 0)
		stoa__candidates_return(g->db, NULL, true);
	stoa__free(first);
	stoa__free(v.dead);
	return rc;
}

/* ---- the whole ---- */

/* A pass over what are candidates now; *@again if deaths made new ones. */
static int pass(struct stoa_db *db, struct stoa__cycles *out, bool *again, struct stoa_error *err)
{
	struct stoa__lives *l = &db->lives;
	struct stoa__graph g = { .db = db };
	struct stoa__id_list list;
	uint64_t before = out->n_dead, touches;
	struct stoa__version *v;
	bool all;
	int rc;

	stoa__writer_lock(db);
	v = db->history.head;
	stoa__version_hold_quietly(v);
	g.v = v;
	touches = touches_of(db, v);
	pthread_mutex_lock(&l->mutex);
	list = l->candidates;
	l->candidates = (struct stoa__id_list){ NULL, 0, 0 };
	all = l->all_candidates;
	l->all_candidates = false;
	pthread_mutex_unlock(&l->mutex);
	stoa__writer_unlock(db);
	rc = find_dead(&g, &list, all, err);
	stoa__version_drop_quietly(v);
	out->n_looked_at += g.n;
	if (rc == STOA_OK)
		rc = kill_all(&g, touches, out, err);
	else
		stoa__candidates_return(db, &list, all);
	stoa__id_list_release(&list);
	stoa__graph_release(&g);
	*again = out->n_dead > before && !atomic_load(&db->gc.cancel);
	return rc;
}

/* A commit with nothing in it but the deaths of orphans. */
static int reap_orphans(struct stoa_db *db, struct stoa_error *err)
{
	struct stoa_txn *txn;

	if (!stoa__orphans_wait(&db->lives))
		return STOA_OK;
	STOA_TRY(stoa_begin(db, STOA_WRITE, &txn, err));
	txn->durability = STOA_LAZY;
	txn->unhurried = true;
	return stoa_commit(txn, err);
}

int stoa__cycles_collect(struct stoa_db *db, struct stoa__cycles *out, struct stoa_error *err)
{
	bool again = true;
	int rc;

	if (stoa__writer_is_me(db))
		return stoa__fail(err, STOA_ESTATE,
				  "this thread has a write transaction open: finish it first");
	pthread_mutex_lock(&db->lives.collecting);
	rc = reap_orphans(db, err);
	while (again && rc == STOA_OK) {
		rc = pass(db, out, &again, err);
		if (rc == STOA_OK)
			rc = reap_orphans(db, err);
	}
	pthread_mutex_unlock(&db->lives.collecting);
	return rc;
}
