/* SPDX-License-Identifier: MIT */
/*
 * op_scan.c - a table's rows, without the row groups that zone maps rule out
 *
 * Before a row group is entered, each condition is asked whether any value between the group's
 * minimum and maximum could pass; one clear no skips the group unread. What a zone map cannot
 * answer is "perhaps".
 *
 * A sort with a limit raises a further condition as it goes: its bar. Joins whose build side has
 * been read say between which bounds its keys lie: spans.
 *
 * Vectors change from the source's kinds to the engine's: u8 .. u32 are integers like others (the
 * same bits), and booleans become bytes.
 */
#include <string.h>

#include "../lib/core/alloc.h"
#include "../lib/core/bitmap.h"
#include "../lib/core/error.h"
#include "../lib/core/type.h"
#include "op.h"

struct scan {
	struct stoa__op op;
	struct stoa__source *source;
	size_t n_columns;
	size_t rowid;		/* column; SIZE_MAX: none */
	struct stoa__bound *const *where;
	size_t n_where;
	struct stoa__run *run;
	const struct stoa__bar *bar;	/* of a sort above; NULL: none */
	const struct stoa__span *spans[STOA__SPANS_MAX];	/* of joins above */
	size_t n_spans;
	size_t n;		/* rows of the current batch */
	const stoa_rowid *rowids;
	uint8_t **bools;	/* by column, made when needed */
	struct stoa__node_counts *counts;	/* NULL: nobody asks */
	uint64_t counted;	/* columns of the batch that are in them; from the 64th on, each time */
};

/* ---- zone maps ------------------------------------------------------------------------------ */

/* The source's column for the engine's: the rowid is behind its last. */
static size_t source_column(const struct scan *s, size_t i)
{
	if (i == s->rowid)
		return s->n_columns - 1;
	return s->rowid != SIZE_MAX && i > s->rowid ? i - 1 : i;
}

static bool may_compare(const struct stoa__bound *b, const struct stoa__zone *z)
{
	const struct stoa_value *c = &b->args[1]->value;

	if (c->type == STOA_NULL)
		return false;
	if (c->type != z->min.type || (c->type == STOA_DECIMAL && c->scale != z->min.scale))
		return true;
	int lo = stoa__value_compare(&z->min, c);
	int hi = z->has_nan ? 1 : stoa__value_compare(&z->max, c);
	switch (b->op) {
	case STOA__OP_EQ: return lo <= 0 && hi >= 0;
	case STOA__OP_LT: return lo < 0;
	case STOA__OP_LE: return lo <= 0;
	case STOA__OP_GT: return hi > 0;
	case STOA__OP_GE: return hi >= 0;
	default: return true;
	}
}

static bool may_range(const struct stoa__bound *b, const struct stoa__zone *z)
{
	return z->max.i >= b->lo && z->min.i <= b->hi && b->lo <= b->hi;
}

static bool may_in(const struct stoa__bound *b, const struct stoa__zone *z)
{
	for (uint32_t i = 1; i < b->n_args; i++) {
		const struct stoa_value *c = &b->args[i]->value;
		if (c->type != z->min.type || c->scale != z->min.scale)
			return true;
		if (stoa__value_compare(&z->min, c) <= 0 &&
		    (z->has_nan || stoa__value_compare(&z->max, c) >= 0))
			return true;
	}
	return false;
}

/* Zone values under the type that constants have: i8 is i64. */
static void widen(struct stoa_value *v)
{
	struct stoa__type t = stoa__type_normal(stoa__type_plain(v->type));

	if (v->type >= STOA_U8 && v->type <= STOA_U32)
		v->i = (int64_t)v->u;
	v->type = t.type;
}

static bool may_pass_zone(const struct stoa__bound *b, struct stoa__zone *z)
{
	bool all_null = z->n_rows && z->n_null == z->n_rows;

	if (b->kind == STOA__BOUND_OP && b->code == STOA__CODE_IS_NULL)
		return b->op ? !all_null : z->n_null > 0;
	bool wants_value = b->kind == STOA__BOUND_IN ||
			   (b->kind == STOA__BOUND_OP &&
			    (b->code == STOA__CODE_RANGE || b->code == STOA__CODE_COMPARE));
	if (!wants_value || (b->kind == STOA__BOUND_OP && b->op > STOA__OP_GE))
		return true;
	if (all_null)
		return false;
	if (!z->known || (b->kind == STOA__BOUND_IN && b->negated))
		return true;
	widen(&z->min);
	widen(&z->max);
	if (b->kind == STOA__BOUND_IN)
		return may_in(b, z);
	return b->code == STOA__CODE_RANGE ? may_range(b, z) : may_compare(b, z);
}

/* Could a row of the group ahead pass condition @b? */
static bool may_pass(struct scan *s, const struct stoa__bound *b)
{
	struct stoa__zone z;
	bool shaped = b->n_args >= 1 && b->args[0]->kind == STOA__BOUND_COLUMN &&
		      (b->kind != STOA__BOUND_OP || b->n_args < 2 ||
		       b->args[1]->kind == STOA__BOUND_CONST);

	if (!shaped)
		return true;
	memset(&z, 0, sizeof z);
	if (!stoa__source_zone(s->source, source_column(s, b->args[0]->index), &z) || !z.n_rows)
		return true;	/* within a group, or one that nothing is known of */
	return may_pass_zone(b, &z);
}

/* Could one enter the first rows of the sort above? */
static bool may_enter(struct scan *s)
{
	struct stoa__zone z;

	if (!s->bar || stoa__bar_last(s->bar) == UINT64_MAX)
		return true;
	memset(&z, 0, sizeof z);
	return !stoa__source_zone(s->source, source_column(s, s->bar->column), &z) ||
	       !stoa__bar_excludes(s->bar, &z);
}

/* Could one have a partner in the join that @span is of? */
static bool may_match(struct scan *s, const struct stoa__span *span)
{
	struct stoa__zone z;

	memset(&z, 0, sizeof z);
	if (!stoa__source_zone(s->source, source_column(s, span->column), &z) || !z.known)
		return true;
	widen(&z.min);
	widen(&z.max);
	return !stoa__span_excludes(span, z.min.i, z.max.i);
}

/* Could one have partners in all joins above? */
static bool may_join(struct scan *s)
{
	for (size_t i = 0; i < s->n_spans; i++)
		if (!may_match(s, s->spans[i]))
			return false;
	return true;
}

static void count_read(struct scan *s, uint64_t n)
{
	if (stoa__run_is_watched(s->run))
		atomic_fetch_add_explicit(&s->run->n_read, n, memory_order_relaxed);
}

/* The rows of the group ahead, as far as its zone map tells. */
static void count_skipped(struct scan *s)
{
	struct stoa__zone z;

	memset(&z, 0, sizeof z);
	if (stoa__run_is_watched(s->run) &&
	    stoa__source_zone(s->source, s->rowid < SIZE_MAX ? s->n_columns - 1 : s->n_columns, &z))
		count_read(s, z.n_rows);
}

/*
 * At the start of a row group: passes over it, and those behind, while a condition rules them
 * out.
 */
static void skip_groups(struct scan *s)
{
	size_t i = 0;

	/* zone() answers at the start of a group only, so that elsewhere all may pass. */
	while (i <= s->n_where + 1) {
		if (i < s->n_where ? may_pass(s, s->where[i]) :
		    i == s->n_where ? may_enter(s) : may_join(s)) {
			i++;
			continue;
		}
		count_skipped(s);
		s->source->ops->skip_group(s->source);
		if (s->counts) {
			stoa__count(&s->counts->n_skipped, 1);
			stoa__count(&s->counts->n_unmatched, i > s->n_where);
		}
		i = 0;
	}
}

/*
 * ---- counting ---------------------------------------------------------------------------------
 */

/* Does the batch that next() will give begin a row group? */
static bool begins_group(struct scan *s)
{
	struct stoa__zone z;

	memset(&z, 0, sizeof z);
	return stoa__source_zone(s->source, s->n_columns - (s->rowid != SIZE_MAX), &z);
}

static uint64_t bytes_of(const struct stoa__vec *v)
{
	uint64_t bytes = v->n * 8;

	if (v->kind == STOA__VEC_CONST)
		return 8;
	if (v->kind == STOA__VEC_DICT)
		return v->n * sizeof *v->codes;
	for (size_t i = 0; v->phys == STOA__PHYS_BYTES && i < v->n; i++)
		bytes += 8 + v->bytes[i].len;
	return bytes;
}

static void count_vector(struct scan *s, size_t i, const struct stoa__vec *v)
{
	uint64_t bit = UINT64_C(1) << (i < 63 ? i : 63);

	if (!(s->counted & bit))
		stoa__count(&s->counts->n_bytes, bytes_of(v));
	if (i < 63)
		s->counted |= bit;
}

/* ---- rows ----------------------------------------------------------------------------------- */

static int scan_next(struct stoa__op *op, size_t *n, struct stoa_error *err)
{
	struct scan *s = (struct scan *)op;

	STOA_TRY(stoa__run_check(s->run, err));
	skip_groups(s);
	bool begins = s->counts && begins_group(s);
	int rc = s->source->ops->next(s->source, &s->n, s->rowid < SIZE_MAX ? &s->rowids : NULL,
				      err);
	*n = s->n;
	if (s->counts) {
		stoa__count(&s->counts->n_groups, begins && rc == STOA_ROW);
		s->counted = 0;
	}
	if (rc == STOA_ROW)
		count_read(s, s->n);
	return rc;
}

/* Column @i as the engine has it; room for its booleans is made when they first come. */
static int narrow(struct scan *s, size_t i, struct stoa__vec *v, struct stoa_error *err)
{
	if (v->type == STOA_BOOL && !s->bools[i])
		s->bools[i] = stoa__alloc_aligned(STOA__BATCH_ROWS);
	if (v->type == STOA_BOOL && !s->bools[i])
		return stoa__fail_memory(err);
	stoa__vec_from_source(v, s->bools[i]);
	return STOA_OK;
}

static int scan_column(struct stoa__input *in, size_t i, struct stoa__vec *out,
		       struct stoa_error *err)
{
	struct scan *s = (struct scan *)in;

	if (i == s->rowid) {
		memset(out, 0, sizeof *out);
		out->kind = STOA__VEC_FLAT;
		out->phys = STOA__PHYS_I64;
		out->type = STOA_I64;
		out->n = s->n;
		out->values = s->rowids;
		return STOA_OK;
	}
	STOA_TRY(s->source->ops->column(s->source, source_column(s, i), out, err));
	if (s->counts)
		count_vector(s, i, out);
	return narrow(s, i, out, err);
}

static bool scan_within(struct stoa__op *op, size_t i, int64_t lo, int64_t hi, uint64_t *bits)
{
	struct scan *s = (struct scan *)op;

	return i != s->rowid && s->source->ops->within &&
	       s->source->ops->within(s->source, source_column(s, i), lo, hi, bits);
}

static bool scan_pick(struct stoa__op *op, size_t i, const uint32_t *sel, size_t n, void *room,
		      uint64_t *bits, struct stoa__vec *out)
{
	struct scan *s = (struct scan *)op;

	if (i == s->rowid || !s->source->ops->pick ||
	    !s->source->ops->pick(s->source, source_column(s, i), sel, n, room, bits, out))
		return false;
	if (out->type >= STOA_U8 && out->type <= STOA_U32)
		out->phys = STOA__PHYS_I64;
	return true;
}

static void scan_close(struct stoa__op *op)
{
	struct scan *s = (struct scan *)op;

	s->source->ops->close(s->source);
	for (size_t i = 0; s->bools && i < s->n_columns; i++)
		stoa__free(s->bools[i]);
	stoa__free(s->bools);
	stoa__free(s);
}

int stoa__op_scan(struct stoa__source *source, size_t n_columns, size_t rowid,
		  struct stoa__bound *const *where, size_t n_where, struct stoa__run *run,
		  struct stoa__op **out, struct stoa_error *err)
{
	static const struct stoa__op_ops ops = { scan_next, scan_close, scan_within, scan_pick };
	struct scan *s = stoa__calloc(1, sizeof *s);

	*out = NULL;
	if (!s) {
		source->ops->close(source);
		return stoa__fail_memory(err);
	}
	s->op.input.column = scan_column;
	s->op.ops = &ops;
	s->source = source;
	s->n_columns = n_columns;
	s->rowid = rowid;
	s->where = where;
	s->n_where = n_where;
	s->run = run;
	s->bools = stoa__calloc(n_columns + 1, sizeof(*s->bools));
	if (!s->bools) {
		scan_close(&s->op);
		return stoa__fail_memory(err);
	}
	*out = &s->op;
	return STOA_OK;
}

struct stoa__source *stoa__op_scan_source(struct stoa__op *scan)
{
	return ((struct scan *)scan)->source;
}

int stoa__op_scan_deal(struct stoa__op *scan, uint64_t *place, struct stoa_error *err)
{
	struct stoa__source *source = ((struct scan *)scan)->source;

	return source->ops->deal(source, place, err);
}

void stoa__op_scan_count(struct stoa__op *scan, struct stoa__node_counts *counts)
{
	((struct scan *)scan)->counts = counts;
}

void stoa__op_scan_heed(struct stoa__op *scan, const struct stoa__bar *bar)
{
	((struct scan *)scan)->bar = bar;
}

void stoa__op_scan_heed_span(struct stoa__op *scan, const struct stoa__span *span)
{
	struct scan *s = (struct scan *)scan;

	if (s->n_spans < STOA__SPANS_MAX)
		s->spans[s->n_spans++] = span;
}

/* ---- no table ------------------------------------------------------------------------------- */

struct one {
	struct stoa__op op;
	bool done;
};

static int one_next(struct stoa__op *op, size_t *n, struct stoa_error *err)
{
	struct one *o = (struct one *)op;

	(void)err;
	if (o->done)
		return STOA_END;
	o->done = true;
	*n = 1;
	return STOA_ROW;
}

static int one_column(struct stoa__input *in, size_t i, struct stoa__vec *out,
		      struct stoa_error *err)
{
	(void)in;
	(void)out;
	return stoa__fail(err, STOA_EINVAL, "there is no column %zu", i);
}

static void one_close(struct stoa__op *op)
{
	stoa__free(op);
}

int stoa__op_one(struct stoa__op **out, struct stoa_error *err)
{
	static const struct stoa__op_ops ops = { one_next, one_close, NULL, NULL };
	struct one *o = stoa__calloc(1, sizeof *o);

	*out = NULL;
	if (!o)
		return stoa__fail_memory(err);
	o->op.input.column = one_column;
	o->op.ops = &ops;
	*out = &o->op;
	return STOA_OK;
}
