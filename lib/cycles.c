/* SPDX-License-Identifier: MIT */
/*
 * cycles.c - see cycles.h
 *
 * Trial deletion (Bacon and Rajan, "Concurrent cycle collection in reference counted systems", ECOOP 2001) over the
 * kept rows that can be reached from the candidates, as arrays:
 *
 *     nodes    rows, in the order in which they were met, and a hash table to find them
 *     edges    edge[start[i] .. start[i + 1])   the nodes that node i refers to
 *
 * A node's count minus the edges that lead to it is what refers to it from outside: members, holds, rows that
 * are no candidates' children. Where that is not zero, and from there on, rows live; the others die. A member is never
 * a node: it lives, and keeps what it refers to by being outside.
 *
 * Where we differ: the graph is that of a snapshot, so nothing is locked and nothing changes while it is looked at.
 * What is dead in a snapshot is dead for ever, unless somebody who remembers the rowid of a kept row makes a reference to
 * it, changes it, or holds it: the tables and the database count these *touches*, and as long as none was made the
 * verdict stands. Otherwise it is thrown away, and the rows stay candidates.
 *
 * (1) Nodes are kept rows of tables that lie on a cycle of the schema's strong references. (2) The rows of a
 * connected component die in one commit, so that no reference in a row that exists ever dangles.
 */
#include "cycles.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/alloc.h"

#define NONE UINT32_MAX
#define NODES_MAX (UINT32_MAX / 4)
#define STEP_ROWS 512		/* that die in a commit, or one component if it has more */
#define CASCADE_ROWS 1024	/* that die of their deaths; the rest waits for the next commit */

struct node {
	uint64_t row;
	uint32_t table;
	uint32_t outside;	/* references that do not come from nodes */
	uint32_t start;		/* its edges are from here to the next node's */
	uint32_t parent;	/* towards the name of its component */
	bool lives;
};

struct graph {
	struct stoa_db *db;
	const struct stoa__version *v;
	uint32_t *tables;	/* that can form a cycle, ascending */
	size_t n_tables;
	struct node *nodes;
	size_t n, cap;
	uint32_t *slots;	/* of the hash table, NONE where free */
	size_t cap_slots;	/* a power of two, at most half of them in use */
	uint32_t *edges;
	size_t n_edges, cap_edges;
	uint64_t touches;	/* when the snapshot was taken */
	const struct stoa__table *counts_of;	/* the block of counts that was read last */
	const struct stoa__counts *counts;
	uint64_t counts_key;
};

static void graph_release(struct graph *g)
{
	stoa__free(g->tables);
	stoa__free(g->nodes);
	stoa__free(g->slots);
	stoa__free(g->edges);
}

/* ---- tables that can form a cycle ---- */

struct search {
	const struct stoa__version *v;
	uint32_t to;
	uint32_t *seen;		/* tables on the way, each once */
	size_t n;
};

static bool is_seen(const struct search *s, uint32_t table)
{
	for (size_t i = 0; i < s->n; i++)
		if (s->seen[i] == table)
			return true;
	return false;
}

/* Adds the tables that @t refers to; is s->to among them? */
static bool look_from(struct search *s, const struct stoa__table *t)
{
	for (uint32_t i = 0; i < t->schema->n_slots && t->schema->n_refs; i++) {
		const struct stoa_slot *def = &t->schema->slots[i].def;

		if (def->type != STOA_REF)
			continue;
		if (def->target == s->to)
			return true;
		if (!is_seen(s, def->target))
			s->seen[s->n++] = def->target;
	}
	return false;
}

/* Can a row of the table come back to itself? */
static bool is_cyclic(struct search *s, const struct stoa__table *t)
{
	s->n = 0;
	s->to = t->id;
	if (look_from(s, t))
		return true;
	for (size_t i = 0; i < s->n; i++) {
		const struct stoa__table *next = stoa__table_find(s->v, s->seen[i]);

		if (next && look_from(s, next))
			return true;
	}
	return false;
}

static int count_one(void *ctx, uint64_t key, void *value)
{
	(void)key;
	(void)value;
	++*(size_t *)ctx;
	return STOA_OK;
}

static int find_tables(struct graph *g)
{
	struct search s = { .v = g->v };
	const struct stoa__table *t;
	size_t n = 0;
	uint64_t id = 0;

	(void)stoa__tree_walk(g->v->tables, 0, count_one, &n);
	g->tables = stoa__alloc((n + 1) * sizeof *g->tables);
	s.seen = stoa__alloc((n + 1) * sizeof *s.seen);
	if (!g->tables || !s.seen) {
		stoa__free(s.seen);
		return STOA_ENOMEM;
	}
	while ((t = stoa__tree_next(g->v->tables, id, false, &id)))
		if (is_cyclic(&s, t))
			g->tables[g->n_tables++] = t->id;
	stoa__free(s.seen);
	return STOA_OK;
}

static int compare_ids(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

static bool can_cycle(const struct graph *g, uint32_t table)
{
	return g->n_tables &&
	       bsearch(&table, g->tables, g->n_tables, sizeof *g->tables, compare_ids);
}

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

/* ---- the graph ---- */

/* Sixteen rows in a row share a cache line: what dies together tends to have been made together. */
static size_t home_of(const struct graph *g, uint32_t table, uint64_t row)
{
	uint64_t x = (row >> 4 ^ (uint64_t)table << 40) * UINT64_C(0x9e3779b97f4a7c15);

	return (size_t)(x >> 32 << 4 | (row & 15)) & (g->cap_slots - 1);
}

/* The slot in which the row's node is, or would be put. */
static uint32_t *find_slot(const struct graph *g, uint32_t table, uint64_t row)
{
	size_t i = home_of(g, table, row);

	while (g->slots[i] != NONE && (g->nodes[g->slots[i]].row != row ||
				       g->nodes[g->slots[i]].table != table))
		i = (i + 1) & (g->cap_slots - 1);
	return &g->slots[i];
}

/* Makes room for one more node. */
static int grow(struct graph *g)
{
	size_t cap = g->cap ? 2 * g->cap : 1024;
	struct node *nodes;
	uint32_t *slots;

	if (g->n < g->cap)
		return STOA_OK;
	if (g->n >= NODES_MAX)
		return STOA_ENOMEM;
	nodes = stoa__realloc_array(g->nodes, cap, sizeof *nodes);
	if (!nodes)
		return STOA_ENOMEM;
	g->nodes = nodes;
	slots = stoa__alloc(2 * cap * sizeof *slots);
	if (!slots)
		return STOA_ENOMEM;
	stoa__free(g->slots);
	g->slots = slots;
	g->cap = cap;
	g->cap_slots = 2 * cap;
	memset(slots, 0xff, g->cap_slots * sizeof *slots);
	for (size_t i = 0; i < g->n; i++)
		*find_slot(g, nodes[i].table, nodes[i].row) = (uint32_t)i;
	return STOA_OK;
}

/* The count of a row; neighbours are in one block. */
static uint32_t count_of(struct graph *g, const struct stoa__table *t, uint64_t row)
{
	if (g->counts_of != t || row / STOA__COUNTS_ROWS != g->counts_key) {
		g->counts_of = t;
		g->counts_key = row / STOA__COUNTS_ROWS;
		g->counts = stoa__counts_find(t, row);
	}
	return g->counts ? g->counts->n[row % STOA__COUNTS_ROWS] : 0;
}

/* The node of a row of table @t, made if it is a kept row; NONE if it is not, or is gone. */
static int node_of(struct graph *g, const struct stoa__table *t, uint64_t row, uint32_t *out,
		   struct stoa_error *err)
{
	struct stoa__place at;
	uint32_t *slot;
	int rc;

	*out = NONE;
	if (!t->n_kept)
		return STOA_OK;
	if (grow(g) < 0)
		return stoa__fail_memory(err);
	slot = find_slot(g, t->id, row);
	if (*slot == NONE) {
		rc = stoa__table_locate_existing(t, row, &at, err);
		if (rc == STOA_ENOTFOUND || (rc == STOA_OK && stoa__group_alive(at.group, at.row)))
			return STOA_OK;
		STOA_TRY(rc);
		*slot = (uint32_t)g->n;
		g->nodes[g->n] = (struct node){ .row = row,
						.table = t->id,
						.outside = count_of(g, t, row),
						.parent = (uint32_t)g->n };
		g->n++;
	}
	*out = *slot;
	return STOA_OK;
}

static int add_edge(struct graph *g, uint32_t to)
{
	if (g->n_edges == g->cap_edges) {
		size_t cap = g->cap_edges ? 2 * g->cap_edges : 4096;
		uint32_t *edges = cap <= UINT32_MAX ?
					  stoa__realloc_array(g->edges, cap, sizeof *edges) :
					  NULL;

		if (!edges)
			return STOA_ENOMEM;
		g->edges = edges;
		g->cap_edges = cap;
	}
	g->edges[g->n_edges++] = to;
	return STOA_OK;
}

static int follow(void *ctx, uint32_t table, uint64_t row, struct stoa_error *err)
{
	struct graph *g = ctx;
	const struct stoa__table *t = can_cycle(g, table) ? stoa__table_find(g->v, table) : NULL;
	uint32_t to = NONE;

	if (t)
		STOA_TRY(node_of(g, t, row, &to, err));
	if (to == NONE)
		return STOA_OK;
	/* Fewer than are counted is damage: the row lives. */
	if (g->nodes[to].outside)
		g->nodes[to].outside--;
	else
		g->nodes[to].lives = true;
	return add_edge(g, to) < 0 ? stoa__fail_memory(err) : STOA_OK;
}

/* Follows what the nodes refer to, which adds nodes, until all have been. */
static int follow_all(struct graph *g, struct stoa_error *err)
{
	for (size_t i = 0; i < g->n; i++) {
		const struct stoa__table *t = stoa__table_find(g->v, g->nodes[i].table);
		struct stoa__place at;

		g->nodes[i].start = (uint32_t)g->n_edges;
		STOA_TRY(stoa__table_locate_existing(t, g->nodes[i].row, &at, err));
		STOA_TRY(stoa__refs_of(t, at, follow, g, err));
	}
	return STOA_OK;
}

static size_t end_of(const struct graph *g, size_t i)
{
	return i + 1 < g->n ? g->nodes[i + 1].start : g->n_edges;
}

/* Marks all nodes that something outside keeps. */
static int mark(struct graph *g)
{
	uint32_t *todo = stoa__alloc((g->n + 1) * sizeof *todo);
	size_t n = 0;

	if (!todo)
		return STOA_ENOMEM;
	for (size_t i = 0; i < g->n; i++) {
		struct node *node = &g->nodes[i];

		node->lives |= node->outside ||
			       stoa__row_is_held(&g->db->lives, node->table, node->row);
		if (node->lives)
			todo[n++] = (uint32_t)i;
	}
	while (n) {
		uint32_t i = todo[--n];

		for (size_t e = g->nodes[i].start; e < end_of(g, i); e++) {
			struct node *to = &g->nodes[g->edges[e]];

			if (!to->lives) {
				to->lives = true;
				todo[n++] = g->edges[e];
			}
		}
	}
	stoa__free(todo);
	return STOA_OK;
}

/* ---- components of what is dead ---- */

static uint32_t root_of(struct graph *g, uint32_t i)
{
	while (g->nodes[i].parent != i) {
		g->nodes[i].parent = g->nodes[g->nodes[i].parent].parent;
		i = g->nodes[i].parent;
	}
	return i;
}

/* The dead nodes into @dead, component by component; @first is room for one more number than there are nodes. */
static size_t list_dead(struct graph *g, uint32_t *first, uint32_t *dead)
{
	size_t n = 0;

	for (uint32_t i = 0; i < g->n; i++) {
		for (size_t e = g->nodes[i].start; e < end_of(g, i) && !g->nodes[i].lives; e++) {
			uint32_t a = root_of(g, i), b = root_of(g, g->edges[e]);

			if (a < b)
				g->nodes[b].parent = a;
			else
				g->nodes[a].parent = b;
		}
	}
	/* A counting sort by name. */
	memset(first, 0, (g->n + 1) * sizeof *first);
	for (uint32_t i = 0; i < g->n; i++)
		if (!g->nodes[i].lives)
			first[root_of(g, i) + 1]++;
	for (size_t i = 0; i < g->n; i++)
		first[i + 1] += first[i];
	for (uint32_t i = 0; i < g->n; i++) {
		if (g->nodes[i].lives)
			continue;
		dead[first[root_of(g, i)]++] = i;
		n++;
	}
	return n;
}

/* ---- candidates ---- */

static int compare_rows(const void *a, const void *b)
{
	const struct stoa__row_id *x = a, *y = b;

	if (x->table != y->table)
		return x->table < y->table ? -1 : 1;
	return (x->row > y->row) - (x->row < y->row);
}

static int add_candidates(struct graph *g, struct stoa__id_list *l, struct stoa_error *err)
{
	uint32_t node;

	/* In the order of rowids neighbours are read one after the other. */
	if (l->n)
		qsort(l->p, l->n, sizeof *l->p, compare_rows);
	for (size_t i = 0; i < l->n; i++) {
		const struct stoa__table *t = can_cycle(g, l->p[i].table) ?
						      stoa__table_find(g->v, l->p[i].table) :
						      NULL;

		if (t)
			STOA_TRY(node_of(g, t, l->p[i].row, &node, err));
	}
	return STOA_OK;
}

static int add_kept(void *ctx, const struct stoa__table *t, uint64_t row)
{
	struct graph *g = ctx;
	uint32_t node;

	return can_cycle(g, t->id) ? node_of(g, t, row, &node, NULL) : STOA_OK;
}

static int find_dead(struct graph *g, struct stoa__id_list *l, bool all, struct stoa_error *err)
{
	if (find_tables(g) < 0)
		return stoa__fail_memory(err);
	STOA_TRY(add_candidates(g, l, err));
	if (all && stoa__kept_walk(g->v, add_kept, g) < 0)
		return stoa__fail(err, STOA_ENOMEM, "rows that live on cannot be listed");
	STOA_TRY(follow_all(g, err));
	return mark(g) < 0 ? stoa__fail_memory(err) : STOA_OK;
}

/* ---- deaths ---- */

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static int kill_node(struct graph *g, struct stoa_txn *txn, struct stoa__deaths *d, uint32_t i,
		     struct stoa_error *err)
{
	const struct node *node = &g->nodes[i];
	struct stoa__table *t = stoa__table_find(txn->version, node->table);
	struct stoa__place at;
	int rc = t ? stoa__table_locate_existing(t, node->row, &at, err) : STOA_ENOTFOUND;

	/* Gone with its table. */
	if (rc == STOA_ENOTFOUND)
		return STOA_OK;
	STOA_TRY(rc);
	return stoa__txn_kill(txn, d, t, node->row, at, err);
}

/* Some components, from dead[*at] on, die in @txn. */
static int kill_some(struct graph *g, struct stoa_txn *txn, const uint32_t *dead, size_t n,
		     size_t *at, struct stoa_error *err)
{
	struct stoa__deaths d = { 0 };
	size_t i = *at;

	while (i < n && i - *at < STEP_ROWS) {
		uint32_t name = root_of(g, dead[i]);

		for (; i < n && root_of(g, dead[i]) == name; i++)
			STOA_TRY(kill_node(g, txn, &d, dead[i], err));
	}
	*at = i;
	return stoa__txn_work_off(txn, &d, CASCADE_ROWS, err);
}

/* One commit of deaths; *@over if a touch says that the rest has to be looked at again. */
static int step(struct graph *g, const uint32_t *dead, size_t n, size_t *at, bool *over,
		struct stoa__cycles *out, struct stoa_error *err)
{
	uint64_t before, took;
	struct stoa_txn *txn;
	size_t from = *at;
	int rc;

	STOA_TRY(stoa_begin(g->db, STOA_WRITE, &txn, err));
	before = now_ns();
	txn->in_steps = true;
	*over = touches_of(g->db, txn->version) != g->touches;
	rc = *over ? STOA_OK : kill_some(g, txn, dead, n, at, err);
	if (rc == STOA_OK && !*over) {
		txn->durability = STOA_LAZY;	/* nobody waits for it: what is lost is found again */
		rc = stoa_commit(txn, err);
	} else {
		stoa_abort(txn);
	}
	took = now_ns() - before;
	if (out->longest_ns < took)
		out->longest_ns = took;
	if (rc < 0)
		*at = from;
	else
		out->n_dead += *at - from;
	stoa__writer_let_others(g->db);
	return rc;
}

/* All that was found dead dies, if nothing of it is touched; what did not is a candidate again. */
static int kill_all(struct graph *g, struct stoa__cycles *out, struct stoa_error *err)
{
	uint32_t *first = stoa__alloc((g->n + 1) * sizeof *first);
	uint32_t *dead = stoa__alloc((g->n + 1) * sizeof *dead);
	size_t n = first && dead ? list_dead(g, first, dead) : 0, at = 0;
	bool over = !first || !dead;
	int rc = over ? stoa__fail_memory(err) : STOA_OK;

	while (at < n && !over && rc == STOA_OK && !atomic_load(&g->db->gc.cancel))
		rc = step(g, dead, n, &at, &over, out, err);
	if (at < n || rc < 0)
		stoa__candidates_return(g->db, NULL, true);
	stoa__free(first);
	stoa__free(dead);
	return rc;
}

/* ---- the whole ---- */

/* A pass over what are candidates now; *@again if deaths made new ones. */
static int pass(struct stoa_db *db, struct stoa__cycles *out, bool *again, struct stoa_error *err)
{
	struct stoa__lives *l = &db->lives;
	struct graph g = { .db = db };
	struct stoa__id_list list;
	uint64_t before = out->n_dead;
	struct stoa__version *v;
	bool all;
	int rc;

	stoa__writer_lock(db);
	v = db->history.head;
	stoa__version_hold(v);
	g.v = v;
	g.touches = touches_of(db, v);
	pthread_mutex_lock(&l->mutex);
	list = l->candidates;
	l->candidates = (struct stoa__id_list){ NULL, 0, 0 };
	all = l->all_candidates;
	l->all_candidates = false;
	pthread_mutex_unlock(&l->mutex);
	stoa__writer_unlock(db);
	rc = find_dead(&g, &list, all, err);
	stoa__version_drop(v);
	out->n_looked_at += g.n;
	if (rc == STOA_OK)
		rc = kill_all(&g, out, err);
	else
		stoa__candidates_return(db, &list, all);
	stoa__id_list_release(&list);
	graph_release(&g);
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
