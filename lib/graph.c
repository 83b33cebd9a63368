/* SPDX-License-Identifier: MIT */
/* graph.c - see graph.h */
#include "graph.h"

#include <stdlib.h>
#include <string.h>

#include "core/alloc.h"

#define NONE UINT32_MAX
#define NODES_MAX (UINT32_MAX / 4)

void stoa__graph_release(struct stoa__graph *g)
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

int stoa__graph_find_tables(struct stoa__graph *g)
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

static bool can_cycle(const struct stoa__graph *g, uint32_t table)
{
	return g->n_tables &&
	       bsearch(&table, g->tables, g->n_tables, sizeof *g->tables, compare_ids);
}

/* Neighbours tend to be of one table. */
const struct stoa__table *stoa__graph_table(struct stoa__graph *g, uint32_t id)
{
	if (g->at.id != id) {
		g->at.id = id;
		g->at.table = can_cycle(g, id) ? stoa__table_find(g->v, id) : NULL;
		g->at.group = NULL;
		g->at.counts_key = UINT64_MAX;
	}
	return g->at.table;
}

/* ---- the graph ---- */

/* Sixteen rows in a row share a cache line: what dies together tends to have been made together. */
static size_t home_of(const struct stoa__graph *g, uint32_t table, uint64_t row)
{
	uint64_t x = (row >> 4 ^ (uint64_t)table << 40) * UINT64_C(0x9e3779b97f4a7c15);

	return (size_t)(x >> 32 << 4 | (row & 15)) & (g->cap_slots - 1);
}

/* The slot in which the row's node is, or would be put. */
static uint32_t *find_slot(const struct stoa__graph *g, uint32_t table, uint64_t row)
{
	size_t i = home_of(g, table, row);

	while (g->slots[i] != NONE && (g->nodes[g->slots[i]].row != row ||
				       g->nodes[g->slots[i]].table != table))
		i = (i + 1) & (g->cap_slots - 1);
	return &g->slots[i];
}

/* Makes room for one more node. */
static int grow(struct stoa__graph *g)
{
	size_t cap = g->cap ? 2 * g->cap : 1024;
	struct stoa__graph_node *nodes;
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

/* The count of a row of the table that was asked for last; neighbours are in one block. */
static uint32_t count_of(struct stoa__graph *g, uint64_t row)
{
	if (row / STOA__COUNTS_ROWS != g->at.counts_key) {
		g->at.counts_key = row / STOA__COUNTS_ROWS;
		g->at.counts = stoa__counts_find(g->at.table, row);
	}
	return g->at.counts ? g->at.counts->n[row % STOA__COUNTS_ROWS] : 0;
}

/*
 * As stoa__table_locate_existing(), of the table that was asked for last; neighbours are in one
 * group.
 */
static int locate(struct stoa__graph *g, uint64_t row, struct stoa__place *out,
		  struct stoa_error *err)
{
	const struct stoa__group *near = g->at.group;

	if (!near || !near->base || row < near->first || row > near->base->last) {
		STOA_TRY(stoa__table_locate_existing(g->at.table, row, out, err));
		g->at.group = out->group;
		return STOA_OK;
	}
	out->group = g->at.group;
	STOA_TRY(stoa__base_row(near->base, row, &out->row, err));
	return stoa__group_exists(near, out->row) ? STOA_OK : STOA_ENOTFOUND;
}

/*
 * The node of a row, made if it is a kept row of a table that can form a cycle; NONE if not, or if
 * it is gone.
 */
static int node_of(struct stoa__graph *g, uint32_t table, uint64_t row, uint32_t *out,
		   struct stoa_error *err)
{
	const struct stoa__table *t = stoa__graph_table(g, table);
	struct stoa__place at;
	uint32_t *slot;
	int rc;

	*out = NONE;
	if (!t || !t->n_kept)
		return STOA_OK;
	if (grow(g) < 0)
		return stoa__fail_memory(err);
	slot = find_slot(g, t->id, row);
	if (*slot == NONE) {
		rc = locate(g, row, &at, err);
		if (rc == STOA_ENOTFOUND || (rc == STOA_OK && stoa__group_alive(at.group, at.row)))
			return STOA_OK;
		STOA_TRY(rc);
		*slot = (uint32_t)g->n;
		g->nodes[g->n] = (struct stoa__graph_node){ .row = row,
						.table = t->id,
						.outside = count_of(g, row),
						.parent = (uint32_t)g->n };
		g->n++;
	}
	*out = *slot;
	return STOA_OK;
}

static int add_edge(struct stoa__graph *g, uint32_t to)
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
	struct stoa__graph *g = ctx;
	uint32_t to;

	STOA_TRY(node_of(g, table, row, &to, err));
	if (to == NONE)
		return STOA_OK;
	/* Fewer than are counted is damage: the row lives. */
	if (g->nodes[to].outside)
		g->nodes[to].outside--;
	else
		g->nodes[to].lives = true;
	return add_edge(g, to) < 0 ? stoa__fail_memory(err) : STOA_OK;
}

int stoa__graph_add(struct stoa__graph *g, uint32_t table, uint64_t row, struct stoa_error *err)
{
	uint32_t node;

	return node_of(g, table, row, &node, err);
}

int stoa__graph_follow(struct stoa__graph *g, struct stoa_error *err)
{
	for (size_t i = 0; i < g->n; i++) {
		const struct stoa__table *t = stoa__graph_table(g, g->nodes[i].table);
		struct stoa__place at;

		g->nodes[i].start = (uint32_t)g->n_edges;
		STOA_TRY(locate(g, g->nodes[i].row, &at, err));
		STOA_TRY(stoa__refs_of(t, at, follow, g, err));
	}
	return STOA_OK;
}

static size_t end_of(const struct stoa__graph *g, size_t i)
{
	return i + 1 < g->n ? g->nodes[i + 1].start : g->n_edges;
}

int stoa__graph_mark(struct stoa__graph *g)
{
	uint32_t *todo = stoa__alloc((g->n + 1) * sizeof *todo);
	size_t n = 0;

	if (!todo)
		return STOA_ENOMEM;
	for (size_t i = 0; i < g->n; i++) {
		struct stoa__graph_node *node = &g->nodes[i];

		node->lives |= node->outside ||
			       stoa__row_is_held(&g->db->lives, node->table, node->row);
		if (node->lives)
			todo[n++] = (uint32_t)i;
	}
	while (n) {
		uint32_t i = todo[--n];

		for (size_t e = g->nodes[i].start; e < end_of(g, i); e++) {
			struct stoa__graph_node *to = &g->nodes[g->edges[e]];

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

uint32_t stoa__graph_root(struct stoa__graph *g, uint32_t i)
{
	while (g->nodes[i].parent != i) {
		g->nodes[i].parent = g->nodes[g->nodes[i].parent].parent;
		i = g->nodes[i].parent;
	}
	return i;
}

size_t stoa__graph_list_dead(struct stoa__graph *g, uint32_t *first, uint32_t *dead)
{
	size_t n = 0;

	for (uint32_t i = 0; i < g->n; i++) {
		for (size_t e = g->nodes[i].start; e < end_of(g, i) && !g->nodes[i].lives; e++) {
			uint32_t a = stoa__graph_root(g, i), b = stoa__graph_root(g, g->edges[e]);

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
			first[stoa__graph_root(g, i) + 1]++;
	for (size_t i = 0; i < g->n; i++)
		first[i + 1] += first[i];
	for (uint32_t i = 0; i < g->n; i++) {
		if (g->nodes[i].lives)
			continue;
		dead[first[stoa__graph_root(g, i)]++] = i;
		n++;
	}
	return n;
}
