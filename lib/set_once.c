/* SPDX-License-Identifier: MIT */
/* set_once.c - see set_build.h: keys that may be there once */
#include <string.h>

#include "core/error.h"
#include "set_build.h"

void stoa__once_init(struct stoa__once *o, const struct stoa__table *t, uint32_t i,
		     struct stoa__conflicts *conflicts)
{
	memset(o, 0, sizeof *o);
	o->t = t;
	o->i = i;
	o->conflicts = conflicts;
	pthread_mutex_init(&o->lock, NULL);
}

static int key_of(const struct stoa__once *o, struct stoa__buf *scratch, uint64_t rowid,
		  struct stoa_value *key, struct stoa_error *err)
{
	struct stoa__place at;

	STOA_TRY(stoa__table_locate(o->t, rowid, &at, err));
	return stoa__set_key_of(o->t, &o->t->schema->indexes[o->i], at, scratch, key, err);
}

int stoa__once_end(struct stoa__once *o, struct stoa_error *err)
{
	struct stoa_value key[STOA_INDEX_SLOTS_MAX];
	struct stoa__buf scratch = STOA__BUF_INIT;
	int rc = STOA_OK;

	pthread_mutex_destroy(&o->lock);
	if (o->rowid)
		rc = key_of(o, &scratch, o->rowid, key, err);
	if (o->rowid && rc == STOA_OK)
		rc = stoa__set_taken(o->t, o->i, key, o->other, err);
	stoa__buf_release(&scratch);
	return rc;
}

/* Row @goes is to go, as the other has its key. */
static int note(struct stoa__once *o, uint64_t goes, uint64_t other, struct stoa_error *err)
{
	int rc = STOA_OK;

	pthread_mutex_lock(&o->lock);
	if (o->conflicts) {
		rc = stoa__rowlist_add(&o->conflicts->losers, goes);
	} else if (!o->rowid || goes < o->rowid || (goes == o->rowid && other < o->other)) {
		o->rowid = goes;
		o->other = other;
	}
	pthread_mutex_unlock(&o->lock);
	return rc < 0 ? stoa__fail_memory(err) : STOA_OK;
}

int stoa__once_equals(struct stoa__once *o, struct stoa__buf *scratch, uint64_t old, uint64_t rowid,
		      struct stoa_error *err)
{
	struct stoa_value key[STOA_INDEX_SLOTS_MAX];
	bool earlier = o->conflicts && o->conflicts->policy == STOA_CONFLICT_REPLACE;
	bool old_goes = earlier == (old < rowid);
	int rc;

	if (old == rowid)
		return STOA__BOTH_STAY;
	STOA_TRY(key_of(o, scratch, rowid, key, err));
	rc = stoa__set_matches(o->t, &o->t->schema->indexes[o->i], old, key, err);
	if (rc <= 0)
		return rc < 0 ? rc : STOA__BOTH_STAY;
	STOA_TRY(note(o, old_goes ? old : rowid, old_goes ? rowid : old, err));
	return old_goes ? STOA__OLD_GOES : STOA__NEW_GOES;
}

struct looking {
	struct stoa__once *once;
	struct stoa__buf *scratch;
	uint64_t rowid;
};

static int candidate(void *ctx, uint64_t old, struct stoa_error *err)
{
	struct looking *l = ctx;
	int rc = stoa__once_equals(l->once, l->scratch, old, l->rowid, err);

	return rc == STOA__OLD_GOES ? STOA__BOTH_STAY : rc;
}

int stoa__once_look(struct stoa__once *o, struct stoa__buf *scratch, uint64_t hash, uint64_t rowid,
		    struct stoa_error *err)
{
	struct looking l = { o, scratch, rowid };
	int rc = STOA__BOTH_STAY;

	for (uint32_t j = 0; j < o->tables.n && !rc; j++)
		rc = stoa__set_probe(o->tables.hints[j], o->tables.run[j], hash, candidate, NULL,
				     &l, err);
	return rc;
}
