/* SPDX-License-Identifier: MIT */
/*
 * relations.h - random tables of four columns, and random queries over them
 *
 * Every table, and every query in FROM, has the same four columns: i, j (integers, often NULL, from
 * few values, so that joins match and match often), n (an integer, never NULL in a table) and s (a
 * string). So a relation may stand wherever another may, and queries are put together from nothing
 * but relations, which are called r1, r2, ... The text is the same for stoa, SQLite and DuckDB, in
 * the part of SQL where all mean the same.
 */
#ifndef STOA__TESTS_RELATIONS_H
#define STOA__TESTS_RELATIONS_H

#include <stdio.h>

#include "answer.h"
#include "duck.h"

#define VISIBLE_MAX 64

struct relations {
	uint64_t rng;
	stoa_db *db;
	stoa_txn *txn;
	sqlite3 *lite;
	bool wants_duck;	/* said before it is opened */
	struct duck *duck;	/* NULL: there is none */
	FILE *f;		/* the query */
	unsigned n_names;	/* relations named so far: r1, r2, ... */
	unsigned visible[VISIBLE_MAX];	/* those of this query and of the ones around it */
	unsigned n_visible;
	unsigned own;		/* the first of this query's */
	unsigned budget;	/* relations that the query may still use */
	bool not_duck;		/* the query has a word that DuckDB takes otherwise */
	unsigned n_refused;
};

unsigned relations_below(struct relations *w, unsigned n);
bool relations_chance(struct relations *w, unsigned percent);

/* Tables ta, tb, tc and td, of @n_rows or fewer, integers from some @spread; in all databases. */
void relations_open(struct relations *w, size_t n_rows, unsigned spread);
void relations_close(struct relations *w);

/* Writes a query to w->f. */
void relations_statement(struct relations *w);
/* Writes a FROM, r1 and maybe more; then conditions on these, as often as wanted. */
void relations_from(struct relations *w);
void relations_condition(struct relations *w, int depth);

#endif
