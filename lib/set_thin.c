/* SPDX-License-Identifier: MIT */
/* set_thin.c - see set_thin.h */
#include "set_thin.h"

#include <string.h>

#include "core/alloc.h"
#include "core/error.h"
#include "set_seats.h"

#define SEATS (4u << STOA__HINTS_BLOCK_BITS) /* of which half are never taken */
#define ROUGH 2048
#define ROWS_MIN 4096 /* that are worth being counted */

/*
 * Rows are first counted by some bits of the hash, in two kilobytes; a key is counted by itself when
 * many have the same. Mostly none have.
 */
struct stoa__set_thin {
	uint64_t block;           /* that is being counted */
	uint8_t rough[ROUGH];     /* its rows, by hash modulo ROUGH, up to STOA__HINTS_BUCKET */
	struct stoa__seats seats; /* more rows, by key */
};

struct stoa__set_thin *stoa__set_thin_new(void)
{
	struct stoa__set_thin *thin = stoa__calloc(1, sizeof *thin);

	if (!thin || stoa__seats_init(&thin->seats, SEATS) == STOA_OK)
		return thin;
	stoa__free(thin);
	return NULL;
}

void stoa__set_thin_free(struct stoa__set_thin *thin)
{
	if (thin)
		stoa__seats_release(&thin->seats);
	stoa__free(thin);
}

void stoa__set_thin_group(struct stoa__set_thin *thin)
{
	thin->block = UINT64_MAX;
}

static void next_block(struct stoa__set_thin *thin, uint64_t block)
{
	thin->block = block;
	memset(thin->rough, 0, sizeof thin->rough);
	stoa__seats_clear(&thin->seats);
}

/* One more row of the block has the key: may it need a hint? */
static bool may_need(struct stoa__set_thin *thin, uint64_t hash, uint32_t max)
{
	uint8_t *rough = &thin->rough[hash % ROUGH];
	uint32_t *rows;

	if (*rough < STOA__HINTS_BUCKET) {
		++*rough;
		return true;
	}
	rows = stoa__seats_count(&thin->seats, hash);
	return !rows || (*rows)++ < max; /* NULL: seats are never too few */
}

uint32_t stoa__set_thin(struct stoa__set_thin *thin, const struct stoa__hints *h,
			const struct stoa__set_batch *batch, struct stoa__hint *out)
{
	uint32_t n = 0, max = stoa__hints_path_max(h);

	for (uint32_t k = 0; k < batch->n; k++) {
		uint64_t of = (batch->rowid[k] - h->first) >> STOA__HINTS_BLOCK_BITS;

		if (of != thin->block)
			next_block(thin, of);
		out[n] = (struct stoa__hint){ batch->hash[k], batch->rowid[k] };
		n += may_need(thin, batch->hash[k], max);
	}
	return n;
}

/* ---- how many there are ---- */

struct counting {
	const struct stoa__set_walk *walk;
	struct stoa__set_thin *thin;
	struct stoa__hints h;
	uint64_t n_left_out;
};

static int count_batch(void *ctx, const struct stoa__set_batch *batch, struct stoa_error *err)
{
	struct counting *c = ctx;
	struct stoa__hint hint[STOA__PAGE_ROWS];

	(void)err;
	c->n_left_out += batch->n - stoa__set_thin(c->thin, &c->h, batch, hint);
	return STOA_OK;
}

static enum stoa__set_extent extent(void *ctx, const struct stoa__group *g)
{
	struct counting *c = ctx;
	const struct stoa__set_walk *walk = c->walk;

	stoa__set_thin_group(c->thin);
	return walk->extent ? walk->extent(walk->ctx, g) : STOA__ROWS_ALL;
}

int stoa__set_thin_shape(const struct stoa__set_walk *walk, struct stoa__hints_shape *shape,
			 struct stoa_error *err)
{
	struct counting c = { .walk = walk };
	struct stoa__set_walk count = { walk->t, walk->def, extent, count_batch, &c, walk->first,
					walk->last };
	int rc;

	if (shape->n < ROWS_MIN || walk->def->flags & STOA_INDEX_UNIQUE)
		return STOA_OK;
	c.thin = stoa__set_thin_new();
	if (!c.thin)
		return stoa__fail_memory(err);
	stoa__hints_plan(&c.h, shape);
	rc = stoa__set_walk(&count, err);
	shape->n -= c.n_left_out;
	stoa__set_thin_free(c.thin);
	return rc;
}
