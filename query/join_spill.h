/* SPDX-License-Identifier: MIT */
/*
 * join_spill.h - a join whose build side does not fit in memory, cut into joins that do
 *
 * Rows of both sides are dealt out to partitions by a hash of their keys: rows that match are in
 * partitions of the same number. Each such pair of partitions is then a join by itself, which may
 * be cut again, by further bits of the hash. (Kitsuregawa, Tanaka and Moto-oka: Application of hash
 * to data base machine, New Generation Computing 1983; known as the Grace hash join.)
 *
 *     build rows: keys, then columns that are kept       probe rows: all columns
 */
#ifndef STOA__JOIN_SPILL_H
#define STOA__JOIN_SPILL_H

#include "spill.h"

#define STOA__JOIN_PARTS 16

struct stoa__join_part {
	struct stoa__stream build, probe;
	unsigned depth;		/* how often its rows were dealt out */
};

struct stoa__join_spill {
	struct stoa__temp file;
	const struct stoa__type *build_types, *probe_types;
	size_t n_keys, n_build, n_probe;
	struct stoa__join_part *dealt;	/* STOA__JOIN_PARTS being filled; NULL: none */
	struct stoa__join_part current;	/* being joined */
	struct stoa__join_part *parts;	/* that wait; the last is next */
	uint32_t n_parts, cap_parts;
};

/* @build_types: of keys, then columns. All types must outlive it. Costs nothing until rows come. */
void stoa__join_spill_init(struct stoa__join_spill *s, const struct stoa__dir *dir, size_t n_keys,
			   const struct stoa__type *build_types, size_t n_build,
			   const struct stoa__type *probe_types, size_t n_probe);
void stoa__join_spill_release(struct stoa__join_spill *s);
/* Can what is being joined be cut? Not when its hash has no bits left. */
bool stoa__join_spill_can(const struct stoa__join_spill *s);
/* Begins to. */
int stoa__join_spill_begin(struct stoa__join_spill *s, struct stoa_error *err);
/*
 * Deals @n rows out; @rows are their columns, and @keys, of a build row its first, what they are
 * dealt out by.
 */
int stoa__join_spill_build(struct stoa__join_spill *s, const struct stoa__vec *rows, size_t n,
			   struct stoa_error *err);
int stoa__join_spill_probe(struct stoa__join_spill *s, const struct stoa__vec *keys,
			   const struct stoa__vec *rows, size_t n, struct stoa_error *err);
/* All rows of both sides were dealt out: the partitions wait. */
int stoa__join_spill_end(struct stoa__join_spill *s, struct stoa_error *err);
/* Makes the next partition the current one: false when there is none. */
bool stoa__join_spill_next(struct stoa__join_spill *s);

#endif
