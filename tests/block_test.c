/* SPDX-License-Identifier: MIT */
/*
 * block_test.c - when a block goes, against an oracle that knows what each version sees
 *
 * A version's content is an array of blocks. The oracle keeps the arrays of all versions that
 * something may still look at, and after every step asks of every block there ever was: is it freed
 * if, and only if, none of them has it? Visitors look at part of an array, and at less and less of
 * it.
 */
#include "testing.h"

#include <stdlib.h>
#include <string.h>

#include "../lib/core/alloc.h"
#include "../lib/visitor.h"

#define N_SLOTS 12
#define BLOCKS_MAX 200000
#define HELD_MAX 10
#define PENDING_MAX 4

struct thing {
	struct stoa__block block;
	unsigned index;
	uint64_t value;
};

static bool freed[BLOCKS_MAX];
static unsigned n_things;

struct content {
	struct thing *thing[N_SLOTS];
	unsigned index[N_SLOTS];	/* of the thing, which may be freed by now */
	uint64_t value[N_SLOTS];
};

/*
 * What block of an array is part of which row group: the rest of tree, index or none that is known.
 */
static const struct {
	uint8_t kind;
	uint32_t table;
	uint64_t group;
} places[N_SLOTS] = {
	{ STOA__KIND_NODE, 0, 0 },  { STOA__KIND_INDEX, 0, 0 }, { STOA__KIND_PAGE, 0, 0 },
	{ STOA__KIND_PAGE, 1, 1 },  { STOA__KIND_BASE, 1, 10 }, { STOA__KIND_LIVE, 1, 10 },
	{ STOA__KIND_GROUP, 1, 20 }, { STOA__KIND_TAIL, 1, 30 }, { STOA__KIND_PAGE, 2, 1 },
	{ STOA__KIND_PAGES, 2, 10 }, { STOA__KIND_PAGE, 2, 20 }, { STOA__KIND_COUNTS, 0, 0 },
};

/* A version that the test holds: a savepoint or a cursor, of the transaction or an earlier one. */
struct held {
	struct stoa__version *v;
	struct stoa__visitor visitor;	/* begun: the hold is its */
	uint32_t table;
	struct content content;
	bool of_txn, gone;
	uint64_t serial;
};

struct run {
	uint64_t rng;
	struct stoa__history h;
	struct stoa__version *base, *w;	/* NULL outside a transaction */
	struct content working, head;
	struct held held[HELD_MAX];
	/* Commits from the published one to the head's: all of them are alive. */
	struct content pending[PENDING_MAX];
	uint64_t published;
	uint64_t commit;
	uint64_t serial;
};

static void release(struct stoa__block *b)
{
	struct thing *t = (struct thing *)b;

	assert_false(freed[t->index]);
	freed[t->index] = true;
}

/* ---- the oracle ---- */

/* Does a visitor of @table look at slot @i, when it is at row group @from? */
static bool is_visited(int i, uint32_t table, uint64_t from)
{
	if (places[i].kind == STOA__KIND_INDEX || places[i].kind == STOA__KIND_COUNTS)
		return false;
	return !places[i].table || (places[i].table == table && places[i].group >= from);
}

static void see(const struct content *c, const struct held *by, bool seen[BLOCKS_MAX])
{
	for (int i = 0; i < N_SLOTS; i++) {
		if (!c->thing[i] ||
		    (by && by->visitor.version && !is_visited(i, by->table, by->visitor.from)))
			continue;
		seen[c->index[i]] = true;
		assert_false(freed[c->index[i]]);
		assert_int_equal(c->thing[i]->value, c->value[i]);
	}
}

static void consult(const struct run *r)
{
	static bool seen[BLOCKS_MAX];

	memset(seen, 0, n_things);
	see(&r->head, NULL, seen);
	if (r->w)
		see(&r->working, NULL, seen);
	/*
	 * What the transaction has retired waits for its end, or the next version frozen, where
	 * only visitors saw it.
	 */
	for (struct stoa__link *l = r->w ? r->w->retired.next : NULL; l && l != &r->w->retired; l = l->next)
		seen[((struct thing *)(void *)l)->index] = true;
	for (uint64_t c = r->published; c < r->commit; c++)
		see(&r->pending[c % PENDING_MAX], NULL, seen);
	for (int i = 0; i < HELD_MAX; i++)
		if (r->held[i].v && !r->held[i].gone)
			see(&r->held[i].content, &r->held[i], seen);
	for (unsigned i = 0; i < n_things; i++)
		if (!seen[i] && !freed[i])
			fail_msg("block %u is seen by nobody and still there", i);
}

/* ---- steps of a transaction ---- */

static void replace(struct run *r, int slot)
{
	struct thing *old = r->working.thing[slot], *t = NULL;

	if (n_things < BLOCKS_MAX && testing_below(&r->rng, 5)) {
		t = stoa__block_new(r->w, places[slot].kind, sizeof *t);
		t->block.release = release;
		t->block.table = places[slot].table;
		t->block.group = places[slot].group;
		t->index = n_things++;
		r->working.index[slot] = t->index;
		r->working.value[slot] = t->value = testing_random(&r->rng);
	}
	r->working.thing[slot] = t;
	if (old)
		stoa__block_retire(r->w, &old->block);
}

/* Changes a block in place if that is allowed. */
static void change(struct run *r, int slot)
{
	struct thing *t = r->working.thing[slot];

	if (t && stoa__block_owned(r->w, &t->block))
		r->working.value[slot] = ++t->value;
	else
		replace(r, slot);
}

static struct held *free_place(struct run *r)
{
	for (int i = 0; i < HELD_MAX; i++)
		if (!r->held[i].v)
			return &r->held[i];
	return NULL;
}

static void freeze(struct run *r)
{
	struct held *held = free_place(r);

	if (!held)
		return;
	*held = (struct held){ .v = r->w, .content = r->working, .of_txn = true,
			       .serial = ++r->serial };
	r->w = stoa__history_freeze(r->w);
}

/* Versions of the transaction that are newer than @serial go. */
static void lose(struct run *r, uint64_t serial)
{
	for (int i = 0; i < HELD_MAX; i++)
		if (r->held[i].v && r->held[i].of_txn && r->held[i].serial > serial)
			r->held[i].gone = true;
}

static void rollback(struct run *r)
{
	struct held *to = &r->held[testing_below(&r->rng, HELD_MAX)];

	if (!to->v || !to->of_txn || to->gone || to->visitor.version)
		return;
	stoa__history_rollback(r->w, to->v, r->base);
	r->working = to->content;
	lose(r, to->serial);
}

static void let_go(struct held *held)
{
	if (held->visitor.version)
		stoa__visitor_end(&held->visitor);
	else
		stoa__version_drop(held->v);
	held->v = NULL;
}

static void drop(struct run *r)
{
	struct held *held = &r->held[testing_below(&r->rng, HELD_MAX)];

	if (!held->v)
		return;
	let_go(held);
}

/* A hold becomes a visitor's, or a visitor goes on. */
static void visit(struct run *r)
{
	struct held *held = &r->held[testing_below(&r->rng, HELD_MAX)];

	if (!held->v)
		return;
	if (held->visitor.version) {
		stoa__visitor_advance(&held->visitor,
				      testing_below(&r->rng, 8) ? testing_below(&r->rng, 35) :
								  STOA__VISITOR_DONE);
		return;
	}
	held->table = (uint32_t)testing_below(&r->rng, 3);
	assert_int_equal(stoa__visitor_begin(&held->visitor, held->v, held->table,
					     testing_below(&r->rng, 2) * 10),
			 STOA_OK);
}

static void over(struct run *r)
{
	r->w = NULL;
	for (int i = 0; i < HELD_MAX; i++)
		r->held[i].of_txn = false;
}

static void publish(struct run *r, uint64_t commit)
{
	stoa__history_publish(&r->h, commit);
	assert_true(stoa__history_is_published(&r->h, commit));
	if (commit > r->published)
		r->published = commit;
}

static void commit(struct run *r)
{
	bool at_once = testing_below(&r->rng, 2);

	if (!at_once && r->commit - r->published == PENDING_MAX - 1)
		publish(r, r->published + 1);
	r->pending[r->commit % PENDING_MAX] = r->head;
	stoa__history_commit(r->w, r->base, ++r->commit, at_once);
	r->head = r->working;
	if (at_once)
		r->published = r->commit;
	over(r);
}

static void abort_all(struct run *r)
{
	stoa__history_rollback(r->w, r->base, r->base);
	lose(r, 0);
	stoa__history_end(r->w, r->base);
	over(r);
}

static void step_inside(struct run *r)
{
	switch (testing_below(&r->rng, 24)) {
	case 0: commit(r); break;
	case 1: abort_all(r); break;
	case 2:
	case 3: freeze(r); break;
	case 4:
	case 5: rollback(r); break;
	case 6:
	case 7: drop(r); break;
	case 8:
		if (r->published < r->commit)
			publish(r, r->published + 1);
		break;
	case 9:
	case 10:
	case 11: visit(r); break;
	default: change(r, (int)testing_below(&r->rng, N_SLOTS));
	}
}

static void step_outside(struct run *r)
{
	struct held *held = free_place(r);

	switch (testing_below(&r->rng, 8)) {
	case 0:
		drop(r);
		break;
	case 1:
		publish(r, r->published + testing_below(&r->rng, r->commit - r->published + 1));
		break;
	case 2:
		if (!held)
			break;
		held->v = stoa__history_snapshot(&r->h);
		held->visitor.version = NULL;
		held->gone = held->of_txn = false;
		held->content = r->published == r->commit ? r->head :
							    r->pending[r->published % PENDING_MAX];
		break;
	case 3:
	case 4: visit(r); break;
	default:
		r->base = r->h.head;
		r->w = stoa__history_begin(&r->h);
		r->working = r->head;
	}
}

static void nothing_left(struct stoa__version *v)
{
	(void)v;
}

/* Takes all away and ends the history. */
static void finish(struct run *r)
{
	if (r->w)
		abort_all(r);
	for (int i = 0; i < HELD_MAX; i++)
		if (r->held[i].v)
			let_go(&r->held[i]);
	memset(r->held, 0, sizeof r->held);
	assert_false(stoa__history_is_held(&r->h));
	r->base = r->h.head;
	r->w = stoa__history_begin(&r->h);
	for (int i = 0; i < N_SLOTS; i++)
		if (r->head.thing[i])
			stoa__block_retire(r->w, &r->head.thing[i]->block);
	memset(&r->working, 0, sizeof r->working);
	stoa__history_commit(r->w, r->base, ++r->commit, true);
	r->head = r->working;
	r->published = r->commit;
	r->w = NULL;
	consult(r);
	assert_int_equal(stoa__history_bytes(&r->h), 0);
	stoa__history_release(&r->h, nothing_left);
}

static void a_block_goes_with_the_last_version_that_sees_it(void **state)
{
	struct run *r = calloc(1, sizeof *r);
	uint64_t seed = testing_seed();
	int n_runs = testing_long() ? 400 : 20;

	(void)state;
	for (int k = 0; k < n_runs; k++) {
		memset(r, 0, sizeof *r);
		memset(freed, 0, sizeof freed);
		n_things = 0;
		r->rng = seed + (uint64_t)k;
		r->commit = r->published = 1;
		assert_int_equal(stoa__history_init(&r->h), STOA_OK);
		for (int i = 0; i < 3000; i++) {
			if (r->w)
				step_inside(r);
			else
				step_outside(r);
			consult(r);
		}
		finish(r);
	}
	free(r);
}

/*
 * A block that a rollback revives goes back to where it was born: an earlier savepoint may follow
 * it there.
 */
static void a_rollback_after_a_rollback_keeps_what_was_there_before_both(void **state)
{
	struct run r = { .commit = 1, .published = 1 };
	struct stoa__version *first, *second;

	(void)state;
	n_things = 0;
	memset(freed, 0, sizeof freed);
	assert_int_equal(stoa__history_init(&r.h), STOA_OK);
	r.base = r.h.head;
	r.w = stoa__history_begin(&r.h);
	r.rng = 1;
	while (!r.working.thing[0])
		replace(&r, 0);
	first = r.w;
	r.w = stoa__history_freeze(r.w);
	second = r.w;
	r.w = stoa__history_freeze(r.w);
	stoa__block_retire(r.w, &r.working.thing[0]->block);
	stoa__history_rollback(r.w, second, r.base);
	consult(&r);
	stoa__version_drop(second);
	stoa__history_rollback(r.w, first, r.base);
	consult(&r);
	stoa__version_drop(first);
	memset(&r.working, 0, sizeof r.working);
	abort_all(&r);
	consult(&r);
	stoa__history_release(&r.h, nothing_left);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_rollback_after_a_rollback_keeps_what_was_there_before_both),
		cmocka_unit_test(a_block_goes_with_the_last_version_that_sees_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
