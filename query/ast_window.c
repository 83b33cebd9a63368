/* SPDX-License-Identifier: MIT */
/* ast_window.c - windows in the syntax tree: OVER, WINDOW, frames */
#include "parse.h"

#include "../lib/core/error.h"
#include "query/sql.h"

struct stoa__ast_window *stoa__ast_window_new(struct stoa__parse *ps, struct stoa__token at,
					      struct stoa__ast_list *partition,
					      struct stoa__ast_items *order,
					      const struct stoa__ast_frame *frame)
{
	struct stoa__ast_window *w = stoa__parse_alloc(ps, sizeof *w);

	if (!w)
		return NULL;
	w->at = at;
	w->partition = partition;
	w->order = order;
	w->frame = *frame;
	return w;
}

struct stoa__ast_window *stoa__ast_window_name(struct stoa__ast_window *w, struct stoa__token name,
					       struct stoa__ast_window *next)
{
	if (!w)
		return NULL;
	w->name = name;
	w->next = next;
	return w;
}

struct stoa__ast_edge stoa__ast_current_row(struct stoa__token at)
{
	return (struct stoa__ast_edge){ STOA__EDGE_CURRENT, at, NULL };
}

static void refuse(struct stoa__parse *ps, const struct stoa__token *at, const char *what)
{
	if (ps->rc >= 0)
		ps->rc = stoa__fail_at(ps->err, STOA_EINVAL, at->line, at->column, "%s", what);
}

struct stoa__ast_frame stoa__ast_frame_of(struct stoa__parse *ps, struct stoa__token unit,
					  struct stoa__ast_edge start, struct stoa__ast_edge end)
{
	int kind = unit.kind == TK_ROWS	 ? STOA__FRAME_ROWS :
		   unit.kind == TK_RANGE ? STOA__FRAME_RANGE :
					   STOA__FRAME_GROUPS;

	if (start.place == STOA__EDGE_LAST)
		refuse(ps, &start.at, "a frame cannot start at UNBOUNDED FOLLOWING");
	else if (end.place == STOA__EDGE_FIRST)
		refuse(ps, &end.at, "a frame cannot end at UNBOUNDED PRECEDING");
	else if (start.place > end.place)
		refuse(ps, &start.at, "a frame cannot start behind its end");
	return (struct stoa__ast_frame){ kind, start, end };
}

struct stoa__ast *stoa__ast_over(struct stoa__parse *ps, struct stoa__ast *call,
				 struct stoa__ast_window *window)
{
	const struct stoa__ast_edge *edges[2];

	if (!call || !window)
		return NULL;
	call->over = window;
	for (uint32_t i = 0; window->partition && i < window->partition->n; i++)
		if (!stoa__ast_hang(ps, call, window->partition->items[i]))
			return NULL;
	for (const struct stoa__ast_item *i = window->order ? window->order->first : NULL; i;
	     i = i->next)
		if (!stoa__ast_hang(ps, call, i->expr))
			return NULL;
	edges[0] = &window->frame.start;
	edges[1] = &window->frame.end;
	for (int i = 0; i < 2; i++)
		if (edges[i]->offset && !stoa__ast_hang(ps, call, edges[i]->offset))
			return NULL;
	return call;
}
