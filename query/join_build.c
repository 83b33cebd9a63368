/* SPDX-License-Identifier: MIT */
/*
 * join_build.c - the build side of a hash join: read whole into a table, by whoever comes first
 *
 *     input -> keys, and the columns that somebody reads later -> table (join_table.h)
 *                                                              -> disk, in parts (join_spill.h)
 *
 * All lanes of a join share one, which counts them. What is read into the table is counted against
 * the budget after each batch; beyond it the table is dealt out to disk, by a hash of the keys, and
 * so is all that follows.
 */
#include <string.h>

#include "../lib/core/alloc.h"
#include "../lib/core/error.h"
#include "op_join.h"

/* Keys, then what is kept, of the input's batch. */
static int read_batch(struct stoa__join_build *b, size_t n_keys, size_t n, struct stoa__vec *v,
		      struct stoa_error *err)
{
	if (b->from_disk) {
		for (size_t i = 0; i < n_keys + b->n_kept; i++)
			STOA_TRY(stoa__op_column(b->input, i, &v[i], err));
		return STOA_OK;
	}
	STOA_TRY(stoa__machine_run(b->keys, &b->input->input, n, NULL, err));
	for (size_t k = 0; k < n_keys; k++)
		v[k] = *stoa__machine_output(b->keys, k);
	for (size_t i = 0; i < b->n_columns; i++)
		if (b->kept[i] != SIZE_MAX)
			STOA_TRY(stoa__op_column(b->input, i, &v[n_keys + b->kept[i]], err));
	return STOA_OK;
}

int stoa__join_build_begin(struct stoa__join_build *b, const struct stoa__join *j,
			   struct stoa_error *err)
{
	size_t n_keys = j->node->n_keys;
	uint8_t matched;

	return stoa__join_table_init(&b->table, j->node->right_keys, n_keys, b->types + n_keys,
				     b->n_kept, stoa__join_keeps_right(j, &matched), err);
}

/* Deals out @n rows of the table from @from on; @rooms: one for each column. */
static int deal_rows(struct stoa__join_build *b, size_t n_keys, uint32_t from, size_t n,
		     struct stoa__join_room *rooms, struct stoa__vec *v, struct stoa_error *err)
{
	uint32_t rows[STOA__BATCH_ROWS];

	for (size_t i = 0; i < n; i++)
		rows[i] = from + (uint32_t)i;
	for (size_t i = 0; i < n_keys + b->n_kept; i++) {
		STOA_TRY(stoa__join_make_room(&rooms[i], err));
		if (i < n_keys)
			stoa__join_table_gather_key(&b->table, i, b->types[i], rows, n,
						    rooms[i].values, rooms[i].bits, &v[i]);
		else
			stoa__join_table_gather(&b->table, i - n_keys, rows, n, rooms[i].values,
						rooms[i].bits, &v[i]);
	}
	return stoa__join_spill_build(&b->spill, v, n, err);
}

/* The rows of the table go to disk, and so will all that are still to come. */
static int empty_table(struct stoa__join_build *b, const struct stoa__join *j, struct stoa__vec *v,
		       struct stoa_error *err)
{
	size_t n_keys = j->node->n_keys, n_columns = n_keys + b->n_kept;
	struct stoa__join_room *rooms = stoa__calloc(n_columns + 1, sizeof *rooms);
	int rc = rooms ? stoa__join_spill_begin(&b->spill, err) : stoa__fail_memory(err);

	for (uint32_t at = 0; at < b->table.n_rows && rc == STOA_OK; at += STOA__BATCH_ROWS) {
		size_t n = b->table.n_rows - at;
		rc = deal_rows(b, n_keys, at, n < STOA__BATCH_ROWS ? n : STOA__BATCH_ROWS, rooms, v,
			       err);
	}
	for (size_t i = 0; rooms && i < n_columns; i++) {
		stoa__free(rooms[i].values);
		stoa__free(rooms[i].bits);
	}
	stoa__free(rooms);
	if (rc < 0)
		return rc;
	b->spilled = true;
	stoa__join_table_release(&b->table);
	(void)stoa__share_hold(&b->share, 0);
	return stoa__join_build_begin(b, j, err);
}

/*
 * A join without equality, and one that asks of all rows at once, cannot be cut. Rows whose hash
 * has no bits left have one key, or nearly: they are taken as they are.
 */
static int heed_budget(struct stoa__join_build *b, const struct stoa__join *j, struct stoa__vec *v,
		       struct stoa_error *err)
{
	if (stoa__share_hold(&b->share, stoa__join_table_bytes(&b->table)))
		return STOA_OK;
	if (!j->node->n_keys || j->node->null_aware)
		return stoa__fail(
			err, STOA_ENOMEM,
			"a join without an equality, or NOT IN, has to hold all of one side, "
			"which is more than memory_limit");
	return stoa__join_spill_can(&b->spill) ? empty_table(b, j, v, err) : STOA_OK;
}

static int add_batch(struct stoa__join_build *b, const struct stoa__join *j, size_t n,
		     struct stoa__vec *v, struct stoa_error *err)
{
	size_t n_keys = j->node->n_keys;

	STOA_TRY(read_batch(b, n_keys, n, v, err));
	if (b->spill.dealt)
		return stoa__join_spill_build(&b->spill, v, n, err);
	STOA_TRY(stoa__join_table_add(&b->table, v, v + n_keys, n, err));
	return heed_budget(b, j, v, err);
}

void stoa__join_build_tell(struct stoa__join_build *b, struct stoa__span *span)
{
	span->next = b->spans;
	b->spans = span;
}

/* The table has all rows there are, unless some went to disk. */
static void tell_spans(struct stoa__join_build *b)
{
	int64_t lo, hi;

	if (b->spill.dealt || b->from_disk)
		return;
	for (struct stoa__span *s = b->spans; s; s = s->next)
		if (stoa__join_table_range(&b->table, s->key, &lo, &hi))
			stoa__span_set(s, lo, hi);
}

static int build_table(struct stoa__join_build *b, const struct stoa__join *j,
		       struct stoa_error *err)
{
	struct stoa__vec *v = stoa__calloc(j->node->n_keys + b->n_kept + 1, sizeof *v);
	uint8_t matched;
	size_t n;
	int rc = v ? STOA_ROW : stoa__fail_memory(err);

	while (rc == STOA_ROW) {
		rc = stoa__op_next(b->input, &n, err);
		if (rc == STOA_ROW) {
			rc = add_batch(b, j, n, v, err);
			rc = rc < 0 ? rc : STOA_ROW;
		}
	}
	stoa__free(v);
	if (rc < 0)
		return rc;
	stoa__op_close(b->input);
	b->input = NULL;
	tell_spans(b);
	return stoa__join_table_finish(&b->table, stoa__join_keeps_right(j, &matched), err);
}

/* Waits for the lane that builds, or is the one. */
int stoa__join_build_reach(struct stoa__join *j, struct stoa_error *err)
{
	struct stoa__join_build *b = j->build;

	pthread_mutex_lock(&b->lock);
	if (!b->done)
		b->rc = build_table(b, j, &b->err);
	b->done = true;
	pthread_mutex_unlock(&b->lock);
	if (b->rc < 0 && err)
		*err = b->err;
	return b->rc;
}

int stoa__join_machine(struct stoa__arena *arena, struct stoa__bound *const *exprs, size_t n,
		       struct stoa__machine **out, struct stoa_error *err)
{
	struct stoa__prog *prog;

	STOA_TRY(stoa__prog_compile(arena, exprs, n, &prog, err));
	return stoa__machine_new(prog, STOA__BATCH_ROWS, out, err);
}

static void keep_reads(struct stoa__join_build *b, size_t n_left, const struct stoa__bound *e)
{
	if (e->kind == STOA__BOUND_COLUMN && e->index >= n_left)
		b->kept[e->index - n_left] = 0;
	for (uint32_t i = 0; i < e->n_args; i++)
		keep_reads(b, n_left, e->args[i]);
}

/*
 * The columns of the build side that anyone reads after it is built; types of the keys and of
 * these.
 */
static struct stoa__type *choose_kept(struct stoa__join_build *b, const struct stoa__node *n,
				      struct stoa__arena *arena)
{
	struct stoa__type *types =
		stoa__arena_array(arena, n->n_keys + b->n_columns + 1, sizeof *types);
	size_t n_left = n->input[0]->n_columns;

	b->kept = stoa__calloc(b->n_columns + 1, sizeof *b->kept);
	if (!types || !b->kept)
		return NULL;
	memset(b->kept, 0xff, b->n_columns * sizeof *b->kept);
	for (size_t i = 0; i < n->n_columns; i++)
		if (n->places[i] != STOA__PLACE_MARK && n->places[i] >= n_left)
			b->kept[n->places[i] - n_left] = 0;
	for (size_t i = 0; i < n->n_exprs; i++)
		keep_reads(b, n_left, n->exprs[i]);
	for (size_t i = 0; i < b->n_columns; i++) {
		if (b->kept[i] == SIZE_MAX)
			continue;
		types[n->n_keys + b->n_kept] = n->input[1]->columns[i].type;
		b->kept[i] = b->n_kept++;
	}
	for (size_t k = 0; k < n->n_keys; k++)
		types[k] = n->right_keys[k]->type;
	return types;
}

void stoa__join_build_drop(struct stoa__join_build *b)
{
	bool last;

	if (!b)
		return;
	pthread_mutex_lock(&b->lock);
	last = --b->n_users == 0;
	pthread_mutex_unlock(&b->lock);
	if (!last)
		return;
	stoa__op_close(b->input);
	stoa__machine_free(b->keys);
	stoa__join_table_release(&b->table);
	stoa__join_spill_release(&b->spill);
	stoa__share_release(&b->share);
	stoa__free(b->kept);
	pthread_mutex_destroy(&b->lock);
	stoa__free(b);
}

/* What reads @input into a table; takes it over. */
int stoa__join_build_open(struct stoa__op *input, struct stoa__arena *arena,
			  const struct stoa__join *j, struct stoa__join_build **out,
			  struct stoa_error *err)
{
	const struct stoa__node *n = j->node;
	struct stoa__join_build *b = stoa__calloc(1, sizeof *b);
	struct stoa__type *probe;

	*out = b;
	if (!b) {
		stoa__op_close(input);
		return stoa__fail_memory(err);
	}
	pthread_mutex_init(&b->lock, NULL);
	b->n_users = 1;
	b->input = input;
	b->n_columns = n->input[1]->n_columns;
	stoa__join_spill_init(&b->spill, j->run->means.dir, n->n_keys, NULL, 0, NULL, 0);
	b->share.budget = j->run->means.budget;
	b->types = choose_kept(b, n, arena);
	probe = stoa__arena_array(arena, j->n_left + 1, sizeof *probe);
	if (!b->types || !probe)
		return stoa__fail_memory(err);
	for (size_t i = 0; i < j->n_left; i++)
		probe[i] = n->input[0]->columns[i].type;
	b->spill.build_types = b->types;
	b->spill.n_build = n->n_keys + b->n_kept;
	b->spill.probe_types = probe;
	b->spill.n_probe = j->n_left;
	STOA_TRY(stoa__join_machine(arena, n->right_keys, n->n_keys, &b->keys, err));
	return stoa__join_build_begin(b, j, err);
}

int stoa__join_build_new(struct stoa__op *input, struct stoa__run *run, struct stoa__arena *arena,
			 const struct stoa__node *n, struct stoa__join_build **out,
			 struct stoa_error *err)
{
	struct stoa__join about = { .node = n, .run = run, .n_left = n->input[0]->n_columns };
	int rc = stoa__join_build_open(input, arena, &about, out, err);

	if (rc < 0) {
		stoa__join_build_drop(*out);
		*out = NULL;
	}
	return rc;
}
