/* SPDX-License-Identifier: MIT */
/* visitor.c - see visitor.h */
#include "visitor.h"

#include "core/alloc.h"

#define SIFTED 1024	/* dead blocks that are worth looking at for a row group that was passed */

/* The visitors of one table in one version. */
struct stoa__visited {
	struct stoa__visited *next;
	uint32_t table;
	uint64_t least;		/* of their @from */
	struct stoa__visitor *visitors;
};

/* That of @table, made if there is none; NULL when memory is out. */
static struct stoa__visited *visited_of(struct stoa__version *v, uint32_t table)
{
	struct stoa__visited *g = v->visited;

	while (g && g->table != table)
		g = g->next;
	if (g)
		return g;
	g = stoa__calloc(1, sizeof *g);
	if (!g)
		return NULL;
	g->table = table;
	g->least = STOA__VISITOR_DONE;
	g->next = v->visited;
	v->visited = g;
	return g;
}

/* Has the least of all risen? */
static bool find_least(struct stoa__visited *g)
{
	uint64_t before = g->least;

	g->least = STOA__VISITOR_DONE;
	for (const struct stoa__visitor *r = g->visitors; r; r = r->next)
		if (r->from < g->least)
			g->least = r->from;
	return g->least > before;
}

static void free_visited(struct stoa__version *v, struct stoa__visited *g)
{
	struct stoa__visited **at = &v->visited;

	while (*at != g)
		at = &(*at)->next;
	*at = g->next;
	stoa__free(g);
}

int stoa__visitor_begin(struct stoa__visitor *r, struct stoa__version *v, uint32_t table,
		       uint64_t from)
{
	struct stoa__link doomed;
	struct stoa__visited *g;

	stoa__blocks_init(&doomed);
	pthread_mutex_lock(&v->history->mutex);
	g = visited_of(v, table);
	if (g) {
		*r = (struct stoa__visitor){ .next = g->visitors, .version = v, .visited = g,
					    .from = from, .is_cursor = r->is_cursor };
		if (r->next)
			r->next->prev = r;
		g->visitors = r;
		if (from < g->least)
			g->least = from;
		v->n_visitors++;
		stoa__version_sift(v, &doomed);
	}
	pthread_mutex_unlock(&v->history->mutex);
	stoa__blocks_free(v->history, &doomed);
	return g ? STOA_OK : STOA_ENOMEM;
}

void stoa__visitor_advance(struct stoa__visitor *r, uint64_t from)
{
	struct stoa__version *v = r->version;
	struct stoa__visited *g = r->visited;
	struct stoa__link doomed;
	bool behind;

	if (!v || from <= r->from)
		return;
	stoa__blocks_init(&doomed);
	pthread_mutex_lock(&v->history->mutex);
	behind = r->from == g->least;
	r->from = from;
	if (behind && find_least(g) &&
	    (from == STOA__VISITOR_DONE || ++v->passed * SIFTED >= v->sifted))
		stoa__version_sift(v, &doomed);
	pthread_mutex_unlock(&v->history->mutex);
	stoa__blocks_free(v->history, &doomed);
}

void stoa__visitor_end(struct stoa__visitor *r)
{
	struct stoa__version *v = r->version;

	if (!v)
		return;
	pthread_mutex_lock(&v->history->mutex);
	if (r->next)
		r->next->prev = r->prev;
	if (r->prev)
		r->prev->next = r->next;
	else
		r->visited->visitors = r->next;
	(void)find_least(r->visited);
	if (!r->visited->visitors)
		free_visited(v, r->visited);
	v->n_visitors--;		/* a whole hold again, which is dropped as such */
	pthread_mutex_unlock(&v->history->mutex);
	r->version = NULL;
	stoa__version_drop(v);
}

bool stoa__visitors_need(const struct stoa__version *v, const struct stoa__block *b)
{
	switch ((enum stoa__block_kind)b->kind) {
	case STOA__KIND_NODE:
	case STOA__KIND_TABLE:
	case STOA__KIND_SCHEMA: return true;
	case STOA__KIND_INDEX:
	case STOA__KIND_COUNTS: return false;
	default: break;
	}
	if (!b->table)
		return true;
	for (const struct stoa__visited *g = v->visited; g; g = g->next)
		if (g->table == b->table)
			return b->group >= g->least;
	return false;
}

uint64_t stoa__visitors_count_cursors(const struct stoa__version *v)
{
	uint64_t n = 0;

	for (const struct stoa__visited *g = v->visited; g; g = g->next)
		for (const struct stoa__visitor *r = g->visitors; r; r = r->next)
			n += r->is_cursor;
	return n;
}
