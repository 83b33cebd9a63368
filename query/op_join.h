/* SPDX-License-Identifier: MIT */
/*
 * op_join.h - what the files of the hash join share
 *
 * op_join.c      the operator: rounds over candidates, and what becomes of matches
 * join_build.c   the build side
 * join_pairs.c   columns of what comes out
 */
#ifndef STOA__OP_JOIN_H
#define STOA__OP_JOIN_H

#include <pthread.h>

#include "join_spill.h"
#include "join_table.h"
#include "op.h"

/* What a probe row has found. */
enum stoa__join_state { STOA__JOIN_NO_MATCH, STOA__JOIN_PERHAPS, STOA__JOIN_MATCH };

struct stoa__join_room {
	void *values;
	uint64_t *bits;
	bool ready;
	struct stoa__vec vec;
};

/* Columns of pairs: of both inputs, side by side. */
struct stoa__join_pairs {
	struct stoa__input input;
	struct stoa__join *join;
	const uint32_t *probe;
	const uint32_t *row;
	size_t n;
	bool no_probe;		/* table rows without a probe row */
	bool ascending;		/* probe rows are */
	bool all;		/* they are those of the batch, as it is */
	struct stoa__join_room *rooms;
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
	struct stoa__span *spans;	/* of its keys, which scans below the probe side heed */
};

struct stoa__join {
	struct stoa__op op;
	struct stoa__op *probe;
	struct stoa__join_build *build;
	struct stoa__join_table *table;	/* its */
	const struct stoa__node *node;
	struct stoa__run *run;
	struct stoa__node_counts *counts;	/* NULL: nobody asks */
	size_t n_left, n_right;		/* columns of the inputs */
	struct stoa__machine *probe_keys, *conditions;
	struct stoa__keyer *keyers;	/* of probe keys */
	uint8_t phase;			/* enum phase, of op_join.c */
	/* The batch of probe rows: */
	size_t n_probe;
	uint64_t *words;
	uint8_t *known, *known_key;
	uint8_t *state;			/* enum stoa__join_state */
	uint32_t *probe_at, *row_at;	/* candidates */
	size_t n_candidates;
	/* The output: */
	uint32_t *out_probe, *out_row;
	size_t n_out;
	struct stoa__join_pairs out, hits;
	uint32_t tail_at;
	uint8_t *mark;
	uint64_t *mark_bits;
};

/* Room for a batch of any column. */
int stoa__join_make_room(struct stoa__join_room *r, struct stoa_error *err);
/* The machine that works out @exprs. */
int stoa__join_machine(struct stoa__arena *arena, struct stoa__bound *const *exprs, size_t n,
		       struct stoa__machine **out, struct stoa_error *err);
/* What table rows come out at the end: those with @matched, in addition to pairs. */
bool stoa__join_keeps_right(const struct stoa__join *j, uint8_t *matched);

/* ---- join_build.c -------------------------------------------------------------------------- */

/* What reads @input into a table; takes it over. After an error *@out is to be dropped, or NULL. */
int stoa__join_build_open(struct stoa__op *input, struct stoa__arena *arena,
			  const struct stoa__join *j, struct stoa__join_build **out,
			  struct stoa_error *err);
/* An empty table of the build's keys and columns. */
int stoa__join_build_begin(struct stoa__join_build *b, const struct stoa__join *j,
			   struct stoa_error *err);
/* Waits for the lane that builds, or is the one. */
int stoa__join_build_reach(struct stoa__join *j, struct stoa_error *err);

/* ---- join_pairs.c -------------------------------------------------------------------------- */

int stoa__join_pairs_column(struct stoa__input *in, size_t i, struct stoa__vec *out,
			    struct stoa_error *err);
void stoa__join_pairs_set(struct stoa__join_pairs *p, const uint32_t *probe, const uint32_t *row,
			  size_t n);
void stoa__join_pairs_release(struct stoa__join_pairs *p);

#endif
