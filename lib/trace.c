/* SPDX-License-Identifier: MIT */
/* trace.c - traces as trees: made, added up, walked, compared; see trace.h */
#include "trace.h"

#include <stdatomic.h>
#include <string.h>

#include "core/alloc.h"

static const char *const kind_names[] = {
	[STOA_TRACE_DATABASE] = "database", [STOA_TRACE_TABLE] = "table",
	[STOA_TRACE_SLOT] = "slot",	    [STOA_TRACE_COLUMN] = "column",
	[STOA_TRACE_TAIL] = "tail",	    [STOA_TRACE_OVERLAY] = "overlay",
	[STOA_TRACE_ROWS] = "rows",	    [STOA_TRACE_INDEX] = "index",
	[STOA_TRACE_STRINGS] = "strings",   [STOA_TRACE_FILES] = "files",
	[STOA_TRACE_PINNED] = "pinned",	    [STOA_TRACE_WORK] = "work",
	[STOA_TRACE_OTHER] = "other",	    [STOA_TRACE_SITE] = "call site",
};

const char *stoa_trace_kind_name(int kind)
{
	if (kind < STOA_TRACE_DATABASE || kind > STOA_TRACE_SITE)
		return "unknown";
	return kind_names[kind];
}

int64_t stoa_trace_measure_of(const struct stoa_trace_node *node, int measure)
{
	switch (measure) {
	case STOA_TRACE_BY_MEMORY:
		return node->memory;
	case STOA_TRACE_BY_DISK:
		return node->disk;
	case STOA_TRACE_BY_BYTES:
		return node->memory + node->disk;
	case STOA_TRACE_BY_GARBAGE:
		return node->memory_garbage + node->disk_garbage;
	case STOA_TRACE_BY_UNLINKED:
		return node->unlinked;
	case STOA_TRACE_BY_COUNT:
		return node->count;
	default:
		return 0;
	}
}

uint64_t stoa_trace_memory(void)
{
	return stoa__alloc_bytes();
}

/* ---- making ---- */

struct stoa_trace *stoa__trace_new(void)
{
	return stoa__calloc(1, sizeof(struct stoa_trace));
}

/* Traces are not part of what they tell of: else each would change the next. */
static _Atomic uint64_t heap_of_all;

static void count_heap(struct stoa_trace *t, uint64_t heap)
{
	atomic_fetch_add(&heap_of_all, heap - t->heap);
	t->heap = heap;
}

uint64_t stoa__trace_heap(struct stoa_trace *t)
{
	uint64_t sum = stoa__alloc_size(t) + stoa__alloc_size(t->nodes) +
		       stoa__alloc_size(t->json.p);

	for (uint32_t i = 0; i < t->n; i++)
		sum += stoa__alloc_size(t->nodes[i].name);
	count_heap(t, sum);
	return atomic_load(&heap_of_all);
}

void stoa_trace_free(stoa_trace *trace)
{
	if (!trace)
		return;
	count_heap(trace, 0);
	for (uint32_t i = 0; i < trace->n; i++)
		stoa__free((char *)(uintptr_t)trace->nodes[i].name);
	stoa__free(trace->nodes);
	stoa__buf_release(&trace->json);
	stoa__free(trace);
}

static struct stoa_trace_node *add_node(struct stoa_trace *t, int kind, const char *name,
					size_t len)
{
	struct stoa_trace_node *node, *nodes;
	char *copy;

	if (t->failed)
		return NULL;
	t->failed = true;
	if (t->n == t->cap) {
		uint32_t cap = t->cap ? t->cap * 2 : 64;

		nodes = stoa__realloc_array(t->nodes, cap, sizeof *nodes);
		if (!nodes)
			return NULL;
		t->nodes = nodes;
		t->cap = cap;
	}
	copy = stoa__strndup(name, len);
	if (!copy)
		return NULL;
	t->failed = false;
	node = &t->nodes[t->n];
	*node = (struct stoa_trace_node){ .name = copy, .kind = kind, .parent = t->open,
					  .end = t->n + 1 };
	if (t->n)
		node->depth = t->nodes[t->open].depth + 1;
	t->n++;
	return node;
}

void stoa__trace_open(struct stoa_trace *t, int kind, const char *name, size_t len)
{
	if (add_node(t, kind, name, len))
		t->open = t->n - 1;
}

void stoa__trace_close(struct stoa_trace *t, int64_t count)
{
	struct stoa_trace_node *node;

	if (t->failed)
		return;
	node = &t->nodes[t->open];
	node->end = t->n;
	node->count = count;
	t->open = node->parent;
}

void stoa__trace_leaf(struct stoa_trace *t, int kind, const char *name,
		      const struct stoa__trace_sum *s)
{
	struct stoa_trace_node *node;

	if (!s->memory && !s->disk && !s->unlinked && !s->count)
		return;
	node = add_node(t, kind, name, strlen(name));
	if (!node)
		return;
	node->memory = s->memory;
	node->disk = s->disk;
	node->unlinked = s->unlinked;
	node->memory_garbage = s->memory_garbage;
	node->disk_garbage = s->disk_garbage;
	node->count = s->count;
}

static void add_up(struct stoa_trace_node *to, const struct stoa_trace_node *node, int sign)
{
	to->memory += sign * node->memory;
	to->disk += sign * node->disk;
	to->unlinked += sign * node->unlinked;
	to->memory_garbage += sign * node->memory_garbage;
	to->disk_garbage += sign * node->disk_garbage;
}

int stoa__trace_finish(struct stoa_trace *t)
{
	if (t->failed)
		return STOA_ENOMEM;
	/*
	 * Those below a node come behind it, so that backwards each is complete when it is its
	 * turn.
	 */
	for (uint32_t i = t->n; i-- > 1;)
		add_up(&t->nodes[t->nodes[i].parent], &t->nodes[i], 1);
	(void)stoa__trace_heap(t);
	return STOA_OK;
}

/* ---- reading ---- */

const struct stoa_trace_node *stoa_trace_node(const stoa_trace *trace, size_t i)
{
	return trace && i < trace->n ? &trace->nodes[i] : NULL;
}

size_t stoa_trace_path(const stoa_trace *trace, size_t i, char *buf, size_t size)
{
	static const char between[] = " / ";
	uint32_t chain[STOA__TRACE_DEPTH_MAX];
	size_t n = 0, len = 0;

	if (size)
		buf[0] = '\0';
	if (!trace || i >= trace->n)
		return 0;
	for (size_t at = i; at && n < STOA__TRACE_DEPTH_MAX; at = trace->nodes[at].parent)
		chain[n++] = (uint32_t)at;
	for (size_t k = n ? n : 1; k-- > 0;) {
		const char *parts[] = { k + 1 < n ? between : "",
					trace->nodes[n ? chain[k] : 0].name };

		for (int j = 0; j < 2; j++)
			for (const char *p = parts[j]; *p; p++, len++)
				if (len + 1 < size) {
					buf[len] = *p;
					buf[len + 1] = '\0';
				}
	}
	return len;
}

static uint64_t magnitude(const stoa_trace *trace, size_t i, int measure)
{
	int64_t x = stoa_trace_measure_of(&trace->nodes[i], measure);

	return x < 0 ? -(uint64_t)x : (uint64_t)x;
}

size_t stoa_trace_top(const stoa_trace *trace, int measure, size_t *out, size_t n)
{
	size_t found = 0;

	/*
	 * An insertion into a short sorted list; of equal nodes the first in the walk stands first.
	 */
	for (size_t i = 0; trace && n && i < trace->n; i++) {
		uint64_t x = trace->nodes[i].end == i + 1 ? magnitude(trace, i, measure) : 0;
		size_t at = found;

		while (at && magnitude(trace, out[at - 1], measure) < x)
			at--;
		if (!x || at == n)
			continue;
		if (found < n)
			found++;
		memmove(&out[at + 1], &out[at], (found - at - 1) * sizeof *out);
		out[at] = i;
	}
	return found;
}

/* ---- comparing ---- */

/*
 * Node below @above of @t that is what @node is, or 0. A kind and name may be there more than once:
 * the first is meant.
 */
static uint32_t counterpart(const stoa_trace *t, uint32_t above, const struct stoa_trace_node *node)
{
	for (uint32_t i = above + 1; i < t->nodes[above].end; i = t->nodes[i].end)
		if (t->nodes[i].kind == node->kind && !strcmp(t->nodes[i].name, node->name))
			return i;
	return 0;
}

static const stoa_trace nothing;

/*
 * Writes what node @b of @newer has beyond node @a of @older, and so all the way down. Depth is
 * bounded: by STOA__TRACE_DEPTH_MAX. Of one that is in one trace alone the other is @nothing.
 */
static void compare_nodes(const stoa_trace *older, uint32_t a, const stoa_trace *newer, uint32_t b,
			  stoa_trace *out)
{
	const struct stoa_trace_node *was = older == &nothing ? NULL : &older->nodes[a];
	const struct stoa_trace_node *is = newer == &nothing ? NULL : &newer->nodes[b];
	const struct stoa_trace_node *some = is ? is : was;
	struct stoa_trace_node change = { 0 };
	uint32_t at = out->n;

	stoa__trace_open(out, some->kind, some->name, strlen(some->name));
	for (uint32_t i = b + 1; is && i < is->end; i = newer->nodes[i].end) {
		uint32_t same = was ? counterpart(older, a, &newer->nodes[i]) : 0;

		compare_nodes(same ? older : &nothing, same, newer, i, out);
	}
	for (uint32_t i = a + 1; was && i < was->end; i = older->nodes[i].end)
		if (!is || !counterpart(newer, b, &older->nodes[i]))
			compare_nodes(older, i, &nothing, 0, out);
	stoa__trace_close(out, (is ? is->count : 0) - (was ? was->count : 0));
	/*
	 * One that has grown nodes below it since is compared as a whole, and gets the rest in a
	 * node of its own.
	 */
	if (out->failed)
		return;
	if (is && is->end == b + 1)
		add_up(&change, is, 1);
	if (was && was->end == a + 1)
		add_up(&change, was, -1);
	if (out->n == at + 1) {
		add_up(&out->nodes[at], &change, 1);
		return;
	}
	out->open = at;
	stoa__trace_leaf(out, some->kind, some->name,
			 &(struct stoa__trace_sum){ change.memory, change.disk, change.unlinked,
						    change.memory_garbage, change.disk_garbage, 0 });
	stoa__trace_close(out, out->failed ? 0 : out->nodes[at].count);
}

int stoa_trace_compare(const stoa_trace *older, const stoa_trace *newer, stoa_trace **out,
		       struct stoa_error *err)
{
	stoa_trace *t;

	if (!older || !newer || !out || !older->n || !newer->n)
		return stoa__fail(err, STOA_EINVAL, "two traces, and room for a third, are needed");
	*out = NULL;
	t = stoa__trace_new();
	if (!t)
		return stoa__fail_memory(err);
	t->is_difference = true;
	compare_nodes(older, 0, newer, 0, t);
	if (stoa__trace_finish(t) < 0) {
		stoa_trace_free(t);
		return stoa__fail_memory(err);
	}
	*out = t;
	return STOA_OK;
}
