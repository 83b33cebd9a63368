/* SPDX-License-Identifier: MIT */
/*
 * estimate.c - about how many rows a node makes: good enough to choose between plans
 *
 * What is known comes from the tables themselves: their number of rows, and the zone maps of the
 * columns that are read. An integer column has at most as many values as lie between its minimum
 * and maximum, so a key of a dimension table is known to be unique, and a range takes its share
 * of that span. All else are constants: an equality with a string 1/20, LIKE 1/20, a comparison
 * of an aggregate 1/20, whatever is not understood 1/3; conditions are taken as independent.
 * Several keys together are taken for a foreign key: each row of the one side finds what there is
 * of it on the other. (Selinger et al., SIGMOD 1979, for the rest.)
 *
 * A statement of one table is planned without all this: there is nothing to choose.
 */
#include <math.h>
#include <string.h>

#include "../lib/core/type.h"
#include "plan.h"
#include "prog.h"

#define PART_EQUAL 0.05
#define PART_GROUPS 0.05	/* who compares an aggregate looks for few groups */
#define PART_OTHER (1.0 / 3)

/* ---- what is known of columns ---------------------------------------------------------------- */

/* The column that @var was made as: at its scan, where it is one's; else where it was computed. */
static const struct stoa__node_column *find_column(const struct stoa__node *n, uint32_t var)
{
	for (; n; n = n->input[0]) {
		bool own = n->kind == STOA__NODE_SCAN || n->kind == STOA__NODE_PROJECT ||
			   n->kind == STOA__NODE_AGGREGATE || n->kind == STOA__NODE_VALUES ||
			   n->kind == STOA__NODE_APPEND;
		if (n->kind == STOA__NODE_JOIN) {
			const struct stoa__node_column *c = find_column(n->input[0], var);
			return c ? c : find_column(n->input[1], var);
		}
		for (size_t i = 0; own && i < n->n_columns; i++) {
			if (n->columns[i].var != var)
				continue;
			if ((n->kind != STOA__NODE_PROJECT && n->kind != STOA__NODE_AGGREGATE) ||
			    i >= n->n_exprs || n->exprs[i]->kind != STOA__BOUND_COLUMN)
				return &n->columns[i];
			var = n->exprs[i]->index;
			break;
		}
		if (n->kind == STOA__NODE_APPEND)
			return NULL;
	}
	return NULL;
}

double stoa__estimate_values(const struct stoa__node *n, const struct stoa__bound *b)
{
	const struct stoa__node_column *c;

	while (b->kind == STOA__BOUND_OP && b->n_args == 1)
		b = b->args[0];	/* a cast */
	if (b->kind == STOA__BOUND_CONST)
		return 1;
	c = b->kind == STOA__BOUND_COLUMN ? find_column(n, b->index) : NULL;
	return c && c->distinct >= 1 ? c->distinct : 0;
}

/* @values, or not known, of so many rows. */
static double at_most(double values, double rows)
{
	rows = rows < 1 ? 1 : rows;
	return values >= 1 && values < rows ? values : rows;
}

double stoa__estimate_distinct(const struct stoa__node *n, const struct stoa__bound *b)
{
	return at_most(stoa__estimate_values(n, b), n->rows);
}

/* ---- conditions ------------------------------------------------------------------------------ */

static const struct stoa__node_column *column_of(const struct stoa__node *n,
						 const struct stoa__bound *b)
{
	return b->kind == STOA__BOUND_COLUMN ? find_column(n, b->index) : NULL;
}

/* Values from @lo to @hi among those of @c. */
static double range_part(const struct stoa__node_column *c, int64_t lo, int64_t hi)
{
	double span, part;

	if (lo > hi)
		return 0;
	if (!c || c->min > c->max)
		return lo == hi ? PART_EQUAL : PART_OTHER;
	if (lo < c->min)
		lo = c->min;
	if (hi > c->max)
		hi = c->max;
	if (lo > hi)
		return 0;
	span = (double)c->max - (double)c->min + 1;
	part = ((double)hi - (double)lo + 1) / span;
	return lo == hi && c->distinct >= 1 && 1 / c->distinct > part ? 1 / c->distinct : part;
}

static bool reads_aggregate(const struct stoa__node *n, const struct stoa__bound *b)
{
	while (n->kind == STOA__NODE_FILTER || n->kind == STOA__NODE_PROJECT)
		n = n->input[0];
	if (n->kind == STOA__NODE_AGGREGATE && b->kind == STOA__BOUND_COLUMN)
		for (size_t i = n->n_exprs; i < n->n_columns; i++)
			if (n->columns[i].var == b->index)
				return true;
	for (uint32_t i = 0; i < b->n_args; i++)
		if (reads_aggregate(n, b->args[i]))
			return true;
	return false;
}

static double compare_part(const struct stoa__node *n, const struct stoa__bound *b)
{
	double x, y;

	if (b->op != STOA__OP_EQ && b->op != STOA__OP_NE)
		return reads_aggregate(n, b) ? PART_GROUPS : PART_OTHER;
	if (b->args[1]->kind == STOA__BOUND_CONST) {
		const struct stoa__node_column *c = column_of(n, b->args[0]);
		x = c && c->distinct >= 1 ? 1 / c->distinct : PART_EQUAL;
	} else {
		x = stoa__estimate_distinct(n, b->args[0]);
		y = stoa__estimate_distinct(n, b->args[1]);
		x = 1 / (x > y ? x : y);
	}
	return b->op == STOA__OP_EQ ? x : 1 - x;
}

double stoa__estimate_term(const struct stoa__node *n, const struct stoa__bound *b)
{
	double part = 1;

	switch ((enum stoa__bound_kind)b->kind) {
	case STOA__BOUND_AND:
		for (uint32_t i = 0; i < b->n_args; i++)
			part *= stoa__estimate_term(n, b->args[i]);
		return part;
	case STOA__BOUND_OR:
		for (uint32_t i = 0; i < b->n_args; i++)
			part *= 1 - stoa__estimate_term(n, b->args[i]);
		return 1 - part;
	case STOA__BOUND_IN: {
		const struct stoa__node_column *c = column_of(n, b->args[0]);
		part = (b->n_args - 1) * (c && c->distinct >= 1 ? 1 / c->distinct : PART_EQUAL);
		part = part > 1 ? 1 : part;
		return b->negated ? 1 - part : part;
	}
	case STOA__BOUND_LIKE: return b->negated ? 1 - PART_EQUAL : PART_EQUAL;
	case STOA__BOUND_CONST:
		return b->value.type == STOA_BOOL && b->value.i ? 1 : 0;
	case STOA__BOUND_OP:
		if (b->code == STOA__CODE_RANGE && reads_aggregate(n, b))
			return PART_GROUPS;
		if (b->code == STOA__CODE_RANGE)
			return range_part(column_of(n, b->args[0]), b->lo, b->hi);
		if (b->code == STOA__CODE_COMPARE)
			return compare_part(n, b);
		if (b->code == STOA__CODE_NOT)
			return 1 - stoa__estimate_term(n, b->args[0]);
		if (b->code == STOA__CODE_IS_NULL)
			return b->op ? 1 - PART_EQUAL : PART_EQUAL;
		return PART_OTHER;
	default: return PART_OTHER;
	}
}

/* ---- scans ----------------------------------------------------------------------------------- */

static void add_zone(struct stoa__node_column *c, const struct stoa__zone *z)
{
	if (!z->known)
		return;
	c->min = z->min.i < c->min ? z->min.i : c->min;
	c->max = z->max.i > c->max ? z->max.i : c->max;
}

static bool is_integer(const struct stoa__node_column *c)
{
	unsigned type = c->type.type;

	return stoa__prog_phys(type) == STOA__PHYS_I64 && type != STOA_BOOL;
}

/* Reads the zone maps of all row groups: a few bytes for each 65,536 rows. */
static void read_zones(struct stoa__node *n, struct stoa__source *source, double rows)
{
	struct stoa__zone z;
	size_t place = 0;

	for (size_t i = 0; i < n->n_columns; i++) {
		n->columns[i].min = INT64_MAX;
		n->columns[i].max = INT64_MIN;
	}
	while (memset(&z, 0, sizeof z), stoa__source_zone(source, 0, &z)) {
		place = 0;
		for (size_t i = 0; i < n->n_columns; i++) {
			if (n->slots[i] == STOA__SLOT_ROWID)
				continue;
			memset(&z, 0, sizeof z);
			if (is_integer(&n->columns[i]) && stoa__source_zone(source, place, &z))
				add_zone(&n->columns[i], &z);
			place++;
		}
		source->ops->skip_group(source);
	}
	for (size_t i = 0; i < n->n_columns; i++) {
		struct stoa__node_column *c = &n->columns[i];
		double span = (double)c->max - (double)c->min + 1;
		if (c->min <= c->max)
			c->distinct = span < rows ? span : rows;
		if (n->slots[i] == STOA__SLOT_ROWID)
			c->distinct = rows;
	}
}

static void estimate_scan(struct stoa__binder *bn, struct stoa__node *n)
{
	uint32_t *slots = stoa__bind_array(bn, n->n_columns, sizeof *slots);
	struct stoa__source *source;
	size_t k = 0;

	if (!slots || n->rows >= 0)
		return;
	for (size_t i = 0; i < n->n_columns; i++)
		if (n->slots[i] != STOA__SLOT_ROWID)
			slots[k++] = n->slots[i];
	int rc = bn->tables->open(bn->tables, n->table, slots, k, &source, bn->err);
	if (rc < 0) {
		bn->rc = rc;
		return;
	}
	n->rows = (double)source->ops->n_rows(source);
	read_zones(n, source, n->rows);
	source->ops->close(source);
}

/* ---- nodes ----------------------------------------------------------------------------------- */

static double filter_rows(struct stoa__binder *bn, const struct stoa__node *n)
{
	struct stoa__bound **terms = stoa__bind_array(bn, n->n_exprs, sizeof(*terms));
	double part = 1;

	if (!terms)
		return 0;
	memcpy(terms, n->exprs, n->n_exprs * sizeof(*terms));
	size_t k = stoa__terms_ranges(bn, terms, n->n_exprs);	/* both ends of a range at once */
	for (size_t i = 0; i < k; i++)
		part *= stoa__estimate_term(n->input[0], terms[i]);
	return n->input[0]->rows * part;
}

static double group_rows(const struct stoa__node *n)
{
	double rows = n->input[0]->rows, groups = 1;

	if (!n->n_exprs)
		return 1;
	for (size_t i = 0; i < n->n_exprs; i++) {
		const struct stoa__node_column *c = column_of(n->input[0], n->exprs[i]);
		groups *= c && c->distinct >= 1 ? c->distinct : sqrt(rows < 1 ? 1 : rows);
	}
	return groups < rows ? groups : rows;
}

void stoa__match_add(struct stoa__match *m, double left_values, double right_values)
{
	m->left *= at_most(left_values, m->left_rows);
	m->right *= at_most(right_values, m->right_rows);
	m->n_keys++;
}

double stoa__match_part(const struct stoa__match *m)
{
	double d = m->left, e = m->right;

	if (m->n_keys > 1) {
		d = d < m->left_rows ? d : m->left_rows;
		e = e < m->right_rows ? e : m->right_rows;
		d = d < e ? d : e;
	} else if (e > d) {
		d = e;
	}
	return 1 / (d < 1 ? 1 : d);
}

/* The part of all pairs that match. */
static double key_part(const struct stoa__node *n)
{
	struct stoa__match m = stoa__match_of(n->input[0]->rows, n->input[1]->rows);
	double part;

	for (size_t i = 0; i < n->n_keys; i++)
		stoa__match_add(&m, stoa__estimate_values(n->input[0], n->left_keys[i]),
				stoa__estimate_values(n->input[1], n->right_keys[i]));
	part = stoa__match_part(&m);
	for (size_t i = 0; i < n->n_exprs; i++)
		part *= PART_OTHER;
	return part;
}

/* The part of left rows that have a match: those whose key the right side has. */
static double match_part(const struct stoa__node *n)
{
	double part = 1;

	for (size_t i = 0; i < n->n_keys; i++) {
		double d = stoa__estimate_distinct(n->input[0], n->left_keys[i]);
		double e = stoa__estimate_distinct(n->input[1], n->right_keys[i]);
		if (e / d < part)
			part = e / d;
	}
	return part;
}

static double join_rows(const struct stoa__node *n)
{
	double left = n->input[0]->rows, right = n->input[1]->rows;
	double pairs = left * right * key_part(n);

	switch (n->join) {
	case STOA__JOIN_LEFT: return pairs > left ? pairs : left;
	case STOA__JOIN_FULL: return pairs > left + right ? pairs : left + right;
	case STOA__JOIN_SEMI: return left * match_part(n);
	case STOA__JOIN_ANTI: return left * (1 - match_part(n) * 0.9);
	case STOA__JOIN_MARK:
	case STOA__JOIN_SINGLE: return left;
	default: return pairs;
	}
}

void stoa__estimate(struct stoa__binder *bn, struct stoa__node *n)
{
	if (bn->n_relations < 2 || bn->rc < 0)
		return;
	switch ((enum stoa__node_kind)n->kind) {
	case STOA__NODE_ONE: n->rows = 1; break;
	case STOA__NODE_SCAN: estimate_scan(bn, n); break;
	case STOA__NODE_FILTER: n->rows = filter_rows(bn, n); break;
	case STOA__NODE_AGGREGATE: n->rows = group_rows(n); break;
	case STOA__NODE_LIMIT:
		n->rows = (double)n->limit < n->input[0]->rows ? (double)n->limit :
								n->input[0]->rows;
		break;
	case STOA__NODE_VALUES: n->rows = (double)n->n_rows; break;
	case STOA__NODE_APPEND: n->rows = n->input[0]->rows + n->input[1]->rows; break;
	case STOA__NODE_JOIN: n->rows = join_rows(n); break;
	case STOA__NODE_PROJECT:
	case STOA__NODE_SORT:
	case STOA__NODE_WINDOW:
	case STOA__NODE_LOOKUP:
	case STOA__NODE_UNIQUE:
	case STOA__NODE_REPEAT: n->rows = n->input[0]->rows; break;
	}
}
