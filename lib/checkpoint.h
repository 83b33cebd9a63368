/* SPDX-License-Identifier: MIT */
/*
 * checkpoint.h - a checkpoint while it is made: what its files share
 *
 * checkpoint.c writes segment files, knows which files are in use, and is the whole;
 * checkpoint_catalog.c stores tables in the catalog's records.
 */
#ifndef STOA__CHECKPOINT_H
#define STOA__CHECKPOINT_H

#include "db.h"

struct stoa__saving {
	struct stoa_db *db;
	struct stoa__version *v;
	uint64_t since;
	const struct stoa__table *table;	/* being stored */

	/* segment files made, and the groups in them in the order of the walk */
	struct stoa__segment_writer *writer;
	uint64_t file;
	struct stoa__new_file {
		uint64_t number, len, root;
	} *files;
	size_t n_files;
	struct stoa__swap *swaps;
	uint64_t *swap_files;	/* number of the file of each */
	size_t n_swaps, cap_swaps;
	size_t next_swap;	/* first that is not stored yet */
	bool working;		/* it is a commit that writes, and waits */
	struct stoa__set_run_plans runs;	/* of set indexes, written */

	/* numbers of all files in use, ascending */
	uint64_t *used;
	size_t n_used, cap_used;
	uint64_t *unused;	/* files to be removed */
	size_t n_unused;

	struct stoa__buf buf;
	struct stoa__rows *rows;	/* on their way into an image */
	struct stoa_error *err;
};

/* Stores the bytes of c->buf below @k. */
int stoa__saving_put(struct stoa__saving *c, const struct stoa__key *k);
/* Deletes the records whose keys begin with @k. */
int stoa__saving_delete(struct stoa__saving *c, struct stoa__key k);
/* Makes room for one element more in an array. STOA_OK or STOA_ENOMEM, without words. */
int stoa__saving_grow(void *array_slot, size_t n, size_t *cap, size_t size);

/* Numbers that keys end in, of records to be deleted. */
struct stoa__stale {
	const struct stoa__saving *c;
	unsigned n_bytes;
	uint64_t *numbers;
	size_t n, cap;
	bool (*is_used)(const struct stoa__saving *c, uint64_t number);
};

/* Finds the records below @prefix whose number is not in use; the caller frees s->numbers. */
int stoa__saving_find_stale(struct stoa__saving *c, struct stoa__key prefix, unsigned n_bytes,
			    bool (*is_used)(const struct stoa__saving *c, uint64_t number),
			    struct stoa__stale *s);

/* Stores what of all tables was born since the last checkpoint, and deletes what has gone. */
int stoa__saving_tables(struct stoa__saving *c);

#endif
