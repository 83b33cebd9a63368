/* SPDX-License-Identifier: MIT */
/*
 * refs_count.c - references counted by the column; see refs.h
 *
 * All references of some rows of a slot are met by a tally (tally.h), which then checks that their
 * rows exist and tells the counts. A weak reference is checked the same way, and not counted.
 */
#include "core/alloc.h"
#include "core/type.h"
#include "refs.h"
#include "tally.h"

/* A slot's references on their way into the counts of its target, or out of them. */
struct count {
	const struct stoa_slot *def;
	const struct stoa__table *target;	/* as it was when they were met; NULL: there is none */
	struct stoa__table *own;		/* whose counts were changed */
	struct stoa__tally tally;
};

static int count_init(struct count *k, const struct stoa__version *v, const struct stoa_slot *def,
		      struct stoa_error *err)
{
	*k = (struct count){ .def = def, .target = stoa__table_find(v, def->target) };
	if (k->target && stoa__tally_init(&k->tally, k->target->next_rowid) < 0)
		return stoa__fail_memory(err);
	return STOA_OK;
}

/* ---- up ---- */

static int meet_all(void *ctx, const uint64_t *refs, uint32_t n, struct stoa_error *err)
{
	struct count *k = ctx;
	uint64_t end = k->target ? k->target->next_rowid : 1;
	int rc = k->target ? stoa__tally_meet(&k->tally, refs, n) : STOA_ENOTFOUND;

	if (rc == STOA_ENOMEM)
		return stoa__fail_memory(err);
	for (uint32_t i = 0; i < n && rc < 0; i++)
		if (refs[i] >= end)
			return stoa__no_row(k->def, k->target, refs[i], err);
	return STOA_OK;
}

/* Meets the references in slot position @slot of rows [@from, @end). */
static int meet_slot(struct count *k, const struct stoa__version *v, const struct stoa__table *t,
		     uint32_t slot, uint64_t from, uint64_t end, struct stoa_error *err)
{
	STOA_TRY(count_init(k, v, &t->schema->slots[slot].def, err));
	return stoa__refs_walk(t, slot, from, end, meet_all, k, err);
}

/* Do all rows that were met exist in @w? */
static int check_met(const struct count *k, const struct stoa__version *w, struct stoa_error *err)
{
	const struct stoa__table *t = stoa__table_find(w, k->def->target);
	uint64_t row;
	int rc = t ? stoa__tally_check(&k->tally, t, &row, err) : STOA_OK;

	return rc == STOA_ENOTFOUND ? stoa__no_row(k->def, t, row, err) : rc;
}

/* Takes what tell() did back, or nothing. */
static void untell(struct count *k, struct stoa__version *w)
{
	if (!k->own)
		return;
	stoa__tally_subtract(&k->tally);
	stoa__tally_tidy(&k->tally, w, k->own);
}

/* Counts what was met, or fails and has changed no count. */
static int tell(struct count *k, struct stoa__version *w, struct stoa_error *err)
{
	struct stoa__table *t;
	int rc = stoa__table_own(w, k->def->target, &t);

	if (rc == STOA_ENOTFOUND)
		return STOA_OK;
	if (rc == STOA_OK)
		rc = stoa__tally_own(&k->tally, w, t, true);
	if (rc == STOA_OK)
		rc = stoa__tally_fits(&k->tally);
	if (rc == STOA_OK) {
		stoa__tally_add(&k->tally);
		t->touches += t->n_kept != 0;
		k->own = t;
		return STOA_OK;
	}
	if (t)
		stoa__tally_tidy(&k->tally, w, t);
	if (rc == STOA_ENOMEM)
		return stoa__fail_memory(err);
	return stoa__fail(err, rc, "slot \"%s\": a row of table \"%s\" would have more than %u references",
			  k->def->name, t->schema->name, UINT32_MAX);
}

int stoa__refs_count_up(struct stoa__version *w, struct stoa__table *t, uint32_t slot,
			uint64_t from, uint64_t end, struct stoa_error *err)
{
	struct count k;
	int rc = meet_slot(&k, w, t, slot, from, end, err);

	if (rc == STOA_OK)
		rc = check_met(&k, w, err);
	if (rc == STOA_OK && k.def->type == STOA_REF)
		rc = tell(&k, w, err);
	stoa__tally_release(&k.tally);
	return rc;
}

/* ---- up, all slots of a row ---- */

struct stoa__refs_met {
	uint32_t n;
	struct count slot[];
};

void stoa__refs_met_free(struct stoa__refs_met *m)
{
	for (uint32_t i = 0; m && i < m->n; i++)
		stoa__tally_release(&m->slot[i].tally);
	stoa__free(m);
}

int stoa__refs_meet(const struct stoa__version *v, const struct stoa__table *t, uint64_t from,
		    uint64_t end, struct stoa__refs_met **out, struct stoa_error *err)
{
	uint32_t n_slots = t->schema->n_slots;
	struct stoa__refs_met *m = stoa__calloc(1, sizeof *m + n_slots * sizeof *m->slot);
	int rc = STOA_OK;

	*out = NULL;
	if (!m)
		return stoa__fail_memory(err);
	for (uint32_t i = 0; i < n_slots && rc == STOA_OK; i++)
		if (t->schema->slots[i].def.type == STOA_REF)
			rc = meet_slot(&m->slot[m->n++], v, t, i, from, end, err);
	if (rc < 0)
		stoa__refs_met_free(m);
	else
		*out = m;
	return rc;
}

int stoa__refs_tell(struct stoa__refs_met *m, struct stoa__version *w, struct stoa_error *err)
{
	int rc = STOA_OK;

	for (uint32_t i = 0; i < m->n && rc == STOA_OK; i++) {
		rc = check_met(&m->slot[i], w, err);
		if (rc == STOA_OK)
			rc = tell(&m->slot[i], w, err);
	}
	/* Slots may share a target: backwards. */
	for (uint32_t i = m->n; i-- > 0 && rc < 0;)
		untell(&m->slot[i], w);
	return rc;
}

/* ---- down ---- */

/* What dangles is left out. */
static int meet_valid(void *ctx, const uint64_t *refs, uint32_t n, struct stoa_error *err)
{
	uint64_t valid[STOA__BATCH_ROWS];
	struct count *k = ctx;

	for (uint32_t i = 0; i < n && k->target; i++)
		valid[i] = refs[i] < k->target->next_rowid ? refs[i] : 0;
	return k->target && stoa__tally_meet(&k->tally, valid, n) < 0 ? stoa__fail_memory(err) :
									STOA_OK;
}

/* Notes those of the rows of a leaf that are kept, and may die now. */
static int note_kept(const struct stoa__tally_leaf *leaf, const struct stoa__table *t,
		     struct stoa__loose *loose, struct stoa_error *err)
{
	for (uint32_t i = 0; i < STOA__TALLY_ROWS; i++) {
		const struct stoa__counts *c = leaf->counts[i / STOA__COUNTS_ROWS];
		struct stoa__place at;
		int rc;

		if (!c || !stoa__tally_get(leaf, i))
			continue;
		rc = stoa__table_locate_existing(t, leaf->first + i, &at, err);
		if (rc == STOA_ENOTFOUND || (rc == STOA_OK && stoa__group_alive(at.group, at.row)))
			continue;
		STOA_TRY(rc);
		STOA_TRY(stoa__loose_note(loose, t, leaf->first + i,
					  c->n[i % STOA__COUNTS_ROWS], err));
	}
	return STOA_OK;
}

static int take_met(struct count *k, struct stoa__version *w, struct stoa__loose *loose,
		    struct stoa_error *err)
{
	struct stoa__table *t;
	int rc = stoa__table_own(w, k->def->target, &t);

	if (rc == STOA_ENOTFOUND)
		return STOA_OK;
	if (rc < 0 || stoa__tally_own(&k->tally, w, t, false) < 0)
		return stoa__fail_memory(err);
	stoa__tally_subtract(&k->tally);
	for (struct stoa__tally_leaf *leaf = k->tally.met; leaf && t->n_kept; leaf = leaf->next)
		STOA_TRY(note_kept(leaf, t, loose, err));
	stoa__tally_tidy(&k->tally, w, t);
	return STOA_OK;
}

int stoa__refs_count_down(struct stoa__version *w, struct stoa__loose *loose,
			  struct stoa__table *t, uint32_t slot, struct stoa_error *err)
{
	struct count k;
	int rc = count_init(&k, w, &t->schema->slots[slot].def, err);

	if (rc == STOA_OK)
		rc = stoa__refs_walk(t, slot, 0, UINT64_MAX, meet_valid, &k, err);
	if (rc == STOA_OK)
		rc = take_met(&k, w, loose, err);
	stoa__tally_release(&k.tally);
	return rc;
}
