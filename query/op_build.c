/* SPDX-License-Identifier: MIT */
/*
 * op_build.c - the operators of a plan, one for each node
 *
 * Operators take over what they read from, so at each step there is one root to close on failure.
 *
 * A *pipeline* is a scan and what works on its rows one by one, the probe side of a join among it.
 * Where an operator that takes rows in any order stands on a pipeline, and the table has row groups
 * enough, the pipeline is built several times over (lanes.h): its nodes stay as they are, only its
 * scans are split from one.
 */
#include <string.h>

#include "../lib/core/alloc.h"
#include "../lib/core/error.h"
#include "lanes.h"

struct build {
	const struct stoa__plan *plan;
	struct stoa__tables *tables;
	struct stoa__run *run;
	struct stoa__arena *arena;
	struct stoa__node_counts *counts;
	struct stoa_error *err;
	struct stoa__op **ops;	/* by node; NULL: not there yet. Of a scan in lanes: the newest */
	struct stoa__source *split;	/* what the next scan reads; NULL: it opens its table */
	struct stoa__join_build **joins;	/* by node: what lanes of a join share */
	struct stoa__span **spans;	/* by node: of a join's keys, for the scans below it */
	bool further;			/* a lane beside the first is being built */
};

static int build(struct build *b, const struct stoa__node *n, struct stoa__op **out);
static int build_one(struct build *b, const struct stoa__node *n, struct stoa__op **out);
static int build_lanes(struct build *b, const struct stoa__node *n, struct stoa__lanes *out);
static const struct stoa__node *pipeline_scan(const struct build *b, const struct stoa__node *n);

/* Is there a memory limit? */
static bool is_limited(const struct build *b)
{
	return b->run->means.budget && b->run->means.budget->limit;
}

/*
 * Where the query says by rowid which rows it wants, or RETURNING does. Closes @source on failure.
 */
static int go_to_rows(struct build *b, const struct stoa__node *n, struct stoa__source *source,
		      size_t rowid)
{
	struct stoa__row_list *named;

	if (!source->ops->only)
		return STOA_OK;
	if (stoa__row_list_of(n->exprs, n->n_exprs, rowid, b->arena, &named) < 0) {
		source->ops->close(source);
		return stoa__fail_memory(b->err);
	}
	if (!n->only && !named) {
		int rc = stoa__row_list_by_key(n, source, b->arena, &named, b->err);

		if (rc < 0) {
			source->ops->close(source);
			return rc;
		}
	}
	if (n->only || named)
		source->ops->only(source, n->only ? n->only : named);
	if (named && b->counts)
		b->counts[n->id].index = named->index;
	return STOA_OK;
}

static int build_scan(struct build *b, const struct stoa__node *n, struct stoa__op **out)
{
	uint32_t *slots = stoa__arena_array(b->arena, n->n_columns + 1, sizeof *slots);
	struct stoa__source *source;
	size_t n_slots = 0, rowid = SIZE_MAX;

	if (!slots)
		return stoa__fail_memory(b->err);
	for (size_t i = 0; i < n->n_columns; i++) {
		if (n->slots[i] == STOA__SLOT_ROWID)
			rowid = i;
		else
			slots[n_slots++] = n->slots[i];
	}
	source = b->split;
	b->split = NULL;
	if (!source) {
		STOA_TRY(b->tables->open(b->tables, n->table, slots, n_slots, &source, b->err));
		STOA_TRY(go_to_rows(b, n, source, rowid));
		b->run->n_total += source->ops->n_rows(source);
	}
	return stoa__op_scan(source, n->n_columns, rowid, n->exprs, n->n_exprs, b->run, out,
			     b->err);
}

/* ---- sorts with a limit ---------------------------------------------------------------------- */

/*
 * The scan below sort @s that its first key comes from, through filters (*@filtered) and
 * projections, and the column there; NULL: none that has zone maps.
 */
static const struct stoa__node *key_scan(const struct stoa__node *s, size_t *column, bool *filtered)
{
	const struct stoa__node *n = s->input[0];
	size_t at = s->order[0].output;

	*filtered = false;
	for (;; n = n->input[0]) {
		if (n->kind == STOA__NODE_FILTER) {
			*filtered = true;
		} else if (n->kind == STOA__NODE_PROJECT) {
			if (n->exprs[at]->kind != STOA__BOUND_COLUMN)
				return NULL;
			at = n->exprs[at]->index;
		} else {
			break;
		}
	}
	*column = at;
	return n->kind == STOA__NODE_SCAN && n->slots[at] != STOA__SLOT_ROWID ? n : NULL;
}

/* With all rows to choose from, zone maps alone tell much about the first. */
static int foresee(struct build *b, struct stoa__bar *bar, const struct stoa__node *scan,
		   uint64_t limit)
{
	struct stoa__source *source;

	STOA_TRY(b->tables->open(b->tables, scan->table, &scan->slots[bar->column], 1, &source,
				 b->err));
	return stoa__bar_foresee(bar, source, limit, b->err);
}

static void heed(struct build *b, const struct stoa__lanes *in, const struct stoa__node *scan,
		 const struct stoa__bar *bar)
{
	for (size_t i = 0; i < in->n; i++)
		stoa__op_scan_heed(in->items[i].scan ? in->items[i].scan : b->ops[scan->id], bar);
}

static int make_bar(struct build *b, const struct stoa__node *n, const struct stoa__lanes *in,
		    struct stoa__bar **out)
{
	const struct stoa__order_key *key = &n->order[0];
	struct stoa__bar *bar = stoa__arena_zalloc(b->arena, sizeof *bar);
	const struct stoa__node *scan;
	bool filtered;

	*out = bar;
	if (!bar)
		return stoa__fail_memory(b->err);
	bar->phys = (uint8_t)stoa__prog_phys(n->columns[key->output].type.type);
	bar->descending = key->descending;
	bar->nulls_first = key->nulls_first;
	/* With several lanes an earlier row may come after its equal. */
	bar->alone = n->n_order == 1 && in->n == 1;
	bar->last = UINT64_MAX;
	bar->column = SIZE_MAX;
	scan = key_scan(n, &bar->column, &filtered);
	if (!scan) {
		bar->column = SIZE_MAX;
		return STOA_OK;
	}
	heed(b, in, scan, bar);
	return filtered ? STOA_OK : foresee(b, bar, scan, n->limit);
}

static struct stoa__type *types_of(struct build *b, const struct stoa__node *n)
{
	struct stoa__type *types = stoa__arena_array(b->arena, n->n_columns + 1, sizeof *types);

	for (size_t i = 0; types && i < n->n_columns; i++)
		types[i] = n->columns[i].type;
	return types;
}

#define LANES_LIMIT 16384	/* lanes that keep so many rows each see the bar too late to be worth it */

static int build_sort_input(struct build *b, const struct stoa__node *n, struct stoa__lanes *out)
{
	const struct stoa__node *input = n->input[0];
	struct stoa__op *root;

	if (n->limit == UINT64_MAX || n->limit <= LANES_LIMIT)
		return build_lanes(b, input, out);
	STOA_TRY(pipeline_scan(b, input) ? build_one(b, input, &root) : build(b, input, &root));
	*out = stoa__lanes_one(root, b->run);
	return STOA_OK;
}

static int build_sort(struct build *b, const struct stoa__node *n, struct stoa__op **out)
{
	struct stoa__type *types = types_of(b, n);
	struct stoa__bar *bar = NULL;
	struct stoa__lanes lanes;

	if (!types)
		return stoa__fail_memory(b->err);
	STOA_TRY(build_sort_input(b, n, &lanes));
	int rc = n->limit < UINT64_MAX ? make_bar(b, n, &lanes, &bar) : STOA_OK;
	if (rc < 0) {
		stoa__lanes_close(&lanes);
		return rc;
	}
	return stoa__op_sort(&lanes, types, n->n_columns, n->order, n->n_order, n->limit, bar, out,
			     b->err);
}

static int build_values(struct build *b, const struct stoa__node *n, struct stoa__op **out)
{
	struct stoa__type *types = types_of(b, n);

	if (!types)
		return stoa__fail_memory(b->err);
	return stoa__op_values(n->exprs, n->n_rows, types, n->n_columns, out, b->err);
}

static int build_aggregate(struct build *b, const struct stoa__node *n, struct stoa__op **out)
{
	struct stoa__lanes lanes;

	STOA_TRY(build_lanes(b, n->input[0], &lanes));
	return stoa__op_aggregate(&lanes, b->arena, n->exprs, n->n_exprs, n->global, n->aggs,
				  n->n_aggs, out, b->err);
}

/* Takes over @child. */
static int build_lookup(struct build *b, const struct stoa__node *n, struct stoa__op *child,
			struct stoa__op **out)
{
	uint32_t *slots = stoa__arena_array(b->arena, n->n_looked + 1, sizeof *slots);
	struct stoa__source *source;
	size_t n_slots = 0, rowid = SIZE_MAX;
	int rc;

	for (size_t i = 0; slots && i < n->n_looked; i++) {
		if (n->slots[i] == STOA__SLOT_ROWID)
			rowid = i;
		else
			slots[n_slots++] = n->slots[i];
	}
	rc = slots ? b->tables->open(b->tables, n->table, slots, n_slots, &source, b->err) :
		     stoa__fail_memory(b->err);
	if (rc < 0) {
		stoa__op_close(child);
		return rc;
	}
	return stoa__op_lookup(child, source, n->n_columns - n->n_looked, n->n_looked, rowid,
			       n->exprs[0]->index, n->members, out, b->err);
}

/* Takes over @child. */
static int build_unique(struct build *b, const struct stoa__node *n, struct stoa__op *child,
			struct stoa__op **out)
{
	struct stoa__type *types = types_of(b, n);

	if (!types) {
		stoa__op_close(child);
		return stoa__fail_memory(b->err);
	}
	return stoa__op_unique(child, types, n->n_columns, n->order, n->n_order, out, b->err);
}

static int build_window(struct build *b, const struct stoa__node *n, struct stoa__op *child,
			struct stoa__op **out)
{
	struct stoa__type *types = types_of(b, n->input[0]);

	if (!types) {
		stoa__op_close(child);
		return stoa__fail_memory(b->err);
	}
	return stoa__op_window(child, types, n, b->run->means.budget, out, b->err);
}

/* ---- joins ----------------------------------------------------------------------------------- */

/* Does a probe row without a partner leave nothing behind? */
static bool drops_unmatched(const struct stoa__node *n)
{
	return n->join == STOA__JOIN_INNER || n->join == STOA__JOIN_SEMI ||
	       n->join == STOA__JOIN_RIGHT || n->join == STOA__JOIN_RIGHT_SEMI ||
	       n->join == STOA__JOIN_RIGHT_ANTI;
}

/* To the column of @n's first input that column *@at is; false: it is none of them. */
static bool step_down(const struct stoa__node *n, size_t *at)
{
	switch (n->kind) {
	case STOA__NODE_FILTER: return true;
	case STOA__NODE_PROJECT:
		if (n->exprs[*at]->kind != STOA__BOUND_COLUMN)
			return false;
		*at = n->exprs[*at]->index;
		return true;
	case STOA__NODE_LOOKUP: return *at < n->n_columns - n->n_looked;
	case STOA__NODE_JOIN:
		if (n->join == STOA__JOIN_RIGHT || n->join == STOA__JOIN_FULL ||
		    n->join == STOA__JOIN_RIGHT_SEMI || n->join == STOA__JOIN_RIGHT_ANTI ||
		    n->places[*at] >= n->input[0]->n_columns)
			return false;
		*at = n->places[*at];
		return true;
	default: return false;
	}
}

/* The scan that column *@at of @n comes from, whose rows come one for one; and its column there. */
static const struct stoa__node *column_scan(const struct stoa__node *n, size_t *at)
{
	while (n->kind != STOA__NODE_SCAN) {
		if (!step_down(n, at))
			return NULL;
		n = n->input[0];
	}
	return n;
}

/*
 * Tells the scans below join @n, whose operator has been built, to heed its keys. All lanes share
 * the spans, as they do the build side; each has a scan of its own.
 */
static int pass_spans(struct build *b, const struct stoa__node *n)
{
	const struct stoa__node *owner = n->shares ? n->shares : n;
	bool first = !b->spans[n->id];

	if (!drops_unmatched(n) || !n->n_keys)
		return STOA_OK;
	if (first)
		b->spans[n->id] = stoa__arena_array(b->arena, n->n_keys, sizeof **b->spans);
	if (!b->spans[n->id])
		return stoa__fail_memory(b->err);
	for (size_t k = 0; k < n->n_keys; k++) {
		struct stoa__span *span = &b->spans[n->id][k];
		const struct stoa__bound *key = n->left_keys[k];
		size_t at = key->index;
		const struct stoa__node *scan = key->kind == STOA__BOUND_COLUMN ?
							column_scan(n->input[0], &at) :
							NULL;
		if (!scan || stoa__prog_phys(key->type.type) != STOA__PHYS_I64)
			continue;
		span->key = k;
		span->column = at;
		if (first)
			stoa__join_build_tell(b->joins[owner->id], span);
		stoa__op_scan_heed_span(b->ops[scan->id], span);
	}
	return STOA_OK;
}

/*
 * Takes over both; under a memory limit a build side may go to disk, and is not shared with joins
 * below.
 */
static int build_join(struct build *b, const struct stoa__node *n, struct stoa__op *child,
		      struct stoa__op *other, struct stoa__op **out)
{
	const struct stoa__node *owner = n->shares ? n->shares : n;

	if (n->shares && is_limited(b)) {
		*out = child;
		return STOA_OK;
	}
	STOA_TRY(stoa__op_join(child, other, &b->joins[owner->id], b->run, b->arena, n, out,
			       b->err));
	if (b->counts)
		stoa__op_join_count(*out, &b->counts[n->id]);
	int rc = pass_spans(b, n);
	if (rc < 0) {
		stoa__op_close(*out);
		*out = NULL;
	}
	return rc;
}

/* ---- nodes ----------------------------------------------------------------------------------- */

/*
 * The operator of @n on top of @child and @other, which it takes over; NULL: no such input, or @n
 * builds it itself.
 */
static int build_on(struct build *b, const struct stoa__node *n, struct stoa__op *child,
		    struct stoa__op *other, struct stoa__op **out)
{
	switch ((enum stoa__node_kind)n->kind) {
	case STOA__NODE_ONE: return stoa__op_one(out, b->err);
	case STOA__NODE_SCAN: return build_scan(b, n, out);
	case STOA__NODE_FILTER:
		return stoa__op_filter(child, b->arena, n->n_columns, n->exprs, n->n_exprs, out,
				       b->err);
	case STOA__NODE_PROJECT:
		return stoa__op_project(child, b->arena, n->exprs, n->n_exprs, out, b->err);
	case STOA__NODE_AGGREGATE: return build_aggregate(b, n, out);
	case STOA__NODE_SORT: return build_sort(b, n, out);
	case STOA__NODE_LIMIT:
		return stoa__op_limit(child, n->n_columns, n->offset, n->limit, out, b->err);
	case STOA__NODE_JOIN: return build_join(b, n, child, other, out);
	case STOA__NODE_APPEND: return stoa__op_append(child, other, out, b->err);
	case STOA__NODE_VALUES: return build_values(b, n, out);
	case STOA__NODE_UNIQUE: return build_unique(b, n, child, out);
	case STOA__NODE_WINDOW: return build_window(b, n, child, out);
	case STOA__NODE_LOOKUP: return build_lookup(b, n, child, out);
	case STOA__NODE_REPEAT:
		return stoa__op_repeat(child, b->arena, n->exprs[0], n->n_columns, out, b->err);
	}
	return stoa__fail(b->err, STOA_EINVAL, "a plan with a node of kind %u", n->kind);
}

static bool takes_lanes(const struct stoa__node *n)
{
	return n->kind == STOA__NODE_AGGREGATE || n->kind == STOA__NODE_SORT;
}

/*
 * A join gives rows by probe row, unless it has some of its build side left in the end; and under a
 * memory limit, where it may have to wait for all of them.
 */
static bool is_streaming_join(const struct build *b, const struct stoa__node *n)
{
	return n->kind == STOA__NODE_JOIN && !is_limited(b) &&
	       (n->join == STOA__JOIN_INNER || n->join == STOA__JOIN_LEFT ||
		n->join == STOA__JOIN_SEMI || n->join == STOA__JOIN_ANTI ||
		n->join == STOA__JOIN_MARK || n->join == STOA__JOIN_SINGLE);
}

/* The scan of a pipeline; NULL: @n is none. */
static const struct stoa__node *pipeline_scan(const struct build *b, const struct stoa__node *n)
{
	while (n->kind == STOA__NODE_FILTER || n->kind == STOA__NODE_PROJECT ||
	       n->kind == STOA__NODE_LOOKUP || n->shares || is_streaming_join(b, n))
		n = n->input[0];
	return n->kind == STOA__NODE_SCAN ? n : NULL;
}

/* Within a pipeline there are no lanes: all of it has them, or nothing. */
static int build_input(struct build *b, const struct stoa__node *n, size_t i, struct stoa__op **out)
{
	return i == 0 && pipeline_scan(b, n) ? build_one(b, n->input[0], out) :
					    build(b, n->input[i], out);
}

/* A join whose build side joins below its probe side share: that comes first. */
static int build_shared(struct build *b, const struct stoa__node *n, struct stoa__op **out)
{
	struct stoa__op *probe, *right;
	int rc;

	STOA_TRY(build_input(b, n, 1, &right));
	STOA_TRY(stoa__join_build_new(right, b->run, b->arena, n, &b->joins[n->id], b->err));
	struct stoa__join_build *held = b->joins[n->id];
	rc = build_input(b, n, 0, &probe);
	if (rc == STOA_OK)
		rc = build_join(b, n, probe, NULL, out);
	stoa__join_build_drop(held);
	return rc;
}

static int build_node(struct build *b, const struct stoa__node *n, struct stoa__op **out)
{
	struct stoa__op *inputs[2] = { NULL, NULL };

	if (n->is_shared)
		return build_shared(b, n, out);
	if (n->input[0] && !takes_lanes(n))
		STOA_TRY(build_input(b, n, 0, &inputs[0]));
	if (n->input[1] && !(n->kind == STOA__NODE_JOIN && b->further)) {
		int rc = build_input(b, n, 1, &inputs[1]);
		if (rc < 0) {
			stoa__op_close(inputs[0]);
			return rc;
		}
	}
	return build_on(b, n, inputs[0], inputs[1], out);
}

/* One operator for each node, without lanes at its root. */
static int build_one(struct build *b, const struct stoa__node *n, struct stoa__op **out)
{
	*out = NULL;
	STOA_TRY(build_node(b, n, out));
	b->ops[n->id] = *out;
	if (b->counts && n->kind == STOA__NODE_SCAN)
		stoa__op_scan_count(*out, &b->counts[n->id]);
	if (b->counts)
		return stoa__op_count(*out, &b->counts[n->id], out, b->err);
	return STOA_OK;
}

/* ---- lanes ----------------------------------------------------------------------------------- */

#define LANE_BYTES ((uint64_t)16 << 20)	/* a lane is worth its memory: under a low limit there are few */

/* How many lanes a pipeline over @source may have. */
static size_t count_lanes(const struct build *b, struct stoa__source *source)
{
	const struct stoa__budget *budget = b->run->means.budget;
	size_t n = b->run->means.n_threads;
	uint64_t n_groups = source->ops->split ? source->ops->n_groups(source) : 1;

	if (budget && budget->limit && budget->limit / LANE_BYTES < n)
		n = (size_t)(budget->limit / LANE_BYTES);
	if (n > n_groups)
		n = (size_t)n_groups;
	return n > STOA__LANES_MAX ? STOA__LANES_MAX : n;
}

/* One more lane, which shares the row groups of the first. */
static int add_lane(struct build *b, const struct stoa__node *n, const struct stoa__node *scan,
		    struct stoa__lanes *l)
{
	struct stoa__source *first = stoa__op_scan_source(l->items[0].scan);
	struct stoa__lane *lane = &l->items[l->n];

	STOA_TRY(first->ops->split(first, &b->split, b->err));
	b->further = true;
	int rc = build_one(b, n, &lane->root);
	b->further = false;
	if (rc < 0) {
		if (b->split)
			b->split->ops->close(b->split);
		b->split = NULL;
		return rc;
	}
	lane->scan = b->ops[scan->id];
	l->n++;
	return STOA_OK;
}

/* Several lanes where @n is a pipeline that is worth it; else one. */
static int build_lanes(struct build *b, const struct stoa__node *n, struct stoa__lanes *out)
{
	const struct stoa__node *scan = pipeline_scan(b, n);
	struct stoa__op *root;

	STOA_TRY(scan ? build_one(b, n, &root) : build(b, n, &root));
	*out = stoa__lanes_one(root, b->run);
	size_t wanted = scan ? count_lanes(b, stoa__op_scan_source(b->ops[scan->id])) : 1;
	if (wanted < 2)
		return STOA_OK;
	out->items[0].scan = b->ops[scan->id];
	while (out->n < wanted) {
		int rc = add_lane(b, n, scan, out);
		if (rc < 0) {
			stoa__lanes_close(out);
			return rc;
		}
	}
	return STOA_OK;
}

/* Is there anything to compute for each row? Reading alone is not worth a copy of what is read. */
static bool has_work(const struct stoa__node *n)
{
	for (; n->kind != STOA__NODE_SCAN; n = n->input[0]) {
		if (n->kind != STOA__NODE_PROJECT)
			return true;
		for (size_t i = 0; i < n->n_exprs; i++)
			if (n->exprs[i]->kind != STOA__BOUND_COLUMN)
				return true;
	}
	return false;
}

static int build(struct build *b, const struct stoa__node *n, struct stoa__op **out)
{
	struct stoa__type *types;
	struct stoa__lanes lanes;

	*out = NULL;
	if (!pipeline_scan(b, n) || !has_work(n) || b->run->means.no_background)
		return build_one(b, n, out);
	STOA_TRY(build_lanes(b, n, &lanes));
	*out = lanes.items[0].root;
	if (lanes.n == 1)
		return STOA_OK;
	types = types_of(b, n);
	if (types)
		return stoa__op_gather(&lanes, types, n->n_columns, out, b->err);
	stoa__lanes_close(&lanes);
	*out = NULL;
	return stoa__fail_memory(b->err);
}

int stoa__op_build(const struct stoa__plan *plan, struct stoa__tables *tables,
		   struct stoa__run *run, struct stoa__arena *arena,
		   struct stoa__node_counts *counts, struct stoa__op **out, struct stoa_error *err)
{
	struct build b = { .plan = plan, .tables = tables, .run = run, .arena = arena,
			   .counts = counts, .err = err };

	*out = NULL;
	b.ops = stoa__arena_array(arena, plan->n_nodes, sizeof(*b.ops));
	b.joins = stoa__arena_array(arena, plan->n_nodes, sizeof(*b.joins));
	b.spans = stoa__arena_array(arena, plan->n_nodes, sizeof(*b.spans));
	if (!b.ops || !b.joins || !b.spans)
		return stoa__fail_memory(err);
	return build(&b, plan->root, out);
}
