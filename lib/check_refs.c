/* SPDX-License-Identifier: MIT */
/*
 * check_refs.c - see check_refs.h
 *
 * One table after the other is the *target*: what refers to it is counted into a tree of blocks
 * like its own, which hang on a table that nobody else knows, born in a version apart. Then both
 * trees are walked side by side.
 */
#include "check_refs.h"

#include <stdio.h>
#include <string.h>

#define REPORTS_MAX 8	/* of a table; what is wrong in one way is wrong in many rows */

struct recount {
	struct stoa__version *v, apart;
	const struct stoa__table *target;
	const struct stoa__table *from;	/* whose references are being counted */
	uint32_t slot;
	bool wait;			/* as settle.c has it: not to be in the counts yet */
	struct stoa__table own;		/* the counts as they should be */
	struct stoa__counts *last;	/* the block that was counted in last */
	uint64_t last_key;
	unsigned n_reports;
	void (*report)(void *ctx, const char *what);
	void *ctx;
};

static void tell(struct recount *r, const char *what)
{
	if (r->n_reports++ < REPORTS_MAX)
		r->report(r->ctx, what);
}

/* ---- counting ---- */

static int count_one(struct recount *r, uint64_t row, struct stoa_error *err)
{
	char what[384];

	if (row >= r->target->next_rowid) {
		snprintf(what, sizeof what,
			 "slot \"%.100s\" of table \"%.100s\" refers to row %llu of table \"%.100s\", "
			 "which never was",
			 r->from->schema->slots[r->slot].def.name, r->from->schema->name,
			 (unsigned long long)row, r->target->schema->name);
		tell(r, what);
		return STOA_OK;
	}
	if (r->wait)
		return STOA_OK;
	if (!r->last || row / STOA__COUNTS_ROWS != r->last_key) {
		if (stoa__counts_own(&r->apart, &r->own, row, &r->last) < 0)
			return stoa__fail_memory(err);
		r->last_key = row / STOA__COUNTS_ROWS;
	}
	stoa__counts_set(r->last, row, r->last->n[row % STOA__COUNTS_ROWS] + 1);
	return STOA_OK;
}

static int count_all(void *ctx, const uint64_t *refs, uint32_t n, struct stoa_error *err)
{
	for (uint32_t i = 0; i < n; i++)
		if (refs[i])
			STOA_TRY(count_one(ctx, refs[i], err));
	return STOA_OK;
}

/* Rows [@from, @end) of r->from. */
static int count_rows(struct recount *r, uint64_t from, uint64_t end, bool wait,
		      struct stoa_error *err)
{
	r->wait = wait;
	return from < end ? stoa__refs_walk(r->from, r->slot, from, end, count_all, r, err) :
			    STOA_OK;
}

static int count_slot(struct recount *r, struct stoa_error *err)
{
	const struct stoa__table *t = r->from;
	char what[320];

	if (t->uncounted_from && (!stoa__table_is_whole(r->target) || r->target->n_kept)) {
		snprintf(what, sizeof what,
			 "references of table \"%.100s\" to table \"%.100s\", which has lost rows, "
			 "are not counted",
			 t->schema->name, r->target->schema->name);
		tell(r, what);
	}
	STOA_TRY(count_rows(r, 0, t->uncounted_from, false, err));
	STOA_TRY(count_rows(r, t->uncounted_from, t->uncounted_end, true, err));
	return count_rows(r, t->uncounted_end, UINT64_MAX, false, err);
}

static int count_table(struct recount *r, const struct stoa__table *from, struct stoa_error *err)
{
	r->from = from;
	for (uint32_t i = 0; i < from->schema->n_slots && from->schema->n_refs; i++) {
		const struct stoa_slot *def = &from->schema->slots[i].def;

		r->slot = i;
		if (def->type == STOA_REF && def->target == r->target->id)
			STOA_TRY(count_slot(r, err));
	}
	return STOA_OK;
}

/* ---- comparing ---- */

static int compare_row(struct recount *r, uint64_t row, uint32_t there, uint32_t counted,
		       struct stoa_error *err)
{
	int rc = there || counted ? stoa__row_exists(r->target, row, err) : STOA_OK;
	char what[384];

	if (rc < 0 && rc != STOA_ENOTFOUND)
		return rc;
	if (rc == STOA_OK && there == counted)
		return STOA_OK;
	snprintf(what, sizeof what,
		 "row %llu of table \"%.100s\"%s has %u references and is counted to have %u",
		 (unsigned long long)row, r->target->schema->name,
		 rc == STOA_ENOTFOUND ? ", which is not there," : "", counted, there);
	tell(r, what);
	return STOA_OK;
}

/*
 * All rows of the blocks with number @key: @a of the table, @b of the recount; one of them may be
 * NULL.
 */
static int compare_blocks(struct recount *r, uint64_t key, const struct stoa__counts *a,
			  const struct stoa__counts *b, struct stoa_error *err)
{
	for (uint32_t i = 0; i < STOA__COUNTS_ROWS; i++)
		STOA_TRY(compare_row(r, key * STOA__COUNTS_ROWS + i, a ? a->n[i] : 0,
				     b ? b->n[i] : 0, err));
	return STOA_OK;
}

static int compare(struct recount *r, struct stoa_error *err)
{
	uint64_t at_a = 0, at_b = 0;
	const struct stoa__counts *a = stoa__tree_next(r->target->counts, 0, true, &at_a);
	const struct stoa__counts *b = stoa__tree_next(r->own.counts, 0, true, &at_b);

	while (a || b) {
		bool has_a = a && (!b || at_a <= at_b), has_b = b && (!a || at_b <= at_a);

		STOA_TRY(compare_blocks(r, has_a ? at_a : at_b, has_a ? a : NULL,
					has_b ? b : NULL, err));
		if (has_a)
			a = stoa__tree_next(r->target->counts, at_a, false, &at_a);
		if (has_b)
			b = stoa__tree_next(r->own.counts, at_b, false, &at_b);
	}
	return STOA_OK;
}

static int check_target(struct recount *r, struct stoa_error *err)
{
	const struct stoa__table *from;
	char what[256];
	uint64_t id = 0;
	int rc = STOA_OK;

	memset(&r->own, 0, sizeof r->own);
	r->last = NULL;
	r->n_reports = 0;
	stoa__version_apart(&r->apart, r->v);
	while (rc == STOA_OK && (from = stoa__tree_next(r->v->tables, id, false, &id)))
		rc = count_table(r, from, err);
	if (rc == STOA_OK)
		rc = compare(r, err);
	if (r->n_reports > REPORTS_MAX) {
		snprintf(what, sizeof what, "table \"%.100s\": %u more references or counts are wrong",
			 r->target->schema->name, r->n_reports - REPORTS_MAX);
		r->report(r->ctx, what);
	}
	stoa__version_discard(&r->apart);
	return rc;
}

int stoa__refs_check(struct stoa__version *v, void (*report)(void *ctx, const char *what),
		     void *ctx, struct stoa_error *err)
{
	struct recount r = { .v = v, .report = report, .ctx = ctx };
	uint64_t id = 0;

	while ((r.target = stoa__tree_next(v->tables, id, false, &id)))
		STOA_TRY(check_target(&r, err));
	return STOA_OK;
}
