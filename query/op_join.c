/* SPDX-License-Identifier: MIT */
/*
 * op_join.c - hash joins of every kind
 *
 * The build side is read whole into a table (join_table.h), then the probe side streams by, in
 * several lanes (lanes.h) where no table rows come out at the end: these share the table. Of a
 * batch of probe rows those that may have partners are *candidates*, each with a row of the table;
 * a round compares them all and moves each on to the next row of its chain. What matches in a round
 * is tried against the further conditions, all at once. Rounds go on until no candidate is left or
 * the output is full.
 *
 *     batch -> keys -> candidates -> round -> hits -> conditions -> pairs (probe row, table row)
 *
 * Kinds differ in what becomes of matches: INNER, LEFT, RIGHT, FULL and SINGLE give pairs; SEMI,
 * ANTI and MARK note them by probe row and give probe rows; RIGHT, FULL, RIGHT_SEMI and RIGHT_ANTI
 * note them by table row, and give table rows when the probe side is at its end.
 *
 * A build side beyond the budget goes to disk, and then all of the probe side, dealt out by a hash
 * of their keys (join_spill.h): each part is joined in turn, from BUILD to TAIL.
 *
 * Columns are made when asked for: probe columns that nobody reads are not decoded, and a batch
 * whose every row found one partner passes as it is.
 */
#include <string.h>

#include "../lib/core/alloc.h"
#include "../lib/core/bitmap.h"
#include "../lib/core/error.h"
#include "loops.h"
#include "op_join.h"

#define NO_ROW STOA__JOIN_NO_ROW

enum phase { BUILD, DEAL, NEED_BATCH, ROUNDS, REST, TAIL, PAUSE, NEXT_PART, DONE };

static bool is_kind(const struct stoa__join *j, unsigned a, unsigned b, unsigned c)
{
	return j->node->join == a || j->node->join == b || j->node->join == c;
}
/* Pairs come out. */
static bool gives_pairs(const struct stoa__join *j)
{
	return j->node->join == STOA__JOIN_INNER || j->node->join == STOA__JOIN_RIGHT ||
	       is_kind(j, STOA__JOIN_LEFT, STOA__JOIN_FULL, STOA__JOIN_SINGLE);
}
/* Probe rows come out by their state. */
static bool gives_probes(const struct stoa__join *j)
{
	return is_kind(j, STOA__JOIN_SEMI, STOA__JOIN_ANTI, STOA__JOIN_MARK);
}
/* Probe rows without a match come out beside NULLs. */
static bool keeps_left(const struct stoa__join *j)
{
	return is_kind(j, STOA__JOIN_LEFT, STOA__JOIN_FULL, STOA__JOIN_SINGLE);
}
bool stoa__join_keeps_right(const struct stoa__join *j, uint8_t *matched)
{
	*matched = j->node->join == STOA__JOIN_RIGHT_SEMI;
	return is_kind(j, STOA__JOIN_RIGHT, STOA__JOIN_FULL, STOA__JOIN_RIGHT_ANTI) || *matched;
}
/* Without rows on the build side, does the probe side matter? */
static bool is_hopeless(const struct stoa__join *j)
{
	return !j->table->n_rows && !keeps_left(j) && !is_kind(j, STOA__JOIN_ANTI, STOA__JOIN_MARK,
							      STOA__JOIN_MARK);
}

/* ---- in parts -------------------------------------------------------------------------------- */

/* All probe rows go to disk, beside the build rows that have their keys. */
static int deal_probes(struct stoa__join *j, struct stoa_error *err)
{
	size_t n_keys = j->node->n_keys, n;
	struct stoa__vec *v = stoa__calloc(n_keys + j->n_left + 1, sizeof *v);
	int rc = v ? STOA_OK : stoa__fail_memory(err);

	while (rc >= 0 && (rc = stoa__op_next(j->probe, &n, err)) == STOA_ROW) {
		rc = stoa__machine_run(j->probe_keys, &j->probe->input, n, NULL, err);
		for (size_t k = 0; rc >= 0 && k < n_keys; k++)
			v[k] = *stoa__machine_output(j->probe_keys, k);
		for (size_t i = 0; rc >= 0 && i < j->n_left; i++)
			rc = stoa__op_column(j->probe, i, &v[n_keys + i], err);
		if (rc >= 0)
			rc = stoa__join_spill_probe(&j->build->spill, v, v + n_keys, n, err);
	}
	stoa__free(v);
	return rc < 0 ? rc : stoa__join_spill_end(&j->build->spill, err);
}

/* The next part becomes what is joined; without any, all is done. */
static int begin_part(struct stoa__join *j, struct stoa_error *err)
{
	struct stoa__join_build *b = j->build;

	stoa__op_close(j->probe);
	j->probe = NULL;
	if (!stoa__join_spill_next(&b->spill)) {
		b->spilled = false;
		j->phase = DONE;
		return STOA_OK;
	}
	for (size_t k = 0; k < j->node->n_keys; k++) {
		stoa__keyer_release(&j->keyers[k]);
		j->keyers[k] = (struct stoa__keyer){ .phys = j->keyers[k].phys };
	}
	stoa__join_table_release(&b->table);
	STOA_TRY(stoa__join_build_begin(b, j, err));
	STOA_TRY(stoa__op_stream(&b->spill.current.build, j->run, &b->input, err));
	STOA_TRY(stoa__op_stream(&b->spill.current.probe, j->run, &j->probe, err));
	b->from_disk = true;
	b->done = false;
	j->tail_at = 0;
	j->phase = BUILD;
	return STOA_OK;
}

/* ---- rounds ---------------------------------------------------------------------------------- */

static int start_batch(struct stoa__join *j, struct stoa_error *err)
{
	size_t n = j->n_probe;

	memset(j->known, 1, n);
	memset(j->state, STOA__JOIN_NO_MATCH, n);
	if (j->node->n_keys)
		STOA_TRY(stoa__machine_run(j->probe_keys, &j->probe->input, n, NULL, err));
	for (size_t k = 0; k < j->node->n_keys; k++) {
		const struct stoa__vec *v = stoa__machine_output(j->probe_keys, k);
		STOA_TRY(stoa__keyer_find(&j->keyers[k], &j->table->keys[k].keyer, v, n,
					  j->words + k * STOA__BATCH_ROWS, j->known_key, err));
		stoa__loops()->and_bytes(j->known, j->known_key, n, j->known);
		if (j->node->null_aware && (j->table->n_rows || j->table->null_key))
			for (size_t i = 0; v->validity && i < n; i++)
				if (!stoa__bit_get(v->validity, i))
					j->state[i] = STOA__JOIN_PERHAPS;
	}
	if (j->node->null_aware && j->table->null_key)
		memset(j->state, STOA__JOIN_PERHAPS, n);
	j->n_candidates = stoa__join_table_start(j->table, j->words, j->known, n, j->probe_at,
						 j->row_at);
	if (j->counts)
		stoa__count(&j->counts->n_dropped, n - j->n_candidates);
	return STOA_OK;
}

/* Which of @n hits pass the further conditions; they close up. NULL answers are noted for MARK. */
static int try_conditions(struct stoa__join *j, uint32_t *probe, uint32_t *row, size_t *n,
			  struct stoa_error *err)
{
	const struct stoa__vec *v;
	uint8_t ok[STOA__BATCH_ROWS];
	size_t k = 0;

	if (!j->conditions || !*n)
		return STOA_OK;
	stoa__join_pairs_set(&j->hits, probe, row, *n);
	STOA_TRY(stoa__machine_run(j->conditions, &j->hits.input, *n, NULL, err));
	v = stoa__machine_output(j->conditions, 0);
	stoa__vec_true(v, *n, ok);
	for (size_t i = 0; i < *n; i++) {
		uint32_t p = probe[i];
		if (!ok[i] && v->validity && !stoa__bit_get(v->validity, i) &&
		    j->state[p] == STOA__JOIN_NO_MATCH)
			j->state[p] = STOA__JOIN_PERHAPS;
		probe[k] = p;
		row[k] = row[i];
		k += ok[i];
	}
	*n = k;
	return STOA_OK;
}

static int note_matches(struct stoa__join *j, const uint32_t *probe, const uint32_t *row, size_t n,
			struct stoa_error *err)
{
	if (j->node->join == STOA__JOIN_SINGLE)
		for (size_t i = 0; i < n; i++) {
			if (j->state[probe[i]] == STOA__JOIN_MATCH)
				return stoa__fail_at(err, STOA_EINVAL, j->node->line,
						     j->node->column,
						     "a subquery that stands for a value gave more "
						     "than one row");
			j->state[probe[i]] = STOA__JOIN_MATCH;
		}
	for (size_t i = 0; i < n; i++)
		j->state[probe[i]] = STOA__JOIN_MATCH;
	for (size_t i = 0; j->table->matched && i < n; i++)
		j->table->matched[row[i]] = 1;
	return STOA_OK;
}

/* Probe rows that have their answer are candidates no more. */
static void drop_answered(struct stoa__join *j)
{
	size_t k = 0;

	for (size_t i = 0; i < j->n_candidates; i++) {
		j->probe_at[k] = j->probe_at[i];
		j->row_at[k] = j->row_at[i];
		k += j->state[j->probe_at[i]] != STOA__JOIN_MATCH;
	}
	j->n_candidates = k;
}

static int one_round(struct stoa__join *j, struct stoa_error *err)
{
	uint32_t *probe = j->out_probe + j->n_out, *row = j->out_row + j->n_out;
	size_t n;

	j->n_candidates = stoa__join_table_round(j->table, j->words, j->probe_at, j->row_at,
						 j->n_candidates, probe, row, &n);
	STOA_TRY(try_conditions(j, probe, row, &n, err));
	STOA_TRY(note_matches(j, probe, row, n, err));
	if (gives_pairs(j))
		j->n_out += n;
	else if (gives_probes(j))
		drop_answered(j);
	return STOA_OK;
}

static int run_rounds(struct stoa__join *j, struct stoa_error *err)
{
	bool first = true;

	while (j->n_candidates && j->n_out + j->n_candidates <= STOA__BATCH_ROWS) {
		STOA_TRY(stoa__run_check(j->run, err));
		STOA_TRY(one_round(j, err));
		j->out.ascending = first;
		first = false;
	}
	if (!j->n_candidates)
		j->phase = REST;
	return STOA_OK;
}

/* ---- what comes out after the rounds --------------------------------------------------------- */

/* Probe rows in state @want, or not in it, beside @row. */
static void list_probes(struct stoa__join *j, bool (*want)(const struct stoa__join *j, size_t i))
{
	for (size_t i = 0; i < j->n_probe; i++) {
		j->out_probe[j->n_out] = (uint32_t)i;
		j->out_row[j->n_out] = NO_ROW;
		j->n_out += want(j, i);
	}
}

static bool is_matched(const struct stoa__join *j, size_t i)
{
	return j->state[i] == STOA__JOIN_MATCH;
}
static bool is_unmatched(const struct stoa__join *j, size_t i)
{
	return j->state[i] != STOA__JOIN_MATCH;
}
static bool is_any(const struct stoa__join *j, size_t i)
{
	(void)j;
	(void)i;
	return true;
}

static void run_rest(struct stoa__join *j)
{
	bool fresh = j->n_out == 0;

	if (keeps_left(j) || j->node->join == STOA__JOIN_ANTI)
		list_probes(j, is_unmatched);
	else if (j->node->join == STOA__JOIN_SEMI)
		list_probes(j, is_matched);
	else if (j->node->join == STOA__JOIN_MARK)
		list_probes(j, is_any);
	if (j->n_out && keeps_left(j))
		j->out.ascending = fresh;
	else if (gives_probes(j))
		j->out.ascending = true;
	j->phase = NEED_BATCH;
}

static void run_tail(struct stoa__join *j)
{
	uint8_t matched;

	if (!stoa__join_keeps_right(j, &matched)) {
		j->phase = PAUSE;	/* a lane may be given another row group */
		return;
	}
	for (; j->tail_at < j->table->n_rows && j->n_out < STOA__BATCH_ROWS; j->tail_at++) {
		j->out_row[j->n_out] = j->tail_at;
		j->n_out += j->table->matched[j->tail_at] == matched;
	}
	if (j->tail_at == j->table->n_rows)
		j->phase = DONE;
}

/* ---- the operator ---------------------------------------------------------------------------- */

static int step(struct stoa__join *j, bool *no_probe, struct stoa_error *err)
{
	int rc;

	switch ((enum phase)j->phase) {
	case BUILD:
		STOA_TRY(stoa__join_build_reach(j, err));
		j->phase = j->build->spill.dealt ? DEAL : is_hopeless(j) ? DONE : NEED_BATCH;
		break;
	case DEAL:
		j->phase = NEXT_PART;
		return deal_probes(j, err);
	case NEXT_PART:
		*no_probe = false;
		return begin_part(j, err);
	case NEED_BATCH:
		rc = stoa__op_next(j->probe, &j->n_probe, err);
		if (rc < 0)
			return rc;
		j->phase = rc == STOA_ROW ? ROUNDS : TAIL;
		return rc == STOA_ROW ? start_batch(j, err) : STOA_OK;
	case ROUNDS: return run_rounds(j, err);
	case REST: run_rest(j); break;
	case TAIL:
		*no_probe = true;
		run_tail(j);
		break;
	case PAUSE:
	case DONE: break;
	}
	return STOA_OK;
}

/* Is the output the batch of probe rows as it came? */
static bool is_all(const struct stoa__join *j)
{
	if (j->n_out != j->n_probe || j->out.no_probe)
		return false;
	for (size_t i = 0; i < j->n_out; i++)
		if (j->out_probe[i] != i)
			return false;
	return true;
}

/* Pairs and the rows that go beside NULLs may share a batch, where there is room. */
static bool is_full(const struct stoa__join *j)
{
	return j->n_out && (j->phase != REST || j->n_out + j->n_probe > STOA__BATCH_ROWS ||
			    !keeps_left(j));
}

static int join_next(struct stoa__op *op, size_t *n, struct stoa_error *err)
{
	struct stoa__join *j = (struct stoa__join *)op;
	bool no_probe = false, ascending;

	j->n_out = 0;
	j->out.ascending = false;
	while (!is_full(j)) {
		if ((j->phase == PAUSE || j->phase == DONE) && j->build->spilled)
			j->phase = NEXT_PART;
		if (j->phase == PAUSE || j->phase == DONE) {
			j->phase = j->phase == PAUSE ? NEED_BATCH : DONE;
			return STOA_END;
		}
		STOA_TRY(step(j, &no_probe, err));
	}
	ascending = j->out.ascending;
	stoa__join_pairs_set(&j->out, j->out_probe, j->out_row, j->n_out);
	j->out.ascending = ascending;
	j->out.no_probe = no_probe;
	j->out.all = is_all(j);
	*n = j->n_out;
	return STOA_ROW;
}

static int mark_column(struct stoa__join *j, struct stoa__vec *out)
{
	memset(j->mark_bits, 0, STOA__WORDS(j->n_out) * 8);
	for (size_t i = 0; i < j->n_out; i++) {
		uint8_t s = j->state[j->out_probe[i]];
		j->mark[i] = s == STOA__JOIN_MATCH;
		if (s != STOA__JOIN_PERHAPS)
			stoa__bit_set(j->mark_bits, i);
	}
	memset(out, 0, sizeof *out);
	out->kind = STOA__VEC_FLAT;
	out->phys = STOA__PHYS_BOOL;
	out->type = STOA_BOOL;
	out->n = j->n_out;
	out->values = j->mark;
	out->validity = j->mark_bits;
	return STOA_OK;
}

static int join_column(struct stoa__input *in, size_t i, struct stoa__vec *out,
		       struct stoa_error *err)
{
	struct stoa__join *j = (struct stoa__join *)in;
	uint32_t place = j->node->places[i];

	return place == STOA__PLACE_MARK ? mark_column(j, out) :
					   stoa__join_pairs_column(&j->out.input, place, out, err);
}

/* ---- life ----------------------------------------------------------------------------------- */

static void join_close(struct stoa__op *op)
{
	struct stoa__join *j = (struct stoa__join *)op;

	stoa__op_close(j->probe);
	stoa__machine_free(j->probe_keys);
	stoa__machine_free(j->conditions);
	for (size_t k = 0; j->keyers && k < j->node->n_keys; k++)
		stoa__keyer_release(&j->keyers[k]);
	stoa__join_build_drop(j->build);
	stoa__join_pairs_release(&j->out);
	stoa__join_pairs_release(&j->hits);
	stoa__free(j->keyers);
	stoa__free(j->words);
	stoa__free(j->known);
	stoa__free(j->known_key);
	stoa__free(j->state);
	stoa__free(j->probe_at);
	stoa__free(j->row_at);
	stoa__free(j->out_probe);
	stoa__free(j->out_row);
	stoa__free(j->mark);
	stoa__free(j->mark_bits);
	stoa__free(j);
}

/* All further conditions as one. */
static int make_conditions(struct stoa__join *j, struct stoa__arena *arena, struct stoa_error *err)
{
	const struct stoa__node *n = j->node;
	struct stoa__bound *all = n->n_exprs ? n->exprs[0] : NULL;

	if (!all)
		return STOA_OK;
	if (n->n_exprs > 1) {
		all = stoa__arena_zalloc(arena, sizeof *all);
		if (!all)
			return stoa__fail_memory(err);
		all->kind = STOA__BOUND_AND;
		all->type = stoa__type_plain(STOA_BOOL);
		all->n_args = (uint32_t)n->n_exprs;
		all->args = n->exprs;
		for (size_t i = 0; i < n->n_exprs; i++)
			all->may_fail |= n->exprs[i]->may_fail;
	}
	return stoa__join_machine(arena, &all, 1, &j->conditions, err);
}

static int make_arrays(struct stoa__join *j, struct stoa_error *err)
{
	const size_t n = STOA__BATCH_ROWS, n_columns = j->n_left + j->n_right + 1;

	j->words = stoa__alloc_aligned((j->node->n_keys + 1) * n * sizeof *j->words);
	j->known = stoa__alloc_aligned(n);
	j->known_key = stoa__alloc_aligned(n + 64);	/* bits unpack by the word */
	j->state = stoa__alloc_aligned(n);
	j->probe_at = stoa__alloc_aligned((n + 1) * sizeof *j->probe_at);
	j->row_at = stoa__alloc_aligned((n + 1) * sizeof *j->row_at);
	j->out_probe = stoa__alloc_aligned((n + 1) * sizeof *j->out_probe);
	j->out_row = stoa__alloc_aligned((n + 1) * sizeof *j->out_row);
	j->mark = stoa__alloc_aligned(n);
	j->mark_bits = stoa__alloc_aligned(STOA__WORDS(n) * 8);
	j->keyers = stoa__calloc(j->node->n_keys + 1, sizeof *j->keyers);
	j->out.rooms = stoa__calloc(n_columns, sizeof *j->out.rooms);
	j->hits.rooms = stoa__calloc(n_columns, sizeof *j->hits.rooms);
	if (!j->words || !j->known || !j->known_key || !j->state || !j->probe_at || !j->row_at ||
	    !j->out_probe || !j->out_row || !j->mark || !j->mark_bits || !j->keyers ||
	    !j->out.rooms || !j->hits.rooms)
		return stoa__fail_memory(err);
	for (size_t k = 0; k < j->node->n_keys; k++)
		j->keyers[k].phys = (uint8_t)stoa__prog_phys(j->node->left_keys[k]->type.type);
	return STOA_OK;
}

static int join_init(struct stoa__join *j, struct stoa__arena *arena, struct stoa_error *err)
{
	const struct stoa__node *n = j->node;

	STOA_TRY(make_arrays(j, err));
	STOA_TRY(stoa__join_machine(arena, n->left_keys, n->n_keys, &j->probe_keys, err));
	return make_conditions(j, arena, err);
}

int stoa__op_join(struct stoa__op *probe, struct stoa__op *build, struct stoa__join_build **shared,
		  struct stoa__run *run, struct stoa__arena *arena, const struct stoa__node *n,
		  struct stoa__op **out, struct stoa_error *err)
{
	static const struct stoa__op_ops ops = { join_next, join_close, NULL, NULL };
	struct stoa__join *j = stoa__calloc(1, sizeof *j);

	*out = NULL;
	if (!j) {
		stoa__op_close(probe);
		stoa__op_close(build);
		return stoa__fail_memory(err);
	}
	j->op.input.column = join_column;
	j->op.ops = &ops;
	j->probe = probe;
	j->run = run;
	j->node = n;
	j->n_left = n->input[0]->n_columns;
	j->n_right = n->shares ? 0 : n->input[1]->n_columns;
	j->out.join = j->hits.join = j;
	j->out.input.column = j->hits.input.column = stoa__join_pairs_column;
	int rc = STOA_OK;
	if (build) {
		rc = stoa__join_build_open(build, arena, j, &j->build, err);
	} else {
		j->build = *shared;
		j->build->n_users++;	/* no lane runs yet */
	}
	if (rc == STOA_OK) {
		j->table = &j->build->table;
		rc = join_init(j, arena, err);
	}
	if (rc < 0) {
		join_close(&j->op);
		return rc;
	}
	*shared = j->build;
	*out = &j->op;
	return STOA_OK;
}

void stoa__op_join_count(struct stoa__op *join, struct stoa__node_counts *counts)
{
	((struct stoa__join *)join)->counts = counts;
}
