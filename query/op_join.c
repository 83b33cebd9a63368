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
#include <pthread.h>
#include <string.h>

#include "../lib/core/alloc.h"
#include "../lib/core/bitmap.h"
#include "../lib/core/error.h"
#include "join_spill.h"
#include "join_table.h"
#include "loops.h"
#include "op.h"

#define FEW 8	/* reading one row costs about as much as decoding so many */
#define NO_ROW STOA__JOIN_NO_ROW

enum phase { BUILD, DEAL, NEED_BATCH, ROUNDS, REST, TAIL, PAUSE, NEXT_PART, DONE };
enum state { NO_MATCH, PERHAPS, MATCH };

struct room {
	void *values;
	uint64_t *bits;
	bool ready;
	struct stoa__vec vec;
};

/* Columns of pairs: of both inputs, side by side. */
struct pairs {
	struct stoa__input input;
	struct join *join;
	const uint32_t *probe;
	const uint32_t *row;
	size_t n;
	bool no_probe;		/* table rows without a probe row */
	bool ascending;		/* probe rows are */
	bool all;		/* they are those of the batch, as it is */
	struct room *rooms;
};

/* The build side, read by whoever comes first; the probes of all lanes share it. */
struct stoa__join_build {
	pthread_mutex_t lock;		/* of all that is not finished yet */
	unsigned n_users;
	bool done;
	int rc;				/* of an error, and its words */
	struct stoa_error err;
	struct stoa__op *input;		/* NULL once it is read */
	struct stoa__machine *keys;
	struct stoa__join_table table;
	const struct stoa__type *types;	/* of the keys, then of what is kept */
	size_t n_columns;		/* of the input */
	size_t *kept;			/* by column of it: the table's, or SIZE_MAX */
	size_t n_kept;
	struct stoa__share share;
	struct stoa__join_spill spill;
	bool spilled;			/* it is joined in parts */
	bool from_disk;			/* the input is one: keys, then what is kept */
};

struct join {
	struct stoa__op op;
	struct stoa__op *probe;
	struct stoa__join_build *build;
	struct stoa__join_table *table;	/* its */
	const struct stoa__node *node;
	struct stoa__run *run;
	size_t n_left, n_right;		/* columns of the inputs */
	struct stoa__machine *probe_keys, *conditions;
	struct stoa__keyer *keyers;	/* of probe keys */
	enum phase phase;
	/* The batch of probe rows: */
	size_t n_probe;
	uint64_t *words;
	uint8_t *known, *known_key;
	uint8_t *state;			/* enum state */
	uint32_t *probe_at, *row_at;	/* candidates */
	size_t n_candidates;
	/* The output: */
	uint32_t *out_probe, *out_row;
	size_t n_out;
	struct pairs out, hits;
	uint32_t tail_at;
	uint8_t *mark;
	uint64_t *mark_bits;
};

static bool is_kind(const struct join *j, unsigned a, unsigned b, unsigned c)
{
	return j->node->join == a || j->node->join == b || j->node->join == c;
}
/* Pairs come out. */
static bool gives_pairs(const struct join *j)
{
	return j->node->join == STOA__JOIN_INNER || j->node->join == STOA__JOIN_RIGHT ||
	       is_kind(j, STOA__JOIN_LEFT, STOA__JOIN_FULL, STOA__JOIN_SINGLE);
}
/* Probe rows come out by their state. */
static bool gives_probes(const struct join *j)
{
	return is_kind(j, STOA__JOIN_SEMI, STOA__JOIN_ANTI, STOA__JOIN_MARK);
}
/* Probe rows without a match come out beside NULLs. */
static bool keeps_left(const struct join *j)
{
	return is_kind(j, STOA__JOIN_LEFT, STOA__JOIN_FULL, STOA__JOIN_SINGLE);
}
/* What table rows come out at the end: those with @matched, in addition to pairs. */
static bool keeps_right(const struct join *j, uint8_t *matched)
{
	*matched = j->node->join == STOA__JOIN_RIGHT_SEMI;
	return is_kind(j, STOA__JOIN_RIGHT, STOA__JOIN_FULL, STOA__JOIN_RIGHT_ANTI) || *matched;
}

/* ---- columns of pairs ------------------------------------------------------------------------ */

static int make_room(struct room *r, struct stoa_error *err)
{
	if (r->values)
		return STOA_OK;
	r->values = stoa__alloc_aligned(STOA__BATCH_ROWS * sizeof(struct stoa_bytes));
	r->bits = stoa__alloc_aligned(STOA__WORDS(STOA__BATCH_ROWS) * 8);
	if (r->values && r->bits)
		return STOA_OK;
	stoa__free(r->values);
	stoa__free(r->bits);
	r->values = NULL;
	r->bits = NULL;
	return stoa__fail_memory(err);
}

static void make_nulls(const struct pairs *p, struct room *r, struct stoa__type type)
{
	memset(r->values, 0, sizeof(struct stoa_bytes));
	memset(r->bits, 0, STOA__WORDS(p->n) * 8);
	memset(&r->vec, 0, sizeof r->vec);
	r->vec.kind = STOA__VEC_CONST;
	r->vec.phys = (uint8_t)stoa__prog_phys(type.type);
	r->vec.type = type.type;
	r->vec.scale = type.scale;
	r->vec.n = p->n;
	r->vec.values = r->values;
	r->vec.validity = r->bits;
}

static int probe_column(struct pairs *p, size_t i, struct room *r, struct stoa_error *err)
{
	struct join *j = p->join;
	struct stoa__vec v;

	if (p->no_probe) {
		make_nulls(p, r, j->node->input[0]->columns[i].type);
		return STOA_OK;
	}
	if (p->ascending && p->n <= j->n_probe / FEW && j->probe->ops->pick &&
	    j->probe->ops->pick(j->probe, i, p->probe, p->n, r->values, r->bits, &r->vec))
		return STOA_OK;
	STOA_TRY(stoa__op_column(j->probe, i, &v, err));
	stoa__vec_gather(&v, p->probe, p->n, r->values, r->bits, &r->vec);
	return STOA_OK;
}

/* The column of a table of one row is a constant. */
static bool row_column_once(struct pairs *p, size_t c, struct room *r)
{
	const struct stoa__join_table *t = p->join->table;

	if (t->n_rows != 1 || p->row[0] == NO_ROW || p->row[p->n - 1] == NO_ROW ||
	    memchr(p->join->state, NO_MATCH, p->join->n_probe))
		return false;
	stoa__join_table_gather(t, c, p->row, 1, r->values, r->bits, &r->vec);
	if (r->vec.kind != STOA__VEC_FLAT || r->vec.validity)
		return false;
	r->vec.kind = STOA__VEC_CONST;
	r->vec.n = p->n;
	return true;
}

static int pairs_column(struct stoa__input *in, size_t i, struct stoa__vec *out,
			struct stoa_error *err)
{
	struct pairs *p = (struct pairs *)in;
	struct join *j = p->join;
	struct room *r = &p->rooms[i];

	if (p->all && i < j->n_left)
		return stoa__op_column(j->probe, i, out, err);
	if (!r->ready) {
		STOA_TRY(make_room(r, err));
		if (i < j->n_left)
			STOA_TRY(probe_column(p, i, r, err));
		else if (!row_column_once(p, j->build->kept[i - j->n_left], r))
			stoa__join_table_gather(j->table, j->build->kept[i - j->n_left], p->row, p->n,
						r->values, r->bits, &r->vec);
		r->ready = true;
	}
	*out = r->vec;
	return STOA_OK;
}

static void pairs_set(struct pairs *p, const uint32_t *probe, const uint32_t *row, size_t n)
{
	size_t n_columns = p->join->n_left + p->join->n_right;

	p->probe = probe;
	p->row = row;
	p->n = n;
	p->no_probe = p->ascending = p->all = false;
	for (size_t i = 0; i < n_columns; i++)
		p->rooms[i].ready = false;
}

/* ---- the build side -------------------------------------------------------------------------- */

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

static int init_table(struct stoa__join_build *b, const struct join *j, struct stoa_error *err)
{
	size_t n_keys = j->node->n_keys;
	uint8_t matched;

	return stoa__join_table_init(&b->table, j->node->right_keys, n_keys, b->types + n_keys,
				     b->n_kept, keeps_right(j, &matched), err);
}

/* Deals out @n rows of the table from @from on; @rooms: one for each column. */
static int deal_rows(struct stoa__join_build *b, size_t n_keys, uint32_t from, size_t n,
		     struct room *rooms, struct stoa__vec *v, struct stoa_error *err)
{
	uint32_t rows[STOA__BATCH_ROWS];

	for (size_t i = 0; i < n; i++)
		rows[i] = from + (uint32_t)i;
	for (size_t i = 0; i < n_keys + b->n_kept; i++) {
		STOA_TRY(make_room(&rooms[i], err));
		if (i < n_keys)
			stoa__join_table_gather_key(&b->table, i, b->types[i], rows, n, rooms[i].values,
						    rooms[i].bits, &v[i]);
		else
			stoa__join_table_gather(&b->table, i - n_keys, rows, n, rooms[i].values,
						rooms[i].bits, &v[i]);
	}
	return stoa__join_spill_build(&b->spill, v, n, err);
}

/* The rows of the table go to disk, and so will all that are still to come. */
static int empty_table(struct stoa__join_build *b, const struct join *j, struct stoa__vec *v,
		       struct stoa_error *err)
{
	size_t n_keys = j->node->n_keys, n_columns = n_keys + b->n_kept;
	struct room *rooms = stoa__calloc(n_columns + 1, sizeof *rooms);
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
	return init_table(b, j, err);
}

/*
 * A join without equality, and one that asks of all rows at once, cannot be cut. Rows whose hash
 * has no bits left have one key, or nearly: they are taken as they are.
 */
static int heed_budget(struct stoa__join_build *b, const struct join *j, struct stoa__vec *v,
		       struct stoa_error *err)
{
	if (stoa__share_hold(&b->share, stoa__join_table_bytes(&b->table)))
		return STOA_OK;
	if (!j->node->n_keys || j->node->null_aware)
		return stoa__fail(err, STOA_ENOMEM,
				  "a join without an equality, or NOT IN, has to hold all of one side, "
				  "which is more than memory_limit");
	return stoa__join_spill_can(&b->spill) ? empty_table(b, j, v, err) : STOA_OK;
}

static int add_batch(struct stoa__join_build *b, const struct join *j, size_t n,
		     struct stoa__vec *v, struct stoa_error *err)
{
	size_t n_keys = j->node->n_keys;

	STOA_TRY(read_batch(b, n_keys, n, v, err));
	if (b->spill.dealt)
		return stoa__join_spill_build(&b->spill, v, n, err);
	STOA_TRY(stoa__join_table_add(&b->table, v, v + n_keys, n, err));
	return heed_budget(b, j, v, err);
}

static int build_table(struct stoa__join_build *b, const struct join *j, struct stoa_error *err)
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
	return stoa__join_table_finish(&b->table, keeps_right(j, &matched), err);
}

/* Waits for the lane that builds, or is the one. */
static int reach_table(struct join *j, struct stoa_error *err)
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

/* Without rows on the build side, does the probe side matter? */
static bool is_hopeless(const struct join *j)
{
	return !j->table->n_rows && !keeps_left(j) && !is_kind(j, STOA__JOIN_ANTI, STOA__JOIN_MARK,
							      STOA__JOIN_MARK);
}

/* ---- in parts -------------------------------------------------------------------------------- */

/* All probe rows go to disk, beside the build rows that have their keys. */
static int deal_probes(struct join *j, struct stoa_error *err)
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
static int begin_part(struct join *j, struct stoa_error *err)
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
	STOA_TRY(init_table(b, j, err));
	STOA_TRY(stoa__op_stream(&b->spill.current.build, j->run, &b->input, err));
	STOA_TRY(stoa__op_stream(&b->spill.current.probe, j->run, &j->probe, err));
	b->from_disk = true;
	b->done = false;
	j->tail_at = 0;
	j->phase = BUILD;
	return STOA_OK;
}

/* ---- rounds ---------------------------------------------------------------------------------- */

static int start_batch(struct join *j, struct stoa_error *err)
{
	size_t n = j->n_probe;

	memset(j->known, 1, n);
	memset(j->state, NO_MATCH, n);
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
					j->state[i] = PERHAPS;
	}
	if (j->node->null_aware && j->table->null_key)
		memset(j->state, PERHAPS, n);
	j->n_candidates = stoa__join_table_start(j->table, j->words, j->known, n, j->probe_at,
						 j->row_at);
	return STOA_OK;
}

/* Which of @n hits pass the further conditions; they close up. NULL answers are noted for MARK. */
static int try_conditions(struct join *j, uint32_t *probe, uint32_t *row, size_t *n,
			  struct stoa_error *err)
{
	const struct stoa__vec *v;
	uint8_t ok[STOA__BATCH_ROWS];
	size_t k = 0;

	if (!j->conditions || !*n)
		return STOA_OK;
	pairs_set(&j->hits, probe, row, *n);
	STOA_TRY(stoa__machine_run(j->conditions, &j->hits.input, *n, NULL, err));
	v = stoa__machine_output(j->conditions, 0);
	stoa__vec_true(v, *n, ok);
	for (size_t i = 0; i < *n; i++) {
		uint32_t p = probe[i];
		if (!ok[i] && v->validity && !stoa__bit_get(v->validity, i) &&
		    j->state[p] == NO_MATCH)
			j->state[p] = PERHAPS;
		probe[k] = p;
		row[k] = row[i];
		k += ok[i];
	}
	*n = k;
	return STOA_OK;
}

static int note_matches(struct join *j, const uint32_t *probe, const uint32_t *row, size_t n,
			struct stoa_error *err)
{
	if (j->node->join == STOA__JOIN_SINGLE)
		for (size_t i = 0; i < n; i++) {
			if (j->state[probe[i]] == MATCH)
				return stoa__fail_at(err, STOA_EINVAL, j->node->line,
						     j->node->column,
						     "a subquery that stands for a value gave more "
						     "than one row");
			j->state[probe[i]] = MATCH;
		}
	for (size_t i = 0; i < n; i++)
		j->state[probe[i]] = MATCH;
	for (size_t i = 0; j->table->matched && i < n; i++)
		j->table->matched[row[i]] = 1;
	return STOA_OK;
}

/* Probe rows that have their answer are candidates no more. */
static void drop_answered(struct join *j)
{
	size_t k = 0;

	for (size_t i = 0; i < j->n_candidates; i++) {
		j->probe_at[k] = j->probe_at[i];
		j->row_at[k] = j->row_at[i];
		k += j->state[j->probe_at[i]] != MATCH;
	}
	j->n_candidates = k;
}

static int one_round(struct join *j, struct stoa_error *err)
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

static int run_rounds(struct join *j, struct stoa_error *err)
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
static void list_probes(struct join *j, bool (*want)(const struct join *j, size_t i))
{
	for (size_t i = 0; i < j->n_probe; i++) {
		j->out_probe[j->n_out] = (uint32_t)i;
		j->out_row[j->n_out] = NO_ROW;
		j->n_out += want(j, i);
	}
}

static bool is_matched(const struct join *j, size_t i)
{
	return j->state[i] == MATCH;
}
static bool is_unmatched(const struct join *j, size_t i)
{
	return j->state[i] != MATCH;
}
static bool is_any(const struct join *j, size_t i)
{
	(void)j;
	(void)i;
	return true;
}

static void run_rest(struct join *j)
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

static void run_tail(struct join *j)
{
	uint8_t matched;

	if (!keeps_right(j, &matched)) {
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

static int step(struct join *j, bool *no_probe, struct stoa_error *err)
{
	int rc;

	switch (j->phase) {
	case BUILD:
		STOA_TRY(reach_table(j, err));
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
static bool is_all(const struct join *j)
{
	if (j->n_out != j->n_probe || j->out.no_probe)
		return false;
	for (size_t i = 0; i < j->n_out; i++)
		if (j->out_probe[i] != i)
			return false;
	return true;
}

/* Pairs and the rows that go beside NULLs may share a batch, where there is room. */
static bool is_full(const struct join *j)
{
	return j->n_out && (j->phase != REST || j->n_out + j->n_probe > STOA__BATCH_ROWS ||
			    !keeps_left(j));
}

static int join_next(struct stoa__op *op, size_t *n, struct stoa_error *err)
{
	struct join *j = (struct join *)op;
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
	pairs_set(&j->out, j->out_probe, j->out_row, j->n_out);
	j->out.ascending = ascending;
	j->out.no_probe = no_probe;
	j->out.all = is_all(j);
	*n = j->n_out;
	return STOA_ROW;
}

static int mark_column(struct join *j, struct stoa__vec *out)
{
	memset(j->mark_bits, 0, STOA__WORDS(j->n_out) * 8);
	for (size_t i = 0; i < j->n_out; i++) {
		uint8_t s = j->state[j->out_probe[i]];
		j->mark[i] = s == MATCH;
		if (s != PERHAPS)
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
	struct join *j = (struct join *)in;
	uint32_t place = j->node->places[i];

	return place == STOA__PLACE_MARK ? mark_column(j, out) :
					   pairs_column(&j->out.input, place, out, err);
}

/* ---- life ----------------------------------------------------------------------------------- */

static void pairs_release(struct pairs *p)
{
	for (size_t i = 0; p->rooms && i < p->join->n_left + p->join->n_right; i++) {
		stoa__free(p->rooms[i].values);
		stoa__free(p->rooms[i].bits);
	}
	stoa__free(p->rooms);
}

static void build_release(struct stoa__join_build *b)
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

static void join_close(struct stoa__op *op)
{
	struct join *j = (struct join *)op;

	stoa__op_close(j->probe);
	stoa__machine_free(j->probe_keys);
	stoa__machine_free(j->conditions);
	for (size_t k = 0; j->keyers && k < j->node->n_keys; k++)
		stoa__keyer_release(&j->keyers[k]);
	build_release(j->build);
	pairs_release(&j->out);
	pairs_release(&j->hits);
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

static int make_machine(struct stoa__arena *arena, struct stoa__bound *const *exprs, size_t n,
			struct stoa__machine **out, struct stoa_error *err)
{
	struct stoa__prog *prog;

	STOA_TRY(stoa__prog_compile(arena, exprs, n, &prog, err));
	return stoa__machine_new(prog, STOA__BATCH_ROWS, out, err);
}

/* All further conditions as one. */
static int make_conditions(struct join *j, struct stoa__arena *arena, struct stoa_error *err)
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
	return make_machine(arena, &all, 1, &j->conditions, err);
}

static int make_arrays(struct join *j, struct stoa_error *err)
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

/* What reads @input into a table; takes it over. */
static int new_build(struct stoa__op *input, struct stoa__arena *arena, const struct join *j,
		     struct stoa__join_build **out, struct stoa_error *err)
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
	STOA_TRY(make_machine(arena, n->right_keys, n->n_keys, &b->keys, err));
	return init_table(b, j, err);
}

int stoa__join_build_new(struct stoa__op *input, struct stoa__run *run, struct stoa__arena *arena,
			 const struct stoa__node *n, struct stoa__join_build **out,
			 struct stoa_error *err)
{
	struct join about = { .node = n, .run = run, .n_left = n->input[0]->n_columns };
	int rc = new_build(input, arena, &about, out, err);

	if (rc < 0) {
		build_release(*out);
		*out = NULL;
	}
	return rc;
}

void stoa__join_build_drop(struct stoa__join_build *b)
{
	build_release(b);
}

static int join_init(struct join *j, struct stoa__arena *arena, struct stoa_error *err)
{
	const struct stoa__node *n = j->node;

	STOA_TRY(make_arrays(j, err));
	STOA_TRY(make_machine(arena, n->left_keys, n->n_keys, &j->probe_keys, err));
	return make_conditions(j, arena, err);
}

int stoa__op_join(struct stoa__op *probe, struct stoa__op *build, struct stoa__join_build **shared,
		  struct stoa__run *run, struct stoa__arena *arena, const struct stoa__node *n, struct stoa__op **out,
		  struct stoa_error *err)
{
	static const struct stoa__op_ops ops = { join_next, join_close, NULL, NULL };
	struct join *j = stoa__calloc(1, sizeof *j);

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
	j->out.input.column = j->hits.input.column = pairs_column;
	int rc = STOA_OK;
	if (build) {
		rc = new_build(build, arena, j, &j->build, err);
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
